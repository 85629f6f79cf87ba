//! `reembed`: collections that another bundle made, brought to the bundle in use.

use std::io::{self, BufRead, IsTerminal};

use sensorium_engine::{
    Access, Cancel, Engine, Losses, ReembedEvent, ReembedPlan, ReembedSummary, Substitute, WithoutMedia,
};
use serde_json::{Value, json};
use tokio::sync::mpsc::unbounded_channel;

use super::{Context, captions, verify};
use crate::args::low::Reembed;
use crate::failure::{CliError, Exit};
use crate::interrupt::{or_cancel, or_interrupt};
use crate::output::count::Count;
use crate::output::{Out, json, note, words};

/// Brings the collection that was named, else all of them, to the bundle in use.
pub(super) async fn run(args: Reembed, context: &mut Context) -> anyhow::Result<Exit> {
    let setting = context.setting.clone();
    setting.folder_only("reembed", "a server holds its collections open, and has no call for it: stop it, and run this on its data folder")?;
    setting.not_served()?;
    let mut end = Exit::Done;
    for name in verify::names(&setting).await {
        // A reader names a collection that is not there, where a writer would make it.
        let reader = setting.open_with_bundle(&setting.data_dir, &name, Access::Read, args.jobs).await?;
        let is_there = reader.collections().await?.iter().any(|collection| collection.name == name);
        if !is_there {
            note("the database is empty: there is nothing to do");
            continue;
        }
        if args.dry_run {
            let plan = or_interrupt(Box::pin(plan(&reader, &mut context.out))).await;
            let Some(plan) = plan.transpose()? else { return Ok(Exit::Interrupted) };
            tell_plan(&name, &plan, &mut context.out)?;
            continue;
        }
        drop(reader);
        let engine = setting.open_with_bundle(&setting.data_dir, &name, Access::Write, args.jobs).await?;
        end = Box::pin(one(&engine, args.yes, &mut context.out)).await?;
        drop(engine);
        // Takes the files of the collection that was replaced away.
        let engine = setting.open_with_bundle(&setting.data_dir, &name, Access::Write, args.jobs).await?;
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
async fn one(engine: &Engine, yes: bool, out: &mut Out) -> anyhow::Result<Exit> {
    let name = engine.collection_name().to_owned();
    let plan = or_interrupt(Box::pin(plan(engine, out))).await;
    let Some(plan) = plan.transpose()? else { return Ok(Exit::Interrupted) };
    if plan.is_done() {
        tell_plan(&name, &plan, out)?;
        return Ok(Exit::Done);
    }
    let losses = losses(&plan);
    if losses > 0 && plan.from != plan.to && !yes && !confirmed(losses)? {
        return Err(CliError::LossesNeedYes { assets: losses }.into());
    }
    // Whoever said yes to what is listed has not said so of what turns up later.
    let accepted = if yes { Losses::All } else { Losses::Listed };
    let Some(summary) = bring(engine, plan, accepted, out).await? else { return Ok(Exit::Interrupted) };
    for lacking in &summary.unread {
        tell_lacking(lacking, out)?;
    }
    if out.is_json() {
        out.object(&summary_row(&name, engine, &summary))?;
    } else {
        out.line(&words::printable(&sentence(&name, &summary)))?;
    }
    Ok(match summary {
        ReembedSummary { interrupted: true, .. } => Exit::Interrupted,
        ReembedSummary { finished: true, .. } => Exit::Done,
        ReembedSummary { .. } => Exit::Error,
    })
}

/// What is to be done; assets without media are told of.
async fn plan(engine: &Engine, out: &mut Out) -> anyhow::Result<ReembedPlan> {
    let plan = engine.plan_reembed(&Cancel::new()).await?;
    for lacking in &plan.without_media {
        tell_lacking(lacking, out)?;
    }
    Ok(plan)
}

/// Runs a plan; `None` if it was dropped midway.
async fn bring(
    engine: &Engine,
    plan: ReembedPlan,
    accepted: Losses,
    out: &mut Out,
) -> anyhow::Result<Option<ReembedSummary>> {
    let cancel = Cancel::new();
    let (sender, mut events) = unbounded_channel();
    let bar = Count::new(plan.done, plan.done + plan.pending());
    let work = async {
        let run = engine.reembed(plan, accepted, sender, cancel.clone());
        let tell = async {
            while let Some(event) = events.recv().await {
                bar.one();
                if out.is_json() {
                    bar.aside(|| out.object(&event_row(&event)))?;
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

fn losses(plan: &ReembedPlan) -> u64 {
    plan.without_media.iter().filter(|lacking| lacking.substitute == Substitute::Nothing).count() as u64
}

fn tell_lacking(lacking: &WithoutMedia, out: &mut Out) -> io::Result<()> {
    let WithoutMedia { asset, modality, path, reason, substitute } = lacking;
    if out.is_json() {
        return out.object(&json!({
            "event": "without_media",
            "asset": asset.as_str(),
            "path": path.as_deref().map(json::path),
            "modality": modality.name(),
            "substitute": substitute.name(),
            "reason": reason.to_string(),
        }));
    }
    let name = match path {
        Some(path) => words::path(path, None),
        None => format!("asset:{asset}"),
    };
    let instead = match substitute {
        Substitute::Thumbnails => "its thumbnails stand in",
        Substitute::Nothing => "nothing stands in, it would be without vectors",
    };
    note(&format!("{name}: {reason}; {instead}"));
    Ok(())
}

fn tell_plan(name: &str, plan: &ReembedPlan, out: &mut Out) -> io::Result<()> {
    let ReembedPlan { from, to, assets, done, without_media, .. } = plan;
    let (pending, losses) = (plan.pending(), losses(plan));
    if out.is_json() {
        return out.object(&json!({
            "event": "plan",
            "collection": name,
            "from": json::space(from),
            "to": json::space(to),
            "assets": assets,
            "done": done,
            "pending": pending,
            "from_thumbnails": without_media.len() as u64 - losses,
            "without_vectors": losses,
        }));
    }
    if plan.is_done() {
        let mut line = format!("{name}: nothing to do, it is in the space of {}", to.revision);
        if !without_media.is_empty() {
            let lacking = words::count(without_media.len() as u64, "asset waits", "assets wait");
            line.push_str(&format!("; {lacking} for the media listed above"));
        }
        return out.line(&words::printable(&line));
    }
    out.line(&words::printable(&format!(
        "{name}: {} of {assets} to bring from {} to {}; {} by thumbnails, {losses} without vectors",
        words::count(pending, "asset", "assets"),
        from.revision,
        to.revision,
        without_media.len() as u64 - losses,
    )))
}

fn event_row(event: &ReembedEvent) -> Value {
    let ReembedEvent { asset, modality, path, points, state, reason } = event;
    json!({
        "event": "asset",
        "asset": asset.as_str(),
        "path": path.as_deref().map(json::path),
        "modality": modality.name(),
        "points": points,
        "state": state.name(),
        "reason": reason.as_ref().map(ToString::to_string),
    })
}

fn summary_row(name: &str, engine: &Engine, summary: &ReembedSummary) -> Value {
    let ReembedSummary {
        reembedded,
        from_thumbnails,
        without_vectors,
        points,
        unread,
        finished,
        interrupted: _,
        seconds,
    } = summary;
    json!({
        "event": "summary",
        "collection": name,
        "to": engine.bundle_space().revision,
        "finished": finished,
        "reembedded": reembedded,
        "from_thumbnails": from_thumbnails,
        "without_vectors": without_vectors,
        "unread": unread.len(),
        "points": points,
        "seconds": seconds,
    })
}

fn sentence(name: &str, summary: &ReembedSummary) -> String {
    let ReembedSummary {
        reembedded,
        from_thumbnails,
        without_vectors,
        points,
        unread,
        finished,
        interrupted,
        seconds,
    } = summary;
    let mut sentence = format!("{name}: {reembedded} re-embedded");
    if *from_thumbnails > 0 {
        sentence.push_str(&format!(", {from_thumbnails} by thumbnails"));
    }
    if *without_vectors > 0 {
        sentence.push_str(&format!(", {without_vectors} without vectors"));
    }
    sentence.push_str(&format!("; {} in {seconds:.1} s", words::count(*points, "new point", "new points")));
    if *interrupted {
        sentence.push_str("; interrupted, the next run goes on from here");
    } else if !unread.is_empty() {
        let assets = words::count(unread.len() as u64, "asset", "assets");
        let still = if *finished { "" } else { "; the collection stays as it was" };
        sentence.push_str(&format!(
            "; {assets} could not be read{still}: run it again when they can be, or with --yes to go on without them"
        ));
    } else if *from_thumbnails + *without_vectors > 0 {
        sentence
            .push_str("; `sensorium failures` lists what lacks its media, run it again when that is back");
    }
    sentence
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sentence_says_what_is_left_to_do() {
        let mut summary = ReembedSummary { reembedded: 3, points: 4, finished: true, ..Default::default() };
        assert_eq!(sentence("default", &summary), "default: 3 re-embedded; 4 new points in 0.0 s");
        summary.without_vectors = 1;
        assert!(sentence("default", &summary).contains("1 without vectors"));
        assert!(sentence("default", &summary).contains("sensorium failures"));
        summary.interrupted = true;
        assert!(sentence("default", &summary).ends_with("the next run goes on from here"));
    }
}
