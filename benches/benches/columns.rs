//! Filters before and after their fields have columns: a search, a count, and a search without a filter beside them.

#![expect(clippy::expect_used, reason = "a bench stops at its first error")]

use std::time::Duration;

use sensorium_benches::{Random, images, normalized, report, timed};
use sensorium_index::Collection;
use sensorium_types::{Change, Filter, Payload, SearchRequest};
use serde_json::json;

/// Assets, unless `COLUMNS_ASSETS` says another number. `COLUMNS_ONLY` names filters by a part of them.
const ASSETS: usize = 100_000;
const DIM: usize = 32;
const SEED: u64 = 12;
const ROUNDS: usize = 30;
/// Copies of every field, so that so many filters come before their column.
const COPIES: usize = 3;
/// Filters; `#` stands for the copy.
const FILTERS: [&str; 10] = [
    "year# >= 2020",
    "tag# = \"t7\" and shot# < 2010",
    "taken# >= \"2021-07\" and not tags# = \"sea\"",
    "size# > 50000",
    "place# = 3003",
    "home# within 5 km of (48.85, 2.35)",
    "home# within 500 km of (48.85, 2.35)",
    "home# within 5000 km of (48.85, 2.35)",
    "home# within (-30, 150) to (30, -150)",
    "at least 2 of (year# >= 2020, tag# = \"t7\", home# within 500 km of (48.85, 2.35))",
];

fn main() {
    let assets = std::env::var("COLUMNS_ASSETS").ok().and_then(|text| text.parse().ok()).unwrap_or(ASSETS);
    let folder = tempfile::tempdir().expect("temporary folder");
    let collection = images::collection(folder.path(), DIM);
    let mut random = Random(SEED);
    for start in (0..assets).step_by(1000) {
        let changes = (start..assets.min(start + 1000)).map(|number| asset(number, &mut random)).collect();
        collection.apply(changes).expect("applies");
    }
    collection.seal().expect("seals");
    let query = unit(&mut random);
    let plain = median(ROUNDS, |_| timed(|| search(&collection, &query, None)).1);
    let only = std::env::var("COLUMNS_ONLY").unwrap_or_default();
    for text in FILTERS.into_iter().filter(|text| text.contains(&only)) {
        let filters: Vec<Filter> =
            (0..COPIES).map(|copy| text.replace('#', &copy.to_string()).parse().expect("a filter")).collect();
        let (mut right, mut made) = (0, Duration::ZERO);
        // Each of these is answered one by one, unless a filter above asked for its fields, beside the job that it starts.
        let first = median(COPIES, |copy| {
            let filter = filters.get(copy).expect("a copy");
            let (found, took) = timed(|| collection.count(Some(filter)).expect("counts"));
            right = found;
            made = images::until_columns(&collection, filter);
            took
        });
        let filter = filters.first().expect("a copy");
        let count = median(ROUNDS, |_| {
            let (found, took) = timed(|| collection.count(Some(filter)).expect("counts"));
            assert_eq!(found, right, "the column gives something else");
            took
        });
        let searched = median(ROUNDS, |_| timed(|| search(&collection, &query, Some(filter))).1);
        report(
            "columns",
            json!({
                "assets": assets, "filter": text, "matches": right, "column_made_s": made.as_secs_f64(),
                "count_first_ms": ms(first), "count_ms": ms(count), "ratio": first.as_secs_f64() / count.as_secs_f64(),
                "search_ms": ms(searched), "search_without_filter_ms": ms(plain),
                "bytes_an_asset": collection.stats().expect("stats").bytes_in_memory.unwrap_or_default() as f64 / assets as f64,
            }),
        );
    }
}

fn search(collection: &Collection, query: &[f32], filter: Option<&Filter>) -> usize {
    let request = SearchRequest { filter: filter.cloned(), ..SearchRequest::nearest(query.to_vec(), 10) };
    let replies = collection.search(&request).expect("answers");
    replies.iter().map(|reply| reply.hits.len()).sum()
}

fn median(rounds: usize, work: impl FnMut(usize) -> Duration) -> Duration {
    let mut times: Vec<_> = (0..rounds).map(work).collect();
    times.sort();
    times.get(rounds / 2).copied().unwrap_or_default()
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn asset(number: usize, random: &mut Random) -> Change {
    let mut facts = Payload::new();
    let (year, shot, tag) = (2000 + random.below(27), 2000 + random.below(27), random.below(100));
    let home = home(random);
    let (month, day, tags) = (1 + random.below(12), 1 + random.below(28), random.below(3));
    for copy in 0..COPIES {
        facts.set(&format!("year{copy}"), year);
        facts.set(&format!("shot{copy}"), shot);
        facts.set(&format!("tag{copy}"), format!("t{tag}"));
        facts.set(&format!("taken{copy}"), format!("{year}-{month:02}-{day:02}T10:00:00Z"));
        facts.set(&format!("tags{copy}"), json!(["sea", "dog", "sun"].get(..tags)));
        facts.set(&format!("size{copy}"), number);
        facts.set(&format!("place{copy}"), number);
        facts.set(&format!("home{copy}"), home.clone());
    }
    images::upsert(number, facts, unit(random))
}

/// Half of all homes lie around a hundred towns, the first of them Paris.
fn home(random: &mut Random) -> serde_json::Value {
    let mut degrees = |most: usize| random.below(2_000_000) as f64 / 1e6 * most as f64 - most as f64;
    let (lat, lon, by_lat, by_lon) = (degrees(90), degrees(180), degrees(1) / 5.0, degrees(1) / 5.0);
    let town = random.below(200);
    if town >= 100 {
        return json!({"lat": lat, "lon": lon});
    }
    let (lat, lon) = if town == 0 { (48.85, 2.35) } else { (town as f64 - 50.0, town as f64 * 3.0 - 150.0) };
    json!({"lat": lat + by_lat, "lon": lon + by_lon})
}

fn unit(random: &mut Random) -> Vec<f32> {
    normalized((0..DIM).map(|_| random.below(2001) as f32 / 1000.0 - 1.0).collect())
}
