//! Decodes files and says what came out: `decode [--jobs N] [--list] [--worker PROGRAM] PATH..`. Also the worker that the
//! pool starts, unless another program is named: of two builds the same files can be compared.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sensorium_media::{
    Cancel, Decoded, EncoderSpec, Limits, MediaInput, MediaPool, PoolConfig, WORKER_SUBCOMMAND, worker_main,
};
use sensorium_types::FailureReason;

/// Prints a line, also to a reader that has gone.
macro_rules! say {
    ($($words:tt)*) => {{ let _ = writeln!(std::io::stdout(), $($words)*); }};
}

type Error = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some(WORKER_SUBCOMMAND) {
        return worker_main();
    }
    match drive() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

fn drive() -> Result<(), Error> {
    let (mut jobs, mut list, mut files) = (2, false, Vec::new());
    let mut worker_program = std::env::current_exe()?;
    let mut args = std::env::args_os().skip(1);
    while let Some(arg) = args.next() {
        match arg.to_str() {
            Some("--jobs") => jobs = args.next().and_then(|n| n.to_str()?.parse().ok()).ok_or("--jobs N")?,
            Some("--list") => list = true,
            Some("--worker") => worker_program = args.next().ok_or("--worker PROGRAM")?.into(),
            _ => walk(Path::new(&arg), &mut files)?,
        }
    }
    files.sort();
    let config =
        PoolConfig { worker_program, workers: jobs, limits: Limits::default(), spec: EncoderSpec::default() };
    let pool = MediaPool::new(config)?;
    let tally = Mutex::new(Tally::default());
    let next = Mutex::new(files.iter());
    let begin = Instant::now();
    let peak = with_peak(|| {
        std::thread::scope(|scope| {
            for _ in 0..jobs {
                scope.spawn(|| {
                    while let Some(path) = next.lock().ok().and_then(|mut next| next.next()) {
                        let start = Instant::now();
                        let decoded = pool.decode(MediaInput::Path(path.clone()), &Cancel::default());
                        if let Ok(mut tally) = tally.lock() {
                            tally.note(path, &decoded, start.elapsed(), list);
                        }
                    }
                });
            }
        });
    });
    let tally = tally.into_inner().map_err(|_| "a thread panicked")?;
    tally.report();
    say!("{} files in {:.1} s, peak {peak} MiB", files.len(), begin.elapsed().as_secs_f64());
    Ok(())
}

fn walk(path: &Path, files: &mut Vec<PathBuf>) -> Result<(), Error> {
    if !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    for entry in fs_err::read_dir(path)? {
        walk(&entry?.path(), files)?;
    }
    Ok(())
}

#[derive(Debug, Default)]
struct Tally {
    counts: BTreeMap<String, usize>,
    slowest: Vec<(Duration, PathBuf)>,
}

impl Tally {
    fn note(&mut self, path: &Path, decoded: &Result<Decoded, FailureReason>, took: Duration, list: bool) {
        let (kind, line) = match decoded {
            Ok(Decoded { modality, mime, facts, warning, parts }) => {
                let spans: Vec<_> = parts.iter().filter_map(|part| Some((part.track, part.span?))).collect();
                let facts = serde_json::to_string(facts).unwrap_or_default();
                let warned = warning.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
                (format!("{modality} {mime}"), format!("{} parts {facts} {spans:?}{warned}", parts.len()))
            }
            Err(reason) => (reason.kind.label().to_owned(), reason.to_string()),
        };
        if list {
            say!("{:>6} ms  {}  {kind}: {line}", took.as_millis(), path.display());
        }
        *self.counts.entry(kind).or_default() += 1;
        self.slowest.push((took, path.to_owned()));
    }

    fn report(mut self) {
        for (kind, count) in &self.counts {
            say!("{count:>6}  {kind}");
        }
        self.slowest.sort();
        for (took, path) in self.slowest.iter().rev().take(5) {
            say!("slow: {:>6} ms  {}", took.as_millis(), path.display());
        }
    }
}

/// Runs the body; the largest sum of resident memory of this process and all below it, in MiB.
fn with_peak(body: impl FnOnce()) -> u64 {
    let (over, peak) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                peak.fetch_max(resident(std::process::id()), Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(2));
            }
        });
        body();
        over.store(true, Ordering::Relaxed);
    });
    peak.into_inner() >> 10
}

/// Resident kB of a process and all below it.
fn resident(pid: u32) -> u64 {
    let status = fs_err::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let own = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|line| line.trim().split(' ').next()?.parse().ok())
        .unwrap_or(0);
    let tasks = fs_err::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let children = tasks.flat_map(|task| {
        let children = fs_err::read_to_string(task.path().join("children")).unwrap_or_default();
        children.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok()).collect::<Vec<_>>()
    });
    own + children.map(resident).sum::<u64>()
}
