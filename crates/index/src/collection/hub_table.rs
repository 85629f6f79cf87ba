//! [`HubTable`]: hub values of points in memory, and which points lack them.

use std::sync::Arc;

use roaring::RoaringBitmap;
use sensorium_types::HubValues;

use super::segments::SegmentKind;
use crate::storage::PointOffset;

/// Points of a page: small enough to copy at each commit.
const PAGE: usize = 256;

/// Hub values by offset of the point. A list of shared pages: a writer copies what it touches.
#[derive(Debug, Clone, Default)]
pub(crate) struct HubTable {
    pages: Vec<Option<Arc<[HubValues; PAGE]>>>,
    lacking: Arc<RoaringBitmap>,
    /// Between what numbers the values of each kind lie; they may lie closer, for points that are gone are not taken out.
    ranges: [Option<Range>; SegmentKind::ALL.len()],
}

/// The lowest and the highest of each number.
#[derive(Debug, Clone, Copy)]
pub(super) struct Range {
    pub(super) low: HubValues,
    pub(super) high: HubValues,
}

impl Range {
    const fn of(values: HubValues) -> Self {
        Self { low: values, high: values }
    }

    fn widen(&mut self, values: HubValues) {
        let low = self.low.0.iter_mut().zip(&mut self.high.0);
        for ((low, high), value) in low.zip(values.0) {
            *low = low.min(value);
            *high = high.max(value);
        }
    }
}

impl HubTable {
    /// A table in which all these points lack their values.
    pub(super) fn lacking_all(points: RoaringBitmap) -> Self {
        Self { lacking: Arc::new(points), ..Self::default() }
    }

    /// The values of a point; zeros where there are none.
    pub(super) fn get(&self, point: PointOffset) -> HubValues {
        let (number, place) = (point.0 as usize / PAGE, point.0 as usize % PAGE);
        let page = self.pages.get(number).and_then(Option::as_ref);
        page.and_then(|page| page.get(place)).copied().unwrap_or_default()
    }

    /// The range of a kind.
    pub(super) fn range(&self, kind: SegmentKind) -> Option<Range> {
        self.ranges.get(usize::from(kind.code())).copied().flatten()
    }

    /// Takes the values of a point.
    pub(super) fn set(&mut self, kind: SegmentKind, point: PointOffset, values: HubValues) {
        if let Some(range) = self.ranges.get_mut(usize::from(kind.code())) {
            range.get_or_insert(Range::of(values)).widen(values);
        }
        let (number, place) = (point.0 as usize / PAGE, point.0 as usize % PAGE);
        if self.pages.len() <= number {
            self.pages.resize(number + 1, None);
        }
        let Some(page) = self.pages.get_mut(number) else { return };
        let page = Arc::make_mut(page.get_or_insert_with(|| Arc::new([HubValues::default(); PAGE])));
        if let Some(slot) = page.get_mut(place) {
            *slot = values;
        }
        self.forget(point);
    }

    /// Takes note of a point that lacks values.
    pub(super) fn lack(&mut self, point: PointOffset) {
        Arc::make_mut(&mut self.lacking).insert(point.0);
    }

    /// A point that is gone lacks nothing.
    pub(super) fn forget(&mut self, point: PointOffset) {
        if self.lacking.contains(point.0) {
            Arc::make_mut(&mut self.lacking).remove(point.0);
        }
    }

    /// Points that lack values of the bank in use.
    pub(super) fn lacking(&self) -> &RoaringBitmap {
        &self.lacking
    }

    /// Bytes in memory.
    pub(super) fn bytes(&self) -> usize {
        self.pages.iter().flatten().count() * size_of::<[HubValues; PAGE]>()
    }
}
