//! Lists the bundle's files for `include_bytes!`, and stops with a sentence where one is missing.

#![expect(
    clippy::disallowed_methods,
    reason = "a build script without dependencies; a missing file is told in words"
)]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

const STEMS: [&str; 3] = ["stems/photo.safetensors", "stems/text.safetensors", "stems/tokenizer.json"];
const OWN: [&str; 2] = ["bundle.toml", "selftest.safetensors"];
const WEIGHTS: &str = "weights";

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    println!("cargo::rerun-if-changed=build.rs");
    for watched in STEMS.into_iter().chain(OWN).chain([WEIGHTS]) {
        println!("cargo::rerun-if-changed={watched}");
    }
    for missing in STEMS.into_iter().filter(|file| !root.join(file).is_file()) {
        println!(
            "cargo::error=models/mini/{missing} is missing: run `make weights`, which fetches and converts it"
        );
    }
    for missing in OWN.into_iter().filter(|file| !root.join(file).is_file()) {
        println!(
            "cargo::error=models/mini/{missing} is missing: take it from the repository, or make it by training/"
        );
    }
    let weights = weights(&root)?;
    if weights.is_empty() {
        println!(
            "cargo::error=models/mini/weights is empty: take the weights from the repository, or make them by training/"
        );
    }
    let mut list = String::from("&[\n");
    for file in OWN.into_iter().chain(STEMS).map(str::to_owned).chain(weights) {
        let below = format!("/{file}");
        // Not the path itself: a target folder that two checkouts share outlives either of them.
        let _ = writeln!(
            list,
            "    ({file:?}, include_bytes!(concat!(env!(\"CARGO_MANIFEST_DIR\"), {below:?}))),"
        );
    }
    list.push_str("]\n");
    fs::write(out.join("files.rs"), list)
}

/// The safetensors and tokenizers of the folder of weights, in order of name.
fn weights(root: &Path) -> io::Result<Vec<String>> {
    let folder = root.join(WEIGHTS);
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.ends_with(".safetensors") || name.ends_with(".json") {
            files.push(format!("{WEIGHTS}/{name}"));
        }
    }
    files.sort();
    Ok(files)
}
