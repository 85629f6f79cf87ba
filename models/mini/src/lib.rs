//! The default bundle of models as bytes: `bundle.toml`, the public stems that `make weights` fetched, and our own
//! weights, whose terms stand in the LICENSE beside this crate (research only; commercial use is not cleared).

/// Every file of the bundle: its path relative to `bundle.toml`, and its bytes.
pub fn files() -> &'static [(&'static str, &'static [u8])] {
    FILES
}

/// The line about these weights that README, `sensorium models info` and `--version --long` repeat.
pub const NOTICE: &str = "sensorium-mini: own weights trained on media whose terms allow research only or are not \
                          stated; commercial use is not cleared; the code's licence does not cover them";

static FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/files.rs"));

#[cfg(test)]
mod tests {
    use super::*;

    /// Most that the bundle may add to a binary, and to the repository.
    const MAX_BYTES: usize = 96_000_000;
    const MAX_OWN_BYTES: usize = 32_000_000;

    #[test]
    fn the_bundle_is_whole_and_keeps_its_size() {
        let names: Vec<&str> = files().iter().map(|(name, _)| *name).collect();
        let manifest = files().iter().find(|(name, _)| *name == "bundle.toml").expect("is there").1;
        let manifest = std::str::from_utf8(manifest).expect("is text");
        let mut named = 0;
        for part in manifest.split("file = \"").skip(1) {
            let (file, _) = part.split_once('"').expect("ends");
            assert!(names.contains(&file), "bundle.toml names {file}, which is not compiled in");
            named += 1;
        }
        assert!(named >= 6, "only {named} files are named");
        let bytes = |own: bool| -> usize {
            files()
                .iter()
                .filter(|(name, _)| !own || !name.starts_with("stems/"))
                .map(|(_, bytes)| bytes.len())
                .sum()
        };
        assert!(bytes(false) <= MAX_BYTES, "{} bytes", bytes(false));
        assert!(bytes(true) <= MAX_OWN_BYTES, "{} bytes", bytes(true));
    }
}
