//! Sets of tracks and of modalities, and how many assets and points there are of each.

use sensorium_types::{Modality, Track};

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
    /// No modality.
    pub(super) const EMPTY: Self = Self(0);
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
    /// How many assets there are.
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// Counts an asset.
    pub(super) fn add(&mut self, class: Class) {
        self.change(class, 1, usize::saturating_add);
    }

    /// Counts so many assets of a class.
    pub(super) fn add_many(&mut self, class: Class, count: usize) {
        self.change(class, count, usize::saturating_add);
    }

    /// Counts an asset no more.
    pub(crate) fn remove(&mut self, class: Class) {
        self.change(class, 1, usize::saturating_sub);
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
pub(crate) struct Class {
    pub(super) modality: Modality,
    points: [u32; Track::ALL.len()],
}

impl Class {
    /// The class of an asset of this modality whose points are of these tracks.
    pub(super) fn of_tracks(modality: Modality, tracks: impl Iterator<Item = u8>) -> Self {
        let mut points = [0; Track::ALL.len()];
        for track in tracks {
            if let Some(count) = points.get_mut(usize::from(track)) {
                *count += 1;
            }
        }
        Self { modality, points }
    }

    fn tracks(&self) -> TrackSet {
        let met = (0..).zip(self.points).filter(|(_, count)| *count > 0);
        met.fold(TrackSet::EMPTY, |set, (code, _): (u8, _)| TrackSet(set.0 | 1 << code))
    }
}
