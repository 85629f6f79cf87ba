//! What each call of a collection promises.

mod common;

use common::*;
use sensorium_index::{Database, IndexError, OpenOptions};
use sensorium_types::{
    Change, Content, ErrorKind, FailureReason, Modality, Payload, Plan, PointKey, PointRecord, ReasonKind,
    SourceRow, SourceState, SpaceInfo, SpacePart, Span, SubQuery, Track,
};

fn axis(at: usize) -> Vec<f32> {
    (0..DIM).map(|i| if i == at { 1.0 } else { 0.0 }).collect()
}

#[test]
fn what_is_written_is_read_back_also_after_reopening() {
    let data = tempfile::tempdir().expect("folder");
    let mut asset = record("video", Modality::Video);
    asset.facts.set("duration_ms", 10_000);
    asset.metadata.set("tags", serde_json::json!(["sea", "dog"]));
    let sound = PointRecord {
        span: Some(Span::Time { start_ms: 0, end_ms: 5000 }),
        thumb: Some(vec![1, 2, 3]),
        ..point(Track::Audio, 1, axis(2))
    };
    let points = vec![sound, point(Track::Video, 1, axis(1)), point(Track::Video, 0, axis(0))];
    let change = Change::Upsert {
        asset: asset.clone(),
        points,
        source: Some((source_key("a.mp4"), source_row("video"))),
    };
    let check = |collection: &sensorium_index::Collection| {
        let stored = collection.get(&[id("video"), id("none")], true).expect("reads");
        assert!(stored[1].is_none());
        let stored = stored[0].clone().expect("there");
        assert_eq!(stored.record, asset);
        let names: Vec<_> = stored.points.iter().map(|point| (point.track, point.ordinal)).collect();
        assert_eq!(names, [(Track::Video, 0), (Track::Video, 1), (Track::Audio, 1)]);
        assert_eq!(stored.points[2].span, Some(Span::Time { start_ms: 0, end_ms: 5000 }));
        assert_eq!(stored.vectors, [axis(0), axis(1), axis(2)]);
        assert_eq!(stored.paths, [b"/media/a.mp4".to_vec()]);
        let key = |track, ordinal| PointKey { asset: id("video"), track, ordinal };
        assert_eq!(collection.thumbs(&[key(Track::Audio, 1)]).expect("reads"), [Some(vec![1, 2, 3])]);
        assert_eq!(collection.thumbs(&[key(Track::Video, 0)]).expect("reads"), [None]);
        let scores =
            collection.score_assets(&[SubQuery::of(axis(1))], &[id("video"), id("none")]).expect("scores");
        let cosines: Vec<_> = scores[0].iter().map(|scored| scored.cosine).collect();
        assert_eq!(cosines, [0.0, 1.0, 0.0]);
        assert!(scores[1].is_empty());
        let reply = search(collection, &request(axis(2), 5));
        assert_eq!(reply.hits.len(), 1);
        assert_eq!((reply.hits[0].point.track, reply.hits[0].cosine), (Track::Audio, 1.0));
        assert_eq!(reply.hits[0].modality, Modality::Video);
        let mut only_picture = request(axis(2), 5);
        only_picture.queries[0].tracks = vec![Track::Video];
        let reply = search(collection, &only_picture);
        assert_eq!((reply.hits[0].point.track, reply.hits[0].cosine), (Track::Video, 0.0));
        let stats = collection.stats().expect("counts");
        assert_eq!((stats.assets, stats.points, stats.sources_indexed), (1, 3, 1));
        assert_clean(collection);
    };
    {
        let (_database, collection) = open(data.path());
        let applied = collection.apply(vec![change]).expect("applies");
        assert_eq!((applied[0].points_written, applied[0].found), (3, true));
        check(&collection);
    }
    for sealed in [false, true] {
        let (_database, collection) = open(data.path());
        assert_eq!(collection.change(), 1, "neither opening nor sealing is a commit");
        if sealed {
            collection.seal().expect("seals");
            assert_eq!(collection.stats().expect("counts").points_in_graph, Some(3));
        }
        check(&collection);
    }
}

#[test]
fn upserts_replace_and_deletes_remove() {
    let data = tempfile::tempdir().expect("folder");
    let (_database, collection) = open(data.path());
    collection.apply(vec![image("a", axis(0)), image("b", axis(1))]).expect("applies");
    collection.apply(vec![image("a", axis(2))]).expect("applies");
    let reply = search(&collection, &request(axis(2), 10));
    assert_eq!(reply.hits.iter().map(|hit| hit.asset.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(reply.hits[0].cosine, 1.0);
    let applied = collection
        .apply(vec![Change::Delete { asset: id("a") }, Change::Delete { asset: id("a") }])
        .expect("applies");
    assert_eq!((applied[0].found, applied[1].found), (true, false));
    assert_eq!(applied[0].assets_removed, [id("a")]);
    assert_eq!(collection.count(None).expect("counts"), 1);
    assert_clean(&collection);
}

#[test]
fn an_asset_from_a_file_goes_with_its_last_source() {
    let data = tempfile::tempdir().expect("folder");
    let (_database, collection) = open(data.path());
    let put = |path: &str, asset: &str| Change::PutSource { key: source_key(path), row: source_row(asset) };
    let remove =
        |paths: &[&str]| Change::RemoveSources { keys: paths.iter().map(|p| source_key(p)).collect() };
    let gone = |change: Change| {
        let applied = collection.apply(vec![change]).expect("applies");
        applied[0].assets_removed.iter().map(|id| id.as_str().to_owned()).collect::<Vec<_>>()
    };
    collection.apply(vec![file("a", "1", axis(0)), put("2", "a")]).expect("applies");
    let stored = collection.get(&[id("a")], false).expect("reads")[0].clone().expect("there");
    assert_eq!(stored.paths, [b"/media/1".to_vec(), b"/media/2".to_vec()]);
    // One of two sources goes, then the file changes into another asset.
    assert!(gone(remove(&["1"])).is_empty());
    assert_eq!(gone(file("b", "2", axis(1))), ["a"]);
    // The file becomes unreadable: its asset goes, the row stays and says why.
    let failed = SourceRow {
        bytes: 3,
        mtime_ns: 4,
        state: SourceState::failed(FailureReason::new(ReasonKind::Corrupt, "no frames"), 1),
    };
    assert_eq!(gone(Change::PutSource { key: source_key("2"), row: failed.clone() }), ["b"]);
    assert_eq!(
        collection.sources(b"/media", None, usize::MAX).expect("reads").items,
        [(source_key("2"), failed)]
    );
    // A row never points at an asset that is not there.
    let applied = collection.apply(vec![put("3", "b")]).expect("applies");
    assert!(!applied[0].found);
    // An asset of the user's own stays without sources.
    collection.apply(vec![image("own", axis(3)), put("4", "own")]).expect("applies");
    assert!(gone(remove(&["4", "4", "missing"])).is_empty());
    assert_eq!(collection.count(None).expect("counts"), 1);
    let stats = collection.stats().expect("counts");
    assert_eq!((stats.sources_indexed, stats.sources_failed), (0, 1));
    // A delete takes the rows along.
    collection.apply(vec![file("c", "5", axis(4)), put("6", "c")]).expect("applies");
    assert_eq!(gone(Change::Delete { asset: id("c") }), ["c"]);
    assert_eq!(collection.sources(b"", None, usize::MAX).expect("reads").items.len(), 1);
    assert_clean(&collection);
}

#[test]
fn a_touched_file_keeps_its_place_among_the_paths() {
    let data = tempfile::tempdir().expect("folder");
    let put = |path: &str| Change::PutSource { key: source_key(path), row: source_row("a") };
    {
        let (_database, collection) = open(data.path());
        collection.apply(vec![file("a", "2", axis(0)), put("1"), put("3"), put("2")]).expect("applies");
    }
    let (_database, collection) = open(data.path());
    let stored = collection.get(&[id("a")], false).expect("reads")[0].clone().expect("there");
    assert_eq!(stored.paths, ["2", "1", "3"].map(|path| format!("/media/{path}").into_bytes()));
}

#[test]
fn metadata_is_merged_and_seen_by_filters() {
    let data = tempfile::tempdir().expect("folder");
    let (_database, collection) = open(data.path());
    let mut asset = record("a", Modality::Image);
    asset.facts.set("year", 2019);
    asset.facts.set("camera", "X100");
    asset.from_source = true;
    let points = vec![point(Track::Image, 0, axis(0))];
    let source = Some((source_key("album/one.jpg"), source_row("a")));
    collection.apply(vec![Change::Upsert { asset, points, source }]).expect("applies");
    let matches = |text: &str| collection.count(Some(&filter(text))).expect("counts") == 1;
    assert!(matches("year = 2019 and camera = \"X100\""));
    assert!(matches("path = \"/media/album/one.jpg\" and name = \"one.jpg\" and bytes = 10"));
    assert!(matches("modality = \"image\" and mtime > \"2023-01-01\" and paths = \"/media/album/one.jpg\""));
    let mut metadata = Payload::new();
    metadata.set("year", 2021);
    metadata.set("place", serde_json::json!({"city": "Graz"}));
    collection.apply(vec![Change::MergeMetadata { asset: id("a"), metadata }]).expect("applies");
    assert!(matches("year = 2021 and camera = \"X100\" and place.city = \"Graz\""));
    assert!(!matches("year = 2019"));
    let unknown = Change::MergeMetadata { asset: id("b"), metadata: Payload::new() };
    assert!(!collection.apply(vec![unknown]).expect("applies")[0].found);
}

#[test]
fn what_breaks_the_rules_is_refused_and_nothing_is_written() {
    let data = tempfile::tempdir().expect("folder");
    let (_database, collection) = open(data.path());
    let good = image("good", axis(0));
    let bad = [
        image("x", vec![1.0]),
        image("x", vec![f32::NAN; DIM]),
        image("x", vec![0.0; DIM]),
        image("x", vec![1.0; DIM]),
        Change::Upsert { asset: record("x", Modality::Image), points: Vec::new(), source: None },
        Change::Upsert {
            asset: record("x", Modality::Image),
            points: vec![point(Track::Image, 0, axis(0)), point(Track::Image, 0, axis(1))],
            source: None,
        },
        Change::Upsert {
            asset: record("x", Modality::Image),
            points: vec![point(Track::Image, 0, axis(0))],
            source: Some((source_key("a"), source_row("other"))),
        },
    ];
    for change in bad {
        let error = collection.apply(vec![good.clone(), change]).expect_err("refuses");
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
    }
    assert_eq!(collection.count(None).expect("counts"), 0);
    let error = collection.search(&request(vec![0.0; DIM], 1)).expect_err("refuses");
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
}

#[test]
fn extreme_requests_cost_little() {
    let data = tempfile::tempdir().expect("folder");
    let (_database, collection) = open(data.path());
    fill(&collection, 200, &mut Random(1));
    collection.seal().expect("seals");
    let mut ask = request(axis(0), usize::MAX);
    assert_eq!(search(&collection, &ask).hits.len(), 200);
    ask.limit = 3;
    ask.ef = Some(usize::MAX);
    assert_eq!(search(&collection, &ask).hits.len(), 3);
    ask.ef = None;
    let reply = search(&collection, &ask);
    assert_eq!((reply.hits.len(), reply.plan), (3, Plan::Graph));
    assert!(reply.points_compared < 200, "{}", reply.points_compared);
    ask.limit = 0;
    assert!(search(&collection, &ask).hits.is_empty());
    ask.limit = 5;
    ask.filter = Some(filter("nothing exists"));
    assert!(search(&collection, &ask).hits.is_empty());
}

#[test]
fn a_scroll_meets_every_asset_once_in_order() {
    let data = tempfile::tempdir().expect("folder");
    let (_database, collection) = open(data.path());
    fill(&collection, 2500, &mut Random(2));
    let (mut met, mut after) = (Vec::new(), None);
    loop {
        let page = collection.scroll(None, after.as_ref(), 99, false).expect("scrolls");
        assert!(page.items.len() <= 99);
        met.extend(page.items.into_iter().map(|asset| asset.record.id));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(met.len(), 2500);
    assert!(met.is_sorted());
}

#[test]
fn a_second_writer_is_refused_with_the_number_of_the_first() {
    let data = tempfile::tempdir().expect("folder");
    let (database, collection) = open(data.path());
    let refused = || Database::open(data.path(), OpenOptions::default()).expect_err("refuses");
    assert!(matches!(refused(), IndexError::Locked { pid: Some(pid), .. } if pid == std::process::id()));
    // The lock is held until the last collection is closed.
    drop(database);
    assert!(matches!(refused(), IndexError::Locked { .. }));
    drop(collection);
    assert!(Database::open(data.path(), OpenOptions::default()).is_ok());
}

#[test]
fn collections_are_listed_kept_apart_and_dropped() {
    let data = tempfile::tempdir().expect("folder");
    let (database, collection) = open(data.path());
    collection.apply(vec![image("a", axis(0))]).expect("applies");
    let other = database.create_or_open("other", &space()).expect("makes");
    assert_eq!(other.count(None).expect("counts"), 0);
    let names = || database.collections().expect("lists").into_iter().map(|c| c.name).collect::<Vec<_>>();
    assert_eq!(names(), ["default", "other"]);
    assert!(matches!(database.drop_collection("other"), Err(IndexError::InUse { .. })));
    drop(other);
    assert!(database.drop_collection("other").expect("drops"));
    assert!(!database.drop_collection("other").expect("drops"));
    assert_eq!(names(), ["default"]);
    for name in ["", "a/b", "a\nb"] {
        assert!(matches!(database.create_or_open(name, &space()), Err(IndexError::CollectionName { .. })));
    }
}

#[test]
fn concurrent_callers_share_syncs_and_all_is_there() {
    let data = tempfile::tempdir().expect("folder");
    let (_database, collection) = open(data.path());
    std::thread::scope(|scope| {
        for thread in 0..8_u64 {
            let collection = &collection;
            scope.spawn(move || {
                let mut random = Random(thread);
                for number in 0..25 {
                    let name = format!("{thread}-{number}");
                    collection.apply(vec![image(&name, random.unit(DIM))]).expect("applies");
                    assert!(collection.get(&[id(&name)], false).expect("reads")[0].is_some());
                }
            });
        }
    });
    assert_eq!(collection.count(None).expect("counts"), 200);
    assert_clean(&collection);
}

#[test]
fn vectors_come_back_bit_by_bit_and_cosines_are_right_to_four_digits() {
    let data = tempfile::tempdir().expect("folder");
    let mut random = Random(11);
    let vectors: Vec<Vec<f32>> = (0..40).map(|_| random.any_unit(DIM)).collect();
    let query = random.any_unit(DIM);
    let (_database, collection) = open(data.path());
    let changes = (0..).zip(&vectors).map(|(number, vector)| image(&format!("{number:02}"), vector.clone()));
    collection.apply(changes.collect()).expect("writes");
    let names: Vec<_> = (0..vectors.len()).map(|number| id(&format!("{number:02}"))).collect();
    let cosines = || {
        let stored = collection.get(&names, true).expect("reads");
        let stored = stored.into_iter().map(|asset| asset.expect("there").vectors.swap_remove(0));
        assert_eq!(stored.collect::<Vec<_>>(), vectors);
        let page = collection.scroll(None, None, 100, true).expect("reads");
        assert!(page.items.iter().map(|asset| &asset.vectors[0]).eq(&vectors));
        let scores = collection.score_assets(&[SubQuery::of(query.clone())], &names).expect("scores");
        let scores: Vec<f32> = scores.iter().map(|points| points[0].cosine).collect();
        for (score, vector) in scores.iter().zip(&vectors) {
            let exact: f64 = vector.iter().zip(&query).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
            assert!((f64::from(*score) - exact).abs() < 5e-5, "{score} {exact}");
        }
        scores
    };
    let growing = cosines();
    collection.seal().expect("seals");
    assert_eq!(cosines(), growing, "a point has one cosine, in the tail and in a segment");
}

#[test]
fn a_damaged_registration_is_told_to_readers_and_given_back_by_the_next_writer() {
    let data = tempfile::tempdir().expect("folder");
    {
        let (database, collection) = open(data.path());
        fill(&collection, 20, &mut Random(3));
        database.create_or_open("other", &space()).expect("made");
    }
    let folders = fs_err::read_dir(data.path().join("collections")).expect("lists");
    for folder in folders.map(|entry| entry.expect("reads").path()) {
        let file = folder.join("collection.json");
        let text = fs_err::read_to_string(&file).expect("reads");
        if text.contains("default") {
            fs_err::write(&file, text.replace("default", "dezault")).expect("writes");
        } else {
            fs_err::write(&file, &text.as_bytes()[..text.len() / 2]).expect("writes");
        }
    }
    let read_only = OpenOptions { read_only: true, ..OpenOptions::default() };
    let reader = Database::open(data.path(), read_only).expect("opens");
    assert_eq!(reader.collections().expect_err("damaged").kind(), ErrorKind::Corrupt);
    drop(reader);
    let (database, collection) = open(data.path());
    assert_eq!(collection.count(None).expect("counts"), 20);
    let names: Vec<_> = database.collections().expect("lists").into_iter().map(|info| info.name).collect();
    assert_eq!(names, ["default", "other"]);
}

#[test]
fn what_is_new_is_known_over_restarts_as_long_as_it_is_kept() {
    let data = tempfile::tempdir().expect("folder");
    let tuning = sensorium_index::Tuning { changes_kept: 32, ..eager() };
    let mut random = Random(3);
    let mut upsert = |name: &str| Change::Upsert {
        asset: record(name, Modality::Image),
        points: vec![point(Track::Image, 0, random.unit(DIM))],
        source: None,
    };
    {
        let (_database, collection) = open_tuned(data.path(), tuning);
        collection.apply(vec![upsert("a"), upsert("b")]).expect("applies");
        // The file of assets is written anew meanwhile, and with it go the notes of what changed.
        (0..8).for_each(|at| drop(collection.apply(vec![upsert(&format!("c{at}"))]).expect("applies")));
        collection.seal().expect("seals");
    }
    let (_database, collection) = open_tuned(data.path(), tuning);
    let added = collection.added(1, 100).expect("tells");
    assert_eq!((added.assets.len(), added.assets.first(), added.upto), (9, Some(&id("b")), 10));
    assert_clean(&collection);
    let error = collection.added(11, 1).expect_err("not yet");
    assert_eq!(
        (error.kind(), collection.added(10, 1).expect("nothing yet").upto),
        (ErrorKind::InvalidArgument, 10)
    );
    (0..40).for_each(|at| drop(collection.apply(vec![upsert(&format!("d{at}"))]).expect("applies")));
    let error = collection.added(17, 1).expect_err("too long ago");
    assert_eq!(error.kind(), ErrorKind::FailedPrecondition);
    assert!(error.to_string().contains("after 18"), "{error}");
    assert_eq!(collection.added(18, 100).expect("tells").assets.len(), 32);
    assert_clean(&collection);
}

#[test]
fn a_verification_ends_when_nobody_waits_for_it() {
    let data = tempfile::tempdir().expect("folder");
    let (_database, collection) = open(data.path());
    fill(&collection, 5, &mut Random(4));
    let cancel = sensorium_types::Cancel::new();
    assert_eq!(collection.verify_until(&cancel).expect("verifies"), []);
    cancel.cancel();
    assert_eq!(collection.verify_until(&cancel).expect_err("stopped").kind(), ErrorKind::Cancelled);
}

/// Images and texts in one space, sounds and texts in another.
fn two_spaces() -> SpaceInfo {
    let part = |id: &str, dim, contents: [Content; 2]| SpacePart {
        id: id.to_owned(),
        dim,
        contents: contents.to_vec(),
    };
    let seen = part("seen", DIM, [Content::Image, Content::Text]);
    let heard = part("heard", DIM / 2, [Content::Audio, Content::Text]);
    SpaceInfo::of_parts(vec![seen, heard], "two@1")
}

#[test]
fn vectors_of_several_spaces_have_the_length_of_their_content_through_all_that_is_made_of_them() {
    let data = tempfile::tempdir().expect("folder");
    let space = two_spaces();
    let mut random = Random(3);
    let mut asset = record("v0", Modality::Video);
    asset.space_revision = space.revision.clone();
    let tracks = [Track::Video, Track::Audio, Track::Text];
    let mut written = Vec::new();
    let mut upsert = |name: &str| {
        asset.id = id(name);
        let points = tracks.map(|track| point(track, 0, random.unit(space.dim_of(track.content()))));
        written.push((name.to_owned(), points.clone()));
        Change::Upsert { asset: asset.clone(), points: points.to_vec(), source: None }
    };
    let open = || {
        let database = Database::open_tuned(data.path(), OpenOptions::default(), eager()).expect("opens");
        let collection = database.create_or_open("default", &space).expect("opens");
        (database, collection)
    };
    let changes: Vec<Change> = (0..40).map(|at| upsert(&format!("v{at}"))).collect();
    let (database, collection) = open();
    collection.apply(changes).expect("applies");
    let check = |collection: &sensorium_index::Collection| {
        for (name, points) in &written {
            for point in points {
                let query = SubQuery { tracks: vec![point.track], ..SubQuery::of(point.vector.clone()) };
                let reply = search(collection, &request_of(query.clone(), 3));
                assert_eq!((reply.hits[0].asset.clone(), reply.hits.len()), (id(name), 3), "{}", point.track);
                let scored = collection.score_assets(&[query], &[id(name)]).expect("scores");
                assert_eq!(scored[0].len(), 1);
                assert!((scored[0][0].cosine - 1.0).abs() < 1e-3, "{}", scored[0][0].cosine);
            }
        }
        let stored = collection.get(&[id("v7")], true).expect("reads").remove(0).expect("there");
        assert_eq!(stored.vectors, written[7].1.each_ref().map(|point| point.vector.clone()));
        assert_clean(collection);
    };
    check(&collection);
    collection.seal().expect("seals");
    check(&collection);
    drop((database, collection));
    // From the files, and from the rows where these are gone.
    for gone in [false, true] {
        let collections = fs_err::read_dir(data.path().join("collections")).expect("lists");
        let folder = collections.map(|entry| entry.expect("an entry").path()).next().expect("one");
        if gone {
            fs_err::remove_dir_all(folder.join("segments")).expect("removes");
        }
        let registration = fs_err::read_to_string(folder.join("collection.json")).expect("reads");
        assert!(registration.contains("\"format\": 4"), "earlier programs refuse it: {registration}");
        let (_database, collection) = open();
        assert_eq!(collection.space(), space);
        check(&collection);
    }
    let (_database, collection) = open();
    let long = SubQuery { tracks: vec![Track::Audio], ..SubQuery::of(written[0].1[0].vector.clone()) };
    let error = collection.search(&request_of(long, 3)).expect_err("of another space");
    assert!(matches!(error, IndexError::Dimension { expected, .. } if expected == DIM / 2), "{error}");
    let all = SubQuery::of(written[0].1[0].vector.clone());
    assert!(collection.search(&request_of(all, 3)).is_err(), "no vector asks all tracks");
    let points = vec![point(Track::Audio, 0, written[0].1[0].vector.clone())];
    let mut other = record("other", Modality::Audio);
    other.space_revision = space.revision.clone();
    let wrong = Change::Upsert { asset: other, points, source: None };
    assert!(matches!(collection.apply(vec![wrong]), Err(IndexError::Dimension { .. })));
}

/// From 2,000 points on stored points ask a segment that was built, each in the spaces that both have.
#[test]
fn a_large_segment_of_one_of_several_spaces_is_asked_by_points_of_others() {
    let data = tempfile::tempdir().expect("folder");
    let (space, mut random) = (two_spaces(), Random(5));
    let database = Database::open_tuned(data.path(), OpenOptions::default(), eager()).expect("opens");
    let collection = database.create_or_open("default", &space).expect("opens");
    let mut upsert = |at: usize| {
        let mut asset = record(&format!("v{at}"), Modality::Video);
        asset.space_revision = space.revision.clone();
        let tracks = [Track::Video, Track::Audio, Track::Text];
        let points = tracks.map(|track| point(track, 0, random.unit(space.dim_of(track.content()))));
        Change::Upsert { asset, points: points.to_vec(), source: None }
    };
    for start in (0..2_100).step_by(300) {
        collection.apply((start..start + 300).map(&mut upsert).collect()).expect("applies");
    }
    collection.seal().expect("seals");
    assert_eq!(collection.stats().expect("counts").points_in_graph, Some(3 * 2_100));
}
