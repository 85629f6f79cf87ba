//! Where decoders put parts as they come, so that a worker never holds a whole video; and how long the next may take.

use std::time::{Duration, Instant};

use sensorium_types::{FailureReason, Span, Track};

use crate::deadline::Deadline;
use crate::{Head, Part, PartContent};

/// How often it is told that a stream goes on, between its parts.
const SIGN: Duration = Duration::from_secs(1);

/// What decoders put out.
#[derive(Debug)]
pub(crate) enum Output {
    /// What a stream is, as far as that is known before its first part.
    Begun(Head),
    /// One part.
    Part(Part),
    /// A later moment of a stream was decoded; its part is not complete yet.
    GoesOn,
}

/// Who takes it.
pub(crate) type Emit<'a> = dyn FnMut(Output) -> Result<(), FailureReason> + 'a;

/// Numbers parts and passes them on; drops what is more than an asset may have.
pub(crate) struct Sink<'a> {
    emit: &'a mut Emit<'a>,
    max_parts: usize,
    counts: [usize; Track::ALL.len()],
    deadline: Deadline,
    told: Instant,
}

impl<'a> Sink<'a> {
    pub(crate) fn new(emit: &'a mut Emit<'a>, max_parts: usize, deadline: Deadline) -> Self {
        Self { emit, max_parts, counts: [0; Track::ALL.len()], deadline, told: Instant::now() }
    }

    /// When a decoder is to stop of itself, if nothing new comes until then.
    pub(crate) fn until(&self) -> Instant {
        self.deadline.moment()
    }

    /// A later moment of a stream was decoded.
    ///
    /// # Errors
    /// If nobody takes parts any more.
    pub(crate) fn goes_on(&mut self) -> Result<(), FailureReason> {
        let now = Instant::now();
        self.deadline.moved(now);
        if now.duration_since(self.told) >= SIGN {
            self.told = now;
            (self.emit)(Output::GoesOn)?;
        }
        Ok(())
    }

    /// Says what a stream is, before its first part. Parts of a stream that runs out of time are kept only if it was
    /// said; what the decoder gives at its end counts, if it comes to that.
    ///
    /// # Errors
    /// If nobody takes parts any more.
    pub(crate) fn begin(&mut self, head: &Head) -> Result<(), FailureReason> {
        (self.emit)(Output::Begun(head.clone()))
    }

    /// Passes on the next part of a track.
    ///
    /// # Errors
    /// If nobody takes parts any more.
    pub(crate) fn put(
        &mut self,
        track: Track,
        span: Option<Span>,
        content: PartContent,
        thumb: Option<Vec<u8>>,
    ) -> Result<(), FailureReason> {
        let Some(count) = self.counts.get_mut(usize::from(track.code())) else { return Ok(()) };
        if *count >= self.max_parts {
            return Ok(());
        }
        let ordinal = u32::try_from(*count).unwrap_or(u32::MAX);
        *count += 1;
        (self.emit)(Output::Part(Part { track, ordinal, span, content, thumb }))?;
        // However long its taker took.
        self.told = Instant::now();
        self.deadline.moved(self.told);
        Ok(())
    }

    /// Parts of a track so far.
    pub(crate) fn count(&self, track: Track) -> usize {
        self.counts.get(usize::from(track.code())).copied().unwrap_or(0)
    }

    /// Whether nothing came yet.
    pub(crate) fn is_empty(&self) -> bool {
        self.counts.iter().all(|count| *count == 0)
    }

    /// Whether a track has as many parts as it may have.
    pub(crate) fn is_full(&self, track: Track) -> bool {
        self.count(track) >= self.max_parts
    }
}

/// All parts that a decoder puts out, for tests.
#[cfg(test)]
pub(crate) fn collect<T>(
    max_parts: usize,
    decode: impl FnOnce(&mut Sink) -> Result<T, FailureReason>,
) -> Result<(T, Vec<Part>), FailureReason> {
    collect_until(Deadline::never(), max_parts, decode)
}

/// The parts that a decoder puts out within a time.
#[cfg(test)]
pub(crate) fn collect_until<T>(
    deadline: Deadline,
    max_parts: usize,
    decode: impl FnOnce(&mut Sink) -> Result<T, FailureReason>,
) -> Result<(T, Vec<Part>), FailureReason> {
    let mut parts = Vec::new();
    let mut emit = |output| {
        match output {
            Output::Part(part) => parts.push(part),
            Output::Begun(_) | Output::GoesOn => {}
        }
        Ok(())
    };
    let decoded = decode(&mut Sink::new(&mut emit, max_parts, deadline))?;
    Ok((decoded, parts))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_new_puts_the_end_off_and_is_told_now_and_then() {
        let (stall, mut signs) = (Duration::from_secs(3600), 0);
        let mut emit = |output| {
            signs += usize::from(matches!(output, Output::GoesOn));
            Ok(())
        };
        let mut sink = Sink::new(&mut emit, 9, Deadline::within(stall, stall * 9));
        let first = sink.until();
        while sink.until() <= first + SIGN * 2 {
            sink.goes_on().expect("taken");
            std::thread::sleep(SIGN / 100);
        }
        let before = sink.until();
        sink.put(Track::Text, None, PartContent::Text(String::new()), None).expect("taken");
        assert!(sink.until() > before);
        assert!((1..=2).contains(&signs), "{signs} signs in two times");
    }

    #[test]
    fn each_track_is_numbered_and_bounded() {
        let text = || PartContent::Text(String::new());
        let (full, parts) = collect(2, |sink| {
            for track in [Track::Video, Track::Audio, Track::Video, Track::Video] {
                sink.put(track, None, text(), None)?;
            }
            Ok((sink.is_full(Track::Video), sink.is_full(Track::Audio)))
        })
        .expect("takes parts");
        assert_eq!(full, (true, false));
        let names: Vec<_> = parts.iter().map(|part| (part.track, part.ordinal)).collect();
        assert_eq!(names, [(Track::Video, 0), (Track::Audio, 0), (Track::Video, 1)]);
    }
}
