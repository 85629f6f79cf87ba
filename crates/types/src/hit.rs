//! What a query is answered with.

use std::path::PathBuf;

use crate::{AssetId, Explain, Modality, Moment, Payload, PointInfo, StageTime};

/// A best score below this is called weak: it lies within what random pairs reach.
pub const WEAK_SCORE: f32 = 3.0;

/// One row of an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    /// Its place, from 1.
    pub rank: usize,
    /// The asset.
    pub asset: AssetId,
    /// Calibrated score of its best point; `None` when the query holds a vector.
    pub score: Option<f32>,
    /// Cosine of the query and that point.
    pub cosine: f32,
    /// What the asset is.
    pub modality: Modality,
    /// The first of its paths that still exists, on the machine that answers.
    pub path: Option<PathBuf>,
    /// All its paths, in order of writing.
    pub paths: Vec<PathBuf>,
    /// Where in a video or an audio clip.
    pub moment: Option<Moment>,
    /// Where in a text, in characters: the first, and the first after it.
    pub range: Option<(u64, u64)>,
    /// Its fields.
    pub payload: Payload,
    /// The best point.
    pub point: PointInfo,
    /// Whether it was asked by texts, as no space joins what asks and what was found.
    pub bridged: bool,
}

/// The answer to a query, best first.
#[derive(Debug, Clone, PartialEq)]
pub struct QueryReply {
    /// The rows.
    pub hits: Vec<Hit>,
    /// Whether even the best hit's score is below [`WEAK_SCORE`].
    pub weak: bool,
    /// How long each step took, in order. A server tells it with [`QueryReply::explain`] alone.
    pub steps: Vec<StageTime>,
    /// How it came about, if that was asked for.
    pub explain: Option<Explain>,
}
