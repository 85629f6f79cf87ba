//! Items that arrive as bytes, with fake decoders and encoders.

mod common;

use common::{Doubtful, FakeDecoder, Fixture, vector};
use sensorium_engine::EngineError;
use sensorium_types::{
    AssetId, ContentHash, ErrorKind, IngestContent, IngestItem, IngestPart, ItemFailure, ItemState,
    MediaPolicy, Modality, Payload, ReasonKind, Track,
};

fn media(name: &str, file: &str) -> IngestPart {
    IngestPart { name: name.to_owned(), content: IngestContent::Media(file.as_bytes().into()) }
}

fn item(parts: Vec<IngestPart>) -> IngestItem {
    IngestItem { id: None, parts, fuse: Vec::new(), metadata: Payload::new(), media: MediaPolicy::None }
}

fn id(name: &str) -> Option<AssetId> {
    AssetId::new(name).ok()
}

#[tokio::test]
async fn one_part_is_named_by_its_bytes_and_known_the_next_time() {
    let fixture = Fixture::new();
    let outcome = fixture.engine.ingest(item(vec![media("it", "image dog")])).await.expect("ingests");
    let expected = AssetId::from_content(&ContentHash::of(b"image dog"));
    assert_eq!(outcome.asset, Some(expected));
    assert_eq!((outcome.state, outcome.points), (ItemState::Indexed, 1));
    let again = fixture.engine.ingest(item(vec![media("it", "image dog")])).await.expect("ingests");
    assert_eq!((again.state, again.points, again.asset), (ItemState::Unchanged, 0, outcome.asset));
    let mut other = item(vec![media("it", "image dog")]);
    other.metadata.set("year", 2020);
    let merged = fixture.engine.ingest(other).await.expect("ingests");
    assert_eq!((merged.state, merged.points), (ItemState::Indexed, 0));
    assert_eq!(fixture.decoded(), 1);
    assert_eq!(fixture.search("dog").await[0].path, None);
}

#[tokio::test]
async fn a_product_has_the_points_of_its_parts_and_a_fused_one() {
    let fixture = Fixture::new();
    let parts = vec![
        media("front", "image red shoe"),
        media("back", "image sole"),
        IngestPart { name: "title".to_owned(), content: IngestContent::Text("text running shoe".to_owned()) },
        IngestPart {
            name: "vector".to_owned(),
            content: IngestContent::Vector(vector("leather").iter().map(|x| x * 3.0).collect(), Track::Image),
        },
    ];
    let hashes = [b"image red shoe".as_slice(), b"image sole", b"text running shoe"].map(ContentHash::of);
    let mut product = item(parts);
    product.id = id("shoe-7");
    product.fuse = vec![("front".to_owned(), 2.0), ("title".to_owned(), 1.0)];
    product.metadata.set("brand", "X");
    let outcome = fixture.engine.ingest(product).await.expect("ingests");
    assert_eq!((outcome.asset.clone(), outcome.modality), (id("shoe-7"), Some(Modality::Image)));
    assert_eq!(outcome.points, 5);
    let stored = fixture.engine.get(&[outcome.asset.expect("named")], true).await.expect("gets");
    let stored = stored[0].as_ref().expect("there");
    let places: Vec<_> = stored.points.iter().map(|point| (point.track, point.ordinal)).collect();
    let expected =
        [(Track::Image, 0), (Track::Image, 1), (Track::Image, 2), (Track::Text, 0), (Track::Fused, 0)];
    assert_eq!(places, expected);
    let mut fused: Vec<f32> =
        vector("red shoe").iter().zip(vector("running shoe")).map(|(x, y)| 2.0 * x + y).collect();
    sensorium_testkit::normalize(&mut fused);
    let cosine: f32 = stored.vectors[4].iter().zip(&fused).map(|(x, y)| x * y).sum();
    assert!((cosine - 1.0).abs() < 1e-5);
    let listed = stored.record.facts.0.get("_parts").and_then(|parts| parts.as_array()).expect("listed");
    assert_eq!(listed.len(), 4);
    assert_eq!(listed[0].as_str(), Some(hashes[0].to_hex().as_str()));
    assert_eq!(
        fixture.search("running shoe").await[0].payload.get("brand").and_then(|v| v.as_str()),
        Some("X")
    );
}

#[tokio::test]
async fn a_name_of_the_users_is_replaced_by_other_content() {
    let fixture = Fixture::new();
    for file in ["image dog", "video cat|sofa;meow"] {
        let mut named = item(vec![media("it", file)]);
        named.id = id("mine");
        assert_eq!(fixture.engine.ingest(named).await.expect("ingests").state, ItemState::Indexed);
    }
    let stored = fixture.engine.get(&[id("mine").expect("valid")], false).await.expect("gets");
    assert_eq!(stored[0].as_ref().map(|stored| stored.points.len()), Some(3));
}

#[tokio::test]
async fn copies_are_kept_and_served() {
    let fixture = Fixture::new();
    let mut kept = item(vec![media("it", "image dog")]);
    kept.media = MediaPolicy::Copy;
    let asset = fixture.engine.ingest(kept).await.expect("ingests").asset.expect("named");
    let file = fixture.engine.media(&asset).await.expect("served");
    assert!(file.path.starts_with(fixture.files.data().join("media")));
    assert_eq!(fs_err::read(&file.path).expect("reads"), b"image dog");
    assert_eq!(file.mime.as_deref(), Some("image/fake"));
    let gone = fixture.engine.ingest(item(vec![media("it", "image cat")])).await.expect("ingests").asset;
    let error = fixture.engine.media(&gone.expect("named")).await.expect_err("not kept");
    assert_eq!(error.kind(), ErrorKind::FailedPrecondition);
}

#[tokio::test]
async fn an_uploaded_asset_takes_paths_and_outlives_them() {
    let fixture = Fixture::new();
    fixture.engine.ingest(item(vec![media("it", "image dog")])).await.expect("ingests");
    let path = fixture.write("dog", "image dog");
    let run = fixture.index().await;
    assert_eq!((run.counts(), run.summary.points), ((1, 0, 0, 0), 0));
    let asset = fixture.search("dog").await[0].asset.clone();
    assert_eq!(fixture.engine.media(&asset).await.expect("served").path, path);
    fs_err::write(&path, "image changed").expect("written");
    assert!(matches!(fixture.engine.media(&asset).await, Err(EngineError::MediaAway { .. })));
}

#[tokio::test]
async fn bytes_that_fail_are_an_outcome() {
    let fixture = Fixture::new();
    let outcome = fixture.engine.ingest(item(vec![media("it", "corrupt")])).await.expect("an outcome");
    assert_eq!(outcome.state, ItemState::Failed);
    assert_eq!(
        outcome.failure.as_ref().and_then(ItemFailure::reason).map(|reason| reason.kind),
        Some(ReasonKind::Corrupt)
    );
    assert_eq!(fixture.engine.count(None).await.expect("counts"), 0);
}

#[tokio::test]
async fn items_that_break_a_rule_are_refused() {
    let fixture = Fixture::new();
    let mut unknown = item(vec![media("a", "image dog")]);
    unknown.fuse = vec![("b".to_owned(), 1.0)];
    let mut empty_sum = item(vec![media("a", "image dog"), media("b", "image dog")]);
    empty_sum.fuse = vec![("a".to_owned(), 1.0), ("b".to_owned(), -1.0)];
    let mut reserved = item(vec![media("a", "image dog")]);
    reserved.metadata.set("_mine", 1);
    let mut refer = item(vec![media("a", "image dog")]);
    refer.media = MediaPolicy::Reference;
    let short = IngestContent::Vector(vec![1.0; 3], Track::Image);
    let short = item(vec![IngestPart { name: "a".to_owned(), content: short }]);
    let repeated = item(vec![media("a", "image dog"), media("a", "image cat")]);
    for wrong in [item(Vec::new()), unknown, empty_sum, reserved, refer, short, repeated] {
        let error = fixture.engine.ingest(wrong).await.expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
    }
    assert_eq!(fixture.engine.count(None).await.expect("counts"), 0);
}

#[tokio::test]
async fn a_warning_is_told_and_kept_with_the_asset() {
    let fixture = Fixture::new();
    let send = |fixture: &Fixture, file: &str| {
        let (engine, item) = (fixture.engine.clone(), item(vec![media("it", file)]));
        async move { engine.ingest(item).await.expect("ingests") }
    };
    for (file, kind) in [("cut image dog", ReasonKind::Corrupt), ("late image cat", ReasonKind::TimedOut)] {
        let outcome = send(&fixture, file).await;
        assert_eq!(outcome.state, ItemState::Indexed);
        assert_eq!(
            outcome.failure.as_ref().and_then(ItemFailure::reason).map(|reason| reason.kind),
            Some(kind)
        );
    }
    let listed = fixture.engine.warnings().await.expect("lists");
    assert!(
        listed.len() == 2
            && listed.iter().all(|warning| warning.path.display().to_string().starts_with("asset:"))
    );

    // The same bytes would be as damaged again; but another time there may be enough of it.
    let fixture = fixture.reopened(FakeDecoder { doubtful: Doubtful::Whole, ..FakeDecoder::default() });
    let cut = send(&fixture, "cut image dog").await;
    assert_eq!((cut.state, cut.failure, fixture.decoded()), (ItemState::Unchanged, None, 0));
    let late = send(&fixture, "late image cat").await;
    assert_eq!((late.state, late.failure, fixture.decoded()), (ItemState::Indexed, None, 1));
    assert_eq!(fixture.engine.warnings().await.expect("lists").len(), 1);
}
