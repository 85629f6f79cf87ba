//! Strings to token ids.

use std::borrow::Cow;
use std::ops::Range;

use serde::{Deserialize, Serialize};
use tokenizers::TruncationParams;

use crate::EmbedError;

/// Bytes of a text that are looked at. No text whose tokens all count is longer; without a limit a text of gigabytes would
/// be cut into tokens only for the first few to be kept.
const MAX_BYTES: usize = 64 << 10;

/// A tokenizer that truncates, and pads only where a model was trained so.
///
/// Files of this family often switch on truncation at 128 and padding to 128, which would make every query twelve times as
/// long as it is; both are overruled here.
#[derive(Debug)]
pub struct Tokenizer {
    tokenizer: tokenizers::Tokenizer,
    rules: TextRules,
}

/// The tokens of a text, and those that fill it up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Filled {
    /// All of them.
    pub(crate) ids: Vec<u32>,
    /// The places of those that are the text's own.
    pub(crate) own: Range<usize>,
}

/// What is done to a text around the tokenizer's own file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct TextRules {
    /// Brings it to small letters.
    pub(crate) lower: bool,
    /// Leaves out punctuation and squeezes spaces.
    pub(crate) strip_punctuation: bool,
    /// Fills short texts up.
    pub(crate) pad: Option<Pad>,
}

/// How short texts are filled up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pad {
    /// To so many tokens.
    pub(crate) to: usize,
    /// With this one.
    pub(crate) id: u32,
    pub(crate) side: PadSide,
}

/// Where the tokens go that fill a text up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum PadSide {
    Left,
    Right,
}

impl Tokenizer {
    /// Reads a `tokenizer.json`, called `file` in errors.
    ///
    /// # Errors
    /// [`EmbedError::Damaged`] if it is none.
    pub fn load(file: &str, bytes: &[u8], max_tokens: usize) -> Result<Self, EmbedError> {
        Self::with_rules(file, bytes, max_tokens, TextRules::default())
    }

    /// The same with rules around it.
    pub(crate) fn with_rules(
        file: &str,
        bytes: &[u8],
        max_tokens: usize,
        rules: TextRules,
    ) -> Result<Self, EmbedError> {
        let damaged = |source| EmbedError::Damaged { file: file.to_owned(), source };
        let mut tokenizer = tokenizers::Tokenizer::from_bytes(bytes).map_err(damaged)?;
        let truncation = TruncationParams { max_length: max_tokens, ..TruncationParams::default() };
        tokenizer.with_truncation(Some(truncation)).map_err(damaged)?;
        tokenizer.with_padding(None);
        Ok(Self { tokenizer, rules })
    }

    /// The ids of a text with the marks around it: at least those, at most `max_tokens`.
    ///
    /// # Errors
    /// [`EmbedError::Compute`] if the text cannot be cut into tokens.
    pub fn ids(&self, text: &str) -> Result<Vec<u32>, EmbedError> {
        Ok(self.filled(text)?.ids)
    }

    /// The same, and which of them are the text's own.
    pub(crate) fn filled(&self, text: &str) -> Result<Filled, EmbedError> {
        let mut ids = self.encode(text, true)?;
        let length = ids.len();
        let Some(Pad { to, id, side }) = self.rules.pad else { return Ok(Filled { ids, own: 0..length }) };
        let missing = to.saturating_sub(length);
        let own = match side {
            PadSide::Right => {
                ids.extend(std::iter::repeat_n(id, missing));
                0..length
            }
            PadSide::Left => {
                ids.splice(0..0, std::iter::repeat_n(id, missing));
                missing..missing + length
            }
        };
        Ok(Filled { ids, own })
    }

    /// Whether short texts are filled up.
    pub(crate) const fn fills(&self) -> bool {
        self.rules.pad.is_some()
    }

    /// The ids of a text without marks.
    pub(crate) fn pieces(&self, text: &str) -> Result<Vec<u32>, EmbedError> {
        self.encode(text, false)
    }

    /// The piece of an id, as the vocabulary writes it.
    pub(crate) fn piece(&self, id: u32) -> Option<String> {
        self.tokenizer.id_to_token(id)
    }

    /// The id of a piece.
    pub(crate) fn id(&self, piece: &str) -> Option<u32> {
        self.tokenizer.token_to_id(piece)
    }

    fn encode(&self, text: &str, marks: bool) -> Result<Vec<u32>, EmbedError> {
        let text = text.get(..text.floor_char_boundary(MAX_BYTES)).unwrap_or(text);
        let text = self.rules.apply(text);
        let encoding = self
            .tokenizer
            .encode_fast(text.as_ref(), marks)
            .map_err(|source| EmbedError::Compute { source })?;
        Ok(encoding.get_ids().to_vec())
    }
}

impl TextRules {
    /// A text as the tokenizer is to see it.
    ///
    /// # Source
    /// transformers `models/siglip/tokenization_siglip.py`, `canonicalize_text`: punctuation is that of ASCII
    fn apply<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut text = Cow::Borrowed(text);
        if self.lower {
            text = Cow::Owned(text.to_lowercase());
        }
        if self.strip_punctuation {
            let kept: String = text.chars().filter(|letter| !letter.is_ascii_punctuation()).collect();
            text = Cow::Owned(kept.split_whitespace().collect::<Vec<_>>().join(" "));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_applied_in_order() {
        let rules = TextRules { lower: true, strip_punctuation: true, pad: None };
        assert_eq!(rules.apply("  A Dog's\t\nLIFE, \u{c4}rger! "), "a dogs life \u{e4}rger");
        assert_eq!(TextRules { lower: true, ..TextRules::default() }.apply(" A, B "), " a, b ");
        assert!(matches!(TextRules::default().apply("A"), Cow::Borrowed("A")));
    }
}
