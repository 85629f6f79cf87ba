//! Beam search: the best of several captions that grow side by side.

use std::ops::ControlFlow;

use super::rules::{Rules, log_softmax};
use super::state::{Cache, Line};
use super::{BEGIN, END, Written, network::Network};
use crate::EmbedError;
use crate::memory::Memory;

/// A caption that grows.
#[derive(Debug)]
struct Growing {
    written: Written,
    sum: f32,
    cache: Cache,
}

/// A token that may come next.
#[derive(Debug, Clone, Copy)]
struct Next {
    parent: usize,
    id: u32,
    log_prob: f32,
    sum: f32,
}

/// Searches until `width` captions have ended, and gives the worthiest.
///
/// As many tokens as could all be ends are looked at beyond the width, so that ends do not thin out what grows; an end
/// counts if it is among the best `width` tokens of its step. `None` if `on_step`, which is asked before each of them, stops it.
pub(super) fn search(
    network: &Network,
    memory: &Memory,
    rules: Rules,
    (width, length_penalty): (usize, f32),
    on_step: &mut dyn FnMut() -> ControlFlow<()>,
) -> Result<Option<Written>, EmbedError> {
    let mut growing = vec![Growing { written: Written::default(), sum: 0.0, cache: network.cache() }];
    let mut best: Option<(f32, Written)> = None;
    let mut ended = 0;
    let mut end_with = |sum: f32, written: Written| {
        let tokens = written.ids.len() + usize::from(written.end_log_prob.is_some());
        let worth = sum / (tokens.max(1) as f32).powf(length_penalty);
        if best.as_ref().is_none_or(|(most, _)| worth > *most) {
            best = Some((worth, written));
        }
    };
    for _ in 0..rules.max_tokens {
        if on_step().is_break() {
            return Ok(None);
        }
        let candidates = candidates(network, memory, rules, width, &mut growing)?;
        let mut grown: Vec<Growing> = Vec::with_capacity(width);
        for (rank, next) in candidates.into_iter().enumerate() {
            let Some(parent) = growing.get(next.parent) else { continue };
            if next.id == END {
                if rank < width {
                    let written = Written { end_log_prob: Some(next.log_prob), ..parent.written.clone() };
                    end_with(next.sum, written);
                    ended += 1;
                }
            } else if grown.len() < width {
                let mut written = parent.written.clone();
                written.ids.push(next.id);
                written.log_probs.push(next.log_prob);
                grown.push(Growing { written, sum: next.sum, cache: parent.cache.clone() });
            }
        }
        if grown.is_empty() && ended == 0 {
            // Nothing is allowed any more: the best so far stands.
            break;
        }
        growing = grown;
        if ended >= width || growing.is_empty() {
            growing.clear();
            break;
        }
    }
    for Growing { written, sum, .. } in growing {
        end_with(sum, written);
    }
    Ok(Some(best.map(|(_, written)| written).unwrap_or_default()))
}

/// The best tokens after every growing caption, best first: twice the width.
fn candidates(
    network: &Network,
    memory: &Memory,
    rules: Rules,
    width: usize,
    growing: &mut [Growing],
) -> Result<Vec<Next>, EmbedError> {
    let last: Vec<[u32; 1]> =
        growing.iter().map(|one| [one.written.ids.last().copied().unwrap_or(BEGIN)]).collect();
    let mut lines: Vec<Line<'_>> =
        growing.iter_mut().zip(&last).map(|(one, ids)| Line { memory, cache: &mut one.cache, ids }).collect();
    let mut scores = network.read(&mut lines)?;
    let vocabulary = network.config().vocab;
    let mut all = Vec::new();
    for (parent, (one, row)) in growing.iter().zip(scores.chunks_exact_mut(vocabulary)).enumerate() {
        log_softmax(row);
        if !row.iter().all(|score| score.is_finite()) {
            return Err(EmbedError::CaptionNotFinite);
        }
        rules.block(&one.written.ids, row);
        let allowed = (0u32..).zip(row.iter()).filter(|(_, score)| **score > f32::NEG_INFINITY);
        let mut next: Vec<Next> =
            allowed.map(|(id, score)| Next { parent, id, log_prob: *score, sum: one.sum + score }).collect();
        keep_best(&mut next, 2 * width);
        all.extend(next);
    }
    keep_best(&mut all, 2 * width);
    Ok(all)
}

/// Sorts the best to the front and drops the others. Of equals the first parent and token comes first.
fn keep_best(tokens: &mut Vec<Next>, count: usize) {
    let order =
        |a: &Next, b: &Next| b.sum.total_cmp(&a.sum).then(a.parent.cmp(&b.parent)).then(a.id.cmp(&b.id));
    if tokens.len() > count {
        tokens.select_nth_unstable_by(count, order);
        tokens.truncate(count);
    }
    tokens.sort_unstable_by(order);
}
