//! From manifest and files to a tower that ONNX Runtime computes.

use super::OneSpace;
use super::manifest::{EncoderRow, fact};
use super::preprocess::levels;
use super::rows::{config, file_of, read_tokenizer, tokenizer_row};
use crate::EmbedError;
use crate::encoders::{OnnxFile, OnnxImageConfig, OnnxImageEncoder, OnnxTextConfig, OnnxTextEncoder};

pub(super) fn image(bundle: &OneSpace, row: &EncoderRow) -> Result<OnnxImageEncoder, EmbedError> {
    let config: OnnxImageConfig = config(row)?;
    let size = bundle.facts.cutting.image_size as usize;
    if config.size != size {
        let said =
            format!("encoder {} sees images of {} pixels, they are brought to {size}", row.id, config.size);
        return Err(fact(said));
    }
    let (levels, dim) = (levels(row)?, bundle.facts.space.dim);
    OnnxImageEncoder::load(&file(bundle, row)?, &config, (levels, dim), bundle.threads.count())
}

pub(super) fn text(bundle: &OneSpace, row: &EncoderRow) -> Result<OnnxTextEncoder, EmbedError> {
    let config: OnnxTextConfig = config(row)?;
    let tokenizer_row = tokenizer_row(row)?;
    let (positions, most) = (config.positions, tokenizer_row.max_tokens);
    if most > positions || tokenizer_row.pad.is_some_and(|pad| pad.to != positions) {
        let said =
            format!("encoder {} takes {positions} tokens, its tokenizer gives or fills up other", row.id);
        return Err(fact(said));
    }
    let (tokenizer, dim) = (read_tokenizer(bundle, tokenizer_row)?, bundle.facts.space.dim);
    OnnxTextEncoder::load(&file(bundle, row)?, &config, (tokenizer, dim), bundle.threads.count())
}

/// The first of an encoder's files, which is the model; all of them are compared with their hashes.
fn file(bundle: &OneSpace, row: &EncoderRow) -> Result<OnnxFile, EmbedError> {
    let [first, others @ ..] = row.weights.as_slice() else {
        return Err(fact(format!("encoder {} names no file of weights", row.id)));
    };
    let bytes = file_of(bundle, first)?;
    for other in others {
        file_of(bundle, other)?;
    }
    let path = bundle.files.path(&first.file).ok_or_else(|| {
        fact(format!("encoder {} has its files in no folder, where ONNX Runtime reads them", row.id))
    })?;
    let files = row.weights.iter().map(|row| row.file.clone()).collect();
    Ok(OnnxFile { name: first.file.clone(), bytes, path, files })
}
