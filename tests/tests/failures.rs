//! Files that fail, and what becomes of them: repaired, removed, with odd names.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use sensorium_tests::{Sensorium, samples};
use serde_json::Value;

const BROKEN_PNG: &[u8] = b"\x89PNG\r\n\x1a\nnothing more";

fn index(folder: &Path) -> [&OsStr; 3] {
    [OsStr::new("index"), folder.as_os_str(), OsStr::new("--strict")]
}

fn failed_paths(sensorium: &Sensorium) -> Vec<String> {
    let rows = sensorium.json(&["failures"]);
    rows.iter().map(|row| row["path"].as_str().expect("a path").to_owned()).collect()
}

fn states(lines: &[Value]) -> Vec<(&str, &str)> {
    let assets = lines.iter().filter(|line| line["event"] == "asset");
    let mut states: Vec<_> = assets
        .map(|line| {
            let path = line["path"].as_str().expect("a path");
            (path.rsplit('/').next().expect("a name"), line["state"].as_str().expect("a state"))
        })
        .collect();
    states.sort_unstable();
    states
}

#[test]
fn repaired_files_are_indexed_and_removed_ones_forgotten() {
    let (sensorium, media) = (Sensorium::new(), tempfile::tempdir().expect("folder"));
    let file = |name: &str| media.path().join(name);
    fs_err::copy(samples().join("images/beach.jpg"), file("good.jpg")).expect("copy");
    for name in ["mended.png", "removed.png", "still.png"] {
        let bytes = [BROKEN_PNG, name.as_bytes()].concat();
        fs_err::write(file(name), bytes).expect("write");
    }
    let strict = sensorium.run(&index(media.path())).expect_code(3);
    assert!(strict.stdout.contains("1 indexed, 0 unchanged, 3 failed"), "{}", strict.stdout);
    assert_eq!(failed_paths(&sensorium).len(), 3);
    for row in sensorium.json(&["failures"]) {
        assert!(row["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{row}");
        assert_eq!((&row["retryable"], &row["tries"]), (&Value::from(false), &Value::from(1)), "{row}");
    }

    fs_err::copy(samples().join("images/piano.png"), file("mended.png")).expect("copy");
    fs_err::remove_file(file("removed.png")).expect("remove");
    let lines = sensorium.json(&["failures", "--retry"]);
    let expected = [("mended.png", "indexed"), ("removed.png", "pruned"), ("still.png", "failed")];
    assert_eq!(states(&lines), expected);
    let still = file("still.png").to_str().expect("UTF-8").to_owned();
    assert_eq!(failed_paths(&sensorium), [still]);
    let hit = sensorium.json(&["search", "a piano", "--limit", "1"]).remove(0);
    assert_eq!(hit["path"].as_str(), file("mended.png").to_str());

    fs_err::remove_file(file("still.png")).expect("remove");
    sensorium.json(&["failures", "--retry"]);
    assert!(failed_paths(&sensorium).is_empty());
    let none = sensorium.run(&["failures", "--retry"]).expect_code(0);
    assert!(none.stderr.contains("no failures"), "{}", none.stderr);
    sensorium.run(&index(media.path())).expect_code(0);
}

#[test]
fn a_path_that_was_one_file_is_forgotten_with_it() {
    let (sensorium, media) = (Sensorium::new(), tempfile::tempdir().expect("folder"));
    let alone = media.path().join("alone.png");
    fs_err::write(&alone, BROKEN_PNG).expect("write");
    sensorium.run(&index(&alone)).expect_code(3);
    fs_err::remove_file(&alone).expect("remove");
    let told = sensorium.run(&["failures", "--retry"]).expect_code(0);
    assert!(told.stderr.contains("alone.png: gone, and forgotten"), "{}", told.stderr);
    assert!(failed_paths(&sensorium).is_empty());
}

#[test]
fn a_name_that_is_not_text_is_tried_again_like_any_other() {
    let (sensorium, media) = (Sensorium::new(), tempfile::tempdir().expect("folder"));
    let odd = media.path().join(OsStr::from_bytes(b"odd\xff[1].png"));
    fs_err::write(&odd, BROKEN_PNG).expect("write");
    fs_err::write(media.path().join("other.png"), [BROKEN_PNG, b"?"].concat()).expect("write");
    sensorium.run(&index(media.path())).expect_code(3);
    fs_err::copy(samples().join("images/piano.png"), &odd).expect("copy");
    let lines = sensorium.json(&["failures", "--retry"]);
    assert_eq!(states(&lines), [("odd\u{fffd}[1].png", "indexed"), ("other.png", "failed")]);
}

#[test]
fn a_retry_keeps_the_fields_that_were_given() {
    let (sensorium, media) = (Sensorium::new(), tempfile::tempdir().expect("folder"));
    let (mended, meta) = (media.path().join("mended.png"), media.path().join("meta.csv"));
    fs_err::write(&mended, BROKEN_PNG).expect("write");
    fs_err::write(&meta, "path,year\nmended.png,2020\n").expect("write");
    let given = [&index(media.path())[..2], &[OsStr::new("--meta"), meta.as_os_str()]].concat();
    sensorium.run(&given).expect_code(0);
    fs_err::remove_file(&meta).expect("remove");
    fs_err::copy(samples().join("images/piano.png"), &mended).expect("copy");
    assert_eq!(states(&sensorium.json(&["failures", "--retry"])), [("mended.png", "indexed")]);
    assert_eq!(sensorium.json(&["search", "a piano", "--filter", "year = 2020"]).len(), 1);
}

#[test]
fn failures_and_warnings_are_listed_apart() {
    let (sensorium, media) = (Sensorium::new(), tempfile::tempdir().expect("folder"));
    fs_err::write(media.path().join("broken.png"), BROKEN_PNG).expect("write");
    sensorium.run(&index(media.path())).expect_code(3);
    let listed = sensorium.json(&["failures"]);
    assert_eq!((listed.len(), &listed[0]["state"]), (1, &Value::from("failed")));
    let none = sensorium.run(&["failures", "--warnings"]).expect_code(0);
    assert!(none.stdout.is_empty() && none.stderr.contains("no warnings"), "{}", none.stderr);
    sensorium.run(&["failures", "--warnings", "--retry"]).expect_code(2);
}
