//! The image tower.

use sensorium_kernels::{Activation, l2_normalize};
use sensorium_types::Modality;

use super::super::chunks::chunks;
use super::super::{Levels, finite, wrong_batch};
use super::config::{ImagePool, VitImageConfig};
use super::names::{ImageNames, Projection, no_part_of_image};
use super::pooling::AttentionPool;
use crate::layers::{Bits, BlockForm, LayerNorm, Linear, Transformer};
use crate::threads::Threads;
use crate::weights::Weights;
use crate::{Batch, EmbedError, Embedding, Encoder, Image};

/// Rows that go through the blocks together: each weight is read once for the patches of several images.
const CHUNK_ROWS: usize = 512;
/// Colours of a pixel.
const CHANNELS: usize = 3;

/// Images to unit vectors.
///
/// # Source
/// arXiv:2010.11929, section 3.1, with a norm before the blocks (CLIP) or attention pooling behind them (SigLIP)
#[derive(Debug)]
pub(crate) struct VitImageEncoder {
    config: VitImageConfig,
    dim: usize,
    levels: Levels,
    patches: Linear,
    positions: Vec<f32>,
    blocks: Transformer,
    norm_after: LayerNorm,
    pool: Pool,
    threads: Threads,
}

#[derive(Debug)]
enum Pool {
    Class {
        /// The token with its position added.
        token: Vec<f32>,
        norm_before: LayerNorm,
        projection: Linear,
    },
    Attention(Box<AttentionPool>),
}

impl VitImageEncoder {
    /// Takes every weight of the tower.
    pub(crate) fn load(
        mut weights: Weights,
        config: &VitImageConfig,
        (levels, dim): (Levels, usize),
        threads: Threads,
    ) -> Result<Self, EmbedError> {
        let VitImageConfig { patch, d, norm_eps, activation, pool, precision, .. } = *config;
        let names = ImageNames::find(&weights)?;
        weights.ignore(no_part_of_image);
        let own = &mut weights;
        let inputs = CHANNELS * patch * patch;
        let weight = own.floats(&format!("{}.weight", names.patch), &[d, CHANNELS, patch, patch])?;
        let bias = match pool {
            ImagePool::Class => vec![0.0; d],
            ImagePool::Attention => own.floats(&format!("{}.bias", names.patch), &[d])?,
        };
        let patches = Linear::new(&weight, bias, inputs, Activation::Identity);
        drop(weight);
        let rows = config.rows();
        let shape: &[usize] = if names.wide_positions { &[1, rows, d] } else { &[rows, d] };
        let mut positions = own.floats(&names.positions, shape)?;
        let form = BlockForm {
            names: names.block,
            activation: activation.into(),
            causal: false,
            bits: precision.of(Bits::Kept),
        };
        let pool = match pool {
            ImagePool::Class => {
                let mut token = own.floats(&names.class, &[d])?;
                for (value, position) in token.iter_mut().zip(positions.drain(..d)) {
                    *value += position;
                }
                let norm_before = LayerNorm::load(own, &names.norm_before, d, norm_eps)?;
                let projection = projection(own, &names.projection, (dim, d), false)?;
                Pool::Class { token, norm_before, projection }
            }
            ImagePool::Attention => Pool::Attention(Box::new(AttentionPool::load(own, &names.head, config)?)),
        };
        let encoder = Self {
            config: *config,
            dim,
            levels,
            patches,
            positions,
            blocks: Transformer::load_as(own, &names.blocks, &config.blocks(), form)?,
            norm_after: LayerNorm::load(own, &names.norm_after, d, norm_eps)?,
            pool,
            threads,
        };
        weights.finish()?;
        Ok(encoder)
    }

    /// The numbers of an image's patches, each as the convolution's weight has them: colour, row, column.
    ///
    /// # Shapes
    /// (patches, 3 patch^2)
    fn unfolded(&self, image: &Image, to: &mut Vec<f32>) {
        let VitImageConfig { size, patch, .. } = self.config;
        let side = size / patch;
        for (top, left) in (0..side).flat_map(|top| (0..side).map(move |left| (top, left))) {
            for (channel, row) in (0..CHANNELS).flat_map(|channel| (0..patch).map(move |row| (channel, row)))
            {
                let from = ((top * patch + row) * size + left * patch) * CHANNELS + channel;
                let line = image.pixels.get(from..).unwrap_or_default();
                to.extend(
                    line.iter().step_by(CHANNELS).take(patch).map(|level| self.levels.of(channel, *level)),
                );
            }
        }
    }

    fn chunk(&self, images: &[&Image], seen: &mut dyn FnMut(&[f32])) -> Result<Vec<Embedding>, EmbedError> {
        let (d, rows) = (self.config.d, self.config.rows());
        let mut pixels = Vec::with_capacity(images.len() * self.config.patches() * self.patches.inputs());
        for image in images {
            self.unfolded(image, &mut pixels);
        }
        let patches = self.patches.apply(&pixels);
        drop(pixels);
        let mut tokens = Vec::with_capacity(images.len() * rows * d);
        for patches in patches.chunks_exact(self.positions.len()) {
            if let Pool::Class { token, .. } = &self.pool {
                tokens.extend_from_slice(token);
            }
            tokens.extend(patches.iter().zip(&self.positions).map(|(patch, position)| patch + position));
        }
        if let Pool::Class { norm_before, .. } = &self.pool {
            tokens = norm_before.apply(&tokens);
        }
        seen(&tokens);
        let x = self.blocks.apply(tokens, &vec![rows; images.len()], seen)?;
        match &self.pool {
            Pool::Class { projection, .. } => {
                let classes = x.chunks_exact(rows * d).flat_map(|image| image.iter().take(d).copied());
                let classes = self.norm_after.apply(&classes.collect::<Vec<f32>>());
                projection
                    .apply(&classes)
                    .chunks_exact(self.dim)
                    .map(|vector| unit(vector.to_vec()))
                    .collect()
            }
            Pool::Attention(pool) => {
                let patches = self.norm_after.apply(&x);
                patches.chunks_exact(rows * d).map(|patches| unit(pool.apply(patches))).collect()
            }
        }
    }

    /// What leaves the embedding and each block for one image, and its vector: for tests.
    #[cfg(test)]
    pub(crate) fn seen(&self, image: &Image) -> (Vec<Vec<f32>>, Embedding) {
        let mut states = Vec::new();
        let vector = self.chunk(&[image], &mut |state| states.push(state.to_vec())).unwrap();
        (states, vector.into_iter().next().unwrap())
    }
}

impl Encoder for VitImageEncoder {
    fn modality(&self) -> Modality {
        Modality::Image
    }

    fn dim(&self) -> usize {
        self.dim
    }

    fn embed(&self, batch: Batch<'_>) -> Result<Vec<Embedding>, EmbedError> {
        let Batch::Images(images) = batch else { return Err(wrong_batch(self.modality(), &batch)) };
        let rows = self.config.rows();
        let chunks = chunks(images, |_| rows, (self.threads.count(), CHUNK_ROWS));
        let made = self.threads.map(&chunks, |chunk| self.chunk(chunk, &mut |_| ()))?;
        Ok(made.into_iter().flatten().collect())
    }
}

fn unit(mut vector: Embedding) -> Result<Embedding, EmbedError> {
    l2_normalize(&mut vector);
    finite(Modality::Image, vector)
}

/// A projection into the space.
pub(super) fn projection(
    weights: &mut Weights,
    names: &Projection,
    (outputs, inputs): (usize, usize),
    bias: bool,
) -> Result<Linear, EmbedError> {
    let plain = Activation::Identity;
    match names {
        Projection::Layer(name) if bias => Linear::load(weights, name, (outputs, inputs), plain),
        Projection::Layer(name) => {
            let weight = weights.floats(&format!("{name}.weight"), &[outputs, inputs])?;
            Ok(Linear::new(&weight, vec![0.0; outputs], inputs, plain))
        }
        Projection::Transposed(name) => {
            let weight = weights.floats(name, &[inputs, outputs])?;
            let column = |output: usize| weight.iter().skip(output).step_by(outputs).copied();
            let turned: Vec<f32> = (0..outputs).flat_map(column).collect();
            Ok(Linear::new(&turned, vec![0.0; outputs], inputs, plain))
        }
    }
}
