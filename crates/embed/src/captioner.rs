//! The seam: what puts images into words, whatever library computes it.

use std::ops::ControlFlow;

use crate::caption::Memory;
use crate::{EmbedError, Grid};

/// Longest run of tokens that a caption does not say twice, where nothing else is asked for.
///
/// Two: small decoders like to say "a red shirt and red shirt"; on Flickr8k's dev photos both metrics rise beside three.
pub const DEFAULT_NO_REPEAT: usize = 2;
/// How strongly long captions are preferred in a beam search, where nothing else is asked for.
pub const DEFAULT_LENGTH_PENALTY: f32 = 0.7;

/// How the next token is chosen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Strategy {
    /// The likeliest, one at a time.
    Greedy,
    /// The best of several captions that grow side by side.
    ///
    /// A caption's worth is the sum of its log-probabilities over `tokens ^ length_penalty`: 0 prefers short ones.
    Beam {
        /// Captions that grow; 1 is [`Strategy::Greedy`].
        width: usize,
        /// The exponent.
        length_penalty: f32,
    },
    /// Drawn from the likeliest tokens that together have `top_p` of the probability.
    ///
    /// # Source
    /// nucleus sampling, arXiv:1904.09751
    Sample {
        /// From above 0 to 1.
        top_p: f32,
        /// Above 1 evens the probabilities, below 1 sharpens them.
        temperature: f32,
        /// Equal seeds give equal captions.
        seed: u64,
    },
}

/// How a caption is made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CaptionOptions {
    /// How the next token is chosen.
    pub strategy: Strategy,
    /// Fewest tokens before the caption may end.
    pub min_tokens: usize,
    /// Most tokens; `None`: the model's own bound, which also holds where more is asked for.
    pub max_tokens: Option<usize>,
    /// No run of this many tokens comes twice; 0 allows all.
    pub no_repeat: usize,
}

impl Default for CaptionOptions {
    fn default() -> Self {
        Self { strategy: Strategy::Greedy, min_tokens: 1, max_tokens: None, no_repeat: DEFAULT_NO_REPEAT }
    }
}

/// Why a caption has no more tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CaptionEnd {
    /// The model said that it is whole.
    Whole,
    /// It has as many tokens as it may.
    TooLong,
    /// No token was allowed.
    NothingLeft,
    /// Who listened had enough.
    Stopped,
}

/// A token of a caption.
#[derive(Debug, Clone, PartialEq)]
pub struct CaptionToken {
    /// What it adds to the text, with the blank before it; pieces one after another are the text.
    pub piece: String,
    /// Natural logarithm of the probability that the model gave it, whatever was blocked.
    pub log_prob: f32,
}

/// An image in words.
#[derive(Debug, Clone, PartialEq)]
pub struct Caption {
    /// The words.
    pub text: String,
    /// The geometric mean of the probabilities of all tokens and of the end, from 0 to 1.
    pub confidence: f32,
    /// The tokens.
    pub tokens: Vec<CaptionToken>,
    /// The end's log-probability, where the model ended the caption.
    pub end_log_prob: Option<f32>,
    /// Why there are no more tokens.
    pub end: CaptionEnd,
}

impl Caption {
    /// A caption that was stopped before its first token.
    pub const fn stopped() -> Self {
        let end = CaptionEnd::Stopped;
        Self { text: String::new(), confidence: 0.0, tokens: Vec::new(), end_log_prob: None, end }
    }
}

/// How likely a text is, given an image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TextScore {
    /// The sum of the log-probabilities of its tokens.
    pub words: f32,
    /// The log-probability that the text ends there.
    pub end: f32,
}

/// A text beside several images.
#[derive(Debug, Clone, PartialEq)]
pub struct TextScores {
    /// Tokens that were scored.
    pub tokens: usize,
    /// Pieces that the model has no token for, or no place; they are left out.
    pub skipped: usize,
    /// For each image.
    pub images: Vec<TextScore>,
    /// Without an image.
    pub blank: TextScore,
}

impl TextScores {
    /// `log p(text | image) - log p(text | no image)` for each image: what the image adds to the words, rid of how
    /// usual they are. The end is left out, for a query is seldom a whole sentence.
    pub fn gains(&self) -> Vec<f32> {
        self.images.iter().map(|score| score.words - self.blank.words).collect()
    }
}

/// Puts images into words, and says how well given words fit.
///
/// A caption depends on its own image and options only. May be called from many threads; it uses those of its bundle.
pub trait Captioner: Send + Sync + std::fmt::Debug {
    /// Most tokens of a caption.
    fn max_tokens(&self) -> usize;

    /// What the decoder looks at while it writes, made once an image.
    ///
    /// # Errors
    /// Where a tensor operation failed.
    fn memories(&self, grids: &[&Grid]) -> Result<Vec<Memory>, EmbedError>;

    /// Writes a caption. Each piece is told as it stands: token by token, or all at the end of a beam search, which tells nothing (an
    /// empty piece) before each of its steps; one who stops it there gets an empty caption.
    ///
    /// # Errors
    /// [`EmbedError::InvalidOptions`] for options that cannot be, else where the numbers broke down.
    fn caption(
        &self,
        memory: &Memory,
        options: &CaptionOptions,
        on_piece: &mut dyn FnMut(&str) -> ControlFlow<()>,
    ) -> Result<Caption, EmbedError>;

    /// Captions of many images, side by side on the threads.
    ///
    /// # Errors
    /// As [`Captioner::caption`].
    fn captions(&self, memories: &[Memory], options: &CaptionOptions) -> Result<Vec<Caption>, EmbedError>;

    /// The log-probability of each of these tokens beside an image, and of the end after them.
    ///
    /// # Errors
    /// For a token that the model does not have, more tokens than it has places for, or numbers that broke down.
    fn log_probs(&self, ids: &[u32], memory: &Memory) -> Result<Vec<f32>, EmbedError>;

    /// How likely a text is beside each image and beside none, in one pass.
    ///
    /// # Errors
    /// Where the numbers broke down.
    fn score(&self, text: &str, memories: &[&Memory]) -> Result<TextScores, EmbedError>;
}
