//! The assets in memory: id tracker and payload table in one.
//!
//! The table is a list of shared pages. A writer changes its own copy, of which only the pages it touches are copied;
//! readers keep the table they have. What a scan asks of every asset (modality, tracks) lies beside the pages'
//! entries, so that most scans follow no pointer.

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

    /// Whether the two share a track.
    pub(crate) const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// A set of modalities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ModalitySet(u8);

impl ModalitySet {
    /// The modalities of a request: an empty list means all.
    pub(crate) fn of_request(modalities: &[Modality]) -> Self {
        if modalities.is_empty() {
            return Self(u8::MAX);
        }
        Self(modalities.iter().fold(0, |set, modality| set | Self::bit(*modality)))
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

/// What a scan asks of an asset before it looks at the entry.
#[derive(Debug, Clone, Copy)]
struct Brief {
    /// One bit of [`ModalitySet`]; none where there is no asset.
    modality: u8,
    tracks: TrackSet,
}

const NO_ASSET: Brief = Brief { modality: 0, tracks: TrackSet::EMPTY };

#[derive(Debug, Clone)]
struct Page {
    entries: Vec<Option<Arc<Entry>>>,
    briefs: Vec<Brief>,
}

impl Page {
    fn empty() -> Self {
        Self { entries: vec![None; PAGE], briefs: vec![NO_ASSET; PAGE] }
    }
}

/// All assets by offset.
#[derive(Debug, Clone, Default)]
pub(crate) struct AssetTable {
    pages: Vec<Option<Arc<Page>>>,
    assets: usize,
    points: usize,
}

impl AssetTable {
    /// How many assets there are.
    pub(crate) const fn len(&self) -> usize {
        self.assets
    }

    /// How many points they have.
    pub(crate) const fn points(&self) -> usize {
        self.points
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
        if let Some(brief) = page.briefs.get_mut(index % PAGE) {
            *brief = entry.as_ref().map_or(NO_ASSET, |entry| Brief {
                modality: ModalitySet::bit(entry.record.modality),
                tracks: entry.tracks(),
            });
        }
        if let Some(entry) = &entry {
            self.assets += 1;
            self.points += entry.points.len();
        }
        let before = std::mem::replace(page.entries.get_mut(index % PAGE)?, entry.map(Arc::new));
        if let Some(before) = &before {
            self.assets -= 1;
            self.points -= before.points.len();
        }
        before
    }

    /// Every asset with a modality and a track of the sets, in order of offset.
    pub(crate) fn iter(
        &self,
        modalities: ModalitySet,
        tracks: TrackSet,
    ) -> impl Iterator<Item = (AssetOffset, &Arc<Entry>)> {
        let pages = self.pages.iter().enumerate();
        let pages = pages.filter_map(|(number, page)| Some((number * PAGE, page.as_ref()?)));
        pages.flat_map(move |(start, page)| {
            let places = page.briefs.iter().zip(&page.entries).enumerate();
            places.filter_map(move |(place, (brief, entry))| {
                if brief.modality & modalities.0 == 0 || !brief.tracks.meets(tracks) {
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
