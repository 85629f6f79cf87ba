//! Where decoders put parts as they come, so that a worker never holds a whole video.

use sensorium_types::{FailureReason, Span, Track};

use crate::{Head, Part, PartContent};

/// What decoders put out.
#[derive(Debug)]
pub(crate) enum Output {
    /// What a stream is, as far as that is known before its first part.
    Begun(Head),
    /// One part.
    Part(Part),
}

/// Who takes it.
pub(crate) type Emit<'a> = dyn FnMut(Output) -> Result<(), FailureReason> + 'a;

/// Numbers parts and passes them on; drops what is more than an asset may have.
pub(crate) struct Sink<'a> {
    emit: &'a mut Emit<'a>,
    max_parts: usize,
    counts: [usize; Track::ALL.len()],
}

impl<'a> Sink<'a> {
    pub(crate) fn new(emit: &'a mut Emit<'a>, max_parts: usize) -> Self {
        Self { emit, max_parts, counts: [0; Track::ALL.len()] }
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
        (self.emit)(Output::Part(Part { track, ordinal, span, content, thumb }))
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
    let mut parts = Vec::new();
    let mut emit = |output| {
        match output {
            Output::Part(part) => parts.push(part),
            Output::Begun(_) => {}
        }
        Ok(())
    };
    let decoded = decode(&mut Sink::new(&mut emit, max_parts))?;
    Ok((decoded, parts))
}

#[cfg(test)]
mod tests {
    use super::*;

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
