//! Which files a run meets: what `--include` and `--exclude` let through, and, where only some are asked for, these.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::path::{Path, PathBuf};

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
pub(super) struct Selection {
    include: Globs,
    exclude: Globs,
    /// Only these paths, with what lies in them; none: all.
    only: Option<BTreeSet<PathBuf>>,
}

impl Selection {
    pub(super) fn new(
        include: &[String],
        exclude: &[String],
        only: Vec<PathBuf>,
    ) -> Result<Self, EngineError> {
        let only = if only.is_empty() { None } else { Some(only.into_iter().collect()) };
        Ok(Self { include: Globs::new(include)?, exclude: Globs::new(exclude)?, only })
    }

    /// Whether a file is met; `below` is its path below the PATH given.
    pub(super) fn takes_file(&self, path: &Path, below: &Path) -> bool {
        (self.include.is_empty || self.include.matches(below))
            && !self.exclude.matches(below)
            && self.only.as_ref().is_none_or(|only| lies_in(only, path))
    }

    /// Whether a folder is walked.
    pub(super) fn enters_folder(&self, path: &Path, below: &Path) -> bool {
        let leads_to = |only: &BTreeSet<PathBuf>| {
            only.range::<Path, _>((Bound::Included(path), Bound::Unbounded))
                .next()
                .is_some_and(|next| next.starts_with(path))
        };
        let is_wanted = || self.only.as_ref().is_none_or(|only| lies_in(only, path) || leads_to(only));
        (below.as_os_str().is_empty() || !self.exclude.matches(below)) && is_wanted()
    }
}

/// Whether a path is one of these, or lies below one.
fn lies_in(only: &BTreeSet<PathBuf>, path: &Path) -> bool {
    path.ancestors().any(|ancestor| only.contains(ancestor))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selection(include: &[&str], exclude: &[&str]) -> Selection {
        let owned = |globs: &[&str]| globs.iter().map(|glob| (*glob).to_owned()).collect::<Vec<_>>();
        Selection::new(&owned(include), &owned(exclude), Vec::new()).expect("globs")
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
            assert_eq!(selection.takes_file(&Path::new("/r").join(path), Path::new(path)), taken, "{path}");
        }
        assert!(!selection.enters_folder(Path::new("/r/a/private"), Path::new("a/private")));
        assert!(selection.enters_folder(Path::new("/r/a/privates"), Path::new("a/privates")));
    }

    #[test]
    fn only_what_is_asked_for_is_met_and_only_folders_that_lead_there() {
        let only = ["/r/a/x.jpg", "/r/b"].map(PathBuf::from).to_vec();
        let selection = Selection::new(&[], &[], only).expect("globs");
        let below = |path: &'static str| Path::new(path).strip_prefix("/r").expect("below");
        for (path, taken) in [
            ("/r/a/x.jpg", true),
            ("/r/b/deep/y.jpg", true),
            ("/r/x.jpg", false),
            ("/r/a/deep/x.jpg", false),
            ("/r/bb", false),
        ] {
            assert_eq!(selection.takes_file(Path::new(path), below(path)), taken, "{path}");
        }
        for (path, entered) in
            [("/r", true), ("/r/a", true), ("/r/a/deep", false), ("/r/b/deep", true), ("/r/bb", false)]
        {
            assert_eq!(selection.enters_folder(Path::new(path), below(path)), entered, "{path}");
        }
    }

    #[test]
    fn accents_meet_however_they_are_composed() {
        for glob in ["café*", "cafe\u{301}*", "caf[é]*", "caf[e\u{301}]*"] {
            let selection = selection(&[glob], &[]);
            let takes = |below: &str| selection.takes_file(&Path::new("/r").join(below), Path::new(below));
            assert!(takes("a/café.jpg"), "{glob}");
            assert!(takes("a/cafe\u{301}.jpg"), "{glob}");
            assert!(!takes("a/cafe.jpg"), "{glob}");
        }
    }

    #[test]
    fn without_globs_everything_is_taken() {
        assert!(selection(&[], &[]).takes_file(Path::new("/r/.hidden"), Path::new(".hidden")));
        assert!(matches!(Selection::new(&["a[".to_owned()], &[], Vec::new()), Err(EngineError::Glob { .. })));
    }
}
