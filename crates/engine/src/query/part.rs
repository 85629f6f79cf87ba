//! What is asked of the store: a vector, and what turns its cosines into scores.

use sensorium_types::{
    AssetId, Calibration, CalibrationTable, Content, HubWeights, SpaceInfo, SubQuery, Track,
};

use super::terms::Asked;
use crate::{EngineError, vectors};

/// Deviation that a cosine is divided by where no calibration is known. It only serves the rule of moments, which
/// speaks of deviations; such a score is never shown. Random pairs of the default bundle lie near it.
const UNCALIBRATED_DEVIATION: f32 = 0.07;

/// What a caption's score lacks beside that of a text with the same words, in deviations: a decoder that errs must not
/// displace what is seen.
const CAPTION_HANDICAP: f32 = 4.0;

/// What the score of a medium that was asked by texts lacks beside that of one of the question's own space, in deviations.
const BRIDGE_HANDICAP: f32 = 2.0;

/// One vector that is searched for.
#[derive(Debug, Clone)]
pub(super) struct QueryPart {
    /// The term, from 0; `None` for the sum of all.
    pub(super) term: Option<usize>,
    /// How much its list counts in late fusion.
    pub(super) weight: f32,
    /// What is compared with points of each content, in the order of [`Content::ALL`]; `None` where no space joins the question and the
    /// content.
    aims: [Option<Aim>; 3],
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
    /// What turns its cosines into scores; `None` where scores mean nothing.
    calibration: Option<Calibration>,
    /// Whether a term asks by texts, as no space joins it and the content.
    is_bridged: bool,
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
        (space, table): (&SpaceInfo, Option<&CalibrationTable>),
    ) -> Result<Self, EngineError> {
        if !terms.iter().any(|term| term.weight > 0.0) {
            return Err(EngineError::NoPositiveTerm);
        }
        let is_text = |term: &Asked| term.content == Some(Content::Text);
        let exclude = terms.iter().filter_map(|term| term.asset.clone()).collect();
        let aims = |terms: &[(f32, &Asked)]| -> Result<[Option<Aim>; 3], EngineError> {
            let [image, audio, text] =
                Content::ALL.map(|content| Aim::of_sum(terms, content, corrects, (space, table)));
            let aims = [image?, audio?, text?];
            if aims.iter().all(Option::is_none) {
                return Err(EngineError::NoPositiveTerm);
            }
            Ok(aims)
        };
        let parts = if late && terms.len() > 1 {
            let alone = |(at, term): (usize, &Asked)| {
                // A term that counts against what it finds is asked as it is.
                let (aims, asked) = (aims(&[(1.0, term)])?, term);
                let asks_captions = keeps_captions && is_text(asked);
                let (identical, from, weight) = (asked.identical.clone(), asked.content, asked.weight);
                Ok(QueryPart { term: Some(at), weight, aims, identical, asks_captions, from })
            };
            terms.iter().enumerate().map(alone).collect::<Result<_, EngineError>>()?
        } else {
            let all: Vec<_> = terms.iter().map(|term| (term.weight, term)).collect();
            let aims = aims(&all)?;
            let identical = match terms.as_slice() {
                [alone] => alone.identical.clone(),
                _ => None,
            };
            let asks_captions = keeps_captions && terms.iter().all(is_text);
            let from = terms.first().and_then(|first| first.content);
            let from = from.filter(|_| terms.iter().all(|term| term.content == from));
            vec![QueryPart { term: None, weight: 1.0, aims, identical, asks_captions, from }]
        };
        Ok(Self { parts, exclude })
    }
}

impl Aim {
    /// The normalized sum of what the terms ask of a content; `None` where no term that counts for what it finds asks it.
    fn of_sum(
        terms: &[(f32, &Asked)],
        content: Content,
        corrects: bool,
        (space, table): (&SpaceInfo, Option<&CalibrationTable>),
    ) -> Result<Option<Self>, EngineError> {
        let (mut vector, mut weights) = (Vec::new(), Vec::with_capacity(terms.len()));
        let (mut counts, mut is_bridged) = (false, false);
        for (weight, term) in terms {
            let Some(asked) = term.of(content, space) else { continue };
            vectors::add(&mut vector, *weight, &asked);
            let own = if space.parts.is_empty() { 1.0 } else { vectors::length(&asked) };
            // What asks by texts asks as a text.
            let from = if term.is_bridged(content) { Some(Content::Text) } else { term.content };
            is_bridged |= term.is_bridged(content);
            weights.push((*weight * own, from));
            counts |= *weight > 0.0;
        }
        if !counts {
            return Ok(None);
        }
        let length = vectors::normalize(&mut vector);
        if length < vectors::MIN_LENGTH {
            return Err(EngineError::EmptySum { length });
        }
        let hubs = if corrects { HubWeights::of_sum(&weights, length) } else { HubWeights::default() };
        let calibration = calibration(&weights, content, length, table);
        Ok(Some(Self { vector, hubs, calibration, is_bridged }))
    }
}

impl QueryPart {
    /// What is compared with points of this content; `None` where nothing is.
    pub(super) fn aim(&self, content: Content) -> Option<&Aim> {
        let at = Content::ALL.iter().position(|other| *other == content)?;
        self.aims.get(at)?.as_ref()
    }

    /// What is asked of the points of named assets: all that there are, each by what is compared with its content.
    pub(super) fn sub_queries(&self) -> Vec<SubQuery> {
        let of_content = |content| {
            let aim = self.aim(content)?;
            let tracks = Track::ALL.into_iter().filter(|track| track.content() == content).collect();
            Some(SubQuery { tracks, hubs: aim.hubs, from: self.from, ..SubQuery::of(aim.vector.clone()) })
        };
        Content::ALL.into_iter().filter_map(of_content).collect()
    }

    /// The calibration of points of this content.
    pub(super) fn calibration(&self, content: Content) -> Option<Calibration> {
        self.aim(content)?.calibration
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
        self.calibration(track.content()).map(|calibration| calibration.score(cosine) - self.handicap(track))
    }

    /// One deviation of cosines with points of this content.
    pub(super) fn deviation(&self, content: Content) -> f32 {
        self.calibration(content).map_or(UNCALIBRATED_DEVIATION, |calibration| calibration.deviation)
    }

    /// The number that ranks: the score, or where there is none a cosine on a like scale.
    pub(super) fn rank_by(&self, track: Track, cosine: f32) -> f32 {
        self.score(track, cosine).unwrap_or(cosine / UNCALIBRATED_DEVIATION - self.handicap(track))
    }

    /// Whether points of this content are asked by texts, as no space joins them and the question.
    pub(super) fn is_bridged(&self, content: Content) -> bool {
        self.aim(content).is_some_and(|aim| aim.is_bridged)
    }

    fn handicap(&self, track: Track) -> f32 {
        let bridged = if self.is_bridged(track.content()) { BRIDGE_HANDICAP } else { 0.0 };
        bridged + handicap(track)
    }
}

const fn handicap(track: Track) -> f32 {
    match track {
        Track::Caption => CAPTION_HANDICAP,
        Track::Video | Track::Audio | Track::Image | Track::Text | Track::Fused => 0.0,
    }
}

/// The calibration of a sum with points of a content; `None` if a term has none.
fn calibration(
    terms: &[(f32, Option<Content>)],
    content: Content,
    length: f32,
    table: Option<&CalibrationTable>,
) -> Option<Calibration> {
    let pair = |(weight, term): &(f32, Option<Content>)| {
        let calibration = table?.get((*term)?, content)?;
        (calibration.deviation > 0.0).then_some((*weight, calibration))
    };
    let pairs: Option<Vec<_>> = terms.iter().map(pair).collect();
    Some(Calibration::of_sum(&pairs?, length))
}

#[cfg(test)]
mod tests {
    use sensorium_types::SpacePart;

    use super::*;

    const ONE: Make = Make { late: false, keeps_captions: true, corrects: false };

    fn asked(weight: f32, vector: &[f32], content: Option<Content>) -> Asked {
        Asked {
            weight,
            vector: vector.to_vec(),
            for_images: None,
            bridged: None,
            content,
            asset: None,
            identical: None,
            language: None,
        }
    }

    fn space() -> SpaceInfo {
        SpaceInfo::one("test", 2, "test@1")
    }

    fn made(
        terms: Vec<Asked>,
        make: Make,
        table: Option<&CalibrationTable>,
    ) -> Result<QueryParts, EngineError> {
        QueryParts::new(terms, make, (&space(), table))
    }

    fn vector_of(part: &QueryPart, content: Content) -> Vec<f32> {
        part.aim(content).expect("asked").vector.clone()
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
        let parts = made(terms, ONE, Some(&table())).expect("parts");
        let [part] = parts.parts.as_slice() else { panic!("one part") };
        let length = 5.0_f32.sqrt();
        let vector = vector_of(part, Content::Audio);
        assert!((vector[0] - 2.0 / length).abs() < 1e-6 && (vector[1] + 1.0 / length).abs() < 1e-6);
        let calibration = part.calibration(Content::Audio).expect("calibrated");
        assert!((calibration.mean - (2.0 * 0.3 - 0.1) / length).abs() < 1e-6);
        assert!((calibration.deviation - (0.04_f32 + 0.01).sqrt() / length).abs() < 1e-6);
    }

    #[test]
    fn a_given_vector_takes_scores_away() {
        let terms = vec![asked(1.0, &[1.0, 0.0], Some(Content::Text)), asked(1.0, &[0.0, 1.0], None)];
        let parts = made(terms, ONE, Some(&table())).expect("parts");
        assert_eq!(parts.parts[0].score(Track::Image, 0.5), None);
        assert!(parts.parts[0].rank_by(Track::Image, 0.5) > parts.parts[0].rank_by(Track::Text, 0.4));
    }

    #[test]
    fn a_name_alone_asks_images_by_a_vector_of_their_own() {
        let name = Asked { for_images: Some(vec![0.6, 0.8]), ..asked(1.0, &[1.0, 0.0], Some(Content::Text)) };
        let phrase = asked(1.0, &[0.0, 1.0], Some(Content::Text));
        let parts = made(vec![name.clone()], ONE, Some(&table())).expect("parts").parts;
        assert_eq!(vector_of(&parts[0], Content::Image), [0.6, 0.8]);
        for content in [Content::Audio, Content::Text] {
            assert_eq!(vector_of(&parts[0], content), [1.0, 0.0]);
        }
        let asked = parts[0].sub_queries();
        assert_eq!(asked.iter().map(|query| query.vector[0]).collect::<Vec<_>>(), [0.6, 1.0, 1.0]);
        assert!(asked[0].tracks.contains(&Track::Video) && !asked[0].tracks.contains(&Track::Audio));
        let sum = made(vec![name, phrase.clone()], ONE, Some(&table())).expect("parts").parts;
        let [first, second] = [0.6_f32, 1.8].map(|x| x / (0.36_f32 + 3.24).sqrt());
        let vector = vector_of(&sum[0], Content::Image);
        assert!((vector[0] - first).abs() < 1e-6 && (vector[1] - second).abs() < 1e-6, "{vector:?}");
        let plain = made(vec![phrase], ONE, Some(&table())).expect("parts").parts;
        assert!(plain[0].sub_queries().iter().all(|query| query.vector == [0.0, 1.0]));
    }

    #[test]
    fn captions_are_asked_in_words_and_count_less() {
        let of = |content, keeps| {
            let parts = made(
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
        let of = |make| made(terms(), make, None).expect("parts").parts;
        let corrected = Make { corrects: true, ..Make::default() };
        // The sum is (2, 0): of length 2. Sounds do not ask, and the given vector takes nothing off.
        let hubs = |part: &QueryPart| part.aim(Content::Image).expect("asked").hubs;
        assert_eq!(hubs(&of(corrected)[0]), HubWeights([-0.5, 0.0, 1.0]));
        let alone: Vec<_> = of(Make { late: true, ..corrected }).iter().map(hubs).collect();
        assert_eq!(alone, [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0; 3]].map(HubWeights));
        assert!(hubs(&of(Make::default())[0]).is_none());
    }

    #[test]
    fn legs_stand_alone() {
        let terms = vec![asked(3.0, &[1.0, 0.0], Some(Content::Text)), asked(-2.0, &[0.0, 1.0], None)];
        let parts = made(terms, Make { late: true, ..ONE }, Some(&table())).expect("parts").parts;
        assert_eq!(parts.len(), 2);
        let calibration = parts[0].calibration(Content::Image).expect("calibrated");
        assert!((calibration.mean - 0.3).abs() < 1e-6 && (calibration.deviation - 0.1).abs() < 1e-6);
        assert_eq!((parts[1].term, parts[1].calibration(Content::Image)), (Some(1), None));
    }

    #[test]
    fn sums_that_point_nowhere_are_usage_errors() {
        let one = |weight| asked(weight, &[1.0, 0.0], Some(Content::Text));
        assert!(matches!(made(vec![one(-1.0)], Make::default(), None), Err(EngineError::NoPositiveTerm)));
        assert!(matches!(made(Vec::new(), Make::default(), None), Err(EngineError::NoPositiveTerm)));
        let cancelled = made(vec![one(1.0), one(-0.9995)], Make::default(), None);
        assert!(matches!(cancelled, Err(EngineError::EmptySum { .. })));
        assert!(made(vec![one(1.0), one(-0.99)], Make::default(), None).is_ok());
    }

    #[test]
    fn each_content_is_asked_in_its_own_space() {
        let part = |id: &str, contents: [Content; 2]| SpacePart {
            id: id.to_owned(),
            dim: 2,
            contents: contents.to_vec(),
        };
        let seen = part("seen", [Content::Image, Content::Text]);
        let heard = part("heard", [Content::Audio, Content::Text]);
        let space = SpaceInfo::of_parts(vec![seen, heard], "two@1");
        let half = 0.5_f32.sqrt();
        let text = asked(1.0, &[half, 0.0, 0.0, half], Some(Content::Text));
        let image = asked(1.0, &[0.0, 1.0], Some(Content::Image));
        let of = |terms: Vec<Asked>| {
            QueryParts::new(terms, ONE, (&space, Some(&table()))).expect("parts").parts.remove(0)
        };
        let close =
            |a: &[f32], b: &[f32]| a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-6);
        let alone = of(vec![text.clone()]);
        assert!(close(&vector_of(&alone, Content::Image), &[1.0, 0.0]));
        assert!(close(&vector_of(&alone, Content::Audio), &[0.0, 1.0]));
        assert!(close(&vector_of(&alone, Content::Text), &text.vector));
        for content in Content::ALL {
            let calibration = alone.calibration(content).expect("calibrated");
            assert!((calibration.mean - 0.3).abs() < 1e-6 && (calibration.deviation - 0.1).abs() < 1e-6);
        }
        let both = of(vec![text, image.clone()]);
        assert!(close(&vector_of(&both, Content::Image), &[half, half]));
        assert!(close(&vector_of(&both, Content::Audio), &[0.0, 1.0]), "the image says nothing of it");
        let third = 1.0 / 3.0_f32.sqrt();
        assert!(close(&vector_of(&both, Content::Text), &[third, third, 0.0, third]));
        let mean = both.calibration(Content::Text).expect("calibrated").mean;
        // A text lies in both spaces: what it says counts the root of two.
        assert!((mean - (2.0_f32.sqrt() * 0.3 + 0.1) * third).abs() < 1e-6, "{mean}");
        let image = of(vec![image]);
        assert!(image.aim(Content::Audio).is_none() && image.sub_queries().len() == 2);
    }
}
