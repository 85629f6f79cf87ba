//! What people and scripts read: results on standard output, everything else on standard error.
//!
//! | file | holds |
//! | --- | --- |
//! | `stream.rs` | [`Out`] and [`note`]: writing, and a reader that went away |
//! | `paint.rs` | colour, where it is wanted |
//! | `words.rs` | moments, sizes, paths and counts as people write them |
//! | `json.rs` | the rows of CONTRACTS.md section 8 |
//! | `hits.rs` | the table of a search |
//! | `explain.rs` | how an answer came about |
//! | `progress.rs`, `count.rs`, `transfer.rs` | the bars of `index`, of `reembed` and of `models pull` |

pub(crate) mod count;
pub(crate) mod explain;
pub(crate) mod hits;
pub(crate) mod json;
pub(crate) mod paint;
pub(crate) mod progress;
pub(crate) mod stream;
pub(crate) mod transfer;
pub(crate) mod words;

pub(crate) use stream::{LogLines, Out, note, notes};
