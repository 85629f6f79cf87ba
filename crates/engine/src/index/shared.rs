//! What all stages of a run share.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;
use sensorium_media::Cancel;
use sensorium_store::Store;
use sensorium_types::{AssetId, FailureReason};
use tokio::runtime::Handle;

use super::globs::Selection;
use super::job::{Job, Ready};
use super::meta::MetaTable;
use super::report::Reporter;
use super::rows::Rows;
use crate::EngineError;
use crate::seams::{Decode, Encode};
use crate::stages::Stages;

/// A run with its store, encoders and decoders.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) store: Arc<dyn Store>,
    pub(super) encode: Arc<dyn Encode>,
    pub(super) decode: Arc<dyn Decode>,
    pub(super) cancel: Cancel,
    pub(super) runtime: Handle,
    pub(super) roots: Vec<PathBuf>,
    /// Files and folders that are not walked.
    pub(super) left_out: Vec<PathBuf>,
    pub(super) selection: Selection,
    pub(super) rows: Rows,
    pub(super) meta: MetaTable,
    pub(super) retry_all: bool,
    /// Assets that are decoded once more, since something is doubtful about them.
    pub(super) again: HashSet<AssetId>,
    pub(super) space_revision: String,
    pub(super) jobs: usize,
    pub(super) stages: Arc<Stages>,
    pub(super) reporter: Reporter,
    /// Assets on their way, with the files of the same bytes that wait for them.
    pub(super) in_flight: Mutex<HashMap<AssetId, Vec<Job>>>,
    /// Assets whose bytes failed in this run; written before they leave `in_flight`.
    pub(super) failed: Mutex<HashMap<AssetId, FailureReason>>,
    /// Those of `again` that were.
    pub(super) decoded_again: Mutex<HashSet<AssetId>>,
}

/// What goes to the commit: a job, or what stops the run.
pub(super) type Outcome = Result<Ready, EngineError>;
