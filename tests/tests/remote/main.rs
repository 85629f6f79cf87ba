//! Commands through a server that may not read the files itself: bytes, metadata, thumbnails; and a server by HTTP, for
//! long and under abuse.

mod abuse;
mod frames;
mod http;
mod soak;

use std::path::Path;

use sensorium_tests::{Sensorium, Served, samples};
use serde_json::Value;

/// A data folder that a client has and does not use, a server with another, and media.
fn parts() -> (Sensorium, Sensorium, tempfile::TempDir) {
    let media = tempfile::tempdir().expect("folder");
    for name in ["images/pizza.jpg", "images/goldfish.jpg", "texts/cats.txt"] {
        let from = samples().join(name);
        fs_err::copy(&from, media.path().join(from.file_name().expect("a name"))).expect("copy");
    }
    (Sensorium::new(), Sensorium::new(), media)
}

fn at<'a>(server: &'a Served, args: &[&'a str]) -> Vec<&'a str> {
    [args, &["--server", &server.url]].concat()
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

#[test]
fn metadata_is_joined_and_rows_without_a_file_are_told() {
    let (client, held, media) = parts();
    let meta = media.path().join("meta.jsonl");
    let rows = "{\"path\": \"pizza.jpg\", \"year\": 2020}\n\n{\"file\": \"nowhere.jpg\", \"year\": 1}\n";
    fs_err::write(&meta, rows).expect("write");
    let csv = media.path().parent().expect("a parent").join("sensorium-test-no-such-file.csv");
    let server = held.serve();
    let index = |meta: &Path| {
        client.run(&at(&server, &["index", text(media.path()), "--meta", text(meta), "--json"]))
    };
    let run = index(&meta).expect_code(0);
    assert!(run.stderr.contains("1 row of the metadata names no file"), "{}", run.stderr);
    let lines = run.json();
    assert_eq!(lines.last().map(|summary| &summary["indexed"]), Some(&Value::from(3)), "{lines:?}");
    let found = client.json(&at(&server, &["search", "food", "--filter", "year = 2020"]));
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0]["payload"]["name"], "pizza.jpg");

    fs_err::write(&meta, "{\"path\": \"pizza.jpg\"}\n{\"path\": \"goldfish.jpg\", oops}\n").expect("write");
    let bad = index(&meta).expect_code(1);
    assert!(bad.stderr.contains("meta.jsonl:2: not a JSON object"), "{}", bad.stderr);
    assert!(bad.stdout.is_empty(), "nothing is indexed: {}", bad.stdout);
    index(&csv).expect_code(1);
}

#[test]
fn metadata_in_csv_is_joined_in_the_data_folder() {
    let (local, _, media) = parts();
    let folder = tempfile::tempdir().expect("folder");
    let meta = folder.path().join("rows.csv");
    fs_err::write(&meta, "path,year,artist\npizza.jpg,2021,\"B, C\"\nno.jpg,3,\nno2.jpg,4,\n")
        .expect("write");
    let args = ["index", text(media.path()), "--meta", text(&meta)];
    let run = local.run(&args).expect_code(0);
    assert!(run.stdout.contains("2 rows of the metadata name no file"), "{}", run.stdout);
    let found = local.json(&["search", "food", "--filter", "artist = \"B, C\" and year > 2020"]);
    assert_eq!(found.len(), 1, "{found:?}");

    fs_err::write(&meta, "name,year\npizza.jpg,2021\n").expect("write");
    let bad = local.run(&args).expect_code(1);
    let told =
        "rows.csv:1: the header has no field `path` or `file`: it holds `name`, `year`, separated by `,`";
    assert!(bad.stderr.contains(told), "{}", bad.stderr);
}

#[test]
fn a_contact_sheet_shows_what_a_server_holds() {
    let (client, held, media) = parts();
    let server = held.serve();
    client.run(&at(&server, &["index", text(media.path())])).expect_code(0);
    let page = media.path().join("sheet.html");
    let search = ["search", "a goldfish", "--contact-sheet", text(&page)];
    client.run(&at(&server, &search)).expect_code(0);
    let html = fs_err::read_to_string(&page).expect("a page");
    assert_eq!(html.matches("<figure>").count(), 3);
    assert_eq!(
        html.matches("src=\"data:image/jpeg;base64,").count(),
        2,
        "two images, and a text without one"
    );

    // The same images, from the data folder of the server.
    let beside = media.path().join("beside.html");
    held.run(&["search", "a goldfish", "--contact-sheet", text(&beside)]).expect_code(0);
    assert_eq!(fs_err::read_to_string(&beside).expect("a page"), html);

    let png = media.path().join("sheet.png");
    client.run(&at(&server, &["search", "a goldfish", "--contact-sheet", text(&png)])).expect_code(0);
    assert!(fs_err::read(&png).expect("an image").starts_with(b"\x89PNG"));
}

#[test]
fn fields_are_indexed_in_the_data_folder_and_by_a_server() {
    let (_, held, media) = parts();
    let refused = held.run(&["fields", "--index", "year"]).expect_code(1);
    assert!(refused.stderr.contains("there is no collection \"default\""), "{}", refused.stderr);
    let none = held.run(&["fields"]).expect_code(0);
    assert!(none.stderr.contains("no field is indexed"), "{}", none.stderr);
    let meta = media.path().join("meta.csv");
    fs_err::write(&meta, "path,year,lat,lon\npizza.jpg,2020,48.85,2.35\ngoldfish.jpg,2021,1,2\n")
        .expect("write");
    held.run(&["index", text(media.path()), "--meta", text(&meta)]).expect_code(0);
    let row = |field: &str, bytes: &Value| serde_json::json!({ "field": field, "asked": true, "state": "ready", "bytes": bytes });
    let listed = held.json(&["fields", "--index", "year", "--index", "location"]);
    assert_eq!(listed.len(), 2, "{listed:?}");
    assert_eq!(listed[0], row("location", &listed[0]["bytes"]));
    assert_eq!(listed[1], row("year", &listed[1]["bytes"]));
    let near = "location within 3 km of (48.86, 2.34) and at least 1 of (year = 2020, year = 2021)";
    let found = held.json(&["search", "food", "--filter", near]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0]["payload"]["name"], "pizza.jpg");
    let bad = held.run(&["search", "food", "--filter", "location within 3 km of (91, 0)"]).expect_code(2);
    assert!(
        bad.stderr.contains("a latitude is a number of degrees from -90 to 90, received 91"),
        "{}",
        bad.stderr
    );

    let server = held.serve();
    for args in [&["fields"][..], &["fields", "--index", "year"], &["fields", "--drop", "year"]] {
        let refused = held.run(&at(&server, &[args, &["--collection", "nowhere"]].concat())).expect_code(1);
        assert!(refused.stderr.contains("nowhere"), "{}", refused.stderr);
    }
    let long = held.run(&at(&server, &["fields", "--index", &"x".repeat(300)])).expect_code(2);
    assert!(long.stderr.contains("1 to 256 bytes, received 300"), "{}", long.stderr);
    let listed = held.json(&at(&server, &["fields", "--drop", "year", "--drop", "nothing"]));
    assert_eq!(listed.iter().filter(|row| row["asked"] == true).count(), 1, "{listed:?}");
    let found = held.json(&at(&server, &["search", "food", "--filter", near]));
    assert_eq!(found.len(), 1, "{found:?}");
}

#[test]
fn what_a_server_holds_is_verified_and_listed_by_it() {
    let (client, held, media) = parts();
    fs_err::write(media.path().join("broken.png"), b"\x89PNG\r\n\x1a\nnothing").expect("write");
    held.run(&["index", text(media.path())]).expect_code(0);
    held.run(&["index", text(media.path()), "--collection", "second"]).expect_code(0);
    let here = |args: &[&str]| held.json(args);
    let (collections, failures, problems) = (here(&["collections"]), here(&["failures"]), here(&["verify"]));
    assert_eq!((collections.len(), failures.len()), (2, 1));

    let server = held.serve_with(&["--allow-path", text(media.path())]);
    // The same, asked from elsewhere, and through the server of the data folder.
    for (asked, named) in [(&client, true), (&held, false)] {
        let ask = |args: &[&str]| asked.json(&if named { at(&server, args) } else { args.to_vec() });
        assert_eq!(ask(&["collections"]), collections);
        assert_eq!(ask(&["failures"]), failures);
        assert_eq!(ask(&["verify"]), problems);
        assert_eq!(ask(&["failures", "--warnings"]), Vec::<Value>::new());
    }
    let unknown = client.run(&at(&server, &["collections", "--drop", "nowhere"])).expect_code(1);
    assert!(unknown.stderr.contains("there is no collection \"nowhere\""), "{}", unknown.stderr);
    client.run(&at(&server, &["collections", "--drop", "second"])).expect_code(0);
    assert_eq!(client.json(&at(&server, &["collections"])).len(), 1);
    fs_err::copy(samples().join("images/piano.png"), media.path().join("broken.png")).expect("copy");
    let again = client.json(&at(&server, &["failures", "--retry"]));
    assert_eq!(again.first().map(|file| &file["state"]), Some(&Value::from("indexed")), "{again:?}");
    assert_eq!(client.json(&at(&server, &["failures"])), Vec::<Value>::new());
    let refused = client.run(&at(&server, &["repair"])).expect_code(2);
    assert!(refused.stderr.contains("works on this machine alone: "), "{}", refused.stderr);
}

#[test]
fn keys_and_certificates_are_looked_at_before_anything_is_sent() {
    let (client, held, media) = parts();
    let made = held.json(&["keys", "create", "--scope", "read"]).remove(0)["key"].clone();
    let server = held.serve();
    let file = media.path().join("key");
    fs_err::write(&file, format!("{}\n", made.as_str().expect("a key"))).expect("write");
    let key = ["--api-key-file", text(&file)];
    client.run(&at(&server, &[&["stats"][..], &key].concat())).expect_code(0);
    fs_err::write(&file, "sns_unknown\n").expect("write");
    let unknown = client.run(&at(&server, &[&["stats"][..], &key].concat())).expect_code(1);
    assert!(unknown.stderr.contains("the key is unknown"), "{}", unknown.stderr);
    let told = |args: &[&str], code: i32| client.run(args).expect_code(code).stderr;
    let clear = told(&[&["stats", "--server", "http://192.0.2.1:1"][..], &key].concat(), 2);
    assert!(clear.contains("the API key is not sent") && clear.contains("https://"), "{clear}");
    let no_file = told(&at(&server, &["stats", "--api-key-file", "/nowhere/at/all"]), 1);
    assert!(no_file.contains("/nowhere/at/all"), "{no_file}");
    let no_certificate = told(&["stats", "--server", "https://127.0.0.1:1", "--ca", text(&file)], 2);
    assert!(no_certificate.contains("BEGIN CERTIFICATE"), "{no_certificate}");
    let mut command = client.command(&at(&server, &["stats"]));
    let bad = command.env("SENSORIUM_API_KEY", "two words").output().expect("the command starts");
    assert_eq!(bad.status.code(), Some(2));
    assert!(!String::from_utf8_lossy(&bad.stderr).contains("two words"), "a key is not shown");
}

#[test]
fn a_server_gives_the_vectors_that_the_data_folder_gives() {
    let (client, held, media) = parts();
    held.run(&["index", text(media.path())]).expect_code(0);
    let image = media.path().join("pizza.jpg");
    let id = held.json(&["search", text(&image), "--limit", "1"]).remove(0)["asset"].clone();
    let stored = format!("asset:{}", id.as_str().expect("an id"));
    let point = format!("{stored}#0");
    let embed = ["embed", "a slice of pizza", "ein Hund am Strand", text(&image), &stored, &point];
    let here = held.json(&embed);
    let server = held.serve();
    assert_eq!(client.json(&at(&server, &embed)), here);
    let gone = client.run(&at(&server, &["embed", "asset:nobody"])).expect_code(1);
    assert!(gone.stderr.contains("there is no asset nobody"), "{}", gone.stderr);
    let seen = client.json(&at(&server, &["top", "--count", "1"])).remove(0);
    let metrics = seen["metrics"].as_array().expect("a list");
    assert!(metrics.iter().any(|row| row["name"] == "assets" && row["value"] == 3.0), "{metrics:?}");
}
