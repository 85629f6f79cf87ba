//! Which assets and points a search may give, made once for all sub-queries of a request.
//!
//! Without a filter nothing is evaluated: what may be given is known by count, and each candidate is asked for its modality.
//! A filter is answered for every asset of the named modalities, from columns where its fields have them, so that the size of
//! the answer is known before a plan is chosen. Where no field has one, it is asked of the assets that are met, if these are predicted to
//! be few (`lazy.rs`).

use std::sync::OnceLock;

use sensorium_types::{AssetId, Cancel, Filter, FilterFacts, SearchRequest};

use super::check::{LOOK_EVERY, check};
use super::core::Core;
use super::lazy::LazyFilter;
use super::matching::{Asked, Met, estimate, has_columns, matching};
use super::segments::SegmentKind;
use super::view::View;
use crate::assets::{ModalitySet, Tally, TrackSet};
use crate::columns::Bits;
use crate::error::IndexError;
use crate::storage::{AssetOffset, PointOffset};

/// The assets that a request may give.
#[derive(Debug)]
pub(super) struct Selection<'a> {
    matching: Matching<'a>,
    modalities: ModalitySet,
    excluded: Vec<AssetOffset>,
    /// How many may be given, by modality and tracks.
    tally: Tally,
    /// What became of the filter.
    facts: Option<FilterFacts>,
    /// The points of those who meet it, once they were asked for.
    listed: OnceLock<Listed>,
}

/// Points with their tracks by kind, in order of their assets.
#[derive(Debug, Default)]
pub(super) struct Listed([Vec<(PointOffset, u8)>; SegmentKind::ALL.len()]);

impl Listed {
    fn new(view: &View, assets: &Bits, cancel: &Cancel) -> Result<Self, IndexError> {
        let mut listed = Self::default();
        for (number, asset) in assets.iter().enumerate() {
            if number % LOOK_EVERY == 0 {
                check(cancel)?;
            }
            let Some(entry) = view.assets.get(AssetOffset(asset)) else { continue };
            for (point, track) in entry.tracked_points() {
                let kind = SegmentKind::of_code(track).map(|kind| usize::from(kind.code()));
                if let Some(points) = kind.and_then(|kind| listed.0.get_mut(kind)) {
                    points.push((point, track));
                }
            }
        }
        Ok(listed)
    }

    /// The points of a kind.
    pub(super) fn of(&self, kind: SegmentKind) -> &[(PointOffset, u8)] {
        self.0.get(usize::from(kind.code())).map_or(&[], Vec::as_slice)
    }
}

/// Who meets the filter.
#[derive(Debug)]
enum Matching<'a> {
    /// There is none.
    All,
    /// These.
    These(Bits),
    /// Who does when asked.
    Asked(LazyFilter<'a>),
}

impl<'a> Selection<'a> {
    /// Evaluates a request.
    ///
    /// # Errors
    /// If the request was cancelled.
    pub(super) fn new(core: &Core, view: &View, request: &'a SearchRequest) -> Result<Self, IndexError> {
        let excluded = offsets(view, &request.exclude);
        let modalities = ModalitySet::of_request(&request.modalities);
        let all = || {
            let mut tally = view.assets.tally().clone();
            let gone = excluded.iter().filter_map(|asset| view.assets.get(*asset));
            gone.for_each(|entry| tally.remove(entry.class()));
            tally
        };
        let Some(filter) = &request.filter else {
            let tally = all();
            return Ok(Self {
                matching: Matching::All,
                modalities,
                excluded,
                tally,
                facts: None,
                listed: OnceLock::new(),
            });
        };
        if !request.exact && !has_columns(core, view, filter) {
            let kept = request.ef.unwrap_or(core.tuning.graph.ef).max(request.limit);
            let searches = request.queries.len();
            if let Some(lazy) = LazyFilter::new(view, (filter, modalities), (searches, kept)) {
                core.columns.miss();
                let tally = all();
                return Ok(Self {
                    matching: Matching::Asked(lazy),
                    modalities,
                    excluded,
                    tally,
                    facts: None,
                    listed: OnceLock::new(),
                });
            }
        }
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
        let matching = Matching::These(met);
        Ok(Self { matching, modalities, excluded, tally, facts: Some(facts), listed: OnceLock::new() })
    }

    /// What became of the filter, if there is one.
    pub(super) const fn facts(&self) -> Option<FilterFacts> {
        self.facts
    }

    /// How many assets with points of the tracks may be given; at most so many where assets are asked as they are met.
    pub(super) fn assets(&self, tracks: TrackSet) -> usize {
        self.tally.assets(self.modalities, tracks)
    }

    /// How many points of the tracks may be given; about so many where assets are asked as they are met.
    pub(super) fn points(&self, tracks: TrackSet) -> usize {
        let most = self.tally.points(self.modalities, tracks);
        match &self.matching {
            Matching::All | Matching::These(_) => most,
            Matching::Asked(lazy) => most.saturating_mul(lazy.per_thousand) / 1000,
        }
    }

    /// Whether these numbers are known, and not predicted.
    pub(super) const fn is_known(&self) -> bool {
        match self.matching {
            Matching::All | Matching::These(_) => true,
            Matching::Asked(_) => false,
        }
    }

    /// Whether an asset may be given.
    pub(super) fn has(&self, view: &View, asset: AssetOffset) -> bool {
        match &self.matching {
            Matching::These(matching) => matching.has(asset.0),
            Matching::Asked(lazy) => !self.is_excluded(asset) && lazy.has(view, asset),
            Matching::All => {
                !self.is_excluded(asset)
                    && (self.modalities == ModalitySet::ALL
                        || view.assets.modality(asset).meets(self.modalities))
            }
        }
    }

    fn is_excluded(&self, asset: AssetOffset) -> bool {
        self.excluded.binary_search(&asset).is_ok()
    }

    /// Whether there is a filter and those who meet it are known, so that their points can be listed.
    pub(super) const fn is_listed(&self) -> bool {
        matches!(self.matching, Matching::These(_))
    }

    /// The points of those who meet the filter, if they are known. They are listed once, for all sub-queries and contents.
    ///
    /// # Errors
    /// If the request was cancelled.
    pub(super) fn listed(&self, view: &View, cancel: &Cancel) -> Result<Option<&Listed>, IndexError> {
        let Matching::These(matching) = &self.matching else { return Ok(None) };
        if let Some(listed) = self.listed.get() {
            return Ok(Some(listed));
        }
        let listed = Listed::new(view, matching, cancel)?;
        Ok(Some(self.listed.get_or_init(|| listed)))
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
