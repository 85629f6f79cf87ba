//! Assets from their file and what was noted since, and the hub values of points.

use std::collections::BTreeMap;
use std::sync::Arc;

use roaring::RoaringBitmap;

use super::super::hub_table::HubTable;
use super::super::segments::SegmentKind;
use super::super::view::SourceCounts;
use super::Loader;
use crate::assets::{AssetFile, AssetTable, Entry, ModalitySet, Names};
use crate::columns::{ColumnFile, ColumnSet, Columns};
use crate::error::IndexError;
use crate::storage::{
    ASSET_FILE_KEY, AssetFileRow, AssetOffset, AssetRow, AssetTies, COLUMN_FILE_KEY, ChangedRow,
    ColumnFileRow, Family, HubRow, NOTED_KEY, NotedRow, PointOffset, Row as _, asset_key, changed_range,
    decode_changed_key, decode_hub_key, hub_key, hub_range,
};

impl Loader<'_> {
    /// Assets from their file and what changed since. `false` where they must be read row by row: there is no file, or it does
    /// not fit what is there.
    pub(super) fn stored_assets(&mut self) -> Result<bool, IndexError> {
        let Some(bytes) = self.rocks.get(Family::Meta, ASSET_FILE_KEY)? else { return Ok(false) };
        let opened = AssetFileRow::decode(&bytes).and_then(|row| self.open_stored(row));
        if let Err(what) = &opened {
            tracing::warn!(what, "read assets row by row");
        }
        Ok(opened.is_ok())
    }

    fn open_stored(&mut self, row: AssetFileRow) -> Result<(), String> {
        let told = |error: IndexError| error.to_string();
        let noted = self.rocks.get(Family::Meta, NOTED_KEY).map_err(told)?;
        let noted = noted.map(|bytes| NotedRow::decode(&bytes)).transpose()?;
        let state = self.view.state;
        let Some(noted) = noted.filter(|noted| noted.operation == state.operations) else {
            return Err("somebody changed assets and did not note which".to_owned());
        };
        let file = Arc::new(AssetFile::open(self.ask.folder, row)?);
        let mut table = AssetTable::of_file(Arc::clone(&file));
        let (mut gone, mut names) = (Vec::new(), BTreeMap::new());
        for (asset, bytes) in self.changed_since(row.operation).map_err(told)? {
            let entry =
                ChangedRow::decode(&bytes)?.asset.map(|ties| self.changed_entry(asset, ties)).transpose()?;
            if asset.0 >= state.next_asset {
                return Err(format!("the asset number {} was never given", asset.0));
            }
            gone.extend(table.get(asset).map(|before| before.asset_id()).transpose().map_err(told)?);
            names.extend(entry.iter().map(|entry| (entry.row.id().clone(), Some(asset))));
            table.set(asset, entry);
        }
        for id in gone {
            names.entry(id).or_insert(None);
        }
        self.view.sources = SourceCounts { indexed: noted.sources_indexed, failed: noted.sources_failed };
        self.view.assets = table;
        self.view.names = Arc::new(Names::new(Some(file), names));
        if let Err(what) = self.stored_columns(row.operation) {
            tracing::warn!(what, "make columns anew");
        }
        Ok(())
    }

    /// Columns from their file, if it is no older than that of assets, and which assets changed since.
    fn stored_columns(&mut self, oldest: u64) -> Result<(), String> {
        let told = |error: IndexError| error.to_string();
        let Some(bytes) = self.rocks.get(Family::Meta, COLUMN_FILE_KEY).map_err(told)? else { return Ok(()) };
        let row = ColumnFileRow::decode(&bytes)?;
        if !(oldest..=self.view.state.operations).contains(&row.operation) {
            return Ok(());
        }
        let columns = Columns::of_file(ColumnFile::open(self.ask.folder, row)?);
        let changed = self.changed_since(row.operation).map_err(told)?;
        let changed = changed.into_keys().map(|asset| asset.0).collect();
        self.view.columns = ColumnSet::stored(columns, changed);
        Ok(())
    }

    /// The newest note of each asset that was touched after a change.
    fn changed_since(&self, operation: u64) -> Result<BTreeMap<AssetOffset, Vec<u8>>, IndexError> {
        let (from, to) = changed_range(operation.saturating_add(1), u64::MAX);
        let mut newest = BTreeMap::new();
        self.rocks.scan_range(Family::Meta, &from, Some(&to), |key, value| {
            if let Some((_, asset)) = decode_changed_key(key) {
                newest.insert(asset, value.to_vec());
            }
            Ok(())
        })?;
        Ok(newest)
    }

    fn changed_entry(&self, asset: AssetOffset, ties: AssetTies<'_>) -> Result<Entry, String> {
        let row = self.rocks.get(Family::Assets, &asset_key(asset)).map_err(|error| error.to_string())?;
        let row = AssetRow::decode(&row.ok_or("an asset that changed is missing")?)?;
        row.check()?;
        Entry::of_ties(row, ties)
    }

    /// Takes note of the points of all assets, and of the owners of those that no mapped segment has.
    pub(super) fn points_of_assets(&mut self, held: &RoaringBitmap) {
        let mut points: Vec<u32> = self.view.assets.all_points().into_iter().map(|point| point.0).collect();
        points.sort_unstable();
        points.dedup();
        self.live = RoaringBitmap::from_sorted_iter(points).unwrap_or_default();
        if self.live.is_subset(held) {
            return;
        }
        for (asset, entry) in self.view.assets.iter(ModalitySet::ALL) {
            let others = entry.tracked_points().filter(|(point, _)| !held.contains(point.0));
            self.owners.extend(others.map(|(point, track)| (point, (asset, track))));
        }
    }

    /// Hub values of the bank in use. What cannot be read is missing, as what another bank left: it is made anew.
    pub(super) fn hubs(&mut self, bank: u64) -> Result<(), IndexError> {
        let mut table = HubTable::lacking_all(std::mem::take(&mut self.live));
        let file = self.view.assets.file().cloned();
        let Some(stored) = file.as_ref().and_then(|file| file.hub_values(bank)) else {
            let (from, to) = hub_range();
            self.rocks.scan_range(Family::Meta, from, Some(to), |key, value| {
                if let Some(point) = decode_hub_key(key) {
                    self.put_hubs(&mut table, bank, point, value);
                }
                Ok(())
            })?;
            self.view.hubs = table;
            return Ok(());
        };
        for (point, track, values) in stored {
            if let Some(kind) = SegmentKind::of_code(track).filter(|_| table.lacking().contains(point.0)) {
                table.set(kind, point, values);
            }
        }
        for point in self.view.assets.changed_points() {
            if let Some(value) = self.rocks.get(Family::Meta, &hub_key(point.offset))? {
                self.put_hubs(&mut table, bank, point.offset, &value);
            }
        }
        self.view.hubs = table;
        Ok(())
    }

    fn put_hubs(&self, table: &mut HubTable, bank: u64, point: PointOffset, value: &[u8]) {
        let owner = self.owners.get(&point).map(|(_, track)| *track);
        let track = owner.or_else(|| self.view.find_any(point).map(|row| row.track));
        if table.lacking().contains(point.0)
            && let Some(kind) = track.and_then(SegmentKind::of_code)
            && let Ok(row) = HubRow::decode(value)
            && row.bank == bank
            && row.values().is_finite()
        {
            table.set(kind, point, row.values());
        }
    }
}
