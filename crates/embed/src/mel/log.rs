//! Samples to log-mels, as YAMNet takes them.

use std::sync::Arc;

use realfft::{RealFftPlanner, RealToComplex};

use super::band::Band;
use crate::EmbedError;

/// Constants of a log-mel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LogMelSpec {
    /// Samples a second.
    pub sample_rate_hz: u32,
    /// Samples of a frame.
    pub frame: usize,
    /// Samples from one frame to the next.
    pub hop: usize,
    /// Length of the Fourier transform; frames are padded to it by zeros.
    pub fft: usize,
    /// Mel bands.
    pub mels: usize,
    /// Lower edge of the lowest band.
    pub min_hz: f32,
    /// Upper edge of the highest band.
    pub max_hz: f32,
    /// Added before the logarithm.
    pub offset: f32,
    /// Frame counts are multiples of this.
    pub multiple: usize,
    /// Fewest frames; shorter clips are padded by silence.
    pub min_frames: usize,
    /// Most frames; longer clips are cut.
    pub max_frames: usize,
}

impl LogMelSpec {
    /// Whether the constants fit together.
    pub(crate) fn is_audio(&self) -> bool {
        let lengths = [self.frame, self.hop, self.mels, self.multiple, self.min_frames];
        let whole = self.min_frames.is_multiple_of(self.multiple.max(1))
            && self.max_frames.is_multiple_of(self.multiple.max(1));
        lengths.into_iter().all(|length| length > 0)
            && whole
            && self.frame <= self.fft
            && self.fft.is_multiple_of(2)
            && self.min_frames <= self.max_frames
            && self.sample_rate_hz > 0
            && 0.0 <= self.min_hz
            && self.min_hz < self.max_hz
            && self.offset > 0.0
    }
}

/// Computes log-mels: magnitudes of Hann-windowed frames, summed in triangles on the mel scale.
///
/// # Source
/// tensorflow/models `research/audioset/yamnet/features.py`; the triangles as in `tf.signal.linear_to_mel_weight_matrix`
/// (HTK mel scale, no normalization, no weight for the bin at 0 Hz).
#[derive(Clone)]
pub struct LogMel {
    spec: LogMelSpec,
    window: Vec<f32>,
    bands: Vec<Band<f32>>,
    transform: Arc<dyn RealToComplex<f64>>,
}

impl std::fmt::Debug for LogMel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LogMel").field("spec", &self.spec).finish_non_exhaustive()
    }
}

impl LogMel {
    /// Prepares window, bands and transform.
    #[expect(clippy::cast_possible_truncation, reason = "computed in f64, kept in f32")]
    pub fn new(spec: LogMelSpec) -> Self {
        let window = (0..spec.frame)
            .map(|i| (0.5 - 0.5 * (std::f64::consts::TAU * i as f64 / spec.frame as f64).cos()) as f32)
            .collect();
        let transform = RealFftPlanner::new().plan_fft_forward(spec.fft);
        Self { spec, window, bands: bands(&spec), transform }
    }

    /// The constants.
    pub fn spec(&self) -> &LogMelSpec {
        &self.spec
    }

    /// Frames of an audio clip after padding and cutting.
    pub fn frame_count(&self, samples: usize) -> usize {
        let spec = &self.spec;
        let frames = if samples < spec.frame { 0 } else { (samples - spec.frame) / spec.hop + 1 };
        frames.next_multiple_of(spec.multiple).clamp(spec.min_frames, spec.max_frames)
    }

    /// The log-mel of an audio clip.
    ///
    /// # Shapes
    /// samples -> (frames, mels)
    ///
    /// The transform runs in f64: in f32 a loud tone would leave a floor of noise in the quiet bands that is of the size of
    /// the offset, and the logarithm would show it.
    ///
    /// # Errors
    /// [`EmbedError::Compute`] if the transform refuses, which it never should.
    #[expect(clippy::cast_possible_truncation, reason = "computed in f64, kept in f32")]
    pub fn compute(&self, samples: &[f32]) -> Result<Vec<f32>, EmbedError> {
        let spec = &self.spec;
        let frames = self.frame_count(samples.len());
        let mut out = Vec::with_capacity(frames * spec.mels);
        let mut frame = self.transform.make_input_vec();
        let mut spectrum = self.transform.make_output_vec();
        let mut scratch = self.transform.make_scratch_vec();
        let mut magnitudes = vec![0.0; spectrum.len()];
        for index in 0..frames {
            let from = samples.get(index * spec.hop..).unwrap_or_default();
            frame.fill(0.0);
            for ((to, sample), weight) in frame.iter_mut().zip(from).zip(&self.window) {
                *to = f64::from(sample * weight);
            }
            self.transform
                .process_with_scratch(&mut frame, &mut spectrum, &mut scratch)
                .map_err(|source| EmbedError::Compute { source: source.into() })?;
            for (magnitude, bin) in magnitudes.iter_mut().zip(&spectrum) {
                *magnitude = bin.norm() as f32;
            }
            out.extend(self.bands.iter().map(|band| (band.sum(&magnitudes) + spec.offset).ln()));
        }
        Ok(out)
    }
}

#[expect(clippy::cast_possible_truncation, reason = "computed in f64, kept in f32")]
fn bands(spec: &LogMelSpec) -> Vec<Band<f32>> {
    let mel = |hz: f64| 1127.0 * (1.0 + hz / 700.0).ln();
    let (low, high) = (mel(f64::from(spec.min_hz)), mel(f64::from(spec.max_hz)));
    let step = (high - low) / (spec.mels + 1) as f64;
    let bin_hz = f64::from(spec.sample_rate_hz) / spec.fft as f64;
    (0..spec.mels)
        .map(|band| {
            let lower = low + step * band as f64;
            let weight = |bin: usize| {
                let at = (mel(bin_hz * bin as f64) - lower) / step;
                at.min(2.0 - at) as f32
            };
            // The bin at 0 Hz counts nothing.
            Band::of(std::iter::once(0.0).chain((1..=spec.fft / 2).map(weight)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const YAMNET: LogMelSpec = LogMelSpec {
        sample_rate_hz: 16_000,
        frame: 400,
        hop: 160,
        fft: 512,
        mels: 64,
        min_hz: 125.0,
        max_hz: 7_500.0,
        offset: 0.001,
        multiple: 16,
        min_frames: 32,
        max_frames: 496,
    };

    #[test]
    fn frame_counts_are_padded_and_cut() {
        let mel = LogMel::new(YAMNET);
        for (samples, frames) in [(0, 32), (1, 32), (5_360, 32), (5_520, 48), (80_000, 496), (160_000, 496)] {
            assert_eq!(mel.frame_count(samples), frames, "{samples} samples");
        }
    }

    #[test]
    fn silence_is_the_logarithm_of_the_offset() {
        let mel = LogMel::new(YAMNET).compute(&[0.0; 100]).unwrap();
        assert_eq!(mel.len(), 32 * 64);
        assert!(mel.iter().all(|value| (value - 0.001f32.ln()).abs() < 1e-6));
    }

    #[test]
    fn a_tone_is_loudest_in_the_band_around_it() {
        let tone: Vec<f32> =
            (0..16_000).map(|i| (std::f32::consts::TAU * 1_000.0 * i as f32 / 16_000.0).sin()).collect();
        let mel = LogMel::new(YAMNET).compute(&tone).unwrap();
        let frame = &mel[10 * 64..11 * 64];
        let loudest = (0..64).max_by(|a, b| frame[*a].total_cmp(&frame[*b])).unwrap();
        // Centre of band b is low + step * (b + 1) on the mel scale.
        let scale = |hz: f32| 1127.0 * (1.0 + hz / 700.0).ln();
        let step = (scale(7_500.0) - scale(125.0)) / 65.0;
        let nearest = ((scale(1_000.0) - scale(125.0)) / step - 1.0).round();
        assert!((loudest as f32 - nearest).abs() <= 1.0, "band {loudest}, expected {nearest}");
    }
}
