//! How bytes come: bounded in size and time, taken up where a connection broke off, ended with their caller.

#![expect(clippy::indexing_slicing, reason = "a test may panic")]

mod common;

use std::time::Duration;

use common::{HANG, Served, Step, all, reply, request, whole};
use sensorium_fetch::{FetchError, Limits, Progress, Request, Wanted, fetch_file};
use sensorium_types::ErrorKind;

/// SHA-256 of `0123456789`.
const DIGITS: [u8; 32] = [
    0x84, 0xd8, 0x98, 0x77, 0xf0, 0xd4, 0x04, 0x1e, 0xfb, 0x6b, 0xf9, 0x1a, 0x16, 0xf0, 0x24, 0x8f, 0x2f,
    0xd5, 0x73, 0xe6, 0xaf, 0x05, 0xc1, 0x9f, 0x96, 0xbe, 0xdb, 0x9f, 0x88, 0x2f, 0x78, 0x82,
];

fn limited(served: &Served, path: &str, limits: impl FnOnce(&mut Limits)) -> Request {
    let mut asked = request(&served.at("media.test", path));
    limits(&mut asked.limits);
    asked
}

#[tokio::test]
async fn an_answer_is_asked_for_as_it_is_and_told_whole() {
    let served = Served::new(|_, head| match head.split(' ').nth(1) {
        Some("/chunked") => {
            let body = b"4\r\n0123\r\n0\r\n\r\n";
            reply("200 OK", "transfer-encoding: chunked\r\n", body)
        }
        Some("/packed") => reply("200 OK", "content-encoding: gzip\r\ncontent-length: 1\r\n", b"x"),
        Some("/gone") => reply("404 Not Found", "content-length: 0\r\n", b""),
        Some("/busy") => reply("503 Busy", "content-length: 0\r\n", b""),
        Some("/closed") => reply("403 Forbidden", "content-length: 6\r\n", b"secret"),
        Some("/junk") => vec![Step::Send(b"220 ftp ready\r\n\r\n".to_vec())],
        _ => whole(b"0123456789"),
    })
    .await;
    let client = served.client();
    let at = |path: &str| request(&served.at("media.test", path));
    let mut download = client.get(at("/a?sig=1")).await.expect("comes");
    assert_eq!(download.total(), Some(10));
    while download.next().await.expect("comes").is_some() {}
    assert_eq!((download.received(), download.sha256()), (10, DIGITS));
    let head = served.heads()[0].to_lowercase();
    assert!(head.starts_with("get /a?sig=1 http/1.1\r\n"), "{head}");
    for header in [&format!("host: media.test:{}", served.address.port()), "accept-encoding: identity"] {
        assert!(head.contains(header), "{head}");
    }
    for header in ["authorization", "cookie", "referer", "range"] {
        assert!(!head.contains(header), "{head}");
    }
    assert_eq!(all(&client, at("/chunked")).await.expect("comes"), b"0123");
    for (path, kind) in [
        ("/packed", ErrorKind::FailedPrecondition),
        ("/gone", ErrorKind::NotFound),
        ("/busy", ErrorKind::Unavailable),
        ("/closed", ErrorKind::FailedPrecondition),
        ("/junk", ErrorKind::Unavailable),
    ] {
        let asked = limited(&served, &format!("{path}?sig=hidden"), |_| {});
        let error = all(&client, at(path)).await.expect_err(path);
        assert_eq!(error.kind(), kind, "{path}: {error}");
        let error = all(&client, asked).await.map(|_| ()).err().map(|error| error.to_string());
        assert!(!error.unwrap_or_default().contains("hidden"), "what may be secret is not told");
    }
}

#[tokio::test]
async fn more_than_is_taken_is_refused_by_the_head_and_by_the_byte() {
    let served = Served::new(|_, head| match head.split(' ').nth(1) {
        Some("/told") => reply("200 OK", "content-length: 1000000000000\r\n", b"x"),
        Some("/endless") => {
            let mut steps = reply("200 OK", "transfer-encoding: chunked\r\n", b"");
            steps.extend((0..100).map(|_| Step::Send(b"a\r\n0123456789\r\n".to_vec())));
            steps
        }
        Some("/head") => {
            let mut steps = vec![Step::Send(b"HTTP/1.1 200 OK\r\n".to_vec())];
            steps.extend(
                (0..1000).map(|n| Step::Send(format!("x-{n}: {}\r\n", "y".repeat(1000)).into_bytes())),
            );
            steps
        }
        _ => whole(b"0123456789"),
    })
    .await;
    let client = served.client();
    for path in ["/told", "/endless", "/exact"] {
        let asked = limited(&served, path, |limits| limits.max_bytes = 9);
        let error = all(&client, asked).await.expect_err(path);
        assert!(matches!(error, FetchError::TooLarge { limit: 9, .. }), "{path}: {error}");
    }
    let asked = limited(&served, "/exact", |limits| limits.max_bytes = 10);
    assert_eq!(all(&client, asked).await.expect("fits"), b"0123456789");
    let error = all(&client, limited(&served, "/head", |_| {})).await.expect_err("a head without end");
    assert!(matches!(error, FetchError::Connection { .. }), "{error}");
}

#[tokio::test]
async fn slow_and_silent_servers_are_left() {
    let mut served = Served::new(|_, head| match head.split(' ').nth(1) {
        Some("/silent") => vec![Step::Stall],
        Some("/stalls") => {
            let mut steps = reply("200 OK", "content-length: 10\r\netag: \"v1\"\r\n", b"01");
            steps.push(Step::Stall);
            steps
        }
        _ => {
            let mut steps = reply("200 OK", "content-length: 1000\r\n", b"");
            for _ in 0..1000 {
                steps.extend([Step::Send(b"x".to_vec()), Step::Wait(Duration::from_millis(20))]);
            }
            steps
        }
    })
    .await;
    let client = served.client();
    for path in ["/silent", "/stalls"] {
        let asked = limited(&served, path, |limits| limits.no_progress = Duration::from_millis(100));
        let error = all(&client, asked).await.expect_err(path);
        assert!(matches!(error, FetchError::TimedOut { .. }), "{path}: {error}");
        assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);
        tokio::time::timeout(HANG, served.left.recv()).await.expect("it is left").expect("told");
    }
    // A byte now and then is progress, but all has a time of its own.
    let asked = limited(&served, "/drips", |limits| limits.whole = Duration::from_millis(300));
    let error = all(&client, asked).await.expect_err("too slow");
    assert!(matches!(error, FetchError::TimedOut { what: "not all came", .. }), "{error}");
}

#[tokio::test]
async fn a_dropped_download_closes_its_connection() {
    let mut served = Served::new(|_, _| {
        let mut steps = reply("200 OK", "content-length: 10\r\n", b"01");
        steps.push(Step::Stall);
        steps
    })
    .await;
    let client = served.client();
    let mut download = client.get(limited(&served, "/a", |_| {})).await.expect("begins");
    assert_eq!(download.next().await.expect("comes").as_deref(), Some(&b"01"[..]));
    drop(download);
    tokio::time::timeout(HANG, served.left.recv()).await.expect("it is left").expect("told");
    // So is one that waits for its next piece.
    let waiting = tokio::spawn({
        let asked = limited(&served, "/b", |_| {});
        async move {
            let mut download = client.get(asked).await.expect("begins");
            while download.next().await.expect("waits").is_some() {}
        }
    });
    while served.heads().len() < 2 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    waiting.abort();
    assert!(waiting.await.expect_err("ended").is_cancelled());
    tokio::time::timeout(HANG, served.left.recv()).await.expect("it is left").expect("told");
}

/// Gives the digits from where it is asked, and breaks off after `cut` bytes in each of the first `times` answers.
fn breaking(times: usize, cut: usize) -> impl Fn(usize, &str) -> Vec<Step> + Send + Sync + 'static {
    move |number, head| {
        let digits = b"0123456789";
        let range = head
            .lines()
            .find_map(|line| line.to_lowercase().strip_prefix("range: bytes=").map(str::to_owned));
        let from: usize = range.map_or(0, |range| range.trim_end_matches('-').parse().expect("a number"));
        let tag = if head.contains("/changes") && number > 0 { "\"v2\"" } else { "\"v1\"" };
        let head = if from > 0 && !head.contains("/no-ranges") && !head.contains("/changes") {
            // The hash of all tells where it is known; the tag does not matter then.
            let is_known = head.contains("/known");
            assert_eq!(head.to_lowercase().contains("if-range: \"v1\""), !is_known, "{head}");
            let headers = format!(
                "content-length: {}\r\ncontent-range: bytes {from}-9/10\r\netag: {tag}\r\n",
                10 - from
            );
            ("206 Partial Content", headers, from)
        } else {
            let tag = if head.contains("/no-tag") { String::new() } else { format!("etag: {tag}\r\n") };
            ("200 OK", format!("content-length: 10\r\n{tag}"), 0)
        };
        let (status, headers, from) = head;
        let body = &digits[from..];
        let sent = if number < times { &body[..cut.min(body.len())] } else { body };
        reply(status, &headers, sent)
    }
}

#[tokio::test]
async fn a_lost_connection_is_taken_up_where_it_broke_off() {
    let served = Served::new(breaking(2, 3)).await;
    let bytes = all(&served.client(), limited(&served, "/a", |_| {})).await;
    assert_eq!(bytes.expect("comes"), b"0123456789");
    let ranges: Vec<bool> =
        served.heads().iter().map(|head| head.to_lowercase().contains("range: bytes=")).collect();
    assert_eq!(ranges, [false, true, true]);
    // What is other bytes by then, or cannot be told from other bytes, is not put together.
    for path in ["/changes", "/no-ranges", "/no-tag"] {
        let served = Served::new(breaking(1, 3)).await;
        let error = all(&served.client(), limited(&served, path, |_| {})).await.expect_err(path);
        assert_eq!(served.heads().len(), if path == "/no-tag" { 1 } else { 2 }, "{path}: {error}");
    }
}

#[tokio::test]
async fn a_server_that_lies_about_its_length_is_not_believed() {
    // It never gives all that it promises.
    let served = Served::new(breaking(usize::MAX, 0)).await;
    let error = all(&served.client(), limited(&served, "/a", |limits| limits.resumes = 2)).await;
    assert!(matches!(error, Err(FetchError::Connection { .. })), "{error:?}");
    assert_eq!(served.heads().len(), 3);
    // It gives more.
    let served = Served::new(|_, _| reply("200 OK", "content-length: 4\r\n", b"0123456789")).await;
    assert_eq!(all(&served.client(), limited(&served, "/a", |_| {})).await.expect("comes"), b"0123");
}

#[tokio::test]
async fn a_file_is_taken_up_by_a_later_call_and_appears_whole() {
    let served = Served::new(breaking(1, 4)).await;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("model.bin");
    let wanted = || Wanted {
        request: limited(&served, "/known", |limits| limits.resumes = 0),
        path: path.clone(),
        sha256: Some(DIGITS),
        bytes: None,
    };
    let client = served.client();
    let mut told: Vec<Progress> = Vec::new();
    let error = fetch_file(&client, wanted(), |progress| told.push(progress)).await.expect_err("breaks off");
    assert!(matches!(error, FetchError::Connection { .. }), "{error}");
    assert_eq!(told.last(), Some(&Progress { received: 4, total: Some(10) }));
    assert!(!path.exists());
    told.clear();
    let fetched = fetch_file(&client, wanted(), |progress| told.push(progress)).await.expect("goes on");
    assert_eq!((fetched.bytes, fetched.sha256), (10, DIGITS));
    assert_eq!(told.first(), Some(&Progress { received: 4, total: Some(10) }));
    assert!(served.heads()[1].to_lowercase().contains("range: bytes=4-"));
    let files = || -> Vec<_> {
        let names =
            fs_err::read_dir(folder.path()).expect("lists").map(|entry| entry.expect("an entry").file_name());
        names.collect()
    };
    assert_eq!((fs_err::read(&path).expect("reads"), files().len()), (b"0123456789".to_vec(), 1));

    // Other bytes than those that are wanted are not kept.
    let other = Wanted { sha256: Some([0; 32]), path: folder.path().join("other.bin"), ..wanted() };
    let error = fetch_file(&client, other, |_| {}).await.expect_err("other bytes");
    assert!(matches!(error, FetchError::OtherBytes { .. }), "{error}");
    assert_eq!(files().len(), 1);
    // A part that says nothing of where it is from is not gone on with.
    let third = folder.path().join("third.bin");
    fs_err::write(folder.path().join("third.bin.part"), b"junk and more of it").expect("writes");
    fetch_file(&client, Wanted { path: third.clone(), ..wanted() }, |_| {}).await.expect("comes");
    assert_eq!(fs_err::read(&third).expect("reads"), b"0123456789");
}
