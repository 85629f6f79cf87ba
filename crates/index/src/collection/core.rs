//! [`Core`]: what the handle, the commit thread and the optimizer share.

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;

use parking_lot::{Mutex, RwLock};
use sensorium_types::{HubBank, SpaceInfo};

use super::auditor::Auditor;
use super::column_job::ColumnJob;
use super::halt::Halt;
use super::job::{AssetFileJob, Job};
use super::view::View;
use crate::error::IndexError;
use crate::options::Tuning;
use crate::storage::{HighWater, LossRow, PointOffset, Rocks, WriterLock};

/// A collection's shared parts.
#[derive(Debug)]
pub(crate) struct Core {
    /// Its name for people.
    pub(crate) name: String,
    /// Its folder.
    pub(crate) folder: PathBuf,
    /// Its space.
    pub(crate) space: SpaceInfo,
    /// When graphs are built and walked.
    pub(crate) tuning: Tuning,
    /// The bank of its hub values; `None` where nothing is corrected.
    pub(crate) hubs: Option<Arc<dyn HubBank>>,
    /// Its storage.
    pub(crate) rocks: Rocks,
    /// Whether it is open for reading only.
    pub(crate) read_only: bool,
    /// Whether rows that do not fit together were passed over: nothing is built or made of what is left, for that would
    /// take what was passed over for dead.
    pub(crate) lenient: bool,
    /// Kept while the collection is open; none for a reader.
    _lock: Option<Arc<WriterLock>>,
    /// What readers see.
    pub(super) view: RwLock<Arc<View>>,
    /// The one who writes; held for a group of changes, a publication or a repair.
    pub(super) writer: Mutex<Writer>,
    /// Why nothing is written, if that is so.
    pub(super) halt: Mutex<Option<Halt>>,
    /// Acknowledged changes that were gone at open.
    pub(super) loss: Mutex<Option<LossRow>>,
    /// Held while a graph is built.
    pub(super) building: Mutex<()>,
    /// Builds segments in the background.
    pub(super) optimizer: Job,
    /// Held while missing hub values are made.
    pub(super) filling: Mutex<()>,
    /// The thread that makes them.
    pub(super) filler: Mutex<Option<JoinHandle<()>>>,
    /// The thread that checks and writes files of segments.
    pub(super) checker: Mutex<Option<JoinHandle<()>>>,
    /// Held while a reader compares files of segments with their checksums.
    pub(super) checking: Mutex<()>,
    /// Generations of segments whose files a reader found to be damaged. It cannot mend them.
    pub(super) distrusted: Mutex<Vec<u64>>,
    /// What is known of the recall of its searches.
    pub(super) auditor: Auditor,
    /// The job that writes the file of assets.
    pub(super) asset_files: AssetFileJob,
    /// Which fields have columns, and the job that makes them.
    pub(super) columns: ColumnJob,
    /// Itself, for jobs that outlive a call.
    pub(super) this: Weak<Self>,
    /// Set when the collection closes.
    pub(super) closing: AtomicBool,
}

/// The writing side of a collection. Its view runs ahead of the published one only while a group is written.
#[derive(Debug)]
pub(crate) struct Writer {
    /// The collection in memory, as the disk has it.
    pub(super) view: View,
    /// The high-water mark; none on a reader.
    pub(super) mark: Option<HighWater>,
    /// While a graph is built: points below this offset may be in it.
    pub(super) building_below: Option<PointOffset>,
    /// Whether a table was touched since open, so that a clean stop has something to flush.
    pub(super) written: bool,
}

impl Writer {
    /// A writer that goes on from a view.
    pub(crate) const fn new(view: View, mark: Option<HighWater>) -> Self {
        Self { view, mark, building_below: None, written: false }
    }
}

/// What a core is made of.
#[derive(Debug)]
pub(crate) struct CoreParts {
    pub(crate) name: String,
    pub(crate) folder: PathBuf,
    pub(crate) space: SpaceInfo,
    pub(crate) tuning: Tuning,
    pub(crate) hubs: Option<Arc<dyn HubBank>>,
    pub(crate) rocks: Rocks,
    pub(crate) read_only: bool,
    pub(crate) lenient: bool,
    pub(crate) lock: Option<Arc<WriterLock>>,
    pub(crate) view: View,
    pub(crate) writer: Writer,
    pub(crate) loss: Option<LossRow>,
}

impl Core {
    /// A core of its parts.
    pub(crate) fn new(parts: CoreParts) -> Self {
        let CoreParts { name, folder, space, tuning, hubs, rocks, read_only, lenient, .. } = parts;
        Self {
            name,
            folder,
            space,
            tuning,
            hubs,
            rocks,
            read_only,
            lenient,
            _lock: parts.lock,
            view: RwLock::new(Arc::new(parts.view)),
            writer: Mutex::new(parts.writer),
            halt: Mutex::new(None),
            loss: Mutex::new(parts.loss),
            building: Mutex::new(()),
            optimizer: Job::default(),
            filling: Mutex::new(()),
            filler: Mutex::new(None),
            checker: Mutex::new(None),
            checking: Mutex::new(()),
            distrusted: Mutex::default(),
            auditor: Auditor::default(),
            asset_files: AssetFileJob::default(),
            columns: ColumnJob::default(),
            this: Weak::new(),
            closing: AtomicBool::new(false),
        }
    }

    /// The core as it is shared, so that it can start jobs of its own.
    pub(super) fn shared(self) -> Arc<Self> {
        Arc::new_cyclic(|this| Self { this: this.clone(), ..self })
    }

    /// What tells its bank of hub values from others.
    pub(super) fn bank(&self) -> Option<u64> {
        self.hubs.as_ref().map(|hubs| hubs.id())
    }

    /// The collection as it is now.
    pub(crate) fn view(&self) -> Arc<View> {
        Arc::clone(&self.view.read())
    }

    /// Shows readers a new view.
    pub(super) fn publish(&self, view: View) {
        let view = Arc::new(view);
        let before = std::mem::replace(&mut *self.view.write(), view);
        // Freed after the lock is released: the last holder of a view may free much.
        drop(before);
    }

    /// Stops all writing after a failure.
    pub(super) fn poison(&self, error: &IndexError) {
        let mut halt = self.halt.lock();
        if halt.is_none() {
            *halt = Some(Halt::after(error));
            tracing::error!(collection = %self.name, %error, "stop writing after a failure");
        }
    }

    /// Whether a write has failed.
    pub(super) fn is_poisoned(&self) -> bool {
        self.halt.lock().is_some()
    }

    /// Refuses to write after a failure, or on a reader.
    pub(super) fn check_writable(&self, action: &'static str) -> Result<(), IndexError> {
        if self.read_only {
            return Err(IndexError::ReadOnly { action });
        }
        match &*self.halt.lock() {
            Some(halt) => Err(halt.error()),
            None => Ok(()),
        }
    }
}
