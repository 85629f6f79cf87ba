//! Queries that have one rank each: recall at 1, 5 and 10, and the median rank.

use rayon::prelude::*;

use super::gallery::{Member, scores};
use crate::eval::bootstrap;
use crate::eval::corpus::Corpus;
use crate::eval::metrics::{median_rank, rank, recall};
use crate::eval::report::Figures;

/// A text with the group that it is resampled with.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    /// The text.
    pub(super) text: &'a str,
    /// The photo or the clip that it belongs to, from 0 without gaps.
    pub(super) group: usize,
}

/// Each caption of each member, those of one member as a group.
pub(super) fn all_captions<'a>(members: &[Member<'a>]) -> Vec<Asked<'a>> {
    let captioned = members.iter().filter(|member| !member.captions.is_empty()).enumerate();
    captioned
        .flat_map(|(group, member)| member.captions.iter().map(move |text| Asked { text, group }))
        .collect()
}

/// Figures of texts that look for the members which bear them.
pub(super) fn of_captions(
    corpus: &Corpus,
    asked: &[Asked<'_>],
    members: &[Member<'_>],
) -> anyhow::Result<Option<Figures>> {
    if asked.is_empty() || members.is_empty() {
        return Ok(None);
    }
    let texts: Vec<&str> = asked.iter().map(|asked| asked.text).collect();
    let queries = corpus.texts(&texts)?;
    let ranks: Vec<(usize, Option<usize>)> = asked
        .par_iter()
        .zip(&queries)
        .map(|(asked, query)| {
            (asked.group, caption_rank(&scores(corpus, query, members), members, asked.text))
        })
        .collect();
    Ok(Some(figures(&ranks, members.len())))
}

/// The rank of the first member that bears the caption, by the members' scores.
pub(super) fn caption_rank(scores: &[Option<f32>], members: &[Member<'_>], text: &str) -> Option<usize> {
    let known = scores.iter().zip(members);
    rank(known.filter_map(|(score, member)| Some(((*score)?, member.bears(text)))))
}

/// Figures of ranks, each with the group that it is resampled with.
pub(super) fn figures(ranks: &[(usize, Option<usize>)], gallery: usize) -> Figures {
    const NAMES: [&str; 4] = ["r1", "r5", "r10", "median_rank"];
    let of = |ranks: &[Option<usize>]| {
        let shares = [1, 5, 10].map(|k| recall(ranks, k));
        shares.into_iter().chain([median_rank(ranks, gallery)]).collect::<Vec<f64>>()
    };
    let groups = ranks.iter().map(|(group, _)| group + 1).max().unwrap_or_default();
    let values = of(&ranks.iter().map(|(_, rank)| *rank).collect::<Vec<_>>());
    let intervals = bootstrap::intervals(groups, |times| {
        let drawn = ranks.iter().flat_map(|(group, rank)| {
            std::iter::repeat_n(*rank, times.get(*group).copied().unwrap_or_default())
        });
        of(&drawn.collect::<Vec<_>>())
    });
    let shares = NAMES
        .into_iter()
        .zip(values)
        .zip(intervals)
        .map(|((name, value), interval)| (name, value, interval))
        .collect();
    Figures { shares, counts: vec![("queries", ranks.len()), ("gallery", gallery)], sources: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_and_intervals_stand_beside_each_other() {
        let ranks: Vec<(usize, Option<usize>)> =
            (0..100).map(|n| (n / 5, if n % 2 == 0 { Some(1) } else { None })).collect();
        let figures = figures(&ranks, 20);
        assert_eq!(figures.counts, [("queries", 100), ("gallery", 20)]);
        let (name, value, [low, high]) = figures.shares[0];
        assert_eq!(name, "r1");
        assert!((value - 0.5).abs() < 1e-12 && low <= 0.5 && 0.5 <= high);
        assert_eq!(figures.shares[3].0, "median_rank");
    }
}
