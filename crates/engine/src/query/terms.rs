//! Terms to unit vectors.

use std::path::PathBuf;
use std::sync::Arc;

use crate::blocking::blocking;
use crate::encode::Feed;
use crate::index::{Stamp, hash_file};
use crate::seams::{Decode, Encode};
use crate::{EngineError, vectors};
use sensorium_embed::{Input, Priority};
use sensorium_media::{Cancel, Head, MediaInput, Part};
use sensorium_store::Store;
use sensorium_types::{
    AssetId, Content, ContentHash, FailureReason, Language, Modality, PointKey, ReasonKind, SpaceInfo, Term,
    TermInput, Track,
};

/// A term as a vector.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Asked {
    /// How much it counts.
    pub(super) weight: f32,
    /// Its vector, of L2 norm 1: that of a point of its content, or one of all spaces that the user gave.
    pub(super) vector: Vec<f32>,
    /// The vector by which it asks images, where that is another: of a name alone.
    pub(super) for_images: Option<Vec<f32>>,
    /// A content that no space joins to its own, and what it asks of that by texts (`Encode::bridged`).
    pub(super) bridged: Option<(Content, Vec<f32>)>,
    /// What the vector was made of; `None` for one that the user gave.
    pub(super) content: Option<Content>,
    /// The stored asset that it was taken from.
    pub(super) asset: Option<AssetId>,
    /// What an asset of the very same bytes would be called.
    pub(super) identical: Option<AssetId>,
    /// The language in which it was read, if it is a text.
    pub(super) language: Option<Language>,
}

impl Asked {
    /// Whether it asks a content by texts, as no space joins the two.
    pub(super) fn is_bridged(&self, content: Content) -> bool {
        self.bridged.as_ref().is_some_and(|(to, _)| *to == content)
    }

    /// What it asks of points of a content, in the spaces in which these lie; `None` where it says nothing in any of them.
    pub(super) fn of(&self, content: Content, space: &SpaceInfo) -> Option<Vec<f32>> {
        if let Some((to, vector)) = &self.bridged
            && *to == content
        {
            return Some(vector.clone());
        }
        let own = self.for_images.as_ref().filter(|_| content == Content::Image);
        space.join(content, &space.split(self.content, own.unwrap_or(&self.vector)))
    }
}

/// A text that was read.
struct ReadText {
    vector: Vec<f32>,
    for_images: Option<Vec<f32>>,
    language: Language,
}

/// What turns terms into vectors.
#[derive(Debug, Clone)]
pub(super) struct Asker {
    pub(super) store: Arc<dyn Store>,
    pub(super) encode: Arc<dyn Encode>,
    pub(super) decode: Arc<dyn Decode>,
    /// What stops decoding and hashing.
    pub(super) cancel: Cancel,
}

impl Asker {
    /// The vectors of terms, in order.
    pub(super) async fn ask_all(&self, terms: Vec<Term>) -> Result<Vec<Asked>, EngineError> {
        let mut asked = Vec::with_capacity(terms.len());
        for term in terms {
            asked.push(self.ask(term).await?);
        }
        Ok(asked)
    }

    /// The vector of one term.
    pub(super) async fn ask(&self, term: Term) -> Result<Asked, EngineError> {
        let Term { weight, input } = term;
        if !weight.is_finite() || weight == 0.0 {
            return Err(EngineError::BadWeight);
        }
        let (mut identical, mut read_in, mut for_images) = (None, None, None);
        let (vector, content, asset) = match input {
            TermInput::Text(text) => {
                let read = self.text(text, None).await?;
                (read_in, for_images) = (Some(read.language), read.for_images);
                (read.vector, Some(Content::Text), None)
            }
            TermInput::TextIn(language, text) => {
                let read = self.text(text, Some(language)).await?;
                (read_in, for_images) = (Some(language), read.for_images);
                (read.vector, Some(Content::Text), None)
            }
            TermInput::File(path) => {
                let name = path.display().to_string();
                identical = asset_of(path.clone(), self.cancel.clone()).await?;
                let (vector, content) = self.media(MediaInput::Path(path), name).await?;
                (vector, Some(content), None)
            }
            TermInput::Bytes(bytes) => {
                identical = Some(AssetId::from_content(&ContentHash::of(&bytes)));
                let (vector, content) = self.media(MediaInput::Bytes(bytes), "the bytes".to_owned()).await?;
                (vector, Some(content), None)
            }
            TermInput::Asset(asset) => {
                let (vector, content) = self.stored(&asset, None).await?;
                (vector, Some(content), Some(asset))
            }
            TermInput::Point(asset, track, ordinal) => {
                let (vector, content) = self.stored(&asset, Some((track, ordinal))).await?;
                (vector, Some(content), Some(asset))
            }
            TermInput::Vector(vector) => (self.given(vector)?, None, None),
        };
        let bridged = self.bridged(content, &vector).await?;
        Ok(Asked { weight, vector, for_images, bridged, content, asset, identical, language: read_in })
    }

    /// What a vector asks of the medium that its space does not have.
    async fn bridged(
        &self,
        content: Option<Content>,
        vector: &[f32],
    ) -> Result<Option<(Content, Vec<f32>)>, EngineError> {
        let (from, to) = match content {
            Some(from @ Content::Image) => (from, Content::Audio),
            Some(from @ Content::Audio) => (from, Content::Image),
            Some(Content::Text) | None => return Ok(None),
        };
        if self.store.space().parts.is_empty() {
            return Ok(None);
        }
        let (encode, vector) = (Arc::clone(&self.encode), vector.to_vec());
        blocking("ask by texts", move || Ok(encode.bridged((from, &vector), to)?.map(|vector| (to, vector))))
            .await
    }

    /// The vector of a text, and the language in which it was read. A name alone is read in its sentences too, in one batch.
    async fn text(&self, text: String, given: Option<Language>) -> Result<ReadText, EngineError> {
        let (encode, cancel) = (Arc::clone(&self.encode), self.cancel.clone());
        blocking("encode a text", move || {
            let language = match given {
                Some(language) => language,
                None => encode.language(&text)?,
            };
            let sentences = if language == Language::English { encode.sentences(&text) } else { Vec::new() };
            let inputs = std::iter::once(text).chain(sentences).map(|text| Input::TextIn(language, text));
            let vectors = encode.submit(inputs.collect(), Priority::Query)?.wait(&cancel)?;
            vectors::check_all(&vectors)?;
            let for_images = if vectors.len() > 1 {
                Some(mean(vectors.iter().map(|vector| vector.as_slice()))?)
            } else {
                None
            };
            let vector = vectors.into_iter().next().ok_or(EngineError::Task { action: "encode a text" })?;
            Ok(ReadText { vector, for_images, language })
        })
        .await
    }

    /// The mean of the main track of a file, and what that track holds.
    async fn media(&self, input: MediaInput, name: String) -> Result<(Vec<f32>, Content), EngineError> {
        let (encode, decode) = (Arc::clone(&self.encode), Arc::clone(&self.decode));
        let cancel = self.cancel.clone();
        blocking("decode a term", move || {
            let mut feed = Feed::new(encode.as_ref(), Priority::Query).until(&cancel);
            // Parts come in order of track, so the track of the first is the one that asks: a video's image.
            let mut first = None;
            let mut on_part = |part: Part| {
                if *first.get_or_insert(part.track) == part.track { feed.push(part) } else { Ok(()) }
            };
            let decoded = decode.decode_each(input, Priority::Query, &cancel, &mut on_part)?;
            let sent = feed.finish(decoded)?;
            let (Head { modality, .. }, encoding) =
                sent.map_err(|reason| EngineError::BadTerm { term: name, reason })?;
            let track = asking_track(modality, first)?;
            let points = encoding.wait()?;
            Ok((mean(points.iter().map(|point| point.vector.as_slice()))?, track.content()))
        })
        .await
    }

    /// The mean of the main track of a stored asset, or one of its points.
    async fn stored(
        &self,
        asset: &AssetId,
        place: Option<(Option<Track>, u32)>,
    ) -> Result<(Vec<f32>, Content), EngineError> {
        let found = self.store.get(std::slice::from_ref(asset), true).await?;
        let Some(stored) = found.into_iter().next().flatten() else {
            return Err(EngineError::UnknownAsset { asset: asset.clone() });
        };
        if stored.points.is_empty() {
            let reason = crate::reembed::lack(&stored.record).unwrap_or_else(not_kept);
            return Err(EngineError::MediaAway { asset: asset.clone(), reason });
        }
        let modality = stored.record.modality;
        let track = match place {
            Some((Some(track), _)) => track,
            Some((None, _)) | None => asking_track(modality, stored.points.iter().map(|point| point.track))?,
        };
        let ordinal = place.map(|(_, ordinal)| ordinal);
        let mut chosen = stored
            .points
            .iter()
            .zip(&stored.vectors)
            .filter(|(point, _)| {
                point.track == track && ordinal.is_none_or(|ordinal| point.ordinal == ordinal)
            })
            .map(|(_, vector)| vector.as_slice())
            .peekable();
        if let (None, Some(ordinal)) = (chosen.peek(), ordinal) {
            let point = PointKey { asset: asset.clone(), track, ordinal }.show(modality);
            return Err(EngineError::UnknownPoint { point });
        }
        Ok((mean(chosen)?, track.content()))
    }

    fn given(&self, vector: Vec<f32>) -> Result<Vec<f32>, EngineError> {
        let space = self.store.space();
        let (expected, received) = (space.dim, vector.len());
        let vector = space.of_one(vector);
        vectors::unit(vector, expected).ok_or(EngineError::BadVector { expected, received })
    }
}

/// What a file would be called as an asset; `None` for one that cannot be read, which the decoder will tell.
async fn asset_of(path: PathBuf, cancel: Cancel) -> Result<Option<AssetId>, EngineError> {
    blocking("hash a file", move || {
        let stamp = fs_err::metadata(&path)
            .ok()
            .filter(std::fs::Metadata::is_file)
            .map(|metadata| Stamp::of(&metadata));
        let hash = stamp.and_then(|stamp| hash_file(&path, stamp, &cancel).ok().flatten());
        Ok(hash.map(|hash| AssetId::from_content(&hash)))
    })
    .await
}

fn not_kept() -> FailureReason {
    FailureReason::new(ReasonKind::Moved, "it has no vectors")
}

fn asking_track(
    modality: Modality,
    tracks: impl IntoIterator<Item = Track> + Clone,
) -> Result<Track, EngineError> {
    vectors::asking_track(modality, tracks).ok_or(EngineError::EmptySum { length: 0.0 })
}

fn mean<'a>(vectors: impl IntoIterator<Item = &'a [f32]>) -> Result<Vec<f32>, EngineError> {
    vectors::mean(vectors).ok_or(EngineError::EmptySum { length: 0.0 })
}
