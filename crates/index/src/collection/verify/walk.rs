//! The walk over the families.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use roaring::RoaringBitmap;
use sensorium_types::{AssetId, Cancel, Content, SpaceInfo, Track};

use super::super::check::check_vector;
use super::super::load::place;
use super::{Action, Finding};
use crate::error::IndexError;
use crate::storage::{
    AssetOffset, AssetRowRef, Family, LOSS_KEY, LossRow, PointRow, RocksView, Row as _, STATE_KEY,
    SourceValue, StateRow, TombRow, decode_offset_key, decode_point_key, decode_source_key, decode_vector,
};

/// Findings of one kind after which the rest are only counted.
const MAX_FINDINGS: usize = 1000;

/// What is known of an asset.
#[derive(Debug, Default)]
struct Seen {
    id: Option<AssetId>,
    from_source: bool,
    /// Its vectors would be another bundle's: it waits for its media, and may lack points.
    waits: bool,
    points: usize,
    sources: usize,
    named: bool,
    dropped: bool,
}

/// A walk in progress.
#[derive(Debug)]
pub(in super::super) struct Walk<'a> {
    pub(super) rocks: &'a RocksView<'a>,
    space: &'a SpaceInfo,
    pub(super) folder: &'a Path,
    pub(super) cancel: &'a Cancel,
    state: StateRow,
    assets: BTreeMap<AssetOffset, Seen>,
    /// Points that have a row, and their assets.
    pub(super) owners: HashMap<u32, (AssetOffset, Track)>,
    /// Points that have a vector.
    pub(super) vectors: RoaringBitmap,
    pub(super) tombs: RoaringBitmap,
    findings: Vec<Finding>,
    untold: usize,
}

impl<'a> Walk<'a> {
    /// A walk that has not begun.
    pub(super) fn new(
        rocks: &'a RocksView<'a>,
        space: &'a SpaceInfo,
        (folder, cancel): (&'a Path, &'a Cancel),
    ) -> Self {
        Self {
            rocks,
            space,
            folder,
            cancel,
            state: StateRow::default(),
            assets: BTreeMap::new(),
            owners: HashMap::new(),
            vectors: RoaringBitmap::new(),
            tombs: RoaringBitmap::new(),
            findings: Vec::new(),
            untold: 0,
        }
    }

    /// The counters found.
    pub(super) const fn state(&self) -> StateRow {
        self.state
    }

    /// Takes down a finding.
    pub(super) fn add(&mut self, finding: Finding) {
        if self.findings.len() < MAX_FINDINGS {
            self.findings.push(finding);
        } else {
            self.untold += 1;
        }
    }

    /// What was found.
    pub(super) fn finish(mut self) -> Vec<Finding> {
        if self.untold > 0 {
            let what = format!("{} more problems; repair and verify again", self.untold);
            self.findings.push(Finding::new(what, "", Action::Nothing));
        }
        self.findings
    }

    /// Walks every family.
    pub(super) fn all(&mut self) {
        self.sys();
        self.assets();
        self.ids();
        self.points();
        self.sources();
        self.tombs();
        self.vectors();
        self.thumbs();
        self.asset_ties();
        self.offsets();
        self.graphs();
    }

    /// Goes over a family; a part that cannot be read is a finding.
    pub(super) fn scan(&mut self, family: Family, mut each: impl FnMut(&mut Self, &[u8], &[u8])) {
        let (rocks, cancel) = (self.rocks, self.cancel);
        let read: Result<(), IndexError> = rocks.scan(family, |key, value| {
            if let Some(stopped) = cancel.stopped() {
                return Err(IndexError::Stopped { stopped });
            }
            each(self, key, value);
            Ok(())
        });
        if let Err(error) = read {
            let action = if family == Family::Graph { Action::DropGraph } else { Action::Nothing };
            let mut finding =
                Finding::new(format!("the family cannot be read: {error}"), family.name(), action);
            if family != Family::Graph {
                // Not for rows to mend: `repair` copies what can be read (see database/rescue.rs).
                finding.problem.repair = "leave out what cannot be read, and what hangs on it".to_owned();
            }
            self.add(finding);
        }
    }

    pub(super) fn drop_row(&mut self, family: Family, key: &[u8], what: impl Into<String>) {
        self.add(Finding::new(what, place(family, key), Action::DropRow(family, key.to_vec())));
    }

    fn drop_asset(&mut self, asset: AssetOffset, what: impl Into<String>, place: String) {
        let seen = self.assets.entry(asset).or_default();
        if !std::mem::replace(&mut seen.dropped, true) {
            self.add(Finding::new(what, place, Action::DropAsset(asset)));
        }
    }

    fn sys(&mut self) {
        self.scan(Family::Sys, |walk, key, value| match key {
            STATE_KEY => match StateRow::decode(value) {
                Ok(state) => walk.state = state,
                Err(what) => {
                    walk.add(Finding::new(what, "sys state", Action::PutState(StateRow::default())));
                }
            },
            LOSS_KEY => {
                let what = match LossRow::decode(value) {
                    Ok(loss) => format!(
                        "{} acknowledged changes were gone when the collection was opened",
                        loss.known - loss.kept
                    ),
                    Err(what) => what,
                };
                walk.add(Finding::new(what, "sys loss", Action::ForgetLoss));
            }
            _ => walk.drop_row(Family::Sys, key, "nobody knows this row"),
        });
    }

    fn assets(&mut self) {
        self.scan(Family::Assets, |walk, key, value| {
            let Some(asset) = decode_offset_key(key).map(AssetOffset) else {
                return walk.drop_row(Family::Assets, key, "the key has no offset");
            };
            match AssetRowRef::decode(value).and_then(|row| row.record()) {
                Ok(record) => {
                    let waits = record.space_revision != walk.space.revision;
                    let (id, from_source) = (Some(record.id), record.from_source);
                    walk.assets.insert(asset, Seen { id, from_source, waits, ..Seen::default() });
                }
                Err(what) => walk.drop_asset(asset, what, place(Family::Assets, key)),
            }
        });
    }

    fn ids(&mut self) {
        self.scan(Family::Ids, |walk, key, value| {
            let id = std::str::from_utf8(key).ok().and_then(|id| AssetId::new(id).ok());
            let asset = decode_offset_key(value).map(AssetOffset);
            let seen = asset.and_then(|asset| walk.assets.get_mut(&asset));
            match (id, seen) {
                (Some(id), Some(seen)) if seen.id.as_ref() == Some(&id) => seen.named = true,
                _ => walk.drop_row(Family::Ids, key, "the id is not that of the asset it names"),
            }
        });
        let unnamed = self.assets.iter().filter(|(_, seen)| !seen.named && !seen.dropped);
        let unnamed: Vec<_> = unnamed.filter_map(|(asset, seen)| Some((seen.id.clone()?, *asset))).collect();
        let mut taken: HashMap<_, _> = self
            .assets
            .iter()
            .filter(|(_, seen)| seen.named)
            .filter_map(|(asset, seen)| Some((seen.id.clone()?, *asset)))
            .collect();
        for (id, asset) in unnamed {
            let at = place(Family::Assets, &crate::storage::asset_key(asset));
            if taken.insert(id.clone(), asset).is_some() {
                self.drop_asset(asset, "its id is that of another asset", at);
            } else {
                self.add(Finding::new("the id of the asset is missing", at, Action::PutId(id, asset)));
            }
        }
    }

    fn points(&mut self) {
        let mut last: Option<(AssetOffset, u32)> = None;
        self.scan(Family::Points, |walk, key, value| {
            let at = place(Family::Points, key);
            let Some((asset, track, _)): Option<(AssetOffset, Track, u32)> = decode_point_key(key) else {
                return walk.drop_row(Family::Points, key, "the key cannot be read");
            };
            let Some(seen) = walk.assets.get_mut(&asset) else {
                return walk.drop_row(Family::Points, key, "its asset is missing");
            };
            seen.points += 1;
            match PointRow::decode(value) {
                Err(what) => walk.drop_asset(asset, what, at),
                Ok(row) => {
                    let before = last.replace((asset, row.offset));
                    if walk.owners.insert(row.offset, (asset, track)).is_some() {
                        walk.drop_asset(asset, "its point has the offset of another", at);
                    } else if before.is_some_and(|(same, offset)| same == asset && offset > row.offset) {
                        walk.drop_asset(asset, "its points are out of order", at);
                    }
                }
            }
        });
    }

    fn sources(&mut self) {
        let named: HashMap<_, _> =
            self.assets.iter().filter_map(|(asset, seen)| Some((seen.id.clone()?, *asset))).collect();
        self.scan(Family::Sources, |walk, key, value| {
            if decode_source_key(key).is_none() {
                return walk.drop_row(Family::Sources, key, "the key cannot be read");
            }
            let value = SourceValue::decode(value);
            let asset = match &value {
                Ok(value) => value.asset().map(|id| named.get(id)),
                Err(what) => return walk.drop_row(Family::Sources, key, what.clone()),
            };
            match asset {
                None => match value.and_then(SourceValue::into_row) {
                    Ok(_) => {}
                    Err(what) => walk.drop_row(Family::Sources, key, what),
                },
                Some(None) => walk.drop_row(Family::Sources, key, "its asset is missing"),
                Some(Some(asset)) => {
                    if let Some(seen) = walk.assets.get_mut(asset) {
                        seen.sources += 1;
                    }
                }
            }
        });
    }

    fn tombs(&mut self) {
        self.scan(Family::Tomb, |walk, key, value| match (decode_offset_key(key), TombRow::decode(value)) {
            (Some(point), Ok(_)) if !walk.owners.contains_key(&point) => {
                walk.tombs.insert(point);
            }
            (Some(_), Ok(_)) => walk.drop_row(Family::Tomb, key, "the point is alive"),
            (None, _) => walk.drop_row(Family::Tomb, key, "the key has no offset"),
            (_, Err(what)) => walk.drop_row(Family::Tomb, key, what),
        });
    }

    fn vectors(&mut self) {
        self.scan(Family::Vectors, |walk, key, value| {
            let Some(point) = decode_offset_key(key) else {
                return walk.drop_row(Family::Vectors, key, "the key has no offset");
            };
            let checked = |dim| {
                decode_vector(value, dim)
                    .and_then(|vector| check_vector(&vector, dim).map_err(|error| error.to_string()))
            };
            let owner = walk.owners.get(&point).copied();
            walk.vectors.insert(point);
            if let Some((asset, track)) = owner {
                if let Err(what) = checked(walk.space.dim_of(track.content())) {
                    walk.drop_asset(asset, what, place(Family::Vectors, key));
                }
                return;
            }
            // Of what a deleted point was nothing tells any more.
            let fits = |content| checked(walk.space.dim_of(content)).is_ok();
            if !walk.tombs.contains(point) || !Content::ALL.into_iter().any(fits) {
                walk.drop_row(Family::Vectors, key, "no point has this vector");
            }
        });
        let bare: Vec<_> = self
            .owners
            .iter()
            .filter(|(point, _)| !self.vectors.contains(**point))
            .map(|(point, (asset, _))| (*point, *asset))
            .collect();
        for (point, asset) in bare {
            let at = place(Family::Vectors, &point.to_be_bytes());
            self.drop_asset(asset, "the vector of a point is missing", at);
        }
    }

    fn thumbs(&mut self) {
        self.scan(Family::Thumbs, |walk, key, value| match decode_offset_key(key) {
            Some(point) if walk.owners.contains_key(&point) => {
                if value.is_empty() {
                    walk.drop_row(Family::Thumbs, key, "the thumbnail is empty");
                }
            }
            Some(_) | None => walk.drop_row(Family::Thumbs, key, "no point has this thumbnail"),
        });
    }

    /// Assets without points, and assets from files without files.
    fn asset_ties(&mut self) {
        let without = |seen: &Seen| match seen {
            Seen { points: 0, waits: false, .. } => Some("the asset has no points"),
            Seen { from_source: true, sources: 0, .. } => Some("the asset is from a file and has none"),
            Seen { .. } => None,
        };
        let loose: Vec<_> =
            self.assets.iter().filter_map(|(asset, seen)| Some((*asset, without(seen)?))).collect();
        for (asset, what) in loose {
            self.drop_asset(asset, what, place(Family::Assets, &crate::storage::asset_key(asset)));
        }
    }

    /// Offsets that will be given again would name two things.
    fn offsets(&mut self) {
        let asset = self.assets.keys().next_back().map_or(0, |asset| asset.0.saturating_add(1));
        let named = self.owners.keys().max().copied().max(self.vectors.max()).max(self.tombs.max());
        let point = named.map_or(0, |point| point.saturating_add(1));
        if asset > self.state.next_asset || point > self.state.next_point {
            let state = StateRow {
                next_asset: self.state.next_asset.max(asset),
                next_point: self.state.next_point.max(point),
                operations: self.state.operations,
            };
            let what = "the counters are behind the rows";
            self.findings.retain(|finding| !matches!(finding.action, Action::PutState(_)));
            self.add(Finding::new(what, "sys state", Action::PutState(state)));
        }
    }
}
