//! The pool against workers that misbehave: shell scripts in the place of the real one.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sensorium_media::{Cancel, EncoderSpec, Limits, MediaError, MediaInput, MediaPool, PoolConfig};
use sensorium_types::{FailureReason, ReasonKind};

struct Script {
    folder: tempfile::TempDir,
}

impl Script {
    fn new(body: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("worker");
        // Written by a child: a file that this process holds open for writing while another test starts a worker is
        // inherited by that worker for a moment, and then cannot be run ("text file busy").
        let written = Command::new("sh")
            .args(["-c", "printf '%s' \"$1\" > \"$2\" && chmod 755 \"$2\"", "sh"])
            .arg(format!("#!/bin/sh\n{body}\n"))
            .arg(&path)
            .status()
            .expect("sh starts");
        assert!(written.success(), "the worker is written");
        Self { folder }
    }

    fn program(&self) -> PathBuf {
        self.folder.path().join("worker")
    }

    fn pool(&self, workers: usize, max_stall: Duration) -> MediaPool {
        MediaPool::new(config(&self.program(), workers, max_stall)).expect("a pool")
    }
}

fn config(program: &Path, workers: usize, max_stall: Duration) -> PoolConfig {
    let limits = Limits { max_stall, ..Limits::default() };
    PoolConfig { worker_program: program.to_owned(), workers, limits, spec: EncoderSpec::default() }
}

fn decode(pool: &MediaPool, cancel: &Cancel) -> FailureReason {
    pool.decode(MediaInput::Bytes(Arc::from(b"a text".as_slice())), cancel).expect_err("no real worker")
}

/// A time that no test waits for: longer than anything takes that does not hang.
const LONG: Duration = Duration::from_secs(600);

/// Waits until this holds.
fn until(holds: impl Fn() -> bool, what: impl Fn() -> String) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < LONG, "{}", what());
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_crash_costs_one_file_and_is_named() {
    let script = Script::new("echo 'alloc failed' >&2; head -c 4 >/dev/null; kill -ABRT $$");
    let pool = script.pool(1, LONG);
    for _ in 0..3 {
        let failed = decode(&pool, &Cancel::new());
        assert_eq!(failed.to_string(), "decoder crashed (signal 6)");
        assert!(failed.is_retryable());
    }
}

#[test]
fn an_exit_and_nonsense_are_crashes_too() {
    assert_eq!(
        decode(&Script::new("exit 3").pool(1, LONG), &Cancel::new()).to_string(),
        "decoder crashed (exit code 3)"
    );
    // Told at once, and not when its time is up.
    let nonsense = Script::new("echo 'not a message at all'; exec sleep 3600");
    assert_eq!(decode(&nonsense.pool(1, LONG), &Cancel::new()).kind, ReasonKind::Crashed);
}

#[test]
fn a_worker_that_says_nothing_is_killed_and_what_it_runs() {
    let script = Script::new(
        "sleep 3600 & echo $! >\"$0.part\"; mv \"$0.part\" \"$0.pid\"; cat >/dev/null; sleep 3600",
    );
    // The worker gets more time until it has come far enough to have a child.
    let mut time = Duration::from_millis(200);
    let pid = loop {
        let pool = script.pool(1, time);
        assert_eq!(decode(&pool, &Cancel::new()).kind, ReasonKind::TimedOut);
        if let Ok(pid) = fs_err::read_to_string(script.program().with_extension("pid")) {
            break pid;
        }
        time *= 2;
        assert!(time < LONG, "the worker never started");
    };
    // The signal is sent when decode returns; the system may need a moment to carry it out.
    until(|| !lives(&pid), || format!("its child lives on: {}", state(&pid)));
}

#[test]
fn what_a_worker_runs_makes_no_more_frames_once_the_caller_has_left() {
    // Stands for ffmpeg: it writes frame after frame until it is killed. It begins with the file: a worker that has none yet is not stopped
    // by a caller who leaves, nor is the one that takes the killed one's place.
    let script = Script::new(
        "head -c 4 >/dev/null; (while :; do echo frame >>\"$0.frames\"; done) & \
         echo $! >\"$0.part\"; mv \"$0.part\" \"$0.pid\"; cat >/dev/null; sleep 3600",
    );
    let pool = script.pool(1, LONG);
    let cancel = Cancel::new();
    let pid = std::thread::scope(|scope| {
        let decoding = scope.spawn(|| decode(&pool, &cancel));
        let told = script.program().with_extension("pid");
        until(|| told.exists(), || "the worker never started".to_owned());
        cancel.cancel();
        assert_eq!(decoding.join().expect("no panic").detail, "interrupted");
        fs_err::read_to_string(told).expect("its child")
    });
    until(|| !lives(&pid), || format!("its child lives on: {}", state(&pid)));
    let frames = || fs_err::metadata(script.program().with_extension("frames")).map_or(0, |file| file.len());
    assert_eq!(frames(), frames(), "nobody writes");
}

#[test]
fn a_file_whose_caller_has_left_before_is_not_begun() {
    let script = Script::new("cat >\"$0.asked\"");
    let (pool, cancel) = (script.pool(1, LONG), Cancel::new());
    cancel.cancel();
    assert_eq!(decode(&pool, &cancel).detail, "interrupted");
    // Its first worker ends when the pool does, and has been told nothing.
    drop(pool);
    let asked = fs_err::read(script.program().with_extension("asked")).unwrap_or_default();
    assert_eq!(asked, b"");
}

/// What the system says of a process; nothing of one that is gone.
fn state(pid: &str) -> String {
    fs_err::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default()
}

fn lives(pid: &str) -> bool {
    !state(pid).is_empty() && !state(pid).contains(") Z")
}

#[test]
fn a_flood_of_complaints_blocks_nothing() {
    let script = Script::new("head -c 1000000 /dev/zero >&2; exit 9");
    assert_eq!(decode(&script.pool(1, LONG), &Cancel::new()).to_string(), "decoder crashed (exit code 9)");
}

#[test]
fn cancelling_stops_a_file_and_those_that_wait() {
    let script = Script::new("touch \"$0.here\"; exec sleep 3600");
    let pool = script.pool(1, LONG);
    let cancel = Cancel::new();
    std::thread::scope(|scope| {
        let waiting: Vec<_> = (0..3).map(|_| scope.spawn(|| decode(&pool, &cancel))).collect();
        until(|| script.program().with_extension("here").exists(), || "no worker started".to_owned());
        cancel.cancel();
        for failed in waiting {
            assert_eq!(failed.join().expect("no panic").detail, "interrupted");
        }
    });
}

#[test]
fn a_program_that_is_not_there_shows_at_once() {
    let absent = MediaPool::new(config(Path::new("/absent/worker"), 1, LONG));
    assert!(matches!(absent, Err(MediaError::WorkerProgram { .. })));
    assert!(matches!(MediaPool::new(config(Path::new("/bin/true"), 0, LONG)), Err(MediaError::NoWorkers)));
}
