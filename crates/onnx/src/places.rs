//! Where the library may lie.

use std::path::{Path, PathBuf};

/// The variable that names the library, or the folder that it lies in, as for other programs that load it.
pub const LIBRARY_VARIABLE: &str = "ORT_DYLIB_PATH";
/// What its file is called, with a version behind it or without.
const NAME: &str = "libonnxruntime.so";
/// The same, as the loader finds it: with the headers of a package, and without.
const LOADED_BY: [&str; 2] = [NAME, "libonnxruntime.so.1"];
/// Folders that packages and archives are unpacked into, whether the loader looks there or not.
const FOLDERS: [&str; 5] =
    ["/usr/local/lib", "/usr/lib64", "/usr/lib", "/opt/onnxruntime/lib", "/usr/local/onnxruntime/lib"];

/// Files to try, in order: the one that was named, or the newest of a folder that was, and nothing else; where none was, one beside
/// the program, what the loader finds, and the newest of usual folders.
pub(crate) fn places(named: Option<&Path>, program: Option<&Path>) -> Vec<PathBuf> {
    if let Some(named) = named {
        let inside = if named.is_dir() { newest_in(named) } else { None };
        return vec![inside.unwrap_or_else(|| named.to_owned())];
    }
    let mut all: Vec<PathBuf> = program.and_then(Path::parent).and_then(newest_in).into_iter().collect();
    all.extend(LOADED_BY.map(PathBuf::from));
    let multiarch = format!("/usr/lib/{}-linux-gnu", std::env::consts::ARCH);
    all.extend(
        [multiarch.as_str()].into_iter().chain(FOLDERS).filter_map(|folder| newest_in(Path::new(folder))),
    );
    all
}

/// The library of the highest version in a folder; without a version it is what the others are linked by.
fn newest_in(folder: &Path) -> Option<PathBuf> {
    let entries = fs_err::read_dir(folder).ok()?;
    let named = entries.filter_map(|entry| {
        let path = entry.ok()?.path();
        let version = path.file_name()?.to_str()?.strip_prefix(NAME)?.to_owned();
        let numbers: Vec<u32> = version
            .split('.')
            .filter(|part| !part.is_empty())
            .map(str::parse)
            .collect::<Result<_, _>>()
            .ok()?;
        Some((version.is_empty(), numbers, path))
    });
    named.max().map(|(_, _, path)| path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_named_is_tried_alone() {
        let missing = Path::new("/nowhere/libother.so");
        assert_eq!(places(Some(missing), None), [missing]);
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(
            places(Some(folder.path()), None),
            [folder.path()],
            "a folder without one is told by its name"
        );
        for name in
            ["libonnxruntime.so.1.9.0", "libonnxruntime.so.1.20.1", "libonnxruntime_providers_shared.so"]
        {
            fs_err::write(folder.path().join(name), b"").unwrap();
        }
        let newest = folder.path().join("libonnxruntime.so.1.20.1");
        assert_eq!(places(Some(folder.path()), None), [newest]);
        let plain = folder.path().join("libonnxruntime.so");
        fs_err::write(&plain, b"").unwrap();
        assert_eq!(places(Some(folder.path()), None), std::slice::from_ref(&plain));
        let beside = places(None, Some(&folder.path().join("sensorium")));
        assert_eq!(beside.first(), Some(&plain), "before what the system has");
        assert!(beside.contains(&PathBuf::from("libonnxruntime.so.1")));
    }
}
