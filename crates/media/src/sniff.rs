//! Type by content, never by suffix.

use sensorium_types::Modality;

/// Which decoder a file goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// JPEG, by libjpeg-turbo.
    Jpeg,
    /// PNG, GIF, WebP: still or animated.
    MaybeAnimated,
    /// BMP, TIFF, PNM, QOI: still pictures.
    Still,
    /// Camera RAW that is no TIFF: its embedded preview.
    Raw,
    /// HEIC and AVIF: still pictures that need ffmpeg.
    Heif,
    /// Sounds that Rust decodes.
    Sound,
    /// Containers that may hold film or sound: ffprobe tells.
    Container,
    /// UTF-8 text.
    Text,
    /// HTML.
    Html,
}

/// What the first bytes of a file say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sniffed {
    /// What it probably is (a container is taken for video until its streams are known).
    pub modality: Modality,
    /// Media type.
    pub mime: &'static str,
    /// Its decoder.
    pub family: Family,
}

/// Bytes that [`sniff`] wants to see, where the file has as many.
pub(crate) const HEAD_BYTES: usize = 4096;

const fn found(modality: Modality, mime: &'static str, family: Family) -> Option<Sniffed> {
    Some(Sniffed { modality, mime, family })
}

/// Tells the type from the first bytes; `None` for what nothing here decodes.
pub fn sniff(head: &[u8]) -> Option<Sniffed> {
    if head.is_empty() {
        return None;
    }
    picture(head).or_else(|| container(head)).or_else(|| sound(head)).or_else(|| text(head))
}

fn at(head: &[u8], offset: usize, magic: &[u8]) -> bool {
    head.get(offset..offset + magic.len()) == Some(magic)
}

fn picture(head: &[u8]) -> Option<Sniffed> {
    use Modality::Image;
    if at(head, 0, b"\xFF\xD8\xFF") {
        return found(Image, "image/jpeg", Family::Jpeg);
    }
    if at(head, 0, b"\x89PNG\r\n\x1a\n") {
        return found(Image, "image/png", Family::MaybeAnimated);
    }
    if at(head, 0, b"GIF87a") || at(head, 0, b"GIF89a") {
        return found(Image, "image/gif", Family::MaybeAnimated);
    }
    if at(head, 0, b"RIFF") && at(head, 8, b"WEBP") {
        return found(Image, "image/webp", Family::MaybeAnimated);
    }
    if at(head, 0, b"BM")
        && head.len() > 26
        && matches!(head.get(14), Some(12 | 40 | 52 | 56 | 64 | 108 | 124))
    {
        return found(Image, "image/bmp", Family::Still);
    }
    if at(head, 0, b"II*\0") || at(head, 0, b"MM\0*") || at(head, 0, b"II+\0") || at(head, 0, b"MM\0+") {
        return found(Image, "image/tiff", Family::Still);
    }
    let raw: [&[u8]; 5] = [b"FUJIFILMCCD-RAW ", b"IIU\0", b"IIRO", b"IIRS", b"MMOR"];
    if raw.iter().any(|magic| at(head, 0, magic)) {
        return found(Image, "image/x-dcraw", Family::Raw);
    }
    if at(head, 0, b"qoif") {
        return found(Image, "image/qoi", Family::Still);
    }
    if let (Some(b'P'), Some(b'1'..=b'7'), Some(space)) = (head.first(), head.get(1), head.get(2))
        && (space.is_ascii_whitespace() || *space == b'#')
    {
        return found(Image, "image/x-portable-anymap", Family::Still);
    }
    if at(head, 4, b"ftyp") {
        let brands = head.get(8..head.len().min(64)).unwrap_or_default();
        let has = |brand: &[u8; 4]| brands.chunks(4).any(|b| b == brand);
        if has(b"avif") {
            return found(Image, "image/avif", Family::Heif);
        }
        if has(b"heic") || has(b"heix") || (has(b"mif1") && !has(b"isom")) {
            return found(Image, "image/heic", Family::Heif);
        }
        if has(b"avis") || has(b"hevc") || has(b"msf1") {
            return found(Modality::Video, "video/mp4", Family::Container);
        }
        if has(b"crx ") {
            return found(Image, "image/x-dcraw", Family::Raw);
        }
    }
    None
}

fn container(head: &[u8]) -> Option<Sniffed> {
    use Modality::{Audio, Video};
    if at(head, 4, b"ftyp") {
        let mime = if at(head, 8, b"M4A ") { "audio/mp4" } else { "video/mp4" };
        return found(Video, mime, Family::Container);
    }
    if [b"moov", b"mdat", b"wide", b"free", b"skip"].iter().any(|magic| at(head, 4, *magic)) {
        return found(Video, "video/quicktime", Family::Container);
    }
    if at(head, 0, b"\x1A\x45\xDF\xA3") {
        let webm = head.windows(4).take(64).any(|four| four == b"webm");
        return found(Video, if webm { "video/webm" } else { "video/x-matroska" }, Family::Container);
    }
    if at(head, 0, b"RIFF") && at(head, 8, b"AVI ") {
        return found(Video, "video/x-msvideo", Family::Container);
    }
    if at(head, 0, b"FLV\x01") {
        return found(Video, "video/x-flv", Family::Container);
    }
    if at(head, 0, b"\x30\x26\xB2\x75\x8E\x66\xCF\x11") {
        return found(Video, "video/x-ms-asf", Family::Container);
    }
    if at(head, 0, b"\0\0\x01\xBA") {
        return found(Video, "video/mpeg", Family::Container);
    }
    if at(head, 0, b"G") && at(head, 188, b"G") && at(head, 376, b"G") {
        return found(Video, "video/mp2t", Family::Container);
    }
    if at(head, 4, b"G") && at(head, 196, b"G") && at(head, 388, b"G") {
        return found(Video, "video/mp2t", Family::Container);
    }
    if let Some(unit) = head.strip_prefix(b"\0\0\0\x01").or_else(|| head.strip_prefix(b"\0\0\x01")) {
        match unit {
            // H.265: video parameters, or a delimiter before them.
            [0x40 | 0x46, 0x01, ..] => return found(Video, "video/h265", Family::Container),
            // H.264: sequence parameters, or a delimiter or remark before them.
            [0x67 | 0x47 | 0x27 | 0x09 | 0x06, ..] => return found(Video, "video/h264", Family::Container),
            _ => {}
        }
    }
    if at(head, 0, b"OggS") {
        let packet = head.get(28..).unwrap_or_default();
        return if packet.starts_with(b"\x01vorbis") || packet.starts_with(b"\x7FFLAC") {
            found(Audio, "audio/ogg", Family::Sound)
        } else {
            found(Video, "video/ogg", Family::Container)
        };
    }
    None
}

fn sound(head: &[u8]) -> Option<Sniffed> {
    use Modality::Audio;
    if (at(head, 0, b"RIFF") || at(head, 0, b"RF64")) && at(head, 8, b"WAVE") {
        return found(Audio, "audio/wav", Family::Sound);
    }
    if at(head, 0, b"fLaC") {
        return found(Audio, "audio/flac", Family::Sound);
    }
    if at(head, 0, b"FORM") && (at(head, 8, b"AIFF") || at(head, 8, b"AIFC")) {
        return found(Audio, "audio/aiff", Family::Sound);
    }
    if at(head, 0, b"ID3") {
        return found(Audio, "audio/mpeg", Family::Sound);
    }
    match head {
        [0xFF, second, ..] if second & 0xF6 == 0xF0 => found(Audio, "audio/aac", Family::Sound),
        // MPEG audio: version, layer, bit rate and sample rate must all be known ones.
        [0xFF, second, third, ..]
            if second & 0xE0 == 0xE0
                && second & 0x18 != 0x08
                && second & 0x06 != 0
                && third & 0xF0 != 0xF0
                && third & 0x0C != 0x0C =>
        {
            found(Audio, "audio/mpeg", Family::Sound)
        }
        _ => None,
    }
}

/// UTF-8 without NUL. A multi-byte character cut off at the end of the head is no fault.
fn text(head: &[u8]) -> Option<Sniffed> {
    if head.contains(&0) {
        return None;
    }
    let valid = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() && head.len() >= HEAD_BYTES => {
            std::str::from_utf8(head.get(..error.valid_up_to())?).ok()?
        }
        Err(_) => return None,
    };
    let start = valid.trim_start_matches('\u{feff}').trim_start();
    let begin: String = start.chars().take(512).collect::<String>().to_ascii_lowercase();
    let markup = first_tag(&begin);
    if markup.starts_with("<svg") || markup.starts_with("<!doctype svg") || begin.starts_with("#extm3u") {
        return None;
    }
    if markup.starts_with("<!doctype html") || markup.starts_with("<html") {
        return found(Modality::Text, "text/html", Family::Html);
    }
    found(Modality::Text, "text/plain", Family::Text)
}

/// Markup from its first tag, behind declarations and comments.
fn first_tag(markup: &str) -> &str {
    let mut rest = markup;
    loop {
        let skipped = match rest {
            _ if rest.starts_with("<?") => rest.split_once("?>"),
            _ if rest.starts_with("<!--") => rest.split_once("-->"),
            _ => None,
        };
        match skipped {
            Some((_, behind)) => rest = behind.trim_start(),
            None => return rest,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mime(head: &[u8]) -> Option<&'static str> {
        sniff(head).map(|sniffed| sniffed.mime)
    }

    #[test]
    fn content_tells_the_type() {
        assert_eq!(mime(b"\xFF\xD8\xFF\xE0"), Some("image/jpeg"));
        assert_eq!(mime(b"RIFF\0\0\0\0WAVEfmt "), Some("audio/wav"));
        assert_eq!(mime(b"RIFF\0\0\0\0WEBPVP8 "), Some("image/webp"));
        assert_eq!(mime(b"\0\0\0\x20ftypavif\0\0\0\0"), Some("image/avif"));
        assert_eq!(mime(b"\0\0\0\x20ftypisom\0\0\0\0"), Some("video/mp4"));
        assert_eq!(mime(b"\xFF\xFB\x90\x64"), Some("audio/mpeg"));
        assert_eq!(mime(b"\xFF\xF1\x50\x80"), Some("audio/aac"));
        assert_eq!(mime("ein Stra\u{df}enhund".as_bytes()), Some("text/plain"));
        assert_eq!(mime(b"<!DOCTYPE html><p>x"), Some("text/html"));
        assert_eq!(mime(b"<!-- a page --><html><p>x"), Some("text/html"));
        assert_eq!(mime(b"How to write <html> tags"), Some("text/plain"));
        assert_eq!(mime(b"\0\0\0\x01\x09\x10\0\0"), Some("video/h264"));
        assert_eq!(mime(b"\0\0\x01\x40\x01\x0C\0"), Some("video/h265"));
        assert_eq!(mime(b"FUJIFILMCCD-RAW 0201"), Some("image/x-dcraw"));
    }

    #[test]
    fn what_is_no_media_has_no_type() {
        assert_eq!(mime(b""), None);
        assert_eq!(mime(b"\0\x01\x02\x03"), None);
        assert_eq!(mime(b"<?xml version='1.0'?><svg width='1'/>"), None);
        assert_eq!(mime(b"<?xml version='1.0'?><!-- drawn --><!DOCTYPE svg>"), None);
        assert_eq!(mime(b"\xFF\xFE\xFF\xFE"), None);
        assert_eq!(mime(b"#EXTM3U\nhttp://example.org"), None);
        assert_eq!(mime(b"caf\xE9 in Latin-1"), None);
    }

    #[test]
    fn a_head_may_end_inside_a_character() {
        let mut head = vec![b'a'; HEAD_BYTES - 1];
        head.push(0xC3);
        assert_eq!(mime(&head), Some("text/plain"));
    }
}
