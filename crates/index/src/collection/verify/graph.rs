//! What `verify` asks of the stored graph: checksums, structure, reachability, and that it fits the points.

use roaring::RoaringBitmap;
use xxhash_rust::xxh3::xxh3_64;

use super::{Action, Finding, Walk};
use crate::graph::{StoredGraph, assemble, decode};
use crate::storage::{
    Family, GRAPH_KEY, GraphRow, HubRow, KEEP_KEY, KeepRow, META_KEY, Row as _, decode_chunk_key,
    decode_hub_key,
};

impl Walk<'_> {
    pub(super) fn graph(&mut self) {
        let mut row = None;
        self.scan(Family::Meta, |walk, key, value| match key {
            META_KEY => {}
            KEEP_KEY => {
                if let Err(what) = KeepRow::decode(value) {
                    walk.drop_row(Family::Meta, key, what);
                }
            }
            GRAPH_KEY => match GraphRow::decode(value) {
                Ok(found) => row = Some(found),
                Err(what) => walk.add(Finding::new(what, "meta graph", Action::DropGraph)),
            },
            _ if decode_hub_key(key).is_some() => walk.hub(key, value),
            _ => {
                let action = Action::DropRow(Family::Meta, key.to_vec());
                walk.add(Finding::new("nobody knows this row", "meta", action));
            }
        });
        // Chunks of other generations are a build in progress, or one that was cut off; the next open sweeps them.
        let Some(row) = row else { return };
        let mut bytes = Vec::new();
        let mut next = 0;
        let mut wrong = None;
        self.scan(Family::Graph, |_, key, value| {
            match decode_chunk_key(key) {
                Some((generation, chunk)) if generation == row.generation && chunk < row.chunks => {
                    match assemble(value, &mut bytes) {
                        Ok(()) => next += u32::from(chunk == next),
                        Err(what) => wrong = Some(what),
                    }
                }
                Some(_) | None => {}
            };
        });
        let whole = next == row.chunks && bytes.len() as u64 == row.bytes && xxh3_64(&bytes) == row.checksum;
        let stored = match wrong {
            Some(what) => Err(what),
            None if !whole => Err("its chunks are not whole".to_owned()),
            None => decode(&bytes),
        };
        if let Err(what) = stored.and_then(|stored| self.check_stored(&stored, row)) {
            let place = format!("graph generation {}", row.generation);
            self.add(Finding::new(what, place, Action::DropGraph));
        }
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

    fn check_stored(&self, stored: &StoredGraph, row: GraphRow) -> Result<(), String> {
        stored.graph.check_quality(stored.m as usize)?;
        if stored.graph.len() != stored.points.len() {
            return Err("its rows and its points differ in number".to_owned());
        }
        let inside: RoaringBitmap = stored.points.iter().copied().collect();
        if inside.len() != stored.points.len() as u64 {
            return Err("it has a point twice".to_owned());
        }
        if let Some(point) = stored.points.iter().find(|point| !self.vectors.contains(**point)) {
            return Err(format!("its point {point} has no vector"));
        }
        let unknown = |point: &&u32| !self.owners.contains_key(*point) && !self.tombs.contains(**point);
        if let Some(point) = stored.points.iter().find(unknown) {
            return Err(format!("its point {point} is neither alive nor a tomb"));
        }
        match self.owners.keys().find(|point| **point < row.watermark && !inside.contains(**point)) {
            Some(point) => Err(format!("the point {point} is missing from it")),
            None => Ok(()),
        }
    }
}
