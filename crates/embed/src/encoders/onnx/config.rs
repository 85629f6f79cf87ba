//! Sizes, and names of inputs and outputs.

use serde::{Deserialize, Serialize};

/// Largest side of an image, in pixels, and most tokens of a text.
const MAX_SIZE: usize = 4096;
/// What an image and a token cost where nothing is said: as in CLIP B/32, in millions of multiply-adds.
const IMAGE_COST: u64 = 4_400;
const TOKEN_COST: u64 = 38;

/// The image tower.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OnnxImageConfig {
    /// Side of an image, in pixels.
    pub(crate) size: usize,
    /// The input that takes pixels; left out, the only one.
    pub(crate) input: Option<String>,
    /// The output that is the vector; left out, the only one that can be.
    pub(crate) output: Option<String>,
    /// Millions of multiply-adds of an image, roughly.
    pub(crate) cost: Option<u64>,
}

impl OnnxImageConfig {
    /// What cannot be, if anything.
    pub(crate) fn fault(&self) -> Option<String> {
        let is_size = (1..=MAX_SIZE).contains(&self.size);
        (!is_size).then(|| format!("images of {} pixels", self.size))
    }

    /// Millions of multiply-adds of an image, roughly.
    pub(crate) fn cost(&self) -> u64 {
        self.cost.unwrap_or(IMAGE_COST)
    }
}

/// The text tower.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OnnxTextConfig {
    /// Most tokens of a text.
    pub(crate) positions: usize,
    /// The input that takes tokens; left out, the only one beside the mask.
    pub(crate) input: Option<String>,
    /// The input that takes 1 for a token of the text and 0 for one that fills it up; left out, `attention_mask`, if there is one.
    pub(crate) mask: Option<String>,
    /// The output that is the vector; left out, the only one that can be.
    pub(crate) output: Option<String>,
    /// Millions of multiply-adds of a token, roughly.
    pub(crate) cost: Option<u64>,
}

impl OnnxTextConfig {
    /// What cannot be, if anything.
    pub(crate) fn fault(&self) -> Option<String> {
        let is_length = (1..=MAX_SIZE).contains(&self.positions);
        (!is_length).then(|| format!("texts of {} tokens", self.positions))
    }

    /// Millions of multiply-adds of a token, roughly.
    pub(crate) fn cost(&self) -> u64 {
        self.cost.unwrap_or(TOKEN_COST)
    }
}
