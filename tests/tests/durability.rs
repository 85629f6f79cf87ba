//! Kills the command with SIGKILL at random moments of an ingest; what it acknowledged must be there afterwards.

#![expect(clippy::indexing_slicing, reason = "a test may panic; JSON is indexed by name")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use sensorium_testkit::seed;
use sensorium_tests::{HANG, Seeded, Sensorium, endless};
use serde_json::Value;

const KILLS: usize = 100;
const FILES_A_RUN: usize = 120;
const SEED: u64 = 7;
/// The kill falls between the first acknowledgement and this much later.
const LONGEST_DELAY_US: usize = 60_000;

#[test]
fn acknowledged_assets_survive_a_hundred_kills() {
    let sensorium = Sensorium::new();
    let media = tempfile::tempdir().expect("temporary folder");
    let mut random = Seeded(seed("the kills", SEED));
    let mut acknowledged = BTreeMap::new();
    // No run comes to its end before it is killed.
    let endless = endless(media.path());

    for run in 0..KILLS {
        let folder = media.path().join(format!("run{run}"));
        write_texts(&folder, run);
        fs_err::hard_link(&endless, folder.join("z.txt")).expect("linked");
        let events = index_and_kill(&sensorium, &folder, &mut random);
        assert!(events.iter().all(|event| event["event"] != "summary"), "the kill falls into the ingest");
        for event in events.iter().filter(|event| event["event"] == "asset") {
            assert_eq!(event["state"], "indexed", "{event}");
            acknowledged.insert(event["asset"].as_str().expect("id").to_owned(), event["path"].clone());
        }
        if run % 10 == 9 {
            check(&sensorium, &acknowledged);
        } else {
            verify(&sensorium);
        }
    }
}

fn write_texts(folder: &Path, run: usize) {
    fs_err::create_dir_all(folder).expect("folder");
    for file in 0..FILES_A_RUN {
        let text = format!("note {file} of run {run}: the {file}th boat passes the {run}th bridge");
        fs_err::write(folder.join(format!("{file}.txt")), text).expect("file");
    }
}

/// Indexes the folder, kills the process at a random moment after its first acknowledgement, and gives what was
/// acknowledged until then.
fn index_and_kill(sensorium: &Sensorium, folder: &Path, random: &mut Seeded) -> Vec<Value> {
    let mut child = sensorium.spawn(&["index".as_ref(), folder.as_os_str(), "--json".as_ref()]);
    let stdout = child.stdout.take().expect("piped");
    let (sender, lines) = mpsc::channel();
    let reader = std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    let mut events: Vec<String> = lines.recv_timeout(HANG).into_iter().collect();
    std::thread::sleep(Duration::from_micros(random.below(LONGEST_DELAY_US) as u64));
    let _ = child.kill();
    child.wait().expect("the child ends");
    reader.join().expect("the reader ends");
    events.extend(lines.try_iter());
    // The last line may be cut off by the kill; what was not read whole was not acknowledged.
    events.iter().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

fn verify(sensorium: &Sensorium) {
    let report = sensorium.json(&["verify"]);
    assert_eq!(report[0]["ok"], true, "{}", report[0]);
}

fn check(sensorium: &Sensorium, acknowledged: &BTreeMap<String, Value>) {
    verify(sensorium);
    let ids: Vec<&String> = acknowledged.keys().collect();
    for chunk in ids.chunks(500) {
        let mut args = vec!["get"];
        args.extend(chunk.iter().map(|id| id.as_str()));
        let found = sensorium.json(&args);
        assert_eq!(found.len(), chunk.len(), "every acknowledged asset is found");
    }
}
