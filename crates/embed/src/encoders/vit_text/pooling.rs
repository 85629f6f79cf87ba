//! Attention pooling: a learned query attends to all patches of an image.

use sensorium_kernels::{Activation, Attention, HeadRows};

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
        let d = self.d;
        let keys_values = self.keys_values.apply(patches);
        let rows =
            |from: usize| HeadRows { values: keys_values.get(from..).unwrap_or_default(), stride: 2 * d };
        let mut mixed = vec![0.0; d];
        Attention {
            queries: HeadRows { values: &self.query, stride: d },
            keys: rows(0),
            values: rows(d),
            places: patches.len() / d,
            heads: self.heads,
            size: d / self.heads,
            causal: false,
        }
        .attend(&mut mixed);
        let attended = self.out.apply(&mixed);
        let inner = self.fc1.apply(&self.norm.apply(&attended));
        let mut out = vec![0.0; d];
        self.fc2.apply_into(&inner, Some(&attended), &mut out);
        out
    }
}
