//! A tensor: a view that lies within its storage.

use std::io::{self, ErrorKind, Write};

use crate::ReadAt;
use crate::pickle::{Storage, View};

/// Most sides of a tensor.
const MAX_SIDES: usize = 8;
/// Largest stretch of a file that is held in memory to put its numbers in order.
const MAX_SPAN: u64 = 1 << 30;
/// Bytes that are copied at a time.
const PIECE_BYTES: u64 = 1 << 20;

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

/// What the numbers of a storage are, as safetensors calls them, and the bytes of one.
pub(crate) fn kind(storage: &Storage) -> Result<(&'static str, u64), &'static str> {
    let kind = KINDS.iter().find(|(torch, ..)| *torch == storage.kind.as_ref());
    kind.map(|(_, dtype, size)| (*dtype, *size)).ok_or("is of a type that is not read")
}

/// A tensor of a checkpoint.
#[derive(Debug, Clone)]
pub struct Tensor {
    dtype: &'static str,
    /// Bytes of a number.
    size: u64,
    shape: Vec<u64>,
    /// In numbers, as many as there are sides.
    strides: Vec<u64>,
    /// Where its first number lies in the file.
    from: u64,
    /// Bytes of all its numbers.
    bytes: u64,
    /// Numbers between the first and the last in the file, both included; 0 where there are none.
    span: u64,
}

impl Tensor {
    /// A view as a tensor; `lies` is where its storage lies, and its bytes.
    pub(crate) fn of(view: &View, lies: (u64, u64)) -> Result<Self, &'static str> {
        let View { storage, offset, shape, strides } = view;
        let (dtype, size) = kind(storage)?;
        let numbers = u64::try_from(storage.numbers).map_err(|_| "has a storage of less than no numbers")?;
        let (from, bytes) = lies;
        if numbers.checked_mul(size) != Some(bytes) {
            return Err("has a storage of another size than it says");
        }
        if shape.len() != strides.len() || shape.len() > MAX_SIDES {
            return Err("has no sides that can be");
        }
        let unsigned =
            |number: &i64| u64::try_from(*number).map_err(|_| "has a side, a step or a place below 0");
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
        let tensor = Self { dtype, size, shape, strides, from: from + offset * size, bytes, span };
        if !tensor.is_in_order() && span.saturating_mul(size) > MAX_SPAN {
            return Err("lies in no order, and is too large to be put into one");
        }
        Ok(tensor)
    }

    /// Its type, as safetensors calls it.
    pub const fn dtype(&self) -> &'static str {
        self.dtype
    }

    /// Its sides.
    pub fn shape(&self) -> &[u64] {
        &self.shape
    }

    /// Bytes of all its numbers.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Bytes of a number.
    pub(crate) const fn size(&self) -> u64 {
        self.size
    }

    /// Whether its numbers lie one after another.
    fn is_in_order(&self) -> bool {
        let mut expected = 1_u64;
        let mut fits = |(side, stride): (&u64, &u64)| {
            let fits = *side == 1 || *stride == expected;
            // Of one without numbers it may be larger than any.
            expected = expected.saturating_mul(*side);
            fits
        };
        self.bytes == 0 || self.shape.iter().zip(&self.strides).rev().all(&mut fits)
    }

    /// Writes its numbers in row-major order, little endian; `bytes` are those of its checkpoint.
    pub(crate) fn copy(&self, bytes: &dyn ReadAt, to: &mut dyn Write) -> io::Result<()> {
        if self.is_in_order() {
            let (mut at, end) = (self.from, self.from + self.bytes);
            while at < end {
                let count = (end - at).min(PIECE_BYTES);
                to.write_all(&bytes.read(at, usize::try_from(count).unwrap_or_default())?)?;
                at += count;
            }
            return Ok(());
        }
        let span = self.span.saturating_mul(self.size);
        let lying = bytes.read(self.from, usize::try_from(span).unwrap_or(usize::MAX))?;
        let mut index = vec![0_u64; self.shape.len()];
        for _ in 0..self.bytes / self.size {
            let number: u64 = index.iter().zip(&self.strides).map(|(at, stride)| at * stride).sum();
            let at = usize::try_from(number * self.size).unwrap_or(usize::MAX);
            let size = usize::try_from(self.size).unwrap_or_default();
            let number = lying.get(at..).and_then(|rest| rest.get(..size));
            to.write_all(number.ok_or(ErrorKind::UnexpectedEof)?)?;
            for (at, side) in index.iter_mut().zip(&self.shape).rev() {
                *at += 1;
                if *at < *side {
                    break;
                }
                *at = 0;
            }
        }
        Ok(())
    }
}
