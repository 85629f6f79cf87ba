//! How an answer came about, for people and for scripts.

use sensorium_types::{
    Calibration, Content, Explain, ExplainedHit, ExplainedSearch, FilterFacts, Language, Plan, StageTime,
};
use serde_json::{Value, json};

use super::json::number;

/// What is told of a content or a plan that this program does not know.
const UNKNOWN: &str = "unknown";

/// Lines for people.
pub(crate) fn lines(explain: &Explain, steps: &[StageTime]) -> Vec<String> {
    let mut lines = vec![format!("fusion: {}", explain.fusion.name())];
    for (term, language) in &explain.languages {
        // A newer server may know more languages.
        let name = match language.parse::<Language>() {
            Ok(language) => language.name(),
            Err(_) => language,
        };
        lines.push(format!("term {} read as {name}", term + 1));
    }
    if let Some(FilterFacts { at_least, likely, at_most, matches, asked }) = explain.filter {
        lines.push(format!(
            "filter: met by {matches}, estimated at {likely} ({at_least} to {at_most}), {asked} asked one by one"
        ));
    }
    for search in &explain.searches {
        let term = match search.term {
            Some(term) => format!("term {}", term + 1),
            None => "all terms".to_owned(),
        };
        let calibration = match search.calibration {
            Some(Calibration { mean, deviation }) => format!("chance {mean:.3} +- {deviation:.3}"),
            None => "not calibrated".to_owned(),
        };
        lines.push(format!(
            "{term} against {}: {}, {} points compared, {calibration}",
            content(search),
            plan(search),
            search.points_compared
        ));
        for ExplainedHit { rank, asset, point: _, cosine, corrected, score } in &search.hits {
            let score = score.map_or_else(|| "-".to_owned(), |score| format!("{score:.2}"));
            let corrected = corrected.map_or_else(String::new, |of| format!(", corrected {of:.3}"));
            lines.push(format!("  {rank:>3}  {score:>6}  cosine {cosine:.3}{corrected}  asset:{asset}"));
        }
    }
    for StageTime { stage, seconds } in steps {
        lines.push(format!("{stage}: {:.1} ms", seconds * 1000.0));
    }
    lines
}

/// An object for scripts.
pub(crate) fn object(explain: &Explain, steps: &[StageTime]) -> Value {
    let searches: Vec<Value> = explain
        .searches
        .iter()
        .map(|search| {
            let hits: Vec<Value> = search
                .hits
                .iter()
                .map(|ExplainedHit { rank, asset, point: _, cosine, corrected, score }| {
                    json!({
                        "rank": rank,
                        "asset": asset.as_str(),
                        "score": score.map(number),
                        "cosine": number(*cosine),
                        "corrected": corrected.map(number),
                    })
                })
                .collect();
            json!({
                "term": search.term,
                "content": content(search),
                "plan": plan(search),
                "points_compared": search.points_compared,
                "mean": search.calibration.map(|calibration| number(calibration.mean)),
                "deviation": search.calibration.map(|calibration| number(calibration.deviation)),
                "hits": hits,
            })
        })
        .collect();
    let steps: Vec<Value> = steps
        .iter()
        .map(|StageTime { stage, seconds }| json!({ "name": stage, "seconds": seconds }))
        .collect();
    let languages: Vec<Value> = explain
        .languages
        .iter()
        .map(|(term, language)| json!({ "term": term, "language": language }))
        .collect();
    let filter = explain.filter.map(|FilterFacts { at_least, likely, at_most, matches, asked }| {
        json!({ "at_least": at_least, "likely": likely, "at_most": at_most, "matches": matches, "asked": asked })
    });
    json!({ "explain": {
        "fusion": explain.fusion.name(), "languages": languages, "filter": filter, "searches": searches, "steps": steps,
    } })
}

/// The name of a content.
fn content(search: &ExplainedSearch) -> &'static str {
    search.content.map_or(UNKNOWN, Content::name)
}

/// How points were looked through, in words.
fn plan(search: &ExplainedSearch) -> &'static str {
    match search.plan {
        Some(Plan::ExactScan) => "exact scan",
        Some(Plan::Graph) => "graph",
        Some(Plan::FilteredGraph) => "filtered graph",
        None => UNKNOWN,
    }
}

#[cfg(test)]
mod tests {
    use sensorium_types::{AssetId, Fusion, PointInfo, Track};

    use super::*;

    #[test]
    fn an_explanation_reads_well() {
        let explain = Explain {
            fusion: Fusion::Early,
            languages: vec![(1, "cs".to_owned())],
            filter: Some(FilterFacts { at_least: 2, likely: 5, at_most: 9, matches: 4, asked: 1 }),
            searches: vec![ExplainedSearch {
                term: None,
                content: Some(Content::Audio),
                plan: Some(Plan::ExactScan),
                points_compared: 7,
                calibration: Some(Calibration { mean: 0.1, deviation: 0.05 }),
                hits: vec![ExplainedHit {
                    rank: 1,
                    asset: AssetId::new("bark").expect("valid"),
                    point: PointInfo { track: Track::Audio, ordinal: 0, span: None },
                    cosine: 0.3,
                    corrected: Some(0.25),
                    score: Some(3.0),
                }],
            }],
        };
        let steps = [StageTime { stage: "search".into(), seconds: 0.0015 }];
        assert_eq!(
            lines(&explain, &steps),
            [
                "fusion: early",
                "term 2 read as Czech",
                "filter: met by 4, estimated at 5 (2 to 9), 1 asked one by one",
                "all terms against audio: exact scan, 7 points compared, chance 0.100 +- 0.050",
                "    1    3.00  cosine 0.300, corrected 0.250  asset:bark",
                "search: 1.5 ms",
            ]
        );
        assert!(object(&explain, &steps).get("explain").is_some());
        let newer = Explain { languages: vec![(0, "xx".to_owned())], ..explain };
        assert_eq!(lines(&newer, &steps).get(1).map(String::as_str), Some("term 1 read as xx"));
    }
}
