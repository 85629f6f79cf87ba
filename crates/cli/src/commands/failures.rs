//! `failures`: files that could not be indexed, or were with a warning, and another try.

use std::path::PathBuf;

use sensorium_client::Client;
use sensorium_engine::{Access, RetryPlan};
use sensorium_types::{FileOutcome, IndexSummary, ItemOutcome, ItemState};

use super::{Context, index};
use crate::args::high::Place;
use crate::args::low::Failures;
use crate::backend::{Backend, connect};
use crate::failure::Exit;
use crate::interrupt::or_interrupt;
use crate::output::{Out, json, note, words};

/// Lists the failures or the warnings, or tries all of both again.
pub(super) async fn run(args: Failures, context: &mut Context) -> anyhow::Result<Exit> {
    if args.retry {
        return match context.setting.place() {
            Place::Server { url, .. } => {
                let client = connect(&context.setting, &url).await?;
                Box::pin(retry_on_server(&client, &mut context.out)).await
            }
            Place::Folder => Box::pin(retry(context)).await,
        };
    }
    let listed = or_interrupt(Box::pin(list(args.warnings, context))).await;
    listed.unwrap_or(Ok(Exit::Interrupted))
}

async fn list(warnings: bool, context: &mut Context) -> anyhow::Result<Exit> {
    let backend = Backend::open(&context.setting, Access::Read, None).await?;
    let listed = backend.failures(warnings).await?;
    let (state, none) = match warnings {
        true => (ItemState::Indexed, "no warnings"),
        false => (ItemState::Failed, "no failures"),
    };
    let out = &mut context.out;
    for failure in &listed {
        if out.is_json() {
            out.object(&json::failure(failure, state))?;
        } else {
            let reason = words::printable(&failure.reason.to_string());
            let line = format!("{}  {}", words::path(&failure.path, None), out.paint().red(&reason));
            out.line(&line)?;
        }
    }
    if listed.is_empty() {
        note(none);
    }
    Ok(Exit::Done)
}

/// Indexes the files again, each below the PATH that it was met under.
async fn retry(context: &mut Context) -> anyhow::Result<Exit> {
    if !context.setting.data_dir.exists() {
        note("no failures");
        return Ok(Exit::Done);
    }
    let engine = context.setting.open(Access::Write, None).await?;
    let RetryPlan { runs, gone } = engine.plan_retry().await?;
    if runs.is_empty() && gone.is_empty() {
        note("no failures");
    }
    let mut all = forgotten(engine.forget(gone).await?, &mut context.out)?;
    for run in runs {
        let work = |sender, cancel| engine.retry(run, sender, cancel);
        let Some(summary) = Box::pin(index::local(work, &mut context.out)).await? else {
            return Ok(Exit::Interrupted);
        };
        all = index::sum(all, summary);
        if all.interrupted {
            break;
        }
    }
    index::finish(Some(all), false, &mut context.out)
}

/// Has a server index the files again, each by itself: one that the server may not read, or that is gone, stays listed.
async fn retry_on_server(client: &Client, out: &mut Out) -> anyhow::Result<Exit> {
    let listed = client.failures().await?.into_iter().chain(client.warnings().await?);
    // An asset whose media is gone has no path, and is named in its place.
    let paths: Vec<PathBuf> = listed.map(|file| file.path).filter(|path| path.is_absolute()).collect();
    if paths.is_empty() {
        note("no failures");
    }
    let summary = Box::pin(index::again_by_server(client, paths, out)).await?;
    index::finish(summary, false, out)
}

/// Tells of failed files that are gone.
fn forgotten(paths: Vec<PathBuf>, out: &mut Out) -> anyhow::Result<IndexSummary> {
    let mut summary = IndexSummary::default();
    for path in paths {
        let (state, failure) = (ItemState::Pruned, None);
        let outcome = ItemOutcome { asset: None, modality: None, points: 0, state, failure };
        summary.add(&outcome);
        let file = FileOutcome { path, outcome };
        if out.is_json() {
            out.object(&json::file_outcome(&file))?;
        } else {
            note(&format!("{}: gone, and forgotten", words::path(&file.path, None)));
        }
    }
    Ok(summary)
}
