//! What a file itself says of an asset (CONTRACTS.md section 4).

use std::path::Path;

use jiff::Timestamp;
use sensorium_types::{Modality, Payload};

use super::walk::Stamp;

/// The decoder's facts with those of the file: path, name, mime, modality, bytes and mtime.
pub(super) fn of_file(
    decoded: Payload,
    path: &Path,
    stamp: Stamp,
    modality: Modality,
    mime: &str,
) -> Payload {
    let mut facts = Payload::new();
    facts.set("path", path.to_string_lossy());
    if let Some(name) = path.file_name() {
        facts.set("name", name.to_string_lossy());
    }
    facts.set("mime", mime);
    facts.set("modality", modality.name());
    facts.set("bytes", stamp.bytes);
    if let Some(mtime) = time(stamp.mtime_ns) {
        facts.set("mtime", mtime);
    }
    facts.merge(decoded);
    facts
}

/// RFC 3339 in UTC, which ends with the year 9999.
fn time(nanoseconds: i128) -> Option<String> {
    Timestamp::from_nanosecond(nanoseconds).ok().map(|time| time.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_of_the_file_stand_beside_those_of_the_decoder() {
        let mut decoded = Payload::new();
        decoded.set("width", 640);
        let stamp = Stamp { bytes: 12, mtime_ns: 1_700_000_000_500_000_000 };
        let facts = of_file(decoded, Path::new("/m/a photo.jpg"), stamp, Modality::Image, "image/jpeg");
        let expected = serde_json::json!({
            "path": "/m/a photo.jpg", "name": "a photo.jpg", "mime": "image/jpeg", "modality": "image",
            "bytes": 12, "mtime": "2023-11-14T22:13:20.5Z", "width": 640,
        });
        assert_eq!(serde_json::Value::Object(facts.0), expected);
    }

    #[test]
    fn times_reach_back_before_1970_and_on_after_2262() {
        for (seconds, expected) in [
            (-2_203_891_200, Some("1900-03-01T00:00:00Z")),
            (-9_223_372_037, Some("1677-09-21T00:12:43Z")),
            (10_413_792_000, Some("2300-01-01T00:00:00Z")),
            (i64::MAX, None),
        ] {
            assert_eq!(time(i128::from(seconds) * 1_000_000_000).as_deref(), expected, "{seconds}");
        }
    }
}
