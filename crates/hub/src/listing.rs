//! What a hub says of a revision of a model.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::{Hub, HubError, HubId, Revision};

/// Largest answer.
const MAX_BYTES: u64 = 16 << 20;
/// Most files of a model.
const MAX_FILES: usize = 20_000;
/// Letters of a commit: those of SHA-1, or of SHA-256.
const COMMIT_LETTERS: [usize; 2] = [40, 64];

/// A revision of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listing {
    pub(crate) commit: String,
    /// The licence of its card.
    pub(crate) licence: Option<String>,
    pub(crate) files: BTreeMap<String, Listed>,
}

/// A file, as far as the hub tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Listed {
    pub(crate) bytes: Option<u64>,
    pub(crate) sha256: Option<[u8; 32]>,
}

#[derive(Deserialize)]
struct Told {
    sha: String,
    siblings: Vec<Sibling>,
    #[serde(default, rename = "cardData")]
    card: Value,
}

#[derive(Deserialize)]
struct Sibling {
    rfilename: String,
    #[serde(default)]
    size: Option<u64>,
    #[serde(default)]
    lfs: Option<Lfs>,
}

#[derive(Deserialize)]
struct Lfs {
    sha256: String,
    #[serde(default)]
    size: Option<u64>,
}

impl Hub {
    /// Asks for the files of a revision, and the commit that it stands for now.
    pub(crate) async fn listing(&self, id: &HubId, revision: &Revision) -> Result<Listing, HubError> {
        let address = self.listing_address(id, &revision.step());
        let told = self.whole(&address, MAX_BYTES).await;
        let told = told.map_err(|source| self.of_model(id, revision.as_str(), None, source))?;
        read(&told.bytes).map_err(|what| HubError::Listing { id: id.to_string(), what })
    }
}

fn read(bytes: &[u8]) -> Result<Listing, String> {
    let Told { sha, siblings, card } = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    let is_hex = |text: &str| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if !COMMIT_LETTERS.contains(&sha.len()) || !is_hex(&sha) {
        return Err(format!("{sha:?} is no commit"));
    }
    if siblings.len() > MAX_FILES {
        return Err(format!("{} files, and at most {MAX_FILES} are read", siblings.len()));
    }
    let mut files = BTreeMap::new();
    for Sibling { rfilename, size, lfs } in siblings {
        let sha256 = match &lfs {
            Some(lfs) => {
                Some(hash(&lfs.sha256).ok_or_else(|| format!("the SHA-256 of {rfilename:?} is none"))?)
            }
            None => None,
        };
        let of_lfs = lfs.and_then(|lfs| lfs.size);
        if let (Some(size), Some(of_lfs)) = (size, of_lfs)
            && size != of_lfs
        {
            return Err(format!("{rfilename:?} has two sizes, {size} and {of_lfs}"));
        }
        files.insert(rfilename, Listed { bytes: size.or(of_lfs), sha256 });
    }
    let licence = card.get("license").and_then(Value::as_str).filter(|name| !name.is_empty());
    Ok(Listing { commit: sha, licence: licence.map(str::to_owned), files })
}

/// A SHA-256 in hexadecimal.
pub(crate) fn hash(hex: &str) -> Option<[u8; 32]> {
    let mut hash = [0; 32];
    if hex.len() != 2 * hash.len() || !hex.is_ascii() {
        return None;
    }
    for (byte, digits) in hash.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
        let digits = std::str::from_utf8(digits).ok().filter(|digits| !digits.starts_with('+'))?;
        *byte = u8::from_str_radix(digits, 16).ok()?;
    }
    Some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

    fn told(siblings: &str) -> Result<Listing, String> {
        read(
            format!(r#"{{"sha":"{COMMIT}","siblings":[{siblings}],"cardData":{{"license":"mit"}}}}"#)
                .as_bytes(),
        )
    }

    #[test]
    fn files_have_the_sizes_and_hashes_that_the_hub_names() {
        let hash = "ab".repeat(32);
        let listing = told(&format!(
            r#"{{"rfilename":"config.json","size":7}},{{"rfilename":"a.safetensors","size":9,"lfs":{{"sha256":"{hash}","size":9,"pointerSize":1}}}},{{"rfilename":"b"}}"#
        ));
        let listing = listing.unwrap();
        assert_eq!((listing.commit.as_str(), listing.licence.as_deref()), (COMMIT, Some("mit")));
        let file = |bytes, sha256| Some(&Listed { bytes, sha256 }).copied();
        assert_eq!(listing.files.get("config.json").copied(), file(Some(7), None));
        assert_eq!(listing.files.get("a.safetensors").copied(), file(Some(9), Some([0xab; 32])));
        assert_eq!(listing.files.get("b").copied(), file(None, None));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let wrong_hash = r#"{"rfilename":"a","lfs":{"sha256":"xy"}}"#;
        let two_sizes =
            format!(r#"{{"rfilename":"a","size":1,"lfs":{{"sha256":"{}","size":2}}}}"#, "0".repeat(64));
        for siblings in [wrong_hash, &two_sizes, r#"{"size":1}"#, r#"{"rfilename":"a","size":-1}"#] {
            assert!(told(siblings).is_err(), "{siblings}");
        }
        let many = vec![r#"{"rfilename":"a"}"#; MAX_FILES + 1].join(",");
        assert!(told(&many).unwrap_err().contains("at most"));
        for text in [
            "",
            "[]",
            "{}",
            r#"{"sha":"main","siblings":[]}"#,
            r#"{"sha":"../../../etc/passwd/aaaaaaaaaaaaaaaaaaaa","siblings":[]}"#,
        ] {
            assert!(read(text.as_bytes()).is_err(), "{text}");
        }
        assert_eq!(hash(&"+1".repeat(32)), None);
    }
}
