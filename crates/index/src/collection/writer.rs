//! How a [`Writer`] applies changes in order, each as one batch: to the disk, then to its own view.

use std::sync::Arc;

use sensorium_types::{Applied, Change, HubValues, PointRecord};

use super::core::{Core, Writer};
use super::draft::{Draft, Effects};
use crate::error::IndexError;
use crate::storage::{AssetRow, Batch, IndexedRow, KeepRow, PointOffset};

/// A change with the hub values of its points, in their order; without any where there is no bank.
pub(super) type ValuedChange = (Change, Vec<HubValues>);

impl Writer {
    /// Applies one change: writes its batch, not yet synced, and updates this writer's view.
    pub(super) fn apply(&mut self, core: &Core, change: ValuedChange) -> Result<Applied, IndexError> {
        let mut draft = Draft::new(core, &self.view, self.building_below.unwrap_or(PointOffset(0)));
        let found = plan(&mut draft, change)?;
        if !found {
            return Ok(Applied::default());
        }
        let drafted = draft.finish()?;
        self.write(core, drafted)
    }

    /// Writes a drafted batch, not yet synced, and updates this writer's view.
    fn write(
        &mut self,
        core: &Core,
        (batch, effects, applied): (Batch, Effects, Applied),
    ) -> Result<Applied, IndexError> {
        core.rocks.write(batch).inspect_err(|error| core.poison(error))?;
        self.written = true;
        effects.apply(core, &mut self.view);
        Ok(applied)
    }

    /// Writes hub values of points that lack them, waits until they are on disk and shows them to readers.
    pub(super) fn put_hubs(
        &mut self,
        core: &Core,
        made: Vec<(PointOffset, HubValues)>,
    ) -> Result<(), IndexError> {
        let mut draft = Draft::new(core, &self.view, PointOffset(0));
        draft.put_hubs(made)?;
        let drafted = draft.finish()?;
        self.write(core, drafted)?;
        self.sync_and_publish(core)
    }

    /// Writes which fields are indexed, waits until that is on disk and shows it to readers.
    pub(super) fn put_indexed(&mut self, core: &Core, indexed: Arc<IndexedRow>) -> Result<(), IndexError> {
        let mut draft = Draft::new(core, &self.view, PointOffset(0));
        draft.put_indexed(indexed)?;
        let drafted = draft.finish()?;
        self.write(core, drafted)?;
        self.sync_and_publish(core)
    }

    /// Counts changes from a number on, if it has not come as far, and shows that to readers once it is on disk.
    pub(super) fn count_from(&mut self, core: &Core, change: u64) -> Result<(), IndexError> {
        if self.view.state.operations >= change {
            return Ok(());
        }
        let mut draft = Draft::new(core, &self.view, PointOffset(0));
        draft.count_from(change);
        let drafted = draft.finish()?;
        self.write(core, drafted)?;
        self.sync_and_publish(core)
    }

    /// Waits until all written changes are on disk, then shows them to readers.
    pub(super) fn sync_and_publish(&mut self, core: &Core) -> Result<(), IndexError> {
        core.rocks.sync().inspect_err(|error| core.poison(error))?;
        core.publish(self.view.clone());
        Ok(())
    }

    /// Writes the high-water mark if changes came since it was written. All changes of the view must be on disk.
    pub(super) fn mark(&mut self, core: &Core) -> Result<(), IndexError> {
        let operations = self.view.state.operations;
        match &mut self.mark {
            Some(mark) if mark.value() < operations => {
                mark.write(operations).inspect_err(|error| core.poison(error))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Whether the mark is behind.
    pub(super) fn mark_is_due(&self) -> bool {
        self.mark.as_ref().is_some_and(|mark| mark.value() < self.view.state.operations)
    }
}

/// Drafts a change; `false` if what it names is not there.
fn plan(draft: &mut Draft<'_>, (change, values): ValuedChange) -> Result<bool, IndexError> {
    let mut values = values.into_iter();
    let mut valued =
        |points: Vec<PointRecord>| points.into_iter().map(|point| (point, values.next())).collect();
    match change {
        Change::Upsert { asset, points, source } => {
            draft.put_asset(asset, valued(points))?;
            match source {
                Some((key, row)) => draft.put_source(&key, &row),
                None => Ok(true),
            }
        }
        Change::PutSource { key, row } => draft.put_source(&key, &row),
        Change::RemoveSources { keys } => {
            let mut found = false;
            let mut seen = std::collections::HashSet::new();
            for key in keys.iter().filter(|key| seen.insert(*key)) {
                found |= draft.remove_source(key)?;
            }
            Ok(found)
        }
        Change::MergeMetadata { asset, metadata } => {
            let Some((offset, mut entry)) = draft.find(&asset)? else { return Ok(false) };
            let mut record = entry.record()?;
            record.metadata.merge(metadata);
            record.metadata.check_user()?;
            entry.row = Arc::new(AssetRow::new(&record)?);
            draft.put_record(offset, entry)?;
            Ok(true)
        }
        Change::DropMetadata { asset, fields } => {
            let Some((offset, mut entry)) = draft.find(&asset)? else { return Ok(false) };
            let mut record = entry.record()?;
            record.metadata.take_away(&fields);
            entry.row = Arc::new(AssetRow::new(&record)?);
            draft.put_record(offset, entry)?;
            Ok(true)
        }
        Change::PutCaptions { asset, hash, captions, points } => {
            let found = draft.find(&asset)?;
            let Some((offset, entry)) = found.filter(|(_, entry)| entry.row.borrowed().hash() == hash) else {
                return Ok(false);
            };
            draft.put_captions(offset, entry, captions, valued(points))?;
            Ok(true)
        }
        Change::KeepCaptions { wanted } => draft.put_keep(KeepRow { captions: wanted }).map(|()| true),
        Change::Delete { asset } => match draft.offset(&asset) {
            Some(offset) => draft.remove_asset(offset).map(|()| true),
            None => Ok(false),
        },
    }
}
