//! Reading without a query: get, thumbnails, scroll, sources.

use std::collections::BTreeMap;

use sensorium_types::{AssetId, Filter, Page, PointKey, SourceKey, SourceRow, StoredAsset};

use super::core::Core;
use super::fields::Matcher;
use super::load::place;
use super::matching::known;
use super::view::View;
use crate::assets::{EntryRef, Point};
use crate::error::IndexError;
use crate::storage::{
    AssetOffset, Family, Row as _, SourceValue, decode_source_key, decode_vector, point_offset_key,
};

/// Names looked at under one lock of the id map.
const NAMES_AT_ONCE: usize = 1024;

/// An asset as a reader gets it, its vectors as they were written; `None` if it went meanwhile.
///
/// # Errors
/// If its row or a vector cannot be read.
pub(super) fn stored(
    core: &Core,
    entry: EntryRef<'_>,
    with_vectors: bool,
) -> Result<Option<StoredAsset>, IndexError> {
    let mut stored = entry.stored()?;
    if with_vectors {
        for point in entry.points() {
            match vector(core, point)? {
                Some(vector) => stored.vectors.push(vector),
                None => return Ok(None),
            }
        }
    }
    Ok(Some(stored))
}

/// The vector of a point, from its row; `None` if the point went meanwhile.
fn vector(core: &Core, point: Point) -> Result<Option<Vec<f32>>, IndexError> {
    let key = point_offset_key(point.offset);
    let damaged = |what: String| IndexError::damaged(place(Family::Vectors, &key), what);
    match core.rocks.get(Family::Vectors, &key)? {
        Some(bytes) => decode_vector(&bytes, core.space.dim).map(Some).map_err(damaged),
        None => {
            let now = core.view();
            let is_alive = now.find(point.track, point.offset).is_some() && !now.is_dead(point.offset);
            if is_alive { Err(damaged("the vector is missing".to_owned())) } else { Ok(None) }
        }
    }
}

/// The thumbnail of a point.
pub(super) fn thumb(core: &Core, view: &View, point: &PointKey) -> Result<Option<Vec<u8>>, IndexError> {
    let found = view.asset(&point.asset).and_then(|entry| entry.find(point.track, point.ordinal));
    match found {
        Some(point) => core.rocks.get(Family::Thumbs, &point_offset_key(point.offset)),
        None => Ok(None),
    }
}

/// What a page of a scroll is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scroll<'a> {
    /// Only assets that meet this.
    pub(super) filter: Option<&'a Filter>,
    /// Only assets of a later id.
    pub(super) after: Option<&'a AssetId>,
    /// Most assets to give.
    pub(super) limit: usize,
    /// Whether vectors come along.
    pub(super) with_vectors: bool,
}

/// A page of assets in order of id.
pub(super) fn scroll(core: &Core, view: &View, ask: Scroll<'_>) -> Result<Page, IndexError> {
    let mut page = Page { assets: Vec::new(), next: None };
    let mut after = ask.after.cloned();
    let bits = ask.filter.and_then(|filter| known(core, view, filter));
    let matcher = ask.filter.map(Matcher::new);
    let meets = |asset: AssetOffset, entry: EntryRef<'_>| match (&bits, &matcher) {
        (Some(bits), _) => bits.has(asset.0),
        (None, Some(matcher)) => matcher.meets(entry),
        (None, None) => true,
    };
    loop {
        let names = view.names.after(after.as_ref(), NAMES_AT_ONCE);
        let Some((last, _)) = names.last() else { return Ok(page) };
        after = Some(last.clone());
        for (id, asset) in names {
            let Some(entry) = view.assets.get_named(asset, &id) else { continue };
            if !meets(asset, entry) {
                continue;
            }
            if page.assets.len() >= ask.limit {
                page.next = page.assets.last().map(|asset| asset.record.id.clone());
                return Ok(page);
            }
            page.assets.extend(stored(core, entry, ask.with_vectors)?);
        }
    }
}

/// Source rows below a path, in order of key.
pub(super) fn sources(core: &Core, under: &[u8]) -> Result<Vec<(SourceKey, SourceRow)>, IndexError> {
    let mut rows = BTreeMap::new();
    core.rocks.view().scan(Family::Sources, |key, value| {
        let damaged = |what: String| IndexError::damaged(place(Family::Sources, key), what);
        let source = decode_source_key(key).ok_or_else(|| damaged("the key cannot be read".to_owned()))?;
        if is_below(&source.path, under) {
            let row = SourceValue::decode(value).and_then(SourceValue::into_row).map_err(damaged)?;
            rows.insert(source, row);
        }
        Ok(())
    })?;
    Ok(rows.into_iter().collect())
}

/// Whether a path is another or lies below it; everything lies below the empty path.
fn is_below(path: &[u8], under: &[u8]) -> bool {
    let under = under.strip_suffix(b"/").unwrap_or(under);
    match path.strip_prefix(under) {
        Some(rest) => under.is_empty() || rest.is_empty() || rest.starts_with(b"/"),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn below_means_at_a_slash() {
        assert!(is_below(b"/a/b", b"/a"));
        assert!(is_below(b"/a/b", b"/a/"));
        assert!(is_below(b"/a", b"/a"));
        assert!(is_below(b"/a", b""));
        assert!(is_below(b"/a", b"/"));
        assert!(!is_below(b"/ab", b"/a"));
        assert!(!is_below(b"/a", b"/a/b"));
    }
}
