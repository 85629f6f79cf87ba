//! Where decoders put parts as they come, so that a worker never holds a whole film.

use std::time::{Duration, Instant};

use sensorium_types::{FailureReason, Span, Track};

use crate::{Part, PartContent};

/// Numbers parts and passes them on; drops what is more than an asset may have.
pub(crate) struct Sink<'a> {
    emit: &'a mut dyn FnMut(Part) -> Result<(), FailureReason>,
    max_parts: usize,
    counts: [usize; Track::ALL.len()],
    waited: Duration,
}

impl<'a> Sink<'a> {
    pub(crate) fn new(emit: &'a mut dyn FnMut(Part) -> Result<(), FailureReason>, max_parts: usize) -> Self {
        Self { emit, max_parts, counts: [0; Track::ALL.len()], waited: Duration::ZERO }
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
        let start = Instant::now();
        let taken = (self.emit)(Part { track, ordinal, span, content, thumb });
        self.waited += start.elapsed();
        taken
    }

    /// How long those who take parts have let the decoder wait so far.
    pub(crate) fn waited(&self) -> Duration {
        self.waited
    }

    /// Parts of a track so far.
    pub(crate) fn count(&self, track: Track) -> usize {
        self.counts.get(usize::from(track.code())).copied().unwrap_or(0)
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
    let mut emit = |part| {
        parts.push(part);
        Ok(())
    };
    let head = decode(&mut Sink::new(&mut emit, max_parts))?;
    Ok((head, parts))
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
