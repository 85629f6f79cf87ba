//! One database of the samples, asked in every form.

#![expect(clippy::indexing_slicing, reason = "a test may panic; JSON is indexed by name")]

use std::sync::OnceLock;

use sensorium_tests::{Sensorium, made_by_ffmpeg, samples};
use serde_json::{Value, json};

/// The samples, indexed once for all tests of this file.
fn database() -> &'static Sensorium {
    static DATABASE: OnceLock<Sensorium> = OnceLock::new();
    DATABASE.get_or_init(|| {
        let sensorium = Sensorium::new();
        for folder in ["images", "sounds", "clips", "texts"] {
            let events = sensorium.index(&samples().join(folder));
            assert!(events.iter().all(|e| e["state"] == "indexed"), "{events:?}");
        }
        sensorium
    })
}

fn first_file(folder: &str, suffix: &str) -> String {
    let mut paths: Vec<_> = fs_err::read_dir(samples().join(folder))
        .expect("samples")
        .map(|entry| entry.expect("entry").path())
        .filter(|path| path.extension().is_some_and(|s| s == suffix))
        .collect();
    paths.sort();
    paths.first().expect("a sample").to_str().expect("UTF-8").to_owned()
}

const ROW_KEYS: [&str; 9] =
    ["rank", "asset", "score", "cosine", "modality", "path", "moment", "range", "payload"];

fn assert_rows(rows: &[Value]) {
    for (index, row) in rows.iter().enumerate() {
        let keys: Vec<&String> = row.as_object().expect("object").keys().collect();
        assert_eq!(keys, ROW_KEYS, "keys of a search row");
        assert_eq!(row["rank"], index + 1);
    }
    let scores: Vec<f64> = rows.iter().filter_map(|row| row["score"].as_f64()).collect();
    assert!(scores.windows(2).all(|pair| pair[0] >= pair[1]), "best first: {scores:?}");
}

#[test]
fn every_form_finds_itself_first_among_its_kind() {
    let sensorium = database();
    for (folder, suffix, modality) in
        [("images", "jpg", "image"), ("sounds", "wav", "audio"), ("clips", "mp4", "video")]
    {
        let path = first_file(folder, suffix);
        let rows = sensorium.json(&["search", &path, "--modality", modality]);
        assert_rows(&rows);
        assert_eq!(rows[0]["path"].as_str(), Some(path.as_str()), "{path} finds itself first");
        // An audio file or video of several parts asks by their mean, which lies near to each of them, not on one.
        let least = if modality == "image" { 0.98 } else { 0.5 };
        assert!(rows[0]["cosine"].as_f64().expect("cosine") > least, "{path}: {}", rows[0]["cosine"]);
    }
}

#[test]
fn bare_names_find_the_named_thing_first() {
    let wanted: [(&str, &str, &[&str]); 8] = [
        ("dog", "image", &["dog_on_grass.jpg"]),
        ("dogs", "image", &["dog_on_grass.jpg"]),
        ("cat", "image", &["cat_on_sofa.webp"]),
        ("boat", "image", &["sailing_boat.jpg"]),
        ("car", "image", &["red_car.jpg"]),
        ("flower", "image", &["sunflower.webp", "daisies.jpg"]),
        ("pizza", "image", &["pizza.jpg"]),
        ("bird", "audio", &["bird_chirps.wav"]),
    ];
    let mut wrong = Vec::new();
    for (name, modality, files) in wanted {
        let rows = database().json(&["search", name, "--modality", modality, "--limit", "1"]);
        let first = rows[0]["path"].as_str().and_then(|path| path.rsplit('/').next()).expect("a path");
        if !files.contains(&first) {
            wrong.push(format!("{name}: {first}"));
        }
    }
    assert!(wrong.is_empty(), "something else comes first: {wrong:?}");
}

#[test]
fn one_text_asks_all_forms() {
    let rows = database().json(&["search", "a dog on a beach", "--all"]);
    assert_rows(&rows);
    for modality in ["image", "audio", "video", "text"] {
        assert!(rows.iter().any(|row| row["modality"] == modality), "{modality} is among the answers");
    }
}

#[test]
fn a_video_answers_with_a_moment_and_a_text_with_a_range() {
    let rows = database().json(&["search", "the sea", "--all"]);
    for row in &rows {
        match row["modality"].as_str().expect("modality") {
            "video" | "audio" => {
                let moment = &row["moment"];
                let [start, peak, end] =
                    ["start_ms", "peak_ms", "end_ms"].map(|k| moment[k].as_u64().expect("ms"));
                assert!(start <= peak && peak <= end && start < end, "{moment}");
                assert!(!moment["tracks"].as_array().expect("tracks").is_empty());
            }
            "text" => assert!(row["range"].is_array(), "{row}"),
            _ => assert!(row["moment"].is_null() && row["range"].is_null(), "{row}"),
        }
    }
}

#[test]
fn a_stored_asset_is_left_out_of_its_own_answer() {
    let sensorium = database();
    let first = sensorium.json(&["search", &first_file("images", "jpg")]).remove(0);
    let id = first["asset"].as_str().expect("id");
    let rows = sensorium.json(&["search", &format!("asset:{id}"), "--all"]);
    assert!(!rows.is_empty() && rows.iter().all(|row| row["asset"] != first["asset"]));
}

#[test]
fn filters_modalities_and_limits_cut_the_list() {
    let sensorium = database();
    let images = sensorium.json(&["search", "a boat", "--modality", "image", "--limit", "3"]);
    assert_eq!(images.len(), 3);
    assert!(images.iter().all(|row| row["modality"] == "image"));
    let wide = sensorium.json(&["search", "a boat", "--filter", "width >= 1", "--all"]);
    assert!(wide.iter().all(|row| row["payload"]["width"].as_u64().is_some()));
    assert!(sensorium.json(&["search", "a boat", "--filter", "width < 0", "--all"]).is_empty());
}

#[test]
fn mistakes_are_usage_errors_with_a_way_out() {
    let sensorium = database();
    let dash = sensorium.run(&["search", "-40 degrees"]).expect_code(2);
    assert!(dash.stderr.contains("text:-40 degrees") && dash.stderr.contains("--"), "{}", dash.stderr);
    sensorium.run(&["search", "+"]).expect_code(2);
    sensorium.run(&["search", "--", "-", "fruit"]).expect_code(2);
    let filter = sensorium.run(&["search", "x", "--filter", "year >="]).expect_code(2);
    assert!(filter.stderr.contains("character 8"), "{}", filter.stderr);
    let language = sensorium.run(&["search", "x", "--lang", "xx"]).expect_code(2);
    for name in ["en (English)", "de (German)", "fr (French)", "cs (Czech)"] {
        assert!(language.stderr.contains(name), "{}", language.stderr);
    }
    let missing = sensorium.run(&["search", "./no such file.jpg"]);
    assert!(matches!(missing.code, Some(1 | 2)), "{missing:?}");
}

#[test]
fn an_answer_says_in_which_language_its_texts_were_read() {
    let sensorium = database();
    let explain = |args: &[&str]| sensorium.json(args).pop().expect("the explanation")["explain"].clone();
    let told = explain(&["search", "a dog on a beach", "+", &first_file("images", "jpg"), "--explain"]);
    assert_eq!(told["languages"], json!([{"term": 0, "language": "en"}]), "{told}");
    let named = explain(&["search", "ein Hund", "--lang", "en", "--explain"]);
    assert_eq!(named["languages"], json!([{"term": 0, "language": "en"}]), "{named}");
    let same = sensorium.json(&["search", "a dog on a beach", "--all", "--lang", "en"]);
    assert_eq!(same, sensorium.json(&["search", "a dog on a beach", "--all"]));
}

#[test]
fn an_absent_database_is_an_empty_one() {
    let sensorium = Sensorium::new();
    let absent = sensorium.data().join("absent");
    let absent = absent.to_str().expect("UTF-8");
    for args in [["search", "x"].as_slice(), &["stats"], &["failures"], &["collections"]] {
        let mut args = args.to_vec();
        args.extend(["--data", absent]);
        sensorium.run(&args).expect_code(0);
    }
    let verify = sensorium.run(&["verify", "--data", absent]).expect_code(0);
    assert!(verify.stdout.contains("empty") || verify.stderr.contains("empty"), "{verify:?}");
}

#[test]
fn metadata_is_found_as_it_was_written() {
    let (sensorium, media) = (Sensorium::new(), tempfile::tempdir().expect("folder"));
    for (name, words) in [("a.txt", "a boat"), ("cafe\u{301}.txt", "a train"), ("c.txt", "a cat")] {
        fs_err::write(media.path().join(name), words).expect("write");
    }
    let table = media.path().join("table.csv");
    let rows = "\u{feff}Path;Date taken;id;2020_sales\r\n\
                a.txt;2021-07-03T23:30:00Z;1983516295378495150;7\r\n\
                café.txt;2021-07-04;1983516295378495151;007\r\n\
                c.txt;;12345678901234567890123;1e400\r\n";
    fs_err::write(&table, rows).expect("write");
    let path = |path: &std::path::Path| path.to_str().expect("UTF-8").to_owned();
    sensorium.run(&["index", &path(media.path()), "--meta", &path(&table)]).expect_code(0);
    let mut serve = None;
    for by_server in [false, true] {
        if by_server {
            serve = Some(sensorium.serve());
        }
        for (filter, expected) in [
            ("id = 1983516295378495150", "a"),
            ("id > 1983516295378495150", "é"),
            ("id = 12345678901234567890123 and \"2020_sales\" = 1e400", "c"),
            ("\"2020_sales\" = \"007\"", "é"),
            ("\"2020_sales\" > 5", "a"),
            ("\"Date taken\" = \"2021-07-03\"", "a"),
            ("\"Date taken\" <= \"2021-07-04\"", "aé"),
            ("\"Date taken\" > \"2021-07-03\"", "é"),
            ("name = \"café.txt\" and name = \"cafe\u{301}.txt\"", "é"),
            ("mtime < \"1970-01-01\"", ""),
        ] {
            let found = sensorium.json(&["get", "--filter", filter]);
            let mut letters: Vec<&str> = found
                .iter()
                .map(|asset| match asset["payload"]["name"].as_str().expect("a name") {
                    "a.txt" => "a",
                    "c.txt" => "c",
                    _ => "é",
                })
                .collect();
            letters.sort_unstable();
            assert_eq!(letters.concat(), expected, "{filter}, by a server: {by_server}");
        }
    }
    drop(serve);
}

#[test]
fn hits_become_moments_of_an_editor() {
    let (sensorium, media) = (Sensorium::new(), tempfile::tempdir().expect("folder"));
    let bars = ["-f", "lavfi", "-i", "testsrc=size=320x180:rate=30000/1001:duration=4"];
    let tone = ["-f", "lavfi", "-i", "sine=frequency=600:duration=4"];
    let coded = ["-pix_fmt", "yuv420p", "-timecode", "00:59:58;00"];
    made_by_ffmpeg(&media.path().join("bars.mov"), &[&bars[..], &tone, &coded].concat());
    fs_err::copy(samples().join("texts/cats.txt"), media.path().join("cats.txt")).expect("copy");
    sensorium.index(media.path());
    let found = sensorium.json(&["get", "--filter", "modality = \"video\""]);
    assert_eq!(found[0]["payload"]["frame_rate"], "30000/1001");
    assert_eq!(found[0]["payload"]["timecode"], "00:59:58;00");

    let export = |name: &str| {
        let path = media.path().join(name);
        let text = path.to_str().expect("UTF-8").to_owned();
        let run = sensorium.run(&["search", "a test pattern", "--export", &text]);
        (run, fs_err::read_to_string(&path).unwrap_or_default())
    };
    let (run, list) = export("out.edl");
    let told = run.expect_code(0).stderr;
    assert!(told.contains("out.edl: 1 moment; 1 hit left out, which .edl does not hold"), "{told}");
    assert!(list.contains("FCM: DROP FRAME\n\n001  BARS1    B     C        00:59:58;00 01:00:0"), "{list}");
    assert!(list.contains("* FROM CLIP NAME: bars.mov\n"), "{list}");
    let (_, timeline) = export("out.otio");
    let timeline: Value = serde_json::from_str(&timeline).expect("JSON");
    let clip = &timeline["tracks"]["children"][0]["children"][0];
    assert_eq!(clip["source_range"]["start_time"]["value"], 107_832.0);
    assert!(export("out.csv").1.starts_with("asset,modality,name,path,start_ms,"));
    assert!(export("out.m3u8").1.contains("#EXTVLCOPT:start-time=0.000\n"));
    assert!(export("out.vtt").1.starts_with("WEBVTT\n\n1\n00:00:00.000 --> 00:00:0"));
    let (refused, nothing) = export("out.mp4");
    assert!(refused.expect_code(2).stderr.contains(".edl, .otio, .csv"), "{nothing}");
}

#[test]
fn a_term_is_printed_as_the_vector_by_which_it_asks() {
    let sensorium = database();
    let path = first_file("images", "jpg");
    let id = sensorium.json(&["search", &path, "--limit", "1"]).remove(0)["asset"].clone();
    let stored = format!("asset:{}", id.as_str().expect("an id"));
    let rows = sensorium.json(&["embed", "a red rose", &path, &stored]);
    assert_eq!(rows.len(), 3);
    assert_eq!(rows[0]["term"], "a red rose");
    let vector = |row: &Value| -> Vec<f64> {
        row["vector"].as_array().expect("a list").iter().map(|x| x.as_f64().expect("a number")).collect()
    };
    for row in &rows {
        assert_eq!(row["space"]["id"], "mini");
        let length: f64 = vector(row).iter().map(|x| x * x).sum();
        assert!((length - 1.0).abs() < 1e-4, "{length}");
    }
    let cosine: f64 = vector(&rows[1]).iter().zip(vector(&rows[2])).map(|(a, b)| a * b).sum();
    assert!(cosine > 0.999, "a file and the asset that it is: {cosine}");
    sensorium.run(&["embed", "vector:x.npy"]).expect_code(2);
    sensorium.run(&["embed", " "]).expect_code(2);
}
