//! Multi-head self-attention over a ragged batch.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};
use sensorium_kernels::{Attention, HeadRows};

use super::ops::{floats, on_threads, shared_threads};

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
        let mut out = vec![0.0; total * d];
        self.apply_into(floats(storage, layout)?, width, &mut out)?;
        Ok((CpuStorage::F32(out), (total, d).into()))
    }
}

impl SelfAttention<'_> {
    /// Attention over rows of this width in a slice.
    pub(crate) fn apply_into(&self, qkv: &[f32], width: usize, out: &mut [f32]) -> Result<()> {
        let d = width / 3;
        if d * 3 != width || self.heads == 0 || !d.is_multiple_of(self.heads) {
            bail!("attention of {} heads over {width} numbers a row", self.heads);
        }
        let total: usize = self.lengths.iter().sum();
        if (total * width, total * d) != (qkv.len(), out.len()) {
            bail!("items of {:?} rows in {} numbers", self.lengths, qkv.len());
        }
        let (mut qkv, mut to) = (qkv, out);
        for length in self.lengths {
            let (item, rest) = qkv.split_at(length * width);
            let (place, room) = to.split_at_mut(length * d);
            self.item(item, place, d);
            (qkv, to) = (rest, room);
        }
        Ok(())
    }

    fn item(&self, item: &[f32], out: &mut [f32], d: usize) {
        let rows = |part: usize| HeadRows { values: item.get(part * d..).unwrap_or_default(), stride: 3 * d };
        let places = out.len() / d.max(1);
        let attention = Attention {
            queries: rows(0),
            keys: rows(1),
            values: rows(2),
            places,
            heads: self.heads,
            size: d / self.heads,
            causal: self.causal,
        };
        // Scores and mixed values are two products of every row with every place.
        match shared_threads(2 * places, (places, d)) {
            None => attention.attend(out),
            Some(threads) => attention.attend_in_parts(out, |part| on_threads(threads, part)),
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
        // Work enough to be shared.
        let (rows, heads, d) = (90, 3, 96);
        let values = (0..rows * 3 * d).map(|i| (i * 7919 % 1000) as f32 / 500.0 - 1.0).collect();
        let qkv = matrix(values, rows, 3 * d).unwrap();
        let attend = || {
            rows_of(&SelfAttention { lengths: &[rows], heads, causal: true }.forward(&qkv).unwrap()).unwrap()
        };
        let alone = attend();
        for count in [1, 2, 5] {
            let threads = crate::threads::Threads::new(count).unwrap();
            assert_eq!(
                threads.map(&[()], |()| Ok(attend())).unwrap(),
                std::slice::from_ref(&alone),
                "{count} threads"
            );
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
