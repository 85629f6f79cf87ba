//! The assets in memory: id tracker and payload table in one.
//!
//! The table is a list of shared pages. A writer changes its own copy, of which only the pages it touches are copied;
//! readers keep the table they have. What a search asks of an asset (its modality) lies beside the pages' entries, so that
//! most searches follow no pointer, and how many assets a search may give is counted as they come and go.

use std::sync::Arc;

use sensorium_types::{AssetId, AssetRecord, Modality, PointInfo, SourceKey, Span, StoredAsset, Track};

use crate::columns::Bits;
use crate::error::IndexError;
use crate::storage::{AssetOffset, AssetRow, PointOffset};

/// Assets of a page.
const PAGE: usize = 256;

/// A point of an asset.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Point {
    /// Its offset. Offsets ascend with (track, ordinal) inside an asset.
    pub(crate) offset: PointOffset,
    /// The track.
    pub(crate) track: Track,
    /// The place in the track.
    pub(crate) ordinal: u32,
    /// The part covered.
    pub(crate) span: Option<Span>,
}

impl Point {
    /// What readers see of it.
    pub(crate) const fn info(&self) -> PointInfo {
        PointInfo { track: self.track, ordinal: self.ordinal, span: self.span }
    }
}

/// A source of an asset.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Source {
    /// The change that first pointed it here.
    pub(crate) order: u64,
    /// Its name.
    pub(crate) key: Arc<SourceKey>,
    /// Its size.
    pub(crate) bytes: u64,
    /// Its modification time.
    pub(crate) mtime_ns: i128,
}

/// An asset in memory.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    /// The asset itself.
    pub(crate) record: Arc<AssetRow>,
    /// Its points in order of track and ordinal.
    pub(crate) points: Arc<[Point]>,
    /// Its sources in order of writing.
    pub(crate) sources: Vec<Source>,
}

impl Entry {
    /// The point with this offset.
    pub(crate) fn point(&self, offset: PointOffset) -> Option<&Point> {
        self.points
            .binary_search_by_key(&offset, |point| point.offset)
            .ok()
            .and_then(|at| self.points.get(at))
    }

    /// The point of this name.
    pub(crate) fn find(&self, track: Track, ordinal: u32) -> Option<&Point> {
        let key = (track.code(), ordinal);
        let at = self.points.binary_search_by_key(&key, |point| (point.track.code(), point.ordinal));
        at.ok().and_then(|at| self.points.get(at))
    }

    /// The asset as a reader gets it, without vectors.
    pub(crate) fn stored(&self) -> Result<StoredAsset, IndexError> {
        Ok(StoredAsset {
            record: self.record()?,
            points: self.points.iter().map(Point::info).collect(),
            vectors: Vec::new(),
            paths: self.sources.iter().map(|source| source.key.path.clone()).collect(),
        })
    }

    /// The asset's record.
    pub(crate) fn record(&self) -> Result<AssetRecord, IndexError> {
        let damaged = |what| IndexError::damaged(format!("the asset {:?}", self.record.id()), what);
        self.record.record().map_err(damaged)
    }

    /// Bytes in memory, about.
    pub(crate) fn bytes(&self) -> usize {
        let sources = self.sources.iter().map(|source| {
            size_of::<Source>() + size_of::<SourceKey>() + source.key.root.len() + source.key.path.len()
        });
        size_of::<Self>()
            + size_of::<AssetRow>()
            + self.record.heap_bytes()
            + self.points.len() * size_of::<Point>()
            + sources.sum::<usize>()
    }
}

/// A set of tracks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TrackSet(u8);

impl TrackSet {
    /// No track.
    pub(crate) const EMPTY: Self = Self(0);
    /// Every track.
    pub(crate) const ALL: Self = Self(u8::MAX);

    /// The tracks of a request: an empty list means all.
    pub(crate) fn of_request(tracks: &[Track]) -> Self {
        if tracks.is_empty() {
            Self::ALL
        } else {
            tracks.iter().fold(Self::EMPTY, |set, track| set.with(*track))
        }
    }

    /// The set with one more.
    pub(crate) const fn with(self, track: Track) -> Self {
        Self(self.0 | 1 << track.code())
    }

    /// Whether the track of this number is in it.
    pub(crate) const fn has_code(self, code: u8) -> bool {
        code < 8 && self.0 & 1 << code != 0
    }

    /// The tracks that are in both.
    pub(crate) const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether the two share a track.
    pub(crate) const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// A set of modalities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ModalitySet(u8);

impl ModalitySet {
    /// Every modality.
    pub(crate) const ALL: Self = Self(u8::MAX);

    /// The modalities of a request: an empty list means all.
    pub(crate) fn of_request(modalities: &[Modality]) -> Self {
        if modalities.is_empty() {
            return Self::ALL;
        }
        Self(modalities.iter().fold(0, |set, modality| set | Self::bit(*modality)))
    }

    /// The set of one.
    pub(crate) const fn of(modality: Modality) -> Self {
        Self(Self::bit(modality))
    }

    /// Whether the two share a modality.
    pub(crate) const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether a modality is in it.
    pub(crate) const fn has(self, modality: Modality) -> bool {
        self.0 & Self::bit(modality) != 0
    }

    const fn bit(modality: Modality) -> u8 {
        match modality {
            Modality::Text => 1,
            Modality::Image => 2,
            Modality::Video => 4,
            Modality::Audio => 8,
        }
    }
}

/// How many assets and points there are, by modality and by the tracks that an asset has.
#[derive(Debug, Clone)]
pub(crate) struct Tally {
    len: usize,
    /// Assets by modality and by the bits of their tracks.
    assets: [[usize; TRACK_SETS]; Modality::ALL.len()],
    /// Points by the modality of their asset and by track.
    points: [[usize; Track::ALL.len()]; Modality::ALL.len()],
}

/// Sets of tracks that there are.
const TRACK_SETS: usize = 1 << Track::ALL.len();

impl Default for Tally {
    fn default() -> Self {
        Self {
            len: 0,
            assets: [[0; TRACK_SETS]; Modality::ALL.len()],
            points: [[0; Track::ALL.len()]; Modality::ALL.len()],
        }
    }
}

impl Tally {
    /// Counts an asset.
    pub(crate) fn add(&mut self, entry: &Entry) {
        self.change(Class::of(entry), 1, usize::saturating_add);
    }

    /// Counts an asset no more.
    pub(crate) fn remove(&mut self, entry: &Entry) {
        self.change(Class::of(entry), 1, usize::saturating_sub);
    }

    /// Counts, or no more, so many assets of a class.
    fn change(&mut self, class: Class, count: usize, to: impl Fn(usize, usize) -> usize) {
        self.len = to(self.len, count);
        let modality = Modality::ALL.iter().position(|modality| *modality == class.modality);
        let Some(modality) = modality else { return };
        let assets = self.assets.get_mut(modality);
        if let Some(assets) = assets.and_then(|counts| counts.get_mut(usize::from(class.tracks().0))) {
            *assets = to(*assets, count);
        }
        let Some(points) = self.points.get_mut(modality) else { return };
        for (points, each) in points.iter_mut().zip(class.points) {
            *points = to(*points, count * each as usize);
        }
    }

    /// Assets of the modalities that have points of the tracks.
    pub(crate) fn assets(&self, modalities: ModalitySet, tracks: TrackSet) -> usize {
        let rows = self.of(modalities, &self.assets);
        let met = |(bits, count): (u8, &usize)| TrackSet(bits).meets(tracks).then_some(*count);
        rows.flat_map(|row| (0..).zip(row).filter_map(met)).sum()
    }

    /// Points of the tracks that assets of the modalities have.
    pub(crate) fn points(&self, modalities: ModalitySet, tracks: TrackSet) -> usize {
        let rows = self.of(modalities, &self.points);
        let met = |(code, count): (u8, &usize)| tracks.has_code(code).then_some(*count);
        rows.flat_map(|row| (0..).zip(row).filter_map(met)).sum()
    }

    fn of<'a, const N: usize>(
        &self,
        modalities: ModalitySet,
        rows: &'a [[usize; N]],
    ) -> impl Iterator<Item = &'a [usize; N]> {
        let named = Modality::ALL.into_iter().zip(rows);
        named.filter(move |(modality, _)| modalities.has(*modality)).map(|(_, row)| row)
    }
}

/// What counts of an asset: its modality, and its points by track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Class {
    modality: Modality,
    points: [u32; Track::ALL.len()],
}

impl Class {
    fn of(entry: &Entry) -> Self {
        let mut points = [0; Track::ALL.len()];
        for point in entry.points.iter() {
            if let Some(count) = points.get_mut(usize::from(point.track.code())) {
                *count += 1;
            }
        }
        Self { modality: entry.record.modality(), points }
    }

    fn tracks(&self) -> TrackSet {
        let met = (0..).zip(self.points).filter(|(_, count)| *count > 0);
        met.fold(TrackSet::EMPTY, |set, (code, _): (u8, _)| TrackSet(set.0 | 1 << code))
    }
}

/// The bit of no asset.
const NO_ASSET: ModalitySet = ModalitySet(0);

/// A bit for each asset of a page.
type Mask = [u64; PAGE / 64];

#[derive(Debug, Clone)]
struct Page {
    entries: Vec<Option<Arc<Entry>>>,
    modalities: Vec<ModalitySet>,
    /// The classes of its assets, each with who is of it: many assets are counted at a time, without a look at them.
    classes: Vec<(Class, Mask)>,
}

impl Page {
    fn empty() -> Self {
        Self { entries: vec![None; PAGE], modalities: vec![NO_ASSET; PAGE], classes: Vec::new() }
    }

    /// Takes note of what stands at a place.
    fn note(&mut self, place: usize, entry: Option<&Entry>) {
        if let Some(modality) = self.modalities.get_mut(place) {
            *modality = entry.map_or(NO_ASSET, |entry| ModalitySet::of(entry.record.modality()));
        }
        let (word, bit) = (place / 64, 1 << (place % 64));
        self.classes.retain_mut(|(_, mask)| {
            if let Some(word) = mask.get_mut(word) {
                *word &= !bit;
            }
            mask.iter().any(|word| *word != 0)
        });
        let Some(class) = entry.map(Class::of) else { return };
        let known = self.classes.iter().position(|(known, _)| *known == class);
        let place = known.unwrap_or_else(|| {
            self.classes.push((class, Mask::default()));
            self.classes.len() - 1
        });
        if let Some(word) = self.classes.get_mut(place).and_then(|(_, mask)| mask.get_mut(word)) {
            *word |= bit;
        }
    }
}

/// All assets by offset.
#[derive(Debug, Clone, Default)]
pub(crate) struct AssetTable {
    pages: Vec<Option<Arc<Page>>>,
    tally: Tally,
}

impl AssetTable {
    /// How many assets there are.
    pub(crate) const fn len(&self) -> usize {
        self.tally.len
    }

    /// How many points they have.
    pub(crate) fn points(&self) -> usize {
        self.tally.points(ModalitySet::ALL, TrackSet::ALL)
    }

    /// How many there are, by modality and tracks.
    pub(crate) const fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Bytes in memory, about. Goes over every asset.
    pub(crate) fn bytes(&self) -> usize {
        self.iter(ModalitySet::ALL).map(|(_, entry)| entry.bytes()).sum()
    }

    /// The modality of the asset at an offset, as a set.
    pub(crate) fn modality(&self, asset: AssetOffset) -> ModalitySet {
        let index = asset.index();
        let page = self.pages.get(index / PAGE).and_then(Option::as_ref);
        page.and_then(|page| page.modalities.get(index % PAGE)).copied().unwrap_or(NO_ASSET)
    }

    /// The asset at an offset.
    pub(crate) fn get(&self, asset: AssetOffset) -> Option<&Arc<Entry>> {
        let index = asset.index();
        self.pages.get(index / PAGE)?.as_ref()?.entries.get(index % PAGE)?.as_ref()
    }

    /// The asset at an offset, if it is still the one of this name.
    pub(crate) fn get_named(&self, asset: AssetOffset, id: &AssetId) -> Option<&Arc<Entry>> {
        self.get(asset).filter(|entry| entry.record.id() == id)
    }

    /// Puts an asset at an offset, or takes it away; gives the one before.
    pub(crate) fn set(&mut self, asset: AssetOffset, entry: Option<Entry>) -> Option<Arc<Entry>> {
        let index = asset.index();
        let number = index / PAGE;
        if self.pages.len() <= number {
            self.pages.resize(number + 1, None);
        }
        let page = self.pages.get_mut(number)?.get_or_insert_with(|| Arc::new(Page::empty()));
        let page = Arc::make_mut(page);
        page.note(index % PAGE, entry.as_ref());
        if let Some(entry) = &entry {
            self.tally.add(entry);
        }
        let before = std::mem::replace(page.entries.get_mut(index % PAGE)?, entry.map(Arc::new));
        if let Some(before) = &before {
            self.tally.remove(before);
        }
        before
    }

    /// Every asset of the modalities, in order of offset.
    pub(crate) fn iter(&self, modalities: ModalitySet) -> impl Iterator<Item = (AssetOffset, &Arc<Entry>)> {
        let pages = self.pages.iter().enumerate();
        let pages = pages.filter_map(|(number, page)| Some((number * PAGE, page.as_ref()?)));
        pages.flat_map(move |(start, page)| {
            let places = page.modalities.iter().zip(&page.entries).enumerate();
            places.filter_map(move |(place, (modality, entry))| {
                if !modality.meets(modalities) {
                    return None;
                }
                Some((AssetOffset(u32::try_from(start + place).ok()?), entry.as_ref()?))
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
                tally.change(*class, count, usize::saturating_add);
            }
        }
        (narrowed, tally)
    }
}

#[cfg(test)]
mod tests {
    use sensorium_types::{MediaPolicy, Payload};

    use super::*;

    fn entry(number: u32, modality: Modality, tracks: &[Track]) -> Entry {
        let points = (0..).zip(tracks).map(|(ordinal, track)| Point {
            offset: PointOffset(10 * number + ordinal),
            track: *track,
            ordinal,
            span: None,
        });
        Entry {
            record: Arc::new(
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
                right.add(entry);
                assets.push(asset.0);
            }
            let (narrowed, tally) = table.narrow(&among, modalities);
            assert!(assets.len() > 50);
            assert_eq!(narrowed.iter().collect::<Vec<_>>(), assets);
            assert_eq!(tally.len, right.len);
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
        assert_eq!(tally.len, table.len());
        assert_eq!(tally.points(ModalitySet::ALL, TrackSet::ALL), table.points());
        assert!(table.pages.iter().flatten().all(|page| page.classes.len() <= 21), "classes of nobody go");
    }
}
