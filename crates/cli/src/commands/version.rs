//! `--version`, `version` and `completions`.

use clap::CommandFactory;
use clap_complete::{Shell, generate};
use serde_json::json;

use crate::args::high::load_bundle;
use crate::args::low::Cli;
use crate::output::Out;

/// Prints the version; the long form names the bundle built in and repeats the licence of its weights.
pub(super) fn run(long: bool, out: &mut Out) -> anyhow::Result<()> {
    let version = env!("CARGO_PKG_VERSION");
    if out.is_json() {
        let bundle = load_bundle(None)?.space().revision;
        out.object(&json!({ "version": version, "bundle": bundle, "notice": sensorium_mini::NOTICE }))?;
        return Ok(());
    }
    out.line(&format!("sensorium {version}"))?;
    if long {
        out.line(&format!("models built in: {}", load_bundle(None)?.space().revision))?;
        out.line(sensorium_mini::NOTICE)?;
        out.line(concat!("code: ", env!("CARGO_PKG_LICENSE")))?;
    }
    Ok(())
}

/// Prints a completion script.
pub(super) fn completions(shell: Shell, out: &mut Out) -> anyhow::Result<()> {
    let mut script = Vec::new();
    generate(shell, &mut Cli::command(), "sensorium", &mut script);
    out.bytes(&script)?;
    Ok(())
}
