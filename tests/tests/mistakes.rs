//! Exit codes and sentences of what goes wrong (CONTRACTS.md section 8).

use std::fs::Permissions;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use sensorium_tests::{Sensorium, Signal, endless, samples, signal};

fn assert_told(sensorium: &Sensorium, args: &[&str], code: i32, words: &[&str]) {
    let run = sensorium.run(args).expect_code(code);
    for word in words {
        assert!(run.stderr.contains(word), "{args:?}: {word:?} is missing in {}", run.stderr);
    }
    assert!(run.stdout.is_empty(), "{args:?}: {}", run.stdout);
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

fn one_text() -> (Sensorium, tempfile::TempDir) {
    let (sensorium, media) = (Sensorium::new(), tempfile::tempdir().expect("folder"));
    fs_err::copy(samples().join("texts/cats.txt"), media.path().join("cats.txt")).expect("copy");
    sensorium.index(media.path());
    (sensorium, media)
}

#[test]
fn what_is_not_there_is_named() {
    let (sensorium, media) = one_text();
    let missing = media.path().join("missing");
    assert_told(&sensorium, &["index", text(&missing)], 1, &[text(&missing), "no such file or folder"]);
    assert_told(&sensorium, &["search", text(&missing)], 1, &[text(&missing)]);
    for args in
        [["search", "x"].as_slice(), &["stats"], &["failures"], &["verify"], &["repair"], &["get", "x"]]
    {
        let args = [args, &["--collection", "nope"]].concat();
        assert_told(&sensorium, &args, 1, &["there is no collection \"nope\"", "default"]);
    }
    let nobody = ["search", "x", "--server", "http://127.0.0.1:1"];
    assert_told(&sensorium, &nobody, 1, &["no server answers at http://127.0.0.1:1", "refused"]);
}

#[test]
fn mistakes_of_the_command_line_exit_with_2() {
    let (sensorium, _media) = one_text();
    assert_told(&sensorium, &["search", ""], 2, &["the query is empty"]);
    assert_told(&sensorium, &["search", " \t"], 2, &["the query is empty"]);
    assert_told(&sensorium, &["search", "\u{200b}\u{feff}"], 2, &["the query is empty"]);
    assert_told(&sensorium, &["search", "text:\u{a0}"], 2, &["blank"]);
    assert_told(&sensorium, &["search", "x", "--filter", "year > = 3"], 2, &["at character 8", "\"=\""]);
    assert_told(&sensorium, &["search", "x", "--filter", "(year = 3"], 2, &["at character 10", "end"]);
    assert_told(&sensorium, &["search", "x", "--contact-sheet", "a.gif"], 2, &[".html or .png"]);
    assert_told(
        &sensorium,
        &["repair", "--server", "http://127.0.0.1:1"],
        2,
        &["works on this machine alone"],
    );
}

#[test]
fn words_from_outside_cannot_command_the_terminal() {
    let (sensorium, media) = one_text();
    let shown = r"\u{1b}[31m\u{202e}\u{200b}\n\u{9b}";
    let name = "\x1b[31m\u{202e}\u{200b}\n\u{9b}";
    for args in [
        ["index", &format!("/{name}")].as_slice(),
        &["search", &format!("./{name}")],
        &["search", &format!("vector:{name}")],
        &["get", &format!("\u{202e}{}", "x")],
        &["caption", name],
        &["stats", "--collection", name],
        &["search", "x", "--filter", &format!("a = 1 {name}")],
        &["search", "x", "--limit", name],
    ] {
        let run = sensorium.run(args);
        assert_ne!(run.code, Some(0), "{args:?}");
        assert!(!run.stderr.is_empty(), "{args:?}");
        let odd =
            run.stderr.chars().find(|c| *c != '\n' && (c.is_control() || "\u{202e}\u{200b}".contains(*c)));
        assert_eq!(odd, None, "{args:?}: {:?}", run.stderr);
    }
    assert_told(&sensorium, &["index", &format!("/{name}")], 1, &[shown, "no such file or folder"]);
    let file = media.path().join("\u{202e}txt.exe.txt");
    fs_err::write(&file, "a boat on the sea").expect("write");
    sensorium.index(media.path());
    let found = sensorium.run(&["search", "a boat", "--limit", "5"]).expect_code(0);
    assert!(
        found.stdout.contains(r"\u{202e}txt.exe.txt") && !found.stdout.contains('\u{202e}'),
        "{}",
        found.stdout
    );
}

#[test]
fn each_thing_is_said_once() {
    let (sensorium, media) = one_text();
    for (args, sentence) in [
        (
            ["index", text(media.path()), "--include", "a["],
            "\"a[\" is not a glob: unclosed character class; missing ']'",
        ),
        (
            ["search", "x", "--filter", "Date taken = 3"],
            "at character 6, found \"taken\" (quote the name: \"Date taken\")",
        ),
        (["search", "x", "--filter", "a = 1e999 or"], "at character 13, found the end"),
        (
            ["search", "x", "--server", "http://127.0.0.1:1"],
            "no server answers at http://127.0.0.1:1: tcp connect error",
        ),
    ] {
        let run = sensorium.run(&args);
        assert!(run.stderr.contains(sentence), "{args:?}: {}", run.stderr);
    }
    let missing = sensorium.run(&["search", "vector:missing.npy"]).expect_code(1);
    assert_eq!(missing.stderr.matches("missing.npy").count(), 1, "{}", missing.stderr);
    let long = format!("a = \"{}\"", "x".repeat(65_536));
    assert_told(&sensorium, &["search", "x", "--filter", &long], 2, &["at most 65536 bytes, this has 65542"]);
}

#[test]
fn a_table_that_would_lose_rows_is_refused_with_its_line() {
    let (sensorium, media) = one_text();
    let meta = media.path().join("meta.csv");
    for (table, words) in [
        (
            "path,note\ncats.txt,\"one\ntwo\"\nb.txt,\"unclosed\nc.txt,x\n",
            ":4: the quote that begins on this line",
        ),
        (
            "name;rating\ncats.txt;5\n",
            ":1: the header has no field `path` or `file`: it holds `name`, `rating`, separated by `;`",
        ),
        ("path,rating\ncats.txt,4,5\n", ":2: the row has 3 cells and the header has 2"),
    ] {
        fs_err::write(&meta, table).expect("write");
        let run = sensorium.run(&["index", text(media.path()), "--meta", text(&meta)]).expect_code(1);
        assert!(run.stderr.contains(&format!("meta.csv{words}")), "{}", run.stderr);
    }
}

#[test]
fn a_newer_format_is_refused_and_left_alone() {
    let (sensorium, media) = one_text();
    let folders = fs_err::read_dir(sensorium.data().join("collections")).expect("list");
    let registration =
        folders.map(|folder| folder.expect("entry").path()).next().expect("one").join("collection.json");
    let json = fs_err::read_to_string(&registration).expect("read");
    let mut newer: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    *newer.get_mut("format").expect("a format") = 99.into();
    let newer = newer.to_string();
    fs_err::write(&registration, &newer).expect("write");
    for args in
        [["search", "x"].as_slice(), &["index", text(media.path())], &["verify"], &["repair", "--yes"]]
    {
        assert_told(&sensorium, args, 1, &["format 99", "newer sensorium"]);
    }
    assert_eq!(fs_err::read_to_string(&registration).expect("read"), newer);
}

#[test]
fn a_second_writer_is_told_who_writes_and_readers_go_on() {
    let (sensorium, media) = one_text();
    let many = tempfile::tempdir().expect("folder");
    for file in 0..100 {
        let text = format!("note {file} of a boat");
        fs_err::write(many.path().join(format!("{file}.txt")), text).expect("file");
    }
    endless(many.path());
    let mut writer = sensorium.spawn(&["index", text(many.path()), "--json"]);
    let mut lines = BufReader::new(writer.stdout.take().expect("piped")).lines();
    lines.next().expect("it has begun").expect("a line");
    // Stopped, it holds the lock for as long as this takes.
    signal(&writer, Signal::STOP);
    let pid = format!("process {}", writer.id());
    for args in
        [["index", text(media.path())].as_slice(), &["delete", "x"], &["failures", "--retry"], &["repair"]]
    {
        assert_told(&sensorium, args, 1, &["is in use by", &pid]);
    }
    assert!(!sensorium.json(&["search", "cats", "--limit", "1"]).is_empty());
    signal(&writer, Signal::CONT);
    signal(&writer, Signal::INT);
    lines.for_each(drop);
    assert_eq!(writer.wait().expect("it ends").code(), Some(130));
}

#[test]
fn a_folder_that_cannot_be_read_is_a_failure_that_stops_nothing() {
    let (sensorium, media) = (Sensorium::new(), tempfile::tempdir().expect("folder"));
    fs_err::copy(samples().join("texts/cats.txt"), media.path().join("cats.txt")).expect("copy");
    std::os::unix::fs::symlink("nowhere", media.path().join("dangling")).expect("link");
    std::os::unix::fs::symlink("round", media.path().join("round")).expect("link");
    let locked = media.path().join("locked");
    fs_err::create_dir(&locked).expect("folder");
    fs_err::set_permissions(&locked, Permissions::from_mode(0o000)).expect("set");
    // To an administrator it is an empty folder.
    let failed = if fs_err::read_dir(&locked).is_ok() { 2 } else { 3 };
    let run = sensorium.run(&["index", text(media.path()), "--strict"]).expect_code(3);
    assert!(run.stdout.contains(&format!("1 indexed, 0 unchanged, {failed} failed")), "{}", run.stdout);
    assert!(run.stderr.contains("dangling") && run.stderr.contains("round"), "{}", run.stderr);
    assert_eq!(run.stderr.contains("locked: unreadable"), failed == 3, "{}", run.stderr);
    fs_err::set_permissions(&locked, Permissions::from_mode(0o700)).expect("set");
}
