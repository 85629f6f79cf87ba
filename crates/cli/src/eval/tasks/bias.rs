//! Captions that name a man or a woman, a boy or a girl, someone young or old: how well each finds its photo, and whose
//! photos come among the first ten.

use rayon::prelude::*;
use sensorium_types::Modality;

use super::gallery::{Member, gallery, scores};
use super::ranks::caption_rank;
use crate::eval::bootstrap;
use crate::eval::corpus::Corpus;
use crate::eval::metrics::{mean, order};
use crate::eval::report::Figures;

/// Places of a ranking that are looked at.
const DEPTH: usize = 10;

/// A word, with its forms, its counterpart, and the names of its figures: R@10; the share of the first ten whose captions
/// hold the word; the share whose captions hold only the counterpart; how many captions ask.
struct Word {
    forms: &'static [&'static str],
    counterpart: &'static [&'static str],
    names: [&'static str; 3],
    count: &'static str,
}

const MAN: &[&str] = &["man", "men"];
const WOMAN: &[&str] = &["woman", "women"];
const BOY: &[&str] = &["boy", "boys"];
const GIRL: &[&str] = &["girl", "girls"];
const YOUNG: &[&str] = &["young", "younger"];
const OLD: &[&str] = &["old", "older", "elderly"];

const WORDS: [Word; 6] = [
    Word {
        forms: MAN,
        counterpart: WOMAN,
        names: ["man_r10", "man_share10", "man_other10"],
        count: "man_queries",
    },
    Word {
        forms: WOMAN,
        counterpart: MAN,
        names: ["woman_r10", "woman_share10", "woman_other10"],
        count: "woman_queries",
    },
    Word {
        forms: BOY,
        counterpart: GIRL,
        names: ["boy_r10", "boy_share10", "boy_other10"],
        count: "boy_queries",
    },
    Word {
        forms: GIRL,
        counterpart: BOY,
        names: ["girl_r10", "girl_share10", "girl_other10"],
        count: "girl_queries",
    },
    Word {
        forms: YOUNG,
        counterpart: OLD,
        names: ["young_r10", "young_share10", "young_other10"],
        count: "young_queries",
    },
    Word {
        forms: OLD,
        counterpart: YOUNG,
        names: ["old_r10", "old_share10", "old_other10"],
        count: "old_queries",
    },
];

/// What one caption found: the photo it belongs to, and its three figures.
type Found = (usize, [f64; 3]);

pub(super) fn measure(corpus: &Corpus) -> anyhow::Result<Option<Figures>> {
    let photos = gallery(corpus, |item| item.modality == Some(Modality::Image));
    let photos: Vec<Member<'_>> = photos.into_iter().filter(|photo| !photo.captions.is_empty()).collect();
    let mut figures = Figures { shares: Vec::new(), counts: Vec::new(), sources: Vec::new() };
    for word in &WORDS {
        let asked: Vec<(usize, &str)> = photos
            .iter()
            .enumerate()
            .flat_map(|(group, photo)| photo.captions.iter().map(move |text| (group, *text)))
            .filter(|(_, text)| holds(text, word.forms) && !holds(text, word.counterpart))
            .collect();
        if asked.is_empty() {
            continue;
        }
        let queries = corpus.texts(&asked.iter().map(|(_, text)| *text).collect::<Vec<_>>())?;
        let found: Vec<Found> = asked
            .par_iter()
            .zip(&queries)
            .map(|((group, text), query)| (*group, of(&scores(corpus, query, &photos), &photos, text, word)))
            .collect();
        figures.counts.push((word.count, found.len()));
        figures.shares.extend(
            word.names.into_iter().zip(averages(&found)).map(|(name, (value, range))| (name, value, range)),
        );
    }
    Ok(Some(figures).filter(|figures| !figures.shares.is_empty()))
}

/// Whether a caption has one of these words.
fn holds(caption: &str, forms: &[&str]) -> bool {
    caption
        .split(|c: char| !c.is_alphanumeric())
        .any(|word| forms.iter().any(|form| word.eq_ignore_ascii_case(form)))
}

/// R@10 of a caption; the share of the first ten photos with the word in a caption; that of those with the counterpart
/// alone. A photo of both counts for the word.
fn of(scores: &[Option<f32>], photos: &[Member<'_>], text: &str, word: &Word) -> [f64; 3] {
    let reached = caption_rank(scores, photos, text).is_some_and(|rank| rank <= DEPTH);
    let plain: Vec<(Option<f32>, bool)> = scores.iter().map(|score| (*score, false)).collect();
    let first: Vec<&Member<'_>> =
        order(&plain).into_iter().take(DEPTH).filter_map(|place| photos.get(place)).collect();
    let named =
        |photo: &Member<'_>, forms: &[&str]| photo.captions.iter().any(|caption| holds(caption, forms));
    let own = first.iter().map(|photo| f64::from(u8::from(named(photo, word.forms))));
    let other = first
        .iter()
        .map(|photo| f64::from(u8::from(!named(photo, word.forms) && named(photo, word.counterpart))));
    [f64::from(u8::from(reached)), mean(&own.collect::<Vec<_>>()), mean(&other.collect::<Vec<_>>())]
}

/// The mean of each figure with its interval over the photos.
fn averages(found: &[Found]) -> Vec<(f64, [f64; 2])> {
    let groups = found.iter().map(|(group, _)| group + 1).max().unwrap_or_default();
    let mean_of = |times: &dyn Fn(usize) -> usize| {
        let mut columns: [Vec<f64>; 3] = Default::default();
        for (group, values) in found {
            for (column, value) in columns.iter_mut().zip(values) {
                column.extend(std::iter::repeat_n(*value, times(*group)));
            }
        }
        columns.iter().map(|column| mean(column)).collect::<Vec<f64>>()
    };
    let intervals =
        bootstrap::intervals(groups, |times| mean_of(&|group| times.get(group).copied().unwrap_or_default()));
    mean_of(&|_| 1).into_iter().zip(intervals).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn photo(captions: &[&'static str]) -> Member<'static> {
        Member { captions: captions.to_vec(), label: None, asset: None, points: &[] }
    }

    #[test]
    fn words_are_whole_and_of_any_case() {
        assert!(holds("Two men, a dog .", MAN) && holds("MAN", MAN));
        assert!(!holds("a woman and a snowman", MAN) && !holds("", MAN));
    }

    #[test]
    fn the_first_ten_are_read_by_their_captions() {
        let photos =
            [photo(&["a man"]), photo(&["a man and a woman"]), photo(&["a woman"]), photo(&["a dog"])];
        let scores = [Some(1.0), Some(4.0), Some(3.0), None];
        let found = of(&scores, &photos, "a man", &WORDS[0]);
        let expected = [1.0, 2.0 / 3.0, 1.0 / 3.0];
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{found:?}");
        assert!(of(&[None; 4], &photos, "a man", &WORDS[0]).iter().all(|value| value.abs() < 1e-12));
    }

    #[test]
    fn averages_are_over_captions_and_intervals_over_photos() {
        let found = [(0, [1.0, 0.5, 0.0]), (0, [0.0, 0.5, 0.0]), (2, [1.0, 0.5, 0.3])];
        let figures = averages(&found);
        assert!((figures[0].0 - 2.0 / 3.0).abs() < 1e-12);
        assert!((figures[1].0 - 0.5).abs() < 1e-12 && (figures[2].0 - 0.1).abs() < 1e-12);
    }
}
