//! The graph against exact search on seeded clusters: recall@10 beside queries a second, p50 and p99, for each beam.

#![expect(clippy::expect_used, reason = "a bench stops at its first error")]

use std::time::Duration;

use sensorium_benches::{Random, images, normalized, report, timed};
use sensorium_index::Collection;
use sensorium_types::{AssetId, Payload, SearchRequest};
use serde_json::json;

const POINTS: usize = 30_000;
const DIM: usize = 384;
const CLUSTERS: usize = 300;
const QUERIES: usize = 300;
const K: usize = 10;
const SEED: u64 = 3;

fn main() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let collection = images::collection(folder.path(), DIM);
    let mut random = Random(SEED);
    let centres: Vec<Vec<f32>> = (0..CLUSTERS).map(|_| unit(&mut random, DIM)).collect();
    let (_, ingest) = timed(|| {
        for start in (0..POINTS).step_by(1000) {
            let image = |number| images::upsert(number, Payload::new(), near(&mut random, &centres));
            let changes = (start..start + 1000).map(image).collect();
            collection.apply(changes).expect("applies");
        }
    });
    let (_, build) = timed(|| collection.seal().expect("seals"));
    let queries: Vec<Vec<f32>> = (0..QUERIES).map(|_| near(&mut random, &centres)).collect();
    let (truth, exact) =
        timed(|| queries.iter().map(|q| search(&collection, q, true, None)).collect::<Vec<_>>());
    for ef in [32, 64, 128, 256] {
        let mut times = Vec::new();
        let mut found = 0;
        for (query, truth) in queries.iter().zip(&truth) {
            let (hits, took) = timed(|| search(&collection, query, false, Some(ef)));
            times.push(took);
            found += hits.iter().filter(|hit| truth.contains(hit)).count();
        }
        times.sort();
        let at = |percent: usize| times.get(percent * QUERIES / 100).map_or(0.0, Duration::as_secs_f64) * 1e3;
        let total: Duration = times.iter().sum();
        report(
            "graph",
            json!({
                "points": POINTS, "dim": DIM, "ef": ef, "recall_at_10": found as f64 / (QUERIES * K) as f64,
                "queries_a_second": QUERIES as f64 / total.as_secs_f64(), "p50_ms": at(50), "p99_ms": at(99),
                "exact_queries_a_second": QUERIES as f64 / exact.as_secs_f64(),
                "ingest_s": ingest.as_secs_f64(), "build_s": build.as_secs_f64(),
                "bytes_a_point": collection.stats().expect("stats").bytes_in_memory.unwrap_or_default() as f64 / POINTS as f64,
            }),
        );
    }
}

fn search(collection: &Collection, query: &[f32], exact: bool, ef: Option<usize>) -> Vec<AssetId> {
    images::nearest(collection, query, SearchRequest { limit: K, exact, ef, ..SearchRequest::default() })
}

fn unit(random: &mut Random, dim: usize) -> Vec<f32> {
    normalized((0..dim).map(|_| random.normal()).collect())
}

fn near(random: &mut Random, centres: &[Vec<f32>]) -> Vec<f32> {
    #[expect(clippy::cast_possible_truncation, reason = "a share of a small count")]
    let pick = (random.uniform() * centres.len() as f32) as usize;
    let centre = centres.get(pick.min(centres.len() - 1)).expect("a centre");
    normalized(centre.iter().map(|value| value + random.normal() * 0.05).collect())
}
