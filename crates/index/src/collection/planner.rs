//! Which way a search goes. Pure, so that it can be tested alone.

use sensorium_types::Plan;

/// A share of all points, one in so many, below which candidates are compared one by one.
const SMALL_SHARE: usize = 50;
/// How many points a walk should have for each asset asked for; with fewer it would meet most of them anyway.
const POINTS_PER_ASSET: usize = 8;

/// What the planner is told.
#[derive(Debug, Clone, Copy)]
pub(super) struct Facts {
    /// The request asks for every match to be compared.
    pub(super) exact: bool,
    /// There is a graph.
    pub(super) has_graph: bool,
    /// The request leaves points out.
    pub(super) narrowed: bool,
    /// Points that count.
    pub(super) candidates: usize,
    /// All live points.
    pub(super) points: usize,
    /// Assets asked for.
    pub(super) limit: usize,
    /// Candidates that are compared one by one whatever their share.
    pub(super) scan_points: usize,
}

/// Chooses the plan.
pub(super) fn plan(facts: Facts) -> Plan {
    let Facts { exact, has_graph, narrowed, candidates, points, limit, scan_points } = facts;
    let few = candidates <= scan_points.max(points / SMALL_SHARE);
    let most = limit.saturating_mul(POINTS_PER_ASSET) >= candidates;
    if exact || !has_graph || few || most {
        Plan::ExactScan
    } else if narrowed {
        Plan::FilteredGraph
    } else {
        Plan::Graph
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_sets_and_large_limits_are_scanned() {
        let facts = Facts {
            exact: false,
            has_graph: true,
            narrowed: false,
            candidates: 100_000,
            points: 100_000,
            limit: 10,
            scan_points: 5_000,
        };
        assert_eq!(plan(facts), Plan::Graph);
        assert_eq!(plan(Facts { narrowed: true, candidates: 20_000, ..facts }), Plan::FilteredGraph);
        assert_eq!(plan(Facts { narrowed: true, candidates: 5_000, ..facts }), Plan::ExactScan);
        assert_eq!(
            plan(Facts { narrowed: true, candidates: 20_000, points: 2_000_000, ..facts }),
            Plan::ExactScan
        );
        assert_eq!(plan(Facts { exact: true, ..facts }), Plan::ExactScan);
        assert_eq!(plan(Facts { has_graph: false, ..facts }), Plan::ExactScan);
        assert_eq!(plan(Facts { limit: usize::MAX, ..facts }), Plan::ExactScan);
    }
}
