//! Which assets are new since some change, and which came last.
//!
//! Each change that writes an asset with its points leaves a row in `meta`, in order of change. Rows of the newest changes are
//! kept, so that one who comes back after a while finds what came meanwhile.

use std::collections::HashSet;
use std::ops::ControlFlow;

use sensorium_types::{Added, AssetId, Cursor, Page, StoredAsset};

use super::core::Core;
use super::read;
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

/// A page of the assets that came last, of the latest change first; a cursor is the change of the page's last. What is gone again is
/// left out.
pub(super) fn newest(
    core: &Core,
    from: Option<&Cursor>,
    limit: usize,
    with_vectors: bool,
) -> Result<Page<StoredAsset>, IndexError> {
    let last = |cursor: &Cursor| {
        let cursor = cursor.as_str();
        cursor.parse().map_err(|_| IndexError::Cursor { cursor: cursor.to_owned() })
    };
    let view = core.view();
    let latest = view.state.operations;
    let latest = from.map(last).transpose()?.map_or(latest, |last: u64| last.saturating_sub(1).min(latest));
    let (mut ids, mut seen, mut next) = (Vec::new(), HashSet::new(), None);
    let mut last = latest;
    core.rocks.view().scan_back(Family::Meta, &added_key(latest), |key, value| {
        let Some(change) = decode_added_key(key) else { return Ok(ControlFlow::Break(())) };
        let row = AddedRow::decode(value).map_err(|what| IndexError::damaged("meta added", what))?;
        if !seen.insert(row.asset) {
            return Ok(ControlFlow::Continue(()));
        }
        let Some(entry) = view.assets.get(AssetOffset(row.asset)) else {
            return Ok(ControlFlow::Continue(()));
        };
        if ids.len() >= limit {
            next = Some(Cursor::new(last.to_string()));
            return Ok(ControlFlow::Break(()));
        }
        ids.push(entry.asset_id()?);
        last = change;
        Ok(ControlFlow::Continue(()))
    })?;
    let items = ids.iter().filter_map(|id| read::stored(core, &view, id, with_vectors).transpose());
    Ok(Page { items: items.collect::<Result<_, _>>()?, next })
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
