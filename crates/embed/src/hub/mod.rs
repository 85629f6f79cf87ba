//! Models as the hub lays them out: a folder of configuration, tokenizer and weights becomes a bundle's manifest.
//!
//! ```text
//! config.json | open_clip_config.json ---+
//! preprocessor_config.json --------------+--> HubModel --> bundle.toml of format 2
//! tokenizer_config.json, tokenizer.json -+
//! model.safetensors | open_clip_model.safetensors | shards of either and their index
//! ```
//! | file | holds |
//! | --- | --- |
//! | `values.rs` | values of a JSON object, with the class's where the file leaves them out |
//! | `towers.rs` | the two towers, by transformers' and by open_clip's configuration |
//! | `clap.rs` | the two towers of CLAP |
//! | `onnx.rs` | two towers that were exported to ONNX |
//! | `hearing.rs` | what an audio tower hears: rate, length of a clip, spectrogram |
//! | `view.rs` | how an image is brought to the image tower's size, and what its bytes count |
//! | `texts.rs` | what is done to a text around its tokenizer |
//! | `weights.rs` | which files hold the weights |
//! | `band.rs` | [`KnownBand`]: what is published of the cosines of a model |
//! | `write.rs` | [`HubModel::manifest`] |

mod band;
mod clap;
#[cfg(test)]
mod clap_tests;
#[cfg(test)]
mod golden;
mod hearing;
mod onnx;
#[cfg(test)]
mod onnx_tests;
#[cfg(test)]
mod tests;
mod texts;
mod towers;
mod values;
#[cfg(test)]
mod variants;
mod view;
mod weights;
mod write;

use sensorium_types::Modality;

use crate::encoders::{
    HtsatConfig, RobertaConfig, VitImageConfig, VitTextConfig, check_begin, check_end, expect_htsat,
    expect_image, expect_roberta, expect_text,
};
use crate::layers::Precision;
use crate::tokenizer::Tokenizer;
use crate::{BundleFiles, EmbedError};

pub use band::KnownBand;
pub use weights::PickledWeights;
pub use write::{HubBundle, Measured};

/// The configuration of transformers.
const CONFIG: &str = "config.json";
/// The configuration of open_clip.
const OPEN_CLIP_CONFIG: &str = "open_clip_config.json";
/// Names the licence.
const README: &str = "README.md";

/// An image-text or audio-text model in a folder as the hub lays it out, read but not loaded.
#[derive(Debug, Clone)]
pub struct HubModel {
    /// Of which family it is, for people.
    pub family: &'static str,
    /// Numbers of a vector.
    pub dim: usize,
    /// The licence that its README names, as the hub writes it.
    pub licence: Option<String>,
    /// The files that are a part of it, without its configuration.
    pub files: Vec<String>,
    weights: Vec<String>,
    image: Option<(VitImageConfig, view::View)>,
    text: Option<(VitTextConfig, texts::Texts)>,
    htsat: Option<(HtsatConfig, hearing::Hearing)>,
    roberta: Option<RobertaConfig>,
    onnx: Option<onnx::Onnx>,
}

impl HubModel {
    /// The files that a model is described by, without its weights; each model has some of them.
    pub const DESCRIBED_BY: [&str; 9] = [
        CONFIG,
        OPEN_CLIP_CONFIG,
        view::PREPROCESSOR,
        view::PROCESSOR,
        texts::TOKENIZER,
        texts::RULES,
        weights::INDEXES[0],
        weights::INDEXES[1],
        README,
    ];

    /// What names the files of pickled weights, where they are several.
    pub const PICKLED_INDEXES: [&str; 2] = weights::PICKLED_INDEXES;

    /// The names of the files of its weights, of which none is read.
    ///
    /// # Errors
    /// [`EmbedError::Hub`] where the weights are pickled or their index makes no sense, [`EmbedError::MissingFile`] where there are none.
    pub fn weight_files(files: &dyn BundleFiles) -> Result<Vec<String>, EmbedError> {
        match weights::named(files) {
            Err(_) if onnx::is_here(files) => Err(onnx::not_fetched()),
            named => named.map(|named| named.files),
        }
    }

    /// The pickled files of its weights, where it has no others.
    ///
    /// # Errors
    /// [`EmbedError::Hub`] where an index makes no sense.
    pub fn pickled(files: &dyn BundleFiles) -> Result<Option<PickledWeights>, EmbedError> {
        Ok(weights::pickled(files)?.map(|(_, pickled)| pickled))
    }

    /// Reads the configuration and the tokenizer's rules of a model whose weights are pickled, as it will be once they are safetensors.
    ///
    /// # Errors
    /// As [`HubModel::read`]; [`EmbedError::MissingFile`] where no weights are pickled.
    pub fn read_pickled(files: &dyn BundleFiles) -> Result<Self, EmbedError> {
        match weights::pickled(files)? {
            Some((named, _)) => Self::described(files, named),
            None => Err(EmbedError::MissingFile { name: "pytorch_model.bin".to_owned() }),
        }
    }

    /// Whether it will load, as far as its headers tell: each weight that its towers take is there, of its shape and of floats, each
    /// further one is known to be of no use, and its tokenizer ends texts as it wants them. No number is read.
    ///
    /// # Errors
    /// The error that loading would end with.
    pub fn check(&self, files: &dyn BundleFiles) -> Result<(), EmbedError> {
        let weights = || weights::opened(files, &self.weights);
        if let Some((config, _)) = &self.image {
            expect_image(weights()?, config, self.dim)?;
        }
        if let Some((config, _)) = &self.text {
            expect_text(weights()?, config, self.dim)?;
            let bytes = files.read(texts::TOKENIZER)?;
            check_end(config, &Tokenizer::load(texts::TOKENIZER, &bytes, config.positions)?)?;
        }
        if let Some((config, _)) = &self.htsat {
            expect_htsat(weights()?, config, self.dim)?;
        }
        if let Some(config) = &self.roberta {
            expect_roberta(weights()?, config, self.dim)?;
            let bytes = files.read(texts::TOKENIZER)?;
            check_begin(config, &Tokenizer::load(texts::TOKENIZER, &bytes, config.max_tokens())?)?;
        }
        self.onnx.as_ref().map_or(Ok(()), |onnx| onnx.check(files, self.dim))
    }

    /// The same model with products of one byte a number in the blocks of its towers: faster and near, and another model with a
    /// space of its own.
    ///
    /// # Errors
    /// [`EmbedError::Hub`] for a family that has no such products.
    pub fn in_int8(mut self) -> Result<Self, EmbedError> {
        if self.htsat.is_some() || self.roberta.is_some() || self.onnx.is_some() {
            return Err(fault(CONFIG, format!("a {} model, which has no int8 form here", self.family)));
        }
        if let Some((config, _)) = &mut self.image {
            config.precision = Precision::Int8;
        }
        if let Some((config, _)) = &mut self.text {
            config.precision = Precision::Int8;
        }
        Ok(self)
    }

    /// Reads the configuration, the tokenizer's rules and the header of the weights.
    ///
    /// # Errors
    /// [`EmbedError::Hub`] for a model that this program does not run, or whose files contradict each other.
    pub fn read(files: &dyn BundleFiles) -> Result<Self, EmbedError> {
        // Weights are preferred to what was made of them.
        if weights::named(files).is_err() && onnx::is_here(files) {
            return Self::of_onnx(files);
        }
        let named = weights::find(files)?;
        Self::described(files, named)
    }

    /// Reads what describes these weights.
    fn described(files: &dyn BundleFiles, named: weights::Named) -> Result<Self, EmbedError> {
        if named.layout == weights::Layout::Transformers {
            let config = values::object(files, CONFIG)?;
            if clap::is_clap(&config) {
                return Self::of_clap(files, &config, named.files);
            }
        }
        let towers = match named.layout {
            weights::Layout::Transformers => towers::of_transformers(&values::object(files, CONFIG)?)?,
            weights::Layout::OpenClip => towers::of_open_clip(&values::object(files, OPEN_CLIP_CONFIG)?)?,
        };
        let towers::Towers { family, dim, image, text } = towers;
        let image = image
            .map(|config| {
                let view = match named.layout {
                    weights::Layout::Transformers => view::of_transformers(files, family, config.size)?,
                    weights::Layout::OpenClip => {
                        view::of_open_clip(&values::object(files, OPEN_CLIP_CONFIG)?, config.size)?
                    }
                };
                Ok::<_, EmbedError>((config, view))
            })
            .transpose()?;
        let text = text
            .map(|config| {
                let clean = match named.layout {
                    weights::Layout::Transformers => None,
                    weights::Layout::OpenClip => {
                        texts::open_clip_cleaning(&values::object(files, OPEN_CLIP_CONFIG)?)
                    }
                };
                Ok::<_, EmbedError>((config, texts::read(files, family, &config, clean)?))
            })
            .transpose()?;
        Ok(Self {
            family: family.name(),
            dim,
            licence: licence(files),
            files: with_tokenizer(&named.files, text.is_some()),
            weights: named.files,
            image,
            text,
            htsat: None,
            roberta: None,
            onnx: None,
        })
    }

    fn of_clap(
        files: &dyn BundleFiles,
        config: &values::Object,
        weights: Vec<String>,
    ) -> Result<Self, EmbedError> {
        let clap::Clap { dim, audio, text } = clap::read(files, config)?;
        if let Some(text) = &text {
            texts::plain(files, text.max_tokens())?;
        }
        Ok(Self {
            family: clap::FAMILY,
            dim,
            licence: licence(files),
            files: with_tokenizer(&weights, text.is_some()),
            weights,
            image: None,
            text: None,
            htsat: audio,
            roberta: text,
            onnx: None,
        })
    }

    fn of_onnx(files: &dyn BundleFiles) -> Result<Self, EmbedError> {
        let (dim, onnx) = onnx::read(files)?;
        Ok(Self {
            family: onnx::FAMILY,
            dim,
            licence: licence(files),
            files: onnx.files(),
            weights: Vec::new(),
            image: None,
            text: None,
            htsat: None,
            roberta: None,
            onnx: Some(onnx),
        })
    }

    /// What [`HubModel::check`] has found where it finds no fault, for people.
    pub const fn judged(&self) -> &'static str {
        match self.onnx {
            Some(_) => "inputs and outputs of its files fit",
            None => "every weight that it needs is there",
        }
    }

    /// What it encodes; videos are frames.
    pub fn modalities(&self) -> Vec<Modality> {
        let onnx = self.onnx.as_ref();
        let has_text =
            self.text.is_some() || self.roberta.is_some() || onnx.is_some_and(|onnx| onnx.text.is_some());
        let has_image = self.image.is_some() || onnx.is_some_and(|onnx| onnx.image.is_some());
        let text = has_text.then_some(Modality::Text).into_iter();
        let audio = self.htsat.iter().map(|_| Modality::Audio);
        let images: &[Modality] = if has_image { &[Modality::Image, Modality::Video] } else { &[] };
        let image = images.iter().copied();
        text.chain(image).chain(audio).collect()
    }
}

/// Families whose files differ in what they leave out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Clip,
    Siglip,
    OpenClip,
}

impl Family {
    const fn name(self) -> &'static str {
        match self {
            Self::Clip => "CLIP",
            Self::Siglip => "SigLIP",
            Self::OpenClip => "OpenCLIP",
        }
    }
}

/// The files of a model: its weights, and its tokenizer if it reads texts.
fn with_tokenizer(weights: &[String], reads: bool) -> Vec<String> {
    weights.iter().cloned().chain(reads.then(|| texts::TOKENIZER.to_owned())).collect()
}

/// The licence in the head of a README, as the hub writes it.
fn licence(files: &dyn BundleFiles) -> Option<String> {
    let readme = files.read(README).ok()?;
    let text = String::from_utf8_lossy(&readme);
    let head = text.strip_prefix("---")?.split("\n---").next()?;
    let line = head.lines().find_map(|line| line.strip_prefix("license:"))?;
    let name = line.trim().trim_matches(['"', '\'']);
    (!name.is_empty()).then(|| name.to_owned())
}

/// What cannot be in a file.
fn fault(file: &str, what: impl Into<String>) -> EmbedError {
    EmbedError::Hub { file: file.to_owned(), what: what.into() }
}
