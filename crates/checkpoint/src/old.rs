//! The layout of torch before 1.6: five pickles, then the storages.
//!
//! | part | holds |
//! | --- | --- |
//! | pickle 1 | the magic number |
//! | pickle 2 | protocol, 1001 |
//! | pickle 3 | the writer's byte order and sizes of numbers |
//! | pickle 4 | the dictionary of tensors, each a view into a storage |
//! | pickle 5 | the list of the storages' keys, in the order that follows |
//! | a storage | `u64` count of numbers, then the numbers, little endian |

use std::collections::HashMap;
use std::rc::Rc;

use crate::pickle::{self, Form, Value};
use crate::views::{Found, views};
use crate::{CheckpointError, ReadAt, tensor};

/// The first pickle, which is always this.
const MAGIC: &[u8] = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";
const PROTOCOL: i64 = 1001;
/// Most bytes of the five pickles, which hold no numbers.
const MAX_PICKLES: u64 = 16 << 20;
/// Bytes of the count in front of a storage.
const COUNT_BYTES: usize = 8;

const fn other(what: &'static str) -> CheckpointError {
    CheckpointError::OldLayout { what }
}

/// Reads the pickles, and the counts in front of the storages.
pub(crate) fn read(bytes: &dyn ReadAt) -> Result<Vec<Found>, CheckpointError> {
    let size = bytes.size();
    let head = bytes.read(0, usize::try_from(size.min(MAX_PICKLES)).unwrap_or_default())?;
    let mut rest = head.strip_prefix(MAGIC).ok_or(other("its first bytes are others"))?;
    let mut next = || match pickle::read(&mut rest, Form::Old) {
        Err(CheckpointError::Cut) if size > MAX_PICKLES => {
            Err(CheckpointError::Bound { limit: MAX_PICKLES, what: "bytes" })
        }
        read => read,
    };
    if !matches!(next()?, Value::Int(PROTOCOL)) {
        return Err(other("it is of another protocol"));
    }
    if !is_little(&next()?) {
        return Err(CheckpointError::pickle("numbers whose highest byte is first"));
    }
    let Value::Dict(items, _) = next()? else {
        return Err(CheckpointError::NoTensors { what: "no dictionary" });
    };
    let Value::List(keys, _) = next()? else { return Err(other("it has no list of storages")) };
    let places = places(bytes, (head.len() - rest.len()) as u64, &keys, &sizes(&items)?)?;
    views(items, |storage| places.get(&storage.key).copied().ok_or(other("a storage is missing")))
}

/// Whether the writer's numbers have their lowest byte first.
fn is_little(writer: &Value) -> bool {
    let Value::Dict(facts, _) = writer else { return false };
    facts.iter().any(|(name, fact)| name.as_ref() == "little_endian" && matches!(fact, Value::Bool(true)))
}

/// Bytes of a number of each storage, by its key.
fn sizes(items: &[(Rc<str>, Value)]) -> Result<HashMap<Rc<str>, u64>, CheckpointError> {
    let mut sizes = HashMap::new();
    for (name, value) in items {
        let Value::Tensor(view) = value else {
            return Err(CheckpointError::NoTensors { what: value.kind() });
        };
        let wrong = |what| CheckpointError::Tensor { name: name.to_string(), what };
        let (_, size) = tensor::kind(&view.storage).map_err(wrong)?;
        sizes.insert(Rc::clone(&view.storage.key), size);
    }
    Ok(sizes)
}

/// Where each storage lies, and its bytes; `at` is where the first count lies.
fn places(
    bytes: &dyn ReadAt,
    mut at: u64,
    keys: &[Value],
    sizes: &HashMap<Rc<str>, u64>,
) -> Result<HashMap<Rc<str>, (u64, u64)>, CheckpointError> {
    let mut places = HashMap::new();
    for key in keys {
        let Value::Text(key) = key else { return Err(other("a key of its storages is no text")) };
        let size = sizes.get(key).ok_or(other("a storage belongs to no tensor"))?;
        let mut count = [0; COUNT_BYTES];
        bytes.read_at(at, &mut count).map_err(|_| other("it is cut"))?;
        let from = at + COUNT_BYTES as u64;
        let length = u64::from_le_bytes(count).checked_mul(*size);
        let end = length.and_then(|length| from.checked_add(length)).filter(|end| *end <= bytes.size());
        let end = end.ok_or(other("it is cut"))?;
        if places.insert(Rc::clone(key), (from, end - from)).is_some() {
            return Err(other("a storage is there twice"));
        }
        at = end;
    }
    if at == bytes.size() { Ok(places) } else { Err(other("something lies behind its storages")) }
}
