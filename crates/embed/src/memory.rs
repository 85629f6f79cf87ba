//! What a caption decoder looks at while it writes: the image's keys and values, made once.

use sensorium_kernels::PackedMatrix;

/// An image as the decoder sees it: keys and values of its places for the cross-attention of every layer.
#[derive(Debug, Clone)]
pub struct Memory {
    pub(crate) layers: Vec<LayerMemory>,
}

/// Keys and values of one layer, packed for each head.
#[derive(Debug, Clone)]
pub(crate) struct LayerMemory {
    pub(crate) heads: Vec<HeadMemory>,
}

/// Those of one head.
#[derive(Debug, Clone)]
pub(crate) struct HeadMemory {
    /// (places, size).
    pub(crate) keys: PackedMatrix,
    /// (size, places).
    pub(crate) values: PackedMatrix,
}

impl LayerMemory {
    /// Packs keys and values that lie side by side, each split into heads.
    ///
    /// # Shapes
    /// (places, 2 d)
    pub(crate) fn new(pairs: &[f32], d: usize, heads: usize) -> Self {
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
