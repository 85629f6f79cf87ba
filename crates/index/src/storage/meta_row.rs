//! `meta/collection`: what the collection is, in fields of our own, so that a new field of `types` never changes old bytes.
//!
//! Version history: 1, a collection of one space; 2, of several, with the table of them behind. Each is written where it tells all.

use sensorium_types::{Content, SpaceInfo, SpacePart};
use serde::{Deserialize, Serialize};

use super::codec;
use super::rows::content_code;
use super::{FORMAT, SPACES_FORMAT};
use crate::error::IndexError;

const ONE_SPACE: u8 = 1;
const SEVERAL: u8 = 2;

/// What the collection is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MetaRow {
    /// Format of the whole collection.
    pub(crate) format: u32,
    /// The collection's name for people.
    pub(crate) name: String,
    /// The space of its vectors.
    pub(crate) space: SpaceInfo,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    format: u32,
    name: String,
    id: String,
    dim: usize,
    revision: String,
}

#[derive(Serialize, Deserialize)]
struct StoredPart {
    id: String,
    dim: usize,
    /// The numbers of its contents.
    contents: Vec<u8>,
}

/// The format in which a collection of this space is written.
pub(crate) const fn format_of(space: &SpaceInfo) -> u32 {
    if space.parts.is_empty() { FORMAT } else { SPACES_FORMAT }
}

impl MetaRow {
    /// That of a collection of today's format.
    pub(crate) fn new(name: &str, space: &SpaceInfo) -> Self {
        Self { format: format_of(space), name: name.to_owned(), space: space.clone() }
    }

    /// The bytes of the record.
    pub(crate) fn encode(&self) -> Result<Vec<u8>, IndexError> {
        let Self { format, name, space: SpaceInfo { id, dim, revision, parts } } = self.clone();
        let stored = Stored { format, name, id, dim, revision };
        if parts.is_empty() {
            return codec::encode(ONE_SPACE, &stored);
        }
        let parts: Vec<StoredPart> = parts
            .into_iter()
            .map(|SpacePart { id, dim, contents }| {
                let contents = contents.into_iter().map(content_code).collect();
                StoredPart { id, dim, contents }
            })
            .collect();
        codec::encode(SEVERAL, &(stored, parts))
    }

    /// The record in these bytes; `Err` says what is wrong.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, String> {
        let (stored, parts): (Stored, Vec<StoredPart>) = match bytes.first() {
            Some(&SEVERAL) => codec::decode(SEVERAL, bytes)?,
            Some(_) | None => (codec::decode(ONE_SPACE, bytes)?, Vec::new()),
        };
        let Stored { format, name, id, dim, revision } = stored;
        let part = |StoredPart { id, dim, contents }| {
            let content = |code| Content::ALL.into_iter().find(|content| content_code(*content) == code);
            let contents: Option<Vec<Content>> = contents.into_iter().map(content).collect();
            let contents = contents.ok_or_else(|| format!("space {id} has a content that nobody knows"))?;
            Ok::<_, String>(SpacePart { id, dim, contents })
        };
        let parts = parts.into_iter().map(part).collect::<Result<_, _>>()?;
        Ok(Self { format, name, space: SpaceInfo { id, dim, revision, parts } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_space_is_written_as_by_earlier_programs_and_several_behind_it() {
        let one = MetaRow::new("media", &SpaceInfo::one("mini", 384, "mini@1"));
        let bytes = one.encode().expect("encodes");
        // Version 1, format 3, the lengths of the texts before them, 384 in seven bits a byte.
        assert_eq!(bytes, b"\x01\x03\x05media\x04mini\x80\x03\x06mini@1");
        assert_eq!(MetaRow::decode(&bytes), Ok(one));
        let part = |id: &str, contents: &[Content]| SpacePart {
            id: id.to_owned(),
            dim: 8,
            contents: contents.to_vec(),
        };
        let parts =
            vec![part("a", &[Content::Image, Content::Text]), part("b", &[Content::Audio, Content::Text])];
        let two = MetaRow::new("media", &SpaceInfo::of_parts(parts, "two@1"));
        let bytes = two.encode().expect("encodes");
        assert_eq!((bytes.first(), two.format), (Some(&SEVERAL), SPACES_FORMAT));
        assert_eq!(MetaRow::decode(&bytes), Ok(two));
        let mut other = bytes;
        *other.last_mut().expect("bytes") = 9;
        assert!(MetaRow::decode(&other).is_err_and(|what| what.contains("content")));
        assert!(MetaRow::decode(&[]).is_err());
    }
}
