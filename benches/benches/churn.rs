//! A collection of which half was deleted and half inserted, beside a fresh one of the same assets: recall@10 and bytes on disk, at
//! once and when the background has done what it does.
//!
//! Vectors are seeded: normal times i^-0.5 along the i-th axis, turned by a few reflections, unit. The bars are recall within 0.01
//! and disk within 1.2 times, at most 5 minutes after.

#![expect(clippy::expect_used, reason = "a bench stops at its first error")]

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sensorium_benches::{Random, images, normalized, report, timed};
use sensorium_index::{Collection, DEFAULT_SEAL_POINTS};
use sensorium_types::{AssetId, Change, Payload, SearchRequest};
use serde_json::json;

const POINTS: usize = 100_000;
const DIM: usize = 256;
const QUERIES: usize = 300;
const K: usize = 10;
const BATCH: usize = 500;
const REFLECTIONS: usize = 4;
const SEED: u64 = 5;
/// Between two looks at the collection.
const PAUSE: Duration = Duration::from_secs(5);
/// The bar's.
const LONGEST: Duration = Duration::from_secs(300);

fn main() {
    let vectors = Vectors::new();
    let queries: Vec<Vec<f32>> = (0..QUERIES).map(|number| vectors.get(2 * POINTS + number)).collect();
    let (_folder, collection) = open();
    insert(&collection, &vectors, 0..POINTS);
    settle(&collection, "before");
    let mut random = Random(SEED);
    let mut deleted = HashSet::new();
    while deleted.len() < POINTS / 2 {
        deleted.insert(random.below(POINTS));
    }
    let mut order: Vec<usize> = deleted.iter().copied().collect();
    order.sort_unstable();
    let (_, deleting) = timed(|| {
        for batch in order.chunks(BATCH) {
            let changes = batch.iter().map(|number| Change::Delete { asset: images::id(*number) }).collect();
            collection.apply(changes).expect("applies");
        }
    });
    let (_, inserting) = timed(|| insert(&collection, &vectors, POINTS..POINTS + POINTS / 2));
    let at_once = figures(&collection, &queries);
    let (settled, waited) = timed(|| settle(&collection, "churned"));
    let after = figures(&collection, &queries);
    drop(collection);

    let (_folder, fresh) = open();
    for part in [(0..POINTS), (POINTS..POINTS + POINTS / 2)] {
        let live: Vec<usize> = part.filter(|number| !deleted.contains(number)).collect();
        for batch in live.chunks(BATCH) {
            fresh.apply(batch.iter().map(|number| image(*number, &vectors)).collect()).expect("applies");
        }
    }
    settle(&fresh, "fresh");
    let right = figures(&fresh, &queries);
    // What a graph finds hangs on how many there are: the same assets in one, as the churned ones may be by now.
    fresh.seal().expect("seals");
    let right_in_one = figures(&fresh, &queries);
    report(
        "churn",
        json!({
            "points": POINTS, "dim": DIM, "delete_s": deleting.as_secs_f64(), "insert_s": inserting.as_secs_f64(),
            "at_once": at_once, "after": after, "fresh": right, "fresh_in_one_graph": right_in_one, "settled": settled, "settled_after_s": waited.as_secs_f64(),
        }),
    );
}

/// Recall, bytes and points in graphs.
fn figures(collection: &Collection, queries: &[Vec<f32>]) -> serde_json::Value {
    let mut found = 0;
    let mut took = Duration::ZERO;
    for query in queries {
        let truth = search(collection, query, true);
        let (hits, time) = timed(|| search(collection, query, false));
        took += time;
        found += hits.iter().filter(|hit| truth.contains(hit)).count();
    }
    let stats = collection.stats().expect("stats");
    json!({
        "assets": stats.assets, "points_in_graph": stats.points_in_graph, "bytes_on_disk": stats.bytes_on_disk,
        "recall_at_10": found as f64 / (queries.len() * K) as f64,
        "query_ms": took.as_secs_f64() * 1e3 / queries.len() as f64,
    })
}

/// Waits until nothing changes any more, at most as long as the bar allows; whether it came so far.
#[expect(clippy::print_stderr, reason = "a bench of minutes says where it is")]
fn settle(collection: &Collection, what: &str) -> bool {
    let begun = Instant::now();
    let state = || {
        let stats = collection.stats().expect("stats");
        (stats.points_in_graph.unwrap_or(0), stats.bytes_on_disk.unwrap_or(0))
    };
    let mut before = state();
    let mut still = 0;
    while begun.elapsed() < LONGEST {
        std::thread::sleep(PAUSE);
        let now = state();
        still = if now == before { still + 1 } else { 0 };
        before = now;
        eprintln!("{what}: {:.0} s, {} in graphs, {} MB", begun.elapsed().as_secs_f64(), now.0, now.1 >> 20);
        // A build of a segment takes tens of seconds, and shows only in its end; a tail that is left is not due.
        if still >= 10 && usize::try_from(now.0).unwrap_or(0) + DEFAULT_SEAL_POINTS > POINTS {
            return true;
        }
    }
    false
}

fn open() -> (tempfile::TempDir, Arc<Collection>) {
    let folder = tempfile::tempdir().expect("temporary folder");
    let collection = images::collection(folder.path(), DIM);
    (folder, collection)
}

fn insert(collection: &Collection, vectors: &Vectors, numbers: std::ops::Range<usize>) {
    for start in numbers.clone().step_by(BATCH) {
        let batch = start..numbers.end.min(start + BATCH);
        collection.apply(batch.map(|number| image(number, vectors)).collect()).expect("applies");
    }
}

fn search(collection: &Collection, query: &[f32], exact: bool) -> Vec<AssetId> {
    images::nearest(collection, query, SearchRequest { limit: K, exact, ..SearchRequest::default() })
}

fn image(number: usize, vectors: &Vectors) -> Change {
    images::upsert(number, Payload::new(), vectors.get(number))
}

/// Vectors by number.
struct Vectors {
    mirrors: Vec<Vec<f32>>,
}

impl Vectors {
    fn new() -> Self {
        let mut random = Random(SEED ^ 0x55);
        let mirrors = (0..REFLECTIONS).map(|_| normalized((0..DIM).map(|_| random.normal()).collect()));
        Self { mirrors: mirrors.collect() }
    }

    fn get(&self, number: usize) -> Vec<f32> {
        let mut random = Random((number as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ SEED);
        let mut vector: Vec<f32> =
            (0..DIM).map(|axis| random.normal() / ((axis + 1) as f32).sqrt()).collect();
        for mirror in &self.mirrors {
            let along: f32 = vector.iter().zip(mirror).map(|(a, b)| a * b).sum();
            vector.iter_mut().zip(mirror).for_each(|(value, axis)| *value -= 2.0 * along * axis);
        }
        normalized(vector)
    }
}
