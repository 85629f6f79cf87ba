//! How the answer to a query came about.
//!
//! A server may be newer than who asks it: names that this program does not know are told as far as they can be.

use crate::{AssetId, Calibration, Content, FilterFacts, Plan, PointInfo};

/// How the terms were put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fusion {
    /// One vector: the normalized sum of the terms.
    Early,
    /// One list for each term, fused by reciprocal rank.
    Late,
}

impl Fusion {
    /// The lower-case name used in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Early => "early",
            Self::Late => "late",
        }
    }
}

/// How an answer came about.
#[derive(Debug, Clone, PartialEq)]
pub struct Explain {
    /// How the terms were put together.
    pub fusion: Fusion,
    /// The terms that are texts, from 0, and the code of the language in which each was read.
    pub languages: Vec<(usize, String)>,
    /// What became of the filter, if there was one.
    pub filter: Option<FilterFacts>,
    /// Every search of the store.
    pub searches: Vec<ExplainedSearch>,
}

/// One search of the store.
#[derive(Debug, Clone, PartialEq)]
pub struct ExplainedSearch {
    /// The term asked for, from 0; `None` for the sum of all.
    pub term: Option<usize>,
    /// What was searched; `None` where this program does not know it.
    pub content: Option<Content>,
    /// How the points were looked through; `None` where this program does not know it.
    pub plan: Option<Plan>,
    /// Points compared with the query.
    pub points_compared: u64,
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
