//! What is asked of the store: a vector, and what turns its cosines into scores.

use sensorium_types::{AssetId, Calibration, CalibrationTable, Content, HubWeights, SubQuery, Track};

use super::terms::Asked;
use crate::{EngineError, vectors};

/// Deviation that a cosine is divided by where no calibration is known. It only serves the rule of moments, which
/// speaks of deviations; such a score is never shown. Random pairs of the default bundle lie near it.
const UNCALIBRATED_DEVIATION: f32 = 0.07;

/// What a caption's score lacks beside that of a text with the same words, in deviations: a decoder that errs must not
/// displace what is seen.
const CAPTION_HANDICAP: f32 = 4.0;

/// One vector that is searched for.
#[derive(Debug, Clone)]
pub(super) struct QueryPart {
    /// The term, from 0; `None` for the sum of all.
    pub(super) term: Option<usize>,
    /// How much its list counts in late fusion.
    pub(super) weight: f32,
    /// What is compared with points of every content that has none of its own.
    aim: Aim,
    /// What is compared with images, where that is another.
    for_images: Option<Aim>,
    /// The asset that is the question itself, byte for byte. It comes first, whatever its score: of a sound that asks, the
    /// images that fit best can lie further above their chance than the sound itself lies above that of sounds.
    pub(super) identical: Option<AssetId>,
    /// Whether captions are asked: the question is in words, and captions are kept.
    pub(super) asks_captions: bool,
    /// What it was made of, where that is one content.
    pub(super) from: Option<Content>,
}

/// A vector with what turns its cosines into scores.
#[derive(Debug, Clone)]
pub(super) struct Aim {
    /// The vector, of L2 norm 1.
    pub(super) vector: Vec<f32>,
    /// How its cosines are corrected.
    pub(super) hubs: HubWeights,
    /// Calibration for each content, in the order of [`Content::ALL`]; `None` where scores mean nothing.
    calibrations: Option<[Calibration; 3]>,
}

/// What parts are made of, beside the terms.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Make {
    /// One for each term, not one for their sum.
    pub(super) late: bool,
    /// Captions are kept, and may be asked.
    pub(super) keeps_captions: bool,
    /// Cosines are corrected by hub values; the calibration is of such.
    pub(super) corrects: bool,
}

/// The parts of a query, and what their answers leave out.
#[derive(Debug, Clone)]
pub(super) struct QueryParts {
    pub(super) parts: Vec<QueryPart>,
    /// Stored assets that were asked by.
    pub(super) exclude: Vec<AssetId>,
}

impl QueryParts {
    /// One part of the normalized sum, or one for each term.
    pub(super) fn new(
        terms: Vec<Asked>,
        Make { late, keeps_captions, corrects }: Make,
        table: Option<&CalibrationTable>,
    ) -> Result<Self, EngineError> {
        if !terms.iter().any(|term| term.weight > 0.0) {
            return Err(EngineError::NoPositiveTerm);
        }
        let is_text = |term: &Asked| term.content == Some(Content::Text);
        let exclude = terms.iter().filter_map(|term| term.asset.clone()).collect();
        let aims = |terms: &[(f32, &Asked)]| -> Result<(Aim, Option<Aim>), EngineError> {
            let aim = Aim::of_sum(terms, Asked::plain, corrects, table)?;
            let is_another = terms.iter().any(|(_, term)| term.for_images.is_some());
            let for_images = is_another.then(|| Aim::of_sum(terms, Asked::for_images, corrects, table));
            let for_images = for_images.transpose()?;
            Ok((aim, for_images))
        };
        let parts = if late && terms.len() > 1 {
            let alone = |(at, term): (usize, &Asked)| {
                let (aim, for_images) = aims(&[(1.0, term)])?;
                let (term, weight, asked) = (Some(at), term.weight, term);
                let asks_captions = keeps_captions && is_text(asked);
                let (identical, from) = (asked.identical.clone(), asked.content);
                Ok(QueryPart { term, weight, aim, for_images, identical, asks_captions, from })
            };
            terms.iter().enumerate().map(alone).collect::<Result<_, EngineError>>()?
        } else {
            let all: Vec<_> = terms.iter().map(|term| (term.weight, term)).collect();
            let (aim, for_images) = aims(&all)?;
            let identical = match terms.as_slice() {
                [alone] => alone.identical.clone(),
                _ => None,
            };
            let asks_captions = keeps_captions && terms.iter().all(is_text);
            let from = terms.first().and_then(|first| first.content);
            let from = from.filter(|_| terms.iter().all(|term| term.content == from));
            vec![QueryPart { term: None, weight: 1.0, aim, for_images, identical, asks_captions, from }]
        };
        Ok(Self { parts, exclude })
    }
}

impl Aim {
    /// The normalized sum of the terms' vectors.
    fn of_sum(
        terms: &[(f32, &Asked)],
        vector_of: impl Fn(&Asked) -> &[f32],
        corrects: bool,
        table: Option<&CalibrationTable>,
    ) -> Result<Self, EngineError> {
        let mut vector = Vec::new();
        for (weight, term) in terms {
            vectors::add(&mut vector, *weight, vector_of(term));
        }
        let length = vectors::normalize(&mut vector);
        if length < vectors::MIN_LENGTH {
            return Err(EngineError::EmptySum { length });
        }
        let weights: Vec<_> = terms.iter().map(|(weight, term)| (*weight, term.content)).collect();
        let hubs = if corrects { HubWeights::of_sum(&weights, length) } else { HubWeights::default() };
        Ok(Self { vector, hubs, calibrations: calibrations(&weights, length, table) })
    }
}

impl QueryPart {
    /// What is compared with points of this content.
    pub(super) fn aim(&self, content: Content) -> &Aim {
        match (&self.for_images, content) {
            (Some(aim), Content::Image) => aim,
            (Some(_) | None, _) => &self.aim,
        }
    }

    /// What is asked of the points of named assets: all that there are, each by what is compared with its content.
    pub(super) fn sub_queries(&self) -> Vec<SubQuery> {
        let sub_query = |aim: &Aim, tracks| SubQuery {
            tracks,
            hubs: aim.hubs,
            from: self.from,
            ..SubQuery::of(aim.vector.clone())
        };
        let of_images = Track::ALL.into_iter().filter(|track| track.content() == Content::Image);
        let for_images = self.for_images.iter().map(|aim| sub_query(aim, of_images.clone().collect()));
        for_images.chain([sub_query(&self.aim, Vec::new())]).collect()
    }

    /// The calibration of points of this content.
    pub(super) fn calibration(&self, content: Content) -> Option<Calibration> {
        let at = Content::ALL.iter().position(|other| *other == content)?;
        self.aim(content).calibrations.as_ref().and_then(|all| all.get(at)).copied()
    }

    /// Whether points of this track are asked.
    pub(super) const fn asks(&self, track: Track) -> bool {
        match track {
            Track::Caption => self.asks_captions,
            Track::Video | Track::Audio | Track::Image | Track::Text | Track::Fused => true,
        }
    }

    /// The score that is shown, of a point of this track and its cosine, corrected where cosines are. A caption's is lower than that of a text with its words.
    pub(super) fn score(&self, track: Track, cosine: f32) -> Option<f32> {
        self.calibration(track.content()).map(|calibration| calibration.score(cosine) - handicap(track))
    }

    /// One deviation of cosines with points of this content.
    pub(super) fn deviation(&self, content: Content) -> f32 {
        self.calibration(content).map_or(UNCALIBRATED_DEVIATION, |calibration| calibration.deviation)
    }

    /// The number that ranks: the score, or where there is none a cosine on a like scale.
    pub(super) fn rank_by(&self, track: Track, cosine: f32) -> f32 {
        self.score(track, cosine).unwrap_or(cosine / UNCALIBRATED_DEVIATION - handicap(track))
    }
}

const fn handicap(track: Track) -> f32 {
    match track {
        Track::Caption => CAPTION_HANDICAP,
        Track::Video | Track::Audio | Track::Image | Track::Text | Track::Fused => 0.0,
    }
}

/// The calibration of a sum for each content; `None` if a term has none with any content.
fn calibrations(
    terms: &[(f32, Option<Content>)],
    length: f32,
    table: Option<&CalibrationTable>,
) -> Option<[Calibration; 3]> {
    let of = |content: Content| -> Option<Calibration> {
        let pair = |(weight, term): &(f32, Option<Content>)| {
            let calibration = table?.get((*term)?, content)?;
            (calibration.deviation > 0.0).then_some((*weight, calibration))
        };
        let pairs: Option<Vec<_>> = terms.iter().map(pair).collect();
        Some(Calibration::of_sum(&pairs?, length))
    };
    let [first, second, third] = Content::ALL.map(of);
    Some([first?, second?, third?])
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Make = Make { late: false, keeps_captions: true, corrects: false };

    fn asked(weight: f32, vector: &[f32], content: Option<Content>) -> Asked {
        Asked {
            weight,
            vector: vector.to_vec(),
            for_images: None,
            content,
            asset: None,
            identical: None,
            language: None,
        }
    }

    fn table() -> CalibrationTable {
        let mut pairs = Vec::new();
        for (at, query) in (1_u8..).zip(Content::ALL) {
            for point in Content::ALL {
                let mean = f32::from(at) / 10.0;
                pairs.push((query, point, Calibration { mean, deviation: 0.1 }));
            }
        }
        CalibrationTable { pairs }
    }

    #[test]
    fn a_sum_is_one_leg_with_the_calibration_of_the_sum() {
        let terms = vec![
            asked(2.0, &[1.0, 0.0], Some(Content::Text)),
            asked(-1.0, &[0.0, 1.0], Some(Content::Image)),
        ];
        let parts = QueryParts::new(terms, ONE, Some(&table())).expect("parts");
        let [part] = parts.parts.as_slice() else { panic!("one part") };
        let length = 5.0_f32.sqrt();
        let vector = &part.aim(Content::Audio).vector;
        assert!((vector[0] - 2.0 / length).abs() < 1e-6 && (vector[1] + 1.0 / length).abs() < 1e-6);
        let calibration = part.calibration(Content::Audio).expect("calibrated");
        assert!((calibration.mean - (2.0 * 0.3 - 0.1) / length).abs() < 1e-6);
        assert!((calibration.deviation - (0.04_f32 + 0.01).sqrt() / length).abs() < 1e-6);
    }

    #[test]
    fn a_given_vector_takes_scores_away() {
        let terms = vec![asked(1.0, &[1.0, 0.0], Some(Content::Text)), asked(1.0, &[0.0, 1.0], None)];
        let parts = QueryParts::new(terms, ONE, Some(&table())).expect("parts");
        assert_eq!(parts.parts[0].score(Track::Image, 0.5), None);
        assert!(parts.parts[0].rank_by(Track::Image, 0.5) > parts.parts[0].rank_by(Track::Text, 0.4));
    }

    #[test]
    fn a_name_alone_asks_images_by_a_vector_of_their_own() {
        let name = Asked { for_images: Some(vec![0.6, 0.8]), ..asked(1.0, &[1.0, 0.0], Some(Content::Text)) };
        let phrase = asked(1.0, &[0.0, 1.0], Some(Content::Text));
        let parts = QueryParts::new(vec![name.clone()], ONE, Some(&table())).expect("parts").parts;
        assert_eq!(parts[0].aim(Content::Image).vector, [0.6, 0.8]);
        for content in [Content::Audio, Content::Text] {
            assert_eq!(parts[0].aim(content).vector, [1.0, 0.0]);
        }
        let asked = parts[0].sub_queries();
        assert_eq!(asked.iter().map(|query| query.vector[0]).collect::<Vec<_>>(), [0.6, 1.0]);
        assert!(asked[0].tracks.contains(&Track::Video) && !asked[0].tracks.contains(&Track::Audio));
        assert!(asked[1].tracks.is_empty(), "of all others");
        let sum = QueryParts::new(vec![name, phrase.clone()], ONE, Some(&table())).expect("parts").parts;
        let [first, second] = [0.6_f32, 1.8].map(|x| x / (0.36_f32 + 3.24).sqrt());
        let vector = &sum[0].aim(Content::Image).vector;
        assert!((vector[0] - first).abs() < 1e-6 && (vector[1] - second).abs() < 1e-6, "{vector:?}");
        let plain = QueryParts::new(vec![phrase], ONE, Some(&table())).expect("parts").parts;
        assert_eq!(plain[0].sub_queries().len(), 1);
    }

    #[test]
    fn captions_are_asked_in_words_and_count_less() {
        let of = |content, keeps| {
            let parts = QueryParts::new(
                vec![asked(1.0, &[1.0, 0.0], content)],
                Make { keeps_captions: keeps, ..Make::default() },
                Some(&table()),
            );
            parts.expect("parts").parts.remove(0)
        };
        assert!(of(Some(Content::Text), true).asks_captions);
        assert!(!of(Some(Content::Text), false).asks_captions);
        assert!(!of(Some(Content::Image), true).asks_captions && !of(None, true).asks_captions);
        let part = of(Some(Content::Text), true);
        let (said, text) = (part.score(Track::Caption, 0.5), part.score(Track::Text, 0.5));
        assert!((text.expect("a score") - said.expect("a score") - CAPTION_HANDICAP).abs() < 1e-5);
    }

    #[test]
    fn hub_weights_are_those_of_the_terms() {
        let terms = || {
            vec![
                asked(2.0, &[1.0, 0.0], Some(Content::Text)),
                asked(-1.0, &[0.0, 1.0], Some(Content::Image)),
                asked(1.0, &[0.0, 1.0], None),
            ]
        };
        let of = |make| QueryParts::new(terms(), make, None).expect("parts").parts;
        let corrected = Make { corrects: true, ..Make::default() };
        // The sum is (2, 0): of length 2. Sounds do not ask, and the given vector takes nothing off.
        assert_eq!(of(corrected)[0].aim.hubs, HubWeights([-0.5, 0.0, 1.0]));
        let alone: Vec<_> = of(Make { late: true, ..corrected }).iter().map(|part| part.aim.hubs).collect();
        assert_eq!(alone, [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0; 3]].map(HubWeights));
        assert!(of(Make::default())[0].aim.hubs.is_none());
    }

    #[test]
    fn legs_stand_alone() {
        let terms = vec![asked(3.0, &[1.0, 0.0], Some(Content::Text)), asked(-2.0, &[0.0, 1.0], None)];
        let parts = QueryParts::new(terms, Make { late: true, ..ONE }, Some(&table())).expect("parts").parts;
        assert_eq!(parts.len(), 2);
        let calibration = parts[0].calibration(Content::Image).expect("calibrated");
        assert!((calibration.mean - 0.3).abs() < 1e-6 && (calibration.deviation - 0.1).abs() < 1e-6);
        assert_eq!((parts[1].term, parts[1].calibration(Content::Image)), (Some(1), None));
    }

    #[test]
    fn sums_that_point_nowhere_are_usage_errors() {
        let one = |weight| asked(weight, &[1.0, 0.0], Some(Content::Text));
        assert!(matches!(
            QueryParts::new(vec![one(-1.0)], Make::default(), None),
            Err(EngineError::NoPositiveTerm)
        ));
        assert!(matches!(
            QueryParts::new(Vec::new(), Make::default(), None),
            Err(EngineError::NoPositiveTerm)
        ));
        let cancelled = QueryParts::new(vec![one(1.0), one(-0.9995)], Make::default(), None);
        assert!(matches!(cancelled, Err(EngineError::EmptySum { .. })));
        assert!(QueryParts::new(vec![one(1.0), one(-0.99)], Make::default(), None).is_ok());
    }
}
