//! Sound through ffmpeg: a film's soundtrack, Opus, and what symphonia does not decode.

use std::io::Read;
use std::path::Path;

use sensorium_types::{FailureReason, ReasonKind};

use crate::video::Ffmpeg;
use crate::{Limits, TowerSpec, reason};

const BLOCK_BYTES: usize = 1 << 16;

/// Mono samples of a file's first sound track at the tower's rate; empty where there is none.
pub(crate) fn samples_of(path: &Path, spec: &TowerSpec, limits: &Limits) -> Result<Vec<f32>, FailureReason> {
    let rate = spec.sample_rate_hz.to_string();
    let seconds = limits.max_media_seconds.to_string();
    let args = ["-map", "0:a:0", "-vn", "-sn", "-dn", "-t", &seconds, "-ac", "1", "-ar", &rate, "-f", "s16le", "pipe:1"];
    let mut ffmpeg = Ffmpeg::start(path, &[], &args)?;
    let mut bytes = Vec::new();
    let mut block = vec![0_u8; BLOCK_BYTES];
    let most = limits.max_media_seconds.saturating_add(2) * u64::from(spec.sample_rate_hz) * 2;
    loop {
        let count = ffmpeg.read(&mut block).map_err(|error| reason(ReasonKind::Corrupt, error.to_string()))?;
        if count == 0 {
            break;
        }
        bytes.extend_from_slice(block.get(..count).unwrap_or_default());
        if bytes.len() as u64 > most {
            break;
        }
    }
    let ended = ffmpeg.finish();
    if bytes.is_empty()
        && let Err(error) = ended
    {
        return Err(error);
    }
    Ok(bytes
        .chunks_exact(2)
        .map(|pair| match pair {
            [low, high] => f32::from(i16::from_le_bytes([*low, *high])) / 32_768.0,
            _ => 0.0,
        })
        .collect())
}
