//! `index`: files and folders into the collection.

use std::future::Future;
use std::path::PathBuf;

use futures::StreamExt;
use sensorium_client::{Client, ClientError, IndexReply};
use sensorium_engine::{Access, EngineError, MetaTable};
use sensorium_types::{Cancel, ErrorKind, IndexEvent, IndexRequest, IndexSummary};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::{Context, captions, upload};
use crate::args::low::{Index, Switch};
use crate::backend::Backend;
use crate::failure::Exit;
use crate::interrupt::{or_cancel, or_interrupt};
use crate::output::progress::{Progress, sentence, unused};
use crate::output::{Out, json, note, words};

/// Brings files and folders in.
pub(super) async fn run(args: Index, context: &mut Context) -> anyhow::Result<Exit> {
    let Index { paths, include, exclude, prune, force, jobs, meta, strict, captions: wanted } = args;
    let paths = paths.into_iter().map(std::path::absolute).collect::<Result<Vec<_>, _>>()?;
    let meta = meta.map(std::path::absolute).transpose()?;
    let request = IndexRequest { paths, include, exclude, prune, force, meta, ..IndexRequest::default() };
    let backend = Backend::open(&context.setting, Access::Write, jobs).await?;
    if let Some(wanted) = wanted {
        backend.keep_captions(wanted == Switch::On).await?;
    }
    let summary = match &backend {
        Backend::Folder(engine) => {
            local(|sender, cancel| engine.index(request, sender, cancel), &mut context.out).await?
        }
        Backend::Server(client) => remote(client, request, &mut context.out).await?,
    };
    let exit = finish(summary, strict, &mut context.out)?;
    match (&backend, exit) {
        (_, Exit::Interrupted) => Ok(exit),
        (Backend::Folder(engine), _) => {
            let made = captions::make(engine).await?;
            Ok(if made == Exit::Interrupted { made } else { exit })
        }
        // A server makes them by itself.
        (Backend::Server(_), _) => Ok(exit),
    }
}

/// Tells the end of a run.
pub(super) fn finish(summary: Option<IndexSummary>, strict: bool, out: &mut Out) -> anyhow::Result<Exit> {
    let Some(summary) = summary else { return Ok(Exit::Interrupted) };
    if out.is_json() {
        out.object(&json::summary(&summary))?;
        if let Some(unused) = unused(&summary) {
            note(&unused);
        }
    } else {
        out.line(&sentence(&summary))?;
    }
    Ok(if summary.interrupted {
        Exit::Interrupted
    } else if strict && summary.failed > 0 {
        Exit::FailedFiles
    } else {
        Exit::Done
    })
}

/// Shows how a run of an engine goes; `None` if it was dropped midway.
pub(super) async fn local<F>(
    run: impl FnOnce(UnboundedSender<IndexEvent>, Cancel) -> F,
    out: &mut Out,
) -> anyhow::Result<Option<IndexSummary>>
where
    F: Future<Output = Result<IndexSummary, EngineError>>,
{
    let cancel = Cancel::new();
    let (sender, mut events) = unbounded_channel();
    let mut show = Show::new();
    let work = async {
        let run = run(sender, cancel.clone());
        let tell = async {
            while let Some(event) = events.recv().await {
                show.event(&event, out)?;
            }
            anyhow::Ok(())
        };
        let (summary, told) = tokio::join!(run, tell);
        told?;
        anyhow::Ok(summary?)
    };
    let summary = or_cancel(&cancel, Box::pin(work)).await;
    show.end();
    summary.transpose()
}

/// Has a server index: by path where it may read these, else by sending the bytes.
async fn remote(
    client: &Client,
    request: IndexRequest,
    out: &mut Out,
) -> anyhow::Result<Option<IndexSummary>> {
    // Read here first, so that a bad line is told of as such, whoever reads the files. A file that is not here may be
    // on the server's machine.
    let table = match request.meta.clone().filter(|path| path.exists()) {
        Some(path) => Some(tokio::task::spawn_blocking(move || MetaTable::read(&path)).await??),
        None => request.meta.is_none().then(MetaTable::default),
    };
    // What only files of the server's machine can be asked for is not sent in another way.
    let table = table.filter(|_| !request.prune);
    let mut show = Show::new();
    let work = async {
        match (by_paths(client, request.clone(), &mut show, out).await, table) {
            (Err(error), Some(table)) if may_not_read(&error) => {
                note("the server may not read these files itself (see `serve --allow-path`): sending them");
                upload::run(client, request, table, &mut |event| show.event(event, out)).await
            }
            (result, _) => result,
        }
    };
    let summary = or_interrupt(Box::pin(work)).await;
    show.end();
    summary.transpose()
}

/// Has a server index files of its machine again that failed or have a warning; `None` if it was dropped midway. Each is
/// asked for alone, so that one that it refuses keeps none of the others.
pub(super) async fn again_by_server(
    client: &Client,
    paths: Vec<PathBuf>,
    out: &mut Out,
) -> anyhow::Result<Option<IndexSummary>> {
    let mut show = Show::new();
    let work = async {
        let mut all = IndexSummary::default();
        for path in paths {
            let request =
                IndexRequest { paths: vec![path.clone()], retry_all: true, ..IndexRequest::default() };
            match by_paths(client, request, &mut show, out).await {
                Ok(summary) => all = sum(all, summary),
                Err(error) if may_not_read(&error) => {
                    let path = words::path(&path, None);
                    note(&format!(
                        "{path}: it is gone, or the server may not read it (see `serve --allow-path`)"
                    ));
                    all.failed += 1;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(all)
    };
    let summary = or_interrupt(Box::pin(work)).await;
    show.end();
    summary.transpose()
}

async fn by_paths(
    client: &Client,
    request: IndexRequest,
    show: &mut Show,
    out: &mut Out,
) -> anyhow::Result<IndexSummary> {
    let mut replies = client.index_paths(request).await?;
    let mut summary = IndexSummary { interrupted: true, ..IndexSummary::default() };
    while let Some(reply) = replies.next().await {
        match reply? {
            IndexReply::Event(event) => show.event(&event, out)?,
            IndexReply::Summary(counts) => summary = counts,
        }
    }
    Ok(summary)
}

/// Whether the server refused because its operator does not let it read the paths.
fn may_not_read(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<ClientError>()
        .and_then(ClientError::refusal)
        .is_some_and(|fault| matches!(fault.kind, ErrorKind::FailedPrecondition | ErrorKind::InvalidArgument))
}

/// Events to the bar and to standard output.
struct Show {
    progress: Progress,
}

impl Show {
    fn new() -> Self {
        Self { progress: Progress::new() }
    }

    fn event(&mut self, event: &IndexEvent, out: &mut Out) -> anyhow::Result<()> {
        self.progress.show(event);
        match event {
            IndexEvent::File(file) if out.is_json() => {
                self.progress.aside(|| out.object(&json::file_outcome(file)))?;
            }
            IndexEvent::File(_) | IndexEvent::Walked { .. } | IndexEvent::PassedOver { .. } => {}
        }
        Ok(())
    }

    fn end(self) {
        for line in self.progress.end() {
            note(&line);
        }
    }
}

/// The counts of two runs.
pub(super) fn sum(a: IndexSummary, b: IndexSummary) -> IndexSummary {
    IndexSummary {
        indexed: a.indexed + b.indexed,
        unchanged: a.unchanged + b.unchanged,
        failed: a.failed + b.failed,
        pruned: a.pruned + b.pruned,
        warned: a.warned + b.warned,
        points: a.points + b.points,
        seconds: a.seconds + b.seconds,
        interrupted: a.interrupted || b.interrupted,
        metadata_unused: a.metadata_unused + b.metadata_unused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn out() -> Out {
        Out::new(true, true)
    }

    #[test]
    fn the_exit_code_follows_the_summary() {
        let code = |summary, strict| finish(summary, strict, &mut out()).expect("written");
        let failed = IndexSummary { failed: 1, ..IndexSummary::default() };
        assert_eq!(code(Some(failed), false), Exit::Done);
        assert_eq!(code(Some(failed), true), Exit::FailedFiles);
        assert_eq!(code(Some(IndexSummary { interrupted: true, ..failed }), true), Exit::Interrupted);
        assert_eq!(code(None, true), Exit::Interrupted);
    }

    #[test]
    fn only_a_refused_path_is_sent_as_bytes() {
        assert!(!may_not_read(&anyhow::anyhow!("x")));
        let url = ClientError::Url { url: "x".to_owned() };
        assert!(!may_not_read(&url.into()));
    }
}
