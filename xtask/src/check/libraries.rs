//! Heavy libraries, each in the crates that may name it.

use super::metadata::Metadata;

/// A library (or every library whose name starts so, with `*`) and the crates that may name it.
const HOMES: [(&str, &[&str]); 31] = [
    ("rocksdb", &["index"]),
    ("hnsw_rs", &["index"]),
    ("tantivy", &["index"]),
    ("roaring", &["index"]),
    ("candle-*", &["embed"]),
    ("tokenizers", &["embed"]),
    ("realfft", &["embed"]),
    ("safetensors", &["embed", "xtask"]),
    ("ort*", &["onnx"]),
    ("libloading", &["onnx"]),
    ("gemm", &["kernels"]),
    ("symphonia", &["media"]),
    ("turbojpeg", &["media"]),
    ("fast_image_resize", &["media"]),
    ("rubato", &["media"]),
    ("kamadak-exif", &["media"]),
    ("moxcms", &["media"]),
    ("html5ever", &["media"]),
    // The contact sheet of `search` is an image that `cli` writes.
    ("image", &["media", "cli"]),
    ("tiff", &["media"]),
    ("prost*", &["api"]),
    ("protox", &["api"]),
    ("tonic*", &["api", "client", "server"]),
    ("axum*", &["server"]),
    ("opentelemetry*", &["server"]),
    // What asks other machines for bytes stands in one crate; the client of our own calls is tonic's. Benches play callers by hand.
    ("hyper*", &["server", "fetch", "benches"]),
    ("rustls", &["server", "fetch"]),
    ("tokio-rustls", &["server", "fetch"]),
    ("rustls-native-certs", &["fetch"]),
    ("clap*", &["cli"]),
    ("indicatif", &["cli"]),
];

pub(super) fn check(metadata: &Metadata) -> Vec<String> {
    let mut complaints = Vec::new();
    for package in metadata.members() {
        let name = package.name.strip_prefix("sensorium-").unwrap_or(&package.name);
        for dependency in package.dependencies.iter().filter(|dependency| !dependency.is_dev()) {
            if let Some(homes) = homes(&dependency.name).filter(|homes| !homes.contains(&name)) {
                let (package, library) = (&package.name, &dependency.name);
                complaints.push(format!("{package} names {library}, which belongs to {}", homes.join(", ")));
            }
        }
    }
    complaints
}

fn homes(library: &str) -> Option<&'static [&'static str]> {
    let fits = |pattern: &str| match pattern.strip_suffix('*') {
        Some(start) => library.starts_with(start),
        None => library == pattern,
    };
    HOMES.iter().find(|(pattern, _)| fits(pattern)).map(|(_, homes)| *homes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_find_families_of_libraries() {
        assert_eq!(homes("candle-nn"), Some(&["embed"][..]));
        assert_eq!(homes("tonic"), Some(&["api", "client", "server"][..]));
        assert_eq!(homes("image"), Some(&["media", "cli"][..]));
        assert_eq!(homes("serde"), None);
    }
}
