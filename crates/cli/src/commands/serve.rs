//! `serve`: the data folder over HTTP and gRPC, with a page.

use std::net::SocketAddr;

use sensorium_engine::Access;
use sensorium_server::{Settings, TlsFiles};
use serde_json::json;

use super::Context;
use crate::args::low::Serve;
use crate::failure::Exit;
use crate::interrupt::stop_signal;
use crate::output::note;

/// Serves until it is told to stop.
pub(super) async fn run(args: Serve, context: &mut Context) -> anyhow::Result<Exit> {
    let Serve {
        listen,
        tls_cert,
        tls_key,
        tls_client_ca,
        insecure,
        require_key,
        allow_host,
        base_path,
        allow_path,
        jobs,
    } = args;
    context.setting.folder_only("serve", "it is what others name by --server")?;
    context.setting.not_served()?;
    let allowed_paths = allow_path.into_iter().map(fs_err::canonicalize).collect::<Result<Vec<_>, _>>()?;
    let engine = context.setting.open(Access::Write, jobs).await?;
    let tls = tls_cert.zip(tls_key).map(|(cert, key)| TlsFiles { cert, key, client_ca: tls_client_ca });
    let scheme = if tls.is_some() { "https" } else { "http" };
    let settings = Settings {
        listen,
        tls,
        insecure,
        require_key,
        allowed_hosts: allow_host,
        base_path: base_path.clone(),
        allowed_paths,
        ..Settings::default()
    };
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
