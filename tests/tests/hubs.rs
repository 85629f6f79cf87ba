//! The hub correction from outside: what `--explain` and `--raw` say, and a database from before there was one.

#![expect(clippy::indexing_slicing, reason = "a test may panic; JSON is indexed by name")]

use sensorium_tests::{Sensorium, samples};
use serde_json::Value;

const ASK: [&str; 6] = ["search", "a dog", "--modality", "image", "--limit", "5"];

/// The rows of a search, and what is told of its search of images.
fn ask(sensorium: &Sensorium, more: &[&str]) -> (Vec<Value>, Value) {
    let args: Vec<&str> = ASK.iter().chain(more).chain(&["--explain"]).copied().collect();
    let mut rows = sensorium.json(&args);
    let told = rows.pop().expect("the explanation");
    let searches = told["explain"]["searches"].as_array().expect("searches").clone();
    (rows, searches.into_iter().find(|search| search["content"] == "image").expect("of images"))
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

fn scores(rows: &[Value]) -> Vec<f64> {
    rows.iter().map(|row| number(&row["score"])).collect()
}

fn lacking(sensorium: &Sensorium) -> u64 {
    sensorium.json(&["stats"])[0]["points_without_hubs"].as_u64().expect("a count")
}

#[test]
fn a_database_from_before_is_raw_until_its_points_have_values() {
    // The bundle as it was without reference queries: the same encoders, and so the same revision.
    let before = tempfile::tempdir().expect("temporary folder");
    let now = samples().parent().expect("the repository").join("models/mini");
    for part in ["stems", "weights", "selftest.safetensors"] {
        std::os::unix::fs::symlink(now.join(part), before.path().join(part)).expect("linked");
    }
    let manifest = fs_err::read_to_string(now.join("bundle.toml")).expect("bundle.toml");
    let (rest, hubs) = manifest.split_once("[[hubs]]").expect("the bundle has reference queries");
    let (_, calibration) = hubs.split_once("[[calibration]]").expect("and is calibrated");
    let kept = calibration.lines().filter(|line| !line.starts_with("corrected_"));
    let manifest = format!("{rest}[[calibration]]{}", kept.collect::<Vec<_>>().join("\n"));
    fs_err::write(before.path().join("bundle.toml"), manifest).expect("written");

    let sensorium = Sensorium::new();
    let images = samples().join("images");
    let mut index = sensorium.command(&["index".as_ref(), images.as_os_str()]);
    let status = index.env("SENSORIUM_BUNDLE", before.path()).status().expect("starts");
    assert!(status.success());

    // A reader of this bundle finds points without values, and corrects nothing.
    assert!(lacking(&sensorium) > 0);
    let (raw, told) = ask(&sensorium, &[]);
    assert!(told["hits"].as_array().expect("hits").iter().all(|hit| hit["corrected"].is_null()));
    assert_eq!(ask(&sensorium, &["--raw"]).0, raw);
    sensorium.run(&["verify"]).expect_code(0);

    // The next run of `index` finds nothing new, and makes them.
    let events = sensorium.index(&images);
    assert!(events.iter().all(|event| event["state"] == "unchanged"), "{events:?}");
    assert_eq!(lacking(&sensorium), 0);
    sensorium.run(&["verify"]).expect_code(0);
    let (rows, told) = ask(&sensorium, &[]);
    let (mean, deviation) = (number(&told["mean"]), number(&told["deviation"]));
    let hits = told["hits"].as_array().expect("hits");
    assert!(!hits.is_empty());
    for hit in hits {
        let (cosine, corrected) = (number(&hit["cosine"]), number(&hit["corrected"]));
        assert!(corrected < cosine, "{hit}");
        assert!(((corrected - mean) / deviation - number(&hit["score"])).abs() < 1e-3, "{hit}");
    }
    let row = rows.iter().find(|row| row["asset"] == hits[0]["asset"]).expect("is shown");
    assert_eq!(row["cosine"], hits[0]["cosine"], "rows show the cosine as it is");

    let (again, told) = ask(&sensorium, &["--raw"]);
    assert_eq!(again, raw, "as before there were values");
    assert!((number(&told["mean"]) - mean).abs() > 1e-3, "with a calibration of its own");
    assert_ne!(scores(&raw), scores(&rows));
}

#[test]
fn every_door_corrects_alike() {
    let sensorium = Sensorium::new();
    for folder in ["images", "sounds"] {
        sensorium.index(&samples().join(folder));
    }
    let alone = (ask(&sensorium, &[]).0, ask(&sensorium, &["--raw"]).0);
    let hubs = sensorium.json(&["models", "info"])[0]["hubs"].as_array().expect("a list").clone();
    assert!(hubs.iter().any(|row| row["query"] == "text" && row["content"] == "image"), "{hubs:?}");
    let served = sensorium.serve();
    assert_eq!((ask(&sensorium, &[]).0, ask(&sensorium, &["--raw"]).0), alone);
    assert_eq!(lacking(&sensorium), 0);
    drop(served);
}
