//! EXIF: how to turn the picture upright, when, by what camera and where it was taken.

use std::io::Cursor;

use exif::{In, Reader, Tag, Value};
use sensorium_types::Payload;

use crate::Rgb;

/// What EXIF says.
pub(super) struct Exif {
    /// 1 to 8, as in the standard; 1 is upright.
    pub orientation: u32,
    /// `captured_at`, `year`, `camera`, `lens`, `lat`, `lon`.
    pub facts: Payload,
}

impl Default for Exif {
    fn default() -> Self {
        Self { orientation: 1, facts: Payload::new() }
    }
}

/// Reads EXIF from a JPEG, TIFF, PNG, WebP or HEIF file; what is absent or damaged is left out.
pub(super) fn read(bytes: &[u8]) -> Exif {
    let mut found = Exif::default();
    let Ok(exif) = Reader::new().read_from_container(&mut Cursor::new(bytes)) else { return found };
    let field = |tag| exif.get_field(tag, In::PRIMARY);
    let text = |tag| {
        let Value::Ascii(lines) = &field(tag)?.value else { return None };
        lines.first().map(|line| String::from_utf8_lossy(line).trim_matches(['\0', ' ']).to_owned())
    };
    if let Some(turn) =
        field(Tag::Orientation).and_then(|f| f.value.get_uint(0)).filter(|turn| (1..=8).contains(turn))
    {
        found.orientation = turn;
    }
    let facts = &mut found.facts;
    if let Some(time) = text(Tag::DateTimeOriginal).or_else(|| text(Tag::DateTimeDigitized)) {
        let offset = text(Tag::OffsetTimeOriginal).or_else(|| text(Tag::OffsetTime));
        if let Some((rfc3339, year)) = time_in_utc(&time, offset.as_deref()) {
            facts.set("captured_at", rfc3339);
            facts.set("year", year);
        }
    }
    for (name, tag) in [("camera", Tag::Model), ("lens", Tag::LensModel)] {
        if let Some(value) = text(tag).filter(|value| !value.is_empty()) {
            facts.set(name, value);
        }
    }
    let degrees = |tag, reference, negative: &str| {
        let Value::Rational(parts) = &field(tag)?.value else { return None };
        let [d, m, s] = parts.as_slice() else { return None };
        let value = d.to_f64() + m.to_f64() / 60.0 + s.to_f64() / 3600.0;
        let sign = if text(reference)?.starts_with(negative) { -1.0 } else { 1.0 };
        Some(sign * value).filter(|value| value.is_finite() && value.abs() <= 180.0)
    };
    if let (Some(lat), Some(lon)) = (
        degrees(Tag::GPSLatitude, Tag::GPSLatitudeRef, "S"),
        degrees(Tag::GPSLongitude, Tag::GPSLongitudeRef, "W"),
    ) {
        facts.set("lat", lat);
        facts.set("lon", lon);
    }
    found
}

/// `2021:07:03 10:00:00` with an offset such as `+02:00` (UTC where none is given) as RFC 3339 in UTC, and its year.
fn time_in_utc(time: &str, offset: Option<&str>) -> Option<(String, i16)> {
    let (date, clock) = time.split_once(' ')?;
    let offset = offset.filter(|offset| offset.len() == 6).unwrap_or("Z");
    let written = format!("{}T{clock}{offset}", date.replace(':', "-"));
    let timestamp: jiff::Timestamp = written.parse().ok()?;
    let year = timestamp.to_zoned(jiff::tz::TimeZone::UTC).year();
    Some((timestamp.to_string(), year))
}

/// Turns a picture upright by its EXIF orientation.
pub(super) fn turn(picture: Rgb, orientation: u32) -> Rgb {
    if !(2..=8).contains(&orientation) {
        return picture;
    }
    let (w, h) = (picture.width as usize, picture.height as usize);
    let (width, height) = if orientation >= 5 { (h, w) } else { (w, h) };
    let mut pixels = Vec::with_capacity(picture.pixels.len());
    for y in 0..height {
        for x in 0..width {
            let (from_x, from_y) = match orientation {
                2 => (w - 1 - x, y),
                3 => (w - 1 - x, h - 1 - y),
                4 => (x, h - 1 - y),
                5 => (y, x),
                6 => (y, h - 1 - x),
                7 => (w - 1 - y, h - 1 - x),
                _ => (w - 1 - y, x),
            };
            let start = (from_y * w + from_x) * 3;
            pixels.extend_from_slice(picture.pixels.get(start..start + 3).unwrap_or(&[0, 0, 0]));
        }
    }
    let (width, height) =
        if orientation >= 5 { (picture.height, picture.width) } else { (picture.width, picture.height) };
    Rgb { width, height, pixels }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_become_utc() {
        let with = |offset| time_in_utc("2021:07:03 10:00:00", offset);
        assert_eq!(with(Some("+02:00")), Some(("2021-07-03T08:00:00Z".to_owned(), 2021)));
        assert_eq!(with(None), Some(("2021-07-03T10:00:00Z".to_owned(), 2021)));
        assert_eq!(time_in_utc("0000:00:00 00:00:00", None), None);
    }

    #[test]
    fn eight_ways_to_turn() {
        // Two columns, one row: a, b.
        let picture = Rgb { width: 2, height: 1, pixels: vec![1, 1, 1, 2, 2, 2] };
        let turned = |orientation| {
            let picture = turn(picture.clone(), orientation);
            (picture.width, picture.height, picture.pixels.first().copied())
        };
        assert_eq!(turned(1), (2, 1, Some(1)));
        assert_eq!(turned(2), (2, 1, Some(2)));
        assert_eq!(turned(3), (2, 1, Some(2)));
        assert_eq!(turned(4), (2, 1, Some(1)));
        assert_eq!(turned(5), (1, 2, Some(1)));
        assert_eq!(turned(6), (1, 2, Some(1)));
        assert_eq!(turned(7), (1, 2, Some(2)));
        assert_eq!(turned(8), (1, 2, Some(2)));
    }
}
