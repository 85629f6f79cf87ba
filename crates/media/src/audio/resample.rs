//! Any sample rate to the tower's, by rubato's FFT resampler, block by block so that memory stays bounded.

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Resampler};
use sensorium_types::{FailureReason, ReasonKind};

use crate::reason;

/// Samples of one resampled block: half a minute at 48 kHz.
const BLOCK: usize = 1_440_000;
const CHUNK: usize = 1024;
/// Rates that a sound may claim.
const RATES: std::ops::RangeInclusive<u32> = 1_000..=768_000;

/// Collects mono samples of one rate and gives them at another.
pub(super) struct Resample {
    from: u32,
    to: u32,
    waiting: Vec<f32>,
    done: Vec<f32>,
}

impl Resample {
    pub(super) fn new(from: u32, to: u32) -> Result<Self, FailureReason> {
        if !RATES.contains(&from) {
            return Err(reason(ReasonKind::Corrupt, format!("a sample rate of {from} Hz")));
        }
        Ok(Self { from, to, waiting: Vec::new(), done: Vec::new() })
    }

    /// Seconds collected so far.
    pub(super) fn seconds(&self) -> u64 {
        self.done.len() as u64 / u64::from(self.to.max(1)) + self.waiting.len() as u64 / u64::from(self.from.max(1))
    }

    pub(super) fn push(&mut self, sample: f32) -> Result<(), FailureReason> {
        self.waiting.push(if sample.is_finite() { sample.clamp(-1.0, 1.0) } else { 0.0 });
        if self.waiting.len() >= BLOCK { self.flush() } else { Ok(()) }
    }

    pub(super) fn finish(mut self) -> Result<Vec<f32>, FailureReason> {
        self.flush()?;
        Ok(self.done)
    }

    fn flush(&mut self) -> Result<(), FailureReason> {
        let block = std::mem::take(&mut self.waiting);
        if self.from == self.to {
            self.done.extend_from_slice(&block);
            return Ok(());
        }
        if block.is_empty() {
            return Ok(());
        }
        let wrong = |what: String| reason(ReasonKind::Corrupt, format!("cannot be resampled: {what}"));
        let (from, to) = (self.from as usize, self.to as usize);
        let mut fft = Fft::<f32>::new(from, to, CHUNK, 1, FixedSync::Input).map_err(|e| wrong(e.to_string()))?;
        let input = InterleavedSlice::new(&block, 1, block.len()).map_err(|e| wrong(e.to_string()))?;
        let output = fft.process_all(&input, block.len(), None).map_err(|e| wrong(e.to_string()))?;
        self.done.extend_from_slice(&output.take_data());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_keeps_its_pitch_and_length() {
        let mut resample = Resample::new(48_000, 16_000).expect("a rate");
        for at in 0..48_000_u32 {
            let phase = f64::from(at) / 48_000.0 * 440.0 * std::f64::consts::TAU;
            resample.push(phase.sin() as f32 * 0.5).expect("fits");
        }
        let samples = resample.finish().expect("resamples");
        assert!(samples.len().abs_diff(16_000) <= 2, "{}", samples.len());
        let crossings = samples.windows(2).filter(|pair| pair[0] < 0.0 && pair[1] >= 0.0).count();
        assert!(crossings.abs_diff(440) <= 2, "{crossings} periods in a second");
    }

    #[test]
    fn absurd_rates_are_refused() {
        assert!(Resample::new(0, 16_000).is_err());
        assert!(Resample::new(u32::MAX, 16_000).is_err());
    }
}
