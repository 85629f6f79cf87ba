//! Files that clients send in pieces, kept until they are not used any more.
//!
//! Each lies in `<data>/uploads/`, under a name that cannot be guessed. What is left there by a server before goes when one starts.

use std::collections::HashMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use fs_err::os::unix::fs::OpenOptionsExt;
use sensorium_api::{ConvertError, Fault};
use sensorium_types::{ContentHash, ContentHasher, ErrorKind, HashedFile};
use tokio::io::AsyncWriteExt;

/// Folder of the uploads below the data folder.
const FOLDER: &str = "uploads";
/// Uploads at a time.
const MAX_UPLOADS: usize = 64;
/// Bytes of all uploads together.
const MAX_UPLOADED_BYTES: u64 = 32 << 30;
/// Room that one without a known end asks for at a time.
const GROWS_BY: u64 = 16 << 20;
/// How long an upload is kept after its last use.
const KEPT_FOR: Duration = Duration::from_secs(3600);

/// The uploads that there are.
#[derive(Debug, Clone)]
pub(crate) struct Uploads(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    folder: PathBuf,
    largest: u64,
    kept: std::sync::Mutex<HashMap<String, Kept>>,
}

#[derive(Debug)]
struct Kept {
    /// Bytes that it has or will have.
    bytes: u64,
    /// The file, once it is whole.
    file: Option<HashedFile>,
    last_use: Instant,
}

impl Uploads {
    /// No uploads yet, of at most so many bytes each.
    pub(crate) fn new(data_dir: &Path, largest: u64) -> Self {
        let folder = data_dir.join(FOLDER);
        if folder.exists()
            && let Err(error) = fs_err::remove_dir_all(&folder)
        {
            tracing::warn!(%error, "what is left of uploads stays");
        }
        Self(Arc::new(Shared { folder, largest, kept: std::sync::Mutex::default() }))
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<String, Kept>> {
        self.0.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The file of an upload, which is kept for a while from now on.
    pub(crate) fn file(&self, id: &str) -> Result<HashedFile, ConvertError> {
        let mut kept = self.kept();
        let found = kept.get_mut(id).and_then(|kept| {
            kept.last_use = Instant::now();
            kept.file.clone()
        });
        found.ok_or_else(|| ConvertError::UnknownUpload { field: "media.upload_id", id: id.to_owned() })
    }

    /// Takes away what was not used for so long.
    fn sweep(&self, unused: Duration) {
        let gone: Vec<PathBuf> = {
            let mut kept = self.kept();
            let old = |kept: &Kept| kept.file.is_some() && kept.last_use.elapsed() >= unused;
            let ids: Vec<String> =
                kept.iter().filter(|(_, kept)| old(kept)).map(|(id, _)| id.clone()).collect();
            ids.into_iter().filter_map(|id| Some(kept.remove(&id)?.file?.path)).collect()
        };
        for path in gone {
            if let Err(error) = fs_err::remove_file(path) {
                tracing::warn!(%error, "an upload stays");
            }
        }
    }

    /// The largest file that is taken.
    pub(crate) fn largest(&self) -> u64 {
        self.0.largest
    }

    /// Begins an upload of so many bytes.
    pub(crate) fn begin(&self, bytes: u64) -> Result<Receiving, Fault> {
        if bytes == 0 || bytes > self.0.largest {
            let expected = "above 0 and at most the largest file that is read";
            let received = format!("{bytes} (at most {})", self.0.largest);
            return Err(ConvertError::Number { field: "start.total_bytes", expected, received }.into());
        }
        self.open(Some(bytes))
    }

    /// Begins one whose end the sender may not know.
    pub(crate) fn open(&self, total: Option<u64>) -> Result<Receiving, Fault> {
        self.sweep(KEPT_FOR);
        let failed =
            |error: std::io::Error| Fault::new(ErrorKind::Unavailable, format!("keep an upload: {error}"));
        let id = new_id().map_err(failed)?;
        let path = self.0.folder.join(&id);
        self.reserve(&id, total.unwrap_or(GROWS_BY))?;
        // From here on whatever goes wrong takes the entry away.
        let mut receiving = Receiving {
            uploads: self.clone(),
            id,
            path,
            file: None,
            total,
            reserved: total.unwrap_or(GROWS_BY),
            received: 0,
            hasher: ContentHasher::default(),
            whole: false,
        };
        receiving.file = Some(receiving.create().map_err(failed)?);
        Ok(receiving)
    }

    /// Counts so many bytes for an upload, a new one or one that grows.
    fn reserve(&self, id: &str, bytes: u64) -> Result<(), Fault> {
        let mut kept = self.kept();
        let (mut others, mut used) = (0, 0_u64);
        for (_, kept) in kept.iter().filter(|(known, _)| known.as_str() != id) {
            others += 1;
            used = used.saturating_add(kept.bytes);
        }
        if others >= MAX_UPLOADS || used.saturating_add(bytes) > MAX_UPLOADED_BYTES {
            let message = format!(
                "there are {others} uploads of {used} bytes; the limits are {MAX_UPLOADS} and {MAX_UPLOADED_BYTES}: they go an hour \
                 after their last use"
            );
            return Err(Fault::new(ErrorKind::Overloaded, message).quota("uploads"));
        }
        kept.insert(id.to_owned(), Kept { bytes, file: None, last_use: Instant::now() });
        Ok(())
    }

    /// Takes an upload away.
    pub(crate) fn remove(&self, id: &str) {
        let Some(file) = self.kept().remove(id).and_then(|kept| kept.file) else { return };
        if let Err(error) = fs_err::remove_file(file.path) {
            tracing::warn!(%error, "an upload stays");
        }
    }
}

/// An upload of which not all has come. Dropped, it leaves nothing behind.
#[derive(Debug)]
pub(crate) struct Receiving {
    uploads: Uploads,
    id: String,
    path: PathBuf,
    file: Option<tokio::fs::File>,
    /// Bytes that are to come, where the sender says so.
    total: Option<u64>,
    /// Bytes that are counted for it.
    reserved: u64,
    received: u64,
    hasher: ContentHasher,
    whole: bool,
}

impl Receiving {
    fn create(&self) -> std::io::Result<tokio::fs::File> {
        fs_err::create_dir_all(&self.uploads.0.folder)?;
        let made = fs_err::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&self.path)?;
        Ok(tokio::fs::File::from_std(made.into_parts().0))
    }

    /// Takes the next piece.
    pub(crate) async fn take(&mut self, piece: &[u8]) -> Result<(), Fault> {
        let received = self.received.saturating_add(piece.len() as u64);
        if let Some(total) = self.total.filter(|total| received > *total) {
            let message = format!("chunk: more than the {total} bytes that start.total_bytes names");
            return Err(Fault::new(ErrorKind::InvalidArgument, message));
        }
        if received > self.reserved {
            let reserved = received.saturating_add(GROWS_BY);
            self.uploads.reserve(&self.id, reserved)?;
            self.reserved = reserved;
        }
        self.received = received;
        self.hasher.update(piece);
        let Some(file) = &mut self.file else { return Ok(()) };
        file.write_all(piece).await.map_err(unwritten)
    }

    /// Ends the upload; gives its name and the hash of its bytes, which must be this one if one is given.
    pub(crate) async fn finish(
        mut self,
        expected: Option<ContentHash>,
    ) -> Result<(String, ContentHash), Fault> {
        if let Some(total) = self.total.filter(|total| self.received < *total) {
            let message = format!("the stream ended after {} of {total} bytes", self.received);
            return Err(Fault::new(ErrorKind::InvalidArgument, message));
        }
        let hash = self.hasher.finish();
        if let Some(expected) = expected.filter(|expected| *expected != hash) {
            let message = format!("start.content_hash: the bytes have the hash {hash}, not {expected}");
            return Err(Fault::new(ErrorKind::InvalidArgument, message));
        }
        if let Some(mut file) = self.file.take() {
            file.flush().await.map_err(unwritten)?;
        }
        let file = HashedFile { path: self.path.clone(), hash, bytes: self.received };
        let kept = Kept { bytes: self.received, file: Some(file), last_use: Instant::now() };
        self.uploads.kept().insert(self.id.clone(), kept);
        self.whole = true;
        Ok((self.id.clone(), hash))
    }
}

impl Drop for Receiving {
    fn drop(&mut self) {
        if !self.whole {
            self.uploads.kept().remove(&self.id);
            // Where it was never made there is nothing to remove.
            let _ = fs_err::remove_file(&self.path);
        }
    }
}

fn unwritten(error: std::io::Error) -> Fault {
    use std::io::ErrorKind as Io;
    let is_full = matches!(error.kind(), Io::StorageFull | Io::QuotaExceeded);
    let kind = if is_full { ErrorKind::Overloaded } else { ErrorKind::Unavailable };
    Fault::new(kind, format!("keep an upload: {error}"))
}

/// 128 random bits as hex digits.
fn new_id() -> std::io::Result<String> {
    let mut bits = [0; 16];
    fs_err::File::open("/dev/urandom")?.read_exact(&mut bits)?;
    Ok(format!("{:032x}", u128::from_be_bytes(bits)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(uploads: &Uploads) -> usize {
        fs_err::read_dir(&uploads.0.folder).map_or(0, Iterator::count)
    }

    async fn sent(uploads: &Uploads, bytes: &[u8]) -> (String, ContentHash) {
        let mut receiving = uploads.begin(bytes.len() as u64).expect("begins");
        for piece in bytes.chunks(3) {
            receiving.take(piece).await.expect("fits");
        }
        receiving.finish(None).await.expect("ends")
    }

    #[tokio::test]
    async fn an_upload_is_kept_whole_or_not_at_all_and_goes_when_it_is_not_used() {
        let data = tempfile::tempdir().expect("folder");
        fs_err::create_dir_all(data.path().join("uploads")).expect("makes");
        fs_err::write(data.path().join("uploads/left"), b"x").expect("writes");
        let uploads = Uploads::new(data.path(), 100);
        assert_eq!(files(&uploads), 0, "what a server before left is gone");
        let (id, hash) = sent(&uploads, b"image dog").await;
        assert_eq!(hash, ContentHash::of(b"image dog"));
        let file = uploads.file(&id).expect("kept");
        assert_eq!((file.bytes, fs_err::read(&file.path).expect("reads")), (9, b"image dog".to_vec()));

        let mut long = uploads.begin(4).expect("begins");
        assert_eq!(long.take(b"12345").await.expect_err("too long").kind, ErrorKind::InvalidArgument);
        drop(long);
        let mut short = uploads.begin(4).expect("begins");
        short.take(b"123").await.expect("fits");
        assert_eq!(short.finish(None).await.expect_err("too short").kind, ErrorKind::InvalidArgument);
        let mut other = uploads.begin(1).expect("begins");
        other.take(b"1").await.expect("fits");
        let refused = other.finish(Some(ContentHash::of(b"2"))).await.expect_err("other bytes");
        assert!(refused.message.contains("content_hash"));
        let left = uploads.begin(4).expect("begins");
        assert!(uploads.file(&left.id).is_err(), "not before it is whole");
        drop(left);
        assert_eq!(files(&uploads), 1);
        assert_eq!(uploads.begin(101).expect_err("too large").kind, ErrorKind::InvalidArgument);
        assert_eq!(uploads.begin(0).expect_err("empty").kind, ErrorKind::InvalidArgument);

        uploads.sweep(KEPT_FOR);
        assert!(uploads.file(&id).is_ok());
        uploads.sweep(Duration::ZERO);
        let gone = uploads.file(&id).expect_err("gone");
        assert_eq!((gone.kind(), files(&uploads)), (ErrorKind::NotFound, 0));
    }

    #[tokio::test]
    async fn one_without_a_known_end_grows_within_the_limit_and_goes_when_it_is_taken_away() {
        let data = tempfile::tempdir().expect("folder");
        let uploads = Uploads::new(data.path(), u64::MAX);
        let mut first = uploads.open(None).expect("begins");
        first.take(b"image").await.expect("fits");
        first.take(b" dog").await.expect("fits");
        let (id, _) = first.finish(None).await.expect("ends");
        assert_eq!(uploads.file(&id).expect("kept").bytes, 9);
        let held = uploads.begin(MAX_UPLOADED_BYTES - 9 - GROWS_BY).expect("begins");
        let mut second = uploads.open(None).expect("just fits");
        let piece = vec![0; usize::try_from(GROWS_BY).expect("small") + 1];
        let refused = second.take(&piece).await.expect_err("there is no room to grow");
        assert_eq!((refused.kind, refused.quota.as_deref()), (ErrorKind::Overloaded, Some("uploads")));
        drop((held, second));
        assert_eq!(files(&uploads), 1);
        uploads.remove(&id);
        assert_eq!((uploads.file(&id).is_err(), files(&uploads)), (true, 0));
    }

    #[tokio::test]
    async fn there_are_only_so_many() {
        let data = tempfile::tempdir().expect("folder");
        let uploads = Uploads::new(data.path(), u64::MAX);
        let held: Vec<_> = (0..MAX_UPLOADS).map(|_| uploads.begin(1).expect("begins")).collect();
        let refused = uploads.begin(1).expect_err("one too many");
        assert_eq!((refused.kind, refused.quota.as_deref()), (ErrorKind::Overloaded, Some("uploads")));
        drop(held);
        assert_eq!(
            uploads.begin(MAX_UPLOADED_BYTES + 1).expect_err("too many bytes").kind,
            ErrorKind::Overloaded
        );
        assert!(uploads.begin(1).is_ok());
    }
}
