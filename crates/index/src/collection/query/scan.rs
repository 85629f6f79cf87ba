//! Scans: every candidate is compared, by its code first, and where that leaves it open, by its vector.

use super::super::check::check;
use super::super::collector::{Collector, Met};
use super::super::hubs::{Lowering, RowsLowered};
use super::super::planner::{Scan, scan};
use super::super::sealed::Sealed;
use super::super::segments::{SegmentKind, Segments};
use super::super::tail::Stretch;
use super::Search;
use crate::error::IndexError;
use crate::storage::{AssetOffset, PointOffset};

/// Rows that a scan compares between two looks at the cancel flag.
pub(super) const SLICE: usize = 256;

/// What is known of rows before they are compared: how far their codes can be trusted, and what their cosines are lowered by.
#[derive(Debug, Clone, Copy)]
struct Margins<'a> {
    /// What a row's code may promise too little.
    bound: f32,
    /// What a row's cosine is lowered by at least.
    least: f32,
    /// What it is lowered by.
    lowering: Lowering<'a>,
}

impl Search<'_> {
    /// Compares every candidate.
    pub(super) fn scan(
        &mut self,
        kind: SegmentKind,
        segments: &Segments,
        limit: usize,
    ) -> Result<Vec<Met>, IndexError> {
        let mut best = Collector::new(&self.view.assets, limit);
        let tracks = self.tracks.and(kind.tracks());
        let candidates = self.selection.is_listed().then(|| self.selection.points(tracks));
        let way = scan(candidates, segments.rows(), self.query_dim);
        let listed = match way {
            Scan::OneByOne => self.selection.listed(self.view, &self.request.cancel)?,
            Scan::InOrder | Scan::Picked => None,
        };
        if let Some(listed) = listed {
            self.scan_listed(kind, segments, listed.of(kind), &mut best)?;
        } else {
            for part in &segments.parts {
                let stretch = part.sealed.stretch();
                let rows = RowsLowered::of(self.correction, &part.sealed);
                let margins = self.margins(kind, stretch, Lowering::Rows(rows));
                self.scan_stretch(stretch, margins, way, &mut best)?;
            }
            self.scan_tail(kind, segments, way, &mut best)?;
        }
        Ok(best.finish())
    }

    /// Compares every row of the tail that counts.
    pub(super) fn scan_tail(
        &mut self,
        kind: SegmentKind,
        segments: &Segments,
        way: Scan,
        best: &mut Collector<'_>,
    ) -> Result<(), IndexError> {
        let lowering = Lowering::Points(self.correction);
        segments.tail.stretches().try_for_each(|stretch| {
            self.scan_stretch(stretch, self.margins(kind, stretch, lowering), way, best)
        })
    }

    /// Compares points that are listed with their tracks. They ascend, but for those of assets that were written again, so that each is
    /// looked for from where the one before was found.
    fn scan_listed(
        &mut self,
        kind: SegmentKind,
        segments: &Segments,
        points: &[(PointOffset, u8)],
        best: &mut Collector<'_>,
    ) -> Result<(), IndexError> {
        let mut parts: Vec<_> =
            segments.parts.iter().map(|part| (&*part.sealed, part.sealed.finder(), Vec::new())).collect();
        let tracks = self.tracks;
        for (point, _) in points.iter().filter(|(_, track)| tracks.has_code(*track)) {
            let found = parts.iter_mut().find_map(|(sealed, finder, places)| {
                places.push(finder.find(*point)?);
                Some((*sealed, places))
            });
            match found {
                Some((sealed, places)) if places.len() >= SLICE => {
                    self.compare_sealed(kind, sealed, places, best)?;
                }
                Some(_) => {}
                None => {
                    if let Some(row) = segments.tail.find(*point) {
                        self.compared += 1;
                        let lowered = self.correction.map_or(0.0, |correction| correction.amount(row.point));
                        self.compare(row, lowered, best);
                    }
                }
            }
        }
        parts.iter_mut().try_for_each(|(sealed, _, places)| self.compare_sealed(kind, sealed, places, best))
    }

    fn compare_sealed(
        &mut self,
        kind: SegmentKind,
        sealed: &Sealed,
        places: &mut Vec<u32>,
        best: &mut Collector<'_>,
    ) -> Result<(), IndexError> {
        check(&self.request.cancel)?;
        let stretch = sealed.stretch();
        // Few rows of many: their values are looked up one by one, not made ready for all.
        let margins = self.margins(kind, stretch, Lowering::Points(self.correction));
        let mut cosines = [0.0; SLICE];
        if let Some(cosines) = cosines.get_mut(..places.len()) {
            self.code.dot_rows(stretch.vectors.codes(), places, cosines);
            self.compare_open(stretch, margins, places, cosines, best);
        }
        places.clear();
        Ok(())
    }

    /// Compares rows in order.
    fn scan_stretch(
        &mut self,
        stretch: Stretch<'_>,
        margins: Margins<'_>,
        way: Scan,
        best: &mut Collector<'_>,
    ) -> Result<(), IndexError> {
        let (mut cosines, mut places) = ([0.0; SLICE], Vec::with_capacity(SLICE));
        let rows = stretch.points.len();
        for start in (0..rows).step_by(SLICE) {
            check(&self.request.cancel)?;
            let end = rows.min(start + SLICE);
            let all = u32::try_from(start).unwrap_or(u32::MAX)..u32::try_from(end).unwrap_or(u32::MAX);
            places.clear();
            if way == Scan::Picked {
                places.extend(all.filter(|place| self.may_count(stretch, *place)));
            } else {
                places.extend(all);
            }
            let Some(cosines) = cosines.get_mut(..places.len()) else { break };
            if way == Scan::Picked {
                self.code.dot_rows(stretch.vectors.codes(), &places, cosines);
            } else {
                self.code.dot_range(stretch.vectors.codes(), start, cosines);
            }
            self.compare_open(stretch, margins, &places, cosines, best);
        }
        Ok(())
    }

    /// Compares by their vectors those rows whose codes leave it open whether they are among the best.
    fn compare_open(
        &mut self,
        stretch: Stretch<'_>,
        Margins { bound, least, lowering }: Margins<'_>,
        places: &[u32],
        cosines: &[f32],
        best: &mut Collector<'_>,
    ) {
        self.compared += cosines.len();
        for (place, about) in places.iter().zip(cosines) {
            if *about + bound - least < best.bar() {
                continue;
            }
            let Some(row) = stretch.row(*place) else { continue };
            let lowered = lowering.amount(*place, row.point);
            if *about + bound - lowered >= best.bar() && self.counts(row) {
                self.compare(row, lowered, best);
            }
        }
    }

    fn margins<'s>(&self, kind: SegmentKind, stretch: Stretch<'_>, lowering: Lowering<'s>) -> Margins<'s> {
        Margins { bound: self.code.bound(stretch.vectors.codes()), least: self.least(kind), lowering }
    }

    /// Whether a row may count, by its asset and its track.
    fn may_count(&self, stretch: Stretch<'_>, place: u32) -> bool {
        let place = place as usize;
        let track = stretch.tracks.get(place).is_some_and(|track| self.tracks.has_code(*track));
        let asset = stretch.assets.get(place).copied().map(AssetOffset);
        track && asset.is_some_and(|asset| self.selection.has(self.view, asset))
    }
}
