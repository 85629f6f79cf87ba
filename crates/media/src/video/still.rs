//! Pictures that only ffmpeg decodes: AVIF, and HEIC where it can.
//!
//! Telephones cut their HEICs into tiles. An ffmpeg that does not join them gives the first tile as if it were the
//! picture, so tiled ones are asked for in their own size, with a header that tells it, and one tile is refused.

use std::io::Read;

use sensorium_types::{FailureReason, ReasonKind};

use super::{Ffmpeg, RAW_RGB, probe, read_whole, scan_size};
use crate::decode::Job;
use crate::image::{Picture, check_sides, put_pixels, wanted_side};
use crate::sink::Sink;
use crate::{Head, Rgb, reason};

/// Where the boxes that describe a picture end at the latest.
const MAX_BOXES_BYTES: u64 = 256 << 10;
/// From the name of a box that describes an item to the item's type.
const ITEM_TYPE: usize = 12;
/// Longest header of a PPM that ffmpeg writes.
const MAX_HEADER_BYTES: usize = 64;

/// The first picture of a file.
///
/// # Errors
/// [`ReasonKind::DecoderMissing`] if the ffmpeg that is installed makes nothing of it: a newer one may.
pub(crate) fn still(job: &Job, sink: &mut Sink) -> Result<Head, FailureReason> {
    let not_here = |error: FailureReason| {
        if error.kind == ReasonKind::Corrupt { missing(job, &error.detail) } else { error }
    };
    let probe = probe::probe(job.path).map_err(not_here)?;
    let (width, height) = probe.picture.ok_or_else(|| missing(job, "no picture found"))?;
    check_sides(width, height, job.limits)?;
    let picture = if is_tiled(job) {
        tiled(job, (width, height)).map_err(not_here)?
    } else {
        whole(job, (width, height)).map_err(not_here)?
    };
    put_pixels(picture, job.mime, job.spec, sink)
}

/// A picture in one piece, scaled down by ffmpeg.
fn whole(job: &Job, (width, height): (u32, u32)) -> Result<Picture, FailureReason> {
    let (w, h) = scan_size(width, height, wanted_side(job.spec));
    let filter = format!("scale={w}:{h}:flags=bicubic,format=rgb24");
    let args = ["-map", "0:V:0", "-frames:v", "1", "-vf", &filter];
    let mut ffmpeg = Ffmpeg::start(job.path, 1, &[&args, &RAW_RGB[..]].concat())?;
    let mut rgb = Rgb { width: w, height: h, pixels: vec![0; w as usize * h as usize * 3] };
    if !read_whole(&mut ffmpeg, &mut rgb.pixels)? {
        return Err(nothing(ffmpeg));
    }
    Ok(Picture::new(rgb, width, height))
}

/// A picture of tiles, of which ffprobe tells the size of one.
fn tiled(job: &Job, tile: (u32, u32)) -> Result<Picture, FailureReason> {
    let args = ["-frames:v", "1", "-pix_fmt", "rgb24", "-c:v", "ppm", "-f", "image2pipe", "pipe:1"];
    let mut ffmpeg = Ffmpeg::start(job.path, 1, &args)?;
    let Some((width, height)) = ppm_size(&mut ffmpeg) else { return Err(nothing(ffmpeg)) };
    if (width, height) == tile || (height, width) == tile {
        return Err(missing(job, "it does not join the tiles of which the picture is made"));
    }
    check_sides(width, height, job.limits)?;
    let bytes = u64::from(width) * u64::from(height) * 3;
    if bytes > job.limits.max_decoded_bytes {
        let most = job.limits.max_decoded_bytes;
        return Err(reason(ReasonKind::TooLarge, format!("{bytes} bytes when decoded, at most {most}")));
    }
    let mut rgb = Rgb { width, height, pixels: vec![0; width as usize * height as usize * 3] };
    if !read_whole(&mut ffmpeg, &mut rgb.pixels)? {
        return Err(nothing(ffmpeg));
    }
    Ok(Picture::new(rgb, width, height))
}

/// Why ffmpeg gave less than a picture.
fn nothing(ffmpeg: Ffmpeg) -> FailureReason {
    ffmpeg.finish().err().unwrap_or_else(|| reason(ReasonKind::Corrupt, "no picture could be decoded"))
}

fn missing(job: &Job, why: &str) -> FailureReason {
    let detail = format!(
        "the installed ffmpeg does not decode this {} ({why}): install ffmpeg 8.1 or newer, or convert the picture to \
         JPEG or PNG",
        job.mime
    );
    reason(ReasonKind::DecoderMissing, detail)
}

/// Whether a file's boxes name an item that is put together from others.
fn is_tiled(job: &Job) -> bool {
    let mut boxes = Vec::new();
    let read =
        fs_err::File::open(job.path).and_then(|file| file.take(MAX_BOXES_BYTES).read_to_end(&mut boxes));
    read.is_ok() && has_tiles(&boxes)
}

fn has_tiles(boxes: &[u8]) -> bool {
    boxes
        .windows(ITEM_TYPE + 4)
        .any(|window| window.starts_with(b"infe") && (window.ends_with(b"grid") || window.ends_with(b"iovl")))
}

/// Reads the header of a PPM of 8 bits; gives its columns and rows.
fn ppm_size(from: &mut impl Read) -> Option<(u32, u32)> {
    let mut header = Vec::new();
    let mut byte = [0];
    // Three words and the greatest value, each with one space behind it.
    while header.iter().filter(|byte: &&u8| byte.is_ascii_whitespace()).count() < 4 {
        if header.len() >= MAX_HEADER_BYTES {
            return None;
        }
        from.read_exact(&mut byte).ok()?;
        header.extend(byte);
    }
    let mut words = std::str::from_utf8(&header).ok()?.split_ascii_whitespace();
    let (magic, width, height, most) = (words.next()?, words.next()?, words.next()?, words.next()?);
    (magic == "P6" && most == "255").then_some((width.parse().ok()?, height.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_of_items_are_tiles() {
        let item = |kind: &[u8]| [b"\0\0\0\x15infe\x02\0\0\0\0\x01\0\0", kind, b"\0"].concat();
        assert!(has_tiles(&[item(b"hvc1"), item(b"grid")].concat()));
        assert!(has_tiles(&item(b"iovl")));
        assert!(!has_tiles(&item(b"hvc1")));
        assert!(!has_tiles(b"infe grid"));
    }

    #[test]
    fn a_header_tells_the_size_and_leaves_the_pixels() {
        let mut ppm = b"P6\n640 400\n255\n\x20\x21\x22".as_slice();
        assert_eq!(ppm_size(&mut ppm), Some((640, 400)));
        assert_eq!(ppm, [0x20, 0x21, 0x22]);
        for broken in [b"P6\n640".as_slice(), b"P5\n1 1\n255\n", b"P6\n-1 1\n255\n", &[b'9'; 200]] {
            assert_eq!(ppm_size(&mut { broken }), None);
        }
    }
}
