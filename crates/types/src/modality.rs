//! What an asset is, which of its tracks a point belongs to, and what a point's content is.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What an asset is as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Modality {
    /// UTF-8 text.
    Text,
    /// A still image.
    Image,
    /// A video, with or without audio, or an animated image.
    Video,
    /// Audio without moving images.
    Audio,
}

impl Modality {
    /// Every modality, in the order shown to people.
    pub const ALL: [Self; 4] = [Self::Text, Self::Image, Self::Video, Self::Audio];

    /// The lower-case name used in JSON, payloads and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Image => "image",
            Self::Video => "video",
            Self::Audio => "audio",
        }
    }

    /// The track by which an asset of this modality asks when it is used as a query (video before audio).
    pub const fn main_track(self) -> Track {
        match self {
            Self::Text => Track::Text,
            Self::Image => Track::Image,
            Self::Video => Track::Video,
            Self::Audio => Track::Audio,
        }
    }
}

/// The track of an asset that a point was taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Track {
    /// The frames of a video.
    Video,
    /// The soundtrack of a video, or an audio file.
    Audio,
    /// A still image.
    Image,
    /// A passage of text.
    Text,
    /// The weighted sum of several parts of a product.
    Fused,
    /// What a caption decoder said of an image.
    Caption,
}

impl Track {
    /// Every track, in the order of [`Track::code`].
    pub const ALL: [Self; 6] =
        [Self::Video, Self::Audio, Self::Image, Self::Text, Self::Fused, Self::Caption];

    /// The lower-case name used in JSON and in `asset:ID#audio.7`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Video => "video",
            Self::Audio => "audio",
            Self::Image => "image",
            Self::Text => "text",
            Self::Fused => "fused",
            Self::Caption => "caption",
        }
    }

    /// The stable number of the track in keys on disk.
    pub const fn code(self) -> u8 {
        match self {
            Self::Video => 0,
            Self::Audio => 1,
            Self::Image => 2,
            Self::Text => 3,
            Self::Fused => 4,
            Self::Caption => 5,
        }
    }

    /// The track with this number in keys on disk.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|track| track.code() == code)
    }

    /// What a point of this track contains, the second member of a calibration pair.
    pub const fn content(self) -> Content {
        match self {
            Self::Video | Self::Image | Self::Fused => Content::Image,
            Self::Audio => Content::Audio,
            Self::Text | Self::Caption => Content::Text,
        }
    }
}

/// What is seen, heard or read at a point. Scores are calibrated for each pair of contents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Content {
    /// Pixels of an image or of a video; bundles of format 1 may say `picture`.
    #[serde(alias = "picture")]
    Image,
    /// Samples of an audio file or of a video's soundtrack; bundles of format 1 may say `sound`.
    #[serde(alias = "sound")]
    Audio,
    /// A passage of text.
    Text,
}

impl Content {
    /// Every content.
    pub const ALL: [Self; 3] = [Self::Image, Self::Audio, Self::Text];

    /// The lower-case name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Audio => "audio",
            Self::Text => "text",
        }
    }
}

/// A name that is none of the known ones.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown {what} {received:?}, expected one of {expected}")]
pub struct UnknownName {
    /// What was being named.
    pub what: &'static str,
    /// The name received.
    pub received: String,
    /// The names that are known, separated by commas.
    pub expected: &'static str,
}

impl FromStr for Modality {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        Self::ALL.into_iter().find(|m| m.name() == name).ok_or_else(|| UnknownName {
            what: "modality",
            received: name.to_owned(),
            expected: "text, image, video, audio",
        })
    }
}

impl FromStr for Track {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        Self::ALL.into_iter().find(|t| t.name() == name).ok_or_else(|| UnknownName {
            what: "track",
            received: name.to_owned(),
            expected: "video, audio, image, text, fused, caption",
        })
    }
}

impl FromStr for Content {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        Self::ALL.into_iter().find(|c| c.name() == name).ok_or_else(|| UnknownName {
            what: "content",
            received: name.to_owned(),
            expected: "image, audio, text",
        })
    }
}

impl fmt::Display for Modality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Track {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_codes_round_trip() {
        for modality in Modality::ALL {
            assert_eq!(modality.name().parse::<Modality>(), Ok(modality));
        }
        for track in Track::ALL {
            assert_eq!(track.name().parse::<Track>(), Ok(track));
            assert_eq!(Track::from_code(track.code()), Some(track));
        }
        assert_eq!(Track::from_code(9), None);
        assert!("picture".parse::<Modality>().is_err());
    }

    #[test]
    fn contents_are_read_by_their_names_in_bundles_of_format_1_too() {
        for (content, older) in Content::ALL.into_iter().zip(["picture", "sound", "text"]) {
            for name in [content.name(), older] {
                assert_eq!(serde_json::from_value::<Content>(name.into()).expect("a content"), content);
            }
            assert_eq!(serde_json::to_value(content).expect("a name"), content.name());
        }
    }
}
