//! The files of a hub's model, fetched into a folder in parts.

use std::path::Path;

use sensorium_embed::PickledWeights;
use sensorium_fetch::{Client, FetchError, Fetched, Progress, Request, Wanted, fetch_file};

use crate::convert::convert;
use crate::error::{may_pass, of_file};
use crate::folder::{Folder, locked, part, whole};
use crate::{Found, Hub, HubError, Lock, LockedFile};

/// Tries of one file whose transfers break off, or whose server gives no ranges.
const TRIES: u32 = 4;

/// What happens while a model is fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event<'a> {
    /// How far it is.
    Progress {
        /// The file.
        file: &'a str,
        /// Bytes of all files of weights that are here, those of earlier calls included.
        received: u64,
        /// Bytes of all files of weights.
        bytes: u64,
    },
    /// A file is here.
    File(&'a LockedFile),
}

impl Hub {
    /// Brings the files of a model into a folder, which is made. What an earlier call for the same commit left there is gone on with, whatever
    /// ended it. Dropping it keeps what came. Pickled weights become safetensors.
    ///
    /// # Errors
    /// [`HubError`]
    pub async fn fetch(
        &self,
        found: &Found,
        folder: &Path,
        mut tell: impl FnMut(Event<'_>),
    ) -> Result<Lock, HubError> {
        let folder = Folder::hold(folder, &format!("{}\n{}\n{}\n", self.endpoint(), found.id, found.commit))?;
        let mut files = Vec::new();
        for (name, bytes) in &found.described {
            let file = folder.write(name, bytes, found.hashes.contains_key(name))?;
            tell(Event::File(&file));
            files.push(file);
        }
        let all: u64 = found.weights.iter().map(|(_, bytes, _)| bytes).sum();
        let missing = |(name, bytes, _): &(String, u64, _)| bytes.saturating_sub(folder.here(name));
        let again = if found.pickled.is_some() { all } else { 0 };
        folder.room(found.weights.iter().map(missing).sum::<u64>().saturating_add(again))?;
        let mut before = 0;
        for (name, bytes, sha256) in &found.weights {
            let mut progress = |told: Progress| {
                tell(Event::Progress { file: name, received: before + told.received, bytes: all });
            };
            let path = folder.path.join(name);
            let fetched = match whole(&path, Some(*bytes), *sha256).await {
                Some(fetched) => {
                    progress(Progress { received: fetched.bytes, total: Some(fetched.bytes) });
                    fetched
                }
                None => self.file(found, (name, *bytes, *sha256), &path, &mut progress).await?,
            };
            before += fetched.bytes;
            let file = locked(name, fetched, sha256.is_some());
            tell(Event::File(&file));
            files.push(file);
        }
        let source = [self.endpoint(), found.id.as_str(), found.revision.as_str(), &found.commit];
        let lock = Lock::new(source.map(str::to_owned), files);
        match &found.pickled {
            Some(pickled) => Ok(lock.with_converted(converted(folder.path, pickled).await?)),
            None => Ok(lock),
        }
    }

    /// Fetches a file of weights.
    async fn file(
        &self,
        found: &Found,
        (name, bytes, sha256): (&str, u64, Option<[u8; 32]>),
        path: &Path,
        progress: &mut impl FnMut(Progress),
    ) -> Result<Fetched, HubError> {
        let address = self.file_address(&found.id, &found.commit, name);
        let failed = |source| self.of_model(&found.id, &found.commit, Some(name), source);
        let request = self.large(&address, bytes).map_err(failed)?;
        let wanted = Wanted { request, path: path.to_owned(), sha256, bytes: Some(bytes) };
        fetched(self.client(), (name, wanted), progress, failed).await
    }
}

/// Fetches a file, and tries again what may pass.
pub(crate) async fn fetched(
    client: &Client,
    (name, wanted): (&str, Wanted),
    progress: &mut impl FnMut(Progress),
    failed: impl Fn(FetchError) -> HubError,
) -> Result<Fetched, HubError> {
    let mut last = None;
    for _ in 0..TRIES {
        match fetch_file(client, wanted.clone(), &mut *progress).await {
            Ok(fetched) => return Ok(fetched),
            Err(error) if may_pass(&error) => {
                if matches!(error, FetchError::Answer { .. }) {
                    // It gives no ranges, or others than were asked for: the next try begins anew.
                    let _ = fs_err::remove_file(part(&wanted.path));
                }
                last = Some(error);
            }
            Err(error) => return Err(failed(error)),
        }
    }
    let Request { address, .. } = &wanted.request;
    let never =
        || FetchError::Connection { address: address.to_string(), what: "it was not tried".to_owned() };
    Err(of_file(name, last.unwrap_or_else(never)))
}

/// Pickled weights of a folder as safetensors beside them.
pub(crate) async fn converted(folder: &Path, pickled: &PickledWeights) -> Result<crate::Converted, HubError> {
    let (folder, pickled) = (folder.to_owned(), pickled.clone());
    let work = tokio::task::spawn_blocking(move || convert(&folder, &pickled, &folder));
    work.await.map_err(|error| HubError::Io { action: "read the pickled weights", source: error.into() })?
}
