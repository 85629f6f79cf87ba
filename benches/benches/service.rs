//! What a query through gRPC costs as the collection grows: a large collection of mixed contents beside a small one, asked by
//! turns, with and without filters, and how long a server takes from its start to its first answer.
//!
//! `SENSORIUM_BENCH_ASSETS` sets the size of the large collection (default 150,000), `SENSORIUM_BENCH_KEEP` a folder in which the
//! collections are kept for the next run, `SENSORIUM_BENCH_BUNDLE` that of another bundle, which may have several spaces. Both hold
//! what `mixed.rs` tells.

#![expect(clippy::expect_used, reason = "a bench stops at its first error")]

use std::path::Path;
use std::time::Duration;

use sensorium_benches::mixed::{self, TEXTS};
use sensorium_benches::server::Server;
use sensorium_benches::{bundle, median, report};
use sensorium_types::{Filter, QueryRequest, Term, TermInput};
use serde_json::json;

const SMALL: usize = 3_000;
const LARGE: usize = 150_000;
/// Queries of each kind; the two servers are asked by turns.
const QUERIES: usize = 60;
/// Starts of each server, of which the fastest counts.
const STARTS: usize = 3;
/// Filters and the share of the assets that meet each.
const FILTERS: [(&str, &str); 5] = [
    ("75 %", "share < 750"),
    ("50 %", "share < 500"),
    ("10 %", "share < 100"),
    ("1 %", "share < 10"),
    ("0.1 %", "share < 1"),
];

fn main() {
    let large = mixed::size(LARGE);
    let temporary = tempfile::tempdir().expect("temporary folder");
    let folder = mixed::folder(temporary.path());
    let [small_data, large_data] = mixed::fill_both(&folder, SMALL, large, &bundle());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("runtime");
    runtime.block_on(measure(&small_data, &large_data, large));
}

async fn measure(small_data: &Path, large_data: &Path, large: usize) {
    let mut starts = [Duration::MAX; 2];
    for _ in 0..STARTS {
        for (start, data) in starts.iter_mut().zip([small_data, large_data]) {
            let begun = std::time::Instant::now();
            let server = Server::start(data);
            let client = server.client().await;
            client.query(text("a dog", None)).await.expect("answers");
            *start = begun.elapsed().min(*start);
        }
    }
    let [small_start, large_start] = starts.map(|start| start.as_secs_f64());
    report(
        "service_start",
        json!({ "assets": large, "first_answer_s": large_start, "over_small": large_start / small_start }),
    );
    let servers = [Server::start(small_data), Server::start(large_data)];
    let [small, big] = &servers;
    let clients = [small.client().await, big.client().await];
    // What the first queries set up (columns of fields, buffers) is not of a query's cost.
    let mut all = vec![("none", None)];
    all.extend(FILTERS.map(|(share, filter)| (share, Some(filter))));
    let mut unfiltered = 0.0;
    for (share, filter) in all {
        let mut times = [Vec::new(), Vec::new()];
        for number in 0..QUERIES + 10 {
            let query = TEXTS.get(number % TEXTS.len()).expect("a text");
            for (times, client) in times.iter_mut().zip(&clients) {
                let begun = std::time::Instant::now();
                let reply = client.query(text(query, filter)).await.expect("answers");
                let took = begun.elapsed().as_secs_f64();
                assert!(!reply.hits.is_empty(), "{share}");
                if number >= 10 {
                    times.push(took * 1e3);
                }
            }
        }
        let [small_ms, large_ms] = times.map(median);
        if filter.is_none() {
            unfiltered = small_ms;
        }
        report(
            "service_query",
            json!({
                "assets": large, "filter": share, "small_ms": small_ms, "large_ms": large_ms,
                "over_small": large_ms / small_ms, "over_small_unfiltered": large_ms / unfiltered,
            }),
        );
    }
    report("service_memory", json!({ "assets": large, "rss_anon_mb": big.anonymous_mb() }));
}

fn text(text: &str, filter: Option<&str>) -> QueryRequest {
    let filter: Option<Filter> = filter.map(|filter| filter.parse().expect("a filter"));
    let input = TermInput::Text(text.to_owned());
    QueryRequest { terms: vec![Term { weight: 1.0, input }], filter, ..QueryRequest::default() }
}
