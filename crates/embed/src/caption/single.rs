//! A caption that grows alone: the likeliest token each time, or a drawn one.

use std::ops::ControlFlow;

use super::rules::{Rules, log_softmax};
use super::sample::Nucleus;
use super::state::Line;
use super::words::{Joiner, Words};
use super::{BEGIN, END, Written, network::Network};
use crate::EmbedError;
use crate::memory::Memory;

/// Who chooses the next token.
#[derive(Debug)]
pub(super) enum Chooser {
    /// The likeliest.
    Likeliest,
    /// Drawn from the likeliest.
    Drawn(Nucleus),
}

impl Chooser {
    /// A token that is not blocked; `None` where all are.
    fn choose(&mut self, scores: &[f32]) -> Option<u32> {
        match self {
            Self::Likeliest => likeliest(scores),
            Self::Drawn(nucleus) => nucleus.draw(scores),
        }
    }
}

/// Writes until the end.
pub(super) fn write(
    (network, words): (&Network, &Words),
    memory: &Memory,
    rules: Rules,
    chooser: &mut Chooser,
    on_piece: &mut dyn FnMut(&str) -> ControlFlow<()>,
) -> Result<Written, EmbedError> {
    let mut cache = network.cache();
    let mut joiner = Joiner::default();
    let mut written = Written::default();
    let mut last = BEGIN;
    while written.ids.len() < rules.max_tokens {
        let mut scores = network.read(&mut [Line { memory, cache: &mut cache, ids: &[last] }])?;
        log_softmax(&mut scores);
        if !scores.iter().all(|score| score.is_finite()) {
            return Err(EmbedError::CaptionNotFinite);
        }
        let own = scores.clone();
        rules.block(&written.ids, &mut scores);
        let Some(id) = chooser.choose(&scores) else { return Ok(written) };
        let log_prob = own.get(id as usize).copied().unwrap_or(f32::NEG_INFINITY);
        if id == END {
            written.end_log_prob = Some(log_prob);
            return Ok(written);
        }
        written.ids.push(id);
        written.log_probs.push(log_prob);
        last = id;
        if on_piece(&words.next(&mut joiner, id)).is_break() {
            return Ok(written);
        }
    }
    Ok(written)
}

/// The first of the largest scores that are not blocked.
fn likeliest(scores: &[f32]) -> Option<u32> {
    let mut best: Option<(u32, f32)> = None;
    for (id, score) in (0u32..).zip(scores) {
        if *score > best.map_or(f32::NEG_INFINITY, |(_, most)| most) {
            best = Some((id, *score));
        }
    }
    best.map(|(id, _)| id)
}
