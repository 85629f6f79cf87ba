//! Which assets and points a search may give, made once for all sub-queries of a request.
//!
//! Without a filter nothing is evaluated: what may be given is known by count, and each candidate is asked for its modality.
//! A filter is answered for every asset of the named modalities, from columns where its fields have them, so that the size of
//! the answer is known before a plan is chosen.

use sensorium_types::{AssetId, Cancel, Filter, FilterFacts, SearchRequest};

use super::core::Core;
use super::matching::{Asked, Met, estimate, matching};
use super::view::View;
use crate::assets::{ModalitySet, Tally, TrackSet};
use crate::columns::Bits;
use crate::error::IndexError;
use crate::storage::AssetOffset;

/// The assets that a request may give.
#[derive(Debug)]
pub(super) struct Selection {
    /// The assets that meet the filter; `None` without one.
    matching: Option<Bits>,
    modalities: ModalitySet,
    excluded: Vec<AssetOffset>,
    /// How many may be given, by modality and tracks.
    tally: Tally,
    /// What became of the filter.
    facts: Option<FilterFacts>,
}

impl Selection {
    /// Evaluates a request.
    ///
    /// # Errors
    /// If the request was cancelled.
    pub(super) fn new(core: &Core, view: &View, request: &SearchRequest) -> Result<Self, IndexError> {
        let excluded = offsets(view, &request.exclude);
        let modalities = ModalitySet::of_request(&request.modalities);
        let Some(filter) = &request.filter else {
            let mut tally = view.assets.tally().clone();
            excluded
                .iter()
                .filter_map(|asset| view.assets.get(*asset))
                .for_each(|entry| tally.leave_out(entry));
            return Ok(Self { matching: None, modalities, excluded, tally, facts: None });
        };
        let estimate = estimate(view, filter);
        let asked = Asked { filter, modalities, cancel: &request.cancel };
        let Met { assets: mut met, asked } = matching(core, view, asked)?;
        excluded.iter().for_each(|asset| met.remove(asset.0));
        let (met, tally) = view.assets.narrow(&met, modalities);
        let facts = FilterFacts {
            at_least: estimate.at_least as u64,
            likely: estimate.likely as u64,
            at_most: estimate.at_most as u64,
            matches: met.len() as u64,
            asked: asked as u64,
        };
        Ok(Self { matching: Some(met), modalities, excluded, tally, facts: Some(facts) })
    }

    /// What became of the filter, if there is one.
    pub(super) const fn facts(&self) -> Option<FilterFacts> {
        self.facts
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
            Some(matching) => matching.has(asset.0),
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
        self.matching.as_ref().map(|matching| matching.iter().map(AssetOffset))
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
fn offsets(view: &View, ids: &[AssetId]) -> Vec<AssetOffset> {
    let known = ids.iter().filter_map(|id| {
        let asset = view.names.get(id)?;
        view.assets.get_named(asset, id).map(|_| asset)
    });
    let mut known: Vec<_> = known.collect();
    known.sort_unstable();
    known.dedup();
    known
}

/// How many assets meet a filter.
pub(super) fn count(
    core: &Core,
    view: &View,
    filter: Option<&Filter>,
    cancel: &Cancel,
) -> Result<u64, IndexError> {
    let Some(filter) = filter else { return Ok(view.assets.len() as u64) };
    let asked = Asked { filter, modalities: ModalitySet::ALL, cancel };
    Ok(matching(core, view, asked)?.assets.len() as u64)
}
