//! Queries and their answers.

use std::path::PathBuf;

use sensorium_api::convert::{asset_id, modality, payload};
use sensorium_api::{ConvertError, v1};
use sensorium_types::{AssetId, Filter, Language, Modality, Moment, Payload, PointInfo, Track};

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
    /// The bytes of a file of any modality.
    Bytes(Vec<u8>),
    /// A stored asset, by the mean of its main track.
    Asset(AssetId),
    /// One point of a stored asset (`None`: of its main track).
    Point(AssetId, Option<Track>, u32),
    /// A vector of the space.
    Vector(Vec<f32>),
}

/// A query. The default asks for nothing: it needs terms.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct QueryRequest {
    /// The terms; at least one counts above 0.
    pub terms: Vec<Term>,
    /// Only assets of these modalities (empty: of all).
    pub modalities: Vec<Modality>,
    /// Only assets that meet this.
    pub filter: Option<Filter>,
    /// Most rows to give; `None`: the server's default, 10.
    pub limit: Option<u32>,
    /// Exactly `min(limit, live matches)` rows, by exact search.
    pub all: bool,
    /// Compare every point.
    pub exact: bool,
    /// Drop hits whose score is lower.
    pub min_score: Option<f32>,
    /// A row for each moment instead of one for each asset.
    pub every_moment: bool,
    /// Ask each term alone and fuse the lists (late fusion).
    pub late: bool,
    /// So many of the best hits are read once more by the caption decoder; 0 for none.
    pub rerank: u32,
    /// Leave the hub correction out.
    pub raw: bool,
    /// Tell how the answer came about.
    pub explain: bool,
}

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
    /// The first of its paths that still exists, on the server's machine.
    pub path: Option<PathBuf>,
    /// All its paths, in order of writing.
    pub paths: Vec<PathBuf>,
    /// Where in a video or an audio clip.
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
    /// Whether even the best hit is no better than chance reaches.
    pub weak: bool,
    /// How it came about, if that was asked for.
    pub explain: Option<v1::Explain>,
}

impl QueryRequest {
    pub(crate) fn into_message(self, collection_name: String) -> v1::QueryRequest {
        let Self {
            terms,
            modalities,
            filter,
            limit,
            all,
            exact,
            min_score,
            every_moment,
            late,
            rerank,
            raw,
            explain,
        } = self;
        let fusion = if late { v1::Fusion::Late } else { v1::Fusion::Early };
        v1::QueryRequest {
            collection_name,
            terms: terms.into_iter().map(v1::Term::from).collect(),
            modalities: modalities.into_iter().map(|modality| v1::Modality::from(modality).into()).collect(),
            filter: filter.as_ref().map(v1::Filter::from),
            filter_text: String::new(),
            limit,
            offset: 0,
            score_threshold: min_score,
            all,
            exact,
            every_moment,
            fusion: fusion.into(),
            explain,
            without_payload: false,
            using: String::new(),
            rerank,
            raw,
        }
    }
}

impl From<Term> for v1::Term {
    fn from(term: Term) -> Self {
        use v1::term::Input;
        let mut language = String::new();
        let input = match term.input {
            TermInput::Text(text) => Input::Text(text),
            TermInput::TextIn(known, text) => {
                known.code().clone_into(&mut language);
                Input::Text(text)
            }
            TermInput::Bytes(bytes) => Input::Media(media(bytes)),
            TermInput::Asset(asset) => Input::AssetId(asset.to_string()),
            TermInput::Point(asset, track, ordinal) => Input::Point(v1::PointRef {
                asset_id: asset.to_string(),
                track: track.map_or(v1::Track::Unspecified, v1::Track::from).into(),
                ordinal,
            }),
            TermInput::Vector(values) => Input::Vector(v1::Vector { values }),
        };
        Self { weight: Some(term.weight), input: Some(input), language }
    }
}

/// Bytes as a message.
pub(crate) fn media(bytes: Vec<u8>) -> v1::MediaInput {
    v1::MediaInput { source: Some(v1::media_input::Source::Data(bytes.into())) }
}

impl TryFrom<v1::QueryResponse> for QueryReply {
    type Error = ConvertError;

    fn try_from(message: v1::QueryResponse) -> Result<Self, ConvertError> {
        let v1::QueryResponse { hits, weak, explain } = message;
        Ok(Self { hits: hits.into_iter().map(Hit::try_from).collect::<Result<_, _>>()?, weak, explain })
    }
}

impl TryFrom<v1::Hit> for Hit {
    type Error = ConvertError;

    fn try_from(message: v1::Hit) -> Result<Self, ConvertError> {
        let v1::Hit {
            rank,
            asset_id: id,
            score,
            cosine,
            modality: modality_number,
            path,
            paths,
            moment,
            range,
            payload: fields,
            point,
        } = message;
        let point = point.ok_or(ConvertError::Missing { field: "hits.point" })?;
        Ok(Self {
            rank: rank as usize,
            asset: asset_id("hits.asset_id", &id)?,
            score,
            cosine,
            modality: modality(modality_number)?,
            path: if path.is_empty() { None } else { Some(PathBuf::from(path)) },
            paths: paths.into_iter().map(PathBuf::from).collect(),
            moment: moment.map(Moment::try_from).transpose()?,
            range: range.map(|span| (span.from, span.to)),
            payload: payload(fields)?,
            point: PointInfo::try_from(&point)?,
        })
    }
}
