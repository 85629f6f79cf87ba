//! Times in filters: RFC 3339, and dates as the stretches of time that they name, in UTC.

use std::cmp::Ordering;

const NS_A_SECOND: i128 = 1_000_000_000;
const SECONDS_A_DAY: i64 = 86_400;

/// A stretch of time in nanoseconds since 1970. An instant ends where it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    start: i128,
    end: i128,
}

impl Period {
    /// An RFC 3339 time or a date, as a field holds it.
    pub fn of_field(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        // Most texts are neither, and end here.
        if bytes.len() < 10 || !bytes.iter().take(4).all(u8::is_ascii_digit) {
            return None;
        }
        let mut cursor = Cursor(bytes);
        let (year, month) = (cursor.digits(4)?, cursor.after(b"-")?.digits(2)?);
        let day = cursor.after(b"-")?.digits(2)?;
        let midnight = days(year, month, day)? * SECONDS_A_DAY;
        if cursor.0.is_empty() {
            return Some(Self::between(midnight, midnight + SECONDS_A_DAY));
        }
        let instant = cursor.after(b"Tt ")?.instant(midnight)?;
        cursor.0.is_empty().then_some(Self { start: instant, end: instant })
    }

    /// What a constant names beside a time: besides times and dates also a month (`2021-07`) or a year (`2021`).
    pub fn of_constant(text: &str) -> Option<Self> {
        let mut cursor = Cursor(text.as_bytes());
        match text.len() {
            4 => {
                let year = cursor.digits(4)?;
                Some(Self::between(first_of(year, 1)?, first_of(year + 1, 1)?))
            }
            7 => {
                let (year, month) = (cursor.digits(4)?, cursor.after(b"-")?.digits(2)?);
                let (next_year, next) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
                Some(Self::between(first_of(year, month)?, first_of(next_year, next)?))
            }
            _ => Self::of_field(text),
        }
    }

    /// Where it begins, in nanoseconds since 1970.
    pub const fn start_ns(self) -> i128 {
        self.start
    }

    /// How a field that begins at `start_ns` stands to this, a constant: equal within it. A field is compared by its
    /// beginning alone.
    pub const fn order_of(self, start_ns: i128) -> Ordering {
        if start_ns < self.start {
            Ordering::Less
        } else if start_ns < self.end || start_ns == self.start {
            Ordering::Equal
        } else {
            Ordering::Greater
        }
    }

    fn between(start: i64, end: i64) -> Self {
        Self { start: i128::from(start) * NS_A_SECOND, end: i128::from(end) * NS_A_SECOND }
    }
}

/// Bytes that are still to be read.
struct Cursor<'a>(&'a [u8]);

impl Cursor<'_> {
    /// A number of so many digits.
    fn digits(&mut self, count: usize) -> Option<i64> {
        let (digits, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        digits.iter().try_fold(0, |number, digit| {
            digit.is_ascii_digit().then(|| number * 10 + i64::from(digit - b'0'))
        })
    }

    /// What stands behind one of these bytes.
    fn after(&mut self, wanted: &[u8]) -> Option<&mut Self> {
        let (first, rest) = self.0.split_first()?;
        if !wanted.contains(first) {
            return None;
        }
        self.0 = rest;
        Some(self)
    }

    /// Takes one of these bytes, if one is next.
    fn take(&mut self, wanted: &[u8]) -> Option<u8> {
        let first = *self.0.first()?;
        self.after(wanted).map(|_| first)
    }

    /// A time of day with its offset, `HH:MM[:SS[.fraction]](Z|+HH:MM)`, of the day that begins at midnight.
    fn instant(&mut self, midnight: i64) -> Option<i128> {
        let (hour, minute) = (self.digits(2)?, self.after(b":")?.digits(2)?);
        let mut second = 0;
        let mut fraction = 0;
        if self.take(b":").is_some() {
            second = self.digits(2)?;
            if self.take(b".").is_some() {
                fraction = self.fraction()?;
            }
        }
        if hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        if second == 60 {
            // A leap second belongs to the minute, and so to the day, that it ends.
            (second, fraction) = (59, NS_A_SECOND - 1);
        }
        let offset = match self.take(b"Zz+-")? {
            b'Z' | b'z' => 0,
            sign => {
                let (hours, minutes) = (self.digits(2)?, self.after(b":")?.digits(2)?);
                if hours > 23 || minutes > 59 {
                    return None;
                }
                let seconds = hours * 3600 + minutes * 60;
                if sign == b'-' { -seconds } else { seconds }
            }
        };
        let seconds = midnight + hour * 3600 + minute * 60 + second - offset;
        Some(i128::from(seconds) * NS_A_SECOND + fraction)
    }

    /// Digits behind the point, in nanoseconds; finer ones are cut.
    fn fraction(&mut self) -> Option<i128> {
        let count = self.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        let nine = digits.iter().chain(std::iter::repeat(&b'0')).take(9);
        let nanoseconds = nine.fold(0, |number, digit| number * 10 + i128::from(digit - b'0'));
        if digits.is_empty() { None } else { Some(nanoseconds) }
    }
}

/// The second at which a month begins.
fn first_of(year: i64, month: i64) -> Option<i64> {
    Some(days(year, month, 1)? * SECONDS_A_DAY)
}

/// Days from 1970-01-01 to a day of the Gregorian calendar, if there is such a day.
///
/// # Source
/// Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `days_from_civil`: the year begins in March.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if is_leap => 29,
        2 => 28,
        _ => return None,
    };
    if !(1..=length).contains(&day) {
        return None;
    }
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = of_era * 365 + of_era / 4 - of_era / 100 + day_of_year;
    Some(era * 146_097 + day_of_era - 719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(text: &str) -> Option<i128> {
        Period::of_field(text).map(|period| period.start / NS_A_SECOND)
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        for (text, expected) in [
            ("1970-01-01", 0),
            ("1969-12-31", -86_400),
            ("2000-02-29", 951_782_400),
            ("2021-07-03", 1_625_270_400),
            ("1900-03-01", -2_203_891_200),
            ("2300-01-01", 10_413_792_000),
            ("0000-01-01", -62_167_219_200),
            ("9999-12-31", 253_402_214_400),
        ] {
            assert_eq!(seconds(text), Some(expected), "{text}");
        }
        for text in
            ["1900-02-29", "2021-13-01", "2021-00-01", "2021-04-31", "2021-07-00", "2021-7-3", "20210703T1"]
        {
            assert_eq!(seconds(text), None, "{text}");
        }
    }

    #[test]
    fn times_are_those_of_rfc_3339() {
        let at = |text: &str| Period::of_field(text).map(|period| (period.start, period.end));
        let ten = Some((1_625_306_400 * NS_A_SECOND, 1_625_306_400 * NS_A_SECOND));
        for text in [
            "2021-07-03T10:00:00Z",
            "2021-07-03t10:00:00z",
            "2021-07-03 10:00:00Z",
            "2021-07-03T12:00:00+02:00",
            "2021-07-03T00:30:00-09:30",
            "2021-07-03T10:00:00.000Z",
            "2021-07-03T10:00Z",
        ] {
            assert_eq!(at(text), ten, "{text}");
        }
        let half = at("2021-07-03T10:00:00.5000000009Z").map(|(start, _)| start % NS_A_SECOND);
        assert_eq!(half, Some(500_000_000));
        let leap = at("2016-12-31T23:59:60Z").expect("a leap second");
        assert!(at("2016-12-31T23:59:59.9Z").is_some_and(|before| before < leap));
        assert!(at("2017-01-01T00:00:00Z").is_some_and(|after| leap < after));
        for text in [
            "2021-07-03T10:00:00",
            "2021-07-03T24:00:00Z",
            "2021-07-03T10:60:00Z",
            "2021-07-03T10:00:61Z",
            "2021-07-03T10:00:00+2:00",
            "2021-07-03T10:00:00.Z",
            "2021-07-03T10:00:00Z ",
            "2021-07-03x",
            "2021-07-03T",
            "twelve characters",
        ] {
            assert_eq!(at(text), None, "{text}");
        }
    }

    #[test]
    fn months_and_years_are_stretches_of_constants_only() {
        let field = Period::of_field("2021-12-31T23:59:59Z").expect("a time");
        for (text, expected) in [
            ("2021", Ordering::Equal),
            ("2021-12", Ordering::Equal),
            ("2021-11", Ordering::Greater),
            ("2022", Ordering::Less),
            ("2022-01", Ordering::Less),
        ] {
            assert_eq!(Period::of_constant(text).expect(text).order_of(field.start_ns()), expected, "{text}");
            assert_eq!(Period::of_field(text), None, "{text}");
        }
        assert_eq!(Period::of_constant("2021-13"), None);
        assert_eq!(Period::of_constant("20x1"), None);
    }
}
