//! Damage that only this crate can do: rows and graphs changed behind the collection's back.

mod assets;
mod columns;
mod large_files;
mod sealing;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sensorium_types::{
    AssetId, AssetRecord, Change, ErrorKind, HubValues, MediaPolicy, Modality, Payload, Plan, PointRecord,
    SearchRequest, SourceKey, SourceRow, SourceState, SpaceInfo, Track,
};

use super::{Collection, segment_file};
use crate::storage::{
    Access, AssetOffset, Batch, FORMAT, Family, HubRow, META_KEY, MetaRow, OLD_GRAPH_KEY, PointOffset,
    RECALL_KEY, Recovery, Rocks, Row as _, SEGMENTS_KEY, SPACES_FORMAT, SharedMemory, asset_key, chunk_key,
    encode_vector, hub_key, point_key, point_offset_key,
};
use crate::{Database, GraphParams, IndexError, MemoryBudget, OpenOptions, Planning, Tuning};

pub(super) const DIM: usize = 8;
const ASSETS: u32 = 120;

pub(super) fn vector(seed: u32) -> Vec<f32> {
    let mut state = u64::from(seed).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        f32::from(u16::try_from(state >> 48).unwrap_or(0)) / 32768.0 - 1.0
    };
    let vector: Vec<f32> = (0..DIM).map(|_| next()).collect();
    let norm = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    vector.into_iter().map(|x| x / norm).collect()
}

/// An image of these facts under a number, of a collection whose space is at revision 1.
pub(super) fn image_of(number: u32, facts: Payload, vector: Vec<f32>) -> Change {
    let asset = AssetRecord {
        id: AssetId::new(&number.to_string()).expect("valid"),
        hash: None,
        modality: Modality::Image,
        space_revision: "1".to_owned(),
        facts,
        metadata: Payload::new(),
        media: MediaPolicy::None,
        from_source: false,
    };
    let point = PointRecord { track: Track::Image, ordinal: 0, span: None, vector, thumb: None };
    Change::Upsert { asset, points: vec![point], source: None }
}

fn name(number: u32) -> String {
    format!("asset {number:03}")
}

fn change(number: u32) -> Change {
    let id = AssetId::new(&name(number)).expect("valid");
    let from_source = number.is_multiple_of(2);
    let asset = AssetRecord {
        id: id.clone(),
        hash: None,
        modality: Modality::Image,
        space_revision: space().revision,
        facts: Payload::new(),
        metadata: Payload::new(),
        media: MediaPolicy::None,
        from_source,
    };
    let point = PointRecord {
        track: Track::Image,
        ordinal: 0,
        span: None,
        vector: vector(number),
        thumb: Some(vec![1, 2]),
    };
    let key = SourceKey { root: b"/r".to_vec(), path: format!("/r/{number}").into_bytes() };
    let row = SourceRow { bytes: 1, mtime_ns: 1, state: SourceState::Indexed { asset: id } };
    Change::Upsert { asset, points: vec![point], source: from_source.then_some((key, row)) }
}

fn tuning() -> Tuning {
    let graph = GraphParams { m: 8, ef_construct: 64, ef: 16 };
    Tuning { seal_points: usize::MAX, planning: Planning::Walk, graph, ..Tuning::default() }
}

fn database(data: &Path) -> Database {
    Database::open_tuned(data, OpenOptions::default(), tuning()).expect("opens")
}

fn space() -> SpaceInfo {
    SpaceInfo::one("test", DIM, "1")
}

fn collection(database: &Database) -> Arc<Collection> {
    database.create_or_open("default", &space()).expect("opens")
}

/// A closed collection with a graph, a tail and a tomb, and its folder.
fn prepared(data: &Path) -> PathBuf {
    let database = database(data);
    let collection = collection(&database);
    collection.apply((0..ASSETS).map(change).collect()).expect("applies");
    collection.seal().expect("seals");
    collection.apply(vec![change(7), change(ASSETS)]).expect("applies");
    assert_eq!(collection.verify().expect("walks"), []);
    let info = database.collections().expect("lists").remove(0);
    data.join("collections").join(info.uuid)
}

/// Changes rows of a closed collection.
fn tamper(folder: &Path, edit: impl FnOnce(&Rocks, &mut Batch)) {
    let memory = SharedMemory::new(MemoryBudget::default());
    let rocks = Rocks::open(folder, Access::Write, Recovery::Strict, &memory).expect("opens");
    let mut batch = Batch::default();
    edit(&rocks, &mut batch);
    rocks.write(batch).expect("writes");
    rocks.sync().expect("syncs");
}

fn search(collection: &Collection, limit: usize) -> (Vec<AssetId>, Plan) {
    let request = SearchRequest::nearest(vector(3), limit);
    let reply = collection.search(&request).expect("searches").remove(0);
    (reply.hits.into_iter().map(|hit| hit.asset).collect(), reply.plan)
}

#[test]
fn a_damaged_graph_is_dropped_and_built_again() {
    let data = tempfile::tempdir().expect("folder");
    let folder = prepared(data.path());
    let right = {
        let database = database(data.path());
        search(&collection(&database), ASSETS as usize + 1).0
    };
    for round in 0..24_usize {
        let mut generation = 0;
        // Without its file a segment is read from its rows.
        fs_err::remove_dir_all(folder.join("segments")).expect("removes");
        tamper(&folder, |rocks, batch| {
            let mut found = None;
            rocks
                .view()
                .scan(Family::Graph, |key, value| {
                    found = Some((key.to_vec(), value.to_vec()));
                    Ok(())
                })
                .expect("scans");
            let (key, mut value) = found.expect("a chunk");
            generation = u64::from_be_bytes(key[..8].try_into().expect("eight bytes"));
            if round == 0 {
                rocks.delete(batch, Family::Graph, &chunk_key(generation, 0)).expect("deletes");
            } else {
                let at = value.len() * (round - 1) / 23 % value.len();
                value[at] ^= 1 << (round % 8);
                rocks.put(batch, Family::Graph, &key, &value).expect("puts");
            }
        });
        let database = database(data.path());
        let collection = collection(&database);
        // Whether the new graph is ready or not, the answer is whole.
        assert_eq!(search(&collection, ASSETS as usize + 1).0, right);
        collection.seal().expect("seals");
        let (hits, plan) = search(&collection, 2);
        assert_eq!((hits.len(), plan), (2, Plan::Graph));
        assert_eq!(collection.verify().expect("walks"), []);
        // One more point, so that the next round has a graph to damage that differs.
        collection.apply(vec![change(7)]).expect("applies");
        collection.seal().expect("seals");
    }
}

/// The file of the one segment of a collection.
fn segment_of(folder: &Path) -> PathBuf {
    let mut files = fs_err::read_dir(folder.join("segments")).expect("lists");
    files.next().expect("a file").expect("a file").path()
}

/// What a reader answers to a search that wants everything, and how it got it.
fn read_all(data: &Path) -> (Vec<AssetId>, Plan) {
    let options = OpenOptions { read_only: true, ..OpenOptions::default() };
    let database = Database::open_tuned(data, options, tuning()).expect("opens");
    let collection = database.open_collection("default").expect("opens").expect("there");
    search(&collection, ASSETS as usize + 1)
}

#[test]
fn a_segment_file_that_is_damaged_cut_or_gone_is_written_anew_and_answers_stay_right() {
    let data = tempfile::tempdir().expect("folder");
    let folder = prepared(data.path());
    let right = read_all(data.path());
    let file = segment_of(&folder);
    let whole = fs_err::read(&file).expect("reads");
    for round in 0..40_usize {
        let mut bytes = whole.clone();
        let at = whole.len() * round / 40;
        match round % 4 {
            0 => bytes.truncate(at),
            1 => bytes.get_mut(at..).expect("inside").fill(0),
            _ => bytes[at] ^= 1 << (round % 8),
        }
        let is_damage = bytes != whole;
        if round == 0 {
            fs_err::remove_file(&file).expect("removes");
        } else {
            fs_err::write(&file, &bytes).expect("writes");
        }
        // A reader cannot mend it, and answers from the rows.
        assert_eq!(read_all(data.path()), right, "round {round}");
        let database = database(data.path());
        let collection = collection(&database);
        assert_eq!(search(&collection, ASSETS as usize + 1), right, "round {round}");
        if is_damage {
            let row = collection.core.view().segment_rows().segments[0];
            let remade = || segment_file::check(&folder, row, || false).is_ok();
            for _ in 0..6000 {
                if remade() {
                    break;
                }
                std::thread::sleep(std::time::Duration::from_millis(10));
            }
            assert!(remade(), "round {round}: the file is not written anew");
        }
        assert_eq!(search(&collection, ASSETS as usize + 1), right, "round {round}");
        assert_eq!(collection.verify().expect("walks"), [], "round {round}");
    }
}

#[test]
fn verify_names_a_damaged_segment_file_and_repair_drops_it() {
    let data = tempfile::tempdir().expect("folder");
    let folder = prepared(data.path());
    let file = segment_of(&folder);
    let options = OpenOptions { read_only: true, ..OpenOptions::default() };
    let reader = Database::open_tuned(data.path(), options, tuning()).expect("opens");
    let read = reader.open_collection("default").expect("opens").expect("there");
    // Behind the back of one who has it mapped, under the same name, as damage comes about.
    let mut bytes = fs_err::read(&file).expect("reads");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs_err::remove_file(&file).expect("removes");
    fs_err::write(&file, &bytes).expect("writes");
    let problems = read.verify().expect("walks");
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(
        problems[0].place.ends_with(".seg") && problems[0].repair.contains("write it again"),
        "{problems:?}"
    );
    drop((read, reader));
    let database = database(data.path());
    assert_eq!(database.repair("default", false).expect("repairs").expect("there").len(), 1);
    assert_eq!(database.verify("default").expect("walks").expect("there"), []);
}

#[test]
fn files_that_no_segment_has_are_swept_at_open() {
    let data = tempfile::tempdir().expect("folder");
    let folder = prepared(data.path());
    let strays = ["77.seg", "1.partial"].map(|name| folder.join("segments").join(name));
    strays.iter().for_each(|stray| fs_err::write(stray, "left").expect("writes"));
    let database = database(data.path());
    let collection = collection(&database);
    assert!(strays.iter().all(|stray| !stray.exists()));
    let first = segment_of(&folder);
    collection.apply(vec![change(9)]).expect("applies");
    collection.seal().expect("seals");
    assert!(!first.exists(), "the file of a segment that was replaced");
    assert!(segment_of(&folder).exists());
}

#[test]
fn verify_finds_a_damaged_graph_that_is_in_use() {
    let data = tempfile::tempdir().expect("folder");
    let folder = prepared(data.path());
    tamper(&folder, |rocks, batch| {
        rocks.put(batch, Family::Graph, &chunk_key(1, 0), b"12345678 no graph").expect("puts");
    });
    let options = OpenOptions { read_only: true, ..OpenOptions::default() };
    let database = Database::open_tuned(data.path(), options, tuning()).expect("opens");
    let collection = database.open_collection("default").expect("opens").expect("there");
    let problems = collection.verify().expect("walks");
    assert_eq!(problems.len(), 1);
    assert!(problems[0].repair.contains("build them again"), "{problems:?}");
    // The segment's file holds the graph too, and serves.
    assert_eq!(search(&collection, 5).1, Plan::Graph);
}

/// One way to break a collection: what is done, whether it still opens, and how many assets are left after repair.
struct Break {
    what: &'static str,
    edit: fn(&Rocks, &mut Batch),
    opens: bool,
    left: u64,
}

const WHOLE: u64 = ASSETS as u64 + 1;

fn breaks() -> Vec<Break> {
    const FIRST: AssetOffset = AssetOffset(0);
    const POINT: PointOffset = PointOffset(0);
    // The vectors of sealed points are served from their segment's file: their rows are met by verify, not at open.
    vec![
        Break {
            what: "a vector is missing",
            edit: |rocks, batch| {
                rocks.delete(batch, Family::Vectors, &point_offset_key(POINT)).expect("edits")
            },
            opens: true,
            left: WHOLE - 1,
        },
        Break {
            what: "a vector is too short",
            edit: |rocks, batch| {
                rocks
                    .put(batch, Family::Vectors, &point_offset_key(POINT), &encode_vector(&[1.0]))
                    .expect("edits");
            },
            opens: true,
            left: WHOLE - 1,
        },
        Break {
            what: "a vector is not of norm 1",
            edit: |rocks, batch| {
                rocks
                    .put(batch, Family::Vectors, &point_offset_key(POINT), &encode_vector(&[0.5; 8]))
                    .expect("edits");
            },
            opens: true,
            left: WHOLE - 1,
        },
        Break {
            what: "a vector of nobody",
            edit: |rocks, batch| {
                rocks
                    .put(
                        batch,
                        Family::Vectors,
                        &point_offset_key(PointOffset(90_000)),
                        &encode_vector(&vector(1)),
                    )
                    .expect("edits");
            },
            opens: true,
            left: WHOLE,
        },
        Break {
            what: "an asset is missing",
            edit: |rocks, batch| rocks.delete(batch, Family::Assets, &asset_key(FIRST)).expect("edits"),
            opens: false,
            left: WHOLE - 1,
        },
        Break {
            what: "an asset cannot be read",
            edit: |rocks, batch| rocks.put(batch, Family::Assets, &asset_key(FIRST), &[9, 9]).expect("edits"),
            opens: false,
            left: WHOLE - 1,
        },
        Break {
            what: "a point is missing",
            edit: |rocks, batch| {
                rocks.delete(batch, Family::Points, &point_key(FIRST, Track::Image, 0)).expect("edits");
            },
            opens: false,
            left: WHOLE - 1,
        },
        Break {
            what: "a point cannot be read",
            edit: |rocks, batch| {
                rocks.put(batch, Family::Points, &point_key(FIRST, Track::Image, 0), &[]).expect("edits");
            },
            opens: false,
            left: WHOLE - 1,
        },
        Break {
            what: "a point without an asset",
            edit: |rocks, batch| {
                rocks
                    .put(batch, Family::Points, &point_key(AssetOffset(5000), Track::Image, 0), &[])
                    .expect("edits");
            },
            opens: false,
            left: WHOLE,
        },
        Break {
            what: "an id is missing",
            edit: |rocks, batch| rocks.delete(batch, Family::Ids, name(0).as_bytes()).expect("edits"),
            opens: true,
            left: WHOLE,
        },
        Break {
            what: "an id of nobody",
            edit: |rocks, batch| {
                rocks.put(batch, Family::Ids, b"nobody", &asset_key(FIRST)).expect("edits");
            },
            opens: true,
            left: WHOLE,
        },
        Break {
            what: "a thumbnail of nobody",
            edit: |rocks, batch| {
                rocks
                    .put(batch, Family::Thumbs, &point_offset_key(PointOffset(90_000)), &[1])
                    .expect("edits");
            },
            opens: true,
            left: WHOLE,
        },
        Break {
            what: "a tomb of a living point",
            edit: |rocks, batch| {
                rocks.put(batch, Family::Tomb, &point_offset_key(POINT), &[1, 1]).expect("edits");
            },
            opens: false,
            left: WHOLE,
        },
        Break {
            what: "sources that cannot be read",
            edit: |rocks, batch| {
                rocks.put(batch, Family::Sources, b"no key", &[1]).expect("edits");
                rocks.put(batch, Family::Sources, b"\0\0x", &[77]).expect("edits");
            },
            opens: false,
            left: WHOLE,
        },
        Break {
            what: "the counters are gone",
            edit: |rocks, batch| rocks.delete(batch, Family::Sys, b"state").expect("edits"),
            opens: false,
            left: WHOLE,
        },
        Break {
            what: "rows that nobody knows",
            edit: |rocks, batch| {
                rocks.put(batch, Family::Sys, b"x", &[1]).expect("edits");
                rocks.put(batch, Family::Meta, b"x", &[1]).expect("edits");
            },
            opens: true,
            left: WHOLE,
        },
        Break {
            what: "hub values of nobody, that are no numbers, that cannot be read",
            edit: |rocks, batch| {
                let values = |numbers| HubRow::new(7, HubValues(numbers)).encode().expect("encodes");
                for (point, bytes) in [
                    (PointOffset(90_000), values([0.0; 3])),
                    (POINT, values([0.0, f32::NAN, 0.0])),
                    (PointOffset(1), vec![9, 9]),
                ] {
                    rocks.put(batch, Family::Meta, &hub_key(point), &bytes).expect("edits");
                }
            },
            opens: true,
            left: WHOLE,
        },
        Break {
            what: "what was measured of searches cannot be read",
            edit: |rocks, batch| rocks.put(batch, Family::Meta, RECALL_KEY, &[9, 9]).expect("edits"),
            opens: true,
            left: WHOLE,
        },
        Break {
            what: "the meta row is gone",
            edit: |rocks, batch| rocks.delete(batch, Family::Meta, META_KEY).expect("edits"),
            opens: false,
            left: WHOLE,
        },
    ]
}

#[test]
fn broken_ties_are_found_and_repaired() {
    for Break { what, edit, opens, left } in breaks() {
        let data = tempfile::tempdir().expect("folder");
        let folder = prepared(data.path());
        tamper(&folder, edit);
        let database = database(data.path());
        match database.open_collection("default") {
            Ok(_) => assert!(opens, "{what}: opened"),
            Err(error) => {
                assert!(!opens, "{what}: {error}");
                assert_eq!(error.kind(), ErrorKind::Corrupt, "{what}: {error}");
            }
        }
        let problems = database.verify("default").expect("walks").expect("there");
        assert!(!problems.is_empty(), "{what}: not found");
        let told = database.repair("default", true).expect("looks").expect("there");
        assert_eq!(told, problems, "{what}");
        let told = database.repair("default", false).expect("repairs").expect("there");
        assert!(!told.is_empty(), "{what}");
        assert_eq!(database.verify("default").expect("walks").expect("there"), [], "{what}");
        let collection = collection(&database);
        assert_eq!(collection.count(None).expect("counts"), left, "{what}");
        assert_eq!(search(&collection, 1000).0.len() as u64, left, "{what}");
        collection.apply(vec![change(500)]).expect("applies");
        collection.seal().expect("seals");
        assert_eq!(collection.verify().expect("walks"), [], "{what}");
    }
}

#[test]
fn a_newer_format_in_the_rows_is_refused_also_by_repair() {
    let data = tempfile::tempdir().expect("folder");
    let folder = prepared(data.path());
    tamper(&folder, |rocks, batch| {
        let meta = MetaRow { format: SPACES_FORMAT + 1, name: "default".to_owned(), space: space() };
        rocks.put(batch, Family::Meta, META_KEY, &meta.encode().expect("encodes")).expect("puts");
    });
    let database = database(data.path());
    assert!(
        matches!(database.open_collection("default"), Err(IndexError::NewerFormat { found, .. }) if found == u64::from(SPACES_FORMAT) + 1)
    );
    assert!(matches!(database.repair("default", false), Err(IndexError::NewerFormat { .. })));
    assert!(matches!(database.verify("default"), Err(IndexError::NewerFormat { .. })));
}

#[test]
fn format_1_is_read_as_it_is_and_brought_to_todays_by_the_first_writer() {
    let data = tempfile::tempdir().expect("folder");
    let folder = prepared(data.path());
    let right = read_all(data.path()).0;
    let registration = folder.join("collection.json");
    let is_of = |format: u32| {
        let json = fs_err::read_to_string(&registration).expect("reads");
        json.contains(&format!("\"format\": {format}"))
    };
    assert!(is_of(FORMAT));
    // As format 1 was: one graph over all contents, named by another row, and no files.
    tamper(&folder, |rocks, batch| {
        let meta = MetaRow { format: 1, name: "default".to_owned(), space: space() };
        rocks.put(batch, Family::Meta, META_KEY, &meta.encode().expect("encodes")).expect("puts");
        rocks.put(batch, Family::Meta, OLD_GRAPH_KEY, b"a row of then").expect("puts");
        rocks.delete(batch, Family::Meta, SEGMENTS_KEY).expect("deletes");
    });
    fs_err::remove_dir_all(folder.join("segments")).expect("removes");
    let json = fs_err::read_to_string(&registration).expect("reads");
    fs_err::write(&registration, json.replace(&format!("\"format\": {FORMAT}"), "\"format\": 1"))
        .expect("writes");
    assert_eq!(read_all(data.path()), (right.clone(), Plan::ExactScan));
    assert!(is_of(1), "a reader changes nothing");
    {
        let database = database(data.path());
        let collection = collection(&database);
        assert!(is_of(FORMAT));
        assert_eq!(collection.verify().expect("walks"), []);
        collection.seal().expect("seals");
        assert_eq!(collection.verify().expect("walks"), []);
    }
    assert_eq!(read_all(data.path()).0, right);
    assert_eq!(search(&collection(&database(data.path())), 2).1, Plan::Graph);
    tamper(&folder, |rocks, _| {
        let bytes = rocks.get(Family::Meta, META_KEY).expect("reads").expect("there");
        assert_eq!(MetaRow::decode(&bytes).expect("a row").format, FORMAT);
        assert_eq!(rocks.get(Family::Meta, OLD_GRAPH_KEY).expect("reads"), None);
    });
}

#[test]
fn a_lost_registration_comes_back() {
    let data = tempfile::tempdir().expect("folder");
    let folder = prepared(data.path());
    fs_err::remove_file(folder.join("collection.json")).expect("removes");
    let database = database(data.path());
    assert_eq!(collection(&database).count(None).expect("counts"), WHOLE);
    assert_eq!(database.collections().expect("lists").len(), 1);
}
