//! From manifest and files to a tower.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::Arc;

use sensorium_types::Modality;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use super::Bundle;
use super::facts::fact;
use super::manifest::{Family, Operation, Role, TowerRow};
use crate::mel::{LogMel, LogMelSpec};
use crate::tokenizer::Tokenizer;
use crate::towers::{
    AudioConfig, AudioTower, ImageConfig, ImageTower, Normalise, TextConfig, TextTower, VideoTower,
};
use crate::weights::Weights;
use crate::{EmbedError, Tower};

/// Pixels behind one cell of the photo stem's grid.
const CELL_PIXELS: usize = 32;

/// Loads the tower of a modality.
pub(super) fn tower(bundle: &Bundle, modality: Modality) -> Result<Arc<dyn Tower>, EmbedError> {
    let row = bundle.manifest.tower(modality).ok_or(EmbedError::NoTower { modality })?;
    let expected = match row.family {
        Family::Minilm => Modality::Text,
        Family::HybridImage => Modality::Image,
        Family::MelAudio => Modality::Audio,
        Family::FrameMean => Modality::Video,
    };
    if expected != modality {
        return Err(fact(format!("tower {} of the family {} takes {modality}", row.id, row.family.name())));
    }
    let tower: Arc<dyn Tower> = match row.family {
        Family::Minilm => Arc::new(text(bundle, row)?),
        Family::HybridImage => Arc::new(image(bundle, row)?),
        Family::MelAudio => Arc::new(audio(bundle, row)?),
        Family::FrameMean => Arc::new(VideoTower::new(frames(bundle, row)?)),
    };
    let dim = bundle.facts.space.dim;
    if tower.dim() != dim {
        return Err(fact(format!("tower {} gives {} numbers, its space has {dim}", row.id, tower.dim())));
    }
    Ok(tower)
}

fn text(bundle: &Bundle, row: &TowerRow) -> Result<TextTower, EmbedError> {
    let config: TextConfig = config(row)?;
    let tokenizer_row =
        row.tokenizer.as_ref().ok_or_else(|| fact(format!("tower {} has no tokenizer", row.id)))?;
    // Reading half a megabyte of JSON takes as long as half of the weights: side by side.
    let (tokenizer, encoder) = bundle.threads.join(
        || {
            let bytes = checked(bundle, &tokenizer_row.file, &tokenizer_row.sha256)?;
            Tokenizer::load(&tokenizer_row.file, &bytes, tokenizer_row.max_tokens)
        },
        || {
            let (file, bytes) = weights(bundle, row, Role::Stem)?;
            let stem = Weights::parse(file, &bytes)?;
            if row.weights(Role::Own).is_none() {
                return TextTower::load_encoder(stem, &config);
            }
            let (file, bytes) = weights(bundle, row, Role::Own)?;
            TextTower::load_encoder(stem.updated(Weights::parse(file, &bytes)?, "text."), &config)
        },
    );
    let tower = TextTower::new(tokenizer?, encoder?, &config, bundle.threads.clone());
    if tower.max_tokens() < tokenizer_row.max_tokens {
        return Err(fact(format!("tower {} has positions for {} tokens only", row.id, tower.max_tokens())));
    }
    Ok(tower)
}

fn image(bundle: &Bundle, row: &TowerRow) -> Result<ImageTower, EmbedError> {
    let config: ImageConfig = config(row)?;
    let normalise = normalise(row)?;
    let size = bundle.facts.cutting.image_size as usize;
    if config.size != size || config.grid != size.div_ceil(CELL_PIXELS) {
        return Err(fact(format!(
            "tower {} has a grid of {} over {} pixels, pictures have {size}",
            row.id, config.grid, config.size
        )));
    }
    let (stem_file, stem) = weights(bundle, row, Role::Stem)?;
    let (own_file, own) = weights(bundle, row, Role::Own)?;
    let files = (Weights::parse(stem_file, &stem)?, Weights::parse(own_file, &own)?);
    ImageTower::load(files.0, files.1, &config, (normalise, bundle.facts.space.dim), bundle.threads.clone())
}

fn audio(bundle: &Bundle, row: &TowerRow) -> Result<AudioTower, EmbedError> {
    let config: AudioConfig = config(row)?;
    let normalise = normalise(row)?;
    let mel = LogMel::new(mel_spec(row, bundle.facts.cutting.sample_rate_hz)?);
    let (file, own) = weights(bundle, row, Role::Own)?;
    let dim = bundle.facts.space.dim;
    AudioTower::load(Weights::parse(file, &own)?, &config, (mel, normalise, dim), bundle.threads.clone())
}

/// The tower that sees single frames.
fn frames(bundle: &Bundle, row: &TowerRow) -> Result<Arc<dyn Tower>, EmbedError> {
    let uses = row.uses.as_ref().ok_or_else(|| fact(format!("tower {} names no tower of frames", row.id)))?;
    match bundle.manifest.tower(Modality::Image) {
        Some(image) if image.id == *uses => bundle.tower(Modality::Image),
        _ => Err(fact(format!("tower {} uses {uses}, which is no tower of pictures", row.id))),
    }
}

fn config<C: DeserializeOwned>(row: &TowerRow) -> Result<C, EmbedError> {
    row.config
        .clone()
        .try_into()
        .map_err(|error: toml::de::Error| fact(format!("config of tower {}: {}", row.id, error.message())))
}

fn normalise(row: &TowerRow) -> Result<Normalise, EmbedError> {
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
        .ok_or_else(|| fact(format!("tower {} does not say how it normalises", row.id)))
}

fn mel_spec(row: &TowerRow, sample_rate_hz: u32) -> Result<LogMelSpec, EmbedError> {
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
        return Err(fact(format!("tower {} does not say how its log-mel is made", row.id)));
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
    if !spec.is_sound() {
        return Err(fact(format!("tower {} has a log-mel that cannot be: {spec:?}", row.id)));
    }
    Ok(spec)
}

fn weights<'a>(
    bundle: &'a Bundle,
    row: &'a TowerRow,
    role: Role,
) -> Result<(&'a str, Cow<'a, [u8]>), EmbedError> {
    let weights = row
        .weights(role)
        .ok_or_else(|| fact(format!("tower {} names no weights of the role {role:?}", row.id)))?;
    Ok((&weights.file, checked(bundle, &weights.file, &weights.sha256)?))
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
