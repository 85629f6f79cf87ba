//! Multi-head self-attention over a ragged batch.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;
use sensorium_kernels::{Epilogue, PackedMatrix, softmax_rows};

use super::ops::{FEW_ROWS, floats, shared_threads};

/// `softmax(Q K^T / sqrt(d_head)) V` for each head of each item.
///
/// Items need neither padding nor mask: each attends to its own rows only.
///
/// # Shapes
/// (total, 3 d): queries, keys and values side by side, each split into heads -> (total, d)
///
/// # Source
/// arXiv:1706.03762, section 3.2
#[derive(Debug)]
pub(crate) struct SelfAttention<'a> {
    /// Rows of each item; their sum is `total`.
    pub(crate) lengths: &'a [usize],
    /// Heads; they divide d.
    pub(crate) heads: usize,
    /// Each row attends to itself and those before it only.
    pub(crate) causal: bool,
}

impl SelfAttention<'_> {
    pub(crate) fn forward(&self, qkv: &Tensor) -> Result<Tensor> {
        qkv.apply_op1_no_bwd(self)
    }
}

impl CustomOp1 for SelfAttention<'_> {
    fn name(&self) -> &'static str {
        "self-attention"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (total, width) = layout.shape().dims2()?;
        let d = width / 3;
        if d * 3 != width || self.heads == 0 || !d.is_multiple_of(self.heads) {
            bail!("attention of {} heads over {width} numbers a row", self.heads);
        }
        if self.lengths.iter().sum::<usize>() != total {
            bail!("items of {:?} rows in a batch of {total}", self.lengths);
        }
        let mut out = vec![0.0; total * d];
        if self.lengths.len() == 1
            && total <= FEW_ROWS
            && let Some(threads) = shared_threads()
        {
            self.side_by_side(floats(storage, layout)?, &mut out, d, threads);
            return Ok((CpuStorage::F32(out), (total, d).into()));
        }
        let mut scratch = Scratch::new();
        let (mut qkv, mut to) = (floats(storage, layout)?, out.as_mut_slice());
        for length in self.lengths {
            let (item, rest) = qkv.split_at(length * width);
            let (place, room) = to.split_at_mut(length * d);
            for head in 0..self.heads {
                self.attend(&mut scratch, item, place, self.head(head, d));
            }
            (qkv, to) = (rest, room);
        }
        Ok((CpuStorage::F32(out), (total, d).into()))
    }
}

impl SelfAttention<'_> {
    fn head(&self, index: usize, d: usize) -> Head {
        Head { index, d, size: d / self.heads }
    }

    fn attend(&self, scratch: &mut Scratch, item: &[f32], out: &mut [f32], head: Head) {
        let rows = item.len() / (3 * head.d);
        if rows == 0 {
            return;
        }
        let shares = scratch.scores(item, head);
        if self.causal {
            for (row, shares) in shares.chunks_exact_mut(rows).enumerate() {
                let (seen, hidden) = shares.split_at_mut(row + 1);
                softmax_rows(seen, row + 1);
                hidden.fill(0.0);
            }
        } else {
            softmax_rows(shares, rows);
        }
        scratch.mix(item, out, head);
    }

    /// The heads of a lone item, a run of them on each thread.
    fn side_by_side(&self, item: &[f32], out: &mut [f32], d: usize, threads: usize) {
        let run = self.heads.div_ceil(threads);
        let runs: Vec<Vec<f32>> = (0..threads)
            .into_par_iter()
            .with_max_len(1)
            .map(|thread| {
                let mut scratch = Scratch::new();
                let mut part = vec![0.0; out.len()];
                for index in (thread * run).min(self.heads)..((thread + 1) * run).min(self.heads) {
                    self.attend(&mut scratch, item, &mut part, self.head(index, d));
                }
                part
            })
            .collect();
        // Each run left the columns of the others at zero.
        for part in runs {
            for (to, value) in out.iter_mut().zip(part) {
                *to += value;
            }
        }
    }
}

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

#[cfg(test)]
mod tests {
    use super::super::ops::{matrix, rows_of};
    use super::*;
    use candle_core::D;

    /// The same by candle's own operations, one item at a time.
    fn reference(qkv: &Tensor, lengths: &[usize], heads: usize) -> Vec<f32> {
        let d = qkv.dim(1).unwrap() / 3;
        let mut start = 0;
        let mut out = Vec::new();
        for length in lengths {
            let item = qkv.narrow(0, start, *length).unwrap();
            let part = |number: usize| {
                let part =
                    item.narrow(1, number * d, d).unwrap().reshape((*length, heads, d / heads)).unwrap();
                part.transpose(0, 1).unwrap().contiguous().unwrap()
            };
            let scores = part(0).matmul(&part(1).transpose(1, 2).unwrap().contiguous().unwrap()).unwrap();
            let scores = (scores / ((d / heads) as f64).sqrt()).unwrap();
            let shares = candle_nn::ops::softmax(&scores, D::Minus1).unwrap();
            let mixed =
                shares.matmul(&part(2)).unwrap().transpose(0, 1).unwrap().reshape((*length, d)).unwrap();
            out.extend(rows_of(&mixed).unwrap());
            start += length;
        }
        out
    }

    #[test]
    fn it_agrees_with_candle_on_ragged_items() {
        let (lengths, heads, d) = ([1, 5, 17, 2], 3, 12);
        let total: usize = lengths.iter().sum();
        let values = (0..total * 3 * d).map(|i| ((i * 7919 % 1000) as f32 / 500.0 - 1.0) * 2.0).collect();
        let qkv = matrix(values, total, 3 * d).unwrap();
        let ours = rows_of(&SelfAttention { lengths: &lengths, heads, causal: false }.forward(&qkv).unwrap())
            .unwrap();
        for (ours, theirs) in ours.iter().zip(reference(&qkv, &lengths, heads)) {
            assert!((ours - theirs).abs() < 1e-5, "{ours}, not {theirs}");
        }
    }

    #[test]
    fn a_lone_item_s_heads_may_be_shared_out() {
        let (rows, heads, d) = (9, 3, 12);
        let values = (0..rows * 3 * d).map(|i| (i * 7919 % 1000) as f32 / 500.0 - 1.0).collect();
        let qkv = matrix(values, rows, 3 * d).unwrap();
        let attend = || {
            rows_of(&SelfAttention { lengths: &[rows], heads, causal: true }.forward(&qkv).unwrap()).unwrap()
        };
        let alone = attend();
        for threads in [1, 2, 5] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            assert_eq!(pool.install(attend), alone, "{threads} threads");
        }
    }

    #[test]
    fn rows_of_a_causal_item_do_not_see_those_behind_them() {
        let (rows, heads, d) = (7, 2, 8);
        let values: Vec<f32> = (0..rows * 3 * d).map(|i| (i * 7919 % 1000) as f32 / 500.0 - 1.0).collect();
        let attend = |rows: usize, causal| {
            let qkv = matrix(values[..rows * 3 * d].to_vec(), rows, 3 * d).unwrap();
            rows_of(&SelfAttention { lengths: &[rows], heads, causal }.forward(&qkv).unwrap()).unwrap()
        };
        let all = attend(rows, true);
        for row in 1..=rows {
            // The last row of the first few sees just these.
            let alone = attend(row, false);
            for (causal, last) in all[(row - 1) * d..row * d].iter().zip(&alone[(row - 1) * d..]) {
                assert!((causal - last).abs() < 1e-6, "row {row}: {causal}, not {last}");
            }
        }
    }

    #[test]
    fn lengths_that_do_not_fit_are_refused() {
        let qkv = matrix(vec![0.0; 12], 2, 6).unwrap();
        assert!(SelfAttention { lengths: &[3], heads: 1, causal: false }.forward(&qkv).is_err());
        assert!(SelfAttention { lengths: &[2], heads: 4, causal: false }.forward(&qkv).is_err());
    }
}
