//! A bundle: encoders with what it takes to use them, of one space or of several.
//!
//! ```text
//! bundle.toml ──► one space: encoders, calibration, hubs, self-test (space/)
//!     └─ members ──► a space each, from a folder each, that takes some contents ──► one bundle (joined.rs)
//! ```
//! | file | holds |
//! | --- | --- |
//! | `space/` | the encoders of one space, and the manifest that names them |
//! | `joined.rs` | which members a manifest names, and what each of them takes |
//! | `merged.rs` | what a bundle of members is: spaces, calibration, cutting |
//! | `bridge.rs` | from an image to sounds, where no space has both |
//! | `merged_hubs.rs` | hub values of points that lie in several spaces |

mod bridge;
mod joined;
mod merged;
mod merged_hubs;
mod space;

use std::sync::Arc;

use sensorium_types::{CalibrationTable, Content, HubBank, Language, Modality, SpaceInfo};

use crate::{Captioner, EmbedError, Embedding, Encoder, Grid, Image, Input};

pub use space::{
    AudioCutting, BundleFiles, BundleInfo, Cutting, EncoderInfo, Fit, FolderFiles, GeneratorInfo, HubsInfo,
    ImageFilter, Licence, LoadOptions, StaticFiles, TextCutting, VideoCutting,
};

pub(crate) use space::Costs;

use space::Lazy;

use bridge::Bridge;
use joined::Member;
use merged::Merged;
use merged_hubs::hubs_of;

/// Encoders of one space, or of several whose vectors lie side by side in one collection (`sensorium_types::SpaceInfo`). Cheap to
/// load: only `bundle.toml` is read, each encoder loads when it is first asked, so that a text query pays for the text encoders only.
#[derive(Debug)]
pub struct Bundle {
    /// In order; at least one.
    members: Vec<Member>,
    merged: Merged,
    bridge: Lazy<Bridge>,
}

impl Bundle {
    /// Reads `bundle.toml`, and that of each member where it names some.
    ///
    /// # Errors
    /// If a manifest is missing, of another format, or contradicts itself or another. Faults of an encoder's files show at its
    /// first use, or at [`Bundle::self_test`].
    pub fn load(files: impl BundleFiles + 'static, options: LoadOptions) -> Result<Arc<Self>, EmbedError> {
        let (id, members) = joined::members(Arc::new(files), options)?;
        let merged = Merged::new(id, &members)?;
        Ok(Arc::new(Self { members, merged, bridge: Lazy::default() }))
    }

    /// What the bundle is.
    pub fn info(&self) -> &BundleInfo {
        &self.merged.info
    }

    /// The space, or the spaces, that its encoders map into.
    pub fn space(&self) -> SpaceInfo {
        self.merged.space.clone()
    }

    /// Mean and deviation of the cosine of random pairs.
    pub fn calibration(&self) -> &CalibrationTable {
        &self.merged.calibration
    }

    /// The same, of corrected cosines where a pair is corrected; of the others as it is.
    pub fn corrected_calibration(&self) -> &CalibrationTable {
        &self.merged.corrected
    }

    /// What makes the hub values of points; `None` if the bundle corrects nothing. Its vectors load at their first use.
    pub fn hubs(&self) -> Option<Arc<dyn HubBank>> {
        hubs_of(&self.members, &self.merged.space)
    }

    /// The sentences in which a text that is a name alone is asked of images besides; none for any other text. English, as the first
    /// text encoder reads.
    pub fn sentences(&self, text: &str) -> Vec<String> {
        self.member_of(Modality::Image).map_or_else(Vec::new, |member| member.space.sentences(text))
    }

    /// How media are cut and sized for these encoders.
    pub fn cutting(&self) -> Cutting {
        self.merged.cutting
    }

    /// What inputs cost.
    pub(crate) fn costs(&self) -> Costs {
        self.merged.costs
    }

    /// Whether the bundle encodes a modality.
    pub fn encodes(&self, modality: Modality) -> bool {
        self.member_of(modality).is_some()
    }

    /// Loads every encoder that the bundle has, the caption decoders and the reference queries; encoders and
    /// decoders are tested as they load.
    ///
    /// # Errors
    /// The first fault of a file, a weight, or of the numbers.
    pub fn self_test(&self) -> Result<(), EmbedError> {
        self.members
            .iter()
            .try_for_each(|member| member.space.self_test(|modality| member.takes(content_of(modality))))
    }

    /// Compares the files that were taken over into the bundle with the hashes that were noted then.
    ///
    /// # Errors
    /// [`EmbedError::Hash`] for the first that differs.
    pub fn check_files(&self) -> Result<(), EmbedError> {
        self.members.iter().try_for_each(|member| member.space.check_files())
    }

    /// A self-test file of this machine's own vectors, of texts and an image or an audio clip: later loads, and other machines, must
    /// give the same. Of a bundle of one space.
    ///
    /// # Errors
    /// As [`Bundle::embed`].
    pub fn record_self_test(&self, texts: &[&str], input: &Input) -> Result<Vec<u8>, EmbedError> {
        self.encoding(input.modality())?.record_self_test(texts, input)
    }

    /// What the bundle can put into words: images, audio, both or nothing.
    pub fn captioned(&self) -> impl Iterator<Item = Modality> + '_ {
        [Modality::Image, Modality::Audio].into_iter().filter(|of| {
            self.member_of(*of).is_some_and(|member| member.space.captioned().any(|other| other == *of))
        })
    }

    /// What puts images (for videos, their frames) or audio into words, loaded and tested.
    ///
    /// # Errors
    /// [`EmbedError::NoCaptioner`] if the bundle has none, else the first fault of its files or numbers.
    pub fn captioner(&self, modality: Modality) -> Result<Arc<dyn Captioner>, EmbedError> {
        let member = self.member_of(modality).ok_or(EmbedError::NoCaptioner { modality })?;
        member.space.captioner(modality)
    }

    /// What the stem of the image encoder sees, for that encoder and the caption decoder to share.
    ///
    /// # Errors
    /// [`EmbedError::InvalidInput`] for an image of another size than the encoder's; the faults of loading it.
    pub fn grids(&self, images: &[&Image]) -> Result<Vec<Grid>, EmbedError> {
        self.encoding(Modality::Image)?.grids(images)
    }

    /// What the audio encoder hears at each moment, for the caption decoder.
    ///
    /// # Errors
    /// [`EmbedError::InvalidInput`] for an audio clip that the encoder cannot take; the faults of loading it.
    pub fn audio_grids(&self, audios: &[&[f32]]) -> Result<Vec<Grid>, EmbedError> {
        self.encoding(Modality::Audio)?.audio_grids(audios)
    }

    /// The encoder of a modality, loaded and tested; of texts in several spaces, that of the first.
    ///
    /// # Errors
    /// [`EmbedError::NoEncoder`] if the bundle has none, else the first fault of its files or numbers.
    pub fn encoder(&self, modality: Modality) -> Result<Arc<dyn Encoder>, EmbedError> {
        self.encoding(modality)?.encoder(modality)
    }

    /// The language in which a text is read: what it seems to be, of those that the bundle has an encoder for, else
    /// English.
    ///
    /// # Errors
    /// The first fault of the bundle's files.
    pub fn language(&self, text: &str) -> Result<Language, EmbedError> {
        for member in self.members_of(Content::Text) {
            let language = member.space.language(text)?;
            if language != Language::English {
                return Ok(language);
            }
        }
        Ok(Language::English)
    }

    /// Encodes inputs on the bundle's threads, those of one kind together.
    ///
    /// # Shapes
    /// n inputs -> n vectors of L2 norm 1, in the order of the inputs, each of the dimension of its content
    ///
    /// # Errors
    /// [`EmbedError::InvalidInput`] for an input that no encoder can take; the faults of loading an encoder.
    pub fn embed(&self, inputs: &[Input]) -> Result<Vec<Embedding>, EmbedError> {
        self.check(inputs)?;
        if let [alone] = self.members.as_slice() {
            return alone.space.embed(inputs);
        }
        let mut vectors = vec![Vec::new(); inputs.len()];
        for member in &self.members {
            let (mut places, mut own) = (Vec::new(), Vec::new());
            for (place, input) in inputs.iter().enumerate() {
                if member.takes(content_of(input.modality())) {
                    places.push(place);
                    own.push(member.as_it_reads(input));
                }
            }
            for (place, vector) in places.into_iter().zip(member.space.embed(&own)?) {
                if let Some(all) = vectors.get_mut(place) {
                    all.extend(vector);
                }
            }
        }
        let shares = self.members_of(Content::Text).count();
        if shares > 1 {
            let share = 1.0 / (shares as f32).sqrt();
            let texts = inputs.iter().zip(&mut vectors);
            let texts = texts.filter(|(input, _)| content_of(input.modality()) == Content::Text);
            texts.flat_map(|(_, vector)| vector).for_each(|number| *number *= share);
        }
        Ok(vectors)
    }

    /// What a vector of one content asks of another that no space joins to it, by texts that both spaces know; `None` where a space
    /// joins them, or one of them has no texts. The texts are encoded at the first call.
    ///
    /// # Errors
    /// The faults of loading the text encoders.
    pub fn bridged(
        &self,
        (from, vector): (Content, &[f32]),
        to: Content,
    ) -> Result<Option<Vec<f32>>, EmbedError> {
        let of = |content| self.members.iter().position(|member| member.takes(content));
        let is_joined = self.members.iter().any(|member| member.takes(from) && member.takes(to));
        let (Some(near), Some(far), false) = (of(from), of(to), is_joined) else { return Ok(None) };
        let has_texts = |member: usize| self.members.get(member).is_some_and(|m| m.takes(Content::Text));
        if !has_texts(near) || !has_texts(far) {
            return Ok(None);
        }
        let bridge = self.bridge.get(|| Bridge::load(&self.members).map(Arc::new))?;
        Ok(bridge.across((near, vector), far))
    }

    /// Checks inputs without encoding them.
    pub(crate) fn check(&self, inputs: &[Input]) -> Result<(), EmbedError> {
        for (index, input) in inputs.iter().enumerate() {
            if let Input::TextIn(language, _) = input
                && !self.members_of(Content::Text).any(|member| member.space.reads(*language))
            {
                return Err(EmbedError::NoLanguage { language: *language });
            }
            self.encoding(input.modality())?.check(index, input)?;
        }
        Ok(())
    }

    fn members_of(&self, content: Content) -> impl Iterator<Item = &Member> + '_ {
        self.members.iter().filter(move |member| member.takes(content))
    }

    /// The first member that encodes a modality.
    fn member_of(&self, modality: Modality) -> Option<&Member> {
        self.members_of(content_of(modality)).find(|member| member.space.encodes(modality))
    }

    fn encoding(&self, modality: Modality) -> Result<&space::OneSpace, EmbedError> {
        let member = self.member_of(modality).ok_or(EmbedError::NoEncoder { modality })?;
        Ok(member.space.as_ref())
    }
}

/// What the points of a modality's main track contain.
const fn content_of(modality: Modality) -> Content {
    match modality {
        Modality::Image | Modality::Video => Content::Image,
        Modality::Audio => Content::Audio,
        Modality::Text => Content::Text,
    }
}
