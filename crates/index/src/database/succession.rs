//! A collection that is made anew beside the one that it will replace: for vectors of another space.
//!
//! ```text
//! begin_successor ─► a second collection, not listed ─► filled, over as many runs as it takes ─► promote_successor
//! ```
//!
//! Until the promotion, which is one rename of a file, everybody sees the first collection as it was; from then on
//! everybody who opens it sees the successor, under the same name. A crash leaves one or the other.
//!
//! A successor may keep the collection before it, hidden, until it is dropped: made anew in the space of that one, it is that one that
//! goes on, with what came since, and its vectors are those that it had.

use std::sync::Arc;

use sensorium_types::{ErrorKind, SpaceInfo};

use super::registry::{self, CollectionInfo, Replaces};
use super::{Database, Open, close};
use crate::collection::{Collection, create};
use crate::error::IndexError;

impl Database {
    /// The successor that is being made for a collection, with its space; `None` if there is none, or it was not begun
    /// in earnest.
    ///
    /// # Errors
    /// If it cannot be opened.
    pub fn successor(&self, name: &str) -> Result<Option<Arc<Collection>>, IndexError> {
        let mut open = self.open.lock();
        let Some(info) = self.find_successor(name)? else { return Ok(None) };
        if !registry::root(&self.data).join(&info.uuid).join("CURRENT").exists() {
            return Ok(None);
        }
        self.hold_whole(&mut open, info)
    }

    /// A collection that can be made again; `None` where it is damaged.
    fn hold_whole(
        &self,
        open: &mut Open,
        info: CollectionInfo,
    ) -> Result<Option<Arc<Collection>>, IndexError> {
        match self.hold(open, info) {
            Ok(collection) => Ok(Some(collection)),
            Err(error) if error.kind() == ErrorKind::Corrupt => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Goes on with the successor of a collection, or with the collection that it keeps where that is of this space, or begins one. A
    /// successor of another space, or a damaged one, is begun anew: it holds nothing that cannot be made again.
    ///
    /// # Errors
    /// [`IndexError::UnknownCollection`] if there is nothing to succeed; [`IndexError::ReadOnly`] for a reader.
    pub fn begin_successor(&self, name: &str, space: &SpaceInfo) -> Result<Arc<Collection>, IndexError> {
        if self.is_read_only() {
            return Err(IndexError::ReadOnly { action: "make a collection anew" });
        }
        let mut open = self.open.lock();
        let Some(first) = self.find(name)? else {
            return Err(IndexError::UnknownCollection { name: name.to_owned() });
        };
        let begun = registry::successor(&self.data, &first.uuid)?;
        // First, as it may be begun already, by a run that ended between its two registrations.
        if let Some(kept) = registry::kept_by(&self.data, &first.uuid)?
            && kept.space == *space
        {
            if begun.is_some_and(|begun| begun.uuid != kept.uuid) {
                self.drop_successor(&mut open, &first)?;
            }
            return self.step_back(&mut open, &first, kept);
        }
        if let Some(info) = begun
            && info.space == *space
            && let Some(held) = self.hold_whole(&mut open, info)?
        {
            return Ok(held);
        }
        self.drop_successor(&mut open, &first)?;
        let uuid = registry::new_uuid();
        let folder = registry::root(&self.data).join(&uuid);
        fs_err::create_dir_all(&folder)
            .map_err(|error| IndexError::file("make the folder of a collection", error))?;
        // Registered first: a folder without registration would be taken for a collection that lost its own.
        let replaces = Replaces { uuid: first.uuid, done: false, keeps: false };
        registry::register(&folder, name, space, Some(replaces))?;
        create(&folder, name, space, &self.memory)?;
        self.hold(&mut open, CollectionInfo { name: name.to_owned(), uuid, space: space.clone() })
    }

    /// Makes the collection that another keeps its successor.
    fn step_back(
        &self,
        open: &mut Open,
        first: &CollectionInfo,
        kept: CollectionInfo,
    ) -> Result<Arc<Collection>, IndexError> {
        let folder = |uuid: &str| registry::root(&self.data).join(uuid);
        // In this order it is hidden in between as well.
        let replaces = Replaces { uuid: first.uuid.clone(), done: false, keeps: false };
        registry::register(&folder(&kept.uuid), &kept.name, &kept.space, Some(replaces))?;
        registry::register(&folder(&first.uuid), &first.name, &first.space, None)?;
        self.hold(open, kept)
    }

    /// The collection that another has taken the place of and keeps; `None` if it keeps none, or that cannot be opened.
    ///
    /// # Errors
    /// If the registry cannot be read.
    pub fn kept(&self, name: &str) -> Result<Option<Arc<Collection>>, IndexError> {
        let mut open = self.open.lock();
        let Some(first) = self.find(name)? else { return Ok(None) };
        match registry::kept_by(&self.data, &first.uuid)? {
            Some(kept) => self.hold_whole(&mut open, kept),
            None => Ok(None),
        }
    }

    /// Removes the collection that another has taken the place of and keeps: now, or, where somebody holds it, by
    /// [`Database::clear_replaced`] or when a writer next opens the database. `false` if it keeps none.
    ///
    /// # Errors
    /// [`IndexError::ReadOnly`] for a reader; if that cannot be written.
    pub fn drop_kept(&self, name: &str) -> Result<bool, IndexError> {
        if self.is_read_only() {
            return Err(IndexError::ReadOnly { action: "remove what was replaced" });
        }
        let mut open = self.open.lock();
        let Some(first) = self.find(name)? else { return Ok(false) };
        let Some(kept) = registry::kept_by(&self.data, &first.uuid)? else { return Ok(false) };
        let folder = registry::root(&self.data).join(&first.uuid);
        let replaces = Replaces { uuid: kept.uuid.clone(), done: true, keeps: false };
        registry::register(&folder, &first.name, &first.space, Some(replaces))?;
        self.remove_unless_held(&mut open, &kept)?;
        Ok(true)
    }

    /// Puts the successor in the place of its collection, which is kept if `keeps`, and otherwise removed: now, or, where somebody
    /// holds it, when a writer next opens the database. Those who hold the first keep it until they let go. What the first kept goes.
    ///
    /// # Errors
    /// [`IndexError::UnknownCollection`] if there is no successor; [`IndexError::ReadOnly`] for a reader.
    pub fn promote_successor(&self, name: &str, keeps: bool) -> Result<(), IndexError> {
        if self.is_read_only() {
            return Err(IndexError::ReadOnly { action: "replace a collection" });
        }
        let mut open = self.open.lock();
        let (Some(first), Some(successor)) = (self.find(name)?, self.find_successor(name)?) else {
            return Err(IndexError::UnknownCollection { name: name.to_owned() });
        };
        // Those who know the first by a change number go on from it.
        let change = self.hold(&mut open, first.clone())?.change();
        self.hold(&mut open, successor.clone())?.count_from(change.saturating_add(1))?;
        let folder = registry::root(&self.data).join(&successor.uuid);
        let kept = registry::kept_by(&self.data, &first.uuid)?;
        let replaces = Replaces { uuid: first.uuid.clone(), done: true, keeps };
        registry::register(&folder, name, &successor.space, Some(replaces))?;
        if let Some(kept) = kept {
            self.remove_unless_held(&mut open, &kept)?;
        }
        if !keeps {
            self.remove_unless_held(&mut open, &first)?;
        }
        Ok(())
    }

    /// Removes the files of collections that were replaced, as far as nobody holds them any more; `false` while somebody does.
    ///
    /// # Errors
    /// [`IndexError::ReadOnly`] for a reader; if they cannot be removed.
    pub fn clear_replaced(&self) -> Result<bool, IndexError> {
        if self.is_read_only() {
            return Err(IndexError::ReadOnly { action: "remove what was replaced" });
        }
        let mut open = self.open.lock();
        let mut all = true;
        for info in registry::replaced(&self.data)? {
            all &= self.remove_unless_held(&mut open, &info)?;
        }
        Ok(all)
    }

    /// Removes the files of a collection that was replaced; `false` where somebody holds it, and they go later.
    fn remove_unless_held(&self, open: &mut Open, info: &CollectionInfo) -> Result<bool, IndexError> {
        let is_free = close(open, info).is_ok();
        if is_free {
            registry::remove(&self.data, &info.uuid)?;
        }
        Ok(is_free)
    }

    /// Removes the successor that is being made for a collection.
    pub(super) fn drop_successor(&self, open: &mut Open, first: &CollectionInfo) -> Result<(), IndexError> {
        let Some(successor) = registry::successor(&self.data, &first.uuid)? else { return Ok(()) };
        close(open, &successor)?;
        registry::remove(&self.data, &successor.uuid)
    }

    fn find_successor(&self, name: &str) -> Result<Option<CollectionInfo>, IndexError> {
        match self.find(name)? {
            Some(first) => registry::successor(&self.data, &first.uuid),
            None => Ok(None),
        }
    }
}
