//! The tensors of a checkpoint.

use std::collections::BTreeMap;
use std::io::{self, Write};

use crate::views::Found;
use crate::{CheckpointError, ReadAt, Tensor, old, zipped};

/// Tensors may share numbers, so that they are larger than their file once they lie apart, but by no more than this factor and these bytes.
const MAX_GROWTH: (u64, u64) = (2, 1 << 20);

/// A checkpoint: a dictionary of tensors, as `torch.save` writes it.
#[derive(Debug)]
pub struct Checkpoint<'a> {
    bytes: &'a dyn ReadAt,
    tensors: BTreeMap<String, Tensor>,
}

impl<'a> Checkpoint<'a> {
    /// Reads the names, types, shapes and places of the tensors of a zip, as torch 1.6 and later write it; no number is read.
    ///
    /// # Errors
    /// [`CheckpointError`], [`CheckpointError::Layout`] for what is no zip.
    pub fn read(bytes: &'a dyn ReadAt) -> Result<Self, CheckpointError> {
        let tensors = zipped::read(bytes).and_then(|found| collected(found, bytes.size()))?;
        Ok(Self { bytes, tensors })
    }

    /// The same of the layout of torch before 1.6.
    ///
    /// # Errors
    /// [`CheckpointError`], [`CheckpointError::OldLayout`] for another layout.
    pub fn read_old(bytes: &'a dyn ReadAt) -> Result<Self, CheckpointError> {
        let tensors = old::read(bytes).and_then(|found| collected(found, bytes.size()))?;
        Ok(Self { bytes, tensors })
    }

    /// The tensors by their names.
    pub const fn tensors(&self) -> &BTreeMap<String, Tensor> {
        &self.tensors
    }

    /// Writes the numbers of one of its tensors in row-major order, little endian.
    ///
    /// # Errors
    /// If they cannot be read or written.
    pub fn copy(&self, tensor: &Tensor, to: &mut dyn Write) -> io::Result<()> {
        tensor.copy(self.bytes, to)
    }
}

/// Views as tensors of a file of `size` bytes.
fn collected(found: Vec<Found>, size: u64) -> Result<BTreeMap<String, Tensor>, CheckpointError> {
    let (mut tensors, mut total) = (BTreeMap::new(), Some(0_u64));
    for (name, view, lies) in found {
        let wrong = |what| CheckpointError::Tensor { name: name.to_string(), what };
        let tensor = Tensor::of(&view, lies).map_err(wrong)?;
        total = total.and_then(|total| total.checked_add(tensor.bytes()));
        if tensors.insert(name.to_string(), tensor).is_some() {
            return Err(CheckpointError::twice(&name));
        }
    }
    let limit = size.saturating_mul(MAX_GROWTH.0).saturating_add(MAX_GROWTH.1);
    if total.is_none_or(|total| total > limit) {
        let what = "bytes once its tensors lie apart, twice its own";
        return Err(CheckpointError::Bound { limit, what });
    }
    Ok(tensors)
}
