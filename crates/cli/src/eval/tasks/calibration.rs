//! Whether one cut-off means the same for pairs of contents: of the ten best hits with a score of at least [`CUT`] the
//! share that is right, the share of all right answers that reach it, and that of the wrong ones.

use std::collections::BTreeSet;

use rayon::prelude::*;
use sensorium_types::Modality;

use super::gallery::{Member, gallery, scores};
use super::image_to_audio::stills;
use super::ranks::all_captions;
use super::text_to_audio::{is_animal_sound, question};
use crate::eval::bootstrap;
use crate::eval::corpus::Corpus;
use crate::eval::metrics::{order, share};
use crate::eval::report::Figures;
use crate::eval::scoring::Vector;

/// The score that is tried: so many deviations above the mean of unrelated things.
const CUT: f32 = 3.0;
/// Hits of a query that are looked at, as many as `search` shows.
const HITS: usize = 10;

/// What one query found, or several together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Passed {
    hits: usize,
    right_hits: usize,
    right: usize,
    right_of: usize,
    wrong: usize,
    wrong_of: usize,
}

impl Passed {
    /// Of the scores of a gallery, each with whether it is right; files that failed are never found.
    fn of(scores: &[(Option<f32>, bool)]) -> Self {
        let passes = |score: Option<f32>| score.is_some_and(|score| score >= CUT);
        let mut found = Self::default();
        for (score, is_right) in scores {
            let (passed, of) = if *is_right {
                (&mut found.right, &mut found.right_of)
            } else {
                (&mut found.wrong, &mut found.wrong_of)
            };
            *passed += usize::from(passes(*score));
            *of += 1;
        }
        let best = order(scores).into_iter().take(HITS).filter_map(|place| scores.get(place));
        for (_, is_right) in best.filter(|(score, _)| passes(*score)) {
            found.hits += 1;
            found.right_hits += usize::from(*is_right);
        }
        found
    }

    fn add(&mut self, other: &Self, times: usize) {
        self.hits += times * other.hits;
        self.right_hits += times * other.right_hits;
        self.right += times * other.right;
        self.right_of += times * other.right_of;
        self.wrong += times * other.wrong;
        self.wrong_of += times * other.wrong_of;
    }

    fn shares(&self) -> [f64; 3] {
        [
            share(self.right_hits, self.hits),
            share(self.right, self.right_of),
            share(self.wrong, self.wrong_of),
        ]
    }
}

/// A query with what tells its right answers, and the unit that it is resampled with.
struct Asked<'a> {
    query: Vector,
    right: Box<dyn Fn(&Member<'_>) -> bool + Send + Sync + 'a>,
    group: usize,
}

/// The names of a pair's figures: precision, right answers and wrong ones that reach the cut-off, hits.
type Names = ([&'static str; 3], &'static str);

const TEXT_IMAGE: Names =
    (["text_image_precision", "text_image_right", "text_image_wrong"], "text_image_hits");
const TEXT_AUDIO: Names =
    (["text_audio_precision", "text_audio_right", "text_audio_wrong"], "text_audio_hits");
const IMAGE_AUDIO: Names =
    (["image_audio_precision", "image_audio_right", "image_audio_wrong"], "image_audio_hits");

pub(super) fn measure(corpus: &Corpus) -> anyhow::Result<Option<Figures>> {
    let photos = gallery(corpus, |item| item.modality == Some(Modality::Image));
    let audios = gallery(corpus, is_animal_sound);
    let mut figures = Figures { shares: Vec::new(), counts: Vec::new(), sources: Vec::new() };

    let captions = all_captions(&photos);
    let queries = corpus.texts(&captions.iter().map(|caption| caption.text).collect::<Vec<_>>())?;
    let asked = captions.into_iter().zip(queries).map(|(caption, query)| Asked {
        query,
        right: Box::new(move |photo| photo.bears(caption.text)),
        group: caption.group,
    });
    figures.extend(corpus, TEXT_IMAGE, &asked.collect::<Vec<_>>(), &photos);

    let labels: BTreeSet<&str> = audios.iter().filter_map(|member| member.label).collect();
    let queries = corpus.texts(&labels.iter().map(|label| question(label)).collect::<Vec<_>>())?;
    let asked = labels.iter().zip(queries).enumerate().map(|(group, (label, query))| Asked {
        query,
        right: Box::new(move |audio| audio.is(label)),
        group,
    });
    figures.extend(corpus, TEXT_AUDIO, &asked.collect::<Vec<_>>(), &audios);

    let asked = stills(corpus).into_iter().enumerate().filter_map(|(group, (still, label))| {
        let query = corpus.still(still).first()?.clone();
        Some(Asked { query, right: Box::new(move |audio: &Member<'_>| audio.is(label)), group })
    });
    figures.extend(corpus, IMAGE_AUDIO, &asked.collect::<Vec<_>>(), &audios);
    Ok(Some(figures).filter(|figures| !figures.shares.is_empty()))
}

impl Figures {
    /// The figures of a pair; none where nothing asks or nothing could answer.
    fn extend(&mut self, corpus: &Corpus, names: Names, asked: &[Asked<'_>], members: &[Member<'_>]) {
        if asked.is_empty() || members.is_empty() {
            return;
        }
        let found: Vec<(usize, Passed)> = asked
            .par_iter()
            .map(|asked| {
                let scores = scores(corpus, &asked.query, members).into_iter().zip(members);
                let scores: Vec<_> = scores.map(|(score, member)| (score, (asked.right)(member))).collect();
                (asked.group, Passed::of(&scores))
            })
            .collect();
        let (shares, hits) = summed(&found);
        let (names, count) = names;
        self.shares
            .extend(names.into_iter().zip(shares).map(|(name, (value, interval))| (name, value, interval)));
        self.counts.push((count, hits));
    }
}

/// The shares with their intervals over the groups, and how many hits there are.
fn summed(found: &[(usize, Passed)]) -> (Vec<(f64, [f64; 2])>, usize) {
    let groups = found.iter().map(|(group, _)| group + 1).max().unwrap_or_default();
    let mut of_group = vec![Passed::default(); groups];
    let mut all = Passed::default();
    for (group, passed) in found {
        all.add(passed, 1);
        if let Some(sum) = of_group.get_mut(*group) {
            sum.add(passed, 1);
        }
    }
    let intervals = bootstrap::intervals(groups, |times| {
        let mut drawn = Passed::default();
        for (passed, times) in of_group.iter().zip(times) {
            drawn.add(passed, *times);
        }
        drawn.shares().to_vec()
    });
    (all.shares().into_iter().zip(intervals).collect(), all.hits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_reaches_the_cut_off_is_counted_and_ties_go_against_us() {
        let mut scores = vec![(Some(4.0), true), (Some(3.0), false), (Some(2.9), true), (None, true)];
        let found = Passed::of(&scores);
        let expected = Passed { hits: 2, right_hits: 1, right: 1, right_of: 3, wrong: 1, wrong_of: 1 };
        assert_eq!(found, expected);
        scores.extend(vec![(Some(4.0), false); HITS]);
        let crowded = Passed::of(&scores);
        assert_eq!((crowded.hits, crowded.right_hits), (HITS, 0), "a right one of the same score comes last");
        assert_eq!((crowded.wrong, crowded.wrong_of), (HITS + 1, HITS + 1));
    }

    #[test]
    fn shares_are_of_all_queries_together() {
        let query = |score, is_right| Passed::of(&[(Some(score), is_right), (Some(0.0), false)]);
        let (shares, hits) = summed(&[(0, query(5.0, true)), (0, query(5.0, false)), (1, query(1.0, true))]);
        assert_eq!(hits, 2);
        let values: Vec<f64> = shares.iter().map(|(value, _)| *value).collect();
        assert!((values[0] - 0.5).abs() < 1e-12 && (values[1] - 0.5).abs() < 1e-12, "{values:?}");
        assert!((values[2] - 0.25).abs() < 1e-12, "{values:?}");
        assert!(shares.iter().all(|(value, [low, high])| low <= value && value <= high));
        let (nothing, hits) = summed(&[]);
        assert!(
            hits == 0 && nothing.iter().all(|(value, _)| value.abs() < 1e-12),
            "no share of nothing: {nothing:?}"
        );
    }
}
