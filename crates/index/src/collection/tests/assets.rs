//! The file of assets: what is read from it, what it is not trusted with, and damage.

use super::*;
use crate::storage::{ASSET_FILE_KEY, NOTED_KEY, NotedRow, changed_range};

fn tuning_with_file() -> Tuning {
    Tuning { asset_file_changes: 10, ..tuning() }
}

fn open(data: &Path) -> (Database, Arc<Collection>) {
    let database = Database::open_tuned(data, OpenOptions::default(), tuning_with_file()).expect("opens");
    let collection = collection(&database);
    (database, collection)
}

/// The newest file of assets.
fn file_of(folder: &Path) -> Option<PathBuf> {
    let files = fs_err::read_dir(folder.join("assets")).ok()?.flatten().map(|entry| entry.path());
    let files = files.filter(|path| path.extension().is_some_and(|end| end == "assets"));
    files.max_by_key(|path| path.file_stem()?.to_str()?.parse::<u64>().ok())
}

fn delete(number: u32) -> Change {
    Change::Delete { asset: AssetId::new(&name(number)).expect("valid") }
}

/// A closed collection with a file of assets and a few changes since, and its folder.
fn stored(data: &Path) -> PathBuf {
    let (database, collection) = open(data);
    collection.apply((0..ASSETS).map(change).collect()).expect("applies");
    collection.seal().expect("seals");
    collection.apply(vec![change(7), change(ASSETS), delete(3), delete(4), delete(ASSETS)]).expect("applies");
    assert_eq!(collection.core.view().assets.changed(), 4);
    assert_eq!(collection.verify().expect("walks"), []);
    let info = database.collections().expect("lists").remove(0);
    data.join("collections").join(info.uuid)
}

/// All that readers can see of a collection.
fn everything(collection: &Collection) -> String {
    let page = collection.scroll(None, None, usize::MAX, true).expect("scrolls");
    let points: Vec<_> = (0..ASSETS + 2)
        .map(|number| {
            let asset = AssetId::new(&name(number)).expect("valid");
            sensorium_types::PointKey { asset, track: Track::Image, ordinal: 0 }
        })
        .collect();
    let thumbs = collection.thumbs(&points).expect("reads");
    let sources = collection.sources(b"", None, usize::MAX).expect("reads").items;
    let stats = collection.stats().expect("counts");
    let stats = (stats.assets, stats.points, stats.sources_indexed, stats.sources_failed);
    let paths =
        collection.count(Some(&"path = \"/r/8\" or year > 3".parse().expect("a filter"))).expect("counts");
    let search = search(collection, 500);
    format!("{page:?} {thumbs:?} {stats:?} {paths} {search:?} {sources:?}")
}

fn from_file(collection: &Collection) -> bool {
    collection.core.view().assets.file().is_some()
}

#[test]
fn a_collection_from_its_file_is_that_from_its_rows() {
    let data = tempfile::tempdir().expect("folder");
    let folder = stored(data.path());
    let (database, collection) = open(data.path());
    assert!(from_file(&collection));
    let right = everything(&collection);
    assert!(right.contains("asset 119") && !right.contains("asset 003"));
    drop((collection, database));
    tamper(&folder, |rocks, batch| rocks.delete(batch, Family::Meta, ASSET_FILE_KEY).expect("deletes"));
    let (_database, collection) = open(data.path());
    assert!(!from_file(&collection));
    assert_eq!(everything(&collection), right);
}

#[test]
fn a_file_that_is_damaged_cut_or_gone_is_not_used_and_written_anew() {
    let data = tempfile::tempdir().expect("folder");
    let folder = stored(data.path());
    let right = everything(&open(data.path()).1);
    for round in 0..24_usize {
        let file = file_of(&folder).expect("a file");
        let whole = fs_err::read(&file).expect("reads");
        let mut bytes = whole.clone();
        let at = whole.len() * round / 24;
        match round % 4 {
            0 => bytes.truncate(at),
            1 => bytes.get_mut(at..).expect("inside").fill(0),
            _ => bytes[at] ^= 1 << (round % 8),
        }
        fs_err::remove_file(&file).expect("removes");
        if round > 0 {
            fs_err::write(&file, &bytes).expect("writes");
        }
        let (_database, collection) = open(data.path());
        let is_damaged = bytes != whole || round == 0;
        assert_eq!(from_file(&collection), !is_damaged, "round {round}");
        assert_eq!(everything(&collection), right, "round {round}");
        collection.seal().expect("seals");
        assert_eq!(collection.verify().expect("walks"), [], "round {round}");
        assert_eq!(everything(&collection), right, "round {round}");
    }
}

#[test]
fn verify_names_a_damaged_file_and_repair_drops_it() {
    let data = tempfile::tempdir().expect("folder");
    let folder = stored(data.path());
    let file = file_of(&folder).expect("a file");
    let mut bytes = fs_err::read(&file).expect("reads");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs_err::remove_file(&file).expect("removes");
    fs_err::write(&file, &bytes).expect("writes");
    // One who does not write it anew at once.
    let database = database(data.path());
    let collection = collection(&database);
    let problems = collection.verify().expect("walks");
    assert!(matches!(&problems[..], [one] if one.place.ends_with(".assets")), "{problems:?}");
    let right = everything(&collection);
    drop(collection);
    assert_eq!(database.repair("default", false).expect("repairs").expect("there").len(), 1);
    assert_eq!(database.verify("default").expect("walks").expect("there"), []);
    assert!(file_of(&folder).is_none());
    drop(database);
    assert_eq!(everything(&open(data.path()).1), right);
}

#[test]
fn what_somebody_changed_without_a_note_is_seen() {
    let data = tempfile::tempdir().expect("folder");
    let folder = stored(data.path());
    // As a program does that knows no file of assets: the row is dropped, the counter goes on.
    tamper(&folder, |rocks, batch| {
        let state = rocks.get(Family::Sys, crate::storage::STATE_KEY).expect("reads").expect("there");
        let state = crate::storage::StateRow::decode(&state).expect("decodes");
        let state = crate::storage::StateRow { operations: state.operations + 1, ..state };
        rocks
            .put(batch, Family::Sys, crate::storage::STATE_KEY, &state.encode().expect("encodes"))
            .expect("puts");
        let asset = AssetOffset(10);
        let id = name(10);
        rocks.delete(batch, Family::Assets, &asset_key(asset)).expect("deletes");
        rocks.delete(batch, Family::Ids, id.as_bytes()).expect("deletes");
        rocks.delete(batch, Family::Points, &point_key(asset, Track::Image, 0)).expect("deletes");
        rocks.delete(batch, Family::Thumbs, &point_offset_key(PointOffset(10))).expect("deletes");
        let tomb = crate::storage::TombRow { operation: 1 }.encode().expect("encodes");
        rocks.put(batch, Family::Tomb, &point_offset_key(PointOffset(10)), &tomb).expect("puts");
        let source = SourceKey { root: b"/r".to_vec(), path: b"/r/10".to_vec() };
        rocks.delete(batch, Family::Sources, &crate::storage::source_key(&source)).expect("deletes");
    });
    let (_database, collection) = open(data.path());
    assert!(!from_file(&collection));
    assert_eq!(collection.verify().expect("walks"), []);
    assert!(!everything(&collection).contains(&name(10)));
    // From here on changes are noted again.
    collection.apply(vec![change(11)]).expect("applies");
    collection.seal().expect("seals");
    let right = everything(&collection);
    drop((collection, _database));
    let (_database, collection) = open(data.path());
    assert!(from_file(&collection));
    assert_eq!(everything(&collection), right);
}

#[test]
fn a_collection_of_a_program_that_noted_nothing_gets_its_file() {
    let data = tempfile::tempdir().expect("folder");
    let folder = stored(data.path());
    tamper(&folder, |rocks, batch| {
        rocks.delete(batch, Family::Meta, ASSET_FILE_KEY).expect("deletes");
        rocks.delete(batch, Family::Meta, NOTED_KEY).expect("deletes");
        let (from, to) = changed_range(0, u64::MAX);
        rocks.delete_range(batch, Family::Meta, &from, &to).expect("deletes");
    });
    let (database, collection) = open(data.path());
    let right = everything(&collection);
    collection.seal().expect("seals");
    drop((collection, database));
    let (_database, collection) = open(data.path());
    assert!(from_file(&collection));
    assert_eq!(everything(&collection), right);
}

#[test]
fn notes_go_with_the_file_that_holds_what_they_say() {
    let data = tempfile::tempdir().expect("folder");
    let folder = stored(data.path());
    let notes = || {
        let memory = SharedMemory::new(MemoryBudget::default());
        let rocks = Rocks::open(&folder, Access::Write, Recovery::Strict, &memory).expect("opens");
        let (from, to) = changed_range(0, u64::MAX);
        let mut count = 0;
        let view = rocks.view();
        view.scan_range(Family::Meta, &from, Some(&to), |_, _| {
            count += 1;
            Ok(())
        })
        .expect("reads");
        let noted = rocks.get(Family::Meta, NOTED_KEY).expect("reads").expect("there");
        (count, NotedRow::decode(&noted).expect("decodes").operation)
    };
    assert_eq!(notes(), (5, u64::from(ASSETS) + 5));
    let (database, collection) = open(data.path());
    let old = file_of(&folder).expect("a file");
    collection.seal().expect("seals");
    assert_eq!(collection.core.view().assets.changed(), 0);
    assert!(old.exists(), "a reader may be about to open it");
    collection.apply(vec![change(1)]).expect("applies");
    collection.seal().expect("seals");
    assert!(!old.exists());
    drop((collection, database));
    assert_eq!(notes(), (0, u64::from(ASSETS) + 6));
    drop(open(data.path()));
    assert_eq!(fs_err::read_dir(folder.join("assets")).expect("lists").count(), 1);
}

#[test]
fn many_changes_write_the_file_anew_in_the_background() {
    let data = tempfile::tempdir().expect("folder");
    let (_database, collection) = open(data.path());
    for number in 0..200 {
        collection.apply(vec![change(number)]).expect("applies");
    }
    let view = || collection.core.view();
    for _ in 0..6000 {
        if view().assets.changed() < 25 && from_file(&collection) {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    assert!(from_file(&collection) && view().assets.changed() < 25, "{}", view().assets.changed());
    assert_eq!(collection.verify().expect("walks"), []);
    assert_eq!(view().assets.len(), 200);
    let page = collection.scroll(None, None, usize::MAX, false).expect("scrolls");
    assert_eq!(page.items.len(), 200);
}
