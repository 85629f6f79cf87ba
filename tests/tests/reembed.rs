//! A database that another bundle made: what it answers, and `sensorium reembed`, killed, without media, and resumed.

#![expect(clippy::indexing_slicing, reason = "a test may panic; JSON is indexed by name")]

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

#[test]
fn a_server_brings_its_collection_over_while_it_serves() {
    let media = tempfile::tempdir().expect("temporary folder");
    for entry in fs_err::read_dir(samples().join("images")).expect("samples") {
        let name = entry.expect("entry").file_name();
        copy(&format!("images/{}", name.to_str().expect("UTF-8")), media.path());
    }
    let (held, indexed) = FirstEdition::new().index(media.path());
    let server = held.serve();
    let client = Sensorium::new();
    let url = server.url.clone();
    let at = |args: &[&'static str]| -> Vec<String> {
        args.iter().copied().chain(["--server", &url]).map(str::to_owned).collect()
    };
    let refused = client.run(&at(&["search", "a dog on the grass"])).expect_code(1);
    assert!(refused.stderr.contains("sensorium reembed"), "{}", refused.stderr);
    let plan = client.json(&at(&["reembed", "--dry-run"]));
    assert_eq!(plan.last().expect("the plan")["pending"], indexed.len());

    // One whose caller is killed is taken up by the next, and what was acknowledged is not done again. It goes the same way from beside
    // the server, whose data folder says where it is.
    let brought = reembed_and_kill(&held, 1);
    assert!(!brought.is_empty());
    assert_eq!(revision(&held), FIRST_REVISION, "everybody sees what there was");
    let one = format!("asset:{}", brought[0]);
    assert_eq!(held.json(&["search", &one, "--limit", "3"]).len(), 3, "and is answered meanwhile");
    let lines = client.json(&at(&["reembed"]));
    let done: BTreeSet<String> =
        of_event(&lines, "asset").iter().map(|event| text(&event["asset"])).collect();
    assert!(brought.iter().all(|asset| !done.contains(asset)), "{done:?}");
    let summary = of_event(&lines, "summary")[0];
    assert_eq!((&summary["finished"], &summary["collection"]), (&Value::from(true), &Value::from("default")));

    // The same server answers from the new vectors, and takes changes.
    assert_ne!(revision(&held), FIRST_REVISION);
    assert_eq!(summary["to"], revision(&held));
    let hits = client.json(&at(&["search", "a dog on the grass", "--limit", "1"]));
    assert!(text(&hits[0]["path"]).ends_with("dog_on_grass.jpg"), "{hits:?}");
    client.run(&["delete", &one, "--server", &url]).expect_code(0);
    assert_eq!(client.json(&at(&["reembed"]))[0]["pending"], 0, "there is nothing left to do");
    assert_eq!(collections(&held), 2, "what was replaced is kept");
    client.run(&at(&["reembed", "--drop-old"])).expect_code(0);
    let begun = std::time::Instant::now();
    while collections(&held) > 1 {
        assert!(begun.elapsed().as_secs() < 120, "what was replaced stays");
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    drop(server);
    assert_eq!(assets(&held).len(), indexed.len() - 1);
    verify(&held);
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

/// Rows of these assets, without the places that others move.
fn of_assets(rows: Vec<Value>, known: &BTreeSet<String>) -> Vec<Value> {
    let own = rows.into_iter().filter(|row| known.contains(row["asset"].as_str().expect("an id")));
    own.map(|mut row| {
        row["rank"] = Value::Null;
        row
    })
    .collect()
}

#[test]
fn a_collection_goes_back_to_the_vectors_that_it_had() {
    let media = tempfile::tempdir().expect("temporary folder");
    for file in
        ["images/daisies.jpg", "images/red_car.jpg", "sounds/rain.ogg", "texts/bread.md", "clips/storm.avi"]
    {
        copy(file, media.path());
    }
    let folder = media.path().to_str().expect("a path");
    let sensorium = Sensorium::new();
    sensorium.index(media.path());
    let queries = ["daisies in a meadow", "a red car", "rain", "how is bread made"];
    let before: Vec<Vec<Value>> = queries.iter().map(|query| hits(&sensorium, query)).collect();
    let known = assets(&sensorium);
    let first = revision(&sensorium);
    sensorium.run(&["models", "join", "mini:image,text", "mini:audio,text", "--name", "both"]).expect_code(0);
    let refused = sensorium.run(&["reembed", "--rollback"]).expect_code(1);
    assert!(refused.stderr.contains("keeps no vectors"), "{}", refused.stderr);

    // A server with the new bundle answers by the old one, in words too, until the step and after it.
    let server = sensorium.serve_with(&["--bundle", "both"]);
    let there = sensorium.json(&["search", "a red car", "--limit", "1", "--server", &server.url]);
    assert!(there[0]["path"].as_str().is_some_and(|path| path.ends_with("red_car.jpg")), "{there:?}");
    sensorium.run(&["reembed", "--server", &server.url]).expect_code(0);
    let there = sensorium.json(&["search", "a red car", "--limit", "1", "--server", &server.url]);
    assert!(there[0]["path"].as_str().is_some_and(|path| path.ends_with("red_car.jpg")), "{there:?}");
    drop(server);
    assert!(revision(&sensorium).starts_with("both@"), "{}", revision(&sensorium));
    assert_eq!((collections(&sensorium), assets(&sensorium)), (2, known.clone()));

    let file = media.path().join("queries.list");
    fs_err::write(&file, queries.join("\n")).expect("written");
    let compare = ["reembed", "--compare", "--queries", file.to_str().expect("a path")];
    let rows = sensorium.json(&compare);
    let (sum, rows) = rows.split_last().expect("rows");
    assert_eq!((rows.len(), &sum["queries"], &sum["overlap"]), (4, &4.into(), &1.0.into()), "{sum}");
    fs_err::remove_file(&file).expect("removed");

    // What came and went since.
    copy("images/pizza.jpg", media.path());
    sensorium.run(&["index", folder]).expect_code(0);
    let gone = before[3][0]["asset"].as_str().expect("an id").to_owned();
    sensorium.run(&["delete", &gone]).expect_code(0);
    let done = reembed(&sensorium, &["--rollback"], 0);
    assert_eq!(of_event(&done, "asset").len(), 1, "the pizza alone is encoded: {done:?}");
    assert_eq!(revision(&sensorium), first);
    let kept: BTreeSet<String> = known.iter().filter(|id| **id != gone).cloned().collect();
    for (query, before) in queries.iter().zip(&before) {
        let (now, then) = (of_assets(hits(&sensorium, query), &kept), of_assets(before.clone(), &kept));
        assert_eq!(now, then, "bit for bit: {query}");
    }
    let found = sensorium.json(&["search", "a pizza", "--limit", "1"]);
    assert!(found[0]["path"].as_str().is_some_and(|path| path.ends_with("pizza.jpg")), "{found:?}");
    verify(&sensorium);

    assert_eq!(collections(&sensorium), 2, "the other vectors are kept in turn");
    let dropped = reembed(&sensorium, &["--drop-old", "--bundle", "both"], 0);
    assert_eq!(dropped.last().expect("a row")["event"], "dropped");
    assert_eq!((collections(&sensorium), revision(&sensorium)), (1, first), "and nothing else is done");
    sensorium.run(&["reembed", "--rollback"]).expect_code(1);
    // Nothing is kept where that is asked for.
    reembed(&sensorium, &["--drop-old", "--bundle", "both"], 0);
    assert_eq!(collections(&sensorium), 1);
    assert!(revision(&sensorium).starts_with("both@"));
}
