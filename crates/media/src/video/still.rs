//! Images that only ffmpeg decodes: AVIF, and HEIC.
//!
//! Their boxes are read here and ffmpeg is given the bare stream of the coded pieces, because what it makes of the
//! boxes differs by version: 5.1 joins no tiles, turns nothing and drops alpha. What is put together in other ways than
//! from tiles goes to ffmpeg as a file.
//!
//! ```text
//! boxes ─► pieces as a stream ─► ffmpeg ─► tiles joined ─► over white ─► cut ─► put (which turns it upright)
//! ```

use std::io::Read;

use sensorium_types::{FailureReason, ReasonKind};

use super::RAW_RGB;
use crate::ffmpeg::{Ffmpeg, read_whole};
use crate::image::{Coded, Heif, Image, Plane, check_sides, put, wanted_side};
use crate::job::Job;
use crate::sink::Sink;
use crate::{Head, Rgb, reason, resize};

/// Longest header of a PPM that ffmpeg writes.
const MAX_HEADER_BYTES: usize = 64;
/// One channel, as it is.
const RAW_GREY: [&str; 5] = ["-f", "rawvideo", "-pix_fmt", "gray", "pipe:1"];

/// The image of a file.
///
/// # Errors
/// [`ReasonKind::DecoderMissing`] if the ffmpeg that is installed makes nothing of it: a newer one may.
pub(crate) fn still(bytes: &[u8], job: &Job, sink: &mut Sink) -> Result<Head, FailureReason> {
    let not_here = |error: FailureReason| {
        if error.kind == ReasonKind::Corrupt { missing(job, &error.detail) } else { error }
    };
    let heif = Heif::read(bytes);
    let (image, exif) = match heif.as_ref().and_then(|heif| Some((heif, heif.image()?))) {
        Some((heif, coded)) => (pieced(heif, coded, job).map_err(not_here)?, heif.exif()),
        None => {
            let exif = heif.as_ref().map(Heif::exif).unwrap_or_default();
            (whole(heif.as_ref().and_then(Heif::size), job).map_err(not_here)?, exif)
        }
    };
    put(image, exif, job.mime, job.spec, sink)
}

/// An image from its coded pieces, over white and cut as its boxes say.
fn pieced(heif: &Heif, coded: Coded, job: &Job) -> Result<Image, FailureReason> {
    let (width, height) = coded.size;
    let pieces = coded.stream.len();
    check_sides(width, height, job.limits)?;
    let (w, h, pixels) = decoded(coded, 3, job)?;
    let mut rgb = Rgb { width: w, height: h, pixels };
    if let Some((coded, kind)) = heif.alpha()
        && check_sides(coded.size.0, coded.size.1, job.limits).is_ok()
        // An image whose alpha cannot be read is shown as if it had none.
        && let Ok((width, height, levels)) = decoded(coded, 1, job)
    {
        kind.lay(&mut rgb, &Plane { width, height, levels });
    }
    let mut image = Image::new(rgb, width, height);
    image.doubt_if_flat(pieces as u64);
    match heif.aperture() {
        Some(aperture) => cut(image, aperture),
        None => Ok(image),
    }
}

/// Columns, rows and bytes of a coded image of so many channels: scaled down by ffmpeg if it is in one piece, else joined.
fn decoded(coded: Coded, channels: usize, job: &Job) -> Result<(u32, u32, Vec<u8>), FailureReason> {
    let Coded { format, stream, tiles, tile, size, colours } = coded;
    let is_whole = tiles == (1, 1) && tile == size;
    let (w, h) = if is_whole { scaled(tile, wanted_side(job.spec)) } else { tile };
    let bytes = |(w, h): (u32, u32)| u64::from(w) * u64::from(h) * channels as u64;
    let (width, height) = if is_whole { (w, h) } else { size };
    let needed = bytes((width, height)).saturating_add(bytes((w, h)));
    if needed > job.limits.max_decoded_bytes {
        let most = job.limits.max_decoded_bytes;
        return Err(reason(ReasonKind::TooLarge, format!("{needed} bytes when decoded, at most {most}")));
    }
    let raw = if channels == 1 { RAW_GREY } else { RAW_RGB };
    let filter = format!("scale={w}:{h}:flags=bicubic{}", if channels == 1 { "" } else { &colours });
    let mut ffmpeg = Ffmpeg::feed(format, stream, &[&["-vf", &filter][..], &raw].concat())?;
    let a_row = w as usize * channels;
    let mut piece = vec![0; a_row * h as usize];
    if is_whole {
        return if read_whole(&mut ffmpeg, &mut piece)? { Ok((w, h, piece)) } else { Err(nothing(ffmpeg)) };
    }
    let row_of_all = width as usize * channels;
    let mut joined = vec![0; row_of_all * height as usize];
    for at in 0..tiles.0 * tiles.1 {
        if !read_whole(&mut ffmpeg, &mut piece)? {
            return Err(nothing(ffmpeg));
        }
        let (left, top) = ((at % tiles.0) as usize * a_row, (at / tiles.0) as usize * h as usize);
        for (row, from) in piece.chunks_exact(a_row).enumerate() {
            // The last tiles may reach beyond the image.
            let length = a_row.min(row_of_all.saturating_sub(left));
            let start = (top + row) * row_of_all + left;
            if let (Some(to), Some(from)) = (joined.get_mut(start..start + length), from.get(..length)) {
                to.copy_from_slice(from);
            }
        }
    }
    Ok((width, height, joined))
}

/// Sides of an image whose shorter one is `short`, or what it has.
fn scaled((width, height): (u32, u32), short: u32) -> (u32, u32) {
    let least = width.min(height).max(1);
    let side = |edge: u32| {
        let length = u64::from(edge) * u64::from(short.min(least)) / u64::from(least);
        u32::try_from(length).unwrap_or(u32::MAX).max(1)
    };
    (side(width), side(height))
}

/// The part of an image that is shown, given as shares of its sides.
fn cut(image: Image, [left, top, w, h]: [f64; 4]) -> Result<Image, FailureReason> {
    let Image { rgb, width, height, warning } = image;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "shares of sides, and casts saturate"
    )]
    let of = |share: f64, side: u32| ((share * f64::from(side)).round() as u32).clamp(1, side);
    let (of_width, of_height) = (f64::from(rgb.width), f64::from(rgb.height));
    let (x, y) = (left * of_width, top * of_height);
    let area = [x, y, (w * of_width).min(of_width - x), (h * of_height).min(of_height - y)];
    let shown = resize::crop_resize(&rgb, area, of(w, rgb.width), of(h, rgb.height))?;
    Ok(Image { rgb: shown, width: of(w, width), height: of(h, height), warning })
}

/// An image that only ffmpeg can put together; `size` is what its boxes say.
fn whole(size: Option<(u32, u32)>, job: &Job) -> Result<Image, FailureReason> {
    let args = ["-frames:v", "1", "-pix_fmt", "rgb24", "-c:v", "ppm", "-f", "image2pipe", "pipe:1"];
    // It is turned later, whatever this ffmpeg knows of turns.
    let mut ffmpeg = Ffmpeg::start_with(job.path, 1, &["-noautorotate"], &args)?;
    let Some((width, height)) = ppm_size(&mut ffmpeg) else { return Err(nothing(ffmpeg)) };
    if size.is_some_and(|size| size != (width, height)) {
        return Err(missing(job, "it does not join the pieces of which the image is made"));
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
    Ok(Image::new(rgb, width, height))
}

/// Why ffmpeg gave less than an image.
fn nothing(ffmpeg: Ffmpeg) -> FailureReason {
    ffmpeg.finish().err().unwrap_or_else(|| reason(ReasonKind::Corrupt, "no image could be decoded"))
}

fn missing(job: &Job, why: &str) -> FailureReason {
    let detail = format!(
        "the installed ffmpeg does not decode this {} ({why}): install ffmpeg 8.1 or newer, or convert the image to \
         JPEG or PNG",
        job.mime
    );
    reason(ReasonKind::DecoderMissing, detail)
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
    fn scaled_images_keep_their_aspect() {
        assert_eq!(scaled((1200, 900), 640), (853, 640));
        assert_eq!(scaled((900, 1600), 640), (640, 1137));
        assert_eq!(scaled((300, 201), 640), (300, 201));
        assert_eq!(scaled((20_000, 1), 640), (20_000, 1));
    }

    #[test]
    fn a_cut_keeps_the_middle() {
        let pixels = (0..4 * 4_u8).flat_map(|at| [at; 3]).collect();
        let image = Image::new(Rgb { width: 4, height: 4, pixels }, 400, 400);
        let shown = cut(image, [0.25, 0.25, 0.5, 0.5]).expect("cut");
        assert_eq!((shown.width, shown.height, shown.rgb.width), (200, 200, 2));
        assert_eq!(shown.rgb.pixels, [5, 5, 5, 6, 6, 6, 9, 9, 9, 10, 10, 10]);
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
