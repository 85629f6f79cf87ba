//! Type by content, never by suffix.
//!
//! ```text
//! head ─► mark of UTF-16? ─► magics of media ─► MPEG frames behind junk ─► text: charset, markup
//! ```
//!
//! A magic made of printable letters alone (`BM`, `ID3`, `free` at 4) is believed only if the head holds bytes that no
//! text has: "The free concert" is a text.
//!
//! | file | holds |
//! | --- | --- |
//! | `magic.rs` | the table of magics |
//! | `netpbm.rs` | the one format whose header is text by design |
//! | `mpeg.rs` | frames of MPEG audio and AAC, which have no magic |

mod magic;
pub(crate) mod mpeg;
mod netpbm;

use sensorium_types::Modality;

use crate::head::NOTHING;
use crate::text::{charset, markup};

/// Which decoder a file goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// JPEG, by libjpeg-turbo.
    Jpeg,
    /// PNG, GIF, WebP: still or animated.
    MaybeAnimated,
    /// BMP, TIFF, PNM, QOI: still images.
    Still,
    /// Camera RAW that is no TIFF: its embedded preview.
    Raw,
    /// HEIC and AVIF: still images that need ffmpeg.
    Heif,
    /// Audio that Rust decodes.
    Audio,
    /// Containers that may hold video or audio: ffprobe tells.
    Container,
    /// Text, and HTML stripped to it.
    Text,
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

const fn found(modality: Modality, mime: &'static str, family: Family) -> Option<Sniffed> {
    Some(Sniffed { modality, mime, family })
}

/// Tells the type from the first bytes; `None` for what nothing here decodes.
pub fn sniff(head: &[u8]) -> Option<Sniffed> {
    look(head).ok()
}

/// As [`sniff`]; the error says what the bytes seem to be, and what to do.
pub(crate) fn look(head: &[u8]) -> Result<Sniffed, &'static str> {
    if head.is_empty() {
        return Err(NOTHING);
    }
    if charset::has_wide_mark(head) {
        return text(head);
    }
    media(head).map_or_else(|| text(head), Ok)
}

fn media(head: &[u8]) -> Option<Sniffed> {
    let textual = charset::is_textual(head);
    magic::media(head, textual)
        .or_else(|| netpbm::media(head, textual))
        .or_else(|| if textual { None } else { mpeg::media(head) })
}

fn text(head: &[u8]) -> Result<Sniffed, &'static str> {
    let encoding = charset::of(head)?;
    let mime = markup::mime(&encoding.decode(head).0)?;
    Ok(Sniffed { modality: Modality::Text, mime, family: Family::Text })
}

#[cfg(test)]
mod tests;
