//! Tensors as one file of safetensors.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use serde_json::{Map, json};
use sha2::{Digest as _, Sha256};

use crate::{Checkpoint, CheckpointError, ReadAt, Tensor};

/// A file that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Its size.
    pub bytes: u64,
    /// Its hash.
    pub sha256: [u8; 32],
}

/// Bytes that a tensor's place in the file is a multiple of; the largest number has as many.
const ALIGNED: usize = 8;

/// Tensors in the order of their file: larger numbers first, so that each is aligned; and the number of the checkpoint that has them.
type Ordered<'a> = BTreeMap<(Reverse<u64>, &'a str), (usize, &'a Tensor)>;

/// Writes the tensors of checkpoints (zips, as torch 1.6 and later write them) as one file of safetensors, which the same files make the same,
/// whatever their order. The file appears whole. They have names, by which an error tells in which of them it lies.
///
/// # Errors
/// [`CheckpointError`], [`CheckpointError::Write`] where the result cannot be written.
pub fn convert<B: ReadAt>(files: &[(String, B)], to: &Path) -> Result<Written, (String, CheckpointError)> {
    let mut checkpoints = Vec::with_capacity(files.len());
    for (file, bytes) in files {
        checkpoints.push(Checkpoint::read(bytes).map_err(|error| (file.clone(), error))?);
    }
    let (mut all, mut names) = (Ordered::new(), BTreeSet::new());
    for (number, (checkpoint, (file, _))) in checkpoints.iter().zip(files).enumerate() {
        for (name, tensor) in checkpoint.tensors() {
            if !names.insert(name) {
                return Err((file.clone(), CheckpointError::twice(name)));
            }
            all.insert((Reverse(tensor.size()), name), (number, tensor));
        }
    }
    let part = to.with_added_extension("part");
    let written =
        write(&all, &checkpoints, &part).and_then(|written| fs_err::rename(&part, to).map(|()| written));
    let first = || files.first().map(|(file, _)| file.clone()).unwrap_or_default();
    written.map_err(|error| (first(), CheckpointError::Write(error)))
}

fn write(all: &Ordered<'_>, checkpoints: &[Checkpoint<'_>], part: &Path) -> io::Result<Written> {
    let mut header = Map::new();
    header.insert("__metadata__".to_owned(), json!({ "format": "pt" }));
    let mut at = 0_u64;
    for ((_, name), (_, tensor)) in all {
        let end = at.checked_add(tensor.bytes()).ok_or(io::ErrorKind::FileTooLarge)?;
        let entry = json!({ "dtype": tensor.dtype(), "shape": tensor.shape(), "data_offsets": [at, end] });
        header.insert((*name).to_owned(), entry);
        at = end;
    }
    let mut header = serde_json::to_vec(&header)?;
    header.resize(header.len().next_multiple_of(ALIGNED), b' ');
    let file = fs_err::File::create(part)?;
    let mut to = Hashed { to: BufWriter::new(file), hash: Sha256::new(), bytes: 0 };
    to.write_all(&(header.len() as u64).to_le_bytes())?;
    to.write_all(&header)?;
    for (number, tensor) in all.values() {
        if let Some(checkpoint) = checkpoints.get(*number) {
            checkpoint.copy(tensor, &mut to)?;
        }
    }
    let Hashed { to, hash, bytes } = to;
    to.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
    Ok(Written { bytes, sha256: hash.finalize().into() })
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
