//! The file of columns: what is read from it, what it is not trusted with, and damage.

use super::*;
use crate::storage::{COLUMN_FILE_KEY, ColumnFileRow};

fn open_as(data: &Path, read_only: bool) -> (Database, Arc<Collection>) {
    let tuning = Tuning { asset_file_changes: 10, ..tuning() };
    let options = OpenOptions { read_only, ..OpenOptions::default() };
    let database = Database::open_tuned(data, options, tuning).expect("opens");
    let collection = if read_only {
        database.open_collection("default").expect("opens").expect("there")
    } else {
        collection(&database)
    };
    // Filters make no columns by themselves, whenever they happen to be asked: what is made is told in each test.
    collection.core.columns.job.hold();
    (database, collection)
}

/// An image of a year, at a place.
fn image(number: u32, year: u32) -> Change {
    let Change::Upsert { mut asset, points, source } = change(number) else { unreachable!() };
    asset.facts.set("year", year);
    asset.facts.set("lat", number % 90);
    asset.facts.set("lon", 2);
    asset.facts.set("tags", serde_json::json!([format!("t{}", number % 3), number % 5, true]));
    asset.facts.set("taken", format!("20{:02}-01-01", number % 30));
    Change::Upsert { asset, points, source }
}

const FILTERS: [&str; 7] = [
    "year >= 2010",
    "year = 2003 or not year exists",
    "location within 1000 km of (30, 2)",
    "tags = \"t1\" and not tags = 2",
    "taken >= \"2012\" and taken < \"2020-06\"",
    "at least 2 of (year < 2010, tags = true, location within (10, 0) to (20, 5))",
    "path = \"/r/8\"",
];
const INDEXED: [&str; 4] = ["location", "tags", "taken", "year"];

fn counts(collection: &Collection) -> Vec<u64> {
    let count = |text: &str| collection.count(Some(&text.parse().expect("a filter"))).expect("counts");
    FILTERS.into_iter().map(count).collect()
}

/// A closed collection with a file of columns and changes since, its folder, and what filters give.
fn stored(data: &Path) -> (PathBuf, Vec<u64>) {
    let (database, collection) = open_as(data, false);
    collection.apply((0..ASSETS).map(|number| image(number, 2000 + number % 20)).collect()).expect("applies");
    collection.seal().expect("seals");
    for field in INDEXED {
        collection.index_field(field, true).expect("indexes");
    }
    let gone = AssetId::new(&name(3)).expect("valid");
    let changes = vec![image(7, 2019), image(ASSETS, 2003), Change::Delete { asset: gone }, change(5)];
    collection.apply(changes).expect("applies");
    assert_eq!(collection.verify().expect("walks"), []);
    let info = database.collections().expect("lists").remove(0);
    (data.join("collections").join(info.uuid), counts(&collection))
}

fn file_of(folder: &Path) -> Option<PathBuf> {
    let files = fs_err::read_dir(folder.join("columns")).ok()?.flatten().map(|entry| entry.path());
    files.max_by_key(|path| path.file_stem()?.to_str()?.parse::<u64>().ok())
}

#[test]
fn columns_are_there_at_once_after_a_restart_and_give_what_asking_every_asset_gives() {
    let data = tempfile::tempdir().expect("folder");
    let (folder, right) = stored(data.path());
    assert!(right.iter().all(|count| (1..u64::from(ASSETS)).contains(count)), "{right:?}");
    for read_only in [true, false] {
        let (_database, collection) = open_as(data.path(), read_only);
        assert_eq!(collection.column_fields(), INDEXED, "before any filter");
        let before = collection.stats().expect("counts").bytes_in_memory;
        assert_eq!(collection.core.view().columns.changed().len(), 4);
        assert_eq!(counts(&collection), right);
        assert!(
            collection.stats().expect("counts").bytes_in_memory > before,
            "they are read when they are asked"
        );
        assert!(collection.field_indexes().iter().all(|index| index.bytes > 0));
    }
    // Without the file every asset is asked.
    fs_err::remove_dir_all(folder.join("columns")).expect("removes");
    let (_database, beside) = open_as(data.path(), true);
    assert!(beside.column_fields().is_empty());
    assert_eq!(counts(&beside), right);
}

#[test]
fn a_damaged_file_of_columns_changes_no_answer_is_named_and_made_anew() {
    let data = tempfile::tempdir().expect("folder");
    let (folder, right) = stored(data.path());
    let file = file_of(&folder).expect("a file");
    let whole = fs_err::read(&file).expect("reads");
    for round in 0..24_usize {
        let mut bytes = whole.clone();
        let at = whole.len() * round / 24;
        match round % 3 {
            0 => bytes.truncate(at),
            1 => bytes.get_mut(at..).expect("inside").fill(0x55),
            _ => bytes[at] ^= 1 << (round % 8),
        }
        fs_err::remove_file(&file).expect("removes");
        fs_err::write(&file, &bytes).expect("writes");
        let (_database, collection) = open_as(data.path(), true);
        let problems = collection.verify().expect("walks");
        assert!(
            matches!(&problems[..], [one] if one.place.ends_with(".columns")),
            "round {round}: {problems:?}"
        );
        assert_eq!(counts(&collection), right, "round {round}");
    }
    let (database, collection) = open_as(data.path(), false);
    drop(collection);
    assert_eq!(database.repair("default", false).expect("repairs").expect("there").len(), 1);
    drop(database);
    let (_database, collection) = open_as(data.path(), false);
    collection.seal().expect("seals");
    collection.index_field("year", true).expect("is indexed");
    assert_eq!(counts(&collection), right);
    collection.apply(vec![image(9, 2001)]).expect("applies");
    collection.seal().expect("seals");
    let right = counts(&collection);
    assert_eq!(collection.verify().expect("walks"), []);
    drop((collection, _database));
    let (_database, collection) = open_as(data.path(), true);
    let fields = collection.column_fields();
    assert!(INDEXED.iter().all(|field| fields.iter().any(|known| known == field)), "{fields:?}");
    assert_eq!(counts(&collection), right);
}

#[test]
fn columns_follow_the_file_of_assets_and_older_ones_are_not_used() {
    let data = tempfile::tempdir().expect("folder");
    let (folder, _) = stored(data.path());
    let old = file_of(&folder).expect("a file");
    let bytes = fs_err::read(&old).expect("reads");
    let memory = || SharedMemory::new(MemoryBudget::default());
    let row = || {
        let rocks = Rocks::open(&folder, Access::Write, Recovery::Strict, &memory()).expect("opens");
        rocks.get(Family::Meta, COLUMN_FILE_KEY).expect("reads").expect("there")
    };
    let before = row();
    let right = {
        let (_database, collection) = open_as(data.path(), false);
        collection.apply((0..40).map(|number| image(number, 2015)).collect()).expect("applies");
        collection.seal().expect("seals");
        assert_eq!(collection.core.view().columns.changed().len(), 0, "they were carried forward");
        counts(&collection)
    };
    assert_ne!(row(), before);
    assert_ne!(file_of(&folder), Some(old.clone()));
    {
        let (_database, collection) = open_as(data.path(), true);
        assert_eq!(
            (collection.column_fields(), counts(&collection)),
            (INDEXED.map(str::to_owned).into(), right.clone())
        );
    }
    // As if the program had died between the file of assets and that of columns.
    fs_err::write(&old, &bytes).expect("writes");
    tamper(&folder, |rocks, batch| rocks.put(batch, Family::Meta, COLUMN_FILE_KEY, &before).expect("puts"));
    assert!(ColumnFileRow::decode(&before).is_ok());
    let (_database, collection) = open_as(data.path(), true);
    assert!(collection.column_fields().is_empty(), "what changed since is not known any more");
    assert_eq!(counts(&collection), right);
}
