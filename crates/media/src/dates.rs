//! Dates as cameras and containers write them: `2021:07:03 10:00:00` beside `+02:00`, `2021-07-03T10:00:00+0200`, and
//! what careless programs make of these. Of several dates the first that can be read counts.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;
use sensorium_types::Payload;

/// Farthest that a place's clock is from UTC.
const MAX_OFFSET_HOURS: i32 = 18;

/// A moment, with the year that the clock of its place showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    utc: Timestamp,
    local: DateTime,
}

impl Moment {
    /// Year by the clock of its place.
    pub(crate) fn year(&self) -> i16 {
        self.local.year()
    }

    /// Sets the facts `captured_at` and `year`.
    pub(crate) fn put(&self, facts: &mut Payload) {
        facts.set("captured_at", self.utc.to_string());
        facts.set("year", self.year());
    }

    /// Whether it is the moment at which clocks begin that were never set: those of QuickTime in 1904, of Unix in 1970.
    fn is_start_of_clock(&self) -> bool {
        let begins = |local: DateTime| {
            (local.month(), local.day(), local.hour(), local.minute(), local.second()) == (1, 1, 0, 0, 0)
                && matches!(local.year(), 1904 | 1970)
        };
        begins(self.local) || begins(Offset::UTC.to_datetime(self.utc))
    }
}

/// Reads a date with its time of day, to the second. Its own offset counts, else `offset`, else UTC. `None` for blanks,
/// zeros, what no calendar has, and clocks that were never set.
pub(crate) fn read(written: &str, offset: Option<&str>) -> Option<Moment> {
    let mut rest = written.trim_matches(is_blank);
    let year = number(&mut rest, 4).filter(|year| *year > 0)?;
    let month = separated(&mut rest, &[':', '-', '/', '.'])?;
    let day = separated(&mut rest, &[':', '-', '/', '.'])?;
    let hour = separated(&mut rest, &[' ', 'T', 't', ':', '-', '_'])?;
    let minute = separated(&mut rest, &[':', '.'])?;
    let second = match separated(&mut rest, &[':', '.']) {
        // A leap second is the last second of its minute here.
        Some(60) => 59,
        second => second.unwrap_or(0),
    };
    if let Some(fraction) = rest.strip_prefix(['.', ',']) {
        rest = fraction.trim_start_matches(|digit: char| digit.is_ascii_digit());
    }
    let own = rest.trim_matches(is_blank);
    let offset =
        if own.is_empty() { offset.and_then(read_offset).unwrap_or(Offset::UTC) } else { read_offset(own)? };
    let local =
        DateTime::new(year, narrow(month)?, narrow(day)?, narrow(hour)?, narrow(minute)?, narrow(second)?, 0);
    let local = local.ok()?;
    let moment = Moment { utc: offset.to_timestamp(local).ok()?, local };
    (!moment.is_start_of_clock()).then_some(moment)
}

/// `Z`, `+02:00`, `+2:00`, `+0200`, `+02` or `UTC+2`.
fn read_offset(written: &str) -> Option<Offset> {
    let written = written.trim_matches(is_blank);
    let written = written.strip_prefix("UTC").or_else(|| written.strip_prefix("GMT")).unwrap_or(written);
    if matches!(written, "" | "Z" | "z") {
        return Some(Offset::UTC);
    }
    let (sign, digits) = match written.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let (hours, minutes) = match digits.split_once(':') {
        Some((hours, rest)) => (hours, rest.split(':').next().unwrap_or_default()),
        None => digits
            .split_at_checked(digits.len().saturating_sub(2))
            .filter(|(hours, _)| !hours.is_empty())
            .unwrap_or((digits, "0")),
    };
    let part =
        |digits: &str| Some(digits).filter(|d| d.bytes().all(|b| b.is_ascii_digit()))?.parse::<i32>().ok();
    let (hours, minutes) = (part(hours)?, part(minutes)?);
    if hours > MAX_OFFSET_HOURS || minutes > 59 {
        return None;
    }
    Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).ok()
}

fn is_blank(c: char) -> bool {
    c.is_whitespace() || c == '\0'
}

/// A number of one or two digits behind one of these signs, and perhaps blanks that stand for a zero.
fn separated(rest: &mut &str, signs: &[char]) -> Option<i16> {
    let mut behind = rest.strip_prefix(signs)?.trim_start_matches(' ');
    let found = number(&mut behind, 2)?;
    // Three digits are no field of a date.
    if behind.starts_with(|next: char| next.is_ascii_digit()) {
        return None;
    }
    *rest = behind;
    Some(found)
}

/// Takes a number of at most so many digits.
fn number(rest: &mut &str, most: usize) -> Option<i16> {
    let length = rest.bytes().take(most).take_while(u8::is_ascii_digit).count();
    let (digits, behind) = rest.split_at_checked(length)?;
    let value = digits.parse().ok()?;
    *rest = behind;
    Some(value)
}

fn narrow(field: i16) -> Option<i8> {
    i8::try_from(field).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(written: &str, offset: Option<&str>) -> Option<(String, i16)> {
        read(written, offset).map(|moment| (moment.utc.to_string(), moment.year()))
    }

    fn right(utc: &str, year: i16) -> Option<(String, i16)> {
        Some((utc.to_owned(), year))
    }

    #[test]
    fn dates_are_read_as_people_write_them() {
        for written in [
            "2021:07:03 10:00:09",
            "2021:07:03 10:00:09\0",
            "  2021:07:03  10:00:09 ",
            "2021-07-03T10:00:09",
            "2021/7/3 10:0:9",
            "2021.07.03 10:00:09.75",
            "2021: 7: 3 10: 0: 9",
            "2021-07-03T10:00:09.000000Z",
        ] {
            assert_eq!(shown(written, None), right("2021-07-03T10:00:09Z", 2021), "{written:?}");
        }
        assert_eq!(shown("2016:12:31 23:59:60", None), right("2016-12-31T23:59:59Z", 2016));
        assert_eq!(shown("1955:06:01 12:00:00", None), right("1955-06-01T12:00:00Z", 1955));
        assert_eq!(shown("1969:12:31 23:59:59", None), right("1969-12-31T23:59:59Z", 1969));
        assert_eq!(shown("2300:01:01 00:00:00", None), right("2300-01-01T00:00:00Z", 2300));
        assert_eq!(shown("1970:01:02 00:00:00", None), right("1970-01-02T00:00:00Z", 1970));
    }

    #[test]
    fn what_is_no_date_is_not_read() {
        for written in [
            "",
            "    :  :     :  :  ",
            "0000:00:00 00:00:00",
            "0000:01:01 00:00:00",
            "2021:13:03 10:00:00",
            "2021:02:30 10:00:00",
            "2021:07:03 25:00:00",
            "2021:07:03 10:61:00",
            "2021:07:03",
            "2021:007:03 10:00:00",
            "2021:07:03 10:00:00 PM",
            "20210703 100000",
            "a summer's day",
            "1970:01:01 00:00:00",
            "1904-01-01T00:00:00Z",
            "1970-01-01T02:00:00+02:00",
            "９９９９:07:03 10:00:00",
        ] {
            assert_eq!(shown(written, None), None, "{written:?}");
        }
    }

    #[test]
    fn offsets_move_the_moment_and_the_year_stays_the_place_s() {
        for offset in ["+02:00", "+2:00", "+0200", "+200", "+02", "+2", "UTC+2", " +02:00\0"] {
            assert_eq!(
                shown("2021:01:01 00:30:00", Some(offset)),
                right("2020-12-31T22:30:00Z", 2021),
                "{offset}"
            );
            let own = format!("2021-01-01T00:30:00{offset}");
            assert_eq!(shown(&own, Some("-05:00")), right("2020-12-31T22:30:00Z", 2021), "{own}");
        }
        assert_eq!(shown("2021:12:31 22:00:00", Some("-03:30")), right("2022-01-01T01:30:00Z", 2021));
        for none in ["Z", "z", "", "   :  ", "+99:00", "nonsense", "+02:75"] {
            assert_eq!(
                shown("2021:01:01 00:30:00", Some(none)),
                right("2021-01-01T00:30:00Z", 2021),
                "{none:?}"
            );
        }
    }
}
