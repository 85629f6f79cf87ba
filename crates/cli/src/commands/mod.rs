//! One file a command.

mod assets;
mod caption;
mod captions;
mod collections;
mod config;
mod doctor;
mod embed;
mod eval;
mod failures;
mod fields;
mod formats;
mod index;
mod keys;
mod models;
mod reembed;
mod repair;
mod search;
mod serve;
mod speaker;
mod stats;
mod summarize;
mod top;
mod upload;
mod verify;
mod version;

use sensorium_server::Traces;
use sensorium_types::{AssetId, Filter};

use crate::args::high::Setting;
use crate::args::low::{Command, Environment, Global};
use crate::failure::{CliError, Exit};
use crate::interrupt::or_interrupt;
use crate::output::Out;

/// What every command gets.
#[derive(Debug)]
pub(crate) struct Context {
    /// Values that hold for the whole command.
    pub(crate) setting: Setting,
    /// Standard output.
    pub(crate) out: Out,
    /// The spans of this process.
    pub(crate) traces: Traces,
}

/// Whether a command was done without a data folder.
#[derive(Debug)]
pub(crate) enum Done {
    /// It ended so.
    Yes(Exit),
    /// It needs more.
    NotYet(Box<Command>),
}

/// Runs the commands that need no data folder and no runtime.
///
/// # Errors
/// Those of the command.
pub(crate) fn without_setting(
    command: Command,
    global: &Global,
    environment: &Environment,
    out: &mut Out,
) -> anyhow::Result<Done> {
    match command {
        Command::Version { long } => version::run(long, out)?,
        Command::Formats => formats::run(out)?,
        Command::Models { command } => {
            let setting = Setting::new(global, environment)?;
            return models::run(command, &setting, out).map(Done::Yes);
        }
        Command::Completions { shell } => version::completions(shell, out)?,
        Command::Config { command } => config::run(command, out)?,
        Command::Index(_)
        | Command::Search(_)
        | Command::Embed(_)
        | Command::Caption(_)
        | Command::Summarize(_)
        | Command::Serve(_)
        | Command::Eval(_)
        | Command::Get(_)
        | Command::Delete(_)
        | Command::Collections(_)
        | Command::Keys { .. }
        | Command::Failures(_)
        | Command::Fields(_)
        | Command::Doctor
        | Command::Verify
        | Command::Repair(_)
        | Command::Reembed(_)
        | Command::Stats
        | Command::Top(_) => return Ok(Done::NotYet(Box::new(command))),
    }
    Ok(Done::Yes(Exit::Done))
}

/// Runs a command to its end, or until Ctrl-C.
///
/// # Errors
/// Those of the command.
pub(crate) async fn run(command: Command, mut context: Context) -> anyhow::Result<Exit> {
    let context = &mut context;
    let done = match command {
        // These end in their own way.
        Command::Index(args) => return Box::pin(index::run(args, context)).await,
        Command::Eval(args) => return Box::pin(eval::run(args, context)).await,
        Command::Serve(args) => return Box::pin(serve::run(*args, context)).await,
        Command::Reembed(args) => return Box::pin(reembed::run(args, context)).await,
        Command::Failures(args) => return Box::pin(failures::run(args, context)).await,
        Command::Search(args) => or_interrupt(Box::pin(search::run(args, context))).await,
        Command::Embed(args) => or_interrupt(Box::pin(embed::run(args, context))).await,
        Command::Caption(args) => or_interrupt(Box::pin(caption::run(args, context))).await,
        Command::Summarize(args) => or_interrupt(Box::pin(summarize::run(args, context))).await,
        Command::Get(args) => or_interrupt(Box::pin(assets::get(args, context))).await,
        Command::Delete(args) => or_interrupt(Box::pin(assets::delete(args, context))).await,
        Command::Collections(args) => or_interrupt(Box::pin(collections::run(args, context))).await,
        Command::Keys { command } => or_interrupt(Box::pin(keys::run(command, context))).await,
        Command::Fields(args) => or_interrupt(Box::pin(fields::run(args, context))).await,
        Command::Doctor => or_interrupt(Box::pin(doctor::run(context))).await,
        Command::Verify => or_interrupt(Box::pin(verify::run(context))).await,
        Command::Repair(args) => or_interrupt(Box::pin(repair::run(args, context))).await,
        // Ctrl-C is how it ends.
        Command::Top(args) => or_interrupt(Box::pin(top::run(args, context))).await.or(Some(Ok(Exit::Done))),
        Command::Stats => or_interrupt(Box::pin(stats::run(context))).await,
        Command::Version { .. }
        | Command::Config { .. }
        | Command::Formats
        | Command::Models { .. }
        | Command::Completions { .. } => Some(Ok(Exit::Done)),
    };
    done.unwrap_or(Ok(Exit::Interrupted))
}

/// Reads a filter that was typed.
fn filter(text: Option<&str>) -> Result<Option<Filter>, CliError> {
    Ok(text.map(str::parse).transpose()?)
}

/// Reads ids that were typed, with or without `asset:`.
fn ids(texts: &[String]) -> Result<Vec<AssetId>, CliError> {
    Ok(texts
        .iter()
        .map(|text| AssetId::new(text.strip_prefix("asset:").unwrap_or(text)))
        .collect::<Result<_, _>>()?)
}
