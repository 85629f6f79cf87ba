//! Which weights the towers take, judged by the header of a file alone: whether a model will load can be said before its numbers are here.
//!
//! A test holds that these are the weights that the towers' own `load` takes.

use super::config::{ImagePool, VitImageConfig, VitTextConfig};
use super::names::{
    HeadInputs, HeadNames, ImageNames, Projection, TextNames, no_part_of_image, no_part_of_text,
};
use crate::EmbedError;
use crate::layers::{LayerNorm, Linear, Transformer};
use crate::weights::Weights;

/// Colours of a pixel.
const CHANNELS: usize = 3;

/// Refuses a header that lacks a weight of the image tower, has one of another shape, or one that nothing takes.
pub(crate) fn expect_image(
    mut weights: Weights,
    config: &VitImageConfig,
    dim: usize,
) -> Result<(), EmbedError> {
    let VitImageConfig { patch, d, pool, .. } = *config;
    let names = ImageNames::find(&weights)?;
    weights.ignore(no_part_of_image);
    let own = &mut weights;
    own.expect(&format!("{}.weight", names.patch), &[d, CHANNELS, patch, patch])?;
    if pool == ImagePool::Attention {
        own.expect(&format!("{}.bias", names.patch), &[d])?;
    }
    let rows = config.rows();
    let shape: &[usize] = if names.wide_positions { &[1, rows, d] } else { &[rows, d] };
    own.expect(&names.positions, shape)?;
    match pool {
        ImagePool::Class => {
            own.expect(&names.class, &[d])?;
            LayerNorm::expect(own, &names.norm_before, d)?;
            expect_projection(own, &names.projection, (dim, d), false)?;
        }
        ImagePool::Attention => expect_pooling(own, &names.head, config)?,
    }
    Transformer::expect_as(own, &names.blocks, &config.blocks(), names.block)?;
    LayerNorm::expect(own, &names.norm_after, d)?;
    weights.finish()
}

fn expect_pooling(
    weights: &mut Weights,
    names: &HeadNames,
    config: &VitImageConfig,
) -> Result<(), EmbedError> {
    let VitImageConfig { d, ffn, .. } = *config;
    weights.expect(&names.probe, &[1, 1, d])?;
    match &names.inputs {
        HeadInputs::One(weight, bias) => {
            weights.expect(weight, &[3 * d, d])?;
            weights.expect(bias, &[3 * d])?;
        }
        HeadInputs::Two(query, keys_values) => {
            Linear::expect(weights, query, (d, d))?;
            Linear::expect(weights, keys_values, (2 * d, d))?;
        }
    }
    Linear::expect(weights, &names.out, (d, d))?;
    LayerNorm::expect(weights, &names.norm, d)?;
    Linear::expect(weights, &format!("{}.fc1", names.mlp), (ffn, d))?;
    Linear::expect(weights, &format!("{}.fc2", names.mlp), (d, ffn))
}

/// The same of the text tower.
pub(crate) fn expect_text(
    mut weights: Weights,
    config: &VitTextConfig,
    dim: usize,
) -> Result<(), EmbedError> {
    let VitTextConfig { vocabulary, positions, d, projection_bias, .. } = *config;
    let names = TextNames::find(&weights)?;
    weights.ignore(no_part_of_text);
    let own = &mut weights;
    own.expect(&names.tokens, &[vocabulary, d])?;
    own.expect(&names.positions, &[positions, d])?;
    Transformer::expect_as(own, &names.blocks, &config.blocks(), names.block)?;
    LayerNorm::expect(own, &names.norm, d)?;
    expect_projection(own, &names.projection, (dim, d), projection_bias)?;
    weights.finish()
}

fn expect_projection(
    weights: &mut Weights,
    names: &Projection,
    (outputs, inputs): (usize, usize),
    bias: bool,
) -> Result<(), EmbedError> {
    match names {
        Projection::Layer(name) if bias => Linear::expect(weights, name, (outputs, inputs)),
        Projection::Layer(name) => weights.expect(&format!("{name}.weight"), &[outputs, inputs]),
        Projection::Transposed(name) => weights.expect(name, &[inputs, outputs]),
    }
}
