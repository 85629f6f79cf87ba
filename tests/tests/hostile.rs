//! Two thousand seeded mutations of the samples: no crash, no hang, and every file indexed or recorded with a reason.

#![expect(clippy::indexing_slicing, reason = "a test may panic; JSON is indexed by name")]

use std::path::{Path, PathBuf};

use sensorium_testkit::seed;
use sensorium_tests::{Seeded, Sensorium, samples};

const MUTATIONS: usize = 2000;
const LARGEST_SAMPLE_BYTES: u64 = 60_000;
const SEED: u64 = 11;

#[test]
fn mutated_samples_are_indexed_or_recorded() {
    let sensorium = Sensorium::new();
    let media = tempfile::tempdir().expect("temporary folder");
    let seeds = small_samples(&samples());
    assert!(seeds.len() >= 10, "samples/ holds media");
    let mut random = Seeded(seed("the mutations", SEED));
    for number in 0..MUTATIONS {
        let seed = &seeds[random.below(seeds.len())];
        let mut bytes = fs_err::read(seed).expect("sample");
        mutate(&mut bytes, &mut random);
        let suffix = seed.extension().and_then(|s| s.to_str()).unwrap_or("bin");
        fs_err::write(media.path().join(format!("{number}.{suffix}")), bytes).expect("mutation");
    }
    let lines = sensorium.json(&["index".as_ref(), media.path().as_os_str()]);
    let (summary, events) = lines.split_last().expect("a summary");
    assert_eq!(events.len(), MUTATIONS, "one event a file");
    for event in events {
        match event["state"].as_str() {
            Some("indexed" | "unchanged") => assert!(event["asset"].is_string(), "{event}"),
            Some("failed") => assert!(event["reason"].is_string(), "{event}"),
            other => panic!("{other:?} in {event}"),
        }
    }
    let indexed = summary["indexed"].as_u64().expect("a count");
    let failed = summary["failed"].as_u64().expect("a count");
    assert!(indexed > 0 && failed > 0, "the mutations reach both outcomes: {summary}");
    assert_eq!(sensorium.json(&["verify"])[0]["ok"], true);
}

fn small_samples(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs_err::read_dir(folder).expect("samples/").map(|entry| entry.expect("entry")) {
            let path = entry.path();
            let metadata = entry.metadata().expect("metadata");
            if metadata.is_dir() {
                folders.push(path);
            } else if metadata.len() <= LARGEST_SAMPLE_BYTES && is_media(&path) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn is_media(path: &Path) -> bool {
    let suffix = path.extension().and_then(|s| s.to_str()).unwrap_or("");
    !matches!(suffix, "" | "py" | "md" | "txt" | "html" | "jsonl" | "json")
}

/// One of: flipped bits, a cut, a run of 0xFF (length fields), a spliced copy of another place.
fn mutate(bytes: &mut Vec<u8>, random: &mut Seeded) {
    let length = bytes.len();
    match random.below(4) {
        0 => {
            for _ in 0..=random.below(16) {
                let at = random.below(length);
                bytes[at] ^= 1 << random.below(8);
            }
        }
        1 => bytes.truncate(random.below(length)),
        2 => {
            let at = random.below(length);
            let end = (at + 1 + random.below(8)).min(length);
            bytes[at..end].fill(0xFF);
        }
        _ => {
            let from = random.below(length);
            let end = (from + 1 + random.below(64)).min(length);
            let piece = bytes[from..end].to_vec();
            let at = random.below(length - piece.len() + 1);
            bytes[at..at + piece.len()].copy_from_slice(&piece);
        }
    }
}
