//! Films: sampled by time, cut by shots and windows, with the soundtrack as audio parts of the same asset.
//!
//! One ffmpeg streams small frames ([`SCAN_FPS`] a second) for finding cuts; of each part, evenly spread frames are
//! kept for the tower. A second ffmpeg streams the sound.
//!
//! | file | holds |
//! | --- | --- |
//! | `ffmpeg.rs` | the one way in which ffmpeg and ffprobe are run |
//! | `probe.rs` | streams and facts of a container |
//! | `shots.rs` | blank frames and changes of shot |
//! | `parts.rs` | frames to parts |

mod ffmpeg;
mod parts;
mod probe;
mod shots;

use std::io::Read;
use std::path::Path;

use sensorium_types::{FailureReason, Modality, ReasonKind};

use crate::audio::{self, Sound};
use crate::{Decoded, Limits, Rgb, TowerSpec, reason};

pub(crate) use ffmpeg::Ffmpeg;
use parts::PartMaker;
use probe::Probe;

/// Frames a second that are looked at for changes of shot.
const SCAN_FPS: u32 = 4;
/// Shorter side of the frames that are looked at.
const SCAN_SIDE: u32 = 260;
/// Longer side of them at most.
const MAX_SCAN_SIDE: u32 = 780;

/// Decodes a container: a film if it holds a moving picture, else a sound.
pub(crate) fn decode(path: &Path, mime: &str, spec: &TowerSpec, limits: &Limits) -> Result<Decoded, FailureReason> {
    let probe = probe::probe(path)?;
    let Some((width, height)) = probe.picture else {
        if !probe.has_sound {
            return Err(reason(ReasonKind::Unsupported, "the container holds neither picture nor sound"));
        }
        let mime = mime.replace("video/", "audio/");
        return audio::decode(path, &mime, spec, limits);
    };
    film(path, mime, (width, height), &probe, spec, limits)
}

fn film(
    path: &Path,
    mime: &str,
    (width, height): (u32, u32),
    probe: &Probe,
    spec: &TowerSpec,
    limits: &Limits,
) -> Result<Decoded, FailureReason> {
    if width > limits.max_side || height > limits.max_side {
        return Err(reason(ReasonKind::TooLarge, format!("{width} x {height} pixels a frame")));
    }
    let (w, h) = scan_size(width, height, spec.image_size.max(SCAN_SIDE));
    let mut maker = PartMaker::new(spec, f64::from(SCAN_FPS), limits);
    let filter = format!("fps={SCAN_FPS}:start_time=0,scale={w}:{h}:flags=bicubic,format=rgb24");
    let seconds = limits.max_media_seconds.to_string();
    let after =
        ["-map", "0:v:0", "-an", "-sn", "-dn", "-t", &seconds, "-vf", &filter, "-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:1"];
    let mut ffmpeg = Ffmpeg::start(path, &[], &after)?;
    let mut frame = Rgb { width: w, height: h, pixels: vec![0; w as usize * h as usize * 3] };
    while read_whole(&mut ffmpeg, &mut frame.pixels)? {
        maker.push(&frame)?;
        if mime.starts_with("image/") && maker.frames() >= limits.max_animation_frames {
            break;
        }
    }
    let ended = if maker.frames() == 0 { ffmpeg.finish() } else { Ok(()) };
    if maker.frames() == 0 {
        return Err(ended.err().unwrap_or_else(|| reason(ReasonKind::Corrupt, "no frame could be decoded")));
    }
    let mut pictures = maker.finish(probe.duration_ms)?;

    let sound = if probe.has_sound { audio::samples_of(path, spec, limits).unwrap_or_default() } else { Vec::new() };
    let sounds = audio::parts(&sound, false, spec, limits);
    // Blank parts are dropped, unless nothing else would be left of the asset.
    if pictures.iter().any(|(_, blank)| !blank) || !sounds.is_empty() {
        pictures.retain(|(_, blank)| !blank);
    } else {
        pictures.truncate(1);
    }
    let mut parts: Vec<_> = pictures.into_iter().map(|(part, _)| part).collect();
    for (part, ordinal) in parts.iter_mut().zip(0_u32..) {
        part.ordinal = ordinal;
    }
    parts.extend(sounds);
    let mut facts = probe.facts.clone();
    if probe.duration_ms == 0 {
        let ends = parts.iter().filter_map(|part| part.span?.time()).map(|(_, end)| end);
        facts.set("duration_ms", ends.max().unwrap_or(0));
    }
    Ok(Decoded { modality: Modality::Video, mime: mime.to_owned(), facts, parts })
}

/// The first picture of a file that only ffmpeg decodes (HEIC, AVIF).
pub(crate) fn still(path: &Path, mime: &str, spec: &TowerSpec, limits: &Limits) -> Result<Decoded, FailureReason> {
    let missing = |error: FailureReason| match error.kind {
        ReasonKind::Corrupt => reason(ReasonKind::DecoderMissing, format!("{mime} is not decoded here ({})", error.detail)),
        _ => error,
    };
    let probe = probe::probe(path).map_err(missing)?;
    let (width, height) = probe
        .picture
        .ok_or_else(|| reason(ReasonKind::DecoderMissing, format!("{mime} is not decoded here")))?;
    crate::image::check_sides(width, height, limits)?;
    let (w, h) = scan_size(width, height, crate::image::wanted_side(spec).min(width.min(height)));
    let filter = format!("scale={w}:{h}:flags=bicubic,format=rgb24");
    let after = ["-map", "0:v:0", "-frames:v", "1", "-vf", &filter, "-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:1"];
    let mut ffmpeg = Ffmpeg::start(path, &[], &after)?;
    let mut rgb = Rgb { width: w, height: h, pixels: vec![0; w as usize * h as usize * 3] };
    if !read_whole(&mut ffmpeg, &mut rgb.pixels)? {
        let ended = ffmpeg.finish().err();
        return Err(missing(ended.unwrap_or_else(|| reason(ReasonKind::Corrupt, "no picture could be decoded"))));
    }
    let mut decoded = crate::image::from_pixels(rgb, mime, spec)?;
    decoded.facts.set("width", width);
    decoded.facts.set("height", height);
    Ok(decoded)
}

/// The sound of a file that symphonia does not decode.
pub(crate) fn sound_only(path: &Path, spec: &TowerSpec, limits: &Limits) -> Result<Sound, FailureReason> {
    let mut probe = probe::probe(path)?;
    if !probe.has_sound {
        return Err(reason(ReasonKind::Unsupported, "no sound track"));
    }
    let samples = audio::samples_of(path, spec, limits)?;
    probe.facts.set("duration_ms", samples.len() as u64 * 1000 / u64::from(spec.sample_rate_hz.max(1)));
    Ok(Sound { samples, facts: probe.facts })
}

/// Sides of a frame whose shorter one is `short`, even numbers, never larger than the film's own by more than that.
fn scan_size(width: u32, height: u32, short: u32) -> (u32, u32) {
    let least = width.min(height).max(1);
    let scaled = |side: u32| {
        let length = u64::from(side) * u64::from(short.min(least)) / u64::from(least);
        u32::try_from(length).unwrap_or(MAX_SCAN_SIDE).clamp(2, MAX_SCAN_SIDE.max(short)) & !1
    };
    (scaled(width), scaled(height))
}

/// Fills the buffer; `false` at the end of the stream (a piece of a frame at the end is dropped).
fn read_whole(ffmpeg: &mut Ffmpeg, buffer: &mut [u8]) -> Result<bool, FailureReason> {
    match ffmpeg.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(reason(ReasonKind::Corrupt, error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scanned_frames_keep_the_aspect_within_bounds() {
        assert_eq!(scan_size(1280, 720, 260), (462, 260));
        assert_eq!(scan_size(720, 1280, 260), (260, 462));
        assert_eq!(scan_size(100, 50, 260), (100, 50));
        assert_eq!(scan_size(16_000, 20, 260), (780, 20));
        assert_eq!(scan_size(1, 1, 260), (2, 2));
    }
}
