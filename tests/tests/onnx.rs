//! Exports to ONNX from outside: what works without ONNX Runtime, and, where it is on this machine, models that it runs. The models are
//! small ones of random weights (`training/golden_onnx.py`), and the vectors those of their reference classes.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use sensorium_tests::vectors::compare_with_reference;
use sensorium_tests::{Sensorium, copy_folder, samples};
use serde_json::Value;

/// What names the library.
const LIBRARY: &str = "ORT_DYLIB_PATH";

fn golden(name: &str) -> PathBuf {
    samples().parent().expect("the repository").join("tests/golden/onnx").join(name)
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path")
}

/// What `doctor` finds of the library.
fn found(sensorium: &Sensorium) -> Value {
    let output = sensorium.command(&["doctor", "--json"]).output().expect("the command starts");
    let lines = String::from_utf8(output.stdout).expect("text");
    let rows = lines.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    rows.into_iter().find(|row| row["check"] == "onnx runtime").expect("it is looked for")
}

/// Whether models run here; where not, that is told aloud.
fn runs(sensorium: &Sensorium, test: &str) -> bool {
    let row = found(sensorium);
    let detail = row.get("detail").and_then(Value::as_str).expect("words");
    if detail.contains("CPUExecutionProvider") {
        return true;
    }
    // Not by a macro, whose words nobody sees unless the test fails.
    writeln!(std::io::stderr(), "SKIPPED: {test}: {detail}").expect("told");
    false
}

fn add(sensorium: &Sensorium, folder: &Path, name: &str) {
    sensorium.run(&["models", "add", text(folder), "--name", name, "--unchecked"]).expect_code(0);
}

#[test]
fn without_the_library_all_else_works_and_models_say_what_is_missing() {
    let sensorium = Sensorium::new();
    let nowhere = |args: &[&str]| {
        let output =
            sensorium.command(args).env(LIBRARY, "/nowhere/libonnxruntime.so").output().expect("it starts");
        let said = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
        (output.status.code(), said(output.stdout), said(output.stderr))
    };
    let (code, out, _) = nowhere(&["doctor"]);
    assert_eq!(code, Some(1), "one that was named and is not there is a fault");
    assert!(out.contains("onnx runtime: load ONNX Runtime from /nowhere/libonnxruntime.so"), "{out}");
    assert!(out.contains("the models built in do without"), "{out}");
    // The models built in never ask for it.
    let image = samples().join("images/red_car.jpg");
    assert_eq!(nowhere(&["index", text(&image)]).0, Some(0));
    assert_eq!(nowhere(&["search", "a red car"]).0, Some(0));
    // An export is judged, and refused where it would have to run.
    let folder = golden("open-clip");
    let (code, out, _) = nowhere(&["models", "check", text(&folder)]);
    assert!(code == Some(0) && out.contains("ONNX of 12 dimensions"), "{out}");
    let (code, _, said) = nowhere(&["models", "add", text(&folder), "--name", "tiny", "--unchecked"]);
    assert!(code == Some(1) && said.contains("load ONNX Runtime from /nowhere"), "{said}");
    let left = fs_err::read_dir(sensorium.data().join("models")).expect("made").count();
    assert_eq!(left, 0, "nothing of it is left");
}

#[test]
fn files_that_are_damaged_are_refused_by_their_name() {
    let sensorium = Sensorium::new();
    let place = tempfile::tempdir().expect("a folder");
    copy_folder(&golden("open-clip"), place.path());
    let model = place.path().join("textual/model.onnx");
    let whole = fs_err::read(&model).expect("a model");
    fs_err::write(&model, whole.get(..whole.len() / 2).expect("a half")).expect("written");
    for command in [&["models", "check"][..], &["models", "add", "--name", "tiny", "--unchecked"]] {
        let refused = sensorium.run(&[command, &[text(place.path())]].concat()).expect_code(1);
        assert!(refused.stderr.contains("textual/model.onnx: no whole ONNX model"), "{}", refused.stderr);
    }
}

#[test]
fn vectors_of_texts_and_files_are_those_of_the_reference() {
    let sensorium = Sensorium::new();
    if !runs(&sensorium, "vectors of ONNX models from outside") {
        return;
    }
    for name in ["open-clip", "masked"] {
        add(&sensorium, &golden(name), name);
        compare_with_reference(&sensorium, name, &golden(name));
    }
}

#[test]
fn a_collection_is_made_and_asked_by_an_export() {
    let sensorium = Sensorium::new();
    if !runs(&sensorium, "a collection of an ONNX model") {
        return;
    }
    let folder = golden("open-clip");
    let refused = sensorium.run(&["models", "add", text(&folder), "--name", "tiny"]).expect_code(1);
    assert!(refused.stderr.contains("and chance does 2"), "{}", refused.stderr);
    add(&sensorium, &folder, "tiny");
    let listed = sensorium.json(&["models", "list"]);
    let row = listed.iter().find(|row| row["name"] == "tiny").expect("listed");
    assert!(row["error"].is_null() && row["licence"] == "unknown", "{row}");
    let info = sensorium.json(&["models", "info", "--bundle", "tiny"]);
    let families: Vec<&Value> =
        info[0]["encoders"].as_array().expect("encoders").iter().map(|encoder| &encoder["family"]).collect();
    assert_eq!(families, ["onnx-text", "onnx-image", "frame-mean"]);

    for folder in ["images", "texts", "clips"] {
        let folder = samples().join(folder);
        sensorium.run(&["index", "--bundle", "tiny", text(&folder)]).expect_code(0);
    }
    let image = samples().join("images/red_car.jpg");
    let hits = sensorium.json(&["search", text(&image), "--limit", "3"]);
    assert!(hits[0]["path"].as_str().is_some_and(|path| path.ends_with("red_car.jpg")), "{hits:?}");
    let hits = sensorium.json(&["search", "a red car", "--all"]);
    let of = |modality: &str| hits.iter().filter(|hit| hit["modality"] == modality).count();
    assert!(of("image") > 0 && of("video") > 0 && of("text") > 0 && of("audio") == 0);
    sensorium.run(&["verify"]).expect_code(0);
    let server = sensorium.serve();
    let asked = sensorium.json(&["search", "a red car", "--limit", "3", "--server", &server.url]);
    assert_eq!(asked.len(), 3);
    drop(server);

    // The same files have the same revision, others another; files that were changed are found by their hash.
    let again = Sensorium::new();
    add(&again, &folder, "tiny");
    let revision = |sensorium: &Sensorium| {
        sensorium.json(&["models", "info", "--bundle", "tiny"])[0]["revision"].clone()
    };
    assert_eq!(revision(&sensorium), revision(&again));
    sensorium.run(&["models", "check", "tiny"]).expect_code(0);
    let model = sensorium.data().join("models/tiny/visual/model.onnx");
    let mut bytes = fs_err::read(&model).expect("a model");
    let middle = bytes.len() / 2;
    *bytes.get_mut(middle).expect("bytes") ^= 0x40;
    fs_err::write(&model, bytes).expect("written");
    let changed = sensorium.run(&["models", "check", "tiny"]).expect_code(1);
    assert!(changed.stderr.contains("SHA-256 of visual/model.onnx"), "{}", changed.stderr);
}

#[test]
fn the_models_built_in_never_load_the_library() {
    let sensorium = Sensorium::new();
    if !runs(&sensorium, "what loads ONNX Runtime") {
        return;
    }
    add(&sensorium, &golden("open-clip"), "tiny");
    // The loader of the system tells what is loaded.
    let loaded = |bundle: &str, term: &str| {
        let mut command = sensorium.command(&["embed", "--bundle", bundle, term]);
        let output = command.env("LD_DEBUG", "files").output().expect("the command starts");
        assert!(output.status.success());
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(told.contains("libc.so"), "the loader tells nothing: {told}");
        told.contains("libonnxruntime")
    };
    let image = samples().join("images/red_car.jpg");
    for term in ["a red car", text(&image)] {
        assert!(!loaded("mini", term) && loaded("tiny", term), "{term}");
    }
}
