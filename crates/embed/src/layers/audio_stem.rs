//! Four convolutions over a log-mel: 3x3, stride 2, a border of zeros, ReLU.

use sensorium_kernels::Activation;

use super::Linear;
use crate::EmbedError;
use crate::weights::Weights;

const KERNEL: usize = 3;
const STRIDE: usize = 2;
/// Channels between the convolutions; the last gives the Transformer's width.
const CHANNELS: [usize; 4] = [1, 32, 64, 128];

/// Time and frequency shrink by 16.
///
/// A convolution is a product: the nine neighbours of a pixel become one row.
///
/// # Shapes
/// log-mel (time, 64) -> tokens (time / 16 * 4, d), all frequencies of a moment side by side
#[derive(Debug)]
pub(crate) struct AudioStem {
    /// With the number of channels that come in.
    layers: Vec<(usize, Linear)>,
}

impl AudioStem {
    /// Takes `PREFIX.stem.0` to `PREFIX.stem.3`, weights in the order (out, in, height, width).
    pub(crate) fn load(weights: &mut Weights, prefix: &str, d: usize) -> Result<Self, EmbedError> {
        let outputs = CHANNELS.into_iter().skip(1).chain([d]);
        let layers = CHANNELS
            .into_iter()
            .zip(outputs)
            .enumerate()
            .map(|(layer, (from, to))| {
                let name = format!("{prefix}.stem.{layer}");
                let weight = weights.floats(&format!("{name}.weight"), &[to, from, KERNEL, KERNEL])?;
                let bias = weights.floats(&format!("{name}.bias"), &[to])?;
                let inputs = from * KERNEL * KERNEL;
                Ok((from, Linear::new(&channels_last(&weight, from), bias, inputs, Activation::Relu)))
            })
            .collect::<Result<_, EmbedError>>()?;
        Ok(Self { layers })
    }

    pub(crate) fn forward(&self, mel: Vec<f32>, mels: usize) -> Vec<f32> {
        let (mut image, mut width) = (mel, mels);
        for (channels, layer) in &self.layers {
            let (rows, out_width) = neighbours(&image, width, *channels);
            (image, width) = (layer.apply(&rows), out_width);
        }
        image
    }
}

/// `(out, in, taps)` as `(out, taps, in)`.
fn channels_last(weight: &[f32], channels: usize) -> Vec<f32> {
    let taps = KERNEL * KERNEL;
    let filters = weight.chunks_exact(channels * taps);
    filters
        .flat_map(|filter| (0..taps).flat_map(move |tap| filter.iter().skip(tap).step_by(taps).copied()))
        .collect()
}

/// The 3x3 neighbours of every second pixel of every second row, zeros past the border; and the new width.
///
/// # Shapes
/// (height, width, channels) -> (ceil(height / 2) * ceil(width / 2), 9 channels)
fn neighbours(image: &[f32], width: usize, channels: usize) -> (Vec<f32>, usize) {
    let height = image.len() / (width * channels);
    let (rows, columns) = (height.div_ceil(STRIDE), width.div_ceil(STRIDE));
    let mut out = vec![0.0; rows * columns * KERNEL * KERNEL * channels];
    let places = out.chunks_exact_mut(channels);
    let taps = (0..rows).flat_map(|y| {
        (0..columns).flat_map(move |x| {
            (0..KERNEL)
                .flat_map(move |down| (0..KERNEL).map(move |along| (y * STRIDE + down, x * STRIDE + along)))
        })
    });
    for (place, (y, x)) in places.zip(taps) {
        // One pixel of border: coordinates are counted from it.
        let (Some(y), Some(x)) = (y.checked_sub(1), x.checked_sub(1)) else { continue };
        if y < height && x < width {
            let at = (y * width + x) * channels;
            place.copy_from_slice(image.get(at..at + channels).unwrap_or_default());
        }
    }
    (out, columns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, Tensor};

    #[test]
    fn it_agrees_with_candles_convolution() {
        let (height, width, from, to) = (6, 8, 3, 5);
        let number = |i: usize| (i * 7919 % 1000) as f32 / 500.0 - 1.0;
        let weight: Vec<f32> = (0..to * from * 9).map(number).collect();
        let bias: Vec<f32> = (0..to).map(number).collect();
        let image: Vec<f32> = (0..height * width * from).map(|i| number(i + 17)).collect();
        let layer = Linear::new(&channels_last(&weight, from), bias.clone(), from * 9, Activation::Relu);
        let (rows, columns) = neighbours(&image, width, from);
        let ours = layer.apply(&rows);
        assert_eq!((columns, ours.len()), (4, 3 * 4 * to));

        let cpu = &Device::Cpu;
        let input = Tensor::from_vec(image, (1, height, width, from), cpu).unwrap();
        let input = input.permute((0, 3, 1, 2)).unwrap().contiguous().unwrap();
        let kernel = Tensor::from_vec(weight, (to, from, 3, 3), cpu).unwrap();
        let bias = Tensor::from_vec(bias, (1, to, 1, 1), cpu).unwrap();
        let theirs = input.conv2d(&kernel, 1, 2, 1, 1).unwrap().broadcast_add(&bias).unwrap().relu().unwrap();
        let theirs: Vec<f32> =
            theirs.permute((0, 2, 3, 1)).unwrap().flatten_all().unwrap().to_vec1().unwrap();
        for (ours, theirs) in ours.iter().zip(theirs) {
            assert!((ours - theirs).abs() < 1e-5, "{ours}, not {theirs}");
        }
    }
}
