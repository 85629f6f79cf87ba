//! Seeded assets.

use sensorium_types::{
    AssetId, AssetRecord, Change, ContentHash, MediaPolicy, Modality, Payload, PointRecord, SearchReply,
    SearchRequest, SourceKey, SourceRow, SourceState, SpaceInfo, Span, Track,
};

use crate::Store;

/// A small generator of reproducible numbers (splitmix64).
#[derive(Debug, Clone)]
pub struct Seeded(u64);

impl Seeded {
    /// A generator that always gives the same numbers for one seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub const fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from 0 to `end - 1`.
    pub const fn below(&mut self, end: u64) -> u64 {
        self.bits() % end
    }

    /// A vector of L2 norm 1.
    pub fn unit(&mut self, dim: usize) -> Vec<f32> {
        let mut vector: Vec<f32> = (0..dim)
            .map(|_| {
                // The sum of uniform numbers is near enough to a bell curve to spread over the sphere.
                (0..4).map(|_| self.uniform()).sum::<f32>()
            })
            .collect();
        normalize(&mut vector);
        vector
    }

    /// A number in [-1, 1).
    fn uniform(&mut self) -> f32 {
        let bits = u16::try_from(self.bits() >> 48).unwrap_or(0);
        f32::from(bits) / 32_768.0 - 1.0
    }
}

/// Gives a vector L2 norm 1.
pub fn normalize(vector: &mut [f32]) {
    let norm = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    if norm > 0.0 {
        for x in vector {
            *x /= norm;
        }
    }
}

/// An asset id; `name` must be valid.
///
/// # Panics
/// If it is not.
pub fn id(name: &str) -> AssetId {
    AssetId::new(name).expect("names in tests are valid ids")
}

/// An asset of this name.
pub fn record(name: &str, modality: Modality, space: &SpaceInfo) -> AssetRecord {
    let mut facts = Payload::new();
    facts.set("name", name);
    facts.set("modality", modality.name());
    AssetRecord {
        id: id(name),
        hash: Some(ContentHash::of(name.as_bytes())),
        modality,
        space_revision: space.revision.clone(),
        facts,
        metadata: Payload::new(),
        media: MediaPolicy::None,
        from_source: false,
    }
}

/// A point with this vector; on tracks with time it covers its 5 s from `5 * ordinal`.
pub fn point(track: Track, ordinal: u32, vector: Vec<f32>) -> PointRecord {
    let at = u64::from(ordinal) * 5000;
    let span = match track {
        Track::Video | Track::Audio => Some(Span::Time { start_ms: at, end_ms: at + 5000 }),
        Track::Text => Some(Span::Chars { from: at, to: at + 5000 }),
        Track::Image | Track::Fused | Track::Caption => None,
    };
    PointRecord { track, ordinal, span, vector, thumb: None }
}

/// Seeded points as an asset of this modality has them: a video has both tracks.
pub fn points(modality: Modality, dim: usize, seeded: &mut Seeded) -> Vec<PointRecord> {
    let count = u32::try_from(seeded.below(4)).unwrap_or(0) + 1;
    let mut some = |track, count| -> Vec<PointRecord> {
        (0..count).map(|ordinal| point(track, ordinal, seeded.unit(dim))).collect()
    };
    match modality {
        Modality::Image => some(Track::Image, 1),
        Modality::Text => some(Track::Text, count),
        Modality::Audio => some(Track::Audio, count),
        Modality::Video => {
            let mut points = some(Track::Video, count);
            points.extend(some(Track::Audio, count));
            points
        }
    }
}

/// Assets of all modalities, with a year in their facts.
pub fn corpus(count: usize, space: &SpaceInfo, seed: u64) -> Vec<(AssetRecord, Vec<PointRecord>)> {
    let mut seeded = Seeded::new(seed);
    (0..count)
        .map(|index| {
            let modality = match index % 4 {
                0 => Modality::Image,
                1 => Modality::Video,
                2 => Modality::Audio,
                _ => Modality::Text,
            };
            let mut record = record(&format!("asset-{index:05}"), modality, space);
            record.facts.set("year", 2000 + seeded.below(25));
            let points = points(modality, space.dim, &mut seeded);
            (record, points)
        })
        .collect()
}

/// An upsert without a source.
pub fn upsert(asset: AssetRecord, points: Vec<PointRecord>) -> Change {
    Change::Upsert { asset, points, source: None }
}

/// The name of a source.
pub fn key(root: &str, path: &str) -> SourceKey {
    SourceKey { root: root.as_bytes().to_vec(), path: path.as_bytes().to_vec() }
}

/// A row that says that the file is indexed as this asset.
pub fn row(asset: &AssetId) -> SourceRow {
    SourceRow { bytes: 10, mtime_ns: 20, state: SourceState::Indexed { asset: asset.clone() } }
}

/// A search for the ten nearest assets of any kind, exactly.
pub fn ask(vector: Vec<f32>) -> SearchRequest {
    SearchRequest { exact: true, ..SearchRequest::nearest(vector, 10) }
}

/// The answers to a search of so many sub-queries.
pub async fn answers<const N: usize>(store: &dyn Store, request: SearchRequest) -> [SearchReply; N] {
    let replies = store.search(request).await.expect("searches");
    replies.try_into().expect("one answer for each sub-query")
}
