//! Media to words, through the engine.

mod common;

use common::{FakeDecoder, FakeTowers, Fixture, space};
use sensorium_engine::{
    Access, CaptionEvent, CaptionInput, CaptionOptions, CaptionParts, CaptionRequest, Encode, Engine,
    EngineError, EngineParts, Pending,
};
use sensorium_types::{AssetId, CalibrationTable, ErrorKind, SpaceInfo, Track};
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
async fn a_picture_has_one_caption_and_a_film_one_for_each_part() {
    let fixture = Fixture::new();
    let engine = &fixture.engine;
    for parts in [CaptionParts::Middle, CaptionParts::Each] {
        let picture = told(engine, bytes("image a dog"), parts).await.expect("a caption");
        assert_eq!(picture, ["a ", "dog", "None: a dog"]);
    }
    let film = || bytes("video dog|cat|cow;bark");
    let each = told(engine, film(), CaptionParts::Each).await.expect("captions");
    let expected = ["dog", "Some((0, 10000)): dog", "cat", "Some((10000, 20000)): cat"];
    assert_eq!(each[..4], expected);
    assert_eq!(each.len(), 6);
    let middle = told(engine, film(), CaptionParts::Middle).await.expect("a caption");
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
    let sound = of(CaptionInput::Point(asset, Some(Track::Audio), 0)).await.expect_err("a sound");
    assert_eq!(sound.kind(), ErrorKind::NotFound);
    let unknown = AssetId::new("nobody").expect("an id");
    assert_eq!(of(CaptionInput::Asset(unknown)).await.expect_err("unknown").kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn what_has_no_picture_or_cannot_be_read_is_refused_in_words() {
    let fixture = Fixture::new();
    let of = |file: &str| told(&fixture.engine, bytes(file), CaptionParts::Each);
    let error = of("audio bark").await.expect_err("a sound");
    assert_eq!(error.to_string(), "the bytes is audio: only pictures and films are put into words");
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

/// Towers without a caption decoder.
#[derive(Debug)]
struct Mute(FakeTowers);

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
        encode: std::sync::Arc::new(Mute(FakeTowers { revision: "fake@1".to_owned() })),
        decode: fixture.decoder.clone(),
        jobs: 1,
        access: Access::Write,
    });
    let error = told(&engine, bytes("image dog"), CaptionParts::Each).await.expect_err("none");
    assert_eq!(error.to_string(), "this bundle has no caption decoder");
    assert_eq!((error.kind(), fixture.decoded()), (ErrorKind::FailedPrecondition, 0));
}
