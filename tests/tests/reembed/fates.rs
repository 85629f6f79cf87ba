//! What becomes of assets whose media are away, changed or broken.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use sensorium_tests::{Sensorium, samples};
use serde_json::Value;

use crate::{FIRST_REVISION, FirstEdition, assets, copy, hits, of_event, reembed, revision, text, verify};

/// A folder with a file of every fate: what was brought in, and what becomes of it.
struct Fates {
    media: tempfile::TempDir,
    sensorium: Sensorium,
    by_path: BTreeMap<PathBuf, String>,
}

impl Fates {
    fn new() -> Self {
        let media = tempfile::tempdir().expect("temporary folder");
        for file in
            ["images/beach.jpg", "images/pizza.jpg", "clips/seaside.mp4", "sounds/rain.ogg", "texts/cats.txt"]
        {
            copy(file, media.path());
        }
        fs_err::write(media.path().join("note.txt"), "a red bicycle leans on a wall").expect("written");
        fs_err::write(media.path().join("touched.txt"), "two cats sleep on a stone").expect("written");
        let (sensorium, by_path) = FirstEdition::new().index(media.path());
        assert_eq!(by_path.len(), 7);
        Self { media, sensorium, by_path }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.media.path().join(name)
    }

    fn asset(&self, name: &str) -> &str {
        &self.by_path[&self.path(name)]
    }

    fn get(&self, name: &str) -> Value {
        self.sensorium.json(&["get", self.asset(name)]).remove(0)
    }

    /// All files go but the beach and two texts, of which one is changed and one only touched.
    fn befall(&self) {
        for name in ["pizza.jpg", "seaside.mp4", "rain.ogg", "cats.txt"] {
            fs_err::remove_file(self.path(name)).expect("removed");
        }
        fs_err::write(self.path("note.txt"), "a blue boat lies on the sand, upside down").expect("written");
        fs_err::write(self.path("touched.txt"), "two cats sleep on a stone").expect("written");
    }
}

#[test]
fn assets_without_media_are_listed_first_and_never_dropped() {
    let fates = Fates::new();
    fates.befall();
    let sensorium = &fates.sensorium;
    let gone = ["rain.ogg", "cats.txt", "note.txt"];
    let pictured = ["pizza.jpg", "seaside.mp4"];

    let plan = reembed(sensorium, &["--dry-run"], 0);
    let listed: BTreeMap<String, String> = of_event(&plan, "without_media")
        .iter()
        .map(|line| (text(&line["asset"]), text(&line["substitute"])))
        .collect();
    let expected = |names: &[&str], what: &str| -> Vec<(String, String)> {
        names.iter().map(|name| (fates.asset(name).to_owned(), what.to_owned())).collect()
    };
    let mut all_expected = expected(&gone, "nothing");
    all_expected.extend(expected(&pictured, "thumbnails"));
    assert_eq!(listed, all_expected.into_iter().collect());
    let reasons: Vec<String> =
        of_event(&plan, "without_media").iter().map(|line| text(&line["reason"])).collect();
    assert!(reasons.iter().any(|reason| reason.contains("changed since")), "{reasons:?}");
    assert_eq!(plan.last().expect("the plan")["pending"], 7);

    let refused = sensorium.run(&["reembed"]).expect_code(2);
    assert!(
        refused.stderr.contains("nothing was changed") && refused.stderr.contains("--yes"),
        "{}",
        refused.stderr
    );
    assert_eq!(revision(sensorium), FIRST_REVISION);

    let lines = reembed(sensorium, &["--yes"], 0);
    let first_asset = lines.iter().position(|line| line["event"] == "asset").expect("an asset");
    assert_eq!(
        of_event(&lines[..first_asset], "without_media").len(),
        5,
        "listed before anything is written"
    );
    let states: BTreeMap<String, String> = of_event(&lines, "asset")
        .iter()
        .map(|event| (text(&event["asset"]), text(&event["state"])))
        .collect();
    for (names, state) in [
        (&gone[..], "without_vectors"),
        (&pictured[..], "from_thumbnails"),
        (&["beach.jpg", "touched.txt"], "reembedded"),
    ] {
        for name in names {
            assert_eq!(states[fates.asset(name)], state, "{name}");
        }
    }
    verify(sensorium);
    assert_eq!(assets(sensorium), fates.by_path.values().cloned().collect(), "none is dropped");
    assert_ne!(revision(sensorium), FIRST_REVISION);
    let found: BTreeSet<String> =
        hits(sensorium, "cats by the sea in the rain").iter().map(|hit| text(&hit["asset"])).collect();
    let has_vectors = ["beach.jpg", "touched.txt", "pizza.jpg", "seaside.mp4"];
    assert_eq!(found, has_vectors.iter().map(|name| fates.asset(name).to_owned()).collect());
    assert_eq!(fates.get("pizza.jpg")["payload"]["_reembedded"], "thumbnails");
    let bare = fates.get("cats.txt");
    assert_eq!(
        (&bare["points"], &bare["space_revision"]),
        (&Value::Array(Vec::new()), &FIRST_REVISION.into())
    );
    assert_eq!(bare["payload"]["name"], "cats.txt", "its fields stay");
    assert_eq!(sensorium.json(&["failures"]).len(), 5);
    let term = sensorium.run(&["search", &format!("asset:{}", fates.asset("cats.txt"))]).expect_code(1);
    assert!(term.stderr.contains("reembed"), "{}", term.stderr);
}

#[test]
fn media_that_comes_back_is_encoded_by_the_next_run() {
    let fates = Fates::new();
    fates.befall();
    let sensorium = &fates.sensorium;
    reembed(sensorium, &["--yes"], 0);
    let waiting = reembed(sensorium, &[], 0);
    assert_eq!(of_event(&waiting, "without_media").len(), 5, "they are told of again");
    assert!(of_event(&waiting, "asset").is_empty());

    copy("images/pizza.jpg", fates.media.path());
    copy("texts/cats.txt", fates.media.path());
    let lines = reembed(sensorium, &[], 0);
    let states: BTreeSet<(String, String)> = of_event(&lines, "asset")
        .iter()
        .map(|event| (text(&event["asset"]), text(&event["state"])))
        .collect();
    let back = ["pizza.jpg", "cats.txt"].map(|name| (fates.asset(name).to_owned(), "reembedded".to_owned()));
    assert_eq!(states, back.into_iter().collect());
    assert_eq!(fates.get("pizza.jpg")["payload"]["_reembedded"], Value::Null);
    assert_eq!(hits(sensorium, "sleeping cats").len(), 5);
    assert_eq!(sensorium.json(&["failures"]).len(), 3);

    // An audio clip that comes back elsewhere is met by `index`, which reads it as it would a new one; and the text
    // that was changed goes, as CONTRACTS.md section 2 has it.
    let elsewhere = fates.path("elsewhere.ogg");
    fs_err::copy(samples().join("sounds/rain.ogg"), &elsewhere).expect("copied");
    let changed = fates.asset("note.txt");
    sensorium.run(&["index".as_ref(), fates.media.path().as_os_str()]).expect_code(0);
    let audio = fates.get("rain.ogg");
    assert!(!audio["points"].as_array().expect("points").is_empty());
    assert_eq!(audio["paths"].as_array().expect("paths").len(), 2);
    assert!(!assets(sensorium).contains(changed));
    assert_eq!(assets(sensorium).len(), 7);
    verify(sensorium);
}

#[test]
fn what_turns_out_to_be_unreadable_stops_the_change_until_it_is_read_or_given_up() {
    let fates = Fates::new();
    let sensorium = &fates.sensorium;
    // Without ffmpeg the video is there and cannot be decoded.
    let nowhere = tempfile::tempdir().expect("temporary folder");
    let mut command = sensorium.command(&["reembed", "--json"]);
    let output = command.env("PATH", nowhere.path()).output().expect("the command starts");
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    let lines: Vec<Value> = stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let unread = of_event(&lines, "without_media");
    assert_eq!(unread.len(), 1);
    assert_eq!(unread[0]["asset"], fates.asset("seaside.mp4"));
    assert_eq!(of_event(&lines, "asset").len(), 6, "all others are done");
    assert_eq!(of_event(&lines, "summary")[0]["finished"], false);
    assert_eq!(revision(sensorium), FIRST_REVISION);
    verify(sensorium);

    let lines = reembed(sensorium, &[], 0);
    let done: Vec<String> = of_event(&lines, "asset").iter().map(|event| text(&event["asset"])).collect();
    assert_eq!(done, [fates.asset("seaside.mp4")], "only the video was left");
    assert_ne!(revision(sensorium), FIRST_REVISION);
    assert_eq!(assets(sensorium).len(), 7);
    verify(sensorium);
}
