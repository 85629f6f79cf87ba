//! Sound through ffmpeg: a film's soundtrack, Opus, and what symphonia does not decode.

use std::io::Read;

use sensorium_types::{FailureReason, ReasonKind};

use super::cutter::Cutter;
use crate::decode::Job;
use crate::reason;
use crate::video::Ffmpeg;

const BLOCK_BYTES: usize = 1 << 16;

/// Streams a file's first sound track, mono and at the tower's rate, into the cutter.
///
/// # Errors
/// Only while the cutter has no sample yet: damage behind that ends the sound.
pub(crate) fn stream(job: &Job, cutter: &mut Cutter) -> Result<(), FailureReason> {
    let rate = job.spec.sample_rate_hz.to_string();
    let seconds = job.limits.max_media_seconds.to_string();
    let args = [
        "-map", "0:a:0", "-vn", "-sn", "-dn", "-t", &seconds, "-ac", "1", "-ar", &rate, "-f", "s16le",
        "pipe:1",
    ];
    let mut ffmpeg = Ffmpeg::start(job.path, 1, &args)?;
    let mut block = vec![0_u8; BLOCK_BYTES];
    let mut filled = 0;
    let mut samples = Vec::with_capacity(BLOCK_BYTES / 2);
    while !cutter.is_full() {
        let room = block.get_mut(filled..).unwrap_or_default();
        let count = ffmpeg.read(room).map_err(|error| reason(ReasonKind::Corrupt, error.to_string()))?;
        filled += count;
        let whole = filled - filled % 2;
        let (pairs, odd) = block.get(..filled).unwrap_or_default().split_at(whole);
        samples.clear();
        samples.extend(pairs.chunks_exact(2).map(|pair| match pair {
            [low, high] => f32::from(i16::from_le_bytes([*low, *high])) / 32_768.0,
            _ => 0.0,
        }));
        let odd = odd.first().copied();
        cutter.push(&samples)?;
        filled = 0;
        if let (Some(odd), Some(first)) = (odd, block.first_mut()) {
            *first = odd;
            filled = 1;
        }
        if count == 0 {
            let ended = ffmpeg.finish();
            return if cutter.samples() == 0 { ended } else { Ok(()) };
        }
    }
    Ok(())
}
