//! An image of the hits in rows, best first.

use std::io::Cursor;

use image::imageops::{FilterType, overlay};
use image::{ImageError, ImageFormat, Rgb, RgbImage};

use super::Card;

/// Sides of a cell in pixels.
const CELL: (u32, u32) = (240, 180);
/// Pixels between cells.
const GAP: u32 = 8;
/// Most cells in a row.
const COLUMNS: usize = 5;
const BACKGROUND: Rgb<u8> = Rgb([250, 250, 250]);
const EMPTY: Rgb<u8> = Rgb([222, 222, 222]);

/// The hits as a PNG.
pub(super) fn grid(cards: &[Card<'_>]) -> Result<Vec<u8>, ImageError> {
    let columns = cards.len().clamp(1, COLUMNS);
    let rows = cards.len().div_ceil(columns).max(1);
    let mut sheet = RgbImage::from_pixel(side(columns, CELL.0), side(rows, CELL.1), BACKGROUND);
    for (place, card) in cards.iter().enumerate() {
        let cell = cell(card.thumb.as_deref());
        let left = i64::from(side(place % columns, CELL.0)) + centred(CELL.0, cell.width());
        let top = i64::from(side(place / columns, CELL.1)) + centred(CELL.1, cell.height());
        overlay(&mut sheet, &cell, left, top);
    }
    let mut bytes = Cursor::new(Vec::new());
    sheet.write_to(&mut bytes, ImageFormat::Png)?;
    Ok(bytes.into_inner())
}

/// Length of this many cells with the gaps around them.
fn side(cells: usize, length: u32) -> u32 {
    u32::try_from(cells).unwrap_or_default() * (length + GAP) + GAP
}

fn centred(room: u32, length: u32) -> i64 {
    (i64::from(room) - i64::from(length)) / 2
}

/// The thumbnail inside a cell, or a grey cell where there is none.
fn cell(thumb: Option<&[u8]>) -> RgbImage {
    let image = thumb.and_then(|jpeg| image::load_from_memory_with_format(jpeg, ImageFormat::Jpeg).ok());
    match image {
        Some(image) => image.resize(CELL.0, CELL.1, FilterType::Triangle).into_rgb8(),
        None => RgbImage::from_pixel(CELL.0, CELL.1, EMPTY),
    }
}

#[cfg(test)]
mod tests {
    use sensorium_types::Hit;
    use sensorium_types::{AssetId, Modality, Payload, PointInfo, Track};

    use super::*;

    #[test]
    fn the_grid_has_room_for_every_hit() {
        let hit = Hit {
            rank: 1,
            asset: AssetId::new("a").expect("valid"),
            score: None,
            cosine: 0.5,
            modality: Modality::Image,
            path: None,
            paths: Vec::new(),
            moment: None,
            range: None,
            payload: Payload::new(),
            point: PointInfo { track: Track::Image, ordinal: 0, span: None },
            bridged: false,
        };
        let mut jpeg = Cursor::new(Vec::new());
        let red = RgbImage::from_pixel(320, 200, Rgb([255, 0, 0]));
        red.write_to(&mut jpeg, ImageFormat::Jpeg).expect("encoded");
        let jpeg = jpeg.into_inner();
        let cards: Vec<Card<'_>> =
            (0..7).map(|n| Card { hit: &hit, thumb: (n == 0).then(|| jpeg.clone()) }).collect();
        let png = grid(&cards).expect("encoded");
        let sheet = image::load_from_memory(&png).expect("an image").into_rgb8();
        assert_eq!(sheet.dimensions(), (5 * (240 + 8) + 8, 2 * (180 + 8) + 8));
        let pixel = sheet.get_pixel(8 + 120, 8 + 90);
        assert!(pixel.0[0] > 200 && pixel.0[1] < 60, "the first is red: {pixel:?}");
        assert!(grid(&[]).is_ok());
    }
}
