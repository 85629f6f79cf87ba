//! Which models there are, and which is the default.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sensorium_embed::{Bundle, BundleInfo, FolderFiles, LoadOptions};

use super::ModelsError;

/// The name of the bundle that is a part of the program.
pub const BUILT_IN: &str = "mini";
/// The folder of the models in a data folder.
const FOLDER: &str = "models";
/// The file that names the default.
const DEFAULT: &str = "default";
/// What the folder of a model that is being added begins with.
pub(super) const ADDING: &str = ".adding-";
/// What the folder of a model that is being fetched begins with; it stays until the model is here.
const PULLING: &str = ".pulling-";
/// Longest name.
const MAX_NAME: usize = 64;

/// The models of a data folder.
#[derive(Debug, Clone)]
pub struct Models {
    root: PathBuf,
}

/// A model that is here.
#[derive(Debug)]
pub struct ListedModel {
    /// Its name.
    pub name: String,
    /// Its folder.
    pub folder: PathBuf,
    /// Bytes of its files.
    pub bytes: u64,
    /// What it is, or why it cannot be used.
    pub info: Result<BundleInfo, ModelsError>,
}

impl Models {
    /// Those of a data folder, which need not exist.
    pub fn of(data_dir: &Path) -> Self {
        Self { root: data_dir.join(FOLDER) }
    }

    /// Where a model of this name lies or will lie.
    ///
    /// # Errors
    /// [`ModelsError::Name`] for a name that no folder should have.
    pub fn place(&self, name: &str) -> Result<PathBuf, ModelsError> {
        let plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
        let is_name = name.starts_with(plain)
            && name.len() <= MAX_NAME
            && name.chars().all(|letter| plain(letter) || "._-+".contains(letter))
            && ![BUILT_IN, DEFAULT].contains(&name);
        if is_name { Ok(self.root.join(name)) } else { Err(ModelsError::Name { name: name.to_owned() }) }
    }

    /// The same, where there is none yet.
    ///
    /// # Errors
    /// [`ModelsError::Exists`] too, where there is one.
    pub fn free_place(&self, name: &str) -> Result<PathBuf, ModelsError> {
        let place = self.place(name)?;
        if place.exists() { Err(ModelsError::Exists { name: name.to_owned() }) } else { Ok(place) }
    }

    /// Where the files of a model lie that is being fetched under this name. It is no model yet.
    ///
    /// # Errors
    /// [`ModelsError::Name`]
    pub fn begun(&self, name: &str) -> Result<PathBuf, ModelsError> {
        self.place(name).map(|_| self.root.join(format!("{PULLING}{name}")))
    }

    /// Takes away what was fetched under this name.
    ///
    /// # Errors
    /// If it cannot be removed.
    pub fn remove_begun(&self, name: &str) -> Result<(), ModelsError> {
        match fs_err::remove_dir_all(self.begun(name)?) {
            Err(source) if source.kind() != ErrorKind::NotFound => {
                Err(ModelsError::Io { action: "remove what was fetched of a model", source })
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// The folder of the model of this name, if it is here.
    pub fn find(&self, name: &str) -> Option<PathBuf> {
        self.place(name).ok().filter(|folder| folder.join("bundle.toml").is_file())
    }

    /// The model that encodes into a space of this revision, by its name and folder.
    pub fn of_revision(&self, revision: &str) -> Option<(String, PathBuf)> {
        let (name, _) = revision.split_once('@')?;
        let folder = self.find(name)?;
        let bundle = load(&folder, LoadOptions { threads: 1 }).ok()?;
        (bundle.space().revision == revision).then(|| (name.to_owned(), folder))
    }

    /// Every model that is here, in order of name.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub fn list(&self) -> Result<Vec<ListedModel>, ModelsError> {
        let failed = |source| ModelsError::Io { action: "list the models", source };
        let entries = match fs_err::read_dir(&self.root) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(failed(source)),
        };
        let mut names = Vec::new();
        for entry in entries {
            names.extend(entry.map_err(failed)?.file_name().into_string());
        }
        names.sort_unstable();
        let listed = names.into_iter().filter_map(|name| {
            let folder = self.find(&name)?;
            let info = load(&folder, LoadOptions { threads: 1 }).map(|bundle| bundle.info().clone());
            Some(ListedModel { bytes: bytes_of(&folder), info, name, folder })
        });
        Ok(listed.collect())
    }

    /// The name of the model that new collections get, unless it is the one built in.
    pub fn default_name(&self) -> Option<String> {
        let text = fs_err::read_to_string(self.root.join(DEFAULT)).ok()?;
        let name = text.trim();
        self.find(name).map(|_| name.to_owned())
    }

    /// Sets the model that new collections get; [`BUILT_IN`] is that of the program.
    ///
    /// # Errors
    /// [`ModelsError::Unknown`] if it is not here.
    pub fn set_default(&self, name: &str) -> Result<(), ModelsError> {
        let failed = |source| ModelsError::Io { action: "set the default model", source };
        let file = self.root.join(DEFAULT);
        if name == BUILT_IN {
            return match fs_err::remove_file(&file) {
                Err(error) if error.kind() != ErrorKind::NotFound => Err(failed(error)),
                Ok(()) | Err(_) => Ok(()),
            };
        }
        self.find(name).ok_or_else(|| ModelsError::Unknown { name: name.to_owned() })?;
        let beside = self.root.join(format!(".{DEFAULT}"));
        fs_err::write(&beside, format!("{name}\n"))
            .and_then(|()| fs_err::rename(&beside, &file))
            .map_err(failed)
    }

    /// Removes a model, or what was fetched of it so far. Collections that it encoded for keep their vectors, and cannot be asked in words until
    /// it is here again.
    ///
    /// # Errors
    /// [`ModelsError::Unknown`] if it is not here.
    pub fn remove(&self, name: &str) -> Result<(), ModelsError> {
        let is_begun = self.begun(name).is_ok_and(|folder| folder.is_dir());
        if is_begun {
            self.remove_begun(name)?;
        }
        let Some(folder) = self.find(name) else {
            return if is_begun { Ok(()) } else { Err(ModelsError::Unknown { name: name.to_owned() }) };
        };
        let failed = |source| ModelsError::Io { action: "remove a model", source };
        if self.default_name().as_deref() == Some(name) {
            self.set_default(BUILT_IN)?;
        }
        // A half of it is no model: the manifest goes first.
        fs_err::remove_file(folder.join("bundle.toml")).map_err(failed)?;
        fs_err::remove_dir_all(&folder).map_err(failed)
    }

    /// Compares the files of a model with the hashes that were taken when it was added, and tries it.
    ///
    /// # Errors
    /// The first file that differs; the first fault of the model.
    pub fn check(&self, name: &str) -> Result<Arc<Bundle>, ModelsError> {
        let folder = self.find(name).ok_or_else(|| ModelsError::Unknown { name: name.to_owned() })?;
        let bundle = load(&folder, LoadOptions::default())?;
        bundle
            .check_files()
            .and_then(|()| bundle.self_test())
            .map_err(|source| ModelsError::Model { folder, source })?;
        Ok(bundle)
    }

    /// The folder of all models, made where it is missing, without those that were never finished.
    pub(super) fn swept(&self) -> io::Result<&Path> {
        fs_err::create_dir_all(&self.root)?;
        for entry in fs_err::read_dir(&self.root)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(ADDING) && !is_locked(&entry.path()) {
                fs_err::remove_dir_all(entry.path())?;
            }
        }
        Ok(&self.root)
    }
}

/// Whether another process is making it: the process whose number its name ends with runs.
fn is_locked(folder: &Path) -> bool {
    let number = folder.to_string_lossy().rsplit_once('-').and_then(|(_, number)| number.parse::<u32>().ok());
    number.is_some_and(|number| Path::new("/proc").join(number.to_string()).exists())
}

pub(super) fn load(folder: &Path, options: LoadOptions) -> Result<Arc<Bundle>, ModelsError> {
    Bundle::load(FolderFiles(folder.to_owned()), options)
        .map_err(|source| ModelsError::Model { folder: folder.to_owned(), source })
}

fn bytes_of(folder: &Path) -> u64 {
    let Ok(entries) = fs_err::read_dir(folder) else { return 0 };
    let size = |entry: fs_err::DirEntry| {
        let metadata = entry.metadata().ok()?;
        Some(if metadata.is_dir() { bytes_of(&entry.path()) } else { metadata.len() })
    };
    entries.filter_map(|entry| size(entry.ok()?)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_folders_and_of_nothing_else() {
        let models = Models::of(Path::new("/data"));
        assert_eq!(models.place("clip-b32_2.0").expect("a name"), Path::new("/data/models/clip-b32_2.0"));
        let long = "a".repeat(MAX_NAME + 1);
        for name in ["", ".", "..", "a/b", "../a", "-a", "A", "ä", "mini", "default", ".adding-1", &long] {
            assert!(matches!(models.place(name), Err(ModelsError::Name { .. })), "{name}");
            assert!(models.find(name).is_none());
        }
    }

    #[test]
    fn a_folder_without_a_manifest_is_no_model_and_a_broken_one_says_why() {
        let data = tempfile::tempdir().expect("a folder");
        let models = Models::of(data.path());
        assert!(models.list().expect("empty").is_empty());
        let place = models.place("a").expect("a name");
        fs_err::create_dir_all(&place).expect("made");
        assert!(models.list().expect("listed").is_empty());
        fs_err::write(place.join("bundle.toml"), "format = 9").expect("written");
        let listed = models.list().expect("listed");
        let [only] = listed.as_slice() else { panic!("one model") };
        assert!(only.info.as_ref().is_err_and(|error| error.to_string().contains("format 9")));
        models.set_default("a").expect("it is here");
        assert_eq!(models.default_name().as_deref(), Some("a"));
        assert!(models.set_default("b").is_err());
        models.remove("a").expect("removed");
        assert_eq!(models.default_name(), None);
        assert!(matches!(models.remove("a"), Err(ModelsError::Unknown { .. })));
        models.set_default(BUILT_IN).expect("always");
    }

    #[test]
    fn what_is_being_fetched_is_no_model_and_can_be_removed() {
        let data = tempfile::tempdir().expect("a folder");
        let models = Models::of(data.path());
        let begun = models.begun("a").expect("a name");
        assert!(models.begun("../a").is_err());
        fs_err::create_dir_all(&begun).expect("made");
        fs_err::write(begun.join("bundle.toml"), "format = 2").expect("written");
        assert!(models.list().expect("listed").is_empty() && models.find("a").is_none());
        models.swept().expect("swept");
        assert!(begun.is_dir(), "a later call goes on with it");
        models.free_place("a").expect("free");
        models.remove("a").expect("removed");
        assert!(!begun.exists());
        assert!(matches!(models.remove("a"), Err(ModelsError::Unknown { .. })));
        models.remove_begun("a").expect("nothing to do");
    }
}
