//! A whole file, which a later call takes up where an earlier one ended.
//!
//! ```text
//! PATH.part       the bytes so far
//! PATH.part.from  the address, and what is the same as long as its bytes are
//! PATH            once all have come and their hash is right
//! ```

use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use tokio::fs::{File, OpenOptions};
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _, AsyncWriteExt as _};

use crate::client::Client;
use crate::download::{Download, Start};
use crate::request::Request;
use crate::{Address, FetchError};

/// Bytes that are read at a time of what is there already.
const PIECE_BYTES: usize = 256 * 1024;
/// Longest file that says what a part is of.
const MAX_FROM_BYTES: u64 = 16 * 1024;

/// A file that is wanted.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Where it comes from.
    pub request: Request,
    /// Where it is to lie. Its folder must be there.
    pub path: PathBuf,
    /// The SHA-256 that it must have. Where it is known, what has come so far is gone on with whatever the other side says of its bytes:
    /// the hash of all will tell.
    pub sha256: Option<[u8; 32]>,
    /// How many bytes it must have.
    pub bytes: Option<u64>,
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes so far, those of earlier calls included.
    pub received: u64,
    /// How many there are, where the other side says so.
    pub total: Option<u64>,
}

/// A file that has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fetched {
    /// Its size.
    pub bytes: u64,
    /// Its hash.
    pub sha256: [u8; 32],
}

/// Fetches a file, and tells how far it is. What has come when it fails, or is dropped, is there for the next call for the same address; the
/// file itself appears whole, in one step, and is on stable storage.
///
/// # Errors
/// [`FetchError`]. [`FetchError::OtherBytes`] takes away what came.
pub async fn fetch_file(
    client: &Client,
    wanted: Wanted,
    mut progress: impl FnMut(Progress),
) -> Result<Fetched, FetchError> {
    let Wanted { mut request, path, sha256, bytes: wanted_bytes } = wanted;
    let part = Part::of(&path);
    let address = request.address.clone();
    let unread = |source| failed(&part.bytes, source);
    let mut start = part.start(&address, sha256.is_some()).await.map_err(unread)?;
    if wanted_bytes.is_some_and(|bytes| start.from > bytes) {
        start = Start { by_hash: start.by_hash, ..Start::default() };
    }
    if let (Some(bytes), Some(sha256)) = (wanted_bytes, sha256)
        && start.is_whole(bytes, sha256)
    {
        // An earlier call ended between the last byte and the name.
        progress(Progress { received: bytes, total: wanted_bytes });
        part.settle(&path).await.map_err(|source| failed(&path, source))?;
        return Ok(Fetched { bytes, sha256 });
    }
    request.limits.max_bytes = request.limits.max_bytes.min(wanted_bytes.unwrap_or(u64::MAX));
    let other_length =
        |found, wanted| FetchError::OtherLength { address: address.to_string(), found, wanted };
    let mut download = Download::begin(client.shared(), request, start).await?;
    if let (Some(found), Some(wanted)) = (download.total(), wanted_bytes)
        && found != wanted
    {
        return Err(other_length(found, wanted));
    }
    let mut file = part.begin(&address, &download).await.map_err(|source| failed(&part.bytes, source))?;
    let told = |download: &Download| Progress { received: download.received(), total: download.total() };
    progress(told(&download));
    while let Some(piece) = download.next().await? {
        file.write_all(&piece).await.map_err(|source| failed(&part.bytes, source))?;
        progress(told(&download));
    }
    file.flush().await.map_err(|source| failed(&part.bytes, source))?;
    drop(file);
    let (bytes, found) = (download.received(), download.sha256());
    if let Some(wanted) = wanted_bytes.filter(|wanted| *wanted != bytes) {
        part.forget().await;
        return Err(other_length(bytes, wanted));
    }
    if let Some(wanted) = sha256.filter(|wanted| *wanted != found) {
        part.forget().await;
        let (found, wanted) = (hex(&found), hex(&wanted));
        return Err(FetchError::OtherBytes { address: address.to_string(), found, wanted });
    }
    part.settle(&path).await.map_err(|source| failed(&path, source))?;
    Ok(Fetched { bytes, sha256: found })
}

fn failed(path: &Path, source: std::io::Error) -> FetchError {
    FetchError::File { place: path.display().to_string(), source }
}

fn hex(hash: &[u8]) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The files of what has come so far.
#[derive(Debug)]
struct Part {
    bytes: PathBuf,
    from: PathBuf,
}

impl Part {
    fn of(path: &Path) -> Self {
        let with = |suffix: &str| {
            let mut name = path.as_os_str().to_owned();
            name.push(suffix);
            PathBuf::from(name)
        };
        Self { bytes: with(".part"), from: with(".part.from") }
    }

    /// Where to go on. What is of another address, or cannot be told from it, does not count.
    async fn start(&self, address: &Address, by_hash: bool) -> std::io::Result<Start> {
        let anew = Start { by_hash, ..Start::default() };
        let is_small = tokio::fs::metadata(&self.from).await.is_ok_and(|facts| facts.len() <= MAX_FROM_BYTES);
        let noted = match is_small {
            true => tokio::fs::read_to_string(&self.from).await.unwrap_or_default(),
            false => String::new(),
        };
        let validator = noted.split_once('\n').filter(|(known, _)| *known == address.to_string());
        let Some((_, validator)) = validator.filter(|(_, validator)| by_hash || !validator.is_empty()) else {
            return Ok(anew);
        };
        let mut file = match File::open(&self.bytes).await {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(anew),
            Err(error) => return Err(error),
        };
        let (mut from, mut hasher) = (0, Sha256::new());
        let mut piece = vec![0; PIECE_BYTES];
        loop {
            let read = file.read(&mut piece).await?;
            if read == 0 {
                return Ok(Start { from, validator: Some(validator.to_owned()), hasher, ..anew });
            }
            hasher.update(piece.get(..read).unwrap_or_default());
            from += read as u64;
        }
    }

    /// The file that takes what comes, with its end where the download begins.
    async fn begin(&self, address: &Address, download: &Download) -> std::io::Result<File> {
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(false).open(&self.bytes).await?;
        file.set_len(download.received()).await?;
        file.seek(std::io::SeekFrom::End(0)).await?;
        let validator = download.validator().unwrap_or_default();
        tokio::fs::write(&self.from, format!("{address}\n{validator}")).await?;
        Ok(file)
    }

    /// Puts what came onto stable storage, and gives it its name in one step.
    async fn settle(&self, path: &Path) -> std::io::Result<()> {
        OpenOptions::new().write(true).open(&self.bytes).await?.sync_all().await?;
        tokio::fs::rename(&self.bytes, path).await?;
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            File::open(folder).await?.sync_all().await?;
        }
        self.forget().await;
        Ok(())
    }

    async fn forget(&self) {
        for path in [&self.bytes, &self.from] {
            // One that is not there need not be taken away.
            let _ = tokio::fs::remove_file(path).await;
        }
    }
}
