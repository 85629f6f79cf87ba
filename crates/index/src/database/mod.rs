//! [`Database`]: a data folder with its collections.

mod aliases;
mod registry;
mod rescue;
mod succession;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use sensorium_types::{ErrorKind, HubBank, Problem, SharedFigures, SpaceInfo};

pub use self::aliases::MAX_ALIASES;
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
    /// Those that are being opened, for which nobody waits but who asks for them.
    opening: HashMap<String, Arc<Mutex<()>>>,
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

    /// What all collections take of memory, and what became of it.
    pub fn figures(&self) -> SharedFigures {
        self.memory.figures()
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
        let open = self.open.lock();
        if let Some(info) = self.find_any(name)? {
            return self.hold_apart(open, info);
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
        self.hold_apart(open, CollectionInfo { name: name.to_owned(), uuid, space: space.clone() })
    }

    /// Opens a collection if there is one of this name.
    ///
    /// # Errors
    /// If it is damaged or of a newer format, or [`MAX_OPEN_COLLECTIONS`] are in use.
    pub fn open_collection(&self, name: &str) -> Result<Option<Arc<Collection>>, IndexError> {
        let open = self.open.lock();
        self.find_any(name)?.map(|info| self.hold_apart(open, info)).transpose()
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
        // What it took the place of would be seen again.
        if let Some(before) = registry::before(&self.data, &info.uuid)? {
            close(&mut open, &before)?;
            registry::remove(&self.data, &before.uuid)?;
        }
        registry::remove(&self.data, &info.uuid)?;
        self.forget_aliases(name)?;
        Ok(true)
    }

    /// Walks a collection even where it does not open; what keeps it from opening is the first problem. `None` if
    /// there is none of this name.
    ///
    /// # Errors
    /// If the collection is of a newer format or nothing can be looked at.
    pub fn verify(&self, name: &str) -> Result<Option<Vec<Problem>>, IndexError> {
        let open = self.open.lock();
        let Some(info) = self.find_any(name)? else { return Ok(None) };
        match self.hold_apart(open, info.clone()) {
            Ok(collection) => collection.verify().map(Some),
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
        let Some(info) = self.find_any(name)? else { return Ok(None) };
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

    /// The collection of this name, or of this alias.
    fn find_any(&self, name: &str) -> Result<Option<CollectionInfo>, IndexError> {
        match self.find(name)? {
            Some(info) => Ok(Some(info)),
            None => match aliases::read(&self.data)?.get(name) {
                Some(collection) => self.find(collection),
                None => Ok(None),
            },
        }
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

    /// The open collection, opened if it is not, while nobody else may open any.
    fn hold(&self, open: &mut Open, info: CollectionInfo) -> Result<Arc<Collection>, IndexError> {
        if let Some(collection) = open.use_held(&info) {
            return Ok(collection);
        }
        if open.is_being_opened(&info) {
            return Err(IndexError::InUse { name: info.name });
        }
        drop(open.make_room()?);
        let collection = self.open_now(&info)?;
        open.take(info, &collection);
        Ok(collection)
    }

    /// The open collection, opened if it is not; others go on being asked for meanwhile.
    fn hold_apart(
        &self,
        mut open: MutexGuard<'_, Open>,
        info: CollectionInfo,
    ) -> Result<Arc<Collection>, IndexError> {
        if let Some(collection) = open.use_held(&info) {
            return Ok(collection);
        }
        // As long as it stands among those that are being opened, nobody takes it away.
        let turn = Arc::clone(open.opening.entry(info.uuid.clone()).or_default());
        drop(open);
        let _one_opens_it = turn.lock();
        self.open_in_turn(&info)
    }

    /// Opens a collection, unless whoever had the turn before has done so.
    fn open_in_turn(&self, info: &CollectionInfo) -> Result<Arc<Collection>, IndexError> {
        let closed = {
            let mut open = self.open.lock();
            if let Some(collection) = open.use_held(info) {
                return Ok(collection);
            }
            open.make_room()?
        };
        drop(closed);
        let collection = self.open_now(info)?;
        self.open.lock().take(info.clone(), &collection);
        Ok(collection)
    }

    fn open_now(&self, info: &CollectionInfo) -> Result<Arc<Collection>, IndexError> {
        let collection = Arc::new(self.collection(info, false).open()?);
        if !self.is_read_only() {
            registry::upgrade(&registry::root(&self.data).join(&info.uuid))?;
        }
        Ok(collection)
    }
}

impl Open {
    /// The collection, if it is open.
    fn use_held(&mut self, info: &CollectionInfo) -> Option<Arc<Collection>> {
        self.uses += 1;
        let held = self.collections.get_mut(&info.uuid)?;
        held.last_use = self.uses;
        Some(Arc::clone(&held.collection))
    }

    /// Whether somebody opens the collection, or waits for who does. Turns that nobody holds any more are forgotten.
    fn is_being_opened(&mut self, info: &CollectionInfo) -> bool {
        self.opening.retain(|_, turn| Arc::strong_count(turn) > 1);
        self.opening.contains_key(&info.uuid)
    }

    fn take(&mut self, info: CollectionInfo, collection: &Arc<Collection>) {
        self.uses += 1;
        let held = Held { collection: Arc::clone(collection), last_use: self.uses };
        self.collections.insert(info.uuid, held);
    }

    /// Where as many are open as can be: the one that was asked for longest ago among those that nobody else holds. It closes
    /// when it is dropped, which may take a while.
    fn make_room(&mut self) -> Result<Option<Held>, IndexError> {
        if self.collections.len() < MAX_OPEN_COLLECTIONS {
            return Ok(None);
        }
        let idle = self.collections.iter().filter(|(_, held)| Arc::strong_count(&held.collection) == 1);
        let oldest = idle.min_by_key(|(_, held)| held.last_use).map(|(uuid, _)| uuid.clone());
        let uuid = oldest.ok_or(IndexError::TooManyOpen { limit: MAX_OPEN_COLLECTIONS })?;
        Ok(self.collections.remove(&uuid))
    }
}

/// Closes a collection, if it is open and nobody else holds it.
fn close(open: &mut Open, info: &CollectionInfo) -> Result<(), IndexError> {
    let is_held =
        open.collections.get(&info.uuid).is_some_and(|held| Arc::strong_count(&held.collection) > 1);
    if is_held || open.is_being_opened(info) {
        return Err(IndexError::InUse { name: info.name.clone() });
    }
    open.collections.remove(&info.uuid);
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

#[cfg(test)]
mod tests {
    use sensorium_types::{Alias, AliasChange};

    use super::*;

    #[test]
    fn a_collection_that_is_being_opened_keeps_no_other_waiting() {
        let data = tempfile::tempdir().expect("folder");
        let space = SpaceInfo::one("test", 2, "1");
        {
            let database = Database::open(data.path(), OpenOptions::default()).expect("opens");
            ["slow", "quick"]
                .iter()
                .for_each(|name| drop(database.create_or_open(name, &space).expect("made")));
        }
        let database = Database::open(data.path(), OpenOptions::default()).expect("opens");
        let slow = database.find("slow").expect("looks").expect("there");
        // As one does who opens it.
        let turn = Arc::clone(database.open.lock().opening.entry(slow.uuid.clone()).or_default());
        let opening = turn.lock();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| database.open_collection("slow").expect("opens"));
            assert!(database.open_collection("quick").expect("opens").is_some());
            assert!(matches!(database.drop_collection("slow"), Err(IndexError::InUse { .. })));
            assert!(!waiting.is_finished());
            drop(opening);
            assert!(waiting.join().expect("no panic").is_some());
        });
        drop(turn);
        assert!(database.open_collection("slow").expect("opens").is_some());
        // Work in the background may hold it for a moment still.
        let begun = std::time::Instant::now();
        let dropped = loop {
            match database.drop_collection("slow") {
                Err(IndexError::InUse { .. }) if begun.elapsed().as_secs() < 60 => std::thread::yield_now(),
                dropped => break dropped,
            }
        };
        assert!(dropped.expect("drops"));
    }

    #[test]
    fn aliases_stand_for_collections() {
        let data = tempfile::tempdir().expect("folder");
        let space = SpaceInfo::one("test", 2, "1");
        let set = |alias: &str, collection: &str| {
            AliasChange::Set(Alias { alias: alias.to_owned(), collection: collection.to_owned() })
        };
        let remove = |alias: &str| AliasChange::Remove(alias.to_owned());
        {
            let database = Database::open(data.path(), OpenOptions::default()).expect("opens");
            ["one", "two"].iter().for_each(|name| drop(database.create_or_open(name, &space).expect("made")));
            database.change_aliases(vec![set("now", "one"), set("then", "one")]).expect("changes");
            database.change_aliases(vec![set("now", "two"), remove("then")]).expect("changes");
            for (changes, kind) in [
                (vec![remove("now"), set("two", "one")], ErrorKind::Conflict),
                (vec![remove("now"), set("new", "nobody")], ErrorKind::NotFound),
                (vec![remove("now"), set("new", "now")], ErrorKind::NotFound),
                (vec![remove("now"), set("a/b", "one")], ErrorKind::InvalidArgument),
                (vec![remove("now"), remove("then")], ErrorKind::NotFound),
            ] {
                assert_eq!(database.change_aliases(changes).expect_err("refused").kind(), kind);
            }
        }
        let database = Database::open(data.path(), OpenOptions::default()).expect("opens");
        let now = Alias { alias: "now".to_owned(), collection: "two".to_owned() };
        assert_eq!(database.aliases().expect("lists"), [now], "what was refused changed nothing");
        assert_eq!(database.create_or_open("now", &space).expect("opens").name(), "two", "nothing is made");
        assert_eq!(database.open_collection("now").expect("opens").expect("there").name(), "two");
        assert_eq!(database.verify("now").expect("looks"), Some(Vec::new()));
        assert!(database.open_collection("then").expect("looks").is_none());
        assert_eq!(database.collections().expect("lists").len(), 2);
        assert!(!database.drop_collection("now").expect("looks"), "an alias is no collection");
        assert!(database.drop_collection("two").expect("drops"));
        assert!(database.aliases().expect("lists").is_empty(), "it goes with its collection");
        fs_err::write(data.path().join("collections/aliases.json"), b"{").expect("writes");
        assert_eq!(database.aliases().expect_err("damaged").kind(), ErrorKind::Corrupt);
        assert!(database.open_collection("one").expect("its own name needs no alias").is_some());
    }
}
