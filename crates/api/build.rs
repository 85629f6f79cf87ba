//! Compiles `proto/` without protoc: protox reads it, tonic-prost-build writes the Rust.

use std::error::Error;
use std::path::PathBuf;

use protox::prost::Message;

const PROTOS: [&str; 13] = [
    "admin",
    "caption",
    "collections",
    "common",
    "embed",
    "failure",
    "filter",
    "ingest",
    "jobs",
    "keys",
    "points",
    "query",
    "snapshots",
];

fn main() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?).join("../../proto");
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    println!("cargo::rerun-if-changed={}", root.display());

    let files = PROTOS.map(|name| format!("sensorium/v1/{name}.proto"));
    let set = protox::compile(files, [&root])?;

    fs_err::write(out.join("sensorium.v1.documented.bin"), set.encode_to_vec())?;
    // Comments make the docs of the Rust types and of the HTTP interface; reflection does without them.
    let mut bare = set.clone();
    for file in &mut bare.file {
        file.source_code_info = None;
    }
    fs_err::write(out.join("sensorium.v1.bin"), bare.encode_to_vec())?;

    tonic_prost_build::configure()
        .emit_rerun_if_changed(false)
        .btree_map(".sensorium.v1")
        .bytes(".sensorium.v1.MediaInput")
        .boxed(".sensorium.v1.Condition.condition.filter")
        .compile_fds(set)?;
    Ok(())
}
