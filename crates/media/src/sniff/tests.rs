use super::magic::{MAGICS, is_printable};
use super::*;
use crate::head::HEAD_BYTES;

fn mime(head: &[u8]) -> Option<&'static str> {
    sniff(head).map(|sniffed| sniffed.mime)
}

#[test]
fn content_tells_the_type() {
    assert_eq!(mime(b"\xFF\xD8\xFF\xE0"), Some("image/jpeg"));
    assert_eq!(mime(b"RIFF\0\0\0\0WAVEfmt "), Some("audio/wav"));
    assert_eq!(mime(b"RIFF\0\0\0\0WEBPVP8 "), Some("image/webp"));
    assert_eq!(mime(b"\0\0\0\x20ftypavif\0\0\0\0"), Some("image/avif"));
    assert_eq!(mime(b"\0\0\0\x20ftypisom\0\0\0\0"), Some("video/mp4"));
    assert_eq!(mime(b"\xFF\xFB\x90\x64\0"), Some("audio/mpeg"));
    assert_eq!(mime(b"\xFF\xF1\x50\x80\0"), Some("audio/aac"));
    assert_eq!(mime("ein Stra\u{df}enhund".as_bytes()), Some("text/plain"));
    assert_eq!(mime(b"<!DOCTYPE html><p>x"), Some("text/html"));
    assert_eq!(mime(b"<!-- a page --><html><p>x"), Some("text/html"));
    assert_eq!(mime(b"How to write <html> tags"), Some("text/plain"));
    assert_eq!(mime(b"\0\0\0\x01\x09\x10\0\0"), Some("video/h264"));
    assert_eq!(mime(b"\0\0\x01\x40\x01\x0C\0"), Some("video/h265"));
    assert_eq!(mime(b"FUJIFILMCCD-RAW 0201\0"), Some("image/x-dcraw"));
}

#[test]
fn what_is_no_media_has_no_type() {
    assert_eq!(mime(b""), None);
    assert_eq!(mime(b"\0\x01\x02\x03"), None);
    assert_eq!(mime(b"<?xml version='1.0'?><svg width='1'/>"), None);
    assert_eq!(mime(b"<?xml version='1.0'?><!-- drawn --><!DOCTYPE svg>"), None);
    assert_eq!(mime(b"\xFF\xFE\x01\0"), None);
    assert_eq!(mime(b"#EXTM3U\nhttp://example.org"), None);
    assert_eq!(mime(b"caf\xE9 in Latin-1"), None);
}

#[test]
fn a_head_may_end_inside_a_character() {
    let mut head = vec![b'a'; HEAD_BYTES - 1];
    head.push(0xC3);
    assert_eq!(mime(&head), Some("text/plain"));
}

/// Random numbers of a seed, which `SENSORIUM_TEST_SEED` names anew.
struct Seeded(u64);

impl Seeded {
    fn new() -> Self {
        let seed =
            std::env::var("SENSORIUM_TEST_SEED").map_or(11_u64, |seed| seed.parse().expect("a number"));
        println!("SENSORIUM_TEST_SEED={seed}");
        Self(seed.wrapping_add(0x9E37_79B9_7F4A_7C15))
    }

    /// A number below `end`, by splitmix64.
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ mixed >> 31) % end as u64).expect("below a usize")
    }

    /// A piece of a text, of whole characters.
    fn piece<'a>(&mut self, text: &'a str) -> &'a str {
        let (from, length) = (self.below(text.len()), 1 + self.below(600));
        let from = text.ceil_char_boundary(from);
        &text[from..text.floor_char_boundary(from + length).max(from)]
    }
}

fn sample_texts() -> Vec<String> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../samples/texts");
    let mut files: Vec<_> =
        fs_err::read_dir(folder).expect("samples").map(|entry| entry.expect("a file").path()).collect();
    files.sort();
    files.iter().map(|file| fs_err::read_to_string(file).expect("a text")).collect()
}

/// The letters of each magic with their places: `FLV` of `FLV\x01`.
fn letters_of_magics() -> Vec<Vec<(usize, Vec<u8>)>> {
    let places = MAGICS.iter().flat_map(|magic| magic.any);
    let letters = places.map(|places| {
        let letters = places.iter().map(|(offset, bytes)| {
            (
                *offset,
                bytes.iter().copied().take_while(|byte| matches!(byte, b' '..=b'~')).collect::<Vec<_>>(),
            )
        });
        letters.filter(|(_, letters)| !letters.is_empty()).collect::<Vec<_>>()
    });
    let netpbm = (b'1'..=b'7').map(|kind| vec![(0, vec![b'P', kind])]);
    letters.filter(|letters| !letters.is_empty()).chain(netpbm).collect()
}

#[test]
fn texts_behind_the_letters_of_a_magic_are_texts() {
    let (texts, magics) = (sample_texts(), letters_of_magics());
    assert!(texts.len() > 3 && magics.len() > 30, "{} texts, {} magics", texts.len(), magics.len());
    let mut random = Seeded::new();
    for number in 0..2000 {
        let letters = &magics[number % magics.len()];
        let mut head = Vec::new();
        for (offset, letters) in letters {
            // What stands before and between the letters is a piece of text too.
            while head.len() < *offset {
                let text = &texts[random.below(texts.len())];
                let piece = random.piece(text).replace(|c: char| !c.is_ascii(), "-");
                head.extend(piece.bytes().take(offset - head.len()));
            }
            head.extend(letters);
        }
        let text = &texts[random.below(texts.len())];
        head.extend(random.piece(text).bytes());
        let found = sniff(&head).map(|sniffed| (sniffed.modality, sniffed.family));
        assert_eq!(found, Some((Modality::Text, Family::Text)), "{}", String::from_utf8_lossy(&head));
    }
}

#[test]
fn every_magic_is_known_where_bytes_of_no_text_are() {
    for places in MAGICS.iter().flat_map(|magic| magic.any).filter(|places| is_printable(places)) {
        let mut head = vec![0; 400];
        for (offset, bytes) in *places {
            head.splice(offset..&(offset + bytes.len()), bytes.iter().copied());
        }
        head[14] = if head.starts_with(b"BM") { 40 } else { head[14] };
        let found = sniff(&head).map(|sniffed| sniffed.family);
        assert!(found.is_some_and(|family| family != Family::Text), "{places:?}");
    }
}

#[test]
fn images_whose_format_is_text_stay_images() {
    for image in [
        "P1\n# drawn by hand\n3 2\n1 0 1\n010\n",
        "P1 2 2 1001",
        "P2\n2 2\n255\n0 64 128 255\n",
        "P3 1 1 255 9 9 9",
        "P4\n8 4\nABCD",
        "P5\n2 2\n255\nABCD",
        "P6\n1 1\n255\nabc",
    ] {
        assert_eq!(mime(image.as_bytes()), Some("image/x-portable-anymap"), "{image}");
    }
    let pam = b"P7\nWIDTH 1\nHEIGHT 1\nDEPTH 1\nMAXVAL 255\nTUPLTYPE GRAYSCALE\nENDHDR\n\x07";
    assert_eq!(mime(pam), Some("image/x-portable-anymap"));
    for text in [
        "P1 is a format",
        "P2 10 20 30 and so on",
        "P1 3 5 people came",
        "P3\n",
        "P5 2 2 255 ABCDE",
        "P4 12 30 Monday",
        "P6\n0 1\n255\nabc",
        "P7 has a header",
        "P2\n2 2\n70000\n1 2 3 4",
    ] {
        assert_eq!(mime(text.as_bytes()), Some("text/plain"), "{text}");
    }
}

#[test]
fn controls_that_texts_have_leave_a_text_a_text() {
    assert_eq!(mime(b"The free \x1B[31mconcert\x1B[0m\x0C\r\n\x1A"), Some("text/plain"));
    assert_eq!(mime(b"caf\xE9 free"), None);
    assert_eq!(look(b"The free caf\xE9 of Paris").map_err(|why| why.contains("Windows-1252")), Err(true));
}

fn sample(name: &str) -> Vec<u8> {
    let samples = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../samples");
    fs_err::read(samples.join(name)).expect("a sample")
}

#[test]
fn frames_of_mpeg_are_found_behind_junk() {
    let mp3 = sample("sounds/engine.mp3");
    let frames = if mp3.starts_with(b"ID3") { &mp3[45..] } else { &mp3[..] };
    let mut random = Seeded::new();
    let noise: Vec<u8> = (0..3000).map(|_| u8::try_from(random.below(256)).expect("a byte")).collect();
    for junk in [vec![0; 10], vec![0; 2500], noise.clone(), b"junk of a download".to_vec(), vec![0xFF; 700]] {
        let head = [&junk, &frames[..mp3.len().min(6000)]].concat();
        assert_eq!(mime(&head), Some("audio/mpeg"), "{} bytes of junk", junk.len());
    }
    assert_eq!(mime(&[b"APETAGEX\xD0\x07\0\0".as_slice(), &[0; 60]].concat()), Some("audio/mpeg"));
    let archive = [b"PK\x03\x04\x14\0".as_slice(), &frames[..5000]].concat();
    assert_eq!(mime(&archive), None, "an archive that holds one");
}

#[test]
fn no_audio_comes_out_of_noise() {
    let mut random = Seeded::new();
    for _ in 0..300 {
        let mut noise: Vec<u8> =
            (0..HEAD_BYTES).map(|_| u8::try_from(random.below(256)).expect("a byte")).collect();
        noise[0] = 0;
        // One header that is right, and no second where it says.
        noise.splice(100..104, *b"\xFF\xFB\x90\x64");
        assert_eq!(mime(&noise), None);
    }
    assert_eq!(mime(&[0xFF; 4096]), None);
    assert_eq!(mime(b"\xFF\xFE\x90\x64\0\xD8\0\xD8"), None, "no UTF-16 either");
}
