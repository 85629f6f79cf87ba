//! Media of assets: thumbnails, bytes, and stretches that a browser can play.

use std::io::SeekFrom;

use axum::body::Body;
use axum::extract::{RawPathParams, Request, State};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures::stream;
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
    IF_NONE_MATCH,
};
use http::{HeaderValue, Method, StatusCode};
use sensorium_api::{Fault, v1};
use sensorium_engine::OpenMedia;
use sensorium_types::{AssetId, Cancel, ErrorKind};
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};

use super::parameters::{COLLECTION, find, parse};
use super::problem::Problem;
use super::ranges::{Part, part};
use super::{App, caller};
use crate::calls::Scope;
use crate::gate::Place;

/// Bytes that are read of a file at a time.
const CHUNK_BYTES: usize = 64 * 1024;
/// Longest stretch that is converted.
const MAX_CLIP_MS: u64 = 60_000;
/// Longest side of an image that is converted, and the least that can be asked for, in pixels.
const MAX_PREVIEW_SIDE: u32 = 2048;
const MIN_PREVIEW_SIDE: u32 = 16;
/// What a stored file may do that a browser shows as a page: nothing.
const NO_SCRIPTS: HeaderValue = HeaderValue::from_static("default-src 'none'; sandbox");

/// The id of the path, and the parameters, of a caller who may read.
fn asked(path: &RawPathParams, request: &Request) -> Result<(String, Vec<(String, String)>), Problem> {
    caller(request.extensions()).check(Scope::Read)?;
    let id = path.iter().find(|(name, _)| *name == "id").map(|(_, id)| id.to_owned()).unwrap_or_default();
    Ok((id, parse(request.uri().query())?))
}

/// Refuses parameters that nothing reads.
fn only(parameters: &[(String, String)], known: &[&str]) -> Result<(), Problem> {
    match parameters.iter().find(|(name, _)| name != COLLECTION && !known.contains(&name.as_str())) {
        None => Ok(()),
        Some((name, _)) => {
            let known =
                std::iter::once(COLLECTION).chain(known.iter().copied()).collect::<Vec<_>>().join(", ");
            Err(Problem::invalid(format!("there is no parameter {name:?}; there are {known}")))
        }
    }
}

fn number<T: std::str::FromStr>(parameters: &[(String, String)], name: &str) -> Result<Option<T>, Problem> {
    let read = find(parameters, name).map(|text| {
        let invalid = |_| Problem::invalid(format!("{name}: expected a whole number, received {text:?}"));
        text.parse().map_err(invalid)
    });
    read.transpose()
}

/// A small JPEG of a point.
pub(super) async fn thumbnail(
    State(app): State<App>,
    path: RawPathParams,
    request: Request,
) -> Result<Response, Problem> {
    let (asset_id, parameters) = asked(&path, &request)?;
    only(&parameters, &["track", "ordinal"])?;
    let track = find(&parameters, "track").map(|name| {
        let long = if name.starts_with("TRACK_") {
            name.to_owned()
        } else {
            format!("TRACK_{}", name.to_uppercase())
        };
        let unknown = || Problem::invalid(format!("track: there is no track {name:?}"));
        v1::Track::from_str_name(&long).ok_or_else(unknown)
    });
    let track = track.transpose()?.unwrap_or_default().into();
    let ordinal = number(&parameters, "ordinal")?.unwrap_or(0);
    let collection_name = find(&parameters, COLLECTION).unwrap_or_default().to_owned();
    let message =
        v1::GetThumbnailRequest { collection_name, point: Some(v1::PointRef { asset_id, track, ordinal }) };
    let mut asked = tonic::Request::new(message);
    *asked.extensions_mut() = request.into_parts().0.extensions;
    let mut client = v1::points_service_client::PointsServiceClient::new(app.services.channel());
    let answered = client.get_thumbnail(asked).await.map_err(|status| Fault::from_status(&status))?;
    let v1::GetThumbnailResponse { jpeg } = answered.into_inner();
    if jpeg.is_empty() {
        return Err(Fault::new(ErrorKind::NotFound, "the point has no thumbnail").into());
    }
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("image/jpeg")),
        (CACHE_CONTROL, HeaderValue::from_static("private, max-age=3600")),
    ];
    Ok((headers, jpeg).into_response())
}

/// The bytes of an asset, or a range of them.
pub(super) async fn media(
    State(app): State<App>,
    path: RawPathParams,
    request: Request,
) -> Result<Response, Problem> {
    let (id, parameters) = asked(&path, &request)?;
    only(&parameters, &[])?;
    let place = app.context.gates().0.enter_now()?;
    let asset = asset_of(&id)?;
    let engine = app.context.reader(find(&parameters, COLLECTION).unwrap_or_default()).await?;
    let OpenMedia { file, mime, .. } = app.context.within(engine.open_media(&asset)).await?;
    let mut opened = File::from_std(file);
    let facts = opened.metadata().await.map_err(|error| away(&id, &error))?;
    let length = facts.len();
    let changed = facts.modified().ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    let tag = format!("\"{length:x}-{:x}\"", changed.unwrap_or_default().as_nanos());
    let headers = request.headers();
    let is_known = headers.get(IF_NONE_MATCH).and_then(|tags| tags.to_str().ok()).is_some_and(|tags| {
        tags == "*" || tags.split(',').any(|known| known.trim().trim_start_matches("W/") == tag)
    });
    let mut answer = Response::new(Body::empty());
    let mut put = |name, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            answer.headers_mut().insert(name, value);
        }
    };
    put(ETAG, &tag);
    put(ACCEPT_RANGES, "bytes");
    put(CACHE_CONTROL, "private, no-cache");
    if is_known {
        *answer.status_mut() = StatusCode::NOT_MODIFIED;
        return Ok(answer);
    }
    put(CONTENT_TYPE, served_as(mime.as_deref()));
    let (from, count, status) = match part(headers, length, &tag) {
        Part::All => (0, length, StatusCode::OK),
        Part::Bytes(first, last) => {
            put(CONTENT_RANGE, &format!("bytes {first}-{last}/{length}"));
            (first, last - first + 1, StatusCode::PARTIAL_CONTENT)
        }
        Part::Outside => {
            put(CONTENT_RANGE, &format!("bytes */{length}"));
            *answer.status_mut() = StatusCode::RANGE_NOT_SATISFIABLE;
            return Ok(answer);
        }
    };
    put(CONTENT_LENGTH, &count.to_string());
    answer.headers_mut().insert(CONTENT_SECURITY_POLICY, NO_SCRIPTS);
    *answer.status_mut() = status;
    if request.method() != Method::HEAD {
        opened.seek(SeekFrom::Start(from)).await.map_err(|error| away(&id, &error))?;
        *answer.body_mut() = chunks(opened, count, place);
    }
    Ok(answer)
}

fn asset_of(id: &str) -> Result<AssetId, Problem> {
    AssetId::new(id).map_err(|error| Problem::invalid(format!("the asset's id: {error}")))
}

fn away(id: &str, error: &std::io::Error) -> Problem {
    Fault::new(ErrorKind::FailedPrecondition, format!("the media of asset {id} cannot be read: {error}"))
        .into()
}

/// The type that bytes are served as: never one that a browser would run.
fn served_as(mime: Option<&str>) -> &str {
    match mime {
        Some(mime)
            if ["image/", "video/", "audio/"].iter().any(|kind| mime.starts_with(kind))
                && !mime.contains("svg") =>
        {
            mime
        }
        Some(mime) if mime.starts_with("text/") => "text/plain; charset=utf-8",
        Some(_) | None => "application/octet-stream",
    }
}

/// So many bytes of a file from where it stands. The place is held until they are sent, or the reader leaves.
fn chunks(file: File, count: u64, place: Place) -> Body {
    let next = |(mut file, left, place): (File, u64, Place)| async move {
        if left == 0 {
            return None;
        }
        let mut chunk = vec![0; usize::try_from(left).unwrap_or(CHUNK_BYTES).min(CHUNK_BYTES)];
        match file.read(&mut chunk).await {
            Ok(0) => {
                let cut = std::io::Error::new(std::io::ErrorKind::UnexpectedEof, "the file was cut short");
                Some((Err(cut), (file, 0, place)))
            }
            Ok(read) => {
                chunk.truncate(read);
                let left = left.saturating_sub(read as u64);
                Some((Ok(Bytes::from(chunk)), (file, left, place)))
            }
            Err(error) => Some((Err(error), (file, 0, place))),
        }
    };
    Body::from_stream(stream::unfold((file, count, place), next))
}

/// An image as a JPEG, converted for this request where a browser cannot show it. It ends with the caller.
pub(super) async fn preview(
    State(app): State<App>,
    path: RawPathParams,
    request: Request,
) -> Result<Response, Problem> {
    let (id, parameters) = asked(&path, &request)?;
    only(&parameters, &["side"])?;
    let side: u32 = number(&parameters, "side")?.unwrap_or(MAX_PREVIEW_SIDE);
    if !(MIN_PREVIEW_SIDE..=MAX_PREVIEW_SIDE).contains(&side) {
        let message = format!("side: from {MIN_PREVIEW_SIDE} to {MAX_PREVIEW_SIDE} pixels");
        return Err(Problem::invalid(message));
    }
    let place = app.context.gates().0.enter_now()?;
    let asset = asset_of(&id)?;
    let engine = app.context.reader(find(&parameters, COLLECTION).unwrap_or_default()).await?;
    // One image takes some hundred megabytes while it is decoded.
    let _turn = app.context.turn_to_convert().await?;
    let cancel = Cancel::new().keeping(Some(place));
    let jpeg = app.context.within(engine.preview(&asset, side, cancel)).await?;
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("image/jpeg")),
        (CACHE_CONTROL, HeaderValue::from_static("private, max-age=600")),
    ];
    Ok((headers, jpeg).into_response())
}

/// A stretch of a video or an audio clip, converted to what every browser plays. It ends with the caller.
pub(super) async fn clip(
    State(app): State<App>,
    path: RawPathParams,
    request: Request,
) -> Result<Response, Problem> {
    let (id, parameters) = asked(&path, &request)?;
    only(&parameters, &["start_ms", "end_ms"])?;
    let missing = |name| Problem::invalid(format!("{name}: say where the stretch is, in milliseconds"));
    let start: u64 = number(&parameters, "start_ms")?.ok_or_else(|| missing("start_ms"))?;
    let end: u64 = number(&parameters, "end_ms")?.ok_or_else(|| missing("end_ms"))?;
    if end <= start || end - start > MAX_CLIP_MS {
        let message = format!("end_ms: a stretch is at least 1 and at most {MAX_CLIP_MS} ms");
        return Err(Problem::invalid(message));
    }
    let place = app.context.gates().0.enter_now()?;
    let asset = asset_of(&id)?;
    let engine = app.context.reader(find(&parameters, COLLECTION).unwrap_or_default()).await?;
    let media = app.context.within(engine.media(&asset)).await?;
    // Whatever works for it keeps its place at the gate.
    let cancel = Cancel::new().keeping(Some(place.clone()));
    let clip = File::from_std(app.context.within(engine.clip(&asset, (start, end), cancel)).await?);
    let length = clip.metadata().await.map_err(|error| away(&id, &error))?.len();
    let is_audio = media.mime.is_some_and(|mime| mime.starts_with("audio/"));
    let kind = if is_audio { "audio/mp4" } else { "video/mp4" };
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(kind)),
        (CONTENT_LENGTH, HeaderValue::from(length)),
        (CACHE_CONTROL, HeaderValue::from_static("private, max-age=600")),
    ];
    Ok((headers, chunks(clip, length, place)).into_response())
}
