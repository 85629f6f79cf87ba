//! A collection from disk into memory.
//!
//! Strict: anything that does not fit together is an error, for a row that is passed over would be a silent loss.
//! Only a graph may be in doubt: it is a cache, dropped and built again. `repair` alone loads leniently.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use roaring::RoaringBitmap;
use sensorium_types::{AssetRecord, SpaceInfo};
use xxhash_rust::xxh3::xxh3_64;

use super::core::Ids;
use super::hubs::HubTable;
use super::sealed::{Columns, NO_ASSET, Sealed};
use super::segments::{Part, SegmentKind};
use super::table::{Entry, Point, Source};
use super::tail::RowRef;
use super::view::View;
use crate::error::IndexError;
use crate::graph::{self, StoredGraph};
use crate::storage::{
    AssetOffset, AssetRow, FORMAT, Family, HubRow, KEEP_KEY, KeepRow, META_KEY, MetaRow, OLD_GRAPH_KEY,
    PointOffset, PointRow, RocksView, Row, SEGMENTS_KEY, STATE_KEY, SegmentRow, SegmentsRow, SourceValue,
    StateRow, decode_chunk_key, decode_hub_key, decode_offset_key, decode_point_key, decode_source_key,
    decode_vector_into,
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
    /// Offsets by name.
    pub(crate) ids: Ids,
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
    let Ask { space, bank } = ask;
    let mut loader = Loader {
        rocks,
        space,
        dim: space.dim,
        strictness,
        view: View::empty(space.dim),
        ids: Ids::new(),
        entries: BTreeMap::new(),
        owners: HashMap::new(),
    };
    loader.view.state = loader.state()?;
    loader.view.keep = loader.keep()?;
    loader.assets()?;
    loader.points()?;
    loader.sources()?;
    let found = loader.graphs()?;
    loader.fill_table()?;
    loader.tombs()?;
    if let Some(bank) = bank {
        loader.hubs(bank)?;
    }
    loader.vectors(found.graphs)?;
    Ok(Loaded {
        view: loader.view,
        ids: loader.ids,
        segments_differ: found.differ,
        stray_generations: found.strays,
    })
}

struct Loader<'a> {
    rocks: &'a RocksView<'a>,
    space: &'a SpaceInfo,
    dim: usize,
    strictness: Strictness,
    view: View,
    ids: Ids,
    entries: BTreeMap<AssetOffset, (AssetRecord, Vec<Point>, Vec<Source>)>,
    owners: HashMap<PointOffset, (AssetOffset, u8)>,
}

/// A segment's graph that can be used.
struct GraphFound {
    kind: SegmentKind,
    row: SegmentRow,
    stored: StoredGraph,
}

/// What was found in family `graph`.
#[derive(Default)]
struct GraphsFound {
    graphs: Vec<GraphFound>,
    /// Whether `meta/segments` names others than these.
    differ: bool,
    strays: Vec<u64>,
}

/// The chunks of a generation, joined.
#[derive(Default)]
struct Joined {
    chunks: u32,
    bytes: Vec<u8>,
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

    fn assets(&mut self) -> Result<(), IndexError> {
        let rocks = self.rocks;
        rocks.scan(Family::Assets, |key, value| {
            let record = AssetRow::decode(value).and_then(AssetRow::into_record);
            match (decode_offset_key(key), record) {
                (Some(asset), Ok(record)) if asset < self.view.state.next_asset => {
                    self.entries.insert(AssetOffset(asset), (record, Vec::new(), Vec::new()));
                    Ok(())
                }
                (Some(_), Ok(_)) => self.object(Family::Assets, key, "the offset was never given"),
                (None, _) => self.object(Family::Assets, key, "the key has no offset"),
                (Some(_), Err(what)) => self.object(Family::Assets, key, what),
            }
        })
    }

    fn points(&mut self) -> Result<(), IndexError> {
        let rocks = self.rocks;
        rocks.scan(Family::Points, |key, value| {
            let (Some((asset, track, ordinal)), Ok(row)) = (decode_point_key(key), PointRow::decode(value))
            else {
                return self.object(Family::Points, key, "the row cannot be read");
            };
            let offset = PointOffset(row.offset);
            let given = row.offset < self.view.state.next_point;
            match self.entries.get_mut(&asset) {
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

    fn sources(&mut self) -> Result<(), IndexError> {
        let named: HashMap<_, _> =
            self.entries.iter().map(|(asset, (record, _, _))| (record.id.clone(), *asset)).collect();
        let rocks = self.rocks;
        rocks.scan(Family::Sources, |key, value| {
            let (Some(source), Ok(row)) = (decode_source_key(key), SourceValue::decode(value)) else {
                return self.object(Family::Sources, key, "the row cannot be read");
            };
            let Some(id) = row.asset() else {
                self.view.sources.failed += 1;
                return Ok(());
            };
            let Some((_, _, sources)) = named.get(id).and_then(|asset| self.entries.get_mut(asset)) else {
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
    fn fill_table(&mut self) -> Result<(), IndexError> {
        for (asset, (record, points, mut sources)) in std::mem::take(&mut self.entries) {
            let key = crate::storage::asset_key(asset);
            let is_bare = points.is_empty() && record.space_revision == self.space.revision;
            if is_bare || !points.is_sorted_by_key(|point| point.offset) {
                self.object(Family::Assets, &key, "its points are missing or out of order")?;
                for point in &points {
                    self.owners.remove(&point.offset);
                }
                continue;
            }
            if self.ids.insert(record.id.clone(), asset).is_some() {
                self.object(Family::Assets, &key, "its id is that of another asset")?;
            }
            sources.sort_by_key(|source| source.order);
            let entry = Entry { record: Arc::new(record), points: points.into(), sources };
            self.view.assets.set(asset, Some(entry));
        }
        Ok(())
    }

    fn tombs(&mut self) -> Result<(), IndexError> {
        let mut dead = RoaringBitmap::new();
        self.rocks.scan(Family::Tomb, |key, _| match decode_offset_key(key) {
            Some(point) if !self.owners.contains_key(&PointOffset(point)) => {
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
        let mut table = HubTable::lacking_all(self.owners.keys().map(|point| point.0).collect());
        self.rocks.scan(Family::Meta, |key, value| {
            if let Some(point) = decode_hub_key(key)
                && self.owners.contains_key(&point)
                && let Ok(row) = HubRow::decode(value)
                && row.bank == bank
                && row.values().is_finite()
            {
                if let Some(kind) =
                    self.owners.get(&point).and_then(|(_, track)| SegmentKind::of_code(*track))
                {
                    table.set(kind, point, row.values());
                }
            }
            Ok(())
        })?;
        self.view.hubs = table;
        Ok(())
    }

    fn graphs(&mut self) -> Result<GraphsFound, IndexError> {
        let mut found = GraphsFound::default();
        // The one graph over all contents of earlier programs is not used; its points lie in the tails.
        found.differ = self.rocks.get(Family::Meta, OLD_GRAPH_KEY)?.is_some();
        let named = match self.rocks.get(Family::Meta, SEGMENTS_KEY)? {
            None => SegmentsRow::default(),
            Some(bytes) => SegmentsRow::decode(&bytes).unwrap_or_else(|what| {
                tracing::warn!(what, "drop the segments, search without them");
                found.differ = true;
                SegmentsRow::default()
            }),
        };
        let mut joined: HashMap<u64, Joined> =
            named.segments.iter().map(|row| (row.generation, Joined::default())).collect();
        let scanned = self.rocks.scan(Family::Graph, |key, value| {
            let Some((generation, chunk)) = decode_chunk_key(key) else { return Ok(()) };
            self.view.generation = self.view.generation.max(generation);
            match joined.get_mut(&generation) {
                None if found.strays.last() != Some(&generation) => found.strays.push(generation),
                // A chunk that cannot be read leaves `chunks` behind, and the graph in doubt.
                Some(joined) if joined.chunks == chunk => {
                    joined.chunks += u32::from(graph::assemble(value, &mut joined.bytes).is_ok());
                }
                None | Some(_) => {}
            }
            Ok(())
        });
        if scanned.is_err() {
            joined.clear();
        }
        let mut inside = RoaringBitmap::new();
        for row in named.segments {
            self.view.generation = self.view.generation.max(row.generation);
            let joined = joined.remove(&row.generation).unwrap_or_default();
            match self.graph(row, &joined, &mut inside) {
                Ok(graph) => found.graphs.push(graph),
                Err(what) => {
                    tracing::warn!(generation = row.generation, what, "drop the graph, search without it");
                    found.differ = true;
                    found.strays.push(row.generation);
                }
            }
        }
        Ok(found)
    }

    /// A graph, if its bytes are whole and it fits the points. `inside` are those of other segments.
    fn graph(
        &self,
        row: SegmentRow,
        joined: &Joined,
        inside: &mut RoaringBitmap,
    ) -> Result<GraphFound, String> {
        let kind = SegmentKind::from_code(row.kind).ok_or("it is of a kind that nobody knows")?;
        let bytes = &joined.bytes;
        let whole =
            joined.chunks == row.chunks && bytes.len() as u64 == row.bytes && xxh3_64(bytes) == row.checksum;
        let stored =
            if whole { graph::decode(bytes)? } else { return Err("its chunks are not whole".to_owned()) };
        if stored.dim as usize != self.dim || stored.graph.len() != stored.points.len() {
            return Err("it was built over other vectors".to_owned());
        }
        let own: RoaringBitmap = stored.points.iter().copied().collect();
        if own.len() != stored.points.len() as u64 || !own.is_disjoint(inside) {
            return Err("it has a point twice".to_owned());
        }
        let is_foreign = |point: &u32| {
            let owner = self.owners.get(&PointOffset(*point));
            owner.is_some_and(|(_, track)| SegmentKind::of_code(*track) != Some(kind))
        };
        if stored.points.iter().any(is_foreign) {
            return Err("it has points of another content".to_owned());
        }
        *inside |= own;
        Ok(GraphFound { kind, row, stored })
    }

    /// Places every vector: in the order of its graph, or in a tail.
    fn vectors(&mut self, graphs: Vec<GraphFound>) -> Result<(), IndexError> {
        let dim = self.dim;
        let mut filling: Vec<Filling> = graphs.into_iter().map(|graph| Filling::new(graph, dim)).collect();
        let mut places = HashMap::new();
        for (number, filling) in filling.iter().enumerate() {
            places
                .extend((0..).zip(&filling.columns.points).map(|(place, point)| (point.0, (number, place))));
        }
        let mut seen = 0;
        let mut vector = Vec::with_capacity(dim);
        let rocks = self.rocks;
        rocks.scan(Family::Vectors, |key, value| {
            vector.clear();
            let Some(point) = decode_offset_key(key) else {
                return self.object(Family::Vectors, key, "the key has no offset");
            };
            if let Err(what) = decode_vector_into(value, dim, &mut vector) {
                return self.object(Family::Vectors, key, what);
            }
            let owner = self.owners.get(&PointOffset(point)).copied();
            seen += usize::from(owner.is_some());
            if let Some((number, place)) = places.get(&point).copied() {
                if let Some(filling) = filling.get_mut(number) {
                    filling.fill(place, dim, &vector, owner);
                }
            } else if let Some((asset, track)) = owner
                && let Some(kind) = SegmentKind::of_code(track)
            {
                let row = RowRef { point: PointOffset(point), asset, track, vector: &vector };
                self.view.segments_mut(kind).tail.push(row);
            }
            Ok(())
        })?;
        if seen != self.owners.len() {
            self.object(Family::Vectors, &[], format!("{} vectors are missing", self.owners.len() - seen))?;
        }
        for Filling { graph, columns, unfilled } in filling {
            if unfilled > 0 {
                self.object(Family::Vectors, &[], format!("{unfilled} vectors of a graph are missing"))?;
            }
            let sealed = Sealed::new(graph.row, dim, columns, graph.stored.graph);
            // Rows that are neither alive nor tombs must not be found.
            let gone = sealed.rows().filter(|row| row.asset == NO_ASSET).map(|row| row.point.0);
            Arc::make_mut(&mut self.view.dead).extend(gone);
            let dead = self.view.dead.iter().filter(|point| sealed.has(PointOffset(*point))).count();
            let part = Part { sealed: Arc::new(sealed), dead };
            self.view.segments_mut(graph.kind).parts.push(part);
        }
        Ok(())
    }
}

/// A segment whose vectors are being read.
struct Filling {
    graph: GraphFound,
    columns: Columns,
    unfilled: usize,
}

impl Filling {
    fn new(graph: GraphFound, dim: usize) -> Self {
        let points: Vec<PointOffset> = graph.stored.points.iter().map(|point| PointOffset(*point)).collect();
        let rows = points.len();
        let columns = Columns {
            points,
            assets: vec![NO_ASSET; rows],
            tracks: vec![0; rows],
            vectors: vec![0.0; rows * dim],
        };
        Self { graph, columns, unfilled: rows }
    }

    fn fill(&mut self, place: usize, dim: usize, vector: &[f32], owner: Option<(AssetOffset, u8)>) {
        self.unfilled -= 1;
        if let Some(slot) = self.columns.vectors.get_mut(place * dim..(place + 1) * dim) {
            slot.copy_from_slice(vector);
        }
        if let (Some((asset, track)), Some(asset_slot), Some(track_slot)) =
            (owner, self.columns.assets.get_mut(place), self.columns.tracks.get_mut(place))
        {
            (*asset_slot, *track_slot) = (asset, track);
        }
    }
}

/// How a row is named to people.
pub(super) fn place(family: Family, key: &[u8]) -> String {
    let hex: String = key.iter().take(32).map(|byte| format!("{byte:02x}")).collect();
    format!("{} {hex}", family.name())
}
