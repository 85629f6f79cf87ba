//! Low-rank updates: what a bundle's own training adds to the matrices of a public stem.

use sensorium_kernels::{Epilogue, PackedMatrix};

use super::Weights;
use crate::EmbedError;

/// Updates by the names of the matrices that they change.
///
/// `PREFIX.NAME.up` (outputs, rank) and `PREFIX.NAME.down` (rank, inputs) belong to the matrix `NAME.weight`.
///
/// # Source
/// arXiv:2106.09685, section 4.1
#[derive(Debug)]
pub(super) struct Updates {
    pub(super) weights: Weights,
    pub(super) prefix: &'static str,
}

impl Updates {
    /// `weight + up down`, or the weight itself where the file has no update of it.
    pub(super) fn add(
        &mut self,
        name: &str,
        weight: Vec<f32>,
        (outputs, inputs): (usize, usize),
    ) -> Result<Vec<f32>, EmbedError> {
        let base = format!("{}{}", self.prefix, name.strip_suffix(".weight").unwrap_or(name));
        let (up, down) = (format!("{base}.up"), format!("{base}.down"));
        if !self.weights.has(&up) && !self.weights.has(&down) {
            return Ok(weight);
        }
        let rank = self.weights.shape(&down)?.first().copied().unwrap_or_default();
        let up = self.weights.stored(&up, &[outputs, rank])?;
        let down = self.weights.stored(&down, &[rank, inputs])?;
        let mut packed = PackedMatrix::empty();
        packed.repack(&down, (inputs, rank), (1, inputs));
        let mut sum = vec![0.0; weight.len()];
        let epilogue = Epilogue { residual: Some(&weight), ..Epilogue::default() };
        packed.multiply(&up, rank, epilogue, &mut sum);
        Ok(sum)
    }
}

#[cfg(test)]
mod tests {
    use super::super::FileBytes;
    use super::*;
    use half::f16;
    use safetensors::tensor::{Dtype, TensorView};

    fn file(tensors: &[(&str, Vec<usize>, &[f32])]) -> FileBytes {
        let bytes: Vec<Vec<u8>> =
            tensors.iter().map(|(_, _, data)| data.iter().flat_map(|x| x.to_le_bytes()).collect()).collect();
        let views = tensors.iter().zip(&bytes).map(|((name, shape, _), data)| {
            (*name, TensorView::new(Dtype::F32, shape.clone(), data).unwrap())
        });
        FileBytes::owned(safetensors::serialize(views, None).unwrap())
    }

    #[test]
    fn an_update_is_added_to_its_matrix_alone() {
        let stem = file(&[("a.weight", vec![2, 3], &[1.0; 6]), ("b.weight", vec![1, 2], &[7.0, 8.0])]);
        let own = file(&[
            ("text.a.up", vec![2, 2], &[1.0, 0.0, 2.0, 1.0]),
            ("text.a.down", vec![2, 3], &[1.0, 2.0, 3.0, 0.5, 0.0, -1.0]),
        ]);
        let mut weights = Weights::parse("stem", stem.clone())
            .unwrap()
            .updated(Weights::parse("own", own.clone()).unwrap(), "text.");
        assert_eq!(weights.floats("a.weight", &[2, 3]).unwrap(), [2.0, 3.0, 4.0, 3.5, 5.0, 6.0]);
        assert_eq!(weights.floats("b.weight", &[1, 2]).unwrap(), [7.0, 8.0]);
        weights.finish().unwrap();
    }

    /// Seeded halves in -1..1.
    fn halves(count: usize, seed: u32) -> Vec<f16> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            f16::from_f32(f32::from(u16::try_from(state >> 16).unwrap()) / 32_768.0 - 1.0)
        };
        (0..count).map(|_| next()).collect()
    }

    #[test]
    fn halves_of_any_rank_are_added_to_every_matrix_of_a_file() {
        // Outputs, inputs and rank as the photo stem has them: its first block, a wide one and its head.
        let sizes = [(16, 32, 16), (24, 144, 24), (528, 88, 64), (1_280, 352, 64)];
        let base: Vec<Vec<f16>> = sizes.iter().map(|(o, i, _)| halves(o * i, 1)).collect();
        let parts: Vec<(Vec<f16>, Vec<f16>)> =
            sizes.iter().map(|(o, i, r)| (halves(o * r, 2), halves(r * i, 3))).collect();
        let (mut stem, mut own) = (Vec::new(), Vec::new());
        for (n, (&(o, i, r), (up, down))) in sizes.iter().zip(&parts).enumerate() {
            stem.push((format!("blocks.{n}.weight"), vec![o, i], base[n].as_slice()));
            own.push((format!("photo.blocks.{n}.up"), vec![o, r], up.as_slice()));
            own.push((format!("photo.blocks.{n}.down"), vec![r, i], down.as_slice()));
        }
        let file = |tensors: &[(String, Vec<usize>, &[f16])]| {
            let views = tensors.iter().map(|(name, shape, data)| {
                (name, TensorView::new(Dtype::F16, shape.clone(), bytemuck::cast_slice(data)).unwrap())
            });
            FileBytes::owned(safetensors::serialize(views, None).unwrap())
        };
        let (stem, own) = (file(&stem), file(&own));
        let mut weights = Weights::parse("stem", stem.clone())
            .unwrap()
            .updated(Weights::parse("own", own.clone()).unwrap(), "photo.");
        for (n, (&(o, i, r), (up, down))) in sizes.iter().zip(&parts).enumerate() {
            let sum = weights.floats(&format!("blocks.{n}.weight"), &[o, i]).unwrap();
            for (row, column) in [(0, 0), (o - 1, i - 1), (o / 2, i / 3), (o / 3, i - 1)] {
                let product: f64 =
                    (0..r).map(|k| up[row * r + k].to_f64() * down[k * i + column].to_f64()).sum();
                let expected = base[n][row * i + column].to_f64() + product;
                // A sum of r products of numbers up to 1, in f32.
                let bound = 4.0 * r as f64 * f64::from(f32::EPSILON);
                assert!((f64::from(sum[row * i + column]) - expected).abs() < bound, "{n}: {row}, {column}");
            }
        }
        weights.finish().unwrap();
    }

    #[test]
    fn updates_of_nothing_and_halves_of_updates_are_named() {
        let stem = file(&[("a.weight", vec![1, 1], &[1.0])]);
        let extra = file(&[("text.z.up", vec![1, 1], &[1.0])]);
        let mut weights = Weights::parse("stem", stem.clone())
            .unwrap()
            .updated(Weights::parse("own", extra.clone()).unwrap(), "text.");
        weights.floats("a.weight", &[1, 1]).unwrap();
        assert!(weights.finish().unwrap_err().to_string().contains("text.z.up"));

        let half = file(&[("text.a.up", vec![1, 1], &[1.0])]);
        let mut weights = Weights::parse("stem", stem.clone())
            .unwrap()
            .updated(Weights::parse("own", half.clone()).unwrap(), "text.");
        let error = weights.floats("a.weight", &[1, 1]).unwrap_err();
        assert_eq!(error.to_string(), "own has no weight text.a.down");
    }
}
