//! What is asked for by who knows what must come: beginnings, files of known length and hash, places that a user named.

#![expect(clippy::indexing_slicing, reason = "a test may panic")]

mod common;

use std::sync::{Arc, Mutex};

use common::{HANG, Served, Step, all, reply, request, whole};
use sensorium_fetch::{
    Address, AllowList, Bearer, Client, FetchError, Limits, Policy, Reach, Request, Wanted, fetch_file,
};
use sensorium_types::ErrorKind;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

const DIGITS: &[u8] = b"0123456789";
/// SHA-256 of them.
const HASH: [u8; 32] = [
    0x84, 0xd8, 0x98, 0x77, 0xf0, 0xd4, 0x04, 0x1e, 0xfb, 0x6b, 0xf9, 0x1a, 0x16, 0xf0, 0x24, 0x8f, 0x2f,
    0xd5, 0x73, 0xe6, 0xaf, 0x05, 0xc1, 0x9f, 0x96, 0xbe, 0xdb, 0x9f, 0x88, 0x2f, 0x78, 0x82,
];

fn range_of(head: &str) -> Option<String> {
    head.lines().find_map(|line| line.to_lowercase().strip_prefix("range: ").map(str::to_owned))
}

#[tokio::test]
async fn a_beginning_is_asked_for_by_a_range_and_no_more_is_read() {
    let mut served = Served::new(|_, head| match head.split(' ').nth(1) {
        Some("/ranges") => {
            reply("206 Partial", "content-length: 4\r\ncontent-range: bytes 0-3/10\r\n", b"0123")
        }
        Some("/other") => {
            reply("206 Partial", "content-length: 4\r\ncontent-range: bytes 1-4/10\r\n", b"1234")
        }
        Some("/short") => whole(b"01"),
        // It sends a little more than was wanted, and would send the rest for ever.
        _ => {
            let mut steps = reply("200 OK", "content-length: 1000000000000\r\n", DIGITS);
            steps.push(Step::Stall);
            steps
        }
    })
    .await;
    let client = served.client();
    let at = |path: &str| request(&served.at("media.test", path));
    let got = client.beginning(at("/ranges"), 4).await.expect("comes");
    assert_eq!((got.bytes.as_slice(), got.total), (&b"0123"[..], Some(10)));
    assert_eq!(range_of(&served.heads()[0]).as_deref(), Some("bytes=0-3"));
    let got = client.beginning(at("/short"), 4).await.expect("comes");
    assert_eq!((got.bytes.as_slice(), got.total), (&b"01"[..], Some(2)));
    let got = client.beginning(at("/all"), 4).await.expect("comes");
    assert_eq!((got.bytes.as_slice(), got.total), (&b"0123"[..], Some(1_000_000_000_000)));
    tokio::time::timeout(HANG, served.left.recv()).await.expect("it is left").expect("told");
    let error =
        client.beginning(request(&served.at("media.test", "/other")), 4).await.expect_err("another range");
    assert!(matches!(error, FetchError::Answer { .. }), "{error}");
    let error =
        client.beginning(request(&served.at("media.test", "/all")), 2 << 20).await.expect_err("too much");
    assert!(matches!(error, FetchError::TooLarge { .. }), "{error}");
}

/// Gives the digits from where it is asked, without saying by what they are the same, three at a time.
fn nameless(_: usize, head: &str) -> Vec<Step> {
    assert!(!head.to_lowercase().contains("if-range"), "{head}");
    let from = range_of(head).and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok());
    let from: usize = from.unwrap_or(0);
    let rest = &DIGITS[from..];
    let length = format!("content-length: {}\r\n", rest.len());
    let sent = &rest[..rest.len().min(3)];
    match from {
        0 => reply("200 OK", &length, sent),
        _ => reply("206 Partial", &format!("{length}content-range: bytes {from}-9/10\r\n"), sent),
    }
}

#[tokio::test]
async fn what_is_known_by_its_hash_is_taken_up_whatever_is_said_of_it() {
    let served = Served::new(nameless).await;
    let folder = tempfile::tempdir().expect("a folder");
    let wanted = |name: &str, resumes, sha256, bytes| Wanted {
        request: Request {
            limits: Limits { resumes, ..Limits::new(1 << 20, HANG) },
            ..request(&served.at("media.test", "/a"))
        },
        path: folder.path().join(name),
        sha256,
        bytes,
    };
    let client = served.client();
    let fetched = fetch_file(&client, wanted("a", 5, Some(HASH), Some(10)), |_| {}).await.expect("comes");
    assert_eq!((fetched.bytes, served.heads().len()), (10, 4));
    // By a later call too.
    for call in 1..=4 {
        let done = fetch_file(&client, wanted("b", 0, Some(HASH), None), |_| {}).await;
        assert_eq!(done.is_ok(), call == 4, "{done:?}");
    }
    assert_eq!(fs_err::read(folder.path().join("b")).expect("reads"), DIGITS);
    // What is known by nothing is not.
    let error = fetch_file(&client, wanted("c", 5, None, Some(10)), |_| {}).await.expect_err("broken off");
    assert!(matches!(error, FetchError::Connection { .. }), "{error}");
    // A part that has all bytes is asked for no more, and one that has more counts for nothing.
    let path = folder.path().join("d");
    let from = format!("{}\n", request(&served.at("media.test", "/a")).address);
    for (part, asked) in [(DIGITS.to_vec(), 0), (b"0123456789x".to_vec(), 4), (b"x123".to_vec(), 3)] {
        let _ = fs_err::remove_file(&path);
        fs_err::write(folder.path().join("d.part"), &part).expect("writes");
        fs_err::write(folder.path().join("d.part.from"), &from).expect("writes");
        let before = served.heads().len();
        let done = fetch_file(&client, wanted("d", 5, Some(HASH), Some(10)), |_| {}).await;
        assert_eq!(served.heads().len() - before, if part[0] == b'x' { 2 } else { asked }, "{part:?}");
        match part[0] {
            b'x' => assert!(matches!(done, Err(FetchError::OtherBytes { .. })), "{done:?}"),
            _ => assert_eq!(fs_err::read(&path).expect("reads"), DIGITS),
        }
    }
    let entries = fs_err::read_dir(folder.path()).expect("lists");
    let mut names: Vec<_> = entries.map(|entry| entry.expect("an entry").file_name()).collect();
    names.sort_unstable();
    assert_eq!(names, ["a", "b", "c.part", "c.part.from"], "nothing is left of d");
}

#[tokio::test]
async fn a_file_of_another_length_than_is_known_is_refused_by_its_head() {
    let served = Served::new(|_, head| match head.split(' ').nth(1) {
        Some("/chunked") => reply("200 OK", "transfer-encoding: chunked\r\n", b"4\r\n0123\r\n0\r\n\r\n"),
        _ => whole(DIGITS),
    })
    .await;
    let folder = tempfile::tempdir().expect("a folder");
    for (path, bytes) in [("/a", 11), ("/a", 9), ("/chunked", 5), ("/chunked", 3)] {
        let wanted = Wanted {
            request: request(&served.at("media.test", path)),
            path: folder.path().join("a"),
            sha256: None,
            bytes: Some(bytes),
        };
        let error = fetch_file(&served.client(), wanted, |_| {}).await.expect_err(path);
        let named = if let FetchError::OtherLength { wanted, .. } = error {
            Some(wanted)
        } else if let FetchError::TooLarge { limit, .. } = error {
            Some(limit)
        } else {
            None
        };
        assert_eq!(named, Some(bytes), "{path}: {error}");
        assert!(!folder.path().join("a").exists());
    }
}

/// A policy of who asks what its user named.
fn named(address: &str) -> Policy {
    let Address::Web(web) = Address::parse(address).expect(address) else { panic!("a web address") };
    Policy {
        allowed: AllowList::whole_web_from(&web),
        reach: Reach::public_and(&web),
        noted: &["x-commit"],
        ..Policy::default()
    }
}

#[tokio::test]
async fn a_machine_that_the_user_named_is_reached_and_no_other_private_one() {
    let elsewhere =
        Served::new(|_, _| reply("200 OK", "x-commit: other\r\ncontent-length: 1\r\n", b"e")).await;
    let port = elsewhere.address.port();
    let served = Served::new(move |_, head| {
        let to = match head.split(' ').nth(1) {
            Some("/port") => format!("http://127.0.0.1:{port}/a"),
            Some("/private") => "http://192.168.0.1/a".to_owned(),
            Some("/name") => format!("http://localhost:{port}/a"),
            _ => return whole(DIGITS),
        };
        reply("302 Found", &format!("location: {to}\r\nx-commit: own\r\ncontent-length: 0\r\n"), b"")
    })
    .await;
    let at = |path: &str| Request {
        bearer: Some(Bearer::new("secret")),
        ..request(&format!("http://{}{path}", served.address))
    };
    let client = Client::new(named(&format!("http://{}", served.address)));
    assert_eq!(all(&client, at("/a")).await.expect("comes"), DIGITS);
    assert!(
        served.heads()[0].to_lowercase().contains("authorization: bearer secret"),
        "it does not leave the machine"
    );
    let got = client.whole(at("/port")).await.expect("comes");
    assert_eq!((got.bytes.as_slice(), got.noted("x-commit")), (&b"e"[..], Some("own")));
    assert!(!elsewhere.heads()[0].to_lowercase().contains("authorization"), "another port is another origin");
    for path in ["/private", "/name"] {
        let error = all(&client, at(path)).await.expect_err(path);
        assert!(matches!(error, FetchError::NotPublic { .. }), "{path}: {error}");
    }
    assert_eq!(elsewhere.heads().len(), 1);
}

#[tokio::test]
async fn nothing_leads_from_https_to_http() {
    let made = rcgen::generate_simple_self_signed(["media.test".to_owned()]).expect("made");
    let certificate = made.cert.der().to_vec();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key");
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.expect("versions").with_no_client_auth();
    let config = config.with_single_cert(vec![CertificateDer::from(certificate.clone())], key).expect("fits");
    let plain = Served::new(|_, _| whole(b"plain")).await;
    let to = Arc::new(Mutex::new(plain.at("media.test", "/b")));
    let known = Arc::clone(&to);
    let script = move |_: usize, _: &str| {
        let to = known.lock().expect("not poisoned");
        reply("302 Found", &format!("location: {to}\r\ncontent-length: 0\r\n"), b"")
    };
    let served = Served::with(Arc::new(script), Some(TlsAcceptor::from(Arc::new(config)))).await;
    let address = served.at("media.test", "/a").replace("http://", "https://");
    let reach = Reach::of_tests(common::names, vec![certificate]);
    let client = Client::new(Policy { reach, ..named(&address) });
    let error = all(&client, request(&address)).await.expect_err("a downgrade");
    assert_eq!(error.kind(), ErrorKind::FailedPrecondition);
    assert!(error.to_string().contains("from https to http"), "{error}");
    assert!(plain.heads().is_empty());
}
