//! What is asked of a store, and what it answers.

use serde::{Deserialize, Serialize};

use crate::{
    AssetId, AssetRecord, Cancel, Content, Filter, HubWeights, Modality, PointInfo, SpaceInfo, Track,
};

/// How the points of a search are looked through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Plan {
    /// Every matching point is compared.
    ExactScan,
    /// The graph is walked, and every point met counts.
    Graph,
    /// The graph is walked, and only points of matching assets count.
    FilteredGraph,
}

/// One vector that is asked of some tracks.
#[derive(Debug, Clone, PartialEq)]
pub struct SubQuery {
    /// The query, of L2 norm 1 and of the collection's dimension.
    pub vector: Vec<f32>,
    /// Only points of these tracks (empty: of all). They are searched together; an asset counts once, by its best point.
    pub tracks: Vec<Track>,
    /// What is taken off each cosine before points are compared; of a store that has no values of points, nothing.
    pub hubs: HubWeights,
    /// What the vector was made of, where that is one content. It changes no answer, only how wide graphs are searched.
    pub from: Option<Content>,
}

impl SubQuery {
    /// A vector that is asked of every track, uncorrected.
    pub const fn of(vector: Vec<f32>) -> Self {
        Self { vector, tracks: Vec::new(), hubs: HubWeights([0.0; 3]), from: None }
    }

    /// Whether points of this track are asked.
    pub fn asks(&self, track: Track) -> bool {
        self.tracks.is_empty() || self.tracks.contains(&track)
    }
}

/// A search for the assets whose points are nearest to vectors: some sub-queries of the same assets, each answered by itself.
#[derive(Debug, Clone, Default)]
pub struct SearchRequest {
    /// What is asked.
    pub queries: Vec<SubQuery>,
    /// Only assets of these modalities (empty: of all).
    pub modalities: Vec<Modality>,
    /// Only assets whose payload meets this.
    pub filter: Option<Filter>,
    /// Assets that are left out.
    pub exclude: Vec<AssetId>,
    /// Most assets to give for each sub-query.
    pub limit: usize,
    /// Compare every matching point.
    pub exact: bool,
    /// Beam of the graph walk; `None` for the default.
    pub ef: Option<usize>,
    /// What stops the search: the innermost loops look at it.
    pub cancel: Cancel,
}

impl SearchRequest {
    /// A search for the assets nearest to a vector, whatever they are.
    pub fn nearest(vector: Vec<f32>, limit: usize) -> Self {
        Self { queries: vec![SubQuery::of(vector)], limit, ..Self::default() }
    }
}

/// An asset found, by its best point.
#[derive(Debug, Clone, PartialEq)]
pub struct AssetHit {
    /// The asset.
    pub asset: AssetId,
    /// What it is.
    pub modality: Modality,
    /// Its best point.
    pub point: PointInfo,
    /// Whether it has no other, so that nothing is left to be scored of it. A store may say no where it does not know.
    pub is_only_point: bool,
    /// Cosine of the query and that point.
    pub cosine: f32,
    /// The cosine less the point's hub values, by which it was found; the cosine itself where nothing is corrected.
    pub corrected: f32,
}

/// The answer to a sub-query, best first by corrected cosine (equal ones by asset id, so that the order is total).
#[derive(Debug, Clone, PartialEq)]
pub struct SearchReply {
    /// The hits.
    pub hits: Vec<AssetHit>,
    /// How they were found.
    pub plan: Plan,
    /// Points that were compared with the query.
    pub points_compared: usize,
    /// What became of the request's filter, where it has one and the store tells; the same for all sub-queries. It does not where only
    /// assets that were met were asked.
    pub filter: Option<FilterFacts>,
}

/// How many assets meet a filter, as estimated and as found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FilterFacts {
    /// Before any asset was asked: no fewer than this, of all modalities.
    pub at_least: u64,
    /// A guess.
    pub likely: u64,
    /// No more than this.
    pub at_most: u64,
    /// Assets that meet it, of the request's modalities and without those that are left out.
    pub matches: u64,
    /// Assets that were asked one by one, for what no index tells.
    pub asked: u64,
}

/// A point of an asset beside the query's cosine.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScoredPoint {
    /// The point.
    pub point: PointInfo,
    /// Cosine of the query and the point.
    pub cosine: f32,
    /// The cosine less the point's hub values; the cosine itself where nothing is corrected.
    pub corrected: f32,
}

/// An asset with its points, as a reader gets it.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredAsset {
    /// The asset.
    pub record: AssetRecord,
    /// Its points in order of track and ordinal.
    pub points: Vec<PointInfo>,
    /// The vectors of its points in the same order, if they were asked for (else empty).
    pub vectors: Vec<Vec<f32>>,
    /// Paths of its sources, in order of writing.
    pub paths: Vec<Vec<u8>>,
}

/// Where a listing goes on. What it holds is known to the store that gave it alone, and may be of use to that one only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cursor(String);

impl Cursor {
    /// A cursor, from what a store put into it.
    pub fn new(place: impl Into<String>) -> Self {
        Self(place.into())
    }

    /// What the store put into it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A cursor of bytes, as their hexadecimal digits.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Self(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// The bytes of a cursor of such; `None` of any other.
    pub fn bytes(&self) -> Option<Vec<u8>> {
        let (pairs, rest) = self.0.as_bytes().as_chunks::<2>();
        let byte = |pair: &[u8; 2]| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok();
        pairs.iter().map(byte).collect::<Option<Vec<u8>>>().filter(|_| rest.is_empty())
    }
}

/// One page of a listing.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    /// What is listed.
    pub items: Vec<T>,
    /// Where the next page begins, `None` at the end.
    pub next: Option<Cursor>,
}

/// What is new in a collection.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Added {
    /// Assets that were written with their points, in order of change.
    pub assets: Vec<AssetId>,
    /// The change up to which these are all.
    pub upto: u64,
}

/// A collection of a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectionSummary {
    /// Its name.
    pub name: String,
    /// The space of its vectors.
    pub space: SpaceInfo,
}

/// Another name of a collection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alias {
    /// The other name.
    pub alias: String,
    /// The collection's own.
    pub collection: String,
}

/// One step of a change of aliases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AliasChange {
    /// Gives a collection another name. One that stands for another collection moves.
    Set(Alias),
    /// Takes a name away.
    Remove(String),
}

/// Counts and sizes of a collection.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CollectionStats {
    /// Live assets.
    pub assets: u64,
    /// Live points.
    pub points: u64,
    /// Sources that are indexed.
    pub sources_indexed: u64,
    /// Sources that failed.
    pub sources_failed: u64,
    /// Live points in sealed segments, whose graphs are walked; `None` where that is not known.
    pub points_in_graph: Option<u64>,
    /// Live points that lack hub values of the bank in use; 0 where there is no bank.
    pub points_without_hubs: u64,
    /// Bytes on disk; `None` where that is not known.
    pub bytes_on_disk: Option<u64>,
    /// Bytes of memory that no file stands behind; `None` where that is not known.
    pub bytes_in_memory: Option<u64>,
    /// What searches through graphs find, measured by queries that were asked, also before the collection was opened.
    pub recall: Vec<MeasuredRecall>,
    /// The collection's change number: it grows by one with every commit and is as durable as what was committed.
    pub change: u64,
}

/// A payload field whose values are kept in order, so that filters on it are answered without a look at assets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldIndex {
    /// The field, as filters name it.
    pub field: String,
    /// Whether somebody asked for the index; else filters that named the field did.
    pub asked: bool,
    /// Whether filters are answered by it.
    pub state: FieldIndexState,
    /// Bytes in memory.
    pub bytes: u64,
}

/// Whether the index of a field is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FieldIndexState {
    /// It is being made, or will be with the next filter that names the field.
    Waiting,
    /// Filters are answered by it.
    Ready,
    /// Its values do not fit: assets are asked one by one.
    TooLarge,
}

/// How many of the nearest assets searches through graphs find, of one content asked by another.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct MeasuredRecall {
    /// What asks: a content, or `mixed`.
    pub from: String,
    /// What is asked: `image`, `audio`, `text` or `caption`.
    pub of: String,
    /// Queries that were compared with an exact search.
    pub queries: u64,
    /// The nearest assets of all of them.
    pub nearest: u64,
    /// How many of these were found.
    pub found: u64,
    /// The beam that found them.
    pub ef: u64,
}

/// One thing that `verify` found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// What is wrong.
    pub what: String,
    /// Where it is: a column family and key, or a file.
    pub place: String,
    /// What `repair` would do.
    pub repair: String,
}
