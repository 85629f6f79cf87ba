//! Whether captions find their images, and how the cosines of random pairs lie.

use sensorium_embed::{Bundle, Image, Input, Priority};
use sensorium_media::{Cancel, MediaInput, PartContent};
use sensorium_types::{Calibration, Content};

use super::error::ModelsError;
use super::ranks::Ranks;
use super::samples::SAMPLES;
use crate::Decode;

/// A deviation below this is that of numbers which do not differ.
const MIN_DEVIATION: f32 = 1e-6;

/// The samples as vectors.
#[derive(Debug)]
pub(super) struct Seen {
    /// The first image, at the encoder's size.
    pub(super) image: Image,
    images: Vec<Vec<f32>>,
    /// Two for each image, those of one image beside one another.
    captions: Vec<Vec<f32>>,
}

/// Looks at the samples as `index` would: by a worker that decodes, at the size that the bundle names.
pub(super) fn see(bundle: &Bundle, decode: &dyn Decode) -> Result<Seen, ModelsError> {
    let mut frames = Vec::with_capacity(SAMPLES.len());
    for sample in &SAMPLES {
        let mut found = None;
        let mut on_part = |part: sensorium_media::Part| {
            if let PartContent::Frames(images) = part.content {
                found = images.into_iter().next();
            }
            Ok(())
        };
        let input = MediaInput::Bytes(sample.bytes.into());
        decode
            .decode_each(input, Priority::Query, &Cancel::new(), &mut on_part)?
            .map_err(|reason| ModelsError::Sample { reason })?;
        frames.extend(found.map(|rgb| Image { width: rgb.width, height: rgb.height, pixels: rgb.pixels }));
    }
    let captions = SAMPLES.iter().flat_map(|sample| sample.captions);
    let texts: Vec<Input> = captions.map(|text| Input::Text(text.to_owned())).collect();
    let image = frames.first().cloned().unwrap_or_else(|| Image { width: 0, height: 0, pixels: Vec::new() });
    let embed =
        |inputs: Vec<Input>| bundle.embed(&inputs).map_err(|error| ModelsError::Decoding(error.into()));
    let images = embed(frames.into_iter().map(|frame| Input::Frames(vec![frame])).collect())?;
    Ok(Seen { image, images, captions: embed(texts)? })
}

impl Seen {
    /// Asks for each image by its first caption, and for each first caption by its image.
    pub(super) fn ranks(&self) -> Ranks {
        let firsts: Vec<&Vec<f32>> = self.captions.iter().step_by(2).collect();
        let nearest = |asked: &[f32], among: &mut dyn Iterator<Item = &Vec<f32>>| {
            among
                .map(|vector| cosine(asked, vector))
                .enumerate()
                .max_by(|a, b| a.1.total_cmp(&b.1))
                .map(|best| best.0)
        };
        let images = firsts
            .iter()
            .enumerate()
            .filter(|(own, text)| nearest(text, &mut self.images.iter()) == Some(*own))
            .count();
        let texts = self
            .images
            .iter()
            .enumerate()
            .filter(|(own, image)| nearest(image, &mut firsts.iter().copied()) == Some(*own))
            .count();
        Ranks { hits: images + texts, of: firsts.len() + self.images.len() }
    }

    /// Mean and deviation of the cosine of pairs that do not belong together.
    pub(super) fn calibration(&self) -> Vec<(Content, Content, Calibration)> {
        let texts: Vec<(usize, &Vec<f32>)> =
            self.captions.iter().enumerate().map(|(at, vector)| (at / 2, vector)).collect();
        let images: Vec<(usize, &Vec<f32>)> = self.images.iter().enumerate().collect();
        let across = spread(&texts, &images);
        [
            (Content::Text, Content::Image, across),
            (Content::Text, Content::Text, spread(&texts, &texts)),
            (Content::Image, Content::Image, spread(&images, &images)),
            (Content::Image, Content::Text, across),
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

    /// Unit vectors of which those of one image lie near one another.
    fn seen(turn: usize) -> Seen {
        let count = SAMPLES.len();
        let axis = |at: usize| -> Vec<f32> {
            (0..count).map(|axis| f32::from(u8::from(axis == at % count))).collect()
        };
        Seen {
            image: Image { width: 0, height: 0, pixels: Vec::new() },
            images: (0..count).map(axis).collect(),
            captions: (0..2 * count).map(|at| axis(at / 2 + turn)).collect(),
        }
    }

    #[test]
    fn captions_that_find_their_images_are_told_from_those_that_do_not() {
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
