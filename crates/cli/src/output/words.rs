//! Moments, sizes, paths and counts as people write them.

use std::path::Path;

use sensorium_types::{Modality, Moment, PartCaption, PointInfo, PointKey, Span};

pub(crate) use sensorium_types::printable;

use super::paint::Paint;

const MS_A_SECOND: u64 = 1000;
const SECONDS_A_MINUTE: u64 = 60;
const SECONDS_AN_HOUR: u64 = 3600;

/// A time as `00:12.4`, or `1:00:12.4` from an hour on; tenths of a second are cut, not rounded.
pub(crate) fn clock(ms: u64) -> String {
    let (seconds, tenth) = (ms / MS_A_SECOND, ms % MS_A_SECOND / 100);
    let (minutes, second) = (seconds % SECONDS_AN_HOUR / SECONDS_A_MINUTE, seconds % SECONDS_A_MINUTE);
    match seconds / SECONDS_AN_HOUR {
        0 => format!("{minutes:02}:{second:02}.{tenth}"),
        hours => format!("{hours}:{minutes:02}:{second:02}.{tenth}"),
    }
}

/// A moment as `00:12.4-00:18.9 (peak 00:15.1)`; of a video also which of its tracks matched.
pub(crate) fn moment(moment: &Moment, modality: Modality) -> String {
    let Moment { start_ms, end_ms, peak_ms, tracks } = moment;
    let time = format!("{}-{} (peak {})", clock(*start_ms), clock(*end_ms), clock(*peak_ms));
    if modality == Modality::Video && !tracks.is_empty() {
        let names: Vec<&str> = tracks.iter().map(|track| track.name()).collect();
        format!("{time} {}", names.join("+"))
    } else {
        time
    }
}

/// A caption of an image, or of a part of a video or an audio clip.
pub(crate) fn caption(file: &Path, part: &PartCaption, paint: Paint) -> String {
    let PartCaption { span, caption } = part;
    let time = span.map_or_else(String::new, |(start_ms, end_ms)| {
        format!("  {}", paint.dim(&format!("{}-{}", clock(start_ms), clock(end_ms))))
    });
    let confidence = paint.dim(&format!("({:.2})", caption.confidence));
    format!("{}{time}  {}  {confidence}", path(file, None), printable(&caption.text))
}

/// A range of characters.
pub(crate) fn range((from, to): (u64, u64)) -> String {
    format!("characters {from}-{to}")
}

/// A point with where it lies.
pub(crate) fn point(key: &PointKey, info: &PointInfo, modality: Modality) -> String {
    let name = printable(&key.show(modality));
    match info.span {
        Some(Span::Time { start_ms, end_ms }) => format!("{name}  {}-{}", clock(start_ms), clock(end_ms)),
        Some(Span::Chars { from, to }) => format!("{name}  {}", range((from, to))),
        None => name,
    }
}

/// A path, shorter where it lies below `here`, with control and format characters made visible.
pub(crate) fn path(path: &Path, here: Option<&Path>) -> String {
    let below =
        here.and_then(|here| path.strip_prefix(here).ok()).filter(|below| !below.as_os_str().is_empty());
    printable(&below.unwrap_or(path).to_string_lossy())
}

/// A size as people write it, for instance `1.5 MB`.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let mut value = bytes;
    for (place, unit) in UNITS.into_iter().enumerate() {
        if value < 1_000_000 || place + 1 == UNITS.len() {
            return format!("{}.{} {unit}", value / 1000, value % 1000 / 100);
        }
        value /= 1000;
    }
    format!("{bytes} B")
}

/// `1 file`, `2 files`.
pub(crate) fn count(number: u64, one: &str, many: &str) -> String {
    if number == 1 { format!("{number} {one}") } else { format!("{number} {many}") }
}

#[cfg(test)]
mod tests {
    use sensorium_types::{AssetId, Track};

    use super::*;

    #[test]
    fn times_are_minutes_seconds_and_tenths() {
        assert_eq!(clock(0), "00:00.0");
        assert_eq!(clock(12_499), "00:12.4");
        assert_eq!(clock(3_599_999), "59:59.9");
        assert_eq!(clock(3_600_000), "1:00:00.0");
        assert_eq!(clock(36_061_200), "10:01:01.2");
    }

    #[test]
    fn moments_name_tracks_of_videos_only() {
        let sample = Moment {
            start_ms: 12_400,
            end_ms: 18_900,
            peak_ms: 15_100,
            tracks: vec![Track::Audio, Track::Video],
        };
        assert_eq!(moment(&sample, Modality::Audio), "00:12.4-00:18.9 (peak 00:15.1)");
        assert_eq!(moment(&sample, Modality::Video), "00:12.4-00:18.9 (peak 00:15.1) audio+video");
    }

    #[test]
    fn paths_are_short_and_harmless() {
        assert_eq!(path(Path::new("/a/b/c.jpg"), Some(Path::new("/a"))), "b/c.jpg");
        assert_eq!(path(Path::new("/a/b/c.jpg"), Some(Path::new("/x"))), "/a/b/c.jpg");
        assert_eq!(path(Path::new("/a"), Some(Path::new("/a"))), "/a");
        assert_eq!(
            path(Path::new("/a/\x1b[2J\u{202e}b\n"), Some(Path::new("/a"))),
            "\\u{1b}[2J\\u{202e}b\\n"
        );
    }

    #[test]
    fn sizes_and_counts() {
        assert_eq!(size(999), "999 B");
        assert_eq!(size(1_500), "1.5 kB");
        assert_eq!(size(999_999), "999.9 kB");
        assert_eq!(size(12_345_678), "12.3 MB");
        assert_eq!(size(5_000_000_000_000_000), "5000.0 TB");
        assert_eq!(count(1, "file", "files"), "1 file");
        assert_eq!(count(0, "file", "files"), "0 files");
    }

    #[test]
    fn points_say_where_they_lie() {
        let key = PointKey { asset: AssetId::new("a").expect("valid"), track: Track::Audio, ordinal: 7 };
        let span = Some(Span::Time { start_ms: 0, end_ms: 5_000 });
        let info = PointInfo { track: Track::Audio, ordinal: 7, span };
        assert_eq!(point(&key, &info, Modality::Video), "a#audio.7  00:00.0-00:05.0");
        assert_eq!(point(&key, &info, Modality::Audio), "a#7  00:00.0-00:05.0");
    }
}
