//! Files of segments that are too large to be compared with all of their checksums at open: the limit is lowered.

use sensorium_kernels::{NibbleMatrix, as_bytes};

use super::*;
use crate::Layout;
use crate::collection::sealed::Sealed;

/// Numbers of a vector: enough that vectors take several MiB, each of which has a checksum.
const LONG: usize = 512;
const ROWS: u32 = 3000;

fn large() -> Tuning {
    // So wide that walks meet every row: a segment that is read from its rows is walked by other codes.
    let graph = GraphParams { ef: ROWS as usize, ..tuning().graph };
    Tuning { checked_at_open_bytes: 0, layout: Layout::HalfBytes, graph, ..tuning() }
}

fn long_vector(seed: u32) -> Vec<f32> {
    (0..).map(|part| vector(seed * 1000 + part)).take(LONG / DIM).flatten().map(|x| x / 8.0).collect()
}

fn open(data: &Path, read_only: bool) -> (Database, Arc<Collection>) {
    let options = OpenOptions { read_only, ..OpenOptions::default() };
    let database = Database::open_tuned(data, options, large()).expect("opens");
    let collection = database.open_collection("default").expect("opens").expect("there");
    (database, collection)
}

/// A closed collection of one segment: its file, and where in it links, codes, what the codes leave, and codes of half a byte lie.
fn prepared(data: &Path) -> (PathBuf, [usize; 4]) {
    let database = Database::open_tuned(data, OpenOptions::default(), large()).expect("opens");
    let space = SpaceInfo::one("test", LONG, "1");
    let collection = database.create_or_open("default", &space).expect("opens");
    let images = (0..ROWS).map(|number| {
        let Change::Upsert { asset, mut points, source } = change(number) else { unreachable!("an upsert") };
        points[0].vector = long_vector(number);
        Change::Upsert { asset, points, source }
    });
    collection.apply(images.collect()).expect("applies");
    collection.seal().expect("seals");
    let file = segment_of(&collection.core.folder);
    let bytes = fs_err::read(&file).expect("reads");
    let view = collection.core.view();
    let sealed = only(&view);
    let (columns, graph, _) = sealed.borrowed();
    let stored = columns.vectors.stored();
    let nibbles = NibbleMatrix::of(&columns.vectors);
    let at = |part: &[u8]| {
        let head = part.get(..64).expect("long");
        bytes.chunks(64).position(|chunk| chunk == head).expect("sections begin on multiples of 64") * 64
    };
    let places =
        [as_bytes(&graph.levels[0].links), stored.codes, stored.rests, nibbles.stored().codes].map(at);
    (file, places)
}

fn only(view: &crate::collection::view::View) -> &Sealed {
    let mut parts = view.all_segments().flat_map(|segments| &segments.parts);
    &parts.next().expect("a segment").sealed
}

/// The nearest of everything, and of a walk.
fn answers(collection: &Collection) -> [(Vec<AssetId>, Plan); 2] {
    let ask = |exact| {
        let request = SearchRequest { exact, ..SearchRequest::nearest(long_vector(ROWS + 1), 20) };
        let reply = collection.search(&request).expect("searches").remove(0);
        (reply.hits.into_iter().map(|hit| hit.asset).collect(), reply.plan)
    };
    [ask(true), ask(false)]
}

#[test]
fn a_reader_walks_no_link_and_compares_no_vector_of_a_large_file_that_does_not_hold() {
    let data = tempfile::tempdir().expect("folder");
    let (file, [links, codes, rests, nibbles]) = prepared(data.path());
    let whole = fs_err::read(&file).expect("reads");
    let right = {
        let (_database, collection) = open(data.path(), true);
        let right = answers(&collection);
        let view = collection.core.view();
        assert!(only(&view).is_checked() && only(&view).owned_bytes() == 0, "it is served from its file");
        right
    };
    assert_eq!((&right[0].1, &right[1].1), (&Plan::ExactScan, &Plan::Graph));
    // One bit each; a link stays inside of the graph, so that its structure holds.
    for (what, at, is_found_at_open) in [
        ("a link", links + 40, true),
        ("a code", codes + 1000, false),
        ("what a code leaves", rests + (1 << 20) - 5000, false),
        ("a code of half a byte", nibbles + 100, false),
    ] {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        fs_err::remove_file(&file).expect("removes");
        fs_err::write(&file, &bytes).expect("writes");
        let (_database, collection) = open(data.path(), true);
        if is_found_at_open {
            assert!(only(&collection.core.view()).owned_bytes() > 0, "{what}: read from its rows");
        }
        assert_eq!(answers(&collection), right, "{what}");
        assert!(only(&collection.core.view()).owned_bytes() > 0, "{what}: read from its rows");
        assert_eq!(collection.verify().expect("walks").len(), 1, "{what}: named");
        // What was written since is read as well, and the file is not taken up again.
        collection.refresh().expect("reads");
        assert_eq!(answers(&collection), right, "{what}");
    }
}

#[test]
fn a_writer_writes_a_large_file_anew_in_which_a_vector_does_not_hold() {
    let data = tempfile::tempdir().expect("folder");
    let (file, [_, codes, ..]) = prepared(data.path());
    let whole = fs_err::read(&file).expect("reads");
    let mut bytes = whole.clone();
    bytes[codes + 1000] ^= 1;
    fs_err::remove_file(&file).expect("removes");
    fs_err::write(&file, &bytes).expect("writes");
    let (_database, collection) = open(data.path(), false);
    for _ in 0..6000 {
        if fs_err::read(&file).is_ok_and(|bytes| bytes == whole) {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    assert!(fs_err::read(&file).expect("reads") == whole, "the file is not written anew");
    assert_eq!(collection.verify().expect("walks"), []);
}
