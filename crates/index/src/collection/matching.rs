//! Who meets a filter: from columns where its fields have them, else one by one. The job that makes columns.
//!
//! ```text
//! filter ─► usage ─► a field without a column, or much changed ─► job: view ─► columns ─► next view
//!    └────► columns ─► sure ──────────────────────────────┐
//!                 └──► open, and what changed ─► Matcher ─┴─► who meets it
//! ```
//!
//! The job takes the writer's lock to begin and to put columns to use, and holds no lock between. Commits note the assets
//! that they touch meanwhile (`columns/set.rs`), so an answer is right before, during and after it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use parking_lot::Mutex;
use roaring::RoaringBitmap;
use sensorium_types::{Cancel, Filter};

use super::column_files;
use super::core::Core;
use super::fields::{FieldReader, Matcher};
use super::job::Job;
use super::select::check;
use super::task::{Task, start};
use super::view::View;
use crate::assets::ModalitySet;
use crate::columns::{Answer, Bits, Column, ColumnBuilder, Columns, Estimate, Parts, Usage, most_bytes};
use crate::error::IndexError;
use crate::storage::AssetOffset;

/// Assets between two looks at whether the caller, or the collection, has gone.
pub(super) const LOOK_EVERY: usize = 1024;

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

/// What a collection keeps for its columns beside its views.
#[derive(Debug, Default)]
pub(crate) struct ColumnJob {
    usage: Usage,
    /// Makes them.
    pub(super) job: Job,
    /// Held while some are made.
    making: Mutex<()>,
    /// The change and the fields of the columns in the file in use, if this process wrote it.
    pub(super) kept: Mutex<Option<(u64, Vec<String>)>>,
}

impl ColumnJob {
    /// Whether the column of an indexed field did not fit.
    pub(super) fn is_too_large(&self, field: &str) -> bool {
        self.usage.is_too_large(field)
    }
}

static TASK: Task = Task {
    name: "index-columns",
    job: |core| &core.columns.job,
    run: make,
    // A filter that comes while some are made starts no other run.
    is_due,
};

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
        return settle(view, asked);
    }
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
    if note(core, view, filter).0 { settle(view, asked).ok().map(|met| met.assets) } else { None }
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
        start(core, &TASK);
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

/// Starts the job if indexed fields lack their columns, or columns are to be carried forward. Called when a collection is opened
/// and after commits.
pub(super) fn consider(core: &Core) {
    let view = core.view();
    let lacks = || view.indexed.fields.iter().any(|field| !view.columns.columns().has(field));
    // Those who only read are gone soon: they make what they ask for.
    if !core.read_only && !core.lenient && (is_behind(core, &view) || (lacks() && is_due(core))) {
        start(core, &TASK);
    }
}

/// Whether columns are to be carried forward.
fn is_behind(core: &Core, view: &View) -> bool {
    let is_idle = || !view.indexed.fields.is_empty() && view.columns.is_far_behind();
    (view.columns.is_stale() && core.columns.usage.is_in_use()) || is_idle()
}

/// Whether columns are to be made.
fn is_due(core: &Core) -> bool {
    let view = core.view();
    let ends = core.closing.load(Ordering::Relaxed) || core.is_poisoned();
    let lacking = || {
        let has = |field: &str| view.columns.columns().has(field);
        !core.columns.usage.wanted(&view.indexed.fields, has).is_empty()
    };
    !ends && (lacking() || is_behind(core, &view))
}

/// Makes the columns that are due, or chooses them anew in any case; they are in use when this returns.
pub(super) fn make_due(core: &Core, in_any_case: bool) {
    if in_any_case || is_due(core) {
        make(core);
    }
}

/// Makes columns and puts them to use.
fn make(core: &Core) {
    let _one_at_a_time = core.columns.making.lock();
    let view = begin(core);
    let next = next_columns(core, &view);
    put(core, next);
    column_files::keep(core);
}

/// The view that columns are made of. What changes from now on is noted.
fn begin(core: &Core) -> View {
    let mut writer = core.writer.lock();
    writer.view.columns.begin();
    writer.view.clone()
}

/// Puts columns to use.
fn put(core: &Core, next: Option<Arc<Columns>>) {
    let mut writer = core.writer.lock();
    // After a failed write the writer's view has what is not on disk; readers must not see it.
    if let Some(next) = next.filter(|_| !core.is_poisoned())
        && writer.view.columns.install(&next)
    {
        core.publish(writer.view.clone());
    } else {
        writer.view.columns.abandon();
    }
}

/// Columns of a view; `None` if the collection closes.
fn next_columns(core: &Core, view: &View) -> Option<Arc<Columns>> {
    let (before, changed) = (view.columns.columns(), view.columns.changed());
    let usage = &core.columns.usage;
    let indexed = &view.indexed.fields;
    let wanted = usage.wanted(indexed, |field| before.has(field));
    let closing = || core.closing.load(Ordering::Relaxed);
    let made = made(view, &wanted, usage, closing)?;
    let mut sizes: Vec<_> = made.iter().map(|(field, column)| (field.clone(), column.bytes())).collect();
    let kept: Vec<_> = before.sizes().map(|(field, bytes)| (field.to_owned(), bytes)).collect();
    sizes.sort();
    let chosen = usage.choose(indexed, &kept, &sizes);
    let made = made.into_iter().filter(|(field, _)| chosen.contains(field)).collect();
    let kept = kept.into_iter().filter(|(field, _)| chosen.contains(field));
    let fresh = kept.map(|(field, _)| {
        let builder = of_changed(view, changed, &field);
        (field, builder)
    });
    let parts = Parts { fresh: fresh.collect(), made };
    let all = view.assets.iter(ModalitySet::ALL).map(|(asset, _)| asset.0).collect();
    Some(Arc::new(before.next(all, view.state.operations, changed, parts)))
}

/// Columns of fields over all assets.
fn made(
    view: &View,
    fields: &[String],
    usage: &Usage,
    closing: impl Fn() -> bool,
) -> Option<BTreeMap<String, Column>> {
    let mut builders: Vec<_> =
        fields.iter().map(|field| (field, FieldReader::new(field), ColumnBuilder::default())).collect();
    for (number, (asset, entry)) in view.assets.iter(ModalitySet::ALL).enumerate() {
        if builders.is_empty() {
            break;
        }
        if number % LOOK_EVERY == 0 {
            if closing() {
                return None;
            }
            builders.retain(|(field, _, builder)| {
                let is_indexed = view.indexed.has(field);
                let fits = builder.bytes() <= most_bytes(is_indexed);
                if !fits {
                    usage.refuse(field, is_indexed);
                }
                fits
            });
        }
        for (_, reader, builder) in &mut builders {
            reader.read(asset.0, entry, builder);
        }
    }
    Some(builders.into_iter().map(|(field, _, builder)| (field.clone(), builder.finish())).collect())
}

/// What the assets that changed now are.
fn of_changed(view: &View, changed: &RoaringBitmap, field: &str) -> ColumnBuilder {
    let mut builder = ColumnBuilder::default();
    let reader = FieldReader::new(field);
    for asset in changed {
        if let Some(entry) = view.assets.get(AssetOffset(asset)) {
            reader.read(asset, entry, &mut builder);
        }
    }
    builder
}

#[cfg(test)]
mod tests {
    use sensorium_types::{AssetId, Change, Payload, SpaceInfo};

    use super::*;
    use crate::collection::tests::image_of;
    use crate::{Collection, Database, OpenOptions};

    fn asset(number: u32, year: u32) -> Change {
        let mut facts = Payload::new();
        facts.set("year", year);
        image_of(number, facts, vec![1.0, 0.0])
    }

    fn delete(number: u32) -> Change {
        Change::Delete { asset: AssetId::new(&number.to_string()).expect("valid") }
    }

    fn count(collection: &Collection, filter: &str) -> u64 {
        collection.count(Some(&filter.parse().expect("a filter"))).expect("counts")
    }

    #[test]
    fn what_changes_while_a_column_is_made_counts_at_once_and_afterwards() {
        let data = tempfile::tempdir().expect("folder");
        let database = Database::open(data.path(), OpenOptions::default()).expect("opens");
        let space = SpaceInfo { id: "test".to_owned(), dim: 2, revision: "1".to_owned() };
        let collection = database.create_or_open("default", &space).expect("opens");
        collection.apply((0..500).map(|number| asset(number, 2000 + number % 2)).collect()).expect("applies");
        let core = &collection.core;
        // The job is run by hand.
        core.columns.job.hold();
        let counts = || (count(&collection, "year = 2000"), count(&collection, "not year = 2000"));
        assert_eq!(counts(), (250, 250));
        let view = begin(core);
        collection.apply(vec![asset(0, 2001), delete(1), asset(500, 2000)]).expect("applies");
        assert_eq!(counts(), (250, 250));
        let next = next_columns(core, &view);
        collection.apply(vec![asset(2, 2001), delete(500), delete(3)]).expect("applies");
        assert_eq!(counts(), (248, 250));
        assert!(collection.column_fields().is_empty());
        put(core, next);
        assert_eq!(collection.column_fields(), ["year"]);
        assert_eq!(counts(), (248, 250));
        assert_eq!(core.view().columns.changed().iter().collect::<Vec<_>>(), [0, 1, 2, 3, 500]);
        // Once more, carried forward.
        let view = begin(core);
        collection.apply(vec![asset(3, 2000), delete(4)]).expect("applies");
        put(core, next_columns(core, &view));
        assert_eq!(core.view().columns.changed().iter().collect::<Vec<_>>(), [4, 501]);
        assert_eq!(counts(), (248, 250));
    }

    #[test]
    fn columns_of_what_was_read_anew_meanwhile_are_not_put_to_use() {
        let data = tempfile::tempdir().expect("folder");
        let database = Database::open(data.path(), OpenOptions::default()).expect("opens");
        let space = SpaceInfo { id: "test".to_owned(), dim: 2, revision: "1".to_owned() };
        let collection = database.create_or_open("default", &space).expect("opens");
        collection.apply((0..10).map(|number| asset(number, 2000)).collect()).expect("applies");
        let core = &collection.core;
        core.columns.job.hold();
        assert_eq!(count(&collection, "year = 2000"), 10);
        let view = begin(core);
        let next = next_columns(core, &view);
        collection.repair(false).expect("repairs");
        super::super::open::reload(core, &mut core.writer.lock(), super::super::load::Strictness::Strict)
            .expect("reads");
        collection.apply(vec![delete(1)]).expect("applies");
        put(core, next);
        assert!(collection.column_fields().is_empty());
        assert_eq!(count(&collection, "year = 2000"), 9);
    }
}
