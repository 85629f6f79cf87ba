//! HTTP and JSON as a script sees them: routes, forms, ranges, events, keys, other sites.

mod common;
mod http_client;

use common::{FakeDecoder, Fixture, HANG, Running};
use http_client::{BOUNDARY, ask, ask_with, form, ingest, post};
use sensorium_client::{Client, Options};
use sensorium_server::{Keys, NewKey, Scope, Settings, TlsFiles};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The files of the fake decoder: an image is `image N`.
const TWO: [(&str, Option<&str>, &[u8]); 2] =
    [("file", Some("folder/one.img"), b"image 1"), ("file", Some("two.img"), b"image 2")];

#[tokio::test]
async fn a_form_brings_files_in_and_a_query_finds_them() {
    let server = Running::new().await;
    let address = server.address;
    let mut parts = TWO.to_vec();
    parts.push(("file", Some("bad.img"), b"corrupt"));
    // A payload behind the files is of all of them.
    parts.push(("payload", None, br#"{"year": 2020, "tags": ["a"]}"#));
    let answer = ingest(address, "/v1/ingest", &parts).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let results = answer.json()["results"].as_array().expect("a list").clone();
    let states: Vec<_> = results.iter().map(|result| result["state"].as_str().expect("a state")).collect();
    assert_eq!(states, ["ITEM_STATE_INDEXED", "ITEM_STATE_INDEXED", "ITEM_STATE_FAILED"], "{results:?}");
    let names: Vec<_> = results.iter().map(|result| result["name"].as_str().expect("a name")).collect();
    assert_eq!(names, ["one.img", "two.img", "bad.img"]);
    assert!(results[2]["failure"]["message"].as_str().is_some_and(|message| !message.is_empty()));

    let id = results[0]["asset_id"].as_str().expect("an id");
    let asset = ask(address, &format!("GET /v1/assets/{id}")).await.json()["assets"][0].clone();
    assert_eq!((&asset["asset_id"], &asset["modality"]), (&json!(id), &json!("MODALITY_IMAGE")));
    assert_eq!((&asset["payload"]["year"], &asset["payload"]["name"]), (&json!(2020), &json!("one.img")));

    let query = json!({ "terms": [{ "asset_id": id }], "limit": 5, "filter_text": "year >= 2020" });
    let hits = post(address, "/v1/query", &query).await.json()["hits"].clone();
    assert_eq!((hits.as_array().map(Vec::len), &hits[0]["rank"]), (Some(1), &json!(1)), "{hits}");
    assert_eq!(hits[0]["asset_id"], results[1]["asset_id"]);
    assert_eq!(post(address, "/v1/count", &json!({})).await.json(), json!({ "count": 2 }));
    assert_eq!(ask(address, "GET /v1/stats").await.json()["assets"], json!(2));
    let deleted = ask(address, &format!("DELETE /v1/assets/{id}")).await.json();
    assert_eq!((&deleted["deleted"], &deleted["missing"]), (&json!([id]), &json!([])));
    assert_eq!(deleted["deleted_count"], json!(1));
    assert_eq!(ask(address, &format!("GET /v1/assets/{id}")).await.problem(), (404, "NOT_FOUND".to_owned()));
    server.end().await;
}

#[tokio::test]
async fn a_form_that_breaks_a_rule_is_refused_with_a_word() {
    let settings = Settings { max_message_bytes: 1000, ..Settings::default() };
    let server = Running::with(settings, FakeDecoder::default()).await;
    let address = server.address;
    let large = vec![b'x'; 2000];
    let answer = ingest(address, "/v1/ingest", &[("file", Some("large"), &large), TWO[0]]).await.json();
    assert!(
        answer["results"][0]["failure"]["message"].as_str().is_some_and(|text| text.contains("1000")),
        "{answer}"
    );
    assert_eq!(answer["results"][1]["state"], json!("ITEM_STATE_INDEXED"), "others go on");
    for (parts, part) in [
        (vec![], "at least one"),
        (vec![("payload", None, b"[]".as_slice()), TWO[0]], "JSON object"),
        (vec![("filé", Some("x"), b"".as_slice())], "file, uri and payload"),
    ] {
        let answer = ingest(address, "/v1/ingest", &parts).await;
        assert_eq!(answer.problem(), (400, "INVALID_ARGUMENT".to_owned()));
        assert!(answer.text().contains(part), "{}", answer.text());
    }
    let kind = [("content-type", "application/json")];
    assert_eq!(ask_with(address, "POST /v1/ingest", &kind, b"{}").await.status, 415);
    assert_eq!(ingest(address, "/v1/ingest?colection=a", &TWO).await.status, 400);
    let cut = &form(&TWO)[..60];
    let kind = format!("multipart/form-data; boundary={BOUNDARY}");
    assert_eq!(ask_with(address, "POST /v1/ingest", &[("content-type", &kind)], cut).await.status, 400);
    server.end().await;
}

#[tokio::test]
async fn what_is_wrong_is_a_problem_with_its_place() {
    let server = Running::new().await;
    let address = server.address;
    let wrong = post(address, "/v1/query", &json!({ "terms": [{ "text": 1 }] })).await;
    assert_eq!(wrong.problem(), (400, "INVALID_ARGUMENT".to_owned()));
    assert_eq!(wrong.json()["field"], json!("terms[0].text"));
    let kind = [("content-type", "application/json")];
    for (request, headers, body, status) in [
        ("GET /v1/nothing", [].as_slice(), b"".as_slice(), 404),
        ("PUT /v1/query", &[], b"", 405),
        ("POST /v1/query", &kind, b"{", 400),
        ("POST /v1/query", &kind, b"[]", 400),
        ("POST /v1/query", &[("content-type", "text/plain")], b"{}", 415),
        ("GET /v1/stats?limit=1", &[], b"", 400),
        ("GET /v1/assets/none/media", &[], b"", 404),
        ("GET /v1/assets/none/thumbnail", &[], b"", 404),
        ("GET /v1/assets/none/thumbnail?track=film", &[], b"", 400),
        ("GET /v1/assets/none/clip", &[], b"", 400),
        ("GET /v1/assets/none/clip?start_ms=0&end_ms=99999999", &[], b"", 400),
        ("GET /v1/assets/none/preview", &[], b"", 404),
        ("GET /v1/assets/none/preview?side=4000", &[], b"", 400),
        ("GET /v1/assets/none/preview?width=100", &[], b"", 400),
        ("DELETE /v1/collections/default", &[], b"", 400),
        ("GET /../../etc/passwd", &[], b"", 404),
    ] {
        let answer = ask_with(address, request, headers, body).await;
        assert_eq!(answer.problem().0, status, "{request}: {}", answer.text());
    }
    let large = Settings::default().max_small_message_bytes + 1;
    let headers = [("content-type", "application/json"), ("expect", "nothing")];
    let answer = ask_with(address, "POST /v1/count", &headers, &vec![b' '; large]).await;
    assert_eq!(answer.status, 413);
    server.end().await;
}

#[tokio::test]
async fn an_image_is_converted_for_who_looks_at_it_and_nothing_else_is() {
    let server = Running::new().await;
    let address = server.address;
    let parts = [TWO[0], ("file", Some("a.txt"), b"text a passage".as_slice())];
    let results = ingest(address, "/v1/ingest", &parts).await.json()["results"].clone();
    let path =
        |at: usize| format!("GET /v1/assets/{}/preview", results[at]["asset_id"].as_str().expect("an id"));
    for (query, side) in [("", 2048), ("?side=640", 640)] {
        let shown = ask(address, &format!("{}{query}", path(0))).await;
        assert_eq!((shown.status, shown.text()), (200, format!("image 1 {side}")));
        assert_eq!(shown.headers["content-type"], "image/jpeg");
        assert_eq!(shown.headers["x-content-type-options"], "nosniff");
    }
    let refused = ask(address, &path(1)).await;
    assert_eq!(refused.problem(), (400, "INVALID_ARGUMENT".to_owned()), "{}", refused.text());
    server.end().await;
}

#[tokio::test]
async fn an_image_is_converted_no_longer_than_somebody_waits_for_it() {
    let fixture = Fixture::with(FakeDecoder::default());
    let decoder = std::sync::Arc::clone(&fixture.decoder);
    let server = Running::over(fixture, Settings::default()).await;
    let address = server.address;
    let results = ingest(address, "/v1/ingest", &TWO).await.json()["results"].clone();
    let path = |at: usize| format!("/v1/assets/{}/preview", results[at]["asset_id"].as_str().expect("an id"));
    decoder.gate.let_in(0);
    // Two are converted at a time, a third waits; all leave.
    let mut leaving = Vec::new();
    for at in [0, 0, 0] {
        let mut stream = TcpStream::connect(address).await.expect("connects");
        let head = format!("GET {} HTTP/1.1\r\nhost: {address}\r\n\r\n", path(at));
        stream.write_all(head.as_bytes()).await.expect("sends");
        leaving.push(stream);
    }
    decoder.gate.arrived(TWO.len() + 2).await;
    drop(leaving);
    // The decoder hangs with what it has, and yet there are places again.
    decoder.gate.let_in_only("image 2");
    let shown = ask(address, &format!("GET {}", path(1))).await;
    assert_eq!(shown.status, 200, "{}", shown.text());
    decoder.gate.open();
    server.end().await;
}

#[tokio::test]
async fn media_come_whole_in_ranges_and_not_again() {
    let server = Running::new().await;
    let address = server.address;
    let results = ingest(address, "/v1/ingest", &TWO[..1]).await.json();
    let id = results["results"][0]["asset_id"].as_str().expect("an id").to_owned();
    let path = format!("GET /v1/assets/{id}/media");
    let whole = ask(address, &path).await;
    assert_eq!((whole.status, whole.body.as_slice()), (200, b"image 1".as_slice()));
    assert_eq!(
        (whole.headers["accept-ranges"].as_str(), whole.headers["content-length"].as_str()),
        ("bytes", "7")
    );
    // Bytes that a browser would run are shown as what they are not.
    assert!(whole.headers["content-security-policy"].contains("sandbox"));
    assert_eq!(whole.headers["x-content-type-options"], "nosniff");
    let part = ask_with(address, &path, &[("range", "bytes=2-4")], b"").await;
    assert_eq!((part.status, part.body.as_slice()), (206, b"age".as_slice()));
    assert_eq!(part.headers["content-range"], "bytes 2-4/7");
    let outside = ask_with(address, &path, &[("range", "bytes=7-")], b"").await;
    assert_eq!((outside.status, outside.headers["content-range"].as_str()), (416, "bytes */7"));
    let same = ask_with(address, &path, &[("if-none-match", &whole.headers["etag"])], b"").await;
    assert_eq!((same.status, same.body.len()), (304, 0));
    let head = ask(address, &path.replace("GET", "HEAD")).await;
    assert_eq!((head.status, head.headers["content-length"].as_str(), head.body.len()), (200, "7", 0));
    server.end().await;
}

#[tokio::test]
async fn collections_live_at_their_addresses_and_streams_are_events() {
    let server = Running::new().await;
    let address = server.address;
    assert_eq!(ask(address, "GET /v1/info").await.json()["collection_name"], json!("default"));
    let fields = ask(address, "GET /v1/fields").await.json();
    assert_eq!(fields, json!({ "indexes": [] }));
    // The folder is not allowed, which is told before a stream begins.
    let refused = post(address, "/v1/index_paths", &json!({ "paths": ["/tmp"] })).await;
    assert_eq!(refused.problem().0, 400);
    let document = ask(address, "GET /openapi.json").await.json();
    assert_eq!(document["openapi"], json!("3.1.0"));
    for path in ["/v1/query", "/v1/ingest", "/v1/assets/{id}/media", "/v1/collections"] {
        assert!(document["paths"].get(path).is_some(), "{path}");
    }
    assert!(ask(address, "GET /docs").await.text().contains("/v1/query"));
    assert_eq!(ask(address, "GET /livez").await.text(), "ok\n");
    assert_eq!(ask(address, "GET /readyz").await.status, 200);
    server.end().await;
}

#[tokio::test]
async fn paths_are_indexed_with_an_event_for_each_file() {
    let folder = tempfile::tempdir().expect("a folder");
    fs_err::write(folder.path().join("a.img"), "image 1").expect("writes");
    let allowed = fs_err::canonicalize(folder.path()).expect("a path");
    let settings = Settings { allowed_paths: vec![allowed.clone()], ..Settings::default() };
    let server = Running::with(settings, FakeDecoder::default()).await;
    let answer = post(server.address, "/v1/index_paths", &json!({ "paths": [allowed] })).await;
    assert_eq!(answer.headers["content-type"], "text/event-stream");
    let text = answer.text();
    let events: Vec<Value> =
        text.lines().filter_map(|line| serde_json::from_str(line.strip_prefix("data: ")?).ok()).collect();
    assert!(events.iter().any(|event| event["file"]["state"] == json!("ITEM_STATE_INDEXED")), "{text}");
    assert!(events.iter().any(|event| event["summary"]["indexed"] == json!(1)), "{text}");
    assert!(text.contains("event: end"), "{text}");
    server.end().await;
}

#[tokio::test]
async fn other_names_and_other_sites_are_refused() {
    let settings = Settings { allowed_hosts: vec!["media.local".to_owned()], ..Settings::default() };
    let server = Running::with(settings, FakeDecoder::default()).await;
    let address = server.address;
    for (headers, status) in [
        (vec![("host", "evil.example")], 403),
        (vec![("host", "media.local")], 200),
        (vec![("origin", "http://evil.example")], 403),
        (vec![("host", "media.local"), ("origin", "https://media.local")], 200),
    ] {
        let answer = ask_with(address, "GET /v1/info", &headers, b"").await;
        assert_eq!(answer.status, status, "{headers:?}");
    }
    server.end().await;
}

#[tokio::test]
async fn below_a_base_path_everything_is_there_and_nothing_elsewhere() {
    let settings = Settings { base_path: "/media".to_owned(), ..Settings::default() };
    let server = Running::with(settings, FakeDecoder::default()).await;
    let address = server.address;
    assert_eq!(ask(address, "GET /media/v1/info").await.status, 200);
    assert_eq!(ask(address, "GET /v1/info").await.problem().0, 404);
    let moved = ask(address, "GET /media").await;
    assert_eq!((moved.status, moved.headers["location"].as_str()), (308, "/media/"));
    server.end().await;
}

fn key(keys: &Keys, scope: Scope, collections: &[&str]) -> String {
    let collections = collections.iter().map(|name| (*name).to_owned()).collect();
    let new = NewKey { name: String::new(), scope, collections, lifetime: None, replaces: None };
    keys.create(new).expect("made").1
}

#[tokio::test]
async fn keys_reach_as_far_as_their_scope_and_collections_by_http_and_by_grpc() {
    let fixture = Fixture::with(FakeDecoder::default());
    let keys = Keys::open(fixture.engine.data_dir()).expect("opens");
    let (read, write) = (key(&keys, Scope::Read, &[]), key(&keys, Scope::Write, &["films"]));
    let admin = key(&keys, Scope::Admin, &[]);
    let settings = Settings { require_key: true, ..Settings::default() };
    let server = Running::over(fixture, settings).await;
    let address = server.address;
    let json_kind = ("content-type", "application/json");
    let bearer = |key: &str| format!("Bearer {key}");
    let (read, write, admin) = (bearer(&read), bearer(&write), bearer(&admin));
    for (request, key, status) in [
        ("GET /v1/stats", None, 401),
        ("GET /v1/stats", Some("Bearer sns_000000000000_x"), 401),
        ("GET /v1/stats", Some(&*read), 200),
        ("GET /v1/stats", Some(&*write), 403),
        ("GET /v1/stats?collection=default", Some(&*admin), 200),
        ("POST /v1/assets/delete", Some(&*read), 403),
        ("POST /v1/verify", Some(&*write), 403),
        ("GET /v1/keys", Some(&*read), 403),
        ("GET /v1/keys", Some(&*admin), 200),
        ("GET /livez", None, 200),
    ] {
        let mut headers = vec![json_kind];
        headers.extend(key.map(|key| ("authorization", key)));
        let answer = ask_with(address, request, &headers, b"").await;
        assert_eq!(answer.status, status, "{request} {key:?}: {}", answer.text());
    }
    // A key that is made here is good at once, and no longer once it is revoked.
    let body = json!({ "scope": "read", "name": "a script" }).to_string();
    let made = ask_with(address, "POST /v1/keys", &[json_kind, ("authorization", &admin)], body.as_bytes())
        .await
        .json();
    let (id, fresh) = (made["id"].as_str().expect("an id"), bearer(made["key"].as_str().expect("a key")));
    assert_eq!(ask_with(address, "GET /v1/info", &[("authorization", &fresh)], b"").await.status, 200);
    let revoke = format!("DELETE /v1/keys/{id}");
    assert_eq!(ask_with(address, &revoke, &[("authorization", &admin)], b"").await.status, 200);
    assert_eq!(ask_with(address, "GET /v1/info", &[("authorization", &fresh)], b"").await.status, 401);
    // The same by gRPC.
    let mut client = sensorium_api::v1::admin_service_client::AdminServiceClient::new(server.channel().await);
    let mut call = async |key: Option<&str>| {
        let mut request = tonic::Request::new(sensorium_api::v1::StatsRequest::default());
        if let Some(key) = key {
            request.metadata_mut().insert("authorization", key.parse().expect("a value"));
        }
        client.stats(request).await.map(|_| ()).map_err(|status| status.code())
    };
    assert_eq!(call(None).await, Err(tonic::Code::Unauthenticated));
    assert_eq!(call(Some(&read)).await, Ok(()));
    assert_eq!(call(Some(&write)).await, Err(tonic::Code::PermissionDenied));
    server.end().await;
}

#[tokio::test]
async fn a_browser_logs_in_and_its_cookie_changes_nothing_for_other_sites() {
    let fixture = Fixture::with(FakeDecoder::default());
    let keys = Keys::open(fixture.engine.data_dir()).expect("opens");
    let key = key(&keys, Scope::Admin, &[]);
    let server = Running::over(fixture, Settings { require_key: true, ..Settings::default() }).await;
    let address = server.address;
    let before = ask(address, "GET /v1/session").await.json();
    assert_eq!(before, json!({ "scope": null, "collections": [], "required": true }));
    assert_eq!(post(address, "/v1/session", &json!({ "key": "wrong" })).await.problem().0, 401);
    let begun = post(address, "/v1/session", &json!({ "key": key })).await;
    let cookie = begun.headers["set-cookie"].split(';').next().expect("a cookie").to_owned();
    assert!(begun.headers["set-cookie"].contains("HttpOnly; SameSite=Strict"));
    let with = |pairs: &[(&'static str, String)]| {
        let mut headers = vec![("cookie", cookie.clone()), ("content-type", "application/json".to_owned())];
        headers.extend(pairs.iter().cloned());
        headers
    };
    let origin = ("origin", format!("http://{address}"));
    for (request, headers, status) in [
        ("GET /v1/stats", with(&[]), 200),
        ("POST /v1/count", with(&[]), 401),
        ("POST /v1/count", with(&[origin]), 200),
        ("POST /v1/count", with(&[("origin", "http://evil.example".to_owned())]), 403),
    ] {
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_eq!(ask_with(address, request, &headers, b"").await.status, status, "{request} {headers:?}");
    }
    ask_with(
        address,
        "DELETE /v1/session",
        &[("cookie", &cookie), ("origin", &format!("http://{address}"))],
        b"",
    )
    .await;
    assert_eq!(ask_with(address, "GET /v1/stats", &[("cookie", &cookie)], b"").await.status, 401);
    server.end().await;
}

/// A certificate for `localhost` that signed itself, and its key, in files.
fn certificate(folder: &std::path::Path) -> (TlsFiles, Vec<u8>) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("makes a certificate");
    let (cert, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    fs_err::write(&cert, made.cert.pem()).expect("writes");
    fs_err::write(&key, made.signing_key.serialize_pem()).expect("writes");
    (TlsFiles { cert, key, client_ca: None }, made.cert.pem().into_bytes())
}

#[tokio::test]
async fn calls_are_encrypted_where_there_is_a_certificate() {
    let folder = tempfile::tempdir().expect("a folder");
    let (files, ca) = certificate(folder.path());
    let options = || Options { ca: Some(ca.clone()), ..Options::default() };
    let settings = Settings { tls: Some(files.clone()), ..Settings::default() };
    let server = Running::with(settings, FakeDecoder::default()).await;
    let url = format!("https://localhost:{}", server.address.port());
    let client = Client::connect_with(&url, options()).await.expect("connects");
    assert_eq!(client.info().await.expect("answers").collection, "default");
    // Somebody who does not encrypt is not answered, and holds up nobody.
    let mut plain = TcpStream::connect(server.address).await.expect("connects");
    plain.write_all(b"GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n").await.expect("sends");
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer).await;
    assert!(!answer.windows(4).any(|four| four == b"HTTP"), "{answer:?}");
    drop(client);
    server.end().await;

    // Where clients need a certificate, one without is refused.
    let settings = Settings {
        tls: Some(TlsFiles { client_ca: Some(files.cert.clone()), ..files.clone() }),
        ..Settings::default()
    };
    let server = Running::with(settings, FakeDecoder::default()).await;
    let url = format!("https://localhost:{}", server.address.port());
    let asked = match Client::connect_with(&url, options()).await {
        Ok(client) => client.info().await.map(|_| ()),
        Err(error) => Err(error),
    };
    assert!(asked.is_err());
    server.end().await;

    // Files that do not fit together are told at the start.
    let other = tempfile::tempdir().expect("a folder");
    let (stranger, _) = certificate(other.path());
    let fixture = Fixture::with(FakeDecoder::default());
    let settings = Settings {
        listen: "127.0.0.1:0".parse().expect("an address"),
        tls: Some(TlsFiles { key: stranger.key, ..files }),
        ..Settings::default()
    };
    let started = sensorium_server::serve(fixture.engine.clone(), settings, |_| {}, async {}).await;
    assert!(started.is_err_and(|error| error.to_string().contains("not that of the certificate")));
}

#[tokio::test]
async fn nothing_of_an_address_reaches_the_file_system_and_no_call_downloads() {
    let server = Running::new().await;
    let address = server.address;
    for path in ["..%2F..%2Fetc%2Fpasswd", "%2Fetc%2Fpasswd", "..", "%00", "%2e%2e%2f%2e%2e%2fetc%2fhostname"]
    {
        for what in ["/media", "/thumbnail", ""] {
            let answer = ask(address, &format!("GET /v1/assets/{path}{what}")).await;
            assert!([400, 404].contains(&answer.status), "{path}{what}: {}", answer.status);
            assert!(!answer.text().contains("root:"));
        }
    }
    for path in ["/../Cargo.toml", "/%2e%2e/Cargo.toml", "/js/..%2f..%2fCargo.toml", "//etc/passwd"] {
        assert_eq!(ask(address, &format!("GET {path}")).await.status, 404, "{path}");
    }
    for uri in ["http://127.0.0.1:1/x.jpg", "http://169.254.169.254/latest", "file:///etc/passwd"] {
        let query = json!({ "terms": [{ "image": { "uri": uri } }] });
        let answer = post(address, "/v1/query", &query).await;
        assert_ne!(answer.status, 200, "{uri}: {}", answer.text());
        assert!(!answer.text().contains("root:"));
    }
    server.end().await;
}

#[tokio::test]
async fn the_page_comes_with_a_policy_that_runs_its_own_files_alone() {
    let server = Running::new().await;
    let page = ask(server.address, "GET /?q=dog").await;
    assert_eq!((page.status, page.headers["content-type"].as_str()), (200, "text/html; charset=utf-8"));
    let policy = &page.headers["content-security-policy"];
    assert!(policy.contains("default-src 'none'") && policy.contains("script-src 'self'"), "{policy}");
    assert!(!policy.contains("unsafe") && policy.contains("frame-ancestors 'none'"), "{policy}");
    let again = ask_with(server.address, "GET /", &[("if-none-match", &page.headers["etag"])], b"").await;
    assert_eq!(again.status, 304);
    let script = ask(server.address, "GET /js/app.js").await;
    assert_eq!(script.headers["content-type"], "text/javascript; charset=utf-8");
    server.end().await;
}

#[tokio::test]
async fn slow_heads_and_idle_connections_are_ended_and_others_are_served() {
    let short = std::time::Duration::from_millis(300);
    let settings = Settings { header_timeout: short, idle_connection_timeout: short, ..Settings::default() };
    let server = Running::with(settings, FakeDecoder::default()).await;
    let address = server.address;
    let mut slow = Vec::new();
    for sent in ["", "G", "GET /livez HTTP/1.1\r\nhost: ", "PRI * HTTP/2.0\r\n\r\n"] {
        let mut stream = TcpStream::connect(address).await.expect("connects");
        stream.write_all(sent.as_bytes()).await.expect("sends");
        slow.push(stream);
    }
    assert_eq!(ask(address, "GET /livez").await.status, 200);
    for mut stream in slow {
        // It ends, with or without a word.
        let mut rest = Vec::new();
        let ended = tokio::time::timeout(HANG, stream.read_to_end(&mut rest)).await;
        assert!(ended.is_ok(), "a connection stays open");
    }
    server.end().await;
}

#[tokio::test]
async fn bytes_that_are_no_request_cost_their_connection_alone() {
    let seed: u64 = std::env::var("SENSORIUM_TEST_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(7);
    println!("seed {seed}");
    let mut random = sensorium_testkit::Seeded::new(seed);
    let server = Running::new().await;
    let address = server.address;
    let starts: [&[u8]; 5] = [
        b"",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"POST /v1/query HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n",
        b"POST /sensorium.v1.QueryService/Query HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/grpc\r\ncontent-length: 400\r\n\r\n",
        b"\x16\x03\x01",
    ];
    for round in 0..100 {
        let mut bytes = starts[round % starts.len()].to_vec();
        bytes.extend((0..400).map(|_| (random.below(256) & 0xff) as u8));
        let mut stream = TcpStream::connect(address).await.expect("connects");
        // Whoever is refused early may not get to send all.
        let _ = stream.write_all(&bytes).await;
        let _ = stream.shutdown().await;
        let mut answer = Vec::new();
        let ended = tokio::time::timeout(HANG, stream.read_to_end(&mut answer)).await;
        assert!(ended.is_ok(), "round {round}: no end");
    }
    assert_eq!(ask(address, "GET /livez").await.status, 200);
    assert_eq!(post(address, "/v1/count", &json!({})).await.json(), json!({ "count": 0 }));
    server.end().await;
}

#[tokio::test]
async fn many_idle_connections_hold_up_nobody() {
    let server = Running::new().await;
    let address = server.address;
    let mut idle = Vec::new();
    for _ in 0..200 {
        idle.push(TcpStream::connect(address).await.expect("connects"));
    }
    assert_eq!(ask(address, "GET /v1/info").await.status, 200);
    drop(idle);
    server.end().await;
}

#[tokio::test]
async fn what_admins_do_is_written_down_and_what_is_counted_is_told() {
    let server = Running::new().await;
    let address = server.address;
    let body = json!({ "scope": "read" }).to_string();
    ask_with(address, "POST /v1/keys", &[("content-type", "application/json")], body.as_bytes()).await;
    ask_with(
        address,
        "POST /v1/keys",
        &[("content-type", "application/json"), ("authorization", "Bearer x")],
        b"{}",
    )
    .await;
    ask(address, "GET /v1/info").await;
    let log = fs_err::read_to_string(server.fixture.engine.data_dir().join("audit.jsonl")).expect("written");
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let seen: Vec<_> = lines.iter().map(|line| (&line["key"], &line["call"], &line["code"])).collect();
    let call = json!("KeysService/CreateKey");
    assert_eq!(seen, [(&json!("anyone"), &call, &json!("200")), (&json!(null), &call, &json!("401"))]);
    let text = ask(address, "GET /metrics").await.text();
    for part in [
        "sensorium_calls_total{method=\"KeysService/CreateKey\",code=\"200\"} 1",
        "sensorium_calls_total{method=\"AdminService/Info\",code=\"200\"} 1",
        "sensorium_assets{collection=\"default\"} 0",
        "process_open_fds ",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    assert!(text.ends_with("# EOF\n"));
    server.end().await;
}
