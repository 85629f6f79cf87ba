//! `activation(x W^T + b)`, with the weight packed once.

use candle_core::{CpuStorage, CustomOp1, CustomOp2, Layout, Result, Shape, Tensor, bail};
use candle_nn::Module;
use sensorium_kernels::{Activation, Epilogue, PackedMatrix, QuantizedMatrix};
use serde::{Deserialize, Serialize};

use super::ops::{floats, on_threads, shared_threads};
use crate::EmbedError;
use crate::weights::Weights;

/// How the products of a tower's blocks are made, as `bundle.toml` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Precision {
    /// With the weights of the file.
    #[default]
    Full,
    /// With weights and inputs of one byte.
    Int8,
}

impl Precision {
    /// Whether a configuration leaves it out.
    pub(crate) fn is_full(&self) -> bool {
        *self == Self::Full
    }

    /// The bits of a weight that has these in full.
    pub(crate) const fn of(self, bits: Bits) -> Bits {
        match self {
            Self::Full => bits,
            Self::Int8 => Bits::Eight,
        }
    }
}

/// Bits of a layer's weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bits {
    /// Eight, by channel; each row of the input is rounded to eight as well.
    Eight,
    /// Sixteen, whatever the file has.
    Sixteen,
    /// Sixteen if the file has sixteen, which takes half of the memory and loses nothing, else thirty-two.
    Kept,
    /// Thirty-two, whatever the file has.
    ThirtyTwo,
}

/// A packed weight.
#[derive(Debug)]
enum Matrix {
    Floats(PackedMatrix),
    Bytes(QuantizedMatrix),
}

impl Matrix {
    fn n(&self) -> usize {
        match self {
            Self::Floats(matrix) => matrix.n(),
            Self::Bytes(matrix) => matrix.n(),
        }
    }

    fn k(&self) -> usize {
        match self {
            Self::Floats(matrix) => matrix.k(),
            Self::Bytes(matrix) => matrix.k(),
        }
    }
}

/// A linear layer with its activation.
///
/// # Shapes
/// (rows, inputs) -> (rows, outputs)
#[derive(Debug)]
pub(crate) struct Linear {
    weight: Matrix,
    bias: Vec<f32>,
    activation: Activation,
}

impl Linear {
    /// Takes `NAME.weight` and `NAME.bias`.
    pub(crate) fn load(
        weights: &mut Weights,
        name: &str,
        sizes: (usize, usize),
        activation: Activation,
    ) -> std::result::Result<Self, EmbedError> {
        Self::load_bits(weights, name, sizes, (activation, Bits::ThirtyTwo))
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
        Self::of_bits(weight, bias, inputs, (activation, Bits::ThirtyTwo))
    }

    /// The same with weights of so many bits; [`Bits::Kept`] are thirty-two here.
    fn of_bits(
        weight: &[f32],
        bias: Vec<f32>,
        inputs: usize,
        (activation, bits): (Activation, Bits),
    ) -> Self {
        let weight = match bits {
            Bits::Eight => Matrix::Bytes(QuantizedMatrix::new(weight, bias.len(), inputs)),
            Bits::Sixteen => Matrix::Floats(PackedMatrix::new(weight, bias.len(), inputs).halved()),
            Bits::Kept | Bits::ThirtyTwo => Matrix::Floats(PackedMatrix::new(weight, bias.len(), inputs)),
        };
        Self { weight, bias, activation }
    }

    /// As [`Linear::load`], with weights of so many bits.
    pub(crate) fn load_bits(
        weights: &mut Weights,
        name: &str,
        (outputs, inputs): (usize, usize),
        (activation, bits): (Activation, Bits),
    ) -> std::result::Result<Self, EmbedError> {
        let name_of_weight = format!("{name}.weight");
        let bits = if bits == Bits::Kept && weights.is_half(&name_of_weight) { Bits::Sixteen } else { bits };
        let weight = weights.floats(&name_of_weight, &[outputs, inputs])?;
        let bias = weights.floats(&format!("{name}.bias"), &[outputs])?;
        Ok(Self::of_bits(&weight, bias, inputs, (activation, bits)))
    }

    /// As [`Linear::load`], with [`Bits::Kept`].
    pub(crate) fn load_kept(
        weights: &mut Weights,
        name: &str,
        sizes: (usize, usize),
        activation: Activation,
    ) -> std::result::Result<Self, EmbedError> {
        Self::load_bits(weights, name, sizes, (activation, Bits::Kept))
    }

    /// Layers of the same inputs as one, without an activation: one product instead of several. Takes their weights and biases by
    /// name, each of `outputs`.
    pub(crate) fn joined(
        weights: &mut Weights,
        parts: &[(String, String)],
        (outputs, inputs): (usize, usize),
        bits: Bits,
    ) -> std::result::Result<Self, EmbedError> {
        let half = bits == Bits::Kept && parts.iter().all(|(weight, _)| weights.is_half(weight));
        let (mut weight, mut bias) = (Vec::new(), Vec::new());
        for (weight_name, bias_name) in parts {
            weight.extend(weights.floats(weight_name, &[outputs, inputs])?);
            bias.extend(weights.floats(bias_name, &[outputs])?);
        }
        let bits = if half { Bits::Sixteen } else { bits };
        Ok(Self::of_bits(&weight, bias, inputs, (Activation::Identity, bits)))
    }

    /// The same layer with weights of sixteen bits, if it has thirty-two.
    pub(crate) fn halved(self) -> Self {
        let weight = match self.weight {
            Matrix::Floats(matrix) => Matrix::Floats(matrix.halved()),
            Matrix::Bytes(matrix) => Matrix::Bytes(matrix),
        };
        Self { weight, ..self }
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
        let threads = shared_threads(input.len() / k.max(1), (n, k));
        match (&self.weight, threads) {
            (Matrix::Floats(weight), None) => weight.multiply(input, k, epilogue, out),
            (Matrix::Floats(weight), Some(threads)) => {
                weight.multiply_in_parts(input, k, epilogue, out, threads, |part| on_threads(threads, part));
            }
            (Matrix::Bytes(weight), None) => weight.multiply(input, epilogue, out),
            (Matrix::Bytes(weight), Some(threads)) => {
                weight.multiply_in_parts(input, epilogue, out, threads, |part| on_threads(threads, part));
            }
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

    #[test]
    fn a_layer_of_bytes_is_near_the_layer_on_any_number_of_threads() {
        let (rows, outputs, inputs) = (50, 96, 768);
        let number = |at: usize| (at * 7919 % 1000) as f32 / 500.0 - 1.0;
        let weight: Vec<f32> = (0..outputs * inputs).map(number).collect();
        let input: Vec<f32> = (0..rows * inputs).map(|at| number(at + 3)).collect();
        let residual: Vec<f32> = (0..rows * outputs).map(number).collect();
        let made = |bits| {
            let bias = (0..outputs).map(number).collect();
            let layer = Linear::of_bits(&weight, bias, inputs, (Activation::QuickGelu, bits));
            let mut out = vec![0.0; rows * outputs];
            layer.apply_into(&input, Some(&residual), &mut out);
            out
        };
        let (exact, alone) = (made(Bits::ThirtyTwo), made(Bits::Eight));
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        let cosine = dot(&exact, &alone) / (dot(&exact, &exact) * dot(&alone, &alone)).sqrt();
        assert!(cosine > 0.999, "{cosine}");
        assert_ne!(exact, alone, "bytes were asked for");
        let threads = crate::threads::Threads::new(2).unwrap();
        assert_eq!(threads.map(&[()], |()| Ok(made(Bits::Eight))).unwrap(), [alone]);
    }
}
