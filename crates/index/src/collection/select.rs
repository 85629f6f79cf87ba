//! Which assets a request may give.
//!
//! The filter is evaluated on every asset of the named modalities and tracks, so the size of the answer is known
//! exactly before a plan is chosen.

use sensorium_types::{AssetId, Filter, SearchRequest};

use super::core::Core;
use super::fields::Matcher;
use super::table::{ModalitySet, TrackSet};
use super::view::View;
use crate::storage::AssetOffset;

/// A set of asset offsets.
#[derive(Debug, Clone, Default)]
struct OffsetSet(Vec<u64>);

impl OffsetSet {
    fn insert(&mut self, asset: AssetOffset) {
        let (word, bit) = (asset.index() / 64, asset.index() % 64);
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        if let Some(word) = self.0.get_mut(word) {
            *word |= 1 << bit;
        }
    }

    fn has(&self, asset: AssetOffset) -> bool {
        self.0.get(asset.index() / 64).is_some_and(|word| word >> (asset.index() % 64) & 1 == 1)
    }

    fn iter(&self) -> impl Iterator<Item = AssetOffset> {
        (0_u32..).zip(&self.0).flat_map(|(number, word)| {
            let bits = (0..64_u32).filter(move |bit| word >> bit & 1 == 1);
            bits.map(move |bit| AssetOffset(number * 64 + bit))
        })
    }
}

/// The assets and points that a request may give.
#[derive(Debug)]
pub(super) struct Selection {
    /// The assets that match; `None` for all.
    matching: Option<OffsetSet>,
    excluded: Vec<AssetOffset>,
    tracks: TrackSet,
    /// How many assets match.
    pub(super) assets: usize,
    /// How many points they have on the tracks.
    pub(super) points: usize,
}

impl Selection {
    /// Evaluates a request.
    pub(super) fn new(core: &Core, view: &View, request: &SearchRequest) -> Self {
        let excluded = offsets(core, view, &request.exclude);
        let tracks = TrackSet::of_request(&request.tracks);
        if request.filter.is_none() && request.modalities.is_empty() && request.tracks.is_empty() {
            let left_out = excluded.iter().filter_map(|asset| view.assets.get(*asset));
            let points: usize = left_out.map(|entry| entry.points.len()).sum();
            return Self {
                matching: None,
                assets: view.assets.len() - excluded.len(),
                points: view.assets.points() - points,
                excluded,
                tracks,
            };
        }
        let matcher = request.filter.as_ref().map(Matcher::new);
        let mut matching = OffsetSet::default();
        let (mut assets, mut points) = (0, 0);
        for (asset, entry) in view.assets.iter(ModalitySet::of_request(&request.modalities), tracks) {
            if excluded.contains(&asset) || !matcher.as_ref().is_none_or(|matcher| matcher.meets(entry)) {
                continue;
            }
            matching.insert(asset);
            assets += 1;
            points += entry.points.iter().filter(|point| tracks.has_code(point.track.code())).count();
        }
        Self { matching: Some(matching), excluded, tracks, assets, points }
    }

    /// Whether every live point counts.
    pub(super) fn is_everything(&self) -> bool {
        self.matching.is_none() && self.excluded.is_empty()
    }

    /// Whether a live point counts.
    pub(super) fn counts(&self, asset: AssetOffset, track: u8) -> bool {
        self.tracks.has_code(track)
            && match &self.matching {
                Some(matching) => matching.has(asset),
                None => !self.excluded.contains(&asset),
            }
    }

    /// The matching assets, if the request narrows them.
    pub(super) fn narrowed(&self) -> Option<impl Iterator<Item = AssetOffset>> {
        self.matching.as_ref().map(OffsetSet::iter)
    }
}

/// Assets of a view by name, without repeats and unknown ones.
fn offsets(core: &Core, view: &View, ids: &[AssetId]) -> Vec<AssetOffset> {
    let known = ids.iter().filter_map(|id| {
        let asset = core.offset(id)?;
        view.assets.get_named(asset, id).map(|_| asset)
    });
    let mut known: Vec<_> = known.collect();
    known.sort_unstable();
    known.dedup();
    known
}

/// How many assets meet a filter.
pub(super) fn count(view: &View, filter: Option<&Filter>) -> u64 {
    match filter.map(Matcher::new) {
        None => view.assets.len() as u64,
        Some(matcher) => view.assets.all().filter(|entry| matcher.meets(entry)).count() as u64,
    }
}
