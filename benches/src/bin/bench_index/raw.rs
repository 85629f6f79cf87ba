//! Files of little-endian f32, one vector after another.

use std::io::Write;
use std::path::Path;

use crate::Error;

const BYTES: usize = size_of::<f32>();

/// The vectors `from..from + count` of a file, one after another.
///
/// # Errors
/// If the file cannot be read or is shorter.
pub(crate) fn read(path: &Path, dim: usize, from: usize, count: usize) -> Result<Vec<f32>, Error> {
    use std::io::{Read, Seek, SeekFrom};
    let mut file = fs_err::File::open(path)?;
    file.seek(SeekFrom::Start((from * dim * BYTES) as u64))?;
    let mut bytes = vec![0; count * dim * BYTES];
    file.read_exact(&mut bytes)?;
    let (chunks, _) = bytes.as_chunks::<BYTES>();
    Ok(chunks.iter().map(|chunk| f32::from_le_bytes(*chunk)).collect())
}

/// Appends vectors to a file.
///
/// # Errors
/// If it cannot be written.
pub(crate) fn append(file: &mut fs_err::File, vectors: &[Vec<f32>]) -> Result<(), Error> {
    let bytes: Vec<u8> = vectors.iter().flatten().flat_map(|value| value.to_le_bytes()).collect();
    file.write_all(&bytes)?;
    Ok(())
}

/// Writes a file whole or not at all.
///
/// # Errors
/// If it cannot be written.
pub(crate) fn write(path: &Path, vectors: &[Vec<f32>]) -> Result<(), Error> {
    let part = path.with_extension("part");
    append(&mut fs_err::File::create(&part)?, vectors)?;
    fs_err::rename(part, path)?;
    Ok(())
}
