//! Vectors that come ready or are made for a caller, and the score of a query all along an asset.

use sensorium_api::v1::embed_service_client::EmbedServiceClient;

use super::*;

fn text_term(text: &str) -> v1::Term {
    v1::Term { input: Some(v1::term::Input::Text(text.to_owned())), ..v1::Term::default() }
}

fn ready(name: &str, words: &[&str]) -> v1::UpsertAsset {
    let point = |(ordinal, words): (u32, &&str)| v1::Point {
        track: v1::Track::Video.into(),
        ordinal,
        span: Some(v1::point::Span::Time(v1::TimeSpan {
            start_ms: u64::from(ordinal) * 1000,
            end_ms: u64::from(ordinal) * 1000 + 1000,
        })),
        // Of any length.
        vector: Some(v1::Vector { values: vector(words).iter().map(|x| 5.0 * x).collect() }),
    };
    v1::UpsertAsset {
        asset_id: name.to_owned(),
        points: (0..).zip(words).map(point).collect(),
        payload: [("year".to_owned(), serde_json::json!(2031).into())].into(),
        ..v1::UpsertAsset::default()
    }
}

#[tokio::test]
async fn ready_vectors_are_written_and_found() {
    let (server, client, _) = filled().await;
    let mut points = PointsServiceClient::new(server.channel().await);
    let before = client.stats().await.expect("stats").counts.change;
    let assets = vec![ready("one", &["horse", "ship"]), ready("two", &["tree"])];
    let request = v1::UpsertRequest { assets, ..v1::UpsertRequest::default() };
    let answer = points.upsert(request).await.expect("writes").into_inner();
    assert_eq!((answer.assets, answer.points, answer.change), (2, 3, before + 2));
    let hits = client.query(QueryRequest { limit: 1, ..ask("ship") }).await.expect("answers").hits;
    assert_eq!((hits[0].asset.as_str(), hits[0].modality), ("one", Modality::Video));
    assert!(hits[0].cosine > 0.999);
    assert_eq!(hits[0].moment.as_ref().map(|moment| moment.peak_ms), Some(1500));
    assert_eq!(client.count(Some(&"year = 2031".parse().expect("a filter"))).await.expect("counts"), 2);

    let one = ready("one", &["cloud"]);
    points.upsert(v1::UpsertRequest { assets: vec![one], ..Default::default() }).await.expect("replaces");
    assert_eq!(client.stats().await.expect("stats").counts.points, 4 + 2, "old points are gone");

    let good = || ready("three", &["sea"]);
    let change = |change: fn(&mut v1::UpsertAsset)| {
        let mut asset = good();
        change(&mut asset);
        asset
    };
    for (wrong, what) in [
        (change(|asset| asset.asset_id.clear()), "assets.asset_id"),
        (change(|asset| asset.points.clear()), "no point"),
        (change(|asset| asset.points[0].vector = None), "assets.points.vector"),
        (change(|asset| asset.points[0].track = 0), "point.track"),
        (change(|asset| asset.points[0].track = v1::Track::Caption.into()), "caption"),
        (
            change(|asset| asset.points[0].vector = Some(v1::Vector { values: vec![1.0] })),
            "64 finite numbers",
        ),
        (change(|asset| asset.points[0].vector = Some(v1::Vector { values: vec![0.0; 64] })), "vector"),
        (change(|asset| asset.points.push(asset.points[0].clone())), "two points"),
        (change(|asset| asset.modality = 99), "modality"),
    ] {
        let request = v1::UpsertRequest { assets: vec![good(), wrong], ..Default::default() };
        let status = points.upsert(request).await.expect_err(what);
        assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
        assert!(status.message().contains(what), "{what}: {}", status.message());
    }
    let found = client.get(&[AssetId::new("three").expect("an id")], false).await.expect("gets");
    assert_eq!(found, [None], "nothing is written where one is wrong");
    server.end().await;
}

#[tokio::test]
async fn a_query_is_scored_all_along_an_asset() {
    let (server, client, _) = filled().await;
    let video = send(&client, vec![file("video sea|dog|sea|dog; rain|dog")]).await;
    let id = video[0].asset.clone().expect("named");
    let mut queries = QueryServiceClient::new(server.channel().await);
    let request = v1::ScoreAssetRequest {
        asset_id: id.to_string(),
        terms: vec![text_term("dog")],
        ..v1::ScoreAssetRequest::default()
    };
    let answer = queries.score_asset(request.clone()).await.expect("scores").into_inner();
    let cosines: Vec<_> = answer.points.iter().map(|scored| scored.cosine > 0.999).collect();
    assert_eq!(cosines, [false, true, false, true, false, true], "in order of track and ordinal");
    let scores: Vec<_> = answer.points.iter().map(|scored| scored.score.expect("calibrated")).collect();
    assert!((scores[1] - 10.0).abs() < 0.01 && (scores[5] - 6.0).abs() < 0.01, "by content: {scores:?}");
    let reply = client.query(QueryRequest { every_moment: true, ..ask("dog") }).await.expect("answers");
    let of_query: Vec<_> =
        reply.hits.into_iter().filter(|hit| hit.asset == id).map(|hit| hit.moment.expect("timed")).collect();
    let moments: Vec<_> = answer.moments.iter().map(|moment| (moment.start_ms, moment.end_ms)).collect();
    let expected: Vec<_> = of_query.iter().map(|moment| (moment.start_ms, moment.end_ms)).collect();
    assert_eq!(moments, expected, "those of the query");
    assert!(moments.contains(&(10_000, 20_000)));

    let by_vector = v1::Term {
        input: Some(v1::term::Input::Vector(v1::Vector { values: vector("dog") })),
        ..v1::Term::default()
    };
    let request = v1::ScoreAssetRequest { terms: vec![by_vector], ..request };
    let bare = queries.score_asset(request.clone()).await.expect("scores").into_inner();
    assert!(bare.points.iter().all(|scored| scored.score.is_none()));
    assert!((bare.points[1].cosine - answer.points[1].cosine).abs() < 1e-5);

    let of = |asset_id: &str, terms| v1::ScoreAssetRequest {
        asset_id: asset_id.to_owned(),
        terms,
        ..v1::ScoreAssetRequest::default()
    };
    for (wrong, code) in [
        (of("nobody", vec![text_term("dog")]), Code::NotFound),
        (of("", vec![text_term("dog")]), Code::InvalidArgument),
        (of(id.as_str(), vec![]), Code::InvalidArgument),
        (of(id.as_str(), vec![text_term(" ")]), Code::InvalidArgument),
    ] {
        assert_eq!(queries.score_asset(wrong).await.expect_err("refused").code(), code);
    }
    server.end().await;
}

#[tokio::test]
async fn texts_and_media_are_encoded_and_not_stored() {
    let server = Running::new().await;
    let mut service = EmbedServiceClient::new(server.channel().await);
    let media = |bytes: &str| v1::EmbedInput {
        input: Some(v1::embed_input::Input::Media(v1::MediaInput::of(bytes.as_bytes().into()))),
    };
    let text = |text: &str| v1::EmbedInput { input: Some(v1::embed_input::Input::Text(text.to_owned())) };
    let inputs = vec![text("dog"), media("video sea|dog;rain"), media("image dog")];
    let answer = service.embed(v1::EmbedRequest { inputs, ..Default::default() }).await.expect("encodes");
    let v1::EmbedResponse { embeddings, space } = answer.into_inner();
    assert_eq!(space.map(|space| (space.id, space.dim)), Some(("fake".to_owned(), 64)));
    let counts: Vec<_> = embeddings.iter().map(|embedding| embedding.points.len()).collect();
    assert_eq!(counts, [1, 3, 1]);
    let values = |embedding: usize, point: usize| {
        embeddings[embedding].points[point].vector.as_ref().map(|vector| vector.values.clone())
    };
    assert_eq!(values(0, 0), Some(vector("dog")));
    assert_eq!((values(1, 1), values(2, 0)), (values(0, 0), values(0, 0)));
    assert!(embeddings[0].points[0].span.is_none() && embeddings[1].points[1].span.is_some());
    assert_eq!(server.client().await.count(None).await.expect("counts"), 0);

    let of = |inputs: Vec<v1::EmbedInput>, using: &str| v1::EmbedRequest { inputs, using: using.to_owned() };
    for (wrong, code) in [
        (of(vec![], ""), Code::InvalidArgument),
        (of(vec![v1::EmbedInput::default()], ""), Code::InvalidArgument),
        (of(vec![text(" ")], ""), Code::InvalidArgument),
        (of(vec![media("corrupt")], ""), Code::InvalidArgument),
        (of((0..65).map(|_| text("x")).collect(), ""), Code::InvalidArgument),
        (of(vec![text("x")], "other"), Code::NotFound),
    ] {
        assert_eq!(service.embed(wrong).await.expect_err("refused").code(), code);
    }
    server.end().await;
}
