//! Lists the files of the page (`web/`), which the program holds as they are, each with the tag by which a browser asks whether it
//! has changed.

use std::error::Error;
use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hasher as _};
use std::path::{Path, PathBuf};

/// Folders of `web/` that are not served.
const NOT_SERVED: [&str; 2] = ["tests", "node_modules"];
/// What is served, and its media type.
const TYPES: [(&str, &str); 7] = [
    ("html", "text/html; charset=utf-8"),
    ("js", "text/javascript; charset=utf-8"),
    ("mjs", "text/javascript; charset=utf-8"),
    ("css", "text/css; charset=utf-8"),
    ("svg", "image/svg+xml"),
    ("png", "image/png"),
    ("webmanifest", "application/manifest+json"),
];

fn main() -> Result<(), Box<dyn Error>> {
    let web = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?).join("../../web");
    println!("cargo::rerun-if-changed={}", web.display());
    let mut files = Vec::new();
    collect(&web, &mut files)?;
    files.sort();
    let mut list = String::from("&[\n");
    for file in files {
        let suffix = file.extension().and_then(|suffix| suffix.to_str()).unwrap_or_default();
        let Some((_, mime)) = TYPES.iter().find(|(known, _)| *known == suffix) else { continue };
        let name = file.strip_prefix(&web)?.to_str().ok_or("a file name that is not UTF-8")?;
        let path = fs_err::canonicalize(&file)?;
        // As a header has it. Nobody but us makes these files, so that any hash tells them apart.
        let mut hasher = DefaultHasher::new();
        hasher.write(&fs_err::read(&path)?);
        let tag = format!("\"{:016x}\"", hasher.finish());
        writeln!(
            list,
            "    File {{ path: {name:?}, mime: {mime:?}, tag: {tag:?}, bytes: include_bytes!({path:?}) }},"
        )?;
    }
    list.push(']');
    fs_err::write(PathBuf::from(std::env::var("OUT_DIR")?).join("page.rs"), list)?;
    Ok(())
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    if !folder.is_dir() {
        return Ok(());
    }
    for entry in fs_err::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() {
            if !NOT_SERVED.contains(&name) {
                collect(&path, files)?;
            }
        } else {
            files.push(path);
        }
    }
    Ok(())
}
