//! Connecting, and the small calls.

use std::time::Duration;

use sensorium_api::convert::{asset_id, space_info};
use sensorium_api::v1;
use sensorium_api::v1::admin_service_client::AdminServiceClient;
use sensorium_api::v1::collections_service_client::CollectionsServiceClient;
use sensorium_api::v1::points_service_client::PointsServiceClient;
use sensorium_api::v1::query_service_client::QueryServiceClient;
use sensorium_api::{MAX_STREAMS_OF_CONNECTION, STREAM_WINDOW_BYTES, connection_window_bytes};
use sensorium_types::{
    Asset, AssetId, CaptionCounts, Cursor, DeleteOutcome, DeleteSelector, FieldIndex, Filter, Page, PointKey,
    QueryReply, QueryRequest, StatsReply,
};
use tonic::transport::{Channel, Endpoint};

use crate::asset::asset;
use crate::query::{point_ref, query_reply, query_request};
use crate::{ClientError, Retry};

/// Time to reach a server.
pub const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Time that a call other than a stream may take.
pub const DEFAULT_CALL_TIMEOUT: Duration = Duration::from_secs(120);
/// Most bytes of an answer.
pub const DEFAULT_MAX_REPLY_BYTES: usize = 256 * 1024 * 1024;
/// Silence after which the server is asked whether it lives.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(30);

/// How a client behaves.
#[derive(Debug, Clone)]
pub struct Options {
    /// The collection that all calls are about; empty: the server's own.
    pub collection: String,
    /// [`DEFAULT_CONNECT_TIMEOUT`]
    pub connect_timeout: Duration,
    /// [`DEFAULT_CALL_TIMEOUT`]
    pub call_timeout: Duration,
    /// [`DEFAULT_MAX_REPLY_BYTES`]
    pub max_reply_bytes: usize,
    /// When a call is tried again.
    pub retry: Retry,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            collection: String::new(),
            connect_timeout: DEFAULT_CONNECT_TIMEOUT,
            call_timeout: DEFAULT_CALL_TIMEOUT,
            max_reply_bytes: DEFAULT_MAX_REPLY_BYTES,
            retry: Retry::default(),
        }
    }
}

/// A server, seen from outside. Cheap to clone; clones share the connection.
#[derive(Debug, Clone)]
pub struct Client {
    pub(crate) channel: Channel,
    pub(crate) options: Options,
}

/// What a server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Info {
    /// Version of the program.
    pub version: String,
    /// Version of its protocol.
    pub protocol: u32,
    /// The collection that is meant where none is named.
    pub collection: String,
    /// Largest message that it takes, in bytes.
    pub max_message_bytes: u64,
}

impl Client {
    /// Connects to `http://HOST:PORT` or `HOST:PORT` with the default options.
    ///
    /// # Errors
    /// [`ClientError::Url`], or [`ClientError::Connect`] if no server answers.
    pub async fn connect(url: &str) -> Result<Self, ClientError> {
        Self::connect_with(url, Options::default()).await
    }

    /// Connects with these options.
    ///
    /// # Errors
    /// [`ClientError::Url`], or [`ClientError::Connect`] if no server answers.
    pub async fn connect_with(url: &str, options: Options) -> Result<Self, ClientError> {
        let wrong = || ClientError::Url { url: url.to_owned() };
        let full = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
        if !full.starts_with("http://") {
            return Err(wrong());
        }
        let endpoint = Endpoint::from_shared(full)
            .map_err(|_| wrong())?
            .connect_timeout(options.connect_timeout)
            .http2_keep_alive_interval(KEEPALIVE_INTERVAL)
            // So that a server whose answers are read slowly is slowed, and the connection is not cut off.
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(connection_window_bytes(MAX_STREAMS_OF_CONNECTION))
            .http2_adaptive_window(false)
            .tcp_nodelay(true);
        let connected = endpoint.connect().await;
        let channel = connected.map_err(|source| ClientError::Connect { url: url.to_owned(), source })?;
        Ok(Self { channel, options })
    }

    /// The same connection for another collection; empty: the server's own.
    #[must_use]
    pub fn with_collection(&self, name: &str) -> Self {
        let options = Options { collection: name.to_owned(), ..self.options.clone() };
        Self { channel: self.channel.clone(), options }
    }

    pub(crate) fn collection(&self) -> String {
        self.options.collection.clone()
    }

    fn queries(&self) -> QueryServiceClient<Channel> {
        QueryServiceClient::new(self.channel.clone()).max_decoding_message_size(self.options.max_reply_bytes)
    }

    fn points(&self) -> PointsServiceClient<Channel> {
        PointsServiceClient::new(self.channel.clone()).max_decoding_message_size(self.options.max_reply_bytes)
    }

    fn admin(&self) -> AdminServiceClient<Channel> {
        AdminServiceClient::new(self.channel.clone()).max_decoding_message_size(self.options.max_reply_bytes)
    }

    fn collections(&self) -> CollectionsServiceClient<Channel> {
        CollectionsServiceClient::new(self.channel.clone())
    }

    fn request<T>(&self, message: T) -> tonic::Request<T> {
        let mut request = tonic::Request::new(message);
        request.set_timeout(self.options.call_timeout);
        request
    }

    /// What the server is.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn info(&self) -> Result<Info, ClientError> {
        let call = || async { self.admin().info(self.request(v1::InfoRequest {})).await };
        let v1::InfoResponse { version, protocol, collection_name, max_message_bytes } =
            self.options.retry.call(call).await?;
        Ok(Info { version, protocol, collection: collection_name, max_message_bytes })
    }

    /// Asks a query.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn query(&self, request: QueryRequest) -> Result<QueryReply, ClientError> {
        let message = query_request(request, self.collection()).await?;
        let call = || async { self.queries().query(self.request(message.clone())).await };
        let response = self.options.retry.call(call).await?;
        Ok(query_reply(response)?)
    }

    /// Assets by id; `None` for unknown ones.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn get(&self, ids: &[AssetId], with_vectors: bool) -> Result<Vec<Option<Asset>>, ClientError> {
        let asset_ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
        let message = v1::GetRequest { collection_name: self.collection(), asset_ids, with_vectors };
        let call = || async { self.points().get(self.request(message.clone())).await };
        let response = self.options.retry.call(call).await?;
        let mut found =
            response.assets.into_iter().map(asset).collect::<Result<Vec<_>, _>>()?.into_iter().peekable();
        Ok(ids.iter().map(|id| found.next_if(|asset| asset.id == *id)).collect())
    }

    /// Deletes assets with their points and source rows.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn delete(&self, selector: DeleteSelector) -> Result<DeleteOutcome, ClientError> {
        use v1::asset_selector::Selector;
        let selector = match selector {
            DeleteSelector::Ids(ids) => {
                Selector::Ids(v1::AssetIds { asset_ids: ids.iter().map(ToString::to_string).collect() })
            }
            DeleteSelector::Filter(filter) => Selector::Filter((&filter).into()),
        };
        let selector = Some(v1::AssetSelector { selector: Some(selector) });
        let message = v1::DeleteRequest { collection_name: self.collection(), selector };
        let call = || async { self.points().delete(self.request(message.clone())).await };
        let v1::DeleteResponse { deleted, missing, change: _ } = self.options.retry.call(call).await?;
        Ok(DeleteOutcome { deleted: ids("deleted", &deleted)?, missing: ids("missing", &missing)? })
    }

    /// Counts and sizes.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn stats(&self) -> Result<StatsReply, ClientError> {
        let message = v1::StatsRequest { collection_name: self.collection() };
        let call = || async { self.admin().stats(self.request(message.clone())).await };
        let response = self.options.retry.call(call).await?;
        let counts = response.counts();
        let captions = response.captions_made.zip(response.captions_missing);
        let captions = captions.map(|(made, missing)| CaptionCounts { made, missing });
        let collection = response.collection_name;
        Ok(StatsReply { collection, space: space_info(response.space)?, counts, captions })
    }

    /// Says whether the collection keeps captions; it is made if it is missing.
    ///
    /// # Errors
    /// [`ClientError`], among others if the server's bundle has no caption decoder.
    pub async fn keep_captions(&self, wanted: bool) -> Result<(), ClientError> {
        let settings = v1::CollectionSettings { captions: Some(wanted), ..v1::CollectionSettings::default() };
        let (collection_name, settings) = (self.collection(), Some(settings));
        if collection_name.is_empty() {
            let message = v1::UpdateCollectionRequest { collection_name, settings };
            let call = || async { self.collections().update_collection(self.request(message.clone())).await };
            return self.options.retry.call(call).await.map(drop);
        }
        let message = v1::CreateCollectionRequest { collection_name, settings };
        let call = || async { self.collections().create_collection(self.request(message.clone())).await };
        self.options.retry.call(call).await.map(drop)
    }

    /// Indexes a field of the collection; `false` if it is indexed already.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn index_field(&self, field: &str) -> Result<bool, ClientError> {
        let message =
            v1::CreateFieldIndexRequest { collection_name: self.collection(), field: field.to_owned() };
        let call = || async { self.collections().create_field_index(self.request(message.clone())).await };
        Ok(self.options.retry.call(call).await?.created)
    }

    /// Drops the index of a field; `false` if there is none.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn drop_field_index(&self, field: &str) -> Result<bool, ClientError> {
        let message =
            v1::DeleteFieldIndexRequest { collection_name: self.collection(), field: field.to_owned() };
        let call = || async { self.collections().delete_field_index(self.request(message.clone())).await };
        Ok(self.options.retry.call(call).await?.deleted)
    }

    /// Fields with an index, in order of name.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn field_indexes(&self) -> Result<Vec<FieldIndex>, ClientError> {
        let message = v1::ListFieldIndexesRequest { collection_name: self.collection() };
        let call = || async { self.collections().list_field_indexes(self.request(message.clone())).await };
        let listed = self.options.retry.call(call).await?.indexes;
        Ok(listed.into_iter().map(FieldIndex::try_from).collect::<Result<_, _>>()?)
    }

    /// The thumbnail of a point, a JPEG; `None` where it has none.
    ///
    /// # Errors
    /// [`ClientError`], among others if there is no such point.
    pub async fn thumbnail(&self, point: &PointKey) -> Result<Option<Vec<u8>>, ClientError> {
        let PointKey { asset, track, ordinal } = point;
        let point = point_ref(asset, Some(*track), *ordinal);
        let message = v1::GetThumbnailRequest { collection_name: self.collection(), point: Some(point) };
        let call = || async { self.points().get_thumbnail(self.request(message.clone())).await };
        let v1::GetThumbnailResponse { jpeg } = self.options.retry.call(call).await?;
        Ok(if jpeg.is_empty() { None } else { Some(jpeg) })
    }

    /// How many assets meet the filter.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn count(&self, filter: Option<&Filter>) -> Result<u64, ClientError> {
        let (collection_name, filter) = (self.collection(), filter.map(v1::Filter::from));
        let message = v1::CountRequest { collection_name, filter, filter_text: String::new() };
        let call = || async { self.queries().count(self.request(message.clone())).await };
        Ok(self.options.retry.call(call).await?.count)
    }

    /// A page of assets that meet the filter, from a cursor on.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn scroll(
        &self,
        filter: Option<&Filter>,
        from: Option<&Cursor>,
        limit: u32,
        with_vectors: bool,
    ) -> Result<Page<Asset>, ClientError> {
        let message = v1::ScrollRequest {
            collection_name: self.collection(),
            filter: filter.map(v1::Filter::from),
            filter_text: String::new(),
            limit: Some(limit),
            after: from.map(|from| from.as_str().to_owned()).unwrap_or_default(),
            with_vectors,
        };
        let call = || async { self.queries().scroll(self.request(message.clone())).await };
        let v1::ScrollResponse { assets, next_after } = self.options.retry.call(call).await?;
        Ok(Page {
            items: assets.into_iter().map(asset).collect::<Result<_, _>>()?,
            next: (!next_after.is_empty()).then(|| Cursor::new(next_after)),
        })
    }
}

fn ids(field: &'static str, received: &[String]) -> Result<Vec<AssetId>, ClientError> {
    Ok(received.iter().map(|id| asset_id(field, id)).collect::<Result<_, _>>()?)
}
