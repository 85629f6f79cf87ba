//! Each label of a source looks for that source's files of the label, as people type it: bare, in the plural, and in a
//! sentence.

use std::collections::BTreeSet;

use sensorium_types::Modality;

use super::gallery::{Member, gallery, scores};
use crate::eval::bootstrap;
use crate::eval::corpus::{Corpus, Item};
use crate::eval::metrics::{Ranked, mean, order, precision_at_10, recall};
use crate::eval::plural::plural;
use crate::eval::report::Figures;

/// Bare, plural, sentence.
const FORMS: usize = 3;
const VOWELS: [char; 10] = ['a', 'e', 'i', 'o', 'u', 'A', 'E', 'I', 'O', 'U'];

/// What labels look for, and how.
#[derive(Debug)]
pub(super) struct Asking<const N: usize> {
    /// Of what there is a gallery.
    pub(super) modality: Modality,
    /// What stands before `a LABEL` in the third form.
    pub(super) sentence: &'static str,
    /// The names of each form's figures: R@1, R@5, R@10, and the precision at 10 if there is a fourth.
    pub(super) names: [[&'static str; N]; FORMS],
}

/// What one form of a label found.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Found {
    /// Of the first file of the label, from 1.
    rank: Option<usize>,
    /// At min(10, files of the label).
    precision: f64,
}

/// A source with what its labels found.
#[derive(Debug)]
struct Source {
    name: String,
    gallery: usize,
    labels: Vec<[Found; FORMS]>,
}

/// Figures of each source that has labels, and of all their labels together, each asked of its own source.
pub(super) fn measure<const N: usize>(
    corpus: &Corpus,
    asking: &Asking<N>,
) -> anyhow::Result<Option<Figures>> {
    let asked = |item: &&Item| item.modality == Some(asking.modality);
    let names: BTreeSet<&str> = corpus.items.iter().filter(asked).map(source_of).collect();
    let mut sources = Vec::new();
    for name in names {
        let members = gallery(corpus, |item| asked(&item) && source_of(item) == name);
        let labels = found(corpus, asking.sentence, &members)?;
        if !labels.is_empty() {
            sources.push(Source { name: name.to_owned(), gallery: members.len(), labels });
        }
    }
    if sources.is_empty() {
        return Ok(None);
    }
    let all: Vec<[Found; FORMS]> = sources.iter().flat_map(|source| source.labels.iter().copied()).collect();
    let gallery = sources.iter().map(|source| source.gallery).sum();
    let mut together = figures(&all, gallery, &asking.names);
    together.sources = sources
        .into_iter()
        .map(|Source { name, gallery, labels }| (name, figures(&labels, gallery, &asking.names)))
        .collect();
    Ok(Some(together))
}

/// The source of a row; rows that name none are one.
fn source_of(item: &Item) -> &str {
    item.row.source.as_deref().unwrap_or_default()
}

/// What the labels of a gallery find in it, in order of the labels.
fn found(corpus: &Corpus, sentence: &str, members: &[Member<'_>]) -> anyhow::Result<Vec<[Found; FORMS]>> {
    let labels = members.iter().filter_map(|member| member.label).filter(|label| !label.trim().is_empty());
    let labels: BTreeSet<&str> = labels.collect();
    let texts: Vec<[String; FORMS]> = labels.iter().map(|label| forms(label, sentence)).collect();
    let queries = corpus.texts(texts.as_flattened())?;
    let queries = queries.chunks_exact(FORMS);
    let found = labels.into_iter().zip(queries).map(|(label, queries)| {
        let mut found = [Found::default(); FORMS];
        for (found, query) in found.iter_mut().zip(queries) {
            *found = Found::of(&scores(corpus, query, members), label, members);
        }
        found
    });
    Ok(found.collect())
}

/// How a label is asked for.
fn forms(label: &str, sentence: &str) -> [String; FORMS] {
    let article = if label.starts_with(VOWELS) { "an" } else { "a" };
    [label.to_owned(), plural(label), format!("{sentence} {article} {label}")]
}

impl Found {
    fn of(scores: &[Option<f32>], label: &str, members: &[Member<'_>]) -> Self {
        let scores: Vec<(Option<f32>, bool)> =
            scores.iter().zip(members).map(|(score, member)| (*score, member.is(label))).collect();
        let ranked: Ranked = order(&scores)
            .into_iter()
            .filter_map(|place| scores.get(place).map(|(_, is_right)| (*is_right, 1)))
            .collect();
        let right = scores.iter().filter(|(_, is_right)| *is_right).count();
        Self {
            rank: ranked.iter().position(|(is_right, _)| *is_right).map(|place| place + 1),
            precision: precision_at_10(&ranked, right),
        }
    }
}

fn figures<const N: usize>(
    labels: &[[Found; FORMS]],
    gallery: usize,
    names: &[[&'static str; N]; FORMS],
) -> Figures {
    let once = vec![1; labels.len()];
    let values = of::<N>(labels, &once);
    let intervals = bootstrap::intervals(labels.len(), |times| of::<N>(labels, times));
    let names = names.iter().flatten().copied();
    let shares = names.zip(values).zip(intervals).map(|((name, value), interval)| (name, value, interval));
    let counts = vec![("labels", labels.len()), ("gallery", gallery)];
    Figures { shares: shares.collect(), counts, sources: Vec::new() }
}

/// The first N figures of each form, where each label counts `times` often.
fn of<const N: usize>(labels: &[[Found; FORMS]], times: &[usize]) -> Vec<f64> {
    let mut values = Vec::with_capacity(FORMS * N);
    for form in 0..FORMS {
        let drawn = labels.iter().zip(times).filter_map(|(label, times)| Some((label.get(form)?, *times)));
        let drawn: Vec<&Found> = drawn.flat_map(|(found, times)| std::iter::repeat_n(found, times)).collect();
        let ranks: Vec<Option<usize>> = drawn.iter().map(|found| found.rank).collect();
        let precisions: Vec<f64> = drawn.iter().map(|found| found.precision).collect();
        let recalls = [1, 5, 10].map(|k| recall(&ranks, k));
        values.extend(recalls.into_iter().chain([mean(&precisions)]).take(N));
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member<'a>(label: &'a str) -> Member<'a> {
        Member { captions: Vec::new(), label: Some(label), asset: None, points: &[] }
    }

    #[test]
    fn a_label_is_asked_in_three_forms() {
        assert_eq!(forms("cat", "a photo of"), ["cat", "cats", "a photo of a cat"]);
        assert_eq!(forms("owl hooting", "the sound of")[2], "the sound of an owl hooting");
        assert_eq!(forms("Anjou pear", "a photo of")[1..], ["Anjou pears", "a photo of an Anjou pear"]);
    }

    #[test]
    fn any_file_of_the_label_is_a_hit_and_failed_files_are_misses() {
        let members = [member("cat"), member("dog"), member("dog"), member("cow"), member("dog")];
        let scores = [Some(0.9), Some(0.8), Some(0.7), Some(0.6), None];
        let found = Found::of(&scores, "dog", &members);
        assert_eq!(found, Found { rank: Some(2), precision: 2.0 / 3.0 });
        assert_eq!(Found::of(&[None; 5], "dog", &members), Found { rank: None, precision: 0.0 });
        let tied = Found::of(&[Some(0.5); 5], "cow", &members);
        assert_eq!(tied, Found { rank: Some(5), precision: 0.0 }, "ties count against us");
    }

    #[test]
    fn labels_weigh_the_same_and_forms_stand_apart() {
        let found = |rank, precision| Found { rank, precision };
        let labels = [
            [found(Some(1), 1.0), found(Some(6), 0.0), found(None, 0.0)],
            [found(Some(2), 0.5), found(Some(1), 1.0), found(None, 0.0)],
        ];
        let expected = [0.5, 1.0, 1.0, 0.75, 0.5, 0.5, 1.0, 0.5, 0.0, 0.0, 0.0, 0.0];
        assert_eq!(of::<4>(&labels, &[1, 1]), expected);
        assert_eq!(of::<3>(&labels, &[0, 2])[..3], [0.0, 1.0, 1.0]);
        let figures = figures(&labels, 9, &[["a", "b", "c"], ["d", "e", "f"], ["g", "h", "i"]]);
        assert_eq!(figures.counts, [("labels", 2), ("gallery", 9)]);
        assert_eq!(figures.shares.iter().map(|(name, ..)| *name).collect::<String>(), "abcdefghi");
    }
}
