//! The times of all frames that a decoder met, as ffmpeg's filter `metadata` prints them.
//!
//! Few of the frames are looked at, but the last of all says where the video ends, and how far they lie apart says for how
//! long each of them stands.

/// What a line says before a frame's time.
const BEFORE_TIME: &str = "pts_time:";
/// Longest line that is believed.
const MAX_LINE_BYTES: usize = 256;

/// Times of frames in milliseconds, of which only the sum is kept.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    /// The beginning of a line that goes on.
    line: Vec<u8>,
    /// The last frame's.
    last: Option<f64>,
    /// The shortest and the longest time between two frames.
    intervals: Option<(f64, f64)>,
}

impl Clock {
    /// Takes the next bytes.
    pub(crate) fn take(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if *byte == b'\n' {
                let line = std::mem::take(&mut self.line);
                if let Some(ms) = time_of(&line) {
                    self.note(ms);
                }
            } else if self.line.len() < MAX_LINE_BYTES {
                self.line.push(*byte);
            }
        }
    }

    fn note(&mut self, ms: f64) {
        if let Some(apart) = self.last.map(|last| ms - last).filter(|apart| *apart > 0.0) {
            let (shortest, longest) = self.intervals.unwrap_or((apart, apart));
            self.intervals = Some((shortest.min(apart), longest.max(apart)));
        }
        self.last = Some(ms);
    }

    /// When the last frame begins.
    pub(crate) fn last_ms(&self) -> Option<u64> {
        self.last.map(whole)
    }

    /// The shortest and the longest time between two frames.
    pub(crate) fn intervals_ms(&self) -> Option<(u64, u64)> {
        self.intervals.map(|(shortest, longest)| (whole(shortest), whole(longest)))
    }
}

fn time_of(line: &[u8]) -> Option<f64> {
    let (_, behind) = std::str::from_utf8(line).ok()?.split_once(BEFORE_TIME)?;
    let seconds: f64 = behind.split_whitespace().next()?.parse().ok()?;
    seconds.is_finite().then_some(seconds * 1000.0)
}

#[expect(clippy::cast_possible_truncation, reason = "casts of floats saturate")]
fn whole(ms: f64) -> u64 {
    ms.round().max(0.0) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_may_come_in_pieces() {
        let mut clock = Clock::default();
        assert_eq!((clock.last_ms(), clock.intervals_ms()), (None, None));
        let lines = b"frame:0    pts:0       pts_time:0\nt=1\nframe:1    pts:40      pts_time:0.04\nt=1\n\
                      frame:2    pts:1040    pts_time:1.04\nt=1\nframe:3 pts:NOPTS pts_time:NOPTS\nt=1\n";
        for piece in lines.chunks(7) {
            clock.take(piece);
        }
        assert_eq!((clock.last_ms(), clock.intervals_ms()), (Some(1_040), Some((40, 1_000))));
        clock.take(&[b'x'; 10_000]);
        assert!(clock.line.len() <= MAX_LINE_BYTES);
    }
}
