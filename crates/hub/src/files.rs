//! What was fetched of a model, as the files of a bundle.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io;

use sensorium_embed::{BundleFiles, EmbedError, FileBytes};

/// The files of a model, of which some are here, some with their beginning, and some by their name alone.
#[derive(Debug, Default)]
pub(crate) struct SeenFiles(BTreeMap<String, Seen>);

#[derive(Debug)]
enum Seen {
    Whole(Vec<u8>),
    Beginning(FileBytes),
}

impl SeenFiles {
    /// A file that is here.
    pub(crate) fn put_whole(&mut self, name: &str, bytes: Vec<u8>) {
        self.0.insert(name.to_owned(), Seen::Whole(bytes));
    }

    /// A file of which the beginning is here.
    pub(crate) fn put_beginning(&mut self, name: &str, bytes: Vec<u8>, len: u64) {
        self.0.insert(name.to_owned(), Seen::Beginning(FileBytes::beginning(bytes, len)));
    }

    /// The files that are here.
    pub(crate) fn into_whole(self) -> BTreeMap<String, Vec<u8>> {
        let whole = self.0.into_iter().filter_map(|(name, seen)| match seen {
            Seen::Whole(bytes) => Some((name, bytes)),
            Seen::Beginning(_) => None,
        });
        whole.collect()
    }
}

impl BundleFiles for SeenFiles {
    fn read(&self, name: &str) -> Result<Cow<'_, [u8]>, EmbedError> {
        match self.0.get(name) {
            Some(Seen::Whole(bytes)) => Ok(Cow::Borrowed(bytes)),
            Some(Seen::Beginning(_)) => {
                let source = io::Error::new(io::ErrorKind::Unsupported, "it was not fetched whole");
                Err(EmbedError::Read { name: name.to_owned(), source })
            }
            None => Err(EmbedError::MissingFile { name: name.to_owned() }),
        }
    }

    fn open(&self, name: &str) -> Result<FileBytes, EmbedError> {
        match self.0.get(name) {
            Some(Seen::Whole(bytes)) => Ok(FileBytes::owned(bytes.clone())),
            Some(Seen::Beginning(bytes)) => Ok(bytes.clone()),
            None => Err(EmbedError::MissingFile { name: name.to_owned() }),
        }
    }
}
