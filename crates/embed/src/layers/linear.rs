//! `activation(x W^T + b)`, with the weight packed once.

use candle_core::{CpuStorage, CustomOp1, CustomOp2, Layout, Result, Shape, Tensor, bail};
use candle_nn::Module;
use sensorium_kernels::{Activation, Epilogue, PackedMatrix};

use super::ops::{floats, on_threads, shared_threads};
use crate::EmbedError;
use crate::weights::Weights;

/// A linear layer with its activation.
///
/// # Shapes
/// (rows, inputs) -> (rows, outputs)
#[derive(Debug)]
pub(crate) struct Linear {
    weight: PackedMatrix,
    bias: Vec<f32>,
    activation: Activation,
}

impl Linear {
    /// Takes `NAME.weight` and `NAME.bias`.
    pub(crate) fn load(
        weights: &mut Weights,
        name: &str,
        (outputs, inputs): (usize, usize),
        activation: Activation,
    ) -> std::result::Result<Self, EmbedError> {
        let weight = weights.floats(&format!("{name}.weight"), &[outputs, inputs])?;
        let bias = weights.floats(&format!("{name}.bias"), &[outputs])?;
        Ok(Self::new(&weight, bias, inputs, activation))
    }

    /// Takes the weights that [`Linear::load`] takes, without reading them.
    pub(crate) fn expect(
        weights: &mut Weights,
        name: &str,
        (outputs, inputs): (usize, usize),
    ) -> std::result::Result<(), EmbedError> {
        weights.expect(&format!("{name}.weight"), &[outputs, inputs])?;
        weights.expect(&format!("{name}.bias"), &[outputs])
    }

    /// A layer of a row-major weight `(bias.len(), inputs)`.
    pub(crate) fn new(weight: &[f32], bias: Vec<f32>, inputs: usize, activation: Activation) -> Self {
        Self { weight: PackedMatrix::new(weight, bias.len(), inputs), bias, activation }
    }

    /// As [`Linear::load`]; a weight that is kept in sixteen bits stays so, which takes half of the memory and loses nothing.
    pub(crate) fn load_kept(
        weights: &mut Weights,
        name: &str,
        sizes: (usize, usize),
        activation: Activation,
    ) -> std::result::Result<Self, EmbedError> {
        let half = weights.is_half(&format!("{name}.weight"));
        let layer = Self::load(weights, name, sizes, activation)?;
        Ok(if half { layer.halved() } else { layer })
    }

    /// Layers of the same inputs as one, without an activation: one product instead of several. Takes their weights and biases by
    /// name, each of `outputs`; with `keep_halves`, weights that are kept in sixteen bits stay so.
    pub(crate) fn joined(
        weights: &mut Weights,
        parts: &[(String, String)],
        (outputs, inputs): (usize, usize),
        keep_halves: bool,
    ) -> std::result::Result<Self, EmbedError> {
        let half = keep_halves && parts.iter().all(|(weight, _)| weights.is_half(weight));
        let (mut weight, mut bias) = (Vec::new(), Vec::new());
        for (weight_name, bias_name) in parts {
            weight.extend(weights.floats(weight_name, &[outputs, inputs])?);
            bias.extend(weights.floats(bias_name, &[outputs])?);
        }
        let layer = Self::new(&weight, bias, inputs, Activation::Identity);
        Ok(if half { layer.halved() } else { layer })
    }

    /// The same layer with weights of sixteen bits.
    pub(crate) fn halved(self) -> Self {
        Self { weight: self.weight.halved(), ..self }
    }

    /// Numbers of a row that goes in.
    pub(crate) fn inputs(&self) -> usize {
        self.weight.k()
    }

    /// Numbers of a row that comes out.
    pub(crate) fn outputs(&self) -> usize {
        self.weight.n()
    }

    /// The layer over rows in a slice.
    pub(crate) fn apply(&self, input: &[f32]) -> Vec<f32> {
        let mut out = vec![0.0; input.len() / self.weight.k().max(1) * self.weight.n()];
        self.apply_into(input, None, &mut out);
        out
    }

    /// The layer over rows in a slice, plus a residual.
    pub(crate) fn apply_into(&self, input: &[f32], residual: Option<&[f32]>, out: &mut [f32]) {
        let epilogue = Epilogue { bias: Some(&self.bias), activation: self.activation, residual };
        let (n, k) = (self.weight.n(), self.weight.k());
        match shared_threads(input.len() / k.max(1), (n, k)) {
            None => self.weight.multiply(input, k, epilogue, out),
            Some(threads) => self
                .weight
                .multiply_in_parts(input, k, epilogue, out, threads, |part| on_threads(threads, part)),
        }
    }

    /// `self(x) + residual`.
    pub(crate) fn forward_add(&self, x: &Tensor, residual: &Tensor) -> Result<Tensor> {
        x.apply_op2_no_bwd(residual, self)
    }

    fn run(&self, input: &[f32], layout: &Layout, residual: Option<&[f32]>) -> Result<(CpuStorage, Shape)> {
        let (rows, inputs) = layout.shape().dims2()?;
        let outputs = self.bias.len();
        if inputs != self.weight.k() {
            bail!("a linear layer of {} inputs was given {inputs}", self.weight.k());
        }
        if residual.is_some_and(|residual| residual.len() != rows * outputs) {
            bail!("a residual of another shape than ({rows}, {outputs})");
        }
        let mut out = vec![0.0; rows * outputs];
        self.apply_into(input, residual, &mut out);
        Ok((CpuStorage::F32(out), (rows, outputs).into()))
    }
}

impl Module for Linear {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        x.apply_op1_no_bwd(self)
    }
}

impl CustomOp1 for Linear {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        self.run(floats(storage, layout)?, layout, None)
    }
}

impl CustomOp2 for Linear {
    fn name(&self) -> &'static str {
        "linear-add"
    }

    fn cpu_fwd(
        &self,
        storage: &CpuStorage,
        layout: &Layout,
        residual: &CpuStorage,
        residual_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        self.run(floats(storage, layout)?, layout, Some(floats(residual, residual_layout)?))
    }
}

#[cfg(test)]
mod tests {
    use super::super::ops::{matrix, rows_of};
    use super::*;

    #[test]
    fn a_layer_is_its_product_bias_activation_and_residual() {
        let layer = Linear::new(&[1.0, 2.0, -1.0, 0.5], vec![0.5, -4.0], 2, Activation::Relu);
        let x = matrix(vec![1.0, 1.0, 2.0, 0.0], 2, 2).unwrap();
        assert_eq!(rows_of(&layer.forward(&x).unwrap()).unwrap(), [3.5, 0.0, 2.5, 0.0]);
        assert_eq!(rows_of(&layer.forward_add(&x, &x).unwrap()).unwrap(), [4.5, 1.0, 4.5, 0.0]);
        assert!(layer.forward(&matrix(vec![0.0; 3], 1, 3).unwrap()).is_err());
    }
}
