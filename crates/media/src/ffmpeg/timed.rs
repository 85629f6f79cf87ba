//! Frames or samples out of ffmpeg, each with the time at which a player shows it.
//!
//! ```text
//! "#tb 0: 1/1000\n" .. "0, dts, pts, duration, bytes, checksum\n" data "0, ..\n" data ..
//! ```
//! ffmpeg's muxer `tee` gives each packet to two others in turn, and both write into the same pipe: `framecrc` one line with
//! time and size, a raw muxer the bytes. So time and bytes come through one channel in one order: nobody can wait for the
//! other half, and no container has to be taken apart.
//!
//! **A player's time.** Zero is where the earliest stream of the file begins, edit lists are honoured, holes stay.
//! [`PLAYER_TIME`] keeps ffmpeg from squeezing holes of more than ten seconds out of transport streams, and from beginning
//! at the stream that is decoded instead of the earliest one. [`steady`] takes off the file's start, and mends what no
//! player can show: time that runs backwards where recordings were joined, stamps that are years off.

use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::time::Instant;

use sensorium_types::{FailureReason, ReasonKind};

use super::clock::Clock;
use super::process::Ffmpeg;
use crate::reason;

/// The option that makes ffmpeg give times as they are stored.
pub(crate) const PLAYER_TIME: &str = "-copyts";
/// Time that runs backwards by less is a decoder's jitter; by more, a second recording begins.
const MAX_BACK_SECONDS: &str = "0.3";
/// Longest line in front of a packet.
const MAX_LINE_BYTES: u64 = 4096;
/// Largest packet of audio; frames have a size of their own.
const MAX_PACKET_BYTES: usize = 16 << 20;
/// Output that is taken at once.
const BUFFER_BYTES: usize = 1 << 16;

/// An expression for `setpts` and `asetpts`: a player's times of a file that begins at so many seconds. They never run
/// backwards, nor forwards by more than `max_seconds`: what is joined behind such a jump follows what was before it. Its
/// memories are 0: what is taken off, 1: the last step, 2: the last time in, 3: whether there was one, 4: the last time out.
pub(crate) fn steady(start: f64, max_seconds: u64) -> String {
    format!(
        "if(isnan(PTS),st(4,ld(4)+ld(1)),\
         if(ld(3),if(between(PTS-ld(2),-{MAX_BACK_SECONDS}/TB,{max_seconds}/TB),\
         if(between(PTS-ld(2),0,1/TB),st(1,PTS-ld(2))),st(0,PTS-ld(4)-ld(1))),st(0,{start:.6}/TB));\
         st(4,if(ld(3),max(PTS-ld(0),ld(4)),PTS-ld(0)));st(2,PTS);st(3,1);ld(4))"
    )
}

/// Why no packet came.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The stream is over.
    End,
    /// The moment has come at which the reader wanted to stop.
    Deadline,
    /// ffmpeg or its output is broken.
    Broken(FailureReason),
}

/// When a packet is shown, in the stream's unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// Its beginning.
    pub at: i64,
    /// Its length as far as ffmpeg knows it.
    pub length: i64,
}

/// A running ffmpeg that decodes one stream.
#[derive(Debug)]
pub(crate) struct Timed {
    from: BufReader<Ffmpeg>,
    units_a_second: i64,
    /// Seconds of one tick of its stamps, as a fraction.
    tick: (i64, i64),
}

impl Timed {
    /// Starts to decode: `before` says how to read the file, `args` choose the stream, its filters and its encoder;
    /// `muxer` writes the bytes as they are.
    pub(crate) fn start(
        path: &Path,
        threads: usize,
        before: &[&str],
        args: &[&str],
        muxer: &str,
        units_a_second: u32,
    ) -> Result<Self, FailureReason> {
        let tee = format!("[f=framecrc:flush_packets=1]pipe:1|[f={muxer}:flush_packets=1]pipe:1");
        let output = ["-sn", "-dn", "-avoid_negative_ts", "disabled", "-f", "tee", &tee];
        let after = [&[PLAYER_TIME], args, &output].concat();
        let ffmpeg = Ffmpeg::start_with_clock(path, threads, before, &after)?;
        let from = BufReader::with_capacity(BUFFER_BYTES, ffmpeg);
        Ok(Self { from, units_a_second: i64::from(units_a_second), tick: (1, i64::from(units_a_second)) })
    }

    /// The next packet; waits for it until the given moment.
    pub(crate) fn next(&mut self, data: &mut Vec<u8>, until: Instant) -> Result<Stamp, Stop> {
        self.from.get_mut().read_until(until);
        loop {
            let line = self.line()?;
            if let Some(header) = line.strip_prefix('#') {
                if let Some(tick) = tick_of(header) {
                    self.tick = tick;
                }
                continue;
            }
            let (stamp, bytes) = self.packet(&line).ok_or_else(|| broken("a packet without time or size"))?;
            data.resize(bytes, 0);
            return match self.from.read_exact(data) {
                Ok(()) => Ok(stamp),
                Err(error) => Err(stop_of(&error)),
            };
        }
    }

    /// The times of all frames that the decoder met, if the filters tell them.
    pub(crate) fn clock(&self) -> &Clock {
        self.from.get_ref().clock()
    }

    /// How ffmpeg ended.
    pub(crate) fn finish(self) -> Result<(), FailureReason> {
        self.from.into_inner().finish()
    }

    fn line(&mut self) -> Result<String, Stop> {
        let mut line = Vec::new();
        let read = Read::by_ref(&mut self.from).take(MAX_LINE_BYTES).read_until(b'\n', &mut line);
        match read {
            Ok(0) => Err(Stop::End),
            Ok(_) if line.ends_with(b"\n") => {
                String::from_utf8(line).map_err(|_| broken("a line that is no text"))
            }
            Ok(_) => Err(Stop::End),
            Err(error) => Err(stop_of(&error)),
        }
    }

    fn packet(&self, line: &str) -> Option<(Stamp, usize)> {
        let mut numbers = line.split(',').skip(2).map(str::trim);
        let (at, length, bytes) = (numbers.next()?, numbers.next()?, numbers.next()?);
        let bytes: usize = bytes.parse().ok()?;
        let units = |ticks: &str| {
            let ticks: i128 = i128::from(ticks.parse::<i64>().ok()?);
            let (num, den) = (i128::from(self.tick.0), i128::from(self.tick.1));
            i64::try_from(ticks * num * i128::from(self.units_a_second) / den).ok()
        };
        let stamp = Stamp { at: units(at)?, length: units(length)? };
        (bytes <= MAX_PACKET_BYTES).then_some((stamp, bytes))
    }
}

/// The tick of `tb 0: 1/1000`.
fn tick_of(header: &str) -> Option<(i64, i64)> {
    let (num, den) = header.strip_prefix("tb 0:")?.trim().split_once('/')?;
    let (num, den) = (num.parse().ok()?, den.parse().ok()?);
    (num > 0 && den > 0).then_some((num, den))
}

fn broken(why: &str) -> Stop {
    Stop::Broken(reason(ReasonKind::Corrupt, format!("ffmpeg: {why}")))
}

fn stop_of(error: &io::Error) -> Stop {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        Stop::End
    } else if error.kind() == io::ErrorKind::TimedOut {
        Stop::Deadline
    } else {
        broken(&error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_and_lines_are_numbers() {
        assert_eq!(tick_of("tb 0: 1/1000"), Some((1, 1000)));
        assert_eq!(tick_of("tb 0: 0/0"), None);
        assert_eq!(tick_of("software: x"), None);
    }

    #[test]
    fn time_never_runs_backwards_nor_far_ahead() {
        // Ten frames a second. Frame 10 is years off; from frame 20 on a second recording begins; after frame 30 there is
        // a hole of an hour, and frame 35 comes a little early.
        let stamps = "setpts='PTS+0.5/TB+if(eq(N,10),1e9/TB,0)-if(gte(N,20),2/TB,0)+if(gte(N,30),3600/TB,0)-if(eq(N,35),0.2/TB,0)'";
        let output = std::process::Command::new("ffmpeg")
            .args([
                "-v",
                "error",
                "-nostdin",
                "-f",
                "lavfi",
                "-i",
                "color=s=16x16:r=10:d=4,settb=1/1000",
                "-vf",
            ])
            .arg(format!("{stamps},setpts='{}'", steady(0.5, 14_400)))
            .args(["-fps_mode", "passthrough", "-enc_time_base", "1:1000", "-f", "framecrc", "-"])
            .output()
            .expect("ffmpeg");
        let told = String::from_utf8(output.stdout).expect("text");
        let times: Vec<i64> = told
            .lines()
            .filter(|line| !line.starts_with('#'))
            .map(|line| line.split(',').nth(2).expect("a time").trim().parse().expect("a number"))
            .collect();
        let mut expected: Vec<i64> = (0..30).map(|frame| frame * 100).collect();
        expected.extend((30..40).map(|frame| 3_600_000 + frame * 100));
        // The frame that came early is shown with the one before it (a muxer adds a tick).
        expected[35] = expected[34];
        let off = times.iter().zip(&expected).filter(|(time, expected)| (*time - *expected).abs() > 1);
        assert_eq!((times.len(), off.count()), (40, 0), "{times:?}");
    }
}
