//! One point of an asset.

use sensorium_types::{PointInfo, Span, Track};

use crate::storage::PointOffset;

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
