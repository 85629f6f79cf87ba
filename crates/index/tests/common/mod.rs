//! Small makers that the tests of this folder share.

#![allow(dead_code, unreachable_pub, clippy::cast_possible_truncation, reason = "each test file uses a part")]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sensorium_index::{Collection, Database, GraphParams, Layout, OpenOptions, Planning, Tuning};
use sensorium_types::{
    AssetId, AssetRecord, Change, Filter, MediaPolicy, Modality, Payload, PointRecord, SearchReply,
    SearchRequest, SourceKey, SourceRow, SourceState, SpaceInfo, SubQuery, Track,
};

pub const DIM: usize = 16;

/// A seeded generator (SplitMix64), so that failures come again.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    /// A unit vector, roughly normal in each direction, of numbers that the index can tell to the last bit: it ranks by two bytes
    /// a number, and tests compare the order of many near points.
    pub fn unit(&mut self, dim: usize) -> Vec<f32> {
        let mut vector = self.any_unit(dim);
        snap(&mut vector);
        vector
    }

    /// A unit vector, roughly normal in each direction.
    pub fn any_unit(&mut self, dim: usize) -> Vec<f32> {
        let mut vector: Vec<f32> = (0..dim)
            .map(|_| (0..4).map(|_| (self.next() >> 40) as f32 / (1 << 24) as f32 - 0.5).sum())
            .collect();
        let norm = vector.iter().map(|x| x * x).sum::<f32>().sqrt().max(1e-6);
        vector.iter_mut().for_each(|x| *x /= norm);
        vector
    }

    /// A unit vector near another.
    pub fn near(&mut self, centre: &[f32], spread: f32) -> Vec<f32> {
        let noise = self.unit(centre.len());
        let mut vector: Vec<f32> = centre.iter().zip(noise).map(|(c, n)| c + spread * n).collect();
        let norm = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
        vector.iter_mut().for_each(|x| *x /= norm);
        snap(&mut vector);
        vector
    }
}

/// Moves each number to the nearest 32,258th of the largest.
fn snap(vector: &mut [f32]) {
    let largest = vector.iter().fold(0.0_f32, |largest, x| largest.max(x.abs())).max(1e-6);
    vector.iter_mut().for_each(|x| *x = (*x / largest * 32_258.0).round() / 32_258.0 * largest);
}

pub fn space() -> SpaceInfo {
    SpaceInfo::one("test", DIM, "test@1")
}

/// Graphs from the first point on, and walked however few points there are, by codes of half a byte and side by side as large ones are; the
/// file of assets is written anew every few changes.
pub fn eager() -> Tuning {
    let graph = GraphParams { m: 8, ef_construct: 64, ef: 32 };
    Tuning {
        seal_points: usize::MAX,
        asset_file_changes: 3,
        planning: Planning::Walk,
        side_by_side_points: 0,
        layout: Layout::HalfBytes,
        graph,
        ..Tuning::default()
    }
}

pub fn open(data: &Path) -> (Database, Arc<Collection>) {
    open_tuned(data, eager())
}

pub fn open_tuned(data: &Path, tuning: Tuning) -> (Database, Arc<Collection>) {
    let database = Database::open_tuned(data, OpenOptions::default(), tuning).expect("opens");
    let collection = database.create_or_open("default", &space()).expect("opens");
    (database, collection)
}

pub fn reader(data: &Path) -> Database {
    let options = OpenOptions { read_only: true, ..OpenOptions::default() };
    Database::open_tuned(data, options, eager()).expect("opens for reading")
}

pub fn id(name: &str) -> AssetId {
    AssetId::new(name).expect("valid id")
}

pub fn record(name: &str, modality: Modality) -> AssetRecord {
    AssetRecord {
        id: id(name),
        hash: None,
        modality,
        space_revision: "test@1".to_owned(),
        facts: Payload::new(),
        metadata: Payload::new(),
        media: MediaPolicy::None,
        from_source: false,
    }
}

pub fn point(track: Track, ordinal: u32, vector: Vec<f32>) -> PointRecord {
    PointRecord { track, ordinal, span: None, vector, thumb: None }
}

pub fn image(name: &str, vector: Vec<f32>) -> Change {
    let points = vec![point(Track::Image, 0, vector)];
    Change::Upsert { asset: record(name, Modality::Image), points, source: None }
}

pub fn source_key(path: &str) -> SourceKey {
    SourceKey { root: b"/media".to_vec(), path: format!("/media/{path}").into_bytes() }
}

pub fn source_row(asset: &str) -> SourceRow {
    SourceRow {
        bytes: 10,
        mtime_ns: 1_700_000_000_000_000_000,
        state: SourceState::Indexed { asset: id(asset) },
    }
}

pub fn file(name: &str, path: &str, vector: Vec<f32>) -> Change {
    let mut asset = record(name, Modality::Image);
    asset.from_source = true;
    let points = vec![point(Track::Image, 0, vector)];
    Change::Upsert { asset, points, source: Some((source_key(path), source_row(name))) }
}

pub fn request(vector: Vec<f32>, limit: usize) -> SearchRequest {
    SearchRequest::nearest(vector, limit)
}

/// A request of one sub-query.
pub fn request_of(query: SubQuery, limit: usize) -> SearchRequest {
    SearchRequest { queries: vec![query], limit, ..SearchRequest::default() }
}

/// The answer to a request of one sub-query.
pub fn search(collection: &Collection, ask: &SearchRequest) -> SearchReply {
    let replies: [SearchReply; 1] = collection.search(ask).expect("searches").try_into().expect("one answer");
    let [reply] = replies;
    reply
}

pub fn filter(text: &str) -> Filter {
    text.parse().expect("a filter")
}

pub fn fill(collection: &Collection, count: usize, random: &mut Random) {
    for start in (0..count).step_by(500) {
        let changes = (start..count.min(start + 500))
            .map(|number| image(&format!("asset {number:06}"), random.unit(DIM)))
            .collect();
        collection.apply(changes).expect("applies");
    }
}

/// How often a random test is repeated: what `SENSORIUM_TEST_ROUNDS` says, else its own number.
pub fn rounds(own: usize) -> usize {
    std::env::var("SENSORIUM_TEST_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(own)
}

/// A folder in memory where there is one: what is checked afterwards need not wait for a disk.
pub fn quick_folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("folder")
}

/// Longer than anything takes that does not hang.
pub const HANG: Duration = Duration::from_secs(300);

/// Waits until this holds; `what` is told where it never does.
pub fn until(holds: impl Fn() -> bool, what: impl Fn() -> String) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < HANG, "{}", what());
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// No problem, or a failure that shows them.
pub fn assert_clean(collection: &Collection) {
    let problems = collection.verify().expect("walks");
    assert!(problems.is_empty(), "{problems:#?}");
}
