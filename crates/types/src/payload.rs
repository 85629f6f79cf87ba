//! The JSON fields of an asset.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::number::quote_beyond;
use crate::text::same_text;

/// Largest user metadata of an asset, as compact JSON.
pub const MAX_USER_METADATA_BYTES: usize = 64 * 1024;

/// Field of an asset's facts with what its images say in words: `{"revision", "parts": [{"ordinal", "text",
/// "confidence", ..}]}`.
pub const CAPTIONS_FIELD: &str = "_captions";

/// Metadata that breaks the rules.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PayloadError {
    /// User metadata is at most [`MAX_USER_METADATA_BYTES`] an asset.
    #[error("metadata of an asset is at most {limit} bytes as JSON, this has {bytes}")]
    TooLarge {
        /// The size received.
        bytes: usize,
        /// The size allowed.
        limit: usize,
    },
    /// Names that begin with `_` are reserved.
    #[error("metadata names that begin with '_' are reserved, received {name:?}")]
    Reserved {
        /// The name received.
        name: String,
    },
}

/// Named JSON values of an asset: what was found in the file, and what the user added.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Payload(pub Map<String, Value>);

impl Payload {
    /// A payload without fields.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads a JSON object. Integers are exact to 64 bits; a longer one, and a number beyond the range of an f64, is the
    /// text of its digits.
    ///
    /// # Errors
    /// What the parser says of anything else; its columns count the quotes around such numbers.
    pub fn from_json(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(&quote_beyond(text))
    }

    /// The value of a top-level field, however the accents of its name are composed.
    pub fn field(&self, name: &str) -> Option<&Value> {
        field(&self.0, name)
    }

    /// The value of a field; `a.b` reaches into objects when no field has that whole name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        lookup(&self.0, name)
    }

    /// Sets a field.
    pub fn set(&mut self, name: &str, value: impl Into<Value>) {
        self.0.insert(name.to_owned(), value.into());
    }

    /// Takes over every field of `other`; its values win.
    pub fn merge(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Takes fields away, however the accents of their names are composed; `false` if there was none of them.
    pub fn take_away(&mut self, fields: &[String]) -> bool {
        let before = self.0.len();
        self.0.retain(|known, _| !fields.iter().any(|name| same_text(known, name)));
        self.0.len() < before
    }

    /// Whether there are no fields.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Checks metadata that a user gave.
    ///
    /// # Errors
    /// [`PayloadError`] if it is too large or uses a reserved name.
    pub fn check_user(&self) -> Result<(), PayloadError> {
        if let Some(name) = self.0.keys().find(|name| name.starts_with('_')) {
            return Err(PayloadError::Reserved { name: name.clone() });
        }
        let bytes = serde_json::to_vec(&self.0).map(|json| json.len()).unwrap_or(usize::MAX);
        if bytes > MAX_USER_METADATA_BYTES {
            return Err(PayloadError::TooLarge { bytes, limit: MAX_USER_METADATA_BYTES });
        }
        Ok(())
    }
}

/// The value at a path of names inside a value, as [`Payload::get`] finds it inside an object.
pub fn value_inside<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    lookup(value.as_object()?, path)
}

fn lookup<'a>(fields: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    if let Some(value) = field(fields, name) {
        return Some(value);
    }
    name.match_indices('.').find_map(|(at, _)| {
        let (head, rest) = name.split_at(at);
        value_inside(field(fields, head)?, rest.get(1..)?)
    })
}

fn field<'a>(fields: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    fields.get(name).or_else(|| {
        let mut others = fields.iter().filter(|(known, _)| !(known.is_ascii() && name.is_ascii()));
        others.find_map(|(known, value)| same_text(known, name).then_some(value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_reach_into_objects() {
        let payload = Payload(
            serde_json::json!({"a": {"b": {"c": 1}}, "x.y": 2}).as_object().cloned().expect("object"),
        );
        assert_eq!(payload.get("a.b.c"), Some(&Value::from(1)));
        assert_eq!(payload.get("x.y"), Some(&Value::from(2)));
        assert_eq!(payload.get("a.z"), None);
    }

    #[test]
    fn names_meet_however_their_accents_are_composed() {
        let payload =
            Payload(serde_json::json!({"cafe\u{301}": {"Größe": 1}}).as_object().cloned().expect("object"));
        assert_eq!(payload.get("café.Gro\u{308}ße"), Some(&Value::from(1)));
        assert_eq!(payload.field("cafe"), None);
    }

    #[test]
    fn numbers_that_nothing_holds_are_read_as_text() {
        let payload =
            Payload::from_json(r#"{"a": 18446744073709551616, "b": [-1e999, 18446744073709551615]}"#);
        let expected = serde_json::json!({"a": "18446744073709551616", "b": ["-1e999", u64::MAX]});
        assert_eq!(payload.ok().map(|payload| Value::Object(payload.0)), Some(expected));
        assert!(Payload::from_json("[1e999]").is_err());
    }

    #[test]
    fn user_metadata_is_limited() {
        let mut payload = Payload::new();
        payload.set("note", "x".repeat(MAX_USER_METADATA_BYTES));
        assert!(matches!(payload.check_user(), Err(PayloadError::TooLarge { .. })));
        let mut reserved = Payload::new();
        reserved.set("_x", 1);
        assert!(matches!(reserved.check_user(), Err(PayloadError::Reserved { .. })));
    }
}
