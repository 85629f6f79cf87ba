//! HEIC and AVIF. What ffmpeg can do with them differs by version, so each test takes pixels or the typed reason with its
//! advice; it is skipped, loudly, where no file can be made.

use std::path::Path;

use sensorium_media::Decoded;
use sensorium_types::{FailureReason, Modality, ReasonKind};

use super::{decode, made, pixels};

/// Side of a tile.
const SIDE: u32 = 256;

/// An image that ffmpeg encodes; `None`, loudly, where it lacks the encoder.
fn encoded(folder: &Path, name: &str, source: &str, encoder: &[&str]) -> Option<Vec<u8>> {
    let encoder = [&["-pix_fmt", "yuv420p"], encoder].concat();
    made(&folder.join(name), &["-f", "lavfi", "-i", source], &encoder)
}

/// Checks pixels at the corners, or the reason; gives whether there were pixels.
fn check(decoded: Result<Decoded, FailureReason>, mime: &str, sides: u32, corners: [[u8; 3]; 4]) {
    let decoded = match decoded {
        Ok(decoded) => decoded,
        Err(failed) => {
            assert_eq!(failed.kind, ReasonKind::DecoderMissing, "{failed}");
            for advice in [mime, "install ffmpeg", "convert the image to JPEG or PNG"] {
                assert!(failed.detail.contains(advice), "{failed}");
            }
            eprintln!("no pixels: {failed}");
            return;
        }
    };
    assert_eq!((decoded.modality, decoded.mime.as_str()), (Modality::Image, mime));
    assert_eq!(decoded.facts.get("width"), Some(&sides.into()));
    assert_eq!(decoded.facts.get("height"), Some(&sides.into()));
    let image = pixels(&decoded);
    let (right, bottom) = (image.width - 5, image.height - 5);
    for ((x, y), expected) in [(4, 4), (right, 4), (4, bottom), (right, bottom)].into_iter().zip(corners) {
        let start = ((y * image.width + x) * 3) as usize;
        let found = &image.pixels[start..start + 3];
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
    fs_err::write(&path, heic(&[tile], &[])).expect("writes");
    check(decode(&path), "image/heic", SIDE, [RED; 4]);
}

#[test]
fn a_heic_of_tiles_is_whole_or_says_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let tiles = ["red", "lime", "blue", "white"].map(|colour| tile(folder.path(), colour));
    let Some(tiles) = tiles.into_iter().collect::<Option<Vec<_>>>() else { return };
    let path = folder.path().join("tiles.heic");
    fs_err::write(&path, heic(&tiles, &[])).expect("writes");
    check(decode(&path), "image/heic", 2 * SIDE, [RED, LIME, BLUE, WHITE]);
    // A quarter to the left, and then top and bottom change places.
    for (turns, corners) in [
        (&[boxed(b"irot", &[1])][..], [LIME, WHITE, RED, BLUE]),
        (&[boxed(b"irot", &[3])], [BLUE, RED, WHITE, LIME]),
        (&[boxed(b"imir", &[0])], [BLUE, WHITE, RED, LIME]),
        (&[boxed(b"irot", &[1]), boxed(b"imir", &[0])], [RED, BLUE, LIME, WHITE]),
    ] {
        fs_err::write(&path, heic(&tiles, turns)).expect("writes");
        check(decode(&path), "image/heic", 2 * SIDE, corners);
    }
    let half = [256, 1, 256, 1, (-128_i32).cast_unsigned(), 1, 128, 1].map(u32::to_be_bytes).concat();
    fs_err::write(&path, heic(&tiles, &[boxed(b"clap", &half)])).expect("writes");
    check(decode(&path), "image/heic", SIDE, [BLUE; 4]);
}

#[test]
fn the_alpha_of_an_avif_lies_over_white() {
    let folder = tempfile::tempdir().expect("a folder");
    let av1 = ["-c:v", "libaom-av1", "-cpu-used", "8"];
    let square = format!("color=black:s={SIDE}x{SIDE},drawbox=x=0:y=0:w=128:h=256:color=white:t=fill");
    let coded = |name: &str, source: &str, encoder: &[&str]| {
        let mp4 = made(&folder.path().join(name), &["-f", "lavfi", "-i", source], &[&av1, encoder].concat())?;
        let entry = ["moov", "trak", "mdia", "minf", "stbl", "stsd", "av01", "av1C"];
        Some(Tile {
            kind: *b"av01",
            setup: boxed(b"av1C", content(&mp4, &entry)),
            data: content(&mp4, &["mdat"]).to_vec(),
        })
    };
    let lime = coded("lime.mp4", &format!("color=lime:s={SIDE}x{SIDE}"), &["-pix_fmt", "yuv420p"]);
    let seen = coded(
        "seen.mp4",
        &square,
        &["-vf", "scale=out_range=pc,format=gray", "-color_range", "pc", "-pix_fmt", "gray"],
    );
    let nothing = coded(
        "nothing.mp4",
        &format!("color=black:s={SIDE}x{SIDE}"),
        &["-vf", "scale=out_range=pc,format=gray", "-color_range", "pc", "-pix_fmt", "gray"],
    );
    let (Some(lime), Some(seen), Some(nothing)) = (lime, seen, nothing) else { return };
    let path = folder.path().join("alpha.avif");
    fs_err::write(&path, avif(&lime, &seen)).expect("writes");
    check(decode(&path), "image/avif", SIDE, [LIME, WHITE, LIME, WHITE]);
    fs_err::write(&path, avif(&lime, &nothing)).expect("writes");
    check(decode(&path), "image/avif", SIDE, [LIME; 4]);
}

#[test]
fn a_heic_that_is_cut_off_is_a_typed_failure() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(tile) = tile(folder.path(), "red") else { return };
    let whole = heic(&[tile], &[]);
    let path = folder.path().join("cut.heic");
    for length in [24, 60, whole.len() / 2] {
        fs_err::write(&path, &whole[..length]).expect("writes");
        let failed = decode(&path).map(|decoded| decoded.parts.len());
        let typed = matches!(&failed, Err(reason) if reason.kind == ReasonKind::DecoderMissing);
        assert!(typed || failed == Ok(1), "{length} bytes: {failed:?}");
    }
}

/// A coded image: its kind, the box that sets its decoder up, and its data.
#[derive(Clone)]
struct Tile {
    kind: [u8; 4],
    setup: Vec<u8>,
    data: Vec<u8>,
}

/// One colour in H.265, taken out of an MP4.
fn tile(folder: &Path, colour: &str) -> Option<Tile> {
    let source = format!("color={colour}:s={SIDE}x{SIDE}");
    let encoder = ["-c:v", "libx265", "-x265-params", "log-level=none", "-tag:v", "hvc1"];
    let mp4 = encoded(folder, &format!("{colour}.mp4"), &source, &encoder)?;
    let entry = ["moov", "trak", "mdia", "minf", "stbl", "stsd", "hvc1", "hvcC"];
    let setup = boxed(b"hvcC", content(&mp4, &entry));
    Some(Tile { kind: *b"hvc1", setup, data: content(&mp4, &["mdat"]).to_vec() })
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
                    "hvc1" | "av01" => 78,
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

/// A HEIC of one tile, or of four in a square, with these properties of the whole.
fn heic(tiles: &[Tile], turns: &[Vec<u8>]) -> Vec<u8> {
    let is_square = tiles.len() > 1;
    let square = u16::try_from(tiles.len() + 1).expect("few");
    let side = u16::try_from(2 * SIDE).expect("small");
    let grid = [&[0, 0, 1, 1][..], &side.to_be_bytes(), &side.to_be_bytes()].concat();
    let mut properties = vec![tiles[0].setup.clone(), size(SIDE), size(2 * SIDE)];
    properties.extend_from_slice(turns);
    let turned = (4..).take(turns.len());
    let mut items: Vec<Item> = tiles
        .iter()
        .map(|tile| Item { kind: tile.kind, is_hidden: is_square, data: &tile.data, properties: vec![1, 2] })
        .collect();
    let mut references = Vec::new();
    if is_square {
        let properties = [3].into_iter().chain(turned).collect();
        items.push(Item { kind: *b"grid", is_hidden: false, data: &grid, properties });
        let of = (1..square).flat_map(u16::to_be_bytes).collect::<Vec<_>>();
        references = boxed(b"dimg", &[&square.to_be_bytes()[..], &(square - 1).to_be_bytes(), &of].concat());
    }
    heif(b"heic", &items, &properties, &references, if is_square { square } else { 1 })
}

/// An AVIF of an image and its alpha.
fn avif(colour: &Tile, alpha: &Tile) -> Vec<u8> {
    let name = versioned(b"auxC", 0, b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0");
    let properties = [size(SIDE), colour.setup.clone(), alpha.setup.clone(), name];
    let items = [
        Item { kind: *b"av01", is_hidden: false, data: &colour.data, properties: vec![1, 2] },
        Item { kind: *b"av01", is_hidden: true, data: &alpha.data, properties: vec![1, 3, 4] },
    ];
    heif(b"avif", &items, &properties, &boxed(b"auxl", &[0, 2, 0, 1, 0, 1]), 1)
}

/// An item of a file: its properties are counted from 1.
struct Item<'a> {
    kind: [u8; 4],
    is_hidden: bool,
    data: &'a [u8],
    properties: Vec<u8>,
}

/// A file of these items, counted from 1.
fn heif(brand: &[u8; 4], items: &[Item], properties: &[Vec<u8>], references: &[u8], primary: u16) -> Vec<u8> {
    let (mut infos, mut links) = (Vec::new(), Vec::new());
    for (id, item) in (1_u16..).zip(items) {
        infos.push(info(id, u8::from(item.is_hidden), &item.kind));
        let count = u8::try_from(item.properties.len()).expect("few");
        links.push([&id.to_be_bytes()[..], &[count], &item.properties].concat());
    }
    let associations = [&count(links.len())[2..], &links.concat()].concat();
    let associations = versioned(b"ipma", 0, &[&[0, 0], associations.as_slice()].concat());
    let meta = |start: usize| {
        let mut places = vec![0x44, 0];
        places.extend(&count(items.len())[2..]);
        let mut at = start;
        for (id, item) in (1_u16..).zip(items) {
            let bytes = item.data.len();
            places.extend([&id.to_be_bytes()[..], &[0, 0, 0, 1], &count(at), &count(bytes)].concat());
            at += bytes;
        }
        let inside = [
            versioned(b"hdlr", 0, &[&[0; 4][..], b"pict", &[0; 13]].concat()),
            versioned(b"pitm", 0, &primary.to_be_bytes()),
            versioned(b"iloc", 0, &places),
            versioned(b"iinf", 0, &[&count(infos.len())[2..], &infos.concat()].concat()),
            if references.is_empty() { Vec::new() } else { versioned(b"iref", 0, references) },
            boxed(b"iprp", &[boxed(b"ipco", &properties.concat()), associations.clone()].concat()),
        ];
        versioned(b"meta", 0, &inside.concat())
    };
    let begin = boxed(b"ftyp", &[brand.as_slice(), b"\0\0\0\0mif1", brand].concat());
    let start = begin.len() + meta(0).len() + 8;
    let pixels: Vec<u8> = items.iter().flat_map(|item| item.data.iter().copied()).collect();
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
