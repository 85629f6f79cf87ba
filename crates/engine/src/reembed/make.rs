//! An asset to parts, and to the record that it gets.

use sensorium_embed::Priority;
use sensorium_media::{Head, MediaInput, Part, PartContent};
use sensorium_types::{
    AssetRecord, CAPTIONS_FIELD, Change, FailureReason, Losses, Modality, Payload, PointRecord, ReasonKind,
    ReembedEvent, ReembedState, SourceKey, SourceRow, StoredAsset, Substitute, Track,
};

use super::shared::Run;
use super::{FROM_NOTHING, FROM_THUMBNAILS, MARK_FIELD, REASON_FIELD, WITHOUT_FUSED, media, plan};
use crate::EngineError;
use crate::encode::{Encoding, Feed, is_of_the_file, reason_of};
use crate::ingest::{self, Product};
use crate::warning::Warning;

/// The changes that bring an asset over, and what is told after them.
pub(super) type Done = (Vec<Change>, ReembedEvent);
/// An asset that cannot be read, and why.
pub(super) type Unread = (Task, FailureReason);

/// An asset with its sources.
#[derive(Debug)]
pub(super) struct Task {
    pub(super) stored: StoredAsset,
    pub(super) sources: Vec<(SourceKey, SourceRow)>,
}

/// An asset on its way to vectors.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) task: Task,
    pub(super) modality: Modality,
    /// What the bytes say of the asset.
    pub(super) facts: Payload,
    pub(super) points: Points,
    /// What is doubtful about what the bytes gave.
    pub(super) warning: Option<FailureReason>,
    /// What its vectors are made of, if not of its media, and why.
    pub(super) instead: Option<(&'static str, FailureReason)>,
}

/// Points, or points to be.
#[derive(Debug)]
pub(super) enum Points {
    /// With the encoders.
    Waiting(Box<Encoding>),
    /// There.
    Ready(Vec<PointRecord>),
}

/// Reads an asset's media and sends it to the encoders. Inner error: why it cannot be read.
pub(super) fn of_media(run: &Run, task: Task) -> Result<Result<Made, Unread>, EngineError> {
    if let Some(hashes) = media::parts(&task.stored) {
        return of_parts(run, task, &hashes);
    }
    let paths = media::candidates(&task.stored.record, &task.sources, &run.data_dir);
    let seams = (run.decode.as_ref(), run.encode.as_ref());
    let read = media::read(&task.stored.record, paths, seams, &run.cancel)?;
    let (Head { modality, mime, mut facts, warning }, encoding) = match read {
        Ok(sent) => sent,
        Err(reason) => return Ok(Err((task, reason))),
    };
    facts.set("mime", mime);
    facts.set("modality", modality.name());
    let points = Points::Waiting(Box::new(encoding));
    Ok(Ok(Made { task, modality, facts, points, warning, instead: None }))
}

fn of_parts(
    run: &Run,
    task: Task,
    hashes: &[sensorium_types::ContentHash],
) -> Result<Result<Made, Unread>, EngineError> {
    let bytes = match media::copies_of(&run.data_dir, hashes) {
        Ok(bytes) => bytes,
        Err(reason) => return Ok(Err((task, reason))),
    };
    let fuse = ingest::stored_fuse(&task.stored.record.facts);
    let was_fused = task.stored.points.iter().any(|point| point.track == Track::Fused);
    match ingest::product(run.encode.as_ref(), run.decode.as_ref(), bytes, hashes, &fuse) {
        Ok(Ok(Product { modality, facts, points, warning })) => {
            let lacks = was_fused && fuse.is_empty();
            let why = "the weights of its parts were not written down";
            let instead = lacks.then(|| (WITHOUT_FUSED, FailureReason::new(ReasonKind::Moved, why)));
            Ok(Ok(Made { task, modality, facts, points: Points::Ready(points), warning, instead }))
        }
        Ok(Err(reason)) => Ok(Err((task, reason))),
        Err(error) if is_of_the_file(&error) => Ok(Err((task, reason_of(&error)))),
        Err(error) => Err(error),
    }
}

/// Encodes an asset's thumbnails, or nothing, in place of its media.
pub(super) fn of_what_is_left(run: &Run, task: Task, reason: FailureReason) -> Result<Made, EngineError> {
    let mut feed = Feed::new(run.encode.as_ref(), Priority::Bulk);
    let mut mark = FROM_NOTHING;
    for (key, info) in media::pictured(&task.stored) {
        let mut thumbs = run.runtime.block_on(run.from.thumbs(&[key]))?;
        let Some(thumb) = thumbs.pop().flatten() else { continue };
        let mut first = None;
        let mut on_part = |part: Part| {
            first.get_or_insert(part.content);
            Ok(())
        };
        let input = MediaInput::Bytes(thumb.clone().into());
        let decoded = run.decode.decode_each(input, Priority::Bulk, &run.cancel, &mut on_part)?;
        if let (Ok(_), Some(content @ PartContent::Frames(_))) = (decoded, first) {
            let (track, ordinal, span) = (info.track, info.ordinal, info.span);
            mark = FROM_THUMBNAILS;
            if feed.push(Part { track, ordinal, span, content, thumb: Some(thumb) }).is_err() {
                // Waiting for the vectors tells why.
                break;
            }
        }
    }
    let points = Points::Waiting(Box::new(feed.close()?));
    let modality = task.stored.record.modality;
    let (facts, instead) = (Payload::new(), Some((mark, reason)));
    Ok(Made { task, modality, facts, points, warning: None, instead })
}

impl Made {
    /// Waits for the vectors. Inner error: these bytes cannot be encoded.
    pub(super) fn finish(self, revision: &str) -> Result<Result<Done, Unread>, EngineError> {
        let Self { task, modality, mut facts, points, warning, instead } = self;
        let points = match points {
            Points::Ready(points) => points,
            Points::Waiting(encoding) => match encoding.wait() {
                Ok(points) => points,
                Err(error) if is_of_the_file(&error) => return Ok(Err((task, reason_of(&error)))),
                Err(error) => return Err(error),
            },
        };
        let state = match &instead {
            Some(_) if points.is_empty() => ReembedState::WithoutVectors,
            Some((FROM_THUMBNAILS, _)) => ReembedState::FromThumbnails,
            Some(_) | None => ReembedState::Reembedded,
        };
        let event = ReembedEvent {
            asset: task.stored.record.id.clone(),
            modality,
            path: plan::last_path(&task.stored),
            points: points.len() as u64,
            state,
            reason: instead.as_ref().map(|(_, reason)| reason.clone()).or_else(|| warning.clone()),
        };
        if let Some(reason) = warning {
            Warning { reason, tries: 1 }.put(&mut facts);
        }
        let asset = record(task.stored.record, modality, &facts, instead, (revision, points.is_empty()));
        let mut sources = task.sources.into_iter();
        let mut changes = vec![Change::Upsert { asset, points, source: sources.next() }];
        changes.extend(sources.map(|(key, row)| Change::PutSource { key, row }));
        Ok(Ok((changes, event)))
    }
}

/// The record of an asset in the new space. One without points keeps its revision: it still waits to come over.
fn record(
    old: AssetRecord,
    modality: Modality,
    found: &Payload,
    instead: Option<(&'static str, FailureReason)>,
    (revision, is_bare): (&str, bool),
) -> AssetRecord {
    let mut facts = old.facts;
    facts.0.remove(MARK_FIELD);
    facts.0.remove(REASON_FIELD);
    if instead.is_none() {
        // Made again by this bundle's decoder. What nobody can look at any more keeps its words and its warning.
        facts.0.remove(CAPTIONS_FIELD);
        Warning::clear(&mut facts);
    }
    facts.merge(found.clone());
    if let Some((mark, reason)) = instead {
        facts.set(MARK_FIELD, mark);
        facts.set(REASON_FIELD, reason.to_string());
    }
    let space_revision = match is_bare {
        false => revision.to_owned(),
        // Back in the space that it came from, it has no vectors all the same.
        true if old.space_revision == revision => String::new(),
        true => old.space_revision,
    };
    AssetRecord { modality, facts, space_revision, ..old }
}

/// Whether an asset that was listed comes over without its media.
pub(super) const fn is_given_up(substitute: Substitute, losses: Losses) -> bool {
    match (substitute, losses) {
        (Substitute::Thumbnails, _) | (Substitute::Nothing, Losses::Listed | Losses::All) => true,
        (Substitute::Nothing, Losses::None) => false,
    }
}
