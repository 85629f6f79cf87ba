//! Real damage on disk: `verify` names it, `repair` says what goes, and what is left answers.

#![expect(clippy::indexing_slicing, reason = "a test may panic; JSON is indexed by name")]

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use sensorium_tests::{Sensorium, copy_folder, endless};

const FILES: usize = 240;

fn write_texts(folder: &Path) {
    for file in 0..FILES {
        let text =
            format!("note {file}: the {file}th boat passes the bridge of the town number {}", file * 7);
        fs_err::write(folder.join(format!("{file}.txt")), text).expect("file");
    }
}

/// A database of texts, and the folder that they lie in.
fn texts() -> (Sensorium, tempfile::TempDir) {
    let (sensorium, media) = (Sensorium::new(), tempfile::tempdir().expect("folder"));
    write_texts(media.path());
    assert_eq!(sensorium.index(media.path()).len(), FILES);
    (sensorium, media)
}

/// The files of the only collection whose name ends so.
fn files(sensorium: &Sensorium, ending: &str) -> Vec<PathBuf> {
    let folder = fs_err::read_dir(sensorium.data().join("collections")).expect("list").next();
    let entries = fs_err::read_dir(folder.expect("a collection").expect("entry").path()).expect("list");
    let paths = entries.map(|entry| entry.expect("entry").path());
    let mut found: Vec<_> = paths.filter(|path| path.to_string_lossy().ends_with(ending)).collect();
    found.sort();
    found
}

fn flip(path: &Path, at: usize) {
    let mut bytes = fs_err::read(path).expect("read");
    bytes[at] ^= 0x5a;
    fs_err::write(path, bytes).expect("write");
}

fn assets(sensorium: &Sensorium) -> usize {
    let stats = sensorium.json(&["stats"]);
    usize::try_from(stats[0]["counts"]["assets"].as_u64().expect("a count")).expect("few")
}

/// Has the damage found, looked at, refused without a yes, and repaired; gives how many assets are left.
fn repair(sensorium: &Sensorium, what: &str) -> usize {
    let found = sensorium.run(&["verify", "--json"]).expect_code(1);
    let found = found.json().remove(0);
    assert_eq!(found["ok"], false, "{what}");
    assert!(found["problems"][0]["what"].as_str().is_some_and(|what| !what.is_empty()), "{what}: {found}");

    let looked = sensorium.run(&["repair", "--dry-run", "--json"]).expect_code(0);
    let problems = looked.json().remove(0)["problems"].as_array().expect("a list").len();
    assert!(problems > 0, "{what}");
    let refused = sensorium.run(&["repair"]).expect_code(2);
    assert!(refused.stderr.contains("--yes"), "{what}: {}", refused.stderr);
    sensorium.run(&["verify"]).expect_code(1);

    let repaired = sensorium.run(&["repair", "--yes"]).expect_code(0);
    assert!(repaired.stderr.contains("repair: "), "{what} tells what it drops: {}", repaired.stderr);
    for run in [&found.to_string(), &looked.stderr, &repaired.stderr, &refused.stderr] {
        assert!(!run.contains("panicked"), "{what}: {run}");
    }
    assert_eq!(sensorium.json(&["verify"])[0]["ok"], true, "{what}");
    let left = assets(sensorium);
    let hits = sensorium.json(&["search", "a boat and a bridge", "--all"]);
    assert_eq!(hits.len(), left, "{what}: what is left answers");
    left
}

fn index_again(sensorium: &Sensorium, media: &Path, what: &str) {
    let lines = sensorium.json(&[OsStr::new("index"), media.as_os_str()]);
    assert_eq!(lines.last().expect("a summary")["failed"], 0, "{what}");
    assert_eq!(assets(sensorium), FILES, "{what}: index brings back what was dropped");
    assert_eq!(sensorium.json(&["verify"])[0]["ok"], true, "{what}");
}

fn copy(of: &Sensorium) -> Sensorium {
    let copy = Sensorium::new();
    copy_folder(of.data(), copy.data());
    copy
}

#[test]
fn a_damaged_table_costs_the_rows_of_its_block() {
    let (whole, media) = texts();
    // The next writer turns the log into tables.
    whole.index(media.path());
    let mut tables = files(&whole, ".sst");
    tables.sort_by_key(|table| fs_err::metadata(table).expect("metadata").len());
    let vectors = tables.last().expect("tables").strip_prefix(whole.data()).expect("below").to_owned();
    let bytes = usize::try_from(fs_err::metadata(whole.data().join(&vectors)).expect("metadata").len());
    let bytes = bytes.expect("small");
    for at in [100, bytes / 3, bytes / 2] {
        let sensorium = copy(&whole);
        flip(&sensorium.data().join(&vectors), at);
        let what = format!("byte {at} of the largest table");
        let left = repair(&sensorium, &what);
        assert!((FILES / 2..FILES).contains(&left), "{what}: {left} left");
        index_again(&sensorium, media.path(), &what);
    }
}

#[test]
fn every_table_may_lose_its_first_block_or_its_end() {
    let (whole, media) = texts();
    whole.index(media.path());
    for table in files(&whole, ".sst") {
        let table = table.strip_prefix(whole.data()).expect("below");
        let bytes = usize::try_from(fs_err::metadata(whole.data().join(table)).expect("metadata").len());
        for at in [8, bytes.expect("small") - 1] {
            let sensorium = copy(&whole);
            flip(&sensorium.data().join(table), at);
            let what = format!("byte {at} of {}", table.display());
            repair(&sensorium, &what);
            index_again(&sensorium, media.path(), &what);
        }
    }
}

#[test]
fn a_damaged_log_costs_what_came_after_the_damage() {
    let (sensorium, media) = (Sensorium::new(), tempfile::tempdir().expect("folder"));
    write_texts(media.path());
    // A clean stop leaves no log: the process is killed before its end, and what it told is in the log.
    let endless = endless(media.path());
    let args = [OsStr::new("index"), media.path().as_os_str(), OsStr::new("--json")];
    let mut child = sensorium.spawn(&args);
    let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    assert_eq!(lines.take(FILES / 2).filter_map(Result::ok).count(), FILES / 2);
    child.kill().expect("the child is ours");
    child.wait().expect("it ends");
    fs_err::remove_file(endless).expect("removed");
    let log = files(&sensorium, ".log").pop().expect("a log");
    let bytes = usize::try_from(fs_err::metadata(&log).expect("metadata").len()).expect("small");
    assert!(bytes > 0, "the log holds what was written");
    flip(&log, bytes / 2);
    let refused = sensorium.run(&["search", "a boat"]).expect_code(1);
    assert!(refused.stderr.contains("sensorium repair"), "{}", refused.stderr);
    let left = repair(&sensorium, "log");
    assert!((1..FILES).contains(&left), "{left} left");
    index_again(&sensorium, media.path(), "log");
}

#[test]
fn without_its_list_of_tables_a_collection_is_rebuilt_and_never_emptied() {
    let (sensorium, media) = texts();
    sensorium.index(media.path());
    for current in files(&sensorium, "CURRENT") {
        fs_err::remove_file(current).expect("remove");
    }
    // A writer must not take the folder for a new one and sweep its tables.
    let refused = sensorium.run(&[OsStr::new("index"), media.path().as_os_str()]).expect_code(1);
    assert!(refused.stderr.contains("CURRENT"), "{}", refused.stderr);
    assert_eq!(repair(&sensorium, "CURRENT"), FILES);
    index_again(&sensorium, media.path(), "CURRENT");
}
