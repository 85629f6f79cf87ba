//! Media that are damaged as files on disks and wires are.

#![expect(clippy::indexing_slicing, reason = "for tests, which may panic; places are drawn below the length")]

use std::path::{Path, PathBuf};

use crate::Seeded;

/// Largest sample that is worth damaging many times over.
const LARGEST_SAMPLE_BYTES: u64 = 60_000;

/// Media of a folder, of at most 60 kB each, in order.
///
/// # Panics
/// If the folder cannot be read.
pub fn small_samples(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs_err::read_dir(folder).expect("samples/").map(|entry| entry.expect("entry")) {
            let path = entry.path();
            let metadata = entry.metadata().expect("metadata");
            if metadata.is_dir() {
                folders.push(path);
            } else if metadata.len() <= LARGEST_SAMPLE_BYTES && is_media(&path) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn is_media(path: &Path) -> bool {
    let suffix = path.extension().and_then(|s| s.to_str()).unwrap_or("");
    !matches!(suffix, "" | "py" | "md" | "txt" | "html" | "jsonl" | "json")
}

/// Damages bytes, of which there must be some, in one of these ways: flipped bits, a cut, a run of 0xFF (length fields), a copy of
/// another place.
///
/// # Panics
/// If there are none.
pub fn mutate(bytes: &mut Vec<u8>, random: &mut Seeded) {
    let length = bytes.len();
    match random.below(4) {
        0 => {
            for _ in 0..=random.below(16) {
                let at = random.below(length);
                bytes[at] ^= 1 << random.below(8);
            }
        }
        1 => bytes.truncate(random.below(length)),
        2 => {
            let at = random.below(length);
            let end = (at + 1 + random.below(8)).min(length);
            bytes[at..end].fill(0xFF);
        }
        _ => {
            let from = random.below(length);
            let end = (from + 1 + random.below(64)).min(length);
            let piece = bytes[from..end].to_vec();
            let at = random.below(length - piece.len() + 1);
            bytes[at..at + piece.len()].copy_from_slice(&piece);
        }
    }
}
