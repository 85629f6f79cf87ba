//! The rows of CONTRACTS.md section 8: keys always present, null where nothing is known.

use std::path::Path;

use sensorium_types::{
    Asset, Caption, CaptionCounts, CollectionStats, FailedFile, FieldIndex, FieldIndexState, FileOutcome,
    Hit, IndexSummary, ItemFailure, ItemOutcome, ItemState, Moment, PartCaption, Payload, PointInfo,
    PointKey, Problem, SpaceInfo, Span,
};
use serde_json::{Value, json};

/// An f32 with the digits that name it, not those of its neighbour among f64.
pub(crate) fn number(value: f32) -> Value {
    value.to_string().parse::<f64>().map_or(Value::Null, Value::from)
}

/// A row of `fields`.
pub(crate) fn field_index(index: &FieldIndex) -> Value {
    let FieldIndex { field, asked, state, bytes } = index;
    let state = match state {
        FieldIndexState::Waiting => "waiting",
        FieldIndexState::Ready => "ready",
        FieldIndexState::TooLarge => "too_large",
    };
    json!({ "field": field, "asked": asked, "state": state, "bytes": bytes })
}

/// A path as text, U+FFFD for what is not UTF-8.
pub(crate) fn path(path: &Path) -> Value {
    Value::from(path.to_string_lossy())
}

/// A row of `caption`: an image, or a part of a video or an audio clip.
pub(crate) fn caption(file: &Path, part: &PartCaption) -> Value {
    let PartCaption { span, caption } = part;
    let Caption { text, confidence, tokens, end_log_prob } = caption;
    let tokens: Vec<Value> = tokens
        .iter()
        .map(|token| json!({ "piece": token.piece, "log_prob": number(token.log_prob) }))
        .collect();
    json!({
        "path": path(file),
        "caption": text,
        "confidence": number(*confidence),
        "start_ms": span.map(|(start_ms, _)| start_ms),
        "end_ms": span.map(|(_, end_ms)| end_ms),
        "tokens": tokens,
        "end_log_prob": end_log_prob.map(number),
    })
}

/// The object of `summarize`.
pub(crate) fn storyboard(file: &Path, shots: &[PartCaption]) -> Value {
    let shots: Vec<Value> = shots
        .iter()
        .map(|PartCaption { span, caption }| {
            json!({
                "start_ms": span.map(|(start_ms, _)| start_ms),
                "end_ms": span.map(|(_, end_ms)| end_ms),
                "caption": caption.text,
            })
        })
        .collect();
    json!({ "path": path(file), "shots": shots })
}

/// A row of `index`.
pub(crate) fn file_outcome(of: &FileOutcome) -> Value {
    let FileOutcome { path: file, outcome: ItemOutcome { asset, modality, points, state, failure } } = of;
    json!({
        "event": "asset",
        "path": path(file),
        "asset": asset.as_ref().map(ToString::to_string),
        "modality": modality.map(|modality| modality.name()),
        "points": points,
        "state": state.name(),
        "reason": failure.as_ref().map(ToString::to_string),
        "retryable": failure.as_ref().map(ItemFailure::is_retryable),
    })
}

/// A row of `failures`.
pub(crate) fn failure(failed: &FailedFile, state: ItemState) -> Value {
    let FailedFile { path: file, reason, tries, bytes } = failed;
    json!({
        "path": path(file),
        "state": state.name(),
        "reason": reason.to_string(),
        "retryable": reason.is_retryable(),
        "tries": tries,
        "bytes": bytes,
    })
}

/// The last row of `index`.
pub(crate) fn summary(summary: &IndexSummary) -> Value {
    let IndexSummary {
        indexed,
        unchanged,
        failed,
        pruned,
        warned,
        points,
        seconds,
        interrupted: _,
        metadata_unused: _,
    } = summary;
    json!({
        "event": "summary",
        "indexed": indexed,
        "unchanged": unchanged,
        "failed": failed,
        "pruned": pruned,
        "warned": warned,
        "points": points,
        "seconds": seconds,
    })
}

/// A row of `search`.
pub(crate) fn hit(hit: &Hit) -> Value {
    let Hit {
        rank,
        asset,
        score,
        cosine,
        modality,
        path: file,
        paths: _,
        moment: found,
        range,
        payload,
        point: _,
        bridged,
    } = hit;
    let mut row = json!({
        "rank": rank,
        "asset": asset.as_str(),
        "score": score.map(number),
        "cosine": number(*cosine),
        "modality": modality.name(),
        "path": file.as_deref().map(path),
        "moment": found.as_ref().map(moment),
        "range": range.map(|(from, to)| json!([from, to])),
        "payload": fields(payload),
    });
    if let (true, Value::Object(row)) = (*bridged, &mut row) {
        row.insert("bridged".to_owned(), Value::Bool(true));
    }
    row
}

fn moment(moment: &Moment) -> Value {
    let Moment { start_ms, end_ms, peak_ms, tracks } = moment;
    let tracks: Vec<&str> = tracks.iter().map(|track| track.name()).collect();
    json!({ "start_ms": start_ms, "end_ms": end_ms, "peak_ms": peak_ms, "tracks": tracks })
}

fn fields(payload: &Payload) -> Value {
    Value::Object(payload.0.clone())
}

/// A row of `get`.
pub(crate) fn asset(asset: &Asset) -> Value {
    let points: Vec<Value> = asset
        .points
        .iter()
        .enumerate()
        .map(|(place, point)| point_row(asset, point, asset.vectors.get(place)))
        .collect();
    json!({
        "asset": asset.id.as_str(),
        "modality": asset.modality.name(),
        "paths": asset.paths.iter().map(|file| path(file)).collect::<Vec<_>>(),
        "hash": asset.hash.map(|hash| hash.to_hex()),
        "media": asset.media,
        "space_revision": asset.space_revision,
        "payload": fields(&asset.payload),
        "points": points,
    })
}

fn point_row(asset: &Asset, point: &PointInfo, vector: Option<&Vec<f32>>) -> Value {
    let PointInfo { track, ordinal, span } = *point;
    let key = PointKey { asset: asset.id.clone(), track, ordinal };
    let time = span.and_then(Span::time);
    json!({
        "point": key.show(asset.modality),
        "track": track.name(),
        "ordinal": ordinal,
        "start_ms": time.map(|(start, _)| start),
        "end_ms": time.map(|(_, end)| end),
        "range": span.and_then(Span::chars).map(|(from, to)| json!([from, to])),
        "vector": vector.map(|vector| vector.iter().map(|x| number(*x)).collect::<Vec<_>>()),
    })
}

/// The object of `stats`.
pub(crate) fn stats(
    collection: &str,
    space: &SpaceInfo,
    counts: &CollectionStats,
    captions: Option<CaptionCounts>,
) -> Value {
    let CollectionStats {
        assets,
        points,
        sources_indexed,
        sources_failed,
        points_in_graph,
        points_without_hubs,
        bytes_on_disk,
        bytes_in_memory,
        recall,
        change,
    } = counts;
    json!({
        "collection": collection,
        "counts": {
            "assets": assets,
            "points": points,
            "sources_indexed": sources_indexed,
            "sources_failed": sources_failed,
        },
        "bytes": { "disk": bytes_on_disk, "memory": bytes_in_memory },
        "points_in_graph": points_in_graph,
        "points_without_hubs": points_without_hubs,
        "recall": recall,
        "change": change,
        "captions": captions.map(|CaptionCounts { made, missing }| json!({ "made": made, "missing": missing })),
        "space": self::space(space),
    })
}

/// A space.
pub(crate) fn space(space: &SpaceInfo) -> Value {
    let SpaceInfo { id, dim, revision, parts } = space;
    let mut row = json!({ "id": id, "dim": dim, "revision": revision });
    if let (false, Value::Object(row)) = (parts.is_empty(), &mut row) {
        row.insert("parts".to_owned(), json!(parts));
    }
    row
}

/// What `verify` found.
pub(crate) fn problems(problems: &[Problem]) -> Value {
    let rows = problems
        .iter()
        .map(|Problem { what, place, repair }| json!({ "what": what, "where": place, "repair": repair }));
    rows.collect()
}

#[cfg(test)]
mod tests {
    use sensorium_types::{AssetId, FailureReason, Modality, ReasonKind, Track};

    use super::*;

    #[test]
    fn numbers_keep_their_digits() {
        assert_eq!(number(0.1).to_string(), "0.1");
        assert_eq!(number(12.25).to_string(), "12.25");
        assert_eq!(number(f32::NAN), Value::Null);
    }

    #[test]
    fn rows_of_a_search_have_every_key() {
        let mut payload = Payload::new();
        payload.set("year", 2020);
        let span = Some(Span::Time { start_ms: 0, end_ms: 5 });
        let sample = Hit {
            rank: 1,
            asset: AssetId::new("a").expect("valid"),
            score: None,
            cosine: 0.25,
            modality: Modality::Audio,
            path: None,
            paths: Vec::new(),
            moment: Some(Moment { start_ms: 0, end_ms: 5, peak_ms: 2, tracks: vec![Track::Audio] }),
            range: None,
            payload,
            point: PointInfo { track: Track::Audio, ordinal: 0, span },
            bridged: false,
        };
        assert_eq!(
            hit(&sample).to_string(),
            r#"{"rank":1,"asset":"a","score":null,"cosine":0.25,"modality":"audio","path":null,"moment":{"start_ms":0,"end_ms":5,"peak_ms":2,"tracks":["audio"]},"range":null,"payload":{"year":2020}}"#
        );
        let text = Hit { moment: None, range: Some((3, 9)), score: Some(1.5), ..sample };
        let row = hit(&text);
        assert_eq!(row.get("range"), Some(&json!([3, 9])));
        assert_eq!(row.get("score"), Some(&json!(1.5)));
        assert_eq!(row.get("moment"), Some(&Value::Null));
    }

    #[test]
    fn rows_of_an_index_run_have_every_key() {
        let outcome = ItemOutcome {
            asset: Some(AssetId::new("a").expect("valid")),
            modality: Some(Modality::Image),
            points: 1,
            state: ItemState::Indexed,
            failure: None,
        };
        let file = |outcome| FileOutcome { path: "/a.jpg".into(), outcome };
        assert_eq!(
            file_outcome(&file(outcome)).to_string(),
            r#"{"event":"asset","path":"/a.jpg","asset":"a","modality":"image","points":1,"state":"indexed","reason":null,"retryable":null}"#
        );
        let failed = ItemOutcome::failed(FailureReason::new(ReasonKind::Corrupt, ""));
        let row = file_outcome(&file(failed));
        assert_eq!(row.get("state"), Some(&json!("failed")));
        assert_eq!(row.get("reason"), Some(&json!("corrupt")));
        assert_eq!(row.get("retryable"), Some(&json!(false)));
    }

    #[test]
    fn the_summary_is_the_contract_s() {
        let keys: Vec<String> =
            summary(&IndexSummary::default()).as_object().expect("object").keys().cloned().collect();
        assert_eq!(
            keys,
            ["event", "indexed", "unchanged", "failed", "pruned", "warned", "points", "seconds"]
        );
    }
}
