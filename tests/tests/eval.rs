//! `eval` on a manifest of the samples.

use sensorium_tests::{Sensorium, samples};
use serde_json::{Value, json};

/// Figures of a manifest with these rows: (file, sample that it is a copy of, caption).
fn eval(rows: &[(&str, &str, &str)]) -> Value {
    let (sensorium, folder) = (Sensorium::new(), tempfile::tempdir().expect("folder"));
    let manifest: String = rows
        .iter()
        .map(|(file, sample, caption)| {
            fs_err::copy(samples().join("images").join(sample), folder.path().join(file)).expect("copy");
            format!("{}\n", json!({"file": file, "captions": [caption], "split": "dev"}))
        })
        .collect();
    let path = folder.path().join("index.jsonl");
    fs_err::write(&path, manifest).expect("manifest");
    let mut lines = sensorium.json(&["eval", "--manifest", path.to_str().expect("UTF-8")]);
    assert_eq!(lines.len(), 1, "one object");
    lines.remove(0)
}

/// Two samples.
fn images() -> [String; 2] {
    let mut names: Vec<String> = fs_err::read_dir(samples().join("images"))
        .expect("samples/images")
        .map(|entry| entry.expect("entry").file_name().to_string_lossy().into_owned())
        .filter(|name| name.ends_with(".jpg"))
        .collect();
    names.sort();
    [names.remove(0), names.remove(0)]
}

#[test]
fn every_row_counts_even_where_files_have_the_same_bytes() {
    let [first, second] = images();
    let figures = eval(&[
        ("a.jpg", &first, "the first"),
        ("b.jpg", &first, "the same, called otherwise"),
        ("c.jpg", &second, "the second"),
    ]);
    let found = &figures["text_to_image"];
    assert_eq!((&found["gallery"], &found["queries"]), (&json!(3), &json!(3)), "{figures}");
    assert_eq!(found["r5"], json!(1.0), "a copy has points too: {figures}");
    assert_eq!(figures["image_to_text"]["queries"], json!(3), "{figures}");
}

#[test]
fn copies_tie_and_ties_count_against_us() {
    let [first, _] = images();
    let figures = eval(&[("a.jpg", &first, "a dog"), ("b.jpg", &first, "a cat")]);
    let found = &figures["text_to_image"];
    assert_eq!((&found["r1"], &found["r5"]), (&json!(0.0), &json!(1.0)), "{figures}");
    let shared = eval(&[("a.jpg", &first, "a dog"), ("b.jpg", &first, "a dog")]);
    assert_eq!(shared["text_to_image"]["r1"], json!(1.0), "both bear the caption: {shared}");
}

#[test]
fn one_cut_off_and_words_are_measured_where_there_are_captions() {
    let [first, second] = images();
    let figures = eval(&[("a.jpg", &first, "A woman on a beach"), ("b.jpg", &second, "an OLD man")]);
    let calibration = &figures["calibration"];
    assert!(calibration["text_image_hits"].is_u64(), "{figures}");
    let right = calibration["text_image_right"].as_f64().expect("a share");
    assert!((0.0..=1.0).contains(&right), "{figures}");
    assert!(calibration.get("text_audio_hits").is_none(), "no audio: {figures}");
    let bias = &figures["bias"];
    assert_eq!(
        (&bias["woman_queries"], &bias["man_queries"], &bias["old_queries"]),
        (&json!(1), &json!(1), &json!(1))
    );
    assert_eq!(bias["woman_r10"], json!(1.0), "{figures}");
    assert_eq!((&bias["woman_share10"], &bias["woman_other10"]), (&json!(0.5), &json!(0.5)), "{figures}");
    assert!(bias.get("girl_queries").is_none(), "no girls: {figures}");
}

#[test]
fn labels_are_asked_of_their_own_source_in_three_forms() {
    let (sensorium, folder) = (Sensorium::new(), tempfile::tempdir().expect("folder"));
    let [first, second] = images();
    // Of one source all files are cats, of another two labels tie, since their files have the same bytes.
    let rows = [
        ("a.jpg", &first, Some("cat"), "cats"),
        ("b.jpg", &second, Some("cat"), "cats"),
        ("c.jpg", &first, Some("box"), "twins"),
        ("d.jpg", &first, Some("city"), "twins"),
        ("e.jpg", &second, None, "nameless"),
    ];
    let manifest: String = rows
        .iter()
        .map(|(file, sample, label, source)| {
            fs_err::copy(samples().join("images").join(sample), folder.path().join(file)).expect("copy");
            format!("{}\n", json!({"file": file, "label": label, "source": source, "split": "dev2"}))
        })
        .collect();
    let path = folder.path().join("index.jsonl");
    fs_err::write(&path, manifest).expect("manifest");
    let arguments = ["eval", "--manifest", path.to_str().expect("UTF-8"), "--split", "dev2"];
    let report = sensorium.json(&arguments).remove(0);
    assert!(report.get("label_to_audio").is_none(), "no audio: {report}");
    let all = &report["label_to_image"];
    assert_eq!((&all["labels"], &all["gallery"]), (&json!(3), &json!(4)), "{report}");
    let sources = all["sources"].as_object().expect("sources");
    assert_eq!(sources.keys().collect::<Vec<_>>(), ["cats", "twins"], "a source without labels is absent");
    for form in ["bare", "plural", "sentence"] {
        let of = |figures: &Value, k: &str| figures[format!("{form}_{k}")].as_f64().expect("a share");
        assert_eq!([of(&sources["cats"], "r1"), of(&sources["twins"], "r1")], [1.0, 0.0], "{form}: {report}");
        assert_eq!(of(&sources["twins"], "r5"), 1.0, "{form}: {report}");
        assert!((of(all, "r1") - 1.0 / 3.0).abs() < 1e-5, "every label counts the same: {report}");
        assert!(all.get(format!("{form}_p10")).is_none(), "of audio alone: {report}");
    }
}
