//! Media to words, through the engine.

mod common;

use common::{FakeDecoder, FakeEncoders, Fixture, space};
use sensorium_engine::{Access, Encode, Engine, EngineError, EngineParts, Pending};
use sensorium_types::{
    AssetId, CalibrationTable, CaptionEvent, CaptionInput, CaptionOptions, CaptionParts, CaptionRequest,
    ErrorKind, SpaceInfo, SummaryLength, Track,
};
use tokio::sync::mpsc::unbounded_channel;

fn bytes(file: &str) -> CaptionInput {
    CaptionInput::Bytes(file.as_bytes().into())
}

/// What is told: pieces as they are, a caption's end as `span: text`.
async fn told(engine: &Engine, input: CaptionInput, parts: CaptionParts) -> Result<Vec<String>, EngineError> {
    let (sender, mut receiver) = unbounded_channel();
    let request = CaptionRequest { input, parts, options: CaptionOptions::default() };
    engine.caption(request, sender).await?;
    let mut told = Vec::new();
    while let Some(event) = receiver.recv().await {
        told.push(match event {
            CaptionEvent::Piece(piece) => piece,
            CaptionEvent::Done(part) => format!("{:?}: {}", part.span, part.caption.text),
        });
    }
    Ok(told)
}

#[tokio::test]
async fn an_image_has_one_caption_and_a_video_one_for_each_part() {
    let fixture = Fixture::new();
    let engine = &fixture.engine;
    for parts in [CaptionParts::Middle, CaptionParts::Each] {
        let image = told(engine, bytes("image a dog"), parts).await.expect("a caption");
        assert_eq!(image, ["a ", "dog", "None: a dog"]);
    }
    let video = || bytes("video dog|cat|cow;bark");
    let each = told(engine, video(), CaptionParts::Each).await.expect("captions");
    let expected = ["dog", "Some((0, 10000)): dog", "cat", "Some((10000, 20000)): cat"];
    assert_eq!(each[..4], expected);
    assert_eq!(each.len(), 6);
    let middle = told(engine, video(), CaptionParts::Middle).await.expect("a caption");
    assert_eq!(middle, expected[2..]);
}

#[tokio::test]
async fn stored_media_and_their_points_are_looked_up() {
    let fixture = Fixture::new();
    let path = fixture.write("a.mp4", "video dog|cat;bark");
    fixture.index().await;
    let asset = fixture.search("dog").await[0].asset.clone();
    let engine = &fixture.engine;
    let of = |input| told(engine, input, CaptionParts::Each);
    assert_eq!(of(CaptionInput::Asset(asset.clone())).await.expect("captions").len(), 4);
    assert_eq!(of(CaptionInput::File(path)).await.expect("captions").len(), 4);
    let second = of(CaptionInput::Point(asset.clone(), None, 1)).await.expect("a caption");
    assert_eq!(second, ["cat", "Some((10000, 20000)): cat"]);
    let error = of(CaptionInput::Point(asset.clone(), None, 2)).await.expect_err("no such point");
    assert_eq!((error.kind(), error.to_string().contains("#")), (ErrorKind::NotFound, true), "{error}");
    let audio = of(CaptionInput::Point(asset.clone(), Some(Track::Audio), 0)).await.expect("a caption");
    assert_eq!(audio, ["bark", "Some((0, 10000)): bark"]);
    let later = of(CaptionInput::Point(asset, Some(Track::Audio), 1)).await.expect_err("no such point");
    assert_eq!(later.kind(), ErrorKind::NotFound);
    let unknown = AssetId::new("nobody").expect("an id");
    assert_eq!(of(CaptionInput::Asset(unknown)).await.expect_err("unknown").kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn each_part_of_an_audio_clip_has_a_caption() {
    let fixture = Fixture::new();
    let of = |parts| told(&fixture.engine, bytes("audio bark|rain|bell"), parts);
    let each = of(CaptionParts::Each).await.expect("captions");
    assert_eq!(each.len(), 6);
    assert_eq!(of(CaptionParts::Middle).await.expect("a caption"), each[2..4]);
}

#[tokio::test]
async fn what_has_nothing_to_see_or_hear_or_cannot_be_read_is_refused_in_words() {
    let fixture = Fixture::new();
    let of = |file: &str| told(&fixture.engine, bytes(file), CaptionParts::Each);
    let error = of("text bark").await.expect_err("a text");
    assert_eq!(error.to_string(), "the bytes is text: only images, videos and audio are put into words");
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert!(matches!(of("corrupt").await, Err(EngineError::BadTerm { .. })));
}

#[tokio::test]
async fn nobody_listening_ends_the_work() {
    let fixture = Fixture::new();
    let (sender, receiver) = unbounded_channel();
    drop(receiver);
    let input = bytes(&format!("video {}", "dog|".repeat(1000)));
    let request = CaptionRequest { input, parts: CaptionParts::Each, options: CaptionOptions::default() };
    fixture.engine.caption(request, sender).await.expect("ends");
}

/// The shots that a summary shows, as `seconds-seconds: text`.
async fn summary(
    engine: &Engine,
    input: CaptionInput,
    length: SummaryLength,
) -> Result<Vec<String>, EngineError> {
    let (sender, mut receiver) = unbounded_channel();
    engine.summarize(input, length, sender).await?;
    let mut told = Vec::new();
    while let Some(event) = receiver.recv().await {
        let CaptionEvent::Done(part) = event else { panic!("no pieces: {event:?}") };
        let (start, end) = part.span.expect("a stretch of time");
        told.push(format!("{}-{}: {}", start / 1000, end / 1000, part.caption.text));
    }
    Ok(told)
}

fn shots(most: usize) -> SummaryLength {
    SummaryLength::Shots(most.try_into().expect("above 0"))
}

#[tokio::test]
async fn a_summary_joins_like_neighbours_and_shows_nothing_twice() {
    let fixture = Fixture::new();
    let of = |video: &str, length| summary(&fixture.engine, bytes(video), length);
    let video = "video red dog|red dog|blue car|red dog|green tree;bark|rain";
    let all = of(video, SummaryLength::default()).await.expect("shots");
    assert_eq!(all, ["0-20: red dog", "20-30: blue car", "40-50: green tree"]);
    let two = of(video, shots(2)).await.expect("shots");
    assert_eq!(two.len(), 2);
    assert_eq!(two[0], "0-20: red dog", "what most of the video shows");
    let six = SummaryLength::TimeMs(6_000.try_into().expect("above 0"));
    let excerpts = of(video, six).await.expect("excerpts");
    assert_eq!(excerpts, ["9-11: red dog", "24-26: blue car", "44-46: green tree"]);
    let second = SummaryLength::TimeMs(1_000.try_into().expect("above 0"));
    assert_eq!(of(video, second).await.expect("one excerpt"), ["9-10: red dog"]);
}

#[tokio::test]
async fn only_videos_are_summarized() {
    let fixture = Fixture::new();
    let path = fixture.write("a.mp4", "video dog|cat;bark");
    fixture.index().await;
    let asset = fixture.search("dog").await[0].asset.clone();
    let of = |input| summary(&fixture.engine, input, SummaryLength::default());
    assert_eq!(of(CaptionInput::Asset(asset.clone())).await.expect("shots"), ["0-10: dog", "10-20: cat"]);
    assert_eq!(of(CaptionInput::File(path)).await.expect("shots").len(), 2);
    let told = |error: EngineError| (error.kind(), error.to_string());
    let (kind, words) = told(of(bytes("image dog")).await.expect_err("an image"));
    assert_eq!(kind, ErrorKind::InvalidArgument);
    assert_eq!(
        words,
        "the bytes is image: only videos are summarized; `sensorium caption` puts images into words"
    );
    assert!(matches!(of(bytes("audio bark")).await, Err(EngineError::NotAVideo { .. })));
    assert!(matches!(of(bytes("video ;bark")).await, Err(EngineError::NothingToSee { .. })));
    assert!(matches!(of(bytes("corrupt")).await, Err(EngineError::BadTerm { .. })));
    let point = CaptionInput::Point(asset.clone(), None, 0);
    let (kind, words) = told(of(point).await.expect_err("a point"));
    assert_eq!((kind, words.contains(asset.as_str())), (ErrorKind::InvalidArgument, true), "{words}");
}

/// Encoders without a caption decoder.
#[derive(Debug)]
struct Mute(FakeEncoders);

impl Encode for Mute {
    fn space(&self) -> SpaceInfo {
        space()
    }

    fn calibration(&self) -> CalibrationTable {
        self.0.calibration()
    }

    fn submit(
        &self,
        inputs: Vec<sensorium_embed::Input>,
        priority: sensorium_embed::Priority,
    ) -> Result<Box<dyn Pending>, EngineError> {
        self.0.submit(inputs, priority)
    }
}

#[tokio::test]
async fn without_a_caption_decoder_nothing_is_decoded() {
    let fixture = Fixture::with(FakeDecoder::default());
    let engine = Engine::from_parts(EngineParts {
        data_dir: fixture.files.data().to_path_buf(),
        collection: "default".to_owned(),
        store: fixture.store.clone(),
        encode: std::sync::Arc::new(Mute(FakeEncoders { revision: "fake@1".to_owned() })),
        decode: fixture.decoder.clone(),
        jobs: 1,
        access: Access::Write,
    });
    let error = told(&engine, bytes("image dog"), CaptionParts::Each).await.expect_err("none");
    assert_eq!(error.to_string(), "this bundle has no caption decoder for images");
    assert_eq!((error.kind(), fixture.decoded()), (ErrorKind::FailedPrecondition, 0));
}
