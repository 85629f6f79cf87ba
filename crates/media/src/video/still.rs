//! Pictures that only ffmpeg decodes: AVIF, and HEIC where it can.

use sensorium_types::{FailureReason, ReasonKind};

use super::{Ffmpeg, RAW_RGB, probe, read_whole, scan_size};
use crate::decode::Job;
use crate::image::{Picture, check_sides, put_pixels, wanted_side};
use crate::sink::Sink;
use crate::{Head, Rgb, reason};

/// The first picture of a file.
///
/// # Errors
/// [`ReasonKind::DecoderMissing`] if the ffmpeg that is installed makes nothing of it: a newer one may.
pub(crate) fn still(job: &Job, sink: &mut Sink) -> Result<Head, FailureReason> {
    let missing =
        |why: &str| reason(ReasonKind::DecoderMissing, format!("{} is not decoded here ({why})", job.mime));
    let not_here = |error: FailureReason| {
        if error.kind == ReasonKind::Corrupt { missing(&error.detail) } else { error }
    };
    let probe = probe::probe(job.path).map_err(not_here)?;
    let (width, height) = probe.picture.ok_or_else(|| missing("no picture found"))?;
    check_sides(width, height, job.limits)?;
    let (w, h) = scan_size(width, height, wanted_side(job.spec));
    let filter = format!("scale={w}:{h}:flags=bicubic,format=rgb24");
    let args = ["-map", "0:V:0", "-frames:v", "1", "-vf", &filter];
    let mut ffmpeg = Ffmpeg::start(job.path, 1, &[&args, &RAW_RGB[..]].concat())?;
    let mut rgb = Rgb { width: w, height: h, pixels: vec![0; w as usize * h as usize * 3] };
    if !read_whole(&mut ffmpeg, &mut rgb.pixels)? {
        return Err(match ffmpeg.finish() {
            Ok(()) => missing("no picture could be decoded"),
            Err(error) => not_here(error),
        });
    }
    put_pixels(Picture { rgb, width, height }, job.mime, job.spec, sink)
}
