//! Strings to token ids.

use tokenizers::TruncationParams;

use crate::EmbedError;

/// Bytes of a text that are looked at. No text whose tokens all count is longer; without a limit a text of gigabytes would
/// be cut into tokens only for the first few to be kept.
const MAX_BYTES: usize = 64 << 10;

/// A tokenizer that truncates and never pads.
///
/// Files of this family often switch on truncation at 128 and padding to 128, which would make every query twelve times as
/// long as it is; both are overruled here.
#[derive(Debug)]
pub struct Tokenizer(tokenizers::Tokenizer);

impl Tokenizer {
    /// Reads a `tokenizer.json`, called `file` in errors.
    ///
    /// # Errors
    /// [`EmbedError::Damaged`] if it is none.
    pub fn load(file: &str, bytes: &[u8], max_tokens: usize) -> Result<Self, EmbedError> {
        let damaged = |source| EmbedError::Damaged { file: file.to_owned(), source };
        let mut tokenizer = tokenizers::Tokenizer::from_bytes(bytes).map_err(damaged)?;
        let truncation = TruncationParams { max_length: max_tokens, ..TruncationParams::default() };
        tokenizer.with_truncation(Some(truncation)).map_err(damaged)?;
        tokenizer.with_padding(None);
        Ok(Self(tokenizer))
    }

    /// The ids of a text with the marks around it: at least the two marks, at most `max_tokens`.
    ///
    /// # Errors
    /// [`EmbedError::Compute`] if the text cannot be cut into tokens.
    pub fn ids(&self, text: &str) -> Result<Vec<u32>, EmbedError> {
        self.encode(text, true)
    }

    /// The ids of a text without marks.
    pub(crate) fn pieces(&self, text: &str) -> Result<Vec<u32>, EmbedError> {
        self.encode(text, false)
    }

    /// The piece of an id, as the vocabulary writes it.
    pub(crate) fn piece(&self, id: u32) -> Option<String> {
        self.0.id_to_token(id)
    }

    fn encode(&self, text: &str, marks: bool) -> Result<Vec<u32>, EmbedError> {
        let text = text.get(..text.floor_char_boundary(MAX_BYTES)).unwrap_or(text);
        let encoding = self.0.encode_fast(text, marks).map_err(|source| EmbedError::Compute { source })?;
        Ok(encoding.get_ids().to_vec())
    }
}
