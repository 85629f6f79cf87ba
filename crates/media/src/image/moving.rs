//! Animated GIF, PNG and WebP, frame by frame.

use std::io::Cursor;

use image::codecs::gif::GifDecoder;
use image::codecs::png::PngDecoder;
use image::codecs::webp::WebPDecoder;
use image::{AnimationDecoder, Frames, ImageDecoder};
use sensorium_types::FailureReason;

use super::alpha::Alpha;
use super::bounds::{bounds, check};
use super::still::{failure, refusal};
use crate::{Limits, Rgb};

/// Delays up to this are what programs write that mean "fast"; browsers show such frames for [`USUAL_DELAY_MS`].
const MIN_DELAY_MS: u64 = 10;
const USUAL_DELAY_MS: u64 = 100;
/// Longest time that one frame counts for.
const MAX_DELAY_MS: u64 = 10_000;

/// An animated image.
pub(crate) struct Moving<'a> {
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Its format, as ffmpeg names codecs.
    pub codec: &'static str,
    /// Frames with their time on the screen in milliseconds; ends at the first damage.
    pub frames: Box<dyn Iterator<Item = (Rgb, u64)> + 'a>,
}

/// The frames of an animated image; `None` for a still one. A GIF says only by its frames whether it moves.
///
/// # Errors
/// If the header is damaged or claims too much.
pub(crate) fn frames<'a>(
    bytes: &'a [u8],
    mime: &str,
    limits: &Limits,
) -> Result<Option<Moving<'a>>, FailureReason> {
    let Some((size, codec, frames)) = open(bytes, mime, limits)? else { return Ok(None) };
    let mut frames = frames.map_while(Result::ok);
    let (Some(first), Some(second)) = (frames.next(), frames.next()) else { return Ok(None) };
    let frames = [first, second].into_iter().chain(frames);
    let alpha = if is_seen(bytes, mime, limits) { Alpha::Straight } else { Alpha::Opaque };
    let frames = Box::new(frames.map(move |frame| {
        let (num, denom) = frame.delay().numer_denom_ms();
        let delay = u64::from(num) / u64::from(denom.max(1));
        let delay = if delay <= MIN_DELAY_MS { USUAL_DELAY_MS } else { delay.min(MAX_DELAY_MS) };
        let buffer = frame.into_buffer();
        let (width, height) = buffer.dimensions();
        let mut pixels = buffer.into_raw();
        alpha.flatten(&mut pixels);
        (Rgb { width, height, pixels }, delay)
    }));
    Ok(Some(Moving { width: size.0, height: size.1, codec, frames }))
}

/// Size, codec and frames with their alpha; `None` for what never moves.
#[expect(clippy::type_complexity, reason = "taken apart at once")]
fn open<'a>(
    bytes: &'a [u8],
    mime: &str,
    limits: &Limits,
) -> Result<Option<((u32, u32), &'static str, Frames<'a>)>, FailureReason> {
    Ok(Some(match mime {
        "image/png" => {
            let mut png = PngDecoder::with_limits(Cursor::new(bytes), bounds(limits)).map_err(failure)?;
            let size = check(&png, limits)?;
            if !png.is_apng().map_err(failure)? {
                return Ok(None);
            }
            png.set_limits(bounds(limits)).map_err(failure)?;
            (size, "apng", png.apng().map_err(failure)?.into_frames())
        }
        "image/gif" => {
            let mut gif = GifDecoder::new(Cursor::new(bytes)).map_err(failure)?;
            let size = check(&gif, limits)?;
            gif.set_limits(bounds(limits)).map_err(failure)?;
            (size, "gif", gif.into_frames())
        }
        "image/webp" => {
            let webp = WebPDecoder::new(Cursor::new(bytes)).map_err(|error| refusal(error, bytes))?;
            let size = check(&webp, limits)?;
            if !webp.has_animation() {
                return Ok(None);
            }
            (size, "webp", webp.into_frames())
        }
        _ => return Ok(None),
    }))
}

/// Whether any pixel of any frame is not wholly transparent. Nearly always the first frame tells.
fn is_seen(bytes: &[u8], mime: &str, limits: &Limits) -> bool {
    let Ok(Some((_, _, frames))) = open(bytes, mime, limits) else { return true };
    frames
        .take(limits.max_animation_frames)
        .map_while(Result::ok)
        .any(|frame| frame.buffer().pixels().any(|image::Rgba([_, _, _, alpha])| *alpha > 0))
}
