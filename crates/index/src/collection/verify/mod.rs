//! `verify`: walks every row of every family, and what ties them together.
//!
//! ```text
//! meta, sys ─► assets ◄─► ids        each asset has an id, points and (if from files) sources
//!                 ▲ ▲
//!           points sources           each point has an asset and a vector
//!              ▲
//! vectors, thumbs, tomb ◄─ graph     each vector is alive or a tomb; a graph's points have vectors
//! ```
//!
//! A [`Finding`] carries what `repair` would do about it, so the two never disagree.

mod graph;
mod walk;

use std::path::PathBuf;

use sensorium_types::{AssetId, Cancel, Problem};

use super::core::Core;
use super::load::read_meta;
use crate::error::IndexError;
use crate::storage::{AssetOffset, Family, HighWater, MetaRow, StateRow};

pub(super) use walk::Walk;

/// What `repair` does about a finding.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Action {
    /// Takes a row away.
    DropRow(Family, Vec<u8>),
    /// Takes an asset away with its points, vectors, thumbnails and source rows.
    DropAsset(AssetOffset),
    /// Writes the id of an asset.
    PutId(AssetId, AssetOffset),
    /// Writes the counters.
    PutState(StateRow),
    /// Writes what the collection is.
    PutMeta(MetaRow),
    /// Drops the graphs; they are built again.
    DropGraph,
    /// Takes the file of a segment away; it is written again.
    DropFile(PathBuf),
    /// Takes note of a loss.
    ForgetLoss,
    /// Nothing can be done here.
    Nothing,
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Finding {
    /// What is told.
    pub(super) problem: Problem,
    /// What `repair` does.
    pub(super) action: Action,
}

impl Finding {
    /// A finding at a place.
    pub(super) fn new(what: impl Into<String>, place: impl Into<String>, action: Action) -> Self {
        let repair = match &action {
            Action::DropRow(..) => "drop the row".to_owned(),
            Action::DropAsset(asset) => {
                format!("drop the asset number {} with its points and sources; index its file again", asset.0)
            }
            Action::PutId(id, _) => format!("write the id {id:?} again"),
            Action::PutState(_) => "write the counters again".to_owned(),
            Action::PutMeta(_) => "write the row again from the registration".to_owned(),
            Action::DropGraph => "drop the graphs and build them again".to_owned(),
            Action::DropFile(_) => "drop the file and write it again".to_owned(),
            Action::ForgetLoss => "take note; index the media again to bring back what is missing".to_owned(),
            Action::Nothing => "none: restore the collection from a copy".to_owned(),
        };
        Self { problem: Problem { what: what.into(), place: place.into(), repair }, action }
    }
}

/// Everything that is wrong with a collection.
pub(super) fn verify(core: &Core, cancel: &Cancel) -> Result<Vec<Problem>, IndexError> {
    Ok(find(core, cancel)?.into_iter().map(|finding| finding.problem).collect())
}

/// Walks everything, as long as it is not stopped. Nothing is changed.
pub(super) fn find(core: &Core, cancel: &Cancel) -> Result<Vec<Finding>, IndexError> {
    let known = HighWater::read(&core.folder).ok().flatten().unwrap_or(0);
    // A reader's storage changes when it catches up, so that must wait; a writer walks a snapshot.
    let _still = core.read_only.then(|| core.writer.lock());
    if core.read_only {
        core.rocks.catch_up()?;
    }
    let rocks = core.rocks.view();
    let mut walk = Walk::new(&rocks, &core.space, (&core.folder, cancel));
    check_meta(core, &mut walk)?;
    walk.all();
    if let Some(stopped) = cancel.stopped() {
        return Err(IndexError::Stopped { stopped });
    }
    if core.read_only && walk.state().operations < known {
        let lost = known - walk.state().operations;
        walk.add(Finding::new(
            format!("{lost} acknowledged changes are gone: the log was cut short"),
            "write-ahead log",
            Action::ForgetLoss,
        ));
    }
    Ok(walk.finish())
}

fn check_meta(core: &Core, walk: &mut Walk<'_>) -> Result<(), IndexError> {
    let right = MetaRow::new(&core.name, &core.space);
    let what = match read_meta(&core.rocks.view(), &core.folder.display().to_string()) {
        // An earlier format is no damage: the next writer brings it to today's.
        Ok(Some(meta)) if meta.name == right.name && meta.space == right.space => return Ok(()),
        Ok(Some(_)) => "name or space differ from the registration".to_owned(),
        Ok(None) => "the row is missing".to_owned(),
        Err(error @ IndexError::NewerFormat { .. }) => return Err(error),
        Err(error) => error.to_string(),
    };
    walk.add(Finding::new(what, "meta collection", Action::PutMeta(right)));
    Ok(())
}
