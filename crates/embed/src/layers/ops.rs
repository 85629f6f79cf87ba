//! Between candle's tensors and slices of floats.
//!
//! Why operations of our own: candle 0.11 packs a weight anew for every product, runs activations scalar on one thread, and
//! cuts a grouped convolution into one convolution a channel (65 to 200 times too long). Encoders put items side
//! by side on threads; an operation that is work enough is cut into parts besides, which threads take that have nothing else.

use candle_core::{CpuStorage, Device, Layout, Result, Tensor, bail};
use rayon::prelude::*;

use crate::threads::to_share_among;

/// A matrix as a tensor.
pub(crate) fn matrix(values: Vec<f32>, rows: usize, columns: usize) -> Result<Tensor> {
    Tensor::from_vec(values, (rows, columns), &Device::Cpu)
}

/// The floats of a contiguous tensor, row by row.
pub(crate) fn rows_of(tensor: &Tensor) -> Result<Vec<f32>> {
    tensor.flatten_all()?.to_vec1()
}

/// The floats that an operation is given.
pub(super) fn floats<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    let Some((start, end)) = layout.contiguous_offsets() else { bail!("the input is not contiguous") };
    match storage.as_slice::<f32>()?.get(start..end) {
        Some(values) => Ok(values),
        None => bail!("the input lies past its storage"),
    }
}

/// Multiply-adds, or weights that have to be read for however few rows, that are worth a second thread.
const WORTH_SHARING: usize = 1 << 16;
const WORTH_SHARING_WORK: usize = 1 << 20;

/// How many threads a product of `rows` by a weight `(n, k)` may be shared among, if it is work enough and one of them has
/// nothing else to do.
pub(crate) fn shared_threads(rows: usize, (n, k): (usize, usize)) -> Option<usize> {
    let weights = n.saturating_mul(k);
    if weights < WORTH_SHARING && rows.saturating_mul(weights) < WORTH_SHARING_WORK {
        return None;
    }
    to_share_among()
}

/// Has parts made on so many threads of the pool: each call of `part` makes them until none is left.
pub(super) fn on_threads(threads: usize, part: &(dyn Fn() + Sync)) {
    (0..threads).into_par_iter().with_max_len(1).for_each(|_| part());
}
