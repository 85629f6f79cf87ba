//! Reading without a query: get, thumbnails, scroll, sources.

use std::ops::ControlFlow;

use sensorium_types::{AssetId, Cancel, Cursor, Filter, Page, PointKey, SourceKey, SourceRow, StoredAsset};

use super::check::check;
use super::core::Core;
use super::fields::Matcher;
use super::load::place;
use super::matching::known;
use super::view::View;
use crate::assets::EntryRef;
use crate::columns::Bits;
use crate::error::IndexError;
use crate::storage::{
    AssetOffset, Family, PointOffset, Row as _, SourceValue, decode_source_key, decode_vector,
    key_after_root, point_offset_key, source_key,
};

/// Most assets that meet a filter and are put in order for a page; where more do, names are gone through in their order.
const FEW_MATCHES: usize = 4096;
/// Names looked at under one lock of the id map.
const NAMES_AT_ONCE: usize = 1024;

/// An asset as a reader gets it, its vectors as they were written; `None` if there is none.
///
/// # Errors
/// If its row or a vector cannot be read.
pub(super) fn stored(
    core: &Core,
    view: &View,
    id: &AssetId,
    with_vectors: bool,
) -> Result<Option<StoredAsset>, IndexError> {
    let Some(entry) = view.asset(id) else { return Ok(None) };
    if let Ok(stored) = whole(core, entry, with_vectors)? {
        return Ok(Some(stored));
    }
    // A change took the row of a vector and is not published yet: it is when who writes lets go.
    let _writer = core.writer.lock();
    let view = core.view();
    let Some(entry) = view.asset(id) else { return Ok(None) };
    let damaged = |missing: PointOffset| {
        let place = place(Family::Vectors, &point_offset_key(missing));
        IndexError::damaged(place, "the vector is missing")
    };
    whole(core, entry, with_vectors)?.map(Some).map_err(damaged)
}

/// An asset with its vectors, or the first point whose vector has no row.
fn whole(
    core: &Core,
    entry: EntryRef<'_>,
    with_vectors: bool,
) -> Result<Result<StoredAsset, PointOffset>, IndexError> {
    let mut stored = entry.stored()?;
    if with_vectors {
        for point in entry.points() {
            let key = point_offset_key(point.offset);
            let Some(bytes) = core.rocks.get(Family::Vectors, &key)? else { return Ok(Err(point.offset)) };
            let vector = decode_vector(&bytes, core.space.dim_of(point.track.content()))
                .map_err(|what| IndexError::damaged(place(Family::Vectors, &key), what))?;
            stored.vectors.push(vector);
        }
    }
    Ok(Ok(stored))
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
    /// The cursor of the page before: the id of its last asset.
    pub(super) from: Option<&'a Cursor>,
    /// Most assets to give.
    pub(super) limit: usize,
    /// Whether vectors come along.
    pub(super) with_vectors: bool,
    /// What stops it.
    pub(super) cancel: &'a Cancel,
}

/// A page of assets in order of id.
pub(super) fn scroll(core: &Core, view: &View, ask: Scroll<'_>) -> Result<Page<StoredAsset>, IndexError> {
    let mut page = Page { items: Vec::new(), next: None };
    let last = |cursor: &Cursor| {
        AssetId::new(cursor.as_str()).map_err(|_| IndexError::Cursor { cursor: cursor.as_str().to_owned() })
    };
    let mut after = ask.from.map(last).transpose()?;
    let bits = ask.filter.and_then(|filter| known(core, view, filter));
    if let Some(bits) = bits.as_ref().filter(|bits| bits.len() <= FEW_MATCHES) {
        return scroll_few(core, view, bits, (after.as_ref(), &ask));
    }
    let matcher = ask.filter.map(Matcher::new);
    let meets = |asset: AssetOffset, entry: EntryRef<'_>| match (&bits, &matcher) {
        (Some(bits), _) => bits.has(asset.0),
        (None, Some(matcher)) => matcher.meets(entry),
        (None, None) => true,
    };
    loop {
        check(ask.cancel)?;
        // Without a filter every name that is there counts, and one more tells whether there is a next page.
        let wanted = ask.limit.saturating_sub(page.items.len()).saturating_add(1);
        let most = if ask.filter.is_some() { NAMES_AT_ONCE } else { wanted.min(NAMES_AT_ONCE) };
        let names = view.names.after(after.as_ref(), most);
        let Some((last, _)) = names.last() else { return Ok(page) };
        after = Some(last.clone());
        for (id, asset) in names {
            let Some(entry) = view.assets.get_named(asset, &id) else { continue };
            if !meets(asset, entry) {
                continue;
            }
            if page.items.len() >= ask.limit {
                page.next = page.items.last().map(|asset| Cursor::new(asset.record.id.as_str()));
                return Ok(page);
            }
            page.items.extend(stored(core, view, &id, ask.with_vectors)?);
        }
    }
}

/// A page of a scroll of few assets, which are known: they are put in order, and no other is looked at.
fn scroll_few(
    core: &Core,
    view: &View,
    bits: &Bits,
    (after, ask): (Option<&AssetId>, &Scroll<'_>),
) -> Result<Page<StoredAsset>, IndexError> {
    let ids = bits.iter().filter_map(|asset| AssetId::new(view.assets.get(AssetOffset(asset))?.id()).ok());
    let mut ids: Vec<AssetId> = ids.filter(|id| after.is_none_or(|after| id > after)).collect();
    ids.sort_unstable();
    ids.dedup();
    let is_last = ids.len() <= ask.limit;
    ids.truncate(ask.limit);
    let next = ids.last().filter(|_| !is_last).map(|id| Cursor::new(id.as_str()));
    let mut items = Vec::with_capacity(ids.len());
    for id in &ids {
        check(ask.cancel)?;
        items.extend(stored(core, view, id, ask.with_vectors)?);
    }
    Ok(Page { items, next })
}

/// A page of source rows below a path, in order of key; those beside it are not looked at. A cursor is the key of the last row given.
pub(super) fn sources(
    core: &Core,
    under: &[u8],
    from: Option<&Cursor>,
    limit: usize,
) -> Result<Page<(SourceKey, SourceRow)>, IndexError> {
    let unreadable = |cursor: &Cursor| IndexError::Cursor { cursor: cursor.as_str().to_owned() };
    let last = from.map(|cursor| cursor.bytes().ok_or_else(|| unreadable(cursor))).transpose()?;
    let mut page = Page { items: Vec::new(), next: None };
    let rows = core.rocks.view();
    let mut go_on_at = Some(last.clone().unwrap_or_default());
    while let Some(begin) = go_on_at.take() {
        rows.scan_from(Family::Sources, &begin, |key, value| {
            let damaged = |what: String| IndexError::damaged(place(Family::Sources, key), what);
            if last.as_deref() == Some(key) {
                return Ok(ControlFlow::Continue(()));
            }
            let source =
                decode_source_key(key).ok_or_else(|| damaged("the key cannot be read".to_owned()))?;
            if !is_below(&source.path, under) {
                go_on_at = Some(next_below(source, under));
                return Ok(ControlFlow::Break(()));
            }
            if page.items.len() >= limit {
                page.next = page.items.last().map(|(key, _)| Cursor::of_bytes(&source_key(key)));
                return Ok(ControlFlow::Break(()));
            }
            let row = SourceValue::decode(value).and_then(SourceValue::into_row).map_err(damaged)?;
            page.items.push((source, row));
            Ok(ControlFlow::Continue(()))
        })?;
    }
    Ok(page)
}

/// Where the next row below a path may stand, behind one that does not: rows are in order of root, and in a root of path.
fn next_below(SourceKey { root, path }: SourceKey, under: &[u8]) -> Vec<u8> {
    let under = under.strip_suffix(b"/").unwrap_or(under);
    let inside = [under, b"/"].concat();
    let next = if path.as_slice() < under {
        under.to_vec()
    } else if path < inside {
        // As `a-b` stands between `a` and `a/b`.
        inside
    } else {
        return key_after_root(&root);
    };
    source_key(&SourceKey { root, path: next })
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
