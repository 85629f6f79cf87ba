//! Stored inputs and the vectors that they must give: a bundle whose numbers differ is refused.
//!
//! | weight | shape | holds |
//! | --- | --- | --- |
//! | `text.vectors` | F32 (n, dim) | vectors of the strings in `bundle.toml` |
//! | `languages.vectors` | F32 (n, dim) | the same of those for the tower of other languages |
//! | `image.pixels`, `image.vector` | U8 (size, size, 3), F32 (dim) | a picture at the tower's size |
//! | `caption.ids`, `caption.log_probs` | I32 (n), F32 (n + 1) | tokens for that picture, the log-probability of each and of the end |
//! | `audio.samples`, `audio.vector` | F32 (samples), F32 (dim) | a sound |
//! | `sound_caption.ids`, `sound_caption.log_probs` | I32 (n), F32 (n + 1) | tokens for that sound, as for the picture |

use sensorium_types::Modality;

use super::Bundle;
use crate::weights::Weights;
use crate::{Batch, Captioner, EmbedError, Picture, Tower};

/// Tests one tower. Films are frames, whose tower is tested on its own.
pub(super) fn run(bundle: &Bundle, tower: &dyn Tower) -> Result<(), EmbedError> {
    let row = &bundle.manifest.selftest;
    let bytes = bundle.files.read(&row.file)?;
    let mut stored = Weights::parse(&row.file, &bytes)?;
    let dim = bundle.facts.space.dim;
    let (received, expected) = match tower.modality() {
        Modality::Text => {
            let texts: Vec<&str> = row.text.iter().map(String::as_str).collect();
            let expected = stored.floats("text.vectors", &[texts.len(), dim])?;
            (tower.embed(Batch::Texts(&texts))?, expected)
        }
        Modality::Image => {
            let picture = picture(bundle, &mut stored)?;
            let expected = stored.floats("image.vector", &[dim])?;
            (tower.embed(Batch::Pictures(&[&picture]))?, expected)
        }
        Modality::Audio => {
            let samples = stored.floats("audio.samples", &stored.shape("audio.samples")?)?;
            let expected = stored.floats("audio.vector", &[dim])?;
            (tower.embed(Batch::Sounds(&[&samples]))?, expected)
        }
        Modality::Video => return Ok(()),
    };
    compare(format!("the {} tower", tower.modality()), &received, &expected, row.max_abs)
}

/// Tests the tower of texts in other languages.
pub(super) fn run_other_texts(bundle: &Bundle, tower: &dyn Tower) -> Result<(), EmbedError> {
    let row = &bundle.manifest.selftest;
    let bytes = bundle.files.read(&row.file)?;
    let mut stored = Weights::parse(&row.file, &bytes)?;
    let texts: Vec<&str> = row.languages.iter().map(String::as_str).collect();
    let expected = stored.floats("languages.vectors", &[texts.len(), bundle.facts.space.dim])?;
    let received = tower.embed(Batch::Texts(&texts))?;
    compare("the tower of other languages".to_owned(), &received, &expected, row.max_abs)
}

/// Tests a caption decoder on the picture or the sound that the tower of those is tested on.
pub(super) fn run_captioner(
    bundle: &Bundle,
    modality: Modality,
    captioner: &dyn Captioner,
) -> Result<(), EmbedError> {
    let row = &bundle.manifest.selftest;
    let bytes = bundle.files.read(&row.file)?;
    let mut stored = Weights::parse(&row.file, &bytes)?;
    let (part, name) = match modality {
        Modality::Audio => ("the caption decoder of sounds", "sound_caption"),
        Modality::Image | Modality::Video | Modality::Text => ("the caption decoder", "caption"),
    };
    let ids = stored.whole(&format!("{name}.ids"), &stored.shape(&format!("{name}.ids"))?)?;
    let expected = stored.floats(&format!("{name}.log_probs"), &[ids.len() + 1])?;
    // An id below 0 is no word, as one past the last.
    let ids: Vec<u32> = ids.into_iter().map(|id| u32::try_from(id).unwrap_or(u32::MAX)).collect();
    let grids = if modality == Modality::Audio {
        let samples = stored.floats("audio.samples", &stored.shape("audio.samples")?)?;
        bundle.sound_grids(&[&samples])?
    } else {
        bundle.grids(&[&picture(bundle, &mut stored)?])?
    };
    let memories = captioner.memories(&grids.iter().collect::<Vec<_>>())?;
    let received =
        memories.iter().map(|memory| captioner.log_probs(&ids, memory)).collect::<Result<Vec<_>, _>>()?;
    compare(part.to_owned(), &received, &expected, row.max_abs)
}

fn picture(bundle: &Bundle, stored: &mut Weights<'_>) -> Result<Picture, EmbedError> {
    let size = bundle.facts.cutting.image_size;
    let shape = [size as usize, size as usize, 3];
    Ok(Picture { width: size, height: size, pixels: stored.unsigned("image.pixels", &shape)? })
}

fn compare(part: String, received: &[Vec<f32>], expected: &[f32], allowed: f32) -> Result<(), EmbedError> {
    let whole = received.iter().map(Vec::len).sum::<usize>() == expected.len();
    let pairs = received.iter().flatten().zip(expected);
    // A difference that is not a number must not pass, nor one that is missing.
    let difference =
        pairs.map(|(a, b)| (a - b).abs()).fold(if whole { 0.0 } else { f32::INFINITY }, |most: f32, x| {
            if x.is_nan() { f32::INFINITY } else { most.max(x) }
        });
    if difference <= allowed {
        return Ok(());
    }
    Err(EmbedError::SelfTest { part, difference, allowed })
}
