//! Media by address: from allowed places, into the place of uploads, and never inside a query.

mod common;
mod http_client;

use std::net::SocketAddr;
use std::time::Duration;

use common::{FakeDecoder, Fixture, HANG, Running};
use http_client::{ask_with, form, ingest, post};
use sensorium_api::v1;
use sensorium_api::v1::ingest_request::Message as Ask;
use sensorium_api::v1::ingest_response::Message as Answer;
use sensorium_api::v1::ingest_service_client::IngestServiceClient;
use sensorium_server::{AllowedUri, Keys, NewKey, Reach, Scope, Settings};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

/// A server of media: `/image` is a fake image, `/slow` never goes on and tells when it is left, `/away` leads to a private machine.
async fn media() -> (SocketAddr, mpsc::UnboundedReceiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let (leaving, left) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let leaving = leaving.clone();
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    let Ok(byte) = stream.read_u8().await else { return };
                    head.push(byte);
                }
                let head = String::from_utf8(head).expect("a head");
                let answer = match head.split(' ').nth(1).expect("a path") {
                    "/away" => {
                        "302 Found\r\nlocation: http://169.254.169.254/latest\r\ncontent-length: 0\r\n\r\n"
                    }
                    "/large" => "200 OK\r\ncontent-length: 99999999\r\n\r\n",
                    "/empty" => "200 OK\r\ncontent-length: 0\r\n\r\n",
                    "/chunked" => "200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\nimage two\r\n0\r\n\r\n",
                    "/slow" => "200 OK\r\ncontent-length: 10\r\n\r\nim",
                    path if path.starts_with("/image") => "200 OK\r\ncontent-length: 9\r\n\r\nimage one",
                    _ => "404 Not Found\r\ncontent-length: 0\r\n\r\n",
                };
                let _ = stream.write_all(format!("HTTP/1.1 {answer}").as_bytes()).await;
                if head.starts_with("GET /slow") {
                    let _ = stream.read_to_end(&mut Vec::new()).await;
                    let _ = leaving.send(());
                }
            });
        }
    });
    (address, left)
}

/// Settings that allow the server of media, under its name, and these places.
fn allowing(media: SocketAddr, places: &[String]) -> Settings {
    let own = format!("http://media.test:{}", media.port());
    let places = std::iter::once(&own).chain(places).map(|place| AllowedUri::parse(place).expect(place));
    let names = |name: &str| {
        let ip = if name == "media.test" { "127.0.0.1" } else { "10.0.0.1" };
        Some(vec![ip.parse().expect("an address")])
    };
    Settings {
        allowed_uris: places.collect(),
        reach: Reach::of_tests(names, Vec::new()),
        max_fetch_bytes: 1 << 20,
        ..Settings::default()
    }
}

fn uploads(server: &Running) -> usize {
    let folder = server.fixture.engine.data_dir().join("uploads");
    fs_err::read_dir(folder).map_or(0, Iterator::count)
}

/// The results of a form of these addresses.
async fn by_address(server: &Running, uris: &[String]) -> Vec<Value> {
    let parts: Vec<_> = uris.iter().map(|uri| ("uri", None, uri.as_bytes())).collect();
    let answer = ingest(server.address, "/v1/ingest", &parts).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let results = answer.json().get("results").and_then(Value::as_array).cloned();
    results.expect("a list")
}

#[tokio::test]
async fn items_by_address_are_fetched_from_allowed_places_and_nothing_of_them_stays() {
    let (media, _left) = media().await;
    let folder = tempfile::tempdir().expect("a folder");
    fs_err::write(folder.path().join("three.img"), b"image three").expect("writes");
    std::os::unix::fs::symlink("/etc/passwd", folder.path().join("link")).expect("links");
    let root = format!("file://{}", folder.path().canonicalize().expect("is there").display());
    let server = Running::with(allowing(media, std::slice::from_ref(&root)), FakeDecoder::default()).await;
    let at = |path: &str| format!("http://media.test:{}{path}", media.port());
    let good = [at("/image/dog%20one.img?sig=x"), at("/chunked"), format!("{root}/three.img")];
    let results = by_address(&server, &good).await;
    let named: Vec<_> =
        results.iter().map(|result| (result["name"].as_str(), result["state"].as_str())).collect();
    let indexed = Some("ITEM_STATE_INDEXED");
    assert_eq!(
        named,
        [(Some("dog one.img"), indexed), (Some("chunked"), indexed), (Some("three.img"), indexed)]
    );
    let id = sensorium_types::ContentHash::of(b"image one").to_hex()[..32].to_owned();
    assert_eq!(results[0]["asset_id"], json!(id));
    assert_eq!(uploads(&server), 0, "what was fetched is a copy by now");
    let bytes = ask_with(server.address, &format!("GET /v1/assets/{id}/media"), &[], b"").await;
    assert_eq!(bytes.body, b"image one");

    for (uri, code, part) in [
        (at("/none"), "NOT_FOUND", "status 404"),
        (at("/away"), "PERMISSION_DENIED", "none of the places"),
        (at("/large"), "INVALID_ARGUMENT", "is larger than"),
        (at("/empty"), "FAILED_PRECONDITION", "no bytes"),
        ("http://private.test/a".to_owned(), "PERMISSION_DENIED", "none of the places"),
        (format!("http://127.0.0.1:{}/image", media.port()), "PERMISSION_DENIED", "none of the places"),
        ("http://169.254.169.254/latest".to_owned(), "PERMISSION_DENIED", "none of the places"),
        ("http://0x7f.1/".to_owned(), "INVALID_ARGUMENT", "host"),
        ("ftp://media.test/a".to_owned(), "INVALID_ARGUMENT", "scheme"),
        ("file:///etc/passwd".to_owned(), "PERMISSION_DENIED", "none of the places"),
        (format!("{root}/link"), "PERMISSION_DENIED", "none of the places"),
        (format!("{root}/../x"), "INVALID_ARGUMENT", ".."),
    ] {
        let result = by_address(&server, std::slice::from_ref(&uri)).await.remove(0);
        let failure = &result["failure"];
        assert_eq!(failure["error"], json!(format!("ERROR_KIND_{code}")), "{uri}: {result}");
        assert!(
            failure["message"].as_str().is_some_and(|message| message.contains(part)),
            "{uri}: {failure}"
        );
        assert!(!result.to_string().contains("root:"));
    }
    assert_eq!(uploads(&server), 0);

    // Vectors of an address, but no query by one.
    let embed =
        post(server.address, "/v1/embed", &json!({ "inputs": [{ "image": { "uri": at("/image") } }] })).await;
    assert_eq!(embed.status, 200, "{}", embed.text());
    let query =
        post(server.address, "/v1/query", &json!({ "terms": [{ "image": { "uri": at("/image") } }] })).await;
    assert_eq!(query.problem(), (400, "INVALID_ARGUMENT".to_owned()));
    assert!(query.text().contains("nothing is fetched inside a query"), "{}", query.text());
    assert_eq!(uploads(&server), 0);

    // Three files and one vector came, of 9 + 9 + 11 + 9 bytes; what no address reads as was never asked for.
    let metrics = ask_with(server.address, "GET /metrics", &[], b"").await.text();
    for line in [
        "sensorium_fetches_total{outcome=\"fetched\"} 4",
        "sensorium_fetches_total{outcome=\"refused\"} 6",
        "sensorium_fetches_total{outcome=\"failed\"} 3",
        "sensorium_fetched_bytes_total 38",
        "sensorium_fetch_seconds_count 13",
    ] {
        assert!(metrics.lines().any(|known| known == line), "{line}\n{metrics}");
    }
    server.end().await;
}

#[tokio::test]
async fn nothing_is_fetched_unless_places_are_named_and_by_none_who_may_only_read() {
    let (media, _left) = media().await;
    let at = format!("http://media.test:{}/image", media.port());
    let server = Running::new().await;
    let result = by_address(&server, std::slice::from_ref(&at)).await.remove(0);
    let message = result["failure"]["message"].as_str().expect("a message").to_owned();
    assert!(message.contains("--allow-uri"), "{message}");
    server.end().await;

    let fixture = Fixture::with(FakeDecoder::default());
    let keys = Keys::open(fixture.engine.data_dir()).expect("opens");
    let key = |scope| {
        let (name, collections) = (String::new(), Vec::new());
        let new = NewKey { name, scope, collections, lifetime: None, replaces: None };
        format!("Bearer {}", keys.create(new).expect("made").1)
    };
    let (read, write) = (key(Scope::Read), key(Scope::Write));
    let server = Running::over(fixture, Settings { require_key: true, ..allowing(media, &[]) }).await;
    let input = json!({ "media": { "uri": at } });
    for (path, body) in [
        ("/v1/embed", json!({ "inputs": [input] })),
        ("/v1/caption", json!({ "input": input })),
        ("/v1/summarize", json!({ "input": input })),
    ] {
        for (key, is_refused) in [(&read, true), (&write, false)] {
            let headers = [("content-type", "application/json"), ("authorization", key.as_str())];
            let answer =
                ask_with(server.address, &format!("POST {path}"), &headers, body.to_string().as_bytes())
                    .await;
            let refusal = answer.text().contains("PERMISSION_DENIED");
            assert_eq!(refusal, is_refused, "{path}: {}", answer.text());
            let brought = answer.text().contains("uri");
            assert!(!brought || is_refused, "{path}: {}", answer.text());
        }
    }
    server.end().await;
}

#[tokio::test]
async fn an_address_that_never_ends_holds_up_nobody_and_is_left_with_its_caller() {
    let (media, mut left) = media().await;
    let at = |path: &str| format!("http://media.test:{}{path}", media.port());
    let settings = Settings { max_items_in_flight: 2, ..allowing(media, &[]) };
    let server = Running::with(settings, FakeDecoder::default()).await;
    let part = |source| v1::IngestPart {
        content: Some(v1::ingest_part::Content::Media(v1::MediaInput { source: Some(source) })),
        ..v1::IngestPart::default()
    };
    let item = |sequence, source| {
        Ask::Item(v1::IngestItem { sequence, parts: vec![part(source)], ..v1::IngestItem::default() })
    };
    let (asks, queued) = mpsc::channel(32);
    let send = async |message| {
        asks.send(v1::IngestRequest { message: Some(message) }).await.expect("takes it");
    };
    let mut service = IngestServiceClient::new(server.channel().await);
    send(Ask::Start(v1::IngestStart::default())).await;
    // More than there are places for items.
    for sequence in 1..=4 {
        send(item(sequence, v1::media_input::Source::Uri(at("/slow")))).await;
    }
    send(item(5, v1::media_input::Source::Data(b"image here".to_vec().into()))).await;
    send(item(6, v1::media_input::Source::Uri(at("/image")))).await;
    let stream = tokio_stream::wrappers::ReceiverStream::new(queued);
    let mut answers = service.ingest(stream).await.expect("opens").into_inner();
    let mut done = Vec::new();
    while done.len() < 2 {
        let answer = tokio::time::timeout(HANG, answers.message()).await.expect("in time").expect("well");
        if let Some(Answer::ItemResult(result)) = answer.expect("an answer").message {
            assert_eq!(result.state(), v1::ItemState::Indexed, "{result:?}");
            done.push(result.sequence);
        }
    }
    done.sort_unstable();
    assert_eq!(done, [5, 6]);
    drop((answers, asks));
    for _ in 1..=4 {
        tokio::time::timeout(HANG, left.recv()).await.expect("it is left").expect("told");
    }
    common::until(async || uploads(&server) == 0).await;

    // So it is when its time is up, and when the server stops.
    let settings = Settings { fetch_idle_timeout: Duration::from_millis(100), ..allowing(media, &[]) };
    let short = Running::with(settings, FakeDecoder::default()).await;
    let result = by_address(&short, &[at("/slow")]).await.remove(0);
    assert_eq!(result["failure"]["error"], json!("ERROR_KIND_DEADLINE_EXCEEDED"), "{result}");
    short.end().await;
    let address = server.address;
    let kind = format!("multipart/form-data; boundary={}", http_client::BOUNDARY);
    let slow = at("/slow");
    let asking = tokio::spawn(async move {
        let body = form(&[("uri", None, slow.as_bytes())]);
        ask_with(address, "POST /v1/ingest", &[("content-type", &kind)], &body).await
    });
    common::until(async || uploads(&server) == 1).await;
    server.end().await;
    let answer = asking.await.expect("an answer");
    assert!(answer.text().contains("UNAVAILABLE"), "{}", answer.text());
}
