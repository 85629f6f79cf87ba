//! How long work goes on after its flag is set, stage by stage of a query: the bar is 50 ms.
//!
//! Each try runs the stage over and over on another thread, sets the flag at a random moment, and measures until the thread has ended.

#![expect(clippy::expect_used, reason = "a bench stops at its first error")]

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sensorium_benches::{Random, bundle, images, normalized, pool, report};
use sensorium_embed::{Batcher, BatcherConfig, Input, Priority};
use sensorium_index::Collection;
use sensorium_media::MediaInput;
use sensorium_types::{Cancel, Payload, SearchRequest};
use serde_json::json;

const POINTS: usize = 100_000;
const DIM: usize = 256;
const TRIES: usize = 40;
const SEED: u64 = 9;
/// The flag is set at most so long after the start.
const LONGEST: Duration = Duration::from_millis(120);
const VIDEO_S: u32 = 60;

fn main() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let collection = fill(&folder.path().join("data"));
    let mut random = Random(SEED);
    let query: Vec<f32> = unit(&mut random);
    let of = |request: SearchRequest| SearchRequest { queries: vec![images::query(&query)], ..request };
    // The answer does not matter: it comes, or the search was stopped.
    let search = |cancel: &Cancel, request: SearchRequest| {
        drop(collection.search(&of(SearchRequest { cancel: cancel.clone(), ..request })));
    };
    stage("scan of every vector", &mut random, |cancel| {
        search(cancel, SearchRequest { limit: 10, exact: true, ..SearchRequest::default() });
    });
    stage("walk of a graph, ef 4096", &mut random, |cancel| {
        search(cancel, SearchRequest { limit: 10, ef: Some(4096), ..SearchRequest::default() });
    });
    let fields = std::sync::atomic::AtomicUsize::new(0);
    stage("filter, asked of every asset", &mut random, |cancel| {
        // Another field each time: one that is asked again gets a column.
        let field = fields.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let filter = format!("\"field {field}\" = 1").parse().expect("a filter");
        search(cancel, SearchRequest { limit: 10, filter: Some(filter), ..SearchRequest::default() });
    });

    let bundle = bundle();
    let batcher = Batcher::start(Arc::clone(&bundle), BatcherConfig::default()).expect("starts");
    stage("wait for an encoder", &mut random, |cancel| {
        let texts = (0..64).map(|number| Input::Text(format!("{number} brown dogs run over the wet sand")));
        let ticket = batcher.submit(texts.collect(), Priority::Bulk).expect("there is room");
        drop(ticket.wait(cancel));
    });
    let video = folder.path().join("video.mp4");
    make_video(&video);
    let pool = pool(sensorium_engine::encoder_spec(bundle.cutting()));
    stage("decoding of a video", &mut random, |cancel| {
        drop(pool.decode(MediaInput::Path(video.clone()), cancel));
    });
}

/// Stops a stage again and again, and reports the median and the longest time that it went on.
fn stage(what: &str, random: &mut Random, work: impl Fn(&Cancel) + Sync) {
    let mut times: Vec<f64> = (0..TRIES).map(|_| stop(random, &work)).collect();
    times.sort_by(f64::total_cmp);
    let at = |place: usize| times.get(place).copied().unwrap_or(0.0);
    report(
        "cancel",
        json!({"stage": what, "tries": TRIES, "median_ms": at(TRIES / 2), "longest_ms": at(TRIES - 1)}),
    );
}

/// Milliseconds from the flag to the end of the work.
fn stop(random: &mut Random, work: &(impl Fn(&Cancel) + Sync)) -> f64 {
    let cancel = Cancel::new();
    std::thread::scope(|scope| {
        let working = scope.spawn(|| {
            while !cancel.is_cancelled() {
                work(&cancel);
            }
            Instant::now()
        });
        std::thread::sleep(LONGEST.mul_f32(random.uniform()));
        let set = Instant::now();
        cancel.cancel();
        let ended = working.join().expect("no panic");
        ended.saturating_duration_since(set).as_secs_f64() * 1e3
    })
}

fn fill(data: &Path) -> Arc<Collection> {
    let collection = images::collection(data, DIM);
    let mut random = Random(SEED);
    for start in (0..POINTS).step_by(1000) {
        let changes = (start..start + 1000)
            .map(|number| images::upsert(number, Payload::new(), unit(&mut random)))
            .collect();
        collection.apply(changes).expect("applies");
    }
    collection.seal().expect("seals");
    collection
}

fn unit(random: &mut Random) -> Vec<f32> {
    normalized((0..DIM).map(|axis| random.normal() / ((axis + 1) as f32).sqrt()).collect())
}

fn make_video(path: &Path) {
    let done = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-f", "lavfi", "-i"])
        .arg(format!("testsrc2=size=1280x720:rate=25:duration={VIDEO_S},noise=alls=8"))
        .args(["-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p"])
        .arg(path)
        .status()
        .expect("ffmpeg starts");
    assert!(done.success(), "ffmpeg makes the video");
}
