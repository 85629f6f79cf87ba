//! Files of the server's own machine, where its operator allows that.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sensorium_api::{ConvertError, Fault, v1};
use sensorium_engine::Engine;
use sensorium_types::{Cancel, ErrorKind, IndexRequest};
use tokio::sync::{mpsc, watch};

use crate::context::Context;
use crate::convert::{index_event, index_request, index_summary};
use crate::fault::fault;
use crate::services::answers::{AnswerSender, Unsent};
use crate::services::telling::{Told, tell};
use crate::stopping::stopped;

type Sender = AnswerSender<v1::IndexPathsResponse>;

/// A run whose paths are allowed.
#[derive(Debug)]
pub(super) struct Run {
    engine: Arc<Engine>,
    request: IndexRequest,
    /// How long a reader may pause while the run goes on.
    patience: Duration,
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
    let patience = context.settings().idle_timeout;
    Ok(Run { engine, request: index_request(message, paths, meta), patience })
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

impl Run {
    /// Runs, and tells what happens. A client that leaves, or a server that stops, ends the run; what is committed
    /// stays.
    pub(super) async fn go(self, answers: Sender, mut stopping: watch::Receiver<bool>) {
        let Self { engine, request, patience } = self;
        let cancel = Cancel::new();
        let _ends_with_the_call = cancel.on_drop();
        let (events, received) = mpsc::unbounded_channel();
        let run = engine.index(request, events, cancel.clone());
        let telling = tell(received, &answers, index_event, (patience, cancel.clone()));
        let stop = cancel.clone();
        let watching = async move {
            stopped(&mut stopping).await;
            stop.cancel();
            std::future::pending::<()>().await;
        };
        let (summary, told) = tokio::select! {
            ended = async { tokio::join!(run, telling) } => ended,
            () = watching => return,
        };
        match (summary, told) {
            (_, Told::Left) => tracing::debug!("the client of an index run left before its end"),
            (_, Told::Unread) => answers.end_unread(),
            (Err(error), Told::All) => answers.end(fault(&error)),
            (Ok(summary), Told::All) => match answers.send(index_summary(summary, engine.change())).await {
                Ok(()) | Err(Unsent::Left) => {}
                Err(Unsent::Unread(_)) => answers.end_unread(),
            },
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
