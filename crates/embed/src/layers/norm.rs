//! Layer normalization.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};
use candle_nn::Module;
use sensorium_kernels::layer_norm_rows;

use super::ops::floats;
use crate::EmbedError;
use crate::weights::Weights;

/// Layer normalization over the last dimension.
///
/// candle's own takes the variance as the mean square less the squared mean, which loses digits where the mean is large.
///
/// # Source
/// arXiv:1607.06450
#[derive(Debug)]
pub(crate) struct LayerNorm {
    weight: Vec<f32>,
    bias: Vec<f32>,
    eps: f32,
}

impl LayerNorm {
    /// Takes `NAME.weight` and `NAME.bias`.
    pub(crate) fn load(
        weights: &mut Weights,
        name: &str,
        dim: usize,
        eps: f32,
    ) -> std::result::Result<Self, EmbedError> {
        let weight = weights.floats(&format!("{name}.weight"), &[dim])?;
        let bias = weights.floats(&format!("{name}.bias"), &[dim])?;
        Ok(Self { weight, bias, eps })
    }

    /// Takes the weights that [`LayerNorm::load`] takes, without reading them.
    pub(crate) fn expect(
        weights: &mut Weights,
        name: &str,
        dim: usize,
    ) -> std::result::Result<(), EmbedError> {
        weights.expect(&format!("{name}.weight"), &[dim])?;
        weights.expect(&format!("{name}.bias"), &[dim])
    }

    /// The layer over rows in a slice.
    pub(crate) fn apply(&self, input: &[f32]) -> Vec<f32> {
        let mut out = vec![0.0; input.len()];
        self.apply_into(input, &mut out);
        out
    }

    /// The same into a slice of the input's length.
    pub(crate) fn apply_into(&self, input: &[f32], out: &mut [f32]) {
        layer_norm_rows(input, &self.weight, &self.bias, self.eps, out);
    }
}

impl Module for LayerNorm {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        x.apply_op1_no_bwd(self)
    }
}

impl CustomOp1 for LayerNorm {
    fn name(&self) -> &'static str {
        "layer-norm"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let input = floats(storage, layout)?;
        if layout.shape().dims().last() != Some(&self.weight.len()) {
            bail!("a layer norm of {} numbers was given {:?}", self.weight.len(), layout.shape());
        }
        Ok((CpuStorage::F32(self.apply(input)), layout.shape().clone()))
    }
}
