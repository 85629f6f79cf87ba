//! [`Draft`]: one change in the making. Every step that can fail happens here, on the side; the collection in memory
//! is touched only after the batch was written.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use sensorium_types::{
    Applied, AssetId, AssetRecord, CAPTIONS_FIELD, HubValues, PointRecord, SourceKey, SourceRow, Track,
};
use serde_json::Value;

use super::added;
use super::core::Core;
use super::segments::SegmentKind;
use super::view::{SourceCounts, View};
use crate::assets::{Entry, EntryRef, Point, Source};
use crate::error::IndexError;
use crate::storage::{
    AddedRow, AssetOffset, AssetRow, Batch, ChangedRow, Family, HubRow, INDEXED_KEY, IndexedRow, KEEP_KEY,
    KeepRow, NOTED_KEY, NotedRow, PointOffset, PointRow, Row as _, STATE_KEY, SourceValue, StateRow, TombRow,
    added_key, asset_key, changed_key, encode_vector, hub_key, point_key, point_offset_key, source_key,
};

/// A point with its hub values, where there is a bank.
pub(super) type ValuedPoint = (PointRecord, Option<HubValues>);

/// A point that is new.
#[derive(Debug)]
struct Pushed {
    point: PointOffset,
    asset: AssetOffset,
    track: u8,
    vector: Vec<f32>,
}

/// One change before it is written.
#[derive(Debug)]
pub(super) struct Draft<'a> {
    core: &'a Core,
    view: &'a View,
    /// Points below may be in the graph that is being built: they are kept as tombs when they die, as those in graphs are,
    /// which are walked across.
    building_below: PointOffset,
    batch: Batch,
    state: StateRow,
    keep: KeepRow,
    indexed: Arc<IndexedRow>,
    sources: SourceCounts,
    entries: BTreeMap<AssetOffset, Option<Entry>>,
    ids: HashMap<AssetId, Option<AssetOffset>>,
    killed: Vec<(SegmentKind, PointOffset)>,
    pushed: Vec<(SegmentKind, Pushed)>,
    hubs: Vec<(SegmentKind, PointOffset, HubValues)>,
    /// What is told to the caller.
    pub(super) applied: Applied,
}

/// What a written draft does to the collection in memory.
#[derive(Debug)]
pub(super) struct Effects {
    state: StateRow,
    keep: KeepRow,
    indexed: Arc<IndexedRow>,
    sources: SourceCounts,
    entries: BTreeMap<AssetOffset, Option<Entry>>,
    ids: HashMap<AssetId, Option<AssetOffset>>,
    killed: Vec<(SegmentKind, PointOffset)>,
    pushed: Vec<(SegmentKind, Pushed)>,
    hubs: Vec<(SegmentKind, PointOffset, HubValues)>,
    /// Whether a graph is being built.
    builds: bool,
}

impl<'a> Draft<'a> {
    pub(super) fn new(core: &'a Core, view: &'a View, building_below: PointOffset) -> Self {
        let mut state = view.state;
        state.operations += 1;
        Self {
            core,
            view,
            building_below,
            batch: Batch::default(),
            state,
            keep: view.keep,
            indexed: Arc::clone(&view.indexed),
            sources: view.sources,
            entries: BTreeMap::new(),
            ids: HashMap::new(),
            killed: Vec::new(),
            pushed: Vec::new(),
            hubs: Vec::new(),
            applied: Applied { found: true, ..Applied::default() },
        }
    }

    /// The batch with the state row, and what it does in memory once written.
    pub(super) fn finish(mut self) -> Result<(Batch, Effects, Applied), IndexError> {
        self.core.rocks.put(&mut self.batch, Family::Sys, STATE_KEY, &self.state.encode()?)?;
        let operation = self.state.operations;
        if operation == self.view.state.operations + 1 {
            self.batch.is_change(operation);
        } else {
            self.batch.counts_from(operation);
        }
        self.note()?;
        if let Some(end) = added::gone_at(operation, self.core.tuning.changes_kept) {
            let (from, to) = (added_key(0), added_key(end));
            self.core.rocks.delete_range(&mut self.batch, Family::Meta, &from, &to)?;
        }
        let Self { batch, state, keep, indexed, sources, entries, ids, applied, .. } = self;
        let Self { killed, pushed, hubs, building_below, .. } = self;
        let builds = building_below > PointOffset(0);
        let effects = Effects { state, keep, indexed, sources, entries, ids, killed, pushed, hubs, builds };
        Ok((batch, effects, applied))
    }

    /// Counts changes from this one on; it is above those before.
    pub(super) const fn count_from(&mut self, operation: u64) {
        self.state.operations = operation;
    }

    /// Notes what became of each asset that was touched, for those who open the collection from its file of assets.
    fn note(&mut self) -> Result<(), IndexError> {
        let operation = self.state.operations;
        let (rocks, batch) = (&self.core.rocks, &mut self.batch);
        for (asset, entry) in &self.entries {
            let row = ChangedRow { asset: entry.as_ref().map(Entry::ties) };
            rocks.put(batch, Family::Meta, &changed_key(operation, *asset), &row.encode()?)?;
        }
        let SourceCounts { indexed, failed } = self.sources;
        let noted = NotedRow { operation, sources_indexed: indexed, sources_failed: failed };
        rocks.put(batch, Family::Meta, NOTED_KEY, &noted.encode()?)
    }

    fn put(&mut self, family: Family, key: &[u8], value: &[u8]) -> Result<(), IndexError> {
        self.core.rocks.put(&mut self.batch, family, key, value)
    }

    fn delete(&mut self, family: Family, key: &[u8]) -> Result<(), IndexError> {
        self.core.rocks.delete(&mut self.batch, family, key)
    }

    /// The offset of an asset, as this draft leaves it.
    pub(super) fn offset(&self, id: &AssetId) -> Option<AssetOffset> {
        self.ids.get(id).copied().unwrap_or_else(|| self.view.names.get(id))
    }

    /// An asset, as this draft leaves it.
    pub(super) fn entry(&self, asset: AssetOffset) -> Result<Option<Entry>, IndexError> {
        match self.entries.get(&asset) {
            Some(entry) => Ok(entry.clone()),
            None => self.view.assets.get(asset).map(EntryRef::to_entry).transpose(),
        }
    }

    /// The asset of an id, as this draft leaves it.
    pub(super) fn find(&self, id: &AssetId) -> Result<Option<(AssetOffset, Entry)>, IndexError> {
        let Some(asset) = self.offset(id) else { return Ok(None) };
        Ok(self.entry(asset)?.map(|entry| (asset, entry)))
    }

    /// Writes an asset with its points over one of the same id.
    pub(super) fn put_asset(
        &mut self,
        record: AssetRecord,
        mut points: Vec<ValuedPoint>,
    ) -> Result<AssetOffset, IndexError> {
        points.sort_by_key(|(point, _)| (point.track.code(), point.ordinal));
        let known = self.offset(&record.id);
        let asset = match known {
            Some(asset) => asset,
            None => AssetOffset(take_offset(&mut self.state.next_asset)?),
        };
        let before = self.entry(asset)?;
        if let Some(before) = &before {
            self.kill_points(asset, &before.points)?;
        }
        let kept = self.add_points(asset, points)?;
        self.put(Family::Meta, &added_key(self.state.operations), &AddedRow { asset: asset.0 }.encode()?)?;
        let row = AssetRow::new(&record)?;
        self.put(Family::Assets, &asset_key(asset), &row.encode()?)?;
        if known.is_none() {
            self.put(Family::Ids, record.id.as_str().as_bytes(), &asset_key(asset))?;
            self.ids.insert(record.id.clone(), Some(asset));
        }
        let sources = before.map(|before| before.sources).unwrap_or_default();
        let entry = Entry { row: Arc::new(row), points: kept.into(), sources };
        self.entries.insert(asset, Some(entry));
        Ok(asset)
    }

    /// Writes points of an asset, in their order.
    fn add_points(&mut self, asset: AssetOffset, points: Vec<ValuedPoint>) -> Result<Vec<Point>, IndexError> {
        let mut kept = Vec::with_capacity(points.len());
        for (point, values) in points {
            let offset = PointOffset(take_offset(&mut self.state.next_point)?);
            let PointRecord { track, ordinal, span, vector, thumb } = point;
            self.put(
                Family::Points,
                &point_key(asset, track, ordinal),
                &PointRow::new(offset.0, span).encode()?,
            )?;
            self.put(Family::Vectors, &point_offset_key(offset), &encode_vector(&vector))?;
            if let Some(thumb) = thumb {
                self.put(Family::Thumbs, &point_offset_key(offset), &thumb)?;
            }
            if let (Some(bank), Some(values)) = (self.core.bank(), values) {
                self.put(Family::Meta, &hub_key(offset), &HubRow::new(bank, values).encode()?)?;
                self.hubs.push((SegmentKind::of(track), offset, values));
            }
            kept.push(Point { offset, track, ordinal, span });
            let pushed = Pushed { point: offset, asset, track: track.code(), vector };
            self.pushed.push((SegmentKind::of(track), pushed));
        }
        self.applied.points_written += kept.len();
        Ok(kept)
    }

    /// Writes an asset's captions over those it has: a fact, and points. Theirs is the last track, so that offsets go on
    /// ascending; the other points keep their places in the graph.
    pub(super) fn put_captions(
        &mut self,
        asset: AssetOffset,
        mut entry: Entry,
        captions: Value,
        mut points: Vec<ValuedPoint>,
    ) -> Result<(), IndexError> {
        let (old, mut kept): (Vec<Point>, Vec<Point>) =
            entry.points.iter().partition(|point| point.track == Track::Caption);
        self.kill_points(asset, &old)?;
        points.sort_by_key(|(point, _)| point.ordinal);
        kept.extend(self.add_points(asset, points)?);
        entry.points = kept.into();
        let mut record = entry.record()?;
        record.facts.set(CAPTIONS_FIELD, captions);
        entry.row = Arc::new(AssetRow::new(&record)?);
        self.put_record(asset, entry)
    }

    /// Writes hub values of points that lack them; those that are gone by now are passed over.
    pub(super) fn put_hubs(&mut self, made: Vec<(PointOffset, HubValues)>) -> Result<(), IndexError> {
        let Some(bank) = self.core.bank() else { return Ok(()) };
        for (point, values) in made {
            let lacks = self.view.hubs.lacking().contains(point.0);
            let row = self.view.find_any(point).filter(|_| lacks);
            if let Some(kind) = row.and_then(|row| SegmentKind::of_code(row.track)) {
                self.put(Family::Meta, &hub_key(point), &HubRow::new(bank, values).encode()?)?;
                self.hubs.push((kind, point, values));
            }
        }
        Ok(())
    }

    /// Writes what the collection keeps.
    pub(super) fn put_keep(&mut self, keep: KeepRow) -> Result<(), IndexError> {
        self.keep = keep;
        self.put(Family::Meta, KEEP_KEY, &keep.encode()?)
    }

    /// Writes which fields are indexed.
    pub(super) fn put_indexed(&mut self, indexed: Arc<IndexedRow>) -> Result<(), IndexError> {
        self.put(Family::Meta, INDEXED_KEY, &indexed.encode()?)?;
        self.indexed = indexed;
        Ok(())
    }

    /// Writes an asset's record over its own; points and sources stay.
    pub(super) fn put_record(&mut self, asset: AssetOffset, entry: Entry) -> Result<(), IndexError> {
        self.put(Family::Assets, &asset_key(asset), &entry.row.encode()?)?;
        self.entries.insert(asset, Some(entry));
        Ok(())
    }

    /// Takes an asset away with its points and source rows.
    pub(super) fn remove_asset(&mut self, asset: AssetOffset) -> Result<(), IndexError> {
        let Some(entry) = self.entry(asset)? else { return Ok(()) };
        self.kill_points(asset, &entry.points)?;
        for source in &entry.sources {
            self.delete(Family::Sources, &source_key(&source.key))?;
            self.sources.indexed = self.sources.indexed.saturating_sub(1);
        }
        self.delete(Family::Assets, &asset_key(asset))?;
        self.delete(Family::Ids, entry.row.id().as_str().as_bytes())?;
        self.entries.insert(asset, None);
        self.ids.insert(entry.row.id().clone(), None);
        self.applied.assets_removed.push(entry.row.id().clone());
        Ok(())
    }

    fn kill_points(&mut self, asset: AssetOffset, points: &[Point]) -> Result<(), IndexError> {
        for point in points {
            let key = point_offset_key(point.offset);
            self.delete(Family::Points, &point_key(asset, point.track, point.ordinal))?;
            self.delete(Family::Thumbs, &key)?;
            self.delete(Family::Meta, &hub_key(point.offset))?;
            let kind = SegmentKind::of(point.track);
            if point.offset < self.building_below || self.view.segments(kind).is_sealed(point.offset) {
                let tomb = TombRow { operation: self.state.operations }.encode()?;
                self.put(Family::Tomb, &key, &tomb)?;
            } else {
                self.delete(Family::Vectors, &key)?;
            }
            self.killed.push((kind, point.offset));
        }
        Ok(())
    }

    /// Writes a source row and lets go of the asset that it pointed at before. `false` if it names an unknown asset.
    pub(super) fn put_source(&mut self, key: &SourceKey, row: &SourceRow) -> Result<bool, IndexError> {
        let asset = match row.state.asset() {
            Some(asset) => match self.offset(asset) {
                Some(asset) => Some(asset),
                None => return Ok(false),
            },
            None => None,
        };
        let before = self.stored_source(key)?;
        let pointed = before.as_ref().and_then(SourceValue::asset).and_then(|id| self.offset(id));
        let order = match &before {
            Some(before) if asset.is_some() && pointed == asset => before.order,
            Some(_) | None => self.state.operations,
        };
        self.count_source(before.as_ref(), false);
        let value = SourceValue::new(order, row)?;
        self.count_source(Some(&value), true);
        self.put(Family::Sources, &source_key(key), &value.encode()?)?;
        if let Some(asset) = asset
            && let Some(mut entry) = self.entry(asset)?
        {
            let source =
                Source { order, key: Arc::new(key.clone()), bytes: row.bytes, mtime_ns: row.mtime_ns };
            match entry.sources.iter_mut().find(|known| *known.key == *key) {
                Some(known) => *known = source,
                None => entry.sources.push(source),
            }
            self.entries.insert(asset, Some(entry));
        }
        if pointed != asset
            && let Some(pointed) = pointed
        {
            self.release(pointed, key)?;
        }
        Ok(true)
    }

    /// Takes a source row away and lets go of its asset. `false` if there is no such row.
    pub(super) fn remove_source(&mut self, key: &SourceKey) -> Result<bool, IndexError> {
        let Some(before) = self.stored_source(key)? else { return Ok(false) };
        let pointed = before.asset().and_then(|id| self.offset(id));
        self.count_source(Some(&before), false);
        self.delete(Family::Sources, &source_key(key))?;
        if let Some(pointed) = pointed {
            self.release(pointed, key)?;
        }
        Ok(true)
    }

    /// Takes a source off an asset; an asset from files goes with its last source.
    fn release(&mut self, asset: AssetOffset, key: &SourceKey) -> Result<(), IndexError> {
        let Some(mut entry) = self.entry(asset)? else { return Ok(()) };
        entry.sources.retain(|source| *source.key != *key);
        let orphaned = entry.sources.is_empty() && entry.row.borrowed().is_from_source();
        self.entries.insert(asset, Some(entry));
        if orphaned { self.remove_asset(asset) } else { Ok(()) }
    }

    fn stored_source(&self, key: &SourceKey) -> Result<Option<SourceValue>, IndexError> {
        let Some(bytes) = self.core.rocks.get(Family::Sources, &source_key(key))? else { return Ok(None) };
        SourceValue::decode(&bytes).map(Some).map_err(|what| {
            IndexError::damaged(format!("sources {}", String::from_utf8_lossy(&key.path)), what)
        })
    }

    fn count_source(&mut self, value: Option<&SourceValue>, added: bool) {
        let Some(value) = value else { return };
        let count =
            if value.asset().is_some() { &mut self.sources.indexed } else { &mut self.sources.failed };
        *count = if added { *count + 1 } else { count.saturating_sub(1) };
    }
}

impl Effects {
    /// Brings the collection in memory to where the disk is.
    pub(super) fn apply(self, core: &Core, view: &mut View) {
        view.state = self.state;
        view.keep = self.keep;
        view.indexed = self.indexed;
        view.sources = self.sources;
        for (asset, entry) in self.entries {
            view.assets.set(asset, entry);
            view.columns.touch(asset.0);
        }
        if !self.killed.is_empty() {
            Arc::make_mut(&mut view.dead).extend(self.killed.iter().map(|(_, point)| point.0));
        }
        for (kind, point) in self.killed {
            view.segments_mut(kind).kill(point);
            view.hubs.forget(point);
        }
        if !self.builds {
            view.sweep_tails();
        }
        for (kind, Pushed { point, asset, track, vector }) in &self.pushed {
            view.segments_mut(*kind).tail.push(*point, *asset, *track, vector);
            if core.hubs.is_some() {
                view.hubs.lack(*point);
            }
        }
        for (kind, point, values) in self.hubs {
            view.hubs.set(kind, point, values);
        }
        if !self.ids.is_empty() {
            view.names.note(self.ids.into_iter());
        }
    }
}

/// The next offset; the last one is never given.
fn take_offset(next: &mut u32) -> Result<u32, IndexError> {
    let taken = *next;
    *next = taken.checked_add(1).ok_or_else(|| IndexError::Bug {
        what: "the collection has used all its offsets; index the media into a new collection".to_owned(),
    })?;
    Ok(taken)
}
