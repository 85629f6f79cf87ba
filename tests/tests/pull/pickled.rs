//! Pickled weights: refused without consent, never run, kept as safetensors.

use std::path::Path;

use sensorium_tests::{Sensorium, checkpoint};
use serde_json::Value;

use super::{Hub, ID, PULL, golden, here, run, sha256, transfers};

const PICKLED: &str = "pytorch_model.bin";
const ALLOWED: [&str; 7] = ["pull", ID, "--name", "tiny", "--unchecked", "--json", "--allow-pickle"];

fn weights(folder: &str, file: &str) -> Vec<u8> {
    fs_err::read(golden(folder).join(file)).expect("weights")
}

fn lock_of(sensorium: &Sensorium) -> Value {
    let lock = sensorium.data().join("models/tiny/hub.lock.json");
    serde_json::from_str(&fs_err::read_to_string(lock).expect("a lock")).expect("JSON")
}

/// The lock names what came and what it became, and the latter alone is kept.
fn check_lock(sensorium: &Sensorium, becomes: &str, pickled: &[(&str, &[u8])]) {
    let (lock, place) = (lock_of(sensorium), sensorium.data().join("models/tiny"));
    let files = lock.get("files").and_then(Value::as_array).expect("files");
    for (name, bytes) in pickled {
        let file = files.iter().find(|file| file["name"] == *name).expect("the pickled file");
        assert_eq!((&file["sha256"], &file["bytes"]), (&sha256(bytes).into(), &bytes.len().into()));
        assert!(!place.join(name).exists(), "{name} is not kept");
    }
    let kept = fs_err::read(place.join(becomes)).expect("kept");
    let converted = lock.get("converted").expect("what it became");
    assert_eq!((&converted["name"], &converted["sha256"]), (&becomes.into(), &sha256(&kept).into()));
    let names: Vec<&str> = pickled.iter().map(|(name, _)| *name).collect();
    assert_eq!(converted["from"], serde_json::json!(names));
}

/// What the model says to a text and an image.
fn says(sensorium: &Sensorium, name: &str) -> Vec<Value> {
    let image = sensorium_tests::samples().join("images/red_car.jpg");
    let rows = sensorium.json(&["embed", "--bundle", name, "a red car", image.to_str().expect("a path")]);
    rows.iter().map(|row| row.get("vector").expect("a vector").clone()).collect()
}

fn said_by_hand(folder: &str) -> Vec<Value> {
    let by_hand = Sensorium::new();
    let path = golden(folder);
    by_hand
        .run(&["models", "add", path.to_str().expect("a path"), "--name", "hand", "--unchecked"])
        .expect_code(0);
    says(&by_hand, "hand")
}

#[test]
fn pickled_weights_of_a_hub_need_consent_and_compute_the_same() {
    let cases = [
        ("clip-f32", "model.safetensors", PICKLED),
        ("open-clip-bf16", "open_clip_model.safetensors", "open_clip_pytorch_model.bin"),
    ];
    for (folder, safe, pickled) in cases {
        let (sensorium, hub) = (Sensorium::new(), Hub::of_folder(&golden(folder)));
        let bytes = checkpoint(&weights(folder, safe), |_| true);
        hub.put(safe, None);
        hub.put(pickled, Some(bytes.clone()));
        let refused = run(&sensorium, &hub, &PULL).expect_code(1);
        assert!(refused.stderr.contains("--allow-pickle"), "{}", refused.stderr);
        assert_eq!(transfers(&hub.asked()).len(), 0, "nothing of it comes");
        let rows = run(&sensorium, &hub, &ALLOWED).expect_code(0).json();
        assert_eq!(rows[0]["bytes"], bytes.len());
        assert_eq!(here(&sensorium), ["tiny"]);
        check_lock(&sensorium, safe, &[(pickled, &bytes)]);
        assert_eq!(says(&sensorium, "tiny"), said_by_hand(folder), "{folder}");
        run(&sensorium, &hub, &["check", "tiny"]).expect_code(0);
    }
}

#[test]
fn pickled_shards_become_one_file_and_safetensors_are_preferred() {
    let (sensorium, hub) = (Sensorium::new(), Hub::of_folder(&golden("clip-f32")));
    let whole = weights("clip-f32", "model.safetensors");
    hub.put(PICKLED, Some(b"not even looked at".to_vec()));
    run(&sensorium, &hub, &ALLOWED).expect_code(0);
    assert!(hub.asked().iter().all(|asked| !asked.path.contains("pytorch_model")));
    assert!(lock_of(&sensorium)["converted"].is_null());

    let sensorium = Sensorium::new();
    let names = ["pytorch_model-00001-of-00002.bin", "pytorch_model-00002-of-00002.bin"];
    let parts = [
        checkpoint(&whole, |name| name.starts_with("text")),
        checkpoint(&whole, |name| !name.starts_with("text")),
    ];
    hub.put("model.safetensors", None);
    hub.put(PICKLED, None);
    let map = serde_json::json!({ "weight_map": { "a": names[0], "b": names[1] } });
    hub.put("pytorch_model.bin.index.json", Some(map.to_string().into_bytes()));
    for (name, part) in names.iter().zip(&parts) {
        hub.put(name, Some(part.clone()));
    }
    let refused = run(&sensorium, &hub, &PULL).expect_code(1);
    assert!(refused.stderr.contains("--allow-pickle"), "{}", refused.stderr);
    run(&sensorium, &hub, &ALLOWED).expect_code(0);
    let pickled: Vec<(&str, &[u8])> = names.into_iter().zip(parts.iter().map(Vec::as_slice)).collect();
    check_lock(&sensorium, "model.safetensors", &pickled);
    assert_eq!(says(&sensorium, "tiny"), said_by_hand("clip-f32"));
    // A name that leads out of the folder is none.
    let map = serde_json::json!({ "weight_map": { "a": "../evil.bin" } });
    hub.put("pytorch_model.bin.index.json", Some(map.to_string().into_bytes()));
    let refused = run(&Sensorium::new(), &hub, &ALLOWED).expect_code(1);
    assert!(refused.stderr.contains("no name of a file of weights"), "{}", refused.stderr);
}

/// A copy of a golden folder with pickled weights.
fn folder_with(pickled: &[u8]) -> tempfile::TempDir {
    let place = tempfile::tempdir().expect("a folder");
    for file in ["config.json", "preprocessor_config.json", "tokenizer.json"] {
        fs_err::copy(golden("clip-f32").join(file), place.path().join(file)).expect("copied");
    }
    fs_err::write(place.path().join(PICKLED), pickled).expect("written");
    place
}

fn add<'a>(place: &'a Path, more: &[&'a str]) -> Vec<&'a str> {
    let place = place.to_str().expect("a path");
    [&["models", "add", place, "--name", "tiny", "--unchecked"], more].concat()
}

#[test]
fn a_folder_with_pickled_weights_is_added_with_consent() {
    let sensorium = Sensorium::new();
    let pickled = checkpoint(&weights("clip-f32", "model.safetensors"), |_| true);
    let place = folder_with(&pickled);
    let refused = sensorium.run(&add(place.path(), &[])).expect_code(1);
    assert!(refused.stderr.contains("--allow-pickle"), "{}", refused.stderr);
    let added = sensorium.run(&add(place.path(), &["--allow-pickle"])).expect_code(0);
    assert!(added.stderr.contains("was read without being run"), "{}", added.stderr);
    check_lock(&sensorium, "model.safetensors", &[(PICKLED, &pickled)]);
    assert!(lock_of(&sensorium)["endpoint"].is_null());
    assert_eq!(says(&sensorium, "tiny"), said_by_hand("clip-f32"));
    let left = fs_err::read_dir(place.path()).expect("read").count();
    assert_eq!(left, 4, "the folder is as it was");
    let models = fs_err::read_dir(sensorium.data().join("models")).expect("made");
    assert_eq!(models.count(), 1, "nothing is left of the way");
    // Of a folder without pickles nothing changes.
    let own = golden("clip-f32");
    sensorium.run(&["models", "rm", "tiny"]).expect_code(0);
    sensorium.run(&add(&own, &["--allow-pickle"])).expect_code(0);
    assert!(!sensorium.data().join("models/tiny/hub.lock.json").exists());
}

#[test]
fn a_pickle_that_calls_something_is_refused_and_nothing_of_it_is_run() {
    let sensorium = Sensorium::new();
    let trace = sensorium.data().join("trace");
    let call = format!("touch {}", trace.display());
    let length = u32::try_from(call.len()).expect("small").to_le_bytes();
    let system = [&b"\x80\x02cposix\nsystem\nX"[..], &length, call.as_bytes(), b"\x85R."].concat();
    let zipped = sensorium_tests::zip(&[sensorium_tests::Zipped::new("archive/data.pkl", system.clone())]);
    for (bytes, said) in [
        (zipped, "posix.system"),
        (system, "no checkpoint of torch"),
        (weights("clip-f32", "model.safetensors"), "no checkpoint of torch"),
    ] {
        let place = folder_with(&bytes);
        let refused = sensorium.run(&add(place.path(), &["--allow-pickle"])).expect_code(1);
        assert!(refused.stderr.contains(said), "{}", refused.stderr);
        let hub = Hub::of_folder(place.path());
        let refused = run(&sensorium, &hub, &ALLOWED).expect_code(1);
        assert!(refused.stderr.contains(said), "{}", refused.stderr);
        assert_eq!(here(&sensorium), [""; 0]);
        sensorium.run(&["models", "rm", "tiny"]).expect_code(0);
    }
    assert!(!trace.exists());
}
