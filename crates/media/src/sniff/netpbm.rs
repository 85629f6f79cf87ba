//! PBM, PGM, PPM and PAM. Their headers are text, and of P1 to P3 the pixels too, so the whole header must be right.

use sensorium_types::Modality;

use super::{Family, Sniffed, found};
use crate::head::HEAD_BYTES;

/// What a head with such a header is; `textual` if the head may be a text.
pub(super) fn media(head: &[u8], textual: bool) -> Option<Sniffed> {
    let kind = match head {
        [b'P', kind @ b'1'..=b'7', space, ..] if space.is_ascii_whitespace() || *space == b'#' => *kind,
        _ => return None,
    };
    let is_image = if kind == b'7' { is_pam(head) } else { is_pnm(head, kind, textual) };
    if is_image { found(Modality::Image, "image/x-portable-anymap", Family::Still) } else { None }
}

fn is_pnm(head: &[u8], kind: u8, textual: bool) -> bool {
    let mut rest = head.get(2..).unwrap_or_default();
    let mut number = || {
        let number;
        (number, rest) = next_number(rest)?;
        Some(number)
    };
    let is_bitmap = matches!(kind, b'1' | b'4');
    let (Some(width), Some(height)) = (number(), number()) else { return false };
    let most = if is_bitmap { 1 } else { number().unwrap_or(0) };
    if width == 0 || height == 0 || !(1..=65_535).contains(&most) {
        return false;
    }
    match kind {
        _ if !textual => true,
        b'1' => are_samples(rest, |byte| matches!(byte, b'0' | b'1')),
        b'2' | b'3' => are_samples(rest, |byte| byte.is_ascii_digit()),
        // Raw samples that are letters by chance: all of a small file, or behind a header of several lines.
        _ if head.len() < HEAD_BYTES => {
            let bits = if is_bitmap {
                1
            } else if most < 256 {
                8
            } else {
                16
            };
            let channels = if kind == b'6' { 3 } else { 1 };
            let a_row = width.saturating_mul(bits * channels).div_ceil(8);
            rest.len() as u64 == a_row.saturating_mul(height).saturating_add(1)
        }
        _ => matches!(head.get(2), Some(b'\n' | b'\r')),
    }
}

/// A number behind white space and comments, which must end in white space (or with the head).
fn next_number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let bytes = behind_space(bytes);
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, rest) = bytes.split_at_checked(digits)?;
    let ends = rest.first().is_some_and(|byte| byte.is_ascii_whitespace() || *byte == b'#');
    let number = std::str::from_utf8(number).ok()?.parse().ok()?;
    ends.then_some((number, rest))
}

fn behind_space(mut bytes: &[u8]) -> &[u8] {
    loop {
        bytes = bytes.trim_ascii_start();
        if bytes.first() != Some(&b'#') {
            return bytes;
        }
        let line = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r')).unwrap_or(bytes.len());
        bytes = bytes.get(line..).unwrap_or_default();
    }
}

fn are_samples(mut bytes: &[u8], fits: impl Fn(&u8) -> bool) -> bool {
    loop {
        bytes = behind_space(bytes);
        let count = bytes.iter().take_while(|byte| fits(byte)).count();
        match bytes.get(count..) {
            Some([]) | None => return true,
            Some(_) if count == 0 => return false,
            Some(rest) => bytes = rest,
        }
    }
}

fn is_pam(head: &[u8]) -> bool {
    let header = head.windows(7).position(|window| window == b"ENDHDR\n").and_then(|end| head.get(..end));
    header.is_some_and(|header| {
        let has = |word: &[u8]| header.windows(word.len()).any(|window| window == word);
        has(b"\nWIDTH ") && has(b"\nHEIGHT ") && has(b"\nDEPTH ") && has(b"\nMAXVAL ")
    })
}
