//! How an answer came about, from messages. What only a newer server knows is no error: the answer stands without it.

use sensorium_api::convert::asset_id;
use sensorium_api::{ConvertError, v1};
use sensorium_types::{
    Calibration, Content, Explain, ExplainedHit, ExplainedSearch, FilterFacts, Fusion, Plan, PointInfo,
    StageTime,
};

/// Reads how an answer came about, and how long each step took.
pub(crate) fn explain(message: v1::Explain) -> Result<(Explain, Vec<StageTime>), ConvertError> {
    let fusion = match message.fusion() {
        v1::Fusion::Late => Fusion::Late,
        v1::Fusion::Early | v1::Fusion::Unspecified => Fusion::Early,
    };
    let v1::Explain { fusion: _, searches, steps, languages, filter } = message;
    let filter = filter.map(|v1::ExplainedFilter { at_least, likely, at_most, matches, asked }| {
        FilterFacts { at_least, likely, at_most, matches, asked }
    });
    let told = Explain {
        fusion,
        languages: languages.into_iter().map(|read| (read.term as usize, read.language)).collect(),
        filter,
        searches: searches.into_iter().map(search).collect::<Result<_, _>>()?,
    };
    let steps = steps
        .into_iter()
        .map(|v1::ExplainedStep { name, seconds }| StageTime { stage: name.into(), seconds });
    Ok((told, steps.collect()))
}

fn search(message: v1::ExplainedSearch) -> Result<ExplainedSearch, ConvertError> {
    let (content, plan) = (Content::try_from(message.content()).ok(), Plan::try_from(message.plan()).ok());
    let v1::ExplainedSearch { term, content: _, plan: _, points_compared, calibration, hits } = message;
    let calibration = calibration.map(|v1::Calibration { mean, deviation }| Calibration { mean, deviation });
    Ok(ExplainedSearch {
        term: term.map(|term| term as usize),
        content,
        plan,
        points_compared,
        calibration,
        hits: hits.into_iter().map(hit).collect::<Result<_, _>>()?,
    })
}

fn hit(message: v1::ExplainedHit) -> Result<ExplainedHit, ConvertError> {
    let v1::ExplainedHit { rank, asset_id: id, point, cosine, score, corrected } = message;
    let point = point.ok_or(ConvertError::Missing { field: "explain.searches.hits.point" })?;
    Ok(ExplainedHit {
        rank: rank as usize,
        asset: asset_id("explain.searches.hits.asset_id", &id)?,
        point: PointInfo::try_from(&point)?,
        cosine,
        corrected,
        score,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_a_newer_server_knows_is_left_out() {
        let message = v1::Explain {
            fusion: 99,
            searches: vec![v1::ExplainedSearch { content: 99, plan: 99, ..Default::default() }],
            languages: vec![v1::ExplainedLanguage { term: 1, language: "xx".to_owned() }],
            ..Default::default()
        };
        let (told, _) = explain(message).expect("told");
        assert_eq!((told.fusion, told.languages), (Fusion::Early, vec![(1, "xx".to_owned())]));
        let places: Vec<_> = told.searches.iter().map(|search| (search.content, search.plan)).collect();
        assert_eq!(places, [(None, None)]);
    }
}
