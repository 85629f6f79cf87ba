//! Zips for tests, written by hand from the format's tables: wheels, and checkpoints as torch writes them.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::DeflateEncoder;
use serde_json::Value;

/// The mode of a link in a zip of Unix.
pub const LINK: u32 = 0o120_777;
/// That of a plain file.
const FILE: u32 = 0o100_644;

/// A file of a zip.
#[derive(Debug, Clone)]
pub struct Zipped {
    /// Its name.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Whether they are deflated.
    pub deflated: bool,
    /// Its mode.
    pub mode: u32,
}

impl Zipped {
    /// A plain file.
    pub fn new(name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        Self { name: name.into(), bytes: bytes.into(), deflated: false, mode: FILE }
    }

    /// The same, deflated.
    pub fn deflated(self) -> Self {
        Self { deflated: true, ..self }
    }
}

fn long(number: usize) -> [u8; 4] {
    u32::try_from(number).expect("small").to_le_bytes()
}

fn short(number: usize) -> [u8; 2] {
    u16::try_from(number).expect("small").to_le_bytes()
}

/// A zip of these files. Their check sums are not filled in: SHA-256 stands for them.
pub fn zip(files: &[Zipped]) -> Vec<u8> {
    let (mut zip, mut directory) = (Vec::new(), Vec::new());
    for Zipped { name, bytes, deflated, mode } in files {
        let local = zip.len();
        let packed = if *deflated {
            let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(bytes).expect("memory");
            encoder.finish().expect("memory")
        } else {
            bytes.clone()
        };
        let method: [u8; 2] = if *deflated { [8, 0] } else { [0, 0] };
        let sizes = [long(packed.len()), long(bytes.len())].concat();
        let middle = [&[0, 0][..], &method, &[0; 8], &sizes, &short(name.len()), &[0, 0]].concat();
        zip.extend([&b"PK\x03\x04\x14\0"[..], &middle, name.as_bytes(), &packed].concat());
        let mode = (mode << 16).to_le_bytes();
        let row = [&b"PK\x01\x02\x14\x03\x14\0"[..], &middle, &[0; 6], &mode, &long(local), name.as_bytes()];
        directory.extend(row.concat());
    }
    let (from, size, count) = (zip.len(), directory.len(), short(files.len()));
    zip.extend(directory);
    zip.extend([&b"PK\x05\x06\0\0\0\0"[..], &count, &count, &long(size), &long(from), &[0, 0]].concat());
    zip
}

/// A file of safetensors as `torch.save` keeps the same tensors, those alone whose names pass.
pub fn checkpoint(safetensors: &[u8], is_kept: impl Fn(&str) -> bool) -> Vec<u8> {
    let length =
        usize::try_from(u64::from_le_bytes(*safetensors.first_chunk().expect("a length"))).expect("small");
    let (header, data) = safetensors.get(8..).expect("a header").split_at(length);
    let header: Value = serde_json::from_slice(header).expect("a header");
    let mut pickle = b"\x80\x02ccollections\nOrderedDict\n)R(".to_vec();
    let mut files = Vec::new();
    let number = |number: u64| [&b"J"[..], &long(usize::try_from(number).expect("small"))].concat();
    let text = |text: &str| [&b"X"[..], &long(text.len()), text.as_bytes()].concat();
    let header = header.as_object().expect("an object").iter();
    for (name, tensor) in header.filter(|(name, _)| *name != "__metadata__" && is_kept(name)) {
        let kind = match tensor["dtype"].as_str().expect("a type") {
            "F32" => "FloatStorage",
            "F16" => "HalfStorage",
            "BF16" => "BFloat16Storage",
            "I64" => "LongStorage",
            other => panic!("{other}"),
        };
        let place = |end: usize| {
            let place = tensor["data_offsets"].get(end).and_then(Value::as_u64).expect("a place");
            usize::try_from(place).expect("small")
        };
        let shape: Vec<u64> = tensor["shape"]
            .as_array()
            .expect("a shape")
            .iter()
            .map(|side| side.as_u64().expect("a side"))
            .collect();
        let mut strides: Vec<u64> =
            shape.iter().rev().scan(1, |all, side| Some(std::mem::replace(all, *all * side))).collect();
        strides.reverse();
        let key = files.len().to_string();
        pickle.extend(text(name));
        pickle.extend(b"ctorch._utils\n_rebuild_tensor_v2\n((");
        pickle.extend(text("storage"));
        pickle.extend(format!("ctorch\n{kind}\n").into_bytes());
        pickle.extend(
            [text(&key), text("cpu"), number(shape.iter().product()), b"tQ".to_vec(), number(0)].concat(),
        );
        for sides in [&shape, &strides] {
            pickle.push(b'(');
            pickle.extend(sides.iter().flat_map(|side| number(*side)));
            pickle.push(b't');
        }
        pickle.extend(b"\x89ccollections\nOrderedDict\n)RtR");
        files.push(Zipped::new(
            format!("archive/data/{key}"),
            data.get(place(0)..place(1)).expect("its numbers"),
        ));
    }
    pickle.extend(b"u.");
    files.insert(0, Zipped::new("archive/data.pkl", pickle));
    files.push(Zipped::new("archive/byteorder", *b"little"));
    files.push(Zipped::new("archive/version", *b"3\n"));
    zip(&files)
}
