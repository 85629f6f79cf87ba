//! One test card as a file of every format that images come in: its pixels must come out as they were written, over white
//! where they are transparent.

use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;

use image::codecs::gif::GifEncoder;
use image::{DynamicImage, ImageBuffer, ImageFormat, Rgba};
use sensorium_media::{Cancel, MediaInput, MediaPool, Rgb, resize_rgb};
use turbojpeg::{Colorspace, Compressor, PixelFormat, Subsamp};

use super::{made, pixels, pool};

const WIDTH: u32 = 240;
const HEIGHT: u32 = 160;
/// Mean difference of a value of 0 to 255 that is allowed.
const MAX_MEAN_DIFFERENCE: f64 = 4.0;

type Pixels = Vec<[u8; 3]>;

/// A pixel of the card: patches of strong colours above, greys and smooth changes below.
fn colour(x: u32, y: u32) -> [u8; 3] {
    const PATCHES: [[u8; 3]; 8] = [
        [255, 0, 0],
        [0, 255, 0],
        [0, 0, 255],
        [255, 255, 0],
        [0, 255, 255],
        [255, 0, 255],
        [120, 70, 30],
        [200, 160, 140],
    ];
    let level = |value: u32| u8::try_from(value.min(255)).expect("a byte");
    let across = level(x * 255 / (WIDTH - 1));
    match y {
        0..60 => PATCHES[(x * 8 / WIDTH) as usize],
        60..80 => [level(x / 30 * 36); 3],
        80..110 => [across; 3],
        _ => [across, level((y - 110) * 5), 255 - across],
    }
}

fn card() -> Pixels {
    (0..HEIGHT).flat_map(|y| (0..WIDTH).map(move |x| colour(x, y))).collect()
}

/// How opaque the card is where it is transparent at all: not at all in a corner, and more and more to the right.
fn opacity(at: usize) -> u8 {
    let (x, y) = (at % WIDTH as usize, at / WIDTH as usize);
    if x < 40 && y < 40 { 0 } else { u8::try_from((x + 15).min(255)).expect("a byte") }
}

fn over_white(card: &Pixels) -> Pixels {
    let mix = |value: u8, alpha: u8| {
        let mixed = (u32::from(value) * u32::from(alpha) + 255 * (255 - u32::from(alpha))) / 255;
        u8::try_from(mixed).expect("a byte")
    };
    card.iter().enumerate().map(|(at, pixel)| pixel.map(|value| mix(value, opacity(at)))).collect()
}

fn with_alpha(card: &Pixels, alpha: impl Fn(usize) -> u8) -> Vec<u8> {
    card.iter().enumerate().flat_map(|(at, [red, green, blue])| [*red, *green, *blue, alpha(at)]).collect()
}

fn grey(card: &Pixels) -> Vec<u8> {
    let luma = |[red, green, blue]: &[u8; 3]| {
        (299 * u32::from(*red) + 587 * u32::from(*green) + 114 * u32::from(*blue) + 500) / 1000
    };
    card.iter().map(|pixel| u8::try_from(luma(pixel)).expect("a byte")).collect()
}

/// The card in the 216 colours of a palette.
fn of_palette(card: &Pixels) -> Pixels {
    card.iter().map(|pixel| pixel.map(|value| value.saturating_add(25) / 51 * 51)).collect()
}

/// Inks of the card, as much black as there can be.
fn inks(card: &Pixels) -> Vec<u8> {
    let ink = |[red, green, blue]: &[u8; 3]| {
        let light = *red.max(green).max(blue);
        let less = |value: u8| {
            let part = if light == 0 { 0 } else { 255 - u32::from(value) * 255 / u32::from(light) };
            u8::try_from(part).expect("a byte")
        };
        [less(*red), less(*green), less(*blue), 255 - light]
    };
    card.iter().flat_map(ink).collect()
}

/// A pool and what came out wrong so far.
struct Check {
    pool: MediaPool,
    wrong: Vec<String>,
    checked: usize,
}

impl Check {
    /// Decodes a file and compares its pixels, scaled as the encoders want them.
    fn file(&mut self, name: &str, bytes: Vec<u8>, expected: &Pixels) {
        self.checked += 1;
        let decoded = match self.pool.decode(MediaInput::Bytes(Arc::from(bytes)), &Cancel::new()) {
            Ok(decoded) => decoded,
            Err(failed) => return self.wrong.push(format!("{name}: {failed}")),
        };
        let found = pixels(&decoded);
        let expected = Rgb { width: WIDTH, height: HEIGHT, pixels: expected.concat() };
        let expected = resize_rgb(&expected, found.width, found.height).expect("scales");
        let differences = found.pixels.iter().zip(&expected.pixels).map(|(a, b)| f64::from(a.abs_diff(*b)));
        let mean = differences.sum::<f64>() / found.pixels.len() as f64;
        let sides =
            ["width", "height"].map(|name| decoded.facts.get(name).and_then(serde_json::Value::as_u64));
        if mean > MAX_MEAN_DIFFERENCE
            || sides != [Some(WIDTH.into()), Some(HEIGHT.into())]
            || decoded.warning.is_some()
        {
            self.wrong.push(format!("{name}: {mean:.1} of 255, {sides:?}, {:?}", decoded.warning));
        }
    }
}

fn encoded(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Vec::new();
    image.write_to(&mut Cursor::new(&mut bytes), format).expect("encodes");
    bytes
}

fn rgb_image(card: &Pixels) -> DynamicImage {
    ImageBuffer::from_raw(WIDTH, HEIGHT, card.concat()).map(DynamicImage::ImageRgb8).expect("its size")
}

fn rgba_image(pixels: Vec<u8>) -> DynamicImage {
    ImageBuffer::from_raw(WIDTH, HEIGHT, pixels).map(DynamicImage::ImageRgba8).expect("its size")
}

fn jpeg(pixels: &[u8], format: PixelFormat, colours: Colorspace, subsampling: Subsamp) -> Vec<u8> {
    let mut compressor = Compressor::new().expect("a compressor");
    compressor.set_quality(92).expect("a quality");
    compressor.set_subsamp(subsampling).expect("a subsampling");
    compressor.set_colorspace(colours).expect("a colour space");
    let (width, height) = (WIDTH as usize, HEIGHT as usize);
    let image = turbojpeg::Image { pixels, width, pitch: width * format.size(), height, format };
    compressor.compress_to_vec(image).expect("encodes")
}

/// Segments of a JPEG up to its scan, and the rest.
fn segments(jpeg: &[u8]) -> (Vec<Vec<u8>>, &[u8]) {
    let (mut found, mut rest) = (Vec::new(), &jpeg[2..]);
    while rest[1] != 0xDA {
        let length = 2 + usize::from(u16::from_be_bytes([rest[2], rest[3]]));
        found.push(rest[..length].to_vec());
        rest = &rest[length..];
    }
    (found, rest)
}

/// What stands before the scan of a JPEG, put in order by `arranged`, which is given the Adobe marker and the others.
fn arranged(jpeg: &[u8], arranged: impl Fn(Vec<u8>, Vec<Vec<u8>>) -> Vec<Vec<u8>>) -> Vec<u8> {
    let (segments, rest) = segments(jpeg);
    let (adobe, others): (Vec<_>, Vec<_>) = segments.into_iter().partition(|segment| segment[1] == 0xEE);
    let adobe = adobe.into_iter().next().expect("libjpeg writes the marker with inks");
    [b"\xFF\xD8".to_vec(), arranged(adobe, others).concat(), rest.to_vec()].concat()
}

/// 590 kB of a profile, in segments as long as they may be.
fn profile() -> Vec<Vec<u8>> {
    (1..=9)
        .map(|at| [b"\xFF\xE2\xFF\xFFICC_PROFILE\0".as_slice(), &[at, 9], &[0xEE; 65_519]].concat())
        .collect()
}

#[test]
fn jpegs_keep_their_colours() {
    let mut check = Check { pool: pool(), wrong: Vec::new(), checked: 0 };
    let card = card();
    let rgb = card.concat();
    check.file("RGB", jpeg(&rgb, PixelFormat::RGB, Colorspace::YCbCr, Subsamp::None), &card);
    check.file("RGB, 4:2:0", jpeg(&rgb, PixelFormat::RGB, Colorspace::YCbCr, Subsamp::Sub2x2), &card);
    check.file("RGB stored as such", jpeg(&rgb, PixelFormat::RGB, Colorspace::RGB, Subsamp::None), &card);
    let levels = grey(&card);
    let greyed = levels.iter().map(|level| [*level; 3]).collect();
    check.file("grey", jpeg(&levels, PixelFormat::GRAY, Colorspace::Gray, Subsamp::Gray), &greyed);

    let inks = inks(&card);
    let inverted: Vec<u8> = inks.iter().map(|ink| 255 - ink).collect();
    for (name, colours) in [("CMYK", Colorspace::CMYK), ("YCCK", Colorspace::YCCK)] {
        let file = jpeg(&inverted, PixelFormat::CMYK, colours, Subsamp::None);
        let early = arranged(&file, |adobe, others| [vec![adobe], others].concat());
        check.file(&format!("{name}, marker first"), early, &card);
        let late = arranged(&file, |adobe, others| [profile(), others, vec![adobe]].concat());
        check.file(&format!("{name}, marker behind a profile and all tables"), late, &card);
        let filled =
            arranged(&file, |adobe, others| [profile(), vec![vec![0xFF; 3]], vec![adobe], others].concat());
        check.file(&format!("{name}, marker behind fill bytes"), filled, &card);
        let twice = arranged(&file, |adobe, others| [vec![adobe.clone()], others, vec![adobe]].concat());
        check.file(&format!("{name}, marker twice"), twice, &card);
    }
    // Without the marker: inks as the standard has them, and those whose marker was stripped from an Adobe file.
    for (name, stored) in [("straight", &inks), ("inverted", &inverted)] {
        let file = jpeg(stored, PixelFormat::CMYK, Colorspace::CMYK, Subsamp::None);
        let bare = arranged(&file, |_, others| others);
        check.file(&format!("CMYK without a marker, {name}"), bare, &card);
    }
    assert!(check.wrong.is_empty(), "{:#?}", check.wrong);
    assert_eq!(check.checked, 14);
}

#[test]
fn other_formats_keep_their_colours_and_lie_over_white() {
    let mut check = Check { pool: pool(), wrong: Vec::new(), checked: 0 };
    let card = card();
    let (plain, white) = (rgb_image(&card), over_white(&card));
    let clear = rgba_image(with_alpha(&card, opacity));
    let zero = rgba_image(with_alpha(&card, |_| 0));
    use ImageFormat::{Bmp, Png, Pnm, Qoi, Tiff, WebP};
    for format in [Png, WebP, Tiff, Bmp, Qoi, Pnm] {
        check.file(&format!("{format:?}"), encoded(&plain, format), &card);
    }
    for format in [Png, WebP, Tiff, Bmp, Qoi] {
        check.file(&format!("{format:?} with alpha"), encoded(&clear, format), &white);
        check.file(&format!("{format:?} with an alpha of zeros"), encoded(&zero, format), &card);
    }
    let wide = |image: &DynamicImage| DynamicImage::ImageRgba16(image.to_rgba16());
    for format in [Png, Tiff] {
        check.file(
            &format!("{format:?}, 16 bit"),
            encoded(&DynamicImage::ImageRgb16(plain.to_rgb16()), format),
            &card,
        );
        check.file(&format!("{format:?}, 16 bit with alpha"), encoded(&wide(&clear), format), &white);
        check.file(&format!("{format:?}, 16 bit with zeros"), encoded(&wide(&zero), format), &card);
    }
    let levels: Pixels = grey(&card).iter().map(|level| [*level; 3]).collect();
    let greyed = rgba_image(with_alpha(&levels, opacity));
    check.file(
        "PNG, grey with alpha",
        encoded(&DynamicImage::ImageLumaA8(greyed.to_luma_alpha8()), Png),
        &over_white(&levels),
    );

    let mut tiff = Cursor::new(Vec::new());
    let mut encoder = tiff::encoder::TiffEncoder::new(&mut tiff).expect("an encoder");
    encoder.write_image::<tiff::encoder::colortype::CMYK8>(WIDTH, HEIGHT, &inks(&card)).expect("encodes");
    check.file("TIFF, CMYK", tiff.into_inner(), &card);
    // As many colours as a GIF holds, and one pixel in three that is not there.
    let few = of_palette(&card);
    let gif = |alpha: &dyn Fn(usize) -> u8| {
        let buffer: ImageBuffer<Rgba<u8>, _> =
            ImageBuffer::from_raw(WIDTH, HEIGHT, with_alpha(&few, alpha)).expect("its size");
        let mut bytes = Vec::new();
        GifEncoder::new(&mut bytes).encode_frame(image::Frame::new(buffer)).expect("encodes");
        bytes
    };
    check.file("GIF", gif(&|_| 255), &few);
    let seen = |at: usize| if at % WIDTH as usize > 80 { 255 } else { 0 };
    let partly =
        few.iter().enumerate().map(|(at, pixel)| if seen(at) > 0 { *pixel } else { [255; 3] }).collect();
    check.file("GIF with alpha", gif(&seen), &partly);
    assert!(check.wrong.is_empty(), "{:#?}", check.wrong);
    assert_eq!(check.checked, 26);
}

#[test]
fn what_ffmpeg_writes_keeps_its_colours_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let mut check = Check { pool: pool(), wrong: Vec::new(), checked: 0 };
    let card = card();
    let few = of_palette(&card);
    fs_err::write(path("card.png"), encoded(&rgb_image(&card), ImageFormat::Png)).expect("writes");
    fs_err::write(path("few.png"), encoded(&rgb_image(&few), ImageFormat::Png)).expect("writes");
    let palette = "split[a][b];[a]palettegen[p];[b][p]paletteuse=dither=none";
    let avif = |more: &[&'static str]| {
        let av1 = ["-c:v", "libaom-av1", "-still-picture", "1", "-cpu-used", "8", "-crf", "12"];
        [more, &av1[..]].concat()
    };
    let bt709 = "scale=out_range=pc:out_color_matrix=bt709";
    let full = ["-vf", bt709, "-color_range", "pc", "-colorspace", "bt709", "-pix_fmt", "yuv444p"];
    let indexed = || vec!["-filter_complex", palette, "-pix_fmt", "pal8"];
    let cases: [(&str, &str, Vec<&str>, &Pixels); 6] = [
        ("card.png", "a.webp", vec!["-c:v", "libwebp", "-quality", "92"], &card),
        ("card.png", "444.avif", avif(&["-pix_fmt", "yuv444p"]), &card),
        ("card.png", "420.avif", avif(&["-pix_fmt", "yuv420p"]), &card),
        ("card.png", "full.avif", avif(&full), &card),
        ("few.png", "palette.png", indexed(), &few),
        ("few.png", "palette.tiff", indexed(), &few),
    ];
    for (from, name, encoder, expected) in cases {
        if let Some(bytes) = file(&path(from), &path(name), &encoder) {
            check.file(name, bytes, expected);
        }
    }
    assert!(check.wrong.is_empty(), "{:#?}", check.wrong);
}

fn file(from: &Path, to: &Path, encoder: &[&str]) -> Option<Vec<u8>> {
    made(to, &["-i", from.to_str().expect("UTF-8")], encoder)
}
