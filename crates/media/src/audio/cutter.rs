//! Samples as they stream by, to audio parts.

use std::ops::Range;

use sensorium_types::{FailureReason, Span, Track};

use super::cut::{samples_of, windows};
use crate::sink::Sink;
use crate::thumb::waveform;
use crate::{Limits, PartContent, TowerSpec};

/// Seconds that are cut together; a sound that goes on is looked at again with what follows.
const BLOCK_SECONDS: u64 = 300;

/// Collects mono samples at the tower's rate and puts out windows.
pub(crate) struct Cutter<'a, 'b> {
    spec: &'a TowerSpec,
    sink: &'a mut Sink<'b>,
    /// Samples that are not cut yet.
    pending: Vec<f32>,
    /// Samples before them.
    before: u64,
    /// The first window, kept for a sound that is silent throughout.
    first: Vec<f32>,
    most: u64,
}

impl<'a, 'b> Cutter<'a, 'b> {
    pub(crate) fn new(spec: &'a TowerSpec, limits: &Limits, sink: &'a mut Sink<'b>) -> Self {
        let most = limits.max_media_seconds.saturating_mul(u64::from(spec.sample_rate_hz));
        Self { spec, sink, pending: Vec::new(), before: 0, first: Vec::new(), most }
    }

    /// Samples so far.
    pub(crate) fn samples(&self) -> u64 {
        self.before + self.pending.len() as u64
    }

    /// Milliseconds so far.
    pub(crate) fn milliseconds(&self) -> u64 {
        self.samples() * 1000 / u64::from(self.spec.sample_rate_hz.max(1))
    }

    /// Whether no more is cut.
    pub(crate) fn is_full(&self) -> bool {
        self.samples() >= self.most || self.sink.is_full(Track::Audio)
    }

    /// Takes samples.
    pub(crate) fn push(&mut self, samples: &[f32]) -> Result<(), FailureReason> {
        let room =
            samples_of(self.spec.audio.window_ms, self.spec.sample_rate_hz).saturating_sub(self.first.len());
        self.first.extend(samples.iter().take(room));
        self.pending.extend_from_slice(samples);
        let block = samples_of(BLOCK_SECONDS * 1000, self.spec.sample_rate_hz);
        if self.pending.len() >= block { self.cut(false) } else { Ok(()) }
    }

    /// Puts out the rest. With `keep_one`, a sound that is silent throughout keeps its first window. Gives its length
    /// in milliseconds.
    pub(crate) fn finish(mut self, keep_one: bool) -> Result<u64, FailureReason> {
        self.cut(true)?;
        let length = self.milliseconds();
        if keep_one && self.sink.count(Track::Audio) == 0 && !self.first.is_empty() {
            self.before = 0;
            self.pending = std::mem::take(&mut self.first);
            self.put(0..self.pending.len())?;
        }
        Ok(length)
    }

    fn cut(&mut self, last: bool) -> Result<(), FailureReason> {
        let (mut found, rest) = windows(&self.pending, self.spec.sample_rate_hz, &self.spec.audio, last);
        let window = samples_of(self.spec.audio.window_ms, self.spec.sample_rate_hz);
        if last && self.before == 0 && self.pending.len() <= window && !found.is_empty() {
            // A short sound is one part, with the silence in it, as the towers learnt it.
            found = std::iter::once(0..self.pending.len()).collect();
        }
        for window in found {
            self.put(window)?;
        }
        self.before += rest.min(self.pending.len()) as u64;
        self.pending.drain(..rest.min(self.pending.len()));
        Ok(())
    }

    fn put(&mut self, window: Range<usize>) -> Result<(), FailureReason> {
        let rate = u64::from(self.spec.sample_rate_hz.max(1));
        let ms = |sample: usize| (self.before + sample as u64) * 1000 / rate;
        let (start_ms, end_ms) = (ms(window.start), ms(window.end));
        let span = Span::Time { start_ms, end_ms: end_ms.max(start_ms + 1) };
        let piece = self.pending.get(window).unwrap_or_default();
        let content = PartContent::Pcm(piece.to_vec());
        self.sink.put(Track::Audio, Some(span), content, waveform(piece))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::collect;

    fn spans(seconds: usize, level: f32, keep_one: bool) -> (u64, Vec<(u64, u64)>) {
        let spec = TowerSpec::default();
        let second: Vec<f32> = (0..16_000).map(|at| (at as f32 * 0.1).sin() * level).collect();
        let (length, parts) = collect(1000, |sink| {
            let mut cutter = Cutter::new(&spec, &Limits::default(), sink);
            for _ in 0..seconds {
                cutter.push(&second)?;
            }
            cutter.finish(keep_one)
        })
        .expect("cuts");
        (length, parts.iter().filter_map(|part| part.span?.time()).collect())
    }

    #[test]
    fn a_long_sound_is_cut_the_same_over_blocks() {
        let (length, found) = spans(700, 0.3, true);
        assert_eq!(length, 700_000);
        assert_eq!(found.first(), Some(&(0, 5_000)));
        assert_eq!(found.last(), Some(&(695_000, 700_000)));
        assert!(found.windows(2).all(|pair| pair[1].0 - pair[0].0 <= 2_500), "no hole");
        assert_eq!(found.len(), 279);
    }

    #[test]
    fn a_short_sound_is_one_part() {
        assert_eq!(spans(4, 0.3, true), (4_000, vec![(0, 4_000)]));
        assert_eq!(spans(5, 0.3, false), (5_000, vec![(0, 5_000)]));
    }

    #[test]
    fn silence_keeps_one_window_only_if_asked() {
        assert_eq!(spans(20, 0.0, true), (20_000, vec![(0, 5_000)]));
        assert_eq!(spans(20, 0.0, false), (20_000, vec![]));
        assert_eq!(spans(0, 0.0, true), (0, vec![]));
    }
}
