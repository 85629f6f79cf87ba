//! Items that arrive as bytes: one item of one or more parts becomes one asset.
//!
//! ```text
//! check ─► hash ─► known? ─► decode each part ─► Encode ─► fused point ─► copies on disk ─► Store::apply
//! ```

mod item;
mod parts;

pub(crate) use item::{Ingest, Product, product, stored_fuse};

/// Field of an asset's facts with the parts, by number, and weights of its fused point.
pub(crate) const FUSE_FIELD: &str = "_fuse";
