//! Each caption looks for its photo, and the caption decoder reads the best fifty once more: what that changes.

use sensorium_engine::LOG_PROB_AS_COSINE;
use sensorium_types::{Content, Modality};

use super::gallery::{Member, gallery, scores};
use super::ranks::{Asked, all_captions, caption_rank, figures};
use crate::eval::corpus::Corpus;
use crate::eval::metrics::order;
use crate::eval::report::Figures;
use crate::eval::scoring::Vector;

/// How many of the best are read.
const DEPTH: usize = 50;

pub(super) fn measure(corpus: &Corpus) -> anyhow::Result<Option<Figures>> {
    let members = gallery(corpus, |item| item.modality == Some(Modality::Image));
    let asked = all_captions(&members);
    if asked.is_empty() || !members.iter().any(|member| memory(corpus, member).is_some()) {
        return Ok(None);
    }
    let queries = corpus.texts(&asked.iter().map(|asked| asked.text).collect::<Vec<_>>())?;
    let (mut plain, mut read) = (Vec::with_capacity(asked.len()), Vec::with_capacity(asked.len()));
    for (&Asked { text, group }, query) in asked.iter().zip(&queries) {
        let mut found = scores(corpus, query, &members);
        plain.push((group, caption_rank(&found, &members, text)));
        add_gains(corpus, (text, query), &members, &mut found)?;
        read.push((group, caption_rank(&found, &members, text)));
    }
    let mut plain = figures(&plain, members.len());
    let read = figures(&read, members.len());
    let before = plain.shares.drain(..).zip(["r1_before", "r5_before", "r10_before"]);
    let before: Vec<_> = before.map(|((_, value, interval), name)| (name, value, interval)).collect();
    let mut counts = read.counts;
    counts.push(("depth", DEPTH));
    Ok(Some(Figures { shares: read.shares.into_iter().chain(before).collect(), counts, sources: Vec::new() }))
}

/// Adds to the best scores what the words gain by each image; all others fall behind them.
fn add_gains(
    corpus: &Corpus,
    (text, query): (&str, &Vector),
    members: &[Member<'_>],
    scores: &mut [Option<f32>],
) -> anyhow::Result<()> {
    let Some(pair) = corpus.calibration().get(query.content, Content::Image) else { return Ok(()) };
    let ranked: Vec<_> = scores.iter().map(|score| (*score, false)).collect();
    let best: Vec<usize> = order(&ranked).into_iter().take(DEPTH).collect();
    let mut places = Vec::with_capacity(best.len());
    let mut memories = Vec::with_capacity(best.len());
    for place in &best {
        if let Some(memory) = members.get(*place).and_then(|member| memory(corpus, member)) {
            places.push(*place);
            memories.push(memory);
        }
    }
    let gains = corpus.captioner()?.score(text, &memories)?.gains();
    for (place, score) in scores.iter_mut().enumerate() {
        if !best.contains(&place) {
            // Below every score that a gain can lead to.
            *score = score.map(|score| score - 1e6);
        }
    }
    for (place, gain) in places.into_iter().zip(gains) {
        if let Some(Some(score)) = scores.get_mut(place) {
            *score += gain * LOG_PROB_AS_COSINE / pair.deviation;
        }
    }
    Ok(())
}

fn memory<'a>(corpus: &'a Corpus, member: &Member<'_>) -> Option<&'a sensorium_embed::Memory> {
    corpus.memory(member.asset?)
}
