//! Terms to hits, with fake decoders and encoders (CONTRACTS.md sections 6 and 7).

mod common;

use std::sync::Arc;

use common::{FakeDecoder, Fixture, ask, space, term, vector};
use sensorium_embed::Priority;
use sensorium_engine::{Access, Cancel, Decode, Engine, EngineError, EngineParts, OnPart};
use sensorium_media::{Head, MediaInput};
use sensorium_testkit::{MemoryStore, TemporaryDatabase};
use sensorium_types::{
    ErrorKind, FailureReason, Fusion, Language, Modality, Plan, QueryRequest, ReasonKind, SpaceInfo,
    TermInput, Track,
};

/// A collection of all modalities.
async fn filled() -> Fixture {
    let fixture = Fixture::new();
    for (name, file) in [
        ("dog.jpg", "image dog beach"),
        ("cat.jpg", "image cat sofa"),
        ("bark.wav", "audio rain|rain|dog bark|wind|wind"),
        ("video.mp4", "video city|street|dog beach|street|city;music|music|music|music|music"),
        ("note.txt", "text shopping list|dog beach holiday"),
        ("other.txt", "text nothing here"),
    ] {
        fixture.write(name, file);
    }
    assert_eq!(fixture.index().await.counts(), (6, 0, 0, 0));
    fixture
}

fn names(hits: &[sensorium_types::Hit]) -> Vec<String> {
    hits.iter()
        .map(|hit| {
            hit.path.as_ref().and_then(|path| path.file_name()).unwrap_or_default().display().to_string()
        })
        .collect()
}

async fn error(fixture: &Fixture, request: QueryRequest) -> EngineError {
    fixture.engine.query(request, Cancel::new()).await.expect_err("refused")
}

#[tokio::test]
async fn modalities_are_ranked_by_calibrated_scores() {
    let fixture = filled().await;
    let hits = fixture.search("dog beach").await;
    assert_eq!(hits.len(), 6, "nothing is cut");
    assert!(hits.iter().enumerate().all(|(at, hit)| hit.rank == at + 1));
    assert!(hits.is_sorted_by(|a, b| a.score >= b.score));
    let exact: Vec<_> = hits.iter().filter(|hit| hit.cosine > 0.999).map(|hit| hit.modality).collect();
    assert_eq!(exact.len(), 2, "the photo and the video");
    let bark = hits.iter().find(|hit| hit.modality == Modality::Audio).expect("found");
    assert!((bark.score.expect("scored") - (bark.cosine - 0.4) / 0.1).abs() < 1e-4, "audio has its own mean");
}

#[tokio::test]
async fn a_hit_has_its_moment_or_its_range() {
    let fixture = filled().await;
    let hits = fixture.search("dog beach").await;
    let of = |modality| hits.iter().find(|hit| hit.modality == modality).expect("found");
    let video = of(Modality::Video).moment.clone().expect("a moment");
    assert_eq!((video.start_ms, video.end_ms, video.peak_ms), (20_000, 30_000, 25_000));
    assert_eq!(video.tracks, [Track::Video]);
    let note = hits.iter().find(|hit| hit.range.is_some()).expect("a text");
    assert_eq!((note.range, note.moment.clone()), (Some((10_000, 20_000)), None));
    assert_eq!((of(Modality::Image).moment.clone(), of(Modality::Image).range), (None, None));
}

#[tokio::test]
async fn every_moment_can_have_a_row() {
    let fixture = Fixture::new();
    fixture.write("video", "video dog|street|street|street|dog|street;bark|rain|rain|rain|rain|rain");
    fixture.write("photo", "image dog");
    fixture.index().await;
    let request = QueryRequest { every_moment: true, ..ask("dog") };
    let hits = fixture.engine.query(request.clone(), Cancel::new()).await.expect("answers").hits;
    let starts: Vec<_> = hits.iter().map(|hit| hit.moment.as_ref().map(|moment| moment.start_ms)).collect();
    assert_eq!(hits.len(), 3);
    assert!(starts.contains(&None) && starts.contains(&Some(0)) && starts.contains(&Some(40_000)));
    let hits = fixture
        .engine
        .query(QueryRequest { limit: 2, ..request }, Cancel::new())
        .await
        .expect("answers")
        .hits;
    assert_eq!(hits.len(), 2, "the limit counts rows");
}

#[tokio::test]
async fn signed_terms_lead_towards_and_away() {
    let fixture = filled().await;
    let terms = vec![
        term(1.0, TermInput::Text("dog beach".to_owned())),
        term(-0.9, TermInput::Text("beach".to_owned())),
        term(0.5, TermInput::Text("bark".to_owned())),
    ];
    let reply = fixture
        .engine
        .query(QueryRequest { terms, ..QueryRequest::default() }, Cancel::new())
        .await
        .expect("answers");
    let hits = &reply.hits;
    let photo = hits.iter().find(|hit| hit.modality == Modality::Image).expect("found");
    assert!(photo.cosine < 0.9);
    let mut sum = vec![0.0; common::DIM];
    for (weight, text) in [(1.0, "dog beach"), (-0.9, "beach"), (0.5, "bark")] {
        for (total, x) in sum.iter_mut().zip(vector(text)) {
            *total += weight * x;
        }
    }
    let norm = sum.iter().map(|x| x * x).sum::<f32>().sqrt();
    let cosine: f32 = sum.iter().zip(vector("dog beach")).map(|(x, y)| x / norm * y).sum();
    assert!((photo.cosine - cosine).abs() < 1e-4);
    let deviation = 0.1 * (1.0_f32 + 0.81 + 0.25).sqrt() / norm;
    assert!((photo.score.expect("scored") - cosine / deviation).abs() < 1e-3);
}

#[tokio::test]
async fn files_and_bytes_ask_by_their_main_track() {
    let fixture = filled().await;
    let video = fixture.files.folder().join("query.mp4");
    fs_err::write(&video, "video cat|sofa;dog|dog").expect("written");
    let bytes: Arc<[u8]> = b"video cat|sofa;dog|dog".as_slice().into();
    for input in [TermInput::File(video), TermInput::Bytes(bytes)] {
        let request = QueryRequest { terms: vec![term(1.0, input)], ..QueryRequest::default() };
        let hits = fixture.engine.query(request, Cancel::new()).await.expect("answers").hits;
        assert_eq!(names(&hits)[0], "cat.jpg");
        assert!(hits[0].cosine > 0.99, "the mean of both shots, not the audio");
    }
    let bad = vec![term(1.0, TermInput::Bytes(b"corrupt".as_slice().into()))];
    let error = error(&fixture, QueryRequest { terms: bad, ..QueryRequest::default() }).await;
    assert!(matches!(&error, EngineError::BadTerm { .. }));
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
}

#[tokio::test]
async fn a_stored_asset_is_left_out_of_its_own_answer() {
    let fixture = filled().await;
    let video = fixture.search("dog beach").await.into_iter().find(|hit| hit.modality == Modality::Video);
    let video = video.expect("found").asset;
    let by = |input| QueryRequest { terms: vec![term(1.0, input)], ..QueryRequest::default() };
    let hits =
        fixture.engine.query(by(TermInput::Asset(video.clone())), Cancel::new()).await.expect("answers").hits;
    assert_eq!(hits.len(), 5);
    assert!(hits.iter().all(|hit| hit.asset != video && hit.score.is_some()));
    let hits = fixture
        .engine
        .query(by(TermInput::Point(video.clone(), None, 2)), Cancel::new())
        .await
        .expect("answers")
        .hits;
    assert_eq!(names(&hits)[0], "dog.jpg");
    let audio = TermInput::Point(video.clone(), Some(Track::Audio), 0);
    assert_eq!(fixture.engine.query(by(audio), Cancel::new()).await.expect("answers").hits.len(), 5);
    let missing = TermInput::Point(video, Some(Track::Audio), 9);
    assert!(matches!(error(&fixture, by(missing)).await, EngineError::UnknownPoint { .. }));
    let nobody = TermInput::Asset("nobody".to_owned().try_into().expect("valid"));
    assert_eq!(error(&fixture, by(nobody)).await.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn with_a_vector_cosine_ranks_and_score_is_null() {
    let fixture = filled().await;
    let mut scaled = vector("dog bark");
    for x in &mut scaled {
        *x *= 1e-30;
    }
    let terms = vec![term(1.0, TermInput::Vector(scaled))];
    let request = QueryRequest { terms, min_score: Some(9.0), ..QueryRequest::default() };
    let reply = fixture.engine.query(request, Cancel::new()).await.expect("answers");
    assert_eq!(names(&reply.hits)[0], "bark.wav");
    assert!(reply.hits.iter().all(|hit| hit.score.is_none()));
    assert!(reply.hits.is_sorted_by(|a, b| a.cosine >= b.cosine));
    assert!(!reply.weak);
    for wrong in [vec![1.0; 3], vec![0.0; common::DIM], vec![f32::NAN; common::DIM]] {
        let terms = vec![term(1.0, TermInput::Vector(wrong))];
        let error = error(&fixture, QueryRequest { terms, ..QueryRequest::default() }).await;
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    }
}

#[tokio::test]
async fn usage_errors_are_the_callers() {
    let fixture = filled().await;
    let text = |weight| term(weight, TermInput::Text("dog".to_owned()));
    for (terms, is_right) in [
        (vec![], EngineError::NoPositiveTerm),
        (vec![text(-1.0)], EngineError::NoPositiveTerm),
        (vec![text(1.0), term(1.0, TermInput::Text("\u{200b} \n".to_owned()))], EngineError::BlankText),
        (vec![term(1.0, TermInput::TextIn(Language::English, String::new()))], EngineError::BlankText),
        (vec![text(1.0), text(-1.0)], EngineError::EmptySum { length: 0.0 }),
        (vec![text(1.0), text(f32::NAN)], EngineError::BadWeight),
        (vec![term(1.0, TermInput::Text(common::VOID.to_owned()))], EngineError::NoDirection),
    ] {
        let error = error(&fixture, QueryRequest { terms, ..QueryRequest::default() }).await;
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        assert_eq!(std::mem::discriminant(&error), std::mem::discriminant(&is_right), "{error}");
    }
    let embedded = fixture.engine.embed(TermInput::Text(common::VOID.to_owned()), Cancel::new()).await;
    assert!(matches!(embedded, Err(EngineError::NoDirection)), "{embedded:?}");
}

#[tokio::test]
async fn weak_answers_are_flagged_and_cut_only_on_demand() {
    let fixture = filled().await;
    assert!(!fixture.engine.query(ask("dog beach"), Cancel::new()).await.expect("answers").weak);
    let weak = fixture.engine.query(ask("zebra"), Cancel::new()).await.expect("answers");
    assert!(weak.weak && weak.hits.len() == 6);
    let cut = QueryRequest { min_score: Some(9.5), ..ask("dog beach") };
    assert_eq!(fixture.engine.query(cut.clone(), Cancel::new()).await.expect("answers").hits.len(), 2);
    let all = QueryRequest { all: true, limit: 100, ..cut };
    assert_eq!(fixture.engine.query(all, Cancel::new()).await.expect("answers").hits.len(), 6);
}

#[tokio::test]
async fn limits_modalities_and_filters_narrow() {
    let fixture = filled().await;
    for limit in [0, 1, 4, 6, 50] {
        let request = QueryRequest { all: true, limit, explain: true, ..ask("dog") };
        let reply = fixture.engine.query(request, Cancel::new()).await.expect("answers");
        assert_eq!(reply.hits.len(), limit.min(6));
        let explain = reply.explain.expect("explained");
        assert!(explain.searches.iter().all(|search| search.plan == Some(Plan::ExactScan)));
    }
    let modalities = vec![Modality::Audio, Modality::Text];
    let hits = fixture
        .engine
        .query(QueryRequest { modalities, ..ask("dog") }, Cancel::new())
        .await
        .expect("answers")
        .hits;
    assert_eq!(hits.len(), 3);
    let filter = "words <= 2 and modality = \"image\"".parse().ok();
    let hits = fixture
        .engine
        .query(QueryRequest { filter, ..ask("dog") }, Cancel::new())
        .await
        .expect("answers")
        .hits;
    assert_eq!(hits.len(), 2);
}

#[tokio::test]
async fn sub_queries_ask_each_term_alone() {
    let fixture = filled().await;
    let terms = vec![
        term(1.0, TermInput::Text("cat sofa".to_owned())),
        term(1.0, TermInput::TextIn(Language::Czech, "dog bark".to_owned())),
    ];
    let request = QueryRequest { terms, late: true, explain: true, ..QueryRequest::default() };
    let reply = fixture.engine.query(request, Cancel::new()).await.expect("answers");
    let names = names(&reply.hits);
    for (name, least) in [("cat.jpg", 9.9), ("bark.wav", 5.9)] {
        let at = names.iter().position(|other| other == name).expect("found");
        assert!(
            at < 3 && reply.hits[at].score.is_some_and(|score| score > least),
            "{name} by its own sub-query"
        );
    }
    let steps: Vec<_> = reply.steps.iter().map(|step| &*step.stage).collect();
    assert_eq!(steps, ["encode", "search", "score", "hydrate"]);
    let explain = reply.explain.expect("explained");
    assert_eq!(explain.fusion, Fusion::Late);
    assert_eq!(explain.searches.len(), 6, "two sub-queries, three contents");
    assert_eq!(explain.searches[5].term, Some(1));
    assert!(
        explain.searches.iter().all(|search| search.hits.iter().enumerate().all(|(at, h)| h.rank == at + 1))
    );
    assert_eq!(explain.languages, [(0, "en".to_owned()), (1, "cs".to_owned())]);
}

#[tokio::test]
async fn another_space_still_answers_without_encoders() {
    let old = SpaceInfo { revision: "fake@0".to_owned(), ..space() };
    let fixture = Fixture::over(Arc::new(MemoryStore::new(old.clone())), FakeDecoder::default(), "fake@0");
    fixture.write("a", "image dog");
    fixture.write("b", "image cat");
    fixture.index().await;
    let asset = fixture.search("dog").await[0].asset.clone();
    let other = Fixture::over(Arc::clone(&fixture.store), FakeDecoder::default(), "fake@1");
    assert_eq!(other.engine.space_mismatch().map(|mismatch| mismatch.stored), Some(old));
    let refused = error(&other, ask("dog")).await;
    assert_eq!(refused.kind(), ErrorKind::FailedPrecondition);
    assert!(refused.to_string().contains("sensorium reembed"), "{refused}");
    let refused = other.index_with(other.request()).await.expect_err("refused");
    assert_eq!(refused.kind(), ErrorKind::FailedPrecondition);
    for input in [TermInput::Asset(asset.clone()), TermInput::Vector(vector("cat"))] {
        let request = QueryRequest { terms: vec![term(1.0, input)], ..QueryRequest::default() };
        let hits = other.engine.query(request, Cancel::new()).await.expect("answers").hits;
        assert!(hits.iter().any(|hit| hit.payload.get("name").is_some()) && hits[0].score.is_none());
    }
    assert!(other.engine.get(&[asset], false).await.expect("gets")[0].is_some());
    assert_eq!(other.engine.scroll(None, None, 10, false).await.expect("scrolls").items.len(), 2);
}

#[tokio::test]
async fn the_file_that_asks_leads_its_own_answer() {
    let fixture = Fixture::new();
    // Audio has a mean of 0.4, so the image of the same words lies further above its chance.
    let path = fixture.write("bark.wav", "audio dog bark");
    fixture.write("photo.jpg", "image dog bark");
    fixture.index().await;
    let by = |input| QueryRequest { terms: vec![term(1.0, input)], ..QueryRequest::default() };
    let bytes: Arc<[u8]> = fs_err::read(&path).expect("read").into();
    for input in [TermInput::File(path), TermInput::Bytes(bytes)] {
        let hits = fixture.engine.query(by(input), Cancel::new()).await.expect("answers").hits;
        assert_eq!(names(&hits), ["bark.wav", "photo.jpg"]);
        assert!(hits[0].score < hits[1].score, "though its score is the lower one");
    }
    let hits = fixture.search("dog bark").await;
    assert_eq!(names(&hits), ["photo.jpg", "bark.wav"], "a text is no file");
}

#[tokio::test]
async fn reranking_needs_one_text_in_one_list() {
    let fixture = filled().await;
    let two =
        vec![term(1.0, TermInput::Text("dog".to_owned())), term(1.0, TermInput::Text("beach".to_owned()))];
    let both = QueryRequest { terms: two, rerank: 50, ..QueryRequest::default() };
    assert!(matches!(error(&fixture, both).await, EngineError::RerankTerms));
    let late = QueryRequest { late: true, rerank: 50, ..ask("dog") };
    assert!(matches!(error(&fixture, late).await, EngineError::RerankTerms));
}

#[tokio::test]
async fn reranked_images_take_the_places_of_images() {
    let fixture = Fixture::new();
    for (name, file) in [
        ("near.jpg", "image dog beach"),
        ("bark.wav", "audio dog beach"),
        ("video.mp4", "video dog beach sea|street"),
        ("meant.jpg", "image dog beach sand sea really"),
    ] {
        fixture.write(name, file);
    }
    fixture.index().await;
    let plain = fixture.search("dog beach").await;
    assert_eq!(names(&plain), ["near.jpg", "video.mp4", "meant.jpg", "bark.wav"]);
    let request = QueryRequest { rerank: 50, limit: 2, explain: true, ..ask("dog beach") };
    let reply = fixture.engine.query(request.clone(), Cancel::new()).await.expect("answers");
    assert_eq!(names(&reply.hits), ["meant.jpg", "near.jpg"], "the limit counts what is shown");
    assert_eq!((reply.hits[0].rank, reply.hits[0].score), (1, plain[2].score), "the score is the vector's");
    assert!(reply.steps.iter().any(|step| step.stage == "rerank"));
    let shallow = fixture
        .engine
        .query(QueryRequest { rerank: 2, ..request }, Cancel::new())
        .await
        .expect("answers")
        .hits;
    assert_eq!(names(&shallow), ["near.jpg", "video.mp4"], "what lies deeper is not read");
}

/// A decoder that says when it has begun, and ends when it is told to.
#[derive(Debug)]
struct Held {
    begun: std::sync::mpsc::SyncSender<Cancel>,
    end: parking_lot::Mutex<std::sync::mpsc::Receiver<()>>,
}

impl Decode for Held {
    fn decode_each(
        &self,
        _: MediaInput,
        _: Priority,
        cancel: &Cancel,
        _: OnPart<'_>,
    ) -> Result<Result<Head, FailureReason>, EngineError> {
        self.begun.send(cancel.clone()).expect("somebody listens");
        let _ = self.end.lock().recv();
        Ok(Err(FailureReason::new(ReasonKind::TimedOut, "told to end")))
    }

    fn max_bytes(&self) -> u64 {
        100_000
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_nobody_waits_for_is_cancelled_and_keeps_its_place_until_its_work_has_ended() {
    let (begun, has_begun) = std::sync::mpsc::sync_channel(1);
    let (end, ends) = std::sync::mpsc::channel();
    let files = TemporaryDatabase::new();
    let engine = Engine::from_parts(EngineParts {
        data_dir: files.data().to_path_buf(),
        collection: "default".to_owned(),
        store: Arc::new(MemoryStore::new(space())),
        encode: Arc::new(common::FakeEncoders { revision: space().revision }),
        decode: Arc::new(Held { begun, end: parking_lot::Mutex::new(ends) }),
        jobs: 1,
        access: Access::Write,
    });
    let place = Arc::new(());
    let request = QueryRequest {
        terms: vec![term(1.0, TermInput::Bytes(b"image dog".as_slice().into()))],
        ..QueryRequest::default()
    };
    let keeps = Cancel::new().keeping(Arc::clone(&place));
    let asked = tokio::spawn(async move { engine.query(request, keeps).await.map(drop) });
    let cancel = tokio::task::spawn_blocking(move || has_begun.recv()).await.expect("runs").expect("begins");
    assert!(!cancel.is_cancelled());
    asked.abort();
    assert!(asked.await.expect_err("aborted").is_cancelled());
    assert!(cancel.is_cancelled());
    drop(cancel);
    assert!(Arc::strong_count(&place) > 1, "the decoder is still at work");
    end.send(()).expect("the decoder waits");
    for _ in 0..6000 {
        if Arc::strong_count(&place) == 1 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("the place is still taken");
}
