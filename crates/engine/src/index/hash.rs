//! The hash of a file, read once in pieces.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use fs_err::os::unix::fs::OpenOptionsExt;
use sensorium_media::Cancel;
use sensorium_types::{ContentHash, FailureReason, ReasonKind};

use super::walk::{Stamp, unreadable};

/// Bytes read at a time.
const PIECE_BYTES: usize = 256 * 1024;

/// Hashes a regular file. `None` when cancelled.
///
/// The file is opened without blocking, and what is no regular file any more is not read. Its stamp must be that of the
/// walk, before and after, so that hash and stamp belong together.
pub(crate) fn hash_file(
    path: &Path,
    stamp: Stamp,
    cancel: &Cancel,
) -> Result<Option<ContentHash>, FailureReason> {
    let io = |error: std::io::Error| unreadable(&error);
    let flags = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or(0);
    let mut options = fs_err::OpenOptions::new();
    let (mut file, _) = options.read(true).custom_flags(flags).open(path).map_err(io)?.into_parts();
    same_file(&file, stamp)?;
    let mut hasher = blake3::Hasher::new();
    let mut piece = vec![0; PIECE_BYTES];
    let mut total = 0_u64;
    loop {
        if cancel.is_cancelled() {
            return Ok(None);
        }
        let read = file.read(&mut piece).map_err(io)?;
        if read == 0 {
            break;
        }
        total += read as u64;
        if total > stamp.bytes {
            return Err(changed());
        }
        hasher.update(piece.get(..read).unwrap_or_default());
    }
    if total != stamp.bytes {
        return Err(changed());
    }
    same_file(&file, stamp)?;
    Ok(Some(ContentHash::from_bytes(*hasher.finalize().as_bytes())))
}

/// Whether a path still has this stamp.
pub(crate) fn is_unchanged(path: &Path, stamp: Stamp) -> bool {
    fs_err::metadata(path).is_ok_and(|metadata| metadata.is_file() && Stamp::of(&metadata) == stamp)
}

/// The reason of a file that changed under our hands.
pub(super) fn changed() -> FailureReason {
    FailureReason::new(ReasonKind::Moved, "it changed while it was read")
}

fn same_file(file: &File, stamp: Stamp) -> Result<(), FailureReason> {
    let metadata = file.metadata().map_err(|error| unreadable(&error))?;
    if metadata.is_file() && Stamp::of(&metadata) == stamp { Ok(()) } else { Err(changed()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(path: &Path) -> Stamp {
        Stamp::of(&fs_err::metadata(path).expect("there"))
    }

    #[test]
    fn the_hash_is_that_of_the_bytes() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("x");
        let bytes: Vec<u8> = (0..600_000_u32).map(|i| (i % 251) as u8).collect();
        fs_err::write(&path, &bytes).expect("written");
        let hash = hash_file(&path, stamp(&path), &Cancel::default()).expect("hashed");
        assert_eq!(hash, Some(ContentHash::of(&bytes)));
        let cancelled = Cancel::default();
        cancelled.cancel();
        assert_eq!(hash_file(&path, stamp(&path), &cancelled), Ok(None));
    }

    #[test]
    fn a_file_that_changed_or_went_is_no_longer_the_one_that_was_met() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("x");
        fs_err::write(&path, b"before").expect("written");
        let before = stamp(&path);
        fs_err::write(&path, b"longer now").expect("written");
        let kind = |result: Result<_, FailureReason>| result.map_err(|reason| reason.kind);
        assert_eq!(kind(hash_file(&path, before, &Cancel::default())), Err(ReasonKind::Moved));
        assert!(!is_unchanged(&path, before) && is_unchanged(&path, stamp(&path)));
        fs_err::remove_file(&path).expect("removed");
        let made = std::process::Command::new("mkfifo").arg(&path).status().expect("mkfifo runs");
        assert!(made.success());
        assert_eq!(
            kind(hash_file(&path, before, &Cancel::default())),
            Err(ReasonKind::Moved),
            "does not block"
        );
        fs_err::remove_file(&path).expect("removed");
        assert_eq!(kind(hash_file(&path, before, &Cancel::default())), Err(ReasonKind::Unreadable));
    }
}
