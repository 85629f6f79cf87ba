//! Which kinds of file there are.

use std::path::Path;
use std::str::FromStr;

use sensorium_types::Modality;

use super::ExportMoment;

/// A kind of file that moments are written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ExportFormat {
    /// An edit decision list, CMX 3600.
    Edl,
    /// OpenTimelineIO, JSON.
    Otio,
    /// A table with a header, RFC 4180.
    Csv,
    /// A playlist; UTF-8, and so an M3U8.
    M3u,
    /// WebVTT.
    Vtt,
}

/// A name that is no kind of file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{received:?} is no kind of export: write .edl, .otio, .csv, .m3u, .m3u8 or .vtt")]
pub struct UnknownFormat {
    /// What was received.
    pub received: String,
}

impl ExportFormat {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::Edl, Self::Otio, Self::Csv, Self::M3u, Self::Vtt];

    /// Its name, which is its suffix.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Edl => "edl",
            Self::Otio => "otio",
            Self::Csv => "csv",
            Self::M3u => "m3u",
            Self::Vtt => "vtt",
        }
    }

    /// Its media type.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Edl => "text/plain; charset=utf-8",
            Self::Otio => "application/json",
            Self::Csv => "text/csv; charset=utf-8",
            Self::M3u => "audio/x-mpegurl; charset=utf-8",
            Self::Vtt => "text/vtt; charset=utf-8",
        }
    }

    /// The kind that a file's suffix says.
    ///
    /// # Errors
    /// [`UnknownFormat`]
    pub fn of_path(path: &Path) -> Result<Self, UnknownFormat> {
        let suffix = path.extension().map(|suffix| suffix.to_string_lossy().into_owned());
        suffix.unwrap_or_default().parse().map_err(|_| UnknownFormat { received: path.display().to_string() })
    }

    /// Whether it holds a moment: only a table holds texts, what counts time holds no images, and a playlist nothing without a
    /// path.
    pub fn holds(self, moment: &ExportMoment) -> bool {
        self.holds_modality(moment.modality) && (self != Self::M3u || moment.path.is_some())
    }

    const fn holds_modality(self, modality: Modality) -> bool {
        match (self, modality) {
            (Self::Csv, _) | (_, Modality::Video | Modality::Audio) => true,
            (Self::Edl | Self::Otio | Self::M3u, Modality::Image) => true,
            (Self::Vtt, Modality::Image)
            | (Self::Edl | Self::Otio | Self::M3u | Self::Vtt, Modality::Text) => false,
        }
    }
}

impl FromStr for ExportFormat {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Self, UnknownFormat> {
        let lower = name.to_ascii_lowercase();
        let lower = if lower == "m3u8" { Self::M3u.name() } else { lower.as_str() };
        let known = Self::ALL.into_iter().find(|format| format.name() == lower);
        known.ok_or_else(|| UnknownFormat { received: name.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_suffix_says_the_kind() {
        let of = |name: &str| ExportFormat::of_path(Path::new(name));
        assert_eq!(of("a.b/c.EDL"), Ok(ExportFormat::Edl));
        assert_eq!(of("c.m3u8"), Ok(ExportFormat::M3u));
        for format in ExportFormat::ALL {
            assert_eq!(of(&format!("c.{}", format.name())), Ok(format));
        }
        for wrong in ["c.mp4", "edl", ".csv", "c."] {
            let error = of(wrong).expect_err(wrong);
            assert!(error.to_string().contains(".otio"), "{error}");
        }
    }

    #[test]
    fn texts_stand_in_tables_alone_and_images_in_what_counts_no_time() {
        let held = |modality| ExportFormat::ALL.map(|format| format.holds_modality(modality));
        assert_eq!(held(Modality::Text), [false, false, true, false, false]);
        assert_eq!(held(Modality::Image), [true, true, true, true, false]);
        assert_eq!(held(Modality::Video), [true; 5]);
        assert_eq!(held(Modality::Audio), [true; 5]);
    }
}
