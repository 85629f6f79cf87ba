//! Connecting, and the small calls.

use sensorium_api::convert::asset_id;
use sensorium_api::v1;
use sensorium_api::v1::admin_service_client::AdminServiceClient;
use sensorium_api::v1::collections_service_client::CollectionsServiceClient;
use sensorium_api::v1::points_service_client::PointsServiceClient;
use sensorium_api::v1::query_service_client::QueryServiceClient;
use sensorium_types::{Asset, AssetId, Cursor, Filter, Page, PointKey, QueryReply, QueryRequest};
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;

use crate::address::endpoint;
use crate::asset::asset;
use crate::key::WithKey;
use crate::query::{point_ref, query_reply, query_request};
use crate::{ClientError, Options, Retry};

/// A connection whose calls bear the key.
pub(crate) type Service = InterceptedService<Channel, WithKey>;

/// A server, seen from outside. Cheap to clone; clones share the connection.
#[derive(Debug, Clone)]
pub struct Client {
    pub(crate) service: Service,
    pub(crate) options: Options,
}

impl Client {
    /// Connects to `http://HOST:PORT` or `HOST:PORT` with the default options.
    ///
    /// # Errors
    /// [`ClientError::Url`], or [`ClientError::Connect`] if no server answers.
    pub async fn connect(url: &str) -> Result<Self, ClientError> {
        Self::connect_with(url, Options::default()).await
    }

    /// Connects with these options; by TLS to `https://HOST:PORT`.
    ///
    /// # Errors
    /// [`ClientError::Connect`] if no server answers; those of an address, a key and certificates that are of no use.
    pub async fn connect_with(url: &str, options: Options) -> Result<Self, ClientError> {
        let connected = endpoint(url, &options)?.connect().await;
        let channel = connected.map_err(|source| ClientError::Connect { url: url.to_owned(), source })?;
        let service = InterceptedService::new(channel, WithKey(options.key.clone()));
        Ok(Self { service, options })
    }

    /// The same connection for another collection; empty: the server's own.
    #[must_use]
    pub fn with_collection(&self, name: &str) -> Self {
        let options = Options { collection: name.to_owned(), ..self.options.clone() };
        Self { service: self.service.clone(), options }
    }

    pub(crate) fn service(&self) -> Service {
        self.service.clone()
    }

    pub(crate) const fn retry(&self) -> &Retry {
        &self.options.retry
    }

    pub(crate) fn collection(&self) -> String {
        self.options.collection.clone()
    }

    fn queries(&self) -> QueryServiceClient<Service> {
        QueryServiceClient::new(self.service.clone()).max_decoding_message_size(self.options.max_reply_bytes)
    }

    pub(crate) fn points(&self) -> PointsServiceClient<Service> {
        PointsServiceClient::new(self.service.clone()).max_decoding_message_size(self.options.max_reply_bytes)
    }

    pub(crate) fn admin(&self) -> AdminServiceClient<Service> {
        AdminServiceClient::new(self.service.clone()).max_decoding_message_size(self.options.max_reply_bytes)
    }

    pub(crate) fn collections(&self) -> CollectionsServiceClient<Service> {
        CollectionsServiceClient::new(self.service.clone())
    }

    pub(crate) fn request<T>(&self, message: T) -> tonic::Request<T> {
        let mut request = tonic::Request::new(message);
        request.set_timeout(self.options.call_timeout);
        request
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
            newest_first: false,
        };
        let call = || async { self.queries().scroll(self.request(message.clone())).await };
        let v1::ScrollResponse { assets, next_after } = self.options.retry.call(call).await?;
        Ok(Page {
            items: assets.into_iter().map(asset).collect::<Result<_, _>>()?,
            next: (!next_after.is_empty()).then(|| Cursor::new(next_after)),
        })
    }
}

/// Ids of an answer.
pub(crate) fn ids(field: &'static str, received: &[String]) -> Result<Vec<AssetId>, ClientError> {
    Ok(received.iter().map(|id| asset_id(field, id)).collect::<Result<_, _>>()?)
}
