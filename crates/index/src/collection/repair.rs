//! `repair`: does what the findings of `verify` say, in one batch, then reads the collection again.

use std::collections::HashSet;

use sensorium_types::{AssetId, Cancel, Problem};

use super::core::Core;
use super::load::Strictness;
use super::open::reload;
use super::verify::{Action, Finding, find};
use crate::cache_file;
use crate::error::IndexError;
use crate::storage::{
    ASSET_FILE_KEY, AssetOffset, Batch, COLUMN_FILE_KEY, Family, LOSS_KEY, META_KEY, OLD_GRAPH_KEY,
    PointOffset, PointRow, Row as _, SEGMENTS_KEY, STATE_KEY, SourceValue, asset_key, chunk_key,
    decode_offset_key, decode_point_key, hub_key, point_offset_key,
};

/// Rounds of mending: dropping an asset can bring to light what only it hid.
const ROUNDS: usize = 4;

/// Says what would be done, or does it.
pub(super) fn repair(core: &Core, dry_run: bool) -> Result<Vec<Problem>, IndexError> {
    let mut told = Vec::new();
    if dry_run {
        told.extend(find(core, &Cancel::new())?.into_iter().map(|finding| finding.problem));
        return Ok(told);
    }
    core.check_writable("repair")?;
    let _no_build = core.building.lock();
    let mut writer = core.writer.lock();
    let mut hopeless = HashSet::new();
    for _ in 0..ROUNDS {
        let found = find(core, &Cancel::new())?;
        let fresh: Vec<Finding> = found
            .into_iter()
            .filter(|finding| {
                finding.action != Action::Nothing || hopeless.insert(finding.problem.what.clone())
            })
            .collect();
        let can_mend = fresh.iter().any(|finding| finding.action != Action::Nothing);
        if can_mend {
            let mut mending = Mending { core, batch: Batch::default(), assets: HashSet::new() };
            for finding in &fresh {
                mending.take(&finding.action)?;
            }
            mending.drop_assets()?;
            // The files of assets and columns may hold what is dropped here.
            core.rocks.delete(&mut mending.batch, Family::Meta, ASSET_FILE_KEY)?;
            core.rocks.delete(&mut mending.batch, Family::Meta, COLUMN_FILE_KEY)?;
            core.rocks.write(mending.batch).inspect_err(|error| core.poison(error))?;
            core.rocks.sync().inspect_err(|error| core.poison(error))?;
            writer.written = true;
        }
        told.extend(fresh.into_iter().map(|finding| finding.problem));
        if !can_mend {
            break;
        }
    }
    reload(core, &mut writer, Strictness::Lenient)?;
    writer.mark(core)?;
    Ok(told)
}

struct Mending<'a> {
    core: &'a Core,
    batch: Batch,
    assets: HashSet<AssetOffset>,
}

impl Mending<'_> {
    fn take(&mut self, action: &Action) -> Result<(), IndexError> {
        let rocks = &self.core.rocks;
        let batch = &mut self.batch;
        match action {
            Action::DropRow(family, key) => rocks.delete(batch, *family, key),
            Action::DropAsset(asset) => {
                self.assets.insert(*asset);
                Ok(())
            }
            Action::PutId(id, asset) => {
                rocks.put(batch, Family::Ids, id.as_str().as_bytes(), &asset_key(*asset))
            }
            Action::PutState(state) => {
                batch.counts_from(state.operations);
                rocks.put(batch, Family::Sys, STATE_KEY, &state.encode()?)
            }
            Action::PutMeta(meta) => rocks.put(batch, Family::Meta, META_KEY, &meta.encode()?),
            Action::DropGraph => {
                rocks.delete(batch, Family::Meta, OLD_GRAPH_KEY)?;
                rocks.delete(batch, Family::Meta, SEGMENTS_KEY)?;
                rocks.delete_range(batch, Family::Graph, &chunk_key(0, 0), &chunk_key(u64::MAX, 0))
            }
            Action::DropFile(path) => {
                cache_file::remove(path);
                Ok(())
            }
            Action::ForgetLoss => {
                *self.core.loss.lock() = None;
                rocks.delete(batch, Family::Sys, LOSS_KEY)
            }
            Action::Nothing => Ok(()),
        }
    }

    /// Takes the assets away with everything that hangs on them. Their vectors stay as tombs would: a graph may be
    /// walked across them, so the graph goes too.
    fn drop_assets(&mut self) -> Result<(), IndexError> {
        if self.assets.is_empty() {
            return Ok(());
        }
        self.take(&Action::DropGraph)?;
        let Self { core, batch, assets } = self;
        let rocks = &core.rocks;
        let view = rocks.view();
        view.scan(Family::Points, |key, value| match decode_point_key(key) {
            Some((asset, _, _)) if assets.contains(&asset) => {
                rocks.delete(batch, Family::Points, key)?;
                let Ok(row) = PointRow::decode(value) else { return Ok(()) };
                let point = PointOffset(row.offset);
                let offset = point_offset_key(point);
                rocks.delete(batch, Family::Meta, &hub_key(point))?;
                rocks.delete(batch, Family::Thumbs, &offset)?;
                rocks.delete(batch, Family::Vectors, &offset)
            }
            Some(_) | None => Ok(()),
        })?;
        let mut ids: HashSet<AssetId> = HashSet::new();
        view.scan(Family::Ids, |key, value| {
            if decode_offset_key(value).is_some_and(|asset| assets.contains(&AssetOffset(asset))) {
                rocks.delete(batch, Family::Ids, key)?;
                let id = std::str::from_utf8(key).ok().and_then(|id| AssetId::new(id).ok());
                ids.extend(id);
            }
            Ok(())
        })?;
        view.scan(Family::Sources, |key, value| {
            let value = SourceValue::decode(value);
            let orphan = value.is_ok_and(|value| value.asset().is_some_and(|asset| ids.contains(asset)));
            if orphan { rocks.delete(batch, Family::Sources, key) } else { Ok(()) }
        })?;
        for asset in assets.iter() {
            rocks.delete(batch, Family::Assets, &asset_key(*asset))?;
        }
        Ok(())
    }
}
