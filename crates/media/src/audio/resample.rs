//! Any sample rate to the encoder's, by rubato's FFT resampler, as a stream.

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Indexing, Resampler};
use sensorium_types::{FailureReason, ReasonKind};

use crate::reason;

/// Samples that are resampled together, about; rubato rounds it to what the two rates need.
const CHUNK: usize = 1024;
/// Rates that an audio clip may claim, whoever decodes it.
const RATES: std::ops::RangeInclusive<u32> = 1_000..=768_000;

/// Refuses a rate that nothing was ever recorded at.
pub(super) fn check_rate(rate_hz: u32) -> Result<(), FailureReason> {
    if RATES.contains(&rate_hz) {
        Ok(())
    } else {
        Err(reason(ReasonKind::Corrupt, format!("a sample rate of {rate_hz} Hz")))
    }
}

/// Turns mono samples of one rate into another's.
pub(super) struct Resample {
    from: u64,
    to: u64,
    /// `None` where the rates are equal.
    fft: Option<Fft<f32>>,
    waiting: Vec<f32>,
    block: Vec<f32>,
    /// Samples at the start that are the resampler's own delay.
    skip: usize,
    taken: u64,
    given: u64,
}

impl Resample {
    pub(super) fn new(from: u32, to: u32) -> Result<Self, FailureReason> {
        check_rate(from)?;
        check_rate(to)?;
        let fft = if from == to {
            None
        } else {
            let fft = Fft::<f32>::new(from as usize, to as usize, CHUNK, 1, FixedSync::Input);
            Some(fft.map_err(|error| wrong(&error))?)
        };
        let (skip, most) = fft.as_ref().map_or((0, 0), |fft| (fft.output_delay(), fft.output_frames_max()));
        let (from, to) = (u64::from(from), u64::from(to));
        Ok(Self { from, to, fft, waiting: Vec::new(), block: vec![0.0; most], skip, taken: 0, given: 0 })
    }

    /// Takes samples and appends what is ready.
    pub(super) fn push(&mut self, samples: &[f32], out: &mut Vec<f32>) -> Result<(), FailureReason> {
        let sane =
            samples.iter().map(|sample| if sample.is_finite() { sample.clamp(-1.0, 1.0) } else { 0.0 });
        self.taken += samples.len() as u64;
        if self.fft.is_none() {
            self.given += samples.len() as u64;
            out.extend(sane);
            return Ok(());
        }
        self.waiting.extend(sane);
        let mut used = 0;
        while let Some(count) = self.step(used, None, out)? {
            used += count;
        }
        self.waiting.drain(..used);
        Ok(())
    }

    /// Appends the rest.
    pub(super) fn finish(mut self, out: &mut Vec<f32>) -> Result<(), FailureReason> {
        let wanted = (self.taken * self.to).div_ceil(self.from);
        let mut left = Some(self.waiting.len());
        // The resampler's delay holds back samples: silence pushes them out.
        while self.given < wanted && self.fft.is_some() {
            self.step(0, Some(left.take().unwrap_or(0)), out)?;
        }
        let surplus = usize::try_from(self.given.saturating_sub(wanted)).unwrap_or(0);
        out.truncate(out.len().saturating_sub(surplus));
        Ok(())
    }

    /// Resamples one chunk from `waiting[used..]`; with `partial`, that many samples followed by silence. `None` if
    /// there are too few.
    fn step(
        &mut self,
        used: usize,
        partial: Option<usize>,
        out: &mut Vec<f32>,
    ) -> Result<Option<usize>, FailureReason> {
        let Some(fft) = self.fft.as_mut() else { return Ok(None) };
        let input = self.waiting.get(used..).unwrap_or_default();
        if partial.is_none() && input.len() < fft.input_frames_next() {
            return Ok(None);
        }
        let indexing = partial.map(|count| Indexing::new().partial_len(count.min(input.len())));
        let from = InterleavedSlice::new(input, 1, input.len()).map_err(|error| wrong(&error))?;
        let room = self.block.len();
        let mut to = InterleavedSlice::new_mut(&mut self.block, 1, room).map_err(|error| wrong(&error))?;
        let (read, written) =
            fft.process_into_buffer(&from, &mut to, indexing.as_ref()).map_err(|error| wrong(&error))?;
        let skipped = self.skip.min(written);
        self.skip -= skipped;
        let fresh = self.block.get(skipped..written).unwrap_or_default();
        self.given += fresh.len() as u64;
        out.extend_from_slice(fresh);
        Ok(Some(read))
    }
}

fn wrong(error: &impl std::fmt::Display) -> FailureReason {
    reason(ReasonKind::Corrupt, format!("cannot be resampled: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resampled(from: u32, piece: usize) -> Vec<f32> {
        let tone: Vec<f32> = (0..from)
            .map(|at| (at as f32 / from as f32 * 440.0 * std::f32::consts::TAU).sin() / 2.0)
            .collect();
        let mut resample = Resample::new(from, 16_000).expect("a rate");
        let mut out = Vec::new();
        for piece in tone.chunks(piece) {
            resample.push(piece, &mut out).expect("resamples");
        }
        resample.finish(&mut out).expect("resamples");
        out
    }

    #[test]
    fn a_tone_keeps_its_pitch_phase_and_length() {
        for from in [8_000, 16_000, 22_050, 44_100, 48_000] {
            let samples = resampled(from, 1000);
            assert_eq!(samples.len(), 16_000, "{from}");
            let worst = (200..15_800)
                .map(|at| {
                    ((at as f32 / 16_000.0 * 440.0 * std::f32::consts::TAU).sin() / 2.0 - samples[at]).abs()
                })
                .fold(0.0, f32::max);
            // Half a sample of phase is what rubato rounds its delay to.
            assert!(worst < 0.05, "{from}: {worst}");
        }
    }

    #[test]
    fn pieces_do_not_matter() {
        assert_eq!(resampled(44_100, 44_100), resampled(44_100, 77));
    }

    #[test]
    fn absurd_rates_are_refused() {
        assert!(Resample::new(0, 16_000).is_err());
        assert!(Resample::new(u32::MAX, 16_000).is_err());
    }
}
