//! Zips that a library wrote, and what is wrong with others.

use super::*;

/// `training/golden_zip.py` wrote it: `a.txt` stored, `b/c.txt` deflated with a remark and a field of its own, a link, a folder.
const WRITTEN: &[u8] = include_bytes!("../../tests/data/small.zip");
/// The same files in the form with 64 bits.
const WIDE: &[u8] = include_bytes!("../../tests/data/wide.zip");

#[test]
fn files_are_read_as_they_were_written() {
    for written in [WRITTEN, WIDE] {
        let zip = Zip::open(&written).unwrap();
        assert_eq!(zip.names().collect::<Vec<_>>(), ["a.txt", "b/", "b/c.txt", "link"]);
        assert_eq!(zip.read("a.txt", 100).unwrap(), b"hello");
        assert_eq!(zip.read("b/c.txt", 10_000).unwrap(), b"many words ".repeat(500));
        let (from, len) = zip.stored("a.txt").unwrap();
        assert_eq!(written.read(from, usize::try_from(len).unwrap()).unwrap(), b"hello");
        assert!(matches!(zip.stored("b/c.txt"), Err(CheckpointError::Form { what: "deflated", .. })));
        assert!(matches!(zip.read("link", 100), Err(CheckpointError::Form { what: "a link", .. })));
        assert!(matches!(zip.read("c", 100), Err(CheckpointError::NoFile { .. })));
        assert!(matches!(
            zip.read("b/c.txt", 5499),
            Err(CheckpointError::TooLarge { bytes: 5500, limit: 5499, .. })
        ));
    }
}

#[test]
fn a_zip_cut_anywhere_is_an_error() {
    for written in [WRITTEN, WIDE] {
        for end in 0..written.len() {
            assert!(Zip::open(&&written[..end]).is_err(), "cut at {end}");
        }
    }
}

/// A zip with a byte changed from its `place` on, found behind the `count`th signature.
fn changed(signature: &[u8], count: usize, place: usize, to: &[u8]) -> Vec<u8> {
    let mut bytes = WRITTEN.to_vec();
    let starts: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(signature)).collect();
    bytes[starts[count] + place..][..to.len()].copy_from_slice(to);
    bytes
}

#[test]
fn what_two_programs_could_read_differently_is_refused() {
    let (local, central) = (b"PK\x03\x04", b"PK\x01\x02");
    // A header that names another file than the directory, or packs it otherwise.
    for bytes in [changed(local, 0, 30, b"x"), changed(local, 0, 8, &[8, 0])] {
        assert!(Zip::open(&bytes).unwrap().read("a.txt", 100).is_err());
    }
    // A file that is longer or shorter once it is unpacked, encrypted, packed otherwise, or lies elsewhere.
    let cases: [(usize, usize, &[u8]); 6] =
        [(2, 24, &[1]), (2, 24, &[0xff]), (0, 8, &[1, 0]), (0, 10, &[12, 0]), (0, 42, &[200]), (0, 20, &[9])];
    for (row, place, to) in cases {
        let bytes = changed(central, row, place, to);
        let zip = Zip::open(&bytes).unwrap();
        let name = if row == 0 { "a.txt" } else { "b/c.txt" };
        assert!(zip.read(name, 100_000).is_err(), "row {row}, byte {place}");
    }
    // Two files of one name: the link has five letters less than the deflated file, so that the first gets the second's.
    let twice = {
        let mut bytes = WRITTEN.to_vec();
        let at = (0..bytes.len()).rev().find(|at| bytes[*at..].starts_with(b"a.txt")).unwrap();
        let link = (0..bytes.len()).rev().find(|at| bytes[*at..].starts_with(b"link")).unwrap();
        bytes.copy_within(link..link + 4, at);
        bytes[at - CENTRAL_NAME_BEHIND..][..2].copy_from_slice(&[4, 0]);
        bytes
    };
    assert!(Zip::open(&twice).is_err());
}

/// From the length of a name in a row to the name.
const CENTRAL_NAME_BEHIND: usize = 46 - 28;

#[test]
fn no_change_of_a_byte_panics_or_unpacks_more_than_is_told() {
    for written in [WRITTEN, WIDE] {
        for at in 0..written.len() {
            for to in [0, 1, 0x7f, 0x80, 0xff, written[at] ^ 1] {
                let mut bytes = written.to_vec();
                bytes[at] = to;
                let Ok(zip) = Zip::open(&bytes) else { continue };
                for name in zip.names() {
                    if let Ok(plain) = zip.read(name, 1 << 16) {
                        assert!(plain.len() <= 1 << 16);
                    }
                }
            }
        }
    }
}
