//! Samples to decibels of mel bands, as CLAP takes them.

use std::sync::Arc;

use realfft::{RealFftPlanner, RealToComplex};
use serde::{Deserialize, Serialize};

use super::band::Band;
use crate::EmbedError;

/// Most samples of a clip, ten minutes at 48 kHz, and other sizes that are mistakes above.
const MAX_SAMPLES: usize = 600 * 48_000;
const MAX_FRAME: usize = 1 << 16;
const MAX_MELS: usize = 1 << 12;

/// How a short clip is filled up to the length that all clips have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Fill {
    /// By itself, as often as it fits wholly, then by silence.
    RepeatPad,
    /// By itself, the last time cut.
    Repeat,
    /// By silence.
    Silence,
}

/// Constants of a spectrogram in decibels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct PowerMelSpec {
    /// Samples a second.
    pub(crate) sample_rate_hz: u32,
    /// Samples of every clip: shorter ones are filled up, of longer ones the start is taken.
    pub(crate) samples: usize,
    pub(crate) fill: Fill,
    /// Samples of a frame, and length of the Fourier transform.
    pub(crate) frame: usize,
    /// Samples from one frame to the next.
    pub(crate) hop: usize,
    /// Mel bands.
    pub(crate) mels: usize,
    /// Lower edge of the lowest band.
    pub(crate) min_hz: f32,
    /// Upper edge of the highest band.
    pub(crate) max_hz: f32,
    /// Least power of a band.
    pub(crate) floor: f32,
}

impl PowerMelSpec {
    /// What the public models have.
    #[cfg(test)]
    pub(crate) const CLAP: Self = Self {
        sample_rate_hz: 48_000,
        samples: 480_000,
        fill: Fill::RepeatPad,
        frame: 1024,
        hop: 480,
        mels: 64,
        min_hz: 50.0,
        max_hz: 14_000.0,
        floor: 1e-10,
    };

    /// Whether the constants fit together.
    pub(crate) fn is_audio(&self) -> bool {
        let sizes = [(self.samples, MAX_SAMPLES), (self.frame, MAX_FRAME), (self.mels, MAX_MELS)];
        sizes.into_iter().all(|(size, most)| size <= most)
            && self.sample_rate_hz > 0
            && self.hop > 0
            && self.mels > 0
            && self.frame > 1
            && self.frame.is_multiple_of(2)
            // The ends are mirrored by half of a frame.
            && self.samples > self.frame / 2
            && 0.0 <= self.min_hz
            && self.min_hz < self.max_hz
            && f64::from(self.max_hz) <= f64::from(self.sample_rate_hz) / 2.0
            && self.floor > 0.0
            && self.floor.is_finite()
    }

    /// Frames of every clip.
    pub(crate) const fn frames(&self) -> usize {
        self.samples / self.hop + 1
    }
}

/// Computes powers of Hann-windowed frames, each around its moment, summed in triangles of equal area on Slaney's mel scale, in
/// decibels.
///
/// # Source
/// transformers `models/clap/feature_extraction_clap.py` and `audio_utils.py`, as they do for `truncation = "rand_trunc"`;
/// the triangles are those of `librosa.filters.mel`
#[derive(Clone)]
pub(crate) struct PowerMel {
    spec: PowerMelSpec,
    window: Vec<f64>,
    bands: Vec<Band<f64>>,
    transform: Arc<dyn RealToComplex<f64>>,
}

impl std::fmt::Debug for PowerMel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PowerMel").field("spec", &self.spec).finish_non_exhaustive()
    }
}

impl PowerMel {
    /// Prepares window, bands and transform.
    pub(crate) fn new(spec: PowerMelSpec) -> Self {
        let turn = std::f64::consts::TAU / spec.frame as f64;
        let window = (0..spec.frame).map(|at| 0.5 - 0.5 * (turn * at as f64).cos()).collect();
        let transform = RealFftPlanner::new().plan_fft_forward(spec.frame);
        Self { spec, window, bands: bands(&spec), transform }
    }

    /// The spectrogram of an audio clip.
    ///
    /// # Shapes
    /// at least one sample -> (frames, mels)
    ///
    /// # Errors
    /// [`EmbedError::Compute`] if the transform refuses, which it never should.
    #[expect(clippy::cast_possible_truncation, reason = "computed in f64, kept in f32")]
    pub(crate) fn compute(&self, samples: &[f32]) -> Result<Vec<f32>, EmbedError> {
        let spec = &self.spec;
        let floor = f64::from(spec.floor);
        let mirrored = mirrored(&filled(samples, spec), spec.frame / 2);
        let mut out = Vec::with_capacity(spec.frames() * spec.mels);
        let mut frame = self.transform.make_input_vec();
        let mut spectrum = self.transform.make_output_vec();
        let mut scratch = self.transform.make_scratch_vec();
        let mut powers = vec![0.0; spectrum.len()];
        for samples in mirrored.windows(spec.frame).step_by(spec.hop) {
            for ((to, sample), weight) in frame.iter_mut().zip(samples).zip(&self.window) {
                *to = f64::from(*sample) * weight;
            }
            self.transform
                .process_with_scratch(&mut frame, &mut spectrum, &mut scratch)
                .map_err(|source| EmbedError::Compute { source: source.into() })?;
            for (power, bin) in powers.iter_mut().zip(&spectrum) {
                *power = bin.norm_sqr();
            }
            out.extend(self.bands.iter().map(|band| (10.0 * band.sum(&powers).max(floor).log10()) as f32));
        }
        Ok(out)
    }
}

/// A clip of the length that all have.
fn filled(samples: &[f32], spec: &PowerMelSpec) -> Vec<f32> {
    let mut out = Vec::with_capacity(spec.samples);
    let taken = samples.get(..spec.samples).unwrap_or(samples);
    let times = match spec.fill {
        Fill::RepeatPad => spec.samples / taken.len().max(1),
        Fill::Repeat => spec.samples.div_ceil(taken.len().max(1)),
        Fill::Silence => 1,
    };
    out.extend(taken.iter().cycle().take(times.saturating_mul(taken.len()).min(spec.samples)));
    out.resize(spec.samples, 0.0);
    out
}

/// The same with `by` samples before and behind it, which mirror what lies within.
fn mirrored(samples: &[f32], by: usize) -> Vec<f32> {
    let before = samples.iter().skip(1).take(by).rev();
    let behind = samples.iter().rev().skip(1).take(by);
    before.chain(samples).chain(behind).copied().collect()
}

/// Triangles over the bins of the transform, each of the area 2 over its width in Hz.
fn bands(spec: &PowerMelSpec) -> Vec<Band<f64>> {
    let (low, high) = (mels_of(f64::from(spec.min_hz)), mels_of(f64::from(spec.max_hz)));
    let step = (high - low) / (spec.mels + 1) as f64;
    let edge = |number: usize| hz_of(low + step * number as f64);
    let bin_hz = f64::from(spec.sample_rate_hz) / spec.frame as f64;
    (0..spec.mels)
        .map(|band| {
            let (lower, middle, upper) = (edge(band), edge(band + 1), edge(band + 2));
            Band::of((0..=spec.frame / 2).map(|bin| {
                let hz = bin_hz * bin as f64;
                let rising = (hz - lower) / (middle - lower);
                let falling = (upper - hz) / (upper - middle);
                rising.min(falling).max(0.0) * 2.0 / (upper - lower)
            }))
        })
        .collect()
}

/// Where Slaney's scale turns from straight to logarithmic.
const TURN_HZ: f64 = 1_000.0;
const TURN_MELS: f64 = 15.0;
/// Below it.
const HZ_OF_A_MEL: f64 = 200.0 / 3.0;
/// Above it, so many mels make the frequency 6.4 times as high.
const MELS_OF_A_STEP: f64 = 27.0;
const STEP: f64 = 6.4;

/// Hz on Slaney's mel scale.
///
/// # Source
/// M. Slaney, Auditory Toolbox (1998), `mfcc.m`
fn mels_of(hz: f64) -> f64 {
    if hz < TURN_HZ { hz / HZ_OF_A_MEL } else { TURN_MELS + (hz / TURN_HZ).ln() * MELS_OF_A_STEP / STEP.ln() }
}

/// Back.
fn hz_of(mels: f64) -> f64 {
    if mels < TURN_MELS {
        mels * HZ_OF_A_MEL
    } else {
        TURN_HZ * (STEP.ln() / MELS_OF_A_STEP * (mels - TURN_MELS)).exp()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLAP: PowerMelSpec = PowerMelSpec::CLAP;

    #[test]
    fn short_clips_are_filled_up_and_long_ones_cut() {
        let small = |fill| PowerMelSpec { samples: 8, fill, frame: 4, hop: 2, ..CLAP };
        let clip = [1.0, 2.0, 3.0];
        assert_eq!(filled(&clip, &small(Fill::RepeatPad)), [1.0, 2.0, 3.0, 1.0, 2.0, 3.0, 0.0, 0.0]);
        assert_eq!(filled(&clip, &small(Fill::Repeat)), [1.0, 2.0, 3.0, 1.0, 2.0, 3.0, 1.0, 2.0]);
        assert_eq!(filled(&clip, &small(Fill::Silence)), [1.0, 2.0, 3.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
        let long: Vec<f32> = (0..20u8).map(f32::from).collect();
        for fill in [Fill::RepeatPad, Fill::Repeat, Fill::Silence] {
            assert_eq!(filled(&long, &small(fill)), long[..8]);
            assert_eq!(filled(&long[..8], &small(fill)), long[..8]);
        }
        assert_eq!(mirrored(&clip, 2), [3.0, 2.0, 1.0, 2.0, 3.0, 2.0, 1.0]);
    }

    #[test]
    fn silence_is_the_floor_and_there_is_a_frame_at_each_end() {
        let mel = PowerMel::new(CLAP).compute(&[0.0; 100]).unwrap();
        assert_eq!(mel.len(), 1_001 * 64);
        assert!(mel.iter().all(|value| (value + 100.0).abs() < 1e-4));
    }

    #[test]
    fn a_tone_is_loudest_in_the_band_around_it() {
        let tone: Vec<f32> =
            (0..48_000).map(|i| (std::f32::consts::TAU * 3_000.0 * i as f32 / 48_000.0).sin()).collect();
        let mel = PowerMel::new(CLAP).compute(&tone).unwrap();
        let frame = &mel[50 * 64..51 * 64];
        let loudest = (0..64).max_by(|a, b| frame[*a].total_cmp(&frame[*b])).unwrap();
        let (low, high) = (mels_of(50.0), mels_of(14_000.0));
        let nearest = ((mels_of(3_000.0) - low) / (high - low) * 65.0 - 1.0).round();
        assert!((loudest as f64 - nearest).abs() <= 1.0, "band {loudest}, expected {nearest}");
        for mels in [0.0, 7.5, 15.0, 20.0, 60.0] {
            assert!((mels_of(hz_of(mels)) - mels).abs() < 1e-9);
        }
    }

    #[test]
    fn constants_that_cannot_be_are_told() {
        assert!(CLAP.is_audio());
        for broken in [
            PowerMelSpec { samples: 512, ..CLAP },
            PowerMelSpec { frame: 1023, ..CLAP },
            PowerMelSpec { hop: 0, ..CLAP },
            PowerMelSpec { samples: usize::MAX, ..CLAP },
            PowerMelSpec { max_hz: 25_000.0, ..CLAP },
            PowerMelSpec { min_hz: 14_000.0, ..CLAP },
            PowerMelSpec { floor: f32::NAN, ..CLAP },
        ] {
            assert!(!broken.is_audio(), "{broken:?}");
        }
    }
}
