//! `config`: settings files of `serve`.

use clap::Parser as _;

use crate::args::low::{Cli, Command};
use crate::args::serve::{Config, ServeSettings};
use crate::config::{File, settle, show};
use crate::output::{Out, note};

/// Checks a file, or prints the settings.
pub(super) fn run(command: Config, out: &mut Out) -> anyhow::Result<()> {
    match command {
        Config::Check { file } => {
            settle(ServeSettings::default(), File::read(&file)?)?;
            note(&format!("{}: in order", file.display()));
        }
        Config::Show { config } => {
            let file = config.as_deref().map(File::read).transpose()?.unwrap_or_default();
            for line in show(in_environment()?, file)?.lines() {
                out.line(line)?;
            }
        }
    }
    Ok(())
}

/// What `serve` would take from the environment if nothing were typed.
fn in_environment() -> anyhow::Result<ServeSettings> {
    Ok(match Cli::try_parse_from(["sensorium", "serve"])?.command {
        Some(Command::Serve(serve)) => serve.settings,
        Some(_) | None => ServeSettings::default(),
    })
}
