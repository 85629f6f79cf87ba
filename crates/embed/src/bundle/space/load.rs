//! From manifest and files to an encoder.

use std::sync::Arc;

use sensorium_types::Modality;

use super::manifest::{EncoderRow, Family, Role, fact};
use super::preprocess::{levels, mel_spec, normalise, power_spec, sample_rate};
use super::rows::{config, config_of, model, opened, read_tokenizer, tokenizer, tokenizer_row, weights};
use super::{OneSpace, onnx};
use crate::caption::{CaptionConfig, CaptionDecoder};
use crate::detector::Detector;
use crate::encoders::{
    AudioConfig, AudioEncoder, HtsatConfig, HtsatEncoder, ImageConfig, ImageEncoder, RobertaConfig,
    RobertaEncoder, SmallTextConfig, TextConfig, TextEncoder, TokenEncoder, VideoEncoder, VitImageConfig,
    VitImageEncoder, VitTextConfig, VitTextEncoder,
};
use crate::layers::FEATURES;
use crate::mel::{LogMel, PowerMel};
use crate::{Captioner, EmbedError, Encoder};

/// Pixels behind one cell of the photo stem's grid.
const CELL_PIXELS: usize = 32;

/// Loads the encoder of a modality.
pub(super) fn encoder(bundle: &OneSpace, modality: Modality) -> Result<Arc<dyn Encoder>, EmbedError> {
    let row = bundle.manifest.encoder(modality).ok_or(EmbedError::NoEncoder { modality })?;
    of_row(bundle, row)
}

/// Loads the text encoder of other languages.
pub(super) fn other_texts(bundle: &OneSpace) -> Result<Arc<dyn Encoder>, EmbedError> {
    let modality = Modality::Text;
    of_row(bundle, bundle.manifest.other_texts().ok_or(EmbedError::NoEncoder { modality })?)
}

/// Loads what tells those languages from English.
pub(super) fn detector(bundle: &OneSpace) -> Result<Arc<Detector>, EmbedError> {
    let modality = Modality::Text;
    let row = bundle.manifest.other_texts().ok_or(EmbedError::NoEncoder { modality })?;
    Ok(Arc::new(Detector::load(weights(bundle, row, Role::Detector)?, &row.languages)?))
}

fn of_row(bundle: &OneSpace, row: &EncoderRow) -> Result<Arc<dyn Encoder>, EmbedError> {
    let expected = match row.family {
        Family::Minilm | Family::SmallText | Family::VitText | Family::RobertaText | Family::OnnxText => {
            Modality::Text
        }
        Family::HybridImage | Family::VitImage | Family::OnnxImage => Modality::Image,
        Family::MelAudio | Family::HtsatAudio => Modality::Audio,
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
        Family::VitImage => Arc::new(vit_image(bundle, row)?),
        Family::VitText => Arc::new(vit_text(bundle, row)?),
        Family::HtsatAudio => Arc::new(htsat_audio(bundle, row)?),
        Family::RobertaText => Arc::new(roberta_text(bundle, row)?),
        Family::OnnxImage => Arc::new(onnx::image(bundle, row)?),
        Family::OnnxText => Arc::new(onnx::text(bundle, row)?),
    };
    let dim = bundle.facts.space.dim;
    if encoder.dim() != dim {
        return Err(fact(format!("encoder {} gives {} numbers, its space has {dim}", row.id, encoder.dim())));
    }
    Ok(encoder)
}

fn text(bundle: &OneSpace, row: &EncoderRow) -> Result<TextEncoder, EmbedError> {
    let config: TextConfig = config(row)?;
    let tokenizer_row = tokenizer_row(row)?;
    // Reading half a megabyte of JSON takes as long as half of the weights: side by side.
    let (tokenizer, encoder) = bundle.threads.join(
        || tokenizer(bundle, tokenizer_row),
        || {
            let stem = weights(bundle, row, Role::Stem)?;
            if row.weights(Role::Own).is_none() {
                return TokenEncoder::load_bert(stem, &config);
            }
            let own = weights(bundle, row, Role::Own)?;
            TokenEncoder::load_bert(stem.updated(own, "text."), &config)
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

fn small_text(bundle: &OneSpace, row: &EncoderRow) -> Result<TextEncoder, EmbedError> {
    let config: SmallTextConfig = config(row)?;
    let tokenizer_row = tokenizer_row(row)?;
    let dim = bundle.facts.space.dim;
    let (tokenizer, encoder) = bundle.threads.join(
        || read_tokenizer(bundle, tokenizer_row),
        || TokenEncoder::load_small(weights(bundle, row, Role::Own)?, &config, dim),
    );
    Ok(TextEncoder::new(tokenizer?, encoder?, (config.d, dim), bundle.threads.clone()))
}

fn vit_image(bundle: &OneSpace, row: &EncoderRow) -> Result<VitImageEncoder, EmbedError> {
    let config: VitImageConfig = config(row)?;
    if let Some(fault) = config.fault() {
        return Err(fact(format!("encoder {} has {fault}", row.id)));
    }
    let size = bundle.facts.cutting.image_size as usize;
    if config.size != size {
        let said =
            format!("encoder {} sees images of {} pixels, they are brought to {size}", row.id, config.size);
        return Err(fact(said));
    }
    let dim = bundle.facts.space.dim;
    VitImageEncoder::load(model(bundle, row)?, &config, (levels(row)?, dim), bundle.threads.clone())
}

fn vit_text(bundle: &OneSpace, row: &EncoderRow) -> Result<VitTextEncoder, EmbedError> {
    let config: VitTextConfig = config(row)?;
    if let Some(fault) = config.fault() {
        return Err(fact(format!("encoder {} has {fault}", row.id)));
    }
    let tokenizer_row = tokenizer_row(row)?;
    let most = tokenizer_row.pad.map_or(0, |pad| pad.to).max(tokenizer_row.max_tokens);
    if most > config.positions {
        let said =
            format!("encoder {} has positions for {} tokens, texts have {most}", row.id, config.positions);
        return Err(fact(said));
    }
    let tokenizer = read_tokenizer(bundle, tokenizer_row)?;
    let dim = bundle.facts.space.dim;
    VitTextEncoder::load(model(bundle, row)?, &config, (tokenizer, dim), bundle.threads.clone())
}

fn htsat_audio(bundle: &OneSpace, row: &EncoderRow) -> Result<HtsatEncoder, EmbedError> {
    let config: HtsatConfig = config(row)?;
    let spec = power_spec(row, sample_rate(bundle, row)?)?;
    if let Some(fault) = config.unheard(&spec) {
        return Err(fact(format!("encoder {} is given spectrograms of {fault}", row.id)));
    }
    let dim = bundle.facts.space.dim;
    HtsatEncoder::load(model(bundle, row)?, config, (PowerMel::new(spec), dim), bundle.threads.clone())
}

fn roberta_text(bundle: &OneSpace, row: &EncoderRow) -> Result<RobertaEncoder, EmbedError> {
    let config: RobertaConfig = config(row)?;
    let tokenizer_row = tokenizer_row(row)?;
    if tokenizer_row.max_tokens > config.max_tokens() {
        let (most, asked) = (config.max_tokens(), tokenizer_row.max_tokens);
        return Err(fact(format!("encoder {} has positions for {most} tokens, texts have {asked}", row.id)));
    }
    let tokenizer = read_tokenizer(bundle, tokenizer_row)?;
    let dim = bundle.facts.space.dim;
    RobertaEncoder::load(model(bundle, row)?, &config, (tokenizer, dim), bundle.threads.clone())
}

/// Loads the caption decoder of images or of audio.
pub(super) fn captioner(bundle: &OneSpace, modality: Modality) -> Result<Arc<dyn Captioner>, EmbedError> {
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
    let weights = opened(bundle, own)?;
    Ok(Arc::new(CaptionDecoder::load(weights, &config, tokenizer, bundle.threads.clone())?))
}

/// Most places that an encoder's grid has, and the numbers of each.
fn grid_of(bundle: &OneSpace, encoder: &EncoderRow) -> Result<(usize, usize), EmbedError> {
    if encoder.modality == Modality::Audio {
        let AudioConfig { d, .. } = config(encoder)?;
        let spec = mel_spec(encoder, sample_rate(bundle, encoder)?)?;
        return Ok((AudioEncoder::most_tokens(&spec), d));
    }
    let ImageConfig { grid, .. } = config(encoder)?;
    Ok((grid.saturating_mul(grid), FEATURES))
}

fn image(bundle: &OneSpace, row: &EncoderRow) -> Result<ImageEncoder, EmbedError> {
    let config: ImageConfig = config(row)?;
    let normalise = normalise(row)?;
    let size = bundle.facts.cutting.image_size as usize;
    if config.size != size || config.grid != size.div_ceil(CELL_PIXELS) {
        return Err(fact(format!(
            "encoder {} has a grid of {} over {} pixels, images have {size}",
            row.id, config.grid, config.size
        )));
    }
    let mut stem = weights(bundle, row, Role::Stem)?;
    if let Some(updates) = row.weights(Role::Update) {
        stem = stem.updated(opened(bundle, updates)?, "photo.");
    }
    let own = weights(bundle, row, Role::Own)?;
    ImageEncoder::load(stem, own, &config, (normalise, bundle.facts.space.dim), bundle.threads.clone())
}

fn audio(bundle: &OneSpace, row: &EncoderRow) -> Result<AudioEncoder, EmbedError> {
    let config: AudioConfig = config(row)?;
    let normalise = normalise(row)?;
    let mel = LogMel::new(mel_spec(row, sample_rate(bundle, row)?)?);
    let own = weights(bundle, row, Role::Own)?;
    let dim = bundle.facts.space.dim;
    AudioEncoder::load(own, &config, (mel, normalise, dim), bundle.threads.clone())
}

/// The encoder that sees single frames.
fn frames(bundle: &OneSpace, row: &EncoderRow) -> Result<Arc<dyn Encoder>, EmbedError> {
    let uses =
        row.uses.as_ref().ok_or_else(|| fact(format!("encoder {} names no encoder of frames", row.id)))?;
    match bundle.manifest.encoder(Modality::Image) {
        Some(image) if image.id == *uses => bundle.encoder(Modality::Image),
        _ => Err(fact(format!("encoder {} uses {uses}, which is no image encoder", row.id))),
    }
}
