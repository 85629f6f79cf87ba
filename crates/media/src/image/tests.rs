use std::io::Cursor;

use image::{ImageBuffer, ImageFormat, Rgba};

use super::*;
use crate::sink::collect;

fn spec() -> TowerSpec {
    TowerSpec::default()
}

fn job<'a>(mime: &'static str, spec: &'a TowerSpec, limits: &'a Limits) -> Job<'a> {
    Job {
        path: std::path::Path::new("absent"),
        mime,
        threads: 1,
        spec,
        limits,
        deadline: crate::deadline::Deadline::never(),
    }
}

fn jpeg(bytes: &[u8]) -> Result<(Head, Vec<crate::Part>), FailureReason> {
    collect(9, |sink| decode_jpeg(bytes, &job("image/jpeg", &spec(), &Limits::default()), sink))
}

fn other(bytes: &[u8], mime: &'static str) -> Result<(Head, Vec<crate::Part>), FailureReason> {
    collect(9, |sink| decode_still(bytes, &job(mime, &spec(), &Limits::default()), sink))
}

fn gradient(width: u32, height: u32) -> Rgb {
    let mut pixels = Vec::new();
    for y in 0..height {
        for x in 0..width {
            pixels.extend(
                [x * 255 / width, y * 255 / height, 90].map(|value| u8::try_from(value).expect("a byte")),
            );
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
    let bytes = turbojpeg::compress(image, 90, turbojpeg::Subsamp::Sub2x2).expect("encodes").to_vec();
    let (head, parts) = jpeg(&bytes).expect("decodes");
    assert_eq!(head.facts.get("width"), Some(&2000.into()));
    let [part] = parts.as_slice() else { panic!("one part") };
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
    let (_, parts) = other(&png, "image/png").expect("decodes");
    let PartContent::Frames(frames) = &parts[0].content else { panic!("pixels") };
    assert_eq!(frames[0].pixels[..3], [255, 255, 255]);
}

#[test]
fn a_claim_of_huge_sides_costs_nothing() {
    // A PNG header that claims 60,000 x 60,000 pixels.
    let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    png.extend(60_000_u32.to_be_bytes());
    png.extend(60_000_u32.to_be_bytes());
    png.extend([8, 2, 0, 0, 0]);
    let failed = other(&png, "image/png").expect_err("refused");
    assert!(matches!(failed.kind, ReasonKind::TooLarge | ReasonKind::Corrupt), "{failed}");
}

#[test]
fn broken_bytes_are_typed_failures() {
    for mime in ["image/png", "image/gif", "image/webp", "image/bmp", "image/tiff", "image/qoi"] {
        assert!(other(b"nothing of the kind", mime).is_err(), "{mime}");
    }
    assert!(jpeg(b"\xFF\xD8\xFF\xE0").is_err());
}

#[test]
fn pixels_of_four_bytes_become_three_in_place() {
    let mut pixels = vec![1, 2, 3, 4, 5, 6, 7, 8, 9];
    compact(&mut pixels, |[a, b, _, d]| [a, b, d]);
    assert_eq!(pixels, [1, 2, 4, 5, 6, 8]);
}

#[test]
fn only_a_second_frame_makes_a_picture_move() {
    let gif = |count: u8| {
        let mut bytes = Vec::new();
        let mut encoder = image::codecs::gif::GifEncoder::new(&mut bytes);
        for shade in 0..count {
            let buffer = ImageBuffer::from_pixel(6, 4, Rgba([shade * 80, 0, 0, 255]));
            encoder.encode_frame(image::Frame::new(buffer)).expect("encodes");
        }
        drop(encoder);
        bytes
    };
    assert!(frames(&gif(1), "image/gif", &Limits::default()).expect("reads").is_none());
    let bytes = gif(3);
    let moving = frames(&bytes, "image/gif", &Limits::default()).expect("reads").expect("moves");
    assert_eq!((moving.width, moving.height), (6, 4));
    assert_eq!(moving.frames.map(|(_, delay)| delay).collect::<Vec<_>>(), [100, 100, 100]);
}

#[test]
fn a_preview_is_found_in_a_camera_file() {
    let encoded = |side: u32| {
        let picture = gradient(side, side);
        let (width, pitch) = (side as usize, side as usize * 3);
        let format = turbojpeg::PixelFormat::RGB;
        let image =
            turbojpeg::Image { pixels: picture.pixels.as_slice(), width, pitch, height: width, format };
        turbojpeg::compress(image, 80, turbojpeg::Subsamp::Sub2x2).expect("encodes").to_vec()
    };
    let raw =
        [b"FUJIFILMCCD-RAW ".to_vec(), encoded(120), vec![7; 50_000], encoded(300), vec![9; 90_000]].concat();
    let (head, _) =
        collect(9, |sink| decode_raw(&raw, &job("", &spec(), &Limits::default()), sink)).expect("decodes");
    assert_eq!(head.facts.get("width"), Some(&300.into()));
    let failed = collect(9, |sink| decode_raw(&[7; 5000], &job("", &spec(), &Limits::default()), sink))
        .expect_err("no preview");
    assert_eq!(failed.kind, ReasonKind::DecoderMissing);
}
