//! Samples as they stream by, to audio parts.

use std::ops::Range;
use std::time::Instant;

use sensorium_types::{FailureReason, Span, Track};

use super::cut::{samples_of, windows};
use crate::sink::Sink;
use crate::thumb::waveform;
use crate::{EncoderSpec, Limits, PartContent};

/// Seconds that are cut together; an audio clip that goes on is looked at again with what follows.
const BLOCK_SECONDS: u64 = 300;

/// Collects mono samples at the encoder's rate and puts out windows.
pub(crate) struct Cutter<'a, 'b> {
    spec: &'a EncoderSpec,
    sink: &'a mut Sink<'b>,
    /// Samples that are not cut yet.
    pending: Vec<f32>,
    /// Where they begin, in samples of the timeline.
    before: u64,
    /// Samples that were pushed.
    heard: u64,
    /// The first window and where it begins, kept for an audio clip that is silent throughout.
    first: Vec<f32>,
    first_at: u64,
    most: u64,
}

impl<'a, 'b> Cutter<'a, 'b> {
    pub(crate) fn new(spec: &'a EncoderSpec, limits: &Limits, sink: &'a mut Sink<'b>) -> Self {
        let most = limits.max_media_seconds.saturating_mul(u64::from(spec.sample_rate_hz));
        Self { spec, sink, pending: Vec::new(), before: 0, heard: 0, first: Vec::new(), first_at: 0, most }
    }

    /// Samples that were pushed so far, without the holes between them.
    pub(crate) fn heard(&self) -> u64 {
        self.heard
    }

    /// Where the next sample lies, in samples of the timeline.
    fn position(&self) -> u64 {
        self.before + self.pending.len() as u64
    }

    /// Milliseconds of the timeline so far.
    pub(crate) fn milliseconds(&self) -> u64 {
        self.position().saturating_mul(1000) / u64::from(self.spec.sample_rate_hz.max(1))
    }

    /// Whether no more is cut.
    pub(crate) fn is_full(&self) -> bool {
        self.position() >= self.most || self.sink.is_full(Track::Audio)
    }

    /// When the decoder is to stop of itself, if no sample comes.
    pub(crate) fn until(&self) -> Instant {
        self.sink.until()
    }

    /// Goes on at this sample of the timeline, if that lies ahead. A hole that fits into a window is silence; a longer one
    /// ends what was before it, and costs nothing.
    pub(crate) fn skip_to(&mut self, position: u64) -> Result<(), FailureReason> {
        let hole = position.saturating_sub(self.position());
        let window = samples_of(self.spec.audio.window_ms, self.spec.sample_rate_hz);
        match usize::try_from(hole) {
            Ok(hole) if hole <= window => self.pending.resize(self.pending.len() + hole, 0.0),
            Ok(_) | Err(_) => {
                self.cut(true)?;
                self.pending.clear();
                self.before = position;
            }
        }
        Ok(())
    }

    /// Takes samples.
    pub(crate) fn push(&mut self, samples: &[f32]) -> Result<(), FailureReason> {
        if self.heard == 0 {
            self.first_at = self.position();
        }
        self.heard += samples.len() as u64;
        let room =
            samples_of(self.spec.audio.window_ms, self.spec.sample_rate_hz).saturating_sub(self.first.len());
        self.first.extend(samples.iter().take(room));
        self.pending.extend_from_slice(samples);
        let block = samples_of(BLOCK_SECONDS * 1000, self.spec.sample_rate_hz);
        if self.pending.len() >= block {
            self.cut(false)?;
        }
        if samples.is_empty() { Ok(()) } else { self.sink.goes_on() }
    }

    /// Puts out the rest. With `keep_one`, an audio clip that is silent throughout keeps its first window. Gives its
    /// length in milliseconds.
    pub(crate) fn finish(mut self, keep_one: bool) -> Result<u64, FailureReason> {
        self.cut(true)?;
        let length = self.milliseconds();
        if keep_one && self.sink.count(Track::Audio) == 0 && !self.first.is_empty() {
            self.before = self.first_at;
            self.pending = std::mem::take(&mut self.first);
            self.put(0..self.pending.len())?;
        }
        Ok(length)
    }

    fn cut(&mut self, last: bool) -> Result<(), FailureReason> {
        let (mut found, rest) = windows(&self.pending, self.spec.sample_rate_hz, &self.spec.audio, last);
        let window = samples_of(self.spec.audio.window_ms, self.spec.sample_rate_hz);
        if last && self.before == 0 && self.pending.len() <= window && !found.is_empty() {
            // Short audio is one part, with the silence in it, as the encoders learnt it.
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
        let spec = EncoderSpec::default();
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
    fn long_audio_is_cut_the_same_over_blocks() {
        let (length, found) = spans(700, 0.3, true);
        assert_eq!(length, 700_000);
        assert_eq!(found.first(), Some(&(0, 5_000)));
        assert_eq!(found.last(), Some(&(695_000, 700_000)));
        assert!(found.windows(2).all(|pair| pair[1].0 - pair[0].0 <= 2_500), "no hole");
        assert_eq!(found.len(), 279);
    }

    #[test]
    fn short_audio_is_one_part() {
        assert_eq!(spans(4, 0.3, true), (4_000, vec![(0, 4_000)]));
        assert_eq!(spans(5, 0.3, false), (5_000, vec![(0, 5_000)]));
    }

    #[test]
    fn silence_keeps_one_window_only_if_asked() {
        assert_eq!(spans(20, 0.0, true), (20_000, vec![(0, 5_000)]));
        assert_eq!(spans(20, 0.0, false), (20_000, vec![]));
        assert_eq!(spans(0, 0.0, true), (0, vec![]));
    }

    #[test]
    fn a_hole_keeps_its_place_and_costs_nothing() {
        let spec = EncoderSpec::default();
        let second: Vec<f32> = (0..16_000).map(|at| (at as f32 * 0.1).sin() * 0.3).collect();
        let spans_at = |starts: &[u64], keep_one: bool, level: f32| {
            let loud: Vec<f32> = second.iter().map(|sample| sample * level).collect();
            collect(1000, |sink| {
                let mut cutter = Cutter::new(&spec, &Limits::default(), sink);
                for start in starts {
                    cutter.skip_to(start * 16_000)?;
                    cutter.push(&loud)?;
                    assert!(cutter.pending.len() <= 20 * 16_000, "holes take no memory");
                }
                cutter.finish(keep_one)
            })
            .map(|(length, parts)| (length, parts.iter().filter_map(|part| part.span?.time()).collect()))
            .expect("cuts")
        };
        assert_eq!(spans_at(&[6, 7], false, 1.0), (8_000, vec![(6_000, 8_000)]));
        assert_eq!(spans_at(&[3], false, 1.0), (4_000, vec![(0, 4_000)]), "short audio is one part");
        assert_eq!(
            spans_at(&[0, 7_200, 7_206], false, 1.0),
            (7_207_000, vec![(0, 1_000), (7_200_000, 7_201_000), (7_206_000, 7_207_000)])
        );
        assert_eq!(spans_at(&[0, 20_000], false, 1.0).0, 20_001_000);
        assert_eq!(spans_at(&[60], true, 0.0), (61_000, vec![(60_000, 61_000)]), "silence keeps its place");
    }
}
