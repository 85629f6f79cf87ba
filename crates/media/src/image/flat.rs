//! Images of one colour whose file is large: something was lost while they were decoded, or before.
//!
//! Only formats that pack one colour tightly are judged, by the bytes of the image data alone: profiles, EXIF and
//! previews do not count. Measured for one colour of any size: JPEG at most 0.047 bytes a pixel (four inks, no
//! subsampling), PNG 0.016, WebP 0.002, AVIF 0.0006, and some hundred bytes each.

use sensorium_types::{FailureReason, ReasonKind};

use super::segments;
use crate::blank::is_uniform;
use crate::{Rgb, reason};

/// Pixels of one colour that may cost a byte.
const PIXELS_A_BYTE: u64 = 16;
/// Bytes that an image of one colour may have whatever its size.
const ANY_SIZE_BYTES: u64 = 2048;

/// A warning if every pixel is the same though `bytes` of image data stand for `width * height` of them.
pub(crate) fn warning(image: &Rgb, (width, height): (u32, u32), bytes: u64) -> Option<FailureReason> {
    let honest = ANY_SIZE_BYTES + u64::from(width) * u64::from(height) / PIXELS_A_BYTE;
    (bytes > honest && is_uniform(image)).then(|| {
        let detail = format!(
            "every pixel is the same, though there are {} kB of image data: perhaps it is damaged",
            bytes.div_ceil(1000)
        );
        reason(ReasonKind::Corrupt, detail)
    })
}

/// Bytes of a file that hold the pixels; 0 where their number says nothing, as in formats without compression.
pub(super) fn image_data(bytes: &[u8], mime: &str) -> u64 {
    let found = match mime {
        "image/jpeg" => segments::scan_bytes(bytes),
        "image/png" => png_data(bytes),
        "image/webp" => webp_data(bytes),
        _ => 0,
    };
    found as u64
}

/// Data of a PNG; 0 if it is stored without compression.
fn png_data(bytes: &[u8]) -> usize {
    let chunks = Chunks { rest: bytes.get(8..).unwrap_or_default(), big_endian: true };
    let data = chunks.filter(|(name, _)| name == b"IDAT").map(|(_, content)| content);
    let (mut length, mut is_stored) = (0, false);
    for (at, content) in data.enumerate() {
        // Behind two bytes of zlib the first block says in bits 1 and 2 how it is packed.
        is_stored |= at == 0 && content.get(2).is_some_and(|byte| byte & 0b110 == 0);
        length += content.len();
    }
    if is_stored { 0 } else { length }
}

fn webp_data(bytes: &[u8]) -> usize {
    let chunks = Chunks { rest: bytes.get(12..).unwrap_or_default(), big_endian: false };
    chunks.filter(|(name, _)| name == b"VP8 " || name == b"VP8L").map(|(_, content)| content.len()).sum()
}

/// Chunks of PNG (length, name, content, checksum) or RIFF (name, length, content, even).
struct Chunks<'a> {
    rest: &'a [u8],
    big_endian: bool,
}

impl<'a> Iterator for Chunks<'a> {
    type Item = ([u8; 4], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (first, rest) = self.rest.split_first_chunk::<4>()?;
        let (second, rest) = rest.split_first_chunk::<4>()?;
        let (length, name, behind) = if self.big_endian {
            (u32::from_be_bytes(*first), second, 4)
        } else {
            let length = u32::from_le_bytes(*second);
            (length, first, usize::from(length % 2 == 1))
        };
        let content = rest.get(..length as usize)?;
        self.rest = rest.get(length as usize + behind..).unwrap_or_default();
        Some((*name, content))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_colour_in_many_bytes_is_doubtful() {
        let grey = Rgb { width: 100, height: 100, pixels: vec![128; 30_000] };
        assert!(warning(&grey, (100, 100), 2600).is_none(), "as small as it may be");
        let doubt = warning(&grey, (100, 100), 14_000).expect("a warning");
        assert_eq!(doubt.kind, ReasonKind::Corrupt);
        assert!(doubt.detail.contains("14 kB"), "{doubt}");
        assert!(warning(&grey, (1000, 1000), 14_000).is_none(), "scaled down from many pixels");
        let mut dotted = grey;
        dotted.pixels[999] = 140;
        assert!(warning(&dotted, (100, 100), 14_000).is_none());
    }

    #[test]
    fn metadata_and_stored_pixels_do_not_count() {
        let chunk = |name: &[u8], content: &[u8]| {
            let length = u32::try_from(content.len()).expect("short").to_be_bytes();
            [&length[..], name, content, &[0; 4]].concat()
        };
        let png = |data: &[u8]| {
            let chunks = [
                chunk(b"IHDR", &[0; 13]),
                chunk(b"iCCP", &[0; 5000]),
                chunk(b"IDAT", data),
                chunk(b"IDAT", &[1; 40]),
            ];
            [b"\x89PNG\r\n\x1a\n".to_vec(), chunks.concat()].concat()
        };
        assert_eq!(image_data(&png(&[0x78, 0x9C, 0b101, 9]), "image/png"), 44);
        assert_eq!(image_data(&png(&[0x78, 0x01, 0b001, 9]), "image/png"), 0, "stored");
        let webp = b"RIFF\0\0\0\0WEBPEXIF\x03\0\0\0abc\0VP8L\x02\0\0\0xy".as_slice();
        assert_eq!(image_data(webp, "image/webp"), 2);
        assert_eq!(image_data(webp, "image/bmp"), 0);
    }
}
