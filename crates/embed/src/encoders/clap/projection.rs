//! Two layers into the space, and which weights of a file are of no use to a tower.

use sensorium_kernels::Activation;

use super::super::Act;
use crate::EmbedError;
use crate::layers::Linear;
use crate::weights::Weights;

/// Weights that a file holds beside the two towers: the factors that training put on cosines.
const IGNORED: [&str; 2] = ["logit_scale_a", "logit_scale_t"];
/// The last parts of names of buffers within a tower: numbers in order, and a count of training steps.
const IGNORED_ENDS: [&str; 4] =
    [".position_ids", ".token_type_ids", ".relative_position_index", ".num_batches_tracked"];
const AUDIO_STARTS: [&str; 2] = ["audio_model.", "audio_projection."];
const TEXT_STARTS: [&str; 2] = ["text_model.", "text_projection."];

/// `linear2(activation(linear1(x)))`.
#[derive(Debug)]
pub(super) struct Projection {
    inner: Linear,
    outer: Linear,
}

impl Projection {
    /// Takes `NAME.linear1` and `NAME.linear2`.
    pub(super) fn load(
        weights: &mut Weights,
        name: &str,
        (dim, d): (usize, usize),
        activation: Act,
    ) -> Result<Self, EmbedError> {
        let plain = Activation::Identity;
        Ok(Self {
            inner: Linear::load_kept(weights, &format!("{name}.linear1"), (dim, d), activation.into())?,
            outer: Linear::load_kept(weights, &format!("{name}.linear2"), (dim, dim), plain)?,
        })
    }

    /// # Shapes
    /// (rows, d) -> (rows, dim)
    pub(super) fn apply(&self, rows: &[f32]) -> Vec<f32> {
        self.outer.apply(&self.inner.apply(rows))
    }
}

/// Whether a weight of a file is of no use to its audio tower: the text tower's, or known to be of none to any.
pub(super) fn no_part_of_audio(name: &str) -> bool {
    is_ignored(name) || TEXT_STARTS.iter().any(|start| name.starts_with(start))
}

/// The same of a text tower.
pub(super) fn no_part_of_text(name: &str) -> bool {
    is_ignored(name) || AUDIO_STARTS.iter().any(|start| name.starts_with(start))
}

fn is_ignored(name: &str) -> bool {
    IGNORED.contains(&name) || IGNORED_ENDS.iter().any(|end| name.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_weight_belongs_to_a_tower_or_is_known_to_be_of_no_use() {
        let buffers = [
            "logit_scale_a",
            "text_model.embeddings.position_ids",
            "text_model.embeddings.token_type_ids",
            "audio_model.audio_encoder.batch_norm.num_batches_tracked",
            "audio_model.audio_encoder.layers.0.blocks.0.attention.self.relative_position_index",
        ];
        for name in buffers {
            assert!(no_part_of_audio(name) && no_part_of_text(name), "{name}");
        }
        for name in ["audio_model.audio_encoder.norm.bias", "audio_projection.linear1.weight"] {
            assert!(!no_part_of_audio(name) && no_part_of_text(name), "{name}");
        }
        for name in ["text_model.pooler.dense.bias", "text_projection.linear2.weight"] {
            assert!(no_part_of_audio(name) && !no_part_of_text(name), "{name}");
        }
        for name in ["logit_scale", "adapter.weight", "text_branch.pooler.dense.weight"] {
            assert!(!no_part_of_audio(name) && !no_part_of_text(name), "{name}");
        }
    }
}
