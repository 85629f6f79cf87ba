//! Tensors as one file of safetensors.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use sensorium_embed::FileBytes;
use serde_json::{Map, json};
use sha2::{Digest as _, Sha256};

use super::PickleError;
use super::checkpoint::{Checkpoint, Tensor};

/// Bytes that are copied at a time.
const PIECE_BYTES: u64 = 1 << 20;
/// Tensors may share numbers, so that the result is larger than what it is made of, but by no more than this factor and these bytes.
const MAX_GROWTH: (u64, u64) = (2, 1 << 20);
/// Largest stretch of a file that is held in memory to put its numbers in order.
const MAX_SPAN: u64 = 1 << 30;

/// A file that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) bytes: u64,
    pub(crate) sha256: [u8; 32],
}

/// Bytes that a tensor's place in the file is a multiple of; the largest number has as many.
const ALIGNED: usize = 8;

/// Tensors in the order of their file: larger numbers first, so that each is aligned; and the number of the file that has them.
type Ordered = BTreeMap<(Reverse<u64>, String), (usize, Tensor)>;

/// Writes the tensors of pickled files as one file of safetensors, which the same files make the same, whatever their order. The file appears whole.
/// An error tells in which of them it lies.
pub(crate) fn convert(
    pickled: Vec<(String, FileBytes)>,
    to: &Path,
) -> Result<Written, (String, PickleError)> {
    let (mut all, mut names, mut files) = (Ordered::new(), BTreeSet::new(), Vec::new());
    let mut limit = MAX_GROWTH.1;
    for (number, (file, bytes)) in pickled.into_iter().enumerate() {
        limit = limit.saturating_add(bytes.len().saturating_mul(MAX_GROWTH.0));
        let Checkpoint { bytes, tensors } = Checkpoint::read(bytes).map_err(|error| (file.clone(), error))?;
        for (name, tensor) in tensors {
            if !names.insert(name.clone()) {
                return Err((file, PickleError::Tensor { name, what: "is there twice" }));
            }
            if !tensor.is_in_order() && tensor.span.saturating_mul(tensor.size) > MAX_SPAN {
                let what = "lies in no order, and is too large to be put into one";
                return Err((file, PickleError::Tensor { name, what }));
            }
            all.insert((Reverse(tensor.size), name), (number, tensor));
        }
        files.push((file, bytes));
    }
    let of_first = |error| (files.first().map(|(file, _)| file.clone()).unwrap_or_default(), error);
    let total = all.values().try_fold(0_u64, |sum, (_, tensor)| sum.checked_add(tensor.bytes));
    if total.is_none_or(|total| total > limit) {
        let what = "bytes once its tensors lie apart, twice its own";
        return Err(of_first(PickleError::Bound { limit, what }));
    }
    let part = to.with_added_extension("part");
    let written = write(&all, &files, &part).and_then(|written| fs_err::rename(&part, to).map(|()| written));
    written.map_err(|error| of_first(PickleError::Write(error)))
}

fn write(all: &Ordered, files: &[(String, FileBytes)], part: &Path) -> io::Result<Written> {
    let mut header = Map::new();
    header.insert("__metadata__".to_owned(), json!({ "format": "pt" }));
    let mut at = 0;
    for ((_, name), (_, Tensor { dtype, shape, bytes, .. })) in all {
        let place = [at, at + bytes];
        header.insert(name.clone(), json!({ "dtype": dtype, "shape": shape, "data_offsets": place }));
        at += bytes;
    }
    let mut header = serde_json::to_vec(&header)?;
    header.resize(header.len().next_multiple_of(ALIGNED), b' ');
    let file = fs_err::File::create(part)?;
    let mut to = Hashed { to: BufWriter::new(file), hash: Sha256::new(), bytes: 0 };
    to.write_all(&(header.len() as u64).to_le_bytes())?;
    to.write_all(&header)?;
    for (number, tensor) in all.values() {
        if let Some((_, bytes)) = files.get(*number) {
            copy(tensor, bytes, &mut to)?;
        }
    }
    let Hashed { to, hash, bytes } = to;
    to.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
    Ok(Written { bytes, sha256: hash.finalize().into() })
}

/// Writes the numbers of a tensor in order.
fn copy(tensor: &Tensor, bytes: &FileBytes, to: &mut dyn Write) -> io::Result<()> {
    if tensor.is_in_order() {
        let (mut at, end) = (tensor.from, tensor.from + tensor.bytes);
        while at < end {
            let count = (end - at).min(PIECE_BYTES);
            to.write_all(&bytes.read(at, usize::try_from(count).unwrap_or_default())?)?;
            at += count;
        }
        return Ok(());
    }
    let span = tensor.span.saturating_mul(tensor.size);
    let lying = bytes.read(tensor.from, usize::try_from(span).unwrap_or(usize::MAX))?;
    let mut index = vec![0_u64; tensor.shape.len()];
    for _ in 0..tensor.bytes / tensor.size {
        let number: u64 = index.iter().zip(&tensor.strides).map(|(at, stride)| at * stride).sum();
        let at = usize::try_from(number * tensor.size).unwrap_or(usize::MAX);
        let size = usize::try_from(tensor.size).unwrap_or_default();
        let number = lying.get(at..).and_then(|rest| rest.get(..size));
        to.write_all(number.ok_or(io::ErrorKind::UnexpectedEof)?)?;
        for (at, side) in index.iter_mut().zip(&tensor.shape).rev() {
            *at += 1;
            if *at < *side {
                break;
            }
            *at = 0;
        }
    }
    Ok(())
}

/// Counts and hashes what it writes.
struct Hashed<W> {
    to: W,
    hash: Sha256,
    bytes: u64,
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes).map(|()| bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.to.write_all(bytes)?;
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}
