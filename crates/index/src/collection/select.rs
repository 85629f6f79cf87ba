//! Which assets and points a search may give, made once for all sub-queries of a request.
//!
//! Without a filter nothing is evaluated: what may be given is known by count, and each candidate is asked for its modality.
//! A filter is evaluated on every asset of the named modalities, so that the size of the answer is known before a plan is
//! chosen.

use sensorium_types::{AssetId, Cancel, Filter, SearchRequest};

use super::core::Core;
use super::fields::Matcher;
use super::table::{ModalitySet, Tally, TrackSet};
use super::view::View;
use crate::error::IndexError;
use crate::storage::AssetOffset;

/// Assets that are looked at between two looks at the cancel flag.
const SLICE: usize = 1024;

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

/// The assets that a request may give.
#[derive(Debug)]
pub(super) struct Selection {
    /// The assets that meet the filter; `None` without one.
    matching: Option<OffsetSet>,
    modalities: ModalitySet,
    excluded: Vec<AssetOffset>,
    /// How many may be given, by modality and tracks.
    tally: Tally,
}

impl Selection {
    /// Evaluates a request.
    ///
    /// # Errors
    /// If the request was cancelled.
    pub(super) fn new(core: &Core, view: &View, request: &SearchRequest) -> Result<Self, IndexError> {
        let excluded = offsets(core, view, &request.exclude);
        let modalities = ModalitySet::of_request(&request.modalities);
        let Some(filter) = &request.filter else {
            let mut tally = view.assets.tally().clone();
            excluded.iter().filter_map(|asset| view.assets.get(*asset)).for_each(|entry| tally.remove(entry));
            return Ok(Self { matching: None, modalities, excluded, tally });
        };
        let mut selection = Self { matching: None, modalities, excluded, tally: Tally::default() };
        let mut matching = OffsetSet::default();
        let matcher = Matcher::new(filter);
        for (number, (asset, entry)) in view.assets.iter(modalities).enumerate() {
            if number % SLICE == 0 {
                check(&request.cancel)?;
            }
            if !selection.is_excluded(asset) && matcher.meets(entry) {
                matching.insert(asset);
                selection.tally.add(entry);
            }
        }
        selection.matching = Some(matching);
        Ok(selection)
    }

    /// How many assets with points of the tracks may be given.
    pub(super) fn assets(&self, tracks: TrackSet) -> usize {
        self.tally.assets(self.modalities, tracks)
    }

    /// How many points of the tracks may be given.
    pub(super) fn points(&self, tracks: TrackSet) -> usize {
        self.tally.points(self.modalities, tracks)
    }

    /// Whether an asset may be given.
    pub(super) fn has(&self, view: &View, asset: AssetOffset) -> bool {
        match &self.matching {
            Some(matching) => matching.has(asset),
            None => {
                !self.is_excluded(asset)
                    && (self.modalities == ModalitySet::ALL
                        || view.assets.modality(asset).meets(self.modalities))
            }
        }
    }

    fn is_excluded(&self, asset: AssetOffset) -> bool {
        self.excluded.binary_search(&asset).is_ok()
    }

    /// The assets that meet the filter, if there is one.
    pub(super) fn matching(&self) -> Option<impl Iterator<Item = AssetOffset>> {
        self.matching.as_ref().map(OffsetSet::iter)
    }
}

/// An error if the caller wants no answer any more.
pub(super) fn check(cancel: &Cancel) -> Result<(), IndexError> {
    match cancel.stopped() {
        None => Ok(()),
        Some(stopped) => Err(IndexError::Stopped { stopped }),
    }
}

/// Assets of a view by name in order of offset, without repeats and unknown ones.
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
