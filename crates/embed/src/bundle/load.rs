//! From manifest and files to an encoder.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::Arc;

use sensorium_types::Modality;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use super::Bundle;
use super::facts::fact;
use super::manifest::{EncoderRow, Family, Operation, Role, TokenizerRow, WeightsRow};
use crate::caption::{CaptionConfig, CaptionDecoder};
use crate::detector::Detector;
use crate::encoders::{
    AudioConfig, AudioEncoder, ImageConfig, ImageEncoder, Normalise, SmallTextConfig, TextConfig,
    TextEncoder, TokenEncoder, VideoEncoder,
};
use crate::layers::FEATURES;
use crate::mel::{LogMel, LogMelSpec};
use crate::tokenizer::Tokenizer;
use crate::weights::Weights;
use crate::{Captioner, EmbedError, Encoder};

/// Pixels behind one cell of the photo stem's grid.
const CELL_PIXELS: usize = 32;

/// Loads the encoder of a modality.
pub(super) fn encoder(bundle: &Bundle, modality: Modality) -> Result<Arc<dyn Encoder>, EmbedError> {
    let row = bundle.manifest.encoder(modality).ok_or(EmbedError::NoEncoder { modality })?;
    of_row(bundle, row)
}

/// Loads the text encoder of other languages.
pub(super) fn other_texts(bundle: &Bundle) -> Result<Arc<dyn Encoder>, EmbedError> {
    let modality = Modality::Text;
    of_row(bundle, bundle.manifest.other_texts().ok_or(EmbedError::NoEncoder { modality })?)
}

/// Loads what tells those languages from English.
pub(super) fn detector(bundle: &Bundle) -> Result<Arc<Detector>, EmbedError> {
    let modality = Modality::Text;
    let row = bundle.manifest.other_texts().ok_or(EmbedError::NoEncoder { modality })?;
    let (file, bytes) = weights(bundle, row, Role::Detector)?;
    Ok(Arc::new(Detector::load(Weights::parse(file, &bytes)?, &row.languages)?))
}

fn of_row(bundle: &Bundle, row: &EncoderRow) -> Result<Arc<dyn Encoder>, EmbedError> {
    let expected = match row.family {
        Family::Minilm | Family::SmallText => Modality::Text,
        Family::HybridImage => Modality::Image,
        Family::MelAudio => Modality::Audio,
        Family::FrameMean => Modality::Video,
    };
    if expected != row.modality {
        return Err(fact(format!(
            "encoder {} of the family {} takes {}",
            row.id,
            row.family.name(),
            row.modality
        )));
    }
    let encoder: Arc<dyn Encoder> = match row.family {
        Family::Minilm => Arc::new(text(bundle, row)?),
        Family::SmallText => Arc::new(small_text(bundle, row)?),
        Family::HybridImage => Arc::new(image(bundle, row)?),
        Family::MelAudio => Arc::new(audio(bundle, row)?),
        Family::FrameMean => Arc::new(VideoEncoder::new(frames(bundle, row)?)),
    };
    let dim = bundle.facts.space.dim;
    if encoder.dim() != dim {
        return Err(fact(format!("encoder {} gives {} numbers, its space has {dim}", row.id, encoder.dim())));
    }
    Ok(encoder)
}

fn text(bundle: &Bundle, row: &EncoderRow) -> Result<TextEncoder, EmbedError> {
    let config: TextConfig = config(row)?;
    let tokenizer_row = tokenizer_row(row)?;
    // Reading half a megabyte of JSON takes as long as half of the weights: side by side.
    let (tokenizer, encoder) = bundle.threads.join(
        || tokenizer(bundle, tokenizer_row),
        || {
            let (file, bytes) = weights(bundle, row, Role::Stem)?;
            let stem = Weights::parse(file, &bytes)?;
            if row.weights(Role::Own).is_none() {
                return TokenEncoder::load_bert(stem, &config);
            }
            let (file, bytes) = weights(bundle, row, Role::Own)?;
            TokenEncoder::load_bert(stem.updated(Weights::parse(file, &bytes)?, "text."), &config)
        },
    );
    let d = config.encoder.d;
    let encoder = TextEncoder::new(tokenizer?, encoder?, (d, d), bundle.threads.clone());
    match encoder.max_tokens() {
        Some(most) if most < tokenizer_row.max_tokens => {
            Err(fact(format!("encoder {} has positions for {most} tokens only", row.id)))
        }
        Some(_) | None => Ok(encoder),
    }
}

fn small_text(bundle: &Bundle, row: &EncoderRow) -> Result<TextEncoder, EmbedError> {
    let config: SmallTextConfig = config(row)?;
    let tokenizer_row = tokenizer_row(row)?;
    let dim = bundle.facts.space.dim;
    let (tokenizer, encoder) = bundle.threads.join(
        || read_tokenizer(bundle, tokenizer_row),
        || {
            let (file, bytes) = weights(bundle, row, Role::Own)?;
            TokenEncoder::load_small(Weights::parse(file, &bytes)?, &config, dim)
        },
    );
    Ok(TextEncoder::new(tokenizer?, encoder?, (config.d, dim), bundle.threads.clone()))
}

fn tokenizer_row(row: &EncoderRow) -> Result<&TokenizerRow, EmbedError> {
    row.tokenizer.as_ref().ok_or_else(|| fact(format!("encoder {} has no tokenizer", row.id)))
}

/// The tokenizer of the text encoder, which the caption decoder shares.
fn tokenizer(bundle: &Bundle, row: &TokenizerRow) -> Result<Arc<Tokenizer>, EmbedError> {
    bundle.tokenizer.get(|| read_tokenizer(bundle, row))
}

fn read_tokenizer(bundle: &Bundle, row: &TokenizerRow) -> Result<Arc<Tokenizer>, EmbedError> {
    let bytes = checked(bundle, &row.file, &row.sha256)?;
    Ok(Arc::new(Tokenizer::load(&row.file, &bytes, row.max_tokens)?))
}

/// Loads the caption decoder of images or of audio.
pub(super) fn captioner(bundle: &Bundle, modality: Modality) -> Result<Arc<dyn Captioner>, EmbedError> {
    let row = bundle.manifest.captioner(modality).ok_or(EmbedError::NoCaptioner { modality })?;
    let named = format!("generator {}", row.id);
    let config: CaptionConfig = config_of(&named, &row.config)?;
    if let Some(fault) = config.fault() {
        return Err(fact(format!("{named} has {fault}")));
    }
    let encoder = bundle.manifest.encoder(modality).filter(|encoder| encoder.id == row.uses);
    let Some(encoder) = encoder else {
        let taken = if modality == Modality::Audio { "audio" } else { "image" };
        return Err(fact(format!("{named} uses {}, which is no {taken} encoder", row.uses)));
    };
    let shape = grid_of(bundle, encoder)?;
    if shape != (config.places, config.features) {
        let CaptionConfig { places, features, .. } = config;
        return Err(fact(format!(
            "{named} looks at {places} places of {features} numbers, encoder {} has {} of {}",
            encoder.id, shape.0, shape.1
        )));
    }
    let text = bundle.manifest.encoder(Modality::Text);
    let text = text.ok_or_else(|| fact(format!("{named} has no text encoder to take words from")))?;
    let tokenizer = tokenizer(bundle, tokenizer_row(text)?)?;
    let own = row.weights.iter().find(|weights| weights.role == Role::Own);
    let own = own.ok_or_else(|| fact(format!("{named} names no weights of the role Own")))?;
    let (file, own) = read(bundle, own)?;
    let weights = Weights::parse(file, &own)?;
    Ok(Arc::new(CaptionDecoder::load(weights, &config, tokenizer, bundle.threads.clone())?))
}

/// Most places that an encoder's grid has, and the numbers of each.
fn grid_of(bundle: &Bundle, encoder: &EncoderRow) -> Result<(usize, usize), EmbedError> {
    if encoder.modality == Modality::Audio {
        let AudioConfig { d, .. } = config(encoder)?;
        let spec = mel_spec(encoder, bundle.facts.cutting.sample_rate_hz)?;
        return Ok((AudioEncoder::most_tokens(&spec), d));
    }
    let ImageConfig { grid, .. } = config(encoder)?;
    Ok((grid.saturating_mul(grid), FEATURES))
}

fn image(bundle: &Bundle, row: &EncoderRow) -> Result<ImageEncoder, EmbedError> {
    let config: ImageConfig = config(row)?;
    let normalise = normalise(row)?;
    let size = bundle.facts.cutting.image_size as usize;
    if config.size != size || config.grid != size.div_ceil(CELL_PIXELS) {
        return Err(fact(format!(
            "encoder {} has a grid of {} over {} pixels, images have {size}",
            row.id, config.grid, config.size
        )));
    }
    let (stem_file, stem) = weights(bundle, row, Role::Stem)?;
    let (own_file, own) = weights(bundle, row, Role::Own)?;
    let updates = row.weights(Role::Update).map(|row| read(bundle, row)).transpose()?;
    let mut stem = Weights::parse(stem_file, &stem)?;
    if let Some((file, updates)) = &updates {
        stem = stem.updated(Weights::parse(file, updates)?, "photo.");
    }
    let own = Weights::parse(own_file, &own)?;
    ImageEncoder::load(stem, own, &config, (normalise, bundle.facts.space.dim), bundle.threads.clone())
}

fn audio(bundle: &Bundle, row: &EncoderRow) -> Result<AudioEncoder, EmbedError> {
    let config: AudioConfig = config(row)?;
    let normalise = normalise(row)?;
    let mel = LogMel::new(mel_spec(row, bundle.facts.cutting.sample_rate_hz)?);
    let (file, own) = weights(bundle, row, Role::Own)?;
    let dim = bundle.facts.space.dim;
    AudioEncoder::load(Weights::parse(file, &own)?, &config, (mel, normalise, dim), bundle.threads.clone())
}

/// The encoder that sees single frames.
fn frames(bundle: &Bundle, row: &EncoderRow) -> Result<Arc<dyn Encoder>, EmbedError> {
    let uses =
        row.uses.as_ref().ok_or_else(|| fact(format!("encoder {} names no encoder of frames", row.id)))?;
    match bundle.manifest.encoder(Modality::Image) {
        Some(image) if image.id == *uses => bundle.encoder(Modality::Image),
        _ => Err(fact(format!("encoder {} uses {uses}, which is no image encoder", row.id))),
    }
}

fn config<C: DeserializeOwned>(row: &EncoderRow) -> Result<C, EmbedError> {
    config_of(&format!("encoder {}", row.id), &row.config)
}

/// The config of an encoder or generator.
fn config_of<C: DeserializeOwned>(named: &str, config: &toml::Table) -> Result<C, EmbedError> {
    config
        .clone()
        .try_into()
        .map_err(|error: toml::de::Error| fact(format!("config of {named}: {}", error.message())))
}

fn normalise(row: &EncoderRow) -> Result<Normalise, EmbedError> {
    row.preprocess
        .iter()
        .find_map(|operation| match operation {
            Operation::Normalise { mean, scale } => Some(Normalise { mean: *mean, scale: *scale }),
            Operation::Resize { .. }
            | Operation::Resample { .. }
            | Operation::Logmel { .. }
            | Operation::Pad { .. } => None,
        })
        .filter(|normalise| normalise.scale != 0.0)
        .ok_or_else(|| fact(format!("encoder {} does not say how it normalises", row.id)))
}

fn mel_spec(row: &EncoderRow, sample_rate_hz: u32) -> Result<LogMelSpec, EmbedError> {
    let (mut spectrum, mut padding) = (None, None);
    for operation in &row.preprocess {
        match operation {
            Operation::Logmel { frame, hop, fft, mels, fmin, fmax, offset } => {
                spectrum = Some((*frame, *hop, *fft, *mels, *fmin, *fmax, *offset));
            }
            Operation::Pad { multiple, min, max } => padding = Some((*multiple, *min, *max)),
            Operation::Resize { .. } | Operation::Resample { .. } | Operation::Normalise { .. } => (),
        }
    }
    let (Some((frame, hop, fft, mels, min_hz, max_hz, offset)), Some((multiple, min_frames, max_frames))) =
        (spectrum, padding)
    else {
        return Err(fact(format!("encoder {} does not say how its log-mel is made", row.id)));
    };
    let spec = LogMelSpec {
        sample_rate_hz,
        frame,
        hop,
        fft,
        mels,
        min_hz,
        max_hz,
        offset,
        multiple,
        min_frames,
        max_frames,
    };
    if !spec.is_audio() {
        return Err(fact(format!("encoder {} has a log-mel that cannot be: {spec:?}", row.id)));
    }
    Ok(spec)
}

fn weights<'a>(
    bundle: &'a Bundle,
    row: &'a EncoderRow,
    role: Role,
) -> Result<(&'a str, Cow<'a, [u8]>), EmbedError> {
    let weights = row
        .weights(role)
        .ok_or_else(|| fact(format!("encoder {} names no weights of the role {role:?}", row.id)))?;
    read(bundle, weights)
}

fn read<'a>(bundle: &'a Bundle, row: &'a WeightsRow) -> Result<(&'a str, Cow<'a, [u8]>), EmbedError> {
    Ok((&row.file, checked(bundle, &row.file, &row.sha256)?))
}

/// Reads a file and compares its hash, unless the manifest leaves that empty.
pub(super) fn checked<'a>(
    bundle: &'a Bundle,
    file: &str,
    expected: &str,
) -> Result<Cow<'a, [u8]>, EmbedError> {
    let bytes = bundle.files.read(file)?;
    if !expected.is_empty() {
        let received = Sha256::digest(&bytes).iter().fold(String::with_capacity(64), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        });
        if received != expected {
            return Err(EmbedError::Hash { file: file.to_owned(), expected: expected.to_owned(), received });
        }
    }
    Ok(bytes)
}
