//! From the command line to settled values.
//!
//! ```text
//! argv, environment ─► low.rs: what was typed ─► high.rs: folders, collections, servers settled once
//! ```

pub(crate) mod dash;
pub(crate) mod high;
pub(crate) mod low;
pub(crate) mod models;
pub(crate) mod serve;
pub(crate) mod task;
pub(crate) mod traces;
