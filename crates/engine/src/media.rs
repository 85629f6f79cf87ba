//! The bytes of stored assets (CONTRACTS.md section 3).

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use fs_err::os::unix::fs::OpenOptionsExt;
use sensorium_media::{Cancel, MediaInput};
use sensorium_store::all_sources;
use sensorium_types::{AssetId, FailureReason, MediaPolicy, ReasonKind, StoredAsset, Track, path_of};

use crate::blocking::blocking;
use crate::engine::{Engine, PARTS_FIELD};
use crate::index::Stamp;
use crate::{EngineError, copies};

/// Where the bytes of an asset are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaFile {
    /// The file.
    pub path: PathBuf,
    /// Its media type, if known.
    pub mime: Option<String>,
    /// Size and time that it must still have; none of a copy, whose name is its hash.
    stamp: Option<Stamp>,
}

/// The bytes of an asset, open for reading from the first on.
#[derive(Debug)]
pub struct OpenMedia {
    /// The file. What becomes of its path meanwhile is no matter.
    pub file: File,
    /// How many bytes there are.
    pub bytes: u64,
    /// Their media type, if known.
    pub mime: Option<String>,
}

impl Engine {
    /// The file that holds an asset's bytes: its copy, or a source that lies below an indexed root with size and time
    /// unchanged.
    ///
    /// # Errors
    /// [`EngineError::UnknownAsset`]; [`EngineError::MediaAway`] if no such file is left.
    pub async fn media(&self, asset: &AssetId) -> Result<MediaFile, EngineError> {
        let found = self.store.get(std::slice::from_ref(asset), false).await?;
        let Some(stored) = found.into_iter().next().flatten() else {
            return Err(EngineError::UnknownAsset { asset: asset.clone() });
        };
        let mime = stored.record.facts.0.get("mime").and_then(|mime| mime.as_str()).map(str::to_owned);
        if let (MediaPolicy::Copy, Some(hash)) = (stored.record.media, &stored.record.hash) {
            let path = copies::path(&self.data_dir, hash);
            if path.is_file() {
                return Ok(MediaFile { path, mime, stamp: None });
            }
        }
        for path in &stored.paths {
            for (key, row) in all_sources(self.store.as_ref(), path).await? {
                let is_its = row.state.asset() == Some(asset);
                let path = path_of(&key.path);
                let stamp = Stamp { bytes: row.bytes, mtime_ns: row.mtime_ns };
                if is_its && fs_err::metadata(&path).is_ok_and(|found| Stamp::of(&found) == stamp) {
                    return Ok(MediaFile { path, mime, stamp: Some(stamp) });
                }
            }
        }
        Err(EngineError::MediaAway { asset: asset.clone(), reason: away(&stored) })
    }

    /// The bytes of an asset, open for reading. What is opened is looked at once more, so that nothing else is read that took
    /// the file's place.
    ///
    /// # Errors
    /// As [`Engine::media`].
    pub async fn open_media(&self, asset: &AssetId) -> Result<OpenMedia, EngineError> {
        let MediaFile { path, mime, stamp } = self.media(asset).await?;
        let opened = blocking("open media", move || Ok(open(&path, stamp))).await?;
        let reason = FailureReason::new(ReasonKind::Moved, "");
        let (file, bytes) = opened.ok_or(EngineError::MediaAway { asset: asset.clone(), reason })?;
        Ok(OpenMedia { file, bytes, mime })
    }

    /// An image as a JPEG that every browser shows, its longest side at most `side` pixels. It is kept nowhere; `cancel` ends the work, as
    /// it ends when nobody waits for it any more.
    ///
    /// # Errors
    /// Those of [`Engine::media`]; [`EngineError::BadTerm`] if it is no image, or cannot be decoded.
    pub async fn preview(&self, asset: &AssetId, side: u32, cancel: Cancel) -> Result<Vec<u8>, EngineError> {
        let input = MediaInput::Path(self.media(asset).await?.path);
        let decode = Arc::clone(&self.decode);
        let ends_with_the_call = cancel.on_drop();
        let shown = blocking("show an image", move || {
            let mut jpeg = None;
            let decoded = decode.show(input, side, &cancel, &mut |part| {
                if part.track == Track::Image && jpeg.is_none() {
                    jpeg = part.thumb;
                }
                Ok(())
            })?;
            Ok(decoded.map(|_| jpeg))
        })
        .await;
        ends_with_the_call.disarm();
        let refused = |reason| EngineError::BadTerm { term: format!("asset:{asset}"), reason };
        let nothing = || refused(FailureReason::new(ReasonKind::Unsupported, "no image"));
        shown?.map_err(refused)?.ok_or_else(nothing)
    }

    /// A stretch of a video or of an audio clip (in milliseconds) as MP4, in a file that is gone when it is closed. `cancel` ends the
    /// work, as it ends when nobody waits for it any more.
    ///
    /// # Errors
    /// Those of [`Engine::media`]; [`EngineError::BadTerm`] if it cannot be cut.
    pub async fn clip(
        &self,
        asset: &AssetId,
        span: (u64, u64),
        cancel: Cancel,
    ) -> Result<std::fs::File, EngineError> {
        let MediaFile { path, .. } = self.media(asset).await?;
        let flag = cancel.clone();
        let _ends_with_the_call = cancel.on_drop();
        let term = format!("asset:{asset}");
        blocking("cut a clip", move || {
            let unwritten = |error: std::io::Error| EngineError::BadTerm {
                term: term.clone(),
                reason: FailureReason::new(ReasonKind::Unreadable, format!("write the clip: {error}")),
            };
            let folder = tempfile::tempdir().map_err(unwritten)?;
            let target = folder.path().join("clip.mp4");
            sensorium_media::cut_clip(&path, &[span], &target, &flag)
                .map_err(|reason| EngineError::BadTerm { term: term.clone(), reason })?;
            Ok(fs_err::File::open(&target).map_err(unwritten)?.into_parts().0)
        })
        .await
    }
}

/// Opens a file without ever blocking on what is none; `None` if it is not the one that was looked at.
fn open(path: &std::path::Path, stamp: Option<Stamp>) -> Option<(File, u64)> {
    let flags = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or(0);
    let opened = fs_err::OpenOptions::new().read(true).custom_flags(flags).open(path).ok()?;
    let (file, _) = opened.into_parts();
    let metadata = file.metadata().ok()?;
    let is_it = metadata.is_file() && stamp.is_none_or(|stamp| Stamp::of(&metadata) == stamp);
    if is_it { Some((file, metadata.len())) } else { None }
}

/// Why there are no bytes.
fn away(stored: &StoredAsset) -> FailureReason {
    let record = &stored.record;
    let detail = match (record.media, stored.paths.is_empty()) {
        _ if record.facts.0.contains_key(PARTS_FIELD) => {
            "it was made of several parts, which have bytes of their own"
        }
        _ if record.hash.is_none() => "it was made of vectors, and has no bytes",
        (MediaPolicy::None | MediaPolicy::Reference, true) => "its bytes were not kept",
        (MediaPolicy::None | MediaPolicy::Reference | MediaPolicy::Copy, _) => "",
    };
    FailureReason::new(ReasonKind::Moved, detail)
}
