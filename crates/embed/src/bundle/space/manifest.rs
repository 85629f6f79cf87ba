//! `bundle.toml` as it is written. Unknown keys are refused everywhere but in an encoder's `config`, which belongs to
//! the encoder's family.

use sensorium_types::{Content, Language, Modality};
use serde::Deserialize;

use crate::EmbedError;
use crate::mel::Fill;
use crate::tokenizer::PadSide;

/// The newest format that this program reads; it reads all before it.
pub(in super::super) const FORMAT: u32 = 2;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    pub(super) format: u32,
    pub(super) id: String,
    pub(super) revision: String,
    #[serde(default)]
    pub(super) licences: Vec<LicenceRow>,
    pub(super) spaces: Vec<SpaceRow>,
    #[serde(rename = "towers")]
    pub(super) encoders: Vec<EncoderRow>,
    #[serde(default)]
    pub(super) calibration: Vec<CalibrationRow>,
    /// What vectors the author's machine made; a bundle of format 1 has it.
    pub(super) selftest: Option<SelfTestRow>,
    /// The files that were taken over, with their hashes.
    #[serde(default)]
    pub(super) files: Vec<FileRow>,
    /// Which encoder answers which modality; left out in a bundle of one space.
    #[serde(default, rename = "routes")]
    pub(super) _routes: Vec<toml::Table>,
    #[serde(default)]
    pub(super) generators: Vec<GeneratorRow>,
    #[serde(default)]
    pub(super) hubs: Vec<HubsRow>,
    /// How names alone are asked.
    pub(super) names: Option<NamesRow>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NamesRow {
    /// Most words of a name.
    pub(super) words: usize,
    /// Sentences in which it is asked of images, with `{}` for the name and its article.
    pub(super) image: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LicenceRow {
    pub(super) part: String,
    pub(super) spdx: String,
    pub(super) source: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SpaceRow {
    pub(super) id: String,
    pub(super) dim: usize,
    #[serde(rename = "metric")]
    pub(super) _metric: Metric,
    pub(super) modalities: Vec<Modality>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Metric {
    Cosine,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EncoderRow {
    pub(super) id: String,
    pub(super) modality: Modality,
    pub(super) space: String,
    pub(super) family: Family,
    /// What a further text encoder reads; the first has none and reads the rest.
    #[serde(default)]
    pub(super) languages: Vec<Language>,
    /// The encoder that sees single frames.
    pub(super) uses: Option<String>,
    #[serde(rename = "pool")]
    pub(super) _pool: Option<String>,
    #[serde(default)]
    pub(super) weights: Vec<WeightsRow>,
    pub(super) tokenizer: Option<TokenizerRow>,
    #[serde(default)]
    pub(super) preprocess: Vec<Operation>,
    #[serde(default)]
    pub(super) cut: CutRow,
    #[serde(default)]
    pub(super) config: toml::Table,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Family {
    Minilm,
    SmallText,
    HybridImage,
    MelAudio,
    FrameMean,
    VitImage,
    VitText,
    HtsatAudio,
    RobertaText,
    OnnxImage,
    OnnxText,
}

impl Family {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Minilm => "minilm",
            Self::SmallText => "small-text",
            Self::HybridImage => "hybrid-image",
            Self::MelAudio => "mel-audio",
            Self::FrameMean => "frame-mean",
            Self::VitImage => "vit-image",
            Self::VitText => "vit-text",
            Self::HtsatAudio => "htsat-audio",
            Self::RobertaText => "roberta-text",
            Self::OnnxImage => "onnx-image",
            Self::OnnxText => "onnx-text",
        }
    }
}

/// What makes text of media.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GeneratorRow {
    pub(super) id: String,
    pub(super) modality: Modality,
    pub(super) family: GeneratorFamily,
    /// The encoder whose stem or tokens it builds upon.
    pub(super) uses: String,
    #[serde(default)]
    pub(super) weights: Vec<WeightsRow>,
    #[serde(default)]
    pub(super) config: toml::Table,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum GeneratorFamily {
    CaptionDecoder,
}

impl GeneratorFamily {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::CaptionDecoder => "caption-decoder",
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WeightsRow {
    pub(super) role: Role,
    pub(super) file: String,
    #[serde(default)]
    pub(super) sha256: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Role {
    Stem,
    Own,
    /// Low-rank updates of the stem's matrices, beside own weights.
    Update,
    /// What tells the languages of a text encoder from English.
    Detector,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TokenizerRow {
    pub(super) file: String,
    #[serde(default)]
    pub(super) sha256: String,
    pub(super) max_tokens: usize,
    /// Texts are brought to small letters first.
    #[serde(default)]
    pub(super) lower: bool,
    /// Marks of punctuation are left out and spaces squeezed first.
    #[serde(default)]
    pub(super) strip_punctuation: bool,
    /// Shorter texts are filled up.
    pub(super) pad: Option<PadRow>,
}

/// How short texts are filled up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PadRow {
    /// To so many tokens.
    pub(super) to: usize,
    /// With this one.
    pub(super) id: u32,
    /// On this side.
    pub(super) side: PadSide,
}

/// A file that was taken over into a bundle.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileRow {
    pub(super) name: String,
    pub(super) bytes: u64,
    pub(super) sha256: String,
}

/// One number for all colours, or one for each.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(untagged)]
pub(super) enum Channels {
    One(f32),
    Each([f32; 3]),
}

impl Channels {
    /// One for each colour.
    pub(super) const fn each(self) -> [f32; 3] {
        match self {
            Self::One(all) => [all; 3],
            Self::Each(each) => each,
        }
    }

    /// The number of all, where there is one.
    pub(super) const fn one(self) -> Option<f32> {
        match self {
            Self::One(all) => Some(all),
            Self::Each(_) => None,
        }
    }
}

/// One step from decoded media to an encoder's input.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "op", rename_all = "lowercase", deny_unknown_fields)]
pub(super) enum Operation {
    Resize {
        mode: ResizeMode,
        size: u32,
        filter: Filter,
    },
    Crop {
        size: u32,
    },
    Normalise {
        mean: Channels,
        scale: Channels,
        rescale: Option<f64>,
    },
    Resample {
        hz: u32,
    },
    Logmel {
        #[serde(default)]
        variant: MelVariant,
        frame: usize,
        hop: usize,
        fft: usize,
        mels: usize,
        fmin: f32,
        fmax: f32,
        offset: f32,
    },
    /// Clips are brought to one length before their spectrogram is made.
    Fill {
        samples: usize,
        by: Fill,
    },
    Pad {
        multiple: usize,
        min: usize,
        max: usize,
    },
}

/// Which spectrogram is meant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum MelVariant {
    /// Magnitudes on HTK's scale, the natural logarithm with `offset` added before.
    #[default]
    HtkLog,
    /// Powers on Slaney's scale, in decibels, at least `offset`.
    SlaneyDecibel,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum ResizeMode {
    Squash,
    Crop,
    /// The shorter side is brought to the size; a step `crop` follows.
    Shortest,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) enum Filter {
    #[serde(rename = "bicubic-pillow")]
    Bicubic,
    #[serde(rename = "bilinear-pillow")]
    Bilinear,
    #[serde(rename = "lanczos-pillow")]
    Lanczos,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CutRow {
    pub(super) words: Option<u32>,
    pub(super) overlap: Option<u32>,
    pub(super) window_ms: Option<u32>,
    pub(super) hop_ms: Option<u32>,
    pub(super) fps: Option<f32>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CalibrationRow {
    pub(super) query: Content,
    pub(super) content: Content,
    pub(super) mean: f32,
    pub(super) deviation: f32,
    /// Of corrected cosines, where the pair has reference queries.
    pub(super) corrected_mean: Option<f32>,
    pub(super) corrected_deviation: Option<f32>,
}

/// Reference queries of one content, by which cosines with points of another are corrected.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HubsRow {
    pub(super) query: Content,
    pub(super) content: Content,
    /// How many of the nearest reference queries count.
    pub(super) k: usize,
    /// What their mean cosine counts.
    pub(super) share: f32,
    pub(super) file: String,
    pub(super) sha256: String,
    pub(super) tensor: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SelfTestRow {
    pub(super) file: String,
    pub(super) max_abs: f32,
    #[serde(default)]
    pub(super) text: Vec<String>,
    /// Texts for the encoder of other languages.
    #[serde(default)]
    pub(super) languages: Vec<String>,
}

impl Manifest {
    /// Reads the file; the format is looked at first, so that a newer one is named and not its unknown keys.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, EmbedError> {
        #[derive(Deserialize)]
        struct Version {
            format: u32,
        }
        let text =
            std::str::from_utf8(bytes).map_err(|source| EmbedError::Manifest { source: source.into() })?;
        // The parser's own words are a drawing of several lines.
        let damaged = |error: toml::de::Error| {
            let before = text.bytes().take(error.span().map_or(0, |span| span.start));
            let line = 1 + before.filter(|byte| *byte == b'\n').count();
            EmbedError::ManifestFact { what: format!("line {line}: {}", error.message()) }
        };
        let Version { format } = toml::from_str(text).map_err(damaged)?;
        if !(1..=FORMAT).contains(&format) {
            return Err(EmbedError::Format { received: format, supported: FORMAT });
        }
        toml::from_str(text).map_err(damaged)
    }

    /// The encoder of a modality; of texts, that of English and all that nothing else reads.
    pub(super) fn encoder(&self, modality: Modality) -> Option<&EncoderRow> {
        self.encoders.iter().find(|encoder| encoder.modality == modality && encoder.languages.is_empty())
    }

    /// The text encoder of other languages.
    pub(super) fn other_texts(&self) -> Option<&EncoderRow> {
        self.encoders.iter().find(|encoder| !encoder.languages.is_empty())
    }

    /// What puts images, or audio, into words.
    pub(super) fn captioner(&self, modality: Modality) -> Option<&GeneratorRow> {
        self.generators.iter().find(|row| match row.family {
            GeneratorFamily::CaptionDecoder => row.modality == modality,
        })
    }
}

impl EncoderRow {
    /// The first weights of a role.
    pub(super) fn weights(&self, role: Role) -> Option<&WeightsRow> {
        self.weights.iter().find(|row| row.role == role)
    }
}

/// What a manifest says that cannot be.
pub(in super::super) const fn fact(what: String) -> EmbedError {
    EmbedError::ManifestFact { what }
}
