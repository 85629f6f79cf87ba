//! Disks that fail: what a program wrote is recorded, in order, and shown as a power loss would have left it; and disks
//! that are full or read-only for a while.
//!
//! ```text
//! program ─► recorder.c (LD_PRELOAD) ─► log ─► Log ─► PowerLoss::at(cut) ─► a folder as it may have been left
//!                ▲ room, error
//!            Recorder
//! ```
//!
//! What a cut keeps: all that a sync covers; of the rest of each file any part of the writes, torn at sectors; of the
//! rest of each folder's entries the first so many. (File systems that write entries ahead in a journal, as ext4, XFS and btrfs
//! do, keep their order; RocksDB counts on that within its folder. Here folders are independent of each other, and of
//! their files, which is less than those promise.) A mapping that is written, or another change that cannot be followed, fails the test.

mod log;
mod power;
mod recorder;

pub use log::{Event, Log};
pub use power::{Broken, PowerLoss};
pub use recorder::{Recorder, Room};
