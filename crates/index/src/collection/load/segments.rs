//! Sealed segments from their files, or from graphs and vectors; tails.

use std::collections::HashMap;
use std::sync::Arc;

use roaring::RoaringBitmap;
use sensorium_kernels::VectorMatrix;
use xxhash_rust::xxh3::xxh3_64;

use super::super::sealed::{Columns, NO_ASSET, Sealed};
use super::super::segment_file;
use super::super::segments::{Part, SegmentKind};
use super::Loader;
use crate::error::IndexError;
use crate::graph::{self, FlatGraph, StoredGraph};
use crate::storage::{
    AssetOffset, Family, OLD_GRAPH_KEY, PointOffset, Row as _, SEGMENTS_KEY, SegmentRow, SegmentsRow,
    chunk_key, chunk_range, decode_chunk_key, decode_offset_key, decode_vector_into,
};

/// A segment that can be used.
pub(super) enum SegmentFound {
    /// Its file is mapped.
    Mapped(Box<Sealed>),
    /// Its graph was read; its vectors are to come.
    Read(Box<Filling>),
}

/// What was found of segments.
#[derive(Default)]
pub(super) struct SegmentsFound {
    pub(super) segments: Vec<(SegmentKind, SegmentFound)>,
    /// The points of those whose files are mapped.
    pub(super) held: RoaringBitmap,
    /// Whether `meta/segments` names others than these.
    pub(super) differ: bool,
    pub(super) strays: Vec<u64>,
}

impl Loader<'_> {
    pub(super) fn segments(&mut self) -> Result<SegmentsFound, IndexError> {
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
            match self.segment(row, &inside) {
                Ok((kind, segment, points)) => {
                    if matches!(segment, SegmentFound::Mapped(_)) {
                        found.held |= &points;
                    }
                    inside |= points;
                    found.segments.push((kind, segment));
                }
                Err(what) => {
                    tracing::warn!(generation = row.generation, what, "drop the graph, search without it");
                    found.differ = true;
                    found.strays.push(row.generation);
                }
            }
        }
        Ok(found)
    }

    /// A segment by its file, or by its graph's chunks where the file is missing or damaged; with its points.
    fn segment(
        &self,
        row: SegmentRow,
        inside: &RoaringBitmap,
    ) -> Result<(SegmentKind, SegmentFound, RoaringBitmap), String> {
        let kind = SegmentKind::from_code(row.kind).ok_or("it is of a kind that nobody knows")?;
        let dim = self.space.dim_of(kind.content());
        let file = match self.ask.distrusted.contains(&row.generation) {
            true => Err("its file is damaged".to_owned()),
            false => segment_file::open(self.ask.folder, row, dim, self.ask.checked_at_open_bytes),
        };
        match file {
            Ok(sealed) => {
                let points = self.check_points(kind, sealed.sorted_points(), inside)?;
                Ok((kind, SegmentFound::Mapped(Box::new(sealed)), points))
            }
            Err(what) => {
                tracing::warn!(generation = row.generation, what, "read a segment from its rows");
                let stored = self.graph(row, dim)?;
                let mut sorted = stored.points.clone();
                sorted.sort_unstable();
                let points = self.check_points(kind, &sorted, inside)?;
                Ok((kind, SegmentFound::Read(Box::new(Filling::new(row, stored, dim))), points))
            }
        }
    }

    /// A graph, if its chunks are whole.
    fn graph(&self, row: SegmentRow, dim: usize) -> Result<StoredGraph, String> {
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
        if stored.dim as usize != dim || stored.graph.len() != stored.points.len() {
            return Err("it was built over other vectors".to_owned());
        }
        Ok(stored)
    }

    /// Points in order, if they may be those of a segment. `inside` are those of other segments.
    fn check_points(
        &self,
        kind: SegmentKind,
        points: &[u32],
        inside: &RoaringBitmap,
    ) -> Result<RoaringBitmap, String> {
        let own = RoaringBitmap::from_sorted_iter(points.iter().copied()).ok();
        let Some(own) = own.filter(|own| own.len() == points.len() as u64 && own.is_disjoint(inside)) else {
            return Err("it has a point twice".to_owned());
        };
        let is_foreign = |point: &u32| {
            let owner = self.owners.get(&PointOffset(*point));
            owner.is_some_and(|(_, track)| SegmentKind::of_code(*track) != Some(kind))
        };
        if !self.owners.is_empty() && points.iter().any(is_foreign) {
            return Err("it has points of another content".to_owned());
        }
        Ok(own)
    }

    /// Puts segments and tails together, with the vectors that no file holds.
    pub(super) fn vectors(
        &mut self,
        found: Vec<(SegmentKind, SegmentFound)>,
        held: &RoaringBitmap,
    ) -> Result<(), IndexError> {
        let (mut mapped, mut filling) = (Vec::new(), Vec::new());
        for (kind, segment) in found {
            match segment {
                SegmentFound::Mapped(sealed) => mapped.push((kind, *sealed)),
                SegmentFound::Read(segment) => filling.push((kind, *segment)),
            }
        }
        self.read_vectors(held, &mut filling)?;
        for (kind, segment) in filling {
            if segment.unfilled > 0 {
                let what = format!("{} vectors of a graph are missing", segment.unfilled);
                self.object(Family::Vectors, &[], what)?;
            }
            mapped.push((kind, segment.sealed()));
        }
        for (kind, sealed) in mapped {
            // Rows that are not alive must not be found, also those without a tomb.
            let points = sealed.sorted_points().iter().copied();
            let points = RoaringBitmap::from_sorted_iter(points).unwrap_or_default();
            let gone = points - &self.live;
            *Arc::make_mut(&mut self.view.dead) |= &gone;
            let dead = usize::try_from(gone.len()).unwrap_or(usize::MAX);
            let part = Part { sealed: Arc::new(sealed), dead };
            self.view.segments_mut(kind).parts.push(part);
        }
        Ok(())
    }

    /// Reads the vectors of the tails and of segments without a file, all from the first that is wanted on: those of points that are
    /// not `held`.
    fn read_vectors(
        &mut self,
        held: &RoaringBitmap,
        filling: &mut [(SegmentKind, Filling)],
    ) -> Result<(), IndexError> {
        let mut places = HashMap::new();
        for (number, (_, segment)) in filling.iter().enumerate() {
            places.extend((0..).zip(&segment.points).map(|(place, point)| (*point, (number, place))));
        }
        let places_read: RoaringBitmap = places.keys().copied().collect();
        let wanted = (&self.live | places_read) - held;
        let Some(first) = wanted.min() else { return Ok(()) };
        let mut seen = RoaringBitmap::new();
        let mut vector = Vec::with_capacity(self.space.dim);
        let rocks = self.rocks;
        rocks.scan_range(Family::Vectors, &first.to_be_bytes(), None, |key, value| {
            let Some(point) = decode_offset_key(key) else {
                return self.object(Family::Vectors, key, "the key has no offset");
            };
            if !wanted.contains(point) {
                return Ok(());
            }
            let owner = self.owners.get(&PointOffset(point)).copied();
            let of_owner = || owner.and_then(|(_, track)| SegmentKind::of_code(track));
            let place =
                places.get(&point).and_then(|(number, place)| Some((filling.get_mut(*number)?, *place)));
            let kind = place.as_ref().map(|((kind, _), _)| *kind).or_else(of_owner);
            vector.clear();
            let dim = kind.map_or(self.space.dim, |kind| self.space.dim_of(kind.content()));
            if let Err(what) = decode_vector_into(value, dim, &mut vector) {
                return self.object(Family::Vectors, key, what);
            }
            seen.insert(point);
            if let Some(((_, segment), place)) = place {
                segment.fill(place, &vector, owner);
            } else if let (Some((asset, track)), Some(kind)) = (owner, kind) {
                self.view.segments_mut(kind).tail.push(PointOffset(point), asset, track, &vector);
            }
            Ok(())
        })?;
        match (wanted & &self.live).difference_len(&seen) {
            0 => Ok(()),
            missing => self.object(Family::Vectors, &[], format!("{missing} vectors are missing")),
        }
    }
}

/// A segment whose vectors are being read.
pub(super) struct Filling {
    row: SegmentRow,
    graph: FlatGraph,
    points: Vec<u32>,
    assets: Vec<u32>,
    tracks: Vec<u8>,
    vectors: VectorMatrix,
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
            vectors: VectorMatrix::zeros(dim, rows),
            unfilled: rows,
        }
    }

    fn fill(&mut self, place: usize, vector: &[f32], owner: Option<(AssetOffset, u8)>) {
        self.unfilled -= 1;
        self.vectors.set(place, vector);
        if let (Some((asset, track)), Some(asset_slot), Some(track_slot)) =
            (owner, self.assets.get_mut(place), self.tracks.get_mut(place))
        {
            (*asset_slot, *track_slot) = (asset.0, track);
        }
    }

    fn sealed(self) -> Sealed {
        let Self { row, graph, points, assets, tracks, vectors, .. } = self;
        let columns =
            Columns { points: points.into(), assets: assets.into(), tracks: tracks.into(), vectors };
        Sealed::new(row, columns, graph)
    }
}
