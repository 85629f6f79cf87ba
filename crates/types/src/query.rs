//! What a query asks.

use std::path::PathBuf;
use std::sync::Arc;

use crate::{AssetId, Filter, Language, Modality, Track, is_blank};

/// Rows given where no limit is named.
pub const DEFAULT_LIMIT: usize = 10;

/// One member of a query.
#[derive(Debug, Clone, PartialEq)]
pub struct Term {
    /// How much it counts; below 0 to lead away from it.
    pub weight: f32,
    /// What it is.
    pub input: TermInput,
}

/// What a term is made of.
#[derive(Debug, Clone, PartialEq)]
pub enum TermInput {
    /// A text, in whatever language it seems to be.
    Text(String),
    /// A text in a language that is known.
    TextIn(Language, String),
    /// A file of any modality, of the machine that asks: a server is sent its bytes.
    File(PathBuf),
    /// The bytes of such a file.
    Bytes(Arc<[u8]>),
    /// A stored asset, by the mean of its main track. It is left out of the answer.
    Asset(AssetId),
    /// One point of a stored asset (`None`: of its main track). The asset is left out of the answer.
    Point(AssetId, Option<Track>, u32),
    /// A vector of the space; the query then has no calibrated score.
    Vector(Vec<f32>),
}

impl TermInput {
    /// Whether it becomes a vector by encoders alone; else it is one, or is stored with one.
    pub const fn is_encoded(&self) -> bool {
        match self {
            Self::Text(_) | Self::TextIn(..) | Self::File(_) | Self::Bytes(_) => true,
            Self::Asset(_) | Self::Point(..) | Self::Vector(_) => false,
        }
    }

    /// Whether it is a text without anything to read.
    pub fn is_blank(&self) -> bool {
        match self {
            Self::Text(text) | Self::TextIn(_, text) => is_blank(text),
            Self::File(_) | Self::Bytes(_) | Self::Asset(_) | Self::Point(..) | Self::Vector(_) => false,
        }
    }
}

/// A query. The default asks for nothing: it needs terms.
#[derive(Debug, Clone, PartialEq)]
pub struct QueryRequest {
    /// The terms; at least one counts above 0.
    pub terms: Vec<Term>,
    /// Only assets of these modalities (empty: of all).
    pub modalities: Vec<Modality>,
    /// Only assets that meet this.
    pub filter: Option<Filter>,
    /// Most rows to give.
    pub limit: usize,
    /// Exactly `min(limit, live matches)` rows, by exact search, whatever `min_score` says.
    pub all: bool,
    /// Compare every point.
    pub exact: bool,
    /// Drop hits whose score is lower.
    pub min_score: Option<f32>,
    /// A row for each moment instead of one for each asset.
    pub every_moment: bool,
    /// Ask each term alone and fuse the lists (late fusion).
    pub late: bool,
    /// So many of the best hits are read once more by the caption decoder, which orders the images among them anew; 0 for
    /// none. Needs one text that counts above 0, and one list.
    pub rerank: usize,
    /// Leave the hub correction out: cosines as they are, and scores of them.
    pub raw: bool,
    /// Tell how the answer came about.
    pub explain: bool,
}

impl Default for QueryRequest {
    fn default() -> Self {
        Self {
            terms: Vec::new(),
            modalities: Vec::new(),
            filter: None,
            limit: DEFAULT_LIMIT,
            all: false,
            exact: false,
            min_score: None,
            every_moment: false,
            late: false,
            rerank: 0,
            raw: false,
            explain: false,
        }
    }
}
