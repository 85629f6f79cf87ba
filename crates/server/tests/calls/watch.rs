//! Standing queries.

use common::HANG;
use tokio::time::timeout;
use tonic::Streaming;

use super::*;

type Queries = QueryServiceClient<tonic::transport::Channel>;

fn standing(text: &str, after_change: Option<u64>) -> v1::WatchRequest {
    let term = v1::Term { input: Some(v1::term::Input::Text(text.to_owned())), ..v1::Term::default() };
    let query = v1::QueryRequest { terms: vec![term], ..v1::QueryRequest::default() };
    v1::WatchRequest { query: Some(query), after_change }
}

async fn watch(queries: &mut Queries, request: v1::WatchRequest) -> Streaming<v1::WatchResponse> {
    queries.watch(request).await.expect("stands").into_inner()
}

async fn next(stream: &mut Streaming<v1::WatchResponse>) -> v1::WatchResponse {
    let answer = timeout(HANG, stream.message()).await.expect("in time");
    answer.expect("well").expect("an answer")
}

/// The assets of the next answer that has any, and its change.
async fn found(stream: &mut Streaming<v1::WatchResponse>) -> (Vec<String>, u64) {
    loop {
        let v1::WatchResponse { change, hits } = next(stream).await;
        if !hits.is_empty() {
            return (hits.into_iter().map(|hit| hit.asset_id).collect(), change);
        }
    }
}

async fn ingest(client: &Client, text: &str) -> String {
    let mut outcomes = send(client, vec![file(text)]).await;
    outcomes.remove(0).asset.expect("named").to_string()
}

#[tokio::test]
async fn a_standing_query_tells_what_comes_and_is_taken_up_again() {
    let (server, client, ids) = filled().await;
    let mut queries = QueryServiceClient::new(server.channel().await);
    let mut stream = watch(&mut queries, standing("dog", None)).await;
    let begin = next(&mut stream).await;
    assert_eq!((begin.change, begin.hits.len()), (4, 0), "what was there is not told");
    ingest(&client, "image ship").await;
    let video = ingest(&client, "video ship|dog;rain").await;
    let (assets, change) = found(&mut stream).await;
    assert_eq!((assets.as_slice(), change), (std::slice::from_ref(&video), 6));
    drop(stream);

    let dogs = ingest(&client, "image dog dog").await;
    // The same words once more, in another asset, and what is gone again.
    let gone = ingest(&client, "text dog").await;
    client.delete(DeleteSelector::Ids(vec![AssetId::new(&gone).expect("an id")])).await.expect("deletes");
    let mut stream = watch(&mut queries, standing("dog", Some(change))).await;
    assert_eq!(next(&mut stream).await.change, change, "where it goes on");
    assert_eq!(found(&mut stream).await.0, std::slice::from_ref(&dogs));

    // From the beginning on: everything that matches, in order of coming.
    let mut whole = watch(&mut queries, standing("dog", Some(0))).await;
    next(&mut whole).await;
    let (assets, _) = found(&mut whole).await;
    for expected in [&ids[0].to_string(), &video, &dogs] {
        assert_eq!(assets.iter().filter(|asset| *asset == expected).count(), 1, "{assets:?}");
    }
    assert!(!assets.contains(&gone) && !assets.contains(&ids[1].to_string()));

    let (task, fixture) = server.stop();
    let status = loop {
        match timeout(HANG, stream.message()).await.expect("in time") {
            Ok(answer) => assert!(answer.is_some(), "it says why it ends"),
            Err(status) => break status,
        }
    };
    assert_eq!(status.code(), Code::Unavailable);
    drop((stream, whole, queries, client));
    common::ended(task).await;
    drop(fixture);
}

#[tokio::test]
async fn a_standing_query_asks_as_a_query_does() {
    let (server, client, _) = filled().await;
    let mut queries = QueryServiceClient::new(server.channel().await);
    let with = |change: fn(&mut v1::QueryRequest)| {
        let mut request = standing("dog", Some(0));
        change(request.query.as_mut().expect("there"));
        request
    };
    let all = async |queries: &mut Queries, request| {
        let mut stream = watch(queries, request).await;
        next(&mut stream).await;
        next(&mut stream).await
    };
    let found = all(&mut queries, with(|query| query.score_threshold = Some(-100.0))).await;
    assert_eq!((found.hits.len(), found.change), (4, 4));
    let found = all(&mut queries, with(|query| query.filter_text = "year = 2019".to_owned())).await;
    assert_eq!(found.hits.len(), 1);
    assert_eq!(found.hits[0].payload.len(), 5, "{:?}", found.hits[0].payload);
    let found = all(&mut queries, with(|query| query.modalities = vec![v1::Modality::Text.into()])).await;
    assert_eq!(found.hits.iter().map(|hit| hit.modality()).collect::<Vec<_>>(), [v1::Modality::Text]);
    let video = ingest(&client, "video dog|ship|dog;rain").await;
    let mut moments = with(|query| query.every_moment = true);
    moments.after_change = Some(4);
    let found = all(&mut queries, moments).await;
    let told: Vec<_> = found.hits.iter().map(|hit| (hit.asset_id.as_str(), hit.moment.is_some())).collect();
    assert_eq!(told, [(video.as_str(), true), (video.as_str(), true)]);

    let refused =
        async |queries: &mut Queries, request| queries.watch(request).await.expect_err("refused").code();
    assert_eq!(refused(&mut queries, v1::WatchRequest::default()).await, Code::InvalidArgument);
    assert_eq!(refused(&mut queries, standing(" ", None)).await, Code::InvalidArgument);
    assert_eq!(refused(&mut queries, standing("dog", Some(1000))).await, Code::InvalidArgument);
    assert_eq!(refused(&mut queries, with(|query| query.terms.clear())).await, Code::InvalidArgument);
    assert_eq!(refused(&mut queries, with(|query| query.using = "other".to_owned())).await, Code::NotFound);
    let late = with(|query| {
        query.fusion = v1::Fusion::Late.into();
        query.terms.push(query.terms[0].clone());
    });
    assert_eq!(refused(&mut queries, late).await, Code::InvalidArgument);
    server.end().await;
}
