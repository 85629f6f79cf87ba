//! A collection from disk into memory.
//!
//! Strict: anything that does not fit together is an error, for a row that is passed over would be a silent loss.
//! Only a graph may be in doubt: it is a cache, dropped and built again. `repair` alone loads leniently.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use roaring::RoaringBitmap;
use sensorium_types::SpaceInfo;
use xxhash_rust::xxh3::xxh3_64;

use super::hubs::HubTable;
use super::sealed::{Columns, NO_ASSET, Sealed};
use super::segment_file;
use super::segments::{Part, SegmentKind};
use super::tail::RowRef;
use super::view::{SourceCounts, View};
use crate::assets::{AssetFile, AssetTable, Entry, ModalitySet, Names, Point, Source};
use crate::error::IndexError;
use crate::graph::{self, FlatGraph, StoredGraph};
use crate::storage::{
    ASSET_FILE_KEY, AssetFileRow, AssetOffset, AssetRow, AssetTies, ChangedRow, FORMAT, Family, HubRow,
    KEEP_KEY, KeepRow, META_KEY, MetaRow, NOTED_KEY, NotedRow, OLD_GRAPH_KEY, PointOffset, PointRow,
    RocksView, Row, SEGMENTS_KEY, STATE_KEY, SegmentRow, SegmentsRow, SourceValue, StateRow, asset_key,
    changed_range, chunk_key, chunk_range, decode_changed_key, decode_chunk_key, decode_hub_key,
    decode_offset_key, decode_point_key, decode_source_key, decode_vector_into, hub_key, hub_range,
};

/// What is done about rows that do not fit together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Strictness {
    /// They are an error.
    Strict,
    /// They are passed over.
    Lenient,
}

/// What a collection is read for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ask<'a> {
    /// The folder of the collection.
    pub(crate) folder: &'a Path,
    /// The space of its vectors.
    pub(crate) space: &'a SpaceInfo,
    /// The bank whose hub values count; `None` where none are looked at.
    pub(crate) bank: Option<u64>,
}

/// A collection read from disk.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// The collection in memory.
    pub(crate) view: View,
    /// Whether what names the segments is not what is in use.
    pub(crate) segments_differ: bool,
    /// Generations with chunks that are not in use.
    pub(crate) stray_generations: Vec<u64>,
}

/// Reads `meta/collection` and refuses formats that this program does not know.
pub(crate) fn read_meta(rocks: &RocksView<'_>, place: &str) -> Result<Option<MetaRow>, IndexError> {
    let Some(bytes) = rocks.get(Family::Meta, META_KEY)? else { return Ok(None) };
    let meta = MetaRow::decode(&bytes).map_err(|what| IndexError::damaged(format!("{place} meta"), what))?;
    check_format(u64::from(meta.format), place)?;
    Ok(Some(meta))
}

/// Refuses formats that this program does not know.
pub(crate) fn check_format(found: u64, place: &str) -> Result<(), IndexError> {
    if found == 0 || found > u64::from(FORMAT) {
        return Err(IndexError::NewerFormat { place: place.to_owned(), found, known: FORMAT });
    }
    Ok(())
}

/// Reads a whole collection.
pub(crate) fn load(
    rocks: &RocksView<'_>,
    ask: Ask<'_>,
    strictness: Strictness,
) -> Result<Loaded, IndexError> {
    let Ask { folder, space, bank } = ask;
    let mut loader = Loader {
        rocks,
        folder,
        space,
        dim: space.dim,
        strictness,
        view: View::empty(space.dim),
        live: RoaringBitmap::new(),
        owners: HashMap::new(),
    };
    loader.view.state = loader.state()?;
    loader.view.keep = loader.keep()?;
    // What is mended may be in the file.
    let is_stored = strictness == Strictness::Strict && loader.stored_assets()?;
    if !is_stored {
        loader.assets()?;
    }
    let found = loader.segments()?;
    if is_stored {
        loader.points_of_assets(&found);
    }
    loader.tombs()?;
    loader.vectors(found.segments)?;
    if let Some(bank) = bank {
        loader.hubs(bank)?;
    }
    Ok(Loaded { view: loader.view, segments_differ: found.differ, stray_generations: found.strays })
}

struct Loader<'a> {
    rocks: &'a RocksView<'a>,
    folder: &'a Path,
    space: &'a SpaceInfo,
    dim: usize,
    strictness: Strictness,
    view: View,
    /// Points that are alive.
    live: RoaringBitmap,
    /// The asset and the track of each of them; of a collection from its file of assets, of those that no mapped segment has.
    owners: HashMap<PointOffset, (AssetOffset, u8)>,
}

/// An asset whose rows are being read.
type Reading = (AssetRow, Vec<Point>, Vec<Source>);

/// A segment that can be used.
enum SegmentFound {
    /// Its file is mapped.
    Mapped(Box<Sealed>),
    /// Its graph was read; its vectors are to come.
    Read(Filling),
}

/// What was found of segments.
#[derive(Default)]
struct SegmentsFound {
    segments: Vec<(SegmentKind, SegmentFound)>,
    /// Whether `meta/segments` names others than these.
    differ: bool,
    strays: Vec<u64>,
}

impl Loader<'_> {
    /// An error, or nothing where the load is lenient.
    fn object(&self, family: Family, key: &[u8], what: impl Into<String>) -> Result<(), IndexError> {
        match self.strictness {
            Strictness::Strict => Err(IndexError::damaged(place(family, key), what)),
            Strictness::Lenient => Ok(()),
        }
    }

    fn state(&self) -> Result<StateRow, IndexError> {
        match self.rocks.get(Family::Sys, STATE_KEY)? {
            None => Ok(StateRow::default()),
            Some(bytes) => match StateRow::decode(&bytes) {
                Ok(state) => Ok(state),
                Err(what) => self.object(Family::Sys, STATE_KEY, what).map(|()| StateRow::default()),
            },
        }
    }

    fn keep(&self) -> Result<KeepRow, IndexError> {
        match self.rocks.get(Family::Meta, KEEP_KEY)?.map(|bytes| KeepRow::decode(&bytes)) {
            None => Ok(KeepRow::default()),
            Some(Ok(keep)) => Ok(keep),
            Some(Err(what)) => self.object(Family::Meta, KEEP_KEY, what).map(|()| KeepRow::default()),
        }
    }

    /// Assets with their points and sources, row by row.
    fn assets(&mut self) -> Result<(), IndexError> {
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

    /// Assets from their file and what changed since. `false` where they must be read row by row: there is no file, or it does
    /// not fit what is there.
    fn stored_assets(&mut self) -> Result<bool, IndexError> {
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
        let file = Arc::new(AssetFile::open(self.folder, row)?);
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
    fn points_of_assets(&mut self, found: &SegmentsFound) {
        let held = held(found.segments.iter().filter_map(|(_, segment)| match segment {
            SegmentFound::Mapped(sealed) => Some(&**sealed),
            SegmentFound::Read(_) => None,
        }));
        let mut live = Vec::with_capacity(self.view.assets.points());
        for (asset, entry) in self.view.assets.iter(ModalitySet::ALL) {
            for (point, track) in entry.tracked_points() {
                live.push(point.0);
                if !held.contains(point.0) {
                    self.owners.insert(point, (asset, track));
                }
            }
        }
        live.sort_unstable();
        self.live = live.into_iter().collect();
    }

    fn tombs(&mut self) -> Result<(), IndexError> {
        let mut dead = RoaringBitmap::new();
        self.rocks.scan(Family::Tomb, |key, _| match decode_offset_key(key) {
            Some(point) if !self.live.contains(point) => {
                dead.insert(point);
                Ok(())
            }
            Some(_) => self.object(Family::Tomb, key, "the point is alive"),
            None => self.object(Family::Tomb, key, "the key has no offset"),
        })?;
        self.view.dead = Arc::new(dead);
        Ok(())
    }

    /// Hub values of the bank in use. What cannot be read is missing, as what another bank left: it is made anew.
    fn hubs(&mut self, bank: u64) -> Result<(), IndexError> {
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

    fn segments(&mut self) -> Result<SegmentsFound, IndexError> {
        // The one graph over all contents of earlier programs is not used; its points lie in the tails.
        let differ = self.rocks.get(Family::Meta, OLD_GRAPH_KEY)?.is_some();
        let mut found = SegmentsFound { differ, ..SegmentsFound::default() };
        let named = match self.rocks.get(Family::Meta, SEGMENTS_KEY)? {
            None => SegmentsRow::default(),
            Some(bytes) => SegmentsRow::decode(&bytes).unwrap_or_else(|what| {
                tracing::warn!(what, "drop the segments, search without them");
                found.differ = true;
                SegmentsRow::default()
            }),
        };
        let mut next = chunk_key(0, 0);
        while let Some(key) = self.rocks.first_key(Family::Graph, &next)? {
            let Some((generation, _)) = decode_chunk_key(&key) else { break };
            self.view.generation = self.view.generation.max(generation);
            if named.segments.iter().all(|row| row.generation != generation) {
                found.strays.push(generation);
            }
            next = chunk_key(generation.saturating_add(1), 0);
        }
        let mut inside = RoaringBitmap::new();
        for row in named.segments {
            self.view.generation = self.view.generation.max(row.generation);
            match self.segment(row, &mut inside) {
                Ok(segment) => found.segments.push(segment),
                Err(what) => {
                    tracing::warn!(generation = row.generation, what, "drop the graph, search without it");
                    found.differ = true;
                    found.strays.push(row.generation);
                }
            }
        }
        Ok(found)
    }

    /// A segment by its file, or by its graph's chunks where the file is missing or damaged.
    fn segment(
        &self,
        row: SegmentRow,
        inside: &mut RoaringBitmap,
    ) -> Result<(SegmentKind, SegmentFound), String> {
        let kind = SegmentKind::from_code(row.kind).ok_or("it is of a kind that nobody knows")?;
        match segment_file::open(self.folder, row, self.dim) {
            Ok(sealed) => {
                self.check_points(kind, sealed.points(), inside)?;
                Ok((kind, SegmentFound::Mapped(Box::new(sealed))))
            }
            Err(what) => {
                tracing::warn!(generation = row.generation, what, "read a segment from its rows");
                let stored = self.graph(row)?;
                self.check_points(kind, &stored.points, inside)?;
                Ok((kind, SegmentFound::Read(Filling::new(row, stored, self.dim))))
            }
        }
    }

    /// A graph, if its chunks are whole.
    fn graph(&self, row: SegmentRow) -> Result<StoredGraph, String> {
        let (mut chunks, mut bytes) = (0, Vec::new());
        let (from, to) = chunk_range(row.generation);
        let scanned = self.rocks.scan_range(Family::Graph, &from, Some(&to), |key, value| {
            // A chunk that cannot be read leaves `chunks` behind, and the graph in doubt.
            if decode_chunk_key(key).is_some_and(|(_, chunk)| chunk == chunks) {
                chunks += u32::from(graph::assemble(value, &mut bytes).is_ok());
            }
            Ok(())
        });
        let whole = scanned.is_ok()
            && chunks == row.chunks
            && bytes.len() as u64 == row.bytes
            && xxh3_64(&bytes) == row.checksum;
        let stored =
            if whole { graph::decode(&bytes)? } else { return Err("its chunks are not whole".to_owned()) };
        if stored.dim as usize != self.dim || stored.graph.len() != stored.points.len() {
            return Err("it was built over other vectors".to_owned());
        }
        Ok(stored)
    }

    /// Whether points may be those of a segment. `inside` are those of other segments.
    fn check_points(
        &self,
        kind: SegmentKind,
        points: &[u32],
        inside: &mut RoaringBitmap,
    ) -> Result<(), String> {
        let mut sorted = points.to_vec();
        sorted.sort_unstable();
        let own: RoaringBitmap = sorted.into_iter().collect();
        if own.len() != points.len() as u64 || !own.is_disjoint(inside) {
            return Err("it has a point twice".to_owned());
        }
        let is_foreign = |point: &u32| {
            let owner = self.owners.get(&PointOffset(*point));
            owner.is_some_and(|(_, track)| SegmentKind::of_code(*track) != Some(kind))
        };
        if points.iter().any(is_foreign) {
            return Err("it has points of another content".to_owned());
        }
        *inside |= own;
        Ok(())
    }

    /// Puts segments and tails together, with the vectors that no file holds.
    fn vectors(&mut self, found: Vec<(SegmentKind, SegmentFound)>) -> Result<(), IndexError> {
        let (mut mapped, mut filling) = (Vec::new(), Vec::new());
        for (kind, segment) in found {
            match segment {
                SegmentFound::Mapped(sealed) => mapped.push((kind, *sealed)),
                SegmentFound::Read(segment) => filling.push((kind, segment)),
            }
        }
        self.read_vectors(&mapped, &mut filling)?;
        for (kind, segment) in filling {
            if segment.unfilled > 0 {
                let what = format!("{} vectors of a graph are missing", segment.unfilled);
                self.object(Family::Vectors, &[], what)?;
            }
            mapped.push((kind, segment.sealed(self.dim)));
        }
        for (kind, sealed) in mapped {
            // Rows that are not alive must not be found, also those without a tomb.
            let gone = held(std::iter::once(&sealed)) - &self.live;
            *Arc::make_mut(&mut self.view.dead) |= &gone;
            let dead = usize::try_from(gone.len()).unwrap_or(usize::MAX);
            let part = Part { sealed: Arc::new(sealed), dead };
            self.view.segments_mut(kind).parts.push(part);
        }
        Ok(())
    }

    /// Reads the vectors of the tails and of segments without a file: all from the first that is wanted on.
    fn read_vectors(
        &mut self,
        mapped: &[(SegmentKind, Sealed)],
        filling: &mut [(SegmentKind, Filling)],
    ) -> Result<(), IndexError> {
        let dim = self.dim;
        let mut places = HashMap::new();
        for (number, (_, segment)) in filling.iter().enumerate() {
            places.extend((0..).zip(&segment.points).map(|(place, point)| (*point, (number, place))));
        }
        let places_read: RoaringBitmap = places.keys().copied().collect();
        let wanted = (&self.live | places_read) - held(mapped.iter().map(|(_, sealed)| sealed));
        let Some(first) = wanted.min() else { return Ok(()) };
        let mut seen = RoaringBitmap::new();
        let mut vector = Vec::with_capacity(dim);
        let rocks = self.rocks;
        rocks.scan_range(Family::Vectors, &first.to_be_bytes(), None, |key, value| {
            let Some(point) = decode_offset_key(key) else {
                return self.object(Family::Vectors, key, "the key has no offset");
            };
            if !wanted.contains(point) {
                return Ok(());
            }
            vector.clear();
            if let Err(what) = decode_vector_into(value, dim, &mut vector) {
                return self.object(Family::Vectors, key, what);
            }
            seen.insert(point);
            let owner = self.owners.get(&PointOffset(point)).copied();
            if let Some((number, place)) = places.get(&point).copied() {
                if let Some((_, segment)) = filling.get_mut(number) {
                    segment.fill(place, dim, &vector, owner);
                }
            } else if let Some((asset, track)) = owner
                && let Some(kind) = SegmentKind::of_code(track)
            {
                let row = RowRef { point: PointOffset(point), asset, track, vector: &vector };
                self.view.segments_mut(kind).tail.push(row);
            }
            Ok(())
        })?;
        match (wanted & &self.live).difference_len(&seen) {
            0 => Ok(()),
            missing => self.object(Family::Vectors, &[], format!("{missing} vectors are missing")),
        }
    }
}

/// The points of segments.
fn held<'a>(segments: impl Iterator<Item = &'a Sealed>) -> RoaringBitmap {
    let mut held = RoaringBitmap::new();
    for sealed in segments {
        held |= sealed.sorted_points().iter().copied().collect::<RoaringBitmap>();
    }
    held
}

/// A segment whose vectors are being read.
struct Filling {
    row: SegmentRow,
    graph: FlatGraph,
    points: Vec<u32>,
    assets: Vec<u32>,
    tracks: Vec<u8>,
    vectors: Vec<f32>,
    unfilled: usize,
}

impl Filling {
    fn new(row: SegmentRow, stored: StoredGraph, dim: usize) -> Self {
        let StoredGraph { points, graph, .. } = stored;
        let rows = points.len();
        Self {
            row,
            graph,
            points,
            assets: vec![NO_ASSET.0; rows],
            tracks: vec![0; rows],
            vectors: vec![0.0; rows * dim],
            unfilled: rows,
        }
    }

    fn fill(&mut self, place: usize, dim: usize, vector: &[f32], owner: Option<(AssetOffset, u8)>) {
        self.unfilled -= 1;
        if let Some(slot) = self.vectors.get_mut(place * dim..(place + 1) * dim) {
            slot.copy_from_slice(vector);
        }
        if let (Some((asset, track)), Some(asset_slot), Some(track_slot)) =
            (owner, self.assets.get_mut(place), self.tracks.get_mut(place))
        {
            (*asset_slot, *track_slot) = (asset.0, track);
        }
    }

    fn sealed(self, dim: usize) -> Sealed {
        let Self { row, graph, points, assets, tracks, vectors, .. } = self;
        let columns = Columns {
            points: points.into(),
            assets: assets.into(),
            tracks: tracks.into(),
            vectors: vectors.into(),
        };
        Sealed::new(row, dim, columns, graph)
    }
}

/// How a row is named to people.
pub(super) fn place(family: Family, key: &[u8]) -> String {
    let hex: String = key.iter().take(32).map(|byte| format!("{byte:02x}")).collect();
    format!("{} {hex}", family.name())
}
