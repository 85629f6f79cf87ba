//! Two thousand seeded mutations of the samples: no crash, no hang, and every file indexed or recorded with a reason.

use sensorium_testkit::seed;
use sensorium_tests::{Seeded, Sensorium, mutate, samples, small_samples};

const MUTATIONS: usize = 2000;
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
