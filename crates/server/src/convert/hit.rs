//! What a query is answered with.

use std::path::Path;

use sensorium_api::convert::payload_fields;
use sensorium_api::v1;
use sensorium_types::{
    Explain, ExplainedHit, ExplainedSearch, FilterFacts, Fusion, Hit, QueryReply, StageTime,
};

/// The answer without its first `offset` hits.
pub(crate) fn query_response(reply: QueryReply, offset: usize, without_payload: bool) -> v1::QueryResponse {
    let QueryReply { hits, weak, steps, explain } = reply;
    v1::QueryResponse {
        hits: hits.into_iter().skip(offset).map(|hit| self::hit(hit, without_payload)).collect(),
        weak,
        explain: explain.map(|told| self::explain(told, steps)),
    }
}

/// Hits by themselves.
pub(crate) fn query_response_hits(hits: Vec<Hit>, without_payload: bool) -> Vec<v1::Hit> {
    hits.into_iter().map(|hit| self::hit(hit, without_payload)).collect()
}

fn hit(hit: Hit, without_payload: bool) -> v1::Hit {
    let Hit { rank, asset, score, cosine, modality, path, paths, moment, range, payload, point, bridged } =
        hit;
    v1::Hit {
        rank: number(rank),
        asset_id: asset.to_string(),
        score,
        cosine,
        modality: v1::Modality::from(modality).into(),
        path: path.as_deref().map(shown).unwrap_or_default(),
        paths: paths.iter().map(|path| shown(path)).collect(),
        moment: moment.as_ref().map(v1::Moment::from),
        range: range.map(|(from, to)| v1::CharSpan { from, to }),
        payload: if without_payload { Default::default() } else { payload_fields(payload) },
        point: Some((&point).into()),
        bridged,
    }
}

fn explain(explain: Explain, steps: Vec<StageTime>) -> v1::Explain {
    let Explain { fusion, languages, filter, searches } = explain;
    let fusion = match fusion {
        Fusion::Early => v1::Fusion::Early,
        Fusion::Late => v1::Fusion::Late,
    };
    v1::Explain {
        fusion: fusion.into(),
        filter: filter.map(|FilterFacts { at_least, likely, at_most, matches, asked }| v1::ExplainedFilter {
            at_least,
            likely,
            at_most,
            matches,
            asked,
        }),
        searches: searches.into_iter().map(search).collect(),
        steps: steps
            .into_iter()
            .map(|StageTime { stage, seconds }| v1::ExplainedStep { name: stage.into_owned(), seconds })
            .collect(),
        languages: languages
            .into_iter()
            .map(|(term, language)| v1::ExplainedLanguage { term: number(term), language })
            .collect(),
    }
}

fn search(search: ExplainedSearch) -> v1::ExplainedSearch {
    let ExplainedSearch { term, content, plan, points_compared, calibration, hits } = search;
    v1::ExplainedSearch {
        term: term.map(number),
        content: content.map_or(v1::Content::Unspecified, v1::Content::from).into(),
        plan: plan.map_or(v1::Plan::Unspecified, v1::Plan::from).into(),
        points_compared,
        calibration: calibration.map(|c| v1::Calibration { mean: c.mean, deviation: c.deviation }),
        hits: hits
            .into_iter()
            .map(|ExplainedHit { rank, asset, point, cosine, corrected, score }| v1::ExplainedHit {
                rank: number(rank),
                asset_id: asset.to_string(),
                point: Some((&point).into()),
                cosine,
                corrected,
                score,
            })
            .collect(),
    }
}

/// A path as text, with U+FFFD for what is not UTF-8.
pub(super) fn shown(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn number(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
