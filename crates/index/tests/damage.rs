//! Damage on disk: every case is an error, a rebuild, or reported; never a silent wrong answer.

#![expect(clippy::cast_possible_truncation, reason = "small numbers of tests")]

mod common;

use std::path::{Path, PathBuf};

use common::*;
use fs_err as fs;
use sensorium_index::{Database, OpenOptions};
use sensorium_types::{Change, ErrorKind, Modality, Plan, Track};

/// The files of the only collection whose name ends so, oldest first.
fn files(data: &Path, ending: &str) -> Vec<PathBuf> {
    let folder =
        fs::read_dir(data.join("collections")).expect("lists").next().expect("one").expect("reads").path();
    let files = fs::read_dir(folder).expect("lists").map(|file| file.expect("reads").path());
    let mut files: Vec<_> = files.filter(|file| file.to_string_lossy().ends_with(ending)).collect();
    files.sort();
    files
}

/// Copies a data folder as a crash would leave it: while the collection is open, without a clean stop.
fn crashed_copy(data: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().expect("folder");
    copy_folder(data, copy.path());
    copy
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("makes");
    for entry in fs::read_dir(from).expect("lists") {
        let path = entry.expect("reads").path();
        let target = to.join(path.file_name().expect("named"));
        if path.is_dir() {
            copy_folder(&path, &target);
        } else {
            fs::copy(&path, &target).expect("copies");
        }
    }
}

/// Waits until the high-water mark on disk has come to this change.
fn wait_for_mark(data: &Path, change: u64) {
    let file = files(data, "high-water").pop().expect("a mark");
    let is_there = || {
        fs::read(&file)
            .expect("reads")
            .chunks(24)
            .any(|slot| slot.get(8..16) == Some(&change.to_le_bytes()[..]))
    };
    until(is_there, || format!("no mark of the change {change}"));
}

fn write_slowly(collection: &sensorium_index::Collection, count: usize) {
    let mut random = Random(4);
    for number in 0..count {
        collection.apply(vec![image(&format!("asset {number:06}"), random.unit(DIM))]).expect("applies");
    }
}

#[test]
fn a_crash_without_a_clean_stop_loses_nothing() {
    let data = tempfile::tempdir().expect("folder");
    let (_database, collection) = open(data.path());
    write_slowly(&collection, 60);
    let copy = crashed_copy(data.path());
    let (_database, collection) = open(copy.path());
    assert_eq!(collection.count(None).expect("counts"), 60);
    assert_eq!(collection.lost_changes(), 0);
    assert_clean(&collection);
}

#[test]
fn a_flipped_bit_in_the_log_is_an_error_and_repair_says_what_goes() {
    let data = tempfile::tempdir().expect("folder");
    let (_database, collection) = open(data.path());
    write_slowly(&collection, 60);
    wait_for_mark(data.path(), 60);
    let crashed = crashed_copy(data.path());
    let log = files(crashed.path(), ".log").pop().expect("a log");
    let bytes = fs::read(&log).expect("reads");
    for (round, part) in [1, 3, 5, 7].into_iter().enumerate() {
        let copy = crashed_copy(crashed.path());
        let log = files(copy.path(), ".log").pop().expect("a log");
        let mut damaged = bytes.clone();
        damaged[bytes.len() * part / 8] ^= 1 << round;
        fs::write(&log, &damaged).expect("writes");
        let database = Database::open(copy.path(), OpenOptions::default()).expect("opens");
        let error = database.open_collection("default").expect_err("refuses");
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
        assert!(error.to_string().contains("sensorium repair"), "{error}");
        let problems = database.verify("default").expect("walks").expect("there");
        assert!(!problems.is_empty());
        let told = database.repair("default", true).expect("looks").expect("there");
        assert!(told[0].repair.contains("drop the log from the damage on"), "{told:?}");
        // A dry run changed nothing.
        assert!(database.open_collection("default").is_err());
        let told = database.repair("default", false).expect("repairs").expect("there");
        assert!(told.iter().any(|problem| problem.what.contains("acknowledged changes")), "{told:#?}");
        let collection = database.open_collection("default").expect("opens").expect("there");
        let left = collection.count(None).expect("counts");
        assert!(left > 0 && left < 60, "{left} left");
        assert_clean(&collection);
    }
}

#[test]
fn a_log_cut_short_is_reported_until_repair_takes_note() {
    let data = tempfile::tempdir().expect("folder");
    let (_database, collection) = open(data.path());
    write_slowly(&collection, 60);
    wait_for_mark(data.path(), 60);
    let copy = crashed_copy(data.path());
    let log = files(copy.path(), ".log").pop().expect("a log");
    let length = fs::metadata(&log).expect("reads").len();
    fs::OpenOptions::new().write(true).open(&log).expect("opens").set_len(length / 2).expect("cuts");
    {
        let database = reader(copy.path());
        let collection = database.open_collection("default").expect("opens").expect("there");
        let problems = collection.verify().expect("walks");
        assert!(
            problems.iter().any(|problem| problem.what.contains("acknowledged changes are gone")),
            "{problems:?}"
        );
    }
    for _ in 0..2 {
        let (_database, collection) = open(copy.path());
        let left = collection.count(None).expect("counts");
        assert_eq!(collection.lost_changes(), 60 - left);
        assert!(left < 60);
        let problems = collection.verify().expect("walks");
        assert!(problems[0].what.contains(&format!("{} acknowledged changes", 60 - left)), "{problems:?}");
        assert_eq!(problems.len(), 1);
        assert_eq!(collection.repair(true).expect("looks"), problems);
    }
    let (_database, collection) = open(copy.path());
    assert_eq!(collection.repair(false).expect("repairs").len(), 1);
    assert_eq!(collection.lost_changes(), 0);
    assert_clean(&collection);
}

#[test]
fn damaged_tables_are_errors() {
    let data = tempfile::tempdir().expect("folder");
    {
        let (_database, collection) = open(data.path());
        write_slowly(&collection, 30);
        collection.seal().expect("seals");
    }
    let tables = files(data.path(), ".sst");
    let mut opened = 0;
    for table in &tables {
        let copy = crashed_copy(data.path());
        let table = copy.path().join(table.strip_prefix(data.path()).expect("below"));
        let mut bytes = fs::read(&table).expect("reads");
        // The first block is rows; what follows are filters and indexes.
        bytes[8] ^= 4;
        fs::write(&table, &bytes).expect("writes");
        let database = Database::open_tuned(copy.path(), OpenOptions::default(), eager()).expect("opens");
        match database.open_collection("default") {
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
                let problems = database.verify("default").expect("walks").expect("there");
                assert!(!problems.is_empty());
            }
            // The graph may be damaged and the rest goes on; what opening does not read is found by `verify`.
            Ok(collection) => {
                opened += 1;
                let collection = collection.expect("there");
                assert_eq!(collection.count(None).expect("counts"), 30);
                assert_eq!(search(&collection, &request(Random(1).unit(DIM), 30)).hits.len(), 30);
            }
        }
    }
    assert!(opened < tables.len(), "{opened} of {} damaged tables did not matter", tables.len());
}

#[test]
fn rows_that_do_not_fit_together_are_found_and_repaired() {
    let data = tempfile::tempdir().expect("folder");
    let (_database, collection) = open(data.path());
    write_slowly(&collection, 20);
    collection.apply(vec![file("file", "a", Random(8).unit(DIM))]).expect("applies");
    assert_clean(&collection);
    assert!(collection.repair(true).expect("looks").is_empty());
    assert!(collection.repair(false).expect("repairs").is_empty());
    assert_eq!(collection.count(None).expect("counts"), 21);
}

#[test]
fn a_missing_folder_is_an_empty_database_for_a_reader() {
    let data = tempfile::tempdir().expect("folder");
    let missing = data.path().join("none");
    let database = reader(&missing);
    assert!(database.collections().expect("lists").is_empty());
    assert!(database.open_collection("default").expect("looks").is_none());
    assert!(database.verify("default").expect("looks").is_none());
    let error = database.create_or_open("default", &space()).expect_err("refuses");
    assert_eq!(error.kind(), ErrorKind::FailedPrecondition);
    assert!(!missing.exists());
}

#[test]
fn a_reader_beside_a_writer_catches_up() {
    let data = tempfile::tempdir().expect("folder");
    let (_database, collection) = open(data.path());
    let mut random = Random(6);
    fill(&collection, 300, &mut random);
    let database = reader(data.path());
    let beside = database.open_collection("default").expect("opens").expect("there");
    assert_eq!(beside.count(None).expect("counts"), 300);
    assert!(matches!(
        beside.apply(vec![image("x", random.unit(DIM))]).expect_err("refuses").kind(),
        ErrorKind::FailedPrecondition
    ));
    assert!(beside.seal().is_err());
    collection.seal().expect("seals");
    let vector = random.unit(DIM);
    collection
        .apply(vec![image("late", vector.clone()), Change::Delete { asset: id("asset 000000") }])
        .expect("applies");
    assert_eq!(beside.count(None).expect("counts"), 300);
    beside.refresh().expect("catches up");
    assert!(beside.get(&[id("late")], false).expect("reads")[0].is_some());
    assert!(beside.get(&[id("asset 000000")], false).expect("reads")[0].is_none());
    let reply = search(&beside, &request(vector, 1));
    assert_eq!((reply.hits[0].asset.as_str(), reply.plan), ("late", Plan::Graph));
    assert_clean(&beside);
    assert_eq!(beside.sources(b"").expect("reads").len(), 0);
}

#[test]
fn a_reader_keeps_up_with_a_busy_writer() {
    let data = tempfile::tempdir().expect("folder");
    let (_database, collection) = open(data.path());
    collection.apply(vec![image("first", Random(0).unit(DIM))]).expect("applies");
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut random = Random(11);
            for round in 0..12 {
                fill(&collection, 100, &mut random);
                let gone = (0..30).map(|n| Change::Delete { asset: id(&format!("asset {:06}", n * 3)) });
                collection.apply(gone.collect()).expect("applies");
                if round % 4 == 3 {
                    collection.seal().expect("seals");
                }
            }
            done.store(true, std::sync::atomic::Ordering::Release);
        });
        let database = reader(data.path());
        let beside = database.open_collection("default").expect("opens").expect("there");
        while !done.load(std::sync::atomic::Ordering::Acquire) {
            beside.refresh().expect("catches up");
            let count = beside.count(None).expect("counts") as usize;
            assert_eq!(search(&beside, &request(Random(1).unit(DIM), 1000)).hits.len(), count);
        }
        beside.refresh().expect("catches up");
        assert_eq!(beside.count(None).expect("counts"), 71);
        assert_clean(&beside);
    });
}

#[test]
fn films_with_many_points_fill_the_answer() {
    let data = tempfile::tempdir().expect("folder");
    let (_database, collection) = open(data.path());
    let mut random = Random(12);
    let centre = random.unit(DIM);
    // One video near the query fills any beam; the others are still found.
    let mut video = |name: &str, points: u32, spread: f32| Change::Upsert {
        asset: record(name, Modality::Video),
        points: (0..points).map(|n| point(Track::Video, n, random.near(&centre, spread))).collect(),
        source: None,
    };
    let mut changes = vec![video("near", 400, 0.1)];
    changes.extend((0..40).map(|n| video(&format!("far {n:02}"), 10, 3.0)));
    collection.apply(changes).expect("applies");
    collection.seal().expect("seals");
    let mut ask = request(centre, 5);
    ask.ef = Some(8);
    let reply = search(&collection, &ask);
    assert_eq!(reply.hits.len(), 5);
    assert_eq!(reply.hits[0].asset.as_str(), "near");
}
