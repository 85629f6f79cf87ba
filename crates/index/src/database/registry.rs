//! Which collections there are: a folder each below `<data>/collections`, named by a UUID, with `collection.json`.
//!
//! | field | what |
//! | --- | --- |
//! | `format` | format of the collection; it stands in the family `meta` too |
//! | `name` | the name for people |
//! | `space` | `id`, `dim`, `revision`; of several spaces also `parts`, each with `id`, `dim`, `contents` |
//! | `replaces` | of a successor: `uuid` of the collection in whose place it steps, whether that is `done`, and whether it `keeps` the files of that one |
//! | `checksum` | xxh3 of name, space and `replaces`, in hexadecimal; a file of an earlier program has none |
//!
//! The file is written last when a collection is made, so a folder without it was never finished (or has lost it, and
//! gets it back from the family `meta` when a writer opens the database, as one does whose file is damaged).
//!
//! A successor is a second collection of the same name that is filled beside the first. It is not listed until it is
//! `done`, and from then on the first is not: writing that one word is the moment of the change. What is not listed
//! any more is removed when a writer opens the database.

use std::hash::{BuildHasher as _, RandomState};
use std::path::{Path, PathBuf};

use fs_err as fs;
use sensorium_types::{ErrorKind, SpaceInfo};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use xxhash_rust::xxh3::xxh3_64;

use crate::collection::check_format;
use crate::error::IndexError;
use crate::failpoint::pass;
use crate::storage::{FORMAT, format_of};

/// Name of a registration in a collection's folder.
pub(super) const FILE: &str = "collection.json";
const FOLDER: &str = "collections";
/// Ending of a folder that is being removed.
const DROPPED: &str = "dropped";

/// A collection as the registry has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectionInfo {
    /// Its name.
    pub name: String,
    /// The name of its folder.
    pub uuid: String,
    /// The space of its vectors.
    pub space: SpaceInfo,
}

#[derive(Debug, Serialize, Deserialize)]
struct Registration {
    format: u32,
    name: String,
    space: SpaceInfo,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    replaces: Option<Replaces>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    checksum: Option<String>,
}

impl Registration {
    fn new(name: &str, space: &SpaceInfo, replaces: Option<Replaces>) -> Self {
        let registration = Self {
            format: format_of(space),
            name: name.to_owned(),
            space: space.clone(),
            replaces,
            checksum: None,
        };
        Self { checksum: Some(registration.sum()), ..registration }
    }

    fn sum(&self) -> String {
        // The format is looked at by itself, before all else.
        let Self { format: _, name, space, replaces, checksum: _ } = self;
        let SpaceInfo { id, dim, revision, parts } = space;
        let keeps = replaces.as_ref().is_some_and(|replaces| replaces.keeps);
        let replaces = replaces.as_ref().map(|replaces| (&replaces.uuid, replaces.done));
        let mut told = if parts.is_empty() {
            format!("{:?}", (name, id, dim, revision, replaces))
        } else {
            format!("{:?}", (name, id, dim, revision, parts, replaces))
        };
        if keeps {
            told.push_str(" keeps");
        }
        format!("{:016x}", xxh3_64(told.as_bytes()))
    }

    /// Whether it is what was written, as far as it says.
    fn is_whole(&self) -> bool {
        self.checksum.as_ref().is_none_or(|checksum| *checksum == self.sum())
    }
}

/// What a successor steps in for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Replaces {
    /// The folder of the collection before.
    pub(super) uuid: String,
    /// Whether it has stepped in.
    pub(super) done: bool,
    /// Whether the files of the collection before are kept, for it to step back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) keeps: bool,
}

/// The folder of all collections.
pub(super) fn root(data: &Path) -> PathBuf {
    data.join(FOLDER)
}

/// Makes the data folder and that of all collections, on disk when this returns.
pub(super) fn make_root(data: &Path) -> Result<(), IndexError> {
    crate::folder::make_below(data, Path::new(FOLDER))
        .map_err(|error| IndexError::file("make the data folder", error))
}

/// A folder beside that of a collection, which the next writer removes.
pub(super) fn beside(data: &Path, uuid: &str, what: &str) -> PathBuf {
    root(data).join(format!("{uuid}.{what}.{DROPPED}"))
}

/// Every collection, in order of name: no successor before its time, and none that was replaced. A data folder that is
/// missing has none.
pub(super) fn list(data: &Path) -> Result<Vec<CollectionInfo>, IndexError> {
    Ok(listed(all(data)?))
}

/// As [`list`], without those whose registration is damaged.
pub(super) fn list_whole(data: &Path) -> Result<Vec<CollectionInfo>, IndexError> {
    let whole = folders(data)?.into_iter().filter_map(|(uuid, folder)| match read(&folder, uuid) {
        Err(error) if error.kind() == ErrorKind::Corrupt => None,
        found => found.transpose(),
    });
    Ok(listed(whole.collect::<Result<_, _>>()?))
}

fn listed(all: Vec<(CollectionInfo, Option<Replaces>)>) -> Vec<CollectionInfo> {
    let is_listed = |info: &CollectionInfo, replaces: &Option<Replaces>| {
        replaces.as_ref().is_none_or(|replaces| replaces.done) && !is_replaced(&all, &info.uuid)
    };
    let listed = all.iter().filter(|(info, replaces)| is_listed(info, replaces));
    let mut found: Vec<CollectionInfo> = listed.map(|(info, _)| info.clone()).collect();
    found.sort_by(|left, right| left.name.cmp(&right.name));
    found
}

/// The successor that is being made for a collection.
pub(super) fn successor(data: &Path, uuid: &str) -> Result<Option<CollectionInfo>, IndexError> {
    let found = all(data)?.into_iter().find(|(_, replaces)| {
        replaces.as_ref().is_some_and(|replaces| !replaces.done && replaces.uuid == uuid)
    });
    Ok(found.map(|(info, _)| info))
}

fn all(data: &Path) -> Result<Vec<(CollectionInfo, Option<Replaces>)>, IndexError> {
    let mut found = Vec::new();
    for (uuid, folder) in folders(data)? {
        found.extend(read(&folder, uuid)?);
    }
    Ok(found)
}

/// Collections in whose place others stand, and whose files nobody keeps.
pub(super) fn replaced(data: &Path) -> Result<Vec<CollectionInfo>, IndexError> {
    let all = all(data)?;
    let gone = all.iter().filter(|(info, _)| is_gone(&all, &info.uuid));
    Ok(gone.map(|(info, _)| info.clone()).collect())
}

/// The collection that another has taken the place of and keeps.
pub(super) fn kept_by(data: &Path, uuid: &str) -> Result<Option<CollectionInfo>, IndexError> {
    replaced_by(data, uuid, |replaces| replaces.done && replaces.keeps)
}

/// The collection that another has taken the place of, as long as its files are there.
pub(super) fn before(data: &Path, uuid: &str) -> Result<Option<CollectionInfo>, IndexError> {
    replaced_by(data, uuid, |replaces| replaces.done)
}

fn replaced_by(
    data: &Path,
    uuid: &str,
    counts: impl Fn(&Replaces) -> bool,
) -> Result<Option<CollectionInfo>, IndexError> {
    let all = all(data)?;
    let own = all.iter().find(|(info, _)| info.uuid == uuid).and_then(|(_, replaces)| replaces.as_ref());
    let Some(replaces) = own.filter(|replaces| counts(replaces)) else { return Ok(None) };
    Ok(all.iter().find(|(info, _)| info.uuid == replaces.uuid).map(|(info, _)| info.clone()))
}

/// Whether another stands in a collection's place, and does not keep it. What was replaced itself keeps nothing.
fn is_gone(all: &[(CollectionInfo, Option<Replaces>)], uuid: &str) -> bool {
    let keeps = |(info, replaces): &(CollectionInfo, Option<Replaces>)| {
        let own = replaces.as_ref().filter(|by| by.done && by.keeps && by.uuid == uuid);
        own.is_some() && !is_replaced(all, &info.uuid)
    };
    is_replaced(all, uuid) && !all.iter().any(keeps)
}

fn is_replaced(all: &[(CollectionInfo, Option<Replaces>)], uuid: &str) -> bool {
    all.iter().filter_map(|(_, replaces)| replaces.as_ref()).any(|by| by.done && by.uuid == uuid)
}

/// Folders that have files but no registration, or a damaged one.
pub(super) fn unregistered(data: &Path) -> Result<Vec<PathBuf>, IndexError> {
    let lacks = |(uuid, folder): &(String, PathBuf)| match read(folder, uuid.clone()) {
        Ok(found) => found.is_none(),
        Err(error) => error.kind() == ErrorKind::Corrupt,
    };
    let folders =
        folders(data)?.into_iter().filter(|folder| folder.1.join("CURRENT").exists() && lacks(folder));
    Ok(folders.map(|(_, folder)| folder).collect())
}

/// Removes what is left of dropped and replaced collections, and successors of dropped ones.
pub(super) fn sweep(data: &Path) -> Result<(), IndexError> {
    let failed = |error| IndexError::file("remove a dropped collection", error);
    // A registration that cannot be read is told by whoever asks for its collection.
    let all = all(data).unwrap_or_default();
    for (info, replaces) in &all {
        let is_orphan = replaces.as_ref().is_some_and(|replaces| {
            !replaces.done && !all.iter().any(|(other, _)| other.uuid == replaces.uuid)
        });
        if is_orphan || is_gone(&all, &info.uuid) {
            remove(data, &info.uuid)?;
        }
    }
    for entry in read_dir(&root(data))? {
        if entry.extension().is_some_and(|ending| ending == DROPPED) {
            fs::remove_dir_all(&entry).map_err(failed)?;
        }
    }
    Ok(())
}

/// Writes a registration, on disk when this returns.
pub(super) fn register(
    folder: &Path,
    name: &str,
    space: &SpaceInfo,
    replaces: Option<Replaces>,
) -> Result<(), IndexError> {
    let registration = Registration::new(name, space, replaces);
    let json = serde_json::to_vec_pretty(&registration)
        .map_err(|error| IndexError::Bug { what: format!("a registration cannot be encoded: {error}") })?;
    let write = || -> std::io::Result<()> {
        let new = folder.join("collection.json.new");
        fs::write(&new, &json)?;
        fs::File::open(&new)?.sync_all()?;
        pass("registration, written");
        fs::rename(&new, folder.join(FILE))?;
        pass("registration, named");
        crate::folder::sync(folder)?;
        pass("registration, synced");
        folder.parent().map_or(Ok(()), crate::folder::sync)
    };
    write().map_err(|error| IndexError::file("register the collection", error))
}

/// Says in a collection's registration that it has today's format, so that earlier programs leave it alone.
pub(super) fn upgrade(folder: &Path) -> Result<(), IndexError> {
    let bytes =
        fs::read(folder.join(FILE)).map_err(|error| IndexError::file("read the registration", error))?;
    let registration: Registration = serde_json::from_slice(&bytes)
        .map_err(|error| IndexError::damaged(folder.join(FILE).display().to_string(), error.to_string()))?;
    if registration.format >= FORMAT {
        return Ok(());
    }
    let Registration { name, space, replaces, format, checksum: _ } = registration;
    tracing::info!(collection = name, from = format, to = FORMAT, "bring a collection to today's format");
    register(folder, &name, &space, replaces)
}

/// Takes a collection's folder away, all at once for whoever looks, then its files.
pub(super) fn remove(data: &Path, uuid: &str) -> Result<(), IndexError> {
    let remove = || -> std::io::Result<()> {
        let root = root(data);
        let dropped = root.join(format!("{uuid}.{DROPPED}"));
        pass("drop, before");
        fs::rename(root.join(uuid), &dropped)?;
        pass("drop, renamed");
        crate::folder::sync(&root)?;
        pass("drop, synced");
        fs::remove_dir_all(&dropped)
    };
    remove().map_err(|error| IndexError::file("remove the collection", error))
}

/// A new random name for a folder.
pub(super) fn new_uuid() -> String {
    let mut hasher = blake3::Hasher::new();
    // Two seeds that the system chose, and facts that differ between processes.
    for _ in 0..2 {
        hasher.update(&RandomState::new().hash_one(std::process::id()).to_le_bytes());
    }
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    hasher.update(&now.as_nanos().to_le_bytes());
    let mut bits = [0_u8; 16];
    hasher.finalize_xof().fill(&mut bits);
    let number = u128::from_be_bytes(bits) & !(0xf << 76) & !(0x3 << 62) | 0x4 << 76 | 0x2 << 62;
    let hex = format!("{number:032x}");
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
}

fn folders(data: &Path) -> Result<Vec<(String, PathBuf)>, IndexError> {
    let named = read_dir(&root(data))?.into_iter().filter_map(|folder| {
        let name = folder.file_name()?.to_str()?.to_owned();
        (folder.is_dir() && !name.contains('.')).then_some((name, folder))
    });
    Ok(named.collect())
}

fn read_dir(folder: &Path) -> Result<Vec<PathBuf>, IndexError> {
    let failed = |error| IndexError::file("list the collections", error);
    match fs::read_dir(folder) {
        Ok(entries) => {
            entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>().map_err(failed)
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(failed(error)),
    }
}

fn read(folder: &Path, uuid: String) -> Result<Option<(CollectionInfo, Option<Replaces>)>, IndexError> {
    let path = folder.join(FILE);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(IndexError::file("read a registration", error)),
    };
    let place = path.display().to_string();
    let damaged = |error: serde_json::Error| IndexError::damaged(&place, error.to_string());
    // The format first: a newer one may have other fields.
    let json: Value = serde_json::from_slice(&bytes).map_err(damaged)?;
    let format = json.get("format").and_then(Value::as_u64);
    check_format(format.ok_or_else(|| IndexError::damaged(&place, "it has no format"))?, &place)?;
    let registration: Registration = serde_json::from_value(json).map_err(damaged)?;
    if !registration.is_whole() {
        return Err(IndexError::damaged(&place, "its checksum does not hold"));
    }
    let Registration { name, space, replaces, .. } = registration;
    Ok(Some((CollectionInfo { name, uuid, space }, replaces)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::SPACES_FORMAT;

    #[test]
    fn new_names_are_uuids_of_version_4_and_differ() {
        let (one, two) = (new_uuid(), new_uuid());
        assert_ne!(one, two);
        assert_eq!(one.len(), 36);
        assert_eq!(&one[14..15], "4");
        assert!(matches!(&one[19..20], "8" | "9" | "a" | "b"));
    }

    #[test]
    fn a_registration_that_was_changed_is_refused_and_one_without_a_checksum_is_read() {
        let data = tempfile::tempdir().expect("folder");
        let folder = root(data.path()).join(new_uuid());
        fs::create_dir_all(&folder).expect("makes");
        let space = SpaceInfo::one("test", 2, "1");
        register(&folder, "default", &space, None).expect("registers");
        let text = fs::read_to_string(folder.join(FILE)).expect("reads");
        assert_eq!(list(data.path()).expect("lists")[0].name, "default");
        fs::write(folder.join(FILE), text.replace("default", "dmfault")).expect("writes");
        assert!(list(data.path()).expect_err("refused").to_string().contains("checksum"));
        let mut json: serde_json::Map<String, Value> = serde_json::from_str(&text).expect("JSON");
        json.remove("checksum").expect("there");
        fs::write(folder.join(FILE), serde_json::to_vec(&json).expect("JSON")).expect("writes");
        assert_eq!(list(data.path()).expect("lists")[0].space, space);
    }

    #[test]
    fn a_newer_format_is_refused_before_its_fields_are_read() {
        let data = tempfile::tempdir().expect("folder");
        let folder = root(data.path()).join(new_uuid());
        fs::create_dir_all(&folder).expect("makes");
        let newer = SPACES_FORMAT + 1;
        fs::write(folder.join(FILE), format!(r#"{{"format": {newer}, "other": true}}"#)).expect("writes");
        let refused = list(data.path());
        let is_newer = matches!(refused, Err(IndexError::NewerFormat { found, known: SPACES_FORMAT, .. }) if found == u64::from(newer));
        assert!(is_newer, "{refused:?}");
    }
}
