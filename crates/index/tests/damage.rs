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
            match fs::copy(&path, &target) {
                // One that was removed since the folder was listed.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                copied => drop(copied.expect("copies")),
            }
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
    assert_eq!(beside.sources(b"", None, usize::MAX).expect("reads").items.len(), 0);
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

/// Changes after the collection was sealed; they lie in the log.
const LATE: usize = 12;

/// A change of the collection that is damaged at random.
fn late_change(number: usize, random: &mut Random) -> Change {
    match number % 4 {
        0 => Change::Delete { asset: id(&format!("file {:02}", 3 * number)) },
        1 => image("asset 000003", random.unit(DIM)),
        _ => file(&format!("late {number:02}"), &format!("late/{number}"), random.unit(DIM)),
    }
}

/// What a collection answers to everything that is asked here; nothing where it answers with an error.
fn told(collection: &sensorium_index::Collection) -> Vec<Option<String>> {
    let mut told = vec![
        collection.scroll(None, None, 1000, true).ok().map(|page| format!("{page:?}")),
        collection.count(Some(&filter("bytes = 10"))).ok().map(|count| format!("{count}")),
        collection.sources(b"", None, usize::MAX).ok().map(|rows| format!("{rows:?}")),
    ];
    for name in ["file 00", "file 07", "asset 000003", "late 02"] {
        let point = sensorium_types::PointKey { asset: id(name), track: Track::Image, ordinal: 0 };
        told.push(collection.thumbs(std::slice::from_ref(&point)).ok().map(|thumb| format!("{thumb:?}")));
    }
    let mut random = Random(77);
    for exact in [true, true, false] {
        let ask = sensorium_types::SearchRequest { exact, ..request(random.unit(DIM), 1000) };
        told.push(
            collection
                .search(&ask)
                .ok()
                .map(|replies| format!("{:?}", replies.first().map(|reply| &reply.hits))),
        );
    }
    told
}

/// Every file below a folder.
fn all_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("lists") {
        let path = entry.expect("reads").path();
        if path.is_dir() { found.extend(all_files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

/// Flips a bit, clears a stretch or the tail, or cuts; `None` if that leaves the bytes as they were.
fn damaged(bytes: &[u8], random: &mut Random) -> Option<(String, Vec<u8>)> {
    let mut after = bytes.to_vec();
    let at = random.below(bytes.len().max(1));
    let what = match random.below(4) {
        0 => {
            after.truncate(at);
            format!("cut at {at}")
        }
        1 => {
            after.get_mut(at..)?.fill(0);
            format!("zeros from {at}")
        }
        2 => {
            let end = bytes.len().min(at + 1 + random.below(512));
            after.get_mut(at..end)?.fill(0);
            format!("zeros from {at} to {end}")
        }
        _ => {
            let bit = random.below(8);
            *after.get_mut(at)? ^= 1 << bit;
            format!("bit {bit} of byte {at}")
        }
    };
    (after != bytes).then_some((what, after))
}

/// Random damage to one file of any kind: what is answered is right, or was right before changes of which it is said that they are
/// gone; the rest are errors. `verify` finds it or it does not matter, and after `repair` the collection is whole.
/// `SENSORIUM_TEST_ROUNDS` sets how many.
#[test]
fn random_damage_is_named_or_does_not_matter() {
    let rounds = rounds(40);
    let mut random = Random(sensorium_testkit::seed("random damage", 1));
    let data = tempfile::tempdir().expect("folder");
    let (_database, collection) = open(data.path());
    fill(&collection, 30, &mut Random(5));
    let mut vectors = Random(6);
    for number in 0..40 {
        let Change::Upsert { asset, mut points, source } =
            file(&format!("file {number:02}"), &number.to_string(), vectors.unit(DIM))
        else {
            continue;
        };
        points[0].thumb = Some(vec![number as u8; 50]);
        collection.apply(vec![Change::Upsert { asset, points, source }]).expect("applies");
    }
    collection.seal().expect("seals");
    // One who opens and closes cleanly leaves tables, and an empty log.
    drop((collection, _database));
    let (_database, collection) = open(data.path());
    // What was right after each of the changes that follow.
    let mut right = vec![told(&collection)];
    for number in 0..LATE {
        collection.apply(vec![late_change(number, &mut vectors)]).expect("applies");
        right.push(told(&collection));
    }
    let newest = right.last().cloned().expect("there");
    assert!(newest.iter().all(Option::is_some));
    let operations = 30 + 40 + LATE as u64;
    wait_for_mark(data.path(), operations);
    let whole = crashed_copy(data.path());
    drop((collection, _database));
    let (mut refused, mut answered_in_part, mut mattered_not) = (0, 0, 0);
    for round in 0..rounds {
        let copy = crashed_copy(whole.path());
        let files = all_files(copy.path());
        let file = &files[random.below(files.len())];
        let bytes = fs::read(file).expect("reads");
        let Some((what, after)) = damaged(&bytes, &mut random) else { continue };
        fs::write(file, &after).expect("writes");
        let about =
            format!("round {round}: {what} of {}", file.strip_prefix(copy.path()).expect("below").display());
        // A reader, which mends nothing.
        let database = reader(copy.path());
        match database.open_collection("default") {
            Err(error) => {
                refused += 1;
                assert!(error.to_string().len() > 10, "{about}");
            }
            Ok(None) => panic!("{about}: the collection is gone without a word"),
            Ok(Some(collection)) => {
                let found = told(&collection);
                let problems = collection.verify().unwrap_or_default();
                let fits = |state: &Vec<Option<String>>| {
                    found.iter().zip(state).all(|(found, right)| found.is_none() || found == right)
                };
                let of = right.iter().rposition(fits);
                let differ =
                    || found.iter().zip(&newest).map(|(found, right)| found.is_none() || found == right);
                let at = of.unwrap_or_else(|| {
                    panic!(
                        "{about}: a wrong answer: {:?}, verify says {problems:?}",
                        differ().collect::<Vec<_>>()
                    )
                });
                let says_gone = problems.iter().any(|problem| problem.what.contains("acknowledged changes"));
                assert!(at == LATE || says_gone, "{about}: {} changes are gone without a word", LATE - at);
                if found.contains(&None) {
                    answered_in_part += 1;
                    assert!(!problems.is_empty(), "{about}: errors of which verify knows nothing");
                }
                mattered_not += usize::from(problems.is_empty());
            }
        }
        drop(database);
        // A writer, and `repair`.
        let database = Database::open_tuned(copy.path(), OpenOptions::default(), eager()).expect("opens");
        if round % 4 == 0 {
            let Ok(Some(_)) = database.repair("default", false) else {
                // What nobody can mend is said.
                assert!(database.open_collection("default").is_err(), "{about}");
                continue;
            };
            let collection = database.open_collection("default").expect("opens").expect("there");
            let problems = collection.verify().expect("walks");
            assert!(problems.is_empty(), "{about}: {problems:#?}");
            assert!(told(&collection).iter().all(Option::is_some), "{about}");
        }
    }
    println!("{refused} refused, {answered_in_part} answered in part, {mattered_not} did not matter");
}
