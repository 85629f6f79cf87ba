//! Assets with their points and sources, row by row.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::Loader;
use crate::assets::{Entry, Names, Point, Source};
use crate::error::IndexError;
use crate::storage::{
    AssetOffset, AssetRow, Family, PointOffset, PointRow, Row as _, SourceValue, asset_key,
    decode_offset_key, decode_point_key, decode_source_key,
};

/// An asset whose rows are being read.
type Reading = (AssetRow, Vec<Point>, Vec<Source>);

impl Loader<'_> {
    /// Assets with their points and sources, row by row.
    pub(super) fn assets(&mut self) -> Result<(), IndexError> {
        let mut entries = BTreeMap::new();
        self.asset_rows(&mut entries)?;
        self.points(&mut entries)?;
        self.sources(&mut entries)?;
        self.fill_table(entries)?;
        self.live = self.owners.keys().map(|point| point.0).collect();
        Ok(())
    }

    fn asset_rows(&mut self, entries: &mut BTreeMap<AssetOffset, Reading>) -> Result<(), IndexError> {
        let rocks = self.rocks;
        rocks.scan(Family::Assets, |key, value| {
            let record = AssetRow::decode(value).and_then(|row| row.check().map(|()| row));
            match (decode_offset_key(key), record) {
                (Some(asset), Ok(record)) if asset < self.view.state.next_asset => {
                    entries.insert(AssetOffset(asset), (record, Vec::new(), Vec::new()));
                    Ok(())
                }
                (Some(_), Ok(_)) => self.object(Family::Assets, key, "the offset was never given"),
                (None, _) => self.object(Family::Assets, key, "the key has no offset"),
                (Some(_), Err(what)) => self.object(Family::Assets, key, what),
            }
        })
    }

    fn points(&mut self, entries: &mut BTreeMap<AssetOffset, Reading>) -> Result<(), IndexError> {
        let rocks = self.rocks;
        rocks.scan(Family::Points, |key, value| {
            let (Some((asset, track, ordinal)), Ok(row)) = (decode_point_key(key), PointRow::decode(value))
            else {
                return self.object(Family::Points, key, "the row cannot be read");
            };
            let offset = PointOffset(row.offset);
            let given = row.offset < self.view.state.next_point;
            match entries.get_mut(&asset) {
                Some((_, points, _)) if given && !self.owners.contains_key(&offset) => {
                    points.push(Point { offset, track, ordinal, span: row.span() });
                    self.owners.insert(offset, (asset, track.code()));
                    Ok(())
                }
                Some(_) => self.object(Family::Points, key, "its offset is not its own"),
                None => self.object(Family::Points, key, "its asset is missing"),
            }
        })
    }

    fn sources(&mut self, entries: &mut BTreeMap<AssetOffset, Reading>) -> Result<(), IndexError> {
        let named: HashMap<_, _> =
            entries.iter().map(|(asset, (row, _, _))| (row.id().clone(), *asset)).collect();
        let rocks = self.rocks;
        rocks.scan(Family::Sources, |key, value| {
            let (Some(source), Ok(row)) = (decode_source_key(key), SourceValue::decode(value)) else {
                return self.object(Family::Sources, key, "the row cannot be read");
            };
            let Some(id) = row.asset() else {
                self.view.sources.failed += 1;
                return Ok(());
            };
            let Some((_, _, sources)) = named.get(id).and_then(|asset| entries.get_mut(asset)) else {
                return self.object(Family::Sources, key, "its asset is missing");
            };
            let order = row.order;
            let (bytes, mtime_ns) = (row.bytes(), row.mtime_ns());
            sources.push(Source { order, key: Arc::new(source), bytes, mtime_ns });
            self.view.sources.indexed += 1;
            Ok(())
        })
    }

    /// Moves what was read into the table. Points of an asset must ascend in offset as in name.
    fn fill_table(&mut self, entries: BTreeMap<AssetOffset, Reading>) -> Result<(), IndexError> {
        let mut names = BTreeMap::new();
        for (asset, (row, points, mut sources)) in entries {
            let key = asset_key(asset);
            let is_bare = points.is_empty() && row.borrowed().space_revision() == self.space.revision;
            if is_bare || !points.is_sorted_by_key(|point| point.offset) {
                self.object(Family::Assets, &key, "its points are missing or out of order")?;
                for point in &points {
                    self.owners.remove(&point.offset);
                }
                continue;
            }
            if names.insert(row.id().clone(), Some(asset)).is_some() {
                self.object(Family::Assets, &key, "its id is that of another asset")?;
            }
            sources.sort_by_key(|source| source.order);
            let entry = Entry { row: Arc::new(row), points: points.into(), sources };
            self.view.assets.set(asset, Some(entry));
        }
        self.view.names = Arc::new(Names::new(None, names));
        Ok(())
    }
}
