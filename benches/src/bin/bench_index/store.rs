//! Every use of the index crate by the bench: one collection of vectors, each an asset of one image.
//!
//! A search is what a user's query makes of the index: it names the tracks of one content.

use std::path::Path;
use std::sync::Arc;

use sensorium_index::{Collection, Database, OpenOptions};
use sensorium_types::{
    AssetHit, AssetId, AssetRecord, Change, Filter, MediaPolicy, Modality, Payload, PointRecord,
    SearchRequest, SpaceInfo, SubQuery, Track,
};
use serde_json::{Value, json};

use crate::Error;

const COLLECTION: &str = "default";
const REVISION: &str = "bench";
/// The field that filters ask: a number below [`GROUPS`], at random.
const FIELD: &str = "group";
const GROUPS: u64 = 1_000;

/// An open collection.
#[derive(Debug)]
pub(crate) struct Store {
    collection: Arc<Collection>,
    _database: Database,
}

/// What a search asks.
#[derive(Debug)]
pub(crate) struct Ask {
    /// Most hits.
    pub(crate) k: usize,
    /// Beam of the walk; `None` for what a user gets.
    pub(crate) ef: Option<usize>,
    /// Compare everything.
    pub(crate) exact: bool,
    /// Only assets that meet it.
    pub(crate) filter: Option<Filter>,
}

impl Store {
    /// Opens the database of a folder, which may be empty.
    pub(crate) fn open(folder: &Path, dim: usize) -> Result<Self, Error> {
        let database = Database::open(folder, OpenOptions::default())?;
        let space = SpaceInfo::one("bench", dim, REVISION);
        Ok(Self { collection: database.create_or_open(COLLECTION, &space)?, _database: database })
    }

    /// Writes vectors durably, numbered from `first`.
    pub(crate) fn ingest(&self, first: usize, vectors: &[f32], dim: usize) -> Result<(), Error> {
        let changes = vectors.chunks_exact(dim).zip(first..).map(|(vector, number)| change(number, vector));
        self.collection.apply(changes.collect::<Result<_, _>>()?)?;
        Ok(())
    }

    /// Builds the graph of what was written.
    pub(crate) fn seal(&self) -> Result<(), Error> {
        Ok(self.collection.seal()?)
    }

    /// The nearest assets.
    pub(crate) fn search(&self, query: &[f32], ask: &Ask) -> Result<Vec<AssetHit>, Error> {
        let request = SearchRequest {
            queries: vec![SubQuery { tracks: vec![Track::Image], ..SubQuery::of(query.to_vec()) }],
            filter: ask.filter.clone(),
            limit: ask.k,
            exact: ask.exact,
            ef: ask.ef,
            ..SearchRequest::default()
        };
        let answers = self.collection.search(&request)?;
        Ok(answers.into_iter().next().ok_or("a sub-query without an answer")?.hits)
    }

    /// Counts and sizes as the engine tells them.
    pub(crate) fn stats(&self) -> Result<Value, Error> {
        let stats = self.collection.stats()?;
        Ok(json!({
            "assets": stats.assets, "points_in_graph": stats.points_in_graph,
            "bytes_on_disk": stats.bytes_on_disk, "bytes_in_memory": stats.bytes_in_memory,
        }))
    }
}

/// The number that a hit was written under.
pub(crate) fn number(hit: &AssetHit) -> Result<u32, Error> {
    let digits = hit.asset.to_string();
    Ok(digits.trim_start_matches('a').parse()?)
}

/// A filter that about `below` of [`GROUPS`] assets meet.
pub(crate) fn filter(below: u64) -> Result<Filter, Error> {
    Ok(format!("{FIELD} < {below}").parse()?)
}

/// The group of an asset: the same as `bench_index.data.groups` gives.
fn group(number: usize) -> u64 {
    ((number as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) % GROUPS
}

fn change(number: usize, vector: &[f32]) -> Result<Change, Error> {
    let mut metadata = Payload::new();
    metadata.0.insert(FIELD.to_owned(), json!(group(number)));
    let asset = AssetRecord {
        id: AssetId::new(&format!("a{number:08}"))?,
        hash: None,
        modality: Modality::Image,
        space_revision: REVISION.to_owned(),
        facts: Payload::new(),
        metadata,
        media: MediaPolicy::None,
        from_source: false,
    };
    let point =
        PointRecord { track: Track::Image, ordinal: 0, span: None, vector: vector.to_vec(), thumb: None };
    Ok(Change::Upsert { asset, points: vec![point], source: None })
}
