//! A checkpoint's tensors, and where their numbers lie.

use std::collections::HashMap;

use sensorium_embed::FileBytes;

use super::PickleError;
use super::machine::{self, Storage, Value, View};
use crate::zip::{Zip, ZipError};

/// Largest pickle, which holds no numbers.
const MAX_PICKLE: u64 = 16 << 20;
/// Most sides of a tensor.
const MAX_SIDES: usize = 8;
/// Longest name of a tensor.
const MAX_NAME: usize = 1024;

/// The storages that are read: torch's, that of safetensors, bytes of a number.
const KINDS: [(&str, &str, u64); 10] = [
    ("torch DoubleStorage", "F64", 8),
    ("torch LongStorage", "I64", 8),
    ("torch FloatStorage", "F32", 4),
    ("torch IntStorage", "I32", 4),
    ("torch HalfStorage", "F16", 2),
    ("torch BFloat16Storage", "BF16", 2),
    ("torch ShortStorage", "I16", 2),
    ("torch CharStorage", "I8", 1),
    ("torch ByteStorage", "U8", 1),
    ("torch BoolStorage", "BOOL", 1),
];

/// A tensor, whose view lies within its storage.
#[derive(Debug, Clone)]
pub(super) struct Tensor {
    /// As safetensors calls its type.
    pub(super) dtype: &'static str,
    /// Bytes of a number.
    pub(super) size: u64,
    pub(super) shape: Vec<u64>,
    /// In numbers, as many as there are sides.
    pub(super) strides: Vec<u64>,
    /// Where its first number lies in the file.
    pub(super) from: u64,
    /// Bytes of all its numbers.
    pub(super) bytes: u64,
    /// Numbers between the first and the last in the file, both included; 0 where there are none.
    pub(super) span: u64,
}

impl Tensor {
    /// Whether its numbers lie one after another.
    pub(super) fn is_in_order(&self) -> bool {
        let mut expected = 1_u64;
        let mut fits = |(side, stride): (&u64, &u64)| {
            let fits = *side == 1 || *stride == expected;
            // Of one without numbers it may be larger than any.
            expected = expected.saturating_mul(*side);
            fits
        };
        self.bytes == 0 || self.shape.iter().zip(&self.strides).rev().all(&mut fits)
    }
}

/// A checkpoint.
#[derive(Debug)]
pub(super) struct Checkpoint {
    pub(super) bytes: FileBytes,
    pub(super) tensors: Vec<(String, Tensor)>,
}

impl Checkpoint {
    /// Reads the pickle; no number is read.
    pub(super) fn read(bytes: FileBytes) -> Result<Self, PickleError> {
        let zip = Zip::open(bytes).map_err(|source| PickleError::Layout { source })?;
        let root = root(&zip)?;
        let in_root = |file: &str| format!("{root}/{file}");
        if zip.names().any(|name| name == in_root("constants.pkl")) {
            return Err(PickleError::Script);
        }
        match zip.read(&in_root("byteorder"), 16) {
            Ok(order) if order != b"little" => {
                return Err(PickleError::Damaged { what: "numbers whose highest byte is first" });
            }
            Ok(_) | Err(ZipError::NoFile { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        let Value::Dict(items, _) = machine::read(&zip.read(&in_root("data.pkl"), MAX_PICKLE)?)? else {
            return Err(PickleError::NoTensors { what: "no dictionary" });
        };
        let mut tensors = Vec::with_capacity(items.len());
        let mut places: HashMap<String, (u64, u64)> = HashMap::new();
        for (name, value) in items {
            let Value::Tensor(view) = &value else {
                return Err(PickleError::NoTensors { what: value.kind() });
            };
            if name.len() > MAX_NAME {
                return Err(PickleError::Bound { limit: MAX_NAME as u64, what: "letters in a name" });
            }
            let place = in_root(&format!("data/{}", view.storage.key));
            let lies = match places.get(&place) {
                Some(lies) => *lies,
                None => zip.stored(&place)?,
            };
            places.insert(place, lies);
            let wrong = |what| PickleError::Tensor { name: name.to_string(), what };
            tensors.push((name.to_string(), tensor(view, lies).map_err(wrong)?));
        }
        Ok(Self { bytes: zip.bytes().clone(), tensors })
    }
}

/// The folder of the zip that has the pickle.
fn root(zip: &Zip) -> Result<String, PickleError> {
    let mut roots = zip.names().filter_map(|name| name.strip_suffix("/data.pkl"));
    match (roots.next(), roots.next()) {
        (Some(root), None) => Ok(root.to_owned()),
        (None, _) => Err(PickleError::NoTensors { what: "no pickle" }),
        (Some(_), Some(_)) => Err(PickleError::NoTensors { what: "two pickles" }),
    }
}

/// A view as a tensor; `lies` is where its storage lies, and its bytes.
fn tensor(view: &View, lies: (u64, u64)) -> Result<Tensor, &'static str> {
    let View { storage, offset, shape, strides } = view;
    let Storage { kind, numbers, .. } = storage.as_ref();
    let kind = KINDS.iter().find(|(torch, ..)| *torch == kind.as_ref());
    let (_, dtype, size) = *kind.ok_or("is of a type that is not read")?;
    let numbers = u64::try_from(*numbers).map_err(|_| "has a storage of less than no numbers")?;
    let (from, bytes) = lies;
    if numbers.checked_mul(size) != Some(bytes) {
        return Err("has a storage of another size than it says");
    }
    if shape.len() != strides.len() || shape.len() > MAX_SIDES {
        return Err("has no sides that can be");
    }
    let unsigned = |number: &i64| u64::try_from(*number).map_err(|_| "has a side, a step or a place below 0");
    let shape: Vec<u64> = shape.iter().map(unsigned).collect::<Result<_, _>>()?;
    let strides: Vec<u64> = strides.iter().map(unsigned).collect::<Result<_, _>>()?;
    let offset = unsigned(offset)?;
    let large = "is larger than any file";
    let count = shape.iter().try_fold(1_u64, |count, side| count.checked_mul(*side)).ok_or(large)?;
    let last = shape.iter().zip(&strides).try_fold(0_u64, |last, (side, stride)| {
        last.checked_add(side.saturating_sub(1).checked_mul(*stride)?)
    });
    let span = if count == 0 { 0 } else { last.and_then(|last| last.checked_add(1)).ok_or(large)? };
    if offset.checked_add(span).is_none_or(|end| end > numbers) {
        return Err("ends behind its storage");
    }
    let bytes = count.checked_mul(size).ok_or(large)?;
    Ok(Tensor { dtype, size, shape, strides, from: from + offset * size, bytes, span })
}
