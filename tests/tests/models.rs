//! Models as the hub lays them out, from outside: added, listed, used by a collection, removed. The models are small ones of
//! random weights (`training/golden_vit.py`), and the vectors those of their reference classes.

use std::path::PathBuf;

use sensorium_tests::{Sensorium, copy_folder, samples};
use serde_json::Value;

/// The same numbers, in another order of summation, on pixels that may differ by 1 of 255.
const COSINE: f64 = 0.9999;

fn golden(name: &str) -> PathBuf {
    samples().parent().expect("the repository").join("tests/golden/vit").join(name)
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().expect("numbers").iter().map(|number| number.as_f64().expect("a number")).collect()
}

fn cosine(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

fn add(sensorium: &Sensorium, folder: &str, name: &str) {
    let folder = golden(folder);
    let folder = folder.to_str().expect("a path");
    sensorium.run(&["models", "add", folder, "--name", name, "--unchecked"]).expect_code(0);
}

#[test]
fn vectors_of_texts_and_files_are_those_of_the_reference() {
    let sensorium = Sensorium::new();
    for name in ["clip-f32", "clip-f16-shards", "siglip2-bf16", "siglip2-f32-shards", "open-clip-f32"] {
        add(&sensorium, name, name);
        let text = fs_err::read_to_string(golden(name).join("vectors.json")).expect("vectors");
        let golden: Value = serde_json::from_str(&text).expect("JSON");
        for (file, expected) in golden["files"].as_object().expect("files") {
            let path = samples().join("images").join(file);
            let rows = sensorium.json(&["embed", "--bundle", name, path.to_str().expect("a path")]);
            let cosine = cosine(&numbers(&rows[0]["vector"]), &numbers(expected));
            assert!(cosine >= COSINE, "{name}, {file}: {cosine}");
        }
        // A text without anything to read is no term.
        for (text, expected) in
            golden["texts"].as_object().expect("texts").iter().filter(|(text, _)| !text.is_empty())
        {
            let rows = sensorium.json(&["embed", "--bundle", name, text]);
            let cosine = cosine(&numbers(&rows[0]["vector"]), &numbers(expected));
            assert!(cosine >= COSINE, "{name}, {text:?}: {cosine}");
        }
    }
}

#[test]
fn weights_that_were_never_trained_are_refused_unless_taken_unchecked() {
    let sensorium = Sensorium::new();
    let folder = golden("clip-f32");
    let folder = folder.to_str().expect("a path");
    let refused = sensorium.run(&["models", "add", folder, "--name", "tiny"]).expect_code(1);
    assert!(refused.stderr.contains("and chance does 2"), "{}", refused.stderr);
    let listed = sensorium.json(&["models", "list"]);
    assert!(listed.iter().all(|row| row["name"] != "tiny"), "nothing of it is left");
    assert_eq!(fs_err::read_dir(sensorium.data().join("models")).expect("made").count(), 0);
    let added = sensorium.json(&["models", "add", folder, "--name", "tiny", "--unchecked"]);
    assert_eq!(
        (&added[0]["family"], &added[0]["dim"], &added[0]["asked"]),
        (&"CLIP".into(), &12.into(), &24.into())
    );
    assert_eq!(added[0]["calibration"].as_array().map(Vec::len), Some(4));
    let again = sensorium.run(&["models", "add", folder, "--name", "tiny", "--unchecked"]).expect_code(1);
    assert!(again.stderr.contains("already"), "{}", again.stderr);
    sensorium.run(&["models", "add", folder, "--name", "../tiny", "--unchecked"]).expect_code(1);
    let bare = sensorium.run(&["search", "a", "--bundle", folder]).expect_code(2);
    assert!(bare.stderr.contains("models add"), "{}", bare.stderr);
    let unknown = sensorium.run(&["search", "a", "--bundle", "nothing"]).expect_code(2);
    assert!(unknown.stderr.contains("models list"), "{}", unknown.stderr);
}

#[test]
fn a_collection_is_asked_by_the_bundle_that_made_it() {
    let sensorium = Sensorium::new();
    add(&sensorium, "clip-f32", "tiny");
    let media = sensorium.data().join("media");
    for folder in ["images", "texts", "clips"] {
        copy_folder(&samples().join(folder), &media.join(folder));
    }
    fs_err::copy(samples().join("sounds/engine.mp3"), media.join("engine.mp3")).expect("copied");
    let elsewhere = tempfile::tempdir().expect("a folder");
    fs_err::rename(&media, elsewhere.path().join("media")).expect("moved");
    let media = elsewhere.path().join("media");
    let events = sensorium.json(&["index", "--bundle", "tiny", media.to_str().expect("a path")]);
    let (summary, events) = events.split_last().expect("a summary");
    let failed: Vec<&Value> = events.iter().filter(|event| event["state"] == "failed").collect();
    assert_eq!((summary["failed"].as_u64(), failed.len()), (Some(1), 1), "{failed:?}");
    let reason = failed[0]["reason"].to_string();
    assert!(reason.contains("no encoder for it"), "{reason}");
    assert!(failed[0]["path"].as_str().is_some_and(|path| path.ends_with("engine.mp3")));

    // Nothing names the bundle from here on.
    let stats = sensorium.json(&["stats"]);
    let revision = stats[0]["space"]["revision"].as_str().expect("a revision").to_owned();
    assert!(revision.starts_with("tiny@"), "{revision}");
    let image = samples().join("images/red_car.jpg");
    let hits = sensorium.json(&["search", image.to_str().expect("a path"), "--limit", "3"]);
    assert!(hits[0]["path"].as_str().is_some_and(|path| path.ends_with("red_car.jpg")), "{hits:?}");
    let hits = sensorium.json(&["search", "a red car", "--all"]);
    let of = |modality: &str| hits.iter().filter(|hit| hit["modality"] == modality).count();
    assert!(of("image") > 0 && of("video") > 0 && of("text") > 0 && of("audio") == 0);
    sensorium.run(&["verify"]).expect_code(0);
    let server = sensorium.serve();
    let asked = sensorium.json(&["search", "a red car", "--limit", "3", "--server", &server.url]);
    assert_eq!(asked.len(), 3);
    drop(server);

    // Another collection has the default bundle, whatever this one has.
    sensorium.run(&["models", "default", "tiny"]).expect_code(0);
    let text = samples().join("texts/bread.md");
    let text = text.to_str().expect("a path");
    sensorium.run(&["index", "--collection", "second", text]).expect_code(0);
    sensorium.run(&["index", "--collection", "third", "--bundle", "mini", text]).expect_code(0);
    let spaces = sensorium.json(&["collections"]);
    let space = |name: &str| {
        let row = spaces.iter().find(|row| row["collection"] == name).expect("the collection");
        row["space"]["revision"].as_str().expect("a revision").to_owned()
    };
    assert_eq!(space("second"), revision);
    assert!(space("third").starts_with("sensorium-mini@"));
    sensorium.run(&["search", "--collection", "third", "how is bread made"]).expect_code(0);

    sensorium.run(&["models", "rm", "tiny"]).expect_code(0);
    let gone = sensorium.run(&["search", "a red car"]).expect_code(1);
    assert!(gone.stderr.contains(&revision) && gone.stderr.contains("--bundle"), "{}", gone.stderr);
}

#[test]
fn files_that_were_changed_are_found_by_their_hash() {
    let sensorium = Sensorium::new();
    add(&sensorium, "siglip2-f32-shards", "tiny");
    sensorium.run(&["models", "check", "tiny"]).expect_code(0);
    let listed = sensorium.json(&["models", "list"]);
    let row = listed.iter().find(|row| row["name"] == "tiny").expect("listed");
    assert!(row["error"].is_null() && row["bytes"].as_u64().is_some_and(|bytes| bytes > 0));
    assert!(
        listed.iter().any(|row| row["source"] == "openai/clip-vit-base-patch32" && row["licence"] == "MIT")
    );
    let shard = sensorium.data().join("models/tiny/model-00003-of-00006.safetensors");
    let mut bytes = fs_err::read(&shard).expect("a shard");
    *bytes.last_mut().expect("bytes") ^= 0x40;
    fs_err::write(&shard, bytes).expect("written");
    let changed = sensorium.run(&["models", "check", "tiny"]).expect_code(1);
    assert!(changed.stderr.contains("SHA-256 of model-00003-of-00006.safetensors"), "{}", changed.stderr);
    // A folder of the hub is looked at without being added.
    let folder = golden("clip-bf16");
    let looked = sensorium.json(&["models", "check", folder.to_str().expect("a path")]);
    assert_eq!((&looked[0]["family"], &looked[0]["dim"]), (&"CLIP".into(), &12.into()));
    let none = golden("clip-text-only");
    sensorium.run(&["models", "check", none.to_str().expect("a path")]).expect_code(1);
}

#[test]
fn sounds_are_asked_in_words_by_a_bundle_that_hears_and_sees_nothing() {
    let sensorium = Sensorium::new();
    let folder = samples().parent().expect("the repository").join("tests/golden/clap/clap-f32");
    let place = folder.to_str().expect("a path");
    let looked = sensorium.json(&["models", "check", place]);
    assert_eq!((&looked[0]["family"], &looked[0]["dim"]), (&"CLAP".into(), &12.into()));
    let refused = sensorium.run(&["models", "add", place, "--name", "clap"]).expect_code(1);
    assert!(refused.stderr.contains("and chance does 2"), "{}", refused.stderr);
    let added = sensorium.json(&["models", "add", place, "--name", "clap", "--unchecked"]);
    let pairs: Vec<(&str, &str)> = added[0]["calibration"]
        .as_array()
        .expect("rows")
        .iter()
        .filter_map(|row| Some((row["query"].as_str()?, row["content"].as_str()?)))
        .collect();
    assert_eq!(pairs, [("text", "audio"), ("text", "text"), ("audio", "audio"), ("audio", "text")]);
    sensorium.run(&["models", "check", "clap"]).expect_code(0);

    let text = fs_err::read_to_string(folder.join("vectors.json")).expect("vectors");
    let golden: Value = serde_json::from_str(&text).expect("JSON");
    for (text, expected) in
        golden["texts"].as_object().expect("texts").iter().filter(|(text, _)| !text.is_empty())
    {
        let rows = sensorium.json(&["embed", "--bundle", "clap", text]);
        let cosine = cosine(&numbers(&rows[0]["vector"]), &numbers(expected));
        assert!(cosine >= COSINE, "{text:?}: {cosine}");
    }

    let elsewhere = tempfile::tempdir().expect("a folder");
    let media = elsewhere.path().join("media");
    copy_folder(&samples().join("sounds"), &media);
    fs_err::copy(samples().join("clips/storm.avi"), media.join("storm.avi")).expect("copied");
    fs_err::copy(samples().join("images/red_car.jpg"), media.join("red_car.jpg")).expect("copied");
    fs_err::copy(samples().join("texts/cats.txt"), media.join("cats.txt")).expect("copied");
    let events = sensorium.json(&["index", "--bundle", "clap", media.to_str().expect("a path")]);
    let failed: Vec<&Value> = events.iter().filter(|event| event["state"] == "failed").collect();
    assert!(
        failed.len() == 1 && failed[0]["reason"].to_string().contains("an image, and the bundle"),
        "{failed:?}"
    );

    let hits = sensorium.json(&["search", "the sound of an engine", "--all"]);
    let of = |modality: &str| hits.iter().filter(|hit| hit["modality"] == modality).count();
    assert_eq!((of("audio"), of("video"), of("text"), of("image")), (16, 1, 1, 0), "{hits:?}");
    let engine = media.join("engine.mp3");
    let hits = sensorium.json(&["search", engine.to_str().expect("a path"), "--limit", "3"]);
    assert!(hits[0]["path"].as_str().is_some_and(|path| path.ends_with("engine.mp3")), "{hits:?}");
    sensorium.run(&["verify"]).expect_code(0);
}
