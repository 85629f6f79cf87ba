//! Start, and the drain at the end.
//!
//! ```text
//! bind ─► server.json ─► health SERVING ─► calls ─► shutdown: health NOT_SERVING, no new connections, ingest streams
//!         are told ─► calls in progress end, at most `drain_timeout` ─► server.json goes
//! ```

use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sensorium_api::{DESCRIPTOR_SET, PROTOCOL};
use sensorium_engine::{Engine, ServerInfo, remove_server_info, write_server_info};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tonic::service::Routes;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use crate::access::{Access, Keys};
use crate::connections;
use crate::context::Context;
use crate::edge::Edge;
use crate::services::{NAMES, routes};
use crate::tls::Certificates;
use crate::{ServerError, Settings};

/// Fewest arenas of the allocator that all threads share.
const LEAST_ARENAS: usize = 2;
/// From one time that free memory is given back to the next.
const GIVE_BACK_EVERY: Duration = Duration::from_secs(30);
/// How often it is looked whether uses of keys are to be written.
const SAVE_USES_EVERY: Duration = Duration::from_secs(10);

/// Serves an engine until `shutdown` completes and calls in progress have ended. `ready` is told the address that the
/// server listens on, with the actual port.
///
/// # Errors
/// [`ServerError`] if the address can be reached from elsewhere without TLS or keys, is taken, or the data folder does not take `server.json`.
pub async fn serve(
    engine: Arc<Engine>,
    settings: Settings,
    ready: impl FnOnce(SocketAddr),
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServerError> {
    let asked = settings.listen;
    let is_reached = !asked.ip().is_loopback();
    if is_reached && settings.tls.is_none() && !settings.insecure {
        return Err(ServerError::NotEncrypted { address: asked });
    }
    let keys = Arc::new(Keys::open(engine.data_dir())?);
    if (is_reached || settings.require_key) && keys.is_empty() {
        return Err(ServerError::NoKey { address: asked });
    }
    let certificates = settings.tls.as_ref().map(Certificates::read).transpose()?;
    let tls = certificates.as_ref().map(Certificates::acceptor).transpose()?;
    let access = Arc::new(Access::new(keys, engine.data_dir(), &settings));
    let failed = |source| ServerError::Listen { address: asked, source };
    let listener = TcpListener::bind(asked).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;

    let (traces, pace) = (settings.traces.clone(), (settings.max_spans_waiting, settings.spans_every));
    let sending = settings.export.as_ref().map(|to| traces.start(to, pace)).transpose();
    let sending = sending.map_err(|what| ServerError::Traces { what })?;
    let (stop, stopping) = watch::channel(false);
    let health = HealthReporter::new();
    let data_dir = engine.data_dir().to_path_buf();
    // Nobody else holds it: another may take its place while the server runs.
    let context = Context::new(engine, settings, Arc::clone(&access), stopping);
    let routes = with_own_services(routes(&context), &health)?;
    let announced = Announced::new(data_dir, address, certificates.is_some())?;
    report(&health, ServingStatus::Serving).await;
    let captioner = tokio::spawn(crate::captioner::run(context.clone()));
    ready(address);

    let grpc = routes.prepare().into_axum_router();
    let http = crate::http::router(&context, grpc.clone());
    let metrics = Arc::clone(context.metrics());
    let edge = Arc::new(Edge::new(grpc, http, Arc::clone(&access), metrics, context.settings()));
    let server = connections::serve(listener, edge, context.settings(), tls, context.stopping());
    // What writes goes on though its caller has left.
    let server = async {
        server.await;
        context.done().await;
    };
    let mut upkeep = JoinSet::new();
    upkeep.spawn(save_uses(Arc::clone(&access)));
    upkeep.spawn(give_memory_back());
    match certificates {
        Some(certificates) => upkeep.spawn(certificates.keep_current()),
        None => upkeep.spawn(heed_no_hangup()),
    };
    let end = async {
        shutdown.await;
        tracing::info!("the server stops");
        report(&health, ServingStatus::NotServing).await;
        let _ = stop.send(true);
        tokio::time::sleep(context.settings().drain_timeout).await;
    };
    tokio::select! {
        () = server => {}
        () = end => tracing::warn!("calls in progress did not end in time and are dropped"),
    }
    drop(announced);
    // It ends by itself when the server stops; if it did not stop by being told, it ends here.
    captioner.abort();
    drop(upkeep);
    if let Err(error) = access.keys.save_uses() {
        tracing::warn!(%error, "uses of keys are not written");
    }
    if let Some(sending) = sending {
        sending.end().await;
    }
    Ok(())
}

/// Has all threads share as many arenas of the C allocator as there are cores, where it would keep free memory in eight times as many. To
/// be called before a server's data folder is opened.
pub fn bound_memory() {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    // Where the allocator knows no arenas there is nothing to bound.
    let _ = sensorium_kernels::bound_arenas(cores.max(LEAST_ARENAS));
}

/// Gives memory that nobody uses back to the system now and then; does not end.
async fn give_memory_back() {
    loop {
        tokio::time::sleep(GIVE_BACK_EVERY).await;
        if let Err(error) = tokio::task::spawn_blocking(sensorium_kernels::give_back).await {
            tracing::warn!(%error, "free memory is not given back");
        }
    }
}

/// Writes now and then when keys were used; does not end.
async fn save_uses(access: Arc<Access>) {
    loop {
        tokio::time::sleep(SAVE_USES_EVERY).await;
        if access.keys.wants_to_save() {
            let keys = Arc::clone(&access.keys);
            match tokio::task::spawn_blocking(move || keys.save_uses()).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::warn!(%error, "uses of keys are not written"),
                Err(error) => tracing::warn!(%error, "uses of keys are not written"),
            }
        }
    }
}

/// SIGHUP is to have things read anew, and never to end the server: without certificates there is nothing to read.
async fn heed_no_hangup() {
    let Ok(mut hangup) = signal(SignalKind::hangup()) else { return };
    while hangup.recv().await.is_some() {
        tracing::info!("SIGHUP: there is no certificate to be read anew");
    }
}

/// Adds health and reflection.
fn with_own_services(routes: Routes, health: &HealthReporter) -> Result<Routes, ServerError> {
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let health = tonic_health::server::HealthService::from_health_reporter(health.clone());
    Ok(routes
        .add_service(tonic_health::pb::health_server::HealthServer::new(health))
        .add_service(reflection().build_v1()?)
        .add_service(reflection().build_v1alpha()?))
}

async fn report(health: &HealthReporter, status: ServingStatus) {
    for name in std::iter::once("").chain(NAMES) {
        health.set_service_status(name, status).await;
    }
}

/// `server.json`, while it lives.
struct Announced {
    data_dir: PathBuf,
    pid: u32,
}

impl Announced {
    fn new(data_dir: PathBuf, address: SocketAddr, tls: bool) -> Result<Self, ServerError> {
        let pid = std::process::id();
        let info = ServerInfo { pid, address: address.to_string(), protocol: PROTOCOL, tls };
        write_server_info(&data_dir, &info)?;
        Ok(Self { data_dir, pid })
    }
}

impl Drop for Announced {
    fn drop(&mut self) {
        remove_server_info(&self.data_dir, self.pid);
    }
}
