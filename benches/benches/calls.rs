//! Calls that read, over HTTP, on a large collection beside a small one, by turns: what each costs as the collection grows. One that
//! should not grow and does reads what it need not.
//!
//! `SENSORIUM_BENCH_ASSETS` sets the size of the large collection (default 100,000), `SENSORIUM_BENCH_KEEP` a folder in which the
//! collections are kept for the next run. Both hold what `mixed.rs` tells. The files of their assets are not there, so media are
//! looked for and answered to be away.

#![expect(clippy::expect_used, reason = "a bench stops at its first error")]

use std::time::{Duration, Instant};

use sensorium_benches::mixed;
use sensorium_benches::server::{Http, Server};
use sensorium_benches::{bundle, median, report};
use serde_json::json;

const SMALL: usize = 3_000;
const LARGE: usize = 100_000;
/// How often each call is made.
const ROUNDS: usize = 30;
/// Made before, so that columns of what filters name are there.
const FIRST: usize = 3;
/// How long it waits after the first ones for columns that are made in the background.
const SETTLING: Duration = Duration::from_secs(3);

/// A name, a path, and what is sent to it; what sends nothing is got.
const CALLS: [(&str, &str, &str); 19] = [
    ("query", "/v1/query", r#"{"terms":[{"text":"a red car"}]}"#),
    ("query by an asset", "/v1/query", r#"{"terms":[{"asset_id":"asset 0000300"}]}"#),
    ("query, 1000 hits", "/v1/query", r#"{"terms":[{"text":"a red car"}],"limit":1000}"#),
    ("query, 1 in 1000", "/v1/query", r#"{"terms":[{"text":"a red car"}],"filter_text":"share = 7"}"#),
    ("score", "/v1/score", r#"{"terms":[{"text":"a red car"}],"asset_id":"asset 0000300"}"#),
    ("count", "/v1/count", r#"{"filter_text":"year >= 2020"}"#),
    ("scroll", "/v1/scroll", r#"{"limit":100}"#),
    ("scroll, newest", "/v1/scroll", r#"{"limit":100,"newest_first":true}"#),
    ("scroll, 1 in 1000", "/v1/scroll", r#"{"limit":100,"filter_text":"share = 7"}"#),
    ("asset", "/v1/assets/asset%200000300", ""),
    ("media", "/v1/assets/asset%200000300/media", ""),
    ("preview", "/v1/assets/asset%200000300/preview", ""),
    ("thumbnail", "/v1/assets/asset%200000300/thumbnail", ""),
    ("stats", "/v1/stats", ""),
    ("collections", "/v1/collections", ""),
    ("fields", "/v1/fields", ""),
    ("failures", "/v1/failures", ""),
    ("warnings", "/v1/failures?warnings=true", ""),
    ("metrics", "/metrics", ""),
];

fn main() {
    let large = mixed::size(LARGE);
    let temporary = tempfile::tempdir().expect("temporary folder");
    let folder = mixed::folder(temporary.path());
    let [small_data, large_data] = mixed::fill_both(&folder, SMALL, large, &bundle());
    let servers = [Server::start(&small_data), Server::start(&large_data)];
    let caller = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
    caller.block_on(measure(&servers, large));
}

async fn measure(servers: &[Server; 2], large: usize) {
    let mut callers = [Http::connect(&servers[0].url).await, Http::connect(&servers[1].url).await];
    for (_, path, body) in CALLS {
        for caller in &mut callers {
            for _ in 0..FIRST {
                ask(caller, path, body).await;
            }
        }
    }
    tokio::time::sleep(SETTLING).await;
    for (call, path, body) in CALLS {
        let mut times = [Vec::new(), Vec::new()];
        let mut statuses = [0; 2];
        for _ in 0..ROUNDS {
            for ((caller, times), status) in callers.iter_mut().zip(&mut times).zip(&mut statuses) {
                let begun = Instant::now();
                *status = ask(caller, path, body).await;
                times.push(begun.elapsed().as_secs_f64() * 1e3);
            }
        }
        assert_eq!(statuses[0], statuses[1], "{call}");
        let [small_ms, large_ms] = times.map(median);
        report(
            "service_calls",
            json!({
                "call": call, "status": statuses[1], "assets": large, "small_ms": small_ms, "large_ms": large_ms,
                "over_small": large_ms / small_ms,
            }),
        );
    }
}

/// Makes a call; its status.
async fn ask(caller: &mut Http, path: &str, body: &str) -> u16 {
    match body {
        "" => caller.get(path).await.0,
        body => caller.post(path, body).await.0,
    }
}
