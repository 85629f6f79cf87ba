//! What a query is answered with.

use std::path::PathBuf;

use sensorium_types::{
    AssetId, Calibration, Content, FilterFacts, Language, Modality, Moment, Payload, Plan, PointInfo,
};

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
    /// The first of its paths that still exists.
    pub path: Option<PathBuf>,
    /// All its paths, in order of writing.
    pub paths: Vec<PathBuf>,
    /// Where in a video or a sound.
    pub moment: Option<Moment>,
    /// Where in a text, in characters.
    pub range: Option<(u64, u64)>,
    /// Its fields.
    pub payload: Payload,
    /// The best point.
    pub point: PointInfo,
}

/// The answer to a query, best first.
#[derive(Debug, Clone, PartialEq)]
pub struct QueryReply {
    /// The rows.
    pub hits: Vec<Hit>,
    /// Whether even the best hit's score is below [`WEAK_SCORE`].
    pub weak: bool,
    /// How it came about, if that was asked for.
    pub explain: Option<Explain>,
}

/// How the terms were put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fusion {
    /// One vector: the normalized sum of the terms.
    Early,
    /// One list for each term, fused by reciprocal rank.
    Late,
}

/// How an answer came about.
#[derive(Debug, Clone, PartialEq)]
pub struct Explain {
    /// How the terms were put together.
    pub fusion: Fusion,
    /// The terms that are texts, from 0, and the language in which each was read.
    pub languages: Vec<(usize, Language)>,
    /// What became of the filter, if there was one.
    pub filter: Option<FilterFacts>,
    /// Every search of the store.
    pub searches: Vec<ExplainedSearch>,
    /// Time of each step, in order.
    pub steps: Vec<ExplainedStep>,
}

/// One search of the store.
#[derive(Debug, Clone, PartialEq)]
pub struct ExplainedSearch {
    /// The term asked for, from 0; `None` for the sum of all.
    pub term: Option<usize>,
    /// What was searched: images, sounds or texts.
    pub content: Content,
    /// How the points were looked through.
    pub plan: Plan,
    /// Points compared with the query.
    pub points_compared: usize,
    /// What turned cosines, corrected ones where they are, into scores.
    pub calibration: Option<Calibration>,
    /// What it found, best first.
    pub hits: Vec<ExplainedHit>,
}

/// One find of one search.
#[derive(Debug, Clone, PartialEq)]
pub struct ExplainedHit {
    /// Its place in this search, from 1.
    pub rank: usize,
    /// The asset.
    pub asset: AssetId,
    /// Its best point of that content.
    pub point: PointInfo,
    /// Cosine of the query and that point.
    pub cosine: f32,
    /// The cosine less the point's hub values, which made the score; `None` where nothing was corrected.
    pub corrected: Option<f32>,
    /// Its calibrated score.
    pub score: Option<f32>,
}

/// Time of one step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ExplainedStep {
    /// What was done.
    pub name: &'static str,
    /// How long it took.
    pub seconds: f64,
}
