//! TIFFs that the `image` crate refuses: palettes, levels of fewer than 8 bits, CMYK in planes or with alpha, YCbCr, and
//! samples that are signed, floating or of more than 16 bits; and those whose colours are multiplied by their alpha,
//! which it takes for others.
//!
//! ```text
//! indices called levels ─► tiff crate ─► samples of any type ─► 8-bit levels ─► colours ─► RGB over white
//! ```
//!
//! Samples whose type says no range (signed, floating beyond 0 to 1, 32 and 64 bits) are stretched from the least to the
//! greatest, as viewers of measurements show them.

use std::io::Cursor;

use sensorium_types::{FailureReason, ReasonKind};
use tiff::decoder::{Decoder, DecodingResult};
use tiff::tags::Tag;
use tiff::{ColorType, TiffError};

use super::alpha::Alpha;
use super::{Image, check_sides};
use crate::{Limits, Rgb, reason};

/// The tag that tells how samples become colours, and two of its values.
const PHOTOMETRIC: u16 = 262;
const BLACK_IS_ZERO: u16 = 1;
const PALETTE: u16 = 3;

/// Whether the colours of a TIFF are multiplied by their alpha (`ExtraSamples` 1, "associated").
pub(super) fn is_premultiplied(bytes: &[u8]) -> bool {
    Decoder::new(Cursor::new(bytes))
        .is_ok_and(|mut decoder| alpha(&mut decoder) == Some(Alpha::Premultiplied))
}

/// What a TIFF says of its channels beyond the colours.
fn alpha(decoder: &mut Decoder<Cursor<&[u8]>>) -> Option<Alpha> {
    let extra = decoder.find_tag_unsigned_vec::<u16>(Tag::ExtraSamples).ok().flatten()?;
    match extra.first()? {
        1 => Some(Alpha::Premultiplied),
        2 => Some(Alpha::Straight),
        _ => Some(Alpha::Opaque),
    }
}

pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<Image, FailureReason> {
    let indices = indices_as_levels(bytes);
    let mut decoder = Decoder::new(Cursor::new(indices.as_deref().unwrap_or(bytes))).map_err(failure)?;
    let (width, height) = decoder.dimensions().map_err(failure)?;
    check_sides(width, height, limits)?;
    let color = decoder.colortype().map_err(failure)?;
    let colours = match (&indices, color) {
        (None, ColorType::Palette(_) | ColorType::Lab(_)) => return Err(unsupported(color)),
        (None, _) => Colours::of(color, &mut decoder),
        (Some(_), ColorType::Gray(1..=8)) => Colours::palette(&mut decoder)?,
        (Some(_), _) => return Err(unsupported(color)),
    };

    let layout = decoder.image_buffer_layout().map_err(failure)?;
    let pixels = width as usize * height as usize;
    // The samples as they are, their levels, and the RGB.
    let samples = pixels.saturating_mul(usize::from(color.num_samples()));
    let converted = if color.bit_depth() == 8 { 0 } else { samples };
    let size = layout.complete_len.saturating_add(converted).saturating_add(3 * pixels);
    let most = usize::try_from(limits.max_decoded_bytes).unwrap_or(usize::MAX);
    if size > most {
        return Err(reason(ReasonKind::TooLarge, format!("{size} bytes when decoded, at most {most}")));
    }
    let mut bounds = tiff::decoder::Limits::default();
    bounds.decoding_buffer_size = most;
    bounds.intermediate_buffer_size = most;
    let mut read = DecodingResult::U8(Vec::new());
    decoder.with_limits(bounds).read_image_to_buffer(&mut read).map_err(failure)?;

    let planar = layout.planes > 1;
    let channels = usize::from(color.num_samples());
    let a_row = width as usize * if planar { 1 } else { channels };
    let levels = levels(read, color.bit_depth(), a_row, matches!(colours.kind, Kind::Palette(_)));
    if levels.len() < samples {
        return Err(reason(ReasonKind::Corrupt, "the TIFF holds fewer samples than pixels"));
    }
    let places = Places { channels, planar, pixels };
    let transparency = (0..pixels).map(|pixel| places.of(&levels, pixel, colours.kind.channels()));
    let colours = Colours { alpha: colours.alpha.unless_zero(transparency), ..colours };
    let mut rgb = Vec::with_capacity(3 * pixels);
    for pixel in 0..pixels {
        rgb.extend(colours.rgb(|channel| places.of(&levels, pixel, channel)));
    }
    Ok(Image::new(Rgb { width, height, pixels: rgb }, width, height))
}

/// How the channels of a pixel make a colour.
struct Colours {
    kind: Kind,
    /// What the channel behind the colours is.
    alpha: Alpha,
}

enum Kind {
    Grey,
    Rgb,
    Cmyk,
    YCbCr,
    /// Red, green and blue of each index.
    Palette(Vec<[u8; 3]>),
}

impl Kind {
    /// Channels of the colours, without alpha.
    fn channels(&self) -> usize {
        match self {
            Self::Grey | Self::Palette(_) => 1,
            Self::Rgb | Self::YCbCr => 3,
            Self::Cmyk => 4,
        }
    }
}

impl Colours {
    fn of(color: ColorType, decoder: &mut Decoder<Cursor<&[u8]>>) -> Self {
        let (kind, has_alpha) = match color {
            ColorType::RGB(_) => (Kind::Rgb, false),
            ColorType::RGBA(_) => (Kind::Rgb, true),
            ColorType::CMYK(_) => (Kind::Cmyk, false),
            ColorType::CMYKA(_) => (Kind::Cmyk, true),
            ColorType::YCbCr(_) => (Kind::YCbCr, false),
            ColorType::GrayA(_) => (Kind::Grey, true),
            // Of several bands the first is shown; a second one is alpha only if the file says so.
            ColorType::Multiband { .. } => (Kind::Grey, alpha(decoder).is_some()),
            ColorType::Gray(_) | ColorType::Palette(_) | ColorType::Lab(_) | _ => (Kind::Grey, false),
        };
        let alpha = if has_alpha { alpha(decoder).unwrap_or(Alpha::Straight) } else { Alpha::Opaque };
        Self { kind, alpha }
    }

    fn palette(decoder: &mut Decoder<Cursor<&[u8]>>) -> Result<Self, FailureReason> {
        let map = decoder.get_tag_u16_vec(Tag::ColorMap).map_err(failure)?;
        // Values have 16 bits; some writers knew of 8.
        let is_wide = map.iter().any(|value| *value > 255);
        let level = |value: &u16| u8::try_from(if is_wide { value >> 8 } else { *value }).unwrap_or(u8::MAX);
        let third = map.len() / 3;
        let (red, rest) = map.split_at(third);
        let (green, blue) = rest.split_at(third);
        let colours = red.iter().zip(green).zip(blue);
        let colours = colours.map(|((red, green), blue)| [red, green, blue].map(level)).collect();
        Ok(Self { kind: Kind::Palette(colours), alpha: Alpha::Opaque })
    }

    fn rgb(&self, level: impl Fn(usize) -> u8) -> [u8; 3] {
        let less = |ink: u8, black: u8| {
            let light = (255 - u32::from(ink)) * (255 - u32::from(black));
            u8::try_from((light + 127) / 255).unwrap_or(u8::MAX)
        };
        let colour = match &self.kind {
            Kind::Grey => [level(0); 3],
            Kind::Rgb => [level(0), level(1), level(2)],
            Kind::Cmyk => [0, 1, 2].map(|ink| less(level(ink), level(3))),
            Kind::YCbCr => {
                let (y, cb, cr) =
                    (f64::from(level(0)), f64::from(level(1)) - 128.0, f64::from(level(2)) - 128.0);
                [y + 1.402 * cr, y - 0.344_136 * cb - 0.714_136 * cr, y + 1.772 * cb].map(byte)
            }
            Kind::Palette(colours) => colours.get(usize::from(level(0))).copied().unwrap_or_default(),
        };
        match (&self.kind, self.alpha) {
            // No ink is white, so inks that are multiplied by their alpha lie over white already.
            (Kind::Cmyk, Alpha::Premultiplied) | (_, Alpha::Opaque) => colour,
            (_, alpha) => alpha.over_white(colour, level(self.kind.channels())),
        }
    }
}

/// Where the samples of a pixel lie.
struct Places {
    channels: usize,
    planar: bool,
    pixels: usize,
}

impl Places {
    fn of(&self, levels: &[u8], pixel: usize, channel: usize) -> u8 {
        let at = if self.planar { channel * self.pixels + pixel } else { pixel * self.channels + channel };
        levels.get(at).copied().unwrap_or(0)
    }
}

/// Samples to one level of 0 to 255 each; indices stay as they are.
fn levels(read: DecodingResult, bits: u8, a_row: usize, are_indices: bool) -> Vec<u8> {
    match read {
        DecodingResult::U8(packed) if bits < 8 => unpacked(&packed, bits, a_row, are_indices),
        DecodingResult::U8(levels) => levels,
        DecodingResult::U16(samples) => samples.into_iter().map(from_16_bits).collect(),
        DecodingResult::U32(samples) => stretched(samples.iter().map(|x| f64::from(*x)), None),
        DecodingResult::U64(samples) => stretched(samples.iter().map(|x| *x as f64), None),
        DecodingResult::I8(samples) => stretched(samples.iter().map(|x| f64::from(*x)), None),
        DecodingResult::I16(samples) => stretched(samples.iter().map(|x| f64::from(*x)), None),
        DecodingResult::I32(samples) => stretched(samples.iter().map(|x| f64::from(*x)), None),
        DecodingResult::I64(samples) => stretched(samples.iter().map(|x| *x as f64), None),
        DecodingResult::F16(samples) => stretched(samples.iter().map(|x| x.to_f64()), Some((0.0, 1.0))),
        DecodingResult::F32(samples) => stretched(samples.iter().map(|x| f64::from(*x)), Some((0.0, 1.0))),
        DecodingResult::F64(samples) => stretched(samples.iter().copied(), Some((0.0, 1.0))),
    }
}

/// Samples of fewer than 8 bits; each row begins at a byte.
fn unpacked(packed: &[u8], bits: u8, a_row: usize, are_indices: bool) -> Vec<u8> {
    let bits = usize::from(bits.clamp(1, 7));
    let most = (1_u16 << bits) - 1;
    let bytes_a_row = (a_row * bits).div_ceil(8).max(1);
    let row = |bytes: &[u8]| -> Vec<u8> {
        let bit = |at: usize| bytes.get(at / 8).map_or(0, |byte| u16::from(byte >> (7 - at % 8) & 1));
        let sample = |at: usize| (0..bits).fold(0, |value, place| value << 1 | bit(at * bits + place));
        let level = |value: u16| if are_indices { value } else { value * 255 / most };
        (0..a_row).map(|at| u8::try_from(level(sample(at))).unwrap_or(u8::MAX)).collect()
    };
    packed.chunks(bytes_a_row).flat_map(row).collect()
}

fn from_16_bits(sample: u16) -> u8 {
    u8::try_from((u32::from(sample) + 128) / 257).unwrap_or(u8::MAX)
}

/// Samples by their place between the least and the greatest, or within a range that holds them all. What is no number
/// counts as the least.
fn stretched(samples: impl Iterator<Item = f64> + Clone, usual: Option<(f64, f64)>) -> Vec<u8> {
    let finite = samples.clone().filter(|sample| sample.is_finite());
    let (least, greatest) =
        finite.fold((f64::MAX, f64::MIN), |(least, greatest), x| (least.min(x), greatest.max(x)));
    let holds = |range: &(f64, f64)| range.0 <= least && greatest <= range.1;
    let (least, greatest) = usual.filter(holds).unwrap_or((least, greatest));
    // Halves, for the difference of the outermost floats is infinite.
    let span = greatest / 2.0 - least / 2.0;
    let place = |x: f64| if x.is_finite() && span > 0.0 { (x / 2.0 - least / 2.0) / span } else { 0.0 };
    samples.map(|x| byte(place(x) * 255.0)).collect()
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped, and casts saturate")]
fn byte(level: f64) -> u8 {
    level.round().clamp(0.0, 255.0) as u8
}

/// A copy of a palette TIFF that calls its indices levels of grey, which the `tiff` crate reads; `None` for any other.
fn indices_as_levels(bytes: &[u8]) -> Option<Vec<u8>> {
    let big_endian = match bytes.get(..2)? {
        b"II" => false,
        b"MM" => true,
        _ => return None,
    };
    let number = |at: usize, length: usize| -> Option<usize> {
        let bytes = bytes.get(at..at.checked_add(length)?)?.iter();
        let join = |value: u64, byte: &u8| value << 8 | u64::from(*byte);
        let value = if big_endian { bytes.fold(0, join) } else { bytes.rev().fold(0, join) };
        usize::try_from(value).ok()
    };
    // The directory's offset, then the bytes of its count, of an entry, and before an entry's value.
    let (directory, count, entry, before) = match number(2, 2)? {
        42 => (number(4, 4)?, 2, 12, 8),
        43 => (number(8, 8)?, 8, 20, 12),
        _ => return None,
    };
    let entries = number(directory, count)?.min(bytes.len() / entry);
    let first = directory.checked_add(count)?;
    let photometric = (0..entries)
        .map(|at| first.saturating_add(at * entry))
        .find(|at| number(*at, 2) == Some(usize::from(PHOTOMETRIC)))?;
    let value = photometric.checked_add(before)?;
    if number(value, 2) != Some(usize::from(PALETTE)) {
        return None;
    }
    let mut copy = bytes.to_vec();
    let grey = if big_endian { BLACK_IS_ZERO.to_be_bytes() } else { BLACK_IS_ZERO.to_le_bytes() };
    copy.get_mut(value..value + 2)?.copy_from_slice(&grey);
    Some(copy)
}

fn unsupported(color: ColorType) -> FailureReason {
    let detail = format!("TIFF with colours of the kind {color:?}; saved as 8-bit RGB it can be read");
    reason(ReasonKind::Unsupported, detail)
}

/// What an error of the `tiff` crate means to us.
fn failure(error: TiffError) -> FailureReason {
    match error {
        TiffError::UnsupportedError(what) => {
            reason(ReasonKind::Unsupported, format!("TIFF: {what}; saved as 8-bit RGB it can be read"))
        }
        TiffError::LimitsExceeded => reason(ReasonKind::TooLarge, "TIFF: its tables or strips are too large"),
        TiffError::FormatError(_)
        | TiffError::IoError(_)
        | TiffError::IntSizeError
        | TiffError::UsageError(_) => reason(ReasonKind::Corrupt, format!("TIFF: {error}")),
    }
}

#[cfg(test)]
mod tests;
