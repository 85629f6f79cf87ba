//! Frame rates as fractions, and times in frames.

use std::num::NonZeroU32;

/// Whole rates whose neighbour of NTSC, 1000/1001 of them, is in use.
const NTSC: [u32; 6] = [24, 30, 48, 60, 120, 240];
/// Half of the last digit of a rate that was written with three decimals.
const ROUNDED: f64 = 0.000_501;
/// Largest rate that is believed, in frames a second.
const MAX_RATE: f64 = 1000.0;

/// Frames a second, exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameRate {
    num: NonZeroU32,
    den: NonZeroU32,
}

impl FrameRate {
    /// What an export counts in where no video says another: 25 frames a second.
    pub const DEFAULT: Self = Self { num: NonZeroU32::MIN.saturating_add(24), den: NonZeroU32::MIN };

    /// A rate of so many frames in so many seconds; `None` below one frame a minute or above 1000 a second.
    pub fn new(num: u32, den: u32) -> Option<Self> {
        let rate = Self { num: NonZeroU32::new(num)?, den: NonZeroU32::new(den)? };
        (1.0 / 60.0..=MAX_RATE).contains(&rate.as_f64()).then_some(rate)
    }

    /// Reads `30000/1001` or `25`, as the field `frame_rate` of an asset has it.
    pub fn parse(text: &str) -> Option<Self> {
        let (num, den) = text.split_once('/').unwrap_or((text, "1"));
        Self::new(num.parse().ok()?, den.parse().ok()?)
    }

    /// The rate that a number of three decimals means, as the field `fps` of an asset has it: 29.97 is 30000/1001.
    pub fn of_fps(fps: f64) -> Option<Self> {
        let near = |rate: &Self| (rate.as_f64() - fps).abs() <= ROUNDED;
        if let Some(found) = NTSC.into_iter().filter_map(|whole| Self::new(whole * 1000, 1001)).find(near) {
            return Some(found);
        }
        let thousandths = (fps * 1000.0).round();
        if !(1.0..=MAX_RATE * 1000.0).contains(&thousandths) {
            return None;
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within the range above")]
        let thousandths = thousandths as u32;
        match thousandths % 1000 {
            0 => Self::new(thousandths / 1000, 1),
            _ => Self::new(thousandths, 1000),
        }
    }

    /// Frames a second.
    pub fn as_f64(self) -> f64 {
        f64::from(self.num.get()) / f64::from(self.den.get())
    }

    /// The frames that a second of timecode has: 30 at 29.97.
    pub fn nominal(self) -> u64 {
        let (num, den) = (u64::from(self.num.get()), u64::from(self.den.get()));
        ((2 * num + den) / (2 * den)).max(1)
    }

    /// Numbers of frames that drop-frame timecode leaves out each minute but each tenth, so that it keeps pace with the
    /// clock: 2 at 29.97, 4 at 59.94; `None` where timecode of the rate does not drop any.
    pub fn dropped(self) -> Option<u64> {
        let is_ntsc = u64::from(self.num.get()) * 1001 == self.nominal() * 1000 * u64::from(self.den.get());
        (is_ntsc && self.nominal().is_multiple_of(30)).then_some(self.nominal() / 15)
    }

    /// The frame that begins next to a time in milliseconds.
    pub fn frame_at(self, ms: u64) -> u64 {
        let (num, den) = (u128::from(self.num.get()), u128::from(self.den.get()) * 1000);
        let frame = (2 * u128::from(ms) * num + den) / (2 * den);
        u64::try_from(frame).unwrap_or(u64::MAX)
    }

    /// How many frames of this rate last as long as so many of another, at least one.
    pub fn frames_of(self, frames: u64, of: Self) -> u64 {
        let num = u128::from(self.num.get()) * u128::from(of.den.get());
        let den = u128::from(self.den.get()) * u128::from(of.num.get());
        let own = (2 * u128::from(frames) * num + den) / (2 * den);
        u64::try_from(own).unwrap_or(u64::MAX).max(1)
    }
}

impl std::fmt::Display for FrameRate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.num, self.den)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_and_bounded() {
        let of = |num, den| FrameRate::new(num, den).expect("a rate");
        assert_eq!(FrameRate::parse("30000/1001"), Some(of(30_000, 1_001)));
        assert_eq!(FrameRate::parse("25"), Some(FrameRate::DEFAULT));
        for wrong in ["", "0/1", "1/0", "25/", "-1/2", "1/100", "100000/1", "4294967296/1", "a"] {
            assert_eq!(FrameRate::parse(wrong), None, "{wrong}");
        }
        assert_eq!(of(30_000, 1_001).to_string(), "30000/1001");
    }

    #[test]
    fn rounded_rates_mean_those_of_television() {
        let of = |num, den| FrameRate::new(num, den);
        for (fps, expected) in [
            (23.976, of(24_000, 1_001)),
            (29.97, of(30_000, 1_001)),
            (59.94, of(60_000, 1_001)),
            (25.0, of(25, 1)),
            (12.5, of(12_500, 1_000)),
            (0.0, None),
            (f64::NAN, None),
            (1e9, None),
        ] {
            assert_eq!(FrameRate::of_fps(fps), expected, "{fps}");
        }
    }

    #[test]
    fn times_fall_on_the_nearest_frame() {
        let ntsc = FrameRate::new(24_000, 1_001).expect("a rate");
        // Frame 100 begins at 4170.83 ms, whichever way that was rounded.
        assert_eq!((ntsc.frame_at(4_170), ntsc.frame_at(4_171)), (100, 100));
        assert_eq!(ntsc.frame_at(0), 0);
        // 24 hours: 86,400 s x 24000 / 1001.
        assert_eq!(ntsc.frame_at(86_400_000), 2_071_528);
        assert_eq!(FrameRate::DEFAULT.frame_at(1_019), 25);
        assert_eq!(FrameRate::DEFAULT.frame_at(1_020), 26);
        assert_eq!(FrameRate::new(1000, 1).expect("a rate").frame_at(u64::MAX), u64::MAX);
    }

    #[test]
    fn frames_of_another_rate_last_as_long() {
        let (film, pal) = (FrameRate::new(24_000, 1_001).expect("a rate"), FrameRate::DEFAULT);
        // 48 frames are 2.002 s, which is 50.05 frames at 25.
        assert_eq!(pal.frames_of(48, film), 50);
        assert_eq!(film.frames_of(50, pal), 48);
        assert_eq!(FrameRate::new(1, 1).expect("a rate").frames_of(1, pal), 1);
    }

    #[test]
    fn only_multiples_of_thirty_drop_frames() {
        let dropped = |num, den| FrameRate::new(num, den).expect("a rate").dropped();
        assert_eq!(dropped(30_000, 1_001), Some(2));
        assert_eq!(dropped(60_000, 1_001), Some(4));
        assert_eq!(dropped(24_000, 1_001), None);
        assert_eq!(dropped(30, 1), None);
        assert_eq!(dropped(2_997, 100), None);
    }
}
