//! Media in words: what is asked for, and what is told.

use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::sync::Arc;

use crate::{AssetId, Track};

/// Shots of a summary where nothing else is asked for.
const DEFAULT_SHOTS: usize = 12;

/// What is put into words.
#[derive(Debug, Clone, PartialEq)]
pub enum CaptionInput {
    /// A file of the machine that asks: a server is sent its bytes.
    File(PathBuf),
    /// The bytes of a file.
    Bytes(Arc<[u8]>),
    /// A stored asset.
    Asset(AssetId),
    /// One point of a stored asset; without a track, of its images, or of its audio if it has none.
    Point(AssetId, Option<Track>, u32),
}

/// Which parts of a video or an audio clip are put into words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CaptionParts {
    /// The one in the middle.
    Middle,
    /// All, one after another.
    Each,
}

/// How the words of a caption are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum CaptionStrategy {
    /// The likeliest each time.
    #[default]
    Greedy,
    /// The best of several captions that grow side by side; all their words come at the end.
    Beam {
        /// How many grow, from 1 to 64.
        width: usize,
    },
    /// Each drawn from the likeliest.
    Sample {
        /// Only the likeliest that together have this much of the probability, from above 0 to 1.
        top_p: f32,
        /// Equal seeds give equal captions.
        seed: u64,
    },
}

/// How captions are made.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct CaptionOptions {
    /// How words are chosen.
    pub strategy: CaptionStrategy,
    /// Most tokens; `None`: the model's own bound, which also holds where more is asked for.
    pub max_tokens: Option<usize>,
}

/// A request for captions.
#[derive(Debug, Clone, PartialEq)]
pub struct CaptionRequest {
    /// What is put into words.
    pub input: CaptionInput,
    /// Which parts of it.
    pub parts: CaptionParts,
    /// How.
    pub options: CaptionOptions,
}

/// A token of a caption.
#[derive(Debug, Clone, PartialEq)]
pub struct CaptionToken {
    /// What it adds to the text, with the blank before it; pieces one after another are the text.
    pub piece: String,
    /// Natural logarithm of the probability that the model gave it, whatever was blocked.
    pub log_prob: f32,
}

/// An image, or a piece of audio, in words.
#[derive(Debug, Clone, PartialEq)]
pub struct Caption {
    /// The words.
    pub text: String,
    /// The geometric mean of the probabilities of all tokens and of the end, from 0 to 1.
    pub confidence: f32,
    /// The tokens.
    pub tokens: Vec<CaptionToken>,
    /// Natural logarithm of the probability of the end; `None` where the model did not end the caption: it has as many
    /// tokens as it may, no token was allowed, or who listened had enough.
    pub end_log_prob: Option<f32>,
}

impl Caption {
    /// A caption that was stopped before its first token.
    pub const fn stopped() -> Self {
        Self { text: String::new(), confidence: 0.0, tokens: Vec::new(), end_log_prob: None }
    }
}

/// An image, or a part of a video or an audio clip, in words.
#[derive(Debug, Clone, PartialEq)]
pub struct PartCaption {
    /// First millisecond of the part, and the first after it; `None` for an image.
    pub span: Option<(u64, u64)>,
    /// The words.
    pub caption: Caption,
}

/// What is told while words are found.
#[derive(Debug, Clone, PartialEq)]
pub enum CaptionEvent {
    /// The next piece of the caption that is being made.
    Piece(String),
    /// The caption is done; the next one begins.
    Done(PartCaption),
}

/// How much of a video a summary shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SummaryLength {
    /// At most this many shots, each whole.
    Shots(NonZeroUsize),
    /// Excerpts from the middle of shots, together at most so many milliseconds.
    TimeMs(NonZeroU64),
}

impl SummaryLength {
    /// Most shots of a summary.
    pub const MAX_SHOTS: usize = 500;
}

impl Default for SummaryLength {
    /// 12 shots.
    fn default() -> Self {
        Self::Shots(NonZeroUsize::MIN.saturating_add(DEFAULT_SHOTS - 1))
    }
}
