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

use sensorium_api::{DESCRIPTOR_SET, PROTOCOL, STREAM_WINDOW_BYTES, connection_window_bytes};
use sensorium_engine::{Engine, ServerInfo, remove_server_info, write_server_info};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tonic::service::Routes;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use crate::context::{Context, stopped};
use crate::services::{NAMES, routes};
use crate::{ServerError, Settings};

/// Resets of streams that a client may have pending before its connection is dropped.
const MAX_PENDING_RESETS: usize = 64;
/// Most bytes of the headers of a call.
const MAX_HEADER_BYTES: u32 = 16 * 1024;

/// Serves an engine until `shutdown` completes and calls in progress have ended. `ready` is told the address that the
/// server listens on, with the actual port.
///
/// # Errors
/// [`ServerError`] if the address is not a loopback address, is taken, or the data folder does not take `server.json`.
pub async fn serve(
    engine: Arc<Engine>,
    settings: Settings,
    ready: impl FnOnce(SocketAddr),
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServerError> {
    let asked = settings.listen;
    if !asked.ip().is_loopback() {
        return Err(ServerError::NotLoopback { address: asked });
    }
    let failed = |source| ServerError::Listen { address: asked, source };
    let listener = TcpListener::bind(asked).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;

    let (stop, stopping) = watch::channel(false);
    let health = HealthReporter::new();
    let context = Context::new(Arc::clone(&engine), settings, stopping);
    let routes = with_own_services(routes(&context), &health)?;
    let announced = Announced::new(engine.data_dir().to_path_buf(), address)?;
    report(&health, ServingStatus::Serving).await;
    let captioner = tokio::spawn(crate::captioner::run(context.clone()));
    ready(address);

    let mut stopping = context.stopping();
    let server = builder(context.settings()).serve_with_incoming_shutdown(
        routes.prepare(),
        TcpIncoming::from(listener).with_nodelay(Some(true)),
        async move { stopped(&mut stopping).await },
    );
    let end = async {
        shutdown.await;
        tracing::info!("the server stops");
        report(&health, ServingStatus::NotServing).await;
        let _ = stop.send(true);
        tokio::time::sleep(context.settings().drain_timeout).await;
    };
    let served = tokio::select! {
        served = server => served,
        () = end => {
            tracing::warn!("calls in progress did not end in time and are dropped");
            Ok(())
        }
    };
    drop(announced);
    // It ends by itself when the server stops; if it did not stop by being told, it ends here.
    captioner.abort();
    Ok(served?)
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

fn builder(settings: &Settings) -> Server {
    let streams = settings.max_streams_of_connection;
    Server::builder()
        .max_concurrent_streams(streams)
        // So that a client that sends much at once is slowed and never cut off.
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(connection_window_bytes(streams))
        .http2_adaptive_window(Some(false))
        .http2_keepalive_interval(Some(settings.keepalive_interval))
        .http2_keepalive_timeout(Some(settings.keepalive_timeout))
        .http2_max_pending_accept_reset_streams(Some(MAX_PENDING_RESETS))
        // The services see to it that requests arrive, and each call has its own deadline.
        .http2_max_header_list_size(MAX_HEADER_BYTES)
}

/// `server.json`, while it lives.
struct Announced {
    data_dir: PathBuf,
    pid: u32,
}

impl Announced {
    fn new(data_dir: PathBuf, address: SocketAddr) -> Result<Self, ServerError> {
        let pid = std::process::id();
        let info = ServerInfo { pid, address: address.to_string(), protocol: PROTOCOL };
        write_server_info(&data_dir, &info)?;
        Ok(Self { data_dir, pid })
    }
}

impl Drop for Announced {
    fn drop(&mut self) {
        remove_server_info(&self.data_dir, self.pid);
    }
}
