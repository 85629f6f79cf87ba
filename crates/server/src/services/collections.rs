//! Named sets of assets and points.

use sensorium_api::convert::space;
use sensorium_api::{ConvertError, v1};
use sensorium_engine::Engine;
use sensorium_types::{Alias, AliasChange, SpaceInfo};
use tonic::{Request, Response, Status};

use crate::access::check_collection;
use crate::context::Context;
use crate::gate::enter;

/// Most steps of a change of aliases.
const MAX_ALIAS_CHANGES: usize = 1000;

/// `CollectionsService`.
#[derive(Debug)]
pub(super) struct Service {
    context: Context,
}

impl Service {
    pub(super) const fn new(context: Context) -> Self {
        Self { context }
    }

    /// Indexes a field of a collection that exists, or no longer; `false` if it was so already. With the change number by then.
    async fn index_field(&self, collection: &str, field: &str, wanted: bool) -> Result<(bool, u64), Status> {
        if field.is_empty() {
            return Err(ConvertError::Missing { field: "field" }.into());
        }
        let engine = self.context.reader(collection).await?;
        let changed = self.context.within(engine.index_field(field, wanted)).await?;
        Ok((changed, engine.change()))
    }
}

fn collection(name: &str, space_info: &SpaceInfo) -> v1::Collection {
    v1::Collection { name: name.to_owned(), space: Some(space(space_info)), settings: None }
}

fn of(engine: &Engine) -> v1::Collection {
    let captions = engine.keeps_captions().then_some(true);
    let settings = captions.map(|_| v1::CollectionSettings { captions, ..v1::CollectionSettings::default() });
    v1::Collection { settings, ..collection(engine.collection_name(), &engine.space()) }
}

/// Whether captions are to be kept, if that is said; other settings are not built.
fn captions(settings: Option<v1::CollectionSettings>) -> Result<Option<bool>, Status> {
    let settings = settings.unwrap_or_default();
    let captions = settings.captions;
    if settings != (v1::CollectionSettings { captions, ..v1::CollectionSettings::default() }) {
        let instead = "of these, captions alone can be set";
        return Err(ConvertError::NotTaken { field: "settings", instead }.into());
    }
    Ok(captions)
}

/// Reads one step of a change of aliases.
fn alias_change(message: v1::AliasChange) -> Result<AliasChange, ConvertError> {
    use v1::alias_change::Change;
    match message.change.ok_or(ConvertError::Missing { field: "changes.change" })? {
        Change::Set(v1::SetAlias { alias, collection_name }) => {
            Ok(AliasChange::Set(Alias { alias, collection: collection_name }))
        }
        Change::Remove(alias) => Ok(AliasChange::Remove(alias)),
    }
}

#[tonic::async_trait]
impl v1::collections_service_server::CollectionsService for Service {
    async fn create_collection(
        &self,
        request: Request<v1::CreateCollectionRequest>,
    ) -> Result<Response<v1::CreateCollectionResponse>, Status> {
        let (_place, v1::CreateCollectionRequest { collection_name, settings }) = enter(request);
        if collection_name.is_empty() {
            return Err(ConvertError::Missing { field: "collection_name" }.into());
        }
        let captions = captions(settings)?;
        let engine = self.context.writer(&collection_name).await?;
        if let Some(captions) = captions {
            self.context.within(engine.keep_captions(captions)).await?;
        }
        Ok(Response::new(v1::CreateCollectionResponse { collection: Some(of(&engine)) }))
    }

    async fn get_collection(
        &self,
        request: Request<v1::GetCollectionRequest>,
    ) -> Result<Response<v1::GetCollectionResponse>, Status> {
        let (_place, v1::GetCollectionRequest { collection_name }) = enter(request);
        let engine = self.context.reader(&collection_name).await?;
        Ok(Response::new(v1::GetCollectionResponse { collection: Some(of(&engine)) }))
    }

    async fn list_collections(
        &self,
        request: Request<v1::ListCollectionsRequest>,
    ) -> Result<Response<v1::ListCollectionsResponse>, Status> {
        let (_place, v1::ListCollectionsRequest {}) = enter(request);
        let listed = self.context.collections().await?;
        // Those that the caller reaches.
        let listed = listed.iter().filter(|listed| check_collection(&listed.name).is_ok());
        let collections = listed.map(|listed| collection(&listed.name, &listed.space)).collect();
        Ok(Response::new(v1::ListCollectionsResponse { collections }))
    }

    async fn update_collection(
        &self,
        request: Request<v1::UpdateCollectionRequest>,
    ) -> Result<Response<v1::UpdateCollectionResponse>, Status> {
        let (_place, v1::UpdateCollectionRequest { collection_name, settings }) = enter(request);
        let captions = captions(settings)?;
        let engine = self.context.reader(&collection_name).await?;
        if let Some(captions) = captions {
            self.context.within(engine.keep_captions(captions)).await?;
        }
        Ok(Response::new(v1::UpdateCollectionResponse {
            collection: Some(of(&engine)),
            change: engine.change(),
        }))
    }

    async fn delete_collection(
        &self,
        request: Request<v1::DeleteCollectionRequest>,
    ) -> Result<Response<v1::DeleteCollectionResponse>, Status> {
        let (_place, v1::DeleteCollectionRequest { collection_name }) = enter(request);
        let deleted = self.context.drop_collection(&collection_name).await?;
        Ok(Response::new(v1::DeleteCollectionResponse { deleted }))
    }

    async fn create_field_index(
        &self,
        request: Request<v1::CreateFieldIndexRequest>,
    ) -> Result<Response<v1::CreateFieldIndexResponse>, Status> {
        let (_place, v1::CreateFieldIndexRequest { collection_name, field }) = enter(request);
        let (created, change) = self.index_field(&collection_name, &field, true).await?;
        Ok(Response::new(v1::CreateFieldIndexResponse { created, change }))
    }

    async fn delete_field_index(
        &self,
        request: Request<v1::DeleteFieldIndexRequest>,
    ) -> Result<Response<v1::DeleteFieldIndexResponse>, Status> {
        let (_place, v1::DeleteFieldIndexRequest { collection_name, field }) = enter(request);
        let (deleted, change) = self.index_field(&collection_name, &field, false).await?;
        Ok(Response::new(v1::DeleteFieldIndexResponse { deleted, change }))
    }

    async fn list_field_indexes(
        &self,
        request: Request<v1::ListFieldIndexesRequest>,
    ) -> Result<Response<v1::ListFieldIndexesResponse>, Status> {
        let (_place, v1::ListFieldIndexesRequest { collection_name }) = enter(request);
        let engine = self.context.reader(&collection_name).await?;
        let listed = self.context.within(engine.field_indexes()).await?;
        let indexes = listed.into_iter().map(v1::FieldIndex::from).collect();
        Ok(Response::new(v1::ListFieldIndexesResponse { indexes }))
    }

    async fn update_aliases(
        &self,
        request: Request<v1::UpdateAliasesRequest>,
    ) -> Result<Response<v1::UpdateAliasesResponse>, Status> {
        let (place, v1::UpdateAliasesRequest { changes }) = enter(request);
        if changes.len() > MAX_ALIAS_CHANGES {
            let (limit, received) = (MAX_ALIAS_CHANGES, changes.len());
            return Err(ConvertError::TooMany { field: "changes", limit, received }.into());
        }
        let changes = changes.into_iter().map(alias_change).collect::<Result<Vec<_>, _>>()?;
        self.context.change_aliases(place, changes).await?;
        Ok(Response::new(v1::UpdateAliasesResponse {}))
    }

    async fn list_aliases(
        &self,
        request: Request<v1::ListAliasesRequest>,
    ) -> Result<Response<v1::ListAliasesResponse>, Status> {
        let (_place, v1::ListAliasesRequest { collection_name }) = enter(request);
        let known = self.context.aliases().await?;
        let meant = known.iter().filter(|(_, of)| {
            (collection_name.is_empty() || **of == collection_name) && check_collection(of).is_ok()
        });
        let alias = |(alias, of): (&String, &String)| v1::SetAlias {
            alias: alias.clone(),
            collection_name: of.clone(),
        };
        Ok(Response::new(v1::ListAliasesResponse { aliases: meant.map(alias).collect() }))
    }
}
