//! Columns: fields of assets by value, so that a filter is answered without looking at every asset.
//!
//! ```text
//! values of a field ─► ColumnBuilder ─► Column ─┐
//! columns of before + what changed ─► Column ───┴─► Columns ─ask(filter)─► Answer: sure, open
//! ```
//!
//! Columns are made of one moment and never changed. What changed since, and what a column does not hold (long texts, long
//! lists), is asked one by one by those who have the assets; `Filter::matches` in `sensorium-types` says what is right,
//! and the columns give exactly that. Nothing here knows assets, only their offsets and values.
//!
//! | file | holds |
//! | --- | --- |
//! | `bits.rs` | dense sets of assets |
//! | `dictionary.rs`, `run.rs` | distinct values of a type in order, and the assets of each |
//! | `places.rs` | places on the Earth, by latitude and longitude |
//! | `column.rs`, `build.rs` | one field; how it is made, and carried forward |
//! | `table.rs`, `answer.rs`, `tally.rs` | columns of one moment; a filter answered from them, by counting where it counts |
//! | `estimate.rs` | how many will meet a filter |
//! | `slot.rs`, `file.rs`, `codec.rs` | columns in a mapped file, read when they are first asked for |
//! | `set.rs` | the columns of a view with what changed since |
//! | `usage.rs` | which fields have columns, by use or because somebody asked for it, within which bounds |
//!
//! # Cost
//! A search without a filter touches none of this. A commit notes the assets that it touches, once there are columns; it does
//! not touch these. A filter costs microseconds where its fields have columns, and asks those assets one by one that changed
//! since: a hundredth of all, or 4096, before the columns are carried forward in the background, which merges what changed
//! into each (some 20 ms for a field of a million).
//!
//! # Memory
//! Four bytes for each value of an asset, two more where these are many, each distinct value once, and a bit an asset. Twenty bytes
//! for each place.

mod answer;
mod bits;
mod build;
mod codec;
mod column;
mod dictionary;
mod estimate;
mod file;
mod places;
mod run;
mod set;
mod slot;
mod table;
mod tally;
#[cfg(test)]
mod tests;
mod usage;

pub(crate) use answer::Answer;
pub(crate) use bits::Bits;
pub(crate) use build::{ColumnBuilder, Parts};
pub(crate) use column::Column;
pub use estimate::Estimate;
pub(crate) use file::ColumnFile;
pub(crate) use set::ColumnSet;
pub(crate) use table::Columns;
pub(crate) use usage::{MAX_FIELD_NAME_BYTES, MAX_INDEXED_FIELDS, Usage, most_bytes};
