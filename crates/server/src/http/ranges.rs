//! Byte ranges of HTTP (RFC 9110 section 14): one range of a file.

use http::HeaderMap;
use http::header::{IF_RANGE, RANGE};

/// What of a file is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// All of it: nothing else was said, or what was said is not for us to follow.
    All,
    /// From the first of these bytes to the last.
    Bytes(u64, u64),
    /// Bytes that it does not have.
    Outside,
}

/// The part that a request asks of a file of this length and tag.
pub(super) fn part(headers: &HeaderMap, length: u64, tag: &str) -> Part {
    let text = |name| headers.get(name).and_then(|value: &http::HeaderValue| value.to_str().ok());
    if text(IF_RANGE).is_some_and(|wanted| wanted != tag) {
        return Part::All;
    }
    // Several ranges would make an answer of several parts; a server may answer with all instead.
    let range =
        text(RANGE).and_then(|range| range.strip_prefix("bytes=")).filter(|range| !range.contains(','));
    let Some((first, last)) = range.and_then(|range| range.trim().split_once('-')) else { return Part::All };
    let (first, last) = (first.trim(), last.trim());
    let end = length.saturating_sub(1);
    let (from, to) = match (first.parse::<u64>(), last.parse::<u64>()) {
        (Ok(from), Ok(to)) if from <= to => (from, to.min(end)),
        (Ok(from), Err(_)) if last.is_empty() => (from, end),
        (Err(_), Ok(count)) if first.is_empty() => match count {
            0 => return Part::Outside,
            count => (length.saturating_sub(count), end),
        },
        _ => return Part::All,
    };
    if from < length { Part::Bytes(from, to) } else { Part::Outside }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn asked(range: &'static str, if_range: Option<&'static str>) -> Part {
        let mut headers = HeaderMap::new();
        headers.insert(RANGE, HeaderValue::from_static(range));
        if let Some(tag) = if_range {
            headers.insert(IF_RANGE, HeaderValue::from_static(tag));
        }
        part(&headers, 100, "\"tag\"")
    }

    #[test]
    fn a_range_is_read_as_browsers_write_it() {
        for (range, expected) in [
            ("bytes=0-", Part::Bytes(0, 99)),
            ("bytes=10-19", Part::Bytes(10, 19)),
            ("bytes=90-1000", Part::Bytes(90, 99)),
            ("bytes=-5", Part::Bytes(95, 99)),
            ("bytes=-500", Part::Bytes(0, 99)),
            ("bytes=100-", Part::Outside),
            ("bytes=-0", Part::Outside),
            ("bytes=5-4", Part::All),
            ("bytes=0-1,5-6", Part::All),
            ("bytes=x-", Part::All),
            ("items=0-1", Part::All),
        ] {
            assert_eq!(asked(range, None), expected, "{range}");
        }
    }

    #[test]
    fn a_range_of_another_version_is_all() {
        assert_eq!(asked("bytes=1-2", Some("\"tag\"")), Part::Bytes(1, 2));
        assert_eq!(asked("bytes=1-2", Some("\"older\"")), Part::All);
        assert_eq!(part(&HeaderMap::new(), 0, ""), Part::All);
    }
}
