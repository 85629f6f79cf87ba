//! Ctrl-C in the middle of `index`: what was told is there, and the next run takes up the rest.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::Path;

use sensorium_tests::{Sensorium, Signal, endless, signal};
use serde_json::Value;

const FILES: usize = 3000;
/// Events after which the first Ctrl-C comes.
const EVENTS_BEFORE: usize = 5;

/// Indexes the folder, interrupts it this many times, and gives its lines.
fn interrupted(sensorium: &Sensorium, folder: &Path, times: usize) -> Vec<Value> {
    let args = [OsStr::new("index"), folder.as_os_str(), OsStr::new("--json")];
    let mut child = sensorium.spawn(&args);
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let mut told = Vec::new();
    for line in lines.by_ref().take(EVENTS_BEFORE) {
        told.push(line.expect("a line"));
    }
    for _ in 0..times {
        signal(&child, Signal::INT);
    }
    told.extend(lines.map_while(Result::ok));
    assert_eq!(child.wait().expect("it ends").code(), Some(130), "{:?}", told.last());
    told.iter().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn indexed(lines: &[Value]) -> BTreeSet<String> {
    let new = lines.iter().filter(|line| line["state"] == "indexed");
    new.map(|line| line["path"].as_str().expect("a path").to_owned()).collect()
}

#[test]
fn an_interrupted_index_keeps_what_it_told_and_is_resumed() {
    let (sensorium, media) = (Sensorium::new(), tempfile::tempdir().expect("folder"));
    for file in 0..FILES {
        let text = format!("note {file}: the {file}th boat passes the bridge");
        fs_err::write(media.path().join(format!("{file}.txt")), text).expect("file");
    }
    // No run comes to its end before it is interrupted.
    let endless = endless(media.path());
    let first = interrupted(&sensorium, media.path(), 1);
    let summary = first.last().expect("a summary");
    assert_eq!(summary["event"], "summary", "one Ctrl-C ends it in order");
    let told = indexed(&first);
    assert_eq!(summary["indexed"], told.len());
    assert!(told.len() < FILES, "it was in the middle");
    assert_eq!(sensorium.json(&["verify"])[0]["ok"], true);

    // Two at once: whether the second finds anything left to drop or not, what was told is kept.
    let second = indexed(&interrupted(&sensorium, media.path(), 2));
    assert!(told.is_disjoint(&second), "nothing is read twice");
    assert_eq!(sensorium.json(&["verify"])[0]["ok"], true);

    fs_err::remove_file(endless).expect("removed");
    let rest = sensorium.index(media.path());
    assert_eq!(rest.len(), FILES);
    let again = indexed(&rest);
    assert!(again.is_disjoint(&told) && again.is_disjoint(&second), "what was told was kept");
    assert_eq!(sensorium.json(&["stats"])[0]["counts"]["assets"], FILES);
}
