//! Connections: HTTP/1.1 and HTTP/2 on one port, each with its limits.
//!
//! ```text
//! accept ─► a place ─► (TLS) ─► requests, until it is idle for long, its peer is gone, or the server stops
//! ```

use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context as Polled, Poll};
use std::time::{Duration, Instant};

use axum::body::Body;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use sensorium_api::{STREAM_WINDOW_BYTES, connection_window_bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::Settings;
use crate::body::held;
use crate::edge::Edge;
use crate::stopping::stopped;

/// Resets of streams that a client may have pending before its connection is dropped.
const MAX_PENDING_RESETS: usize = 64;
/// Most bytes of the headers of a request.
const MAX_HEADER_BYTES: u32 = 16 * 1024;
/// The same with HTTP/1.1, where pieces of a body go through the same buffer.
const MAX_BUFFER_BYTES: usize = 64 * 1024;
/// How often a connection is looked at.
const LOOK_AFTER: Duration = Duration::from_secs(1);
/// Wait after the system could not give a connection, for lack of descriptors for instance.
const ACCEPT_AGAIN: Duration = Duration::from_millis(50);

/// Answers connections until the server stops and those in progress have ended.
pub(crate) async fn serve(
    listener: TcpListener,
    edge: Arc<Edge>,
    settings: &Settings,
    tls: Option<TlsAcceptor>,
    mut stopping: watch::Receiver<bool>,
) {
    let places = Arc::new(Semaphore::new(settings.max_connections));
    let builder = Arc::new(builder(settings));
    let mut connections = JoinSet::new();
    loop {
        // Those above the limit wait in the queue of the system.
        let place = tokio::select! {
            place = Arc::clone(&places).acquire_owned() => place,
            () = stopped(&mut stopping) => break,
        };
        let Ok(place) = place else { break };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stopped(&mut stopping) => break,
        };
        match accepted {
            Ok((stream, _)) => {
                let (edge, builder, stopping) = (Arc::clone(&edge), Arc::clone(&builder), stopping.clone());
                let (idle, patience) = (settings.idle_connection_timeout, settings.header_timeout);
                let tls = tls.clone();
                connections.spawn(async move {
                    let _place = place;
                    // It makes small answers faster; without it they are right too.
                    let _ = stream.set_nodelay(true);
                    let Some(tls) = tls else {
                        return connection(stream, edge, &builder, idle, stopping).await;
                    };
                    match tokio::time::timeout(patience, tls.accept(stream)).await {
                        Ok(Ok(stream)) => connection(stream, edge, &builder, idle, stopping).await,
                        Ok(Err(error)) => {
                            tracing::debug!(%error, "a connection is not encrypted as it must be")
                        }
                        Err(_) => tracing::debug!("a connection was not encrypted in time"),
                    }
                });
            }
            Err(error) => {
                tracing::warn!(%error, "accept a connection");
                tokio::time::sleep(ACCEPT_AGAIN).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

fn builder(settings: &Settings) -> Builder<TokioExecutor> {
    let streams = settings.max_streams_of_connection;
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(settings.header_timeout)
        .max_buf_size(MAX_BUFFER_BYTES);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(streams)
        // So that a client that sends much at once is slowed and never cut off.
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(connection_window_bytes(streams))
        .adaptive_window(false)
        .keep_alive_interval(settings.keepalive_interval)
        .keep_alive_timeout(settings.keepalive_timeout)
        .max_pending_accept_reset_streams(MAX_PENDING_RESETS)
        .max_header_list_size(MAX_HEADER_BYTES);
    builder
}

/// One connection, from its first byte to its end.
async fn connection<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    edge: Arc<Edge>,
    builder: &Builder<TokioExecutor>,
    idle: Duration,
    mut stopping: watch::Receiver<bool>,
) {
    let activity = Arc::new(Activity::default());
    let stream = Watched { stream, activity: Arc::clone(&activity) };
    let service = {
        let activity = Arc::clone(&activity);
        service_fn(move |request: Request<Incoming>| {
            let (edge, asking) = (Arc::clone(&edge), Asking::new(&activity));
            async move {
                let response: Response<Body> = edge.answer(request.map(Body::new)).await;
                // An answer that is a stream counts until all of it is sent or its reader has left.
                Ok::<_, Infallible>(response.map(|body| held(body, Some(asking))))
            }
        })
    };
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let mut look = tokio::time::interval(LOOK_AFTER.min(idle));
    let mut ends = false;
    loop {
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "a connection ended");
                }
                return;
            }
            () = stopped(&mut stopping), if !ends => {
                ends = true;
                connection.as_mut().graceful_shutdown();
            }
            _ = look.tick() => {
                if activity.is_idle_for(idle) {
                    return;
                }
            }
        }
    }
}

/// What happens on a connection.
#[derive(Debug)]
struct Activity {
    begun: Instant,
    /// Milliseconds from `begun` to the latest byte.
    latest: AtomicU64,
    /// Requests whose answers are not sent.
    asking: AtomicUsize,
}

impl Default for Activity {
    fn default() -> Self {
        Self { begun: Instant::now(), latest: AtomicU64::new(0), asking: AtomicUsize::new(0) }
    }
}

impl Activity {
    fn touch(&self) {
        let since = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.latest.store(since, Ordering::Relaxed);
    }

    fn is_idle_for(&self, idle: Duration) -> bool {
        let latest = Duration::from_millis(self.latest.load(Ordering::Relaxed));
        self.asking.load(Ordering::Acquire) == 0 && self.begun.elapsed().saturating_sub(latest) >= idle
    }
}

/// A request that is answered.
#[derive(Debug)]
struct Asking(Arc<Activity>);

impl Asking {
    fn new(activity: &Arc<Activity>) -> Self {
        activity.asking.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(activity))
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        self.0.touch();
        self.0.asking.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A stream that takes note of bytes that come.
#[derive(Debug)]
struct Watched<S> {
    stream: S,
    activity: Arc<Activity>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Polled<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.activity.touch();
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Polled<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Polled<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Polled<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Polled<'_>,
        slices: &[std::io::IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
