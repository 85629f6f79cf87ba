//! Videos longer than what fits into memory: their parts go to the encoders while they are decoded.

#![expect(clippy::indexing_slicing, reason = "a test may panic")]

mod common;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::{FakeEncoders, FakePending, space, term, vector};
use sensorium_embed::{EmbedError, Input, Priority};
use sensorium_engine::{Access, Cancel, Decode, Encode, Engine, EngineError, EngineParts, OnPart, Pending};
use sensorium_media::{Head, MediaInput, Part, PartContent, Rgb};
use sensorium_testkit::{MemoryStore, TemporaryDatabase};
use sensorium_types::{
    AssetId, CalibrationTable, ContentHash, FailureReason, FileOutcome, IndexEvent, IndexRequest,
    IngestContent, IngestItem, IngestPart, ItemFailure, ItemState, MediaPolicy, Modality, Payload,
    QueryRequest, ReasonKind, SpaceInfo, Span, TermInput, Track,
};
use tokio::sync::mpsc::unbounded_channel;

/// Parts of a track of a long video.
const LONG: u32 = 3_000;
/// Most parts between decoder and vectors that an engine may hold of one video.
const MOST_IN_FLIGHT: usize = 80;
/// Inputs that the fake encoders have room for.
const ROOM: usize = 48;

/// Parts that were given and have no vectors yet.
#[derive(Debug, Default)]
struct Flight {
    now: AtomicUsize,
    most: AtomicUsize,
    given: AtomicUsize,
    /// Those of them that are with the encoders.
    with_encoders: AtomicUsize,
}

impl Flight {
    fn begin(&self) {
        self.given.fetch_add(1, Ordering::SeqCst);
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
    }

    fn end(&self, parts: usize) {
        self.with_encoders.fetch_sub(parts, Ordering::SeqCst);
        self.now.fetch_sub(parts, Ordering::SeqCst);
    }
}

/// Gives a video of two tracks; a file that says `short N` ends after N parts in a failure.
#[derive(Debug)]
struct LongVideo(Arc<Flight>);

impl Decode for LongVideo {
    fn decode_each(
        &self,
        input: MediaInput,
        _: Priority,
        _: &Cancel,
        on_part: OnPart<'_>,
    ) -> Result<Result<Head, FailureReason>, EngineError> {
        let file = match input {
            MediaInput::Path(path) => fs_err::read_to_string(path).expect("a text"),
            MediaInput::Bytes(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        };
        let breaks_at = file.strip_prefix("short ").map(|count| count.parse::<usize>().expect("a number"));
        let name = file.split_whitespace().next().unwrap_or_default();
        let mut given = 0;
        for track in [Track::Video, Track::Audio] {
            for ordinal in 0..LONG {
                if breaks_at == Some(given) {
                    return Ok(Err(FailureReason::new(ReasonKind::Corrupt, "it breaks off")));
                }
                given += 1;
                self.0.begin();
                if let Err(stopped) = on_part(part(name, track, ordinal)) {
                    return Ok(Err(stopped));
                }
            }
        }
        let (modality, mime, facts) = (Modality::Video, "video/fake".to_owned(), Payload::new());
        Ok(Ok(Head { modality, mime, facts, warning: None }))
    }

    fn max_bytes(&self) -> u64 {
        1_000
    }
}

fn words(name: &str, track: Track, ordinal: u32) -> String {
    format!("{name} {} n{ordinal}", track.name())
}

fn part(name: &str, track: Track, ordinal: u32) -> Part {
    let at = u64::from(ordinal) * 1_000;
    let words = words(name, track, ordinal);
    let content = match track {
        Track::Audio => PartContent::Pcm(words.bytes().map(f32::from).collect()),
        Track::Video | Track::Image | Track::Text | Track::Fused | Track::Caption => {
            PartContent::Frames(vec![Rgb { width: 1, height: 1, pixels: words.into_bytes() }])
        }
    };
    let span = Some(Span::Time { start_ms: at, end_ms: at + 1_000 });
    Part { track, ordinal, span, content, thumb: None }
}

/// Fake encoders that count what waits for them, refuse a query that would wait behind more than [`ROOM`] inputs, and
/// break on the thousandth part of a video named `bad`.
#[derive(Debug)]
struct CountingEncoders(Arc<Flight>);

#[derive(Debug)]
struct CountedPending(Arc<Flight>, FakePending);

impl Encode for CountingEncoders {
    fn space(&self) -> SpaceInfo {
        space()
    }

    fn calibration(&self) -> CalibrationTable {
        FakeEncoders { revision: space().revision }.calibration()
    }

    fn submit(&self, inputs: Vec<Input>, priority: Priority) -> Result<Box<dyn Pending>, EngineError> {
        let broken = words("bad", Track::Video, 1_000);
        let is_broken = |input: &Input| matches!(input, Input::Frames(frames) if frames.iter().any(|frame| frame.pixels == broken.as_bytes()));
        if inputs.iter().any(is_broken) {
            return Err(EmbedError::NotFinite { modality: Modality::Video }.into());
        }
        let waiting = self.0.with_encoders.fetch_add(inputs.len(), Ordering::SeqCst) + inputs.len();
        if priority == Priority::Query && waiting > ROOM {
            return Err(EmbedError::Overloaded.into());
        }
        Ok(Box::new(CountedPending(Arc::clone(&self.0), FakePending(inputs))))
    }
}

impl Pending for CountedPending {
    fn wait(self: Box<Self>, cancel: &Cancel) -> Result<Vec<Vec<f32>>, EngineError> {
        let Self(flight, inputs) = *self;
        flight.end(inputs.0.len());
        Box::new(inputs).wait(cancel)
    }
}

/// An engine over long videos.
struct Cinema {
    files: TemporaryDatabase,
    flight: Arc<Flight>,
    engine: Arc<Engine>,
}

impl Cinema {
    fn new() -> Self {
        let (files, flight) = (TemporaryDatabase::new(), Arc::new(Flight::default()));
        let engine = Engine::from_parts(EngineParts {
            data_dir: files.data().to_path_buf(),
            collection: "default".to_owned(),
            store: Arc::new(MemoryStore::new(space())),
            encode: Arc::new(CountingEncoders(Arc::clone(&flight))),
            decode: Arc::new(LongVideo(Arc::clone(&flight))),
            jobs: 1,
            access: Access::Write,
        });
        Self { files, flight, engine }
    }

    /// Indexes these files; gives their states and reasons.
    async fn index(&self, files: &[&str]) -> HashMap<String, (ItemState, Option<FailureReason>)> {
        for file in files {
            self.files.write(file, file.as_bytes());
        }
        let paths = vec![self.files.media().to_path_buf()];
        let (sender, mut events) = unbounded_channel();
        let request = IndexRequest { paths, ..IndexRequest::default() };
        self.engine.index(request, sender, Cancel::default()).await.expect("indexes");
        let mut states = HashMap::new();
        while let Some(event) = events.recv().await {
            if let IndexEvent::File(FileOutcome { path, outcome }) = event {
                let name = path.file_name().expect("a file").to_string_lossy().into_owned();
                let reason = outcome.failure.as_ref().and_then(ItemFailure::reason).cloned();
                states.insert(name, (outcome.state, reason));
            }
        }
        states
    }

    /// That the video is there with all its parts, each with its own vector.
    async fn check_whole(&self, file: &str) {
        let id = AssetId::from_content(&ContentHash::of(file.as_bytes()));
        let stored = self.engine.get(&[id], true).await.expect("gets");
        let stored = stored[0].as_ref().expect("there");
        assert_eq!((stored.points.len(), stored.vectors.len()), (2 * LONG as usize, 2 * LONG as usize));
        for (point, found) in stored.points.iter().zip(&stored.vectors) {
            let start = u64::from(point.ordinal) * 1_000;
            assert_eq!(point.span, Some(Span::Time { start_ms: start, end_ms: start + 1_000 }));
            assert_eq!(*found, vector(&words(file, point.track, point.ordinal)));
        }
    }

    fn check_flight(&self, most: usize) {
        let reached = self.flight.most.load(Ordering::SeqCst);
        assert!(reached <= most, "{reached} parts were held at a time, at most {most} may be");
        assert_eq!(self.flight.given.load(Ordering::SeqCst), 2 * LONG as usize, "the video was given whole");
    }
}

#[tokio::test]
async fn an_indexed_video_is_never_held_whole() {
    let cinema = Cinema::new();
    assert_eq!(cinema.index(&["video"]).await["video"], (ItemState::Indexed, None));
    cinema.check_flight(MOST_IN_FLIGHT);
    cinema.check_whole("video").await;
}

#[tokio::test]
async fn a_video_that_arrives_as_bytes_is_never_held_whole() {
    let cinema = Cinema::new();
    let content = IngestContent::Media(b"video".as_slice().into());
    let parts = vec![IngestPart { name: "it".to_owned(), content }];
    let (fuse, metadata, media) = (Vec::new(), Payload::new(), MediaPolicy::None);
    let outcome = cinema.engine.ingest(IngestItem { id: None, parts, fuse, metadata, media }).await;
    assert_eq!(outcome.expect("ingests").points, 2 * u64::from(LONG));
    cinema.check_flight(MOST_IN_FLIGHT);
    cinema.check_whole("video").await;
}

#[tokio::test]
async fn a_long_video_may_ask_by_its_frames() {
    let cinema = Cinema::new();
    let terms = vec![term(1.0, TermInput::Bytes(b"video".as_slice().into()))];
    let asked = cinema.engine.query(QueryRequest { terms, ..QueryRequest::default() }, Cancel::new()).await;
    asked.expect("there is room");
    // Its audio is given too, and not encoded.
    let flight = &cinema.flight;
    assert_eq!(flight.given.load(Ordering::SeqCst), 2 * LONG as usize);
    assert_eq!(flight.now.load(Ordering::SeqCst), LONG as usize);
}

#[tokio::test]
async fn a_video_that_breaks_off_leaves_nothing() {
    let cinema = Cinema::new();
    let states = cinema.index(&["short 500"]).await;
    let (state, reason) = &states["short 500"];
    assert_eq!(
        (*state, reason.as_ref().map(|r| r.detail.as_str())),
        (ItemState::Failed, Some("it breaks off"))
    );
    assert_eq!(cinema.engine.count(None).await.expect("counts"), 0);
}

#[tokio::test]
async fn encoders_that_fail_stop_the_decoder_and_cost_one_video() {
    let cinema = Cinema::new();
    let states = cinema.index(&["bad", "video"]).await;
    let (state, reason) = &states["bad"];
    assert_eq!((*state, reason.as_ref().map(|r| r.kind)), (ItemState::Failed, Some(ReasonKind::Corrupt)));
    assert_eq!(states["video"].0, ItemState::Indexed);
    let given = cinema.flight.given.load(Ordering::SeqCst) - 2 * LONG as usize;
    assert!((1_000..1_100).contains(&given), "{given} parts of the bad video were decoded");
    cinema.check_whole("video").await;
}
