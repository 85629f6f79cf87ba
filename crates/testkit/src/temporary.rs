//! A data folder that goes when the test ends.

use std::path::Path;

use tempfile::TempDir;

/// An empty data folder beside an empty media folder, both gone on drop.
#[derive(Debug)]
pub struct TemporaryDatabase {
    folder: TempDir,
    data: std::path::PathBuf,
    media: std::path::PathBuf,
}

impl TemporaryDatabase {
    /// Makes both folders.
    ///
    /// # Panics
    /// If the system's temporary folder cannot be written.
    pub fn new() -> Self {
        let folder = TempDir::new().expect("the temporary folder can be written");
        let data = folder.path().join("data");
        let media = folder.path().join("media");
        for path in [&data, &media] {
            fs_err::create_dir(path).expect("the temporary folder can be written");
        }
        Self { folder, data, media }
    }

    /// The folder that holds both.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The data folder.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// The folder of media.
    pub fn media(&self) -> &Path {
        &self.media
    }

    /// Writes a file below the media folder, with the folders that it needs.
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn write(&self, name: &str, bytes: &[u8]) -> std::path::PathBuf {
        let path = self.media.join(name);
        if let Some(folder) = path.parent() {
            fs_err::create_dir_all(folder).expect("the temporary folder can be written");
        }
        fs_err::write(&path, bytes).expect("the temporary folder can be written");
        path
    }
}

impl Default for TemporaryDatabase {
    fn default() -> Self {
        Self::new()
    }
}
