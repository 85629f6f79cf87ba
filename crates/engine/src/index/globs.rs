//! Which files `--include` and `--exclude` let through.

use std::path::Path;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use sensorium_types::nfc;

use crate::EngineError;

/// Globs of one option: those with a `/` are matched against the path below the PATH, the others against the name.
/// Globs and names meet in their composed forms, however each was typed or stored.
#[derive(Debug)]
struct Globs {
    names: GlobSet,
    paths: GlobSet,
    is_empty: bool,
}

impl Globs {
    fn new(globs: &[String]) -> Result<Self, EngineError> {
        let mut names = GlobSetBuilder::new();
        let mut paths = GlobSetBuilder::new();
        for text in globs {
            let wrong = |error| wrong(text.clone(), &error);
            let composed = nfc(text);
            let bare = composed.trim_start_matches("./").trim_matches('/');
            let glob = GlobBuilder::new(bare).literal_separator(true).build().map_err(wrong)?;
            if bare.contains('/') {
                paths.add(glob);
            } else {
                names.add(glob);
            }
        }
        let wrong = |error| wrong(globs.join(" "), &error);
        Ok(Self {
            names: names.build().map_err(wrong)?,
            paths: paths.build().map_err(wrong)?,
            is_empty: globs.is_empty(),
        })
    }

    fn matches(&self, below: &Path) -> bool {
        let composed = below.to_str().map(nfc);
        let below = composed.as_deref().map_or(below, Path::new);
        let name = below.file_name().unwrap_or(below.as_os_str());
        self.names.is_match(name) || self.paths.is_match(below)
    }
}

fn wrong(glob: String, error: &globset::Error) -> EngineError {
    EngineError::Glob { glob, problem: error.kind().clone() }
}

/// What a run lets through.
#[derive(Debug)]
pub struct Selection {
    include: Globs,
    exclude: Globs,
}

impl Selection {
    /// Reads the globs of `--include` and of `--exclude`.
    ///
    /// # Errors
    /// [`EngineError::Glob`]
    pub fn new(include: &[String], exclude: &[String]) -> Result<Self, EngineError> {
        Ok(Self { include: Globs::new(include)?, exclude: Globs::new(exclude)? })
    }

    /// Whether a file is met; `below` is its path below the PATH given.
    pub fn takes_file(&self, below: &Path) -> bool {
        (self.include.is_empty || self.include.matches(below)) && !self.exclude.matches(below)
    }

    /// Whether a folder is walked; `below` is its path below the PATH given.
    pub fn enters_folder(&self, below: &Path) -> bool {
        !self.exclude.matches(below)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selection(include: &[&str], exclude: &[&str]) -> Selection {
        let owned = |globs: &[&str]| globs.iter().map(|glob| (*glob).to_owned()).collect::<Vec<_>>();
        Selection::new(&owned(include), &owned(exclude)).expect("globs")
    }

    #[test]
    fn names_and_paths_are_told_apart_by_a_slash() {
        let selection = selection(&["*.jpg", "sounds/**/*.wav"], &["private", "a/b/*.jpg"]);
        for (path, taken) in [
            ("x.jpg", true),
            ("deep/down/x.jpg", true),
            ("x.wav", false),
            ("sounds/x.wav", true),
            ("sounds/a/b/x.wav", true),
            ("a/b/x.jpg", false),
            ("a/b/c/x.jpg", true),
        ] {
            assert_eq!(selection.takes_file(Path::new(path)), taken, "{path}");
        }
        assert!(!selection.enters_folder(Path::new("a/private")));
        assert!(selection.enters_folder(Path::new("a/privates")));
    }

    #[test]
    fn accents_meet_however_they_are_composed() {
        for glob in ["café*", "cafe\u{301}*", "caf[é]*", "caf[e\u{301}]*"] {
            let selection = selection(&[glob], &[]);
            assert!(selection.takes_file(Path::new("a/café.jpg")), "{glob}");
            assert!(selection.takes_file(Path::new("a/cafe\u{301}.jpg")), "{glob}");
            assert!(!selection.takes_file(Path::new("a/cafe.jpg")), "{glob}");
        }
    }

    #[test]
    fn without_globs_everything_is_taken() {
        assert!(selection(&[], &[]).takes_file(Path::new(".hidden")));
        assert!(matches!(Selection::new(&["a[".to_owned()], &[]), Err(EngineError::Glob { .. })));
    }
}
