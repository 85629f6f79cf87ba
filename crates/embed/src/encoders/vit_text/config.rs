//! Sizes and choices of the two towers.

use serde::{Deserialize, Serialize};

use super::super::Act;
use crate::layers::{Precision, TransformerConfig};

/// Largest side of an image, in pixels, and most tokens of a text: more is a mistake in a configuration, whose products
/// would not fit into memory.
const MAX_SIZE: usize = 4096;

/// What an image's vector is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ImagePool {
    /// A token before the patches, a norm before the blocks, and a projection without a bias (CLIP).
    Class,
    /// A learned query that attends to the patches (SigLIP).
    Attention,
}

/// Which token a text's vector is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum TextPool {
    /// The first that ends a text (CLIP).
    End,
    /// The first of the highest id: what models do whose configuration names 2 as the end, though it is another.
    Highest,
    /// The last, which may be padding (SigLIP).
    Last,
}

/// The image tower.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct VitImageConfig {
    /// Side of an image, in pixels.
    pub(crate) size: usize,
    /// Side of a patch, in pixels.
    pub(crate) patch: usize,
    pub(crate) d: usize,
    pub(crate) heads: usize,
    pub(crate) layers: usize,
    pub(crate) ffn: usize,
    pub(crate) norm_eps: f32,
    pub(crate) activation: Act,
    pub(crate) pool: ImagePool,
    /// Of the blocks' products.
    #[serde(default, skip_serializing_if = "Precision::is_full")]
    pub(crate) precision: Precision,
}

impl VitImageConfig {
    pub(super) const fn blocks(&self) -> TransformerConfig {
        let Self { d, heads, layers, ffn, norm_eps, .. } = *self;
        TransformerConfig { d, heads, layers, ffn, norm_eps }
    }

    /// Patches of an image.
    pub(crate) const fn patches(&self) -> usize {
        let side = self.size / self.patch;
        side * side
    }

    /// Rows of an image that go through the blocks.
    pub(crate) const fn rows(&self) -> usize {
        match self.pool {
            ImagePool::Class => self.patches() + 1,
            ImagePool::Attention => self.patches(),
        }
    }

    /// What cannot be, if anything.
    pub(crate) fn fault(&self) -> Option<String> {
        if self.patch == 0 || self.size < self.patch || self.size > MAX_SIZE {
            return Some(format!("patches of {} pixels in images of {}", self.patch, self.size));
        }
        self.blocks().fault()
    }

    /// Millions of multiply-adds of an image, roughly.
    pub(crate) fn cost(&self) -> u64 {
        self.blocks().cost(self.rows())
    }
}

/// The text tower.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct VitTextConfig {
    /// Tokens of the vocabulary.
    pub(crate) vocabulary: usize,
    /// Most tokens of a text.
    pub(crate) positions: usize,
    pub(crate) d: usize,
    pub(crate) heads: usize,
    pub(crate) layers: usize,
    pub(crate) ffn: usize,
    pub(crate) norm_eps: f32,
    pub(crate) activation: Act,
    /// Each token sees itself and those before it only.
    pub(crate) causal: bool,
    pub(crate) pool: TextPool,
    /// The token that ends a text, for [`TextPool::End`].
    pub(crate) end: Option<u32>,
    /// Whether the projection has a bias.
    pub(crate) projection_bias: bool,
    /// Of the blocks' products.
    #[serde(default, skip_serializing_if = "Precision::is_full")]
    pub(crate) precision: Precision,
}

impl VitTextConfig {
    pub(super) const fn blocks(&self) -> TransformerConfig {
        let Self { d, heads, layers, ffn, norm_eps, .. } = *self;
        TransformerConfig { d, heads, layers, ffn, norm_eps }
    }

    /// What cannot be, if anything.
    pub(crate) fn fault(&self) -> Option<String> {
        if self.positions == 0 || self.positions > MAX_SIZE {
            return Some(format!("texts of {} tokens", self.positions));
        }
        if self.pool == TextPool::End && self.end.is_none() {
            return Some("no token that ends a text".to_owned());
        }
        self.blocks().fault()
    }

    /// Millions of multiply-adds of a token, roughly.
    pub(crate) fn cost(&self) -> u64 {
        self.blocks().cost(1)
    }
}
