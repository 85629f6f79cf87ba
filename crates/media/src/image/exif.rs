//! EXIF: how to turn the image upright, when, by what camera and where it was taken.
//!
//! `captured_at` is the first date that can be read of: original, digitized, changed, each with its own offset from UTC,
//! and the clock of GPS. The date of change stands last of the camera's own, for some cameras and scanners write no
//! other, while editors overwrite it.

use std::io::Cursor;

use exif::{Error, In, Rational, Reader, Tag, Value};
use sensorium_types::Payload;

use crate::Rgb;
use crate::dates::{self, Moment};

/// What EXIF says.
#[derive(Debug, Clone)]
pub(crate) struct Exif {
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

/// Reads EXIF from a JPEG, TIFF, PNG or WebP file; what is absent or damaged is left out.
pub(super) fn read(bytes: &[u8]) -> Exif {
    understood(reader().read_from_container(&mut Cursor::new(bytes)))
}

/// Reads EXIF that was taken out of its file.
pub(super) fn read_raw(exif: Vec<u8>) -> Exif {
    understood(reader().read_raw(exif))
}

fn reader() -> Reader {
    let mut reader = Reader::new();
    reader.continue_on_error(true);
    reader
}

fn understood(read: Result<exif::Exif, Error>) -> Exif {
    let Ok(exif) = read.or_else(|error| error.distill_partial_result(|_| {})) else { return Exif::default() };
    let mut found = Exif::default();
    let turn = exif.get_field(Tag::Orientation, In::PRIMARY).and_then(|field| field.value.get_uint(0));
    found.orientation = turn.filter(|turn| (1..=8).contains(turn)).unwrap_or(1);
    let facts = &mut found.facts;
    if let Some(moment) = captured(&exif) {
        moment.put(facts);
    }
    for (name, tag) in [("camera", Tag::Model), ("lens", Tag::LensModel)] {
        if let Some(value) = text(&exif, tag) {
            facts.set(name, value);
        }
    }
    if let Some((lat, lon)) = place(&exif) {
        facts.set("lat", lat);
        facts.set("lon", lon);
    }
    found
}

/// The first line of a text that is not blank.
fn text(exif: &exif::Exif, tag: Tag) -> Option<String> {
    let Value::Ascii(lines) = &exif.get_field(tag, In::PRIMARY)?.value else { return None };
    let lines = lines.iter().map(|line| String::from_utf8_lossy(line));
    lines.map(|line| line.trim_matches(['\0', ' ']).to_owned()).find(|line| !line.is_empty())
}

fn rationals(exif: &exif::Exif, tag: Tag) -> Option<&[Rational]> {
    let Value::Rational(parts) = &exif.get_field(tag, In::PRIMARY)?.value else { return None };
    Some(parts)
}

/// When the image was taken.
fn captured(exif: &exif::Exif) -> Option<Moment> {
    let dates = [
        (Tag::DateTimeOriginal, Tag::OffsetTimeOriginal),
        (Tag::DateTimeDigitized, Tag::OffsetTimeDigitized),
        (Tag::DateTime, Tag::OffsetTime),
    ];
    let written = dates.into_iter().find_map(|(date, offset)| {
        // Some telephones write the one offset for all.
        let offset = text(exif, offset).or_else(|| text(exif, Tag::OffsetTime));
        dates::read(&text(exif, date)?, offset.as_deref())
    });
    written.or_else(|| {
        let clock = rationals(exif, Tag::GPSTimeStamp)?;
        let whole = |part: &Rational| part.num.checked_div(part.denom);
        let [hour, minute, second] = clock.first_chunk::<3>()?.each_ref().map(whole);
        let date = text(exif, Tag::GPSDateStamp)?;
        dates::read(&format!("{date} {}:{}:{}", hour?, minute?, second?), None)
    })
}

/// Latitude and longitude. Zeros in every field are what is written where nothing is known.
fn place(exif: &exif::Exif) -> Option<(f64, f64)> {
    let degrees = |tag, reference, [positive, negative]: [&str; 2], most: f64| {
        let value = angle(rationals(exif, tag)?)?;
        let towards = text(exif, reference)?.to_ascii_uppercase();
        let sign = match towards.get(..1)? {
            letter if letter == positive => 1.0,
            letter if letter == negative => -1.0,
            _ => return None,
        };
        (value <= most).then_some(sign * value)
    };
    let lat = degrees(Tag::GPSLatitude, Tag::GPSLatitudeRef, ["N", "S"], 90.0)?;
    let lon = degrees(Tag::GPSLongitude, Tag::GPSLongitudeRef, ["E", "W"], 180.0)?;
    (lat != 0.0 || lon != 0.0).then_some((lat, lon))
}

/// Degrees of an angle in degrees, minutes and seconds. Fractions may stand in any of them, and what is left out behind
/// the degrees, or is 0/0, is zero.
fn angle(parts: &[Rational]) -> Option<f64> {
    let value = |at: usize| match parts.get(at) {
        Some(Rational { num: 0, denom: 0 }) | None if at > 0 => Some(0.0),
        Some(Rational { num, denom }) if *denom > 0 => Some(f64::from(*num) / f64::from(*denom)),
        Some(_) | None => None,
    };
    let (degrees, minutes, seconds) = (value(0)?, value(1)?, value(2)?);
    (minutes <= 60.0 && seconds <= 60.0).then_some(degrees + minutes / 60.0 + seconds / 3600.0)
}

/// The one way of turning that does what these do one after the other.
pub(super) fn composed(turns: impl Iterator<Item = u32>) -> u32 {
    let corners = Rgb { width: 2, height: 2, pixels: (0..12).collect() };
    let turned = turns.fold(corners.clone(), turn);
    (1..=8).find(|way| turn(corners.clone(), *way) == turned).unwrap_or(1)
}

/// Turns an image upright by its EXIF orientation.
pub(super) fn turn(image: Rgb, orientation: u32) -> Rgb {
    if !(2..=8).contains(&orientation) {
        return image;
    }
    let (w, h) = (image.width as usize, image.height as usize);
    let (width, height) = if orientation >= 5 { (h, w) } else { (w, h) };
    let mut pixels = Vec::with_capacity(image.pixels.len());
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
            pixels.extend_from_slice(image.pixels.get(start..start + 3).unwrap_or(&[0, 0, 0]));
        }
    }
    let (width, height) =
        if orientation >= 5 { (image.height, image.width) } else { (image.width, image.height) };
    Rgb { width, height, pixels }
}

#[cfg(test)]
mod tests;
