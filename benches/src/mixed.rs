//! A collection of mixed contents as large as one asks: images with captions, audio and texts in equal parts. Vectors are seeded, with
//! a spectrum and a mean of their own for each content, as those of a bundle have.

#![expect(clippy::expect_used, reason = "a bench stops at its first error")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sensorium_embed::Bundle;
use sensorium_index::{Database, OpenOptions};
use sensorium_types::{
    AssetId, AssetRecord, Change, Content, MediaPolicy, Modality, Payload, PointRecord, SourceKey, SourceRow,
    SourceState, SpaceInfo, Track,
};
use serde_json::json;

use crate::{Random, normalized, report, timed};

/// What it is asked in words.
pub const TEXTS: [&str; 6] = [
    "a dog in the snow",
    "rain on a roof",
    "two people on a bench",
    "a red car",
    "a bird sings",
    "the history of tea",
];
/// Assets of a commit.
const COMMIT: usize = 500;
/// Which maker's the vectors of captions are.
const CAPTIONS: usize = 3;

/// How many assets a bench asks: what `SENSORIUM_BENCH_ASSETS` says, else its own number.
pub fn size(own: usize) -> usize {
    std::env::var("SENSORIUM_BENCH_ASSETS").ok().and_then(|count| count.parse().ok()).unwrap_or(own)
}

/// The folder of a bench's collections: that of `SENSORIUM_BENCH_KEEP`, which is kept and used again, else a temporary one.
pub fn folder(temporary: &Path) -> PathBuf {
    std::env::var_os("SENSORIUM_BENCH_KEEP").map_or_else(|| temporary.to_owned(), PathBuf::from)
}

/// A small collection and a large one in a folder, filled unless they are there already.
pub fn fill_both(folder: &Path, small: usize, large: usize, bundle: &Arc<Bundle>) -> [PathBuf; 2] {
    [("small", small), ("large", large)].map(|(name, assets)| {
        let data = folder.join(format!("{name}-{assets}"));
        fill(&data, assets, bundle);
        data
    })
}

/// Fills a folder with so many assets and reports what that took, unless it is there already.
///
/// # Panics
/// If it cannot be written.
pub fn fill(data: &Path, assets: usize, bundle: &Arc<Bundle>) {
    if data.exists() {
        return;
    }
    let space = bundle.space();
    let database = Database::open(data, OpenOptions::default()).expect("opens").with_hubs(bundle.hubs());
    let collection = database.create_or_open("default", &space).expect("creates");
    let kinds = [Content::Image, Content::Audio, Content::Text, Content::Text];
    let mut seeds = 1..;
    let mut makers = kinds.map(|content| Contents::new(seeds.next().unwrap_or_default(), &space, content));
    let (_, ingest) = timed(|| {
        for start in (0..assets).step_by(COMMIT) {
            let numbers = start..assets.min(start + COMMIT);
            let changes = numbers.map(|number| asset(number, &space, &mut makers)).collect();
            collection.apply(changes).expect("applies");
        }
    });
    let (_, seal) = timed(|| collection.seal().expect("seals"));
    let stats = collection.stats().expect("counts");
    report(
        "mixed_fill",
        json!({
            "assets": assets, "ingest_s": ingest.as_secs_f64(), "seal_after_s": seal.as_secs_f64(),
            "bytes_in_memory_an_asset": stats.bytes_in_memory.unwrap_or_default() as f64 / assets as f64,
            "bytes_on_disk_an_asset": stats.bytes_on_disk.unwrap_or_default() as f64 / assets as f64,
        }),
    );
}

/// About normal, of deviation 1.
fn normal(random: &mut Random) -> f32 {
    random.normal() * 3.0_f32.sqrt()
}

/// Vectors of one content: what it has in each space in which it lies.
struct Contents(Vec<InSpace>);

impl Contents {
    fn new(seed: u64, space: &SpaceInfo, content: Content) -> Self {
        let spaces = space.places(content).into_iter();
        Self(spaces.map(|(space, place)| InSpace::new(seed + 4 * space as u64, place.len())).collect())
    }

    /// A vector of length 1.
    fn vector(&mut self) -> Vec<f32> {
        normalized(self.0.iter_mut().flat_map(InSpace::vector).collect())
    }
}

/// Vectors of one content in one space.
struct InSpace {
    random: Random,
    mean: Vec<f32>,
    spread: Vec<f32>,
}

impl InSpace {
    fn new(seed: u64, dim: usize) -> Self {
        let mut random = Random(seed);
        let mean = (0..dim).map(|_| normal(&mut random) * 0.1).collect();
        // The axes take turns, so that each content has its own first ones.
        #[expect(clippy::cast_possible_truncation, reason = "a few seeds")]
        let spread =
            (0..dim).map(|at| ((at + seed as usize * 7) % dim + 1) as f32).map(|at| at.powf(-0.5)).collect();
        Self { random, mean, spread }
    }

    fn vector(&mut self) -> Vec<f32> {
        let Self { random, mean, spread } = self;
        normalized(mean.iter().zip(spread).map(|(mean, spread)| mean + normal(random) * *spread).collect())
    }
}

/// An asset as a folder gives it: facts, a source, a third each of images, audio and texts; images have a caption as well.
fn asset(number: usize, space: &SpaceInfo, makers: &mut [Contents; 4]) -> Change {
    let kinds =
        [(Modality::Image, Track::Image), (Modality::Audio, Track::Audio), (Modality::Text, Track::Text)];
    let at = number % kinds.len();
    let (modality, track) = kinds.get(at).copied().expect("a kind");
    let mut point = |track, maker: usize| {
        let vector = makers.get_mut(maker).expect("a maker").vector();
        PointRecord { track, ordinal: 0, span: None, vector, thumb: None }
    };
    let mut points = vec![point(track, at)];
    if modality == Modality::Image {
        points.push(point(Track::Caption, CAPTIONS));
    }
    let id = AssetId::new(&format!("asset {number:07}")).expect("valid");
    let mut facts = Payload::new();
    facts.set("share", (number / kinds.len()) % 1000);
    facts.set("year", 1990 + number % 35);
    facts.set("camera", format!("model {}", number % 40));
    facts.set("captured_at", format!("{}-05-{:02}T10:00:00Z", 1990 + number % 35, 1 + number % 28));
    let asset = AssetRecord {
        id: id.clone(),
        hash: None,
        modality,
        space_revision: space.revision.clone(),
        facts,
        metadata: Payload::new(),
        media: MediaPolicy::None,
        from_source: true,
    };
    let key = SourceKey {
        root: b"/media".to_vec(),
        path: format!("/media/{}/{number}", number / 1000).into_bytes(),
    };
    let row = SourceRow { bytes: 1000, mtime_ns: 1, state: SourceState::Indexed { asset: id } };
    Change::Upsert { asset, points, source: Some((key, row)) }
}
