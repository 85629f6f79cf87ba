//! One item to one asset.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use sensorium_store::Store;
use sensorium_types::{
    AssetId, AssetRecord, Change, ContentHash, FailureReason, IngestContent, IngestItem, IngestPart,
    ItemFailure, ItemOutcome, ItemState, MediaPolicy, Modality, Payload, PointRecord, StageTimes,
    StoredAsset, Track,
};
use serde_json::Value;
use tracing::{Instrument as _, debug_span};

use super::FUSE_FIELD;
use super::parts::{self, Made};
use crate::blocking::blocking;
use crate::engine::PARTS_FIELD;
use crate::index::{MAX_TRIES, is_news};
use crate::seams::{Decode, Encode};
use crate::stages::{COMMIT, READ};
use crate::warning::Warning;
use crate::{EngineError, copies, vectors};

/// What an ingest has of its engine.
#[derive(Debug, Clone)]
pub(crate) struct Ingest {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) encode: Arc<dyn Encode>,
    pub(crate) decode: Arc<dyn Decode>,
    pub(crate) data_dir: PathBuf,
    /// How long its stages take.
    pub(crate) times: StageTimes,
}

/// What is known of content that comes in.
#[derive(Debug)]
enum Known {
    /// It is there, with this outcome.
    Whole(ItemOutcome),
    /// It is to be made.
    Not {
        /// How often it was, each time with a warning.
        tries: u32,
    },
}

impl Ingest {
    /// Brings an item in.
    pub(crate) async fn item(&self, item: IngestItem) -> Result<ItemOutcome, EngineError> {
        let begun = Instant::now();
        let mut item = check(item)?;
        let hashes: Vec<ContentHash> = item.parts.iter().map(|part| hash_of(&part.content)).collect();
        let hash = match hashes.as_slice() {
            [only] => *only,
            several => ContentHash::of_parts(several),
        };
        let id = item.id.clone().unwrap_or_else(|| AssetId::from_content(&hash));
        let known = self.known(&id, &hash, &mut item.metadata).instrument(debug_span!("read")).await;
        self.times.add(READ, begun.elapsed());
        let tries = match known? {
            Known::Whole(outcome) => return Ok(outcome),
            Known::Not { tries } => tries,
        };

        let (encode, decode) = (Arc::clone(&self.encode), Arc::clone(&self.decode));
        let (parts, times) = (item.parts.clone(), self.times.clone());
        let made = blocking("decode and encode an item", move || {
            parts::make(encode.as_ref(), decode.as_ref(), parts, &times)
        })
        .await?;
        let made = match made {
            Ok(made) => made,
            Err(reason) => return Ok(failed(id, reason)),
        };
        let Some(modality) = modality_of(&made) else { return Err(EngineError::NoParts) };
        let mut facts = facts(&item.parts, &made, &hashes, modality);
        let warning = warning(&made);
        if let Some(reason) = warning.clone() {
            Warning { reason, tries: tries + 1 }.put(&mut facts);
        }
        if !item.fuse.is_empty() {
            facts.set(FUSE_FIELD, written_fuse(&item.parts, &item.fuse));
        }
        let points = points(made, &item.fuse)?;
        let begun = Instant::now();
        let committing = debug_span!("commit");
        if item.media == MediaPolicy::Copy {
            self.keep_copies(&item.parts, &hashes).instrument(committing.clone()).await?;
        }
        let asset = AssetRecord {
            id: id.clone(),
            hash: Some(hash),
            modality,
            space_revision: self.store.space().revision,
            facts,
            metadata: item.metadata,
            media: item.media,
            from_source: false,
        };
        let change = Change::Upsert { asset, points, source: None };
        let applied = self.store.apply(vec![change]).instrument(committing).await?;
        self.times.add(COMMIT, begun.elapsed());
        let points = applied.iter().map(|applied| applied.points_written as u64).sum();
        let (asset, modality, state) = (Some(id), Some(modality), ItemState::Indexed);
        Ok(ItemOutcome { asset, modality, points, state, failure: warning.map(ItemFailure::from) })
    }

    /// What is known of content: nothing or other metadata merged, where it is there already. Content that waits for
    /// its bytes since `reembed`, or that another try may make whole, is made again and keeps its metadata below the new.
    async fn known(
        &self,
        id: &AssetId,
        hash: &ContentHash,
        metadata: &mut Payload,
    ) -> Result<Known, EngineError> {
        let found = self.store.get(std::slice::from_ref(id), false).await?;
        let Some(StoredAsset { record, .. }) = found.into_iter().next().flatten() else {
            return Ok(Known::Not { tries: 0 });
        };
        if record.hash.as_ref() != Some(hash) {
            return Ok(Known::Not { tries: 0 });
        }
        let warning = Warning::of(&record);
        let may_become_whole = warning
            .as_ref()
            .is_some_and(|warning| warning.reason.is_retryable() && warning.tries < MAX_TRIES);
        if record.space_revision != self.store.space().revision || may_become_whole {
            let given = std::mem::replace(metadata, record.metadata);
            metadata.merge(given);
            return Ok(Known::Not { tries: warning.map_or(0, |warning| warning.tries) });
        }
        let news = is_news(metadata, &record.metadata);
        if news {
            let change = Change::MergeMetadata { asset: id.clone(), metadata: metadata.clone() };
            self.store.apply(vec![change]).await?;
        }
        Ok(Known::Whole(ItemOutcome {
            asset: Some(id.clone()),
            modality: Some(record.modality),
            points: 0,
            state: if news { ItemState::Indexed } else { ItemState::Unchanged },
            failure: warning.filter(|_| news).map(|warning| warning.reason.into()),
        }))
    }

    async fn keep_copies(&self, parts: &[IngestPart], hashes: &[ContentHash]) -> Result<(), EngineError> {
        for (part, hash) in parts.iter().zip(hashes) {
            let (data_dir, hash) = (self.data_dir.clone(), *hash);
            let bytes: Arc<[u8]> = match &part.content {
                IngestContent::Text(text) => text.as_bytes().into(),
                IngestContent::Media(bytes) => Arc::clone(bytes),
                IngestContent::File(file) => {
                    let file = file.clone();
                    blocking("keep a copy", move || copies::keep_file(&data_dir, &file)).await?;
                    continue;
                }
                IngestContent::Vector(..) => continue,
            };
            blocking("keep a copy", move || copies::keep(&data_dir, &hash, &bytes)).await?;
        }
        Ok(())
    }
}

/// An item made again of the bytes of its parts.
#[derive(Debug)]
pub(crate) struct Product {
    pub(crate) modality: Modality,
    pub(crate) facts: Payload,
    pub(crate) points: Vec<PointRecord>,
    /// What is doubtful about it.
    pub(crate) warning: Option<FailureReason>,
}

/// Decodes and encodes the parts of an item anew; `fuse` speaks of them by number. Inner error: why one cannot be used.
pub(crate) fn product(
    encode: &dyn Encode,
    decode: &dyn Decode,
    bytes: Vec<Arc<[u8]>>,
    hashes: &[ContentHash],
    fuse: &[(String, f32)],
) -> Result<Result<Product, FailureReason>, EngineError> {
    let part = |(at, bytes)| IngestPart { name: name_of(at), content: IngestContent::Media(bytes) };
    let parts: Vec<IngestPart> = bytes.into_iter().enumerate().map(part).collect();
    let made = match parts::make(encode, decode, parts.clone(), &StageTimes::default())? {
        Ok(made) => made,
        Err(reason) => return Ok(Err(reason)),
    };
    let Some(modality) = modality_of(&made) else { return Err(EngineError::NoParts) };
    let facts = facts(&parts, &made, hashes, modality);
    let warning = warning(&made);
    Ok(Ok(Product { modality, facts, points: points(made, fuse)?, warning }))
}

/// The parts and weights of a fused point, as an asset's facts have them; parts by number.
pub(crate) fn stored_fuse(facts: &Payload) -> Vec<(String, f32)> {
    let pair = |pair: &Value| {
        let (at, weight) = (pair.get(0)?.as_u64()?, pair.get(1)?.as_f64()?);
        #[expect(clippy::cast_possible_truncation, reason = "it was an f32 when it was written")]
        let weight = weight as f32;
        Some((name_of(usize::try_from(at).ok()?), weight))
    };
    let pairs = facts.get(FUSE_FIELD).and_then(Value::as_array);
    pairs.map(|pairs| pairs.iter().filter_map(pair).collect()).unwrap_or_default()
}

fn written_fuse(parts: &[IngestPart], fuse: &[(String, f32)]) -> Vec<Value> {
    let place = |name: &str| parts.iter().position(|part| part.name == name);
    fuse.iter().filter_map(|(name, weight)| Some(serde_json::json!([place(name)?, weight]))).collect()
}

fn name_of(part: usize) -> String {
    part.to_string()
}

fn check(item: IngestItem) -> Result<IngestItem, EngineError> {
    if item.parts.is_empty() {
        return Err(EngineError::NoParts);
    }
    for (at, part) in item.parts.iter().enumerate() {
        if item.parts.iter().take(at).any(|other| other.name == part.name) {
            return Err(EngineError::RepeatedPart { name: part.name.clone() });
        }
    }
    for (name, weight) in &item.fuse {
        if !item.parts.iter().any(|part| part.name == *name) {
            return Err(EngineError::UnknownPart { name: name.clone() });
        }
        if !weight.is_finite() || *weight == 0.0 {
            return Err(EngineError::BadWeight);
        }
    }
    if item.media == MediaPolicy::Reference {
        return Err(EngineError::NothingToRefer);
    }
    item.metadata.check_user()?;
    Ok(item)
}

fn hash_of(content: &IngestContent) -> ContentHash {
    match content {
        IngestContent::Text(text) => ContentHash::of(text.as_bytes()),
        IngestContent::Media(bytes) => ContentHash::of(bytes),
        IngestContent::File(file) => file.hash,
        IngestContent::Vector(vector, _) => {
            let bytes: Vec<u8> = vector.iter().flat_map(|x| x.to_le_bytes()).collect();
            ContentHash::of(&bytes)
        }
    }
}

/// What a product is as a whole: its one part's modality, else the richest of its parts'.
fn modality_of(made: &[Made]) -> Option<Modality> {
    let richest = [Modality::Video, Modality::Image, Modality::Audio, Modality::Text];
    richest.into_iter().find(|modality| made.iter().any(|part| part.modality == *modality))
}

/// What is doubtful about a product: the first such thing of its parts.
fn warning(made: &[Made]) -> Option<FailureReason> {
    made.iter().find_map(|part| part.warning.clone())
}

/// Facts of the asset: those of its first part of the asset's modality, and of all parts their hashes.
fn facts(parts: &[IngestPart], made: &[Made], hashes: &[ContentHash], modality: Modality) -> Payload {
    let mut facts = Payload::new();
    let main = made.iter().zip(parts).find(|(part, _)| part.modality == modality);
    if let Some((main, part)) = main {
        if let Some(mime) = &main.mime {
            facts.set("mime", mime.as_str());
        }
        let bytes = match &part.content {
            IngestContent::Text(text) => Some(text.len() as u64),
            IngestContent::Media(bytes) => Some(bytes.len() as u64),
            IngestContent::File(file) => Some(file.bytes),
            IngestContent::Vector(..) => None,
        };
        if let Some(bytes) = bytes {
            facts.set("bytes", bytes);
        }
        facts.merge(main.facts.clone());
    }
    facts.set("modality", modality.name());
    if hashes.len() > 1 {
        facts.set(PARTS_FIELD, hashes.iter().map(|hash| Value::from(hash.to_hex())).collect::<Vec<_>>());
    }
    facts
}

/// The points of all parts, numbered on through each track, with the fused one.
fn points(made: Vec<Made>, fuse: &[(String, f32)]) -> Result<Vec<PointRecord>, EngineError> {
    let fused = if fuse.is_empty() { None } else { Some(fused(&made, fuse)?) };
    let mut points: Vec<PointRecord> = made.into_iter().flat_map(|part| part.points).collect();
    points.extend(fused);
    let mut next: HashMap<Track, u32> = HashMap::new();
    for point in &mut points {
        let ordinal = next.entry(point.track).or_default();
        point.ordinal = *ordinal;
        *ordinal += 1;
    }
    Ok(points)
}

fn fused(made: &[Made], fuse: &[(String, f32)]) -> Result<PointRecord, EngineError> {
    let mut sum = Vec::new();
    for (name, weight) in fuse {
        let part = made.iter().find(|part| part.name == *name);
        let part = part.ok_or_else(|| EngineError::UnknownPart { name: name.clone() })?;
        vectors::add(&mut sum, *weight, &part.mean()?);
    }
    let length = vectors::normalize(&mut sum);
    if length < vectors::MIN_LENGTH {
        return Err(EngineError::EmptySum { length });
    }
    Ok(PointRecord {
        track: Track::Fused,
        ordinal: 0,
        span: None,
        vector: sum,
        thumb: made.iter().flat_map(|part| &part.points).find_map(|point| point.thumb.clone()),
    })
}

fn failed(id: AssetId, reason: FailureReason) -> ItemOutcome {
    ItemOutcome { asset: Some(id), ..ItemOutcome::failed(reason) }
}
