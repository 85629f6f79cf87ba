//! Frames of MPEG audio (MP1, MP2, MP3) and of AAC in ADTS, which have no magic but headers that agree with each other.
//!
//! Real files hold junk before the first frame: zeros, an APE tag, a tag cut in half. Two headers that agree, each where
//! the one before says, and a third where there is room for it, do not stand in other files by chance.

use sensorium_types::Modality::Audio;

use super::{Family, Sniffed, found};

/// Bytes of the longest header that is read here.
const LONGEST_HEADER: usize = 6;
/// Headers of frames in a row that are looked at.
const CHAIN: usize = 3;
/// Bytes of an APE tag's header, and of its footer.
pub(crate) const APE_HEADER_BYTES: u64 = 32;

/// A frame's header.
#[derive(Clone, Copy)]
struct Frame {
    mime: &'static str,
    /// Bytes until the next header; `None` where the header does not say.
    bytes: Option<usize>,
    /// What is the same in all headers of a stream.
    kind: [u8; 2],
}

/// Archives, programs and documents by their first bytes: audio inside them is not what they are.
const HOLDERS: [&[u8]; 14] = [
    b"PK\x03\x04",
    b"Rar!",
    b"7z\xBC\xAF",
    b"\x1F\x8B",
    b"BZh",
    b"\xFD7zXZ",
    b"\x28\xB5\x2F\xFD",
    b"!<arch>",
    b"MZ",
    b"\x7FELF",
    b"%PDF",
    b"\xD0\xCF\x11\xE0",
    b"SQLite format 3",
    b"\xCA\xFE\xBA\xBE",
];
/// Where a tar archive says that it is one.
const TAR: (usize, &[u8]) = (257, b"ustar");

/// Audio whose frames begin at once, or behind junk.
pub(super) fn media(head: &[u8]) -> Option<Sniffed> {
    let (offset, tar) = TAR;
    if HOLDERS.iter().any(|magic| head.starts_with(magic))
        || head.get(offset..).is_some_and(|rest| rest.starts_with(tar))
    {
        return None;
    }
    let candidates = head.iter().enumerate().filter(|(_, byte)| **byte == 0xFF).map(|(at, _)| at);
    let mut streams = candidates.filter_map(|at| stream(head.get(at..)?, at == 0));
    found(Audio, streams.next()?, Family::Audio)
}

/// The media type of frames that begin here. At the start of a file one frame that ends the head is enough.
fn stream(bytes: &[u8], at_start: bool) -> Option<&'static str> {
    let first = Frame::read(bytes)?;
    let Some(length) = first.bytes else {
        // A free bit rate: the next header must be found.
        let again = |at| {
            let frame = bytes.get(at..).and_then(Frame::read);
            frame.is_some_and(|frame| frame.kind == first.kind && frame.bytes.is_none())
        };
        return (at_start && (LONGEST_HEADER..bytes.len()).any(again)).then_some(first.mime);
    };
    let mut place = length;
    for seen in 1..CHAIN {
        if place.saturating_add(LONGEST_HEADER) > bytes.len() {
            return (at_start || seen > 1).then_some(first.mime);
        }
        let next = Frame::read(bytes.get(place..)?).filter(|next| next.kind == first.kind)?;
        place = place.saturating_add(next.bytes?);
    }
    Some(first.mime)
}

impl Frame {
    fn read(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0xFF, second, third, rest @ ..] if second & 0xF6 == 0xF0 => Self::adts(*second, *third, rest),
            // The mark of UTF-16 would be MP1 with checksums, which nobody writes.
            [0xFF, 0xFE, ..] => None,
            [0xFF, second, third, ..] => Self::mpeg(*second, *third),
            _ => None,
        }
    }

    fn adts(second: u8, third: u8, rest: &[u8]) -> Option<Self> {
        if third >> 2 & 0x0F > 12 {
            return None;
        }
        let bytes = match rest {
            [fourth, fifth, sixth, ..] => {
                let length =
                    usize::from(fourth & 3) << 11 | usize::from(*fifth) << 3 | usize::from(sixth >> 5);
                Some(length).filter(|length| *length > LONGEST_HEADER)?
            }
            // The head ends here.
            _ => usize::MAX,
        };
        Some(Self { mime: "audio/aac", bytes: Some(bytes), kind: [second, third & 0xFC] })
    }

    /// Version, layer, bit rate and sample rate must all be known ones.
    fn mpeg(second: u8, third: u8) -> Option<Self> {
        let (version, layer) = (second >> 3 & 3, second >> 1 & 3);
        let (rate, sampling) = (usize::from(third >> 4), usize::from(third >> 2 & 3));
        if second & 0xE0 != 0xE0 || version == 1 || layer == 0 {
            return None;
        }
        let is_first = version == 3;
        let kilobits: [usize; 16] = match (is_first, layer) {
            (true, 3) => [0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448, 0],
            (true, 2) => [0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 0],
            (true, _) => [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0],
            (false, 3) => [0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256, 0],
            (false, _) => [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0],
        };
        let hertz = [44_100, 48_000, 32_000].get(sampling)?
            >> match version {
                3 => 0,
                2 => 1,
                _ => 2,
            };
        let bits = kilobits.get(rate)? * 1000;
        let padding = usize::from(third >> 1 & 1);
        let bytes = match (rate, layer) {
            (15, _) => return None,
            (0, _) => None,
            (_, 3) => Some((12 * bits / hertz + padding) * 4),
            (_, 1) if !is_first => Some(72 * bits / hertz + padding),
            _ => Some(144 * bits / hertz + padding),
        };
        Some(Self { mime: "audio/mpeg", bytes, kind: [second & 0xFE, third & 0x0C] })
    }
}

/// Bytes of the APE tag that a file begins with.
pub(crate) fn ape_tag_bytes(head: &[u8]) -> u64 {
    match head {
        [b'A', b'P', b'E', b'T', b'A', b'G', b'E', b'X', _, _, _, _, a, b, c, d, ..] => {
            APE_HEADER_BYTES + u64::from(u32::from_le_bytes([*a, *b, *c, *d]))
        }
        _ => 0,
    }
}
