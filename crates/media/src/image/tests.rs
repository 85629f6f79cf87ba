use std::io::Cursor;

use image::{ImageBuffer, ImageFormat, Rgba};

use super::*;
use crate::sink::collect;

fn spec() -> EncoderSpec {
    EncoderSpec::default()
}

fn job<'a>(mime: &'static str, spec: &'a EncoderSpec, limits: &'a Limits) -> Job<'a> {
    Job { path: std::path::Path::new("absent"), mime, threads: 1, spec, limits }
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
fn an_image_is_shown_upright_in_the_size_that_was_asked_for() {
    let Rgb { width, height, pixels } = gradient(3000, 1000);
    let image = ImageBuffer::<image::Rgb<u8>, _>::from_raw(width, height, pixels).expect("as many as said");
    let mut tiff = Cursor::new(Vec::new());
    image.write_to(&mut tiff, ImageFormat::Tiff).expect("encodes");
    let limits = Limits::default();
    for (side, expected) in [(2048, (2048, 682)), (4000, (3000, 1000))] {
        let spec = EncoderSpec { preview_side: Some(side), ..spec() };
        let decoded =
            collect(9, |sink| decode_still(tiff.get_ref(), &job("image/tiff", &spec, &limits), sink));
        let (_, parts) = decoded.expect("decodes");
        let jpeg = parts[0].thumb.as_deref().expect("it is shown");
        let header = turbojpeg::read_header(jpeg).expect("a JPEG");
        assert_eq!((header.width, header.height), expected);
        let shown = turbojpeg::decompress(jpeg, turbojpeg::PixelFormat::RGB).expect("decodes");
        let right = (shown.width - 1) * 3;
        assert!((i16::from(shown.pixels[right]) - 254).abs() < 6, "the right edge is red");
    }
}

#[test]
fn a_large_jpeg_keeps_its_facts_and_fits_the_encoder() {
    let image = gradient(2000, 1200);
    let image = turbojpeg::Image {
        pixels: image.pixels.as_slice(),
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
    let mut image = ImageBuffer::from_pixel(4, 4, Rgba([255_u8, 0, 0, 0]));
    let first = |image: &ImageBuffer<Rgba<u8>, Vec<u8>>| {
        let mut png = Vec::new();
        image.write_to(&mut Cursor::new(&mut png), ImageFormat::Png).expect("encodes");
        let (_, parts) = other(&png, "image/png").expect("decodes");
        let PartContent::Frames(frames) = &parts[0].content else { panic!("pixels") };
        frames[0].pixels[..3].to_vec()
    };
    assert_eq!(first(&image), [255, 0, 0], "an alpha of zeros is none");
    image.put_pixel(3, 3, Rgba([0, 0, 255, 255]));
    assert_eq!(first(&image), [255, 255, 255]);
}

#[test]
fn an_animation_lies_over_white_unless_nothing_of_it_is_seen() {
    let gif = |seen: u8| {
        let mut bytes = Vec::new();
        let mut encoder = image::codecs::gif::GifEncoder::new(&mut bytes);
        for alpha in [0, seen] {
            let buffer = ImageBuffer::from_fn(6, 4, |x, _| Rgba([200, 0, 0, if x < 3 { alpha } else { 0 }]));
            encoder.encode_frame(image::Frame::new(buffer)).expect("encodes");
        }
        drop(encoder);
        bytes
    };
    let last = |bytes: &[u8]| {
        let moving = frames(bytes, "image/gif", &Limits::default()).expect("reads").expect("moves");
        let (frame, _) = moving.frames.last().expect("a frame");
        (frame.pixels[0] > 190 && frame.pixels[1] < 60, frame.pixels[15..18] == [255, 255, 255])
    };
    assert_eq!(last(&gif(255)), (true, true), "red beside what is transparent");
    assert!(!last(&gif(0)).1, "all zeros are no alpha");
}

#[test]
fn one_colour_in_a_large_file_is_doubtful() {
    let encoded = |pixels: &[u8], side: usize| {
        let format = turbojpeg::PixelFormat::RGB;
        let image = turbojpeg::Image { pixels, width: side, pitch: side * 3, height: side, format };
        turbojpeg::compress(image, 90, turbojpeg::Subsamp::None).expect("encodes").to_vec()
    };
    let flat = encoded(&[128; 400 * 400 * 3], 400);
    assert_eq!(jpeg(&flat).expect("decodes").0.warning, None, "{} bytes of one colour", flat.len());
    // As if scans had been lost on which libjpeg says nothing: much between the first one and the end.
    let end = flat.len() - 2;
    let lost = [&flat[..end], b"\xFF\xFE\xFF\xFE", &[0x55; 65_532], &flat[end..]].concat();
    let (head, parts) = jpeg(&lost).expect("decodes");
    let doubt = head.warning.expect("a warning");
    assert!(doubt.kind == ReasonKind::Corrupt && doubt.detail.contains("every pixel is the same"), "{doubt}");
    assert_eq!(parts.len(), 1, "it is kept");
    let laden = [&flat[..2], b"\xFF\xE2\xFF\xFE", &[0x55; 65_532], &flat[2..]].concat();
    assert_eq!(jpeg(&laden).expect("decodes").0.warning, None, "profiles do not count");
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
fn only_a_second_frame_makes_an_image_move() {
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
        let image = gradient(side, side);
        let (width, pitch) = (side as usize, side as usize * 3);
        let format = turbojpeg::PixelFormat::RGB;
        let image = turbojpeg::Image { pixels: image.pixels.as_slice(), width, pitch, height: width, format };
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

/// A photograph of the samples, as `image` reads it.
fn red_car() -> image::RgbImage {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../samples/images/red_car.jpg");
    let rgb =
        jpeg::decode(&fs_err::read(file).expect("a sample"), 4000, &Limits::default()).expect("decodes").rgb;
    image::RgbImage::from_raw(rgb.width, rgb.height, rgb.pixels).expect("all pixels")
}

fn encoded(image: &image::DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).expect("encodes");
    bytes.into_inner()
}

/// The mean distance of the first rows of two images, in levels.
fn distance(one: &Rgb, other: &Rgb, rows: usize) -> f64 {
    let count = rows * one.width as usize * 3;
    let pairs = one.pixels[..count].iter().zip(&other.pixels[..count]);
    pairs.map(|(one, other)| f64::from(one.abs_diff(*other))).sum::<f64>() / count as f64
}

fn pixels(parts: &[crate::Part]) -> &Rgb {
    let PartContent::Frames(frames) = &parts[0].content else { panic!("pixels") };
    &frames[0]
}

#[test]
fn a_png_without_its_end_keeps_every_pixel_and_says_so() {
    let image = image::DynamicImage::ImageRgb8(red_car());
    for image in [image.clone(), image.to_rgba8().into(), image.to_luma8().into(), image.to_rgb16().into()] {
        let png = encoded(&image, ImageFormat::Png);
        let (whole, parts) = other(&png, "image/png").expect("decodes");
        let (head, cut) = other(&png[..png.len() - 12], "image/png").expect("decodes");
        assert!(distance(pixels(&parts), pixels(&cut), 260) < 0.6, "{:?}", image.color());
        assert_eq!((whole.warning, head.facts), (None, whole.facts));
        assert!(head.warning.is_some_and(|warning| warning.kind == ReasonKind::Corrupt));
    }
}

#[test]
fn an_image_cut_in_half_keeps_its_upper_part() {
    let image = image::DynamicImage::ImageRgb8(red_car());
    for (format, mime) in
        [(ImageFormat::Png, "image/png"), (ImageFormat::Gif, "image/gif"), (ImageFormat::Qoi, "image/qoi")]
    {
        let bytes = encoded(&image, format);
        let (_, parts) = other(&bytes, mime).expect(mime);
        let (head, cut) = other(&bytes[..bytes.len() * 6 / 10], mime).expect(mime);
        assert!(distance(pixels(&parts), pixels(&cut), 80) < 1.0, "{mime}");
        assert!(head.warning.is_some(), "{mime}");
        let failed = other(&bytes[..bytes.len() / 50], mime).expect_err("too little");
        assert_eq!(failed.kind, ReasonKind::Corrupt, "{mime}: {failed}");
    }
    // Rows of BMP come from below.
    let bmp = encoded(&image, ImageFormat::Bmp);
    let (head, _) = other(&bmp[..bmp.len() / 2], "image/bmp").expect("decodes");
    assert!(head.warning.is_some());
    let webp = encoded(&image, ImageFormat::WebP);
    let failed = other(&webp[..webp.len() / 2], "image/webp").expect_err("nothing is left");
    assert!(failed.kind == ReasonKind::Corrupt && failed.detail.contains("cut short"), "{failed}");
}

#[test]
fn a_jpeg_cut_in_half_says_so() {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../samples/images/red_car.jpg");
    let bytes = fs_err::read(file).expect("a sample");
    assert_eq!(jpeg(&bytes).expect("decodes").0.warning, None);
    assert!(jpeg(&bytes[..bytes.len() / 2]).expect("decodes").0.warning.is_some());
}

#[test]
fn a_strip_too_long_to_hold_is_scaled_while_it_is_decoded() {
    let encoded = |width: usize, height: usize| {
        let image = gradient(u32::try_from(width).expect("short"), u32::try_from(height).expect("short"));
        let (pitch, format) = (width * 3, turbojpeg::PixelFormat::RGB);
        let image = turbojpeg::Image { pixels: image.pixels.as_slice(), width, pitch, height, format };
        turbojpeg::compress(image, 80, turbojpeg::Subsamp::Sub2x2).expect("encodes").to_vec()
    };
    for (width, height) in [(60, 33_000), (33_000, 60), (8, 65_000)] {
        let (head, _) = jpeg(&encoded(width, height)).expect("decodes");
        assert_eq!(head.facts.get("width"), Some(&width.into()));
        assert_eq!(head.facts.get("height"), Some(&height.into()));
    }
    let limits = Limits { max_pixels: 1_000_000, ..Limits::default() };
    let refused = jpeg::decode(&encoded(60, 33_000), 640, &limits).map(|_| ()).expect_err("too many pixels");
    assert_eq!(refused.kind, ReasonKind::TooLarge);
}
