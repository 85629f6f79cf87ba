//! Captions as data of a collection: made after the commit, found by their words, and gone with their asset.

mod common;

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::{FakeDecoder, FakeEncoders, Fixture, ask};
use sensorium_embed::{DecoderOptions, Input, Priority};
use sensorium_engine::{
    Access, Cancel, CaptionOutcome, CaptionPace, Captioned, CaptionsSummary, Encode, Engine, EngineError,
    EngineParts, Pending,
};
use sensorium_index::{Database, OpenOptions};
use sensorium_types::{
    AssetId, CAPTIONS_FIELD, CalibrationTable, Caption, CaptionCounts, Hit, IndexRequest, Modality,
    QueryRequest, SearchRequest, SpaceInfo, Track,
};
use serde_json::{Value, json};
use tokio::sync::mpsc::unbounded_channel;

/// Encoders whose decoder says other words than the image shows: `x seen` for every word `x`.
#[derive(Debug)]
struct Talker(FakeEncoders);

impl Encode for Talker {
    fn space(&self) -> SpaceInfo {
        self.0.space()
    }

    fn calibration(&self) -> CalibrationTable {
        self.0.calibration()
    }

    fn submit(&self, inputs: Vec<Input>, priority: Priority) -> Result<Box<dyn Pending>, EngineError> {
        self.0.submit(inputs, priority)
    }

    fn caption_revision(&self) -> Option<String> {
        self.0.caption_revision()
    }

    fn captioned(&self) -> Vec<Modality> {
        self.0.captioned()
    }

    fn check_captions(&self) -> Result<(), EngineError> {
        Ok(())
    }

    fn caption(
        &self,
        content: &Captioned,
        (options, priority): (&DecoderOptions, Priority),
        on_piece: &mut dyn FnMut(&str) -> ControlFlow<()>,
    ) -> Result<Caption, EngineError> {
        let caption = self.0.caption(content, (options, priority), on_piece)?;
        let text = caption.text.split_whitespace().map(|word| format!("said-{word}")).collect::<Vec<_>>();
        Ok(Caption { text: text.join(" "), ..caption })
    }
}

/// An engine with a talking decoder over the store of a fixture.
fn talking(fixture: &Fixture, revision: &str) -> Arc<Engine> {
    Engine::from_parts(EngineParts {
        data_dir: fixture.files.data().to_path_buf(),
        collection: "default".to_owned(),
        store: Arc::clone(&fixture.store),
        encode: Arc::new(Talker(FakeEncoders { revision: revision.to_owned() })),
        decode: fixture.decoder.clone(),
        jobs: 1,
        access: Access::Write,
    })
}

async fn make(engine: &Engine) -> CaptionsSummary {
    let (sender, _events) = unbounded_channel();
    engine.make_captions(sender, Cancel::new()).await.expect("makes captions")
}

async fn hits(engine: &Engine, text: &str) -> Vec<Hit> {
    engine.query(ask(text), Cancel::new()).await.expect("answers").hits
}

fn counts(made: u64, missing: u64) -> Option<CaptionCounts> {
    Some(CaptionCounts { made, missing })
}

#[tokio::test]
async fn captions_are_made_once_and_found_by_their_words() {
    let fixture = Fixture::new();
    fixture.write("a.jpg", "image dog");
    fixture.write("b.mp4", "video cat|tree;bark");
    fixture.write("c.wav", "audio rain");
    fixture.index().await;
    let engine = talking(&fixture, "fake@1");
    assert_eq!(engine.caption_counts().await.expect("counts"), None, "nobody asked for them");
    engine.keep_captions(true).await.expect("kept");
    assert_eq!(engine.caption_counts().await.expect("counts"), counts(0, 3));

    assert_eq!(make(&engine).await, CaptionsSummary { made: 3, ..CaptionsSummary::default() });
    assert_eq!(engine.caption_counts().await.expect("counts"), counts(3, 0));
    assert_eq!(engine.stats().await.expect("stats").captions, counts(3, 0));
    let decoded = fixture.decoded();
    assert_eq!(make(&engine).await, CaptionsSummary::default(), "nothing is missing");
    assert_eq!(fixture.decoded(), decoded);

    let found = &hits(&engine, "said-dog").await[0];
    assert_eq!(found.point.track, Track::Caption);
    assert_eq!(found.payload.get("_caption"), Some(&json!({ "text": "said-dog", "confidence": 0.6 })));
    assert!(found.payload.get(CAPTIONS_FIELD).is_none(), "the one that matters, not all");
    let audio = &hits(&engine, "said-rain").await[0];
    assert_eq!(
        (audio.point.track, audio.payload.get("_caption.text")),
        (Track::Caption, Some(&Value::from("said-rain")))
    );
    let video = &hits(&engine, "said-tree").await[0];
    assert_eq!(video.point.track, Track::Caption);
    let moment = video.moment.as_ref().expect("a moment");
    assert_eq!((moment.start_ms, moment.end_ms), (10_000, 20_000));
    assert_eq!(video.payload.get("_caption.text"), Some(&Value::from("said-tree")));
    // An image that is found by what it shows tells its caption too, and its score is that of the image.
    let seen = &hits(&engine, "dog").await[0];
    assert_eq!(
        (seen.point.track, seen.payload.get("_caption.text")),
        (Track::Image, Some(&Value::from("said-dog")))
    );

    // Who asks by an image is answered by images.
    let by_image = QueryRequest {
        terms: vec![common::term(
            1.0,
            sensorium_types::TermInput::Bytes(b"image said-dog".as_slice().into()),
        )],
        ..QueryRequest::default()
    };
    let answer = engine.query(by_image, Cancel::new()).await.expect("answers").hits;
    assert!(answer.iter().all(|hit| hit.point.track != Track::Caption), "{answer:?}");

    // Switched off they stay, and neither are found nor shown.
    engine.keep_captions(false).await.expect("off");
    let off = hits(&engine, "said-dog").await;
    assert!(off.iter().all(|hit| hit.point.track != Track::Caption), "{off:?}");
    assert!(off.iter().all(|hit| hit.payload.get("_caption").is_none()));
    engine.keep_captions(true).await.expect("on");
    assert_eq!(engine.caption_counts().await.expect("counts"), counts(3, 0));
}

#[tokio::test]
async fn a_caption_ranks_below_what_is_seen() {
    let fixture = Fixture::new();
    fixture.write("seen.jpg", "image said-dog grass");
    fixture.write("said.jpg", "image dog");
    fixture.index().await;
    let engine = talking(&fixture, "fake@1");
    engine.keep_captions(true).await.expect("kept");
    make(&engine).await;
    let hits = hits(&engine, "said-dog").await;
    let tracks: Vec<Track> = hits.iter().map(|hit| hit.point.track).collect();
    // By cosine the caption, which has the very words, would lead.
    assert!(hits[1].cosine > hits[0].cosine, "{hits:?}");
    assert_eq!(tracks, [Track::Image, Track::Caption]);
}

#[tokio::test]
async fn what_fails_is_told_once_and_what_is_away_is_tried_again() {
    let fixture = Fixture::new();
    let (bad, away) = (fixture.write("bad.jpg", "image bad"), fixture.write("away.jpg", "image away"));
    fixture.write("dog.jpg", "image dog");
    fixture.index().await;
    let engine = talking(&fixture, "fake@1");
    engine.keep_captions(true).await.expect("kept");
    spoil(&bad);
    fs_err::remove_file(&away).expect("removes");
    let summary = make(&engine).await;
    assert_eq!(summary, CaptionsSummary { made: 1, failed: 1, away: 1, interrupted: false });
    assert_eq!(engine.caption_counts().await.expect("counts"), counts(2, 1));
    let again = make(&engine).await;
    assert_eq!(again, CaptionsSummary { away: 1, ..CaptionsSummary::default() });
}

/// Makes a file undecodable without its size or time telling.
fn spoil(path: &PathBuf) {
    let time = fs_err::metadata(path).expect("metadata").modified().expect("a time");
    fs_err::write(path, "corrupt  ").expect("writes");
    let file = fs_err::OpenOptions::new().write(true).open(path).expect("opens");
    file.file().set_modified(time).expect("sets the time");
}

#[tokio::test]
async fn a_run_that_was_stopped_is_taken_up_and_nothing_is_half_kept() {
    let fixture = Fixture::new();
    for number in 0..5 {
        fixture.write(&format!("{number}.jpg"), &format!("image dog{number}"));
    }
    fixture.index().await;
    let engine = talking(&fixture, "fake@1");
    engine.keep_captions(true).await.expect("kept");
    let (sender, mut events) = unbounded_channel();
    let cancel = Cancel::new();
    // The second is in the decoder when the run is stopped.
    let gate = &fixture.decoder.gate;
    gate.let_in(1);
    let stop = async {
        events.recv().await.expect("one is made");
        gate.arrived(7).await;
        cancel.cancel();
        gate.open();
        while events.recv().await.is_some() {}
    };
    let (summary, ()) = tokio::join!(engine.make_captions(sender, cancel.clone()), stop);
    let first = summary.expect("ends");
    assert_eq!(first, CaptionsSummary { made: 1, interrupted: true, ..CaptionsSummary::default() });
    let rest = make(&engine).await;
    assert_eq!(first.made + rest.made, 5);
}

/// An engine that keeps captions, and an asset that lacks them.
async fn one_without_captions() -> (Fixture, Arc<Engine>, AssetId) {
    let fixture = Fixture::new();
    fixture.write("a.jpg", "image dog");
    fixture.index().await;
    let engine = talking(&fixture, "fake@1");
    engine.keep_captions(true).await.expect("kept");
    let (assets, _) = engine.captions_missing(None).await.expect("a page");
    (fixture, engine, assets.into_iter().next().expect("one"))
}

#[tokio::test]
async fn work_waits_while_others_are_busy() {
    let (_fixture, engine, asset) = one_without_captions().await;
    let (looked, mut looks) = unbounded_channel();
    let is_busy = move || looked.send(()).is_ok();
    let pace = CaptionPace { cancel: Cancel::new(), is_busy: Some(Arc::new(is_busy)) };
    let work = engine.make_captions_of(&asset, &pace);
    let stop = async {
        for _ in 0..3 {
            looks.recv().await.expect("it looks again and again");
        }
        assert_eq!(engine.caption_counts().await.expect("counts"), counts(0, 1));
        pace.cancel.cancel();
    };
    let (outcome, ()) = tokio::join!(work, stop);
    assert!(matches!(outcome.expect("ends"), CaptionOutcome::Failed(_)));
    assert_eq!(engine.caption_counts().await.expect("counts"), counts(0, 1), "nothing was marked");
}

#[tokio::test]
async fn a_caption_gives_way_to_those_who_come_while_it_is_made() {
    let (_fixture, engine, asset) = one_without_captions().await;
    // Somebody comes when it is asked for the second time: at the first token.
    let looks = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&looks);
    let is_busy = move || counted.fetch_add(1, Ordering::SeqCst) == 1;
    let pace = CaptionPace { cancel: Cancel::new(), is_busy: Some(Arc::new(is_busy)) };
    let outcome = engine.make_captions_of(&asset, &pace).await.expect("made");
    assert!(matches!(outcome, CaptionOutcome::Made(1)), "{outcome:?}");
    // Before each of two beginnings, at the token where it gave way, and at the one token of the second.
    assert_eq!(looks.load(Ordering::SeqCst), 4);
    assert_eq!(engine.caption_counts().await.expect("counts"), counts(1, 0));
}

#[tokio::test]
async fn another_revision_lacks_them_all_and_a_deleted_asset_takes_its_own_along() {
    let fixture = Fixture::new();
    fixture.write("a.jpg", "image dog");
    fixture.index().await;
    let engine = talking(&fixture, "fake@1");
    engine.keep_captions(true).await.expect("kept");
    make(&engine).await;
    let newer = talking(&fixture, "fake@2");
    assert_eq!(newer.caption_counts().await.expect("counts"), counts(0, 1));
    let asset = hits(&engine, "said-dog").await[0].asset.clone();
    let selector = sensorium_types::DeleteSelector::Ids(vec![asset]);
    engine.delete(selector).await.expect("deletes");
    assert!(hits(&engine, "said-dog").await.is_empty());
    assert_eq!(engine.caption_counts().await.expect("counts"), counts(0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_index_keeps_them_across_restarts_and_graphs() {
    let folder = tempfile::tempdir().expect("folder");
    let space = common::space();
    let open = || {
        let database = Database::open(folder.path(), OpenOptions::default()).expect("opens");
        (database.create_or_open("default", &space).expect("made"), database)
    };
    let points = |word: &str, track| sensorium_types::PointRecord {
        track,
        ordinal: 0,
        span: None,
        vector: common::vector(word),
        thumb: None,
    };
    let id = |number: u32| AssetId::new(&format!("asset{number}")).expect("valid");
    let captions = |word: &str| sensorium_types::Change::PutCaptions {
        asset: id(1),
        hash: None,
        captions: json!({ "revision": "fake@1", "parts": [{ "ordinal": 0, "text": word }] }),
        points: vec![points(word, Track::Caption)],
    };
    let search = |collection: &sensorium_index::Collection, word: &str| {
        let mut request = SearchRequest::nearest(common::vector(word), 3);
        request.queries[0].tracks = vec![Track::Caption];
        let hits = collection.search(&request).expect("searches").remove(0).hits;
        hits.first().map(|hit| (hit.asset.clone(), hit.cosine > 0.99))
    };
    {
        let (collection, _database) = open();
        let assets = (0..30).map(|number| sensorium_types::Change::Upsert {
            asset: sensorium_types::AssetRecord {
                id: id(number),
                hash: None,
                modality: sensorium_types::Modality::Image,
                space_revision: space.revision.clone(),
                facts: sensorium_types::Payload::new(),
                metadata: sensorium_types::Payload::new(),
                media: sensorium_types::MediaPolicy::None,
                from_source: false,
            },
            points: vec![points(&format!("image{number}"), Track::Image)],
            source: None,
        });
        collection.apply(assets.collect()).expect("applies");
        collection.seal().expect("seals");
        assert!(!collection.keeps_captions());
        let keep = sensorium_types::Change::KeepCaptions { wanted: true };
        let applied = collection.apply(vec![keep, captions("old"), captions("new")]).expect("applies");
        assert!(applied.iter().all(|applied| applied.found));
        assert_eq!(search(&collection, "new"), Some((id(1), true)));
        assert_eq!(search(&collection, "old"), Some((id(1), false)), "written over");
        let other = sensorium_types::Change::PutCaptions {
            asset: id(2),
            hash: Some(sensorium_types::ContentHash::of(b"other bytes")),
            captions: json!({}),
            points: Vec::new(),
        };
        assert!(!collection.apply(vec![other]).expect("applies")[0].found, "its bytes are others");
        let mut stray = captions("x");
        if let sensorium_types::Change::PutCaptions { points: stray, .. } = &mut stray {
            *stray = vec![points("x", Track::Image)];
        }
        collection.apply(vec![stray]).expect_err("a point of another track");
        collection.seal().expect("seals");
        assert_eq!(collection.verify().expect("walks"), []);
    }
    let (collection, _database) = open();
    assert!(collection.keeps_captions());
    assert_eq!(search(&collection, "new"), Some((id(1), true)));
    assert_eq!(collection.verify().expect("walks"), []);
    assert_eq!(collection.stats().expect("stats").points, 31);
    collection.apply(vec![sensorium_types::Change::Delete { asset: id(1) }]).expect("deletes");
    assert_eq!(search(&collection, "new"), None);
    assert_eq!(collection.verify().expect("walks"), []);
}

#[tokio::test]
async fn indexing_goes_on_without_captions_of_what_changes() {
    let fixture = Fixture::with(FakeDecoder::default());
    let path = fixture.write("a.jpg", "image dog");
    fixture.index().await;
    let engine = talking(&fixture, "fake@1");
    engine.keep_captions(true).await.expect("kept");
    make(&engine).await;
    fs_err::write(&path, "image wolf pack").expect("writes");
    let request =
        IndexRequest { paths: vec![fixture.files.media().to_path_buf()], ..IndexRequest::default() };
    let (sender, _events) = unbounded_channel();
    engine.index(request, sender, Cancel::new()).await.expect("indexes");
    assert_eq!(engine.caption_counts().await.expect("counts"), counts(0, 1), "other bytes");
    make(&engine).await;
    assert_eq!(
        hits(&engine, "said-wolf").await[0].payload.get("_caption.text"),
        Some(&Value::from("said-wolf said-pack"))
    );
}
