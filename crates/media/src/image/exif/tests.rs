//! EXIF written here, tag by tag.

use exif::Context;

use super::*;

/// A value of EXIF, as it is written.
enum Written {
    Text(&'static str),
    Parts(&'static [(u32, u32)]),
}
use Written::{Parts, Text};

/// EXIF of these tags: big endian, with the tables of EXIF and GPS behind the first.
fn exif_of(tags: &[(Tag, Written)]) -> Vec<u8> {
    let tables = [Context::Tiff, Context::Exif, Context::Gps]
        .map(|context| tags.iter().filter(|(tag, _)| tag.0 == context).collect::<Vec<_>>());
    let long = |value: usize| u32::try_from(value).expect("short").to_be_bytes();
    let short = |value: usize| u16::try_from(value).expect("short").to_be_bytes();
    let entries = [tables[0].len() + 2, tables[1].len(), tables[2].len()];
    let length = |at: usize| 2 + entries[at] * 12 + 4;
    let starts = [8, 8 + length(0), 8 + length(0) + length(1)];
    let mut behind = starts[2] + length(2);
    let (mut bytes, mut values) = (b"MM\0*\0\0\0\x08".to_vec(), Vec::new());
    for (at, table) in tables.iter().enumerate() {
        bytes.extend(short(entries[at]));
        let mut rows = Vec::new();
        for (tag, value) in table {
            let (kind, count, content) = match value {
                Text(text) => (2, text.len() + 1, [text.as_bytes(), b"\0"].concat()),
                Parts(parts) => {
                    let numbers =
                        parts.iter().flat_map(|(num, denom)| [num.to_be_bytes(), denom.to_be_bytes()]);
                    (5, parts.len(), numbers.flatten().collect())
                }
            };
            let mut place = long(behind + values.len()).to_vec();
            if content.len() <= 4 {
                place = content.clone();
                place.resize(4, 0);
            } else {
                values.extend(content);
            }
            rows.push((tag.1, [&tag.1.to_be_bytes()[..], &short(kind), &long(count), &place].concat()));
        }
        if at == 0 {
            for (pointer, start) in [(0x8769_u16, starts[1]), (0x8825, starts[2])] {
                rows.push((
                    pointer,
                    [&pointer.to_be_bytes()[..], &short(4), &long(1), &long(start)].concat(),
                ));
            }
        }
        rows.sort();
        bytes.extend(rows.into_iter().flat_map(|(_, row)| row));
        bytes.extend([0; 4]);
    }
    behind = bytes.len();
    assert_eq!(behind, starts[2] + length(2));
    bytes.extend(values);
    bytes
}

fn joined(mut tags: Vec<(Tag, Written)>, more: Vec<(Tag, Written)>) -> Vec<(Tag, Written)> {
    tags.extend(more);
    tags
}

fn fact(tags: &[(Tag, Written)], name: &str) -> Option<serde_json::Value> {
    read_raw(exif_of(tags)).facts.get(name).cloned()
}

#[test]
fn the_first_date_that_can_be_read_wins_with_its_own_offset() {
    let captured =
        |tags: &[(Tag, Written)]| fact(tags, "captured_at").map(|at| at.as_str().expect("text").to_owned());
    let offsets = || {
        vec![
            (Tag::OffsetTimeOriginal, Text("+02:00")),
            (Tag::OffsetTimeDigitized, Text("+05:00")),
            (Tag::OffsetTime, Text("-08:00")),
        ]
    };
    let dated = |dates: [&'static str; 3]| {
        let tags = [Tag::DateTimeOriginal, Tag::DateTimeDigitized, Tag::DateTime];
        let dates = tags.into_iter().zip(dates.map(Text)).collect();
        captured(&joined(offsets(), dates))
    };
    let at = |time: &str| Some(time.to_owned());
    let (original, digitized, changed) =
        ("2021:07:03 10:00:00", "2007:02:19 12:00:00", "2010:01:01 00:00:00");
    assert_eq!(dated([original, digitized, changed]), at("2021-07-03T08:00:00Z"));
    for unreadable in ["0000:00:00 00:00:00", "    :  :     :  :  ", "", "yesterday", "1970:01:01 00:00:00"] {
        assert_eq!(dated([unreadable, digitized, changed]), at("2007-02-19T07:00:00Z"), "{unreadable:?}");
        assert_eq!(dated([unreadable, unreadable, changed]), at("2010-01-01T08:00:00Z"), "{unreadable:?}");
        assert_eq!(dated([unreadable; 3]), None, "{unreadable:?}");
    }
    let only = [(Tag::DateTimeDigitized, Text(digitized))];
    assert_eq!(captured(&only), at("2007-02-19T12:00:00Z"));
    let gps = || {
        vec![
            (Tag::GPSDateStamp, Text("2019:05:04")),
            (Tag::GPSTimeStamp, Parts(&[(9, 1), (8, 1), (755, 100)])),
        ]
    };
    assert_eq!(captured(&gps()), at("2019-05-04T09:08:07Z"));
    assert_eq!(captured(&joined(gps(), vec![(Tag::DateTime, Text(changed))])), at("2010-01-01T00:00:00Z"));
    assert_eq!(captured(&[(Tag::GPSTimeStamp, Parts(&[(9, 1), (8, 1), (7, 0)]))]), None);
}

#[test]
fn the_year_is_the_photographer_s() {
    let tags =
        [(Tag::DateTimeOriginal, Text("2021:01:01 00:30:00")), (Tag::OffsetTimeOriginal, Text("+02:00"))];
    assert_eq!(fact(&tags, "year"), Some(2021.into()));
    assert_eq!(fact(&tags, "captured_at"), Some("2020-12-31T22:30:00Z".into()));
}

#[test]
fn places_are_read_only_where_they_are_whole() {
    type Angle = &'static [(u32, u32)];
    let place = |lat: Angle, north: &'static str, lon: Angle, east: &'static str| {
        let tags = [
            (Tag::GPSLatitude, Parts(lat)),
            (Tag::GPSLatitudeRef, Text(north)),
            (Tag::GPSLongitude, Parts(lon)),
            (Tag::GPSLongitudeRef, Text(east)),
        ];
        let number = |name| fact(&tags, name).and_then(|value| value.as_f64());
        number("lat").zip(number("lon"))
    };
    let lon: Angle = &[(2, 1), (30, 1), (0, 1)];
    assert_eq!(place(&[(48, 1), (45, 1), (0, 1)], "N", lon, "E"), Some((48.75, 2.5)));
    assert_eq!(place(&[(48, 1), (45, 1), (0, 1)], "s", lon, "W"), Some((-48.75, -2.5)));
    assert_eq!(place(&[(48, 1), (4530, 100), (0, 0)], "N", lon, "E"), Some((48.755, 2.5)));
    assert_eq!(place(&[(4875, 100)], "N", lon, "E"), Some((48.75, 2.5)));
    assert_eq!(place(&[(0, 1), (0, 1), (0, 1)], "N", lon, "E"), Some((0.0, 2.5)), "on the equator");
    let zero: Angle = &[(0, 1), (0, 1), (0, 1)];
    assert_eq!(place(zero, "N", zero, "E"), None);
    for broken in [
        &[(0, 0), (0, 0), (0, 0)][..],
        &[(48, 0), (1, 1), (1, 1)],
        &[(48, 1), (1, 0), (0, 1)],
        &[(91, 1), (0, 1), (0, 1)],
        &[(48, 1), (75, 1), (0, 1)],
        &[],
    ] {
        assert_eq!(place(broken, "N", lon, "E"), None, "{broken:?}");
    }
    assert_eq!(place(lon, "N", &[(181, 1), (0, 1), (0, 1)], "E"), None);
    for letter in ["", " ", "X", "E"] {
        assert_eq!(place(&[(48, 1), (45, 1), (0, 1)], letter, lon, "E"), None, "{letter:?}");
    }
}

#[test]
fn damage_behind_a_field_leaves_the_field() {
    let whole = exif_of(&[(Tag::Model, Text("CamX100")), (Tag::LensModel, Text("A lens of 50 mm"))]);
    let cut = whole.get(..whole.len() - 9).expect("shorter").to_vec();
    assert_eq!(read_raw(cut).facts.get("camera"), Some(&"CamX100".into()));
    for length in 0..whole.len() {
        read_raw(whole.get(..length).expect("shorter").to_vec());
    }
}

#[test]
fn turns_one_after_the_other_are_one() {
    let composed = |turns: &[u32]| composed(turns.iter().copied());
    assert_eq!(composed(&[]), 1);
    assert_eq!(composed(&[6, 6]), 3);
    assert_eq!(composed(&[6, 8]), 1);
    assert_eq!(composed(&[8, 4]), 5, "a quarter to the left, then top and bottom changed");
    assert_eq!(composed(&[6, 4]), 7);
}

#[test]
fn eight_ways_to_turn() {
    // Two columns, one row: a, b.
    let image = Rgb { width: 2, height: 1, pixels: vec![1, 1, 1, 2, 2, 2] };
    let turned = |orientation| {
        let image = turn(image.clone(), orientation);
        (image.width, image.height, image.pixels.first().copied())
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
