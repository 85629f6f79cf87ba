//! Attention pooling: a learned query attends to all patches of an image.

use sensorium_kernels::{Activation, dot, softmax_rows};

use super::config::VitImageConfig;
use super::names::{HeadInputs, HeadNames};
use crate::EmbedError;
use crate::layers::{LayerNorm, Linear};
use crate::weights::Weights;

/// `a + mlp(norm(a))` of `a = attention(query, patches, patches)`.
///
/// # Source
/// transformers `models/siglip/modeling_siglip.py`, `SiglipMultiheadAttentionPoolingHead`
#[derive(Debug)]
pub(super) struct AttentionPool {
    d: usize,
    heads: usize,
    /// The query behind its layer: it is the same for every image.
    query: Vec<f32>,
    keys_values: Linear,
    out: Linear,
    norm: LayerNorm,
    fc1: Linear,
    fc2: Linear,
}

impl AttentionPool {
    pub(super) fn load(
        weights: &mut Weights,
        names: &HeadNames,
        config: &VitImageConfig,
    ) -> Result<Self, EmbedError> {
        let VitImageConfig { d, heads, ffn, norm_eps, activation, .. } = *config;
        let plain = Activation::Identity;
        let probe = weights.floats(&names.probe, &[1, 1, d])?;
        let (query, keys_values) = match &names.inputs {
            HeadInputs::One(weight, bias) => {
                let weight = weights.floats(weight, &[3 * d, d])?;
                let bias = weights.floats(bias, &[3 * d])?;
                let (query, rest) = weight.split_at(d * d);
                let (query_bias, rest_bias) = bias.split_at(d);
                (
                    Linear::new(query, query_bias.to_vec(), d, plain),
                    Linear::new(rest, rest_bias.to_vec(), d, plain),
                )
            }
            HeadInputs::Two(query, keys_values) => (
                Linear::load(weights, query, (d, d), plain)?,
                Linear::load(weights, keys_values, (2 * d, d), plain)?,
            ),
        };
        Ok(Self {
            d,
            heads,
            query: query.apply(&probe),
            keys_values,
            out: Linear::load(weights, &names.out, (d, d), plain)?,
            norm: LayerNorm::load(weights, &names.norm, d, norm_eps)?,
            fc1: Linear::load(weights, &format!("{}.fc1", names.mlp), (ffn, d), activation.into())?,
            fc2: Linear::load(weights, &format!("{}.fc2", names.mlp), (d, ffn), plain)?,
        })
    }

    /// The vector of an image.
    ///
    /// # Shapes
    /// patches (n, d) -> (d)
    pub(super) fn apply(&self, patches: &[f32]) -> Vec<f32> {
        let (d, size) = (self.d, self.d / self.heads);
        let keys_values = self.keys_values.apply(patches);
        let scale = 1.0 / (size as f32).sqrt();
        let mut mixed = vec![0.0; d];
        let mut shares = vec![0.0; patches.len() / d];
        for (head, (query, mixed)) in self.query.chunks(size).zip(mixed.chunks_mut(size)).enumerate() {
            for (share, row) in shares.iter_mut().zip(keys_values.chunks_exact(2 * d)) {
                let key = row.get(head * size..(head + 1) * size).unwrap_or_default();
                *share = scale * dot(query, key);
            }
            let count = shares.len();
            softmax_rows(&mut shares, count);
            for (share, row) in shares.iter().zip(keys_values.chunks_exact(2 * d)) {
                let values = row.get(d + head * size..).unwrap_or_default();
                for (to, value) in mixed.iter_mut().zip(values) {
                    *to += share * value;
                }
            }
        }
        let attended = self.out.apply(&mixed);
        let inner = self.fc1.apply(&self.norm.apply(&attended));
        let mut out = vec![0.0; d];
        self.fc2.apply_into(&inner, Some(&attended), &mut out);
        out
    }
}
