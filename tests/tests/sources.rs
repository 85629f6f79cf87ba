//! Files that change, move, double and vanish (CONTRACTS.md section 2), through the command line.

#![expect(clippy::indexing_slicing, reason = "a test may panic; JSON is indexed by name")]

use std::ffi::OsStr;
use std::path::Path;

use sensorium_tests::{Sensorium, samples};
use serde_json::Value;

fn some_images(folder: &Path, count: usize) -> Vec<std::path::PathBuf> {
    let mut names: Vec<_> = fs_err::read_dir(samples().join("images"))
        .expect("samples/images")
        .map(|entry| entry.expect("entry").path())
        .filter(|path| path.extension().is_some_and(|s| s == "jpg" || s == "png"))
        .collect();
    names.sort();
    names.truncate(count);
    assert_eq!(names.len(), count);
    names
        .iter()
        .map(|name| {
            let copy = folder.join(name.file_name().expect("a name"));
            fs_err::copy(name, &copy).expect("copy");
            copy
        })
        .collect()
}

fn states(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["state"].as_str().expect("state")).collect()
}

fn assets(sensorium: &Sensorium) -> u64 {
    sensorium.json(&["stats"])[0]["counts"]["assets"].as_u64().expect("a count")
}

#[test]
fn a_second_run_finds_everything_unchanged() {
    let (sensorium, media) = (Sensorium::new(), tempfile::tempdir().expect("folder"));
    some_images(media.path(), 3);
    assert_eq!(states(&sensorium.index(media.path())), ["indexed"; 3]);
    assert_eq!(states(&sensorium.index(media.path())), ["unchanged"; 3]);
    assert_eq!(assets(&sensorium), 3);
}

#[test]
fn a_copy_adds_a_path_and_no_points() {
    let (sensorium, media) = (Sensorium::new(), tempfile::tempdir().expect("folder"));
    let images = some_images(media.path(), 1);
    sensorium.index(media.path());
    let copy = media.path().join("copy of it.jpg");
    fs_err::copy(&images[0], &copy).expect("copy");
    let events = sensorium.index(media.path());
    let added: Vec<&Value> = events.iter().filter(|e| e["state"] == "indexed").collect();
    assert_eq!(added.len(), 1);
    assert_eq!(added[0]["points"], 0);
    assert_eq!(assets(&sensorium), 1);

    fs_err::remove_file(&images[0]).expect("remove");
    let hit = sensorium.json(&["search", "a picture"]).remove(0);
    assert_eq!(hit["path"].as_str(), copy.to_str(), "the first path that still exists");
}

#[test]
fn a_changed_file_leaves_its_old_asset() {
    let (sensorium, media) = (Sensorium::new(), tempfile::tempdir().expect("folder"));
    let note = media.path().join("note.txt");
    fs_err::write(&note, "a red bicycle leans on a wall").expect("write");
    let before = sensorium.index(media.path()).remove(0);
    fs_err::write(&note, "two cats sleep on a warm stone, side by side").expect("write");
    let after = sensorium.index(media.path()).remove(0);
    assert_eq!(after["state"], "indexed");
    assert_ne!(before["asset"], after["asset"]);
    assert_eq!(assets(&sensorium), 1);
}

#[test]
fn prune_takes_what_is_gone_and_refuses_an_empty_folder() {
    let (sensorium, media) = (Sensorium::new(), tempfile::tempdir().expect("folder"));
    let images = some_images(media.path(), 3);
    sensorium.index(media.path());
    fs_err::remove_file(&images[0]).expect("remove");
    let prune = [OsStr::new("index"), media.path().as_os_str(), OsStr::new("--prune")];
    let lines = sensorium.json(&prune);
    assert_eq!(lines.last().expect("summary")["pruned"], 1);
    assert_eq!(assets(&sensorium), 2);

    for image in &images[1..] {
        fs_err::remove_file(image).expect("remove");
    }
    let refused = sensorium.run(&prune).expect_code(1);
    assert!(refused.stderr.contains("empty"), "{}", refused.stderr);
    assert_eq!(assets(&sensorium), 2);
}

#[test]
fn delete_removes_and_the_next_index_brings_back() {
    let (sensorium, media) = (Sensorium::new(), tempfile::tempdir().expect("folder"));
    some_images(media.path(), 2);
    let events = sensorium.index(media.path());
    let id = events[0]["asset"].as_str().expect("id");
    sensorium.run(&["delete", id]).expect_code(0);
    assert_eq!(assets(&sensorium), 1);
    let mut states: Vec<String> = sensorium
        .index(media.path())
        .iter()
        .map(|e| e["state"].as_str().expect("state").to_owned())
        .collect();
    states.sort();
    assert_eq!(states, ["indexed", "unchanged"]);
}

#[test]
fn broken_files_are_recorded_and_stop_nothing() {
    let (sensorium, media) = (Sensorium::new(), tempfile::tempdir().expect("folder"));
    some_images(media.path(), 1);
    fs_err::write(media.path().join("broken.png"), b"\x89PNG\r\n\x1a\nnothing more").expect("write");
    fs_err::write(media.path().join("empty.jpg"), b"").expect("write");
    let events = sensorium.index(media.path());
    let failed: Vec<&Value> = events.iter().filter(|e| e["state"] == "failed").collect();
    assert_eq!(failed.len(), 2, "{events:?}");
    assert!(failed.iter().all(|e| e["reason"].is_string()));
    let strict = [OsStr::new("index"), media.path().as_os_str(), OsStr::new("--strict")];
    sensorium.run(&strict).expect_code(3);
    assert_eq!(sensorium.json(&["failures"]).len(), 2);
}

#[test]
fn what_a_killed_server_left_is_told_once_and_ignored() {
    let (sensorium, media) = (Sensorium::new(), tempfile::tempdir().expect("folder"));
    some_images(media.path(), 1);
    sensorium.index(media.path());
    // The number of a process that lives: this one, which is no server.
    let left = sensorium.data().join("server.json");
    let announce = || {
        let text = format!(r#"{{"pid":{},"address":"127.0.0.1:9","protocol":1}}"#, std::process::id());
        fs_err::write(&left, text).expect("write");
    };
    announce();
    let found = sensorium.run(&["search", "a picture", "--json"]).expect_code(0);
    assert_eq!(found.json().len(), 1);
    assert_eq!(found.stderr.matches("left by a server that is gone").count(), 1, "{}", found.stderr);
    assert!(found.stderr.contains("server.json"), "{}", found.stderr);
    assert!(left.exists(), "a reader writes nothing");
    sensorium.index(media.path());
    assert!(!left.exists(), "a writer takes it away");
    announce();
    let server = sensorium.serve();
    let found = sensorium.json(&["search", "a picture", "--server", &server.url]);
    assert_eq!(found.len(), 1);
    let told = sensorium.run(&["search", "a picture"]).expect_code(0);
    assert!(!told.stderr.contains("left by"), "a server that lives is found: {}", told.stderr);
    let held = sensorium.run(&["repair", "--yes"]).expect_code(1);
    assert!(held.stderr.contains("a server holds this data folder"), "{}", held.stderr);
}

#[test]
fn reading_needs_no_place_to_write() {
    let (sensorium, media) = (Sensorium::new(), tempfile::tempdir().expect("folder"));
    some_images(media.path(), 1);
    sensorium.index(media.path());
    for args in [&["search", "a picture"][..], &["stats"], &["failures"], &["verify"]] {
        let done = sensorium.command(args).env("TMPDIR", "/proc").output().expect("starts");
        assert!(done.status.success(), "{args:?}: {}", String::from_utf8_lossy(&done.stderr));
    }
}

#[test]
fn another_data_folder_inside_the_tree_is_passed_over() {
    let (sensorium, media) = (Sensorium::new(), tempfile::tempdir().expect("folder"));
    some_images(media.path(), 1);
    let old = media.path().join(".old");
    let folder: &OsStr = media.path().as_os_str();
    let into_old = [OsStr::new("index"), folder, OsStr::new("--data"), old.as_os_str()];
    sensorium.run(&into_old).expect_code(0);
    let run = sensorium.run(&[OsStr::new("index"), folder]).expect_code(0);
    assert!(run.stdout.starts_with("1 indexed, 0 unchanged, 0 failed"), "{}", run.stdout);
    assert_eq!(run.stderr.matches("passed over").count(), 1, "{}", run.stderr);
    assert!(run.stderr.contains(".old"), "{}", run.stderr);
}
