//! A long video through real decoding workers (`SENSORIUM_BIN`) and fake encoders: memory does not grow with its
//! length.
//!
//! The only test of its process, which looks at the memory that the process had at most.

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use common::{DIM, space, vector};
use sensorium_embed::{Input, Priority};
use sensorium_engine::{Access, Cancel, Encode, Engine, EngineError, EngineParts, Pending, decoding_workers};
use sensorium_media::{EncoderSpec, Limits, PoolConfig};
use sensorium_testkit::{MemoryStore, TemporaryDatabase};
use sensorium_types::{AssetId, CalibrationTable, ContentHash, IndexRequest, SpaceInfo, Track};
use tokio::sync::mpsc::unbounded_channel;

/// Length of the video.
const SECONDS: u64 = 3_600;
/// Pixels and samples that come of it at least.
const ALL_BYTES: u64 = 600 << 20;
/// Pixels and samples that are with the encoders at most.
const MOST_WITH_ENCODERS: u64 = 64 << 20;
/// Memory of this process at most.
const MOST_MEMORY: u64 = 300 << 20;

/// Encoders that count bytes and give every part the same vector.
#[derive(Debug, Default)]
struct WeighingEncoders {
    now: Arc<AtomicU64>,
    most: AtomicU64,
    all: AtomicU64,
}

#[derive(Debug)]
struct Weighed {
    inputs: Vec<Input>,
    now: Arc<AtomicU64>,
}

fn bytes_of(inputs: &[Input]) -> u64 {
    let bytes = inputs.iter().map(|input| match input {
        Input::Text(text) | Input::TextIn(_, text) => text.len(),
        Input::Audio(samples) => size_of_val(samples.as_slice()),
        Input::Frames(frames) => frames.iter().map(|frame| frame.pixels.len()).sum(),
    });
    bytes.sum::<usize>() as u64
}

impl Encode for WeighingEncoders {
    fn space(&self) -> SpaceInfo {
        space()
    }

    fn calibration(&self) -> CalibrationTable {
        CalibrationTable { pairs: Vec::new() }
    }

    fn submit(&self, inputs: Vec<Input>, _: Priority) -> Result<Box<dyn Pending>, EngineError> {
        let bytes = bytes_of(&inputs);
        self.all.fetch_add(bytes, Ordering::SeqCst);
        let now = self.now.fetch_add(bytes, Ordering::SeqCst) + bytes;
        self.most.fetch_max(now, Ordering::SeqCst);
        Ok(Box::new(Weighed { inputs, now: Arc::clone(&self.now) }))
    }
}

impl Pending for Weighed {
    fn wait(self: Box<Self>, _: &Cancel) -> Result<Vec<Vec<f32>>, EngineError> {
        self.now.fetch_sub(bytes_of(&self.inputs), Ordering::SeqCst);
        Ok(vec![vector("video"); self.inputs.len()])
    }
}

fn make_video(path: &Path) {
    let image = format!("testsrc2=size=64x36:rate=1:duration={SECONDS}");
    let audio = format!("sine=frequency=500:sample_rate=8000:duration={SECONDS}");
    let made = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-y", "-f", "lavfi", "-i", &image, "-f", "lavfi", "-i", &audio])
        .args(["-c:v", "mpeg4", "-c:a", "flac"])
        .arg(path)
        .status()
        .expect("ffmpeg is installed");
    assert!(made.success(), "ffmpeg makes the video");
}

/// The most memory that this process had so far, in bytes.
fn most_memory() -> u64 {
    let status = fs_err::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a high-water mark");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") << 10
}

#[tokio::test]
async fn an_hour_of_video_needs_no_more_memory_than_a_minute() {
    let program = std::env::var_os("SENSORIUM_BIN")
        .expect("SENSORIUM_BIN names the built binary, whose hidden subcommand decodes; `make test` sets it");
    let files = TemporaryDatabase::new();
    let video = files.write("video.mkv", b"");
    make_video(&video);

    let limits = Limits { max_asset_bytes: 1 << 20, ..Limits::default() };
    let (worker_program, spec) = (PathBuf::from(program), EncoderSpec::default());
    let encoders = Arc::new(WeighingEncoders::default());
    let engine = Engine::from_parts(EngineParts {
        data_dir: files.data().to_path_buf(),
        collection: "default".to_owned(),
        store: Arc::new(MemoryStore::new(space())),
        encode: Arc::clone(&encoders) as Arc<dyn Encode>,
        decode: decoding_workers(PoolConfig { worker_program, workers: 1, limits, spec }),
        jobs: 1,
        access: Access::Write,
    });
    let request = IndexRequest { paths: vec![video.clone()], ..IndexRequest::default() };
    let (sender, _events) = unbounded_channel();
    let summary = engine.index(request, sender, Cancel::default()).await.expect("indexes");
    assert_eq!((summary.indexed, summary.failed), (1, 0));

    let id = AssetId::from_content(&ContentHash::of(&fs_err::read(&video).expect("reads")));
    let stored = engine.get(&[id], true).await.expect("gets");
    let stored = stored[0].as_ref().expect("there");
    assert!(stored.vectors.iter().all(|vector| vector.len() == DIM));
    let mut of_tracks = Vec::new();
    for track in [Track::Video, Track::Audio] {
        let spans = stored.points.iter().filter(|point| point.track == track);
        let spans: Vec<_> = spans.filter_map(|point| point.span?.time()).collect();
        assert!(spans.windows(2).all(|pair| pair[1].0 <= pair[0].1), "no hole in {track:?}");
        assert_eq!(spans.first().map(|span| span.0), Some(0));
        let end = spans.last().expect("parts").1;
        assert!(end.abs_diff(SECONDS * 1000) <= 1_000, "{track:?} ends at {end} ms");
        of_tracks.push(spans.len());
    }
    assert!(of_tracks[0] >= 360 && of_tracks[1] >= 1_400, "{of_tracks:?}");

    let (all, most) = (encoders.all.load(Ordering::SeqCst), encoders.most.load(Ordering::SeqCst));
    let memory = most_memory();
    eprintln!("{all} bytes were decoded, {most} at most were with the encoders, {memory} was all memory");
    assert!(all >= ALL_BYTES, "{all}");
    assert!(most <= MOST_WITH_ENCODERS, "{most}");
    assert!(memory <= MOST_MEMORY, "{memory}");
}
