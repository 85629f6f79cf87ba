//! Images: a frozen photo stem, a Transformer over its grid, and the stem's class names beside it.

use candle_core::{Device, Tensor};
use candle_nn::Module;
use sensorium_kernels::{Activation, l2_normalize, mean_of_rows};
use sensorium_types::Modality;

use super::{Normalise, finite, wrong_batch};
use crate::layers::{
    Bits, BlockForm, FEATURES, LayerNorm, Linear, NamedClasses, NamesConfig, PhotoStem, Precision,
    Transformer, TransformerConfig, Variant, matrix, rows_of, unit_mix,
};
use crate::threads::Threads;
use crate::weights::Weights;
use crate::{Batch, EmbedError, Embedding, Encoder, Grid, Image, ImageStem};

/// What all weights of the encoder's own file begin with.
const PREFIX: &str = "image";

/// Sizes of the encoder, and how pixels become numbers.
#[derive(Debug, Clone, Copy, serde::Deserialize)]
pub(crate) struct ImageConfig {
    pub(crate) stem: Variant,
    pub(crate) size: usize,
    pub(crate) grid: usize,
    pub(crate) d: usize,
    pub(crate) heads: usize,
    pub(crate) layers: usize,
    pub(crate) ffn: usize,
    pub(crate) norm_eps: f32,
    pub(crate) class_scale: f32,
    pub(crate) classes: usize,
    pub(crate) gate_hidden: usize,
    /// Of the products of stem and blocks.
    #[serde(default)]
    pub(crate) precision: Precision,
}

/// Images to unit vectors.
///
/// ```text
/// pixels -> stem -> grid (G * G, 1280) -> norm, projection, positions, cls -> Transformer -> cls -+-> net
///                     |-> mean -> norm -> projection --------------------------------------------+
///                     |-> mean -> classifier -> softmax -> mix of the names' vectors -> named
/// result = (1 - g) net + g named, g from the probabilities and the mean
/// ```
///
/// # Source
/// a hybrid ViT as in arXiv:2010.11929, section 3.1
#[derive(Debug)]
pub(crate) struct ImageEncoder {
    size: usize,
    dim: usize,
    d: usize,
    /// The number for each of the 256 values of a byte.
    levels: Vec<f32>,
    stem: PhotoStem,
    in_norm: LayerNorm,
    in_proj: Linear,
    /// The cls token with its position added.
    cls: Tensor,
    positions: Tensor,
    transformer: Transformer,
    out_norm: LayerNorm,
    out_proj: Linear,
    pool_norm: LayerNorm,
    pool_proj: Linear,
    named: NamedClasses,
    threads: Threads,
}

impl ImageEncoder {
    /// Takes every weight of both files.
    pub(crate) fn load(
        mut stem: Weights,
        mut own: Weights,
        config: &ImageConfig,
        (normalise, dim): (Normalise, usize),
        threads: Threads,
    ) -> Result<Self, EmbedError> {
        let ImageConfig {
            size,
            grid,
            d,
            heads,
            layers,
            ffn,
            norm_eps,
            classes,
            gate_hidden,
            class_scale,
            precision,
            ..
        } = *config;
        let bits = precision.of(Bits::ThirtyTwo);
        let photo = PhotoStem::load(&mut stem, config.stem, (classes, bits))?;
        stem.finish()?;
        let plain = Activation::Identity;
        let name = |part: &str| format!("{PREFIX}.{part}");
        let mut positions = own.floats(&name("pos"), &[grid * grid + 1, d])?;
        let mut cls = own.floats(&name("cls"), &[d])?;
        for (value, position) in cls.iter_mut().zip(positions.drain(..d)) {
            *value += position;
        }
        let transformer = TransformerConfig { d, heads, layers, ffn, norm_eps };
        let names = NamesConfig { classes, features: FEATURES, dim, gate_hidden, class_scale };
        let encoder = Self {
            size,
            dim,
            d,
            levels: (0..=u8::MAX)
                .map(|level| (f32::from(level) - normalise.mean) / normalise.scale)
                .collect(),
            stem: photo,
            in_norm: LayerNorm::load(&mut own, &name("in_norm"), FEATURES, norm_eps)?,
            in_proj: Linear::load(&mut own, &name("in_proj"), (d, FEATURES), plain)?,
            cls: Tensor::from_vec(cls, (1, d), &Device::Cpu)?,
            positions: matrix(positions, grid * grid, d)?,
            transformer: Transformer::load_as(
                &mut own,
                &name("layers"),
                &transformer,
                BlockForm { bits, ..BlockForm::OWN },
            )?,
            out_norm: LayerNorm::load(&mut own, &name("out_norm"), d, norm_eps)?,
            out_proj: Linear::load(&mut own, &name("out_proj"), (dim, d), plain)?,
            pool_norm: LayerNorm::load(&mut own, &name("pool_norm"), FEATURES, norm_eps)?,
            pool_proj: Linear::load(&mut own, &name("pool_proj"), (dim, FEATURES), plain)?,
            named: NamedClasses::load(&mut own, PREFIX, &names)?,
            threads,
        };
        own.finish()?;
        Ok(encoder)
    }

    fn grid(&self, image: &Image) -> Result<Vec<f32>, EmbedError> {
        let pixels: Vec<f32> =
            image.pixels.iter().filter_map(|level| self.levels.get(usize::from(*level)).copied()).collect();
        self.stem.forward(&pixels, self.size)
    }

    /// The vector of an image, from its grid.
    fn one(&self, grid: Vec<f32>) -> Result<Embedding, EmbedError> {
        let mut mean = vec![0.0; FEATURES];
        mean_of_rows(&grid, &mut mean);
        let features = self.pool_norm.apply(&mean);
        let net = self.net(grid, &self.pool_proj.apply(&features))?;
        let (named, share) = self.named.forward(self.stem.classify(&mean), &features);
        finite(Modality::Image, unit_mix(&net, &named, share))
    }

    /// The trained vector: the cls token's and the mean's projections, added.
    fn net(&self, grid: Vec<f32>, pooled: &[f32]) -> Result<Vec<f32>, EmbedError> {
        let cells = grid.len() / FEATURES;
        let grid = matrix(grid, cells, FEATURES)?;
        let tokens = self.in_proj.forward_add(&self.in_norm.forward(&grid)?, &self.positions)?;
        let tokens = Tensor::cat(&[&self.cls, &tokens], 0)?;
        let tokens = self.transformer.forward(tokens, &[cells + 1])?;
        let cls = rows_of(&tokens.narrow(0, 0, 1)?)?;
        debug_assert_eq!(cls.len(), self.d, "one row of the Transformer's width");
        let mut net = vec![0.0; self.dim];
        self.out_proj.apply_into(&self.out_norm.apply(&cls), Some(pooled), &mut net);
        l2_normalize(&mut net);
        Ok(net)
    }
}

impl Encoder for ImageEncoder {
    fn modality(&self) -> Modality {
        Modality::Image
    }

    fn dim(&self) -> usize {
        self.dim
    }

    fn embed(&self, batch: Batch<'_>) -> Result<Vec<Embedding>, EmbedError> {
        let Batch::Images(images) = batch else { return Err(wrong_batch(self.modality(), &batch)) };
        self.threads.map(images, |image| self.one(self.grid(image)?))
    }
    fn stem(&self) -> Option<&dyn ImageStem> {
        Some(self)
    }
}

impl ImageStem for ImageEncoder {
    fn grids(&self, images: &[&Image]) -> Result<Vec<Grid>, EmbedError> {
        self.threads.map(images, |image| Ok(Grid { width: FEATURES, features: self.grid(image)? }))
    }

    fn embed_grids(&self, grids: &[&Grid]) -> Result<Vec<Embedding>, EmbedError> {
        self.threads.map(grids, |grid| self.one(grid.features.clone()))
    }
}
