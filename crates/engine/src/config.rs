//! What an engine is opened with.

use std::path::PathBuf;
use std::sync::Arc;

use sensorium_embed::Bundle;
use sensorium_media::Limits;
use sensorium_store::{Access, Storage};

/// The collection that is meant where none is named.
pub const DEFAULT_COLLECTION: &str = "default";

/// Where bundles are found by the revision of their space.
pub trait FindBundle: std::fmt::Debug + Send + Sync {
    /// The bundle of this revision, if it is here.
    fn find(&self, revision: &str) -> Option<Arc<Bundle>>;
}

/// What [`Engine::open`](crate::Engine::open) needs.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// The data folder.
    pub data_dir: PathBuf,
    /// What opens it.
    pub storage: Arc<dyn Storage>,
    /// The collection; it is made at the first write.
    pub collection: String,
    /// The encoders and their calibration.
    pub bundle: Arc<Bundle>,
    /// What finds the bundle that made a collection, where that is another: it answers queries as long as nothing replaced it.
    pub elders: Option<Arc<dyn FindBundle>>,
    /// The program that runs as decoding worker: a `sensorium` binary.
    pub worker_program: PathBuf,
    /// How many files are decoded at a time, at least 1.
    pub jobs: usize,
    /// Limits of the decoders.
    pub limits: Limits,
    /// Whether the engine may write.
    pub access: Access,
}
