//! What torch wrote, and what nobody should have.

mod old;

use std::collections::BTreeMap;

use serde_json::Value;

use super::*;

/// `training/golden_zip.py` wrote these.
const CHECKPOINT: &[u8] = include_bytes!("../../tests/data/checkpoint.bin");
const OLD: &[u8] = include_bytes!("../../tests/data/old.bin");
const NUMBERS: &str = include_str!("../../tests/data/checkpoint.json");

fn named(bytes: &[u8]) -> (String, &[u8]) {
    ("pytorch_model.bin".to_owned(), bytes)
}

fn converted(bytes: &[u8]) -> Result<Vec<u8>, CheckpointError> {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("model.safetensors");
    match convert(&[named(bytes)], &to) {
        Ok(written) => {
            let bytes = fs_err::read(&to).unwrap();
            assert_eq!(written.bytes, bytes.len() as u64);
            assert!(!folder.path().join("model.safetensors.part").exists());
            Ok(bytes)
        }
        Err((file, error)) => {
            assert_eq!(file, "pytorch_model.bin");
            assert!(!to.exists());
            Err(error)
        }
    }
}

/// The header of a file of safetensors, and the numbers behind it.
fn parts(file: &[u8]) -> (Value, &[u8]) {
    let length = usize::try_from(u64::from_le_bytes(file[..8].try_into().unwrap())).unwrap();
    let (header, rest) = file[8..].split_at(length);
    (serde_json::from_slice(header).unwrap(), rest)
}

fn number(dtype: &str, bytes: &[u8]) -> f64 {
    let half = |bits: u16, mantissa: i32, bias: i32| {
        let (sign, rest) = (f64::from(1 - 2 * i32::from(bits >> 15)), i32::from(bits & 0x7fff));
        let (exponent, fraction) = (rest >> mantissa, f64::from(rest & ((1 << mantissa) - 1)));
        assert!(exponent > 0, "no number of the test is so small");
        sign * (1.0 + fraction / f64::from(1 << mantissa)) * 2f64.powi(exponent - bias)
    };
    match (dtype, bytes) {
        ("F64", bytes) => f64::from_le_bytes(bytes.try_into().unwrap()),
        ("F32", bytes) => f32::from_le_bytes(bytes.try_into().unwrap()).into(),
        ("F16", bytes) => half(u16::from_le_bytes(bytes.try_into().unwrap()), 10, 15),
        ("BF16", bytes) => half(u16::from_le_bytes(bytes.try_into().unwrap()), 7, 127),
        ("I64", bytes) => i64::from_le_bytes(bytes.try_into().unwrap()) as f64,
        ("I32", bytes) => i32::from_le_bytes(bytes.try_into().unwrap()).into(),
        ("I16", bytes) => i16::from_le_bytes(bytes.try_into().unwrap()).into(),
        ("I8", &[byte]) => byte.cast_signed().into(),
        ("U8" | "BOOL", &[byte]) => byte.into(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_tensor_of_torch_has_its_numbers() {
    let file = converted(CHECKPOINT).unwrap();
    let (header, bytes) = parts(&file);
    let expected: BTreeMap<String, Value> = serde_json::from_str(NUMBERS).unwrap();
    assert_eq!(header.as_object().unwrap().len(), expected.len() + 1);
    for (name, expected) in &expected {
        let found = &header[name];
        assert_eq!(found["shape"], expected["shape"], "{name}");
        let dtype = found["dtype"].as_str().unwrap();
        let place = |end: usize| usize::try_from(found["data_offsets"][end].as_u64().unwrap()).unwrap();
        let numbers = expected["numbers"].as_array().unwrap();
        let size = (place(1) - place(0)).checked_div(numbers.len()).unwrap_or(1);
        let found: Vec<f64> =
            bytes[place(0)..place(1)].chunks(size).map(|bytes| number(dtype, bytes)).collect();
        let numbers: Vec<f64> = numbers.iter().map(|number| number.as_f64().unwrap()).collect();
        assert_eq!(found.len(), numbers.len(), "{name}");
        // Written as decimals, of which the last digit may be read otherwise.
        let differs = |(a, b): (&f64, &f64)| (a - b).abs() > 1e-15 * a.abs();
        assert!(!found.iter().zip(&numbers).any(differs), "{name}: {found:?}, not {numbers:?}");
    }
    // The same bytes each time.
    assert_eq!(converted(CHECKPOINT).unwrap(), file);
}

#[test]
fn several_files_become_one_and_share_no_tensor() {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("w");
    let other = checkpoint(b"\x80\x02}X\x01\0\0\0zctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\nByteStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK\x02tQK\x00K\x02\x85K\x01\x85\x89}tRs.", &[7, 9]);
    let both = [named(CHECKPOINT), ("two".to_owned(), &other)];
    convert(&both, &to).unwrap();
    let file = fs_err::read(&to).unwrap();
    let (header, bytes) = parts(&file);
    let place = usize::try_from(header["z"]["data_offsets"][0].as_u64().unwrap()).unwrap();
    assert_eq!((&header["z"]["dtype"], &bytes[place..place + 2]), (&"U8".into(), &[7, 9][..]));
    let (_, error) = convert(&[named(CHECKPOINT), named(CHECKPOINT)], &to).unwrap_err();
    assert!(error.to_string().ends_with("is there twice"), "{error}");
}

/// A checkpoint of a pickle and one storage: a zip of stored files, written by hand from the format's tables.
fn checkpoint(pickle: &[u8], storage: &[u8]) -> Vec<u8> {
    let (mut zip, mut central, files) =
        (Vec::new(), Vec::new(), [("a/data.pkl", pickle), ("a/data/0", storage)]);
    let long = |number: usize| u32::try_from(number).unwrap().to_le_bytes();
    let short = |number: usize| u16::try_from(number).unwrap().to_le_bytes();
    for (name, bytes) in files {
        let local = zip.len();
        let sizes = [[0; 4], long(bytes.len()), long(bytes.len())].concat();
        let middle = [&[0; 8][..], &sizes, &short(name.len()), &[0, 0]].concat();
        zip.extend([&b"PK\x03\x04\x14\0"[..], &middle, name.as_bytes(), bytes].concat());
        central.extend(
            [&b"PK\x01\x02\x14\0\x14\0"[..], &middle, &[0; 10], &long(local), name.as_bytes()].concat(),
        );
    }
    let (from, size) = (zip.len(), central.len());
    zip.extend(central);
    zip.extend([&b"PK\x05\x06\0\0\0\0\x02\0\x02\0"[..], &long(size), &long(from), &[0, 0]].concat());
    zip
}

fn refused(pickle: &[u8]) -> String {
    converted(&checkpoint(pickle, &[0; 16])).unwrap_err().to_string()
}

#[test]
fn nothing_is_called_and_what_is_not_needed_is_refused_by_its_name() {
    let cases: [(&[u8], &str); 12] = [
        (b"\x80\x02cos\nsystem\nX\x04\0\0\0true\x85R.", "os.system"),
        (b"\x80\x02cbuiltins\neval\nX\x01\0\0\0" as &[u8], "cut"),
        (b"\x80\x02cbuiltins\neval\nX\x01\0\0\0a\x85R.", "builtins.eval"),
        (b"\x80\x02ccollections\nOrderedDict\nK\x01\x85R.", "other arguments"),
        (b"\x80\x02(X\x04\0\0\0trueios\nsystem\n.", "opcode INST"),
        (b"\x80\x02cos\nsystem\n)\x81.", "opcode NEWOBJ"),
        (b"\x80\x02(cos\nsystem\no.", "opcode OBJ"),
        (b"\x80\x04\x95\0\0\0\0\0\0\0\0.", "protocol"),
        (b"\x80\x02X\x02\0\0\0osX\x06\0\0\0system\x93.", "opcode STACK_GLOBAL"),
        (b"\x80\x02\x82\x01.", "opcode EXT1"),
        (b"\x80\x02cos\nsystem\n}b.", "BUILD"),
        (b"\x80\x02\xfe.", "opcode 0xfe"),
    ];
    for (pickle, said) in cases {
        let error = refused(pickle);
        assert!(error.contains(said), "{error}, not {said}");
    }
    // A class that is only named is none of the values that a dictionary of tensors has.
    assert!(refused(b"\x80\x02}X\x01\0\0\0acos\nsystem\ns.").contains("a class"));
}

#[test]
fn what_is_no_dictionary_of_tensors_says_so() {
    assert!(matches!(converted(OLD), Err(CheckpointError::Layout { .. })));
    for bytes in [&b""[..], b"\x80\x02}.", b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n"] {
        assert!(converted(bytes).unwrap_err().to_string().contains("no checkpoint of torch"), "{bytes:?}");
    }
    let cases: [(&[u8], &str); 9] = [
        (b"\x80\x02K\x01.", "no dictionary"),
        (b"\x80\x02}X\x01\0\0\0aK\x01s.", "holds a number"),
        (b"\x80\x02}K\x01K\x01s.", "no texts"),
        (b"\x80\x02}(X\x01\0\0\0au.", "a name without a value"),
        (b"\x80\x02}h\x01.", "did not keep"),
        (b"\x80\x02.", "nothing lies"),
        (b"\x80\x02(t\x85", "cut"),
        (b"\x80\x02}X\xff\xff\xff\xffa", "cut"),
        (b"\x80\x02\x8a\x09\0\0\0\0\0\0\0\0\x01.", "64 bits"),
    ];
    for (pickle, said) in cases {
        let error = refused(pickle);
        assert!(error.contains(said), "{error}, not {said}");
    }
}

/// A dictionary with one tensor of a storage of sixteen bytes.
fn view(kind: &str, numbers: u8, offset: &[u8], shape: &[u8], strides: &[u8]) -> Vec<u8> {
    [
        b"\x80\x02}X\x01\0\0\0actorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\n",
        kind.as_bytes(),
        b"\nX\x01\0\0\x000X\x03\0\0\0cpuK",
        &[numbers],
        b"tQ",
        offset,
        b"(",
        shape,
        b"t(",
        strides,
        b"t\x89}tRs.",
    ]
    .concat()
}

#[test]
fn tensors_lie_within_their_storages() {
    let zero = b"K\0".as_slice();
    converted(&checkpoint(&view("FloatStorage", 4, zero, b"K\x04", b"K\x01"), &[0; 16])).unwrap();
    let huge = b"J\xff\xff\xff\x7f".as_slice();
    let negative = b"J\xff\xff\xff\xff".as_slice();
    // One without numbers may have sides whose product is larger than any number.
    let sides = [zero, huge, huge, huge].concat();
    let steps = [zero, zero, huge, b"K\x01"].concat();
    converted(&checkpoint(&view("FloatStorage", 4, zero, &sides, &steps), &[0; 16])).unwrap();
    let cases: [(Vec<u8>, &str); 10] = [
        (view("FloatStorage", 4, zero, b"K\x05", b"K\x01"), "behind its storage"),
        (view("FloatStorage", 4, b"K\x01", b"K\x04", b"K\x01"), "behind its storage"),
        (view("FloatStorage", 4, zero, b"K\x02", b"K\x04"), "behind its storage"),
        (view("FloatStorage", 5, zero, b"K\x04", b"K\x01"), "another size"),
        (view("DoubleStorage", 4, zero, b"K\x04", b"K\x01"), "another size"),
        (view("QInt8Storage", 16, zero, b"K\x04", b"K\x01"), "a type that is not read"),
        (view("FloatStorage", 4, zero, b"K\x04K\x01", b"K\x01"), "no sides"),
        (view("FloatStorage", 4, negative, b"K\x04", b"K\x01"), "below 0"),
        (
            view("FloatStorage", 4, zero, &[huge, huge, huge].concat(), &[zero, zero, zero].concat()),
            "larger than any file",
        ),
        // Steps of no length make many numbers of one.
        (
            view("FloatStorage", 4, zero, &[huge, b"K\x01"].concat(), &[zero, zero].concat()),
            "bytes once its tensors lie apart",
        ),
    ];
    for (pickle, said) in cases {
        let error = refused(&pickle);
        assert!(error.contains(said), "{error}, not {said}");
    }
}

#[test]
fn depth_and_steps_are_bounded() {
    // A million tuples within one another: to drop them one by one would need as deep a stack.
    let deep = [&b"\x80\x02)"[..], &b"\x85".repeat(1_000_000), b"."].concat();
    assert!(refused(&deep).contains("16 containers"));
    let deep = [&b"\x80\x02"[..], &b"}X\x01\0\0\0a".repeat(100), b"K\x01", &b"s".repeat(100), b"."].concat();
    assert!(refused(&deep).contains("16 containers"));
    let long = [&b"\x80\x02"[..], &b"N".repeat(2_000_000), b"."].concat();
    assert!(refused(&long).contains("1000000 opcodes"));
    let large = vec![b'N'; (16 << 20) + 1];
    assert!(refused(&large).contains("at most 16777216 are read"));
}

#[test]
fn no_change_of_a_byte_panics() {
    let mut read = 0;
    for at in 0..CHECKPOINT.len() {
        for to in [0, 1, 0x28, 0x7f, 0x80, 0xff, CHECKPOINT[at] ^ 1] {
            let mut bytes = CHECKPOINT.to_vec();
            bytes[at] = to;
            read += usize::from(Checkpoint::read(&bytes).is_ok());
        }
    }
    // Most changes fall on numbers and on what fills up between them.
    assert!(read > CHECKPOINT.len(), "{read}");
    for end in 0..CHECKPOINT.len() {
        assert!(Checkpoint::read(&&CHECKPOINT[..end]).is_err(), "cut at {end}");
    }
}
