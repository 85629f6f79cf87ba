//! Media that begins with bytes of its own.

use sensorium_types::Modality::{Audio, Image, Video};

use super::{Family, Sniffed, found};

/// Bytes at places of a head; all must be there.
type Places = &'static [(usize, &'static [u8])];

/// Magics of one meaning.
pub(super) struct Magic {
    /// Any of these.
    pub(super) any: &'static [Places],
    /// What such a head is, once more of it was looked at.
    means: fn(&[u8]) -> Option<Sniffed>,
}

impl Magic {
    fn fits(&self, head: &[u8], textual: bool) -> bool {
        self.any.iter().any(|places| {
            let is_there = |(offset, bytes): &(usize, &[u8])| at(head, *offset, bytes);
            !(textual && is_printable(places)) && places.iter().all(is_there)
        })
    }
}

/// Whether a text may hold these bytes.
pub(super) fn is_printable(places: Places) -> bool {
    places.iter().flat_map(|(_, bytes)| bytes.iter()).all(|byte| matches!(byte, b' '..=b'~'))
}

pub(super) const MAGICS: &[Magic] = &[
    Magic { any: &[&[(0, b"\xFF\xD8\xFF")]], means: |_| found(Image, "image/jpeg", Family::Jpeg) },
    Magic {
        any: &[&[(0, b"\x89PNG\r\n\x1a\n")]],
        means: |_| found(Image, "image/png", Family::MaybeAnimated),
    },
    Magic {
        any: &[&[(0, b"GIF87a")], &[(0, b"GIF89a")]],
        means: |_| found(Image, "image/gif", Family::MaybeAnimated),
    },
    Magic {
        any: &[&[(0, b"RIFF"), (8, b"WEBP")]],
        means: |_| found(Image, "image/webp", Family::MaybeAnimated),
    },
    Magic { any: &[&[(0, b"BM")]], means: bmp },
    Magic {
        any: &[&[(0, b"II*\0")], &[(0, b"MM\0*")], &[(0, b"II+\0")], &[(0, b"MM\0+")]],
        means: |_| found(Image, "image/tiff", Family::Still),
    },
    Magic {
        any: &[
            &[(0, b"FUJIFILMCCD-RAW ")],
            &[(0, b"IIU\0")],
            &[(0, b"IIRO")],
            &[(0, b"IIRS")],
            &[(0, b"MMOR")],
        ],
        means: |_| found(Image, "image/x-dcraw", Family::Raw),
    },
    Magic { any: &[&[(0, b"qoif")]], means: |_| found(Image, "image/qoi", Family::Still) },
    Magic { any: &[&[(4, b"ftyp")]], means: iso_media },
    Magic {
        any: &[&[(4, b"moov")], &[(4, b"mdat")], &[(4, b"wide")], &[(4, b"free")], &[(4, b"skip")]],
        means: |_| found(Video, "video/quicktime", Family::Container),
    },
    Magic { any: &[&[(0, b"\x1A\x45\xDF\xA3")]], means: matroska },
    Magic {
        any: &[&[(0, b"RIFF"), (8, b"AVI ")]],
        means: |_| found(Video, "video/x-msvideo", Family::Container),
    },
    Magic { any: &[&[(0, b"FLV\x01")]], means: |_| found(Video, "video/x-flv", Family::Container) },
    Magic {
        any: &[&[(0, b"\x30\x26\xB2\x75\x8E\x66\xCF\x11")]],
        means: |_| found(Video, "video/x-ms-asf", Family::Container),
    },
    Magic { any: &[&[(0, b"\0\0\x01\xBA")]], means: |_| found(Video, "video/mpeg", Family::Container) },
    Magic {
        any: &[&[(0, b"G"), (188, b"G"), (376, b"G")], &[(4, b"G"), (196, b"G"), (388, b"G")]],
        means: |_| found(Video, "video/mp2t", Family::Container),
    },
    Magic { any: &[&[(0, b"\0\0\0\x01")], &[(0, b"\0\0\x01")]], means: nal_unit },
    Magic { any: &[&[(0, b"OggS")]], means: ogg },
    Magic {
        any: &[&[(0, b"RIFF"), (8, b"WAVE")], &[(0, b"RF64"), (8, b"WAVE")]],
        means: |_| found(Audio, "audio/wav", Family::Audio),
    },
    Magic { any: &[&[(0, b"fLaC")]], means: |_| found(Audio, "audio/flac", Family::Audio) },
    Magic {
        any: &[&[(0, b"FORM"), (8, b"AIFF")], &[(0, b"FORM"), (8, b"AIFC")]],
        means: |_| found(Audio, "audio/aiff", Family::Audio),
    },
    // Tags that stand before frames; which frames they are the decoder finds.
    Magic {
        any: &[&[(0, b"ID3")], &[(0, b"APETAGEX")]],
        means: |_| found(Audio, "audio/mpeg", Family::Audio),
    },
];

/// The first magic that fits; printable ones fit no head that a text may have.
pub(super) fn media(head: &[u8], textual: bool) -> Option<Sniffed> {
    MAGICS.iter().filter(|magic| magic.fits(head, textual)).find_map(|magic| (magic.means)(head))
}

fn at(head: &[u8], offset: usize, bytes: &[u8]) -> bool {
    head.get(offset..).is_some_and(|rest| rest.starts_with(bytes))
}

fn bmp(head: &[u8]) -> Option<Sniffed> {
    let known = head.len() > 26 && matches!(head.get(14), Some(12 | 40 | 52 | 56 | 64 | 108 | 124));
    if known { found(Image, "image/bmp", Family::Still) } else { None }
}

fn iso_media(head: &[u8]) -> Option<Sniffed> {
    let brands = head.get(8..head.len().min(64)).unwrap_or_default();
    let has = |brand: &[u8; 4]| brands.chunks(4).any(|b| b == brand);
    if has(b"avif") {
        found(Image, "image/avif", Family::Heif)
    } else if has(b"heic") || has(b"heix") || (has(b"mif1") && !has(b"isom")) {
        found(Image, "image/heic", Family::Heif)
    } else if has(b"avis") || has(b"hevc") || has(b"msf1") {
        found(Video, "video/mp4", Family::Container)
    } else if has(b"crx ") {
        found(Image, "image/x-dcraw", Family::Raw)
    } else {
        found(Video, if at(head, 8, b"M4A ") { "audio/mp4" } else { "video/mp4" }, Family::Container)
    }
}

fn matroska(head: &[u8]) -> Option<Sniffed> {
    let webm = head.windows(4).take(64).any(|four| four == b"webm");
    found(Video, if webm { "video/webm" } else { "video/x-matroska" }, Family::Container)
}

fn nal_unit(head: &[u8]) -> Option<Sniffed> {
    let unit = head.strip_prefix(b"\0\0\0\x01").or_else(|| head.strip_prefix(b"\0\0\x01"))?;
    match unit {
        // H.265: video parameters, or a delimiter before them.
        [0x40 | 0x46, 0x01, ..] => found(Video, "video/h265", Family::Container),
        // H.264: sequence parameters, or a delimiter or remark before them.
        [0x67 | 0x47 | 0x27 | 0x09 | 0x06, ..] => found(Video, "video/h264", Family::Container),
        _ => None,
    }
}

fn ogg(head: &[u8]) -> Option<Sniffed> {
    let packet = head.get(28..).unwrap_or_default();
    if packet.starts_with(b"\x01vorbis") || packet.starts_with(b"\x7FFLAC") {
        found(Audio, "audio/ogg", Family::Audio)
    } else {
        found(Video, "video/ogg", Family::Container)
    }
}
