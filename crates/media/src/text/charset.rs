//! How a text's bytes become characters: by its mark, as UTF-8, as it declares, or as unmistakable UTF-16.
//!
//! | bytes | read as |
//! | --- | --- |
//! | begin with the mark of UTF-8 or UTF-16 | that |
//! | are UTF-8 | UTF-8, whatever they declare: pages that are converted keep their old declaration |
//! | declare a charset (XML declaration, `<meta>`) | that |
//! | are UTF-16 without a mark, most of it ASCII | UTF-16 |
//! | anything else | refused with what to do; nothing is guessed |

use encoding_rs::{Encoding, ISO_2022_JP, UTF_8, UTF_16BE, UTF_16LE};

use super::markup;
use crate::head::{DEEP_HEAD_BYTES, HEAD_BYTES, NOTHING};

const UTF_32: &str = "text in UTF-32: save it as UTF-8";
const BAD_UTF_16: &str = "begins with the mark of UTF-16, but is no text";
const UNMARKED_UTF_16: &str = "seems to be UTF-16 without its mark: save it as UTF-8";
const UNKNOWN_CHARSET: &str = "text whose declared charset is not known here: save it as UTF-8";
const NO_CHARSET: &str =
    "text that is not UTF-8 and declares no charset (perhaps Windows-1252): save it as UTF-8";

/// Fewest characters of UTF-16 without a mark that are believed.
const MIN_UNMARKED_CHARS: usize = 8;
/// Bytes without a control character that are taken for text in an unknown charset, however few are ASCII.
const SURELY_TEXT_BYTES: usize = 128;

/// Whether no byte is a control character that text does not have: it has tabs, ends of lines and pages, what printers
/// and terminals strike over or colour with (backspace, escape), and the end of file of DOS.
pub(crate) fn is_textual(bytes: &[u8]) -> bool {
    !bytes.iter().any(|byte| is_control(u32::from(*byte)))
}

fn is_control(code: u32) -> bool {
    matches!(code, 0..=7 | 0x0E..=0x19 | 0x1C..=0x1F)
}

/// Whether the bytes begin with the mark of UTF-16 (or UTF-32), which no media does.
pub(crate) fn has_wide_mark(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\xFF\xFE") || bytes.starts_with(b"\xFE\xFF") || bytes.starts_with(b"\0\0\xFE\xFF")
}

/// What the bytes are to be decoded by; they may be the head of a file or all of it.
///
/// # Errors
/// What they seem to be instead, and what to do.
pub(crate) fn of(bytes: &[u8]) -> Result<&'static Encoding, &'static str> {
    let head = bytes.get(..HEAD_BYTES).unwrap_or(bytes);
    if bytes.starts_with(b"\xFF\xFE\0\0") || bytes.starts_with(b"\0\0\xFE\xFF") {
        return Err(UTF_32);
    }
    for (mark, encoding) in [(b"\xFF\xFE", UTF_16LE), (b"\xFE\xFF", UTF_16BE)] {
        if let Some(units) = head.strip_prefix(mark) {
            return if wide(units, encoding).is_some() { Ok(encoding) } else { Err(BAD_UTF_16) };
        }
    }
    if bytes.contains(&0) {
        return unmarked_wide(head);
    }
    let declared = declared(bytes);
    if is_utf_8(bytes) && declared != Some(Ok(ISO_2022_JP)) {
        return Ok(UTF_8);
    }
    let ascii = head.iter().filter(|byte| byte.is_ascii()).count();
    match declared {
        _ if !is_textual(head) => Err(NOTHING),
        Some(declared) => declared,
        None if ascii * 4 >= head.len() * 3 || head.len() >= SURELY_TEXT_BYTES => Err(NO_CHARSET),
        None => Err(NOTHING),
    }
}

/// Whether bytes are UTF-8; a character that is cut off at the end of a head is no fault.
fn is_utf_8(bytes: &[u8]) -> bool {
    match std::str::from_utf8(bytes) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none() && bytes.len() >= HEAD_BYTES,
    }
}

/// UTF-16 as characters, if all of them are such as texts have.
fn wide(bytes: &[u8], encoding: &'static Encoding) -> Option<Vec<char>> {
    let join = if encoding == UTF_16LE { u16::from_le_bytes } else { u16::from_be_bytes };
    let mut units: Vec<u16> = bytes.as_chunks().0.iter().map(|pair| join(*pair)).collect();
    if units.last().is_some_and(|unit| matches!(unit, 0xD800..=0xDBFF)) {
        units.pop();
    }
    let read: Option<Vec<char>> = char::decode_utf16(units).map(Result::ok).collect();
    read.filter(|chars| {
        !chars.iter().any(|c| is_control(u32::from(*c)) || matches!(c, '\u{FFFE}' | '\u{FFFF}'))
    })
}

/// UTF-16 without its mark: by its characters, most of which are ASCII, or by its spaces and ends of lines.
fn unmarked_wide(head: &[u8]) -> Result<&'static Encoding, &'static str> {
    let mut spaces = 0;
    for encoding in [UTF_16LE, UTF_16BE] {
        let Some(chars) = wide(head, encoding).filter(|chars| chars.len() >= MIN_UNMARKED_CHARS) else {
            continue;
        };
        if chars.iter().filter(|c| c.is_ascii()).count() * 10 >= chars.len() * 7 {
            return Ok(encoding);
        }
        spaces = spaces.max(chars.iter().filter(|c| matches!(c, ' ' | '\n')).count() * 50 / chars.len());
    }
    Err(if spaces > 0 { UNMARKED_UTF_16 } else { NOTHING })
}

/// The charset that a page or an XML file declares, or that it is an unknown one.
fn declared(bytes: &[u8]) -> Option<Result<&'static Encoding, &'static str>> {
    let head = bytes.get(..DEEP_HEAD_BYTES).unwrap_or(bytes);
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let start = head.trim_start_matches('\u{feff}').trim_start();
    let in_xml = start.strip_prefix("<?xml").and_then(|rest| rest.split_once("?>"));
    let label = in_xml.and_then(|(declaration, _)| value_of(declaration, "encoding")).or_else(|| {
        let is_html = markup::mime(&head) == Ok(markup::HTML);
        if is_html { in_meta(start) } else { None }
    })?;
    let known = Encoding::for_label_no_replacement(label.as_bytes());
    // Of a file whose letters can be read as ASCII, "UTF-16" is not true.
    Some(known.map(Encoding::output_encoding).ok_or(UNKNOWN_CHARSET))
}

/// The charset of the first `<meta>` that has one, in `charset` or in the `content` of an `http-equiv`.
fn in_meta(page: &str) -> Option<&str> {
    let mut rest = page;
    while let Some((_, tag)) = rest.split_once('<') {
        if tag.starts_with("body") || tag.starts_with("/head") {
            return None;
        }
        let end = if tag.starts_with("!--") { "-->" } else { ">" };
        let (inside, behind) = tag.split_once(end)?;
        if let Some(label) = inside.strip_prefix("meta").and_then(|meta| value_of(meta, "charset")) {
            return Some(label);
        }
        rest = behind;
    }
    None
}

/// The value behind a name and `=`, with or without quotes.
fn value_of<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let is_end = |c: char| c.is_ascii_whitespace() || matches!(c, '"' | '\'' | ';' | '/' | '>');
    text.match_indices(name).find_map(|(at, name)| {
        let value = text.get(at + name.len()..)?.trim_start().strip_prefix('=')?.trim_start();
        let value = value.trim_start_matches(['"', '\'']).trim_start();
        value.split(is_end).next().filter(|label| !label.is_empty())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(bytes: &[u8]) -> Result<&'static str, &'static str> {
        of(bytes).map(Encoding::name)
    }

    fn utf_16(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    #[test]
    fn marks_and_declarations_are_read() {
        assert_eq!(name("Größe".as_bytes()), Ok("UTF-8"));
        assert_eq!(name(b"\xEF\xBB\xBFabc"), Ok("UTF-8"));
        assert_eq!(name(&[b"\xFF\xFE".as_slice(), &utf_16("Größe")].concat()), Ok("UTF-16LE"));
        assert_eq!(name(b"\xFE\xFF\0a\0b"), Ok("UTF-16BE"));
        for page in [
            b"<meta charset=iso-8859-1><p>M\xE4dchen".as_slice(),
            b"<html><head><META HTTP-EQUIV='Content-Type' content='text/html; charset=ISO-8859-1'/>\xE4",
            b"<!-- <meta charset=utf-8> --><!doctype html><meta name=a><meta charset = \"latin1\">\xE4",
            b"<?xml version='1.0' encoding='windows-1252'?><note>\xE4</note>",
        ] {
            assert_eq!(name(page), Ok("windows-1252"), "{}", String::from_utf8_lossy(page));
        }
        assert_eq!(name(b"<p>\x1B$B$3$s$K$A$O\x1B(B<meta charset=iso-2022-jp>"), Ok("ISO-2022-JP"));
        assert_eq!(name(b"<meta charset=koi8-r><p>\xF0\xD2\xC9\xD7\xC5\xD4"), Ok("KOI8-R"));
    }

    #[test]
    fn what_is_utf_8_is_read_so_whatever_it_declares() {
        assert_eq!(name("<meta charset=iso-8859-1><p>Mädchen".as_bytes()), Ok("UTF-8"));
        assert_eq!(name(b"<meta charset=utf-16><p>plain"), Ok("UTF-8"));
        assert_eq!(name(b"<meta charset=x-nobody-knows><p>plain"), Ok("UTF-8"));
    }

    #[test]
    fn nothing_is_guessed_and_the_reason_says_what_to_do() {
        assert_eq!(name(b"caf\xE9 in Latin-1"), Err(NO_CHARSET));
        assert_eq!(name(b"Write <meta charset=iso-8859-1> into caf\xE9s"), Err(NO_CHARSET));
        assert_eq!(name(b"<html><p>caf\xE9 without a charset"), Err(NO_CHARSET));
        assert_eq!(name(b"<meta charset=x-nobody-knows><p>caf\xE9"), Err(UNKNOWN_CHARSET));
        assert_eq!(name(b"<meta charset=utf-7><p>caf\xE9"), Err(UNKNOWN_CHARSET));
        assert_eq!(name(b"\xFF\xFE\0\0a\0\0\0"), Err(UTF_32));
        assert_eq!(name(b"\xFF\xFE\x00\xD8a\0"), Err(BAD_UTF_16));
        assert_eq!(name(b"\0\x01\x02\x03"), Err(NOTHING));
        assert_eq!(name(b"\x90\xE9\xFF\x80"), Err(NOTHING));
    }

    #[test]
    fn utf_16_without_its_mark_is_read_only_if_unmistakable() {
        assert_eq!(name(&utf_16("A red boat on the sea")), Ok("UTF-16LE"));
        assert_eq!(name(&utf_16("Красный корабль плывёт по морю\n")), Err(UNMARKED_UTF_16));
        assert_eq!(name(&[7, 0].repeat(100)), Err(NOTHING));
        assert_eq!(name(b"a\0b\0"), Err(NOTHING));
    }
}
