//! The plan of a search with a filter beside the best plan that could have been forced, evaluation of the filter included.
//!
//! Filters leave 50, 10, 1 and 0.1 % of the assets: at random, those that are near to what is asked, and those that are far from it. A walk is
//! forced with the narrowest beam that finds as much of the nearest as the plan that was chosen, and 0.95 of them at least; a scan finds
//! them all.

#![expect(clippy::expect_used, reason = "a bench stops at its first error")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sensorium_benches::{Random, images, normalized, report, timed};
use sensorium_index::{Collection, Database, OpenOptions, Planning, Tuning};
use sensorium_types::{Filter, Payload, Plan, SearchReply, SearchRequest};
use serde_json::json;

/// Assets, unless `FILTERS_ASSETS` says another number.
const ASSETS: usize = 100_000;
const DIM: usize = 256;
const SEED: u64 = 17;
const QUERIES: usize = 40;
const ROUNDS: usize = 7;
const NEAREST: usize = 10;
const RECALL: f64 = 0.95;
/// Beams that are tried for the forced walk.
const BEAMS: [usize; 7] = [16, 32, 64, 128, 256, 512, 1024];
/// Thousandths of the assets that a filter leaves.
const SHARES: [usize; 4] = [500, 100, 10, 1];
/// Which assets those are.
const KINDS: [&str; 3] = ["random", "near", "far"];

fn main() {
    let assets = std::env::var("FILTERS_ASSETS").ok().and_then(|text| text.parse().ok()).unwrap_or(ASSETS);
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut random = Random(SEED);
    let bounds = fill(folder.path(), assets, &mut random);
    let [by_cost, walk, scan] =
        [Planning::ByCost, Planning::Walk, Planning::Scan].map(|planning| open(folder.path(), planning));
    for kind in KINDS {
        // What is near to or far from a query along the axis along which points differ most.
        let queries: Vec<Vec<f32>> = (0..QUERIES).map(|_| query(kind, &mut random)).collect();
        for (share, bound) in SHARES.into_iter().zip(bounds) {
            let filter: Filter = filter(kind, share, bound).parse().expect("a filter");
            [&by_cost, &walk, &scan].into_iter().for_each(|side| {
                side.1.count(Some(&filter)).expect("counts");
                images::until_columns(&side.1, &filter);
            });
            let exact: Vec<SearchReply> =
                queries.iter().map(|query| ask(&scan.1, query, &filter, None)).collect();
            let chosen: Vec<SearchReply> =
                queries.iter().map(|query| ask(&by_cost.1, query, &filter, None)).collect();
            let equal = recall(&exact, &chosen).max(RECALL);
            let beam = BEAMS.into_iter().find(|beam| {
                let found = queries.iter().map(|query| ask(&walk.1, query, &filter, Some(*beam)));
                recall(&exact, &found.collect::<Vec<_>>()) >= equal
            });
            let walks = chosen.iter().filter(|reply| reply.plan != Plan::ExactScan).count();
            let mut ratios = Vec::new();
            let (mut ours, mut walked, mut scanned, mut counted) =
                (Vec::new(), Vec::new(), Vec::new(), Vec::new());
            for _ in 0..ROUNDS {
                let round = |side: &Arc<Collection>, beam| {
                    median(queries.iter().map(|query| timed(|| ask(side, query, &filter, beam)).1).collect())
                };
                let (own, by_scan) = (round(&by_cost.1, None), round(&scan.1, None));
                let by_walk = beam.map(|beam| round(&walk.1, Some(beam)));
                let best = by_walk.map_or(by_scan, |by_walk| by_walk.min(by_scan));
                ratios.push(best.as_secs_f64() / own.as_secs_f64());
                ours.push(own);
                scanned.push(by_scan);
                walked.extend(by_walk);
                counted.push(median(
                    queries
                        .iter()
                        .map(|_| timed(|| by_cost.1.count(Some(&filter)).expect("counts")).1)
                        .collect(),
                ));
            }
            ratios.sort_by(f64::total_cmp);
            report(
                "filters",
                json!({
                    "assets": assets, "kind": kind, "share_percent": share as f64 / 10.0,
                    "matches": by_cost.1.count(Some(&filter)).expect("counts"),
                    "walks_of": [walks, QUERIES], "recall": recall(&exact, &chosen),
                    "us": us(median(ours)), "scan_us": us(median(scanned)),
                    "walk_beam": beam, "walk_us": beam.map(|_| us(median(walked))),
                    "filter_us": us(median(counted)),
                    "best_forced_over_ours": ratios.get(ROUNDS / 2), "least": ratios.first(), "most": ratios.last(),
                }),
            );
        }
    }
}

type Side = (Database, Arc<Collection>);

fn open(data: &Path, planning: Planning) -> Side {
    let options = OpenOptions { read_only: true, ..OpenOptions::default() };
    let database =
        Database::open_tuned(data, options, Tuning { planning, ..Tuning::default() }).expect("opens");
    let collection = database.open_collection("default").expect("opens").expect("there");
    (database, collection)
}

/// Points with a spectrum, in one segment under one graph. Gives the bounds along the axis above which each share of them lies.
fn fill(data: &Path, assets: usize, random: &mut Random) -> [f32; SHARES.len()] {
    let collection = images::collection(data, DIM);
    let mut along: Vec<f32> = Vec::with_capacity(assets);
    for start in (0..assets).step_by(1000) {
        let changes = (start..assets.min(start + 1000)).map(|number| {
            let vector = vector(random);
            along.extend(vector.first());
            let mut facts = Payload::new();
            facts.set("random", random.below(1000));
            facts.set("axis", vector.first().copied().unwrap_or(0.0));
            images::upsert(number, facts, vector)
        });
        collection.apply(changes.collect()).expect("applies");
    }
    collection.seal().expect("seals");
    along.sort_by(f32::total_cmp);
    SHARES.map(|share| along.get(assets - assets * share / 1000).copied().unwrap_or(1.0))
}

fn filter(kind: &str, share: usize, bound: f32) -> String {
    if kind == "random" { format!("random < {share}") } else { format!("axis >= {bound}") }
}

/// Those that filters along the axis leave lie high on it.
fn query(kind: &str, random: &mut Random) -> Vec<f32> {
    let mut vector = vector(random);
    if let Some(first) = vector.first_mut() {
        *first = match kind {
            "near" => first.abs() + 0.2,
            "far" => -first.abs() - 0.2,
            _ => *first,
        };
    }
    normalized(vector)
}

fn vector(random: &mut Random) -> Vec<f32> {
    normalized((0..DIM).map(|axis| random.normal() / ((axis + 1) as f32).sqrt()).collect())
}

fn ask(collection: &Collection, query: &[f32], filter: &Filter, ef: Option<usize>) -> SearchReply {
    let request = SearchRequest {
        queries: vec![images::query(query)],
        filter: Some(filter.clone()),
        limit: NEAREST,
        ef,
        ..SearchRequest::default()
    };
    collection.search(&request).expect("answers").remove(0)
}

fn recall(exact: &[SearchReply], found: &[SearchReply]) -> f64 {
    let (mut of, mut met) = (0, 0);
    for (exact, found) in exact.iter().zip(found) {
        of += exact.hits.len();
        met +=
            exact.hits.iter().filter(|hit| found.hits.iter().any(|other| other.asset == hit.asset)).count();
    }
    met as f64 / of.max(1) as f64
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn us(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e7).round() / 10.0
}
