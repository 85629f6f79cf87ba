//! `serve`: the data folder over HTTP and gRPC, with a page.

use std::net::SocketAddr;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use sensorium_engine::Access;
use sensorium_server::Settings;
use serde_json::json;

use super::Context;
use crate::args::serve::Serve;
use crate::config::{File, settle};
use crate::failure::Exit;
use crate::interrupt::stop_signal;
use crate::output::note;

/// Serves until it is told to stop.
pub(super) async fn run(args: Serve, context: &mut Context) -> anyhow::Result<Exit> {
    context.setting.folder_only("serve", "it is what others name by --server")?;
    context.setting.not_served()?;
    let file = args.config.as_deref().map(File::read).transpose()?;
    let settled = settle(args.settings, file.unwrap_or_default())?;
    raise_descriptors();
    sensorium_server::bound_memory();
    let engine = context.setting.open(Access::Write, settled.jobs).await?;
    let settings = Settings { traces: context.traces.clone(), ..settled.settings };
    let scheme = if settings.tls.is_some() { "https" } else { "http" };
    let base_path = settings.base_path.clone();
    let (folder, out) = (context.setting.data_dir.display().to_string(), &mut context.out);
    let ready = |address: SocketAddr| {
        if out.is_json() {
            let object =
                json!({ "event": "ready", "address": address.to_string(), "pid": std::process::id() });
            // A reader that went away does not stop the server.
            let _ = out.object(&object);
        } else {
            note(&format!("serving {folder} on {scheme}://{address}{base_path}/; Ctrl-C stops"));
        }
    };
    Box::pin(sensorium_server::serve(engine, settings, ready, stop_signal())).await?;
    Ok(Exit::Done)
}

/// As many open files as the system lets this process have: most shells and service managers give 1,024 until they are asked,
/// and connections and tables take more. Workers have a limit of their own.
fn raise_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    // Below what is allowed anyway nothing is refused; if it were, the server runs with what it has.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}
