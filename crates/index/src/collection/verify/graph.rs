//! What `verify` asks of the stored graphs: checksums, structure, reachability, and that it fits the points.

use std::path::PathBuf;

use roaring::RoaringBitmap;
use xxhash_rust::xxh3::xxh3_64;

use super::super::segment_file;
use super::super::segments::SegmentKind;
use super::{Action, Finding, Walk};
use crate::assets::AssetFile;
use crate::columns::ColumnFile;
use crate::graph::{StoredGraph, assemble, decode};
use crate::storage::{
    ASSET_FILE_KEY, AddedRow, AssetFileRow, COLUMN_FILE_KEY, ChangedRow, ColumnFileRow, Family, HubRow,
    INDEXED_KEY, IndexedRow, KEEP_KEY, KeepRow, META_KEY, NOTED_KEY, NotedRow, OLD_GRAPH_KEY, RECALL_KEY,
    RecallRow, Row as _, SEGMENTS_KEY, SegmentRow, SegmentsRow, decode_added_key, decode_changed_key,
    decode_chunk_key, decode_hub_key,
};

impl Walk<'_> {
    pub(super) fn graphs(&mut self) {
        let mut named = SegmentsRow::default();
        self.scan(Family::Meta, |walk, key, value| match key {
            META_KEY => {}
            KEEP_KEY => {
                if let Err(what) = KeepRow::decode(value) {
                    walk.drop_row(Family::Meta, key, what);
                }
            }
            RECALL_KEY => {
                if let Err(what) = RecallRow::decode(value) {
                    walk.drop_row(Family::Meta, key, what);
                }
            }
            INDEXED_KEY => {
                if let Err(what) = IndexedRow::decode(value) {
                    walk.drop_row(Family::Meta, key, what);
                }
            }
            // Of an earlier program; the next writer drops it.
            OLD_GRAPH_KEY => {}
            SEGMENTS_KEY => match SegmentsRow::decode(value) {
                Ok(found) => named = found,
                Err(what) => walk.add(Finding::new(what, "meta segments", Action::DropGraph)),
            },
            ASSET_FILE_KEY => match AssetFileRow::decode(value) {
                Ok(row) => walk.cache_file(AssetFile::check(walk.folder, row)),
                Err(what) => walk.drop_row(Family::Meta, key, what),
            },
            COLUMN_FILE_KEY => match ColumnFileRow::decode(value) {
                Ok(row) => walk.cache_file(ColumnFile::check(walk.folder, row)),
                Err(what) => walk.drop_row(Family::Meta, key, what),
            },
            NOTED_KEY => {
                if let Err(what) = NotedRow::decode(value) {
                    walk.drop_row(Family::Meta, key, what);
                }
            }
            _ if decode_changed_key(key).is_some() => {
                if let Err(what) = ChangedRow::decode(value) {
                    walk.drop_row(Family::Meta, key, what);
                }
            }
            _ if decode_added_key(key).is_some() => {
                if let Err(what) = AddedRow::decode(value) {
                    walk.drop_row(Family::Meta, key, what);
                }
            }
            _ if decode_hub_key(key).is_some() => walk.hub(key, value),
            _ => {
                let action = Action::DropRow(Family::Meta, key.to_vec());
                walk.add(Finding::new("nobody knows this row", "meta", action));
            }
        });
        let mut inside = RoaringBitmap::new();
        for row in named.segments {
            if let Err(what) = self.check_graph(row, &mut inside) {
                let kind = SegmentKind::from_code(row.kind).map_or("unknown", SegmentKind::name);
                let place = format!("graph generation {} of {kind} segments", row.generation);
                self.add(Finding::new(what, place, Action::DropGraph));
            }
            let file = segment_file::path(self.folder, row.generation);
            // One that is missing is written by the next writer, and one that was replaced meanwhile is removed: no damage. It is looked for
            // before as well, for it may be written between the two.
            if file.exists()
                && let Err(what) = segment_file::check(self.folder, row, || self.cancel.is_cancelled())
                && file.exists()
            {
                let place = file.display().to_string();
                self.add(Finding::new(what, place, Action::DropFile(file)));
            }
        }
    }

    /// The file of assets, or of columns. One that is missing is written by the next writer: no damage.
    fn cache_file(&mut self, checked: Option<(PathBuf, Result<(), String>)>) {
        if let Some((path, Err(what))) = checked {
            let place = path.display().to_string();
            self.add(Finding::new(what, place, Action::DropFile(path)));
        }
    }

    /// Chunks of generations that are not named are a build in progress, or one that was cut off; the next open sweeps them.
    fn check_graph(&mut self, row: SegmentRow, inside: &mut RoaringBitmap) -> Result<(), String> {
        let mut bytes = Vec::new();
        let mut next = 0;
        let mut wrong = None;
        self.scan(Family::Graph, |_, key, value| match decode_chunk_key(key) {
            Some((generation, chunk)) if generation == row.generation && chunk < row.chunks => {
                match assemble(value, &mut bytes) {
                    Ok(()) => next += u32::from(chunk == next),
                    Err(what) => wrong = Some(what),
                }
            }
            Some(_) | None => {}
        });
        if let Some(what) = wrong {
            return Err(what);
        }
        if next != row.chunks || bytes.len() as u64 != row.bytes || xxh3_64(&bytes) != row.checksum {
            return Err("its chunks are not whole".to_owned());
        }
        let stored = decode(&bytes)?;
        self.check_stored(&stored)?;
        let own: RoaringBitmap = stored.points.iter().copied().collect();
        if own.len() != stored.points.len() as u64 || !own.is_disjoint(inside) {
            return Err("it has a point twice".to_owned());
        }
        *inside |= own;
        Ok(())
    }

    /// Hub values of a point. Missing ones, and those of another bank, are made by the next writer: no damage.
    fn hub(&mut self, key: &[u8], value: &[u8]) {
        let owned = decode_hub_key(key).is_some_and(|point| self.owners.contains_key(&point.0));
        let wrong = match HubRow::decode(value) {
            Err(what) => Some(what),
            Ok(_) if !owned => Some("no point has these hub values".to_owned()),
            Ok(row) if !row.values().is_finite() => Some("hub values that are no numbers".to_owned()),
            Ok(_) => None,
        };
        if let Some(what) = wrong {
            self.drop_row(Family::Meta, key, what);
        }
    }

    fn check_stored(&self, stored: &StoredGraph) -> Result<(), String> {
        stored.graph.check_quality(stored.m as usize)?;
        if stored.graph.len() != stored.points.len() {
            return Err("its rows and its points differ in number".to_owned());
        }
        if let Some(point) = stored.points.iter().find(|point| !self.vectors.contains(**point)) {
            return Err(format!("its point {point} has no vector"));
        }
        let unknown = |point: &&u32| !self.owners.contains_key(*point) && !self.tombs.contains(**point);
        match stored.points.iter().find(unknown) {
            Some(point) => Err(format!("its point {point} is neither alive nor a tomb")),
            None => Ok(()),
        }
    }
}
