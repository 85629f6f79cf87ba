//! The engine behind a pipe: a command a line, an answer a line, both JSON. `scripts/bench_index/protocol.py` names the
//! commands; peers answer the same ones.

use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sensorium_types::AssetHit;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::meter::{self, Cpu};
use crate::store::{Ask, Store, filter, number};
use crate::{Error, raw};

/// A file that says that a folder's collection is whole, and what building it cost.
const BUILT: &str = "built.json";
/// Vectors of one call while a collection is filled.
const CHUNK: usize = 1_000;

/// Vectors in a file.
#[derive(Debug, Deserialize)]
struct Vectors {
    path: PathBuf,
    dim: usize,
    #[serde(default)]
    from: usize,
    count: usize,
}

impl Vectors {
    fn read(&self, from: usize, count: usize) -> Result<Vec<f32>, Error> {
        raw::read(&self.path, self.dim, self.from + from, count)
    }
}

fn once() -> usize {
    1
}

/// What is asked.
#[derive(Debug, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
enum Command {
    /// Opens the folder's collection; builds it first where it is missing.
    Open { folder: PathBuf, vectors: Vectors },
    /// Asks one query a call.
    Search {
        queries: Vectors,
        k: usize,
        ef: Option<usize>,
        #[serde(default)]
        exact: bool,
        /// Of a thousand.
        below: Option<u64>,
        #[serde(default = "once")]
        repeat: usize,
    },
    /// Asks all queries, on several threads.
    Batch {
        queries: Vectors,
        k: usize,
        ef: Option<usize>,
        threads: usize,
        #[serde(default = "once")]
        repeat: usize,
    },
    /// Writes into a new folder, `batch` vectors durably at a time.
    Ingest { folder: PathBuf, vectors: Vectors, batch: usize },
    /// Counts, sizes, memory.
    Stats,
}

/// Answers commands from standard input until it ends.
///
/// # Errors
/// If an answer cannot be written. A command that fails answers `{"error": ...}`.
pub(crate) fn answer() -> Result<(), Error> {
    let mut open = None;
    for line in std::io::stdin().lock().lines() {
        let reply = serde_json::from_str(&line?)
            .map_err(Error::from)
            .and_then(|command| run(command, &mut open))
            .unwrap_or_else(|error| json!({"error": error.to_string()}));
        let mut out = std::io::stdout().lock();
        writeln!(out, "{reply}")?;
        out.flush()?;
    }
    Ok(())
}

fn run(command: Command, open: &mut Option<Store>) -> Result<Value, Error> {
    match command {
        Command::Open { folder, vectors } => {
            *open = None;
            let built = build(&folder, &vectors)?;
            let begun = Instant::now();
            *open = Some(Store::open(&folder, vectors.dim)?);
            Ok(json!({"built": built, "open_s": begun.elapsed().as_secs_f64()}))
        }
        Command::Search { queries, k, ef, exact, below, repeat } => {
            let store = open.as_ref().ok_or("nothing is open")?;
            let filter = below.map(filter).transpose()?;
            search(store, &queries, &Ask { k, ef, exact, filter }, repeat)
        }
        Command::Batch { queries, k, ef, threads, repeat } => {
            let store = open.as_ref().ok_or("nothing is open")?;
            batch(store, &queries, &Ask { k, ef, exact: false, filter: None }, Threads { threads, repeat })
        }
        Command::Ingest { folder, vectors, batch } => ingest(&folder, &vectors, batch),
        Command::Stats => {
            let store = open.as_ref().ok_or("nothing is open")?;
            Ok(json!({"memory": meter::memory(), "engine": store.stats()?}))
        }
    }
}

/// What building cost, now or when it was done.
fn build(folder: &Path, vectors: &Vectors) -> Result<Value, Error> {
    let note = folder.join(BUILT);
    if note.is_file() {
        return Ok(serde_json::from_str(&fs_err::read_to_string(note)?)?);
    }
    if folder.exists() {
        fs_err::remove_dir_all(folder)?;
    }
    fs_err::create_dir_all(folder)?;
    let (begun, cpu) = (Instant::now(), Cpu::now());
    let store = Store::open(folder, vectors.dim)?;
    fill(&store, vectors, CHUNK)?;
    let ingest = begun.elapsed();
    store.seal()?;
    let built = json!({
        "ingest_s": ingest.as_secs_f64(), "build_s": begun.elapsed().as_secs_f64(),
        "build_cpu_s": cpu.seconds(),
    });
    drop(store);
    fs_err::write(note, built.to_string())?;
    Ok(built)
}

fn fill(store: &Store, vectors: &Vectors, batch: usize) -> Result<(), Error> {
    for from in (0..vectors.count).step_by(batch.max(1)) {
        let count = batch.min(vectors.count - from);
        store.ingest(from, &vectors.read(from, count)?, vectors.dim)?;
    }
    Ok(())
}

fn ingest(folder: &Path, vectors: &Vectors, batch: usize) -> Result<Value, Error> {
    if folder.exists() {
        fs_err::remove_dir_all(folder)?;
    }
    fs_err::create_dir_all(folder)?;
    let store = Store::open(folder, vectors.dim)?;
    let (begun, cpu) = (Instant::now(), Cpu::now());
    fill(&store, vectors, batch)?;
    Ok(json!({"seconds": begun.elapsed().as_secs_f64(), "cpu_s": cpu.seconds()}))
}

fn search(store: &Store, queries: &Vectors, ask: &Ask, repeat: usize) -> Result<Value, Error> {
    let vectors = queries.read(0, queries.count)?;
    let (mut hits, mut times) = (Vec::new(), Vec::with_capacity(queries.count * repeat));
    let cpu = Cpu::now();
    let begun = Instant::now();
    for _ in 0..repeat.max(1) {
        hits.clear();
        for query in vectors.chunks_exact(queries.dim) {
            let before = Instant::now();
            hits.push(store.search(query, ask)?);
            times.push(before.elapsed());
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    let cpu = cpu.seconds();
    times.sort();
    let at = |percent: usize| times.get(percent * times.len() / 100).map_or(0.0, Duration::as_secs_f64) * 1e6;
    Ok(json!({"seconds": seconds, "cpu_s": cpu, "p50_us": at(50), "p99_us": at(99), "ids": ids(&hits)?}))
}

/// How a batch is asked.
#[derive(Debug, Clone, Copy)]
struct Threads {
    threads: usize,
    repeat: usize,
}

/// Every thread asks a share of the queries, one a call.
fn batch(store: &Store, queries: &Vectors, ask: &Ask, how: Threads) -> Result<Value, Error> {
    let vectors = queries.read(0, queries.count)?;
    let share = queries.count.div_ceil(how.threads.max(1)) * queries.dim;
    let cpu = Cpu::now();
    let begun = Instant::now();
    let mut hits = Vec::new();
    for _ in 0..how.repeat.max(1) {
        hits = std::thread::scope(|scope| {
            let shares: Vec<_> = vectors
                .chunks(share)
                .map(|share| {
                    scope.spawn(move || {
                        let queries = share.chunks_exact(queries.dim);
                        let hits = queries.map(|query| store.search(query, ask));
                        hits.collect::<Result<Vec<_>, _>>().map_err(|error| error.to_string())
                    })
                })
                .collect();
            let joined =
                shares.into_iter().map(|share| share.join().map_err(|_| "a thread panicked".to_owned())?);
            joined.collect::<Result<Vec<_>, String>>()
        })?
        .concat();
    }
    let seconds = begun.elapsed().as_secs_f64();
    Ok(json!({"seconds": seconds, "cpu_s": cpu.seconds(), "ids": ids(&hits)?}))
}

/// The numbers of hits.
fn ids(hits: &[Vec<AssetHit>]) -> Result<Vec<Vec<u32>>, Error> {
    hits.iter().map(|hits| hits.iter().map(number).collect()).collect()
}
