//! The parts of an item to points.

use crate::encode::Feed;
use crate::seams::{Decode, Encode};
use crate::stages::{DECODE, ENCODE};
use crate::upsert::modality_of;
use crate::{EngineError, vectors};
use std::time::Instant;

use tracing::debug_span;

use sensorium_embed::Priority;
use sensorium_media::{Cancel, Head, MediaInput};
use sensorium_types::{
    FailureReason, IngestContent, IngestPart, Modality, Payload, PointRecord, StageTimes, Track,
};

/// A part with its points.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) name: String,
    pub(super) modality: Modality,
    pub(super) mime: Option<String>,
    pub(super) facts: Payload,
    pub(super) points: Vec<PointRecord>,
    /// What is doubtful about it.
    pub(super) warning: Option<FailureReason>,
}

impl Made {
    /// The part's one vector: the mean of its main track.
    pub(super) fn mean(&self) -> Result<Vec<f32>, EngineError> {
        let track = vectors::asking_track(self.modality, self.points.iter().map(|point| point.track));
        let points = self.points.iter().filter(|point| Some(point.track) == track);
        vectors::mean(points.map(|point| point.vector.as_slice()))
            .ok_or(EngineError::EmptySum { length: 0.0 })
    }
}

/// Decodes and encodes every part. Inner error: why a part cannot be used.
pub(super) fn make(
    encode: &dyn Encode,
    decode: &dyn Decode,
    parts: Vec<IngestPart>,
    times: &StageTimes,
) -> Result<Result<Vec<Made>, FailureReason>, EngineError> {
    let mut made = Vec::with_capacity(parts.len());
    for IngestPart { name, content } in parts {
        let input = match content {
            IngestContent::Text(text) => MediaInput::Bytes(text.into_bytes().into()),
            IngestContent::Media(bytes) => MediaInput::Bytes(bytes),
            IngestContent::File(file) => MediaInput::Path(file.path),
            IngestContent::Vector(vector, track) => {
                let point = given(encode.space().dim_of(track.content()), vector, track)?;
                let (modality, facts, points) = (modality_of(track), Payload::new(), vec![point]);
                made.push(Made { name, modality, mime: None, facts, points, warning: None });
                continue;
            }
        };
        let mut feed = Feed::new(encode, Priority::Bulk);
        let cancel = Cancel::default();
        let begun = Instant::now();
        let decoding = debug_span!("decode").entered();
        let decoded = decode.decode_each(input, Priority::Bulk, &cancel, &mut |part| feed.push(part))?;
        drop(decoding);
        times.add(DECODE, begun.elapsed().saturating_sub(feed.waited()));
        let (Head { modality, mime, facts, warning }, encoding) = match feed.finish(decoded)? {
            Ok(sent) => sent,
            Err(reason) => return Ok(Err(reason)),
        };
        let (points, waited) = debug_span!("encode").in_scope(|| encoding.wait_timed());
        times.add(ENCODE, waited);
        let points = points?;
        made.push(Made { name, modality, mime: Some(mime), facts, points, warning });
    }
    Ok(Ok(made))
}

fn given(expected: usize, vector: Vec<f32>, track: Track) -> Result<PointRecord, EngineError> {
    let received = vector.len();
    let vector = vectors::unit(vector, expected).ok_or(EngineError::BadVector { expected, received })?;
    Ok(PointRecord { track, ordinal: 0, span: None, vector, thumb: None })
}
