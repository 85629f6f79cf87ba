//! A database that another bundle made: what it answers, and `sensorium reembed`, killed, without media, and resumed.

#![expect(clippy::indexing_slicing, reason = "a test may panic; JSON is indexed by name")]

mod fates;
mod many;
mod rollback;
mod server;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use sensorium_testkit::seed;
use sensorium_tests::{Finished, Seeded, Sensorium, copy_folder, samples};
use serde_json::Value;

const SEED: u64 = 11;
const KILLS: usize = 5;
/// Assets acknowledged before a kill, at most.
const MOST_BEFORE_A_KILL: usize = 5;
const FIRST_REVISION: &str = "sensorium-mini@f1257ed1710a";
const QUERIES: [&str; 4] =
    ["a dog on the grass", "how is bread made", "birds chirping", "a lighthouse by the sea"];

/// The bundle of the first edition: the encoders of this one with other numbers before them, and texts cut otherwise.
struct FirstEdition(tempfile::TempDir);

impl FirstEdition {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("temporary folder");
        let now = samples().parent().expect("the repository").join("models/mini");
        for part in ["stems", "weights", "selftest.safetensors"] {
            std::os::unix::fs::symlink(now.join(part), folder.path().join(part)).expect("linked");
        }
        let mut manifest = fs_err::read_to_string(now.join("bundle.toml")).expect("bundle.toml");
        let mut revision = manifest.lines().filter(|line| line.starts_with("revision = "));
        let revision = revision.next().expect("a revision").to_owned();
        for (this, first) in [
            (revision.as_str(), "revision = \"f1257ed1710a\""),
            ("mean = 127.0", "mean = 90.0"),
            ("op = \"normalise\", mean = -4.0", "op = \"normalise\", mean = -3.0"),
            ("cut = { words = 120, overlap = 20 }", "cut = { words = 30, overlap = 5 }"),
            ("max_abs = 2e-3", "max_abs = 2.0"),
        ] {
            assert!(manifest.contains(this), "bundle.toml has no {this:?}");
            manifest = manifest.replace(this, first);
        }
        fs_err::write(folder.path().join("bundle.toml"), manifest).expect("written");
        Self(folder)
    }

    /// Runs a command with this bundle.
    fn run(&self, sensorium: &Sensorium, args: &[&OsStr]) -> Finished {
        let mut command = sensorium.command(args);
        let output = command.env("SENSORIUM_BUNDLE", self.0.path()).output().expect("the command starts");
        Finished {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// A database of this bundle over a folder, and its assets by path.
    fn index(&self, folder: &Path) -> (Sensorium, BTreeMap<PathBuf, String>) {
        let sensorium = Sensorium::new();
        let args = ["index".as_ref(), folder.as_os_str(), "--json".as_ref()];
        let events = self.run(&sensorium, &args).expect_code(0).json();
        let indexed = events.iter().filter(|event| event["state"] == "indexed");
        let assets =
            indexed.map(|event| (event["path"].as_str().expect("path").into(), text(&event["asset"])));
        let assets = assets.collect();
        assert_eq!(revision(&sensorium), FIRST_REVISION);
        (sensorium, assets)
    }
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

fn stats(sensorium: &Sensorium) -> Value {
    sensorium.json(&["stats"]).remove(0)
}

fn revision(sensorium: &Sensorium) -> String {
    text(&stats(sensorium)["space"]["revision"])
}

fn assets(sensorium: &Sensorium) -> BTreeSet<String> {
    let rows = sensorium.json(&["get", "--filter", "modality exists"]);
    rows.iter().map(|row| text(&row["asset"])).collect()
}

fn verify(sensorium: &Sensorium) {
    let report = sensorium.json(&["verify"]);
    assert_eq!(report[0]["ok"], true, "{}", report[0]);
}

/// Runs `reembed`, which must end with this code, and gives its JSON lines.
fn reembed(sensorium: &Sensorium, args: &[&str], code: i32) -> Vec<Value> {
    sensorium.run(&[&["reembed", "--json"], args].concat()).expect_code(code).json()
}

fn of_event<'a>(lines: &'a [Value], event: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["event"] == event).collect()
}

/// Everything that a query finds, row by row.
fn hits(sensorium: &Sensorium, query: &str) -> Vec<Value> {
    sensorium.json(&["search", query, "--all", "--limit", "1000"])
}

fn copy(from: &str, folder: &Path) -> PathBuf {
    let from = samples().join(from);
    let to = folder.join(from.file_name().expect("a name"));
    fs_err::copy(from, &to).expect("copied");
    to
}

fn copy_all(folder: &Path) {
    for kind in ["images", "sounds", "clips", "texts"] {
        for entry in fs_err::read_dir(samples().join(kind)).expect("samples") {
            let name = entry.expect("entry").file_name();
            copy(&format!("{kind}/{}", name.to_str().expect("UTF-8")), folder);
        }
    }
}

/// Starts `reembed`, kills it after so many acknowledgements, and gives the assets that it acknowledged.
fn reembed_and_kill(sensorium: &Sensorium, after: usize) -> Vec<String> {
    let mut child = sensorium.spawn(&["reembed", "--json"]);
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let mut seen: Vec<String> = lines.by_ref().take(after).map_while(Result::ok).collect();
    child.kill().expect("it is running");
    child.wait().expect("it ends");
    seen.extend(lines.map_while(Result::ok));
    // The last line may be cut off by the kill.
    let seen: Vec<Value> = seen.iter().filter_map(|line| serde_json::from_str(line).ok()).collect();
    assert!(of_event(&seen, "summary").is_empty(), "the kill came too late");
    of_event(&seen, "asset").iter().map(|event| text(&event["asset"])).collect()
}

#[test]
fn a_database_of_the_first_edition_answers_and_comes_over_through_five_kills() {
    let media = tempfile::tempdir().expect("temporary folder");
    copy_all(media.path());
    let twin = media.path().join("the same daisies.jpg");
    fs_err::copy(media.path().join("daisies.jpg"), &twin).expect("copied");
    fs_err::write(media.path().join("broken.jpg"), b"\xff\xd8\xff\xe0 no image").expect("written");
    let first = FirstEdition::new();
    let (sensorium, by_path) = first.index(media.path());
    let all = assets(&sensorium);
    assert!(all.len() > 50);
    answers_without_an_encoder(&sensorium, &by_path[&media.path().join("red_car.jpg")], all.len());

    let mut random = Seeded(seed("the kills of reembed", SEED));
    let mut brought: Vec<String> = Vec::new();
    for kill in 0..KILLS {
        brought.extend(reembed_and_kill(&sensorium, 1 + random.below(MOST_BEFORE_A_KILL)));
        verify(&sensorium);
        assert_eq!(assets(&sensorium), all, "after kill {kill}");
        assert_eq!(revision(&sensorium), FIRST_REVISION, "until the end it is as it was");
    }
    // What is deleted between two runs does not come back, though it was brought over before.
    let deleted = brought.pop().expect("something was brought over");
    sensorium.run(&["delete", &deleted]).expect_code(0);
    for path in by_path.iter().filter(|(_, asset)| **asset == deleted).map(|(path, _)| path) {
        fs_err::remove_file(path).expect("removed");
    }
    let all: BTreeSet<String> = all.into_iter().filter(|asset| *asset != deleted).collect();

    let lines = reembed(&sensorium, &[], 0);
    let summary = lines.last().expect("a summary");
    assert_eq!(
        (&summary["finished"], &summary["unread"]),
        (&Value::from(true), &Value::from(0)),
        "{summary}"
    );
    let rest: BTreeSet<String> =
        of_event(&lines, "asset").iter().map(|event| text(&event["asset"])).collect();
    assert!(!rest.is_empty() && brought.iter().all(|asset| !rest.contains(asset)), "it goes on, not anew");
    assert!(brought.iter().chain(&rest).all(|asset| all.contains(asset)));

    verify(&sensorium);
    assert_eq!(assets(&sensorium), all, "every asset came over");
    assert_eq!(collections(&sensorium), 2, "the first is kept");
    assert_eq!(reembed(&sensorium, &["--drop-old"], 0)[0]["event"], "dropped");
    assert_eq!(collections(&sensorium), 1, "nothing is left of the first");
    let fresh = Sensorium::new();
    fresh.run(&["index".as_ref(), media.path().as_os_str()]).expect_code(0);
    let (now, anew) = (stats(&sensorium), stats(&fresh));
    assert_eq!((&now["counts"], &now["space"]), (&anew["counts"], &anew["space"]));
    for query in QUERIES {
        assert_eq!(hits(&sensorium, query), hits(&fresh, query), "{query}");
    }
    assert_eq!(sensorium.json(&["failures"]).len(), 1, "the broken file is known as such");
    assert_eq!(of_event(&reembed(&sensorium, &[], 0), "asset").len(), 0, "there is nothing left to do");
    let again = sensorium.index(media.path());
    assert!(again.iter().all(|event| event["state"] != "indexed"), "nothing has to be indexed again");
}

/// Gets, counts, filters and queries by what is stored go on; what needs encoders is refused by name of the command.
fn answers_without_an_encoder(sensorium: &Sensorium, image: &str, count: usize) {
    verify(sensorium);
    assert_eq!(stats(sensorium)["counts"]["assets"], count);
    let row = sensorium.json(&["get", image, "--vectors"]).remove(0);
    assert_eq!(row["space_revision"], FIRST_REVISION);
    assert!(!row["points"][0]["vector"].as_array().expect("a vector").is_empty());
    let images = sensorium.json(&["get", "--filter", "modality = \"image\" and width >= 1"]);
    assert!(images.len() > 20);
    let near = sensorium.json(&["search", &format!("asset:{image}"), "--limit", "5"]);
    assert_eq!(near.len(), 5);
    assert!(near.iter().all(|hit| hit["score"].is_null()), "this bundle's calibration is not its own");
    let file = samples().join("images/red_car.jpg");
    for refused in [vec!["search".as_ref(), OsStr::new("a dog")], vec!["index".as_ref(), file.as_os_str()]] {
        let refused = sensorium.run(&refused).expect_code(1);
        assert!(refused.stderr.contains("sensorium reembed"), "{}", refused.stderr);
    }
}

/// Media of the assets in `tests/fixtures/format-1`, and the hash that is their name below `media/`.
const KEPT: [(&str, &str); 6] = [
    ("images/dog_on_grass.jpg", "592dd415b5ec111e02043de8756bf8c10c47c5a737199776848459900706bc31"),
    ("images/cat_on_sofa.webp", "3bd84b9bc53ea8eb5abe919a5d905614e8ca9dbfa2056f72bd6b981fb9e5c939"),
    ("images/sailing_boat.jpg", "534e6cc52d1f76c1212035917bc08adc6b9a667678d515b9a7b3b419ab8e119f"),
    ("sounds/siren.ogg", "103be04e46a8e6aff709a25049988b63e9ee41f9e84fb337bd11fde5591e4612"),
    ("clips/seaside.mp4", "31776ba4d375296972949813356300058459dc5be0261da659f1a558b1fbac45"),
    ("texts/bread.md", "076b5c72c2a6f47baee619801917f7831ddb0844ab1edd3207fa4e107d902d98"),
];

#[test]
fn a_database_of_format_1_and_edition_two_opens_and_comes_over() {
    let sensorium = Sensorium::new();
    let fixture = samples().parent().expect("the repository").join("tests/fixtures/format-1/collections");
    copy_folder(&fixture, &sensorium.data().join("collections"));
    for (sample, hash) in KEPT {
        let folder = sensorium.data().join("media").join(&hash[..2]).join(&hash[2..4]);
        fs_err::create_dir_all(&folder).expect("made");
        fs_err::copy(samples().join(sample), folder.join(hash)).expect("copied");
    }
    let (dog, deleted) = (&KEPT[0].1[..32], "bb135cbc596ad6447e6ee41773f65496");

    // It is read as it is: by id, by fields, by a stored asset; words need the bundle that made it.
    assert_eq!(stats(&sensorium)["counts"]["points"], 9);
    verify(&sensorium);
    let known: BTreeSet<String> = KEPT.iter().map(|(_, hash)| hash[..32].to_owned()).collect();
    assert_eq!(assets(&sensorium), known, "and what was deleted in the log is gone");
    sensorium.run(&["get", deleted]).expect_code(1);
    let shelf = &sensorium.json(&["get", "--filter", "shelf = 9007199254740993"])[0];
    assert_eq!((&shelf["asset"], &shelf["payload"]["place"]), (&dog.into(), &"garden".into()));
    assert_eq!(sensorium.json(&["search", &format!("asset:{dog}")]).len(), 5, "all but itself");
    let refused = sensorium.run(&["search", "a dog"]).expect_code(1);
    assert!(refused.stderr.contains("sensorium reembed"), "{}", refused.stderr);

    let lines = reembed(&sensorium, &[], 0);
    assert_eq!(of_event(&lines, "asset").len(), KEPT.len());
    verify(&sensorium);
    assert_eq!(assets(&sensorium), known);
    assert_eq!(stats(&sensorium)["points_without_hubs"], 0);
    let first = |query: &str, more: &[&str]| {
        text(&sensorium.json(&[&["search", query, "--limit", "1"], more].concat())[0]["asset"])
    };
    assert_eq!(first("a dog", &[]), dog);
    assert_eq!(first("a siren", &["--filter", r#"taken = "2019-05-04""#]), KEPT[3].1[..32]);
    assert_eq!(first("how is bread made", &[]), KEPT[5].1[..32]);
}

/// Files of a collection in a data folder, hidden ones too.
fn collections(sensorium: &Sensorium) -> usize {
    fs_err::read_dir(sensorium.data().join("collections")).expect("lists").count()
}
