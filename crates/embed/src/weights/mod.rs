//! Safetensors by name and shape.

mod updates;

use std::collections::BTreeSet;

use half::f16;
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use sensorium_kernels::f16_to_f32;

use crate::EmbedError;
use updates::Updates;

/// The weights of one file. Layers take them by name; [`Weights::finish`] refuses what nobody took.
#[derive(Debug)]
pub(crate) struct Weights<'a> {
    file: String,
    tensors: SafeTensors<'a>,
    untaken: BTreeSet<String>,
    updates: Option<Box<Updates<'a>>>,
}

impl<'a> Weights<'a> {
    /// Reads the header of a file.
    pub(crate) fn parse(file: &str, bytes: &'a [u8]) -> Result<Self, EmbedError> {
        let tensors = SafeTensors::deserialize(bytes)
            .map_err(|source| EmbedError::Damaged { file: file.to_owned(), source: source.into() })?;
        let untaken = tensors.names().into_iter().map(str::to_owned).collect();
        Ok(Self { file: file.to_owned(), tensors, untaken, updates: None })
    }

    /// The same weights with low-rank updates of another file added to its matrices; their names there begin with
    /// `prefix`.
    pub(crate) fn updated(self, updates: Weights<'a>, prefix: &'static str) -> Self {
        Self { updates: Some(Box::new(Updates { weights: updates, prefix })), ..self }
    }

    /// A weight of half or whole floats, with its update where there is one.
    pub(crate) fn floats(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, EmbedError> {
        let weight = self.stored(name, shape)?;
        match (&mut self.updates, shape) {
            (Some(updates), &[outputs, inputs]) => updates.add(name, weight, (outputs, inputs)),
            _ => Ok(weight),
        }
    }

    fn stored(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, EmbedError> {
        let view = self.take(name, shape)?;
        if view.dtype() == Dtype::F32 {
            return Ok(view.data().as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect());
        }
        if view.dtype() != Dtype::F16 {
            return Err(self.wrong_type(name, "F16 or F32", view.dtype()));
        }
        let mut wide = vec![0.0; view.data().len() / size_of::<f16>()];
        match bytemuck::try_cast_slice(view.data()) {
            Ok(halves) => f16_to_f32(halves, &mut wide),
            // The file lies at an odd address.
            Err(_) => {
                for (to, bytes) in wide.iter_mut().zip(view.data().as_chunks().0) {
                    *to = f16::from_le_bytes(*bytes).to_f32();
                }
            }
        }
        Ok(wide)
    }

    /// A weight of whole numbers.
    pub(crate) fn whole(&mut self, name: &str, shape: &[usize]) -> Result<Vec<i32>, EmbedError> {
        let view = self.take(name, shape)?;
        if view.dtype() != Dtype::I32 {
            return Err(self.wrong_type(name, "I32", view.dtype()));
        }
        Ok(view.data().as_chunks().0.iter().map(|bytes| i32::from_le_bytes(*bytes)).collect())
    }

    /// A weight of signed bytes.
    pub(crate) fn bytes(&mut self, name: &str, shape: &[usize]) -> Result<Vec<i8>, EmbedError> {
        let view = self.take(name, shape)?;
        if view.dtype() != Dtype::I8 {
            return Err(self.wrong_type(name, "I8", view.dtype()));
        }
        Ok(bytemuck::cast_slice(view.data()).to_vec())
    }

    /// A weight of unsigned bytes.
    pub(crate) fn unsigned(&mut self, name: &str, shape: &[usize]) -> Result<Vec<u8>, EmbedError> {
        let view = self.take(name, shape)?;
        if view.dtype() != Dtype::U8 {
            return Err(self.wrong_type(name, "U8", view.dtype()));
        }
        Ok(view.data().to_vec())
    }

    /// Whether the file has a weight.
    fn has(&self, name: &str) -> bool {
        self.tensors.tensor(name).is_ok()
    }

    /// The shape that a weight has in the file.
    pub(crate) fn shape(&self, name: &str) -> Result<Vec<usize>, EmbedError> {
        Ok(self.view(name)?.shape().to_vec())
    }

    /// Refuses weights that no layer took.
    pub(crate) fn finish(self) -> Result<(), EmbedError> {
        if self.untaken.is_empty() {
            return self.updates.map_or(Ok(()), |updates| updates.weights.finish());
        }
        Err(EmbedError::ExtraWeights { file: self.file, names: self.untaken.into_iter().collect() })
    }

    fn view(&self, name: &str) -> Result<TensorView<'a>, EmbedError> {
        self.tensors
            .tensor(name)
            .map_err(|_| EmbedError::MissingWeight { file: self.file.clone(), name: name.to_owned() })
    }

    fn take(&mut self, name: &str, shape: &[usize]) -> Result<TensorView<'a>, EmbedError> {
        let view = self.view(name)?;
        if view.shape() != shape {
            return Err(EmbedError::WeightShape {
                file: self.file.clone(),
                name: name.to_owned(),
                expected: shape.to_vec(),
                received: view.shape().to_vec(),
            });
        }
        self.untaken.remove(name);
        Ok(view)
    }

    fn wrong_type(&self, name: &str, expected: &'static str, received: Dtype) -> EmbedError {
        EmbedError::WeightType {
            file: self.file.clone(),
            name: name.to_owned(),
            expected,
            received: format!("{received:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> Vec<u8> {
        let halves: Vec<u8> = [0.5f32, -2.0].iter().flat_map(|x| f16::from_f32(*x).to_le_bytes()).collect();
        let views = [("a", Dtype::F16, vec![2, 1], halves), ("b", Dtype::I8, vec![3], vec![1, 255, 3])];
        let views = views
            .iter()
            .map(|(name, dtype, shape, data)| (*name, TensorView::new(*dtype, shape.clone(), data).unwrap()));
        safetensors::serialize(views, None).unwrap()
    }

    #[test]
    fn weights_are_taken_by_name_type_and_shape() {
        let bytes = file();
        let mut weights = Weights::parse("w", &bytes).unwrap();
        assert_eq!(weights.floats("a", &[2, 1]).unwrap(), [0.5, -2.0]);
        assert_eq!(weights.bytes("b", &[3]).unwrap(), [1, -1, 3]);
        weights.finish().unwrap();
    }

    #[test]
    fn what_is_missing_extra_misshaped_or_mistyped_is_named() {
        let bytes = file();
        let mut weights = Weights::parse("w", &bytes).unwrap();
        let errors = [
            weights.floats("c", &[1]).unwrap_err(),
            weights.floats("a", &[1, 2]).unwrap_err(),
            weights.floats("b", &[3]).unwrap_err(),
            weights.finish().unwrap_err(),
        ];
        let said = errors.map(|error| error.to_string());
        assert_eq!(said[0], "w has no weight c");
        assert_eq!(said[1], "weight a of w has the shape [2, 1], expected [1, 2]");
        assert_eq!(said[2], "weight b of w is I8, expected F16 or F32");
        assert!(said[3].starts_with("w has weights that nothing uses: a"), "{}", said[3]);
    }

    #[test]
    fn bytes_that_are_no_safetensors_are_an_error() {
        assert!(matches!(Weights::parse("w", b"nonsense"), Err(EmbedError::Damaged { .. })));
    }

    #[test]
    fn an_odd_address_is_read_as_well() {
        let mut shifted = vec![0];
        shifted.extend(file());
        let mut weights = Weights::parse("w", &shifted[1..]).unwrap();
        assert_eq!(weights.floats("a", &[2, 1]).unwrap(), [0.5, -2.0]);
    }
}
