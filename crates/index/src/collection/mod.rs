//! One collection.
//!
//! ```text
//! apply ─► commit thread ─► Writer ─► batch ─► RocksDB       search, get, scroll, count ─► View (in memory)
//!                              └────► next View ─publish─►                 thumb, sources ─► RocksDB
//! ```
//!
//! | file | holds |
//! | --- | --- |
//! | `core.rs` | what the handle, the commit thread and the optimizer share |
//! | `open.rs`, `load/` | from disk into memory; losses found at open |
//! | `view.rs` | the collection in memory, shared between versions; its assets are in `../assets/` |
//! | `segments.rs`, `tail.rs`, `sealed.rs`, `segment_file.rs` | its points, by what they show: sealed segments, their files, and a growing tail |
//! | `check.rs`, `draft.rs`, `writer.rs`, `commit.rs` | changes: refused, drafted, written, grouped |
//! | `select.rs`, `matching.rs`, `lazy.rs`, `fields.rs` | who may be given, from columns (`../columns/`) or one by one, all at once or as they are met |
//! | `column_job.rs`, `column_making.rs`, `indexed.rs` | which fields have columns, the job that makes them, and fields that are indexed because somebody asked for it |
//! | `planner.rs`, `query.rs`, `query/`, `collector.rs` | searches |
//! | `auditor.rs`, `audit.rs`, `calibration.rs` | the recall of searches through graphs, and beams that reach it |
//! | `hub_table.rs`, `hubs.rs` | hub values in memory, and the job that makes those that are missing |
//! | `read.rs`, `stats.rs` | the rest of reading |
//! | `policy.rs`, `optimizer.rs` | which segments are built, and their publication |
//! | `job.rs`, `task.rs` | work in the background |
//! | `halt.rs`, `resume.rs` | no writes after a failure, or until a full disk has room |
//! | `files.rs`, `asset_files.rs`, `column_files.rs` | the upkeep of segment files, and of the files of assets and columns |
//! | `verify/`, `repair.rs` | what is wrong, and what is dropped |

mod added;
mod asset_files;
mod audit;
mod auditor;
mod calibration;
mod check;
mod collector;
mod column_files;
mod column_job;
mod column_making;
mod commit;
mod core;
mod draft;
mod fields;
mod files;
mod halt;
mod hub_table;
mod hubs;
mod indexed;
mod job;
mod lazy;
mod load;
mod matching;
mod open;
mod optimizer;
mod planner;
mod policy;
mod query;
mod read;
mod repair;
mod resume;
mod sealed;
mod segment_file;
mod segments;
mod select;
mod stats;
mod tail;
mod task;
#[cfg(test)]
mod tests;
mod verify;
mod view;
mod writer;

use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use sensorium_types::{
    Added, Applied, AssetId, Cancel, Change, CollectionStats, Cursor, FieldIndex, Filter, Page, Plan,
    PointKey, Problem, ScoredPoint, SearchReply, SearchRequest, SourceKey, SourceRow, SpaceInfo,
    StorageFigures, StoredAsset, SubQuery,
};

use self::commit::Committer;
use self::core::Core;
use self::job::Job;
use crate::columns::Estimate;
use crate::error::IndexError;

pub(crate) use load::check_format;
pub(crate) use open::{OpenCollection, adopt, create, preview_lost, restore};

/// A collection of assets whose vectors share a space. The meaning of each call is that of `Store` in
/// `sensorium-store`; all of them block.
#[derive(Debug)]
pub struct Collection {
    core: Arc<Core>,
    committer: OnceLock<Committer>,
    starting: Mutex<()>,
}

impl Collection {
    fn new(core: Core) -> Self {
        let core = core.shared();
        optimizer::consider(&core);
        hubs::consider(&core);
        files::consider(&core);
        asset_files::consider(&core);
        column_making::consider(&core);
        Self { core, committer: OnceLock::new(), starting: Mutex::new(()) }
    }

    /// The collection's name.
    pub fn name(&self) -> &str {
        &self.core.name
    }

    /// The space of its vectors.
    pub fn space(&self) -> SpaceInfo {
        self.core.space.clone()
    }

    /// Whether captions are kept.
    pub fn keeps_captions(&self) -> bool {
        self.core.view().keep.captions
    }

    /// Its change number: it grows by one with every commit, and is on disk with it.
    pub fn change(&self) -> u64 {
        self.core.view().state.operations
    }

    /// Assets that were written with their points after a change, by at most so many changes, in their order. One that was written
    /// several times since may be given several times; one that is gone again is left out.
    ///
    /// # Errors
    /// [`IndexError::ChangeGone`] if the change is so long ago that it is not known any more what came since;
    /// [`IndexError::ChangeAhead`] if there was none of this number yet.
    pub fn added(&self, after: u64, limit: usize) -> Result<Added, IndexError> {
        added::added(&self.core, after, limit)
    }

    /// Counts changes from a number on, if there were not as many yet: that a collection in another's place goes on counting.
    ///
    /// # Errors
    /// If the collection is open for reading, or the storage cannot be written.
    pub fn count_from(&self, change: u64) -> Result<(), IndexError> {
        self.core.check_writable("count changes")?;
        self.core.writer.lock().count_from(&self.core, change)
    }

    /// Whether searches are corrected: there is a bank of this space, and every point has its values.
    pub fn corrects(&self) -> bool {
        hubs::is_complete(&self.core, &self.core.view())
    }

    /// Makes some of the hub values that are missing; `false` once there is nothing to do. It is done in the background as
    /// well.
    ///
    /// # Errors
    /// If the collection is open for reading, values cannot be made, or the storage cannot be written.
    pub fn fill_hubs(&self) -> Result<bool, IndexError> {
        hubs::fill(&self.core)
    }

    /// Applies changes in order, each atomically, and returns when all are on disk and visible. One outcome a change.
    ///
    /// # Errors
    /// Changes are checked before any is applied ([`IndexError::Dimension`] and the like). When a later step fails,
    /// changes before it may be there; each is there whole or not at all.
    pub fn apply(&self, changes: Vec<Change>) -> Result<Vec<Applied>, IndexError> {
        self.core.resume()?;
        self.core.check_writable("write")?;
        for change in &changes {
            check::check_change(change, &self.core.space)?;
        }
        if changes.is_empty() {
            return Ok(Vec::new());
        }
        self.committer()?.apply(hubs::with_values(&self.core, changes)?)
    }

    fn committer(&self) -> Result<&Committer, IndexError> {
        if self.committer.get().is_none() {
            let _one_starts_it = self.starting.lock();
            if self.committer.get().is_none() {
                let started = Committer::start(Arc::clone(&self.core))?;
                // Nobody else sets it while `starting` is held.
                let _ = self.committer.set(started);
            }
        }
        self.committer
            .get()
            .ok_or_else(|| IndexError::Bug { what: "the commit thread is missing".to_owned() })
    }

    /// The nearest assets, a list for each sub-query in their order.
    ///
    /// # Errors
    /// If a vector breaks the rules of the space, or the search was cancelled.
    pub fn search(&self, request: &SearchRequest) -> Result<Vec<SearchReply>, IndexError> {
        let replies = query::search(&self.core, &*files::trusted(&self.core, &request.cancel)?, request)?;
        for (query, reply) in request.queries.iter().zip(&replies) {
            if reply.plan == Plan::Graph && request.ef.is_none() {
                audit::note(&self.core, query);
            }
        }
        Ok(replies)
    }

    /// Cosines with every point of each asset, in order of track and ordinal: a point is compared with the first of the sub-queries
    /// that asks its track, if one does. Unknown assets give an empty list.
    ///
    /// # Errors
    /// If a vector breaks the rules of the space.
    pub fn score_assets(
        &self,
        queries: &[SubQuery],
        assets: &[AssetId],
    ) -> Result<Vec<Vec<ScoredPoint>>, IndexError> {
        for query in queries {
            check::check_query(query, &self.core.space)?;
        }
        let view = files::trusted(&self.core, &Cancel::new())?;
        let scorer = query::Scorer::new(&self.core, &view, queries);
        let points = |id| view.asset(id).map(|entry| scorer.score(entry.points())).unwrap_or_default();
        Ok(assets.iter().map(points).collect())
    }

    /// Assets by id; `None` for unknown ones.
    ///
    /// # Errors
    /// If a record cannot be read.
    pub fn get(
        &self,
        assets: &[AssetId],
        with_vectors: bool,
    ) -> Result<Vec<Option<StoredAsset>>, IndexError> {
        let view = self.core.view();
        assets.iter().map(|id| read::stored(&self.core, &view, id, with_vectors)).collect()
    }

    /// The thumbnails of points, in their order; `None` where there is none.
    ///
    /// # Errors
    /// If the storage cannot be read.
    pub fn thumbs(&self, points: &[PointKey]) -> Result<Vec<Option<Vec<u8>>>, IndexError> {
        let view = self.core.view();
        points.iter().map(|point| read::thumb(&self.core, &view, point)).collect()
    }

    /// Compares searches that were asked with exact ones; done in the background as well, while nobody searches. What was found is
    /// in [`Collection::stats`].
    ///
    /// # Errors
    /// If a search failed.
    pub fn audit(&self) -> Result<(), IndexError> {
        audit::audit_waiting(&self.core)
    }

    /// Live assets that meet the filter.
    ///
    /// # Errors
    /// None now; kept for stores that read from disk.
    pub fn count(&self, filter: Option<&Filter>) -> Result<u64, IndexError> {
        self.count_until(filter, &Cancel::new())
    }

    /// As [`Collection::count`], as long as somebody waits.
    ///
    /// # Errors
    /// If it was cancelled.
    pub fn count_until(&self, filter: Option<&Filter>, cancel: &Cancel) -> Result<u64, IndexError> {
        select::count(&self.core, &self.core.view(), filter, cancel)
    }

    /// How many live assets meet the filter, without looking at any. It is as wide as it can be for fields without a
    /// column.
    pub fn estimate(&self, filter: &Filter) -> Estimate {
        matching::estimate(&self.core.view(), filter)
    }

    /// Fields that have a column, by which filters are answered. A field gets its own in the background after the first
    /// filter that names it, within bounds of number and memory.
    pub fn column_fields(&self) -> Vec<String> {
        self.core.view().columns.columns().sizes().map(|(field, _)| field.to_owned()).collect()
    }

    /// Indexes a field (`wanted`) or drops its index; `false` if it was so already. What is asked for stays over restarts, and its
    /// column is made before this returns. Any field can be asked for in a filter; those that are indexed are answered fast from the
    /// first filter on.
    ///
    /// # Errors
    /// If the name is empty or too long, too many fields are indexed, the collection is open for reading, or the storage
    /// cannot be written.
    pub fn index_field(&self, field: &str, wanted: bool) -> Result<bool, IndexError> {
        indexed::set(&self.core, field, wanted)
    }

    /// Fields with an index, in order of name: those that somebody asked for, and those that filters named.
    pub fn field_indexes(&self) -> Vec<FieldIndex> {
        indexed::list(&self.core)
    }

    /// A page of assets that meet the filter, in order of id, from a cursor on.
    ///
    /// # Errors
    /// If a record cannot be read, or the cursor is none of such a listing.
    pub fn scroll(
        &self,
        filter: Option<&Filter>,
        from: Option<&Cursor>,
        limit: usize,
        with_vectors: bool,
    ) -> Result<Page<StoredAsset>, IndexError> {
        self.scroll_until((filter, from), limit, with_vectors, &Cancel::new())
    }

    /// As [`Collection::scroll`], as long as somebody waits.
    ///
    /// # Errors
    /// As [`Collection::scroll`]; if it was cancelled.
    pub fn scroll_until(
        &self,
        (filter, from): (Option<&Filter>, Option<&Cursor>),
        limit: usize,
        with_vectors: bool,
        cancel: &Cancel,
    ) -> Result<Page<StoredAsset>, IndexError> {
        let ask = read::Scroll { filter, from, limit, with_vectors, cancel };
        read::scroll(&self.core, &self.core.view(), ask)
    }

    /// A page of assets that were written with their points, of the latest change first, from a cursor on, as far back as changes are
    /// kept. One that was written several times may be given again on a later page.
    ///
    /// # Errors
    /// If the storage cannot be read, a row is damaged, or the cursor is none of such a listing.
    pub fn newest(
        &self,
        from: Option<&Cursor>,
        limit: usize,
        with_vectors: bool,
    ) -> Result<Page<StoredAsset>, IndexError> {
        added::newest(&self.core, from, limit, with_vectors)
    }

    /// A page of source rows below a path (`path` starts with it at a `/`, or equals it), in order of key, from a cursor on; an
    /// empty path gives all.
    ///
    /// # Errors
    /// If the storage cannot be read, a row is damaged, or the cursor is none of such a listing.
    pub fn sources(
        &self,
        under: &[u8],
        from: Option<&Cursor>,
        limit: usize,
    ) -> Result<Page<(SourceKey, SourceRow)>, IndexError> {
        read::sources(&self.core, under, from, limit)
    }

    /// Counts and sizes.
    ///
    /// # Errors
    /// If the collection's folder cannot be read.
    pub fn stats(&self) -> Result<CollectionStats, IndexError> {
        stats::stats(&self.core)
    }

    /// What the storage does at this moment, and how often columns were of use. Nothing is read from disk.
    ///
    /// # Errors
    /// None today.
    pub fn figures(&self) -> Result<StorageFigures, IndexError> {
        Ok(stats::figures(&self.core))
    }

    /// Walks everything stored and reports what is wrong.
    ///
    /// # Errors
    /// Only if nothing could be looked at; damage is reported, not an error.
    pub fn verify(&self) -> Result<Vec<Problem>, IndexError> {
        self.verify_until(&Cancel::new())
    }

    /// As [`Collection::verify`], as long as somebody waits.
    ///
    /// # Errors
    /// As [`Collection::verify`]; if it was cancelled.
    pub fn verify_until(&self, cancel: &Cancel) -> Result<Vec<Problem>, IndexError> {
        verify::verify(&self.core, cancel)
    }

    /// Says what it would drop or mend (`dry_run`), or does it and says what it did.
    ///
    /// # Errors
    /// If the storage cannot be written.
    pub fn repair(&self, dry_run: bool) -> Result<Vec<Problem>, IndexError> {
        repair::repair(&self.core, dry_run)
    }

    /// Builds one graph for each content over what is written so far, and writes the file of assets anew; returns when they are in
    /// use.
    ///
    /// # Errors
    /// If the collection is open for reading, or the storage cannot be written.
    pub fn seal(&self) -> Result<(), IndexError> {
        self.core.resume()?;
        optimizer::seal(&self.core, optimizer::all_threads())?;
        asset_files::seal(&self.core)
    }

    /// On a collection open for reading: reads what the writer wrote since. On a writer: nothing.
    ///
    /// # Errors
    /// If the storage cannot be read.
    pub fn refresh(&self) -> Result<(), IndexError> {
        open::refresh(&self.core)
    }

    /// How many acknowledged changes were found missing, until `repair` takes note of them. It is 0 unless the disk or
    /// the file system lost what it had promised to keep.
    pub fn lost_changes(&self) -> u64 {
        self.core.loss.lock().map_or(0, |loss| loss.known - loss.kept)
    }
}

impl Drop for Collection {
    fn drop(&mut self) {
        self.core.closing.store(true, Ordering::Relaxed);
        drop(self.committer.take());
        let background = [&self.core.filler, &self.core.checker];
        for thread in background.map(|thread| thread.lock().take()).into_iter().flatten() {
            // A panic there left no trace but what is missing, which the next open finds.
            let _ = thread.join();
        }
        let Core { optimizer, columns, asset_files, auditor, .. } = &*self.core;
        [optimizer, &columns.job, &asset_files.job, &auditor.job].into_iter().for_each(Job::join);
    }
}
