//! Names of assets and points (CONTRACTS.md section 1).
//!
//! An asset is named by the first 32 hex digits of the BLAKE3 hash of its bytes unless the user names it. A point is
//! the tuple (asset, space, track, ordinal); people see `ASSET#3` or `ASSET#audio.7`, other engines a UUIDv8.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{Modality, Track};

/// Longest id that a user may give an asset, in bytes of UTF-8.
const MAX_ASSET_ID_BYTES: usize = 255;
/// Hex digits of the content hash that name an asset.
const ASSET_ID_HEX_DIGITS: usize = 32;

/// An id that breaks the rules.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Asset ids have 1 to 255 bytes.
    #[error("an asset id has 1 to 255 bytes, this one has {bytes}")]
    Length {
        /// The length received.
        bytes: usize,
    },
    /// Asset ids hold no control characters.
    #[error("an asset id has no control characters")]
    Control,
    /// A content hash is 64 hex digits.
    #[error("a content hash is 64 hex digits, received {received:?}")]
    Hash {
        /// What was received.
        received: String,
    },
    /// A point reference is `ASSET`, `ASSET#3` or `ASSET#audio.7`.
    #[error("a point is written ASSET#3 or ASSET#audio.7, received {received:?}")]
    Point {
        /// What was received.
        received: String,
    },
}

/// The BLAKE3 hash of an asset's bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ContentHash([u8; 32]);

impl ContentHash {
    /// Hashes bytes held in memory.
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }

    /// The hash of a product: the hash of its parts' hashes in order.
    pub fn of_parts(parts: &[Self]) -> Self {
        let mut hasher = blake3::Hasher::new();
        for part in parts {
            hasher.update(&part.0);
        }
        Self(*hasher.finalize().as_bytes())
    }

    /// A hash from its 32 bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes of the hash.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// 64 hex digits.
    pub fn to_hex(&self) -> String {
        blake3::Hash::from_bytes(self.0).to_hex().to_string()
    }
}

/// Makes the hash of bytes that come in pieces.
#[derive(Debug, Clone, Default)]
pub struct ContentHasher(blake3::Hasher);

impl ContentHasher {
    /// Takes the next piece.
    pub fn update(&mut self, piece: &[u8]) {
        self.0.update(piece);
    }

    /// The hash of all pieces so far.
    pub fn finish(&self) -> ContentHash {
        ContentHash(*self.0.finalize().as_bytes())
    }
}

impl FromStr for ContentHash {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        blake3::Hash::from_hex(text)
            .map(|hash| Self(*hash.as_bytes()))
            .map_err(|_| IdError::Hash { received: text.to_owned() })
    }
}

impl fmt::Debug for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ContentHash({})", self.to_hex())
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_hex())
    }
}

/// The name of an asset. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AssetId(Arc<str>);

impl AssetId {
    /// The id that content gives itself.
    pub fn from_content(hash: &ContentHash) -> Self {
        let hex = hash.to_hex();
        Self(hex.chars().take(ASSET_ID_HEX_DIGITS).collect::<String>().into())
    }

    /// An id chosen by the user.
    ///
    /// # Errors
    /// [`IdError::Length`] unless it has 1 to 255 bytes, [`IdError::Control`] if it has control characters.
    pub fn new(id: &str) -> Result<Self, IdError> {
        if id.is_empty() || id.len() > MAX_ASSET_ID_BYTES {
            return Err(IdError::Length { bytes: id.len() });
        }
        if id.chars().any(char::is_control) {
            return Err(IdError::Control);
        }
        Ok(Self(id.into()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for AssetId {
    type Error = IdError;

    fn try_from(id: String) -> Result<Self, IdError> {
        Self::new(&id)
    }
}

impl From<AssetId> for String {
    fn from(id: AssetId) -> Self {
        id.0.as_ref().to_owned()
    }
}

impl fmt::Debug for AssetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AssetId({})", self.0)
    }
}

impl fmt::Display for AssetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The full name of a point inside a collection, without its space.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PointKey {
    /// The asset that the point belongs to.
    pub asset: AssetId,
    /// The track of the asset.
    pub track: Track,
    /// The place in the track, from 0.
    pub ordinal: u32,
}

impl PointKey {
    /// The id given to other engines: a UUIDv8 whose bits are the BLAKE3 hash of (asset, space, track, ordinal).
    pub fn uuid(&self, space: &str) -> PointUuid {
        let mut hasher = blake3::Hasher::new();
        for field in [self.asset.as_str(), space, self.track.name()] {
            hasher.update(&(field.len() as u64).to_be_bytes());
            hasher.update(field.as_bytes());
        }
        hasher.update(&self.ordinal.to_be_bytes());
        let mut bits = [0_u8; 16];
        hasher.finalize_xof().fill(&mut bits);
        PointUuid::from_bits(bits)
    }

    /// The name shown to people: `ASSET#3` on the asset's main track, `ASSET#audio.7` on another.
    pub fn show(&self, modality: Modality) -> String {
        if self.track == modality.main_track() {
            format!("{}#{}", self.asset, self.ordinal)
        } else {
            format!("{}#{}.{}", self.asset, self.track, self.ordinal)
        }
    }

    /// Reads `ASSET#3` or `ASSET#audio.7`. The track is `None` where the asset's main track is meant.
    ///
    /// # Errors
    /// [`IdError`] if the asset id or what follows the last `#` breaks the rules.
    pub fn parse(text: &str) -> Result<(AssetId, Option<Track>, u32), IdError> {
        let wrong = || IdError::Point { received: text.to_owned() };
        let (asset, place) = text.rsplit_once('#').ok_or_else(wrong)?;
        let asset = AssetId::new(asset)?;
        match place.split_once('.') {
            Some((track, ordinal)) => {
                let track = track.parse().map_err(|_| wrong())?;
                Ok((asset, Some(track), ordinal.parse().map_err(|_| wrong())?))
            }
            None => Ok((asset, None, place.parse().map_err(|_| wrong())?)),
        }
    }
}

/// A point's id for other engines.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PointUuid([u8; 16]);

impl PointUuid {
    /// Sets version 8 and the RFC 9562 variant in 16 bytes of hash.
    fn from_bits(mut bits: [u8; 16]) -> Self {
        bits[6] = (bits[6] & 0x0f) | 0x80;
        bits[8] = (bits[8] & 0x3f) | 0x80;
        Self(bits)
    }

    /// The 16 bytes, big endian.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Debug for PointUuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for PointUuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            if matches!(index, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_names_an_asset_by_32_hex_digits() {
        let id = AssetId::from_content(&ContentHash::of(b""));
        assert_eq!(id.as_str(), "af1349b9f5f9a1a6a0404dea36dcc949");
    }

    #[test]
    fn ids_of_users_are_checked() {
        assert!(AssetId::new("a photo of mine").is_ok());
        assert_eq!(AssetId::new(""), Err(IdError::Length { bytes: 0 }));
        assert_eq!(AssetId::new(&"x".repeat(256)), Err(IdError::Length { bytes: 256 }));
        assert_eq!(AssetId::new("a\nb"), Err(IdError::Control));
    }

    #[test]
    fn points_are_shown_and_read_back() {
        let asset = AssetId::new("video#one").expect("valid");
        let image = PointKey { asset: asset.clone(), track: Track::Video, ordinal: 3 };
        let audio = PointKey { asset: asset.clone(), track: Track::Audio, ordinal: 7 };
        assert_eq!(image.show(Modality::Video), "video#one#3");
        assert_eq!(audio.show(Modality::Video), "video#one#audio.7");
        assert_eq!(PointKey::parse("video#one#3"), Ok((asset.clone(), None, 3)));
        assert_eq!(PointKey::parse("video#one#audio.7"), Ok((asset, Some(Track::Audio), 7)));
        assert!(PointKey::parse("video#one#x").is_err());
    }

    #[test]
    fn a_point_uuid_has_version_8_and_depends_on_every_field() {
        let key = |asset: &str, track, ordinal| PointKey {
            asset: AssetId::new(asset).expect("valid"),
            track,
            ordinal,
        };
        let uuid = key("a", Track::Image, 0).uuid("mini");
        let text = uuid.to_string();
        assert_eq!(text.len(), 36);
        assert_eq!(&text[14..15], "8");
        for other in [
            key("b", Track::Image, 0).uuid("mini"),
            key("a", Track::Video, 0).uuid("mini"),
            key("a", Track::Image, 1).uuid("mini"),
            key("a", Track::Image, 0).uuid("maxi"),
        ] {
            assert_ne!(uuid, other);
        }
    }
}
