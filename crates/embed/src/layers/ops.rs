//! Between candle's tensors and slices of floats.
//!
//! Why operations of our own: candle 0.11 packs a weight anew for every product, runs activations scalar on one thread, and
//! cuts a grouped convolution into one convolution a channel (65 to 200 times too long). Each operation here runs on the
//! calling thread; encoders put items side by side on threads.

use candle_core::{CpuStorage, Device, Layout, Result, Tensor, bail};

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

/// Rows that are few: a question, whose products wait for the weights to be read.
pub(crate) const FEW_ROWS: usize = 48;

/// How many threads a part of an item's work may be shared among: those of the pool that it runs on, if there are several.
pub(crate) fn shared_threads() -> Option<usize> {
    let threads = rayon::current_num_threads();
    (threads > 1 && rayon::current_thread_index().is_some()).then_some(threads)
}
