//! What an engine is opened with.

use std::path::PathBuf;
use std::sync::Arc;

use sensorium_embed::Bundle;
use sensorium_media::Limits;

/// The collection that is meant where none is named.
pub const DEFAULT_COLLECTION: &str = "default";

/// What the holder of an engine may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Reads and writes. One process at a time holds a data folder so.
    Write,
    /// Reads, beside a process that may write. A data folder that does not exist is an empty database.
    Read,
}

/// What [`Engine::open`](crate::Engine::open) needs.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// The data folder.
    pub data_dir: PathBuf,
    /// The collection; it is made at the first write.
    pub collection: String,
    /// The encoders and their calibration.
    pub bundle: Arc<Bundle>,
    /// The program that runs as decoding worker: a `sensorium` binary.
    pub worker_program: PathBuf,
    /// How many files are decoded at a time, at least 1.
    pub jobs: usize,
    /// Limits of the decoders.
    pub limits: Limits,
    /// Whether the engine may write.
    pub access: Access,
}
