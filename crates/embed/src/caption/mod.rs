//! The caption decoder: a Transformer that writes words about an image's grid.
//!
//! | file | holds |
//! | --- | --- |
//! | `network.rs`, `layer.rs` | the network: grid to memory, tokens to logits |
//! | `state.rs` | the cache of the tokens so far, which is passed in |
//! | `words.rs` | tokens to text and back |
//! | `rules.rs` | what may not come next |
//! | `single.rs`, `sample.rs`, `beam.rs` | greedy, nucleus sampling, beam search |
//! | `score.rs` | how likely a given text is |
//!
//! # Source
//! `training/captioner.py`, whose names the weights have

mod beam;
mod layer;
mod network;
mod rules;
mod sample;
mod score;
mod single;
mod state;
#[cfg(test)]
mod tests;
mod words;

use std::ops::ControlFlow;
use std::sync::Arc;

use sensorium_types::{Caption, CaptionToken};

use crate::memory::Memory;
use crate::threads::Threads;
use crate::tokenizer::Tokenizer;
use crate::weights::Weights;
use crate::{Captioner, DecoderOptions, EmbedError, Grid, Strategy, TextScores};

pub(crate) use network::CaptionConfig;

use network::Network;
use rules::Rules;
use sample::{Nucleus, Random};
use single::Chooser;
use words::Words;

/// The token before the first.
const BEGIN: u32 = 0;
/// The token after the last.
const END: u32 = 1;
/// Most captions that a beam search grows.
const MAX_WIDTH: usize = 64;
/// Images that a text is read beside together: enough that each weight is read once for many rows, few enough that the
/// logits stay small.
const IMAGES_A_PASS: usize = 8;

/// Tokens without their text.
#[derive(Debug, Clone, Default)]
struct Written {
    ids: Vec<u32>,
    log_probs: Vec<f32>,
    /// `None` where it was not the model that ended the caption.
    end_log_prob: Option<f32>,
}

/// The decoder with its vocabulary.
#[derive(Debug)]
pub(crate) struct CaptionDecoder {
    network: Network,
    words: Words,
    threads: Threads,
}

impl CaptionDecoder {
    /// Takes every weight of the file.
    pub(crate) fn load(
        weights: Weights,
        config: &CaptionConfig,
        tokenizer: Arc<Tokenizer>,
        threads: Threads,
    ) -> Result<Self, EmbedError> {
        let (network, vocabulary) = Network::load(weights, config)?;
        let words = Words::new(tokenizer, &vocabulary).map_err(|what| EmbedError::ManifestFact { what })?;
        Ok(Self { network, words, threads })
    }

    fn rules(&self, options: &DecoderOptions) -> Rules {
        let most = self.network.config().max_tokens;
        let max_tokens = options.max_tokens.unwrap_or(most).min(most);
        let (min_tokens, no_repeat) = (options.min_tokens, options.no_repeat);
        Rules { min_tokens, max_tokens, no_repeat }
    }

    fn finish(&self, written: Written) -> Caption {
        let Written { ids, log_probs, end_log_prob } = written;
        let tokens: Vec<CaptionToken> = self
            .words
            .pieces(&ids)
            .into_iter()
            .zip(&log_probs)
            .map(|(piece, log_prob)| CaptionToken { piece, log_prob: *log_prob })
            .collect();
        let all = || log_probs.iter().copied().chain(end_log_prob);
        let count = all().count();
        let confidence = if count == 0 { 0.0 } else { (all().sum::<f32>() / count as f32).exp() };
        let text = tokens.iter().map(|token| token.piece.as_str()).collect();
        Caption { text, confidence, tokens, end_log_prob }
    }
}

impl Captioner for CaptionDecoder {
    fn max_tokens(&self) -> usize {
        self.network.config().max_tokens
    }

    fn memories(&self, grids: &[&Grid]) -> Result<Vec<Memory>, EmbedError> {
        self.threads.map(grids, |grid| self.network.memory(grid))
    }

    fn caption(
        &self,
        memory: &Memory,
        options: &DecoderOptions,
        on_piece: &mut dyn FnMut(&str) -> ControlFlow<()>,
    ) -> Result<Caption, EmbedError> {
        check(options)?;
        let rules = self.rules(options);
        let parts = (&self.network, &self.words);
        let written = match options.strategy {
            Strategy::Greedy => single::write(parts, memory, rules, &mut Chooser::Likeliest, on_piece)?,
            Strategy::Sample { top_p, temperature, seed } => {
                let nucleus = Nucleus { top_p, temperature, random: Random(seed) };
                single::write(parts, memory, rules, &mut Chooser::Drawn(nucleus), on_piece)?
            }
            Strategy::Beam { width, length_penalty } => {
                let mut on_step = || on_piece("");
                let beam = (width, length_penalty);
                let Some(written) = beam::search(&self.network, memory, rules, beam, &mut on_step)? else {
                    return Ok(self.finish(Written::default()));
                };
                let caption = self.finish(written);
                // What is whole is told to its end or to who stops, and stays whole.
                let _ = caption.tokens.iter().try_for_each(|token| on_piece(&token.piece));
                return Ok(caption);
            }
        };
        Ok(self.finish(written))
    }

    fn captions(&self, memories: &[Memory], options: &DecoderOptions) -> Result<Vec<Caption>, EmbedError> {
        self.threads.map(memories, |memory| self.caption(memory, options, &mut |_| ControlFlow::Continue(())))
    }

    fn log_probs(&self, ids: &[u32], memory: &Memory) -> Result<Vec<f32>, EmbedError> {
        Ok(score::log_probs(&self.network, ids, &[memory])?.concat())
    }

    fn score(&self, text: &str, memories: &[&Memory]) -> Result<TextScores, EmbedError> {
        let (mut ids, mut skipped) = self.words.ids(text)?;
        // The token before the first takes a place as well.
        let room = self.network.config().max_tokens.saturating_sub(1);
        skipped += ids.len().saturating_sub(room);
        ids.truncate(room);
        let blank = score::texts(&self.network, &ids, &[self.network.blank()])?;
        let passes: Vec<&[&Memory]> = memories.chunks(IMAGES_A_PASS).collect();
        let images = self.threads.map(&passes, |pass| score::texts(&self.network, &ids, pass))?;
        let blank = blank.into_iter().next().ok_or(EmbedError::CaptionNotFinite)?;
        Ok(TextScores { tokens: ids.len(), skipped, images: images.concat(), blank })
    }
}

fn check(options: &DecoderOptions) -> Result<(), EmbedError> {
    let wrong = |what| Err(EmbedError::InvalidOptions { what });
    if options.max_tokens == Some(0) {
        return wrong("at least one token");
    }
    match options.strategy {
        Strategy::Greedy => Ok(()),
        Strategy::Beam { width, .. } if !(1..=MAX_WIDTH).contains(&width) => {
            wrong("a beam is from 1 to 64 captions wide")
        }
        Strategy::Beam { length_penalty, .. } if !length_penalty.is_finite() => {
            wrong("the length penalty is a number")
        }
        Strategy::Sample { top_p, .. } if !(top_p > 0.0 && top_p <= 1.0) => {
            wrong("top-p is above 0 and at most 1")
        }
        Strategy::Sample { temperature, .. } if !(temperature.is_finite() && temperature > 0.0) => {
            wrong("the temperature is above 0")
        }
        Strategy::Beam { .. } | Strategy::Sample { .. } => Ok(()),
    }
}
