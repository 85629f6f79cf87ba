//! The search of a graph: greedy descent over the upper levels, then a beam on level 0, both over codes.
//!
//! # Source
//! arXiv:1603.09320, algorithms 2 and 5. Rows that do not count (dead, or outside a filter) are walked across but
//! never given.

use sensorium_kernels::{Beam, BeamBuffers, BeamEnd, Compared, Links, Narrow, Scored};

use super::FlatGraph;

/// One search of a graph.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Walk<'a> {
    /// What rows are compared with the query by.
    pub(crate) rows: Compared<'a>,
    /// How many rows that count are kept.
    pub(crate) ef: usize,
    /// Comparisons after which the walk gives up.
    pub(crate) budget: usize,
    /// The least that a row is lowered by.
    pub(crate) least: f32,
    /// What is asked where many rows do not count.
    pub(crate) narrow: Option<Narrow>,
}

/// How a walk ended, and what it cost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Walked {
    /// Whether its rows can be used.
    pub(crate) end: BeamEnd,
    /// Comparisons made.
    pub(crate) compared: usize,
}

impl Walk<'_> {
    /// Puts the rows that count nearest to the query into `found`, best first. `lowered` says what a row's cosine is lowered
    /// by; the graph was built without it, and is walked by the lowered numbers throughout, so that the beam holds what the
    /// answer wants.
    pub(crate) fn run(
        &self,
        graph: &FlatGraph,
        buffers: &mut BeamBuffers,
        counts: impl Fn(u32) -> bool,
        lowered: impl Fn(u32) -> f32,
        stop: impl Fn() -> bool,
        found: &mut Vec<Scored>,
    ) -> Walked {
        found.clear();
        let Some(base) = graph.levels.first().filter(|_| graph.len() > 0) else {
            return Walked { end: BeamEnd::Found, compared: 0 };
        };
        let Self { rows, ef, budget, least, narrow } = *self;
        let mut descended = 0;
        let entry = descend(graph, |links| rows.best_of(links, &lowered), &mut descended);
        let links = Links { starts: &base.starts, links: &base.links };
        let beam = Beam { rows, links, entry, ef, budget, least, narrow };
        let (end, compared) = beam.walk(buffers, counts, lowered, stop, found);
        Walked { end, compared: compared + descended }
    }
}

/// The best row of level 1 that greedy steps find, from the entry down. `best_of` gives the best of some rows.
fn descend(graph: &FlatGraph, best_of: impl Fn(&[u32]) -> Option<Scored>, compared: &mut usize) -> u32 {
    let mut nearest = |rows: &[u32]| {
        *compared += rows.len();
        best_of(rows)
    };
    let Some(mut best) = nearest(&[graph.entry]) else { return graph.entry };
    for level in (1..graph.levels.len()).rev() {
        loop {
            match nearest(graph.upper_links(level, best.row)) {
                Some(nearest) if nearest.score > best.score => best = nearest,
                Some(_) | None => break,
            }
        }
    }
    best.row
}
