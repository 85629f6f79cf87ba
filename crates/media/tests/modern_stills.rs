//! HEIC and AVIF through the real worker. What ffmpeg can do with them differs by version, so each test takes pixels or
//! the typed reason with its advice; it is skipped, loudly, where no file can be made.

#![expect(clippy::indexing_slicing, reason = "boxes of known layout")]
#![expect(clippy::print_stderr, reason = "what is skipped is told")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sensorium_media::{Cancel, Decoded, Limits, MediaInput, MediaPool, PartContent, PoolConfig, TowerSpec};
use sensorium_types::{FailureReason, Modality, ReasonKind};

/// Side of a tile.
const SIDE: u32 = 256;

fn decode(path: &Path) -> Result<Decoded, FailureReason> {
    let program = std::env::var_os("SENSORIUM_BIN")
        .expect("SENSORIUM_BIN names the built binary, whose hidden subcommand decodes; `make test` sets it");
    let (limits, spec) = (Limits::default(), TowerSpec::default());
    let config = PoolConfig { worker_program: PathBuf::from(program), workers: 1, limits, spec };
    MediaPool::new(config).expect("a pool").decode(MediaInput::Path(path.to_owned()), &Cancel::new())
}

/// A picture that ffmpeg encodes; `None`, loudly, where it lacks the encoder.
fn encoded(folder: &Path, name: &str, source: &str, encoder: &[&str]) -> Option<Vec<u8>> {
    let path = folder.join(name);
    let made = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-y", "-f", "lavfi", "-i", source, "-frames:v", "1"])
        .args(["-pix_fmt", "yuv420p"])
        .args(encoder)
        .arg(&path)
        .stderr(Stdio::null())
        .status()
        .expect("ffmpeg is installed");
    if !made.success() {
        eprintln!("SKIPPED: this ffmpeg cannot make {name} ({encoder:?})");
        return None;
    }
    Some(fs_err::read(path).expect("reads"))
}

/// Checks pixels at the corners, or the reason; gives whether there were pixels.
fn check(decoded: Result<Decoded, FailureReason>, mime: &str, sides: u32, corners: [[u8; 3]; 4]) {
    let decoded = match decoded {
        Ok(decoded) => decoded,
        Err(failed) => {
            assert_eq!(failed.kind, ReasonKind::DecoderMissing, "{failed}");
            for advice in [mime, "install ffmpeg", "convert the picture to JPEG or PNG"] {
                assert!(failed.detail.contains(advice), "{failed}");
            }
            eprintln!("no pixels: {failed}");
            return;
        }
    };
    assert_eq!((decoded.modality, decoded.mime.as_str()), (Modality::Image, mime));
    assert_eq!(decoded.facts.get("width"), Some(&sides.into()));
    assert_eq!(decoded.facts.get("height"), Some(&sides.into()));
    let PartContent::Frames(frames) = &decoded.parts[0].content else { panic!("pixels") };
    let picture = &frames[0];
    let (right, bottom) = (picture.width - 5, picture.height - 5);
    for ((x, y), expected) in [(4, 4), (right, 4), (4, bottom), (right, bottom)].into_iter().zip(corners) {
        let start = ((y * picture.width + x) * 3) as usize;
        let found = &picture.pixels[start..start + 3];
        let near = found.iter().zip(expected).all(|(found, expected)| found.abs_diff(expected) < 30);
        assert!(near, "at {x}, {y}: {found:?}, expected {expected:?}");
    }
}

const RED: [u8; 3] = [255, 0, 0];
const LIME: [u8; 3] = [0, 255, 0];
const BLUE: [u8; 3] = [0, 0, 255];
const WHITE: [u8; 3] = [255; 3];

#[test]
fn an_avif_gives_pixels_or_says_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let source = format!("color=red:s={SIDE}x{SIDE}");
    let encoder = ["-c:v", "libaom-av1", "-still-picture", "1", "-cpu-used", "8"];
    if encoded(folder.path(), "red.avif", &source, &encoder).is_some() {
        check(decode(&folder.path().join("red.avif")), "image/avif", SIDE, [RED; 4]);
    }
}

#[test]
fn a_heic_gives_pixels_or_says_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(tile) = tile(folder.path(), "red") else { return };
    let path = folder.path().join("one.heic");
    fs_err::write(&path, heic(&[tile])).expect("writes");
    check(decode(&path), "image/heic", SIDE, [RED; 4]);
}

#[test]
fn a_heic_of_tiles_is_whole_or_says_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let tiles = ["red", "lime", "blue", "white"].map(|colour| tile(folder.path(), colour));
    let Some(tiles) = tiles.into_iter().collect::<Option<Vec<_>>>() else { return };
    let path = folder.path().join("tiles.heic");
    fs_err::write(&path, heic(&tiles)).expect("writes");
    check(decode(&path), "image/heic", 2 * SIDE, [RED, LIME, BLUE, WHITE]);
}

#[test]
fn a_heic_that_is_cut_off_is_a_typed_failure() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(tile) = tile(folder.path(), "red") else { return };
    let whole = heic(&[tile]);
    let path = folder.path().join("cut.heic");
    for length in [24, 60, whole.len() / 2] {
        fs_err::write(&path, &whole[..length]).expect("writes");
        let failed = decode(&path).map(|decoded| decoded.parts.len());
        let typed = matches!(&failed, Err(reason) if reason.kind == ReasonKind::DecoderMissing);
        assert!(typed || failed == Ok(1), "{length} bytes: {failed:?}");
    }
}

/// A coded picture: what sets its decoder up, and its data.
struct Tile {
    setup: Vec<u8>,
    data: Vec<u8>,
}

/// One colour in H.265, taken out of an MP4.
fn tile(folder: &Path, colour: &str) -> Option<Tile> {
    let source = format!("color={colour}:s={SIDE}x{SIDE}");
    let encoder = ["-c:v", "libx265", "-x265-params", "log-level=none", "-tag:v", "hvc1"];
    let mp4 = encoded(folder, &format!("{colour}.mp4"), &source, &encoder)?;
    let entry = ["moov", "trak", "mdia", "minf", "stbl", "stsd", "hvc1", "hvcC"];
    Some(Tile { setup: content(&mp4, &entry).to_vec(), data: content(&mp4, &["mdat"]).to_vec() })
}

/// What a box holds that lies in others.
fn content<'a>(mut bytes: &'a [u8], path: &[&str]) -> &'a [u8] {
    for name in path {
        loop {
            let length = u32::from_be_bytes(bytes[..4].try_into().expect("four bytes")) as usize;
            let (this, rest) = bytes.split_at(length);
            if &this[4..8] == name.as_bytes() {
                // Fields that stand before the boxes within.
                let fields = match *name {
                    "stsd" => 8,
                    "hvc1" => 78,
                    _ => 0,
                };
                bytes = &this[8 + fields..];
                break;
            }
            bytes = rest;
        }
    }
    bytes
}

/// A HEIC of one tile, or of four in a square.
fn heic(tiles: &[Tile]) -> Vec<u8> {
    let is_square = tiles.len() > 1;
    let square = u16::try_from(tiles.len() + 1).expect("few");
    let side = u16::try_from(2 * SIDE).expect("small");
    let grid = [&[0, 0, 1, 1][..], &side.to_be_bytes(), &side.to_be_bytes()].concat();

    let (mut data, mut infos, mut links) = (Vec::new(), Vec::new(), Vec::new());
    for (id, tile) in (1_u16..).zip(tiles) {
        data.push((id, tile.data.as_slice()));
        infos.push(info(id, u8::from(is_square), b"hvc1"));
        links.push([&id.to_be_bytes()[..], &[2, 0x81, 2]].concat());
    }
    let mut properties = [boxed(b"hvcC", &tiles[0].setup), size(SIDE)].concat();
    let mut references = Vec::new();
    if is_square {
        data.push((square, grid.as_slice()));
        infos.push(info(square, 0, b"grid"));
        links.push([&square.to_be_bytes()[..], &[1, 3]].concat());
        properties.extend(size(2 * SIDE));
        let of = (1..square).flat_map(u16::to_be_bytes).collect::<Vec<_>>();
        let of = [&square.to_be_bytes()[..], &(square - 1).to_be_bytes(), &of].concat();
        references = versioned(b"iref", 0, &boxed(b"dimg", &of));
    }
    let primary = if is_square { square } else { 1 };
    let associations = [&count(links.len())[2..], &links.concat()].concat();
    let associations = versioned(b"ipma", 0, &[&[0, 0], associations.as_slice()].concat());
    let meta = |start: usize| {
        let mut places = vec![0x44, 0];
        places.extend(&count(data.len())[2..]);
        let mut at = start;
        for (id, bytes) in &data {
            places.extend([&id.to_be_bytes()[..], &[0, 0, 0, 1], &count(at), &count(bytes.len())].concat());
            at += bytes.len();
        }
        let inside = [
            versioned(b"hdlr", 0, &[&[0; 4][..], b"pict", &[0; 13]].concat()),
            versioned(b"pitm", 0, &primary.to_be_bytes()),
            versioned(b"iloc", 0, &places),
            versioned(b"iinf", 0, &[&count(infos.len())[2..], &infos.concat()].concat()),
            references.clone(),
            boxed(b"iprp", &[boxed(b"ipco", &properties), associations.clone()].concat()),
        ];
        versioned(b"meta", 0, &inside.concat())
    };
    let begin = boxed(b"ftyp", b"heic\0\0\0\0mif1heic");
    let start = begin.len() + meta(0).len() + 8;
    let pixels: Vec<u8> = data.iter().flat_map(|(_, bytes)| bytes.iter().copied()).collect();
    [begin, meta(start), boxed(b"mdat", &pixels)].concat()
}

fn boxed(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
    [&count(content.len() + 8)[..], name, content].concat()
}

fn versioned(name: &[u8; 4], version: u8, content: &[u8]) -> Vec<u8> {
    boxed(name, &[&[version, 0, 0, 0], content].concat())
}

fn info(id: u16, hidden: u8, kind: &[u8; 4]) -> Vec<u8> {
    let content = [&[2, 0, 0, hidden][..], &id.to_be_bytes(), &[0, 0], kind, &[0]].concat();
    boxed(b"infe", &content)
}

fn size(side: u32) -> Vec<u8> {
    versioned(b"ispe", 0, &[side.to_be_bytes(), side.to_be_bytes()].concat())
}

fn count(value: usize) -> [u8; 4] {
    u32::try_from(value).expect("small").to_be_bytes()
}
