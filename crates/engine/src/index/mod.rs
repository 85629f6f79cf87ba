//! A folder to assets (CONTRACTS.md section 2).
//!
//! | file | holds |
//! | --- | --- |
//! | `start.rs` | a run's beginning and end: PATHs, rows, metadata, pruning, sealing |
//! | `run.rs`, `shared.rs` | its threads and queues, and what they share |
//! | `walk.rs`, `globs.rs` | folders to files |
//! | `find.rs` | the same for who sends them elsewhere |
//! | `rows.rs`, `decide.rs` | what is known of a file, and what is done with it |
//! | `hash.rs`, `work.rs`, `facts.rs` | files to parts, with the encoders' vectors |
//! | `job.rs`, `commit.rs`, `report.rs` | changes of the store, and events after them |
//! | `meta.rs` | the user's metadata file |
//! | `prune.rs` | which sources are taken away, and when not |

mod commit;
mod decide;
mod facts;
mod find;
mod globs;
mod hash;
mod job;
mod meta;
mod prune;
mod report;
mod rows;
mod run;
mod shared;
mod start;
mod walk;
mod work;

pub use find::{Found, find};
pub use meta::MetaTable;

pub(crate) use hash::{hash_file, is_unchanged};
pub(crate) use job::is_news;
pub(crate) use prune::is_gone;
pub(crate) use rows::{MAX_TRIES, is_of_the_path};
pub(crate) use start::{Setting, index, seal_if_grown};
pub(crate) use walk::{Stamp, unreadable};
