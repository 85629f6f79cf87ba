//! What a query asks.

use std::sync::Arc;

use sensorium_api::convert::{asset_id, filter, modalities, point_ref, vector};
use sensorium_api::{ConvertError, v1};
use sensorium_types::{DEFAULT_LIMIT, HashedFile, Language, QueryRequest, Term, TermInput};

use crate::Settings;
use crate::uploads::Uploads;

/// Most terms in a query.
const MAX_TERMS: usize = 64;

/// A query with what the engine does not see of it.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) collection_name: String,
    /// The space that is meant, if one is named.
    pub(crate) using: Option<String>,
    /// Hits to skip.
    pub(crate) offset: usize,
    pub(crate) without_payload: bool,
    pub(crate) request: QueryRequest,
}

/// Reads a query.
pub(crate) fn query_request(
    message: v1::QueryRequest,
    (settings, uploads): (&Settings, &Uploads),
) -> Result<Asked, ConvertError> {
    let v1::QueryRequest {
        collection_name,
        terms,
        modalities: received_modalities,
        filter: tree,
        filter_text,
        limit,
        offset,
        score_threshold,
        all,
        exact,
        every_moment,
        fusion,
        explain,
        without_payload,
        using,
        rerank,
        raw,
    } = message;
    let terms = self::terms(terms, uploads)?;
    let limit = limit.map_or(DEFAULT_LIMIT, |limit| limit as usize);
    let offset = offset as usize;
    let depth = limit.saturating_add(offset);
    if depth > settings.max_limit {
        return Err(ConvertError::TooMany { field: "limit", limit: settings.max_limit, received: depth });
    }
    let rerank = rerank as usize;
    if rerank > settings.max_limit {
        return Err(ConvertError::TooMany { field: "rerank", limit: settings.max_limit, received: rerank });
    }
    if let Some(score) = score_threshold.filter(|score| score.is_nan()) {
        return Err(ConvertError::Number {
            field: "score_threshold",
            expected: "a number",
            received: score.to_string(),
        });
    }
    let request = QueryRequest {
        terms,
        modalities: modalities(&received_modalities)?,
        filter: filter(tree, &filter_text)?,
        limit: depth,
        all,
        exact,
        min_score: score_threshold,
        every_moment,
        late: is_late(fusion)?,
        rerank,
        raw,
        explain,
    };
    let using = if using.is_empty() { None } else { Some(using) };
    Ok(Asked { collection_name, using, offset, without_payload, request })
}

/// Reads the terms of a query.
pub(crate) fn terms(terms: Vec<v1::Term>, uploads: &Uploads) -> Result<Vec<Term>, ConvertError> {
    if terms.is_empty() {
        return Err(ConvertError::Missing { field: "terms" });
    }
    if terms.len() > MAX_TERMS {
        return Err(ConvertError::TooMany { field: "terms", limit: MAX_TERMS, received: terms.len() });
    }
    terms.into_iter().map(|message| term(message, uploads)).collect()
}

fn is_late(received: i32) -> Result<bool, ConvertError> {
    match v1::Fusion::try_from(received) {
        Ok(v1::Fusion::Unspecified | v1::Fusion::Early) => Ok(false),
        Ok(v1::Fusion::Late) => Ok(true),
        Err(_) => Err(ConvertError::UnknownEnum { field: "fusion", received }),
    }
}

fn term(message: v1::Term, uploads: &Uploads) -> Result<Term, ConvertError> {
    use v1::term::Input;
    let input = match message.input.ok_or(ConvertError::Missing { field: "terms.input" })? {
        Input::Text(text) if message.language.is_empty() => TermInput::Text(text),
        Input::Text(text) => TermInput::TextIn(language(&message.language)?, text),
        Input::Image(media) | Input::Audio(media) | Input::Video(media) | Input::Media(media) => {
            media_term(media, uploads)?
        }
        Input::AssetId(id) => TermInput::Asset(asset_id("terms.asset_id", &id)?),
        Input::Point(point) => {
            let (asset, track, ordinal) = point_ref(&point)?;
            TermInput::Point(asset, track, ordinal)
        }
        Input::Vector(message) => TermInput::Vector(vector(message)?),
    };
    Ok(Term { weight: message.weight.unwrap_or(1.0), input })
}

fn language(code: &str) -> Result<Language, ConvertError> {
    code.parse().map_err(|source| ConvertError::Language { field: "terms.language", source })
}

/// What a medium is: its bytes, or an upload.
#[derive(Debug)]
pub(super) enum Media {
    Bytes(Arc<[u8]>),
    File(HashedFile),
}

/// A medium that asks.
pub(super) fn media_term(message: v1::MediaInput, uploads: &Uploads) -> Result<TermInput, ConvertError> {
    Ok(match media(message, uploads)? {
        Media::Bytes(bytes) => TermInput::Bytes(bytes),
        Media::File(file) => TermInput::File(file.path),
    })
}

/// A medium; nothing is fetched on behalf of a caller, and nothing read but what callers have uploaded.
pub(super) fn media(message: v1::MediaInput, uploads: &Uploads) -> Result<Media, ConvertError> {
    use v1::media_input::Source;
    match message.source {
        Some(Source::Data(data)) => Ok(Media::Bytes(data.as_ref().into())),
        Some(Source::UploadId(id)) => uploads.file(&id).map(Media::File),
        Some(Source::Uri(_)) => Err(ConvertError::NotTaken {
            field: "uri",
            instead: "nothing is fetched inside a query: send the bytes, or an upload, or ingest it and ask by its asset_id",
        }),
        None => Err(ConvertError::Missing { field: "media.data" }),
    }
}
