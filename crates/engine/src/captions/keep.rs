//! Captions as data: made once for each image, video and audio, kept beside their points, found by their words.
//!
//! ```text
//! asset without captions of this bundle ─► its media ─► images or audio ─► words ─► vectors ─► Change::PutCaptions
//! ```
//!
//! They are made after the commit that makes an asset, one asset at a time, and never while somebody waits for it:
//! `index` makes them at its end, a server while it has nothing else to do. What is missing is read off the assets
//! themselves, so that a run which was killed is taken up by the next, and captions of an older bundle are missing.
//!
//! The words lie in the asset's facts under [`CAPTIONS_FIELD`], apart from what the user gave; their vectors are points of
//! [`Track::Caption`], each with the place and span of the point that it speaks of.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use sensorium_embed::{EmbedError, Input, Priority, until_cancelled};
use sensorium_media::{Cancel, MediaInput};
use sensorium_types::{
    AssetId, CAPTIONS_FIELD, Caption, CaptionCounts, Change, Comparison, Cursor, FailureReason, Filter,
    Language, Literal, Modality, Payload, PointInfo, PointRecord, Span, StoredAsset, Track,
};
use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedSender;

use super::{beam_options, shown};
use crate::blocking::blocking;
use crate::encode::is_of_the_file;
use crate::engine::PARTS_FIELD;
use crate::seams::{Captioned, Decode, Encode};
use crate::{Engine, EngineError};

/// Field of a hit's payload with what was said of the place that was found: `{"text", "confidence"}`.
const CAPTION_FIELD: &str = "_caption";
/// Most captions of one video; of a longer one, parts evenly spread.
const MAX_CAPTIONS: usize = 200;
/// Assets looked at in one call of the store.
const PAGE: usize = 256;
/// How long the next caption waits before it looks again whether others work.
const BUSY_PAUSE: Duration = Duration::from_millis(50);

/// What became of an asset that lacked captions.
#[derive(Debug, Clone, PartialEq)]
pub enum CaptionOutcome {
    /// So many were written.
    Made(usize),
    /// Its bytes cannot be decoded; it is not tried again by this bundle.
    Failed(FailureReason),
    /// Its media is away; it is tried again.
    Away,
    /// It is gone, or other bytes by now.
    Gone,
}

/// How fast captions are made: they wait while others work, and end when told to.
#[derive(Clone, Default)]
pub struct CaptionPace {
    /// Ends the work; what is half made is not kept.
    pub cancel: Cancel,
    /// Whether others work now; looked at before each token. Then the caption is begun anew once they are done.
    pub is_busy: Option<Arc<dyn Fn() -> bool + Send + Sync>>,
}

impl std::fmt::Debug for CaptionPace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CaptionPace").field("cancel", &self.cancel).finish_non_exhaustive()
    }
}

impl CaptionPace {
    fn others_work(&self) -> bool {
        self.is_busy.as_ref().is_some_and(|is_busy| is_busy())
    }

    /// Blocks while others work; `false` once it is time to end.
    fn go_on(&self) -> bool {
        while !self.cancel.is_cancelled() {
            if !self.others_work() {
                return true;
            }
            std::thread::sleep(BUSY_PAUSE);
        }
        false
    }
}

/// An asset is done.
#[derive(Debug, Clone, PartialEq)]
pub struct CaptionsMade {
    /// The asset.
    pub asset: AssetId,
    /// What became of it.
    pub outcome: CaptionOutcome,
}

/// Counts of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CaptionsSummary {
    /// Assets that have captions now.
    pub made: u64,
    /// Assets whose bytes could not be put into words.
    pub failed: u64,
    /// Assets whose media is away.
    pub away: u64,
    /// Whether the run was cancelled; what it counts is kept.
    pub interrupted: bool,
}

impl Engine {
    /// Whether the collection keeps captions.
    pub fn keeps_captions(&self) -> bool {
        self.store.keeps_captions()
    }

    /// Says whether the collection keeps captions. Those that are there stay, and are not found while it does not.
    ///
    /// # Errors
    /// If the bundle has no caption decoder, the engine only reads, or the store fails.
    pub async fn keep_captions(&self, wanted: bool) -> Result<(), EngineError> {
        let _writes = self.begin_write()?;
        if wanted == self.keeps_captions() {
            return Ok(());
        }
        if wanted {
            self.check_captions().await?;
        }
        self.store.apply(vec![Change::KeepCaptions { wanted }]).await?;
        Ok(())
    }

    /// How many captions are made and missing; `None` where the collection does not keep them.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn caption_counts(&self) -> Result<Option<CaptionCounts>, EngineError> {
        if !self.keeps_captions() {
            return Ok(None);
        }
        let missing = self.store.count(Some(&self.lacks_captions())).await?;
        let all = self.store.count(Some(&self.speaks_of())).await?;
        Ok(Some(CaptionCounts { made: all.saturating_sub(missing), missing }))
    }

    /// A page of assets that lack captions, from a cursor on, and where the next page begins.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn captions_missing(
        &self,
        from: Option<&Cursor>,
    ) -> Result<(Vec<AssetId>, Option<Cursor>), EngineError> {
        let page = self.store.scroll(Some(&self.lacks_captions()), from, PAGE, false).await?;
        Ok((page.items.into_iter().map(|stored| stored.record.id).collect(), page.next))
    }

    /// Makes the captions of one asset and keeps them.
    ///
    /// # Errors
    /// If the bundle has no caption decoder or is not that of the collection, the engine only reads, or the store fails.
    pub async fn make_captions_of(
        &self,
        asset: &AssetId,
        pace: &CaptionPace,
    ) -> Result<CaptionOutcome, EngineError> {
        let _writes = self.begin_write()?;
        self.check_space()?;
        let Some(revision) = self.encode.caption_revision() else {
            return Err(sensorium_embed::EmbedError::NoCaptioner { modality: Modality::Image }.into());
        };
        let found = self.store.get(std::slice::from_ref(asset), false).await?;
        let Some(stored) = found.into_iter().next().flatten() else { return Ok(CaptionOutcome::Gone) };
        let media = match self.media(asset).await {
            Ok(media) => MediaInput::Path(media.path),
            Err(EngineError::MediaAway { .. }) => return Ok(CaptionOutcome::Away),
            Err(EngineError::UnknownAsset { .. }) => return Ok(CaptionOutcome::Gone),
            Err(error) => return Err(error),
        };
        let hash = stored.record.hash;
        let (encode, decode, pace) = (Arc::clone(&self.encode), Arc::clone(&self.decode), pace.clone());
        let written = blocking("keep captions", move || {
            let speaker = Speaker { encode: encode.as_ref(), decode: decode.as_ref(), pace: &pace };
            speaker.write(&stored, media)
        })
        .await?;
        let (parts, points, outcome) = match written {
            Ok((parts, points)) => {
                let count = parts.len();
                (parts, points, CaptionOutcome::Made(count))
            }
            Err(reason) if reason.is_retryable() => return Ok(CaptionOutcome::Failed(reason)),
            Err(reason) => (Vec::new(), Vec::new(), CaptionOutcome::Failed(reason)),
        };
        let mut captions = json!({ "revision": revision, "parts": parts });
        if let (CaptionOutcome::Failed(reason), Some(fields)) = (&outcome, captions.as_object_mut()) {
            fields.insert("reason".to_owned(), Value::from(reason.to_string()));
        }
        let change = Change::PutCaptions { asset: asset.clone(), hash, captions, points };
        let applied = self.store.apply(vec![change]).await?;
        if applied.first().is_some_and(|applied| applied.found) {
            Ok(outcome)
        } else {
            Ok(CaptionOutcome::Gone)
        }
    }

    /// Makes all captions that are missing, each told after the commit that keeps it. A cancelled run ends with what it
    /// has, and the next goes on.
    ///
    /// # Errors
    /// As [`Engine::make_captions_of`].
    pub async fn make_captions(
        &self,
        events: UnboundedSender<CaptionsMade>,
        cancel: Cancel,
    ) -> Result<CaptionsSummary, EngineError> {
        let pace = CaptionPace { cancel: cancel.clone(), is_busy: None };
        let mut summary = CaptionsSummary::default();
        let mut after = None;
        loop {
            let (assets, next) = self.captions_missing(after.as_ref()).await?;
            for asset in assets {
                if cancel.is_cancelled() {
                    summary.interrupted = true;
                    return Ok(summary);
                }
                let outcome = self.make_captions_of(&asset, &pace).await?;
                match &outcome {
                    CaptionOutcome::Made(_) => summary.made += 1,
                    CaptionOutcome::Failed(_) if cancel.is_cancelled() => continue,
                    CaptionOutcome::Failed(_) => summary.failed += 1,
                    CaptionOutcome::Away => summary.away += 1,
                    CaptionOutcome::Gone => {}
                }
                // A receiver that is gone does not want to know.
                let _ = events.send(CaptionsMade { asset, outcome });
            }
            match next {
                Some(next) => after = Some(next),
                None => return Ok(summary),
            }
        }
    }

    /// What the bundle at hand can put into words.
    fn speaks_of(&self) -> Filter {
        let captioned = self.encode.captioned();
        let modalities: Vec<Modality> = captioned
            .into_iter()
            .flat_map(|of| match of {
                Modality::Image => vec![Modality::Image, Modality::Video],
                Modality::Audio | Modality::Video | Modality::Text => vec![of],
            })
            .collect();
        single_files(&modalities)
    }

    /// What the bundle at hand could put into words, and has not.
    fn lacks_captions(&self) -> Filter {
        let revision = Filter::Compare {
            field: format!("{CAPTIONS_FIELD}.revision"),
            comparison: Comparison::Equal,
            value: Literal::Text(self.encode.caption_revision().unwrap_or_default()),
        };
        Filter::And(vec![self.speaks_of(), Filter::Not(Box::new(revision))])
    }
}

/// Assets of these modalities of one file each: a product is described by who made it.
fn single_files(modalities: &[Modality]) -> Filter {
    let names = modalities.iter().map(|modality| Literal::Text(modality.name().to_owned()));
    let product = Filter::Exists { field: PARTS_FIELD.to_owned() };
    Filter::And(vec![
        Filter::In { field: "modality".to_owned(), values: names.collect() },
        Filter::Not(Box::new(product)),
    ])
}

/// Rows of the fact, and the points of their words.
type Written = (Vec<Value>, Vec<PointRecord>);

/// What decodes and speaks.
struct Speaker<'a> {
    encode: &'a dyn Encode,
    decode: &'a dyn Decode,
    pace: &'a CaptionPace,
}

impl Speaker<'_> {
    /// The caption of one content, made while nobody else works: the decoder is let go of as soon as somebody does. `None` once it is
    /// time to end.
    fn caption(&self, content: &Captioned) -> Result<Option<Caption>, EngineError> {
        while self.pace.go_on() {
            let mut gave_way = false;
            let mut on_piece = |_: &str| {
                gave_way = self.pace.cancel.is_cancelled() || self.pace.others_work();
                if gave_way { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            };
            let way = (&beam_options(), Priority::Bulk);
            match until_cancelled(&self.gives_way(), || self.encode.caption(content, way, &mut on_piece)) {
                Ok(caption) if !gave_way => return Ok(Some(caption)),
                Ok(_) | Err(EngineError::Embed(EmbedError::Cancelled)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// Set when it is to end, and while somebody else works.
    fn gives_way(&self) -> Cancel {
        let pace = self.pace.clone();
        self.pace.cancel.when(move || pace.others_work())
    }

    /// Captions of an asset. Inner error: why its bytes cannot be put into words.
    fn write(
        &self,
        stored: &StoredAsset,
        media: MediaInput,
    ) -> Result<Result<Written, FailureReason>, EngineError> {
        let (track, wanted) = wanted(&stored.points, &self.encode.captioned());
        let mut contents: Vec<(u32, Captioned)> = Vec::new();
        let mut on_part = |part: sensorium_media::Part| {
            if part.track == track
                && wanted.contains_key(&part.ordinal)
                && let Some((_, ordinal, (_, content))) = shown(&part)
            {
                contents.push((ordinal, content));
            }
            Ok(())
        };
        let decoded = self.decode.decode_each(media, Priority::Bulk, &self.pace.cancel, &mut on_part)?;
        if let Err(reason) = decoded {
            return Ok(Err(reason));
        }
        let (mut rows, mut said) = (Vec::new(), Vec::new());
        for (ordinal, content) in contents {
            let caption = match self.caption(&content) {
                Ok(Some(caption)) => caption,
                Ok(None) => {
                    return Ok(Err(FailureReason::new(sensorium_types::ReasonKind::TimedOut, "interrupted")));
                }
                Err(error) if is_of_the_file(&error) => return Ok(Err(crate::encode::reason_of(&error))),
                Err(error) => return Err(error),
            };
            let text = caption.text.trim().to_owned();
            if text.is_empty() {
                continue;
            }
            let span = wanted.get(&ordinal).copied().flatten();
            let mut row =
                json!({ "ordinal": ordinal, "text": text, "confidence": rounded(caption.confidence) });
            if let (Some((start, end)), Some(fields)) = (span.and_then(Span::time), row.as_object_mut()) {
                fields.insert("start_ms".to_owned(), start.into());
                fields.insert("end_ms".to_owned(), end.into());
            }
            rows.push(row);
            said.push((ordinal, span, text));
        }
        let inputs = said
            .iter()
            .map(|(_, _, text)| Input::TextIn(Language::English, text.clone()))
            .collect::<Vec<_>>();
        let vectors = if inputs.is_empty() {
            Vec::new()
        } else {
            self.encode.submit(inputs, Priority::Bulk)?.wait(&self.pace.cancel)?
        };
        let points = said.into_iter().zip(vectors).map(|((ordinal, span, _), vector)| PointRecord {
            track: Track::Caption,
            ordinal,
            span,
            vector,
            thumb: None,
        });
        Ok(Ok((rows, points.collect())))
    }
}

/// The places of an asset's images that are put into words, or of its audio if it has none, with their spans; nothing
/// of what nobody here puts into words.
fn wanted(points: &[PointInfo], captioned: &[Modality]) -> (Track, HashMap<u32, Option<Span>>) {
    let of = |track| points.iter().filter(|point| point.track == track).collect::<Vec<_>>();
    let (track, contents) = [Track::Image, Track::Video, Track::Audio]
        .map(|track| (track, of(track)))
        .into_iter()
        .find(|(_, points)| !points.is_empty())
        .unwrap_or((Track::Image, Vec::new()));
    let by = if track == Track::Audio { Modality::Audio } else { Modality::Image };
    let contents = if captioned.contains(&by) { contents } else { Vec::new() };
    let count = contents.len();
    let places: Vec<usize> = if count <= MAX_CAPTIONS {
        (0..count).collect()
    } else {
        (0..MAX_CAPTIONS).map(|share| (2 * share + 1) * count / (2 * MAX_CAPTIONS)).collect()
    };
    let chosen = places.into_iter().filter_map(|at| contents.get(at));
    (track, chosen.map(|point| (point.ordinal, point.span)).collect())
}

fn rounded(confidence: f32) -> f64 {
    (f64::from(confidence) * 1000.0).round() / 1000.0
}

/// Puts what was said of a place into the fields that a hit shows, in the place of all that was said.
pub(crate) fn show_caption(payload: &mut Payload, point: &PointInfo, keeps: bool) {
    let Some(captions) = payload.0.remove(CAPTIONS_FIELD) else { return };
    let parts = captions.get("parts").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let number = |part: &Value, field: &str| part.get(field).and_then(Value::as_u64);
    let time = point.span.and_then(Span::time);
    let spans = |part: &Value, (start, end)| {
        number(part, "start_ms") == Some(start) && number(part, "end_ms") == Some(end)
    };
    let own = |part: &Value| number(part, "ordinal") == Some(u64::from(point.ordinal));
    let is_its = |part: &&Value| match (point.track, time) {
        // An audio clip's own words; else it is heard beside the image at its middle.
        (Track::Audio, Some(time)) if parts.iter().any(|part| own(part) && spans(part, time)) => own(part),
        (Track::Audio, Some((start, end))) => {
            let middle = u64::midpoint(start, end);
            number(part, "start_ms").is_some_and(|start| start <= middle)
                && number(part, "end_ms").is_some_and(|end| middle < end)
        }
        _ => own(part),
    };
    if let Some(part) = parts.iter().find(is_its).filter(|_| keeps) {
        let field = |name: &str| part.get(name).cloned().unwrap_or(Value::Null);
        payload.set(CAPTION_FIELD, json!({ "text": field("text"), "confidence": field("confidence") }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn video(parts: u32) -> Vec<PointInfo> {
        let span =
            |at: u32| Some(Span::Time { start_ms: u64::from(at) * 10, end_ms: u64::from(at) * 10 + 10 });
        (0..parts).map(|at| PointInfo { track: Track::Video, ordinal: at, span: span(at) }).collect()
    }

    #[test]
    fn a_long_video_is_put_into_words_here_and_there() {
        let both = [Modality::Image, Modality::Audio];
        assert_eq!(wanted(&video(7), &both).1.len(), 7);
        let (_, places) = wanted(&video(2_000), &both);
        assert_eq!(places.len(), MAX_CAPTIONS);
        assert!(places.keys().any(|at| *at < 10) && places.keys().any(|at| *at >= 1_990));
    }

    #[test]
    fn audio_speaks_where_there_is_nothing_to_see() {
        let both = [Modality::Image, Modality::Audio];
        let audio = PointInfo { track: Track::Audio, ordinal: 0, span: None };
        let one = HashMap::from([(0, None)]);
        assert_eq!(wanted(&[audio], &both), (Track::Audio, one));
        assert_eq!(wanted(&[video(1), vec![audio]].concat(), &both).0, Track::Video);
        assert!(wanted(&[audio], &both[..1]).1.is_empty(), "nobody puts audio into words");
        assert!(wanted(&[PointInfo { track: Track::Text, ..audio }], &both).1.is_empty());
    }

    #[test]
    fn a_hit_shows_what_was_said_of_its_place() {
        let parts = json!([
            { "ordinal": 0, "text": "a dog", "confidence": 0.5, "start_ms": 0, "end_ms": 10 },
            { "ordinal": 1, "text": "a cat", "confidence": 0.25, "start_ms": 10, "end_ms": 20 },
        ]);
        let shown = |track, ordinal, span, keeps| {
            let mut payload = Payload::new();
            payload.set(CAPTIONS_FIELD, json!({ "revision": "x@1", "parts": parts }));
            show_caption(&mut payload, &PointInfo { track, ordinal, span }, keeps);
            assert!(payload.get(CAPTIONS_FIELD).is_none());
            payload.get(CAPTION_FIELD).cloned()
        };
        let cat = Some(json!({ "text": "a cat", "confidence": 0.25 }));
        let later = Some(Span::Time { start_ms: 5, end_ms: 20 });
        assert_eq!(shown(Track::Video, 1, later, true), cat);
        assert_eq!(shown(Track::Caption, 1, later, true), cat);
        assert_eq!(shown(Track::Audio, 0, later, true), cat, "by its time");
        let first = Some(Span::Time { start_ms: 0, end_ms: 10 });
        let dog = Some(json!({ "text": "a dog", "confidence": 0.5 }));
        assert_eq!(shown(Track::Audio, 0, first, true), dog, "its own");
        assert_eq!(shown(Track::Video, 2, None, true), None);
        assert_eq!(shown(Track::Video, 1, later, false), None);
    }
}
