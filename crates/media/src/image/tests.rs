use std::io::Cursor;

use image::{ImageBuffer, ImageFormat, Rgba};

use super::*;
use crate::thumb::thumbnail;

fn spec() -> TowerSpec {
    TowerSpec::default()
}

fn gradient(width: u32, height: u32) -> Rgb {
    let mut pixels = Vec::new();
    for y in 0..height {
        for x in 0..width {
            pixels.extend([(x * 255 / width) as u8, (y * 255 / height) as u8, 90]);
        }
    }
    Rgb { width, height, pixels }
}

#[test]
fn a_large_jpeg_keeps_its_facts_and_fits_the_tower() {
    let picture = gradient(2000, 1200);
    let image = turbojpeg::Image {
        pixels: picture.pixels.as_slice(),
        width: 2000,
        pitch: 6000,
        height: 1200,
        format: turbojpeg::PixelFormat::RGB,
    };
    let jpeg = turbojpeg::compress(image, 90, turbojpeg::Subsamp::Sub2x2).expect("encodes").to_vec();
    let decoded = decode_jpeg(&jpeg, &spec(), &Limits::default()).expect("decodes");
    assert_eq!(decoded.facts.get("width"), Some(&2000.into()));
    let [part] = decoded.parts.as_slice() else { panic!("one part") };
    let PartContent::Frames(frames) = &part.content else { panic!("pixels") };
    assert_eq!((frames[0].width, frames[0].height), (260, 260));
    assert!((i16::from(frames[0].pixels[259 * 3]) - 254).abs() < 6, "the right edge is red");
    assert!(part.thumb.is_some());
}

#[test]
fn transparent_pixels_lie_over_white() {
    let image = ImageBuffer::from_pixel(4, 4, Rgba([255_u8, 0, 0, 0]));
    let mut png = Vec::new();
    image.write_to(&mut Cursor::new(&mut png), ImageFormat::Png).expect("encodes");
    let decoded = decode_still(&png, "image/png", &spec(), &Limits::default()).expect("decodes");
    let PartContent::Frames(frames) = &decoded.parts[0].content else { panic!("pixels") };
    assert_eq!(frames[0].pixels[..3], [255, 255, 255]);
}

#[test]
fn a_claim_of_huge_sides_costs_nothing() {
    // A PNG header that claims 60,000 x 60,000 pixels.
    let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    png.extend(60_000_u32.to_be_bytes());
    png.extend(60_000_u32.to_be_bytes());
    png.extend([8, 2, 0, 0, 0]);
    let failed = decode_still(&png, "image/png", &spec(), &Limits::default()).expect_err("refused");
    assert!(matches!(failed.kind, ReasonKind::TooLarge | ReasonKind::Corrupt), "{failed}");
}

#[test]
fn broken_bytes_are_typed_failures() {
    for mime in ["image/png", "image/gif", "image/webp", "image/bmp", "image/tiff", "image/qoi"] {
        assert!(decode_still(b"nothing of the kind", mime, &spec(), &Limits::default()).is_err(), "{mime}");
    }
    assert!(decode_jpeg(b"\xFF\xD8\xFF\xE0", &spec(), &Limits::default()).is_err());
    assert!(thumbnail(&gradient(40, 40)).is_some());
}
