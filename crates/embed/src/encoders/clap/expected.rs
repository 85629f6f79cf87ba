//! Which weights the towers take, judged by the header of a file alone: whether a model will load can be said before its numbers are here.
//!
//! A test holds that these are the weights that the towers' own `load` takes.

use super::audio::{PREFIX as AUDIO, PROJECTION as AUDIO_PROJECTION};
use super::config::{HtsatConfig, RobertaConfig, StageSizes};
use super::projection::{no_part_of_audio, no_part_of_text};
use super::text::{PREFIX as TEXT, PROJECTION as TEXT_PROJECTION};
use crate::EmbedError;
use crate::layers::{LayerNorm, Linear, PostNormTransformer};
use crate::weights::Weights;

/// Refuses a header that lacks a weight of the audio tower, has one of another shape, or one that nothing takes.
pub(crate) fn expect_htsat(mut weights: Weights, config: &HtsatConfig, dim: usize) -> Result<(), EmbedError> {
    weights.ignore(no_part_of_audio);
    let own = &mut weights;
    let name = |part: &str| format!("{AUDIO}.{part}");
    let HtsatConfig { mels, patch, d, .. } = *config;
    own.expect(&name("patch_embed.proj.weight"), &[d, 1, patch, patch])?;
    own.expect(&name("patch_embed.proj.bias"), &[d])?;
    let last = config.depths.len().saturating_sub(1);
    for (stage, sizes) in config.stages().enumerate() {
        expect_stage(own, &name(&format!("layers.{stage}")), (config, sizes), stage < last)?;
    }
    for part in ["weight", "bias", "running_mean", "running_var"] {
        own.expect(&name(&format!("batch_norm.{part}")), &[mels])?;
    }
    LayerNorm::expect(own, &name("patch_embed.norm"), d)?;
    LayerNorm::expect(own, &name("norm"), config.features())?;
    expect_projection(own, AUDIO_PROJECTION, (dim, config.features()))?;
    weights.finish()
}

fn expect_stage(
    weights: &mut Weights,
    name: &str,
    (config, sizes): (&HtsatConfig, StageSizes),
    merges: bool,
) -> Result<(), EmbedError> {
    let StageSizes { d, heads, depth, ffn, .. } = sizes;
    let ways = 2 * config.window - 1;
    for block in 0..depth {
        let part = |part: &str| format!("{name}.blocks.{block}.{part}");
        weights.expect(&part("attention.self.relative_position_bias_table"), &[ways * ways, heads])?;
        LayerNorm::expect(weights, &part("layernorm_before"), d)?;
        for of in ["query", "key", "value"] {
            Linear::expect(weights, &part(&format!("attention.self.{of}")), (d, d))?;
        }
        Linear::expect(weights, &part("attention.output.dense"), (d, d))?;
        LayerNorm::expect(weights, &part("layernorm_after"), d)?;
        Linear::expect(weights, &part("intermediate.dense"), (ffn, d))?;
        Linear::expect(weights, &part("output.dense"), (d, ffn))?;
    }
    if merges {
        LayerNorm::expect(weights, &format!("{name}.downsample.norm"), 4 * d)?;
        weights.expect(&format!("{name}.downsample.reduction.weight"), &[2 * d, 4 * d])?;
    }
    Ok(())
}

fn expect_projection(weights: &mut Weights, name: &str, (dim, d): (usize, usize)) -> Result<(), EmbedError> {
    Linear::expect(weights, &format!("{name}.linear1"), (dim, d))?;
    Linear::expect(weights, &format!("{name}.linear2"), (dim, dim))
}

/// The same of the text tower.
pub(crate) fn expect_roberta(
    mut weights: Weights,
    config: &RobertaConfig,
    dim: usize,
) -> Result<(), EmbedError> {
    weights.ignore(no_part_of_text);
    let own = &mut weights;
    let name = |part: &str| format!("{TEXT}.{part}");
    let RobertaConfig { vocabulary, positions, d, .. } = *config;
    own.expect(&name("embeddings.position_embeddings.weight"), &[positions, d])?;
    let types = name("embeddings.token_type_embeddings.weight");
    let count = own.shape(&types)?.first().copied().unwrap_or_default();
    own.expect(&types, &[count, d])?;
    own.expect(&name("embeddings.word_embeddings.weight"), &[vocabulary, d])?;
    LayerNorm::expect(own, &name("embeddings.LayerNorm"), d)?;
    PostNormTransformer::expect(own, &name("encoder.layer"), &config.blocks())?;
    Linear::expect(own, &name("pooler.dense"), (d, d))?;
    expect_projection(own, TEXT_PROJECTION, (dim, d))?;
    weights.finish()
}
