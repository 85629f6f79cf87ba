//! Files as bytes to a server that may not read them itself.
//!
//! ```text
//! PATHs ─► walk (own thread) ─► IngestItem ─► Client::ingest ─► one event a file
//! ```

use std::collections::HashSet;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use futures::StreamExt;
use sensorium_client::{Client, IngestItem, IngestOutcome};
use sensorium_engine::{IndexRequest, MetaTable, Selection};
use sensorium_types::{FailureReason, Payload, ReasonKind};
use tokio::sync::mpsc;

use crate::model::{Event, Failure, FileEvent, FileState, Summary, state_of};

/// Files read ahead of the server.
const READ_AHEAD: usize = 4;
/// Room for what a message holds beside the bytes of a file.
const ENVELOPE_BYTES: u64 = 128 * 1024;

/// Sends every file below the PATHs, each with its row of the metadata.
pub(super) async fn run(
    client: &Client,
    request: IndexRequest,
    meta: MetaTable,
    tell: &mut (dyn FnMut(&Event) -> anyhow::Result<()> + Send),
) -> anyhow::Result<Summary> {
    let begun = Instant::now();
    let max_bytes = client.info().await?.max_message_bytes.saturating_sub(ENVELOPE_BYTES);
    let selection = Selection::new(&request.include, &request.exclude)?;
    let files = tokio::task::spawn_blocking(move || walk(&request, &selection)).await??;
    tell(&Event::Walked { files: files.len() as u64, done: true })?;
    let mut summary = Summary::default();
    // The path of each item sent, by its place in the stream.
    let sent: Arc<Mutex<Vec<PathBuf>>> = Arc::default();
    let (failed, mut failures) = mpsc::unbounded_channel();
    let (sender, receiver) = mpsc::channel(READ_AHEAD);
    let names = Arc::clone(&sent);
    let reader = tokio::task::spawn_blocking(move || {
        for File { root, path } in files {
            match item(&path, max_bytes, meta.get(&root, &path)) {
                Ok(item) => {
                    names.lock().unwrap_or_else(PoisonError::into_inner).push(path);
                    if sender.blocking_send(item).is_err() {
                        break;
                    }
                }
                Err(reason) => {
                    let _ = failed.send((path, reason));
                }
            }
        }
        meta.unused()
    });
    let items = futures::stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|item| (item, receiver))
    });
    let mut outcomes = std::pin::pin!(client.ingest(Box::pin(items)));
    while let Some(outcome) = outcomes.next().await {
        let outcome = outcome?;
        let place = usize::try_from(outcome.index)?;
        let path = sent.lock().unwrap_or_else(PoisonError::into_inner).get(place).cloned();
        let event = done(path.unwrap_or_default(), outcome);
        summary.add(event.state, event.points);
        tell(&Event::File(event))?;
    }
    summary.metadata_unused = reader.await?;
    while let Some((path, reason)) = failures.recv().await {
        let failure = Some(Failure::from(&reason));
        let event =
            FileEvent { path, asset: None, modality: None, points: 0, state: FileState::Failed, failure };
        summary.add(event.state, 0);
        tell(&Event::File(event))?;
    }
    summary.seconds = begun.elapsed().as_secs_f64();
    Ok(summary)
}

fn done(path: PathBuf, outcome: IngestOutcome) -> FileEvent {
    let IngestOutcome { index: _, asset, modality, points, state, failure } = outcome;
    FileEvent { path, asset, modality, points, state: state_of(state), failure: failure.map(Failure::from) }
}

/// A file as an item that tells where it lay.
fn item(path: &Path, max_bytes: u64, own: Option<&Payload>) -> Result<IngestItem, FailureReason> {
    let unreadable = |error: std::io::Error| FailureReason::new(ReasonKind::Unreadable, error.to_string());
    let metadata = fs_err::metadata(path).map_err(unreadable)?;
    if metadata.is_dir() {
        fs_err::read_dir(path).map_err(unreadable)?;
    }
    if !metadata.is_file() {
        return Err(FailureReason::new(ReasonKind::Unsupported, "not a regular file"));
    }
    if metadata.len() > max_bytes {
        let detail = format!("{} bytes, and the server takes {max_bytes}", metadata.len());
        return Err(FailureReason::new(ReasonKind::TooLarge, detail));
    }
    let mut item = IngestItem::of_bytes(fs_err::read(path).map_err(unreadable)?);
    let mut fields = Payload::new();
    fields.set("path", path.to_string_lossy());
    fields.set("name", path.file_name().unwrap_or_default().to_string_lossy());
    if let Some(own) = own {
        fields.merge(own);
    }
    item.metadata = fields;
    Ok(item)
}

/// A file to send.
#[derive(Debug, PartialEq, Eq)]
struct File {
    /// The PATH that it was met below.
    root: PathBuf,
    path: PathBuf,
}

/// What lies in a folder; nothing if it was met before.
fn entries(folder: &Path, seen: &mut HashSet<(u64, u64)>) -> std::io::Result<Vec<PathBuf>> {
    let metadata = fs_err::metadata(folder)?;
    if !seen.insert((metadata.dev(), metadata.ino())) {
        return Ok(Vec::new());
    }
    fs_err::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect()
}

/// Every file below the PATHs but the metadata's own, links followed, each folder once. A folder that cannot be read
/// stands for what is in it.
fn walk(request: &IndexRequest, selection: &Selection) -> std::io::Result<Vec<File>> {
    let mut files = Vec::new();
    let mut seen = HashSet::new();
    for root in &request.paths {
        if !fs_err::metadata(root)?.is_dir() {
            files.push(File { root: root.clone(), path: root.clone() });
            continue;
        }
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            let Ok(mut entries) = entries(&folder, &mut seen) else {
                // The reader says why.
                files.push(File { root: root.clone(), path: folder });
                continue;
            };
            entries.retain(|path| request.meta.as_ref() != Some(path));
            entries.sort();
            for path in entries {
                let below = path.strip_prefix(root).unwrap_or(&path);
                if path.is_dir() {
                    if selection.enters_folder(below) {
                        folders.push(path);
                    }
                } else if selection.takes_file(below) {
                    files.push(File { root: root.clone(), path });
                }
            }
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(folder: &Path, request: &IndexRequest) -> Vec<String> {
        let selection = Selection::new(&request.include, &request.exclude).expect("globs");
        let mut names: Vec<String> = walk(request, &selection)
            .expect("walked")
            .iter()
            .map(|file| file.path.strip_prefix(folder).expect("below").to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn the_walk_follows_links_once_and_heeds_globs() {
        let folder = tempfile::tempdir().expect("folder");
        let root = folder.path();
        fs_err::create_dir_all(root.join("a/b")).expect("folders");
        for name in ["x.jpg", "a/y.jpg", "a/b/z.png"] {
            fs_err::write(root.join(name), b"x").expect("file");
        }
        std::os::unix::fs::symlink(root, root.join("a/loop")).expect("link");
        let mut request = IndexRequest { paths: vec![root.to_path_buf()], ..IndexRequest::default() };
        assert_eq!(found(root, &request), ["a/b/z.png", "a/y.jpg", "x.jpg"]);
        request.include = vec!["*.jpg".to_owned()];
        assert_eq!(found(root, &request), ["a/y.jpg", "x.jpg"]);
        request.exclude = vec!["a".to_owned()];
        assert_eq!(found(root, &request), ["x.jpg"]);
        request.include = vec!["a/*.jpg".to_owned()];
        request.exclude.clear();
        assert_eq!(found(root, &request), ["a/y.jpg"]);
    }

    #[test]
    fn files_that_cannot_be_sent_have_a_reason() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("a");
        fs_err::write(&path, b"12345").expect("file");
        assert_eq!(item(&path, 4, None).expect_err("too large").kind, ReasonKind::TooLarge);
        assert_eq!(item(folder.path(), 99, None).expect_err("a folder").kind, ReasonKind::Unsupported);
        assert_eq!(
            item(&folder.path().join("b"), 99, None).expect_err("absent").kind,
            ReasonKind::Unreadable
        );
        let mut own = Payload::new();
        own.set("year", 2020);
        let sent = item(&path, 99, Some(&own)).expect("an item");
        assert_eq!(sent.metadata.get("name").and_then(|name| name.as_str()), Some("a"));
        assert_eq!(sent.metadata.get("year").and_then(|year| year.as_i64()), Some(2020));
    }
}
