//! What all stages of a run share.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;
use sensorium_media::Cancel;
use sensorium_store::Store;
use sensorium_types::{AssetId, Losses, WithoutMedia};
use tokio::runtime::Handle;

use super::plan::SourcesByAsset;
use crate::seams::{Decode, Encode};

/// A run with its stores, encoders and decoders.
#[derive(Debug)]
pub(super) struct Run {
    /// Where the assets are.
    pub(super) from: Arc<dyn Store>,
    /// Where they go.
    pub(super) to: Arc<dyn Store>,
    /// Whether that is another collection than where they are.
    pub(super) moves: bool,
    pub(super) encode: Arc<dyn Encode>,
    pub(super) decode: Arc<dyn Decode>,
    pub(super) data_dir: PathBuf,
    pub(super) jobs: usize,
    pub(super) losses: Losses,
    pub(super) cancel: Cancel,
    pub(super) runtime: Handle,
    pub(super) sources: SourcesByAsset,
    /// Assets whose media is known to be gone.
    pub(super) lacking: HashMap<AssetId, WithoutMedia>,
    pub(super) unread: Mutex<Vec<WithoutMedia>>,
}
