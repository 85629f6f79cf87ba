//! Where the bytes of an asset are. Bytes are known by their hash, never by their path: a file that was changed since
//! holds other media, which the next `index` brings in.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use sensorium_embed::Priority;
use sensorium_media::{Cancel, Head, MediaInput};
use sensorium_types::{
    AssetRecord, ContentHash, FailureReason, MediaPolicy, PointKey, ReasonKind, SourceKey, SourceRow,
    StoredAsset, Track, path_of,
};

use crate::encode::{Encoding, Feed, is_of_the_file, reason_of};
use crate::engine::PARTS_FIELD;
use crate::index::{Stamp, hash_file, is_of_the_path, is_unchanged};
use crate::ingest::FUSE_FIELD;
use crate::seams::{Decode, Encode};
use crate::{EngineError, copies};

/// Files that may hold the bytes of an asset: its sources in their order, then its copy.
pub(super) fn candidates(
    record: &AssetRecord,
    sources: &[(SourceKey, SourceRow)],
    data_dir: &Path,
) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = sources.iter().map(|(key, _)| path_of(&key.path)).collect();
    paths.dedup();
    if let (MediaPolicy::Copy, Some(hash)) = (record.media, &record.hash) {
        paths.push(copies::path(data_dir, hash));
    }
    paths
}

/// The hashes of the parts of an item, if it was made of several or has a fused point.
pub(super) fn parts(stored: &StoredAsset) -> Option<Vec<ContentHash>> {
    let record = &stored.record;
    match record.facts.get(PARTS_FIELD).and_then(|parts| parts.as_array()) {
        Some(parts) => {
            let hashes = parts.iter().filter_map(|part| part.as_str());
            Some(hashes.filter_map(|hex| ContentHash::from_str(hex).ok()).collect())
        }
        None => {
            let is_fused = record.facts.get(FUSE_FIELD).is_some()
                || stored.points.iter().any(|point| point.track == Track::Fused);
            if is_fused { record.hash.map(|hash| vec![hash]) } else { None }
        }
    }
}

/// Whether the media of an asset seems to be there. A file with the size and time of its row counts as unchanged, as
/// it does for `index`; any other is hashed.
pub(super) fn look(
    stored: &StoredAsset,
    sources: &[(SourceKey, SourceRow)],
    data_dir: &Path,
    cancel: &Cancel,
) -> Result<(), FailureReason> {
    let record = &stored.record;
    if let Some(parts) = parts(stored) {
        let is_there = |hash: &ContentHash| copies::path(data_dir, hash).is_file();
        return if record.media == MediaPolicy::Copy && parts.iter().all(is_there) {
            Ok(())
        } else {
            Err(FailureReason::new(ReasonKind::Moved, "the bytes of its parts were not kept"))
        };
    }
    let Some(hash) = record.hash else { return Err(not_kept()) };
    let mut reason = not_kept();
    for path in candidates(record, sources, data_dir) {
        let row = sources.iter().find(|(key, _)| path_of(&key.path) == path);
        match fs_err::metadata(&path).map(|metadata| (metadata.is_file(), Stamp::of(&metadata))) {
            Ok((true, stamp)) => {
                let same =
                    row.is_none_or(|(_, row)| row.bytes == stamp.bytes && row.mtime_ns == stamp.mtime_ns);
                match if same { Ok(Some(hash)) } else { hash_file(&path, stamp, cancel) } {
                    Ok(None) => return Ok(()),
                    Ok(Some(found)) if found == hash => return Ok(()),
                    Ok(Some(_)) => reason = changed(),
                    Err(why) => reason = why,
                }
            }
            Ok((false, _)) => reason = gone(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => reason = gone(),
            Err(error) => reason = crate::index::unreadable(&error),
        }
    }
    Err(reason)
}

/// Decodes an asset's bytes from the first file that still has them, and sends them to the encoders as they come.
pub(super) fn read(
    record: &AssetRecord,
    paths: Vec<PathBuf>,
    (decode, encode): (&dyn Decode, &dyn Encode),
    cancel: &Cancel,
) -> Result<Result<(Head, Encoding), FailureReason>, EngineError> {
    let Some(hash) = record.hash else { return Ok(Err(not_kept())) };
    let mut reason = not_kept();
    for path in paths {
        let stamp = match fs_err::metadata(&path) {
            Ok(metadata) => Stamp::of(&metadata),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                reason = gone();
                continue;
            }
            Err(error) => {
                reason = crate::index::unreadable(&error);
                continue;
            }
        };
        match hash_file(&path, stamp, cancel) {
            Ok(Some(found)) if found == hash => {}
            Ok(_) => {
                reason = changed();
                continue;
            }
            Err(why) => {
                reason = why;
                continue;
            }
        }
        let mut feed = Feed::new(encode, Priority::Bulk);
        let input = MediaInput::Path(path.clone());
        let decoded = decode.decode_each(input, Priority::Bulk, cancel, &mut |part| feed.push(part))?;
        if !is_unchanged(&path, stamp) {
            reason = changed();
            continue;
        }
        match feed.finish(decoded) {
            Ok(Err(why)) if is_of_the_path(&why) => reason = why,
            // These very bytes cannot be decoded or encoded, wherever they lie.
            Err(error) if is_of_the_file(&error) => return Ok(Err(reason_of(&error))),
            sent => return sent,
        }
    }
    Ok(Err(reason))
}

/// The copies of parts, in order.
pub(super) fn copies_of(data_dir: &Path, hashes: &[ContentHash]) -> Result<Vec<Arc<[u8]>>, FailureReason> {
    let read = |hash: &ContentHash| match fs_err::read(copies::path(data_dir, hash)) {
        Ok(bytes) if ContentHash::of(&bytes) == *hash => Ok(bytes.into()),
        Ok(_) => Err(FailureReason::new(ReasonKind::Corrupt, "the copy of a part is damaged")),
        Err(_) => Err(FailureReason::new(ReasonKind::Moved, "the bytes of its parts were not kept")),
    };
    hashes.iter().map(read).collect()
}

/// The points of an asset that may have a thumbnail of what they show: images, and no waveforms.
pub(super) fn pictured(
    stored: &StoredAsset,
) -> impl Iterator<Item = (PointKey, &sensorium_types::PointInfo)> {
    let images = stored.points.iter().filter(|point| matches!(point.track, Track::Image | Track::Video));
    images.map(|point| {
        let (track, ordinal) = (point.track, point.ordinal);
        (PointKey { asset: stored.record.id.clone(), track, ordinal }, point)
    })
}

fn not_kept() -> FailureReason {
    FailureReason::new(ReasonKind::Moved, "its bytes were not kept")
}

fn gone() -> FailureReason {
    FailureReason::new(ReasonKind::Moved, "the file is gone")
}

fn changed() -> FailureReason {
    FailureReason::new(
        ReasonKind::Moved,
        "the file was changed since; `sensorium index` brings in what it is now",
    )
}
