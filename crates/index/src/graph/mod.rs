//! HNSW graphs (arXiv:1603.09320): small ones built by `hnsw_rs`, large ones by our own builder; served by our own code from
//! a flat layout.
//!
//! ```text
//! vectors ──build.rs──► FlatGraph ──blob.rs──► bytes with checksum (family `graph`)
//!                          │  ▲                     │
//!                      walk.rs └──── blob.rs ◄──────┘
//! ```
//!
//! | file | holds |
//! | --- | --- |
//! | `params.rs` | [`GraphParams`]: the bounds |
//! | `flat.rs` | [`FlatGraph`]: links as dense `u32`, level by level |
//! | `draft.rs` | lists of links, as builders make them |
//! | `build.rs` | the guarded use of `hnsw_rs`, and the order of rows that follows the graph |
//! | `insert.rs` | the builder of large graphs: parallel insertion over codes |
//! | `relink.rs` | a link to every row that the builder left unreachable |
//! | `walk.rs` | greedy descent, then the beam (`sensorium-kernels`), over codes |
//! | `layout.rs` | by which codes a graph is walked: of a byte a number, or of half a byte |
//! | `blob.rs` | the stored form |
//! | `check.rs` | what `verify` asks of a graph |

mod blob;
mod build;
mod check;
mod draft;
mod flat;
mod insert;
mod layout;
mod params;
mod relink;
#[cfg(test)]
mod tests;
mod walk;

pub(crate) use blob::{StoredGraph, assemble, chunks, decode, encode};
pub(crate) use build::build;
pub(crate) use draft::BuildError;
pub(crate) use flat::{FlatGraph, Level};
pub use layout::Layout;
pub(crate) use layout::half_bytes;
pub use params::{DEFAULT_EF, DEFAULT_EF_CONSTRUCT, DEFAULT_M, GraphParams};
pub(crate) use walk::{Walk, Walked};
