//! `repair`: says what it will drop, then drops it.

use std::io::{self, BufRead, IsTerminal};

use sensorium_engine::Engine;
use sensorium_store_embedded::Embedded;
use sensorium_types::Problem;
use serde_json::json;

use super::{Context, verify};
use crate::args::low::Repair;
use crate::failure::{CliError, Exit};
use crate::output::{json, note, words};

/// Lists what would be dropped, asks, and drops it.
pub(super) async fn run(args: Repair, context: &mut Context) -> anyhow::Result<Exit> {
    let setting = context.setting.clone();
    setting
        .folder_only("repair", "a server holds its collections open: stop it, and repair its data folder")?;
    setting.not_served()?;
    let mut broken: Vec<(String, Vec<Problem>)> = Vec::new();
    for name in verify::names(&setting).await {
        let problems = Engine::repair_folder(&Embedded, &setting.data_dir, &name, true).await?;
        if !problems.is_empty() {
            broken.push((name, problems));
        }
    }
    let listed: Vec<Problem> = broken.iter().flat_map(|(_, problems)| problems.clone()).collect();
    if listed.is_empty() {
        note("nothing to repair");
        return report(false, &[], context);
    }
    for problem in &listed {
        note(&verify::line(problem));
    }
    if args.dry_run {
        return report(false, &listed, context);
    }
    if !args.yes && !confirmed(listed.len() as u64)? {
        return Err(CliError::NeedsYes.into());
    }
    let mut repaired = Vec::new();
    for (name, _) in &broken {
        repaired.extend(Engine::repair_folder(&Embedded, &setting.data_dir, name, false).await?);
    }
    report(true, &repaired, context)
}

fn report(repaired: bool, problems: &[Problem], context: &mut Context) -> anyhow::Result<Exit> {
    let out = &mut context.out;
    if out.is_json() {
        out.object(&json!({ "repaired": repaired, "problems": json::problems(problems) }))?;
    } else if repaired {
        out.line(&format!("repaired {}", words::count(problems.len() as u64, "problem", "problems")))?;
    }
    Ok(Exit::Done)
}

/// Asks on a terminal; without one the answer is no.
fn confirmed(problems: u64) -> io::Result<bool> {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Ok(false);
    }
    note(&format!("repair {} as listed above? [y/N]", words::count(problems, "problem", "problems")));
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
