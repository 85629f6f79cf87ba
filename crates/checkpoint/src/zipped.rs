//! The layout of torch 1.6 and later: a zip.
//!
//! | file | holds |
//! | --- | --- |
//! | `ROOT/data.pkl` | the dictionary of tensors, each a view into a storage |
//! | `ROOT/data/KEY` | a storage, stored as it is |
//! | `ROOT/byteorder` | `little`; older versions write none |

use std::collections::HashMap;

use crate::pickle::{self, Form, Value};
use crate::views::{Found, views};
use crate::{CheckpointError, ReadAt, Zip};

/// Largest pickle, which holds no numbers.
const MAX_PICKLE: u64 = 16 << 20;

/// Reads the pickle.
pub(crate) fn read(bytes: &dyn ReadAt) -> Result<Vec<Found>, CheckpointError> {
    let zip = Zip::open(bytes).map_err(|source| CheckpointError::Layout { source: Box::new(source) })?;
    let root = root(&zip)?;
    let in_root = |file: &str| format!("{root}/{file}");
    if zip.names().any(|name| name == in_root("constants.pkl")) {
        return Err(CheckpointError::Script);
    }
    match zip.read(&in_root("byteorder"), 16) {
        Ok(order) if order != b"little" => {
            return Err(CheckpointError::pickle("numbers whose highest byte is first"));
        }
        Ok(_) | Err(CheckpointError::NoFile { .. }) => {}
        Err(error) => return Err(error),
    }
    let pickle = zip.read(&in_root("data.pkl"), MAX_PICKLE)?;
    let Value::Dict(items, _) = pickle::read(&mut pickle.as_slice(), Form::Zipped)? else {
        return Err(CheckpointError::NoTensors { what: "no dictionary" });
    };
    let mut places: HashMap<String, (u64, u64)> = HashMap::new();
    views(items, |storage| {
        let place = in_root(&format!("data/{}", storage.key));
        let lies = match places.get(&place) {
            Some(lies) => *lies,
            None => zip.stored(&place)?,
        };
        places.insert(place, lies);
        Ok(lies)
    })
}

/// The folder of the zip that has the pickle.
fn root(zip: &Zip<'_>) -> Result<String, CheckpointError> {
    let mut roots = zip.names().filter_map(|name| name.strip_suffix("/data.pkl"));
    match (roots.next(), roots.next()) {
        (Some(root), None) => Ok(root.to_owned()),
        (None, _) => Err(CheckpointError::NoTensors { what: "no pickle" }),
        (Some(_), Some(_)) => Err(CheckpointError::NoTensors { what: "two pickles" }),
    }
}
