//! Whether captions find what they describe, and how the cosines of random pairs lie.

use sensorium_embed::{Bundle, Image, Input, Priority};
use sensorium_media::{Cancel, MediaInput, PartContent};
use sensorium_types::{Calibration, Content, FailureReason, Modality, ReasonKind};

use super::error::ModelsError;
use super::ranks::Ranks;
use super::samples::{IMAGES, SOUNDS, Sample};
use crate::Decode;

/// A deviation below this is that of numbers which do not differ.
const MIN_DEVIATION: f32 = 1e-6;
/// Of a sound that a self-test keeps, so much is enough: a second of 48 kHz.
const MAX_KEPT_SAMPLES: usize = 48_000;

/// The samples as vectors.
#[derive(Debug)]
pub(super) struct Seen {
    /// What was looked at, or listened to.
    pub(super) content: Content,
    /// The first of them, as the encoder takes it.
    pub(super) first: Input,
    samples: Vec<Vec<f32>>,
    /// Two for each sample, those of one beside one another.
    captions: Vec<Vec<f32>>,
}

/// The samples that a bundle is tried on: images, and sounds where it encodes none.
pub(super) fn samples_of(bundle: &Bundle) -> (Content, &'static [Sample]) {
    if bundle.encodes(Modality::Image) { (Content::Image, &IMAGES) } else { (Content::Audio, &SOUNDS) }
}

/// Looks at the samples, or listens to them, as `index` would: by a worker that decodes, as the bundle wants it.
pub(super) fn see(bundle: &Bundle, decode: &dyn Decode) -> Result<Seen, ModelsError> {
    let (content, samples) = samples_of(bundle);
    let inputs = samples.iter().map(|sample| decoded(sample, decode)).collect::<Result<Vec<_>, _>>()?;
    let captions = samples.iter().flat_map(|sample| sample.captions);
    let texts: Vec<Input> = captions.map(|text| Input::Text(text.to_owned())).collect();
    let embed = |inputs: &[Input]| bundle.embed(inputs).map_err(|error| ModelsError::Decoding(error.into()));
    let (samples, captions) = (embed(&inputs)?, embed(&texts)?);
    let first = match inputs.into_iter().next() {
        Some(Input::Audio(mut sound)) => {
            sound.truncate(MAX_KEPT_SAMPLES);
            Input::Audio(sound)
        }
        Some(other) => other,
        None => Input::Frames(Vec::new()),
    };
    Ok(Seen { content, first, samples, captions })
}

/// An image, or the longest part of a sound.
fn decoded(sample: &Sample, decode: &dyn Decode) -> Result<Input, ModelsError> {
    let mut found: Option<Input> = None;
    let mut on_part = |part: sensorium_media::Part| {
        match (part.content, &found) {
            (PartContent::Frames(images), _) => {
                let images = images.into_iter().take(1);
                let images =
                    images.map(|rgb| Image { width: rgb.width, height: rgb.height, pixels: rgb.pixels });
                found = Some(Input::Frames(images.collect()));
            }
            (PartContent::Pcm(sound), Some(Input::Audio(longest))) if sound.len() <= longest.len() => {}
            (PartContent::Pcm(sound), _) => found = Some(Input::Audio(sound)),
            (PartContent::Text(_), _) => {}
        }
        Ok(())
    };
    let input = MediaInput::Bytes(sample.bytes.into());
    decode
        .decode_each(input, Priority::Query, &Cancel::new(), &mut on_part)?
        .map_err(|reason| ModelsError::Sample { reason })?;
    let nothing = || FailureReason::new(ReasonKind::Corrupt, "nothing came of it");
    found.ok_or_else(|| ModelsError::Sample { reason: nothing() })
}

impl Seen {
    /// Asks for each sample by its first caption, and for each first caption by its sample.
    pub(super) fn ranks(&self) -> Ranks {
        let firsts: Vec<&Vec<f32>> = self.captions.iter().step_by(2).collect();
        let nearest = |asked: &[f32], among: &mut dyn Iterator<Item = &Vec<f32>>| {
            among
                .map(|vector| cosine(asked, vector))
                .enumerate()
                .max_by(|a, b| a.1.total_cmp(&b.1))
                .map(|best| best.0)
        };
        let found = firsts
            .iter()
            .enumerate()
            .filter(|(own, text)| nearest(text, &mut self.samples.iter()) == Some(*own))
            .count();
        let named = self
            .samples
            .iter()
            .enumerate()
            .filter(|(own, sample)| nearest(sample, &mut firsts.iter().copied()) == Some(*own))
            .count();
        Ranks { hits: found + named, of: firsts.len() + self.samples.len() }
    }

    /// Mean and deviation of the cosine of pairs that do not belong together.
    pub(super) fn calibration(&self) -> Vec<(Content, Content, Calibration)> {
        let texts: Vec<(usize, &Vec<f32>)> =
            self.captions.iter().enumerate().map(|(at, vector)| (at / 2, vector)).collect();
        let samples: Vec<(usize, &Vec<f32>)> = self.samples.iter().enumerate().collect();
        let (content, across) = (self.content, spread(&texts, &samples));
        [
            (Content::Text, content, across),
            (Content::Text, Content::Text, spread(&texts, &texts)),
            (content, content, spread(&samples, &samples)),
            (content, Content::Text, across),
        ]
        .to_vec()
    }
}

/// Of the pairs whose numbers differ.
#[expect(clippy::cast_possible_truncation, reason = "rounded to the nearest")]
fn spread(left: &[(usize, &Vec<f32>)], right: &[(usize, &Vec<f32>)]) -> Calibration {
    let cosines: Vec<f64> = left
        .iter()
        .flat_map(|(own, vector)| {
            right
                .iter()
                .filter(move |(other, _)| other != own)
                .map(move |(_, other)| f64::from(cosine(vector, other)))
        })
        .collect();
    let count = cosines.len().max(1) as f64;
    let mean = cosines.iter().sum::<f64>() / count;
    let variance = cosines.iter().map(|cosine| (cosine - mean).powi(2)).sum::<f64>() / count;
    Calibration { mean: mean as f32, deviation: (variance.sqrt() as f32).max(MIN_DEVIATION) }
}

/// Of unit vectors.
fn cosine(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Unit vectors of which those of one sample lie near one another.
    fn seen(turn: usize) -> Seen {
        let count = IMAGES.len();
        let axis = |at: usize| -> Vec<f32> {
            (0..count).map(|axis| f32::from(u8::from(axis == at % count))).collect()
        };
        Seen {
            content: Content::Image,
            first: Input::Frames(Vec::new()),
            samples: (0..count).map(axis).collect(),
            captions: (0..2 * count).map(|at| axis(at / 2 + turn)).collect(),
        }
    }

    #[test]
    fn captions_that_find_their_samples_are_told_from_those_that_do_not() {
        let right = seen(0).ranks();
        assert_eq!((right.hits, right.of, right.is_better_than_chance()), (24, 24, true));
        let wrong = seen(1).ranks();
        assert_eq!((wrong.hits, wrong.is_better_than_chance()), (0, false));
        assert!((wrong.by_chance() - 2.0).abs() < 1e-9);
    }

    #[test]
    fn pairs_that_belong_together_are_not_measured() {
        for (query, content, Calibration { mean, deviation }) in seen(0).calibration() {
            assert_eq!((mean, deviation), (0.0, MIN_DEVIATION), "{query} {content}");
        }
        let across = seen(1).calibration()[0].2;
        assert!(across.mean > 0.05 && across.deviation > 0.1, "{across:?}");
    }
}
