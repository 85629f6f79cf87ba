//! Fakes that stand in for decoders and encoders, and an engine over them.
//!
//! A fake file is a line: `image a dog on a beach`, `video dog|cat;bark` (shots, then windows of the soundtrack),
//! `audio bark|rain`, `text a passage|another`, or the name of a failure: `corrupt`, `timeout`, `crash`. `cut image a
//! dog` is a file cut short, `late image a dog` one that ran out of time: both are told with a warning. The fake
//! encoders give a text the sum of one random direction a word, whatever the modality, so that what shares words is
//! near.

#![allow(dead_code, unused_imports, reason = "not every test binary uses every helper")]

mod gate;

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use sensorium_embed::{DecoderOptions, Image, Input, Priority, TextScore, TextScores};
use sensorium_engine::{
    Access, Cancel, Captioned, Decode, Encode, Engine, EngineError, EngineParts, OnPart, Pending,
};
use sensorium_media::{Decoded, Head, MediaInput, Part, PartContent, Rgb};
use sensorium_store::Store;
use sensorium_testkit::{MemoryStore, Seeded, TemporaryDatabase, normalize};
use sensorium_types::{
    Calibration, CalibrationTable, Caption, CaptionToken, Content, FailureReason, FileOutcome, IndexEvent,
    IndexRequest, IndexSummary, ItemState, Modality, Payload, QueryRequest, ReasonKind, SpaceInfo, Span,
    Term, TermInput, Track,
};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

pub(crate) use gate::{Gate, HANG, until};

/// Dimension of the fake space.
pub(crate) const DIM: usize = 64;

/// What the fake encoders make zeros of.
pub(crate) const VOID: &str = "void";

/// The fake space.
pub(crate) fn space() -> SpaceInfo {
    SpaceInfo::one("fake", DIM, "fake@1")
}

/// The direction of a text: the normalized sum of its words'. One word has none.
pub(crate) fn vector(text: &str) -> Vec<f32> {
    let mut sum = vec![0.0; DIM];
    for word in text.split_whitespace().filter(|word| *word != VOID) {
        let seed = word.bytes().fold(7_u64, |seed, byte| seed.wrapping_mul(31).wrapping_add(byte.into()));
        for (total, x) in sum.iter_mut().zip(Seeded::new(seed).unit(DIM)) {
            *total += x;
        }
    }
    normalize(&mut sum);
    sum
}

#[derive(Debug)]
pub(crate) struct FakeEncoders {
    pub(crate) revision: String,
}

impl Encode for FakeEncoders {
    fn space(&self) -> SpaceInfo {
        SpaceInfo { revision: self.revision.clone(), ..space() }
    }

    fn calibration(&self) -> CalibrationTable {
        let mut pairs = Vec::new();
        for query in Content::ALL {
            for point in Content::ALL {
                // Audio has larger cosines by chance, so that an order by raw cosine would be wrong.
                let mean = if point == Content::Audio { 0.4 } else { 0.0 };
                pairs.push((query, point, Calibration { mean, deviation: 0.1 }));
            }
        }
        CalibrationTable { pairs }
    }

    /// An image that says "really" is what was meant.
    fn score(&self, _: &str, images: &[Image], _: &Cancel) -> Result<TextScores, EngineError> {
        let score = |words| TextScore { words, end: 0.0 };
        let meant = |image: &Image| String::from_utf8_lossy(&image.pixels).contains("really");
        let images = images.iter().map(|image| score(if meant(image) { 0.0 } else { -100.0 })).collect();
        Ok(TextScores { tokens: 1, skipped: 0, images, blank: score(-50.0) })
    }

    fn submit(&self, inputs: Vec<Input>, _: Priority) -> Result<Box<dyn Pending>, EngineError> {
        Ok(Box::new(FakePending(inputs)))
    }

    fn caption_revision(&self) -> Option<String> {
        Some(self.revision.clone())
    }

    fn captioned(&self) -> Vec<Modality> {
        vec![Modality::Image, Modality::Audio]
    }

    fn check_captions(&self) -> Result<(), EngineError> {
        Ok(())
    }

    /// Tells what the fake file said, a word at a time.
    fn caption(
        &self,
        content: &Captioned,
        (options, _): (&DecoderOptions, Priority),
        on_piece: &mut dyn FnMut(&str) -> ControlFlow<()>,
    ) -> Result<Caption, EngineError> {
        let said = match content {
            Captioned::Image(image) => String::from_utf8(image.pixels.clone()).expect("a text"),
            Captioned::Audio(samples) => samples.iter().map(letter).collect(),
        };
        let pieces = said.split_inclusive(' ').take(options.max_tokens.unwrap_or(usize::MAX));
        let tokens: Vec<CaptionToken> =
            pieces.map(|piece| CaptionToken { piece: piece.to_owned(), log_prob: -0.5 }).collect();
        let _ = tokens.iter().try_for_each(|token| on_piece(&token.piece));
        let text = tokens.iter().map(|token| token.piece.as_str()).collect();
        Ok(Caption { text, confidence: 0.6, tokens, end_log_prob: Some(-0.5) })
    }
}

/// A letter out of a sample.
fn letter(sample: &f32) -> char {
    (0..=u8::MAX).find(|byte| f32::from(*byte) == *sample).map_or('?', char::from)
}

#[derive(Debug)]
pub(crate) struct FakePending(pub(crate) Vec<Input>);

impl Pending for FakePending {
    fn wait(self: Box<Self>, _: &Cancel) -> Result<Vec<Vec<f32>>, EngineError> {
        let text = |input: Input| match input {
            Input::Text(text) | Input::TextIn(_, text) => text,
            Input::Audio(samples) => samples.iter().map(letter).collect(),
            Input::Frames(frames) => {
                let pixels = frames.into_iter().next().map(|frame| frame.pixels);
                String::from_utf8(pixels.unwrap_or_default()).expect("a text")
            }
        };
        Ok(self.0.into_iter().map(|input| vector(&text(input))).collect())
    }
}

#[derive(Debug, Default)]
pub(crate) struct FakeDecoder {
    /// Files decoded so far.
    pub(crate) decoded: AtomicUsize,
    /// What each has to go through first.
    pub(crate) gate: Gate,
    /// Cancelled once this many files were decoded.
    pub(crate) cancel_after: Option<(usize, Cancel)>,
    /// What becomes of files that are told with a warning.
    pub(crate) doubtful: Doubtful,
}

/// What becomes of a file that is told with a warning.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Doubtful {
    #[default]
    Warned,
    /// A better decoder has nothing to complain about.
    Whole,
    /// It fails.
    Failed,
    /// Only its first part comes in time.
    Sooner,
}

impl Decode for FakeDecoder {
    fn decode_each(
        &self,
        input: MediaInput,
        _: Priority,
        _: &Cancel,
        on_part: OnPart<'_>,
    ) -> Result<Result<Head, FailureReason>, EngineError> {
        let bytes = match input {
            MediaInput::Path(path) => fs_err::read(path).expect("the file is there"),
            MediaInput::Bytes(bytes) => bytes.to_vec(),
        };
        let file = String::from_utf8_lossy(&bytes);
        self.gate.pass(&file);
        let count = self.decoded.fetch_add(1, Ordering::SeqCst) + 1;
        if let Some((after, cancel)) = &self.cancel_after
            && count > *after
        {
            cancel.cancel();
        }
        let (warning, file) = match file.split_once(' ') {
            Some(("cut", rest)) => (Some(FailureReason::new(ReasonKind::Corrupt, "cut short")), rest),
            Some(("late", rest)) => (Some(FailureReason::new(ReasonKind::TimedOut, "kept in part")), rest),
            Some(_) | None => (None, file.as_ref()),
        };
        let warning = match (self.doubtful, warning) {
            (Doubtful::Failed, Some(reason)) => return Ok(Err(reason)),
            (Doubtful::Whole, _) => None,
            (Doubtful::Warned | Doubtful::Failed | Doubtful::Sooner, warning) => warning,
        };
        Ok(decoded(file).and_then(|decoded| {
            let Decoded { modality, mime, facts, warning: _, parts } = decoded;
            let some = if self.doubtful == Doubtful::Sooner { 1 } else { parts.len() };
            parts.into_iter().take(some).try_for_each(on_part)?;
            Ok(Head { modality, mime, facts, warning })
        }))
    }

    /// As all, and what is shown says how large.
    fn show(
        &self,
        input: MediaInput,
        side: u32,
        cancel: &Cancel,
        on_part: OnPart<'_>,
    ) -> Result<Result<Head, FailureReason>, EngineError> {
        self.decode_each(input, Priority::Query, cancel, &mut |part| {
            let thumb = part.thumb.map(|thumb| [thumb, format!(" {side}").into_bytes()].concat());
            on_part(Part { thumb, ..part })
        })
    }

    fn max_bytes(&self) -> u64 {
        100_000
    }
}

fn decoded(file: &str) -> Result<Decoded, FailureReason> {
    let (kind, rest) = file.trim().split_once(' ').unwrap_or((file.trim(), ""));
    let (first, second) = rest.split_once(';').unwrap_or((rest, ""));
    let failed = |kind| Err(FailureReason::new(kind, "as told"));
    let (modality, parts) = match kind {
        "image" => (Modality::Image, parts(Track::Image, rest)),
        "audio" => (Modality::Audio, parts(Track::Audio, rest)),
        "text" => (Modality::Text, parts(Track::Text, rest)),
        "video" => {
            let mut all = parts(Track::Video, first);
            all.extend(parts(Track::Audio, second));
            (Modality::Video, all)
        }
        "corrupt" => return failed(ReasonKind::Corrupt),
        "timeout" => return failed(ReasonKind::TimedOut),
        "crash" => return failed(ReasonKind::Crashed),
        _ => return failed(ReasonKind::Unsupported),
    };
    let mut facts = Payload::new();
    facts.set("words", rest.split_whitespace().count());
    Ok(Decoded { modality, mime: format!("{kind}/fake"), facts, warning: None, parts })
}

fn parts(track: Track, texts: &str) -> Vec<Part> {
    (0_u32..)
        .zip(texts.split('|').filter(|text| !text.trim().is_empty()))
        .map(|(ordinal, text)| {
            let at = u64::from(ordinal) * 10_000;
            let time = Some(Span::Time { start_ms: at, end_ms: at + 10_000 });
            let (content, span) = match track {
                Track::Text => {
                    (PartContent::Text(text.to_owned()), Some(Span::Chars { from: at, to: at + 10_000 }))
                }
                Track::Audio => (PartContent::Pcm(text.bytes().map(f32::from).collect()), time),
                Track::Video | Track::Image | Track::Fused | Track::Caption => {
                    let pixels = text.as_bytes().to_vec();
                    let frame = Rgb { width: 1, height: 1, pixels };
                    (PartContent::Frames(vec![frame]), (track == Track::Video).then_some(time).flatten())
                }
            };
            Part { track, ordinal, span, content, thumb: Some(format!("image {text}").into_bytes()) }
        })
        .collect()
}

/// An engine over fakes, with its folders.
pub(crate) struct Fixture {
    pub(crate) files: TemporaryDatabase,
    pub(crate) decoder: Arc<FakeDecoder>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) engine: Arc<Engine>,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        Self::with(FakeDecoder::default())
    }

    pub(crate) fn with(decoder: FakeDecoder) -> Self {
        Self::over(Arc::new(MemoryStore::new(space())), decoder, "fake@1")
    }

    pub(crate) fn over(store: Arc<dyn Store>, decoder: FakeDecoder, revision: &str) -> Self {
        let files = TemporaryDatabase::new();
        let decoder = Arc::new(decoder);
        let engine = Engine::from_parts(EngineParts {
            data_dir: files.data().to_path_buf(),
            collection: "default".to_owned(),
            store: Arc::clone(&store),
            encode: Arc::new(FakeEncoders { revision: revision.to_owned() }),
            decode: Arc::clone(&decoder) as Arc<dyn Decode>,
            jobs: 2,
            access: Access::Write,
        });
        Self { files, decoder, store, engine }
    }

    /// The same store and folders behind a new engine, as after a restart.
    pub(crate) fn reopened(self, decoder: FakeDecoder) -> Self {
        let decoder = Arc::new(decoder);
        let engine = Engine::from_parts(EngineParts {
            data_dir: self.files.data().to_path_buf(),
            collection: "default".to_owned(),
            store: Arc::clone(&self.store),
            encode: Arc::new(FakeEncoders { revision: "fake@1".to_owned() }),
            decode: Arc::clone(&decoder) as Arc<dyn Decode>,
            jobs: 2,
            access: Access::Write,
        });
        Self { decoder, engine, ..self }
    }

    /// Writes a file and gives its path.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        self.files.write(name, text.as_bytes())
    }

    /// How many files were decoded.
    pub(crate) fn decoded(&self) -> usize {
        self.decoder.decoded.load(Ordering::SeqCst)
    }

    /// Indexes the media folder.
    pub(crate) async fn index(&self) -> Run {
        self.index_with(self.request()).await.expect("indexes")
    }

    /// Tries again what failed or has a warning, as `failures --retry` does.
    pub(crate) async fn retry(&self) -> Vec<Run> {
        let plan = self.engine.plan_retry().await.expect("plans");
        self.engine.forget(plan.gone).await.expect("forgets");
        let mut runs = Vec::new();
        for run in plan.runs {
            let (sender, receiver) = unbounded_channel();
            let summary = self.engine.retry(run, sender, Cancel::default()).await.expect("indexes");
            runs.push(self.told(summary, receiver).await);
        }
        runs
    }

    /// Paths below the media folder of what `failures` or `warnings` lists, with how often each was tried.
    pub(crate) fn listed(&self, listed: &[sensorium_types::FailedFile]) -> Vec<(String, u32)> {
        let name = |path: &std::path::Path| {
            path.strip_prefix(self.files.media()).unwrap_or(path).display().to_string()
        };
        listed.iter().map(|failure| (name(&failure.path), failure.tries)).collect()
    }

    /// A request for the media folder.
    pub(crate) fn request(&self) -> IndexRequest {
        IndexRequest { paths: vec![self.files.media().to_path_buf()], ..IndexRequest::default() }
    }

    pub(crate) async fn index_with(&self, request: IndexRequest) -> Result<Run, EngineError> {
        self.index_until(request, Cancel::default()).await
    }

    pub(crate) async fn index_until(
        &self,
        request: IndexRequest,
        cancel: Cancel,
    ) -> Result<Run, EngineError> {
        let (sender, receiver) = unbounded_channel();
        let summary = self.engine.index(request, sender, cancel).await?;
        Ok(self.told(summary, receiver).await)
    }

    /// What a run told: one event a file.
    async fn told(&self, summary: IndexSummary, mut events: UnboundedReceiver<IndexEvent>) -> Run {
        let mut states = HashMap::new();
        let mut told = Vec::new();
        while let Some(event) = events.recv().await {
            if let IndexEvent::File(FileOutcome { path, outcome }) = &event {
                let name = path.strip_prefix(self.files.media()).unwrap_or(path).display().to_string();
                assert!(states.insert(name.clone(), outcome.state).is_none(), "one event a file: {name}");
            }
            told.push(event);
        }
        Run { summary, states, events: told }
    }

    /// The hits of a text query.
    pub(crate) async fn search(&self, text: &str) -> Vec<sensorium_types::Hit> {
        let reply = self.engine.query(ask(text), Cancel::new()).await.expect("answers");
        reply.hits
    }
}

impl FakeDecoder {
    /// One that decodes nothing until its gate is opened.
    pub(crate) fn held() -> Self {
        Self { gate: Gate::closed(), ..Self::default() }
    }
}

/// What a run told.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) summary: IndexSummary,
    pub(crate) states: HashMap<String, ItemState>,
    pub(crate) events: Vec<IndexEvent>,
}

impl Run {
    /// Indexed, unchanged, failed, pruned.
    pub(crate) fn counts(&self) -> (u64, u64, u64, u64) {
        let summary = self.summary;
        (summary.indexed, summary.unchanged, summary.failed, summary.pruned)
    }

    /// The reason told of a file.
    pub(crate) fn reason(&self, name: &str) -> Option<FailureReason> {
        self.events.iter().find_map(|event| match event {
            IndexEvent::File(file) if file.path.ends_with(name) => {
                file.outcome.failure.as_ref()?.reason().cloned()
            }
            IndexEvent::File(_) | IndexEvent::Walked { .. } | IndexEvent::PassedOver { .. } => None,
        })
    }
}

/// A query of one text.
pub(crate) fn ask(text: &str) -> QueryRequest {
    QueryRequest { terms: vec![term(1.0, TermInput::Text(text.to_owned()))], ..QueryRequest::default() }
}

/// A term.
pub(crate) fn term(weight: f32, input: TermInput) -> Term {
    Term { weight, input }
}
