//! How an answer came about, for people and for scripts.

use sensorium_client::v1;
use sensorium_engine as engine;
use sensorium_types::{FilterFacts, Language};
use serde_json::{Value, json};

use super::json::number;

/// How an answer came about.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Explain {
    /// `early`: one sum of the terms; `late`: one list for each term.
    fusion: &'static str,
    /// Terms that are texts, from 0, and the code of the language in which each was read.
    languages: Vec<(u64, String)>,
    filter: Option<FilterFacts>,
    searches: Vec<Search>,
    steps: Vec<(String, f64)>,
}

#[derive(Debug, Clone, PartialEq)]
struct Search {
    term: Option<u64>,
    content: String,
    plan: &'static str,
    points_compared: u64,
    calibration: Option<(f32, f32)>,
    hits: Vec<Found>,
}

#[derive(Debug, Clone, PartialEq)]
struct Found {
    rank: u64,
    asset: String,
    cosine: f32,
    /// The cosine that made the score; `None` where it is the cosine itself.
    corrected: Option<f32>,
    score: Option<f32>,
}

impl From<engine::Explain> for Explain {
    fn from(explain: engine::Explain) -> Self {
        let engine::Explain { fusion, languages, filter, searches, steps } = explain;
        let languages =
            languages.into_iter().map(|(term, language)| (term as u64, language.code().to_owned())).collect();
        let fusion = match fusion {
            engine::Fusion::Early => "early",
            engine::Fusion::Late => "late",
        };
        let steps = steps.into_iter().map(|step| (step.name.to_owned(), step.seconds)).collect();
        Self { fusion, languages, filter, searches: searches.into_iter().map(Search::from).collect(), steps }
    }
}

impl From<engine::ExplainedSearch> for Search {
    fn from(search: engine::ExplainedSearch) -> Self {
        let engine::ExplainedSearch { term, content, plan, points_compared, calibration, hits } = search;
        Self {
            term: term.map(|term| term as u64),
            content: content.name().to_owned(),
            plan: match plan {
                sensorium_types::Plan::ExactScan => "exact scan",
                sensorium_types::Plan::Graph => "graph",
                sensorium_types::Plan::FilteredGraph => "filtered graph",
            },
            points_compared: points_compared as u64,
            calibration: calibration.map(|calibration| (calibration.mean, calibration.deviation)),
            hits: hits
                .into_iter()
                .map(|hit| Found {
                    rank: hit.rank as u64,
                    asset: hit.asset.to_string(),
                    cosine: hit.cosine,
                    corrected: hit.corrected,
                    score: hit.score,
                })
                .collect(),
        }
    }
}

impl From<v1::Explain> for Explain {
    fn from(explain: v1::Explain) -> Self {
        let fusion = match explain.fusion() {
            v1::Fusion::Late => "late",
            v1::Fusion::Early | v1::Fusion::Unspecified => "early",
        };
        let steps = explain.steps.into_iter().map(|step| (step.name, step.seconds)).collect();
        let languages =
            explain.languages.into_iter().map(|read| (u64::from(read.term), read.language)).collect();
        let filter =
            explain.filter.map(|v1::ExplainedFilter { at_least, likely, at_most, matches, asked }| {
                FilterFacts { at_least, likely, at_most, matches, asked }
            });
        let searches = explain.searches.into_iter().map(Search::from).collect();
        Self { fusion, languages, filter, searches, steps }
    }
}

impl From<v1::ExplainedSearch> for Search {
    fn from(search: v1::ExplainedSearch) -> Self {
        let content = match search.content() {
            v1::Content::Image => "image",
            v1::Content::Audio => "audio",
            v1::Content::Text => "text",
            v1::Content::Unspecified => "unknown",
        };
        let plan = match search.plan() {
            v1::Plan::ExactScan => "exact scan",
            v1::Plan::Graph => "graph",
            v1::Plan::FilteredGraph => "filtered graph",
            v1::Plan::Unspecified => "unknown",
        };
        Self {
            term: search.term.map(u64::from),
            content: content.to_owned(),
            plan,
            points_compared: search.points_compared,
            calibration: search.calibration.map(|calibration| (calibration.mean, calibration.deviation)),
            hits: search
                .hits
                .into_iter()
                .map(|hit| Found {
                    rank: u64::from(hit.rank),
                    asset: hit.asset_id,
                    cosine: hit.cosine,
                    corrected: hit.corrected,
                    score: hit.score,
                })
                .collect(),
        }
    }
}

impl Explain {
    /// Lines for people.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("fusion: {}", self.fusion)];
        for (term, language) in &self.languages {
            // A newer server may know more languages.
            let name = match language.parse::<Language>() {
                Ok(language) => language.name(),
                Err(_) => language,
            };
            lines.push(format!("term {} read as {name}", term + 1));
        }
        if let Some(FilterFacts { at_least, likely, at_most, matches, asked }) = self.filter {
            lines.push(format!(
                "filter: met by {matches}, estimated at {likely} ({at_least} to {at_most}), {asked} asked one by one"
            ));
        }
        for search in &self.searches {
            let term = match search.term {
                Some(term) => format!("term {}", term + 1),
                None => "all terms".to_owned(),
            };
            let calibration = match search.calibration {
                Some((mean, deviation)) => format!("chance {mean:.3} +- {deviation:.3}"),
                None => "not calibrated".to_owned(),
            };
            lines.push(format!(
                "{term} against {}: {}, {} points compared, {calibration}",
                search.content, search.plan, search.points_compared
            ));
            for Found { rank, asset, cosine, corrected, score } in &search.hits {
                let score = score.map_or_else(|| "-".to_owned(), |score| format!("{score:.2}"));
                let corrected = corrected.map_or_else(String::new, |of| format!(", corrected {of:.3}"));
                lines.push(format!("  {rank:>3}  {score:>6}  cosine {cosine:.3}{corrected}  asset:{asset}"));
            }
        }
        for (name, seconds) in &self.steps {
            lines.push(format!("{name}: {:.1} ms", seconds * 1000.0));
        }
        lines
    }

    /// An object for scripts.
    pub(crate) fn object(&self) -> Value {
        let searches: Vec<Value> = self
            .searches
            .iter()
            .map(|Search { term, content, plan, points_compared, calibration, hits }| {
                let hits: Vec<Value> = hits
                    .iter()
                    .map(|Found { rank, asset, cosine, corrected, score }| {
                        json!({
                            "rank": rank,
                            "asset": asset,
                            "score": score.map(number),
                            "cosine": number(*cosine),
                            "corrected": corrected.map(number),
                        })
                    })
                    .collect();
                json!({
                    "term": term,
                    "content": content,
                    "plan": plan,
                    "points_compared": points_compared,
                    "mean": calibration.map(|(mean, _)| number(mean)),
                    "deviation": calibration.map(|(_, deviation)| number(deviation)),
                    "hits": hits,
                })
            })
            .collect();
        let steps: Vec<Value> =
            self.steps.iter().map(|(name, seconds)| json!({ "name": name, "seconds": seconds })).collect();
        let languages: Vec<Value> = self
            .languages
            .iter()
            .map(|(term, language)| json!({ "term": term, "language": language }))
            .collect();
        let filter = self.filter.map(|FilterFacts { at_least, likely, at_most, matches, asked }| {
            json!({ "at_least": at_least, "likely": likely, "at_most": at_most, "matches": matches, "asked": asked })
        });
        json!({ "explain": {
            "fusion": self.fusion, "languages": languages, "filter": filter, "searches": searches, "steps": steps,
        } })
    }
}

#[cfg(test)]
mod tests {
    use sensorium_types::{Calibration, Content, Plan, PointInfo, Track};

    use super::*;

    #[test]
    fn an_explanation_reads_well() {
        let explain = Explain::from(engine::Explain {
            fusion: engine::Fusion::Early,
            languages: vec![(1, Language::Czech)],
            filter: Some(FilterFacts { at_least: 2, likely: 5, at_most: 9, matches: 4, asked: 1 }),
            searches: vec![engine::ExplainedSearch {
                term: None,
                content: Content::Audio,
                plan: Plan::ExactScan,
                points_compared: 7,
                calibration: Some(Calibration { mean: 0.1, deviation: 0.05 }),
                hits: vec![engine::ExplainedHit {
                    rank: 1,
                    asset: sensorium_types::AssetId::new("bark").expect("valid"),
                    point: PointInfo { track: Track::Audio, ordinal: 0, span: None },
                    cosine: 0.3,
                    corrected: Some(0.25),
                    score: Some(3.0),
                }],
            }],
            steps: vec![engine::ExplainedStep { name: "search", seconds: 0.0015 }],
        });
        assert_eq!(
            explain.lines(),
            [
                "fusion: early",
                "term 2 read as Czech",
                "filter: met by 4, estimated at 5 (2 to 9), 1 asked one by one",
                "all terms against audio: exact scan, 7 points compared, chance 0.100 +- 0.050",
                "    1    3.00  cosine 0.300, corrected 0.250  asset:bark",
                "search: 1.5 ms",
            ]
        );
        assert!(explain.object().get("explain").is_some());
    }
}
