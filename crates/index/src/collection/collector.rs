//! The best points, one for each asset.

use std::cmp::Ordering;
use std::collections::HashSet;

use crate::assets::AssetTable;
use crate::storage::{AssetOffset, PointOffset};

/// Points taken beyond the limit before the list is cut.
const SLACK: usize = 64;
/// Points among which an asset is looked for one by one, which is faster than hashing them.
const FEW: usize = 128;

/// A point met by a search.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Met {
    /// Its cosine with the query, corrected.
    pub(super) score: f32,
    /// Its cosine with the query.
    pub(super) cosine: f32,
    /// Its asset.
    pub(super) asset: AssetOffset,
    /// The point.
    pub(super) point: PointOffset,
}

/// Collects points and keeps the best `limit` assets, each by its best point. The order is total: score, then asset
/// id, then the point's place in its asset.
#[derive(Debug, Clone)]
pub(super) struct Collector<'a> {
    assets: &'a AssetTable,
    limit: usize,
    met: Vec<Met>,
    bar: f32,
}

impl<'a> Collector<'a> {
    /// A collector of at most `limit` assets.
    pub(super) fn new(assets: &'a AssetTable, limit: usize) -> Self {
        Self { assets, limit, met: Vec::with_capacity(limit.min(SLACK)), bar: f32::NEG_INFINITY }
    }

    /// A score that a point must reach to be kept. It rises as better points are met.
    pub(super) const fn bar(&self) -> f32 {
        self.bar
    }

    /// Takes a point that counts.
    pub(super) fn push(&mut self, met: Met) {
        // Adding zero makes -0 and 0 one number, so that ties are ties.
        let met = Met { score: met.score + 0.0, cosine: met.cosine + 0.0, ..met };
        if met.score >= self.bar {
            self.met.push(met);
            if self.met.len() >= self.limit.saturating_mul(2).saturating_add(SLACK) {
                self.cut();
            }
        }
    }

    /// How many distinct assets there are, up to the limit.
    pub(super) fn distinct(&mut self) -> usize {
        self.cut();
        self.met.len()
    }

    /// The best points, best first.
    pub(super) fn finish(mut self) -> Vec<Met> {
        self.cut();
        self.met
    }

    fn cut(&mut self) {
        let assets = self.assets;
        self.met.sort_unstable_by(|left, right| order(assets, left, right));
        if self.met.len() <= FEW {
            let mut kept = 0;
            for at in 0..self.met.len() {
                let Some(met) = self.met.get(at).copied() else { break };
                let (before, rest) = self.met.split_at_mut(kept);
                if kept < self.limit && before.iter().all(|known| known.asset != met.asset) {
                    rest.iter_mut().take(1).for_each(|slot| *slot = met);
                    kept += 1;
                }
            }
            self.met.truncate(kept);
        } else {
            let mut seen = HashSet::new();
            self.met.retain(|met| seen.insert(met.asset));
            self.met.truncate(self.limit);
        }
        if self.met.len() == self.limit {
            self.bar = self.met.last().map_or(f32::INFINITY, |worst| worst.score);
        }
    }
}

fn order(assets: &AssetTable, left: &Met, right: &Met) -> Ordering {
    let id = |met: &Met| assets.get(met.asset).map(|entry| entry.id());
    right
        .score
        .total_cmp(&left.score)
        .then_with(|| if left.asset == right.asset { Ordering::Equal } else { id(left).cmp(&id(right)) })
        .then(left.point.cmp(&right.point))
}
