//! The disk is full, or turns read-only: a clear error, nothing lost, and it goes on. The disk is that of the recorder, so that the
//! test needs no right to mount anything.

use std::error::Error as _;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use sensorium_index::{Collection, Database, IndexError};
use sensorium_testkit::disk::{Recorder, Room};
use sensorium_types::ErrorKind;

use crate::common::*;
use crate::load::{Done, FIRST, Part, attempt, open_database, say};

/// Steps until the disk is full, at the latest.
const STEPS: usize = 2000;
/// Bytes that are left, at most.
const MOST_BYTES: usize = 60_000;
/// Times that the disk is full, on each run.
const TIMES: usize = 3;

/// Runs the child; what it says is what was done.
fn run(test: &str, part: Part, recorder: &Recorder, data: &Path) -> Vec<String> {
    let mut command = part.command(test, data);
    recorder.attach(&mut command, data.parent().expect("a folder"));
    let ended = command.stdout(Stdio::null()).status().expect("the child starts");
    assert!(ended.success(), "the child fails: {ended}");
    let log = recorder.log();
    log.said(log.len())
}

/// Does steps until one fails; gives its number and the error.
fn until_failure(seed: u64, from: usize, database: &Database, first: &Collection) -> (usize, IndexError) {
    for number in from..STEPS {
        match attempt(seed, 0, number, database, first) {
            Ok(()) => say(&format!("done 0 {}", number + 1)),
            Err(error) => return (number, error),
        }
    }
    panic!("the disk is never full");
}

/// What a person reads: the error and what it comes from.
fn with_causes(error: &IndexError) -> String {
    let (mut said, mut cause) = (error.to_string(), error.source());
    while let Some(error) = cause {
        said = format!("{said}: {error}");
        cause = error.source();
    }
    said
}

/// The child: runs into a full disk again and again, and goes on without being opened anew.
fn fill_and_go_on(part: Part, data: &Path) {
    let mut random = Random(part.seed);
    let database = open_database(data);
    let first = database.create_or_open(FIRST, &space()).expect("opens");
    say("ready");
    let mut at = 0;
    for time in 0..TIMES {
        let room = if time == 0 { 0 } else { random.below(MOST_BYTES) };
        Room::Bytes(u32::try_from(room).expect("small")).set_here();
        let (failed, error) = until_failure(part.seed, at, &database, &first);
        assert_eq!(error.kind(), ErrorKind::Overloaded, "{error}");
        let said = with_causes(&error);
        assert!(said.contains("disk is full") || said.contains("No space left"), "{said}");
        at = failed;
        // Reading goes on, and writing says what is the matter.
        let count = first.count(None).expect("counts");
        assert_eq!(search(&first, &request(Random(1).unit(DIM), 1000)).hits.len() as u64, count);
        let again = attempt(part.seed, 0, at, &database, &first).expect_err("is full");
        assert!(again.to_string().contains("free some space"), "{again}");
        assert!(database.create_or_open("another", &space()).is_err());
        Room::Unbounded.set_here();
        let begun = Instant::now();
        while let Err(error) = attempt(part.seed, 0, at, &database, &first) {
            assert!(begun.elapsed() < HANG, "it does not go on: {error}");
            assert!(error.to_string().contains("free some space"), "{error}");
            std::thread::sleep(Duration::from_millis(100));
        }
        say(&format!("went on after {:?}", begun.elapsed()));
        say(&format!("done 0 {}", at + 1));
        at += 1;
    }
    assert_clean(&first);
}

#[test]
fn a_full_disk_is_said_and_writing_goes_on_when_there_is_room() {
    if let Some((part, data)) = Part::of_child() {
        return fill_and_go_on(part, &data);
    }
    let seed = sensorium_testkit::seed("the full disk", 1);
    let folder = tempfile::tempdir().expect("folder");
    let (recorder, data) = (Recorder::new(), folder.path().join("data"));
    let part = Part { seed, from: 0, to: STEPS, is_clean: true };
    let said =
        run("full::a_full_disk_is_said_and_writing_goes_on_when_there_is_room", part, &recorder, &data);
    said.iter().filter(|line| line.starts_with("went on")).for_each(|line| println!("{line}"));
    Done::of(&said).check(seed, &data).expect("nothing is lost");
}

/// The child: the disk turns read-only under it, and stays so.
fn turn_read_only(part: Part, data: &Path) {
    let database = open_database(data);
    let first = database.create_or_open(FIRST, &space()).expect("opens");
    say("ready");
    for number in part.from..part.to {
        attempt(part.seed, 0, number, &database, &first).expect("is done");
        say(&format!("done 0 {}", number + 1));
    }
    Room::ReadOnly.set_here();
    let (_, error) = until_failure(part.seed, part.to, &database, &first);
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert!(error.to_string().contains("Read-only file system"), "{error}");
    let again = attempt(part.seed, 0, part.to, &database, &first).expect_err("is read-only");
    assert!(again.to_string().contains("open the database again"), "{again}");
    let count = first.count(None).expect("counts");
    assert_eq!(search(&first, &request(Random(1).unit(DIM), 1000)).hits.len() as u64, count);
}

#[test]
fn a_disk_that_turns_read_only_is_said_and_nothing_is_lost() {
    if let Some((part, data)) = Part::of_child() {
        return turn_read_only(part, &data);
    }
    let seed = sensorium_testkit::seed("the read-only disk", 1);
    let folder = tempfile::tempdir().expect("folder");
    let (recorder, data) = (Recorder::new(), folder.path().join("data"));
    for from in [0, 40, 80] {
        recorder.room(Room::Unbounded);
        let part = Part { seed, from, to: from + 40, is_clean: true };
        let said =
            run("full::a_disk_that_turns_read_only_is_said_and_nothing_is_lost", part, &recorder, &data);
        Done::of(&said).check_reading(seed, &data).expect("a reader finds everything");
    }
    let log = recorder.log();
    Done::of(&log.said(log.len())).check(seed, &data).expect("nothing is lost");
}
