//! What a row of the manifest names: its configuration, its tokenizer, and its files, compared with their hashes.

use std::borrow::Cow;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::OneSpace;
use super::manifest::{EncoderRow, PadRow, Role, TokenizerRow, WeightsRow, fact};
use crate::EmbedError;
use crate::tokenizer::{Pad, TextRules, Tokenizer};
use crate::weights::{FileBytes, Weights};

/// All files of an encoder's weights as one.
pub(super) fn model(bundle: &OneSpace, row: &EncoderRow) -> Result<Weights, EmbedError> {
    let files = row.weights.iter().map(|row| Ok((row.file.clone(), file_of(bundle, row)?)));
    Weights::of_files(files.collect::<Result<_, EmbedError>>()?)
}

pub(super) fn tokenizer_row(row: &EncoderRow) -> Result<&TokenizerRow, EmbedError> {
    row.tokenizer.as_ref().ok_or_else(|| fact(format!("encoder {} has no tokenizer", row.id)))
}

/// The tokenizer of the text encoder, which the caption decoder shares.
pub(super) fn tokenizer(bundle: &OneSpace, row: &TokenizerRow) -> Result<Arc<Tokenizer>, EmbedError> {
    bundle.tokenizer.get(|| read_tokenizer(bundle, row))
}

pub(super) fn read_tokenizer(bundle: &OneSpace, row: &TokenizerRow) -> Result<Arc<Tokenizer>, EmbedError> {
    let bytes = checked(bundle, &row.file, &row.sha256)?;
    let pad = row.pad.map(|PadRow { to, id, side }| Pad { to, id, side });
    let rules = TextRules { lower: row.lower, strip_punctuation: row.strip_punctuation, pad };
    Ok(Arc::new(Tokenizer::with_rules(&row.file, &bytes, row.max_tokens, rules)?))
}

/// The config of an encoder.
pub(super) fn config<C: DeserializeOwned>(row: &EncoderRow) -> Result<C, EmbedError> {
    config_of(&format!("encoder {}", row.id), &row.config)
}

/// The config of an encoder or generator.
pub(super) fn config_of<C: DeserializeOwned>(named: &str, config: &toml::Table) -> Result<C, EmbedError> {
    config
        .clone()
        .try_into()
        .map_err(|error: toml::de::Error| fact(format!("config of {named}: {}", error.message())))
}

pub(super) fn weights(bundle: &OneSpace, row: &EncoderRow, role: Role) -> Result<Weights, EmbedError> {
    let weights = row
        .weights(role)
        .ok_or_else(|| fact(format!("encoder {} names no weights of the role {role:?}", row.id)))?;
    opened(bundle, weights)
}

/// Opens a file of weights, and compares its hash, unless the manifest leaves that empty.
pub(super) fn opened(bundle: &OneSpace, row: &WeightsRow) -> Result<Weights, EmbedError> {
    Weights::parse(&row.file, file_of(bundle, row)?)
}

pub(super) fn file_of(bundle: &OneSpace, row: &WeightsRow) -> Result<FileBytes, EmbedError> {
    let bytes = bundle.files.open(&row.file)?;
    if !row.sha256.is_empty() {
        compare(&row.file, &row.sha256, &hash_of(&row.file, &bytes)?)?;
    }
    Ok(bytes)
}

/// Reads a file and compares its hash, unless the manifest leaves that empty.
pub(super) fn checked<'a>(
    bundle: &'a OneSpace,
    file: &str,
    expected: &str,
) -> Result<Cow<'a, [u8]>, EmbedError> {
    let bytes = bundle.files.read(file)?;
    if !expected.is_empty() {
        compare(file, expected, &hash_of(file, &FileBytes::owned(bytes.to_vec()))?)?;
    }
    Ok(bytes)
}

/// The hash of a file.
pub(super) fn hash_of(file: &str, bytes: &FileBytes) -> Result<String, EmbedError> {
    bytes.sha256().map_err(|source| EmbedError::Read { name: file.to_owned(), source })
}

pub(super) fn compare(file: &str, expected: &str, received: &str) -> Result<(), EmbedError> {
    if received == expected {
        return Ok(());
    }
    let (expected, received) = (expected.to_owned(), received.to_owned());
    Err(EmbedError::Hash { file: file.to_owned(), expected, received })
}
