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
mod tests {
    use sensorium_types::{AssetRecord, HubValues, MediaPolicy, Modality, Payload, Track};

    use super::super::making::Making;
    use super::*;
    use crate::storage::AssetRow;

    fn entry(number: u32, modality: Modality, tracks: &[Track]) -> Entry {
        let points = (0..).zip(tracks).map(|(ordinal, track)| Point {
            offset: PointOffset(10 * number + ordinal),
            track: *track,
            ordinal,
            span: None,
        });
        Entry {
            row: Arc::new(
                AssetRow::new(&AssetRecord {
                    id: AssetId::new(&number.to_string()).expect("valid"),
                    hash: None,
                    modality,
                    space_revision: String::new(),
                    facts: Payload::new(),
                    metadata: Payload::new(),
                    media: MediaPolicy::None,
                    from_source: false,
                })
                .expect("encodes"),
            ),
            points: points.collect(),
            sources: Vec::new(),
        }
    }

    #[test]
    fn assets_are_narrowed_and_counted_as_if_each_were_looked_at() {
        let mut table = AssetTable::default();
        for number in (0..1500_u32).filter(|number| number % 7 != 0) {
            let modality = Modality::ALL[number as usize % 4];
            let tracks: &[Track] = match number % 5 {
                0 => &[],
                1 => &[Track::Image],
                2 => &[Track::Text],
                3 => &[Track::Video, Track::Video, Track::Audio],
                _ => &[Track::Audio, Track::Caption],
            };
            table.set(AssetOffset(number), Some(entry(number, modality, tracks)));
        }
        for number in (0..1500).step_by(11) {
            table.set(AssetOffset(number), None);
        }
        table.set(AssetOffset(1100), Some(entry(1100, Modality::Text, &[Track::Text])));
        table.set(AssetOffset(9), Some(entry(9, Modality::Video, &[Track::Video])));
        let among: Bits = (0..1600).filter(|number| number % 3 == 0).collect();
        for modalities in [vec![], vec![Modality::Image], vec![Modality::Text, Modality::Video]] {
            let modalities = ModalitySet::of_request(&modalities);
            let (mut right, mut assets) = (Tally::default(), Vec::new());
            for (asset, entry) in table.iter(modalities).filter(|(asset, _)| among.has(asset.0)) {
                right.add(entry.class());
                assets.push(asset.0);
            }
            let (narrowed, tally) = table.narrow(&among, modalities);
            assert!(assets.len() > 50);
            assert_eq!(narrowed.iter().collect::<Vec<_>>(), assets);
            assert_eq!(tally.len(), right.len());
            for tracks in
                [TrackSet::ALL, TrackSet::EMPTY.with(Track::Audio), TrackSet::EMPTY.with(Track::Text)]
            {
                let counts =
                    |tally: &Tally| (tally.assets(modalities, tracks), tally.points(modalities, tracks));
                assert_eq!(counts(&tally), counts(&right));
                assert!(tally.points(modalities, tracks) > 0);
            }
        }
        let all = table.iter(ModalitySet::ALL).map(|(asset, _)| asset.0).collect();
        let (_, tally) = table.narrow(&all, ModalitySet::ALL);
        assert_eq!(tally.len(), table.len());
        assert_eq!(tally.points(ModalitySet::ALL, TrackSet::ALL), table.points());
        assert!(table.pages.iter().flatten().all(|page| page.classes.len() <= 21), "classes of nobody go");
    }

    /// Everything that can be asked of an asset.
    fn told(entry: EntryRef<'_>) -> (Entry, String, Vec<Point>) {
        let found: Vec<_> =
            entry.points().filter_map(|point| entry.find(point.track, point.ordinal)).collect();
        assert!(entry.points().all(|point| entry.point(point.offset) == Some(point)));
        (entry.to_entry().expect("reads"), entry.id().to_owned(), found)
    }

    fn written(table: &AssetTable, folder: &std::path::Path, operation: u64) -> Arc<AssetFile> {
        let hubs = Some((7, |point: PointOffset| HubValues([point.0 as f32, 0.0, 1.0])));
        let row = Making { table, operation, hubs }.write(folder).expect("writes");
        Arc::new(AssetFile::open(folder, row).expect("opens"))
    }

    fn filled(numbers: std::ops::Range<u32>) -> AssetTable {
        let mut table = AssetTable::default();
        for number in numbers.filter(|number| number % 7 != 0) {
            let tracks = Track::ALL.get(..number as usize % 4).expect("tracks");
            let mut entry = entry(number, Modality::ALL[number as usize % 4], tracks);
            let spans = [
                None,
                Some(sensorium_types::Span::Time { start_ms: 3, end_ms: u64::MAX }),
                Some(sensorium_types::Span::Chars { from: 1, to: 2 }),
            ];
            entry.points = (0..)
                .zip(entry.points.iter())
                .map(|(at, point)| Point { span: spans[at], ..*point })
                .collect();
            let key = |path: u32| {
                Arc::new(sensorium_types::SourceKey {
                    root: b"/r".to_vec(),
                    path: format!("/r/{number}/{path}").into_bytes(),
                })
            };
            entry.sources = (0..number % 3)
                .map(|path| super::super::entry::Source {
                    order: path.into(),
                    key: key(path),
                    bytes: 5,
                    mtime_ns: i128::from(u64::MAX) * 3,
                })
                .collect();
            table.set(AssetOffset(number), Some(entry));
        }
        table
    }

    #[test]
    fn a_table_over_a_file_tells_what_the_table_in_memory_told() {
        let folder = tempfile::tempdir().expect("folder");
        let mut table = filled(300..1500);
        for round in 1..=3_u32 {
            let file = written(&table, folder.path(), round.into());
            assert_eq!(file.hub_values(7).expect("of this bank").count(), table.points());
            assert!(
                file.hub_values(7)
                    .expect("of this bank")
                    .all(|(point, _, values)| values.0[0] == point.0 as f32)
            );
            assert!(file.hub_values(8).is_none());
            let (mut rebased, since) = table.rebased(&table, Arc::clone(&file)).expect("a copy");
            assert!(since.is_empty());
            assert_eq!(
                (rebased.changed(), rebased.len(), rebased.points()),
                (0, table.len(), table.points())
            );
            let all = |table: &AssetTable| {
                table.iter(ModalitySet::ALL).map(|(at, entry)| (at, told(entry))).collect::<Vec<_>>()
            };
            assert_eq!(all(&rebased), all(&table));
            for number in 0..1600 {
                let asset = AssetOffset(number);
                assert_eq!(rebased.get(asset).map(told), table.get(asset).map(told));
                assert_eq!(rebased.modality(asset), table.modality(asset));
                if let Some(entry) = table.get(asset) {
                    assert_eq!(file.find(entry.id()), Some(asset));
                }
            }
            let some: Bits = (0..1600).filter(|number| number % 3 == 0).collect();
            let counts = |table: &AssetTable| {
                let (bits, tally) = table.narrow(&some, ModalitySet::ALL);
                (bits.iter().collect::<Vec<_>>(), tally.len(), tally.points(ModalitySet::ALL, TrackSet::ALL))
            };
            assert_eq!(counts(&rebased), counts(&table));
            assert!(rebased.bytes() < table.bytes() || round > 1);
            // Changes, on both alike.
            for table in [&mut table, &mut rebased] {
                for number in (round..1600).step_by(37) {
                    let asset = AssetOffset(number);
                    let fresh = entry(number + 5000 * round, Modality::Video, &[Track::Video]);
                    table.set(asset, (number % 2 == 0).then_some(fresh));
                }
            }
            assert_eq!(all(&rebased), all(&table));
            table = rebased;
        }
    }

    #[test]
    fn what_changes_while_a_file_is_written_stays() {
        let folder = tempfile::tempdir().expect("folder");
        let mut table = filled(0..600);
        table.set(AssetOffset(8), None);
        let before = table.clone();
        table.set(AssetOffset(1), None);
        table.set(AssetOffset(2), Some(entry(2, Modality::Video, &[Track::Video])));
        table.set(AssetOffset(9000), Some(entry(9000, Modality::Audio, &[Track::Audio])));
        table.set(AssetOffset(9001), None);
        let file = written(&before, folder.path(), 1);
        let (rebased, since) = table.rebased(&before, Arc::clone(&file)).expect("a copy");
        let names = |name: &Option<AssetId>| name.as_ref().map(|id| id.as_str().to_owned());
        let since: Vec<_> =
            since.iter().map(|since| (since.asset.0, names(&since.gone), names(&since.now))).collect();
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(
            since,
            [(1, text("1"), None), (2, None, text("2")), (9000, None, text("9000")), (9001, None, None)]
        );
        assert_eq!(rebased.changed(), 4);
        for (asset, entry) in table.iter(ModalitySet::ALL) {
            assert_eq!(rebased.get(asset).map(told), Some(told(entry)));
        }
        assert_eq!((rebased.len(), rebased.points()), (table.len(), table.points()));
        assert!(table.rebased(&filled(0..600), file).is_none(), "a table that was read anew");
    }

    #[test]
    fn names_of_a_file_and_of_what_changed_come_in_one_order() {
        let folder = tempfile::tempdir().expect("folder");
        let table = filled(0..300);
        let file = written(&table, folder.path(), 1);
        let id = |id: &str| AssetId::new(id).expect("valid");
        let changed =
            [(id("1"), None), (id("10"), Some(AssetOffset(900))), (id("zebra"), Some(AssetOffset(901)))];
        let names = super::super::Names::new(Some(file), changed.clone().into_iter().collect());
        let mut right: std::collections::BTreeMap<_, _> =
            table.iter(ModalitySet::ALL).map(|(asset, entry)| (id(entry.id()), Some(asset))).collect();
        right.extend(changed);
        let right: Vec<_> = right.into_iter().filter_map(|(id, asset)| Some((id, asset?))).collect();
        assert_eq!(names.after(None, 10_000), right);
        for at in (0..right.len()).step_by(10) {
            let after = names.after(Some(&right[at].0), 7);
            assert_eq!(after, right[at + 1..].iter().take(7).cloned().collect::<Vec<_>>());
        }
        assert!(right.iter().all(|(id, asset)| names.get(id) == Some(*asset)));
        assert_eq!([id("1"), id("7"), id("absent")].map(|id| names.get(&id)), [None; 3]);
        names.note([(id("2"), None), (id("1"), Some(AssetOffset(5)))].into_iter());
        assert_eq!((names.get(&id("2")), names.get(&id("1"))), (None, Some(AssetOffset(5))));
    }
}
