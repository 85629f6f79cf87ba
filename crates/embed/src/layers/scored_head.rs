//! One head of attention whose scores its caller brings to shares: with a bias of each pair of places, as windows of a Swin Transformer
//! have.

use sensorium_kernels::{Epilogue, PackedMatrix};

/// One head of an item.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Head {
    /// Its number.
    pub(crate) index: usize,
    /// Numbers of a row, of all heads together.
    pub(crate) d: usize,
    /// Numbers of a row, of this head.
    pub(crate) size: usize,
}

/// Memory that one head after another uses.
#[derive(Debug)]
pub(crate) struct Scratch {
    keys: PackedMatrix,
    values: PackedMatrix,
    shares: Vec<f32>,
    mixed: Vec<f32>,
}

impl Scratch {
    pub(crate) fn new() -> Self {
        Self {
            keys: PackedMatrix::empty(),
            values: PackedMatrix::empty(),
            shares: Vec::new(),
            mixed: Vec::new(),
        }
    }

    /// How each row looks at each: `Q K^T / sqrt(size)`, which the caller brings to shares before [`Scratch::mix`].
    ///
    /// # Shapes
    /// item (rows, 3 d), at least one row -> (rows, rows)
    pub(crate) fn scores(&mut self, item: &[f32], Head { index, d, size }: Head) -> &mut [f32] {
        let width = 3 * d;
        let rows = item.len() / width;
        let part = |number: usize| item.get(number * d + index * size..).unwrap_or_default();
        self.keys.repack(part(1), (rows, size), (width, 1));
        self.shares.resize(rows * rows, 0.0);
        self.keys.multiply(part(0), width, Epilogue::default(), &mut self.shares);
        let scale = 1.0 / (size as f32).sqrt();
        for share in &mut self.shares {
            *share *= scale;
        }
        &mut self.shares
    }

    /// The values, mixed by the shares; writes the columns of this head.
    ///
    /// # Shapes
    /// item (rows, 3 d) -> out (rows, d)
    pub(crate) fn mix(&mut self, item: &[f32], out: &mut [f32], Head { index, d, size }: Head) {
        let width = 3 * d;
        let rows = item.len() / width;
        let values = item.get(2 * d + index * size..).unwrap_or_default();
        self.values.repack(values, (size, rows), (1, width));
        self.mixed.resize(rows * size, 0.0);
        self.values.multiply(&self.shares, rows, Epilogue::default(), &mut self.mixed);
        for (row, mixed) in out.chunks_exact_mut(d).zip(self.mixed.chunks_exact(size)) {
            for (to, value) in row.iter_mut().skip(index * size).zip(mixed) {
                *to = *value;
            }
        }
    }
}
