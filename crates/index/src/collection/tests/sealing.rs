//! What sealing leaves: tables past the log, nodes that points of the same vector share.

use super::super::segments::Segments;
use super::*;

#[test]
fn graphs_go_past_the_log_and_a_table_that_was_not_added_is_swept() {
    let data = tempfile::tempdir().expect("folder");
    let folder = prepared(data.path());
    let left = folder.join("table.new");
    fs_err::write(&left, b"half of a table").expect("writes");
    let database = database(data.path());
    let collection = collection(&database);
    assert!(!left.exists(), "it is swept");
    let logged = || {
        let files = fs_err::read_dir(&folder).expect("reads").map(|file| file.expect("reads"));
        let logs = files.filter(|file| file.path().extension().is_some_and(|end| end == "log"));
        logs.map(|log| log.metadata().expect("reads").len()).sum::<u64>()
    };
    collection.apply((ASSETS..ASSETS + 2000).map(change).collect()).expect("applies");
    let before = logged();
    collection.seal().expect("seals");
    let rows = collection.core.view().segment_rows().segments;
    let graph: u64 = rows.iter().map(|row| row.bytes).sum();
    let grown = logged() - before;
    assert!(grown < graph / 4, "the log grew by {grown} bytes, and the graph has {graph}");
    assert!(!left.exists(), "it is one of RocksDB's now");
    assert_eq!(search(&collection, 5).1, Plan::Graph);
}

#[test]
fn of_assets_with_the_same_vector_each_is_found_that_lives_and_meets_the_filter() {
    let data = tempfile::tempdir().expect("folder");
    let database = database(data.path());
    let collection = collection(&database);
    // Every third is the same image.
    let image = |number: u32| {
        let mut facts = Payload::new();
        facts.set("number", number);
        image_of(number, facts, vector(if number.is_multiple_of(3) { 0 } else { number }))
    };
    collection.apply((0..300).map(image).collect()).expect("applies");
    collection.seal().expect("seals");
    let gone = |number: u32| Change::Delete { asset: AssetId::new(&number.to_string()).expect("valid") };
    collection.apply((0..60).map(gone).collect()).expect("applies");
    let view = collection.core.view();
    assert!(view.all_segments().flat_map(|segments| &segments.parts).any(|part| part.sealed.has_twins()));
    drop(view);
    for (filter, matches) in [(None, 80), (Some("number >= 240"), 20), (Some("number = 177"), 1)] {
        for limit in [1, 15, 100] {
            let filter = filter.map(|filter| filter.parse().expect("a filter"));
            let request = SearchRequest { filter, ..SearchRequest::nearest(vector(0), limit) };
            let ask = |exact| {
                let request = SearchRequest { exact, ..request.clone() };
                let reply = collection.search(&request).expect("searches").remove(0);
                let same = reply.hits.iter().filter(|hit| hit.cosine > 0.9999).count();
                (reply.hits.into_iter().map(|hit| hit.asset).collect::<Vec<_>>(), same)
            };
            let (walked, exact) = (ask(false), ask(true));
            assert_eq!(walked.1, limit.min(matches));
            let same = |(assets, same): &(Vec<AssetId>, usize)| {
                assets.iter().take(*same).cloned().collect::<Vec<_>>()
            };
            assert_eq!(same(&walked), same(&exact), "{limit}");
        }
    }
}

#[test]
fn a_tail_from_which_most_is_deleted_keeps_little_and_answers_as_before() {
    let data = tempfile::tempdir().expect("folder");
    let database = database(data.path());
    let collection = collection(&database);
    let gone = |number: u32| Change::Delete { asset: AssetId::new(&name(number)).expect("valid") };
    let rows = |collection: &Collection| {
        let view = collection.core.view();
        view.all_segments().map(Segments::rows).sum::<usize>()
    };
    // One in eight stays.
    for from in (0..16_000).step_by(8) {
        collection.apply((from..from + 8).map(change).collect()).expect("applies");
        collection.apply((from + 1..from + 8).map(gone).collect()).expect("applies");
    }
    let live = 2000;
    assert!(rows(&collection) <= 2 * live + 8, "{} rows of {live} that live", rows(&collection));
    let dead = usize::try_from(collection.core.view().dead.len()).expect("few");
    assert!(dead <= rows(&collection) - live);
    let request = SearchRequest { limit: 3000, ..SearchRequest::nearest(vector(3), 1) };
    let all = |collection: &Collection| {
        let reply = collection.search(&request).expect("searches").remove(0);
        reply.hits.into_iter().map(|hit| hit.asset).collect::<Vec<_>>()
    };
    let found = all(&collection);
    assert_eq!(found.len(), live);
    assert_eq!(collection.verify().expect("walks"), []);
    // What dies while a graph is built is left to its publication.
    collection.core.writer.lock().building_below = Some(PointOffset(u32::MAX));
    let before = rows(&collection);
    collection.apply((0..16_000).step_by(8).map(gone).collect()).expect("applies");
    assert_eq!((rows(&collection), all(&collection).len()), (before, 0));
    collection.core.writer.lock().building_below = None;
    collection.apply((0..8).map(change).collect()).expect("applies");
    assert_eq!((rows(&collection), all(&collection).len()), (8, 8));
}
