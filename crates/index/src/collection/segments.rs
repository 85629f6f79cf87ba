//! [`Segments`]: the points of one content, in sealed segments and a growing tail. A collection has one of each
//! [`SegmentKind`], so that a search of images meets images alone.

use std::sync::Arc;

use sensorium_types::{Content, Track};

use super::sealed::Sealed;
use super::tail::{RowRef, Tail};
use crate::assets::TrackSet;
use crate::storage::PointOffset;

/// What the points of a segment show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum SegmentKind {
    /// Images and frames of video.
    Image,
    /// Windows of audio.
    Audio,
    /// Passages of text.
    Text,
    /// Captions that a decoder wrote.
    Caption,
}

impl SegmentKind {
    /// Every kind, in the order of [`SegmentKind::code`].
    pub(crate) const ALL: [Self; 4] = [Self::Image, Self::Audio, Self::Text, Self::Caption];

    /// The kind of a track's points.
    pub(crate) const fn of(track: Track) -> Self {
        match track {
            Track::Video | Track::Image | Track::Fused => Self::Image,
            Track::Audio => Self::Audio,
            Track::Text => Self::Text,
            Track::Caption => Self::Caption,
        }
    }

    /// What its points are.
    pub(crate) const fn content(self) -> Content {
        match self {
            Self::Image => Content::Image,
            Self::Audio => Content::Audio,
            Self::Text | Self::Caption => Content::Text,
        }
    }

    /// The kind of the points of a track by its number.
    pub(crate) fn of_code(track: u8) -> Option<Self> {
        Track::from_code(track).map(Self::of)
    }

    /// The stable number of the kind on disk.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Image => 0,
            Self::Audio => 1,
            Self::Text => 2,
            Self::Caption => 3,
        }
    }

    /// The kind with this number on disk.
    pub(crate) fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }

    /// The lower-case name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Audio => "audio",
            Self::Text => "text",
            Self::Caption => "caption",
        }
    }

    /// The tracks of its points.
    pub(crate) fn tracks(self) -> TrackSet {
        let own = Track::ALL.into_iter().filter(|track| Self::of(*track) == self);
        own.fold(TrackSet::EMPTY, TrackSet::with)
    }
}

/// A sealed segment, and how many of its rows died since.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    /// The segment.
    pub(crate) sealed: Arc<Sealed>,
    /// Its dead rows.
    pub(crate) dead: usize,
}

/// The points of one kind.
#[derive(Debug, Clone)]
pub(crate) struct Segments {
    /// Sealed segments, oldest first.
    pub(crate) parts: Vec<Part>,
    /// Points that no graph holds.
    pub(crate) tail: Tail,
}

impl Segments {
    /// No points, of vectors of this dimension.
    pub(crate) const fn new(dim: usize) -> Self {
        Self { parts: Vec::new(), tail: Tail::new(dim) }
    }

    /// The point with this offset.
    pub(crate) fn find(&self, point: PointOffset) -> Option<RowRef<'_>> {
        self.parts.iter().find_map(|part| part.sealed.find(point)).or_else(|| self.tail.find(point))
    }

    /// Whether a sealed segment has the point, dead or alive.
    pub(crate) fn is_sealed(&self, point: PointOffset) -> bool {
        self.parts.iter().any(|part| part.sealed.has(point))
    }

    /// Takes note that a point died.
    pub(crate) fn kill(&mut self, point: PointOffset) {
        match self.parts.iter_mut().find(|part| part.sealed.has(point)) {
            Some(part) => part.dead += 1,
            None => self.tail.kill(point),
        }
    }

    /// Rows of sealed segments and of the tail, dead ones included.
    pub(crate) fn rows(&self) -> usize {
        self.sealed_rows() + self.tail.len()
    }

    /// Rows of sealed segments, dead ones included.
    pub(crate) fn sealed_rows(&self) -> usize {
        self.parts.iter().map(|part| part.sealed.len()).sum()
    }

    /// Bytes of memory that no file stands behind.
    pub(crate) fn bytes(&self) -> usize {
        self.parts.iter().map(|part| part.sealed.owned_bytes()).sum::<usize>() + self.tail.bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_track_is_of_one_kind_and_codes_round_trip() {
        for kind in SegmentKind::ALL {
            assert_eq!(SegmentKind::from_code(kind.code()), Some(kind));
        }
        for track in Track::ALL {
            let kinds = SegmentKind::ALL.into_iter().filter(|kind| kind.tracks().has_code(track.code()));
            assert_eq!(kinds.collect::<Vec<_>>(), [SegmentKind::of(track)]);
            assert_eq!(SegmentKind::of_code(track.code()), Some(SegmentKind::of(track)));
        }
        assert_eq!(SegmentKind::of_code(77), None);
    }
}
