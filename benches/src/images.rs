//! Collections of seeded vectors, each an asset of one image, as the benches of the index fill and ask them.

#![expect(clippy::expect_used, reason = "a bench stops at its first error")]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sensorium_index::{Collection, Database, OpenOptions};
use sensorium_types::{
    AssetId, AssetRecord, Change, Filter, MediaPolicy, Modality, Payload, PointRecord, SearchRequest,
    SpaceInfo, SubQuery, Track,
};

/// Longest wait for a column.
const PATIENCE: Duration = Duration::from_secs(120);

/// An empty collection in a folder.
///
/// # Panics
/// If it cannot be made.
pub fn collection(data: &Path, dim: usize) -> Arc<Collection> {
    let database = Database::open(data, OpenOptions::default()).expect("opens");
    let space = SpaceInfo::one("mini", dim, "bench");
    database.create_or_open("default", &space).expect("creates")
}

/// The name of an image by its number.
///
/// # Panics
/// Never: a number makes a valid name.
pub fn id(number: usize) -> AssetId {
    AssetId::new(&format!("asset {number}")).expect("valid")
}

/// The change that brings an image in.
pub fn upsert(number: usize, facts: Payload, vector: Vec<f32>) -> Change {
    Change::Upsert {
        asset: AssetRecord {
            id: id(number),
            hash: None,
            modality: Modality::Image,
            space_revision: "bench".to_owned(),
            facts,
            metadata: Payload::new(),
            media: MediaPolicy::None,
            from_source: false,
        },
        points: vec![PointRecord { track: Track::Image, ordinal: 0, span: None, vector, thumb: None }],
        source: None,
    }
}

/// As a query asks: a track is named.
pub fn query(vector: &[f32]) -> SubQuery {
    SubQuery { tracks: vec![Track::Image], ..SubQuery::of(vector.to_vec()) }
}

/// The images that a request gives for a vector, nearest first.
///
/// # Panics
/// If the search fails.
pub fn nearest(collection: &Collection, vector: &[f32], request: SearchRequest) -> Vec<AssetId> {
    let request = SearchRequest { queries: vec![query(vector)], ..request };
    let mut replies = collection.search(&request).expect("answers");
    replies.remove(0).hits.into_iter().map(|hit| hit.asset).collect()
}

/// Waits until every field of a filter has a column; how long that took.
///
/// # Panics
/// If one is not made for two minutes.
pub fn until_columns(collection: &Collection, filter: &Filter) -> Duration {
    let begun = Instant::now();
    let lacks = || {
        let known = collection.column_fields();
        filter.fields().iter().any(|field| !known.iter().any(|known| known == field))
    };
    while lacks() {
        assert!(begun.elapsed() < PATIENCE, "{filter:?} gets no column");
        std::thread::sleep(Duration::from_millis(2));
    }
    begun.elapsed()
}
