//! Audio through ffmpeg: a video's soundtrack, Opus, and what symphonia does not decode.
//!
//! Packets come with the times of a player. What lies close enough to the samples before is put behind them (stamps of a
//! container are rounded); a hole stays a hole, also the one before the first sample. Where samples have run ahead of their
//! stamps, what is too much is dropped only if the stamps keep pace: broken ones must not cost the audio.

use std::time::Instant;

use sensorium_types::FailureReason;

use super::cutter::Cutter;
use super::mono::Mono;
use super::resample::check_rate;
use crate::ffmpeg::{AudioStream, Probe, Stamp, Stop, Timed, cut_short, steady, stopped};
use crate::job::Job;

/// Samples that lie by less than this many milliseconds off the end of those before follow them.
const MAX_JITTER_MS: i64 = 20;
/// Packets whose stamps have to follow each other by the packets' own lengths before samples are dropped for them.
const STEADY_PACKETS: usize = 4;
/// Channels of which ffmpeg knows where they stand, so that it can make stereo of them.
const MAX_KNOWN_CHANNELS: u32 = 8;

/// Samples with their times, out of a running ffmpeg: of one or two channels, at the encoder's rate.
struct Samples {
    stream: Timed,
    channels: usize,
    bytes: Vec<u8>,
    samples: Vec<f32>,
}

impl Samples {
    fn open(job: &Job, probe: &Probe, audio: &AudioStream) -> Result<Self, FailureReason> {
        check_rate(audio.rate_hz)?;
        let rate = job.spec.sample_rate_hz;
        let seconds = job.limits.max_media_seconds;
        // ffmpeg weighs the channels of 5.1 as they are heard. It stops at stereo: what of that makes mono is told there.
        let (channels, layout) = match audio.channels {
            1 => (1, "aformat=channel_layouts=mono"),
            0 | 2..=MAX_KNOWN_CHANNELS => (2, "aformat=channel_layouts=stereo"),
            _ => (2, "pan=stereo|c0=c0|c1=c1"),
        };
        let filters = format!(
            "asetpts='{}',atrim=end={seconds},{layout},aresample={rate}",
            steady(probe.start, seconds)
        );
        let map = format!("0:{}", audio.index);
        let args = ["-map", &map, "-vn", "-af", &filters, "-c:a", "pcm_s16le"];
        let stream = Timed::start(job.path, 1, &[], &args, "s16le", rate)?;
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
    (probe, audio): (&Probe, &AudioStream),
    claimed_ms: Option<u64>,
    cutter: &mut Cutter,
) -> Result<Option<FailureReason>, FailureReason> {
    let mut samples = Samples::open(job, probe, audio)?;
    let mut mono = Mono::new(job.spec.sample_rate_hz, samples.channels);
    let mut place = Place::new(i64::from(job.spec.sample_rate_hz) * MAX_JITTER_MS / 1000);
    let channels = samples.channels;
    let mut ready = Vec::new();
    let stop = loop {
        if cutter.is_full() {
            return Ok(None);
        }
        let (at, packet) = match samples.next(cutter.until()) {
            Ok(next) => next,
            Err(stop) => break stop,
        };
        let count = i64::try_from(packet.len() / channels).unwrap_or(0);
        let dropped = match place.of(at, count) {
            At::Next => 0,
            At::Hole => {
                mono.flush(&mut ready);
                cutter.push(&ready)?;
                ready.clear();
                cutter.skip_to(u64::try_from(at).unwrap_or(0))?;
                0
            }
            At::Overlap(samples) => usize::try_from(samples).unwrap_or(0),
        };
        mono.push(packet.get(dropped * channels..).unwrap_or_default(), &mut ready);
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

/// Where a packet's samples go.
#[derive(Debug, PartialEq, Eq)]
enum At {
    /// Behind those before.
    Next,
    /// To their own time, behind a hole.
    Hole,
    /// Behind those before, without so many of the first.
    Overlap(i64),
}

/// Keeps packets at their times. All numbers are samples.
#[derive(Debug)]
struct Place {
    jitter: i64,
    /// Where the next packet lies if it follows the one before.
    expected: i64,
    /// Where the stamps of the packet before end.
    stamped: i64,
    /// Packets in a row whose stamps kept pace.
    steady: usize,
}

impl Place {
    fn new(jitter: i64) -> Self {
        Self { jitter, expected: 0, stamped: 0, steady: 0 }
    }

    /// The place of so many samples with this stamp.
    fn of(&mut self, at: i64, count: i64) -> At {
        let keeps_pace = (at - self.stamped).abs() <= self.jitter;
        self.steady = if keeps_pace { self.steady + 1 } else { 0 };
        self.stamped = at + count;
        if at - self.expected > self.jitter {
            self.expected = at + count;
            return At::Hole;
        }
        let over = (self.expected - at).min(count);
        if over > self.jitter && self.steady >= STEADY_PACKETS {
            self.expected += count - over;
            return At::Overlap(over);
        }
        self.expected += count;
        At::Next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where the samples of packets of 1,000 with these stamps end up, and how many there are.
    fn placed(stamps: &[i64]) -> (Vec<At>, i64, i64) {
        let mut place = Place::new(320);
        let found: Vec<At> = stamps.iter().map(|at| place.of(*at, 1_000)).collect();
        let dropped: i64 =
            found.iter().map(|at| if let At::Overlap(samples) = at { *samples } else { 0 }).sum();
        let kept = stamps.len() as i64 * 1_000 - dropped;
        (found, place.expected, kept)
    }

    #[test]
    fn jitter_is_no_hole_and_a_hole_is_kept() {
        let (found, end, _) = placed(&[300, 1_000, 2_200, 2_900, 6_000, 7_010]);
        assert_eq!(found, [At::Next, At::Next, At::Next, At::Next, At::Hole, At::Next]);
        assert_eq!(end, 8_000);
        assert_eq!(placed(&[90_000]).1, 91_000, "a track that starts late");
    }

    #[test]
    fn what_is_there_twice_is_taken_once() {
        let stamps: Vec<i64> = (0..10).chain(9..30).map(|packet| packet * 1_000).collect();
        let (_, end, kept) = placed(&stamps);
        assert_eq!((end, kept), (30_000, 30_000));
    }

    #[test]
    fn broken_stamps_cost_nothing() {
        let stamps: Vec<i64> = (0..40).map(|packet| packet / 8 * 1_000).collect();
        let (_, end, kept) = placed(&stamps);
        assert_eq!((end, kept), (40_000, 40_000));
    }
}
