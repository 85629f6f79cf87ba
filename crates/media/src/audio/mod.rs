//! Sounds: bytes to mono samples at the tower's rate, cut into windows.
//!
//! | file | holds |
//! | --- | --- |
//! | `decode.rs` | symphonia: packets to mono samples, tags |
//! | `resample.rs` | any rate to the tower's, block by block |
//! | `cut.rs` | silence, changes of sound, windows |
//! | `soundtrack.rs` | a film's or an exotic file's sound through ffmpeg |

mod cut;
mod decode;
mod resample;
mod soundtrack;

use std::path::Path;

use sensorium_types::{FailureReason, Modality, Payload, ReasonKind, Span, Track};

use crate::thumb::waveform;
use crate::{Decoded, Limits, Part, PartContent, TowerSpec, reason};

pub(crate) use soundtrack::samples_of;

/// Mono samples with what the file says about itself.
pub(crate) struct Sound {
    /// At the tower's rate.
    pub samples: Vec<f32>,
    /// Rate, channels, codec, duration and tags of the file.
    pub facts: Payload,
}

/// Decodes a sound file; what symphonia does not know goes through ffmpeg.
pub(crate) fn decode(path: &Path, mime: &str, spec: &TowerSpec, limits: &Limits) -> Result<Decoded, FailureReason> {
    let sound = match decode::decode(path, spec, limits) {
        Ok(sound) => sound,
        Err(first) => match crate::video::sound_only(path, spec, limits) {
            Ok(sound) => sound,
            Err(second) if first.kind == ReasonKind::Unsupported => return Err(second),
            Err(_) => return Err(first),
        },
    };
    from_sound(sound, mime, spec, limits)
}

/// An audio asset from its samples.
pub(crate) fn from_sound(
    sound: Sound,
    mime: &str,
    spec: &TowerSpec,
    limits: &Limits,
) -> Result<Decoded, FailureReason> {
    let parts = parts(&sound.samples, true, spec, limits);
    if parts.is_empty() {
        return Err(reason(ReasonKind::Corrupt, "the sound has no samples"));
    }
    Ok(Decoded { modality: Modality::Audio, mime: mime.to_owned(), facts: sound.facts, parts })
}

/// Windows of a sound as parts. Silent ones are dropped; with `keep_one` the first stays if all are silent.
pub(crate) fn parts(samples: &[f32], keep_one: bool, spec: &TowerSpec, limits: &Limits) -> Vec<Part> {
    let windows = cut::windows(samples, spec.sample_rate_hz, &spec.audio, keep_one);
    let rate = u64::from(spec.sample_rate_hz.max(1));
    windows
        .into_iter()
        .take(limits.max_parts)
        .zip(0_u32..)
        .map(|(window, ordinal)| {
            let piece = samples.get(window.clone()).unwrap_or_default();
            let ms = |sample: usize| sample as u64 * 1000 / rate;
            Part {
                track: Track::Audio,
                ordinal,
                span: Some(Span::Time { start_ms: ms(window.start), end_ms: ms(window.end).max(ms(window.start) + 1) }),
                content: PartContent::Pcm(piece.to_vec()),
                thumb: waveform(piece),
            }
        })
        .collect()
}
