//! What integration tests share: an exact-search oracle, seeded corpora, temporary databases, seeds, and a
//! store in memory, and disks that fail.
//!
//! A dev-dependency only. The oracle and the corpora stand in `sensorium-store`, whose contract needs them too.

pub mod disk;
mod memory;
mod seed;
mod temporary;

pub use memory::MemoryStore;
pub use seed::{SEED_VARIABLE, seed};
pub use sensorium_store::contract::samples::{Seeded, corpus, normalize};
pub use sensorium_store::contract::{oracle, samples};
pub use temporary::TemporaryDatabase;
