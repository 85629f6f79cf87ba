//! Collections that are brought to the server's bundle.

use std::path::PathBuf;

use sensorium_api::convert::{asset_id, modality, space_info};
use sensorium_api::{ConvertError, v1};
use sensorium_types::{
    FailureReason, ItemFailure, ReasonKind, ReembedEvent, ReembedPlan, ReembedState, ReembedSummary,
    Substitute, WithoutMedia,
};
use tokio_stream::{Stream, StreamExt};

use crate::{Client, ClientError};

/// What a server tells of a run.
#[derive(Debug, Clone, PartialEq)]
pub enum ReembedReply {
    /// What is to be done. It comes first.
    Plan(ReembedPlan),
    /// An asset is done.
    Asset(ReembedEvent),
    /// The counts. It comes last, unless there was nothing to do.
    Summary(ReembedSummary),
}

/// What a run may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReembedOrder {
    /// Only plan.
    pub dry_run: bool,
    /// Assets that may be without vectors, for their media is gone.
    pub accepted_losses: u64,
    /// Go on without those, too, that turn out to be unreadable.
    pub accept_unread: bool,
    /// Remove what an earlier run kept, and do nothing else; where nothing is kept, keep nothing at the end of this run.
    pub drop_old: bool,
}

impl Client {
    /// Has the server bring the collection to its bundle. To drop the stream ends the run; the next one goes on.
    ///
    /// # Errors
    /// [`ClientError`]. Not tried again.
    pub async fn reembed(
        &self,
        order: ReembedOrder,
    ) -> Result<impl Stream<Item = Result<ReembedReply, ClientError>> + Send + use<>, ClientError> {
        let ReembedOrder { dry_run, accepted_losses, accept_unread, drop_old } = order;
        let collection_name = self.collection();
        let message =
            v1::ReembedRequest { collection_name, dry_run, accepted_losses, accept_unread, drop_old };
        let events = self.admin().reembed(message).await?.into_inner();
        // What lacks its media is told one by one before what it belongs to.
        let mut lacking = Vec::new();
        Ok(events.filter_map(move |event| match event {
            Ok(message) => reply(message, &mut lacking).map_err(ClientError::from).transpose(),
            Err(status) => Some(Err(status.into())),
        }))
    }
}

fn reply(
    message: v1::ReembedResponse,
    lacking: &mut Vec<WithoutMedia>,
) -> Result<Option<ReembedReply>, ConvertError> {
    use v1::reembed_response::Event;
    Ok(Some(match message.event.ok_or(ConvertError::Missing { field: "event" })? {
        Event::WithoutMedia(message) => {
            lacking.push(without_media(message)?);
            return Ok(None);
        }
        Event::Plan(v1::ReembedPlan { from, to, assets, done, pending }) => {
            let (from, to, without_media) = (space_info(from)?, space_info(to)?, std::mem::take(lacking));
            ReembedReply::Plan(ReembedPlan { from, to, assets, done, pending, without_media })
        }
        Event::Asset(message) => ReembedReply::Asset(asset(message)?),
        Event::Summary(message) => {
            let v1::ReembedSummary {
                reembedded,
                from_thumbnails,
                without_vectors,
                points,
                unread: _,
                finished,
                interrupted,
                seconds,
            } = message;
            let unread = std::mem::take(lacking);
            ReembedReply::Summary(ReembedSummary {
                reembedded,
                from_thumbnails,
                without_vectors,
                points,
                unread,
                finished,
                interrupted,
                seconds,
            })
        }
    }))
}

fn without_media(message: v1::AssetWithoutMedia) -> Result<WithoutMedia, ConvertError> {
    let substitute = match message.substitute() {
        v1::ReembedSubstitute::Thumbnails => Substitute::Thumbnails,
        v1::ReembedSubstitute::Nothing | v1::ReembedSubstitute::Unspecified => Substitute::Nothing,
    };
    let v1::AssetWithoutMedia { asset_id: id, modality: kind, path, failure, substitute: _ } = message;
    let reason = failure.map_or_else(|| FailureReason::new(ReasonKind::Moved, ""), reason);
    Ok(WithoutMedia {
        asset: asset_id("asset_id", &id)?,
        modality: modality(kind)?,
        path: named(path),
        reason,
        substitute,
    })
}

fn asset(message: v1::ReembeddedAsset) -> Result<ReembedEvent, ConvertError> {
    let state = ReembedState::try_from(message.state())?;
    let v1::ReembeddedAsset { asset_id: id, modality: kind, path, points, state: _, failure } = message;
    Ok(ReembedEvent {
        asset: asset_id("asset_id", &id)?,
        modality: modality(kind)?,
        path: named(path),
        points,
        state,
        reason: failure.map(reason),
    })
}

fn named(path: String) -> Option<PathBuf> {
    (!path.is_empty()).then(|| PathBuf::from(path))
}

/// The reason of a failure. One that only a newer server knows keeps its sentence.
pub(crate) fn reason(failure: v1::Failure) -> FailureReason {
    match ItemFailure::from(failure) {
        ItemFailure::Bytes(reason) => reason,
        ItemFailure::Item { message, .. } | ItemFailure::Unknown { message, .. } => {
            FailureReason::new(ReasonKind::Unsupported, message)
        }
    }
}
