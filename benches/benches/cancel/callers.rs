//! How long a server works on for a caller who has left: a call of gRPC that is given up, a connection of HTTP/1.1 that is closed, a
//! stream of HTTP/2 that is reset, a connection of HTTP/2 that is closed.
//!
//! The server is the program, with one place for queries, which is free once nothing works for the query that has it any more. So
//! from the moment at which the caller leaves, another asks again and again until it is let in: what it takes until then, its own last
//! way included, is what is told.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::Full;
use hyper_util::rt::{TokioExecutor, TokioIo};
use sensorium_benches::server::{Http, Server};
use sensorium_benches::{Random, index_folder, mixed};
use sensorium_client::{Client, Options, Retry};
use sensorium_embed::Bundle;
use sensorium_types::{AssetId, QueryRequest, Term, TermInput};
use serde_json::{Value, json};
use tokio::net::TcpStream;

use super::{LONGER, LONGEST, RERANKED, TRIES, make_video_of, tell};

const ASSETS: usize = 100_000;
/// The asset that is asked by.
const ASSET: &str = "asset 0000003";
/// How long at most another waits for the place.
const PATIENCE: Duration = Duration::from_secs(60);
/// The video that is asked by: of a size that a page sends.
const VIDEO: (&str, u32) = ("640x360", 20);

/// How a caller leaves.
#[derive(Debug, Clone, Copy)]
enum Leaves {
    Grpc,
    Http1Closed,
    Http2Reset,
    Http2Closed,
}

impl Leaves {
    const ALL: [Self; 4] = [Self::Grpc, Self::Http1Closed, Self::Http2Reset, Self::Http2Closed];

    const fn name(self) -> &'static str {
        match self {
            Self::Grpc => "gRPC, call given up",
            Self::Http1Closed => "HTTP/1.1, connection closed",
            Self::Http2Reset => "HTTP/2, stream reset",
            Self::Http2Closed => "HTTP/2, connection closed",
        }
    }
}

/// Queries that take long, each by a stage of its own.
struct Stage {
    name: &'static str,
    /// The caller leaves at most so long after it asked.
    longest: Duration,
    query: Box<dyn Fn(usize) -> Asked>,
}

/// A query, and its filter as it is written.
struct Asked {
    request: QueryRequest,
    filter: String,
}

impl Asked {
    fn new(input: TermInput, filter: &str) -> Self {
        let parsed = (!filter.is_empty()).then(|| filter.parse().expect("a filter"));
        let request = QueryRequest {
            terms: vec![Term { weight: 1.0, input }],
            filter: parsed,
            ..QueryRequest::default()
        };
        Self { request, filter: filter.to_owned() }
    }
}

/// Measures every way to leave, stage by stage.
pub(super) fn run(folder: &Path, bundle: &Arc<Bundle>, random: &mut Random) {
    let data = folder.join("served");
    mixed::fill(&data, ASSETS, bundle);
    index_folder(data.clone(), folder.join("images"), Arc::clone(bundle));
    let video = folder.join("asked.mp4");
    make_video_of(&video, VIDEO.0, VIDEO.1);
    let video: Arc<[u8]> = fs_err::read(&video).expect("a video").into();
    let stages = [
        Stage { name: "filter, asked of every asset", longest: LONGEST, query: Box::new(filtered) },
        Stage { name: "50 hits read once more", longest: LONGER, query: Box::new(|_| reranked()) },
        Stage { name: "a video as a term", longest: LONGER, query: Box::new(move |_| by_video(&video)) },
    ];
    let server = Server::start_with(&data, &["--limit", "max_queries=1"]);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("runtime");
    runtime.block_on(async {
        // Encoders, the caption decoder and the worker of queries start at their first use.
        for stage in &stages {
            server.client().await.query((stage.query)(0).request).await.expect("answers");
        }
        let mut number = 0;
        for stage in &stages {
            for leaves in Leaves::ALL {
                let mut times = Vec::with_capacity(TRIES);
                for _ in 0..TRIES {
                    number += 1;
                    let after = stage.longest.mul_f32(random.uniform());
                    times.push(leave(&server, (stage.query)(number), leaves, after).await);
                }
                tell(stage.name, leaves.name(), times);
            }
        }
    });
}

/// Another field each time: one that is asked again gets a column.
fn filtered(number: usize) -> Asked {
    let asset = AssetId::new(ASSET).expect("valid");
    Asked::new(TermInput::Asset(asset), &format!("\"field {number}\" = 1"))
}

/// Of images that have a thumbnail.
fn reranked() -> Asked {
    let mut asked = Asked::new(TermInput::Text("a test pattern".to_owned()), "mime = \"image/jpeg\"");
    asked.request.limit = RERANKED;
    asked.request.rerank = RERANKED;
    asked
}

fn by_video(video: &Arc<[u8]>) -> Asked {
    Asked::new(TermInput::Bytes(Arc::clone(video)), "")
}

/// A query as JSON, as far as these say something.
fn as_json(Asked { request, filter }: &Asked) -> String {
    let input = |input: &TermInput| -> Value {
        match input {
            TermInput::Text(text) => json!({ "text": text }),
            TermInput::Asset(id) => json!({ "asset_id": id.as_str() }),
            TermInput::Bytes(bytes) => json!({ "media": { "data": STANDARD.encode(bytes) } }),
            TermInput::TextIn(..) | TermInput::File(_) | TermInput::Point(..) | TermInput::Vector(_) => {
                panic!("no stage asks so")
            }
        }
    };
    let terms: Vec<Value> = request.terms.iter().map(|term| input(&term.input)).collect();
    json!({ "terms": terms, "filter_text": filter, "limit": request.limit, "rerank": request.rerank })
        .to_string()
}

/// Asks, leaves after a while, and gives the milliseconds until the place is free.
async fn leave(server: &Server, query: Asked, leaves: Leaves, after: Duration) -> f64 {
    let mut other = Http::connect(&server.url).await;
    let left = match leaves {
        Leaves::Grpc => {
            let options = Options { retry: Retry { attempts: 1, ..Retry::default() }, ..Options::default() };
            let client = Client::connect_with(&server.url, options).await.expect("connects");
            // It may be answered before.
            drop(tokio::time::timeout(after, client.query(query.request)).await);
            Instant::now()
        }
        Leaves::Http1Closed => {
            let mut caller = Http::connect(&server.url).await;
            let body = as_json(&query);
            let asked = async {
                caller.send("/v1/query", &body).await;
                std::future::pending::<()>().await;
            };
            drop(tokio::time::timeout(after, asked).await);
            let left = Instant::now();
            drop(caller);
            left
        }
        Leaves::Http2Reset | Leaves::Http2Closed => {
            let stream = TcpStream::connect(server.host()).await.expect("connects");
            stream.set_nodelay(true).expect("sets");
            let (mut sender, connection) =
                hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
                    .await
                    .expect("speaks HTTP/2");
            let connection = tokio::spawn(connection);
            let asked = http::Request::post(format!("{}/v1/query", server.url))
                .header(http::header::CONTENT_TYPE, "application/json")
                .body(Full::new(Bytes::from(as_json(&query))))
                .expect("a request");
            let asked = Box::pin(sender.send_request(asked));
            let asked = tokio::time::timeout(after, asked).await;
            let left = Instant::now();
            drop(asked);
            if matches!(leaves, Leaves::Http2Closed) {
                connection.abort();
            }
            let freed = free(&mut other).await;
            drop(sender);
            return freed.saturating_duration_since(left).as_secs_f64() * 1e3;
        }
    };
    free(&mut other).await.saturating_duration_since(left).as_secs_f64() * 1e3
}

/// Asks until there is a place.
async fn free(other: &mut Http) -> Instant {
    let body = json!({ "terms": [{ "asset_id": ASSET }], "limit": 1 }).to_string();
    let begun = Instant::now();
    loop {
        let (status, answer) = other.post("/v1/query", &body).await;
        match status {
            200 => return Instant::now(),
            429 => assert!(begun.elapsed() < PATIENCE, "the place is never free"),
            other => panic!("{other}: {}", String::from_utf8_lossy(&answer)),
        }
    }
}
