//! Stored inputs and the vectors that they must give: a bundle whose numbers differ is refused.
//!
//! | weight | shape | holds |
//! | --- | --- | --- |
//! | `text.vectors` | F32 (n, dim) | vectors of the strings in `bundle.toml` |
//! | `languages.vectors` | F32 (n, dim) | the same of those for the encoder of other languages |
//! | `image.pixels`, `image.vector` | U8 (size, size, 3), F32 (dim) | an image at the encoder's size |
//! | `caption.ids`, `caption.log_probs` | I32 (n), F32 (n + 1) | tokens for that image, the log-probability of each and of the end |
//! | `audio.samples`, `audio.vector` | F32 (samples), F32 (dim) | an audio clip |
//! | `sound_caption.ids`, `sound_caption.log_probs` | I32 (n), F32 (n + 1) | tokens for that clip, as for the image |

use safetensors::tensor::{Dtype, TensorView};
use sensorium_types::Modality;

use super::OneSpace;
use crate::weights::Weights;
use crate::{Batch, Captioner, EmbedError, Encoder, Image, Input};

/// Tests one encoder. Videos are frames, whose encoder is tested on its own.
pub(super) fn run(bundle: &OneSpace, encoder: &dyn Encoder) -> Result<(), EmbedError> {
    let Some(row) = &bundle.manifest.selftest else { return Ok(()) };
    let mut stored = Weights::parse(&row.file, bundle.files.open(&row.file)?)?;
    let dim = bundle.facts.space.dim;
    let (received, expected) = match encoder.modality() {
        Modality::Text => {
            let texts: Vec<&str> = row.text.iter().map(String::as_str).collect();
            let expected = stored.floats("text.vectors", &[texts.len(), dim])?;
            (encoder.embed(Batch::Texts(&texts))?, expected)
        }
        Modality::Image => {
            let image = image(bundle, &mut stored)?;
            let expected = stored.floats("image.vector", &[dim])?;
            (encoder.embed(Batch::Images(&[&image]))?, expected)
        }
        Modality::Audio => {
            let samples = stored.floats("audio.samples", &stored.shape("audio.samples")?)?;
            let expected = stored.floats("audio.vector", &[dim])?;
            (encoder.embed(Batch::Audios(&[&samples]))?, expected)
        }
        Modality::Video => return Ok(()),
    };
    compare(format!("the {} encoder", encoder.modality()), &received, &expected, row.max_abs)
}

/// Tests the text encoder of other languages.
pub(super) fn run_other_texts(bundle: &OneSpace, encoder: &dyn Encoder) -> Result<(), EmbedError> {
    let Some(row) = &bundle.manifest.selftest else { return Ok(()) };
    let mut stored = Weights::parse(&row.file, bundle.files.open(&row.file)?)?;
    let texts: Vec<&str> = row.languages.iter().map(String::as_str).collect();
    let expected = stored.floats("languages.vectors", &[texts.len(), bundle.facts.space.dim])?;
    let received = encoder.embed(Batch::Texts(&texts))?;
    compare("the encoder of other languages".to_owned(), &received, &expected, row.max_abs)
}

/// Tests a caption decoder on the image or the audio that the encoder of those is tested on.
pub(super) fn run_captioner(
    bundle: &OneSpace,
    modality: Modality,
    captioner: &dyn Captioner,
) -> Result<(), EmbedError> {
    let Some(row) = &bundle.manifest.selftest else { return Ok(()) };
    let mut stored = Weights::parse(&row.file, bundle.files.open(&row.file)?)?;
    let (part, name) = match modality {
        Modality::Audio => ("the caption decoder of audio", "sound_caption"),
        Modality::Image | Modality::Video | Modality::Text => ("the caption decoder", "caption"),
    };
    let ids = stored.whole(&format!("{name}.ids"), &stored.shape(&format!("{name}.ids"))?)?;
    let expected = stored.floats(&format!("{name}.log_probs"), &[ids.len() + 1])?;
    // An id below 0 is no word, as one past the last.
    let ids: Vec<u32> = ids.into_iter().map(|id| u32::try_from(id).unwrap_or(u32::MAX)).collect();
    let grids = if modality == Modality::Audio {
        let samples = stored.floats("audio.samples", &stored.shape("audio.samples")?)?;
        bundle.audio_grids(&[&samples])?
    } else {
        bundle.grids(&[&image(bundle, &mut stored)?])?
    };
    let memories = captioner.memories(&grids.iter().collect::<Vec<_>>())?;
    let received =
        memories.iter().map(|memory| captioner.log_probs(&ids, memory)).collect::<Result<Vec<_>, _>>()?;
    compare(part.to_owned(), &received, &expected, row.max_abs)
}

/// Makes the file of a self-test for texts, and an image or an audio clip.
pub(super) fn record(bundle: &OneSpace, texts: &[&str], input: &Input) -> Result<Vec<u8>, EmbedError> {
    let dim = bundle.facts.space.dim;
    let text = bundle.encoder(Modality::Text)?.embed(Batch::Texts(texts))?;
    let vector = bytes(&bundle.embed(std::slice::from_ref(input))?);
    let mut named = vec![("text.vectors", Dtype::F32, vec![texts.len(), dim], bytes(&text))];
    match input {
        Input::Frames(frames) => {
            named.push(("image.vector", Dtype::F32, vec![dim], vector));
            let image = frames.iter().take(1).map(|image| {
                let side = image.width as usize;
                ("image.pixels", Dtype::U8, vec![side, side, 3], image.pixels.clone())
            });
            named.extend(image);
        }
        Input::Audio(samples) => {
            named.push(("audio.vector", Dtype::F32, vec![dim], vector));
            let samples = std::slice::from_ref(samples);
            named.push(("audio.samples", Dtype::F32, samples.iter().map(Vec::len).collect(), bytes(samples)));
        }
        Input::Text(_) | Input::TextIn(..) => {}
    }
    let failed = |source: safetensors::SafeTensorError| EmbedError::Compute { source: source.into() };
    let views = named
        .iter()
        .map(|(name, dtype, shape, data)| {
            Ok((*name, TensorView::new(*dtype, shape.clone(), data).map_err(failed)?))
        })
        .collect::<Result<Vec<_>, EmbedError>>()?;
    safetensors::serialize(views, None).map_err(failed)
}

fn bytes(vectors: &[Vec<f32>]) -> Vec<u8> {
    vectors.iter().flatten().flat_map(|number| number.to_le_bytes()).collect()
}

fn image(bundle: &OneSpace, stored: &mut Weights) -> Result<Image, EmbedError> {
    let size = bundle.facts.cutting.image_size;
    let shape = [size as usize, size as usize, 3];
    Ok(Image { width: size, height: size, pixels: stored.unsigned("image.pixels", &shape)? })
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
