//! [`Database`]: a data folder with its collections.

mod registry;
mod rescue;
mod succession;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use sensorium_types::{ErrorKind, HubBank, Problem, SpaceInfo};

pub use self::registry::CollectionInfo;
use crate::collection::{Collection, OpenCollection, adopt, create, preview_lost, restore};
use crate::error::IndexError;
use crate::failpoint::pass;
use crate::options::{OpenOptions, Tuning};
use crate::storage::{Access, Rocks, SharedMemory, WriterLock};

/// Most collections that are open at once.
pub const MAX_OPEN_COLLECTIONS: usize = 256;
/// Longest name of a collection, in bytes.
pub const MAX_COLLECTION_NAME_BYTES: usize = 255;

/// A data folder with its collections.
///
/// One process writes; others may open the folder for reading at the same time. Collections that nobody holds any
/// more are closed when room is needed.
#[derive(Debug)]
pub struct Database {
    data: PathBuf,
    tuning: Tuning,
    hubs: Option<Arc<dyn HubBank>>,
    memory: SharedMemory,
    open: Mutex<Open>,
    /// Collections hold it too, so that it is let go after the last is closed. None for a reader.
    lock: Option<Arc<WriterLock>>,
}

#[derive(Debug, Default)]
struct Open {
    collections: HashMap<String, Held>,
    uses: u64,
}

#[derive(Debug)]
struct Held {
    collection: Arc<Collection>,
    last_use: u64,
}

impl Database {
    /// Opens a data folder. A writer makes the folder if it is missing; for a reader a missing folder is an empty
    /// database.
    ///
    /// # Errors
    /// [`IndexError::Locked`] if another writer has it.
    pub fn open(data: &Path, options: OpenOptions) -> Result<Self, IndexError> {
        Self::open_tuned(data, options, Tuning::default())
    }

    /// Opens a data folder with other numbers for building and walking graphs.
    ///
    /// # Errors
    /// As [`Database::open`].
    pub fn open_tuned(data: &Path, options: OpenOptions, tuning: Tuning) -> Result<Self, IndexError> {
        let memory = SharedMemory::new(options.budget);
        let lock = if options.read_only {
            None
        } else {
            registry::make_root(data)?;
            Some(Arc::new(WriterLock::take(data)?))
        };
        let database =
            Self { data: data.to_owned(), tuning, hubs: None, memory, open: Mutex::default(), lock };
        if database.lock.is_some() {
            registry::sweep(data)?;
            database.adopt_unregistered()?;
        }
        Ok(database)
    }

    /// Corrects collections of the bank's space by its hub values, from their opening on: searches, new points, and in the
    /// background the points that lack values.
    #[must_use]
    pub fn with_hubs(mut self, hubs: Option<Arc<dyn HubBank>>) -> Self {
        self.hubs = hubs;
        self
    }

    /// Gives back registrations that are missing or damaged.
    fn adopt_unregistered(&self) -> Result<(), IndexError> {
        for folder in registry::unregistered(&self.data)? {
            match adopt(&folder, &self.memory) {
                // A name that is taken is of a successor that was not finished, or was replaced.
                Ok(Some((name, _))) if self.is_taken(&name)? => {}
                Ok(Some((name, space))) => {
                    tracing::warn!(collection = %name, folder = %folder.display(), "give a registration back");
                    registry::register(&folder, &name, &space, None)?;
                }
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(folder = %folder.display(), %error, "leave out a folder without registration");
                }
            }
        }
        Ok(())
    }

    /// Whether the database was opened for reading.
    pub const fn is_read_only(&self) -> bool {
        self.lock.is_none()
    }

    /// Every collection, in order of name.
    ///
    /// # Errors
    /// If a registration is damaged or of a newer format.
    pub fn collections(&self) -> Result<Vec<CollectionInfo>, IndexError> {
        registry::list(&self.data)
    }

    /// Opens a collection, or makes it with this space. A collection that is there keeps its own space: compare
    /// [`Collection::space`].
    ///
    /// # Errors
    /// [`IndexError::ReadOnly`] if it is missing and the database was opened for reading.
    pub fn create_or_open(&self, name: &str, space: &SpaceInfo) -> Result<Arc<Collection>, IndexError> {
        check_name(name)?;
        let mut open = self.open.lock();
        if let Some(info) = self.find(name)? {
            return self.hold(&mut open, info);
        }
        if self.is_read_only() {
            return Err(IndexError::ReadOnly { action: "make a collection" });
        }
        let uuid = registry::new_uuid();
        let folder = registry::root(&self.data).join(&uuid);
        let made = create(&folder, name, space, &self.memory)
            .inspect(|()| pass("collection, made"))
            .and_then(|()| registry::register(&folder, name, space, None));
        if let Err(error) = made {
            // Nobody would find it; what cannot be removed either costs its room.
            let _ = fs_err::remove_dir_all(&folder);
            return Err(error);
        }
        self.hold(&mut open, CollectionInfo { name: name.to_owned(), uuid, space: space.clone() })
    }

    /// Opens a collection if there is one of this name.
    ///
    /// # Errors
    /// If it is damaged or of a newer format, or [`MAX_OPEN_COLLECTIONS`] are in use.
    pub fn open_collection(&self, name: &str) -> Result<Option<Arc<Collection>>, IndexError> {
        let mut open = self.open.lock();
        self.find(name)?.map(|info| self.hold(&mut open, info)).transpose()
    }

    /// Removes a collection and everything in it; `false` if there is none of this name.
    ///
    /// # Errors
    /// [`IndexError::InUse`] while anybody holds it.
    pub fn drop_collection(&self, name: &str) -> Result<bool, IndexError> {
        if self.is_read_only() {
            return Err(IndexError::ReadOnly { action: "drop a collection" });
        }
        let mut open = self.open.lock();
        let Some(info) = self.find(name)? else { return Ok(false) };
        close(&mut open, &info)?;
        self.drop_successor(&mut open, &info)?;
        registry::remove(&self.data, &info.uuid)?;
        Ok(true)
    }

    /// Walks a collection even where it does not open; what keeps it from opening is the first problem. `None` if
    /// there is none of this name.
    ///
    /// # Errors
    /// If the collection is of a newer format or nothing can be looked at.
    pub fn verify(&self, name: &str) -> Result<Option<Vec<Problem>>, IndexError> {
        let mut open = self.open.lock();
        let Some(info) = self.find(name)? else { return Ok(None) };
        match self.hold(&mut open, info.clone()) {
            Ok(collection) => {
                drop(open);
                collection.verify().map(Some)
            }
            Err(error) if error.kind() == ErrorKind::Corrupt => {
                let lenient = self.collection(&info, true).open();
                let rest = lenient.and_then(|collection| collection.verify());
                let first = Problem {
                    what: error.to_string(),
                    place: info.uuid,
                    repair: "drop what cannot be read".to_owned(),
                };
                match rest {
                    Ok(rest) if !rest.is_empty() => Ok(Some(rest)),
                    Ok(_) | Err(_) => Ok(Some(vec![first])),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// Repairs a collection, also one that does not open; says what it drops before (`dry_run`) or after it did.
    /// `None` if there is none of this name.
    ///
    /// # Errors
    /// [`IndexError::InUse`] while anybody holds it; [`IndexError::ReadOnly`] for a reader.
    pub fn repair(&self, name: &str, dry_run: bool) -> Result<Option<Vec<Problem>>, IndexError> {
        if self.is_read_only() {
            return Err(IndexError::ReadOnly { action: "repair" });
        }
        let mut open = self.open.lock();
        let Some(info) = self.find(name)? else { return Ok(None) };
        close(&mut open, &info)?;
        let folder = registry::root(&self.data).join(&info.uuid);
        if !dry_run {
            Rocks::mend_torn(&folder, &self.memory)?;
        }
        if let Some(damage) = rescue::damage(&folder, &self.memory)? {
            return self.rescue(&info, &damage, dry_run).map(Some);
        }
        let opened = self.collection(&info, true).open();
        let error = match opened {
            Ok(collection) => return collection.repair(dry_run).map(Some),
            Err(error) if error.kind() == ErrorKind::Corrupt => error,
            Err(error) => return Err(error),
        };
        let loss = preview_lost(&folder, &self.memory)?;
        let dropped = Problem {
            what: error.to_string(),
            place: format!("write-ahead log of {}", info.uuid),
            repair: format!(
                "drop the log from the damage on: changes after number {} go, at least {} of them were acknowledged",
                loss.kept,
                loss.known - loss.kept
            ),
        };
        if dry_run {
            return Ok(Some(vec![dropped]));
        }
        restore(&folder, &self.memory)?;
        let rest = self.collection(&info, true).open()?.repair(false)?;
        Ok(Some(std::iter::once(dropped).chain(rest).collect()))
    }

    fn is_taken(&self, name: &str) -> Result<bool, IndexError> {
        Ok(registry::list_whole(&self.data)?.iter().any(|info| info.name == name))
    }

    fn find(&self, name: &str) -> Result<Option<CollectionInfo>, IndexError> {
        Ok(registry::list(&self.data)?.into_iter().find(|info| info.name == name))
    }

    fn collection(&self, info: &CollectionInfo, lenient: bool) -> OpenCollection<'_> {
        OpenCollection {
            data: self.data.clone(),
            folder: registry::root(&self.data).join(&info.uuid),
            name: info.name.clone(),
            space: info.space.clone(),
            access: if self.is_read_only() { Access::Read } else { Access::Write },
            tuning: self.tuning,
            hubs: self.hubs.clone(),
            memory: &self.memory,
            lock: self.lock.clone(),
            lenient,
        }
    }

    /// The open collection, opened if it is not.
    fn hold(&self, open: &mut Open, info: CollectionInfo) -> Result<Arc<Collection>, IndexError> {
        open.uses += 1;
        let last_use = open.uses;
        if let Some(held) = open.collections.get_mut(&info.uuid) {
            held.last_use = last_use;
            return Ok(Arc::clone(&held.collection));
        }
        if open.collections.len() >= MAX_OPEN_COLLECTIONS {
            close_one(open)?;
        }
        let collection = Arc::new(self.collection(&info, false).open()?);
        if !self.is_read_only() {
            registry::upgrade(&registry::root(&self.data).join(&info.uuid))?;
        }
        open.collections.insert(info.uuid, Held { collection: Arc::clone(&collection), last_use });
        Ok(collection)
    }
}

/// Closes a collection, if it is open and nobody else holds it.
fn close(open: &mut Open, info: &CollectionInfo) -> Result<(), IndexError> {
    if open.collections.get(&info.uuid).is_some_and(|held| Arc::strong_count(&held.collection) > 1) {
        return Err(IndexError::InUse { name: info.name.clone() });
    }
    open.collections.remove(&info.uuid);
    Ok(())
}

/// Closes the collection that was asked for longest ago among those that nobody else holds.
fn close_one(open: &mut Open) -> Result<(), IndexError> {
    let idle = open.collections.iter().filter(|(_, held)| Arc::strong_count(&held.collection) == 1);
    let oldest = idle.min_by_key(|(_, held)| held.last_use).map(|(uuid, _)| uuid.clone());
    let uuid = oldest.ok_or(IndexError::TooManyOpen { limit: MAX_OPEN_COLLECTIONS })?;
    open.collections.remove(&uuid);
    Ok(())
}

fn check_name(name: &str) -> Result<(), IndexError> {
    let wrong = name.is_empty()
        || name.len() > MAX_COLLECTION_NAME_BYTES
        || name.contains('/')
        || name.chars().any(char::is_control);
    if wrong {
        let limit = MAX_COLLECTION_NAME_BYTES;
        return Err(IndexError::CollectionName { name: name.to_owned(), limit });
    }
    Ok(())
}
