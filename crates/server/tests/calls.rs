//! Calls other than ingest.

mod common;

#[path = "calls/fields.rs"]
mod fields;
#[path = "calls/media.rs"]
mod media;
#[path = "calls/uploads.rs"]
mod uploads;
#[path = "calls/vectors.rs"]
mod vectors;
#[path = "calls/watch.rs"]
mod watch;

use std::time::Duration;

use common::{FakeDecoder, Running, ask, file, send, vector};
use sensorium_api::v1::jobs_service_client::JobsServiceClient;
use sensorium_api::v1::points_service_client::PointsServiceClient;
use sensorium_api::v1::query_service_client::QueryServiceClient;
use sensorium_api::{Fault, v1};
use sensorium_client::{Client, ClientError};
use sensorium_server::Settings;
use sensorium_types::{
    AssetId, DeleteSelector, ErrorKind, FieldIndexState, Modality, QueryRequest, Term, TermInput,
};
use tonic::Code;

async fn filled() -> (Running, Client, Vec<AssetId>) {
    let server = Running::new().await;
    let client = server.client().await;
    let mut items: Vec<_> = ["image dog", "image cat", "audio dog bark", "text dog story"].map(file).into();
    for (item, year) in items.iter_mut().zip(2019..) {
        item.metadata.set("year", year);
    }
    let outcomes = send(&client, items).await;
    let ids = outcomes.into_iter().map(|outcome| outcome.asset.expect("named")).collect();
    (server, client, ids)
}

fn kind<T: std::fmt::Debug>(answer: Result<T, ClientError>) -> ErrorKind {
    answer.expect_err("an error").kind()
}

#[tokio::test]
async fn queries_are_answered() {
    let (server, client, ids) = filled().await;
    let images = QueryRequest { modalities: vec![Modality::Image], limit: 1, explain: true, ..ask("dog") };
    let reply = client.query(images).await.expect("answers");
    assert_eq!(reply.hits.len(), 1);
    assert_eq!(reply.hits[0].asset, ids[0]);
    assert_eq!(reply.hits[0].payload.get("year").and_then(|year| year.as_i64()), Some(2019));
    assert!(reply.explain.is_some() && !reply.steps.is_empty());

    let filtered = QueryRequest { filter: Some("year >= 2020".parse().expect("a filter")), ..ask("dog") };
    let hits = client.query(filtered).await.expect("answers").hits;
    assert!(!hits.is_empty() && hits.iter().all(|hit| hit.asset != ids[0]));

    let term = |weight, input| Term { weight, input };
    let mixed = QueryRequest {
        terms: vec![
            term(1.0, TermInput::Bytes(b"image dog".as_slice().into())),
            term(-0.5, TermInput::Asset(ids[1].clone())),
            term(1.0, TermInput::Point(ids[2].clone(), None, 0)),
        ],
        ..QueryRequest::default()
    };
    let hits = client.query(mixed).await.expect("answers").hits;
    assert!(hits.iter().all(|hit| hit.asset != ids[1] && hit.asset != ids[2]), "asking assets are left out");
    let by_vector =
        QueryRequest { terms: vec![term(1.0, TermInput::Vector(vector("cat")))], ..QueryRequest::default() };
    let hits = client.query(by_vector).await.expect("answers").hits;
    assert_eq!((&hits[0].asset, hits[0].score), (&ids[1], None));
    server.end().await;
}

#[tokio::test]
async fn the_filter_text_of_a_bare_call_and_offsets_work() {
    let (server, _, ids) = filled().await;
    let mut service = QueryServiceClient::new(server.channel().await);
    let term =
        v1::Term { weight: None, input: Some(v1::term::Input::Text("dog".to_owned())), ..Default::default() };
    let query = v1::QueryRequest {
        terms: vec![term],
        filter_text: "year != 2020".to_owned(),
        all: true,
        ..Default::default()
    };
    let whole = service.query(query.clone()).await.expect("answers").into_inner().hits;
    assert_eq!(whole.len(), 3);
    let rest = v1::QueryRequest { offset: 1, limit: Some(1), without_payload: true, ..query.clone() };
    let rest = service.query(rest).await.expect("answers").into_inner().hits;
    assert_eq!(rest.len(), 1);
    assert_eq!((rest[0].rank, &rest[0].asset_id), (2, &whole[1].asset_id));
    assert!(rest[0].payload.is_empty());

    let said = |code: &str| {
        let term = v1::Term { language: code.to_owned(), ..query.terms[0].clone() };
        v1::QueryRequest { terms: vec![term], explain: true, ..query.clone() }
    };
    let explain = service.query(said("fr")).await.expect("answers").into_inner().explain.expect("explained");
    assert_eq!((explain.languages[0].term, explain.languages[0].language.as_str()), (0, "fr"));
    let status = service.query(said("xx")).await.expect_err("no such language");
    assert_eq!(status.code(), Code::InvalidArgument);
    assert!(status.message().contains("terms.language") && status.message().contains("cs (Czech)"));

    let broken = v1::QueryRequest { filter_text: "year !".to_owned(), ..query.clone() };
    let batch = v1::QueryBatchRequest { queries: vec![query, broken] };
    let outcomes = service.query_batch(batch).await.expect("answers").into_inner().outcomes;
    assert!(matches!(outcomes[0].outcome, Some(v1::query_outcome::Outcome::Response(_))));
    assert!(matches!(outcomes[1].outcome, Some(v1::query_outcome::Outcome::Failure(_))));
    assert_eq!(ids.len(), 4);
    server.end().await;
}

#[tokio::test]
async fn assets_are_read_counted_and_deleted() {
    let (server, client, ids) = filled().await;
    let unknown = AssetId::new("nobody").expect("an id");
    let asked = [ids[0].clone(), unknown.clone(), ids[2].clone()];
    let found = client.get(&asked, false).await.expect("gets");
    let found: Vec<_> = found.iter().map(|asset| asset.as_ref().map(|asset| &asset.id)).collect();
    assert_eq!(found, [Some(&ids[0]), None, Some(&ids[2])]);

    let filter = "year > 2019".parse().expect("a filter");
    assert_eq!(client.count(Some(&filter)).await.expect("counts"), 3);
    let mut listed = Vec::new();
    let mut after = None;
    loop {
        let page = client.scroll(None, after.as_ref(), 3, false).await.expect("scrolls");
        listed.extend(page.items.into_iter().map(|asset| asset.id));
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    let mut expected = ids.clone();
    expected.sort();
    assert_eq!(listed, expected);

    let last = send(&client, vec![file("image fox")]).await.remove(0).asset.expect("named");
    let newest = v1::ScrollRequest { newest_first: true, limit: Some(3), ..Default::default() };
    let page =
        QueryServiceClient::new(server.channel().await).scroll(newest).await.expect("lists").into_inner();
    let listed: Vec<_> = page.assets.iter().map(|asset| asset.asset_id.as_str()).collect();
    assert_eq!((listed.len(), listed[0]), (3, last.as_str()));
    assert!(!page.next_after.is_empty());
    client.delete(DeleteSelector::Ids(vec![last])).await.expect("deletes");

    let stats = client.stats().await.expect("stats");
    assert_eq!((stats.counts.assets, stats.collection.as_str()), (4, "default"));
    let outcome = client.delete(DeleteSelector::Ids(asked.to_vec())).await.expect("deletes");
    assert_eq!((outcome.deleted.len(), outcome.missing), (2, vec![unknown]));
    let outcome = client.delete(DeleteSelector::Filter(filter)).await.expect("deletes");
    assert_eq!(outcome.deleted.len(), 2);
    assert_eq!(client.count(None).await.expect("counts"), 0);
    server.end().await;
}

#[tokio::test]
async fn bad_input_is_the_callers_fault() {
    let (server, client, ids) = filled().await;
    let with = |terms: Vec<Term>| QueryRequest { terms, ..QueryRequest::default() };
    let term = |weight, input| Term { weight, input };
    let text = || TermInput::Text("dog".to_owned());
    for wrong in [
        with(Vec::new()),
        with(vec![term(-1.0, text())]),
        with(vec![term(f32::NAN, text())]),
        with(vec![term(1.0, text()), term(1.0, TermInput::Text(" \u{200b}".to_owned()))]),
        with(vec![term(1.0, TermInput::Vector(vec![1.0]))]),
        with(vec![term(1.0, TermInput::Vector(vec![f32::INFINITY; 64]))]),
        with(vec![term(1.0, TermInput::Vector(vec![0.0; 64]))]),
        with(vec![term(1.0, TermInput::Bytes(b"corrupt".as_slice().into()))]),
        QueryRequest { limit: 1 << 31, ..ask("dog") },
        QueryRequest { min_score: Some(f32::NAN), ..ask("dog") },
        with((0..65).map(|_| term(1.0, text())).collect()),
    ] {
        assert_eq!(kind(client.query(wrong.clone()).await), ErrorKind::InvalidArgument, "{wrong:?}");
    }
    let unknown = with(vec![term(1.0, TermInput::Asset(AssetId::new("nobody").expect("an id")))]);
    assert_eq!(kind(client.query(unknown).await), ErrorKind::NotFound);
    let point = with(vec![term(1.0, TermInput::Point(ids[0].clone(), None, 9))]);
    assert_eq!(kind(client.query(point).await), ErrorKind::NotFound);

    let mut points = PointsServiceClient::new(server.channel().await);
    let bad_id = v1::GetRequest { asset_ids: vec!["a\nb".to_owned()], ..Default::default() };
    let status = points.get(bad_id).await.expect_err("refused");
    assert_eq!(status.code(), Code::InvalidArgument);
    assert_eq!(Fault::from_status(&status).field.as_deref(), Some("asset_ids"));
    let everything = v1::DeleteRequest {
        selector: Some(v1::AssetSelector {
            selector: Some(v1::asset_selector::Selector::Filter(v1::Filter::default())),
        }),
        ..Default::default()
    };
    for selector in [everything, v1::DeleteRequest::default()] {
        assert_eq!(points.delete(selector).await.expect_err("refused").code(), Code::InvalidArgument);
    }
    assert_eq!(client.count(None).await.expect("counts"), 4);
    server.end().await;
}

#[tokio::test]
async fn fields_are_indexed_listed_and_dropped() {
    let (server, client, ids) = filled().await;
    assert!(client.index_field("year").await.expect("indexes"));
    assert!(!client.index_field("year").await.expect("is indexed already"));
    assert!(client.index_field("location").await.expect("indexes"));
    let listed = client.field_indexes().await.expect("lists");
    let asked: Vec<_> = listed.iter().map(|index| (index.field.as_str(), index.asked, index.state)).collect();
    assert_eq!(
        asked,
        [("location", true, FieldIndexState::Ready), ("year", true, FieldIndexState::Ready)],
        "in order of name"
    );
    let filter = "at least 1 of (year = 2019, location within 5 km of (0, 0))".parse().expect("a filter");
    let filtered = QueryRequest { filter: Some(filter), ..ask("dog") };
    let hits = client.query(filtered).await.expect("answers").hits;
    assert_eq!(hits.iter().map(|hit| &hit.asset).collect::<Vec<_>>(), [&ids[0]]);
    assert!(client.drop_field_index("location").await.expect("drops"));
    assert!(!client.drop_field_index("location").await.expect("is not indexed"));
    assert_eq!(kind(client.index_field("").await), ErrorKind::InvalidArgument);
    server.end().await;
}

#[tokio::test]
async fn what_is_planned_says_so() {
    let server = Running::new().await;
    let mut jobs = JobsServiceClient::new(server.channel().await);
    let status = jobs.list_jobs(v1::ListJobsRequest {}).await.expect_err("planned");
    assert_eq!(status.code(), Code::Unimplemented);
    let fault = Fault::from_status(&status);
    assert_eq!((fault.kind, fault.is_retryable()), (ErrorKind::Unimplemented, false));
    assert_eq!(fault.message, "ListJobs is planned and not built yet");
    let mut queries = QueryServiceClient::new(server.channel().await);
    let source = Some(v1::media_input::Source::Uri("http://127.0.0.1/".to_owned()));
    let input = Some(v1::term::Input::Media(v1::MediaInput { source }));
    let by_uri =
        v1::QueryRequest { terms: vec![v1::Term { input, ..Default::default() }], ..Default::default() };
    assert_eq!(queries.query(by_uri).await.expect_err("refused").code(), Code::InvalidArgument);
    server.end().await;
}

#[tokio::test]
async fn a_message_above_the_limit_is_refused() {
    let settings = Settings { max_message_bytes: 2000, max_small_message_bytes: 1000, ..Settings::default() };
    let server = Running::with(settings, FakeDecoder::default()).await;
    let client = server.client().await;
    assert_eq!(kind(client.query(ask(&"x".repeat(3000))).await), ErrorKind::InvalidArgument);
    let ids: Vec<_> = (0..500).map(|at| AssetId::new(&format!("asset {at}")).expect("an id")).collect();
    assert_eq!(kind(client.get(&ids, false).await), ErrorKind::InvalidArgument);
    server.end().await;
}

#[tokio::test]
async fn messages_may_be_packed_and_count_as_what_they_are() {
    use tonic::codec::CompressionEncoding::{Gzip, Zstd};
    let settings = Settings { max_message_bytes: 100_000, ..Settings::default() };
    let server = Running::with(settings, FakeDecoder::default()).await;
    let client = server.client().await;
    send(&client, vec![file("image dog")]).await;
    let query = |text: &str| v1::QueryRequest {
        terms: vec![v1::Term { input: Some(v1::term::Input::Text(text.to_owned())), ..Default::default() }],
        ..Default::default()
    };
    for (encoding, name) in [(Gzip, "gzip"), (Zstd, "zstd")] {
        let mut service = QueryServiceClient::new(server.channel().await)
            .send_compressed(encoding)
            .accept_compressed(encoding);
        let answer = service.query(query("dog")).await.expect("answers");
        let told = answer.metadata().get("grpc-encoding").map(|name| name.as_bytes().to_vec());
        assert_eq!(told.as_deref(), Some(name.as_bytes()));
        assert_eq!(answer.into_inner().hits.len(), 1);
        // Some hundred bytes on the wire.
        let status = service.query(query(&"x".repeat(1 << 20))).await.expect_err("too large");
        assert!(
            matches!(status.code(), Code::OutOfRange | Code::ResourceExhausted | Code::Internal),
            "{status:?}"
        );
        assert!(service.query(query("dog")).await.is_ok());
    }
    let mut plain = QueryServiceClient::new(server.channel().await);
    let answer = plain.query(query("dog")).await.expect("answers");
    assert!(answer.metadata().get("grpc-encoding").is_none());
    server.end().await;
}

#[tokio::test]
async fn a_call_that_takes_too_long_is_ended() {
    let settings = Settings { call_timeout: Duration::from_millis(50), ..Settings::default() };
    let server = Running::with(settings, FakeDecoder::held()).await;
    let client = server.client().await;
    let term = Term { weight: 1.0, input: TermInput::Bytes(b"image dog".as_slice().into()) };
    let query = QueryRequest { terms: vec![term], ..QueryRequest::default() };
    let error = client.query(query).await.expect_err("too long");
    assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::DeadlineExceeded, true));
    server.fixture.decoder.gate.open();
    server.end().await;
}

#[tokio::test]
async fn more_calls_than_allowed_are_turned_away_at_once() {
    let settings = Settings { max_calls: 1, ..Settings::default() };
    let server = Running::with(settings, FakeDecoder::held()).await;
    let client = server.client().await;
    let term = Term { weight: 1.0, input: TermInput::Bytes(b"image dog".as_slice().into()) };
    let slow = QueryRequest { terms: vec![term], ..QueryRequest::default() };
    let (busy, other) = (client.clone(), server.client().await);
    let running = tokio::spawn(async move { busy.query(slow).await });
    server.fixture.decoder.gate.arrived(1).await;
    let error = other.stats().await.expect_err("turned away");
    assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Overloaded, true));
    server.fixture.decoder.gate.open();
    running.await.expect("no panic").expect("answers");
    assert!(other.stats().await.is_ok());
    server.end().await;
}

#[tokio::test]
async fn a_filter_above_its_limit_is_refused_by_every_door() {
    use sensorium_types::MAX_FILTER_BYTES;
    use v1::asset_selector::Selector;
    let (server, client, _) = filled().await;
    let mut queries = QueryServiceClient::new(server.channel().await);
    let mut points = PointsServiceClient::new(server.channel().await);
    let text = |bytes: usize| format!("a = \"{}\"", "x".repeat(bytes - 6));
    let expression = |text: String| v1::condition::Condition::Expression(text);
    let tree = |text: String| v1::Filter {
        must: vec![v1::Condition { condition: Some(expression(text)) }],
        ..v1::Filter::default()
    };
    let delete = |selector| v1::DeleteRequest {
        selector: Some(v1::AssetSelector { selector: Some(selector) }),
        ..v1::DeleteRequest::default()
    };
    let terms = || {
        let input = Some(v1::term::Input::Text("dog".to_owned()));
        vec![v1::Term { input, ..v1::Term::default() }]
    };

    let newest =
        v1::ScrollRequest { newest_first: true, filter_text: "year = 1".to_owned(), ..Default::default() };
    let both = queries.scroll(newest).await.expect_err("refused");
    assert!(both.message().contains("without a filter"), "{both:?}");
    let fits = v1::CountRequest { filter_text: text(MAX_FILTER_BYTES), ..v1::CountRequest::default() };
    assert_eq!(queries.count(fits).await.expect("counts").into_inner().count, 0);
    let mut refused = Vec::new();
    for (filter, filter_text) in [
        (None, text(MAX_FILTER_BYTES + 1)),
        (None, "(".repeat(1 << 20)),
        (Some(tree(text(MAX_FILTER_BYTES))), String::new()),
    ] {
        let (f, t) = (|| filter.clone(), || filter_text.clone());
        let query = v1::QueryRequest { terms: terms(), filter: f(), filter_text: t(), ..Default::default() };
        refused.push(queries.query(query).await.map(drop));
        let scroll = v1::ScrollRequest { filter: f(), filter_text: t(), ..Default::default() };
        refused.push(queries.scroll(scroll).await.map(drop));
        let count = v1::CountRequest { filter: f(), filter_text: t(), ..Default::default() };
        refused.push(queries.count(count).await.map(drop));
        let selector = f().map_or_else(|| Selector::FilterText(t()), Selector::Filter);
        refused.push(points.delete(delete(selector)).await.map(drop));
    }
    for answer in refused {
        let status = answer.expect_err("refused");
        assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
        assert!(status.message().contains("at most 65536 bytes"), "{status:?}");
    }
    assert_eq!(client.count(None).await.expect("counts"), 4, "nothing was deleted");
    server.end().await;
}
