//! Dictionaries: the distinct values of one type that a field has, ascending.
//!
//! The order of each is the one that `Filter::matches` compares by, so that every comparison with a constant is one
//! stretch of the dictionary: numbers without rounding, texts by code points of their composed forms, times by their
//! beginning.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt::Debug;

use sensorium_types::compare_numbers;
use serde_json::Number;

use super::codec::{Reader, Stored};

/// Distinct values, ascending.
pub(super) trait Dictionary: Debug + Default {
    /// A value.
    type Key: ?Sized + Ord;
    /// A value that stands alone.
    type Owned: Ord + Borrow<Self::Key>;

    /// How many there are.
    fn len(&self) -> usize;
    /// One of them.
    fn key(&self, at: usize) -> Option<&Self::Key>;
    /// Puts one behind the others, which are all smaller.
    fn push(&mut self, key: &Self::Key);
    /// Bytes in memory.
    fn bytes(&self) -> usize;
}

/// Values of one size.
#[derive(Debug)]
pub(super) struct Fixed<K>(Vec<K>);

impl<K> Default for Fixed<K> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K: Debug + Clone + Ord> Dictionary for Fixed<K> {
    type Key = K;
    type Owned = K;

    fn len(&self) -> usize {
        self.0.len()
    }

    fn key(&self, at: usize) -> Option<&K> {
        self.0.get(at)
    }

    fn push(&mut self, key: &K) {
        self.0.push(key.clone());
    }

    fn bytes(&self) -> usize {
        self.0.capacity() * size_of::<K>()
    }
}

/// Texts, one behind the other.
#[derive(Debug, Default)]
pub(super) struct Texts {
    all: String,
    ends: Vec<u32>,
}

impl Dictionary for Texts {
    type Key = str;
    type Owned = Box<str>;

    fn len(&self) -> usize {
        self.ends.len()
    }

    fn key(&self, at: usize) -> Option<&str> {
        let start = at.checked_sub(1).map_or(Some(0), |before| self.ends.get(before).copied())?;
        self.all.get(start as usize..*self.ends.get(at)? as usize)
    }

    fn push(&mut self, key: &str) {
        self.all.push_str(key);
        // A column is given up long before 4 GiB: see `MAX_BYTES`.
        self.ends.push(u32::try_from(self.all.len()).unwrap_or(u32::MAX));
    }

    fn bytes(&self) -> usize {
        self.all.capacity() + self.ends.capacity() * size_of::<u32>()
    }
}

impl<K> Stored for Fixed<K>
where
    Vec<K>: Stored,
{
    fn put(&self, into: &mut Vec<u8>) {
        self.0.put(into);
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        Vec::read(from).map(Self)
    }
}

impl Stored for Texts {
    fn put(&self, into: &mut Vec<u8>) {
        self.all.put(into);
        self.ends.put(into);
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        Some(Self { all: String::read(from)?, ends: Vec::read(from)? })
    }
}

/// A finite number in the order of filters. Numbers that are equal there are the same here: `2021` and `2021.0`.
#[derive(Debug, Clone)]
pub(super) struct NumberKey(pub(super) Number);

impl Ord for NumberKey {
    fn cmp(&self, other: &Self) -> Ordering {
        // JSON has no number that is none, so that any two have an order.
        compare_numbers(&self.0, &other.0).unwrap_or(Ordering::Equal)
    }
}

impl PartialOrd for NumberKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for NumberKey {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for NumberKey {}

/// A byte for the type, then the 8 bytes of an i64, a u64 or an f64.
impl Stored for Vec<NumberKey> {
    fn put(&self, into: &mut Vec<u8>) {
        self.len().put(into);
        for NumberKey(number) in self {
            let (kind, bytes) = match (number.as_i64(), number.as_u64()) {
                (Some(number), _) => (0, number.to_le_bytes()),
                (None, Some(number)) => (1, number.to_le_bytes()),
                (None, None) => (2, number.as_f64().unwrap_or_default().to_le_bytes()),
            };
            into.push(kind);
            into.extend_from_slice(&bytes);
        }
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        let numbers = from.list(|[kind, bytes @ ..]: [u8; 9]| match kind {
            0 => Some(Number::from(i64::from_le_bytes(bytes))),
            1 => Some(Number::from(u64::from_le_bytes(bytes))),
            _ => Number::from_f64(f64::from_le_bytes(bytes)),
        })?;
        numbers.into_iter().map(|number| number.map(NumberKey)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_found_by_their_place() {
        let mut texts = Texts::default();
        for text in ["", "a", "é日"] {
            texts.push(text);
        }
        let found: Vec<_> = (0..4).map(|at| texts.key(at)).collect();
        assert_eq!(found, [Some(""), Some("a"), Some("é日"), None]);
        assert_eq!(texts.len(), 3);
    }
}
