//! A video to a storyboard: chosen shots in order of time, each with a sentence.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use sensorium_embed::{Image, Priority, until_cancelled};
use sensorium_media::{Cancel, MediaInput, Part, PartContent};
use sensorium_types::{
    Caption, CaptionEvent, CaptionInput, Content, Modality, PartCaption, SummaryLength, Track,
};
use tokio::sync::mpsc::UnboundedSender;

use super::choose::{Likeness, Shot, Window, choose, excerpts, shots};
use super::{Captions, beam_options, middle, while_heard};
use crate::blocking::blocking;
use crate::encode::Feed;
use crate::seams::{Captioned, Decode, Encode};
use crate::{Engine, EngineError};

/// Length of the excerpts that a time is filled with, where there are shots enough.
const EXCERPT_MS: u64 = 2_000;
/// Neighbours that are said in the same words are one shot if they are at least so alike.
const ALIKE_IF_SAID_ALIKE: f32 = 0.5;
/// Share of the words of two captions that both have, from which on they say the same.
const SAME_WORDS: f32 = 0.8;
/// Images that are kept while a video is cut; beyond it, the chosen ones are decoded again.
const MAX_HELD_BYTES: usize = 256 << 20;

impl Captions {
    /// Chooses shots of a video and puts each into words; they are told in order of time, once all are there. It ends
    /// early when nobody listens any more.
    ///
    /// # Errors
    /// If the bundle has no caption decoder, the bytes cannot be decoded, or they are no video.
    pub async fn summarize(
        &self,
        (input, name): (MediaInput, String),
        length: SummaryLength,
        events: UnboundedSender<CaptionEvent>,
    ) -> Result<(), EngineError> {
        self.check().await?;
        let (encode, decode) = (Arc::clone(&self.encode), Arc::clone(&self.decode));
        blocking("summarize a video", move || {
            let (encode, decode, cancel) = (encode.as_ref(), decode.as_ref(), while_heard(&events));
            let maker = Maker { encode, decode, input, name, cancel };
            for part in maker.make(length, &events)? {
                if events.send(CaptionEvent::Done(part)).is_err() {
                    break;
                }
            }
            Ok(())
        })
        .await
    }
}

impl Engine {
    /// Chooses shots of a video and puts each into words; they are told in order of time, once all are there. It ends
    /// early when nobody listens any more.
    ///
    /// # Errors
    /// If the bundle has no caption decoder, the media are unknown, away or cannot be decoded, or they are no video.
    pub async fn summarize(
        &self,
        input: CaptionInput,
        length: SummaryLength,
        events: UnboundedSender<CaptionEvent>,
    ) -> Result<(), EngineError> {
        if let CaptionInput::Point(asset, ..) = input {
            return Err(EngineError::NotAWholeVideo { asset });
        }
        let captions = self.captions();
        let media = self.caption_media(input, &captions).await?;
        captions.summarize(media, length, events).await
    }
}

/// Windows of a video, and images of them by their place, unless those are too many to be kept.
type Cut = (Vec<Window>, Option<HashMap<u32, Image>>);

/// A video with what cuts and reads it.
struct Maker<'a> {
    encode: &'a dyn Encode,
    decode: &'a dyn Decode,
    input: MediaInput,
    name: String,
    /// Set once nobody listens any more.
    cancel: Cancel,
}

/// A shot in words.
struct Told {
    shot: Shot,
    span: (u64, u64),
    caption: Caption,
}

impl Maker<'_> {
    fn make(
        &self,
        length: SummaryLength,
        events: &UnboundedSender<CaptionEvent>,
    ) -> Result<Vec<PartCaption>, EngineError> {
        let calibration = self.encode.calibration().get(Content::Image, Content::Image);
        let likeness = Likeness { chance: calibration.map_or(0.0, |pair| pair.mean) };
        let (windows, held) = self.cut()?;
        let shots = shots(windows, likeness);
        let most = match length {
            SummaryLength::Shots(most) => most.get(),
            SummaryLength::TimeMs(time) => {
                usize::try_from(time.get() / EXCERPT_MS).unwrap_or(SummaryLength::MAX_SHOTS).max(1)
            }
        };
        let chosen: Vec<Shot> =
            choose(&shots, most, likeness).into_iter().filter_map(|at| shots.get(at)).cloned().collect();
        let mut images = match held {
            Some(held) => held,
            None => self.images(&chosen.iter().map(|shot| shot.ordinal).collect())?,
        };
        let mut told: Vec<Told> = Vec::new();
        for shot in chosen {
            // Dropped by the video's change between two readings: then there is nothing to show.
            let Some(image) = images.remove(&shot.ordinal) else { continue };
            let mut tell = |_: &str| {
                if events.is_closed() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            };
            let way = (&beam_options(), Priority::Query);
            let caption = until_cancelled(&self.cancel, || {
                self.encode.caption(&Captioned::Image(image), way, &mut tell)
            })?;
            if events.is_closed() {
                return Ok(Vec::new());
            }
            match told.last_mut() {
                Some(last) if last.span.1 == shot.span.0 && say_the_same(last, &shot, &caption, likeness) => {
                    last.span.1 = shot.span.1;
                    last.shot = shot;
                }
                Some(_) | None => told.push(Told { span: shot.span, shot, caption }),
            }
        }
        let mut spans: Vec<(u64, u64)> = told.iter().map(|told| told.span).collect();
        if let SummaryLength::TimeMs(time) = length {
            spans = excerpts(&spans, time.get());
        }
        let parts = told.into_iter().zip(spans);
        Ok(parts.map(|(told, span)| PartCaption { span: Some(span), caption: told.caption }).collect())
    }

    /// The video's windows with their vectors, and the middle image of each, unless they are too many to be kept.
    fn cut(&self) -> Result<Cut, EngineError> {
        let mut feed = Feed::new(self.encode, Priority::Bulk).until(&self.cancel);
        let (mut held, mut bytes, mut any) = (HashMap::new(), 0_usize, false);
        let decoded =
            self.decode.decode_each(self.input.clone(), Priority::Query, &self.cancel, &mut |part| {
                if part.track != Track::Video {
                    return Ok(());
                }
                any = true;
                if bytes <= MAX_HELD_BYTES
                    && let Some(image) = frame_of(&part)
                {
                    bytes += image.pixels.len();
                    held.insert(part.ordinal, image);
                }
                if bytes > MAX_HELD_BYTES {
                    held.clear();
                }
                feed.push(part)
            })?;
        if let Ok(head) = &decoded {
            let (name, modality) = (self.name.clone(), head.modality);
            if modality != Modality::Video {
                return Err(EngineError::NotAVideo { name, modality });
            }
            if !any {
                return Err(EngineError::NothingToSee { name });
            }
        }
        let bad = |reason| EngineError::BadTerm { term: self.name.clone(), reason };
        let (_, encoding) = feed.finish(decoded)?.map_err(bad)?;
        let windows = encoding.wait()?.into_iter().filter_map(|point| {
            let span = point.span?.time()?;
            Some(Window { ordinal: point.ordinal, span, vector: point.vector })
        });
        Ok((windows.collect(), (bytes <= MAX_HELD_BYTES).then_some(held)))
    }

    /// Reads the video again for the images of some windows.
    fn images(&self, wanted: &HashSet<u32>) -> Result<HashMap<u32, Image>, EngineError> {
        let mut images = HashMap::new();
        let decoded =
            self.decode.decode_each(self.input.clone(), Priority::Query, &self.cancel, &mut |part| {
                if part.track == Track::Video
                    && wanted.contains(&part.ordinal)
                    && let Some(image) = frame_of(&part)
                {
                    images.insert(part.ordinal, image);
                }
                Ok(())
            })?;
        decoded.map_err(|reason| EngineError::BadTerm { term: self.name.clone(), reason })?;
        Ok(images)
    }
}

/// The frame in the middle of a part.
fn frame_of(part: &Part) -> Option<Image> {
    match &part.content {
        PartContent::Frames(frames) => middle(frames),
        PartContent::Pcm(_) | PartContent::Text(_) => None,
    }
}

/// Whether two neighbours look alike enough that the same words mean the same scene.
fn say_the_same(last: &Told, next: &Shot, caption: &Caption, likeness: Likeness) -> bool {
    let words = |text: &str| text.split_whitespace().map(str::to_lowercase).collect::<HashSet<_>>();
    let (left, right) = (words(&last.caption.text), words(&caption.text));
    let shared = left.intersection(&right).count() as f32 / left.union(&right).count().max(1) as f32;
    shared >= SAME_WORDS && likeness.of_shots(&last.shot, next) >= ALIKE_IF_SAID_ALIKE
}
