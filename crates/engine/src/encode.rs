//! Decoded parts to points: what goes to the encoders, and what waits for their vectors.
//!
//! ```text
//! decoder ─► Feed::push ─► at most 16 parts ─► encoders ─► vectors
//!                └── waits for the oldest request while enough are with the encoders
//! ```
//!
//! Pixels and samples live from the decoder to the encoders only. Of a video of any length a few seconds are in memory
//! at a time; what stays of the rest until it is written is a vector, a span and a thumbnail for each part.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use sensorium_embed::{Image, Input, Priority};
use sensorium_media::{Head, Part, PartContent};
use sensorium_types::{Cancel, ErrorKind, FailureReason, PointRecord, ReasonKind, Span, Track};

use crate::seams::{Encode, Pending};
use crate::{EngineError, vectors};

/// Parts that go to the encoders in one request, so that a long video does not fill the queue by itself.
const PARTS_A_REQUEST: usize = 16;
/// Most requests of one asset that are with the encoders while it is decoded.
const BULK_REQUESTS: usize = 3;
/// As many for a query: a second one might find the queue full, and a query never waits for room.
const QUERY_REQUESTS: usize = 1;

/// A point that waits for its vector.
#[derive(Debug)]
struct Waiting {
    track: Track,
    ordinal: u32,
    span: Option<Span>,
    thumb: Option<Vec<u8>>,
}

/// Takes the parts of an asset as a decoder gives them, and sends them on to the encoders.
#[derive(Debug)]
pub(crate) struct Feed<'a> {
    encode: &'a dyn Encode,
    priority: Priority,
    inputs: Vec<Input>,
    sent: Encoding,
}

/// Points whose vectors are being made.
#[derive(Debug, Default)]
pub(crate) struct Encoding {
    points: Vec<Waiting>,
    /// Vectors of the first points.
    vectors: Vec<Vec<f32>>,
    /// Those of the points after them.
    requests: VecDeque<Box<dyn Pending>>,
    /// Why there will be none.
    failed: Option<EngineError>,
    /// What ends the waiting.
    cancel: Cancel,
    /// How long the encoders were waited for.
    waited: Duration,
}

impl<'a> Feed<'a> {
    pub(crate) fn new(encode: &'a dyn Encode, priority: Priority) -> Self {
        Self { encode, priority, inputs: Vec::new(), sent: Encoding::default() }
    }

    /// The same, whose caller may give up.
    pub(crate) fn until(mut self, cancel: &Cancel) -> Self {
        self.sent.cancel = cancel.clone();
        self
    }

    /// Takes the next part; blocks while enough parts of this asset are with the encoders.
    ///
    /// # Errors
    /// If the encoders failed: the decoder is to stop, and [`Feed::finish`] tells why.
    pub(crate) fn push(&mut self, part: Part) -> Result<(), FailureReason> {
        let Part { track, ordinal, span, content, thumb } = part;
        self.sent.points.push(Waiting { track, ordinal, span, thumb });
        self.inputs.push(input_of(content));
        if self.inputs.len() < PARTS_A_REQUEST {
            return Ok(());
        }
        self.send().map_err(|error| {
            let reason = reason_of(&error);
            self.sent.failed = Some(error);
            reason
        })
    }

    /// Sends the rest, once the decoder is done. Inner error: why the file cannot be used.
    ///
    /// # Errors
    /// If the encoders failed.
    pub(crate) fn finish(
        mut self,
        decoded: Result<Head, FailureReason>,
    ) -> Result<Result<(Head, Encoding), FailureReason>, EngineError> {
        if let Some(error) = self.sent.failed.take() {
            return Err(error);
        }
        let head = match decoded {
            Ok(head) => head,
            Err(reason) => return Ok(Err(reason)),
        };
        if self.sent.points.is_empty() {
            return Ok(Err(FailureReason::new(ReasonKind::Corrupt, "nothing in it could be decoded")));
        }
        Ok(Ok((head, self.close()?)))
    }

    /// Sends the rest of parts that were given one by one. If the encoders failed before, [`Encoding::wait`] tells.
    ///
    /// # Errors
    /// If the encoders do not take the rest.
    pub(crate) fn close(mut self) -> Result<Encoding, EngineError> {
        if self.sent.failed.is_none() && !self.inputs.is_empty() {
            self.send()?;
        }
        Ok(self.sent)
    }

    /// How long the encoders were waited for so far.
    pub(crate) const fn waited(&self) -> Duration {
        self.sent.waited
    }

    fn send(&mut self) -> Result<(), EngineError> {
        let most = match self.priority {
            Priority::Bulk => BULK_REQUESTS,
            Priority::Query => QUERY_REQUESTS,
        };
        while self.sent.requests.len() >= most {
            self.sent.wait_for_oldest()?;
        }
        let begun = Instant::now();
        let request = self.encode.submit(std::mem::take(&mut self.inputs), self.priority);
        self.sent.waited += begun.elapsed();
        let request = request?;
        self.sent.requests.push_back(request);
        Ok(())
    }
}

impl Encoding {
    /// Waits for the vectors, and tells how long the encoders were waited for in all.
    pub(crate) fn wait_timed(self) -> (Result<Vec<PointRecord>, EngineError>, Duration) {
        let begun = Instant::now();
        let before = self.waited;
        (self.wait(), before + begun.elapsed())
    }

    /// Waits for the vectors.
    pub(crate) fn wait(mut self) -> Result<Vec<PointRecord>, EngineError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        while !self.requests.is_empty() {
            self.wait_for_oldest()?;
        }
        let Self { points, vectors, .. } = self;
        if vectors.len() != points.len() {
            return Err(EngineError::Task { action: "encode parts" });
        }
        vectors::check_all(&vectors)?;
        let points = points.into_iter().zip(vectors);
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

    fn wait_for_oldest(&mut self) -> Result<(), EngineError> {
        if let Some(oldest) = self.requests.pop_front() {
            let begun = Instant::now();
            let vectors = oldest.wait(&self.cancel);
            self.waited += begun.elapsed();
            self.vectors.extend(vectors?);
        }
        Ok(())
    }
}

/// Whether a failure of the encoders is the fault of what they were given, so that it costs one file and not the run.
pub(crate) fn is_of_the_file(error: &EngineError) -> bool {
    matches!(error.kind(), ErrorKind::InvalidArgument | ErrorKind::Bug)
}

/// What a failure of the encoders says of a file.
pub(crate) fn reason_of(error: &EngineError) -> FailureReason {
    FailureReason::new(ReasonKind::Corrupt, error.to_string())
}

/// What the encoders get of a part.
pub fn input_of(content: PartContent) -> Input {
    match content {
        PartContent::Text(text) => Input::Text(text),
        PartContent::Pcm(samples) => Input::Audio(samples),
        PartContent::Frames(frames) => Input::Frames(
            frames
                .into_iter()
                .map(|frame| Image { width: frame.width, height: frame.height, pixels: frame.pixels })
                .collect(),
        ),
    }
}
