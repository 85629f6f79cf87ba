//! Audio through ffmpeg: a video's soundtrack, Opus, and what symphonia does not decode.
//!
//! Packets come with the times of a player. What lies close enough to the samples before is put behind them (stamps of a
//! container are rounded); a hole stays a hole, also the one before the first sample, and what is there twice is taken once.

use std::time::Instant;

use sensorium_types::FailureReason;

use super::cutter::Cutter;
use super::mono::Mono;
use super::resample::check_rate;
use crate::decode::Job;
use crate::video::{SoundStream, Stamp, Stop, Timed, cut_short, steady, stopped};

/// Samples that lie by less than this many milliseconds off the end of those before follow them.
const MAX_JITTER_MS: i64 = 20;
/// Channels of which ffmpeg knows where they stand, so that it can make stereo of them.
const MAX_KNOWN_CHANNELS: u32 = 8;

/// Samples with their times, out of a running ffmpeg: of one or two channels, at the tower's rate.
struct Samples {
    stream: Timed,
    channels: usize,
    bytes: Vec<u8>,
    samples: Vec<f32>,
}

impl Samples {
    fn open(job: &Job, sound: &SoundStream) -> Result<Self, FailureReason> {
        check_rate(sound.rate_hz)?;
        let rate = job.spec.sample_rate_hz;
        let seconds = job.limits.max_media_seconds;
        // ffmpeg weighs the channels of 5.1 as they are heard. It stops at stereo: what of that makes mono is told there.
        let (channels, layout) = match sound.channels {
            1 => (1, "aformat=channel_layouts=mono"),
            0 | 2..=MAX_KNOWN_CHANNELS => (2, "aformat=channel_layouts=stereo"),
            _ => (2, "pan=stereo|c0=c0|c1=c1"),
        };
        let filters = format!("asetpts='{}',atrim=end={seconds},{layout},aresample={rate}", steady(seconds));
        let map = format!("0:{}", sound.index);
        let args = ["-map", &map, "-vn", "-af", &filters, "-c:a", "pcm_s16le"];
        let stream = Timed::start(job.path, 1, &args, "s16le", rate)?;
        Ok(Self { stream, channels, bytes: Vec::new(), samples: Vec::new() })
    }

    /// The next samples, interleaved, and which one of all the first is.
    fn next(&mut self, until: Instant) -> Result<(i64, &[f32]), Stop> {
        let Stamp { at, length: _ } = self.stream.next(&mut self.bytes, until)?;
        self.samples.clear();
        self.samples.extend(self.bytes.chunks_exact(2).map(|pair| match pair {
            [low, high] => f32::from(i16::from_le_bytes([*low, *high])) / 32_768.0,
            _ => 0.0,
        }));
        Ok((at, &self.samples))
    }
}

/// Streams an audio track into the cutter, each sample at its time. Gives why some are missing.
///
/// # Errors
/// Only if there is no sample at all, or nobody takes parts any more.
pub(crate) fn stream(
    job: &Job,
    sound: &SoundStream,
    claimed_ms: Option<u64>,
    cutter: &mut Cutter,
) -> Result<Option<FailureReason>, FailureReason> {
    let mut samples = Samples::open(job, sound)?;
    let mut mono = Mono::new(job.spec.sample_rate_hz, samples.channels);
    let channels = samples.channels;
    let most_jitter = i64::from(job.spec.sample_rate_hz) * MAX_JITTER_MS / 1000;
    let mut ready = Vec::new();
    let mut expected = 0_i64;
    let stop = loop {
        if cutter.is_full() {
            return Ok(None);
        }
        let (at, packet) = match samples.next(job.deadline.moment(cutter.waited())) {
            Ok(next) => next,
            Err(stop) => break stop,
        };
        let mut packet = packet;
        if at - expected > most_jitter {
            mono.flush(&mut ready);
            cutter.push(&ready)?;
            ready.clear();
            cutter.skip_to(u64::try_from(at).unwrap_or(0))?;
            expected = at;
        } else if expected - at > most_jitter {
            let known = usize::try_from(expected - at).unwrap_or(usize::MAX).saturating_mul(channels);
            packet = packet.get(known..).unwrap_or_default();
        }
        expected += i64::try_from(packet.len() / channels).unwrap_or(0);
        mono.push(packet, &mut ready);
        cutter.push(&ready)?;
        ready.clear();
    };
    mono.flush(&mut ready);
    cutter.push(&ready)?;
    let is_empty = cutter.heard() == 0;
    match stop {
        Stop::Deadline if is_empty => Err(stopped(0, claimed_ms)),
        Stop::Deadline => Ok(Some(stopped(cutter.milliseconds(), claimed_ms))),
        Stop::Broken(trouble) if is_empty => Err(trouble),
        Stop::Broken(trouble) => Ok(Some(trouble)),
        Stop::End if is_empty => match samples.stream.finish() {
            Ok(()) => Ok(None),
            Err(trouble) => Err(trouble),
        },
        Stop::End => Ok(cut_short(cutter.milliseconds(), claimed_ms, || samples.stream.finish())),
    }
}
