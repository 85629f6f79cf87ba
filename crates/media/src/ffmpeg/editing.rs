//! What an editor needs of a video: its exact frame rate, and the timecode of its first frame.

use serde_json::Value;

/// Rates that cameras and programs mean by numbers close to them: whole ones, and those of television in the countries
/// of NTSC, 1000/1001 of these.
const NTSC: [u32; 6] = [24, 30, 48, 60, 120, 240];
/// Largest whole rate that is known.
const MAX_KNOWN: u32 = 240;
/// How far, as a share, a rate may lie from the one that is meant. A whole rate and its neighbour of NTSC are 0.001
/// apart.
const NEAR: f64 = 0.0004;
/// Longest part of a fraction, in digits: those of ffprobe have at most ten.
const MAX_DIGITS: usize = 10;

/// The frame rate of a stream as a fraction. The average counts where it lies next to a rate that is in use; where
/// frames are missing or come when they like, it does not, and the rate that the stream's times are made for counts
/// (`r_frame_rate`); else the average as it is.
pub(super) fn frame_rate(stream: &Value) -> Option<(u32, u32)> {
    let rate = |name: &str| fraction(stream.get(name)?.as_str()?);
    let average = rate("avg_frame_rate");
    let meant = average.and_then(known).or_else(|| known(rate("r_frame_rate")?));
    meant.or_else(|| average.and_then(lowest))
}

/// The timecode of the first frame, as `HH:MM:SS:FF`, or `HH:MM:SS;FF` where numbers of frames are dropped: that of the
/// stream, else that of a stream of timecodes, else that of the file.
pub(super) fn timecode(stream: &Value, streams: &[Value], format: &Value) -> Option<String> {
    let is_of_timecodes = |stream: &&Value| {
        stream.get("codec_tag_string").and_then(Value::as_str).is_some_and(|tag| tag == "tmcd")
    };
    let holders = [stream].into_iter().chain(streams.iter().filter(is_of_timecodes)).chain([format]);
    holders.filter_map(|holder| holder.get("tags")?.as_object()).find_map(|tags| {
        let (_, told) = tags.iter().find(|(key, _)| key.eq_ignore_ascii_case("timecode"))?;
        written(told.as_str()?)
    })
}

/// A timecode as we write it: dropped numbers are told by a `;` in the last place, whoever wrote it.
fn written(told: &str) -> Option<String> {
    let told = told.trim();
    if told.len() > "HH:MM:SS:FFF".len() {
        return None;
    }
    let mut parts = told.split([':', ';', '.', ',']);
    let mut number = |most: usize| {
        let digits = parts.next()?;
        let is_number =
            (2..=most).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then_some(digits)
    };
    let (hours, minutes, seconds, frames) = (number(2)?, number(2)?, number(2)?, number(3)?);
    if parts.next().is_some() {
        return None;
    }
    let last = if told.contains([';', '.', ',']) { ';' } else { ':' };
    Some(format!("{hours}:{minutes}:{seconds}{last}{frames}"))
}

/// Reads `30000/1001`; a rate above 0.
fn fraction(text: &str) -> Option<(u64, u64)> {
    let (num, den) = text.split_once('/')?;
    let part = |text: &str| text.parse::<u64>().ok().filter(|part| *part > 0 && text.len() <= MAX_DIGITS);
    Some((part(num)?, part(den)?))
}

/// The rate in use next to this one.
fn known((num, den): (u64, u64)) -> Option<(u32, u32)> {
    let rate = num as f64 / den as f64;
    let whole = (1..=MAX_KNOWN).map(|whole| (whole, 1));
    let known = whole.chain(NTSC.map(|whole| (whole * 1000, 1001)));
    let distance = |(num, den): &(u32, u32)| (rate * f64::from(*den) / f64::from(*num) - 1.0).abs();
    known.min_by(|a, b| distance(a).total_cmp(&distance(b))).filter(|found| distance(found) <= NEAR)
}

/// In lowest terms.
fn lowest((num, den): (u64, u64)) -> Option<(u32, u32)> {
    let (mut common, mut rest) = (num, den);
    while rest > 0 {
        (common, rest) = (rest, common % rest);
    }
    Some((u32::try_from(num / common).ok()?, u32::try_from(den / common).ok()?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rate(average: &str, real: &str) -> Option<(u32, u32)> {
        frame_rate(&json!({"avg_frame_rate": average, "r_frame_rate": real}))
    }

    #[test]
    fn rates_are_exact() {
        assert_eq!(rate("30000/1001", "30000/1001"), Some((30_000, 1_001)));
        assert_eq!(rate("24000/1001", "0/0"), Some((24_000, 1_001)));
        assert_eq!(rate("25/1", "25/1"), Some((25, 1)));
        // Matroska's times are milliseconds: its averages are only near.
        assert_eq!(rate("19001/634", "1000/1"), Some((30_000, 1_001)));
        assert_eq!(rate("2997/125", "1000/1"), Some((24_000, 1_001)));
        assert_eq!(rate("24001/1000", "1000/1"), Some((24, 1)));
    }

    #[test]
    fn frames_that_are_missing_do_not_slow_the_clock() {
        assert_eq!(rate("180/7", "30/1"), Some((30, 1)));
        assert_eq!(rate("359/12", "30000/1001"), Some((30_000, 1_001)));
        assert_eq!(rate("44955/1500", "90000/1"), Some((30_000, 1_001)));
        // Nothing that is in use is near: the average, in lowest terms.
        assert_eq!(rate("258/14", "90000/1"), Some((129, 7)));
        assert_eq!(rate("0/0", "0/0"), None);
        assert_eq!(rate("1/0", "99999999999999999999/1"), None);
        assert_eq!(rate("9999999999/7", "1/1000"), None);
    }

    #[test]
    fn timecodes_are_written_in_one_way() {
        for (told, expected) in [
            ("01:00:00:00", Some("01:00:00:00")),
            ("01:00:00;02", Some("01:00:00;02")),
            ("01;00;00;02", Some("01:00:00;02")),
            ("01:00:00.02", Some("01:00:00;02")),
            (" 10:20:30:119 ", Some("10:20:30:119")),
            ("1:00:00:00", None),
            ("01:00:00", None),
            ("01:00:00:00:00", None),
            ("01:00:00:0x", None),
            ("00:00:00:00\u{202e}", None),
        ] {
            assert_eq!(written(told).as_deref(), expected, "{told:?}");
        }
    }

    #[test]
    fn the_streams_own_timecode_counts_before_others() {
        let tagged = |code: &str| json!({"codec_tag_string": "tmcd", "tags": {"TIMECODE": code}});
        let none = json!({});
        let all = [none.clone(), tagged("02:00:00:00")];
        let of = |stream: &Value, streams: &[Value], format: &str| timecode(stream, streams, &tagged(format));
        assert_eq!(of(&tagged("01:00:00:00"), &all, "03:00:00:00").as_deref(), Some("01:00:00:00"));
        assert_eq!(of(&none, &all, "03:00:00:00").as_deref(), Some("02:00:00:00"));
        assert_eq!(of(&none, &[], "03:00:00:00").as_deref(), Some("03:00:00:00"));
        assert_eq!(of(&none, &[], "nonsense"), None);
    }
}
