//! What is done to a text around its tokenizer.

use super::values::{Object, object_if_there};
use super::{Family, fault};
use crate::encoders::VitTextConfig;
use crate::tokenizer::{PadSide, Tokenizer};
use crate::{BundleFiles, EmbedError};

/// The tokenizer.
pub(super) const TOKENIZER: &str = "tokenizer.json";
/// What its class makes of it.
pub(super) const RULES: &str = "tokenizer_config.json";
/// Vocabularies larger than this are Gemma's.
const LARGE_VOCABULARY: usize = 100_000;

/// Rules around a tokenizer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Texts {
    pub(super) lower: bool,
    pub(super) strip_punctuation: bool,
    pub(super) pad: Option<(u32, PadSide)>,
}

/// Checks that a tokenizer can be read whose texts nothing is done to.
pub(super) fn plain(files: &dyn BundleFiles, max_tokens: usize) -> Result<(), EmbedError> {
    Tokenizer::load(TOKENIZER, &files.read(TOKENIZER)?, max_tokens).map(drop)
}

/// How open_clip cleans texts: `true` where punctuation and large letters go.
pub(super) fn open_clip_cleaning(config: &Object) -> Option<bool> {
    let text = config.part("model_cfg").part("text_cfg");
    let clean = text.part("tokenizer_kwargs");
    Some(clean.text("clean") == Some("canonicalize"))
}

/// The rules of a folder's tokenizer, which is read for its ids.
///
/// SigLIP's towers were trained on texts in small letters that are filled up to the tower's length, whatever the
/// tokenizer's file says: the class of many SigLIP 2 files, Gemma's, does neither.
///
/// # Source
/// transformers `models/siglip/tokenization_siglip.py`, `models/siglip2/tokenization_siglip2.py`; big_vision
/// `README_siglip2.md`
pub(super) fn read(
    files: &dyn BundleFiles,
    family: Family,
    config: &VitTextConfig,
    canonical: Option<bool>,
) -> Result<Texts, EmbedError> {
    let tokenizer = Tokenizer::load(TOKENIZER, &files.read(TOKENIZER)?, config.positions)?;
    let fills = !config.causal;
    if family == Family::Clip || !fills {
        let canonical = canonical.unwrap_or(false);
        return Ok(Texts { lower: canonical, strip_punctuation: canonical, pad: None });
    }
    let rules = object_if_there(files, RULES)?;
    let class = rules.as_ref().and_then(|rules| rules.text("tokenizer_class")).unwrap_or_default();
    let is_gemma = match class {
        "" => config.vocabulary > LARGE_VOCABULARY,
        class => class.starts_with("Gemma") || class.starts_with("Siglip2"),
    };
    // What these classes have.
    let usual = if is_gemma { PadSide::Left } else { PadSide::Right };
    let side = padding_side(rules.as_ref())?.unwrap_or(usual);
    let pad = pad_token(rules.as_ref()).unwrap_or_else(|| if is_gemma { "<pad>" } else { "</s>" }.to_owned());
    let id = tokenizer.id(&pad).ok_or_else(|| {
        fault(TOKENIZER, format!("the token {pad:?}, which fills texts up, is not in the vocabulary"))
    })?;
    let strip_punctuation = canonical.unwrap_or(!is_gemma);
    Ok(Texts { lower: true, strip_punctuation, pad: Some((id, side)) })
}

/// The side on which a tokenizer's class fills texts up, if its rules say so.
pub(super) fn padding_side(rules: Option<&Object>) -> Result<Option<PadSide>, EmbedError> {
    let Some(rules) = rules else { return Ok(None) };
    match rules.text("padding_side") {
        Some("right") => Ok(Some(PadSide::Right)),
        Some("left") => Ok(Some(PadSide::Left)),
        Some(other) => Err(rules.fault(format!("padding_side is {other:?}"))),
        None => Ok(None),
    }
}

/// The token that it fills them up with, if its rules name one.
pub(super) fn pad_token(rules: Option<&Object>) -> Option<String> {
    let rules = rules?;
    let plain = rules.text("pad_token").map(str::to_owned);
    plain.or_else(|| rules.part("pad_token").text("content").map(str::to_owned))
}
