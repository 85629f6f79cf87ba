//! A collection from disk into memory.
//!
//! Strict: anything that does not fit together is an error, for a row that is passed over would be a silent loss.
//! Only caches may be in doubt, files and graphs: they are dropped and made anew. `repair` alone loads leniently.
//!
//! ```text
//! stored.rs: file of assets + what changed since ─┐
//! rows.rs: assets, points, sources ───────────────┴─► assets ─┐
//! segments.rs: files, or graphs and vectors ──────────────────┴─► View
//! ```

mod rows;
mod segments;
mod stored;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use roaring::RoaringBitmap;
use sensorium_types::SpaceInfo;

use super::view::View;
use crate::error::IndexError;
use crate::storage::{
    AssetOffset, Family, INDEXED_KEY, IndexedRow, KEEP_KEY, META_KEY, MetaRow, PointOffset, RocksView, Row,
    SPACES_FORMAT, STATE_KEY, StateRow, decode_offset_key,
};

/// What is done about rows that do not fit together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Strictness {
    /// They are an error.
    Strict,
    /// They are passed over.
    Lenient,
}

/// What a collection is read for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ask<'a> {
    /// The folder of the collection.
    pub(crate) folder: &'a Path,
    /// The space of its vectors.
    pub(crate) space: &'a SpaceInfo,
    /// The bank whose hub values count; `None` where none are looked at.
    pub(crate) bank: Option<u64>,
    /// Files of segments that are larger are not compared with all of their checksums at once.
    pub(crate) checked_at_open_bytes: usize,
    /// Segments whose files were found to be damaged: they are read from their rows.
    pub(crate) distrusted: &'a [u64],
}

/// A collection read from disk.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// The collection in memory.
    pub(crate) view: View,
    /// Whether what names the segments is not what is in use.
    pub(crate) segments_differ: bool,
    /// Generations with chunks that are not in use.
    pub(crate) stray_generations: Vec<u64>,
}

/// Reads `meta/collection` and refuses formats that this program does not know.
pub(crate) fn read_meta(rocks: &RocksView<'_>, place: &str) -> Result<Option<MetaRow>, IndexError> {
    let Some(bytes) = rocks.get(Family::Meta, META_KEY)? else { return Ok(None) };
    let meta = MetaRow::decode(&bytes).map_err(|what| IndexError::damaged(format!("{place} meta"), what))?;
    check_format(u64::from(meta.format), place)?;
    Ok(Some(meta))
}

/// Refuses formats that this program does not know.
pub(crate) fn check_format(found: u64, place: &str) -> Result<(), IndexError> {
    if found == 0 || found > u64::from(SPACES_FORMAT) {
        return Err(IndexError::NewerFormat { place: place.to_owned(), found, known: SPACES_FORMAT });
    }
    Ok(())
}

/// Reads a whole collection.
pub(crate) fn load(
    rocks: &RocksView<'_>,
    ask: Ask<'_>,
    strictness: Strictness,
) -> Result<Loaded, IndexError> {
    let Ask { space, bank, .. } = ask;
    let mut loader = Loader {
        rocks,
        ask,
        space,
        strictness,
        view: View::empty(space),
        live: RoaringBitmap::new(),
        owners: HashMap::new(),
    };
    loader.view.state = loader.state()?;
    loader.view.keep = loader.meta(KEEP_KEY)?;
    loader.view.indexed = Arc::new(loader.meta::<IndexedRow>(INDEXED_KEY)?);
    // What is mended may be in the file.
    let is_stored = strictness == Strictness::Strict && loader.stored_assets()?;
    if !is_stored {
        loader.assets()?;
    }
    let found = loader.segments()?;
    if is_stored {
        loader.points_of_assets(&found.held);
    }
    loader.tombs()?;
    loader.vectors(found.segments, &found.held)?;
    if let Some(bank) = bank {
        loader.hubs(bank)?;
    }
    Ok(Loaded { view: loader.view, segments_differ: found.differ, stray_generations: found.strays })
}

struct Loader<'a> {
    rocks: &'a RocksView<'a>,
    ask: Ask<'a>,
    space: &'a SpaceInfo,
    strictness: Strictness,
    view: View,
    /// Points that are alive.
    live: RoaringBitmap,
    /// The asset and the track of each of them; of a collection from its file of assets, of those that no mapped segment has.
    owners: HashMap<PointOffset, (AssetOffset, u8)>,
}

impl Loader<'_> {
    /// An error, or nothing where the load is lenient.
    fn object(&self, family: Family, key: &[u8], what: impl Into<String>) -> Result<(), IndexError> {
        match self.strictness {
            Strictness::Strict => Err(IndexError::damaged(place(family, key), what)),
            Strictness::Lenient => Ok(()),
        }
    }

    fn state(&self) -> Result<StateRow, IndexError> {
        match self.rocks.get(Family::Sys, STATE_KEY)? {
            None => Ok(StateRow::default()),
            Some(bytes) => match StateRow::decode(&bytes) {
                Ok(state) => Ok(state),
                Err(what) => self.object(Family::Sys, STATE_KEY, what).map(|()| StateRow::default()),
            },
        }
    }

    /// A row of `meta` that is absent where nobody asked for anything.
    fn meta<R: Row + Default>(&self, key: &[u8]) -> Result<R, IndexError> {
        match self.rocks.get(Family::Meta, key)?.map(|bytes| R::decode(&bytes)) {
            None => Ok(R::default()),
            Some(Ok(row)) => Ok(row),
            Some(Err(what)) => self.object(Family::Meta, key, what).map(|()| R::default()),
        }
    }

    fn tombs(&mut self) -> Result<(), IndexError> {
        let mut dead = RoaringBitmap::new();
        self.rocks.scan(Family::Tomb, |key, _| match decode_offset_key(key) {
            Some(point) if !self.live.contains(point) => {
                dead.insert(point);
                Ok(())
            }
            Some(_) => self.object(Family::Tomb, key, "the point is alive"),
            None => self.object(Family::Tomb, key, "the key has no offset"),
        })?;
        self.view.dead = Arc::new(dead);
        Ok(())
    }
}

/// How a row is named to people.
pub(super) fn place(family: Family, key: &[u8]) -> String {
    let hex: String = key.iter().take(32).map(|byte| format!("{byte:02x}")).collect();
    format!("{} {hex}", family.name())
}
