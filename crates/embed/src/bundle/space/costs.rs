//! What an input costs, for the planner of batches.

use super::load::config;
use super::manifest::{Family, Manifest};
use crate::encoders::{VitImageConfig, VitTextConfig};
use crate::{EmbedError, Input};

/// Samples that cost what [`Costs::audio`] says.
const SAMPLES: u64 = 16_000;

/// Rough costs in millions of multiply-adds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Costs {
    /// Of a token.
    token: u64,
    /// Tokens that are looked at.
    max_tokens: u64,
    /// Of an image.
    image: u64,
    /// Of [`SAMPLES`] samples.
    audio: u64,
}

impl Costs {
    /// Those of the default bundle's encoders.
    pub(crate) const MINI: Self = Self { token: 11, max_tokens: 256, image: 1_100, audio: 70 };

    /// Those of a bundle's encoders.
    ///
    /// # Errors
    /// If the configuration of one is none.
    pub(super) fn of(manifest: &Manifest) -> Result<Self, EmbedError> {
        let mut costs = Self::MINI;
        for row in &manifest.encoders {
            match row.family {
                Family::VitImage => costs.image = config::<VitImageConfig>(row)?.cost(),
                Family::VitText => {
                    let text: VitTextConfig = config(row)?;
                    costs.token = text.cost();
                    costs.max_tokens = text.positions as u64;
                }
                Family::Minilm
                | Family::SmallText
                | Family::HybridImage
                | Family::MelAudio
                | Family::FrameMean => {}
            }
        }
        Ok(costs)
    }

    /// Those of several bundles' encoders: of images and of audio by the one that takes them, of texts by all that read them.
    pub(in super::super) fn merged(
        image: Option<Self>,
        audio: Option<Self>,
        texts: impl Iterator<Item = Self>,
    ) -> Self {
        let mut merged = Self { token: 0, max_tokens: 0, ..Self::MINI };
        merged.image = image.map_or(merged.image, |of| of.image);
        merged.audio = audio.map_or(merged.audio, |of| of.audio);
        for of in texts {
            merged.token += of.token;
            merged.max_tokens = merged.max_tokens.max(of.max_tokens);
        }
        merged
    }

    /// Of an input.
    pub(crate) fn input(&self, input: &Input) -> u64 {
        match input {
            // Four bytes to a token, and the two marks around a text.
            Input::Text(text) | Input::TextIn(_, text) => {
                (text.len() as u64 / 4 + 2).min(self.max_tokens) * self.token
            }
            Input::Frames(frames) => frames.len() as u64 * self.image,
            Input::Audio(samples) => (samples.len() as u64 / SAMPLES + 1) * self.audio,
        }
    }
}
