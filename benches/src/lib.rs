//! What every bench needs: the machine and commit beside each figure, the bundle, media made by a fixed recipe.

pub mod images;
pub mod mixed;
pub mod server;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sensorium_embed::{Bundle, FolderFiles, LoadOptions, StaticFiles};
use sensorium_engine::{Access, Cancel, Engine, EngineConfig};
use sensorium_media::{EncoderSpec, Limits, MediaPool, PoolConfig};
use sensorium_store_embedded::Embedded;
use sensorium_types::{IndexRequest, IndexSummary};
use serde_json::{Value, json};

/// Threads and workers of every bench: the project's reference machine has two cores.
pub const THREADS: usize = 2;

/// Prints one figure row as a JSON line, with the machine and the commit.
#[expect(clippy::print_stdout, reason = "a bench reports on standard output")]
pub fn report(bench: &str, mut figures: Value) {
    if let Some(fields) = figures.as_object_mut() {
        fields.insert("bench".to_owned(), json!(bench));
        fields.insert("machine".to_owned(), json!(machine()));
        fields.insert("commit".to_owned(), json!(output_of("git", &["rev-parse", "--short", "HEAD"])));
    }
    println!("{figures}");
}

/// Seeded numbers, SplitMix64: the same at each run.
#[derive(Debug, Clone)]
pub struct Random(pub u64);

impl Random {
    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below another.
    pub fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.bits() % bound as u64).unwrap_or(0)
    }

    /// A number in 0..1.
    pub fn uniform(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / (1_u64 << 24) as f32
    }

    /// About normal, of deviation 0.58: the sum of four uniform draws.
    pub fn normal(&mut self) -> f32 {
        (0..4).map(|_| self.uniform()).sum::<f32>() - 2.0
    }
}

/// The vector, of L2 norm 1.
pub fn normalized(mut vector: Vec<f32>) -> Vec<f32> {
    let norm = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    vector.iter_mut().for_each(|value| *value /= norm);
    vector
}

/// The processor's name and the number of cores.
pub fn machine() -> String {
    let cpuinfo = fs_err::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name =
        cpuinfo.lines().find_map(|line| line.strip_prefix("model name\t: ")).unwrap_or("unknown processor");
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    format!("{name}, {cores} cores")
}

/// The trimmed standard output of a command, empty if it cannot run.
pub fn output_of(program: &str, args: &[&str]) -> String {
    Command::new(program)
        .args(args)
        .output()
        .map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
        .unwrap_or_default()
}

/// How long a piece of work takes.
pub fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let begun = Instant::now();
    let result = work();
    (result, begun.elapsed())
}

/// The middle one of some times, 0 where there are none.
pub fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(0.0)
}

/// The folder of the bundle of `SENSORIUM_BENCH_BUNDLE`, if it is set: that of a model that was added or joined.
pub fn bundle_folder() -> Option<PathBuf> {
    std::env::var_os("SENSORIUM_BENCH_BUNDLE").map(PathBuf::from)
}

/// The bundle in [`bundle_folder`], else the default one.
///
/// # Panics
/// If it does not load.
pub fn bundle() -> Arc<Bundle> {
    let options = LoadOptions { threads: THREADS };
    let bundle = match bundle_folder() {
        Some(folder) => Bundle::load(FolderFiles(folder), options),
        None => Bundle::load(StaticFiles(sensorium_mini::files()), options),
    };
    bundle.expect("the bundle loads")
}

/// The program that decodes, from `SENSORIUM_BIN`.
///
/// # Panics
/// If it is not set.
pub fn worker_program() -> PathBuf {
    PathBuf::from(std::env::var_os("SENSORIUM_BIN").expect("SENSORIUM_BIN is set by `make bench`"))
}

/// A pool of [`THREADS`] workers for the bundle's encoders.
///
/// # Panics
/// If the workers cannot start.
pub fn pool(spec: EncoderSpec) -> MediaPool {
    MediaPool::new(PoolConfig {
        worker_program: worker_program(),
        workers: THREADS,
        limits: Limits::default(),
        spec,
    })
    .expect("the workers start")
}

/// Indexes a folder into a new database, by the code path of `sensorium index`, and tells how long it took.
///
/// # Panics
/// If the run as such fails.
pub fn index_folder(data_dir: PathBuf, media: PathBuf, bundle: Arc<Bundle>) -> (IndexSummary, Duration) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("runtime");
    timed(|| {
        runtime.block_on(async {
            let engine = Engine::open(EngineConfig {
                data_dir,
                storage: Arc::new(Embedded),
                collection: "default".to_owned(),
                bundle,
                elders: None,
                worker_program: worker_program(),
                jobs: THREADS,
                limits: Limits::default(),
                access: Access::Write,
            })
            .await
            .expect("opens");
            let (sender, mut events) = tokio::sync::mpsc::unbounded_channel();
            let request = IndexRequest { paths: vec![media], ..IndexRequest::default() };
            let drain = tokio::spawn(async move { while events.recv().await.is_some() {} });
            let summary = engine.index(request, sender, Cancel::default()).await.expect("indexes");
            drain.await.expect("drained");
            summary
        })
    })
}

/// The data folder, from `DATA`; `None` (said aloud) where it does not stand.
#[expect(clippy::print_stderr, reason = "a skipped bench is said aloud")]
pub fn data() -> Option<PathBuf> {
    // Asked when it runs: a target folder may be shared by checkouts, and what is compiled in names one of them.
    let package =
        std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from("benches"), PathBuf::from);
    let root = package.parent().unwrap_or(Path::new("."));
    let data = root.join(std::env::var_os("DATA").unwrap_or_else(|| "../shared/data".into()));
    if data.join("index.jsonl").is_file() {
        return Some(data);
    }
    eprintln!("SKIPPED: no data at {}", data.display());
    None
}

/// The files of a folder with this suffix, sorted, at most `limit`.
///
/// # Errors
/// If the folder cannot be read.
pub fn files(folder: &Path, suffix: &str, limit: usize) -> std::io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs_err::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|found| found.eq_ignore_ascii_case(suffix)) {
            paths.push(path);
        }
    }
    paths.sort();
    paths.truncate(limit);
    Ok(paths)
}
