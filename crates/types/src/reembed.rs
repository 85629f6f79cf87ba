//! What a run of `reembed` plans, and what it tells.

use std::path::PathBuf;

use crate::{AssetId, FailureReason, Modality, SpaceInfo};

/// What is to be done, before anything is.
#[derive(Debug, Clone, PartialEq)]
pub struct ReembedPlan {
    /// The space of the vectors that are there.
    pub from: SpaceInfo,
    /// The space of the bundle at hand.
    pub to: SpaceInfo,
    /// Assets of the collection.
    pub assets: u64,
    /// Assets that an earlier run brought over, or that need nothing.
    pub done: u64,
    /// Assets that a run goes through.
    pub pending: u64,
    /// Assets whose media is gone, in order of id.
    pub without_media: Vec<WithoutMedia>,
}

impl ReembedPlan {
    /// Whether there is nothing to do.
    pub fn is_done(&self) -> bool {
        self.from == self.to && self.pending == 0
    }

    /// Assets that would be without vectors.
    pub fn losses(&self) -> u64 {
        self.without_media.iter().filter(|lacking| lacking.substitute == Substitute::Nothing).count() as u64
    }
}

/// An asset whose bytes cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WithoutMedia {
    /// The asset.
    pub asset: AssetId,
    /// What it is.
    pub modality: Modality,
    /// Where it was last.
    pub path: Option<PathBuf>,
    /// Why not.
    pub reason: FailureReason,
    /// What its vectors can be made of instead.
    pub substitute: Substitute,
}

/// What vectors can be made of when the media is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Substitute {
    /// The stored thumbnails of its images.
    Thumbnails,
    /// Nothing: the asset stays without vectors.
    Nothing,
}

impl Substitute {
    /// The lower-case name used in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Thumbnails => "thumbnails",
            Self::Nothing => "nothing",
        }
    }
}

/// Which assets may come over without their media being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Losses {
    /// None beyond those that have thumbnails: with any other the collection stays as it was.
    None,
    /// Those that the plan lists.
    Listed,
    /// Also those that turn out to be unreadable.
    All,
}

/// What became of an asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReembedState {
    /// Its media was encoded anew.
    Reembedded,
    /// Its thumbnails were encoded instead.
    FromThumbnails,
    /// It came over without vectors.
    WithoutVectors,
}

impl ReembedState {
    /// The lower-case name used in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reembedded => "reembedded",
            Self::FromThumbnails => "from_thumbnails",
            Self::WithoutVectors => "without_vectors",
        }
    }
}

/// An asset is done.
#[derive(Debug, Clone, PartialEq)]
pub struct ReembedEvent {
    /// The asset.
    pub asset: AssetId,
    /// What it is.
    pub modality: Modality,
    /// Where it was last, if it came from a file.
    pub path: Option<PathBuf>,
    /// Points written.
    pub points: u64,
    /// What became of it.
    pub state: ReembedState,
    /// Why its media could not be used.
    pub reason: Option<FailureReason>,
}

/// Counts of a run.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ReembedSummary {
    /// Assets encoded anew.
    pub reembedded: u64,
    /// Assets encoded by their thumbnails.
    pub from_thumbnails: u64,
    /// Assets that came over without vectors.
    pub without_vectors: u64,
    /// Points written.
    pub points: u64,
    /// Assets that could not be read and were not given up: with any of them the collection stays as it was.
    pub unread: Vec<WithoutMedia>,
    /// Whether the collection is in the bundle's space now.
    pub finished: bool,
    /// Whether the run was cancelled; what it counts is kept for the next.
    pub interrupted: bool,
    /// Wall time.
    pub seconds: f64,
}

impl ReembedSummary {
    /// Counts an asset.
    pub fn add(&mut self, event: &ReembedEvent) {
        match event.state {
            ReembedState::Reembedded => self.reembedded += 1,
            ReembedState::FromThumbnails => self.from_thumbnails += 1,
            ReembedState::WithoutVectors => self.without_vectors += 1,
        }
        self.points += event.points;
    }
}
