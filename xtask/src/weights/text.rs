//! MiniLM in halves: matrices as f16, vectors as f32, the word embeddings as int8 with a scale for each row.

use anyhow::{Context, Result, bail};
use safetensors::SafeTensors;
use safetensors::tensor::Dtype;

use super::tensors::{Tensor, Tensors, Writer};

const WORDS: &str = "embeddings.word_embeddings.weight";
const WORD_SCALES: &str = "embeddings.word_embeddings.scale";
/// Left out: sentences are pooled by the mean, and positions are counted.
const DROPPED: [&str; 2] = ["pooler.", "embeddings.position_ids"];

/// Converts the hub's file to `text.safetensors`.
pub(super) fn convert(model: &[u8]) -> Result<Vec<u8>> {
    let mut source = read(model)?;
    let mut writer = Writer::default();
    let (values, scales) = quantize_rows(&source.take(WORDS)?)?;
    writer.i8(WORDS, values.0, &values.1);
    writer.f32(WORD_SCALES, &scales);
    for (name, tensor) in source.into_rest() {
        if name.ends_with(".bias") || name.contains("LayerNorm") {
            writer.f32(name, &tensor);
        } else {
            writer.f16(name, &tensor);
        }
    }
    writer.finish(&[])
}

fn read(model: &[u8]) -> Result<Tensors> {
    let mut tensors = Tensors::default();
    for (name, view) in SafeTensors::deserialize(model)?.iter() {
        if DROPPED.iter().any(|dropped| name.starts_with(dropped)) {
            continue;
        }
        if view.dtype() != Dtype::F32 {
            bail!("{name} is {:?}, expected F32", view.dtype());
        }
        tensors.insert(name, Tensor::from_bytes(view.shape().to_vec(), view.data())?);
    }
    Ok(tensors)
}

type Rows = (Vec<usize>, Vec<i8>);

/// `row = int8 * scale`, `scale = max|row| / 127`, halves rounded to even.
#[expect(clippy::cast_possible_truncation, reason = "a rounded value lies in -127..=127")]
fn quantize_rows(tensor: &Tensor) -> Result<(Rows, Tensor)> {
    let [rows, dim] = *tensor.shape.as_slice() else { bail!("word embeddings of shape {:?}", tensor.shape) };
    let mut values = Vec::with_capacity(rows * dim);
    let mut scales = Vec::with_capacity(rows);
    for row in tensor.values.chunks_exact(dim) {
        let largest = row.iter().fold(0f32, |largest, value| largest.max(value.abs()));
        let scale = largest / 127.0;
        scales.push(scale);
        let divisor = if scale > 0.0 { scale } else { 1.0 };
        values.extend(row.iter().map(|value| (value / divisor).round_ties_even().clamp(-127.0, 127.0) as i8));
    }
    let scales = Tensor::new(vec![rows], scales).context("one scale a row")?;
    Ok(((vec![rows, dim], values), scales))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_keep_their_largest_value_and_zero_rows_stay_zero() {
        let tensor = Tensor::new(vec![2, 3], vec![1.0, -2.0, 0.5, 0.0, 0.0, 0.0]).unwrap();
        let ((shape, values), scales) = quantize_rows(&tensor).unwrap();
        assert_eq!(shape, [2, 3]);
        assert_eq!(values, [64, -127, 32, 0, 0, 0]);
        assert_eq!(scales.values, [2.0 / 127.0, 0.0]);
    }
}
