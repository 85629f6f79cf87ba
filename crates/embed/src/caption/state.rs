//! What decoding carries along: the image's keys and values, made once, and those of the tokens so far.

use sensorium_kernels::PackedMatrix;

/// An image as the decoder sees it: keys and values of its places for the cross-attention of every layer.
#[derive(Debug, Clone)]
pub struct Memory {
    pub(super) layers: Vec<LayerMemory>,
}

/// Keys and values of one layer, packed for each head.
#[derive(Debug, Clone)]
pub(super) struct LayerMemory {
    pub(super) heads: Vec<HeadMemory>,
}

#[derive(Debug, Clone)]
pub(super) struct HeadMemory {
    /// (places, size).
    pub(super) keys: PackedMatrix,
    /// (size, places).
    pub(super) values: PackedMatrix,
}

impl LayerMemory {
    /// Packs keys and values that lie side by side, each split into heads.
    ///
    /// # Shapes
    /// (places, 2 d)
    pub(super) fn new(pairs: &[f32], d: usize, heads: usize) -> Self {
        let (width, size) = (2 * d, d / heads.max(1));
        let places = pairs.len() / width.max(1);
        let part = |from: usize| pairs.get(from..).unwrap_or_default();
        let heads = (0..heads)
            .map(|head| {
                let (mut keys, mut values) = (PackedMatrix::empty(), PackedMatrix::empty());
                keys.repack(part(head * size), (places, size), (width, 1));
                values.repack(part(d + head * size), (size, places), (1, width));
                HeadMemory { keys, values }
            })
            .collect();
        Self { heads }
    }
}

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
