//! Moments for editors and players, as `search --export` writes them.

use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use http::HeaderValue;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use sensorium_engine::export::{ExportFormat, ExportMoment, export as write};
use sensorium_types::{AssetId, path_of};
use serde::Deserialize;
use serde_json::Value;

use super::answer::read_body;
use super::parameters::{COLLECTION, find, parse};
use super::problem::Problem;
use super::{App, caller};
use crate::calls::Scope;

/// Most moments of an export.
const MAX_MOMENTS: usize = 10_000;

/// What is exported.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// `edl`, `otio`, `csv`, `m3u` or `vtt`.
    format: String,
    hits: Vec<Picked>,
}

/// A moment of an asset, or all of it.
#[derive(Debug, Deserialize)]
struct Picked {
    asset_id: String,
    moment: Option<Stretch>,
    score: Option<f32>,
}

#[derive(Debug, Deserialize)]
struct Stretch {
    start_ms: u64,
    end_ms: u64,
}

/// Writes moments as one file.
pub(super) async fn export(State(app): State<App>, request: Request) -> Result<Response, Problem> {
    caller(request.extensions()).check(Scope::Read)?;
    let (parts, body) = request.into_parts();
    let parameters = parse(parts.uri.query())?;
    let body = read_body(&app, &parts.headers, body, false).await?;
    let wrong = |error: serde_json::Error| Problem::invalid(format!("what to export: {error}"));
    let Asked { format, hits } = serde_json::from_value(Value::Object(body)).map_err(wrong)?;
    let format: ExportFormat = format.parse().map_err(|_| {
        let known = ExportFormat::ALL.map(ExportFormat::name).join(", ");
        Problem::invalid(format!("format: expected one of {known}"))
    })?;
    if hits.len() > MAX_MOMENTS {
        return Err(Problem::invalid(format!("hits: at most {MAX_MOMENTS} at a time")));
    }
    let ids = hits.iter().map(|hit| AssetId::new(&hit.asset_id));
    let ids =
        ids.collect::<Result<Vec<_>, _>>().map_err(|error| Problem::invalid(format!("asset_id: {error}")))?;
    let engine = app.context.reader(find(&parameters, COLLECTION).unwrap_or_default()).await?;
    let found = app.context.within(engine.get(&ids, false)).await?;
    let moments = hits.iter().zip(found).filter_map(|(hit, stored)| {
        let stored = stored?;
        let path = stored.paths.iter().map(|path| path_of(path)).next();
        let span = hit.moment.as_ref().map(|moment| (moment.start_ms, moment.end_ms));
        let record = &stored.record;
        let moment = ExportMoment::new(record.id.as_str(), record.modality, path, &record.payload(), span);
        Some(ExportMoment { score: hit.score, ..moment })
    });
    let moments: Vec<_> = moments.collect();
    let bytes = write(format, &moments).map_err(|error| Problem::invalid(error.to_string()))?;
    let name = format!("attachment; filename=\"moments.{}\"", format.name());
    let name = HeaderValue::from_str(&name).unwrap_or(HeaderValue::from_static("attachment"));
    let headers =
        [(CONTENT_TYPE, HeaderValue::from_static(format.media_type())), (CONTENT_DISPOSITION, name)];
    Ok((headers, bytes).into_response())
}
