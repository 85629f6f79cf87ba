//! Terms to hits.
//!
//! ```text
//! terms ─► vectors (terms.rs) ─► parts: one sum, or each alone (part.rs)
//!       ─► one search for each content: images, sounds, texts (search.rs)
//!       ─► merged by calibrated score, or fused by rank (fusion.rs)
//!       ─► every point of the best assets scored: moments ─► rows (rows.rs)
//!       ─► where it is asked for, the best images read once more by the caption decoder (rerank.rs)
//! ```
//!
//! A list over several contents is ranked by calibrated scores, never by raw cosine, which would put one content on top
//! (CONTRACTS.md section 6).

#[cfg(test)]
mod corrected;
mod fusion;
mod one;
mod part;
mod rerank;
mod rows;
mod run;
mod search;
mod standing;
mod terms;

pub use rerank::LOG_PROB_AS_COSINE;

pub(crate) use one::vectors_of;
pub(crate) use rerank::image;
pub(crate) use rows::Shape;
pub(crate) use run::{Sources, query};
pub(crate) use standing::Standing;
