//! EfficientNet-Lite with its batch norms folded into the convolutions.
//!
//! A batch norm after a convolution is `(y - mean) * gamma / sqrt(var + eps) + beta`, so that the rows of the weight
//! take the factor `gamma / sqrt(var + eps)`, and `beta - mean * factor` is the bias. Folded in f64, kept as f16.

use anyhow::{Result, bail, ensure};
use sensorium_checkpoint::Checkpoint;

use super::pins::PhotoStem;
use super::tensors::{Tensor, Tensors, Writer};

const BATCH_NORM_EPS: f64 = 1e-3;

/// Converts a checkpoint to `photo.safetensors`.
pub(super) fn convert(pth: &[u8], stem: &PhotoStem) -> Result<Vec<u8>> {
    let mut source = read(pth)?;
    let mut writer = Writer::default();
    let (weight, bias) = fold(&mut source, "_conv_stem", "_bn0")?;
    writer.f16("stem.weight", &weight);
    writer.f32("stem.bias", &bias);
    let mut block = 0;
    while source.contains(&format!("_blocks.{block}._depthwise_conv.weight")) {
        convert_block(&mut source, &mut writer, block)?;
        block += 1;
    }
    let (weight, bias) = fold(&mut source, "_conv_head", "_bn1")?;
    writer.f16("head.weight", &pointwise(weight)?);
    writer.f32("head.bias", &bias);
    writer.f16("classifier.weight", &source.take("_fc.weight")?);
    writer.f32("classifier.bias", &source.take("_fc.bias")?);
    source.ensure_empty()?;
    writer.finish(&[("variant", stem.variant), ("size", stem.size)])
}

/// Every tensor of floats of a checkpoint; whole numbers (counters of batches) are left out.
fn read(pth: &[u8]) -> Result<Tensors> {
    let checkpoint = Checkpoint::read_old(&pth)?;
    let mut tensors = Tensors::default();
    for (name, tensor) in checkpoint.tensors() {
        match tensor.dtype() {
            "F32" => {}
            "I64" => continue,
            other => bail!("{name} is {other}, expected F32 or I64"),
        }
        let mut numbers = Vec::new();
        checkpoint.copy(tensor, &mut numbers)?;
        let shape = tensor.shape().iter().map(|side| usize::try_from(*side)).collect::<Result<_, _>>()?;
        tensors.insert(name, Tensor::from_bytes(shape, &numbers)?);
    }
    Ok(tensors)
}

fn convert_block(source: &mut Tensors, writer: &mut Writer, block: usize) -> Result<()> {
    let from = format!("_blocks.{block}");
    let to = format!("blocks.{block}");
    if source.contains(&format!("{from}._expand_conv.weight")) {
        let (weight, bias) = fold(source, &format!("{from}._expand_conv"), &format!("{from}._bn0"))?;
        writer.f16(format!("{to}.expand.weight"), &pointwise(weight)?);
        writer.f32(format!("{to}.expand.bias"), &bias);
    }
    let (weight, bias) = fold(source, &format!("{from}._depthwise_conv"), &format!("{from}._bn1"))?;
    writer.f16(format!("{to}.dw.weight"), &tap_major(&weight)?);
    writer.f32(format!("{to}.dw.bias"), &bias);
    let (weight, bias) = fold(source, &format!("{from}._project_conv"), &format!("{from}._bn2"))?;
    writer.f16(format!("{to}.project.weight"), &pointwise(weight)?);
    writer.f32(format!("{to}.project.bias"), &bias);
    Ok(())
}

#[expect(clippy::cast_possible_truncation, reason = "folded in f64, kept in f32")]
fn fold(source: &mut Tensors, convolution: &str, norm: &str) -> Result<(Tensor, Tensor)> {
    let mut weight = source.take(&format!("{convolution}.weight"))?;
    let [gamma, beta, mean, variance] = [
        source.take(&format!("{norm}.weight"))?,
        source.take(&format!("{norm}.bias"))?,
        source.take(&format!("{norm}.running_mean"))?,
        source.take(&format!("{norm}.running_var"))?,
    ];
    let channels = gamma.values.len();
    ensure!(channels > 0 && weight.values.len().is_multiple_of(channels), "{convolution} and {norm} differ");
    let per_channel = weight.values.len() / channels;
    let mut bias = Vec::with_capacity(channels);
    let statistics = gamma.values.iter().zip(&beta.values).zip(mean.values.iter().zip(&variance.values));
    for (row, ((gamma, beta), (mean, variance))) in
        weight.values.chunks_exact_mut(per_channel).zip(statistics)
    {
        let factor = f64::from(*gamma) / (f64::from(*variance) + BATCH_NORM_EPS).sqrt();
        for value in row {
            *value = (f64::from(*value) * factor) as f32;
        }
        bias.push((f64::from(*beta) - f64::from(*mean) * factor) as f32);
    }
    ensure!(bias.len() == channels, "{norm} has vectors of unlike lengths");
    Ok((weight, Tensor::new(vec![channels], bias)?))
}

/// `[out, in, 1, 1]` as a matrix.
fn pointwise(weight: Tensor) -> Result<Tensor> {
    ensure!(weight.shape.get(2..) == Some(&[1, 1]), "a 1x1 convolution of shape {:?}", weight.shape);
    let matrix = weight.shape.iter().copied().take(2).collect();
    Tensor::new(matrix, weight.values)
}

/// `[channels, 1, k, k]` as `[k*k, channels]`.
fn tap_major(weight: &Tensor) -> Result<Tensor> {
    let [channels, 1, height, width] = *weight.shape.as_slice() else {
        bail!("a depthwise convolution of shape {:?}", weight.shape)
    };
    let taps = height * width;
    let values = (0..taps).flat_map(|tap| weight.values.iter().skip(tap).step_by(taps).copied()).collect();
    Tensor::new(vec![taps, channels], values)
}
