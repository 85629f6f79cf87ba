//! How long work goes on after its flag is set, stage by stage of a query, and after a caller has left a server (`callers.rs`): the
//! bar is 50 ms.
//!
//! Each try runs the stage over and over on another thread, sets the flag at a random moment, and measures until the thread has ended.

#![expect(clippy::expect_used, reason = "a bench stops at its first error")]

mod callers;

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sensorium_benches::{
    Random, THREADS, bundle, images, index_folder, normalized, pool, report, worker_program,
};
use sensorium_embed::{Batcher, BatcherConfig, Bundle, Image, Input, Priority};
use sensorium_engine::{Access, Captions, Engine, EngineConfig};
use sensorium_index::Collection;
use sensorium_media::{Limits, MediaInput};
use sensorium_store_embedded::Embedded;
use sensorium_types::{
    Cancel, CaptionOptions, CaptionParts, Payload, QueryRequest, SearchRequest, Term, TermInput,
};
use serde_json::json;

const POINTS: usize = 100_000;
const DIM: usize = 256;
const TRIES: usize = 40;
const SEED: u64 = 9;
/// The flag is set at most so long after the start.
const LONGEST: Duration = Duration::from_millis(120);
/// The same where the stage has parts that take longer.
const LONGER: Duration = Duration::from_millis(1200);
/// Images that are read once more.
const RERANKED: usize = 50;
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
    let images_then_a_text = |cancel: &Cancel| {
        let ticket = batcher.submit(pixels(&bundle), Priority::Bulk).expect("there is room");
        drop(ticket.wait(cancel));
        let next = batcher.submit(vec![Input::Text("a dog".to_owned())], Priority::Query);
        next.and_then(|ticket| ticket.wait(&Cancel::new())).expect("it is encoded");
    };
    // Encoders read their weights when they are first used.
    images_then_a_text(&Cancel::new());
    stage("batch of images, until the next one is served", &mut random, images_then_a_text);
    let video = folder.path().join("video.mp4");
    make_video(&video);
    let pool = pool(sensorium_engine::encoder_spec(bundle.cutting()));
    stage("decoding of a video", &mut random, |cancel| {
        drop(pool.decode(MediaInput::Path(video.clone()), cancel));
    });
    words(folder.path(), &bundle, &mut random);
    callers::run(folder.path(), &bundle, &mut random);
}

/// The stages that end in the caption decoder.
fn words(folder: &Path, bundle: &Arc<Bundle>, random: &mut Random) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("runtime");
    let media = folder.join("images");
    make_images(&media);
    let captions = Captions::new(Arc::clone(bundle), worker_program(), Limits::default());
    let first = media.join("1.jpg");
    stage("caption of an image", random, |cancel| {
        runtime.block_on(async {
            let (sender, events) = tokio::sync::mpsc::unbounded_channel();
            let input = (MediaInput::Path(first.clone()), "1.jpg".to_owned());
            let asked = (CaptionParts::Middle, CaptionOptions::default());
            let mut caption = std::pin::pin!(captions.caption(input, asked, sender));
            let left = async {
                while !cancel.is_cancelled() {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            };
            tokio::select! {
                _ = &mut caption => return,
                () = left => drop(events),
            }
            drop(caption.await);
        });
    });

    let data = folder.join("reranked");
    index_folder(data.clone(), media, Arc::clone(bundle));
    let config = EngineConfig {
        data_dir: data,
        storage: Arc::new(Embedded),
        collection: "default".to_owned(),
        bundle: Arc::clone(bundle),
        elders: None,
        worker_program: worker_program(),
        jobs: THREADS,
        limits: Limits::default(),
        access: Access::Read,
    };
    let engine = runtime.block_on(Engine::open(config)).expect("opens");
    stage_within("50 hits read once more", LONGER, random, |cancel| {
        let works = Arc::new(());
        let terms = vec![Term { weight: 1.0, input: TermInput::Text("a test pattern".to_owned()) }];
        let cancel = cancel.keeping(Arc::clone(&works));
        let request = QueryRequest { terms, limit: RERANKED, rerank: RERANKED, ..QueryRequest::default() };
        drop(runtime.block_on(engine.query(request, cancel)));
        // Whatever still works for the query holds its flag.
        while Arc::strong_count(&works) > 1 {
            std::thread::sleep(Duration::from_micros(100));
        }
    });
}

/// Two batches of images of a size that encoders take.
fn pixels(bundle: &Bundle) -> Vec<Input> {
    let side = bundle.cutting().image_size;
    let bytes = side as usize * side as usize * 3;
    let image = |number: u8| Image { width: side, height: side, pixels: vec![number; bytes] };
    (0..16).map(|number| Input::Frames(vec![image(number)])).collect()
}

/// Stops a stage again and again, and reports the median and the longest time that it went on.
fn stage(what: &str, random: &mut Random, work: impl Fn(&Cancel) + Sync) {
    stage_within(what, LONGEST, random, work);
}

/// The same, where the flag is set so long after the start at most.
fn stage_within(what: &str, longest: Duration, random: &mut Random, work: impl Fn(&Cancel) + Sync) {
    tell(what, "in process", (0..TRIES).map(|_| stop(longest, random, &work)).collect());
}

/// Reports how long a stage went on after its caller left so.
fn tell(stage: &str, caller: &str, mut times: Vec<f64>) {
    times.sort_by(f64::total_cmp);
    let at = |place: usize| times.get(place).copied().unwrap_or(0.0);
    let (median, longest) = (at(times.len() / 2), at(times.len().saturating_sub(1)));
    report(
        "cancel",
        json!({"stage": stage, "caller": caller, "tries": times.len(), "median_ms": median, "longest_ms": longest}),
    );
}

/// Milliseconds from the flag to the end of the work.
fn stop(longest: Duration, random: &mut Random, work: &(impl Fn(&Cancel) + Sync)) -> f64 {
    let cancel = Cancel::new();
    std::thread::scope(|scope| {
        let working = scope.spawn(|| {
            while !cancel.is_cancelled() {
                work(&cancel);
            }
            Instant::now()
        });
        std::thread::sleep(longest.mul_f32(random.uniform()));
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
    make_video_of(path, "1280x720", VIDEO_S);
}

fn make_video_of(path: &Path, size: &str, seconds: u32) {
    let done = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-f", "lavfi", "-i"])
        .arg(format!("testsrc2=size={size}:rate=25:duration={seconds},noise=alls=8"))
        .args(["-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p"])
        .arg(path)
        .status()
        .expect("ffmpeg starts");
    assert!(done.success(), "ffmpeg makes the video");
}

fn make_images(folder: &Path) {
    fs_err::create_dir(folder).expect("a folder");
    let done = Command::new("ffmpeg")
        .args([
            "-nostdin",
            "-v",
            "error",
            "-f",
            "lavfi",
            "-i",
            "testsrc2=size=640x480:rate=1,noise=alls=20:allf=t",
        ])
        .args(["-frames:v", &RERANKED.to_string()])
        .arg(folder.join("%d.jpg"))
        .status()
        .expect("ffmpeg starts");
    assert!(done.success(), "ffmpeg makes images");
}
