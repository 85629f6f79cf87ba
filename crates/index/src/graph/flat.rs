//! [`FlatGraph`]: the links of a graph as dense numbers.
//!
//! Level 0 holds every row; a level above lists its rows in ascending order. On each level `starts[i]..starts[i + 1]`
//! is the stretch of `links` that belongs to the i-th row of the level.
//!
//! Rows of the same vector share a node: the first of them has its links, the others follow it, and each is linked to itself alone.

use sensorium_kernels::Numbers;

/// One level of a graph.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Level {
    /// Rows of the level in ascending order; empty on level 0, which has all.
    pub(crate) rows: Numbers<u32>,
    /// Where the links of each row begin, and one more: the end of the last.
    pub(crate) starts: Numbers<u32>,
    /// Rows linked to.
    pub(crate) links: Numbers<u32>,
}

impl Level {
    /// A level from lists of links; `rows` is empty on level 0.
    pub(super) fn from_lists(rows: Vec<u32>, lists: &[Vec<u32>]) -> Self {
        let (mut starts, mut links) = (Vec::with_capacity(lists.len() + 1), Vec::new());
        starts.push(0);
        for list in lists {
            links.extend_from_slice(list);
            starts.push(u32::try_from(links.len()).unwrap_or(u32::MAX));
        }
        Self { rows: rows.into(), starts: starts.into(), links: links.into() }
    }

    /// The links at a place of the level (not a row number).
    pub(super) fn at(&self, place: usize) -> &[u32] {
        let from = self.starts.get(place).map_or(0, |start| *start as usize);
        let to = self.starts.get(place + 1).map_or(0, |end| *end as usize);
        self.links.get(from..to).unwrap_or_default()
    }

    /// Bytes of memory that no file stands behind.
    fn owned_bytes(&self) -> usize {
        self.rows.owned_bytes() + self.starts.owned_bytes() + self.links.owned_bytes()
    }
}

/// A graph over rows `0..len`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct FlatGraph {
    /// Where every walk begins: a row of the top level.
    pub(crate) entry: u32,
    /// The levels from 0 upwards, at least one.
    pub(crate) levels: Vec<Level>,
}

impl FlatGraph {
    /// How many rows there are.
    pub(crate) fn len(&self) -> usize {
        self.levels.first().map_or(0, |level| level.starts.len().saturating_sub(1))
    }

    /// Whether a row has the vector, and the node, of the one before.
    pub(crate) fn is_twin(&self, row: u32) -> bool {
        row > 0 && self.base_links(row) == [row]
    }

    /// Whether any row is one.
    pub(crate) fn has_twins(&self) -> bool {
        (1..u32::try_from(self.len()).unwrap_or(u32::MAX)).any(|row| self.is_twin(row))
    }

    /// The rows of the node of a row that has one: itself, and those that follow it.
    pub(crate) fn node(&self, row: u32) -> impl Iterator<Item = u32> + '_ {
        std::iter::once(row).chain((row.saturating_add(1)..).take_while(|row| self.is_twin(*row)))
    }

    /// Links of a row on level 0.
    pub(super) fn base_links(&self, row: u32) -> &[u32] {
        self.levels.first().map_or(&[], |level| level.at(row as usize))
    }

    /// Links of a row on a level above 0; none if it is not there.
    pub(super) fn upper_links(&self, level: usize, row: u32) -> &[u32] {
        let Some(level) = self.levels.get(level) else { return &[] };
        // The rows of a level come before all others, except in graphs of earlier programs.
        if level.rows.get(row as usize) == Some(&row) {
            return level.at(row as usize);
        }
        level.rows.binary_search(&row).map_or(&[], |place| level.at(place))
    }

    /// Bytes of memory that no file stands behind.
    pub(crate) fn owned_bytes(&self) -> usize {
        self.levels.iter().map(Level::owned_bytes).sum()
    }

    /// Rows that can be reached from the entry on level 0.
    pub(super) fn reachable(&self) -> Vec<bool> {
        let mut seen = vec![false; self.len()];
        let mut open = vec![self.entry];
        while let Some(row) = open.pop() {
            let Some(mark) = seen.get_mut(row as usize) else { continue };
            if !std::mem::replace(mark, true) {
                open.extend_from_slice(self.base_links(row));
            }
        }
        let mut before = false;
        for (row, seen) in (0..).zip(&mut seen) {
            *seen = *seen || (before && self.is_twin(row));
            before = *seen;
        }
        seen
    }
}
