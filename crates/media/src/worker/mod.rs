//! Decoding in child processes of the same binary.
//!
//! ```text
//! MediaPool ── request (path, spec, limits) ──► worker ── exec ──► ffmpeg
//!           ◄── begun, parts, done │ failed ──
//! ```
//!
//! A worker limits itself before it reads: its [sandbox](crate::sandbox), address space, CPU time, open files, no output files. It dies with its
//! parent, and its ffmpeg dies with it. It is told a time that ends a little before the file's deadline, at which the
//! parent kills it; a dead worker costs one file, or, of a video or an audio clip that ran out of time, what lies
//! behind the parts that it gave.
//!
//! | file | holds |
//! | --- | --- |
//! | `protocol.rs` | messages and their framing |
//! | `child.rs` | the worker's side |
//! | `confined.rs` | ffmpeg for who is no worker |
//! | `process.rs` | one worker as its parent sees it |
//! | `spawner.rs` | the thread that starts workers |
//! | `pool.rs` | the pool |

mod child;
mod confined;
mod pool;
mod process;
mod protocol;
mod spawner;

pub use child::worker_main;
pub use pool::{MediaError, MediaInput, MediaPool, PoolConfig};
