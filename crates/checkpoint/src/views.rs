//! The views of a checkpoint's dictionary, and where their storages lie.

use std::rc::Rc;

use crate::CheckpointError;
use crate::pickle::{Storage, Value, View};

/// Longest name of a tensor.
const MAX_NAME: usize = 1024;

/// A view under its name, and where its storage lies, with its bytes.
pub(crate) type Found = (Rc<str>, Rc<View>, (u64, u64));

/// The views of a dictionary; `lies` tells where a storage lies.
pub(crate) fn views(
    items: Vec<(Rc<str>, Value)>,
    mut lies: impl FnMut(&Storage) -> Result<(u64, u64), CheckpointError>,
) -> Result<Vec<Found>, CheckpointError> {
    let view = |(name, value): (Rc<str>, Value)| {
        let Value::Tensor(view) = value else {
            return Err(CheckpointError::NoTensors { what: value.kind() });
        };
        if name.len() > MAX_NAME {
            return Err(CheckpointError::Bound { limit: MAX_NAME as u64, what: "letters in a name" });
        }
        let place = lies(&view.storage)?;
        Ok((name, view, place))
    };
    items.into_iter().map(view).collect()
}
