//! Links to rows that the builder left without one.
//!
//! Parallel builds and clusters of equal vectors leave some rows that no link leads to. Each is linked from the
//! nearest row that can be reached, by preference one whose list has room.

use sensorium_kernels::{BeamBuffers, CodeQuery, Compared, VectorMatrix};

use super::flat::{FlatGraph, Level};
use super::walk::Walk;

/// Beam with which the nearest rows are looked for.
const RELINK_EF: usize = 64;

/// Gives every row a way from the entry on level 0. `lists` are the links of level 0, `vectors` in the same order.
pub(super) fn relink(graph: &mut FlatGraph, vectors: &VectorMatrix, m0: usize) {
    let mut seen = graph.reachable();
    if seen.iter().all(|seen| *seen) {
        return;
    }
    let rows = u32::try_from(graph.len()).unwrap_or(u32::MAX);
    let mut lists: Vec<Vec<u32>> = (0..rows).map(|row| graph.base_links(row).to_vec()).collect();
    let (mut buffers, mut near) = (BeamBuffers::default(), Vec::new());
    let mut last = None;
    for row in 0..rows {
        if seen.get(row as usize).copied().unwrap_or(true) {
            continue;
        }
        let Some(query) = vectors.decoded(row) else { continue };
        let query = CodeQuery::new(&query);
        let rows = Compared::Codes(&query, vectors.codes());
        let walk = Walk { rows, ef: RELINK_EF, budget: usize::MAX, least: 0.0, narrow: None };
        // The walk sees links as they were built; rows linked since are met through `row`'s own neighbours and `last`.
        walk.run(graph, &mut buffers, |_| true, |_| 0.0, || false, &mut near);
        let neighbours = graph.base_links(row).iter().copied();
        let candidates = || {
            let own = neighbours.clone().filter(|near| seen.get(*near as usize).copied().unwrap_or(false));
            // The walk may have come down to rows that no link of level 0 leads to.
            let near = near.iter().map(|scored| scored.row);
            own.chain(near.filter(|near| seen.get(*near as usize).copied().unwrap_or(false)))
        };
        let room = |near: &u32| lists.get(*near as usize).is_some_and(|list| list.len() < m0);
        let shortest = |near: &u32| lists.get(*near as usize).map_or(usize::MAX, Vec::len);
        let host = candidates().find(room).or_else(|| last.filter(room));
        let host = host.or_else(|| candidates().min_by_key(shortest)).unwrap_or(graph.entry);
        last = Some(row);
        if let Some(list) = lists.get_mut(host as usize) {
            list.push(row);
        }
        mark_from(row, &lists, &mut seen);
    }
    if let Some(base) = graph.levels.first_mut() {
        *base = Level::from_lists(Vec::new(), &lists);
    }
}

fn mark_from(row: u32, lists: &[Vec<u32>], seen: &mut [bool]) {
    let mut open = vec![row];
    while let Some(row) = open.pop() {
        let Some(mark) = seen.get_mut(row as usize) else { continue };
        if !std::mem::replace(mark, true) {
            open.extend(lists.get(row as usize).into_iter().flatten());
        }
    }
}
