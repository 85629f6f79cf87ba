//! What a collection is asked about itself.

use crate::{CollectionStats, SpaceInfo};

/// How many assets have captions of the bundle at hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CaptionCounts {
    /// Assets that have them.
    pub made: u64,
    /// Assets that lack them: of images, videos and audio those that the bundle can put into words.
    pub missing: u64,
}

/// Counts and sizes of a collection, with what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatsReply {
    /// Its name.
    pub collection: String,
    /// The space of its vectors.
    pub space: SpaceInfo,
    /// Counts and sizes.
    pub counts: CollectionStats,
    /// Captions made and missing, where the collection keeps them.
    pub captions: Option<CaptionCounts>,
}
