//! The keys of a data folder: `<data>/keys.json`.
//!
//! A key is `sns_`, its id, and 256 random bits. The file holds a BLAKE3 hash of it: who reads the file cannot ask with it. (Slow hashes
//! are for passwords, which can be guessed.) The file is written anew as a whole, under the lock of the data folder.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use sensorium_engine::{OWNER_ONLY, replace_file};
use sensorium_types::ErrorKind;
use serde::{Deserialize, Serialize};

use crate::calls::Scope;

/// The name of the file.
const FILE: &str = "keys.json";
/// What every key begins with, so that it is known where it is found.
const PREFIX: &str = "sns_";
/// Random bytes of an id, and of what is secret.
const ID_BYTES: usize = 6;
const SECRET_BYTES: usize = 32;
/// Most keys of a data folder.
const MAX_KEYS: usize = 10_000;
/// Most letters of a name.
const MAX_NAME: usize = 200;
/// Hours that a key is good still whose place another took, unless it is told.
pub const DEFAULT_GRACE_HOURS: u32 = 24;
const HOUR: Duration = Duration::from_secs(3600);
/// How old the latest use of a key on disk may be.
const SAVE_USES_EVERY: Duration = Duration::from_secs(60);

/// Why keys cannot be read, made or revoked.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The file cannot be read or written.
    #[error("{action} {path}")]
    File {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The file does not hold keys.
    #[error("{path} does not hold keys; move it away to begin without any")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: serde_json::Error,
    },
    /// There is no key of this id.
    #[error("there is no key {id}")]
    Unknown {
        /// The id.
        id: String,
    },
    /// What is asked of a new key breaks a rule.
    #[error("{0}")]
    Invalid(&'static str),
    /// The system gives no random numbers.
    #[error("the system gives no random numbers: {0}")]
    Random(String),
}

impl KeysError {
    /// What the caller can do.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::File { .. } | Self::Random(_) => ErrorKind::Unavailable,
            Self::Damaged { .. } => ErrorKind::Corrupt,
            Self::Unknown { .. } => ErrorKind::NotFound,
            Self::Invalid(_) => ErrorKind::InvalidArgument,
        }
    }
}

/// What is asked of a new key.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// What it is for, in words.
    pub name: String,
    /// What it is good for.
    pub scope: Scope,
    /// The collections that it reaches; none: all.
    pub collections: Vec<String>,
    /// How long it is good; none: until it is revoked.
    pub lifetime: Option<Duration>,
    /// A key that this one takes the place of, and for how long that one is good still.
    pub replaces: Option<(String, Duration)>,
}

impl NewKey {
    /// A key as people ask for it: how long it is good in days, and the one whose place it takes with the hours that that one is good
    /// still ([`DEFAULT_GRACE_HOURS`] where they are not told).
    pub fn of(
        scope: Scope,
        (name, collections): (String, Vec<String>),
        expires_days: Option<u32>,
        replaces: Option<(String, Option<u32>)>,
    ) -> Self {
        let lifetime = expires_days.map(|days| (HOUR * 24).saturating_mul(days));
        let grace = |hours: Option<u32>| HOUR.saturating_mul(hours.unwrap_or(DEFAULT_GRACE_HOURS));
        let replaces = replaces.map(|(id, hours)| (id, grace(hours)));
        Self { name, scope, collections, lifetime, replaces }
    }
}

/// What is known of a key, but for the key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyInfo {
    /// Its id, which is no secret.
    pub id: String,
    /// What it is for, in words.
    pub name: String,
    /// What it is good for.
    pub scope: Scope,
    /// The collections that it reaches; none: all.
    pub collections: Vec<String>,
    /// When it was made.
    pub created: Timestamp,
    /// When it ends.
    pub expires: Option<Timestamp>,
    /// When it was used last, to the minute.
    pub last_used: Option<Timestamp>,
}

/// What a key is good for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFacts {
    /// Its id.
    pub id: String,
    /// What it is good for.
    pub scope: Scope,
    /// The collections that it reaches; none: all.
    pub collections: Vec<String>,
}

/// A key as the file holds it.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Row {
    #[serde(flatten)]
    info: KeyInfo,
    /// The BLAKE3 hash of the key, 64 hex digits.
    hash: String,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Table {
    version: u32,
    keys: Vec<Row>,
}

#[derive(Debug)]
struct State {
    table: Table,
    /// When uses were written last; none: there are none that are not.
    used_since: Option<Instant>,
}

/// The keys of a data folder. Whoever changes them holds its lock.
#[derive(Debug)]
pub struct Keys {
    path: PathBuf,
    state: Mutex<State>,
}

impl Keys {
    /// Reads the keys of a folder; a folder without the file has none.
    ///
    /// # Errors
    /// If the file is there and cannot be read.
    pub fn open(data_dir: &Path) -> Result<Self, KeysError> {
        let path = data_dir.join(FILE);
        let table = match fs_err::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map_err(|source| KeysError::Damaged { path: path.clone(), source })?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Table { version: 1, keys: Vec::new() }
            }
            Err(source) => return Err(KeysError::File { action: "read", path, source }),
        };
        Ok(Self { path, state: Mutex::new(State { table, used_since: None }) })
    }

    /// Whether there is none that is still good.
    pub fn is_empty(&self) -> bool {
        let now = Timestamp::now();
        self.state().table.keys.iter().all(|row| row.info.expires.is_some_and(|expires| expires <= now))
    }

    /// Makes a key. The key itself is given this once.
    ///
    /// # Errors
    /// If what is asked breaks a rule, or the file cannot be written; then there is no new key.
    pub fn create(&self, new: NewKey) -> Result<(KeyInfo, String), KeysError> {
        let NewKey { name, scope, collections, lifetime, replaces } = new;
        if name.chars().count() > MAX_NAME || name.chars().any(char::is_control) {
            return Err(KeysError::Invalid("a key's name has at most 200 letters and no control characters"));
        }
        if collections.iter().any(String::is_empty) {
            return Err(KeysError::Invalid("a collection has a name"));
        }
        let now = Timestamp::now();
        let after = |wait: Duration| {
            let wait = SignedDuration::try_from(wait).ok();
            wait.and_then(|wait| now.checked_add(wait).ok())
                .ok_or(KeysError::Invalid("a key's time ends before the year 9999"))
        };
        let (id, key) = random()?;
        let expires = lifetime.map(after).transpose()?;
        let info = KeyInfo { id, name, scope, collections, created: now, expires, last_used: None };
        let hash = blake3::hash(key.as_bytes()).to_hex().to_string();
        self.change(|table| {
            if table.keys.len() >= MAX_KEYS {
                return Err(KeysError::Invalid("there are too many keys: revoke some"));
            }
            if let Some((id, grace)) = replaces {
                let end = after(grace)?;
                let row =
                    table.keys.iter_mut().find(|row| row.info.id == id).ok_or(KeysError::Unknown { id })?;
                row.info.expires = Some(row.info.expires.map_or(end, |expires| expires.min(end)));
            }
            table.keys.push(Row { info: info.clone(), hash });
            Ok(())
        })?;
        Ok((info, key))
    }

    /// Every key, oldest first.
    pub fn list(&self) -> Vec<KeyInfo> {
        self.state().table.keys.iter().map(|row| row.info.clone()).collect()
    }

    /// Takes a key back.
    ///
    /// # Errors
    /// If there is none of this id, or the file cannot be written; then it is good still.
    pub fn revoke(&self, id: &str) -> Result<(), KeysError> {
        self.change(|table| {
            let before = table.keys.len();
            table.keys.retain(|row| row.info.id != id);
            match table.keys.len() == before {
                true => Err(KeysError::Unknown { id: id.to_owned() }),
                false => Ok(()),
            }
        })
    }

    /// What a key is good for; none where it is none of ours, or no longer. Hashes are compared in constant time.
    pub fn find(&self, key: &str) -> Option<KeyFacts> {
        let (id, _) = key.strip_prefix(PREFIX)?.split_once('_')?;
        let hash = blake3::hash(key.as_bytes());
        self.facts(id, |known| blake3::Hash::from_hex(known).is_ok_and(|known| known == hash))
    }

    /// What a key that was found before is good for now.
    pub(crate) fn find_again(&self, id: &str) -> Option<KeyFacts> {
        self.facts(id, |_| true)
    }

    fn facts(&self, id: &str, is_its: impl Fn(&str) -> bool) -> Option<KeyFacts> {
        let now = Timestamp::now();
        let mut state = self.state();
        let row = state.table.keys.iter_mut().find(|row| row.info.id == id)?;
        if !is_its(&row.hash) || row.info.expires.is_some_and(|expires| expires <= now) {
            return None;
        }
        row.info.last_used = Some(now);
        let KeyInfo { id, scope, collections, .. } = row.info.clone();
        state.used_since.get_or_insert_with(Instant::now);
        Some(KeyFacts { id, scope, collections })
    }

    /// Whether uses of keys wait to be written.
    pub(crate) fn wants_to_save(&self) -> bool {
        self.state().used_since.is_some_and(|since| since.elapsed() >= SAVE_USES_EVERY)
    }

    /// Writes uses of keys, if there are any that are not written.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(crate) fn save_uses(&self) -> Result<(), KeysError> {
        if self.state().used_since.is_none() {
            return Ok(());
        }
        self.change(|_| Ok(()))
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the table, on disk first.
    fn change(&self, change: impl FnOnce(&mut Table) -> Result<(), KeysError>) -> Result<(), KeysError> {
        let mut state = self.state();
        let mut table = Table { version: 1, keys: state.table.keys.clone() };
        change(&mut table)?;
        self.write(&table)?;
        *state = State { table, used_since: None };
        Ok(())
    }

    /// Writes the file, readable by its owner alone.
    fn write(&self, table: &Table) -> Result<(), KeysError> {
        let failed = |source| KeysError::File { action: "write", path: self.path.clone(), source };
        let bytes = serde_json::to_vec_pretty(table)
            .map_err(|source| KeysError::Damaged { path: self.path.clone(), source })?;
        replace_file(&self.path, &bytes, OWNER_ONLY).map_err(failed)
    }
}

/// A new id and key.
fn random() -> Result<(String, String), KeysError> {
    let mut bytes = [0_u8; ID_BYTES + SECRET_BYTES];
    getrandom::fill(&mut bytes).map_err(|error| KeysError::Random(error.to_string()))?;
    let (id, secret) = bytes.split_at(ID_BYTES);
    let id: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
    let key = format!("{PREFIX}{id}_{}", URL_SAFE_NO_PAD.encode(secret));
    Ok((id, key))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn asked(scope: Scope) -> NewKey {
        NewKey {
            name: "a pipeline".to_owned(),
            scope,
            collections: Vec::new(),
            lifetime: None,
            replaces: None,
        }
    }

    #[test]
    fn a_key_is_found_until_it_is_revoked_and_is_not_in_the_file() {
        let data = tempfile::tempdir().expect("a folder");
        let keys = Keys::open(data.path()).expect("opens");
        assert!(keys.is_empty());
        let new = NewKey { collections: vec!["films".to_owned()], ..asked(Scope::Write) };
        let (info, key) = keys.create(new).expect("made");
        let secret = key.splitn(3, '_').nth(2).expect("parts");
        assert_eq!(URL_SAFE_NO_PAD.decode(secret).expect("base64").len(), SECRET_BYTES);
        let found = keys.find(&key).expect("known");
        assert_eq!(
            (found.scope, found.collections.as_slice()),
            (Scope::Write, ["films".to_owned()].as_slice())
        );
        let path = data.path().join(FILE);
        let text = fs_err::read_to_string(&path).expect("reads");
        assert!(!text.contains(secret) && text.contains(&info.id));
        assert_eq!(fs_err::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
        // Another process, later.
        let again = Keys::open(data.path()).expect("opens");
        assert!(again.find(&key).is_some() && again.list().iter().map(|info| &info.id).eq([&info.id]));
        for wrong in
            ["", "sns_", &key[..key.len() - 1], &key.replace(&info.id, "000000000000"), &format!("{key}x")]
        {
            assert!(again.find(wrong).is_none(), "{wrong}");
        }
        again.revoke(&info.id).expect("revoked");
        assert!(again.find(&key).is_none() && again.is_empty());
        assert!(matches!(again.revoke(&info.id), Err(KeysError::Unknown { .. })));
    }

    #[test]
    fn a_key_ends_when_its_time_is_up_or_another_takes_its_place() {
        let data = tempfile::tempdir().expect("a folder");
        let keys = Keys::open(data.path()).expect("opens");
        let new = NewKey { lifetime: Some(Duration::ZERO), ..asked(Scope::Read) };
        let (_, expired) = keys.create(new).expect("made");
        assert!(keys.find(&expired).is_none() && keys.is_empty());
        let (old, old_key) = keys.create(asked(Scope::Admin)).expect("made");
        let hour = Duration::from_secs(3600);
        let new = NewKey { replaces: Some((old.id.clone(), hour)), ..asked(Scope::Admin) };
        keys.create(new).expect("made");
        assert!(keys.find(&old_key).is_some(), "both are good for an hour");
        let new = NewKey { replaces: Some((old.id, Duration::ZERO)), ..asked(Scope::Admin) };
        let (_, key) = keys.create(new).expect("made");
        assert!(keys.find(&old_key).is_none() && keys.find(&key).is_some());
        let new = NewKey { replaces: Some(("none".to_owned(), hour)), ..asked(Scope::Admin) };
        assert!(matches!(keys.create(new), Err(KeysError::Unknown { .. })));
        assert_eq!(keys.list().len(), 4, "the one that failed is not there");
    }

    #[test]
    fn uses_are_written_later_and_a_damaged_file_is_named() {
        let data = tempfile::tempdir().expect("a folder");
        let keys = Keys::open(data.path()).expect("opens");
        let (_, key) = keys.create(asked(Scope::Read)).expect("made");
        assert!(keys.find(&key).is_some() && !keys.wants_to_save());
        keys.save_uses().expect("saves");
        let again = Keys::open(data.path()).expect("opens");
        assert!(again.list().iter().all(|info| info.last_used.is_some()));
        fs_err::write(data.path().join(FILE), "{").expect("writes");
        assert!(matches!(Keys::open(data.path()), Err(KeysError::Damaged { .. })));
    }
}
