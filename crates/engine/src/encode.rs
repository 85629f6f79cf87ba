//! Decoded parts to points: what goes to the towers, and what waits for their vectors.

use sensorium_embed::{Input, Picture, Priority};
use sensorium_media::{Part, PartContent};
use sensorium_types::{PointRecord, Span, Track};

use crate::seams::{Encode, Pending};
use crate::{EngineError, vectors};

/// Parts that go to the towers in one request, so that a long film does not fill the queue by itself.
const PARTS_A_REQUEST: usize = 16;

/// A point that waits for its vector.
#[derive(Debug)]
struct Waiting {
    track: Track,
    ordinal: u32,
    span: Option<Span>,
    thumb: Option<Vec<u8>>,
}

/// Points whose vectors are being made.
#[derive(Debug)]
pub(crate) struct Encoding {
    points: Vec<Waiting>,
    requests: Vec<Box<dyn Pending>>,
}

impl Encoding {
    /// Sends the parts of an asset to the towers.
    pub(crate) fn start(
        encode: &dyn Encode,
        parts: Vec<Part>,
        priority: Priority,
    ) -> Result<Self, EngineError> {
        let mut points = Vec::with_capacity(parts.len());
        let mut requests = Vec::new();
        let mut inputs = Vec::new();
        for Part { track, ordinal, span, content, thumb } in parts {
            points.push(Waiting { track, ordinal, span, thumb });
            inputs.push(input_of(content));
            if inputs.len() == PARTS_A_REQUEST {
                requests.push(encode.submit(std::mem::take(&mut inputs), priority)?);
            }
        }
        if !inputs.is_empty() {
            requests.push(encode.submit(inputs, priority)?);
        }
        Ok(Self { points, requests })
    }

    /// Waits for the vectors.
    pub(crate) fn wait(self) -> Result<Vec<PointRecord>, EngineError> {
        let mut vectors = Vec::with_capacity(self.points.len());
        for request in self.requests {
            vectors.extend(request.wait()?);
        }
        if vectors.len() != self.points.len() || vectors.iter().any(|vector| !vectors::is_usable(vector)) {
            return Err(EngineError::Task { action: "encode parts" });
        }
        let points = self.points.into_iter().zip(vectors);
        Ok(points
            .map(|(Waiting { track, ordinal, span, thumb }, vector)| PointRecord {
                track,
                ordinal,
                span,
                vector,
                thumb,
            })
            .collect())
    }
}

/// What the towers get of a part.
pub fn input_of(content: PartContent) -> Input {
    match content {
        PartContent::Text(text) => Input::Text(text),
        PartContent::Pcm(samples) => Input::Sound(samples),
        PartContent::Frames(frames) => Input::Frames(
            frames
                .into_iter()
                .map(|frame| Picture { width: frame.width, height: frame.height, pixels: frame.pixels })
                .collect(),
        ),
    }
}
