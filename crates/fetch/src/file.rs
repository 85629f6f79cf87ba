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
    /// The SHA-256 that it must have.
    pub sha256: Option<[u8; 32]>,
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
    let Wanted { request, path, sha256 } = wanted;
    let part = Part::of(&path);
    let address = request.address.clone();
    let start = part.start(&address).await.map_err(|source| failed(&part.bytes, source))?;
    let mut download = Download::begin(client.shared(), request, start).await?;
    let mut file = part.begin(&address, &download).await.map_err(|source| failed(&part.bytes, source))?;
    let told = |download: &Download| Progress { received: download.received(), total: download.total() };
    progress(told(&download));
    while let Some(piece) = download.next().await? {
        file.write_all(&piece).await.map_err(|source| failed(&part.bytes, source))?;
        progress(told(&download));
    }
    let synced = async {
        file.flush().await?;
        file.sync_all().await
    };
    synced.await.map_err(|source| failed(&part.bytes, source))?;
    let (bytes, found) = (download.received(), download.sha256());
    if let Some(wanted) = sha256.filter(|wanted| *wanted != found) {
        part.forget().await;
        let (found, wanted) = (hex(&found), hex(&wanted));
        return Err(FetchError::OtherBytes { address: address.to_string(), found, wanted });
    }
    let moved = async {
        tokio::fs::rename(&part.bytes, &path).await?;
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            File::open(folder).await?.sync_all().await?;
        }
        Ok(())
    };
    moved.await.map_err(|source| failed(&path, source))?;
    part.forget().await;
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
    async fn start(&self, address: &Address) -> std::io::Result<Start> {
        let is_small = tokio::fs::metadata(&self.from).await.is_ok_and(|facts| facts.len() <= MAX_FROM_BYTES);
        let noted = match is_small {
            true => tokio::fs::read_to_string(&self.from).await.unwrap_or_default(),
            false => String::new(),
        };
        let validator = noted.split_once('\n').filter(|(known, _)| *known == address.to_string());
        let Some((_, validator)) = validator.filter(|(_, validator)| !validator.is_empty()) else {
            return Ok(Start::default());
        };
        let mut file = match File::open(&self.bytes).await {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Start::default()),
            Err(error) => return Err(error),
        };
        let (mut from, mut hasher) = (0, Sha256::new());
        let mut piece = vec![0; PIECE_BYTES];
        loop {
            let read = file.read(&mut piece).await?;
            if read == 0 {
                return Ok(Start { from, validator: Some(validator.to_owned()), hasher });
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

    async fn forget(&self) {
        for path in [&self.bytes, &self.from] {
            // One that is not there need not be taken away.
            let _ = tokio::fs::remove_file(path).await;
        }
    }
}
