//! [`ColumnSet`]: the columns of a view, and what changed since they were made.
//!
//! ```text
//! columns ──────► asked of what has not changed ─┐
//! changed: 7 12 ► asked one by one               ├─► who meets a filter now
//! ```
//!
//! While the next columns are made, `since` notes what changes under the one who makes them: it is `changed` of these.

use std::sync::Arc;

use roaring::RoaringBitmap;

use super::table::Columns;

/// One in so many assets may have changed before columns are worth carrying forward.
const CHANGED_SHARE: u64 = 128;
/// As many may have changed whatever their share.
const MIN_CHANGED: u64 = 256;
/// More than this are too many to be asked one by one whatever their share: two milliseconds of a search.
const MAX_CHANGED: u64 = 4096;

/// One in so many assets may have changed where nobody asks.
const IDLE_SHARE: u64 = 8;

/// Columns, and what changed since.
///
/// # Cost
/// A clone counts references. A change copies `changed` once a commit, a few kilobytes while columns are in use, and a
/// bit for each asset changed where they lie idle; without columns nothing is noted.
#[derive(Debug, Clone, Default)]
pub(crate) struct ColumnSet {
    columns: Arc<Columns>,
    changed: Arc<RoaringBitmap>,
    since: Option<Arc<RoaringBitmap>>,
}

impl ColumnSet {
    /// Columns of a file, and what changed since it was made.
    pub(crate) fn stored(columns: Columns, changed: RoaringBitmap) -> Self {
        Self { columns: Arc::new(columns), changed: Arc::new(changed), since: None }
    }

    /// The columns as they were made, shared.
    pub(crate) fn shared(&self) -> Arc<Columns> {
        Arc::clone(&self.columns)
    }

    /// The columns as they were made.
    pub(crate) fn columns(&self) -> &Columns {
        &self.columns
    }

    /// Assets that were set or taken away since.
    pub(crate) fn changed(&self) -> &RoaringBitmap {
        &self.changed
    }

    /// Takes note that an asset was set or taken away.
    pub(crate) fn touch(&mut self, asset: u32) {
        if !self.columns.is_empty() && !self.changed.contains(asset) {
            Arc::make_mut(&mut self.changed).insert(asset);
        }
        if let Some(since) = &mut self.since
            && !since.contains(asset)
        {
            Arc::make_mut(since).insert(asset);
        }
    }

    /// From now on, what changes is noted for columns that are made of this moment.
    pub(crate) fn begin(&mut self) {
        self.since = Some(Arc::default());
    }

    /// Gives up on columns that were to be made.
    pub(crate) fn abandon(&mut self) {
        self.since = None;
    }

    /// Puts columns of the moment of [`begin`](Self::begin) to use; `false` if what changed since is not known, for
    /// the whole was read anew meanwhile.
    pub(crate) fn install(&mut self, columns: &Arc<Columns>) -> bool {
        let Some(since) = self.since.take() else { return false };
        self.columns = Arc::clone(columns);
        self.changed = if columns.is_empty() { Arc::default() } else { since };
        true
    }

    /// Whether so much changed that columns in use are to be carried forward.
    pub(crate) fn is_stale(&self) -> bool {
        let all = self.columns.count as u64;
        self.changed.len() > (all / CHANGED_SHARE).clamp(MIN_CHANGED, MAX_CHANGED)
    }

    /// Whether so much changed that columns are to be carried forward though nobody asks them: else all of it would be asked one
    /// by one by the first who does.
    pub(crate) fn is_far_behind(&self) -> bool {
        self.changed.len() > MAX_CHANGED.max(self.columns.count as u64 / IDLE_SHARE)
    }

    /// Bytes in memory.
    pub(crate) fn bytes(&self) -> usize {
        let noted = [Some(&self.changed), self.since.as_ref()];
        self.columns.bytes() + noted.into_iter().flatten().map(|set| set.serialized_size()).sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::super::build::{ColumnBuilder, Parts};
    use super::*;

    fn columns(assets: u32) -> Arc<Columns> {
        let mut builder = ColumnBuilder::default();
        (0..assets).for_each(|asset| builder.push(asset, &asset.into()));
        let parts = Parts { made: [("year".to_owned(), builder.finish())].into(), ..Parts::default() };
        Arc::new(Columns::default().next((0..assets).collect(), 1, &RoaringBitmap::new(), parts))
    }

    #[test]
    fn what_changes_while_columns_are_made_is_what_changed_since() {
        let mut set = ColumnSet::default();
        set.touch(1);
        assert!(set.changed().is_empty(), "nothing is noted without columns");
        set.begin();
        set.touch(2);
        let copy = set.clone();
        set.touch(3);
        assert!(set.install(&columns(10)));
        assert_eq!(set.changed().iter().collect::<Vec<_>>(), [2, 3]);
        assert!(!set.install(&columns(10)), "it was put to use once");
        let mut copy = copy;
        assert!(copy.install(&columns(10)));
        assert_eq!(copy.changed().iter().collect::<Vec<_>>(), [2], "a copy has its own notes");
        set.begin();
        set.touch(4);
        set.abandon();
        assert!(!set.install(&columns(10)));
        assert_eq!(set.changed().iter().collect::<Vec<_>>(), [2, 3, 4]);
    }

    #[test]
    fn columns_are_stale_by_share_within_bounds() {
        for (assets, fresh, stale) in [(1_000, 256, 257), (128_000, 1_000, 1_001), (1_000_000, 4_096, 4_097)]
        {
            let mut set = ColumnSet::default();
            set.begin();
            assert!(set.install(&columns(assets)));
            (0..fresh).for_each(|asset| set.touch(asset));
            assert!(!set.is_stale(), "{assets}");
            (fresh..stale).for_each(|asset| set.touch(asset));
            assert!(set.is_stale(), "{assets}");
        }
    }
}
