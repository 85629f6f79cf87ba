//! The job that makes columns.
//!
//! ```text
//! wanted fields, or much changed ─► job: view ─► columns ─► next view ─► column_files.rs
//! ```
//!
//! The job takes the writer's lock to begin and to put columns to use, and holds no lock between. Commits note the assets
//! that they touch meanwhile (`columns/set.rs`), so an answer is right before, during and after it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use roaring::RoaringBitmap;

use super::check::LOOK_EVERY;
use super::column_files;
use super::core::Core;
use super::fields::FieldReader;
use super::task::{Task, start};
use super::view::View;
use crate::assets::ModalitySet;
use crate::columns::{Column, ColumnBuilder, Columns, Parts, Usage, most_bytes};
use crate::storage::AssetOffset;

static TASK: Task = Task {
    name: "index-columns",
    job: |core| &core.columns.job,
    run: make,
    // A filter that comes while some are made starts no other run.
    is_due,
};

/// Starts the job: a filter asked for a field that has no column, or much has changed.
pub(super) fn begin_job(core: &Core) {
    start(core, &TASK);
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

/// Brings the columns to the file of assets that was just put to use: theirs is of no use from now on.
pub(super) fn follow(core: &Core) {
    let view = core.view();
    let newest = view.assets.file().map_or(0, |file| file.operation());
    if !view.columns.columns().is_empty() && view.columns.columns().operation() < newest {
        make_due(core, true);
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
        let space = SpaceInfo::one("test", 2, "1");
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
        let space = SpaceInfo::one("test", 2, "1");
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
