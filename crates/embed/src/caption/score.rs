//! How likely given tokens are beside images: one pass over the tokens for each.

use super::rules::log_softmax;
use super::state::Line;
use super::{BEGIN, END, network::Network};
use crate::memory::Memory;
use crate::{EmbedError, TextScore};

/// The log-probability of each token beside each memory, and of the end after them; all memories together.
pub(super) fn log_probs(
    network: &Network,
    ids: &[u32],
    memories: &[&Memory],
) -> Result<Vec<Vec<f32>>, EmbedError> {
    let read: Vec<u32> = [BEGIN].into_iter().chain(ids.iter().copied()).collect();
    let mut caches: Vec<_> = memories.iter().map(|_| network.cache()).collect();
    let mut lines: Vec<Line<'_>> =
        memories.iter().zip(&mut caches).map(|(memory, cache)| Line { memory, cache, ids: &read }).collect();
    let mut logits = network.read(&mut lines)?;
    logits
        .chunks_exact_mut(network.config().vocab * read.len())
        .map(|rows| {
            let rows = rows.chunks_exact_mut(network.config().vocab);
            let asked = ids.iter().copied().chain([END]);
            rows.zip(asked)
                .map(|(row, id)| {
                    log_softmax(row);
                    let log_prob = row.get(id as usize).copied();
                    log_prob.filter(|log_prob| log_prob.is_finite()).ok_or(EmbedError::CaptionNotFinite)
                })
                .collect()
        })
        .collect()
}

/// The same, summed.
pub(super) fn texts(
    network: &Network,
    ids: &[u32],
    memories: &[&Memory],
) -> Result<Vec<TextScore>, EmbedError> {
    let scores = log_probs(network, ids, memories)?.into_iter().filter_map(|log_probs| {
        let (end, words) = log_probs.split_last()?;
        Some(TextScore { words: words.iter().sum(), end: *end })
    });
    Ok(scores.collect())
}
