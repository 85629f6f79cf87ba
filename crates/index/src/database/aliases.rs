//! Other names of collections, in `<data>/collections/aliases.json`: `{"format": 1, "aliases": {ALIAS: COLLECTION}}`, replaced as a
//! whole. A name is a collection's or an alias, never both, and an alias stands for a collection, never for an alias.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use fs_err as fs;
use sensorium_types::{Alias, AliasChange};
use serde::{Deserialize, Serialize};

use super::registry::root;
use super::{Database, check_name};
use crate::error::IndexError;

/// Most aliases of a database.
pub const MAX_ALIASES: usize = 1000;
const FILE: &str = "aliases.json";
const FORMAT: u32 = 1;

#[derive(Debug, Serialize, Deserialize)]
struct Stored {
    format: u32,
    aliases: BTreeMap<String, String>,
}

fn path(data: &Path) -> PathBuf {
    root(data).join(FILE)
}

/// Every alias and what it stands for.
pub(super) fn read(data: &Path) -> Result<BTreeMap<String, String>, IndexError> {
    let path = path(data);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(IndexError::file("read the aliases", error)),
    };
    let place = path.display().to_string();
    let stored: Stored =
        serde_json::from_slice(&bytes).map_err(|error| IndexError::damaged(&place, error.to_string()))?;
    if stored.format > FORMAT {
        return Err(IndexError::NewerFormat { place, found: stored.format.into(), known: FORMAT });
    }
    Ok(stored.aliases)
}

/// Writes all aliases, on disk when this returns.
fn write(data: &Path, aliases: BTreeMap<String, String>) -> Result<(), IndexError> {
    let json = serde_json::to_vec_pretty(&Stored { format: FORMAT, aliases })
        .map_err(|error| IndexError::Bug { what: format!("aliases cannot be encoded: {error}") })?;
    let write = || -> std::io::Result<()> {
        let new = root(data).join("aliases.json.new");
        fs::write(&new, &json)?;
        fs::File::open(&new)?.sync_all()?;
        fs::rename(&new, path(data))?;
        crate::folder::sync(&root(data))
    };
    write().map_err(|error| IndexError::file("write the aliases", error))
}

impl Database {
    /// Every alias, in order of name.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn aliases(&self) -> Result<Vec<Alias>, IndexError> {
        let aliases = read(&self.data)?.into_iter();
        Ok(aliases.map(|(alias, collection)| Alias { alias, collection }).collect())
    }

    /// Changes aliases in order, all at one stroke or none.
    ///
    /// # Errors
    /// If a name is none or is that of a collection, what it is to stand for is no collection, one that is to go is not there, or
    /// there would be more than [`MAX_ALIASES`]; [`IndexError::ReadOnly`] for a reader.
    pub fn change_aliases(&self, changes: Vec<AliasChange>) -> Result<(), IndexError> {
        if self.is_read_only() {
            return Err(IndexError::ReadOnly { action: "change aliases" });
        }
        let _no_collection_comes_or_goes = self.open.lock();
        let mut aliases = read(&self.data)?;
        for change in changes {
            match change {
                AliasChange::Set(Alias { alias, collection }) => {
                    check_name(&alias)?;
                    if self.find(&alias)?.is_some() {
                        return Err(IndexError::AliasTaken { name: alias });
                    }
                    if self.find(&collection)?.is_none() {
                        return Err(IndexError::UnknownCollection { name: collection });
                    }
                    aliases.insert(alias, collection);
                }
                AliasChange::Remove(alias) => {
                    if aliases.remove(&alias).is_none() {
                        return Err(IndexError::UnknownAlias { name: alias });
                    }
                }
            }
        }
        if aliases.len() > MAX_ALIASES {
            return Err(IndexError::TooManyAliases { limit: MAX_ALIASES });
        }
        write(&self.data, aliases)
    }

    /// Takes the aliases of a collection that is gone away.
    pub(super) fn forget_aliases(&self, collection: &str) -> Result<(), IndexError> {
        let mut aliases = read(&self.data)?;
        let before = aliases.len();
        aliases.retain(|_, of| of != collection);
        if aliases.len() < before { write(&self.data, aliases) } else { Ok(()) }
    }
}
