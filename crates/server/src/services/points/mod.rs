//! Reads and changes stored assets.

mod media;
mod selector;

use sensorium_api::convert::{asset_id, payload, point_ref};
use sensorium_api::{ConvertError, Fault, v1};
use sensorium_engine::{EngineError, Peaks};
use sensorium_types::{AssetId, Cancel, FieldsOutcome, PointKey, ReadyOutcome};
use tonic::{Request, Response, Status};

use self::selector::{ids, selector};
use super::Answers;
use crate::context::Context;
use crate::convert::ready_assets;
use crate::fault::fault;
use crate::gate::enter;

/// Most fields that are taken away in one call.
const MAX_FIELDS: usize = 1000;
/// Stretches of a waveform where a call does not say.
const DEFAULT_BUCKETS: usize = 800;
/// Most stretches of a waveform.
const MAX_BUCKETS: usize = 4000;

/// Most deleted assets that an answer names.
const MAX_NAMED: usize = 10_000;

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

fn shown(ids: &[AssetId]) -> Vec<String> {
    ids.iter().map(ToString::to_string).collect()
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
        for (id, stored) in asset_ids.into_iter().zip(found) {
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
        let (place, v1::DeleteRequest { collection_name, selector: message }) = enter(request);
        let selector = selector(message, self.context.settings())?;
        let engine = self.context.reader(&collection_name).await?;
        let (outcome, change) = self
            .context
            .to_its_end(place, async move {
                let outcome = engine.delete(selector).await?;
                Ok((outcome, engine.change()))
            })
            .await?;
        let named = outcome.deleted.get(..MAX_NAMED).unwrap_or(&outcome.deleted);
        let (deleted, missing) = (shown(named), shown(&outcome.missing));
        let deleted_count = outcome.deleted.len() as u64;
        Ok(Response::new(v1::DeleteResponse { deleted, missing, change, deleted_count }))
    }

    async fn set_payload(
        &self,
        request: Request<v1::SetPayloadRequest>,
    ) -> Result<Response<v1::SetPayloadResponse>, Status> {
        let (place, v1::SetPayloadRequest { collection_name, selector: message, payload: fields }) =
            enter(request);
        let selector = selector(message, self.context.settings())?;
        if fields.is_empty() {
            return Err(ConvertError::Missing { field: "payload" }.into());
        }
        let payload = payload(fields)?;
        let engine = self.context.reader(&collection_name).await?;
        let (outcome, change) = self
            .context
            .to_its_end(place, async move {
                let outcome = engine.set_payload(selector, payload).await?;
                Ok((outcome, engine.change()))
            })
            .await?;
        let FieldsOutcome { changed, missing } = outcome;
        Ok(Response::new(v1::SetPayloadResponse { changed, missing: shown(&missing), change }))
    }

    async fn delete_payload(
        &self,
        request: Request<v1::DeletePayloadRequest>,
    ) -> Result<Response<v1::DeletePayloadResponse>, Status> {
        let (place, v1::DeletePayloadRequest { collection_name, selector: message, fields }) = enter(request);
        let selector = selector(message, self.context.settings())?;
        if fields.is_empty() {
            return Err(ConvertError::Missing { field: "fields" }.into());
        }
        if fields.len() > MAX_FIELDS {
            let (limit, received) = (MAX_FIELDS, fields.len());
            return Err(ConvertError::TooMany { field: "fields", limit, received }.into());
        }
        let engine = self.context.reader(&collection_name).await?;
        let (outcome, change) = self
            .context
            .to_its_end(place, async move {
                let outcome = engine.delete_payload(selector, fields).await?;
                Ok((outcome, engine.change()))
            })
            .await?;
        let FieldsOutcome { changed, missing } = outcome;
        Ok(Response::new(v1::DeletePayloadResponse { changed, missing: shown(&missing), change }))
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
        request: Request<v1::GetMediaRequest>,
    ) -> Result<Response<Self::GetMediaStream>, Status> {
        let (place, v1::GetMediaRequest { collection_name, asset_id: id, offset, length }) = enter(request);
        let asset = asset_id("asset_id", &id)?;
        let engine = self.context.reader(&collection_name).await?;
        let media = self.context.within(engine.open_media(&asset)).await?;
        Ok(Response::new(media::send(&self.context, place, media, media::Range { offset, length })?))
    }

    async fn upsert(
        &self,
        request: Request<v1::UpsertRequest>,
    ) -> Result<Response<v1::UpsertResponse>, Status> {
        let (place, v1::UpsertRequest { collection_name, assets }) = enter(request);
        let assets = ready_assets(assets)?;
        let engine = self.context.writer(&collection_name).await?;
        let (written, change) = self
            .context
            .to_its_end(place, async move {
                let written = engine.upsert(assets).await?;
                Ok((written, engine.change()))
            })
            .await?;
        let ReadyOutcome { assets, points } = written;
        Ok(Response::new(v1::UpsertResponse { assets, points, change }))
    }

    async fn peaks(&self, request: Request<v1::PeaksRequest>) -> Result<Response<v1::PeaksResponse>, Status> {
        let (place, v1::PeaksRequest { collection_name, asset_id: id, buckets }) = enter(request);
        let asset = asset_id("asset_id", &id)?;
        let buckets = buckets.map_or(DEFAULT_BUCKETS, |buckets| buckets as usize);
        if !(1..=MAX_BUCKETS).contains(&buckets) {
            let (expected, received) = ("from 1 to 4000", buckets.to_string());
            return Err(ConvertError::Number { field: "buckets", expected, received }.into());
        }
        let engine = self.context.reader(&collection_name).await?;
        let cancel = Cancel::new().keeping(place);
        let Peaks { duration_ms, peaks } = self.context.within(engine.peaks(&asset, buckets, cancel)).await?;
        Ok(Response::new(v1::PeaksResponse { duration_ms, peaks }))
    }
}
