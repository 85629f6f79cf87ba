//! A search: who may be given, which way to go for each kind of segments, the points, the hits.
//!
//! ```text
//! request ─► selection ─► for each sub-query and kind: plan ─┬─ scan: all candidates ─────────────────────────┐
//!                                                            └─ walk the graphs + scan the tail, wider until  ├─► collector ─► hits
//!                                                               min(limit, matches) assets are met, else scan ┘
//! ```
//!
//! Rows are compared by their codes first; only those that may still be among the best are compared by their vectors, which
//! decide. A scan so gives what comparing every vector would: the difference of the two has a bound.

use sensorium_kernels::{BeamEnd, CodeQuery, Narrow, Scored, VectorQuery};
use sensorium_types::{AssetHit, Content, Plan, ScoredPoint, SearchReply, SearchRequest, SubQuery};

use super::check::{check, check_query};
use super::collector::{Collector, Met};
use super::core::Core;
use super::hubs::{Correction, RowsLowered};
use super::planner::{Facts, Scan, per_thousand, plan, wanted, worth};
use super::sealed::{Ask, Sealed};
use super::segments::{SegmentKind, Segments};
use super::select::Selection;
use super::tail::RowRef;
use super::view::View;
use crate::assets::{ModalitySet, Point, TrackSet};
use crate::error::IndexError;

/// Rows that are asked of memory before their vectors are compared.
const AHEAD: usize = 8;
/// Deviations of the error of a code within which a walk looks at vectors: beyond them lies one in a million.
const DEVIATIONS: f32 = 5.0;

/// The nearest assets for each sub-query.
pub(super) fn search(
    core: &Core,
    view: &View,
    request: &SearchRequest,
) -> Result<Vec<SearchReply>, IndexError> {
    for query in &request.queries {
        check_query(query, &core.space)?;
    }
    check(&request.cancel)?;
    let selection = Selection::new(core, view, request)?;
    let search = |query: &SubQuery| Search::new(core, view, request, &selection, query).run();
    let is_worth_it = request.queries.len() > 1 && view.assets.points() >= core.tuning.side_by_side_points;
    match is_worth_it.then(side_by_side::pool).flatten() {
        Some(pool) => side_by_side::each(pool, &request.queries, search).into_iter().collect(),
        None => request.queries.iter().map(search).collect(),
    }
}

/// What a walk may cost, and whether every live point of the kind counts.
#[derive(Debug, Clone, Copy)]
struct Effort {
    ef: usize,
    budget: usize,
    is_everything: bool,
    /// What is asked where not every live point counts.
    narrow: Option<Narrow>,
}

struct Search<'a> {
    core: &'a Core,
    view: &'a View,
    request: &'a SearchRequest,
    selection: &'a Selection<'a>,
    from: Option<Content>,
    query: VectorQuery,
    /// Numbers of the query, and of every vector that it is compared with.
    query_dim: usize,
    code: CodeQuery,
    tracks: TrackSet,
    correction: Option<Correction<'a>>,
    compared: usize,
}

impl<'a> Search<'a> {
    fn new(
        core: &'a Core,
        view: &'a View,
        request: &'a SearchRequest,
        selection: &'a Selection<'a>,
        query: &'a SubQuery,
    ) -> Self {
        Self {
            core,
            view,
            request,
            selection,
            from: query.from,
            query: VectorQuery::new(&query.vector),
            query_dim: query.vector.len(),
            code: CodeQuery::new(&query.vector),
            tracks: TrackSet::of_request(&query.tracks),
            correction: Correction::new(core, view, query.hubs),
            compared: 0,
        }
    }

    fn run(mut self) -> Result<SearchReply, IndexError> {
        let limit = self.request.limit.min(self.selection.assets(self.tracks));
        let mut best = Collector::new(&self.view.assets, limit);
        let mut chosen = Plan::ExactScan;
        for kind in SegmentKind::ALL {
            let (plan, met) = self.kind(kind)?;
            met.into_iter().for_each(|met| best.push(met));
            if plan != Plan::ExactScan {
                chosen = plan;
            }
        }
        let best = best.finish();
        self.view.assets.prefetch(best.iter().map(|met| met.asset));
        let hits = best.into_iter().filter_map(|met| self.hit(met).transpose());
        let hits = hits.collect::<Result<_, _>>()?;
        Ok(SearchReply { hits, plan: chosen, points_compared: self.compared, filter: self.selection.facts() })
    }

    /// The best points of a kind: min(limit, matches) assets, each by its best one.
    fn kind(&mut self, kind: SegmentKind) -> Result<(Plan, Vec<Met>), IndexError> {
        let tracks = self.tracks.and(kind.tracks());
        // Counting is not free, and most searches name tracks of one kind.
        let is_asked = tracks.meets(TrackSet::ALL);
        let limit = if is_asked { self.request.limit.min(self.selection.assets(tracks)) } else { 0 };
        if limit == 0 {
            return Ok((Plan::ExactScan, Vec::new()));
        }
        let segments = self.view.segments(kind);
        let default = self.core.tuning.graph.ef;
        let ef = self.request.ef.unwrap_or_else(|| self.core.auditor.ef(self.from, kind, default));
        let candidates = self.selection.points(tracks);
        let all = self.view.assets.tally().points(ModalitySet::ALL, kind.tracks());
        let is_everything = self.selection.is_known() && candidates == all;
        let facts = Facts {
            exact: self.request.exact,
            parts: segments.parts.len(),
            rows: segments.sealed_rows(),
            narrowed: !is_everything,
            listed: self.selection.is_listed(),
            candidates,
            limit,
            ef,
            dim: self.query_dim,
        };
        let plan = plan(self.core.tuning.planning, facts);
        if plan != Plan::ExactScan {
            let narrow = (!is_everything).then(|| Narrow {
                wanted: wanted(limit, ef),
                worth: worth(self.core.tuning.planning, facts),
                per_thousand: per_thousand(self.core.tuning.planning, facts),
            });
            let effort = Effort { ef, budget: candidates, is_everything, narrow };
            if let Some(met) = self.walk(kind, segments, limit, effort)? {
                return Ok((plan, met));
            }
        }
        Ok((Plan::ExactScan, self.scan(kind, segments, limit)?))
    }

    fn hit(&self, met: Met) -> Result<Option<AssetHit>, IndexError> {
        let entry = self.view.assets.get(met.asset);
        let Some((entry, point)) = entry.and_then(|entry| Some((entry, entry.point(met.point)?))) else {
            return Ok(None);
        };
        Ok(Some(AssetHit {
            asset: entry.asset_id()?,
            modality: entry.modality(),
            point: point.info(),
            is_only_point: entry.points_len() == 1,
            cosine: met.cosine,
            corrected: met.score,
        }))
    }

    fn counts(&self, row: RowRef<'_>) -> bool {
        self.tracks.has_code(row.track)
            && !self.view.is_dead(row.point)
            && self.selection.has(self.view, row.asset)
    }

    fn least(&self, kind: SegmentKind) -> f32 {
        self.correction.map_or(0.0, |correction| correction.least(kind))
    }

    /// Compares a row by its vector.
    fn compare(&self, row: RowRef<'_>, lowered: f32, best: &mut Collector<'_>) {
        let cosine = row.vector.cosine(&self.query);
        best.push(Met { score: cosine - lowered, cosine, asset: row.asset, point: row.point });
    }

    /// Walks the graphs and compares the tail. `None` if that does not give as many assets as there are, or costs more
    /// than comparing every candidate.
    fn walk(
        &mut self,
        kind: SegmentKind,
        segments: &Segments,
        limit: usize,
        effort: Effort,
    ) -> Result<Option<Vec<Met>>, IndexError> {
        let Effort { ef, mut budget, is_everything, mut narrow } = effort;
        let mut tail = Collector::new(&self.view.assets, limit);
        self.scan_tail(kind, segments, Scan::InOrder, &mut tail)?;
        let least = self.least(kind);
        let longest = segments.parts.iter().map(|part| part.sealed.len()).max().unwrap_or(0);
        let mut ef = ef.max(limit).min(longest);
        let mut found = Vec::new();
        loop {
            let mut best = tail.clone();
            for part in &segments.parts {
                let ask = Ask { query: &self.code, ef, budget, least, narrow, cancel: &self.request.cancel };
                let lowered = RowsLowered::of(self.correction, &part.sealed);
                // Where every live point counts, rows of a segment without dead ones need not be asked.
                let counts = (!is_everything || part.dead > 0).then_some(|row: RowRef<'_>| self.counts(row));
                let walked = part.sealed.walk(ask, counts, |place| lowered.amount(place), &mut found);
                self.compared += walked.compared;
                budget = budget.saturating_sub(walked.compared);
                match walked.end {
                    BeamEnd::Found => self.rescore(&part.sealed, &found, limit, &mut best),
                    BeamEnd::OverBudget => return Ok(None),
                    BeamEnd::Stopped => check(&self.request.cancel)?,
                }
            }
            if best.distinct() >= limit {
                return Ok(Some(best.finish()));
            }
            if ef >= longest {
                return Ok(None);
            }
            ef = ef.saturating_mul(2).min(longest);
            // Of assets with many points few are met by as many points.
            narrow = narrow.map(|narrow| Narrow { wanted: narrow.wanted.saturating_mul(4), ..narrow });
        }
    }

    /// Compares the rows of a walk by their vectors, as far as they may be among the best; where the walk told less than codes do, by
    /// those first.
    fn rescore(&self, sealed: &Sealed, found: &[Scored], limit: usize, best: &mut Collector<'_>) {
        let codes = sealed.vectors().codes();
        let lowered = RowsLowered::of(self.correction, sealed);
        // The bound is of an error that points one way; this one is spread over all numbers of a vector.
        let part = (DEVIATIONS / (self.query_dim as f32).sqrt()).min(1.0);
        let [margin, walked] =
            [self.code.bound(codes), sealed.walk_bound(&self.code)].map(|bound| bound * part);
        found.iter().take(AHEAD).for_each(|scored| sealed.prefetch(scored.row));
        for (number, scored) in found.iter().enumerate() {
            if let Some(later) = found.get(number + AHEAD) {
                sealed.prefetch(later.row);
            }
            if number % limit.max(1) == 0 && number > 0 {
                // Sets the bar.
                best.distinct();
            }
            if scored.score + walked < best.bar() {
                break;
            }
            let Some(row) = sealed.row(scored.row) else { continue };
            let lowered = lowered.amount(scored.row);
            let is_open = !sealed.is_walked_by_less()
                || self.code.dot(codes, scored.row) - lowered + margin >= best.bar();
            if is_open {
                self.compare(row, lowered, best);
            }
        }
    }
}

/// Compares points of known assets with sub-queries, each with the first that asks its track.
pub(super) struct Scorer<'a> {
    view: &'a View,
    asked: Vec<(&'a SubQuery, VectorQuery, Option<Correction<'a>>)>,
}

impl<'a> Scorer<'a> {
    /// Of these sub-queries, whose vectors were checked.
    pub(super) fn new(core: &'a Core, view: &'a View, queries: &'a [SubQuery]) -> Self {
        let ready = |query: &'a SubQuery| {
            (query, VectorQuery::new(&query.vector), Correction::new(core, view, query.hubs))
        };
        Self { view, asked: queries.iter().map(ready).collect() }
    }

    /// Cosines with every point of an asset, as they are and corrected.
    pub(super) fn score(&self, points: impl Iterator<Item = Point>) -> Vec<ScoredPoint> {
        let scored = points.filter_map(|point| {
            let (_, query, correction) = self.asked.iter().find(|(query, ..)| query.asks(point.track))?;
            let row = self.view.find(point.track, point.offset)?;
            let cosine = row.vector.cosine(query) + 0.0;
            let lowered = correction.map_or(0.0, |correction| correction.amount(point.offset));
            Some(ScoredPoint { point: point.info(), cosine, corrected: cosine - lowered })
        });
        scored.collect()
    }
}

mod scan;
mod side_by_side;

#[cfg(test)]
mod tests;
