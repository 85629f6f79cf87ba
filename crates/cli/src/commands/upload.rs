//! Files as bytes to a server that may not read them itself.
//!
//! ```text
//! PATHs ─► walk (own thread) ─► IngestItem ─► Client::ingest ─► one event a file
//! ```

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use futures::StreamExt;
use sensorium_client::Client;
use sensorium_engine::{Found, MetaTable, find};
use sensorium_types::{
    FailureReason, FileOutcome, IndexEvent, IndexRequest, IndexSummary, IngestItem, ItemOutcome, Payload,
    ReasonKind,
};
use tokio::sync::mpsc;

/// Files read ahead of the server.
const READ_AHEAD: usize = 4;
/// Room for what a message holds beside the bytes of a file.
const ENVELOPE_BYTES: u64 = 128 * 1024;

/// Sends every file below the PATHs, each with its row of the metadata.
pub(super) async fn run(
    client: &Client,
    request: IndexRequest,
    meta: MetaTable,
    tell: &mut (dyn FnMut(&IndexEvent) -> anyhow::Result<()> + Send),
) -> anyhow::Result<IndexSummary> {
    let begun = Instant::now();
    let max_bytes = client.info().await?.max_message_bytes.saturating_sub(ENVELOPE_BYTES);
    let found = tokio::task::spawn_blocking(move || find(&request)).await??;
    let mut files = 0;
    for met in &found {
        match met {
            Found::File { .. } | Found::Unusable { .. } => files += 1,
            Found::DataFolder(path) => tell(&IndexEvent::PassedOver { path: path.clone() })?,
        }
    }
    tell(&IndexEvent::Walked { files, done: true })?;
    let mut summary = IndexSummary::default();
    // The path of each item sent, by its place in the stream.
    let sent: Arc<Mutex<Vec<PathBuf>>> = Arc::default();
    let (failed, mut failures) = mpsc::unbounded_channel();
    let (sender, receiver) = mpsc::channel(READ_AHEAD);
    let names = Arc::clone(&sent);
    let reader = tokio::task::spawn_blocking(move || {
        for met in found {
            let (path, made) = match met {
                Found::File { root, path } => {
                    let made = item(&path, max_bytes, meta.get(&root, &path));
                    (path, made)
                }
                Found::Unusable { path, reason } => (path, Err(reason)),
                Found::DataFolder(_) => continue,
            };
            match made {
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
    let mut done = |path, outcome| {
        summary.add(&outcome);
        tell(&IndexEvent::File(FileOutcome { path, outcome }))
    };
    while let Some(told) = outcomes.next().await {
        let (place, outcome) = told?;
        let place = usize::try_from(place)?;
        let path = sent.lock().unwrap_or_else(PoisonError::into_inner).get(place).cloned();
        done(path.unwrap_or_default(), outcome)?;
    }
    let metadata_unused = reader.await?;
    while let Some((path, reason)) = failures.recv().await {
        done(path, ItemOutcome::failed(reason))?;
    }
    summary.metadata_unused = metadata_unused;
    summary.seconds = begun.elapsed().as_secs_f64();
    Ok(summary)
}

/// A file as an item that tells where it lay.
fn item(path: &Path, max_bytes: u64, own: Option<&Payload>) -> Result<IngestItem, FailureReason> {
    let unreadable = |error: std::io::Error| FailureReason::new(ReasonKind::Unreadable, error.to_string());
    let metadata = fs_err::metadata(path).map_err(unreadable)?;
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
        fields.merge(own.clone());
    }
    item.metadata = fields;
    Ok(item)
}

#[cfg(test)]
mod tests {
    use super::*;

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
