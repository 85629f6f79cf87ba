//! What decoding carries along beside the image: keys and values of the tokens so far.

use crate::memory::Memory;

/// Keys and values of the tokens that were read, so that none is read twice.
#[derive(Debug, Clone, Default)]
pub(super) struct Cache {
    pub(super) layers: Vec<LayerCache>,
}

/// Those of one layer: (tokens, d) each.
#[derive(Debug, Clone, Default)]
pub(super) struct LayerCache {
    pub(super) keys: Vec<f32>,
    pub(super) values: Vec<f32>,
}

impl Cache {
    /// The cache before the first token.
    pub(super) fn new(layers: usize) -> Self {
        Self { layers: vec![LayerCache::default(); layers] }
    }

    /// Tokens that were read.
    pub(super) fn tokens(&self, d: usize) -> usize {
        self.layers.first().map_or(0, |layer| layer.keys.len() / d.max(1))
    }
}

/// One sequence of a batch: what it looks at, what it has read, and what it reads next.
#[derive(Debug)]
pub(super) struct Line<'a> {
    pub(super) memory: &'a Memory,
    pub(super) cache: &'a mut Cache,
    pub(super) ids: &'a [u32],
}
