//! One asset under the eyes of a query, and media as vectors.

use crate::{Modality, Moment, PointInfo, Term};

/// A query that is asked of one asset.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CurveRequest {
    /// The terms; at least one counts above 0. Their sum is asked.
    pub terms: Vec<Term>,
    /// Leave the hub correction out.
    pub raw: bool,
}

/// The score of a query at every point of one asset.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Curve {
    /// Its points in order of track and ordinal.
    pub points: Vec<CurvePoint>,
    /// Its moments, best first.
    pub moments: Vec<Moment>,
}

/// A point beside what a query makes of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CurvePoint {
    /// The point.
    pub point: PointInfo,
    /// Cosine of the query and the point.
    pub cosine: f32,
    /// Calibrated score; `None` when the query holds a vector.
    pub score: Option<f32>,
}

/// A text or a file as vectors.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedding {
    /// What it is.
    pub modality: Modality,
    /// Its parts, each with its vector of length 1. A text has one, without a span.
    pub points: Vec<(PointInfo, Vec<f32>)>,
}
