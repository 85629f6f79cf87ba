//! What a server is doing, live: its metrics, read again and again.
//!
//! ```text
//! /metrics ─► read.rs: series by name and labels ─► rows.rs: rates between two readings, quantiles ─► lines
//! ```

mod read;
mod rows;

pub(crate) use read::{Readings, read};
pub(crate) use rows::{Row, Shown, important, lines, rows};
