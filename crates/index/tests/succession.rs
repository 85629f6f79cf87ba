//! A collection that is made anew in another space, and assets that wait for their media.

mod common;

use std::path::Path;

use common::*;
use sensorium_index::{Database, IndexError, OpenOptions};
use sensorium_types::{Change, Modality, SpaceInfo, Track};

/// A space of other vectors, in number and in length.
fn wider() -> SpaceInfo {
    SpaceInfo::one("test", 24, "test@2")
}

fn wide(name: &str, random: &mut Random) -> Change {
    let mut asset = record(name, Modality::Image);
    asset.space_revision = wider().revision;
    let points = vec![point(Track::Image, 0, random.unit(wider().dim))];
    Change::Upsert { asset, points, source: None }
}

/// An asset of the first space that has no points in the second.
fn waiting(name: &str) -> Change {
    Change::Upsert { asset: record(name, Modality::Image), points: Vec::new(), source: None }
}

fn writer(data: &Path) -> Database {
    Database::open_tuned(data, OpenOptions::default(), eager()).expect("opens")
}

fn folders(data: &Path) -> usize {
    fs_err::read_dir(data.join("collections")).expect("lists").count()
}

#[test]
fn a_successor_is_hidden_until_it_steps_in() {
    let data = tempfile::tempdir().expect("folder");
    let mut random = Random(1);
    {
        let (database, collection) = open(data.path());
        fill(&collection, 5, &mut random);
        assert!(database.successor("default").expect("looks").is_none());
        let next = database.begin_successor("default", &wider()).expect("begins");
        next.apply(vec![wide("a", &mut random)]).expect("applies");
        assert_eq!(database.collections().expect("lists").len(), 1);
        assert_eq!(database.open_collection("default").expect("opens").expect("there").space(), space());
        assert_eq!(reader(data.path()).collections().expect("lists").len(), 1);
    }
    {
        let database = writer(data.path());
        let first = database.open_collection("default").expect("opens").expect("there");
        let changes = first.change();
        drop(first);
        let next = database.begin_successor("default", &wider()).expect("goes on");
        assert_eq!(next.count(None).expect("counts"), 1, "what was written before is there");
        next.apply(vec![wide("b", &mut random)]).expect("applies");
        drop(next);
        database.promote_successor("default", false).expect("steps in");
        let now = database.open_collection("default").expect("opens").expect("there");
        assert_eq!((now.space(), now.count(None).expect("counts")), (wider(), 2));
        assert!(now.change() > changes, "those who know a number of the first go on from it");
        assert!(now.added(changes, 9).expect("tells").assets.is_empty(), "nothing is new");
        assert_clean(&now);
        assert_eq!(folders(data.path()), 1, "the first is gone");
        let again = database.promote_successor("default", false).expect_err("nothing is left to do");
        assert!(matches!(again, IndexError::UnknownCollection { .. }));
    }
    let database = writer(data.path());
    assert_eq!(database.collections().expect("lists")[0].space, wider());
    assert!(database.verify("default").expect("walks").expect("there").is_empty());
}

#[test]
fn a_replaced_collection_that_is_held_goes_at_the_next_open() {
    let data = tempfile::tempdir().expect("folder");
    let (database, first) = open(data.path());
    fill(&first, 3, &mut Random(2));
    drop(database.begin_successor("default", &wider()).expect("begins"));
    database.promote_successor("default", false).expect("steps in");
    assert_eq!(first.count(None).expect("counts"), 3, "who holds the first keeps it");
    assert_eq!(database.collections().expect("lists").len(), 1);
    assert_eq!(folders(data.path()), 2);
    drop((first, database));
    drop(writer(data.path()));
    assert_eq!(folders(data.path()), 1);
}

#[test]
fn a_successor_of_another_space_or_half_made_is_begun_anew() {
    let data = tempfile::tempdir().expect("folder");
    let (database, first) = open(data.path());
    let next = database.begin_successor("default", &wider()).expect("begins");
    next.apply(vec![wide("a", &mut Random(3))]).expect("applies");
    drop(next);
    let other = SpaceInfo { revision: "test@3".to_owned(), ..wider() };
    let next = database.begin_successor("default", &other).expect("begins");
    assert_eq!((next.space(), next.count(None).expect("counts")), (other.clone(), 0));
    assert_eq!(folders(data.path()), 2, "one successor at a time");
    drop((next, first, database));
    // As a crash leaves it between the registration and the storage.
    for folder in fs_err::read_dir(data.path().join("collections")).expect("lists") {
        let folder = folder.expect("entry").path();
        let registration = fs_err::read_to_string(folder.join("collection.json")).expect("reads");
        if registration.contains("replaces") {
            for file in fs_err::read_dir(&folder).expect("lists") {
                let file = file.expect("entry").path();
                if !file.ends_with("collection.json") {
                    fs_err::remove_file(file).expect("removed");
                }
            }
        }
    }
    let database = writer(data.path());
    assert!(database.successor("default").expect("looks").is_none());
    assert_eq!(database.begin_successor("default", &other).expect("begins").count(None).expect("counts"), 0);
    assert_eq!(folders(data.path()), 2);
}

#[test]
fn a_successor_goes_with_its_collection() {
    let data = tempfile::tempdir().expect("folder");
    let (database, first) = open(data.path());
    drop(database.begin_successor("default", &wider()).expect("begins"));
    drop(first);
    assert!(database.drop_collection("default").expect("drops"));
    assert_eq!(folders(data.path()), 0);
    let error = database.begin_successor("default", &wider()).expect_err("nothing to succeed");
    assert!(matches!(error, IndexError::UnknownCollection { .. }));
    let error = reader(data.path()).begin_successor("default", &wider()).expect_err("only reads");
    assert!(matches!(error, IndexError::ReadOnly { .. }));
}

#[test]
fn an_asset_may_wait_without_points_and_is_found_by_all_but_vectors() {
    let data = tempfile::tempdir().expect("folder");
    let mut random = Random(4);
    let database = writer(data.path());
    let collection = database.create_or_open("default", &wider()).expect("made");
    let mut changes: Vec<Change> = (0..30).map(|at| wide(&format!("w{at:02}"), &mut random)).collect();
    changes.push(waiting("gone"));
    collection.apply(changes).expect("applies");
    let check = |collection: &sensorium_index::Collection| {
        assert_eq!(collection.count(None).expect("counts"), 31);
        assert_eq!(collection.count(Some(&filter("not nothing exists"))).expect("counts"), 31);
        assert_eq!(collection.scroll(None, None, 100, false).expect("scrolls").items.len(), 31);
        let stored = collection.get(&[id("gone")], true).expect("gets").remove(0).expect("there");
        assert!(stored.points.is_empty() && stored.vectors.is_empty());
        for (limit, exact) in [(5, false), (100, false), (100, true)] {
            let mut ask = request(Random(5).unit(wider().dim), limit);
            ask.exact = exact;
            let hits = search(collection, &ask).hits;
            assert_eq!(hits.len(), limit.min(30));
            assert!(hits.iter().all(|hit| hit.asset != id("gone")));
        }
        assert_clean(collection);
    };
    check(&collection);
    collection.seal().expect("seals");
    check(&collection);
    drop((collection, database));
    let database = writer(data.path());
    let collection = database.open_collection("default").expect("opens").expect("there");
    check(&collection);
    collection.apply(vec![wide("gone", &mut random)]).expect("applies");
    let hits = search(&collection, &request(random.unit(wider().dim), 100)).hits;
    assert_eq!(hits.len(), 31, "its points came");
    let mut bare = record("bare", Modality::Image);
    bare.space_revision = wider().revision;
    let refused = Change::Upsert { asset: bare, points: Vec::new(), source: None };
    assert!(matches!(collection.apply(vec![refused]), Err(IndexError::NoPoints { .. })));
}

#[test]
fn a_successor_steps_back_to_the_collection_that_it_keeps() {
    let data = tempfile::tempdir().expect("folder");
    let mut random = Random(9);
    let (first, second) = (random.unit(DIM), random.unit(wider().dim));
    {
        let (database, collection) = open(data.path());
        collection.apply(vec![image("a", first.clone())]).expect("applies");
        drop(collection);
        let next = database.begin_successor("default", &wider()).expect("begins");
        let mut changed = wide("a", &mut random);
        if let Change::Upsert { points, .. } = &mut changed {
            *points = vec![point(Track::Image, 0, second.clone())];
        }
        next.apply(vec![changed]).expect("applies");
        drop(next);
        database.promote_successor("default", true).expect("steps in");
    }
    let vectors = |database: &Database| {
        let collection = database.open_collection("default").expect("opens").expect("there");
        let stored = collection.get(&[id("a")], true).expect("reads").remove(0).expect("there");
        (collection.space(), stored.vectors)
    };
    for read in [true, false] {
        let database = if read { reader(data.path()) } else { writer(data.path()) };
        assert_eq!(vectors(&database), (wider(), vec![second.clone()]));
        assert_eq!(database.collections().expect("lists").len(), 1, "what is kept is hidden");
        let kept = database.kept("default").expect("looks").expect("kept");
        assert_eq!((kept.space(), kept.count(None).expect("counts")), (space(), 1));
    }
    assert_eq!(folders(data.path()), 2, "and outlives restarts");
    {
        // Begun, and left there.
        let database = writer(data.path());
        let back = database.begin_successor("default", &space()).expect("steps back");
        assert_eq!(back.count(None).expect("counts"), 1, "with what it had");
    }
    {
        let database = writer(data.path());
        assert_eq!(vectors(&database).0, wider(), "not before the end");
        let back = database.begin_successor("default", &space()).expect("goes on");
        drop(back);
        database.promote_successor("default", true).expect("steps in");
        assert_eq!(vectors(&database), (space(), vec![first.clone()]));
        assert_eq!(database.kept("default").expect("looks").expect("kept").space(), wider(), "in turn");
        assert_eq!(folders(data.path()), 2);
        let held = database.kept("default").expect("looks");
        assert!(database.drop_kept("default").expect("drops"), "it goes when nobody holds it");
        assert!(database.kept("default").expect("looks").is_none());
        drop(held);
        assert!(database.clear_replaced().expect("clears"));
        assert!(!database.drop_kept("default").expect("looks"));
        assert_eq!((folders(data.path()), vectors(&database).0), (1, space()));
    }
    {
        // A collection takes along what it keeps.
        let database = writer(data.path());
        drop(database.begin_successor("default", &wider()).expect("begins"));
        database.promote_successor("default", true).expect("steps in");
        let held = database.kept("default").expect("looks");
        assert!(matches!(database.drop_collection("default"), Err(IndexError::InUse { .. })));
        assert_eq!(vectors_space(&database), Some(wider()));
        drop(held);
        assert!(database.drop_collection("default").expect("drops"));
        assert_eq!((folders(data.path()), vectors_space(&database)), (0, None));
    }
}

fn vectors_space(database: &Database) -> Option<SpaceInfo> {
    database.open_collection("default").expect("opens").map(|collection| collection.space())
}

#[test]
fn a_step_back_that_ended_between_its_registrations_is_taken_up() {
    let data = tempfile::tempdir().expect("folder");
    let mut random = Random(10);
    {
        let (database, collection) = open(data.path());
        collection.apply(vec![image("a", random.unit(DIM))]).expect("applies");
        drop(collection);
        drop(database.begin_successor("default", &wider()).expect("begins"));
        database.promote_successor("default", true).expect("steps in");
    }
    let registrations = || {
        let folders = fs_err::read_dir(data.path().join("collections")).expect("lists");
        let file = |entry: std::io::Result<fs_err::DirEntry>| {
            entry.expect("an entry").path().join("collection.json")
        };
        folders
            .map(file)
            .map(|file| (fs_err::read_to_string(&file).expect("reads"), file))
            .collect::<Vec<_>>()
    };
    let before = registrations();
    drop(writer(data.path()).begin_successor("default", &space()).expect("steps back"));
    // The second registration, of the one that is there, was not written.
    let (text, file) =
        before.iter().find(|(text, _)| text.contains("test@2")).expect("the one that is there");
    fs_err::write(file, text).expect("writes");
    let database = writer(data.path());
    assert_eq!(vectors_space(&database), Some(wider()));
    let back = database.begin_successor("default", &space()).expect("goes on");
    assert_eq!(back.count(None).expect("counts"), 1);
    drop(back);
    database.promote_successor("default", true).expect("steps in");
    drop(database);
    let database = writer(data.path());
    assert_eq!((vectors_space(&database), folders(data.path())), (Some(space()), 2));
    assert_eq!(database.kept("default").expect("looks").expect("kept").space(), wider());
}
