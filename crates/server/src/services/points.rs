//! Reads and changes stored assets.

use sensorium_api::convert::{asset_id, filter_of_text, point_ref};
use sensorium_api::{ConvertError, Fault, v1};
use sensorium_engine::EngineError;
use sensorium_types::{AssetId, DeleteSelector, Filter, PointKey};
use tonic::{Request, Response, Status};

use super::Answers;
use super::planned::not_built;
use crate::Settings;
use crate::context::Context;
use crate::fault::fault;
use crate::gate::enter;

/// `PointsService`.
#[derive(Debug)]
pub(super) struct Service {
    context: Context,
}

impl Service {
    pub(super) const fn new(context: Context) -> Self {
        Self { context }
    }
}

fn ids(ids: &[String], settings: &Settings) -> Result<Vec<AssetId>, ConvertError> {
    if ids.len() > settings.max_limit {
        let (limit, received) = (settings.max_limit, ids.len());
        return Err(ConvertError::TooMany { field: "asset_ids", limit, received });
    }
    ids.iter().map(|id| asset_id("asset_ids", id)).collect()
}

fn selector(message: Option<v1::AssetSelector>, settings: &Settings) -> Result<DeleteSelector, ConvertError> {
    use v1::asset_selector::Selector;
    let missing = ConvertError::Missing { field: "selector" };
    match message.and_then(|message| message.selector).ok_or(missing)? {
        Selector::Ids(v1::AssetIds { asset_ids }) => Ok(DeleteSelector::Ids(ids(&asset_ids, settings)?)),
        Selector::Filter(tree) => {
            // An empty tree holds for everything. Whoever wants that says it in a condition.
            if tree == v1::Filter::default() {
                return Err(ConvertError::Missing { field: "selector.filter" });
            }
            Ok(DeleteSelector::Filter(Filter::try_from(tree)?))
        }
        Selector::FilterText(text) => Ok(DeleteSelector::Filter(filter_of_text(&text)?)),
    }
}

#[tonic::async_trait]
impl v1::points_service_server::PointsService for Service {
    type GetMediaStream = Answers<v1::GetMediaResponse>;

    async fn get(&self, request: Request<v1::GetRequest>) -> Result<Response<v1::GetResponse>, Status> {
        let (_place, v1::GetRequest { collection_name, asset_ids, with_vectors }) = enter(request);
        let ids = ids(&asset_ids, self.context.settings())?;
        let engine = self.context.reader(&collection_name).await?;
        let found = self.context.within(engine.get(&ids, with_vectors)).await?;
        let mut response = v1::GetResponse::default();
        for (id, stored) in asset_ids.into_iter().zip(&found) {
            match stored {
                Some(stored) => response.assets.push(stored.into()),
                None => response.missing.push(id),
            }
        }
        Ok(Response::new(response))
    }

    async fn delete(
        &self,
        request: Request<v1::DeleteRequest>,
    ) -> Result<Response<v1::DeleteResponse>, Status> {
        let (_place, v1::DeleteRequest { collection_name, selector: message }) = enter(request);
        let selector = selector(message, self.context.settings())?;
        let engine = self.context.reader(&collection_name).await?;
        // Not cut short by a deadline: what was asked for is done, though the caller may have left.
        let outcome = engine.delete(selector).await.map_err(|error| fault(&error))?;
        let shown = |ids: Vec<AssetId>| ids.into_iter().map(|id| id.to_string()).collect();
        Ok(Response::new(v1::DeleteResponse {
            deleted: shown(outcome.deleted),
            missing: shown(outcome.missing),
            change: engine.change(),
        }))
    }

    async fn set_payload(
        &self,
        _: Request<v1::SetPayloadRequest>,
    ) -> Result<Response<v1::SetPayloadResponse>, Status> {
        Err(not_built("SetPayload"))
    }

    async fn delete_payload(
        &self,
        _: Request<v1::DeletePayloadRequest>,
    ) -> Result<Response<v1::DeletePayloadResponse>, Status> {
        Err(not_built("DeletePayload"))
    }

    async fn get_thumbnail(
        &self,
        request: Request<v1::GetThumbnailRequest>,
    ) -> Result<Response<v1::GetThumbnailResponse>, Status> {
        let (_place, v1::GetThumbnailRequest { collection_name, point }) = enter(request);
        let (asset, track, ordinal) = point_ref(&point.ok_or(ConvertError::Missing { field: "point" })?)?;
        let engine = self.context.reader(&collection_name).await?;
        let found = self.context.within(engine.get(std::slice::from_ref(&asset), false)).await?;
        let Some(stored) = found.into_iter().next().flatten() else {
            return Err(fault(&EngineError::UnknownAsset { asset }).into());
        };
        let modality = stored.record.modality;
        let track = track.unwrap_or_else(|| modality.main_track());
        let key = PointKey { asset, track, ordinal };
        if !stored.points.iter().any(|point| point.track == track && point.ordinal == ordinal) {
            return Err(fault(&EngineError::UnknownPoint { point: key.show(modality) }).into());
        }
        let jpeg: Result<_, Fault> = self.context.within(engine.thumb(&key)).await;
        Ok(Response::new(v1::GetThumbnailResponse { jpeg: jpeg?.unwrap_or_default() }))
    }

    async fn get_media(
        &self,
        _: Request<v1::GetMediaRequest>,
    ) -> Result<Response<Self::GetMediaStream>, Status> {
        Err(not_built("GetMedia"))
    }

    async fn upsert(&self, _: Request<v1::UpsertRequest>) -> Result<Response<v1::UpsertResponse>, Status> {
        Err(not_built("Upsert"))
    }

    async fn peaks(&self, _: Request<v1::PeaksRequest>) -> Result<Response<v1::PeaksResponse>, Status> {
        Err(not_built("Peaks"))
    }
}
