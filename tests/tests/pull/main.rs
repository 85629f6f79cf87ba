//! Models of a hub, from outside: judged by their headers, pulled whole, taken up after whatever ended it. The hub is one of this process,
//! its model a small one of random weights (`training/golden_vit.py`).

mod package;
mod pickled;
mod server;
mod trouble;

use std::path::PathBuf;

use sensorium_tests::{Finished, Sensorium, samples};
use serde_json::Value;

use server::{Asked, Behaviour, COMMIT, Hub, ID, sha256};

fn golden(name: &str) -> PathBuf {
    samples().parent().expect("the repository").join("tests/golden/vit").join(name)
}

/// Runs a command of models that knows the hub.
fn run(sensorium: &Sensorium, hub: &Hub, args: &[&str]) -> Finished {
    run_with(sensorium, hub, args, None)
}

fn run_with(sensorium: &Sensorium, hub: &Hub, args: &[&str], key: Option<&str>) -> Finished {
    let mut command = sensorium.command(&[&["models"], args].concat());
    command.env("HF_ENDPOINT", &hub.endpoint).env_remove("HF_TOKEN");
    command.env("PIP_INDEX_URL", format!("{}/simple/", hub.endpoint));
    if let Some(key) = key {
        command.env("HF_TOKEN", key);
    }
    let output = command.output().expect("the command starts");
    Finished {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

const PULL: [&str; 6] = ["pull", ID, "--name", "tiny", "--unchecked", "--json"];

/// The names of the models that are here.
fn here(sensorium: &Sensorium) -> Vec<String> {
    let rows = sensorium.json(&["models", "list"]);
    let here = rows.iter().filter(|row| !row["place"].is_null() && row["name"] != "mini");
    here.map(|row| row["name"].as_str().expect("a name").to_owned()).collect()
}

fn transfers(asked: &[Asked]) -> Vec<Option<String>> {
    asked.iter().filter(|asked| asked.is_transfer()).map(|asked| asked.range.clone()).collect()
}

#[test]
fn a_pulled_model_is_the_one_that_would_be_added_by_hand() {
    for folder in ["clip-f32", "clip-f16-shards", "siglip2-bf16", "open-clip-f32"] {
        let (sensorium, hub) = (Sensorium::new(), Hub::of_folder(&golden(folder)));
        let rows = run(&sensorium, &hub, &PULL).expect_code(0).json();
        let events: Vec<&str> = rows.iter().map(|row| row["event"].as_str().expect("an event")).collect();
        assert_eq!((events[0], events[events.len() - 1]), ("found", "added"), "{folder}");
        let (found, added) = (&rows[0], &rows[rows.len() - 1]);
        assert_eq!((found["commit"].as_str(), added["commit"].as_str()), (Some(COMMIT), Some(COMMIT)));
        assert_eq!(
            (&found["licence"], &added["licence"]),
            (&"mit".into(), &"mit".into()),
            "that of its card"
        );
        assert_eq!(found["bytes"], added["bytes"]);
        let last = rows.iter().rfind(|row| row["event"] == "progress").expect("told");
        assert_eq!(last["received"], last["bytes"]);
        assert_eq!(here(&sensorium), ["tiny"]);

        // Nothing is left of the way, and the lock tells what came.
        let place = sensorium.data().join("models/tiny");
        let lock = fs_err::read_to_string(place.join("hub.lock.json")).expect("a lock");
        let lock: Value = serde_json::from_str(&lock).expect("JSON");
        assert_eq!((&lock["id"], &lock["commit"]), (&ID.into(), &COMMIT.into()));
        assert_eq!((&lock["revision"], &lock["endpoint"]), (&"main".into(), &hub.endpoint.as_str().into()));
        let files = lock["files"].as_array().expect("files");
        for file in files {
            let name = file["name"].as_str().expect("a name");
            let bytes = fs_err::read(golden(folder).join(name)).expect("a file");
            assert_eq!((&file["bytes"], &file["sha256"]), (&bytes.len().into(), &sha256(&bytes).into()));
            assert_eq!(file["named_by_hub"], name.ends_with(".safetensors"), "{name}");
        }
        let models = fs_err::read_dir(sensorium.data().join("models")).expect("made");
        assert_eq!(models.map(|entry| entry.expect("an entry").file_name()).collect::<Vec<_>>(), ["tiny"]);
        run(&sensorium, &hub, &["check", "tiny"]).expect_code(0);
        let info = sensorium.json(&["models", "info", "--bundle", "tiny"]);
        assert_eq!(info[0]["licences"][0]["source"], format!("{ID}@{COMMIT}"));

        // The same revision, as it is of the same files.
        let by_hand = Sensorium::new();
        let path = golden(folder);
        let args = ["models", "add", path.to_str().expect("a path"), "--name", "tiny", "--unchecked"];
        assert_eq!(by_hand.json(&args)[0]["revision"], added["revision"], "{folder}");
        let again = run(&sensorium, &hub, &PULL).expect_code(1);
        assert!(again.stderr.contains("already"), "{}", again.stderr);
    }
}

#[test]
fn the_key_goes_to_the_hub_and_not_to_where_it_leads() {
    let (sensorium, hub) = (Sensorium::new(), Hub::of_folder(&golden("clip-f16-shards")));
    run(&sensorium, &hub, &PULL).expect_code(0);
    assert!(hub.asked().iter().all(|asked| asked.key.is_none()), "without one none is sent");
    let sensorium = Sensorium::new();
    hub.behave(Behaviour { key: Some("hf_secret"), closed: 401, ..Behaviour::default() });
    let pulled = run_with(&sensorium, &hub, &PULL, Some("hf_secret")).expect_code(0);
    let asked = hub.asked();
    let (at_cdn, at_hub): (Vec<_>, Vec<_>) = asked.iter().partition(|asked| asked.at_cdn);
    assert!(at_hub.iter().all(|asked| asked.key.as_deref() == Some("Bearer hf_secret")));
    assert!(at_cdn.len() >= 8 && at_cdn.iter().all(|asked| asked.key.is_none()));
    assert!(!pulled.stdout.contains("secret") && !pulled.stderr.contains("secret"));
    let place = sensorium.data().join("models/tiny");
    for file in ["hub.lock.json", "bundle.toml"] {
        assert!(!fs_err::read_to_string(place.join(file)).expect("text").contains("secret"), "{file}");
    }
}

#[test]
fn a_model_is_judged_before_its_weights_come() {
    let sensorium = Sensorium::new();
    let hub = Hub::of_folder(&golden("siglip2-f32-shards"));
    let rows =
        run(&sensorium, &hub, &["check", ID, "--revision", "refs/pr/15", "--json"]).expect_code(0).json();
    assert_eq!((&rows[0]["family"], &rows[0]["licence"]), (&"SigLIP".into(), &"mit".into()));
    assert_eq!((&rows[0]["asked"], &rows[0]["commit"]), (&"refs/pr/15".into(), &COMMIT.into()));
    let asked = hub.asked();
    assert_eq!(transfers(&asked).len(), 0, "{asked:?}");
    let ranges =
        asked.iter().filter(|asked| asked.at_cdn && asked.range.as_deref() == Some("bytes=0-262143"));
    assert_eq!(ranges.count(), 6, "one for each shard");
    assert!(!sensorium.data().join("models").exists(), "nothing is kept");

    // What will not load is refused by name, and pulled no more than it is checked.
    let weights = fs_err::read(golden("clip-f32").join("model.safetensors")).expect("weights");
    let renamed = |from: &str, to: &str| {
        assert_eq!(from.len(), to.len());
        let at = weights.windows(from.len()).position(|part| part == from.as_bytes()).expect("the name");
        let mut bytes = weights.clone();
        bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
        bytes
    };
    let cases = [
        (
            renamed("\"visual_projection.weight\"", "\"visual_projectioz.weight\""),
            "has no weight visual_projection.weight",
        ),
        (renamed("\"logit_scale\"", "\"logit_scalf\""), "nothing uses: logit_scalf"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n".to_vec(), "it is no safetensors"),
        (weights[..weights.len() - 1].to_vec(), "load it anew"),
    ];
    for (bytes, said) in cases {
        let hub = Hub::of_folder(&golden("clip-f32"));
        hub.put("model.safetensors", Some(bytes));
        for args in [&["check", ID][..], &PULL] {
            let refused = run(&sensorium, &hub, args).expect_code(1);
            assert!(refused.stderr.contains(said) && refused.stderr.contains(COMMIT), "{}", refused.stderr);
            assert_eq!(transfers(&hub.asked()).len(), 0);
        }
    }
    let hub = Hub::of_folder(&golden("clip-f32"));
    hub.put("model.safetensors", None);
    hub.put("pytorch_model.bin", Some(vec![0x80, 2]));
    let refused = run(&sensorium, &hub, &["check", ID]).expect_code(1);
    assert!(refused.stderr.contains("pickled") && refused.stderr.contains("revision"), "{}", refused.stderr);
    assert!(
        hub.asked().iter().all(|asked| !asked.path.contains("pytorch_model")),
        "it is not even looked at"
    );
    assert_eq!(here(&sensorium), [""; 0]);
}

#[test]
fn a_licence_is_accepted_before_the_weights_come() {
    let (sensorium, hub) = (Sensorium::new(), Hub::of_folder(&golden("clip-f32")));
    hub.put("README.md", Some(b"---\nlicense: cc-by-nc-4.0\n---\n# A model".to_vec()));
    let refused = run(&sensorium, &hub, &PULL).expect_code(1);
    assert!(refused.stderr.contains("--non-commercial"), "{}", refused.stderr);
    assert_eq!(transfers(&hub.asked()).len(), 0);
    let taken = run(&sensorium, &hub, &[&PULL[..], &["--non-commercial"]].concat()).expect_code(0).json();
    assert_eq!(taken[taken.len() - 1]["licence"], "cc-by-nc-4.0");
}

#[test]
fn weights_of_no_training_are_kept_for_a_second_try_and_come_once() {
    let (sensorium, hub) = (Sensorium::new(), Hub::of_folder(&golden("clip-f16-shards")));
    let refused = run(&sensorium, &hub, &["pull", ID, "--name", "tiny"]).expect_code(1);
    assert!(refused.stderr.contains("and chance does 2"), "{}", refused.stderr);
    assert_eq!(here(&sensorium), [""; 0]);
    assert_eq!(transfers(&hub.asked()).len(), 4);
    run(&sensorium, &hub, &PULL).expect_code(0);
    assert_eq!(transfers(&hub.asked()).len(), 0, "nothing comes twice");
    assert_eq!(here(&sensorium), ["tiny"]);
}

#[test]
fn mirrors_that_list_names_alone_are_believed_by_their_answers() {
    let (sensorium, hub) = (Sensorium::new(), Hub::of_folder(&golden("clip-f32")));
    hub.behave(Behaviour { bare_list: true, ..Behaviour::default() });
    let rows = run(&sensorium, &hub, &PULL).expect_code(0).json();
    let file =
        |name: &str| rows.iter().find(|row| row["event"] == "file" && row["file"] == name).expect("told");
    assert_eq!(file("model.safetensors")["named_by_hub"], true, "by the header of the answer");
    assert_eq!(file("config.json")["named_by_hub"], false);
    // A file of another commit than the one that was listed is none of the model's.
    let other = "ffffffffffffffffffffffffffffffffffffffff";
    hub.behave(Behaviour { other_commit: Some(other), ..Behaviour::default() });
    let refused = run(&Sensorium::new(), &hub, &["check", ID]).expect_code(1);
    assert!(refused.stderr.contains(other), "{}", refused.stderr);
}
