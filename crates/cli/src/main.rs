//! The `sensorium` command.
//!
//! ```text
//! argv ─► worker? ─► args (low, high) ─► commands/… ─► Engine on the data folder, or Client to a server
//!                                            └─► output: results on standard output, the rest on standard error
//! ```
//!
//! | module | holds |
//! | --- | --- |
//! | `args` | what can be typed, and what it means |
//! | `query` | the grammar of query terms |
//! | `commands` | one file a command |
//! | `backend` | the calls that a data folder and a server both answer |
//! | `eval` | retrieval measured on a manifest |
//! | `output` | tables, JSON, the progress bar |
//! | `contact`, `export` | hits as images, hits as moments for editors |
//! | `npy` | vectors from files |
//! | `top` | the metrics of a server as rows |
//! | `failure`, `exit` | errors, and the exit code of each |

mod args;
mod backend;
mod commands;
mod config;
mod contact;
mod eval;
mod exit;
mod export;
mod failure;
mod interrupt;
mod npy;
mod output;
mod query;
mod top;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;
use sensorium_media::{WORKER_SUBCOMMAND, this_is_the_worker_program, worker_main};
use sensorium_server::Traces;
use sensorium_types::printable;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, Registry};

use crate::args::dash;
use crate::args::high::Setting;
use crate::args::low::{Cli, Command, Environment};
use crate::commands::Context;
use crate::exit::exit_of;
use crate::failure::{CliError, Exit};
use crate::output::{LogLines, Out, note, notes};

/// What is logged where `SENSORIUM_LOG` says nothing.
const DEFAULT_LOG: &str = "error";
/// The same of a server, which has nobody before it who sees what happens.
const DEFAULT_LOG_OF_SERVER: &str = "warn";

fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().collect();
    // A decoding worker comes before everything else: it must set its limits before it does anything.
    if let [_, first, ..] = args.as_slice()
        && first == WORKER_SUBCOMMAND
    {
        return worker_main();
    }
    this_is_the_worker_program();
    match run(&args) {
        Ok(exit) => exit.into(),
        Err(error) => {
            note(&format!("sensorium: {}", failure::chain(&error)));
            exit_of(&error).into()
        }
    }
}

fn run(args: &[OsString]) -> anyhow::Result<Exit> {
    let refuse = |word: &str| CliError::Dash { sentence: dash::sentence(word) };
    if let Some(word) = dash::word_like_help(args) {
        return Err(refuse(&word).into());
    }
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => match dash::refused_word(args, &error) {
            Some(word) => return Err(refuse(&word).into()),
            None => return Ok(told(&error, args)),
        },
    };
    let environment = Environment::read();
    let default_log = match &cli.command {
        Some(Command::Serve(_)) => DEFAULT_LOG_OF_SERVER,
        Some(_) | None => DEFAULT_LOG,
    };
    let log = environment.log.as_deref().unwrap_or(default_log);
    let traces = Traces::default();
    start_log(log, environment.log_format.as_deref() == Some("json"), &traces);
    let mut out = Out::new(cli.global.json, environment.no_color);
    let command = match (cli.version, cli.command) {
        (true, _) => Command::Version { long: cli.long },
        (false, Some(command)) => command,
        (false, None) => {
            note("sensorium: a command is needed; `sensorium --help` lists them");
            return Ok(Exit::Usage);
        }
    };
    let command = match commands::without_setting(command, &cli.global, &environment, &mut out)? {
        commands::Done::Yes(exit) => return Ok(exit),
        commands::Done::NotYet(command) => *command,
    };
    let setting = Setting::new(&cli.global, &environment)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(commands::run(command, Context { setting, out, traces }));
    // Work that was dropped midway must not hold the command up.
    runtime.shutdown_background();
    result
}

/// Help, versions and usage errors of the parser.
fn told(error: &clap::Error, args: &[OsString]) -> Exit {
    let is_safe = |arg: &OsString| arg.to_str().is_some_and(|text| printable(text) == text);
    if !args.iter().all(is_safe) {
        // It repeats words that were pasted, perhaps from elsewhere.
        notes(&error.render().to_string());
    } else {
        // A reader that went away is no error.
        let _ = error.print();
    }
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        Exit::Done
    } else {
        Exit::Usage
    }
}

fn start_log(filter: &str, as_json: bool, traces: &Traces) {
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new(DEFAULT_LOG));
    let lines = tracing_subscriber::fmt::layer().with_writer(|| LogLines);
    let lines = match as_json {
        true => lines.json().flatten_event(true).with_filter(filter).boxed(),
        false => lines.with_target(false).with_filter(filter).boxed(),
    };
    Registry::default().with(lines).with(traces.layer()).init();
}
