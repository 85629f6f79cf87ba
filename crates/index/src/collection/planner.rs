//! Which way a search of one kind of segments goes, by predicted cost. Pure, so that it can be tested alone.

use sensorium_types::Plan;

use crate::options::Planning;

/// Rows that a walk compares for each one that its beam keeps, about, at the default bounds of a graph.
const ROWS_PER_KEPT: usize = 14;
/// Of a beam, the part that is to count where many rows do not.
const COUNTING_PART: usize = 5;
/// A walk is given up once it is predicted to cost more than so many percent of a scan.
const WORTH_PERCENT: usize = 45;
/// How many points a walk should have for each asset asked for; with fewer it would meet most of them anyway.
const POINTS_PER_ASSET: usize = 8;

/// What the planner is told of the segments of one kind.
#[derive(Debug, Clone, Copy)]
pub(super) struct Facts {
    /// The request asks for every match to be compared.
    pub(super) exact: bool,
    /// How many sealed segments there are.
    pub(super) parts: usize,
    /// Their rows, dead ones included.
    pub(super) rows: usize,
    /// The request leaves points out.
    pub(super) narrowed: bool,
    /// Whether what is left is listed, so that its points can be looked up.
    pub(super) listed: bool,
    /// Points that count.
    pub(super) candidates: usize,
    /// Assets asked for.
    pub(super) limit: usize,
    /// The beam.
    pub(super) ef: usize,
    /// Dimension of the vectors.
    pub(super) dim: usize,
}

/// Chooses the plan.
pub(super) fn plan(planning: Planning, facts: Facts) -> Plan {
    let Facts { exact, parts, rows, narrowed, candidates, limit, .. } = facts;
    let most = limit.saturating_mul(POINTS_PER_ASSET) >= candidates;
    let walk = match planning {
        _ if exact || parts == 0 || rows == 0 || most => false,
        Planning::Scan => false,
        Planning::Walk => true,
        // One that is likely to give up is not begun.
        Planning::ByCost => walked(facts) <= candidates && walk_cost(facts) < scan_cost(facts),
    };
    match (walk, narrowed) {
        (false, _) => Plan::ExactScan,
        (true, true) => Plan::FilteredGraph,
        (true, false) => Plan::Graph,
    }
}

/// Of the rows that a walk keeps, how many are to count where many do not. As many rows as without a filter are kept in any case; the
/// nearest of a few among many are found by a beam that holds little more than them, for it has gone far around them.
pub(super) fn wanted(limit: usize, ef: usize) -> usize {
    limit.saturating_mul(2).saturating_add(4).max(ef / COUNTING_PART)
}

/// Comparisons that a walk among rows of which many do not count is worth: less than a scan, for what it finds out is how many lie around the
/// query, which no estimate tells. One that is forced is worth any.
pub(super) fn worth(planning: Planning, facts: Facts) -> usize {
    match planning {
        Planning::Walk => usize::MAX,
        Planning::ByCost | Planning::Scan => {
            scan_cost(facts).saturating_mul(WORTH_PERCENT) / 100 / row_cost(facts.dim)
        }
    }
}

/// Of a thousand rows, how many count; 0 where a walk is forced, which must not end because it meets none.
pub(super) fn per_thousand(planning: Planning, facts: Facts) -> usize {
    match planning {
        Planning::Walk => 0,
        Planning::ByCost | Planning::Scan => facts.candidates.saturating_mul(1000) / facts.rows.max(1),
    }
}

/// Rows that a walk will compare, about: rows that do not count are met too.
fn walked(facts: Facts) -> usize {
    let Facts { parts, rows, candidates, limit, ef, narrowed, .. } = facts;
    let across = |kept: usize| kept.saturating_mul(rows).div_ceil(candidates.clamp(1, rows.max(1)));
    let beam = ef.max(limit);
    let kept = if narrowed { across(wanted(limit, ef)).max(beam) } else { across(beam) };
    let compared = kept.saturating_mul(ROWS_PER_KEPT).min(rows / parts.max(1));
    compared.saturating_mul(parts)
}

/// Nanoseconds of a walk, about: each row is a jump in memory.
fn walk_cost(facts: Facts) -> usize {
    walked(facts).saturating_mul(row_cost(facts.dim))
}

/// Nanoseconds of comparing a row that memory did not expect, about.
const fn row_cost(dim: usize) -> usize {
    30 + dim / 8
}

/// How candidates are met by a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scan {
    /// Every row is compared, in order.
    InOrder,
    /// Every row is asked whether it counts, in order, and those that do are compared.
    Picked,
    /// Candidates are looked up one by one.
    OneByOne,
}

/// The scan that is predicted to cost least, among so many rows. `candidates` are listed, or `None`.
pub(super) fn scan(candidates: Option<usize>, rows: usize, dim: usize) -> Scan {
    least_scan(candidates, rows, dim).1
}

fn least_scan(candidates: Option<usize>, rows: usize, dim: usize) -> (usize, Scan) {
    let all = (in_order(rows, dim), Scan::InOrder);
    let Some(candidates) = candidates else { return all };
    let others =
        [(picked(candidates, rows, dim), Scan::Picked), (one_by_one(candidates, rows, dim), Scan::OneByOne)];
    others.into_iter().fold(all, |least, other| if other.0 < least.0 { other } else { least })
}

/// Nanoseconds of a scan, about.
fn scan_cost(facts: Facts) -> usize {
    let Facts { rows, listed, candidates, dim, .. } = facts;
    least_scan(listed.then_some(candidates), rows, dim).0
}

/// Nanoseconds of a scan in order, about: codes flow by.
const fn in_order(rows: usize, dim: usize) -> usize {
    rows.saturating_mul(4 + dim / 26)
}

/// Nanoseconds of asking every row in order whether it counts, about, and of comparing those that do: their codes are fetched ahead.
const fn picked(candidates: usize, rows: usize, dim: usize) -> usize {
    rows.saturating_mul(3).saturating_add(candidates.saturating_mul(row_cost(dim)))
}

/// Nanoseconds of looking up candidates, about: their points are listed, each is looked for from where the one before was found, and their
/// codes are fetched ahead. The more rows there are, the less of all that lies in a cache.
fn one_by_one(candidates: usize, rows: usize, dim: usize) -> usize {
    candidates.saturating_mul(60 + dim / 8 + (rows / 5000).min(200))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FACTS: Facts = Facts {
        exact: false,
        parts: 1,
        rows: 100_000,
        narrowed: false,
        listed: false,
        candidates: 100_000,
        limit: 10,
        ef: 128,
        dim: 256,
    };

    fn by_cost(facts: Facts) -> Plan {
        plan(Planning::ByCost, facts)
    }

    #[test]
    fn small_sets_narrow_filters_and_large_limits_are_scanned() {
        let narrowed = Facts { narrowed: true, listed: true, ..FACTS };
        assert_eq!(by_cost(FACTS), Plan::Graph);
        assert_eq!(by_cost(Facts { candidates: 50_000, ..narrowed }), Plan::FilteredGraph);
        assert_eq!(by_cost(Facts { candidates: 500, ..narrowed }), Plan::ExactScan);
        assert_eq!(by_cost(Facts { candidates: 10_000, ..narrowed }), Plan::FilteredGraph);
        assert_eq!(by_cost(Facts { rows: 330_000, candidates: 33_000, ..narrowed }), Plan::FilteredGraph);
        assert_eq!(by_cost(Facts { candidates: 1_000, ..narrowed }), Plan::ExactScan);
        assert_eq!(by_cost(Facts { rows: 3_000, candidates: 3_000, ..FACTS }), Plan::ExactScan);
        assert_eq!(by_cost(Facts { exact: true, ..FACTS }), Plan::ExactScan);
        assert_eq!(by_cost(Facts { parts: 0, rows: 0, ..FACTS }), Plan::ExactScan);
        assert_eq!(by_cost(Facts { limit: usize::MAX, ..FACTS }), Plan::ExactScan);
    }

    #[test]
    fn the_fewer_rows_count_the_fewer_are_compared() {
        let of = |candidates| scan(Some(candidates), 100_000, 256);
        assert_eq!(scan(None, 100_000, 256), Scan::InOrder);
        assert_eq!(
            [100_000, 50_000, 10_000, 2_000, 100].map(of),
            [Scan::InOrder, Scan::InOrder, Scan::Picked, Scan::OneByOne, Scan::OneByOne]
        );
    }

    #[test]
    fn a_larger_collection_is_not_scanned_for_more() {
        // What a walk costs does not grow with the rows; what a scan costs does.
        for rows in [20_000, 100_000, 1_000_000, 10_000_000] {
            assert_eq!(by_cost(Facts { rows, candidates: rows, ..FACTS }), Plan::Graph, "{rows}");
            let one_in_a_thousand =
                Facts { rows, candidates: rows / 1000, narrowed: true, listed: true, ..FACTS };
            assert_eq!(by_cost(one_in_a_thousand), Plan::ExactScan, "{rows}");
        }
    }

    #[test]
    fn a_plan_can_be_forced_where_there_is_a_graph() {
        let small = Facts { rows: 300, candidates: 300, ..FACTS };
        assert_eq!(plan(Planning::Walk, small), Plan::Graph);
        assert_eq!(plan(Planning::Scan, FACTS), Plan::ExactScan);
        assert_eq!(plan(Planning::Walk, Facts { parts: 0, rows: 0, ..FACTS }), Plan::ExactScan);
    }
}
