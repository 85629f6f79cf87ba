//! SMPTE timecode: names of frames (SMPTE ST 12-1).

use std::fmt;

use super::FrameRate;

/// Seconds of a day, after which timecode begins anew.
const DAY_SECONDS: u64 = 24 * 60 * 60;

/// The name of a frame: hours, minutes, seconds, frames.
///
/// At 29.97 a second of timecode has 30 frames and lasts longer than a second. Drop-frame timecode (`;` before the
/// frames) skips the numbers 00 and 01 at the start of each minute but each tenth; no frame is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timecode {
    rate: FrameRate,
    /// Numbers skipped each minute but each tenth; 0 where none are.
    dropped: u64,
    /// Frames since 00:00:00:00.
    frame: u64,
}

impl Timecode {
    /// 00:00:00:00; with dropped numbers where the rate has them, so that it keeps pace with the clock.
    pub fn zero(rate: FrameRate) -> Self {
        Self { rate, dropped: rate.dropped().unwrap_or(0), frame: 0 }
    }

    /// 00:00:00:00, counted in the same way.
    #[must_use]
    pub const fn origin(self) -> Self {
        Self { frame: 0, ..self }
    }

    /// Reads `01:00:00:00` or `01:00:00;00`; `None` for anything else, also for numbers out of range. A `;` counts only
    /// at a rate whose timecode drops numbers.
    pub fn parse(text: &str, rate: FrameRate) -> Option<Self> {
        let is_drop = text.contains(';');
        let mut parts = text.split([':', ';']);
        let mut part = |most: u64| {
            let digits = parts.next().filter(|digits| (1..=4).contains(&digits.len()))?;
            digits.parse::<u64>().ok().filter(|value| *value <= most)
        };
        let (hours, minutes, seconds) = (part(23)?, part(59)?, part(59)?);
        let frames = part(rate.nominal() - 1)?;
        if parts.next().is_some() {
            return None;
        }
        let dropped = rate.dropped().filter(|_| is_drop).unwrap_or(0);
        let minutes = hours * 60 + minutes;
        let skipped = dropped * (minutes - minutes / 10);
        // A number that is skipped names the frame that has the next one.
        let is_skipped = !minutes.is_multiple_of(10) && seconds == 0 && frames < dropped;
        let frames = if is_skipped { dropped } else { frames };
        let frame = (minutes * 60 + seconds) * rate.nominal() + frames - skipped;
        Some(Self { rate, dropped, frame })
    }

    /// Whether numbers are dropped.
    pub const fn is_drop(self) -> bool {
        self.dropped > 0
    }

    /// Its rate.
    pub const fn rate(self) -> FrameRate {
        self.rate
    }

    /// Frames since 00:00:00:00.
    pub const fn frame(self) -> u64 {
        self.frame
    }

    /// So many frames later; after 24 hours it begins anew.
    #[must_use]
    pub fn plus(self, frames: u64) -> Self {
        Self { frame: (self.frame + frames % self.day()) % self.day(), ..self }
    }

    /// Frames of 24 hours.
    pub fn day(self) -> u64 {
        let minutes = DAY_SECONDS / 60;
        DAY_SECONDS * self.rate.nominal() - self.dropped * (minutes - minutes / 10)
    }
}

impl fmt::Display for Timecode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rate, dropped, frame } = *self;
        let nominal = rate.nominal();
        // Ten minutes have one minute that is whole and nine that lack numbers.
        let (minute, ten_minutes) = (nominal * 60 - dropped, nominal * 600 - 9 * dropped);
        let (tens, rest) = (frame / ten_minutes, frame % ten_minutes);
        let skipped = dropped * (9 * tens + rest.saturating_sub(dropped) / minute);
        let number = frame + skipped;
        let (seconds, frames) = (number / nominal, number % nominal);
        let separator = if self.is_drop() { ';' } else { ':' };
        let (hours, minutes, seconds) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
        write!(f, "{hours:02}:{minutes:02}:{seconds:02}{separator}{frames:02}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(num: u32, den: u32) -> FrameRate {
        FrameRate::new(num, den).expect("a rate")
    }

    fn shown(start: &str, rate: FrameRate, frames: u64) -> String {
        Timecode::parse(start, rate).expect("a timecode").plus(frames).to_string()
    }

    /// Hand-computed: a minute of 29.97 drop-frame has 1798 numbers, each tenth 1800, ten minutes 17,982, an hour 107,892.
    #[test]
    fn drop_frame_keeps_pace_with_the_clock() {
        let ntsc = rate(30_000, 1_001);
        let zero = "00:00:00;00";
        for (frame, expected) in [
            (0, "00:00:00;00"),
            (1_799, "00:00:59;29"),
            (1_800, "00:01:00;02"),
            (3_597, "00:01:59;29"),
            (3_598, "00:02:00;02"),
            (17_981, "00:09:59;29"),
            (17_982, "00:10:00;00"),
            (19_782, "00:11:00;02"),
            (107_891, "00:59:59;29"),
            (107_892, "01:00:00;00"),
            (2_589_407, "23:59:59;29"),
            (2_589_408, "00:00:00;00"),
        ] {
            assert_eq!(shown(zero, ntsc, frame), expected, "{frame}");
        }
        // Ten minutes and an hour of the clock: 17,982.02 and 107,892.1 frames.
        assert_eq!(shown(zero, ntsc, ntsc.frame_at(600_000)), "00:10:00;00");
        assert_eq!(shown(zero, ntsc, ntsc.frame_at(3_600_000)), "01:00:00;00");
    }

    #[test]
    fn without_dropped_numbers_an_hour_of_the_clock_is_short_of_an_hour() {
        let (ntsc, film) = (rate(30_000, 1_001), rate(24_000, 1_001));
        // 107,892 / 30 = 3596 s and 12 frames; 86,313.7 frames of film / 24 = 3596 s and 10 frames.
        assert_eq!(shown("00:00:00:00", ntsc, ntsc.frame_at(3_600_000)), "00:59:56:12");
        assert_eq!(shown("00:00:00:00", film, film.frame_at(3_600_000)), "00:59:56:10");
        assert_eq!(shown("01:00:00:00", film, 24 * 3600 * 10), "11:00:00:00");
    }

    #[test]
    fn every_name_reads_back_as_its_frame() {
        for rate in [rate(30_000, 1_001), rate(60_000, 1_001), rate(24_000, 1_001), rate(25, 1)] {
            let zero = Timecode::zero(rate);
            for frame in (0..zero.day()).step_by(997).chain(0..4_000) {
                let name = zero.plus(frame).to_string();
                let read = Timecode::parse(&name, rate).expect("reads");
                assert_eq!(read.frame(), frame, "{name} at {rate}");
            }
        }
    }

    #[test]
    fn four_numbers_are_dropped_at_twice_the_rate() {
        let double = rate(60_000, 1_001);
        assert_eq!(shown("00:00:00;00", double, 3_600), "00:01:00;04");
        assert_eq!(shown("00:00:00;00", double, double.frame_at(3_600_000)), "01:00:00;00");
    }

    #[test]
    fn what_is_no_timecode_is_refused_and_a_strange_one_is_read() {
        let (ntsc, film) = (rate(30_000, 1_001), rate(24_000, 1_001));
        for wrong in
            ["", "01:00:00", "24:00:00:00", "00:60:00:00", "00:00:00:30", "00:00:00:00:00", "00:00:00:-1"]
        {
            assert_eq!(Timecode::parse(wrong, ntsc), None, "{wrong}");
        }
        // Film drops nothing, whatever the tag says; a number that does not exist is the next one.
        assert_eq!(Timecode::parse("01:00:00;00", film).map(Timecode::is_drop), Some(false));
        assert_eq!(shown("00:01:00;00", ntsc, 0), "00:01:00;02");
        assert_eq!(shown("23:59:59:29", ntsc, 1), "00:00:00:00");
    }
}
