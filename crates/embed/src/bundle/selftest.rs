//! Stored inputs and the vectors that they must give: a bundle whose numbers differ is refused.
//!
//! | weight | shape | holds |
//! | --- | --- | --- |
//! | `text.vectors` | F32 (n, dim) | vectors of the strings in `bundle.toml` |
//! | `image.pixels`, `image.vector` | U8 (size, size, 3), F32 (dim) | a picture at the tower's size |
//! | `audio.samples`, `audio.vector` | F32 (samples), F32 (dim) | a sound |

use sensorium_types::Modality;

use super::Bundle;
use crate::weights::Weights;
use crate::{Batch, EmbedError, Embedding, Picture, Tower};

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
            let size = bundle.facts.cutting.image_size;
            let shape = [size as usize, size as usize, 3];
            let picture =
                Picture { width: size, height: size, pixels: stored.unsigned("image.pixels", &shape)? };
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
    compare(tower.modality(), &received, &expected, row.max_abs)
}

fn compare(
    modality: Modality,
    received: &[Embedding],
    expected: &[f32],
    allowed: f32,
) -> Result<(), EmbedError> {
    let pairs = received.iter().flatten().zip(expected);
    // A difference that is not a number must not pass.
    let difference = pairs
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, |most: f32, x| if x.is_nan() { f32::INFINITY } else { most.max(x) });
    if difference <= allowed {
        return Ok(());
    }
    Err(EmbedError::SelfTest { part: format!("the {modality} tower"), difference, allowed })
}
