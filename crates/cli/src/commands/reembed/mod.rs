//! `reembed`: collections that another bundle made, brought to the bundle in use.

use std::io::{self, BufRead, IsTerminal};
use std::sync::Arc;

use sensorium_engine::{Access, Cancel, Engine, Losses, Reembedding};
use sensorium_types::ReembedSummary;
use tokio::sync::mpsc::unbounded_channel;

use super::{Context, captions, verify};
use crate::args::high::Place;
use crate::args::low::Reembed;
use crate::failure::{CliError, Exit};
use crate::interrupt::{or_cancel, or_interrupt};
use crate::output::count::Count;
use crate::output::{Out, note, words};

mod compare;
mod server;
mod tell;

/// Brings the collection that was named, else all of them, to the bundle in use.
pub(super) async fn run(args: Reembed, context: &mut Context) -> anyhow::Result<Exit> {
    match context.setting.place() {
        Place::Server { .. } if args.rollback || args.compare => {
            let what = if args.rollback { "reembed --rollback" } else { "reembed --compare" };
            context.setting.folder_only(what, "a server has one bundle: stop it first")?;
            Ok(Exit::Error)
        }
        Place::Server { url, .. } => server::run(&args, &url, context).await,
        Place::Folder if args.compare => compare::run(&args, context).await,
        Place::Folder => here(args, context).await,
    }
}

async fn here(args: Reembed, context: &mut Context) -> anyhow::Result<Exit> {
    let setting = context.setting.clone();
    let mut end = Exit::Done;
    for name in verify::names(&setting).await {
        // A reader names a collection that is not there, where a writer would make it.
        let bundle = match args.rollback {
            true => setting.kept_bundle(&name).await?,
            false => setting.bundle()?,
        };
        let open =
            |access| setting.open_by(Arc::clone(&bundle), (&setting.data_dir, &name), (access, args.jobs));
        let reader = open(Access::Read).await?;
        let is_there = reader.collections().await?.iter().any(|collection| collection.name == name);
        if !is_there {
            note("the database is empty: there is nothing to do");
            continue;
        }
        if args.dry_run {
            let planned = or_interrupt(Box::pin(plan(&reader, &mut context.out))).await;
            let Some(planned) = planned.transpose()? else { return Ok(Exit::Interrupted) };
            tell::plan(&name, &planned.plan, &mut context.out)?;
            continue;
        }
        drop(reader);
        let engine = open(Access::Write).await?;
        if args.drop_old && engine.drop_kept().await? {
            tell::dropped(&name, &mut context.out)?;
            continue;
        }
        end = Box::pin(one(&engine, (args.yes, args.drop_old), &mut context.out)).await?;
        drop(engine);
        // Takes the files of the collection that was replaced away.
        let engine = open(Access::Write).await?;
        if end == Exit::Done {
            end = captions::make(&engine).await?;
        }
        drop(engine);
        if end != Exit::Done {
            break;
        }
    }
    Ok(end)
}

/// Plans, asks, and does one collection.
async fn one(engine: &Arc<Engine>, (yes, drop_old): (bool, bool), out: &mut Out) -> anyhow::Result<Exit> {
    let name = engine.collection_name().to_owned();
    let planned = or_interrupt(Box::pin(plan(engine, out))).await;
    let Some(planned) = planned.transpose()? else { return Ok(Exit::Interrupted) };
    if planned.plan.is_done() {
        tell::plan(&name, &planned.plan, out)?;
        return Ok(Exit::Done);
    }
    let losses = planned.plan.losses();
    if losses > 0 && planned.plan.from != planned.plan.to && !yes {
        confirm(losses)?;
    }
    // Whoever said yes to what is listed has not said so of what turns up later.
    let accepted = if yes { Losses::All } else { Losses::Listed };
    let Some(summary) = bring(engine, planned, (accepted, !drop_old), out).await? else {
        return Ok(Exit::Interrupted);
    };
    let moves = summary.finished && engine.space() != engine.bundle_space();
    let end = tell::end((&name, &engine.bundle_space().revision), &summary, out)?;
    if moves && !drop_old && !out.is_json() {
        note(
            "the vectors before are kept: `sensorium reembed --rollback` goes back to them, \
             `sensorium reembed --drop-old` removes them",
        );
    }
    Ok(end)
}

/// What is to be done; assets without media are told of.
async fn plan(engine: &Engine, out: &mut Out) -> anyhow::Result<Reembedding> {
    let planned = engine.plan_reembed(&Cancel::new()).await?;
    for lacking in &planned.plan.without_media {
        tell::lacking(lacking, out)?;
    }
    Ok(planned)
}

/// Runs a plan; `None` if it was dropped midway.
async fn bring(
    engine: &Engine,
    planned: Reembedding,
    accepted: (Losses, bool),
    out: &mut Out,
) -> anyhow::Result<Option<ReembedSummary>> {
    let cancel = Cancel::new();
    let (sender, mut events) = unbounded_channel();
    let bar = Count::new(planned.plan.done, planned.plan.done + planned.plan.pending);
    let work = async {
        let run = engine.reembed(planned, accepted, sender, cancel.clone());
        let tell = async {
            while let Some(event) = events.recv().await {
                bar.one();
                if out.is_json() {
                    bar.aside(|| out.object(&tell::event_row(&event)))?;
                }
            }
            anyhow::Ok(())
        };
        let (summary, told) = tokio::join!(run, tell);
        told?;
        anyhow::Ok(summary?)
    };
    let summary = or_cancel(&cancel, Box::pin(work)).await;
    bar.end();
    summary.transpose()
}

/// That so many assets may be without vectors.
///
/// # Errors
/// Unless the user says so.
fn confirm(losses: u64) -> anyhow::Result<()> {
    match confirmed(losses)? {
        true => Ok(()),
        false => Err(CliError::LossesNeedYes { assets: losses }.into()),
    }
}

/// Asks on a terminal; without one the answer is no.
fn confirmed(losses: u64) -> io::Result<bool> {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Ok(false);
    }
    let assets = words::count(losses, "asset", "assets");
    note(&format!("go on, and keep {assets} without vectors? [y/N]"));
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
