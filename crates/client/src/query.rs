//! Queries and their answers, to and from messages.

use std::path::PathBuf;

use sensorium_api::convert::{asset_id, modality, payload};
use sensorium_api::{ConvertError, v1};
use sensorium_types::{AssetId, Hit, Moment, PointInfo, QueryReply, QueryRequest, Term, TermInput, Track};

use crate::explain::explain;
use crate::{ClientError, file};

/// The message of a query; files among its terms are read.
pub(crate) async fn query_request(
    request: QueryRequest,
    collection_name: String,
) -> Result<v1::QueryRequest, ClientError> {
    let QueryRequest {
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
    } = request;
    let mut messages = Vec::with_capacity(terms.len());
    for one in terms {
        messages.push(term(one).await?);
    }
    let fusion = if late { v1::Fusion::Late } else { v1::Fusion::Early };
    Ok(v1::QueryRequest {
        collection_name,
        terms: messages,
        modalities: modalities.into_iter().map(|modality| v1::Modality::from(modality).into()).collect(),
        filter: filter.as_ref().map(v1::Filter::from),
        filter_text: String::new(),
        limit: Some(number(limit)),
        offset: 0,
        score_threshold: min_score,
        all,
        exact,
        every_moment,
        fusion: fusion.into(),
        explain,
        without_payload: false,
        using: String::new(),
        rerank: number(rerank),
        raw,
    })
}

async fn term(term: Term) -> Result<v1::Term, ClientError> {
    use v1::term::Input;
    let mut language = String::new();
    let input = match term.input {
        TermInput::Text(text) => Input::Text(text),
        TermInput::TextIn(known, text) => {
            known.code().clone_into(&mut language);
            Input::Text(text)
        }
        TermInput::File(path) => Input::Media(v1::MediaInput::of(file::read(path).await?)),
        TermInput::Bytes(bytes) => Input::Media(v1::MediaInput::of(bytes)),
        TermInput::Asset(asset) => Input::AssetId(asset.to_string()),
        TermInput::Point(asset, track, ordinal) => Input::Point(point_ref(&asset, track, ordinal)),
        TermInput::Vector(values) => Input::Vector(v1::Vector { values }),
    };
    Ok(v1::Term { weight: Some(term.weight), input: Some(input), language })
}

/// The message of a point; without a track, of the asset's main one.
pub(crate) fn point_ref(asset: &AssetId, track: Option<Track>, ordinal: u32) -> v1::PointRef {
    let track = track.map_or(v1::Track::Unspecified, v1::Track::from).into();
    v1::PointRef { asset_id: asset.to_string(), track, ordinal }
}

/// A count as messages have it; what is larger than they can say is more than a server gives.
pub(crate) fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// Reads an answer.
pub(crate) fn query_reply(message: v1::QueryResponse) -> Result<QueryReply, ConvertError> {
    let v1::QueryResponse { hits, weak, explain: told } = message;
    let (explain, steps) = told.map(explain).transpose()?.unzip();
    let hits = hits.into_iter().map(hit).collect::<Result<_, _>>()?;
    Ok(QueryReply { hits, weak, steps: steps.unwrap_or_default(), explain })
}

fn hit(message: v1::Hit) -> Result<Hit, ConvertError> {
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
        bridged,
    } = message;
    let point = point.ok_or(ConvertError::Missing { field: "hits.point" })?;
    Ok(Hit {
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
        bridged,
    })
}
