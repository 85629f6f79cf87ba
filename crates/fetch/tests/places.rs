//! Which places bytes come from: allowed ones alone, whatever addresses, names, redirects and links say.

mod common;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use common::{Served, Step, all, client, ip, policy, reply, request, whole};
use sensorium_fetch::{Address, Bearer, Client, FetchError, Policy, Reach};
use sensorium_types::ErrorKind;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

#[tokio::test]
async fn machines_that_are_not_public_are_never_connected_to() {
    let served = Served::new(|_, _| whole(b"secret")).await;
    let port = served.address.port();
    // Everything of the web is allowed, and still:
    let places = [format!("http://*:{port}"), "http://*".to_owned(), "https://*".to_owned()];
    let places: Vec<&str> = places.iter().map(String::as_str).collect();
    let client = Client::new(policy(&places));
    for host in [
        "127.0.0.1",
        "127.8.9.10",
        "[::1]",
        "[::]",
        "0.0.0.0",
        "10.0.0.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.0.1",
        "100.64.0.1",
        "169.254.169.254",
        "224.0.0.1",
        "255.255.255.255",
        "[fd00::1]",
        "[fe80::1]",
        "[ff02::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "localhost",
        "LOCALHOST.",
    ] {
        for address in
            [format!("http://{host}:{port}/"), format!("http://{host}/latest"), format!("https://{host}/")]
        {
            let error = all(&client, request(&address)).await.expect_err(&address);
            assert!(matches!(error, FetchError::NotPublic { .. }), "{address}: {error}");
            assert_eq!(error.kind(), ErrorKind::PermissionDenied);
        }
    }
    // Forms that some read as the same are no addresses at all.
    for host in [
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "0x7f.1",
        "127.1",
        "127.0.0.0x1",
        "a.org@127.0.0.1",
        "①②⑦.0.0.1",
    ] {
        let error = Address::parse(&format!("http://{host}:{port}/")).expect_err(host);
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{host}");
    }
    assert!(served.heads().is_empty(), "nobody came");
}

#[tokio::test]
async fn what_a_name_stands_for_is_looked_at_and_no_second_look_up_decides() {
    let served = Served::new(|_, _| whole(b"bytes")).await;
    // The first answer is good, each later one would lead elsewhere.
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let names = move |_: &str| {
        let first = counted.fetch_add(1, Ordering::SeqCst) == 0;
        Some(vec![if first { ip("127.0.0.1") } else { ip("10.0.0.1") }])
    };
    let place = served.at("media.test", "");
    let client = Client::new(Policy { reach: Reach::of_tests(names, Vec::new()), ..policy(&[&place]) });
    assert_eq!(all(&client, request(&served.at("media.test", "/a"))).await.expect("comes"), b"bytes");
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    let error = all(&client, request(&served.at("media.test", "/a"))).await.expect_err("rebound");
    assert!(matches!(error, FetchError::NotPublic { .. }), "{error}");
    // The list is of no help to a name that stands for a private machine.
    let client = served.client();
    let error = all(&client, request(&served.at("private.test", "/a"))).await.expect_err("private");
    assert!(matches!(error, FetchError::NotPublic { .. }), "{error}");
    assert_eq!(served.heads().len(), 1);
}

#[tokio::test]
async fn what_is_not_on_the_list_is_not_asked() {
    let served = Served::new(|_, _| whole(b"bytes")).await;
    let place = served.at("media.test", "/open");
    let client = client(&[&place]);
    assert_eq!(all(&client, request(&served.at("media.test", "/open/a"))).await.expect("comes"), b"bytes");
    for address in [
        served.at("media.test", "/closed"),
        served.at("media.test", "/openx"),
        served.at("other.test", "/open/a"),
        "http://media.test/open/a".to_owned(),
        format!("https://media.test:{}/open/a", served.address.port()),
        "file:///etc/hostname".to_owned(),
    ] {
        let error = all(&client, request(&address)).await.expect_err(&address);
        assert!(matches!(error, FetchError::NotAllowed { .. }), "{address}: {error}");
    }
    let error = all(&Client::new(Policy::default()), request(&served.at("media.test", "/open/a"))).await;
    assert!(matches!(error, Err(FetchError::NotAllowed { .. })), "without a list nothing is fetched");
    assert_eq!(served.heads().len(), 1);
}

#[tokio::test]
async fn redirects_are_looked_at_as_addresses_are_and_end() {
    let led = |number: usize, head: &str| {
        let path = head.split(' ').nth(1).expect("a path");
        let to = match path {
            "/ok" => "/a?x",
            "/round" => "/round",
            "/five" if number < 5 => "/five",
            "/number" => "http://169.254.169.254/latest/meta-data",
            "/own" => "http://127.0.0.1:1/",
            "/name" => "http://private.test/",
            "/unknown" => "//elsewhere.test/",
            "/file" => "file:///etc/passwd",
            "/scheme" => "gopher://media.test/",
            "/user" => "http://user:word@media.test/",
            "/nowhere" => return reply("302 Found", "content-length: 0\r\n", b""),
            _ => return whole(b"bytes"),
        };
        reply("302 Found", &format!("location: {to}\r\ncontent-length: 0\r\n"), b"")
    };
    let served = Served::new(led).await;
    assert_eq!(
        all(&served.client(), request(&served.at("media.test", "/five"))).await.expect("comes"),
        b"bytes"
    );
    assert_eq!(served.heads().len(), 6, "five redirects");
    assert_eq!(
        all(&served.client(), request(&served.at("media.test", "/ok"))).await.expect("comes"),
        b"bytes"
    );
    assert!(served.heads().last().is_some_and(|head| head.starts_with("GET /a?x ")));
    for (path, kind) in [
        ("/round", ErrorKind::FailedPrecondition),
        ("/nowhere", ErrorKind::FailedPrecondition),
        ("/number", ErrorKind::PermissionDenied),
        ("/own", ErrorKind::PermissionDenied),
        ("/name", ErrorKind::PermissionDenied),
        ("/unknown", ErrorKind::PermissionDenied),
        ("/file", ErrorKind::InvalidArgument),
        ("/scheme", ErrorKind::InvalidArgument),
        ("/user", ErrorKind::InvalidArgument),
    ] {
        let before = served.heads().len();
        let error = all(&served.client(), request(&served.at("media.test", path))).await.expect_err(path);
        assert_eq!(error.kind(), kind, "{path}: {error}");
        let asked = served.heads().len() - before;
        assert_eq!(asked, if path == "/round" { 6 } else { 1 }, "{path}");
    }
    // Also where everything of the web is allowed, a redirect leads to no private machine.
    let port = served.address.port();
    let open = client(&[&format!("http://*:{port}"), "http://*", "http://*:1"]);
    for path in ["/number", "/own", "/name"] {
        let error = all(&open, request(&served.at("media.test", path))).await.expect_err(path);
        assert!(matches!(error, FetchError::NotPublic { .. }), "{path}: {error}");
    }
}

#[tokio::test]
async fn a_key_goes_to_the_origin_that_was_asked_and_by_https_alone() {
    let made =
        rcgen::generate_simple_self_signed(["media.test".to_owned(), "other.test".to_owned()]).expect("made");
    let certificate = made.cert.der().to_vec();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key");
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.expect("versions").with_no_client_auth();
    let config = config.with_single_cert(vec![CertificateDer::from(certificate.clone())], key).expect("fits");
    let tls = TlsAcceptor::from(Arc::new(config));

    let port = Arc::new(Mutex::new(0));
    let known = Arc::clone(&port);
    let script = move |_: usize, head: &str| -> Vec<Step> {
        let port = known.lock().expect("not poisoned");
        match head.split(' ').nth(1) {
            Some("/away") => {
                let to = format!("location: https://other.test:{port}/b\r\ncontent-length: 0\r\n");
                reply("307 Temporary Redirect", &to, b"")
            }
            Some("/on") => reply("301 Moved", "location: /b\r\ncontent-length: 0\r\n", b""),
            _ => whole(b"bytes"),
        }
    };
    let served = Served::with(Arc::new(script), Some(tls)).await;
    *port.lock().expect("not poisoned") = served.address.port();
    let at = |path: &str| served.at("media.test", path).replace("http://", "https://");
    let places = [at(""), at("").replace("media.test", "other.test"), served.at("media.test", "")];
    let places: Vec<&str> = places.iter().map(String::as_str).collect();
    let reach = Reach::of_tests(common::names, vec![certificate]);
    let client = Client::new(Policy { reach, ..policy(&places) });
    let ask = |address: String| sensorium_fetch::Request {
        bearer: Some(Bearer::new("secret")),
        ..request(&address)
    };

    assert_eq!(all(&client, ask(at("/on"))).await.expect("comes"), b"bytes");
    assert_eq!(all(&client, ask(at("/away"))).await.expect("comes"), b"bytes");
    let has_key: Vec<bool> = served
        .heads()
        .iter()
        .map(|head| head.to_lowercase().contains("authorization: bearer secret"))
        .collect();
    assert_eq!(has_key, [true, true, true, false], "on its own origin, and not on the other");
    let error = all(&client, ask(served.at("media.test", "/a"))).await.expect_err("not encrypted");
    assert!(matches!(error, FetchError::NotEncrypted { .. }), "{error}");
    assert!(!format!("{:?}", ask(at("/a"))).contains("secret"));
    // Who is not of the roots is not believed.
    let strangers =
        Client::new(Policy { reach: Reach::of_tests(common::names, Vec::new()), ..policy(&places) });
    let error = all(&strangers, request(&at("/a"))).await.expect_err("unknown");
    assert!(matches!(error, FetchError::Connection { .. }), "{error}");
}

#[tokio::test]
async fn files_come_from_below_their_folder_and_nowhere_else() {
    let outside = tempfile::tempdir().expect("a folder");
    let folder = tempfile::tempdir().expect("a folder");
    let own = folder.path().canonicalize().expect("is there");
    let write = |path: &std::path::Path, bytes: &[u8]| fs_err::write(path, bytes).expect("writes");
    write(&outside.path().join("secret"), b"secret");
    write(&own.join("a b.mov"), b"bytes");
    fs_err::create_dir(own.join("data")).expect("makes");
    write(&own.join("data/keys.json"), b"secret");
    use std::os::unix::fs::symlink;
    symlink(own.join("a b.mov"), own.join("absolute")).expect("links");
    symlink("a b.mov", own.join("inside")).expect("links");
    symlink(outside.path().join("secret"), own.join("out")).expect("links");
    symlink(outside.path(), own.join("folder")).expect("links");
    symlink("data/keys.json", own.join("keys")).expect("links");
    symlink("/proc/self/environ", own.join("environ")).expect("links");
    rustix::fs::mkfifoat(rustix::fs::CWD, own.join("pipe"), rustix::fs::Mode::RUSR).expect("makes");

    let place = format!("file://{}", own.display());
    let client = Client::new(Policy { closed: vec![own.join("data")], ..policy(&[&place]) });
    for name in ["a%20b.mov", "inside"] {
        assert_eq!(all(&client, request(&format!("{place}/{name}"))).await.expect(name), b"bytes");
    }
    for name in
        ["out", "folder/secret", "keys", "data/keys.json", "environ", "pipe", "data", "absolute", "none", ""]
    {
        let error = all(&client, request(&format!("{place}/{name}"))).await.expect_err(name);
        let kind = match name {
            "none" => ErrorKind::NotFound,
            "pipe" | "data" | "" => ErrorKind::FailedPrecondition,
            _ => ErrorKind::PermissionDenied,
        };
        assert_eq!(error.kind(), kind, "{name}: {error}");
    }
    for address in
        [format!("file://{}", outside.path().join("secret").display()), "file:///etc/passwd".to_owned()]
    {
        let error = all(&client, request(&address)).await.expect_err(&address);
        assert!(matches!(error, FetchError::NotAllowed { .. }), "{address}: {error}");
    }
    for address in [format!("{place}/../secret"), format!("{place}/%2e%2e/secret"), format!("{place}/a%00")] {
        assert!(Address::parse(&address).is_err(), "{address}");
    }
    let small = sensorium_fetch::Limits { max_bytes: 4, ..request(&place).limits };
    let asked = sensorium_fetch::Request { limits: small, ..request(&format!("{place}/inside")) };
    assert!(matches!(all(&client, asked).await, Err(FetchError::TooLarge { .. })));
}
