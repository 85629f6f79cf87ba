//! Encoders of one space, with what it takes to use them: a bundle, or a member of one.
//!
//! | file | holds |
//! | --- | --- |
//! | `manifest.rs` | `bundle.toml` as it is written |
//! | `facts.rs` | what the manifest says, checked: [`BundleInfo`], calibration |
//! | `cutting.rs` | how media are cut and sized: [`Cutting`] |
//! | `costs.rs` | what an input costs |
//! | `files.rs` | [`BundleFiles`]: where bytes come from |
//! | `load.rs` | from manifest and files to an encoder or the caption decoder |
//! | `onnx.rs` | the same for towers that ONNX Runtime computes |
//! | `rows.rs` | what a row of the manifest names: configuration, tokenizer, files |
//! | `preprocess.rs` | what the steps before an encoder make of its inputs |
//! | `lazy.rs` | what loads at first use |
//! | `names.rs` | sentences in which names alone are asked |
//! | `hubs.rs` | hub values of points, from the bundle's reference queries |
//! | `selftest.rs` | stored inputs and expected vectors |

mod costs;
mod cutting;
mod facts;
mod files;
mod hubs;
mod lazy;
mod load;
mod manifest;
mod names;
mod onnx;
mod preprocess;
mod rows;
mod selftest;

use std::sync::Arc;

use sensorium_types::{CalibrationTable, HubBank, Language, Modality, SpaceInfo};

use crate::detector::Detector;
use crate::input::check_audio;
use crate::threads::Threads;
use crate::tokenizer::Tokenizer;
use crate::{Batch, Captioner, EmbedError, Embedding, Encoder, Grid, Image, Input};

pub(crate) use costs::Costs;
pub use cutting::{AudioCutting, Cutting, Fit, ImageFilter, TextCutting, VideoCutting};
pub use facts::{BundleInfo, EncoderInfo, GeneratorInfo, HubsInfo, Licence};
pub use files::{BundleFiles, FolderFiles, StaticFiles};
pub(super) use manifest::{FORMAT, fact};

use facts::Facts;
use hubs::{Banks, BundleHubs};
pub(super) use lazy::Lazy;
use manifest::{FileRow, Manifest};

/// The file that says what a bundle is.
pub(super) const MANIFEST_FILE: &str = "bundle.toml";

/// How a bundle is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoadOptions {
    /// Threads that encoders compute on, at least 1.
    pub threads: usize,
}

impl Default for LoadOptions {
    /// As many threads as the machine runs at once.
    fn default() -> Self {
        Self { threads: std::thread::available_parallelism().map_or(1, usize::from) }
    }
}

/// Encoders of one space. Cheap to load: only `bundle.toml` is read, each encoder loads when it is first asked, so that
/// a text query pays for the text encoder only.
#[derive(Debug)]
pub(super) struct OneSpace {
    facts: Facts,
    costs: Costs,
    manifest: Manifest,
    files: Box<dyn BundleFiles>,
    threads: Threads,
    text: Lazy<dyn Encoder>,
    image: Lazy<dyn Encoder>,
    audio: Lazy<dyn Encoder>,
    video: Lazy<dyn Encoder>,
    /// Texts in the languages that the first text encoder does not read.
    other_texts: Lazy<dyn Encoder>,
    detector: Lazy<Detector>,
    tokenizer: Lazy<Tokenizer>,
    captioner: Lazy<dyn Captioner>,
    audio_captioner: Lazy<dyn Captioner>,
    banks: Lazy<Banks>,
}

impl OneSpace {
    /// Reads `bundle.toml`.
    ///
    /// # Errors
    /// If the manifest is missing, of another format, or contradicts itself. Faults of an encoder's files show at its
    /// first use, or at [`OneSpace::self_test`].
    pub(super) fn load(
        files: impl BundleFiles + 'static,
        options: LoadOptions,
    ) -> Result<Arc<Self>, EmbedError> {
        let manifest = Manifest::parse(&files.read(MANIFEST_FILE)?)?;
        let facts = Facts::new(&manifest)?;
        let threads = Threads::new(options.threads)?;
        let costs = Costs::of(&manifest)?;
        Ok(Arc::new(Self {
            facts,
            costs,
            manifest,
            files: Box::new(files),
            threads,
            text: Lazy::default(),
            image: Lazy::default(),
            audio: Lazy::default(),
            video: Lazy::default(),
            other_texts: Lazy::default(),
            detector: Lazy::default(),
            tokenizer: Lazy::default(),
            captioner: Lazy::default(),
            audio_captioner: Lazy::default(),
            banks: Lazy::default(),
        }))
    }

    /// What the bundle is.
    pub(super) fn info(&self) -> &BundleInfo {
        &self.facts.info
    }

    /// The space that all encoders map into.
    pub(super) fn space(&self) -> SpaceInfo {
        self.facts.space.clone()
    }

    /// Mean and deviation of the cosine of random pairs.
    pub(super) fn calibration(&self) -> &CalibrationTable {
        &self.facts.calibration
    }

    /// The same, of corrected cosines where a pair is corrected; of the others as it is.
    pub(super) fn corrected_calibration(&self) -> &CalibrationTable {
        &self.facts.corrected
    }

    /// What makes the hub values of points; `None` if the bundle corrects nothing. Its vectors load at their first use.
    pub(super) fn hubs(self: &Arc<Self>) -> Option<Arc<dyn HubBank>> {
        BundleHubs::new(Arc::clone(self)).map(|hubs| -> Arc<dyn HubBank> { Arc::new(hubs) })
    }

    /// The sentences in which a text that is a name alone is asked of images besides; none for any other text. English, as the first
    /// text encoder reads.
    pub(super) fn sentences(&self, text: &str) -> Vec<String> {
        self.facts.names.sentences(text)
    }

    fn banks(&self) -> Result<Arc<Banks>, EmbedError> {
        self.banks.get(|| Banks::load(self).map(Arc::new))
    }

    /// How media are cut and sized for these encoders.
    pub(super) fn cutting(&self) -> Cutting {
        self.facts.cutting
    }

    /// What inputs cost.
    pub(super) fn costs(&self) -> Costs {
        self.costs
    }

    /// Whether the bundle encodes a modality.
    pub(super) fn encodes(&self, modality: Modality) -> bool {
        self.manifest.encoder(modality).is_some()
    }

    /// Loads every encoder of the modalities that are taken, the caption decoders and the reference queries; encoders and
    /// decoders are tested as they load.
    ///
    /// # Errors
    /// The first fault of a file, a weight, or of the numbers.
    pub(super) fn self_test(&self, takes: impl Fn(Modality) -> bool) -> Result<(), EmbedError> {
        for encoder in self.facts.info.encoders.iter().filter(|encoder| takes(encoder.modality)) {
            self.encoder(encoder.modality)?;
        }
        if self.manifest.other_texts().is_some() && takes(Modality::Text) {
            self.detector()?;
            self.other_texts()?;
        }
        for modality in self.captioned().filter(|modality| takes(*modality)) {
            self.captioner(modality)?;
        }
        self.banks()?;
        Ok(())
    }

    /// Compares the files that were taken over into the bundle with the hashes that were noted then.
    ///
    /// # Errors
    /// [`EmbedError::Hash`] for the first that differs.
    pub(super) fn check_files(&self) -> Result<(), EmbedError> {
        for FileRow { name, bytes, sha256 } in &self.manifest.files {
            let file = self.files.open(name)?;
            let received = if file.len() == *bytes {
                rows::hash_of(name, &file)?
            } else {
                format!("that of {} bytes instead of {bytes}", file.len())
            };
            rows::compare(name, sha256, &received)?;
        }
        Ok(())
    }

    /// A self-test file of this machine's own vectors: later loads, and other machines, must give the same.
    ///
    /// # Errors
    /// As [`OneSpace::embed`].
    pub(super) fn record_self_test(&self, texts: &[&str], input: &Input) -> Result<Vec<u8>, EmbedError> {
        selftest::record(self, texts, input)
    }

    /// What the bundle can put into words: images, audio, both or nothing.
    pub(super) fn captioned(&self) -> impl Iterator<Item = Modality> + '_ {
        [Modality::Image, Modality::Audio].into_iter().filter(|of| self.manifest.captioner(*of).is_some())
    }

    /// What puts images (for videos, their frames) or audio into words, loaded and tested.
    ///
    /// # Errors
    /// [`EmbedError::NoCaptioner`] if the bundle has none, else the first fault of its files or numbers.
    pub(super) fn captioner(&self, modality: Modality) -> Result<Arc<dyn Captioner>, EmbedError> {
        let (lazy, modality) = match modality {
            Modality::Image | Modality::Video => (&self.captioner, Modality::Image),
            Modality::Audio => (&self.audio_captioner, Modality::Audio),
            Modality::Text => return Err(EmbedError::NoCaptioner { modality }),
        };
        lazy.get(|| {
            let start = std::time::Instant::now();
            let captioner = load::captioner(self, modality)?;
            selftest::run_captioner(self, modality, captioner.as_ref())?;
            tracing::debug!(%modality, seconds = start.elapsed().as_secs_f64(), "load a caption decoder");
            Ok(captioner)
        })
    }

    /// What the stem of the image encoder sees, for that encoder and the caption decoder to share.
    ///
    /// # Errors
    /// [`EmbedError::InvalidInput`] for an image of another size than the encoder's; the faults of loading it.
    pub(super) fn grids(&self, images: &[&Image]) -> Result<Vec<Grid>, EmbedError> {
        for (index, image) in images.iter().enumerate() {
            image
                .check(self.facts.cutting.image_size)
                .map_err(|fault| EmbedError::InvalidInput { index, fault })?;
        }
        let encoder = self.encoder(Modality::Image)?;
        let stem = encoder.stem().ok_or(EmbedError::NoEncoder { modality: Modality::Image })?;
        stem.grids(images)
    }

    /// What the audio encoder hears at each moment, for the caption decoder.
    ///
    /// # Errors
    /// [`EmbedError::InvalidInput`] for an audio clip that the encoder cannot take; the faults of loading it.
    pub(super) fn audio_grids(&self, audios: &[&[f32]]) -> Result<Vec<Grid>, EmbedError> {
        for (index, samples) in audios.iter().enumerate() {
            check_audio(samples).map_err(|fault| EmbedError::InvalidInput { index, fault })?;
        }
        let encoder = self.encoder(Modality::Audio)?;
        let tokens = encoder.audio_tokens().ok_or(EmbedError::NoEncoder { modality: Modality::Audio })?;
        tokens.tokens(audios)
    }

    /// The encoder of a modality, loaded and tested.
    ///
    /// # Errors
    /// [`EmbedError::NoEncoder`] if the bundle has none, else the first fault of its files or numbers.
    pub(super) fn encoder(&self, modality: Modality) -> Result<Arc<dyn Encoder>, EmbedError> {
        let lazy = match modality {
            Modality::Text => &self.text,
            Modality::Image => &self.image,
            Modality::Audio => &self.audio,
            Modality::Video => &self.video,
        };
        lazy.get(|| {
            let start = std::time::Instant::now();
            let encoder = load::encoder(self, modality)?;
            selftest::run(self, encoder.as_ref())?;
            tracing::debug!(%modality, seconds = start.elapsed().as_secs_f64(), "load an encoder");
            Ok(encoder)
        })
    }

    /// The language in which a text is read: what it seems to be, of those that the bundle has an encoder for, else
    /// English.
    ///
    /// # Errors
    /// The first fault of the bundle's files.
    pub(super) fn language(&self, text: &str) -> Result<Language, EmbedError> {
        match self.manifest.other_texts() {
            Some(_) => Ok(self.detector()?.language(text)),
            None => Ok(Language::English),
        }
    }

    fn detector(&self) -> Result<Arc<Detector>, EmbedError> {
        self.detector.get(|| load::detector(self))
    }

    /// The text encoder of other languages, loaded and tested.
    fn other_texts(&self) -> Result<Arc<dyn Encoder>, EmbedError> {
        self.other_texts.get(|| {
            let encoder = load::other_texts(self)?;
            selftest::run_other_texts(self, encoder.as_ref())?;
            Ok(encoder)
        })
    }

    /// Encodes inputs that were checked, on the bundle's threads, those of one kind together.
    ///
    /// # Shapes
    /// n inputs -> n vectors of L2 norm 1, in the order of the inputs
    ///
    /// # Errors
    /// [`EmbedError::InvalidInput`] for an input that no encoder can take; the faults of loading an encoder.
    pub(super) fn embed(&self, inputs: &[Input]) -> Result<Vec<Embedding>, EmbedError> {
        let mut kinds = Kinds::default();
        for (index, input) in inputs.iter().enumerate() {
            let language = match input {
                Input::Text(text) => self.language(text)?,
                Input::TextIn(language, _) => *language,
                Input::Frames(_) | Input::Audio(_) => Language::English,
            };
            kinds.add(index, input, language);
        }
        let mut vectors = vec![Vec::new(); inputs.len()];
        let Kinds { texts, other_texts, images, videos, audios } = kinds;
        let encoder = |modality| move || self.encoder(modality);
        fill(encoder(Modality::Text), &texts.places, Batch::Texts(&texts.items), &mut vectors)?;
        let other = || self.other_texts();
        fill(other, &other_texts.places, Batch::Texts(&other_texts.items), &mut vectors)?;
        fill(encoder(Modality::Image), &images.places, Batch::Images(&images.items), &mut vectors)?;
        fill(encoder(Modality::Video), &videos.places, Batch::Videos(&videos.items), &mut vectors)?;
        fill(encoder(Modality::Audio), &audios.places, Batch::Audios(&audios.items), &mut vectors)?;
        Ok(vectors)
    }

    /// Checks an input, of a modality that is encoded, without encoding it. `index` is its number among others.
    pub(super) fn check(&self, index: usize, input: &Input) -> Result<(), EmbedError> {
        let checked = input.check(self.facts.cutting.image_size);
        checked.map_err(|fault| EmbedError::InvalidInput { index, fault })
    }

    /// Whether texts in a language have an encoder.
    pub(super) fn reads(&self, language: Language) -> bool {
        let others = self.manifest.other_texts().map_or(&[][..], |encoder| &encoder.languages);
        language == Language::English || others.contains(&language)
    }
}

/// Encodes inputs of one kind, and puts each vector in its place among all.
fn fill(
    encoder: impl FnOnce() -> Result<Arc<dyn Encoder>, EmbedError>,
    places: &[usize],
    batch: Batch<'_>,
    vectors: &mut [Embedding],
) -> Result<(), EmbedError> {
    if batch.is_empty() {
        return Ok(());
    }
    for (place, vector) in places.iter().zip(encoder()?.embed(batch)?) {
        if let Some(slot) = vectors.get_mut(*place) {
            *slot = vector;
        }
    }
    Ok(())
}

/// Inputs of one kind, with their places among all.
#[derive(Debug)]
struct Kind<T> {
    places: Vec<usize>,
    items: Vec<T>,
}

impl<T> Default for Kind<T> {
    fn default() -> Self {
        Self { places: Vec::new(), items: Vec::new() }
    }
}

impl<T> Kind<T> {
    fn push(&mut self, place: usize, item: T) {
        self.places.push(place);
        self.items.push(item);
    }
}

#[derive(Debug, Default)]
struct Kinds<'a> {
    texts: Kind<&'a str>,
    /// Those for the encoder of other languages.
    other_texts: Kind<&'a str>,
    images: Kind<&'a Image>,
    videos: Kind<&'a [Image]>,
    audios: Kind<&'a [f32]>,
}

impl<'a> Kinds<'a> {
    fn add(&mut self, place: usize, input: &'a Input, language: Language) {
        match input {
            Input::Text(text) | Input::TextIn(_, text) => match language {
                Language::English => self.texts.push(place, text),
                Language::German | Language::French | Language::Czech => self.other_texts.push(place, text),
            },
            Input::Frames(frames) => match frames.as_slice() {
                [image] => self.images.push(place, image),
                video => self.videos.push(place, video),
            },
            Input::Audio(samples) => self.audios.push(place, samples),
        }
    }
}
