//! [`Making`]: how a file of assets is written; `file.rs` says what is in it.

use std::path::Path;

use sensorium_kernels::as_bytes;
use sensorium_types::{HubValues, Span};

use super::entry::EntryRef;
use super::file::{Head, KIND, path};
use super::name_keys::NameKeys;
use super::sets::ModalitySet;
use super::table::AssetTable;
use crate::cache_file::{CacheWriter, check_room};
use crate::error::IndexError;
use crate::storage::{AssetFileRow, AssetOffset, PointOffset, modality_code};

/// What failed, for people.
const ACTION: &str = "write the file of assets";
/// Bytes of an asset's row and its points, about, to ask whether the disk has room.
const ROOM_BYTES: u64 = 1024;

/// What a file is made of.
#[derive(Debug)]
pub(crate) struct Making<'a, V> {
    /// The assets.
    pub(crate) table: &'a AssetTable,
    /// The change after which they are so.
    pub(crate) operation: u64,
    /// The bank of the hub values, and those of each point; none where some are missing.
    pub(crate) hubs: Option<(u64, V)>,
}

/// Numbers of a file in the making.
#[derive(Debug, Default)]
struct Columns {
    row_starts: Vec<u64>,
    source_starts: Vec<u64>,
    assets: Vec<u32>,
    modalities: Vec<u8>,
    point_starts: Vec<u32>,
    points: Vec<u32>,
    tracks: Vec<u8>,
    ordinals: Vec<u32>,
    span_kinds: Vec<u8>,
    spans: Vec<u64>,
    hubs: Vec<f32>,
}

impl<V: Fn(PointOffset) -> HubValues> Making<'_, V> {
    /// Writes the file; gives what names it.
    ///
    /// # Errors
    /// If the disk has no room, or the file cannot be written; nothing is left of it then.
    pub(crate) fn write(&self, collection: &Path) -> Result<AssetFileRow, IndexError> {
        check_room(collection, self.table.len() as u64 * ROOM_BYTES, ACTION)?;
        let failed = |error| IndexError::file(ACTION, error);
        let mut file = CacheWriter::create(path(collection, self.operation)).map_err(failed)?;
        let mut columns = Columns::default();
        let mut names = Vec::with_capacity(self.table.len());
        let (mut at, mut row) = (0, 0_u32);
        columns.row_starts.push(at);
        for (asset, entry) in self.table.iter(ModalitySet::ALL) {
            let bytes = entry.row_bytes()?;
            file.write(&bytes).map_err(failed)?;
            at += bytes.len() as u64;
            columns.row_starts.push(at);
            names.push((entry.id(), row));
            row += 1;
            self.take(&mut columns, asset, entry);
        }
        columns.point_starts.push(count(columns.points.len()));
        file.end_section().map_err(failed)?;
        self.write_sources(&mut file, &mut columns)?;
        names.sort_unstable();
        let (names, by_name): (Vec<&str>, Vec<u32>) = names.into_iter().unzip();
        let name_keys = NameKeys::of(&names);
        let parts: [&[u8]; 13] = [
            as_bytes(&columns.row_starts),
            as_bytes(&columns.source_starts),
            as_bytes(&columns.assets),
            &columns.modalities,
            as_bytes(&by_name),
            as_bytes(&columns.point_starts),
            as_bytes(&columns.points),
            &columns.tracks,
            as_bytes(&columns.ordinals),
            &columns.span_kinds,
            as_bytes(&columns.spans),
            as_bytes(&columns.hubs),
            as_bytes(&name_keys),
        ];
        parts.iter().try_for_each(|part| file.section(part)).map_err(failed)?;
        let head = Head {
            operation: self.operation,
            assets: columns.assets.len() as u64,
            points: columns.points.len() as u64,
            bank: self.hubs.as_ref().map(|(bank, _)| *bank),
        };
        let checksum = file.finish(&KIND, &head).map_err(failed)?;
        Ok(AssetFileRow { operation: self.operation, checksum })
    }

    fn take(&self, columns: &mut Columns, asset: AssetOffset, entry: EntryRef<'_>) {
        columns.assets.push(asset.0);
        columns.modalities.push(modality_code(entry.modality()));
        columns.point_starts.push(count(columns.points.len()));
        for point in entry.points() {
            columns.points.push(point.offset.0);
            columns.tracks.push(point.track.code());
            columns.ordinals.push(point.ordinal);
            let (kind, span) = span_numbers(point.span);
            columns.span_kinds.push(kind);
            columns.spans.extend(span);
            if let Some((_, values)) = &self.hubs {
                columns.hubs.extend(values(point.offset).0);
            }
        }
    }

    fn write_sources(&self, file: &mut CacheWriter, columns: &mut Columns) -> Result<(), IndexError> {
        let failed = |error| IndexError::file(ACTION, error);
        let mut at = 0;
        columns.source_starts.push(at);
        for (_, entry) in self.table.iter(ModalitySet::ALL) {
            let sources = entry.sources();
            if !sources.is_empty() {
                let bytes = postcard::to_stdvec(&sources).map_err(|error| IndexError::Bug {
                    what: format!("the sources of an asset cannot be encoded: {error}"),
                })?;
                file.write(&bytes).map_err(failed)?;
                at += bytes.len() as u64;
            }
            columns.source_starts.push(at);
        }
        file.end_section().map_err(failed)
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn span_numbers(span: Option<Span>) -> (u8, [u64; 2]) {
    match span {
        None => (0, [0; 2]),
        Some(Span::Time { start_ms, end_ms }) => (1, [start_ms, end_ms]),
        Some(Span::Chars { from, to }) => (2, [from, to]),
    }
}
