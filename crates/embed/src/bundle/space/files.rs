//! Where a bundle's bytes come from.

use std::borrow::Cow;
use std::io::{self, ErrorKind};
use std::path::{Component, Path, PathBuf};

use crate::EmbedError;
use crate::weights::FileBytes;

/// The files of a bundle, by their paths relative to `bundle.toml`.
pub trait BundleFiles: Send + Sync + std::fmt::Debug {
    /// Reads a file.
    ///
    /// # Errors
    /// [`EmbedError::MissingFile`] if there is none, [`EmbedError::Read`] if it cannot be read.
    fn read(&self, name: &str) -> Result<Cow<'_, [u8]>, EmbedError>;

    /// Opens a file that is read in parts.
    ///
    /// # Errors
    /// As [`BundleFiles::read`].
    fn open(&self, name: &str) -> Result<FileBytes, EmbedError>;

    /// Where a file lies, for libraries that read it themselves; `None` where it lies in no folder.
    fn path(&self, _name: &str) -> Option<PathBuf> {
        None
    }
}

/// A bundle in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderFiles(pub PathBuf);

impl FolderFiles {
    /// Where a file of this name lies.
    fn place(&self, name: &str) -> Result<PathBuf, EmbedError> {
        // A bundle may come from anywhere: its names stay inside its folder.
        if Path::new(name).components().all(|part| matches!(part, Component::Normal(_))) {
            return Ok(self.0.join(name));
        }
        Err(EmbedError::MissingFile { name: name.to_owned() })
    }

    fn failed(&self, name: &str, source: io::Error) -> EmbedError {
        if source.kind() == ErrorKind::NotFound {
            return EmbedError::MissingFile { name: self.0.join(name).display().to_string() };
        }
        EmbedError::Read { name: name.to_owned(), source }
    }
}

impl BundleFiles for FolderFiles {
    fn read(&self, name: &str) -> Result<Cow<'_, [u8]>, EmbedError> {
        fs_err::read(self.place(name)?).map(Cow::Owned).map_err(|source| self.failed(name, source))
    }

    fn open(&self, name: &str) -> Result<FileBytes, EmbedError> {
        let file = fs_err::File::open(self.place(name)?).map_err(|source| self.failed(name, source))?;
        if file.metadata().is_ok_and(|metadata| !metadata.is_file()) {
            return Err(EmbedError::MissingFile { name: name.to_owned() });
        }
        FileBytes::file(file.into_file()).map_err(|source| self.failed(name, source))
    }

    fn path(&self, name: &str) -> Option<PathBuf> {
        self.place(name).ok()
    }
}

/// A bundle compiled into the binary: names and bytes.
#[derive(Clone, Copy)]
pub struct StaticFiles(pub &'static [(&'static str, &'static [u8])]);

impl std::fmt::Debug for StaticFiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, bytes)| (name, bytes.len()))).finish()
    }
}

impl BundleFiles for StaticFiles {
    fn read(&self, name: &str) -> Result<Cow<'_, [u8]>, EmbedError> {
        match self.0.iter().find(|(file, _)| *file == name) {
            Some((_, bytes)) => Ok(Cow::Borrowed(bytes)),
            None => Err(EmbedError::MissingFile { name: name.to_owned() }),
        }
    }

    fn open(&self, name: &str) -> Result<FileBytes, EmbedError> {
        match self.0.iter().find(|(file, _)| *file == name) {
            Some((_, bytes)) => Ok(FileBytes::fixed(bytes)),
            None => Err(EmbedError::MissingFile { name: name.to_owned() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_and_missing_ones_named() {
        let folder = tempfile::tempdir().unwrap();
        fs_err::write(folder.path().join("a"), b"x").unwrap();
        let files = FolderFiles(folder.path().to_owned());
        assert_eq!(files.read("a").unwrap().as_ref(), b"x");
        assert_eq!(files.open("a").unwrap().read(0, 1).unwrap().as_ref(), b"x");
        for error in [files.read("b").unwrap_err(), files.open("b").unwrap_err()] {
            assert!(error.to_string().ends_with("/b"));
        }
        let fixed = StaticFiles(&[("a", b"y")]);
        assert_eq!(fixed.read("a").unwrap().as_ref(), b"y");
        assert_eq!(fixed.open("a").unwrap().read(0, 1).unwrap().as_ref(), b"y");
        assert!(matches!(fixed.read("b"), Err(EmbedError::MissingFile { .. })));
        assert!(matches!(fixed.open("b"), Err(EmbedError::MissingFile { .. })));
    }

    #[test]
    fn names_do_not_leave_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("inner");
        fs_err::create_dir_all(&inner).unwrap();
        fs_err::write(folder.path().join("secret"), b"x").unwrap();
        let files = FolderFiles(inner);
        for name in ["../secret", "/etc/hostname", "", "."] {
            assert!(files.read(name).is_err() && files.open(name).is_err(), "{name}");
        }
    }
}
