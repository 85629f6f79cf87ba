//! A search: who may be given, which way to go, the points, the hits.
//!
//! ```text
//! request ─► selection ─► plan ─┬─ scan: all candidates ────────────────────────┐
//!                               └─ walk the graph + scan the tail, wider until  ├─► collector ─► hits
//!                                  min(limit, matches) assets are met, else scan ┘
//! ```

use sensorium_types::{AssetHit, Plan, ScoredPoint, SearchReply, SearchRequest};

use super::check::check_vector;
use super::collector::{Collector, Met};
use super::core::Core;
use super::hubs::Correction;
use super::planner::{Facts, plan};
use super::sealed::Sealed;
use super::select::Selection;
use super::tail::RowRef;
use super::view::View;
use crate::distance::dot;
use crate::error::IndexError;
use crate::storage::PointOffset;

/// Candidates are looked up one by one where they are fewer than one in so many points.
const GATHER_SHARE: usize = 4;
/// Rows, of all that the graph has, of which the usual hub value is taken.
const USUAL_ROWS: usize = 256;

/// The nearest assets.
pub(super) fn search(core: &Core, view: &View, request: &SearchRequest) -> Result<SearchReply, IndexError> {
    check_vector(&request.vector, core.space.dim)?;
    let selection = Selection::new(core, view, request);
    let limit = request.limit.min(selection.assets);
    let plan = plan(Facts {
        exact: request.exact,
        has_graph: view.sealed.is_some(),
        narrowed: !selection.is_everything(),
        candidates: selection.points,
        points: view.assets.points(),
        limit: request.limit,
        scan_points: core.tuning.scan_points,
    });
    let correction = Correction::new(core, view, request.hubs);
    let mut search =
        Search { view, query: &request.vector, correction, selection: &selection, limit, compared: 0 };
    if limit == 0 {
        return Ok(SearchReply { hits: Vec::new(), plan, points_compared: 0 });
    }
    let walked = match (plan, &view.sealed) {
        (Plan::Graph | Plan::FilteredGraph, Some(sealed)) => {
            let ef = request.ef.unwrap_or(core.tuning.graph.ef);
            search.walk(sealed, ef).map(|best| (plan, best))
        }
        (Plan::ExactScan | Plan::Graph | Plan::FilteredGraph, _) => None,
    };
    let (plan, best) = walked.unwrap_or_else(|| (Plan::ExactScan, search.scan()));
    let hits = best.into_iter().filter_map(|met| search.hit(met)).collect();
    Ok(SearchReply { hits, plan, points_compared: search.compared })
}

struct Search<'a> {
    view: &'a View,
    query: &'a [f32],
    correction: Option<Correction<'a>>,
    selection: &'a Selection,
    limit: usize,
    compared: usize,
}

impl<'a> Search<'a> {
    fn compare(&mut self, row: RowRef<'_>, into: &mut Collector<'a>) {
        self.compared += 1;
        into.push(Met {
            score: dot(self.query, row.vector) - self.lowered(row.point),
            asset: row.asset,
            point: row.point,
        });
    }

    fn lowered(&self, point: PointOffset) -> f32 {
        self.correction.map_or(0.0, |correction| correction.amount(point))
    }

    fn hit(&self, met: Met) -> Option<AssetHit> {
        let entry = self.view.assets.get(met.asset)?;
        let cosine = match self.correction {
            None => met.score,
            Some(_) => dot(self.query, self.view.vector(met.point)?) + 0.0,
        };
        Some(AssetHit {
            asset: entry.record.id.clone(),
            modality: entry.record.modality,
            point: entry.point(met.point)?.info(),
            cosine,
            corrected: met.score,
        })
    }

    fn counts(&self, row: RowRef<'_>) -> bool {
        !self.view.is_dead(row.point) && self.selection.counts(row.asset, row.track)
    }

    /// Compares every candidate.
    fn scan(&mut self) -> Vec<Met> {
        let mut best = Collector::new(&self.view.assets, self.limit);
        let rows = self.view.assets.points();
        match self.selection.narrowed() {
            Some(assets) if self.selection.points < rows / GATHER_SHARE => {
                for asset in assets {
                    let Some(entry) = self.view.assets.get(asset) else { continue };
                    for point in entry.points.iter() {
                        if let Some(row) = self.view.find(point.offset)
                            && self.selection.counts(asset, row.track)
                        {
                            self.compare(row, &mut best);
                        }
                    }
                }
            }
            Some(_) | None => {
                for row in self.view.live_rows() {
                    if self.selection.counts(row.asset, row.track) {
                        self.compare(row, &mut best);
                    }
                }
            }
        }
        best.finish()
    }

    /// What rows that count are lowered by on the average, of some of them. Rows that do not count are lowered by as much while
    /// the graph is walked: they may be of a content that has no values, and a walk that met them unlowered would stay among
    /// them.
    fn usually_lowered(&self, sealed: &Sealed) -> f32 {
        let Some(correction) = self.correction else { return 0.0 };
        let places =
            (0..u32::try_from(sealed.len()).unwrap_or(u32::MAX)).step_by(1 + sealed.len() / USUAL_ROWS);
        let rows = places.filter_map(|place| sealed.row(place));
        let amounts = rows
            .filter(|row| self.selection.counts(row.asset, row.track))
            .map(|row| correction.amount(row.point));
        let (count, sum) = amounts.fold((0.0_f32, 0.0), |(count, sum), amount| (count + 1.0, sum + amount));
        if count > 0.0 { sum / count } else { 0.0 }
    }

    /// Walks the graph and compares the tail. `None` if that does not give as many assets as there are, or costs more
    /// than comparing every candidate.
    fn walk(&mut self, sealed: &Sealed, ef: usize) -> Option<Vec<Met>> {
        let view = self.view;
        let mut tail = Collector::new(&view.assets, self.limit);
        for row in view.tail.rows() {
            if self.counts(row) {
                self.compare(row, &mut tail);
            }
        }
        // A walk among few matches meets many rows that do not count: it may cost half of what a scan does, no more.
        let budget =
            if self.selection.is_everything() { self.selection.points } else { self.selection.points / 2 };
        let usual = self.usually_lowered(sealed);
        // Without a correction no row is looked at for it.
        let lowered = |place| match self.correction {
            None => 0.0,
            Some(correction) => sealed
                .row(place)
                .filter(|row| self.selection.counts(row.asset, row.track))
                .map_or(usual, |row| correction.amount(row.point)),
        };
        let mut ef = ef.max(self.limit).min(sealed.len());
        loop {
            let counts = |point, asset, track| !view.is_dead(point) && self.selection.counts(asset, track);
            let (near, compared) = sealed.walk(self.query, ef, budget, counts, lowered);
            self.compared += compared;
            let mut best = tail.clone();
            for scored in near? {
                if let Some(row) = sealed.row(scored.row) {
                    best.push(Met { score: scored.score, asset: row.asset, point: row.point });
                }
            }
            if best.distinct() >= self.limit {
                return Some(best.finish());
            }
            if ef >= sealed.len() {
                return None;
            }
            ef = ef.saturating_mul(2).min(sealed.len());
        }
    }
}

/// Cosines of a vector with every point of an asset, as they are and corrected.
pub(super) fn score(
    view: &View,
    query: &[f32],
    correction: Option<Correction<'_>>,
    points: &[super::table::Point],
) -> Vec<ScoredPoint> {
    let scored = points.iter().filter_map(|point| {
        let row = view.find(point.offset)?;
        let cosine = dot(query, row.vector) + 0.0;
        let lowered = correction.map_or(0.0, |correction| correction.amount(point.offset));
        Some(ScoredPoint { point: point.info(), cosine, corrected: cosine - lowered })
    });
    scored.collect()
}
