//! [`LazyFilter`]: a filter that is asked of the assets that a search meets, and of no others.
//!
//! Where a field has no column, who meets a filter is known only once every asset was asked, a few microseconds each: seconds at a million.
//! A search that gives few hits meets few assets. How many is predicted from a sample: the fewer meet the filter, the more rows a walk
//! crosses until it has enough that do. Where that is not much less than asking all, all are asked, for then the plan is chosen by
//! what is known.

use parking_lot::Mutex;
use sensorium_types::Filter;

use super::fields::Matcher;
use super::view::View;
use crate::assets::ModalitySet;
use crate::columns::Bits;
use crate::storage::AssetOffset;

/// Assets of a sample: a share of a twentieth is told to a fifth of it.
const SAMPLE: usize = 512;
/// Rows whose assets a search asks for each hit that its beam keeps, were all to meet the filter, about.
const ASKED_PER_KEPT: usize = 8;
/// It must ask so many times fewer than all.
const MUCH: usize = 4;

/// A filter, and what is known of who meets it.
#[derive(Debug)]
pub(super) struct LazyFilter<'a> {
    matcher: Matcher<'a>,
    modalities: ModalitySet,
    /// Of a thousand assets, how many meet it, about; at least 1.
    pub(super) per_thousand: usize,
    /// Who was asked, and who of them meets it.
    known: Mutex<(Bits, Bits)>,
}

impl<'a> LazyFilter<'a> {
    /// A filter for so many searches that keep so many hits each, if asking whom they meet is predicted to cost much less than
    /// asking all.
    pub(super) fn new(
        view: &View,
        (filter, modalities): (&'a Filter, ModalitySet),
        (searches, kept): (usize, usize),
    ) -> Option<Self> {
        let all = view.assets.len();
        let at_best = searches.saturating_mul(kept).saturating_mul(ASKED_PER_KEPT);
        pays(at_best, 1000, all)?;
        let lazy =
            Self { matcher: Matcher::new(filter), modalities, per_thousand: 1000, known: Mutex::default() };
        let (asked, met) = lazy.sample(view);
        let per_thousand = (met * 1000).checked_div(asked)?.max(1);
        pays(at_best, per_thousand, all).map(|()| Self { per_thousand, ..lazy })
    }

    /// Asks assets that lie evenly among all: how many there were, and how many meet the filter.
    fn sample(&self, view: &View) -> (usize, usize) {
        let end = view.assets.end();
        let offsets =
            (0..SAMPLE).filter_map(|number| u32::try_from(number * end / SAMPLE).ok()).map(AssetOffset);
        let some = offsets.filter(|asset| view.assets.modality(*asset).meets(self.modalities));
        some.fold((0, 0), |(asked, met), asset| (asked + 1, met + usize::from(self.has(view, asset))))
    }

    /// Whether an asset is of the modalities and meets the filter.
    pub(super) fn has(&self, view: &View, asset: AssetOffset) -> bool {
        let (asked, met) = &mut *self.known.lock();
        if !asked.has(asset.0) {
            asked.insert(asset.0);
            let meets = view.assets.modality(asset).meets(self.modalities)
                && view.assets.get(asset).is_some_and(|entry| self.matcher.meets(entry));
            if meets {
                met.insert(asset.0);
            }
        }
        met.has(asset.0)
    }
}

/// Whether asking so many if all met the filter, and more the fewer do, is much less than asking all.
fn pays(at_best: usize, per_thousand: usize, all: usize) -> Option<()> {
    let asked = at_best.saturating_mul(1000) / per_thousand.max(1);
    (asked.saturating_mul(MUCH) < all).then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fewer_meet_a_filter_the_more_is_asked() {
        // One search with a beam of 128 among a million.
        let pays = |per_thousand, all| pays(128 * ASKED_PER_KEPT, per_thousand, all).is_some();
        assert_eq!([1000, 100, 10, 1].map(|share| pays(share, 1_000_000)), [true, true, true, false]);
        assert_eq!([1000, 100, 10, 1].map(|share| pays(share, 100_000)), [true, true, false, false]);
        assert!(!pays(1000, 4_000), "a small collection is asked at once");
    }
}
