//! Vectors that `embed` prints, beside those of reference classes.

use std::path::Path;

use serde_json::{Map, Value};

use crate::{Sensorium, samples};

/// The same numbers, in another order of summation, on pixels that may differ by 1 of 255.
const COSINE: f64 = 0.9999;

/// A vector of JSON.
///
/// # Panics
/// If it is none.
pub fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().expect("numbers").iter().map(|number| number.as_f64().expect("a number")).collect()
}

/// The cosine of two vectors.
///
/// # Panics
/// If they differ in length.
pub fn cosine(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

/// Embeds the files of `samples/images` and the texts that `vectors.json` of a folder names, and compares what comes with it.
///
/// # Panics
/// If a vector is another.
pub fn compare_with_reference(sensorium: &Sensorium, bundle: &str, folder: &Path) {
    for (file, expected) in of(folder, "files") {
        let path = samples().join("images").join(file);
        compare(sensorium, bundle, (path.to_str().expect("a path"), &expected));
    }
    compare_texts(sensorium, bundle, folder);
}

/// The same of the texts alone.
///
/// # Panics
/// If a vector is another.
pub fn compare_texts(sensorium: &Sensorium, bundle: &str, folder: &Path) {
    // A text without anything to read is no term.
    for (text, expected) in of(folder, "texts").into_iter().filter(|(text, _)| !text.is_empty()) {
        compare(sensorium, bundle, (&text, &expected));
    }
}

/// The vectors of a kind in `vectors.json` of a folder, by name.
fn of(folder: &Path, kind: &str) -> Map<String, Value> {
    let vectors = fs_err::read_to_string(folder.join("vectors.json")).expect("vectors");
    let mut golden: Value = serde_json::from_str(&vectors).expect("JSON");
    let named = golden.get_mut(kind).and_then(Value::as_object_mut).expect("vectors by name");
    std::mem::take(named)
}

fn compare(sensorium: &Sensorium, bundle: &str, (term, expected): (&str, &Value)) {
    let rows = sensorium.json(&["embed", "--bundle", bundle, term]);
    let vector = rows.first().and_then(|row| row.get("vector")).expect("a vector");
    let cosine = cosine(&numbers(vector), &numbers(expected));
    assert!(cosine >= COSINE, "{bundle}, {term:?}: {cosine}");
}
