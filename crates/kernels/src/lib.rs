//! SIMD kernels with scalar references, chosen at run time; the home of `unsafe`.
//!
//! | file | holds |
//! | --- | --- |
//! | `level.rs` | which instruction set runs, found once |
//! | `simd/` | a vector of floats as a trait, for AVX-512, AVX2 and plain Rust (which becomes NEON on its own) |
//! | `distance.rs` | [`dot`], [`dot_many`], [`l2_normalize`] |
//! | `code/` | [`CodeMatrix`], [`CodeQuery`]: vectors as int8 codes; [`VectorMatrix`]: those and what they leave; [`Beam`]: the search of a graph over them |
//! | `gemm/` | [`PackedMatrix`]: weights packed once, multiplied with bias, activation and residual in one pass |
//! | `depthwise.rs` | [`DepthwiseConv`]: depthwise convolution over rows of an NHWC image |
//! | `activation.rs` | [`Activation`]: bias and activation in place |
//! | `attention.rs` | [`Attention`]: of queries over keys and values, a block of queries at a time |
//! | `rows.rs` | [`layer_norm_rows`], [`softmax_rows`], [`mean_of_rows`] |
//! | `mapped.rs` | [`Numbers`]: in memory or in a mapped file |
//! | `quantized/` | [`QuantizedMatrix`]: the same with weights and inputs of seven bits |
//! | `pages.rs` | memory for weights, in large pages where the system has them |
//! | `prefetch.rs` | [`prefetch`]: what is needed soon |
//! | `allocator.rs` | [`bound_arenas`], [`give_back`]: what the C allocator keeps of free memory |
//! | `convert.rs` | [`f16_to_f32`], [`dequantize_row`] |
//!
//! Each kernel is written once over the trait of `simd/` and compiled for every level; tests compare all levels that the
//! machine has with a reference in f64, within a bound that follows from the number of roundings.

mod activation;
mod allocator;
mod attention;
mod code;
mod convert;
mod depthwise;
mod distance;
mod gemm;
mod level;
mod mapped;
mod pages;
mod prefetch;
mod quantized;
mod rows;
mod simd;
#[cfg(test)]
mod testing;

pub use activation::{Activation, add_bias_activate};
pub use allocator::{bound_arenas, give_back};
pub use attention::{Attention, HeadRows};
pub use code::{
    Beam, BeamBuffers, BeamEnd, CodeMatrix, CodeQuery, Compared, Links, Narrow, Neighbours, NibbleMatrix,
    NibbleQuery, RowPairs, Scored, StoredNibbles, StoredVectors, VectorMatrix, VectorPlaces, VectorQuery,
};
pub use convert::{dequantize_row, f16_to_f32};
pub use depthwise::{DepthwiseConv, SamePadding, Strip};
pub use distance::{dot, dot_many, l2_normalize};
pub use gemm::{Epilogue, PackedMatrix};
pub use level::Level;
pub use mapped::{MappedFile, Number, Numbers, as_bytes};
pub use prefetch::prefetch;
pub use quantized::QuantizedMatrix;
pub use rows::{layer_norm_rows, mean_of_rows, softmax_rows};
