//! Files of the server's own machine, where its operator allows that.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sensorium_api::{ConvertError, Fault, v1};
use sensorium_engine::{Cancel, Engine, IndexEvent, IndexRequest};
use sensorium_types::ErrorKind;
use tokio::sync::{mpsc, watch};
use tonic::Status;

use crate::context::{Context, stopped};
use crate::convert::{index_event, index_request, index_summary};
use crate::fault::fault;

type Sender = mpsc::Sender<Result<v1::IndexPathsResponse, Status>>;

/// A run whose paths are allowed.
#[derive(Debug)]
pub(super) struct Run {
    engine: Arc<Engine>,
    request: IndexRequest,
}

/// Checks what is asked for.
pub(super) async fn prepare(context: &Context, message: v1::IndexPathsRequest) -> Result<Run, Fault> {
    let roots = &context.settings().allowed_paths;
    if roots.is_empty() {
        let message = "this server reads no files of its machine: start it with the folders that it may index, or \
                       send the files themselves";
        return Err(Fault::new(ErrorKind::FailedPrecondition, message));
    }
    if message.paths.is_empty() {
        return Err(ConvertError::Missing { field: "paths" }.into());
    }
    let paths = message.paths.iter().map(|path| allowed(roots, path)).collect::<Result<Vec<_>, _>>()?;
    let meta = match message.metadata_path.as_str() {
        "" => None,
        path => Some(allowed(roots, path)?),
    };
    let engine = context.writer(&message.collection_name).await?;
    Ok(Run { engine, request: index_request(message, paths, meta) })
}

/// The path as asked for, if it lies below an allowed folder once links are followed.
fn allowed(roots: &[PathBuf], path: &str) -> Result<PathBuf, Fault> {
    let asked = Path::new(path);
    let refused = |why: &str| Fault::new(ErrorKind::InvalidArgument, format!("{path}: {why}"));
    if !asked.is_absolute() {
        return Err(refused("a path for the server must be absolute"));
    }
    let outside = || refused("not below a folder that this server may index");
    // A path that is not there is refused in the same words, so that the answer tells nothing about other folders.
    let real = fs_err::canonicalize(asked).map_err(|_| outside())?;
    let below = roots.iter().any(|root| fs_err::canonicalize(root).is_ok_and(|root| real.starts_with(root)));
    if below { Ok(asked.to_path_buf()) } else { Err(outside()) }
}

/// Cancels the run when it is dropped.
struct CancelOnDrop(Cancel);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

impl Run {
    /// Runs, and tells what happens. A client that leaves, or a server that stops, ends the run; what is committed
    /// stays.
    pub(super) async fn go(self, answers: Sender, mut stopping: watch::Receiver<bool>) {
        let Self { engine, request } = self;
        let cancel = CancelOnDrop(Cancel::default());
        let (events, received) = mpsc::unbounded_channel();
        let run = engine.index(request, events, cancel.0.clone());
        let telling = tell(received, answers.clone(), cancel.0.clone());
        let stop = cancel.0.clone();
        let watching = async move {
            stopped(&mut stopping).await;
            stop.cancel();
            std::future::pending::<()>().await;
        };
        let summary = tokio::select! {
            (summary, ()) = async { tokio::join!(run, telling) } => summary,
            () = watching => return,
        };
        let last = match summary {
            Ok(summary) => Ok(index_summary(summary)),
            Err(error) => Err(fault(&error).into()),
        };
        if answers.send(last).await.is_err() {
            tracing::debug!("the client of an index run left before its end");
        }
    }
}

/// Passes events on until the run ends or the client leaves.
async fn tell(mut events: mpsc::UnboundedReceiver<IndexEvent>, answers: Sender, cancel: Cancel) {
    loop {
        let event = tokio::select! {
            event = events.recv() => event,
            () = answers.closed() => break cancel.cancel(),
        };
        let Some(event) = event else { break };
        if answers.send(Ok(index_event(event))).await.is_err() {
            break cancel.cancel();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_lies_below_an_allowed_folder_is_read() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let (inside, outside) = (folder.path().join("in"), folder.path().join("out"));
        fs_err::create_dir_all(&inside).expect("made");
        fs_err::create_dir_all(&outside).expect("made");
        std::os::unix::fs::symlink(&outside, inside.join("link")).expect("linked");
        let roots = [inside.clone()];
        let ask = |path: PathBuf| allowed(&roots, path.to_str().expect("text"));
        assert_eq!(ask(inside.clone()), Ok(inside.clone()));
        for refused in [
            outside,
            inside.join("link"),
            inside.join("../out"),
            inside.join("absent"),
            PathBuf::from("in"),
            PathBuf::from("/"),
        ] {
            assert_eq!(
                ask(refused.clone()).map_err(|fault| fault.kind),
                Err(ErrorKind::InvalidArgument),
                "{refused:?}"
            );
        }
    }
}
