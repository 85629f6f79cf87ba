//! Who meets a filter: from columns where its fields have them, else one by one.
//!
//! ```text
//! filter ─► usage ─► a field without a column, or much changed ─► column_making.rs
//!    └────► columns ─► sure ──────────────────────────────┐
//!                 └──► open, and what changed ─► Matcher ─┴─► who meets it
//! ```

use sensorium_types::{Cancel, Filter};

use super::check::{LOOK_EVERY, check};
use super::column_making;
use super::core::Core;
use super::fields::Matcher;
use super::view::View;
use crate::assets::ModalitySet;
use crate::columns::{Answer, Bits, Estimate};
use crate::error::IndexError;
use crate::storage::AssetOffset;

/// What is asked of a filter.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) filter: &'a Filter,
    /// Of assets of other modalities nothing is said.
    pub(super) modalities: ModalitySet,
    /// What stops it.
    pub(super) cancel: &'a Cancel,
}

/// Who meets a filter.
#[derive(Debug, Default)]
pub(super) struct Met {
    pub(super) assets: Bits,
    /// How many assets were asked one by one.
    pub(super) asked: usize,
}

/// Assets that meet a filter, also those without points.
///
/// # Cost
/// With columns, what `Columns::ask` costs and half a microsecond for each asset that is open or has changed since;
/// without, that for every asset of the modalities.
///
/// # Errors
/// If it was cancelled.
pub(super) fn matching(core: &Core, view: &View, asked: Asked<'_>) -> Result<Met, IndexError> {
    if note(core, view, asked.filter).1 {
        core.columns.hit();
        return settle(view, asked);
    }
    core.columns.miss();
    let matcher = Matcher::new(asked.filter);
    let mut met = Met::default();
    for (asset, entry) in view.assets.iter(asked.modalities) {
        if met.asked.is_multiple_of(LOOK_EVERY) {
            check(asked.cancel)?;
        }
        met.asked += 1;
        if matcher.meets(entry) {
            met.assets.insert(asset.0);
        }
    }
    Ok(met)
}

/// Whether any field of a filter has a column; those that lack one get it in the background.
pub(super) fn has_columns(core: &Core, view: &View, filter: &Filter) -> bool {
    note(core, view, filter).1
}

/// Assets that meet a filter, if that is known without asking them all one by one: every field has a column.
pub(super) fn known(core: &Core, view: &View, filter: &Filter) -> Option<Bits> {
    let asked = Asked { filter, modalities: ModalitySet::ALL, cancel: &Cancel::new() };
    // Nobody stops it.
    if !note(core, view, filter).0 {
        return None;
    }
    core.columns.hit();
    settle(view, asked).ok().map(|met| met.assets)
}

/// How many assets meet a filter, without asking any.
pub(super) fn estimate(view: &View, filter: &Filter) -> Estimate {
    let columns = view.columns.columns();
    if columns.is_empty() {
        return Estimate::unknown(view.assets.len());
    }
    columns.estimate(filter).after(usize::try_from(view.columns.changed().len()).unwrap_or(usize::MAX))
}

/// Takes note of a filter, and starts the job where it is due. Gives whether all, and whether any, of its fields have
/// columns.
fn note(core: &Core, view: &View, filter: &Filter) -> (bool, bool) {
    let columns = view.columns.columns();
    let fields = filter.fields();
    let lacking = core.columns.usage.note(&fields, |field| columns.has(field));
    if lacking || view.columns.is_stale() {
        column_making::begin_job(core);
    }
    let have = fields.iter().filter(|field| columns.has(field)).count();
    (have == fields.len() && have > 0, have > 0)
}

/// Asks the columns, and one by one those whom they leave open, or who changed since.
fn settle(view: &View, asked: Asked<'_>) -> Result<Met, IndexError> {
    let Answer { sure: mut met, mut open } = view.columns.columns().ask(asked.filter);
    for asset in view.columns.changed() {
        met.remove(asset);
        open.remove(asset);
    }
    let matcher = Matcher::new(asked.filter);
    let mut number = 0;
    for asset in open.iter().chain(view.columns.changed()) {
        if number % LOOK_EVERY == 0 {
            check(asked.cancel)?;
        }
        number += 1;
        let offset = AssetOffset(asset);
        if view.assets.modality(offset).meets(asked.modalities)
            && view.assets.get(offset).is_some_and(|entry| matcher.meets(entry))
        {
            met.insert(asset);
        }
    }
    Ok(Met { assets: met, asked: number })
}
