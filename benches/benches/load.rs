//! What a server adds to a query, by gRPC and by JSON; what becomes of 1, 8, 64 and 256 clients; and ingest through it beside the
//! command, from the same files.
//!
//! `SENSORIUM_BENCH_ASSETS` sets the size of the collection (default 100,000), `SENSORIUM_BENCH_KEEP` a folder in which it is kept for
//! the next run.

#![expect(clippy::expect_used, reason = "a bench stops at its first error")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use sensorium_api::{Message as _, v1};
use sensorium_benches::mixed::{self, TEXTS};
use sensorium_benches::server::{Answered, Grpc, Http, Server};
use sensorium_benches::{bundle, files, index_folder, median, report};
use sensorium_client::{Client, Options, Retry};
use sensorium_embed::Bundle;
use sensorium_types::{ErrorKind, IngestItem, MediaPolicy, QueryRequest, Term, TermInput};
use serde_json::json;

const ASSETS: usize = 100_000;
/// Queries by which what a server adds is measured, by each way and by turns.
const QUERIES: usize = 400;
/// How long each number of clients asks.
const LADDER: Duration = Duration::from_secs(6);
const CLIENTS: [usize; 4] = [1, 8, 64, 256];
/// JPEGs that are brought in.
const JPEGS: usize = 1_000;
/// The call by which gRPC is asked.
const QUERY: &str = "sensorium.v1.QueryService/Query";
const STREAMS: [usize; 2] = [1, 8];
/// How often each way of bringing them in is measured.
const TURNS: usize = 3;

fn main() {
    let assets = mixed::size(ASSETS);
    let bundle = bundle();
    let temporary = tempfile::tempdir().expect("temporary folder");
    let folder = mixed::folder(temporary.path());
    let data = folder.join(format!("load-{assets}"));
    mixed::fill(&data, assets, &bundle);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("runtime");
    let server = Server::start(&data);
    // One caller on one thread: what his own threads cost him is not the server's.
    let caller = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
    caller.block_on(added(&server, assets));
    for clients in CLIENTS {
        runtime.block_on(ladder(&server, clients, assets));
    }
    report("service_memory_under_load", json!({ "assets": assets, "rss_anon_mb": server.anonymous_mb() }));
    drop(server);

    ingest_by_turns(temporary.path(), &bundle, &runtime);
}

/// Files brought in by the command and through a server, by turns; a ratio is of one turn.
fn ingest_by_turns(folder: &Path, bundle: &Arc<Bundle>, runtime: &tokio::runtime::Runtime) {
    let media = folder.join("media");
    make_jpegs(&media);
    let mut local_rates = Vec::new();
    let mut rates = STREAMS.map(|streams| (streams, Vec::new(), Vec::new()));
    for turn in 0..TURNS {
        let local = folder.join(format!("local-{turn}"));
        let (summary, took) = index_folder(local, media.clone(), Arc::clone(bundle));
        assert_eq!(summary.indexed, JPEGS as u64, "{summary:?}");
        let local_rate = JPEGS as f64 / took.as_secs_f64();
        local_rates.push(local_rate);
        for (streams, rates, ratios) in &mut rates {
            let data = folder.join(format!("streams-{streams}-{turn}"));
            let rate = runtime.block_on(ingest(&data, &media, *streams));
            rates.push(rate);
            ratios.push(rate / local_rate);
        }
    }
    let local = median(local_rates);
    for (streams, rates, mut ratios) in rates {
        ratios.sort_by(f64::total_cmp);
        report(
            "service_ingest",
            json!({
                "jpegs": JPEGS, "streams": streams, "a_second": median(rates), "local_a_second": local,
                "over_local": median(ratios.clone()), "least": ratios.first(), "most": ratios.last(),
            }),
        );
    }
}

fn request(text: &str) -> QueryRequest {
    let input = TermInput::Text(text.to_owned());
    QueryRequest { terms: vec![Term { weight: 1.0, input }], ..QueryRequest::default() }
}

/// The time from a query to its answer less that of its encoding and of its search, as the answer's `server-timing` tells them. Both are asked by
/// clients that take what comes over the wire and read it afterwards.
async fn added(server: &Server, assets: usize) {
    let mut client = Grpc::connect(&server.url).await;
    let mut http = Http::connect(&server.url).await;
    let (mut grpc, mut by_json) = (Vec::new(), Vec::new());
    let (mut grpc_whole, mut json_whole) = (Vec::new(), Vec::new());
    let mut refused = Vec::new();
    for number in 0..QUERIES + 20 {
        let text = TEXTS.get(number % TEXTS.len()).expect("a text");
        let input = Some(v1::term::Input::Text((*text).to_owned()));
        let term = v1::Term { weight: None, input, ..v1::Term::default() };
        let asked = v1::QueryRequest { terms: vec![term], ..v1::QueryRequest::default() };
        let begun = Instant::now();
        let Answered { headers, body } = client.call(QUERY, &asked).await;
        let took = begun.elapsed().as_secs_f64() * 1e3;
        let own = own(headers.get("server-timing").and_then(|times| times.to_str().ok()));
        let reply = v1::QueryResponse::decode(body.slice(5..)).expect("a reply");
        assert_eq!(reply.hits.len(), 10);
        let body = json!({ "terms": [{ "text": text }] }).to_string();
        let begun = Instant::now();
        let (_, head, _) = http.post_whole("/v1/query", &body).await;
        let json_took = begun.elapsed().as_secs_f64() * 1e3;
        let own_json = self::own(head.lines().find_map(|line| line.strip_prefix("server-timing: ")));
        let begun = Instant::now();
        let nothing = client.call(QUERY, &v1::QueryRequest::default()).await;
        let refused_took = begun.elapsed().as_secs_f64() * 1e3;
        assert_eq!(nothing.headers.get("grpc-status").map(http::HeaderValue::as_bytes), Some(&b"3"[..]));
        if number >= 20 {
            grpc.push(took - own);
            by_json.push(json_took - own_json);
            grpc_whole.push(took);
            json_whole.push(json_took);
            refused.push(refused_took);
        }
    }
    report(
        "service_added",
        json!({
            "assets": assets, "grpc_added_ms": median(grpc), "json_added_ms": median(by_json),
            "grpc_ms": median(grpc_whole), "json_ms": median(json_whole),
            // What the wire and waking threads cost on this machine, whatever is asked.
            "grpc_refused_ms": median(refused),
        }),
    );
}

/// Milliseconds of encoding and search, which are a query's own; all else is what serving adds.
fn own(server_timing: Option<&str>) -> f64 {
    let stages = server_timing.expect("an answer tells its times").split(", ");
    let times = stages.filter_map(|stage| stage.split_once(";dur="));
    let own = times.filter(|(stage, _)| ["encode", "search"].contains(stage));
    let own: Vec<f64> = own.map(|(_, ms)| ms.parse().expect("a number")).collect();
    assert_eq!(own.len(), 2, "encoding and search are told");
    own.iter().sum()
}

/// So many clients that ask one query after another.
async fn ladder(server: &Server, clients: usize, assets: usize) {
    let turned_away = Arc::new(AtomicUsize::new(0));
    let until = Instant::now() + LADDER;
    let mut asking = tokio::task::JoinSet::new();
    for client in 0..clients {
        let options = Options { retry: Retry { attempts: 1, ..Retry::default() }, ..Options::default() };
        let connected = Client::connect_with(&server.url, options).await.expect("connects");
        let turned_away = Arc::clone(&turned_away);
        asking.spawn(async move {
            let mut times = Vec::new();
            for number in client.. {
                if Instant::now() >= until {
                    break;
                }
                let text = TEXTS.get(number % TEXTS.len()).expect("a text");
                let begun = Instant::now();
                match connected.query(request(text)).await {
                    Ok(_) => times.push(begun.elapsed().as_secs_f64() * 1e3),
                    Err(error) => {
                        assert_eq!(error.kind(), ErrorKind::Overloaded, "{error}");
                        turned_away.fetch_add(1, Ordering::Relaxed);
                        // As a client does that heeds what it is told.
                        let told = error.refusal().and_then(|fault| fault.retry_after);
                        tokio::time::sleep(told.unwrap_or(Duration::from_millis(50))).await;
                    }
                }
            }
            times
        });
    }
    let mut times: Vec<f64> = asking.join_all().await.into_iter().flatten().collect();
    times.sort_by(f64::total_cmp);
    let at = |percent: usize| {
        times.get((times.len().saturating_sub(1)) * percent / 100).copied().unwrap_or(f64::NAN)
    };
    report(
        "service_clients",
        json!({
            "assets": assets, "clients": clients, "queries_a_second": times.len() as f64 / LADDER.as_secs_f64(),
            "median_ms": at(50), "p99_ms": at(99), "turned_away": turned_away.load(Ordering::Relaxed),
        }),
    );
}

/// JPEGs of the samples, each another by what follows its end mark.
fn make_jpegs(folder: &Path) {
    fs_err::create_dir_all(folder).expect("a folder");
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../samples/images");
    let originals = files(&samples, "jpg", usize::MAX).expect("samples");
    for number in 0..JPEGS {
        let mut bytes = fs_err::read(originals.get(number % originals.len()).expect("one")).expect("reads");
        bytes.extend_from_slice(format!("{number:08}").as_bytes());
        fs_err::write(folder.join(format!("{number:04}.jpg")), bytes).expect("writes");
    }
}

/// Images a second through so many streams.
async fn ingest(data: &Path, media: &Path, streams: usize) -> f64 {
    let server = Server::start(data);
    // The encoders are loaded by the first.
    server.client().await.query(request("a dog")).await.expect("answers");
    let all = files(media, "jpg", usize::MAX).expect("files");
    let begun = Instant::now();
    let mut sending = tokio::task::JoinSet::new();
    for part in all.chunks(all.len().div_ceil(streams)) {
        let (client, part) = (server.client().await, part.to_vec());
        sending.spawn(async move {
            let items = futures::stream::iter(part).map(|path| {
                let bytes = fs_err::read(path).expect("reads");
                IngestItem { media: MediaPolicy::None, ..IngestItem::of_bytes(bytes) }
            });
            let mut outcomes = client.ingest(items);
            let mut indexed = 0;
            while let Some(outcome) = outcomes.next().await {
                outcome.expect("an outcome");
                indexed += 1;
            }
            indexed
        });
    }
    let indexed: usize = sending.join_all().await.into_iter().sum();
    assert_eq!(indexed, JPEGS);
    JPEGS as f64 / begun.elapsed().as_secs_f64()
}
