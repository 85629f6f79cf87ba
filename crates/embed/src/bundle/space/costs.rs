//! What an input costs, for the planner of batches.

use super::manifest::{EncoderRow, Family, Manifest, fact};
use super::rows::config;
use crate::encoders::{
    HtsatConfig, OnnxImageConfig, OnnxTextConfig, RobertaConfig, VitImageConfig, VitTextConfig,
};
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
    /// Of an audio clip besides, whatever its length.
    clip: u64,
}

impl Costs {
    /// Those of the default bundle's encoders.
    pub(crate) const MINI: Self = Self { token: 11, max_tokens: 256, image: 1_100, audio: 70, clip: 0 };

    /// Those of a bundle's encoders.
    ///
    /// # Errors
    /// If the configuration of one is none.
    pub(super) fn of(manifest: &Manifest) -> Result<Self, EmbedError> {
        let mut costs = Self::MINI;
        for row in &manifest.encoders {
            match row.family {
                Family::VitImage => {
                    let image: VitImageConfig = config(row)?;
                    possible(row, image.fault())?;
                    costs.image = image.cost();
                }
                Family::VitText => {
                    let text: VitTextConfig = config(row)?;
                    possible(row, text.fault())?;
                    costs.token = text.cost();
                    costs.max_tokens = text.positions as u64;
                }
                Family::HtsatAudio => {
                    let audio: HtsatConfig = config(row)?;
                    possible(row, audio.fault())?;
                    (costs.audio, costs.clip) = (0, audio.cost());
                }
                Family::RobertaText => {
                    let text: RobertaConfig = config(row)?;
                    possible(row, text.fault())?;
                    costs.token = text.cost();
                    costs.max_tokens = text.max_tokens() as u64;
                }
                Family::OnnxImage => {
                    let image: OnnxImageConfig = config(row)?;
                    possible(row, image.fault())?;
                    costs.image = image.cost();
                }
                Family::OnnxText => {
                    let text: OnnxTextConfig = config(row)?;
                    possible(row, text.fault())?;
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
            Input::Audio(samples) => (samples.len() as u64 / SAMPLES + 1) * self.audio + self.clip,
        }
    }
}

/// Refuses a configuration that cannot be.
fn possible(row: &EncoderRow, fault: Option<String>) -> Result<(), EmbedError> {
    fault.map_or(Ok(()), |fault| Err(fact(format!("encoder {} has {fault}", row.id))))
}
