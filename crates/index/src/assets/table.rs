//! [`AssetTable`]: all assets by offset.
//!
//! The table is a list of shared pages over the file of assets. A writer changes its own copy, of which only the pages it touches are
//! copied; readers keep the table they have. What a search asks of an asset (its modality) lies in the pages, so that most searches
//! follow no pointer, and how many assets a search may give is counted as they come and go.

use std::sync::Arc;

use sensorium_types::AssetId;

use super::entry::{Entry, EntryRef};
use super::file::AssetFile;
use super::point::Point;
use super::sets::{Class, ModalitySet, Tally, TrackSet};
use crate::columns::Bits;
use crate::storage::{AssetOffset, PointOffset};

/// Assets of a page: so many that a place in it is one byte.
const PAGE: usize = 256;
/// The bit of no asset.
const NO_ASSET: ModalitySet = ModalitySet::EMPTY;

/// A bit for each asset of a page.
type Mask = [u64; PAGE / 64];

/// The word and the bit of a place.
const fn bit(place: u8) -> (usize, u64) {
    (place as usize / 64, 1 << (place % 64))
}

#[derive(Debug, Clone)]
struct Page {
    modalities: Vec<ModalitySet>,
    /// The classes of its assets, each with who is of it: many assets are counted at a time, without a look at them.
    classes: Vec<(Class, Mask)>,
    /// The row in the file of the first asset of the page that the file has, and which it has.
    first: u32,
    stored: Mask,
    /// What changed since the file was made, in order of place; nothing where an asset was taken away.
    changed: Vec<(u8, Option<Arc<Entry>>)>,
}

impl Page {
    fn empty() -> Self {
        Self {
            modalities: vec![NO_ASSET; PAGE],
            classes: Vec::new(),
            first: 0,
            stored: Mask::default(),
            changed: Vec::new(),
        }
    }

    /// Takes note of an asset of the file. They come in order.
    fn store(&mut self, place: u8, row: u32, class: Class) {
        if self.stored == Mask::default() {
            self.first = row;
        }
        let (word, bit) = bit(place);
        if let Some(word) = self.stored.get_mut(word) {
            *word |= bit;
        }
        self.count(place, class);
    }

    /// The row in the file of the asset at a place.
    fn row(&self, place: u8) -> Option<u32> {
        let (number, bit) = bit(place);
        let word = self.stored.get(number).filter(|word| **word & bit != 0)?;
        let before: u32 = self.stored.iter().take(number).map(|word| word.count_ones()).sum();
        Some(self.first + before + (word & (bit - 1)).count_ones())
    }

    /// The class of a place with an asset is this.
    fn count(&mut self, place: u8, class: Class) {
        if let Some(modality) = self.modalities.get_mut(usize::from(place)) {
            *modality = ModalitySet::of(class.modality);
        }
        let (word, bit) = bit(place);
        let known = self.classes.iter().position(|(known, _)| *known == class);
        let at = known.unwrap_or_else(|| {
            self.classes.push((class, Mask::default()));
            self.classes.len() - 1
        });
        if let Some(word) = self.classes.get_mut(at).and_then(|(_, mask)| mask.get_mut(word)) {
            *word |= bit;
        }
    }

    /// A place has no asset.
    fn clear(&mut self, place: u8) {
        if let Some(modality) = self.modalities.get_mut(usize::from(place)) {
            *modality = NO_ASSET;
        }
        let (word, bit) = bit(place);
        self.classes.retain_mut(|(_, mask)| {
            if let Some(word) = mask.get_mut(word) {
                *word &= !bit;
            }
            mask.iter().any(|word| *word != 0)
        });
    }

    /// What changed at a place: `None` where nothing did.
    fn change(&self, place: u8) -> Option<&Option<Arc<Entry>>> {
        let at = self.changed.binary_search_by_key(&place, |(place, _)| *place).ok()?;
        self.changed.get(at).map(|(_, entry)| entry)
    }

    fn bytes(&self) -> usize {
        let own = self.modalities.len() + self.classes.len() * size_of::<(Class, Mask)>();
        let changed = self.changed.iter().flat_map(|(_, entry)| entry).map(|entry| entry.bytes());
        size_of::<Self>() + own + changed.sum::<usize>()
    }
}

/// All assets by offset.
#[derive(Debug, Clone, Default)]
pub(crate) struct AssetTable {
    file: Option<Arc<AssetFile>>,
    pages: Vec<Option<Arc<Page>>>,
    tally: Tally,
    /// Places that differ from the file.
    changed: usize,
    /// Tells copies of a table from tables that were read anew.
    origin: Arc<()>,
}

impl AssetTable {
    /// The assets of a file.
    pub(crate) fn of_file(file: Arc<AssetFile>) -> Self {
        let mut table = Self::default();
        let mut page = Page::empty();
        let mut number = 0;
        for ((row, asset), class) in (0..).zip(file.assets()).zip(file.classes()) {
            let (of, place) = place(AssetOffset(*asset));
            if of != number {
                table.put_page(number, std::mem::replace(&mut page, Page::empty()));
                number = of;
            }
            page.store(place, row, class);
        }
        table.put_page(number, page);
        table.file = Some(file);
        table
    }

    fn put_page(&mut self, number: usize, page: Page) {
        if page.stored != Mask::default() {
            for (class, mask) in &page.classes {
                let count: u32 = mask.iter().map(|word| word.count_ones()).sum();
                self.tally.add_many(*class, count as usize);
            }
            self.pages.resize(number, None);
            self.pages.push(Some(Arc::new(page)));
        }
    }

    /// The same assets over a file that was made of an earlier copy of this table; `None` if the table was read anew since.
    /// Gives what changed since by offset as well, nothing where an asset was taken away.
    pub(crate) fn rebased(&self, before: &Self, file: Arc<AssetFile>) -> Option<(Self, Vec<Since>)> {
        if !Arc::ptr_eq(&self.origin, &before.origin) {
            return None;
        }
        let (mut table, mut since) = (Self::of_file(file), Vec::new());
        for (number, page) in self.pages.iter().enumerate() {
            let Some(page) = page else { continue };
            let old = before.pages.get(number).and_then(Option::as_ref);
            if old.is_some_and(|old| Arc::ptr_eq(old, page)) {
                continue;
            }
            for (place, entry) in &page.changed {
                let same = match (old.and_then(|old| old.change(*place)), entry) {
                    (Some(Some(old)), Some(entry)) => Arc::ptr_eq(old, entry),
                    (Some(None), None) => true,
                    _ => false,
                };
                let asset = u32::try_from(number * PAGE + usize::from(*place)).ok().map(AssetOffset);
                if let Some(asset) = asset.filter(|_| !same) {
                    let gone = before
                        .get(asset)
                        .filter(|old| entry.as_ref().is_none_or(|now| now.row.id().as_str() != old.id()));
                    since.push(Since {
                        asset,
                        gone: gone.and_then(|old| AssetId::new(old.id()).ok()),
                        now: entry.as_ref().map(|entry| entry.row.id().clone()),
                    });
                    table.put(asset, entry.clone());
                }
            }
        }
        Some((table, since))
    }

    /// How many assets there are.
    pub(crate) const fn len(&self) -> usize {
        self.tally.len()
    }

    /// How many places differ from the file.
    pub(crate) const fn changed(&self) -> usize {
        self.changed
    }

    /// The file.
    pub(crate) const fn file(&self) -> Option<&Arc<AssetFile>> {
        self.file.as_ref()
    }

    /// How many points they have.
    pub(crate) fn points(&self) -> usize {
        self.tally.points(ModalitySet::ALL, TrackSet::ALL)
    }

    /// How many there are, by modality and tracks.
    pub(crate) const fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Bytes of memory that no file stands behind, about.
    pub(crate) fn bytes(&self) -> usize {
        self.pages.iter().flatten().map(|page| page.bytes()).sum()
    }

    fn page(&self, number: usize) -> Option<&Page> {
        self.pages.get(number)?.as_deref()
    }

    /// The modality of the asset at an offset, as a set.
    pub(crate) fn modality(&self, asset: AssetOffset) -> ModalitySet {
        let (number, place) = place(asset);
        let page = self.page(number);
        page.and_then(|page| page.modalities.get(usize::from(place))).copied().unwrap_or(NO_ASSET)
    }

    /// The asset at an offset.
    pub(crate) fn get(&self, asset: AssetOffset) -> Option<EntryRef<'_>> {
        let (number, place) = place(asset);
        self.at(self.page(number)?, place)
    }

    /// Asks memory for assets that are read next.
    pub(crate) fn prefetch(&self, assets: impl Iterator<Item = AssetOffset> + Clone) {
        let rows = assets.filter_map(|asset| match self.get(asset)? {
            EntryRef::File(file, row) => Some((file, row)),
            EntryRef::Memory(_) => None,
        });
        rows.clone().for_each(|(file, row)| file.prefetch(row));
        rows.for_each(|(file, row)| file.prefetch_parts(row));
    }

    fn at<'a>(&'a self, page: &'a Page, place: u8) -> Option<EntryRef<'a>> {
        match page.change(place) {
            Some(entry) => entry.as_deref().map(EntryRef::Memory),
            None => Some(EntryRef::File(self.file.as_deref()?, page.row(place)?)),
        }
    }

    /// The asset at an offset, if it is still the one of this name.
    pub(crate) fn get_named(&self, asset: AssetOffset, id: &AssetId) -> Option<EntryRef<'_>> {
        self.get(asset).filter(|entry| entry.id() == id.as_str())
    }

    /// Puts an asset at an offset, or takes it away.
    pub(crate) fn set(&mut self, asset: AssetOffset, entry: Option<Entry>) {
        self.put(asset, entry.map(Arc::new));
    }

    fn put(&mut self, asset: AssetOffset, entry: Option<Arc<Entry>>) {
        let before = self.get(asset).map(EntryRef::class);
        let (number, place) = place(asset);
        if self.pages.len() <= number {
            self.pages.resize(number + 1, None);
        }
        let Some(page) = self.pages.get_mut(number) else { return };
        let page = Arc::make_mut(page.get_or_insert_with(|| Arc::new(Page::empty())));
        if let Some(before) = before {
            self.tally.remove(before);
            page.clear(place);
        }
        if let Some(entry) = &entry {
            let class = EntryRef::Memory(entry).class();
            self.tally.add(class);
            page.count(place, class);
        }
        match page.changed.binary_search_by_key(&place, |(place, _)| *place) {
            Ok(at) => {
                if let Some(slot) = page.changed.get_mut(at) {
                    slot.1 = entry;
                }
            }
            Err(at) => {
                page.changed.insert(at, (place, entry));
                self.changed += 1;
            }
        }
    }

    /// The points of all assets, in no order.
    pub(crate) fn all_points(&self) -> Vec<PointOffset> {
        if self.changed == 0 {
            return self.file.iter().flat_map(|file| file.points()).copied().map(PointOffset).collect();
        }
        let mut points = Vec::with_capacity(self.points());
        self.iter(ModalitySet::ALL)
            .for_each(|(_, entry)| points.extend(entry.tracked_points().map(|(point, _)| point)));
        points
    }

    /// Points of the assets that changed since the file was made.
    pub(crate) fn changed_points(&self) -> impl Iterator<Item = &Point> {
        let changed = self.pages.iter().flatten().flat_map(|page| &page.changed);
        changed.flat_map(|(_, entry)| entry).flat_map(|entry| entry.points.iter())
    }

    /// No asset has an offset so large.
    pub(crate) fn end(&self) -> usize {
        self.pages.len() * PAGE
    }

    /// Every asset of the modalities, in order of offset.
    pub(crate) fn iter(&self, modalities: ModalitySet) -> impl Iterator<Item = (AssetOffset, EntryRef<'_>)> {
        let pages = self.pages.iter().enumerate();
        let pages = pages.filter_map(|(number, page)| Some((number * PAGE, page.as_deref()?)));
        pages.flat_map(move |(start, page)| {
            let places = (0..=u8::MAX).zip(&page.modalities);
            places.filter_map(move |(place, modality)| {
                if !modality.meets(modalities) {
                    return None;
                }
                let asset = u32::try_from(start + usize::from(place)).ok()?;
                Some((AssetOffset(asset), self.at(page, place)?))
            })
        })
    }

    /// Those of a set that are of the modalities, and how many they are by modality and tracks.
    ///
    /// # Cost
    /// A few instructions for 64 assets of one class.
    pub(crate) fn narrow(&self, among: &Bits, modalities: ModalitySet) -> (Bits, Tally) {
        let (mut narrowed, mut tally) = (Bits::default(), Tally::default());
        for (number, page) in self.pages.iter().enumerate() {
            let Some(page) = page else { continue };
            let first = number * (PAGE / 64);
            for (class, mask) in page.classes.iter().filter(|(class, _)| modalities.has(class.modality)) {
                let mut count = 0;
                for (word, mask) in (first..).zip(mask) {
                    let kept = mask & among.word(word);
                    narrowed.unite_word(word, kept);
                    count += kept.count_ones() as usize;
                }
                tally.add_many(*class, count);
            }
        }
        (narrowed, tally)
    }
}

/// What changed at an offset since an earlier copy of a table.
#[derive(Debug)]
pub(crate) struct Since {
    /// The offset.
    pub(crate) asset: AssetOffset,
    /// The id that is gone.
    pub(crate) gone: Option<AssetId>,
    /// The id that is there now.
    pub(crate) now: Option<AssetId>,
}

/// The page of an asset, and its place there.
fn place(asset: AssetOffset) -> (usize, u8) {
    let [.., place] = asset.0.to_be_bytes();
    (asset.index() / PAGE, place)
}

#[cfg(test)]
mod tests;
