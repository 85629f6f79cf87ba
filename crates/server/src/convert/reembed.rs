//! Collections that are brought to another bundle.

use sensorium_api::convert::{failure_of_reason, space};
use sensorium_api::v1;
use sensorium_types::{ReembedEvent, ReembedPlan, ReembedSummary, Substitute, WithoutMedia};
use v1::reembed_response::Event;

use super::hit::shown;

/// An asset that cannot be read.
pub(crate) fn without_media(lacking: &WithoutMedia) -> v1::ReembedResponse {
    let WithoutMedia { asset, modality, path, reason, substitute } = lacking;
    let substitute = match substitute {
        Substitute::Thumbnails => v1::ReembedSubstitute::Thumbnails,
        Substitute::Nothing => v1::ReembedSubstitute::Nothing,
    };
    response(Event::WithoutMedia(v1::AssetWithoutMedia {
        asset_id: asset.to_string(),
        modality: v1::Modality::from(*modality).into(),
        path: path.as_deref().map(shown).unwrap_or_default(),
        failure: Some(failure_of_reason(reason)),
        substitute: substitute.into(),
    }))
}

/// What is to be done. What lacks its media is told apart.
pub(crate) fn reembed_plan(plan: &ReembedPlan) -> v1::ReembedResponse {
    let ReembedPlan { from, to, assets, done, pending, without_media: _ } = plan;
    let (from, to) = (Some(space(from)), Some(space(to)));
    response(Event::Plan(v1::ReembedPlan { from, to, assets: *assets, done: *done, pending: *pending }))
}

/// An asset that is done.
pub(crate) fn reembedded(event: &ReembedEvent) -> v1::ReembedResponse {
    let ReembedEvent { asset, modality, path, points, state, reason } = event;
    response(Event::Asset(v1::ReembeddedAsset {
        asset_id: asset.to_string(),
        modality: v1::Modality::from(*modality).into(),
        path: path.as_deref().map(shown).unwrap_or_default(),
        points: *points,
        state: v1::ReembedState::from(*state).into(),
        failure: reason.as_ref().map(failure_of_reason),
    }))
}

/// The counts at the end. What could not be read is told apart.
pub(crate) fn reembed_summary(summary: &ReembedSummary) -> v1::ReembedResponse {
    let ReembedSummary {
        reembedded,
        from_thumbnails,
        without_vectors,
        points,
        unread,
        finished,
        interrupted,
        seconds,
    } = summary;
    response(Event::Summary(v1::ReembedSummary {
        reembedded: *reembedded,
        from_thumbnails: *from_thumbnails,
        without_vectors: *without_vectors,
        points: *points,
        unread: unread.len() as u64,
        finished: *finished,
        interrupted: *interrupted,
        seconds: *seconds,
    }))
}

const fn response(event: Event) -> v1::ReembedResponse {
    v1::ReembedResponse { event: Some(event) }
}
