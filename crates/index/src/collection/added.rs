//! Which assets are new since some change.
//!
//! Each change that writes an asset with its points leaves a row in `meta`, in order of change. Rows of the newest changes are
//! kept, so that one who comes back after a while finds what came meanwhile.

use std::collections::HashSet;
use std::ops::ControlFlow;

use sensorium_types::{Added, AssetId};

use super::core::Core;
use crate::error::IndexError;
use crate::storage::{AddedRow, AssetOffset, Family, Row as _, added_key, decode_added_key};

/// Rows are taken away once so many of those that are kept are too many: one in this many.
const SHARE: u64 = 16;

/// Where the rows that a change takes away end, if it takes any; so many are kept.
pub(super) fn gone_at(operation: u64, kept: u64) -> Option<u64> {
    let due = operation.is_multiple_of((kept / SHARE).max(1));
    due.then(|| operation.saturating_sub(kept)).filter(|end| *end > 0)
}

/// Assets that were written after a change, by at most so many changes; what is gone again is left out.
pub(super) fn added(core: &Core, after: u64, limit: usize) -> Result<Added, IndexError> {
    let view = core.view();
    let (newest, kept) = (view.state.operations, core.tuning.changes_kept);
    if after > newest {
        return Err(IndexError::ChangeAhead { asked: after, newest });
    }
    let oldest = newest.saturating_sub(kept);
    if after < oldest {
        return Err(IndexError::ChangeGone { asked: after, oldest });
    }
    if limit == 0 {
        return Ok(Added { assets: Vec::new(), upto: after });
    }
    let (mut assets, mut seen, mut left, mut upto) = (Vec::<AssetId>::new(), HashSet::new(), limit, newest);
    core.rocks.view().scan_from(Family::Meta, &added_key(after.saturating_add(1)), |key, value| {
        // What is behind is another kind of row, or is not to be seen yet.
        let Some(change) = decode_added_key(key).filter(|change| *change <= newest) else {
            return Ok(ControlFlow::Break(()));
        };
        let row = AddedRow::decode(value).map_err(|what| IndexError::damaged("meta added", what))?;
        if seen.insert(row.asset)
            && let Some(entry) = view.assets.get(AssetOffset(row.asset))
        {
            assets.push(entry.asset_id()?);
        }
        left -= 1;
        if left > 0 {
            return Ok(ControlFlow::Continue(()));
        }
        upto = change;
        Ok(ControlFlow::Break(()))
    })?;
    Ok(Added { assets, upto })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_row_goes_that_is_to_be_kept_and_the_others_go_in_time() {
        for kept in [1, 5, 16, 1000] {
            let mut first = 1;
            for operation in 1..10_000 {
                first = gone_at(operation, kept).map_or(first, |end| first.max(end));
                assert!(first <= operation.saturating_sub(kept).max(1), "{kept} {operation} {first}");
                assert!(operation - first <= kept + kept / SHARE + 1, "{kept} {operation} {first}");
            }
        }
    }
}
