//! The search of a graph: greedy descent over the upper levels, then a beam on level 0.
//!
//! # Source
//! arXiv:1603.09320, algorithms 2 and 5. Rows that do not count (dead, or outside a filter) are walked across but
//! never given.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use super::FlatGraph;
use crate::distance::dot;

/// A row beside what it is ranked by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scored {
    /// The cosine with the query, less what the row is lowered by.
    pub(crate) score: f32,
    /// The row.
    pub(crate) row: u32,
}

impl Ord for Scored {
    /// The better one is greater; of equals the lower row.
    fn cmp(&self, other: &Self) -> Ordering {
        self.score.total_cmp(&other.score).then(other.row.cmp(&self.row))
    }
}

impl PartialOrd for Scored {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Scored {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Scored {}

/// Which rows a walk has met. Clearing costs nothing: a new walk has a new number.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    epochs: Vec<u32>,
    epoch: u32,
}

impl Marks {
    fn begin(&mut self, rows: usize) {
        if self.epochs.len() != rows || self.epoch == u32::MAX {
            self.epochs = vec![0; rows];
            self.epoch = 0;
        }
        self.epoch += 1;
    }

    /// Marks a row; `false` if it was marked or does not exist.
    fn mark(&mut self, row: u32) -> bool {
        self.epochs
            .get_mut(row as usize)
            .is_some_and(|epoch| std::mem::replace(epoch, self.epoch) != self.epoch)
    }
}

/// One search of a graph.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Beam<'a> {
    /// The query, of length 1.
    pub(crate) query: &'a [f32],
    /// The vectors of all rows, one after the other.
    pub(crate) vectors: &'a [f32],
    /// How many rows that count are kept.
    pub(crate) ef: usize,
    /// Comparisons after which the walk gives up.
    pub(crate) budget: usize,
}

impl Beam<'_> {
    fn cosine(&self, row: u32) -> f32 {
        let dim = self.query.len();
        let from = row as usize * dim;
        self.vectors.get(from..from + dim).map_or(f32::NEG_INFINITY, |vector| dot(self.query, vector))
    }

    /// The rows that count nearest to the query, best first, and the comparisons made. `None` for the rows if the
    /// budget ran out. `lowered` says what a row's cosine is lowered by; the graph was built without it, and is walked by
    /// the lowered numbers throughout, so that the beam holds what the answer wants.
    pub(crate) fn walk(
        &self,
        graph: &FlatGraph,
        marks: &mut Marks,
        counts: impl Fn(u32) -> bool,
        lowered: impl Fn(u32) -> f32,
    ) -> (Option<Vec<Scored>>, usize) {
        if graph.len() == 0 || self.ef == 0 {
            return (Some(Vec::new()), 0);
        }
        let mut compared = 0;
        let score = |row| self.cosine(row) - lowered(row);
        let start = descend(graph, &score, &mut compared);
        marks.begin(graph.len());
        marks.mark(start.row);
        let mut open = BinaryHeap::from([start]);
        let mut best = BinaryHeap::new();
        if counts(start.row) {
            best.push(Reverse(start));
        }
        while let Some(next) = open.pop() {
            if best.len() >= self.ef && best.peek().is_some_and(|Reverse(worst)| next.score < worst.score) {
                break;
            }
            if compared > self.budget {
                return (None, compared);
            }
            for row in graph.base_links(next.row) {
                if !marks.mark(*row) {
                    continue;
                }
                let met = Scored { score: score(*row), row: *row };
                compared += 1;
                let full = best.len() >= self.ef;
                if full && best.peek().is_some_and(|Reverse(worst)| met <= *worst) {
                    continue;
                }
                open.push(met);
                if counts(*row) {
                    best.push(Reverse(met));
                    if full {
                        best.pop();
                    }
                }
            }
        }
        (Some(best.into_sorted_vec().into_iter().map(|Reverse(row)| row).collect()), compared)
    }
}

/// The best row of level 1 that greedy steps find, from the entry down.
fn descend(graph: &FlatGraph, score: &impl Fn(u32) -> f32, compared: &mut usize) -> Scored {
    let mut best = Scored { score: score(graph.entry), row: graph.entry };
    *compared += 1;
    for level in (1..graph.levels.len()).rev() {
        loop {
            let links = graph.upper_links(level, best.row);
            *compared += links.len();
            let nearest = links.iter().map(|row| Scored { score: score(*row), row: *row }).max();
            match nearest {
                Some(nearest) if nearest > best => best = nearest,
                Some(_) | None => break,
            }
        }
    }
    best
}
