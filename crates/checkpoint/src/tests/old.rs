//! The layout of torch before 1.6.

use super::*;

/// A dictionary of one tensor `a` of two floats, the keys of the storages, and what lies behind the pickles.
fn old(protocol: &[u8], writer: &[u8], keys: &[u8], behind: &[u8]) -> Vec<u8> {
    let tensor = b"\x80\x02}X\x01\0\0\0actorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK\x02NtQK\x00K\x02\x85K\x01\x85\x89}tRs.";
    [&b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."[..], protocol, writer, tensor, keys, behind].concat()
}

const PROTOCOL: &[u8] = b"\x80\x02M\xe9\x03.";
const LITTLE: &[u8] = b"\x80\x02}X\x0d\0\0\0little_endian\x88s.";
const KEYS: &[u8] = b"\x80\x02]X\x01\0\0\x000a.";
/// A count of numbers, and the numbers.
const BEHIND: &[u8] = b"\x02\0\0\0\0\0\0\0\0\0\x80\x3f\0\0\0\xc0";

#[test]
fn every_tensor_of_the_old_layout_has_the_numbers_of_the_new_one() {
    let (old, new) = (Checkpoint::read_old(&OLD).unwrap(), Checkpoint::read(&CHECKPOINT).unwrap());
    let numbers = |checkpoint: &Checkpoint<'_>| -> Vec<_> {
        let numbers = |(name, tensor): (&String, &Tensor)| {
            let mut bytes = Vec::new();
            checkpoint.copy(tensor, &mut bytes).unwrap();
            assert_eq!(bytes.len() as u64, tensor.bytes());
            (name.clone(), tensor.dtype(), tensor.shape().to_vec(), bytes)
        };
        checkpoint.tensors().iter().map(numbers).collect()
    };
    assert_eq!(old.tensors().len(), 16);
    assert_eq!(numbers(&old), numbers(&new));
    assert!(matches!(Checkpoint::read(&OLD), Err(CheckpointError::Layout { .. })));
    for bytes in [CHECKPOINT, b"", b"\x80\x02"] {
        assert!(matches!(Checkpoint::read_old(&bytes), Err(CheckpointError::OldLayout { .. })));
    }
}

#[test]
fn the_parts_of_the_old_layout_fit_together() {
    let good = old(PROTOCOL, LITTLE, KEYS, BEHIND);
    let checkpoint = Checkpoint::read_old(&good).unwrap();
    let mut numbers = Vec::new();
    checkpoint.copy(&checkpoint.tensors()["a"], &mut numbers).unwrap();
    assert_eq!(numbers, BEHIND[8..]);
    // Keys that are put behind a list in one go.
    Checkpoint::read_old(&old(PROTOCOL, LITTLE, b"\x80\x02](X\x01\0\0\x000e.", BEHIND)).unwrap();

    let big = b"\x80\x02}X\x0d\0\0\0little_endian\x89s.";
    let longer = [BEHIND, &[0]].concat();
    let other_count = [&b"\x01\0\0\0\0\0\0\0"[..], &[0; 4]].concat();
    let cases: [(Vec<u8>, &str); 13] = [
        (old(b"\x80\x02M\xea\x03.", LITTLE, KEYS, BEHIND), "another protocol"),
        (old(PROTOCOL, big, KEYS, BEHIND), "highest byte"),
        (old(PROTOCOL, b"\x80\x02}.", KEYS, BEHIND), "highest byte"),
        (old(PROTOCOL, LITTLE, b"\x80\x02).", BEHIND), "no list"),
        (old(PROTOCOL, LITTLE, b"\x80\x02].", b""), "a storage is missing"),
        (old(PROTOCOL, LITTLE, b"\x80\x02]K\x01a.", BEHIND), "no text"),
        (old(PROTOCOL, LITTLE, b"\x80\x02]X\x01\0\0\x001a.", BEHIND), "belongs to no tensor"),
        (
            old(PROTOCOL, LITTLE, b"\x80\x02](X\x01\0\0\x000X\x01\0\0\x000e.", &[BEHIND, BEHIND].concat()),
            "twice",
        ),
        (old(PROTOCOL, LITTLE, KEYS, &longer), "behind its storages"),
        (old(PROTOCOL, LITTLE, KEYS, &other_count), "another size"),
        (old(PROTOCOL, LITTLE, KEYS, &[0xff; 16]), "cut"),
        (old(PROTOCOL, LITTLE, b"\x80\x02}K\x01a.", BEHIND), "into no list"),
        (old(PROTOCOL, LITTLE, b"\x80\x02cos\nsystem\nX\x04\0\0\0true\x85R.", BEHIND), "os.system"),
    ];
    for (bytes, said) in cases {
        let error = Checkpoint::read_old(&bytes).unwrap_err().to_string();
        assert!(error.contains(said), "{error}, not {said}");
    }
}

#[test]
fn the_old_layout_is_bounded() {
    let deep = [&b"\x80\x02"[..], &b"]".repeat(100), &b"a".repeat(99), b"."].concat();
    let error = Checkpoint::read_old(&old(PROTOCOL, LITTLE, &deep, BEHIND)).unwrap_err().to_string();
    assert!(error.contains("16 containers"), "{error}");
    let large = [&b"\x80\x02X\xff\xff\xff\x7f"[..], &vec![b'a'; 17 << 20]].concat();
    let error = Checkpoint::read_old(&old(PROTOCOL, &large, KEYS, BEHIND)).unwrap_err().to_string();
    assert!(error.contains("more than 16777216 bytes"), "{error}");
    // What only the old layout has is refused in the new one.
    assert!(refused(b"\x80\x02].").contains("opcode EMPTY_LIST"));
    assert!(refused(b"\x80\x02}X\x01\0\0\0aNa.").contains("opcode APPEND"));
    let sixth = view("FloatStorage", 4, b"K\0", b"K\x04", b"K\x01");
    let at = sixth.windows(2).position(|bytes| bytes == b"tQ").unwrap();
    let sixth = [&sixth[..at], b"N", &sixth[at..]].concat();
    assert!(refused(&sixth).contains("another form"));
}

#[test]
fn no_change_of_a_byte_of_the_old_layout_panics() {
    let mut read = 0;
    for at in 0..OLD.len() {
        for to in [0, 1, 0x28, 0x7f, 0x80, 0xff, OLD[at] ^ 1] {
            let mut bytes = OLD.to_vec();
            bytes[at] = to;
            let Ok(checkpoint) = Checkpoint::read_old(&bytes) else { continue };
            read += 1;
            for tensor in checkpoint.tensors().values() {
                checkpoint.copy(tensor, &mut std::io::sink()).unwrap();
            }
        }
    }
    // Numbers, and what is not asked for.
    assert!(read > 1000, "{read}");
    for end in 0..OLD.len() {
        assert!(Checkpoint::read_old(&&OLD[..end]).is_err(), "cut at {end}");
    }
}
