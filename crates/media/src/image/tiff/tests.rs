//! TIFFs written here, sample by sample.

use super::*;

const GREY: u16 = 1;
const RGB: u16 = 2;
const INDEXED: u16 = 3;
const INKS: u16 = 5;
const LUMA: u16 = 6;
const LAB: u16 = 8;

const UNSIGNED: u16 = 1;
const SIGNED: u16 = 2;
const FLOATING: u16 = 3;

/// What a TIFF says of its samples.
#[derive(Clone)]
struct Kind {
    photometric: u16,
    bits: u16,
    channels: u16,
    format: u16,
    planar: bool,
    /// What `ExtraSamples` says.
    extra: Option<u16>,
    map: Vec<u16>,
}

fn kind(photometric: u16, bits: u16, channels: u16) -> Kind {
    let map = Vec::new();
    Kind { photometric, bits, channels, format: UNSIGNED, planar: false, extra: None, map }
}

/// A TIFF of one strip (or one a plane).
fn file(kind: &Kind, (width, height): (u16, u16), samples: &[u8], big_endian: bool) -> Vec<u8> {
    let short = |value: u16| if big_endian { value.to_be_bytes() } else { value.to_le_bytes() };
    let long = |value: usize| {
        let value = u32::try_from(value).expect("small");
        if big_endian { value.to_be_bytes() } else { value.to_le_bytes() }
    };
    let planes = if kind.planar { usize::from(kind.channels) } else { 1 };
    let strip = samples.len() / planes;
    let mut tags: Vec<(u16, u16, Vec<u8>)> = Vec::new();
    let mut shorts = |tag, values: &[u16]| {
        tags.push((tag, 3, values.iter().flat_map(|value| short(*value)).collect()));
    };
    shorts(256, &[width]);
    shorts(257, &[height]);
    shorts(258, &vec![kind.bits; kind.channels.into()]);
    shorts(259, &[1]);
    shorts(262, &[kind.photometric]);
    shorts(277, &[kind.channels]);
    shorts(278, &[height]);
    shorts(284, &[if kind.planar { 2 } else { 1 }]);
    if !kind.map.is_empty() {
        shorts(320, &kind.map);
    }
    if let Some(extra) = kind.extra {
        shorts(338, &[extra]);
    }
    shorts(339, &vec![kind.format; kind.channels.into()]);
    if kind.photometric == LUMA {
        shorts(530, &[1, 1]);
    }
    tags.push((273, 4, (0..planes).flat_map(|plane| long(8 + plane * strip)).collect()));
    tags.push((279, 4, (0..planes).flat_map(|_| long(strip)).collect()));
    tags.sort();

    let mut bytes = if big_endian { b"MM\0*".to_vec() } else { b"II*\0".to_vec() };
    let directory = (8 + samples.len()).next_multiple_of(2);
    bytes.extend(long(directory));
    bytes.extend(samples);
    bytes.resize(directory, 0);
    bytes.extend(short(u16::try_from(tags.len()).expect("few")));
    let mut behind = directory + 2 + tags.len() * 12 + 4;
    let mut values = Vec::new();
    for (tag, of, mut value) in tags {
        bytes.extend(short(tag));
        bytes.extend(short(of));
        bytes.extend(long(value.len() / if of == 3 { 2 } else { 4 }));
        if value.len() <= 4 {
            value.resize(4, 0);
            bytes.extend(value);
        } else {
            bytes.extend(long(behind));
            behind += value.len();
            values.extend(value);
        }
    }
    bytes.extend([0; 4]);
    bytes.extend(values);
    bytes
}

/// The pixels of a TIFF by whichever decoder takes it, as `decode_still` chooses.
fn pixels(bytes: &[u8]) -> Result<Vec<[u8; 3]>, FailureReason> {
    let limits = Limits::default();
    let image = crate::image::decode_tiff(bytes, &limits)?;
    Ok(image.rgb.pixels.as_chunks::<3>().0.to_vec())
}

fn shown(kind: &Kind, size: (u16, u16), samples: &[u8]) -> Vec<[u8; 3]> {
    pixels(&file(kind, size, samples, false)).expect("decodes")
}

fn le<const N: usize, T: Copy>(samples: &[T], bytes: impl Fn(T) -> [u8; N]) -> Vec<u8> {
    samples.iter().flat_map(|sample| bytes(*sample)).collect()
}

const RED: [u8; 3] = [255, 0, 0];
const GREEN: [u8; 3] = [0, 128, 0];
const WHITE: [u8; 3] = [255; 3];
const BLACK: [u8; 3] = [0; 3];

/// A palette of `count` colours that begins with red, green and white.
fn palette(count: usize, of_16_bits: bool) -> Vec<u16> {
    let mut map = vec![0; count * 3];
    for (at, colour) in [RED, GREEN, WHITE].into_iter().take(count).enumerate() {
        for (channel, value) in colour.into_iter().enumerate() {
            map[channel * count + at] = if of_16_bits { u16::from(value) * 257 } else { value.into() };
        }
    }
    map
}

#[test]
fn palettes_of_every_depth_give_their_colours() {
    // Three columns, so that rows of fewer than 8 bits end inside a byte.
    for (bits, samples) in
        [(8, vec![0, 1, 2, 2, 1, 0]), (4, vec![0x01, 0x20, 0x21, 0x00]), (2, vec![0b0001_1000, 0b1001_0000])]
    {
        for of_16_bits in [true, false] {
            let kind = Kind { map: palette(1 << bits, of_16_bits), ..kind(INDEXED, bits, 1) };
            for big_endian in [true, false] {
                let found = pixels(&file(&kind, (3, 2), &samples, big_endian)).expect("decodes");
                assert_eq!(found, [RED, GREEN, WHITE, WHITE, GREEN, RED], "{bits} {of_16_bits} {big_endian}");
            }
        }
    }
    let two = Kind { map: palette(2, true), ..kind(INDEXED, 1, 1) };
    assert_eq!(shown(&two, (3, 1), &[0b0100_0000]), [RED, GREEN, RED]);
}

#[test]
fn inks_become_colours() {
    let inks = [0, 255, 255, 0, 0, 0, 0, 255, 0, 0, 0, 0];
    assert_eq!(shown(&kind(INKS, 8, 4), (3, 1), &inks), [RED, BLACK, WHITE]);
    let wide = le(&inks.map(|ink| u16::from(ink) * 257), u16::to_le_bytes);
    assert_eq!(shown(&kind(INKS, 16, 4), (3, 1), &wide), [RED, BLACK, WHITE]);
    let planes = [0, 0, 0, 255, 0, 0, 255, 0, 0, 0, 255, 0];
    assert_eq!(shown(&Kind { planar: true, ..kind(INKS, 8, 4) }, (3, 1), &planes), [RED, BLACK, WHITE]);
    let over_white = [0, 255, 255, 0, 255, 0, 0, 0, 255, 0];
    let kind = Kind { extra: Some(2), ..kind(INKS, 8, 5) };
    assert_eq!(shown(&kind, (2, 1), &over_white), [RED, WHITE]);
}

#[test]
fn alpha_is_what_the_file_says_it_is() {
    // Red, half of it, and nothing.
    let straight = [255, 0, 0, 255, 255, 0, 0, 128, 0, 0, 0, 0];
    let multiplied = [255, 0, 0, 255, 128, 0, 0, 128, 0, 0, 0, 0];
    let kind = |extra| Kind { extra, ..kind(RGB, 8, 4) };
    let half = [255, 127, 127];
    assert_eq!(shown(&kind(Some(2)), (3, 1), &straight), [RED, half, WHITE]);
    assert_eq!(shown(&kind(None), (3, 1), &straight), [RED, half, WHITE]);
    assert_eq!(shown(&kind(Some(1)), (3, 1), &multiplied), [RED, half, WHITE]);
    assert_eq!(shown(&kind(Some(0)), (3, 1), &straight), [RED, RED, BLACK], "a channel of another kind");
    let zeros = straight.map(|value| if value == 128 { 255 } else { value });
    let zeros: Vec<u8> = zeros.chunks(4).flat_map(|pixel| [pixel[0], pixel[1], pixel[2], 0]).collect();
    for extra in [Some(1), Some(2)] {
        assert_eq!(shown(&kind(extra), (3, 1), &zeros), [RED, RED, BLACK], "zeros throughout are no alpha");
    }
    let greys = Kind { extra: Some(1), ..self::kind(GREY, 8, 2) };
    assert_eq!(shown(&greys, (2, 1), &[128, 128, 0, 255]), [WHITE, BLACK]);
    let planes = Kind { extra: Some(1), planar: true, ..self::kind(RGB, 8, 4) };
    assert_eq!(shown(&planes, (2, 1), &[255, 128, 0, 0, 0, 0, 255, 128]), [RED, half]);
}

#[test]
fn sixteen_bits_are_scaled_to_eight() {
    let greys = le(&[0_u16, 0x8080, 0xFFFF], u16::to_le_bytes);
    assert_eq!(shown(&kind(GREY, 16, 1), (3, 1), &greys), [BLACK, [128; 3], WHITE]);
    let colours = le(&[0xFFFF_u16, 0, 0, 0, 0x8080, 0], u16::to_le_bytes);
    assert_eq!(shown(&kind(RGB, 16, 3), (2, 1), &colours), [RED, GREEN]);
    let with_alpha = le(&[0_u16, 0xFFFF, 0, 0], u16::to_le_bytes);
    assert_eq!(shown(&Kind { extra: Some(2), ..kind(GREY, 16, 2) }, (2, 1), &with_alpha), [BLACK, WHITE]);
}

#[test]
fn few_bits_of_grey_are_levels() {
    assert_eq!(shown(&kind(GREY, 4, 1), (3, 1), &[0x0F, 0x80]), [BLACK, WHITE, [136; 3]]);
    assert_eq!(shown(&kind(GREY, 2, 1), (3, 1), &[0b0011_0100]), [BLACK, WHITE, [85; 3]]);
}

#[test]
fn floats_count_from_0_to_1_and_measurements_are_stretched() {
    let float =
        |channels| Kind { format: FLOATING, ..kind(if channels == 1 { GREY } else { RGB }, 32, channels) };
    let greys = |values: &[f32]| shown(&float(1), (3, 1), &le(values, f32::to_le_bytes));
    assert_eq!(greys(&[0.0, 0.5, 0.75]), [BLACK, [128; 3], [191; 3]]);
    assert_eq!(greys(&[-20.0, 0.0, 20.0]), [BLACK, [128; 3], WHITE]);
    assert_eq!(greys(&[f32::NAN, 1000.0, 3000.0]), [BLACK, BLACK, WHITE]);
    assert_eq!(greys(&[f32::INFINITY, f32::MIN, f32::MAX]), [BLACK, BLACK, WHITE]);
    assert_eq!(greys(&[7.0; 3]), [BLACK; 3]);
    let colours = le(&[1.0, 0.0, 0.0, 1.0, 1.0, 1.0], f32::to_le_bytes);
    assert_eq!(shown(&float(3), (2, 1), &colours), [RED, WHITE]);
    let double = Kind { format: FLOATING, ..kind(GREY, 64, 1) };
    assert_eq!(shown(&double, (2, 1), &le(&[0.0, 1.0], f64::to_le_bytes)), [BLACK, WHITE]);
    let signed = Kind { format: SIGNED, ..kind(GREY, 16, 1) };
    assert_eq!(
        shown(&signed, (3, 1), &le(&[-1000_i16, 0, 1000], i16::to_le_bytes)),
        [BLACK, [128; 3], WHITE]
    );
    let counts = le(&[5_u32, 10, 105], u32::to_le_bytes);
    assert_eq!(shown(&kind(GREY, 32, 1), (3, 1), &counts), [BLACK, [13; 3], WHITE]);
}

#[test]
fn luma_and_chroma_become_colours() {
    let found = shown(&kind(LUMA, 8, 3), (3, 1), &[76, 85, 255, 255, 128, 128, 0, 128, 128]);
    assert_eq!(found[1..], [WHITE, BLACK]);
    assert!(found[0].iter().zip(RED).all(|(found, red)| found.abs_diff(red) <= 1), "{:?}", found[0]);
}

#[test]
fn what_is_not_converted_says_so() {
    let lab = pixels(&file(&kind(LAB, 8, 3), (1, 1), &[1, 2, 3], false)).expect_err("CIE Lab");
    assert_eq!(lab.kind, ReasonKind::Unsupported);
    assert!(lab.detail.contains("saved as 8-bit RGB"), "{lab}");
    let wide = Kind { map: vec![0; 3], ..kind(INDEXED, 16, 1) };
    let wide = pixels(&file(&wide, (1, 1), &[0, 0], false)).expect_err("16-bit indices");
    assert_eq!(wide.kind, ReasonKind::Unsupported);
    let colourless = pixels(&file(&kind(INDEXED, 8, 1), (1, 1), &[0], false)).expect_err("no colours");
    assert_eq!(colourless.kind, ReasonKind::Corrupt);
}

#[test]
fn damage_is_a_typed_failure() {
    let whole = Kind { map: palette(16, true), ..kind(INDEXED, 4, 1) };
    let whole = file(&whole, (40, 30), &[0x12; 600], false);
    assert_eq!(pixels(&whole).expect("whole").len(), 1200);
    for length in 0..whole.len() {
        let cut = whole.get(..length).expect("shorter");
        if let Ok(found) = pixels(cut) {
            assert_eq!(found.len(), 1200, "cut to {length} bytes");
        }
    }
    // An index beyond the palette is black.
    let short = Kind { map: palette(2, true), ..kind(INDEXED, 8, 1) };
    assert_eq!(shown(&short, (2, 1), &[1, 200]), [GREEN, BLACK]);
    let huge = Kind { map: palette(256, true), ..kind(INDEXED, 8, 1) };
    let huge = pixels(&file(&huge, (60_000, 60_000), &[0; 64], false)).expect_err("too large");
    assert_eq!(huge.kind, ReasonKind::TooLarge);
}
