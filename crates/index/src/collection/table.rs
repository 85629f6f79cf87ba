//! The assets in memory: id tracker and payload table in one.
//!
//! The table is a list of shared pages. A writer changes its own copy, of which only the pages it touches are copied;
//! readers keep the table they have. What a search asks of an asset (its modality) lies beside the pages' entries, so that
//! most searches follow no pointer, and how many assets a search may give is counted as they come and go.

use std::sync::Arc;

use sensorium_types::{AssetId, AssetRecord, Modality, PointInfo, SourceKey, Span, StoredAsset, Track};

use crate::storage::{AssetOffset, PointOffset};

/// Assets of a page.
const PAGE: usize = 256;

/// A point of an asset.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Point {
    /// Its offset. Offsets ascend with (track, ordinal) inside an asset.
    pub(crate) offset: PointOffset,
    /// The strand.
    pub(crate) track: Track,
    /// The place in the strand.
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
    pub(crate) record: Arc<AssetRecord>,
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
    pub(crate) fn stored(&self) -> StoredAsset {
        StoredAsset {
            record: AssetRecord::clone(&self.record),
            points: self.points.iter().map(Point::info).collect(),
            vectors: Vec::new(),
            paths: self.sources.iter().map(|source| source.key.path.clone()).collect(),
        }
    }

    fn tracks(&self) -> TrackSet {
        self.points.iter().fold(TrackSet::EMPTY, |set, point| set.with(point.track))
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
        self.change(entry, |count| count + 1);
    }

    /// Counts an asset no more.
    pub(crate) fn remove(&mut self, entry: &Entry) {
        self.change(entry, |count| count.saturating_sub(1));
    }

    fn change(&mut self, entry: &Entry, to: impl Fn(usize) -> usize) {
        self.len = to(self.len);
        let modality = Modality::ALL.iter().position(|modality| *modality == entry.record.modality);
        let Some(modality) = modality else { return };
        let assets = self.assets.get_mut(modality);
        if let Some(count) = assets.and_then(|counts| counts.get_mut(usize::from(entry.tracks().0))) {
            *count = to(*count);
        }
        let Some(points) = self.points.get_mut(modality) else { return };
        for point in entry.points.iter() {
            if let Some(count) = points.get_mut(usize::from(point.track.code())) {
                *count = to(*count);
            }
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

/// The bit of no asset.
const NO_ASSET: ModalitySet = ModalitySet(0);

#[derive(Debug, Clone)]
struct Page {
    entries: Vec<Option<Arc<Entry>>>,
    modalities: Vec<ModalitySet>,
}

impl Page {
    fn empty() -> Self {
        Self { entries: vec![None; PAGE], modalities: vec![NO_ASSET; PAGE] }
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
        self.get(asset).filter(|entry| entry.record.id == *id)
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
        if let Some(modality) = page.modalities.get_mut(index % PAGE) {
            *modality = entry.as_ref().map_or(NO_ASSET, |entry| ModalitySet::of(entry.record.modality));
        }
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

    /// Every asset, also those without points, in order of offset.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Entry>> {
        self.pages.iter().flatten().flat_map(|page| page.entries.iter().flatten())
    }
}
