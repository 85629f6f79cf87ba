//! A server that is abused from all sides: nothing is read that was not allowed, its memory stays within bounds, and
//! others are served meanwhile.

#![expect(clippy::indexing_slicing, reason = "a test may panic")]

use std::io::{Read as _, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use flate2::write::{GzEncoder, ZlibEncoder};
use flate2::{Compression, Crc};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use sensorium_testkit::seed;
use sensorium_tests::{HANG, Seeded, Sensorium, Served, mutate, samples, small_samples};
use serde_json::Value;

use crate::frames::{Ended, call, send_malformed};
use crate::http::{ask, connect, ingest, query};

/// Most that a server's own memory may grow by meanwhile: what items in flight may take together.
const MOST_GROWTH_KIB: u32 = 512 * 1024;
/// Descriptors that may stay behind: pools grow to their size, tables are written.
const MOST_LEFT_BEHIND: usize = 64;

#[test]
fn a_server_bears_a_tenth_of_the_abuse() {
    println!("memory grew by {} KiB at the most", abuse(100));
}

#[test]
#[ignore = "a minute or more: make stress runs it"]
fn a_server_bears_the_abuse() {
    println!("memory grew by {} KiB at the most", abuse(1_000));
}

/// So many connections of each kind, and so many files; how much memory they cost at the most, in KiB.
fn abuse(many: usize) -> u32 {
    let held = Sensorium::new();
    held.index(&samples().join("images"));
    let key = |args: &[&str]| {
        let made = held.json(&[&["keys", "create"][..], args].concat()).remove(0);
        format!("Bearer {}", made["key"].as_str().expect("a key"))
    };
    let admin = key(&["--scope", "admin"]);
    let expired = key(&["--scope", "admin", "--expires-days", "1"]);
    put_in_the_past(&held);
    let server = held.serve_with(&["--require-key"]);
    let allowed: &[(&str, &str)] = &[("authorization", &admin)];
    let answer = || query(&server, "a pizza", allowed);
    let first = best_samples(&server, &admin);
    let (before, descriptors) = (server.status("RssAnon:"), server.descriptors());
    let (peak, done) = (AtomicU32::new(before), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let watching = scope.spawn(|| {
            while !done.load(Ordering::Acquire) {
                peak.fetch_max(server.status("RssAnon:"), Ordering::AcqRel);
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        // Also where a check fails: its word would not be heard else.
        let checked = std::panic::catch_unwind(|| {
            let crowd = Crowd::gather(&server, many);
            let mut random = Seeded(seed("the abuse", 5));
            for (name, step) in [
                ("frames", &(|random: &mut Seeded| send_malformed(&server, random)) as &dyn Fn(&mut Seeded)),
                ("keys", &|_| keys_are_refused(&server, &expired, many)),
                ("names", &|_| names_are_refused(&server, &admin)),
                ("addresses", &|_| addresses_reach_nothing(&server, &admin)),
                ("sizes", &|_| sizes_are_bounded(&server, &admin)),
                ("bombs", &|_| bombs_are_refused(&server, &admin)),
                ("mutations", &|random| mutations_are_answered(&server, &admin, many, random)),
            ] {
                step(&mut random);
                let served = answer();
                assert_eq!(served.status, 200, "after {name}: {}", served.text());
            }
            crowd.was_borne(&server);
        });
        done.store(true, Ordering::Release);
        watching.join().expect("no panic");
        if let Err(panic) = checked {
            std::panic::resume_unwind(panic);
        }
    });
    let grown = peak.into_inner().saturating_sub(before);
    assert!(grown < MOST_GROWTH_KIB, "memory grew by {grown} KiB");
    assert_eq!(best_samples(&server, &admin), first, "what was there is there");
    let start = Instant::now();
    while server.descriptors() > descriptors + MOST_LEFT_BEHIND {
        assert!(start.elapsed() < HANG, "{} descriptors, {descriptors} before", server.descriptors());
        std::thread::sleep(Duration::from_millis(100));
    }
    grown
}

/// Keys that end, end years ago from now on.
fn put_in_the_past(held: &Sensorium) {
    let file = held.data().join("keys.json");
    let mut keys: Value = serde_json::from_slice(&fs_err::read(&file).expect("reads")).expect("JSON");
    for key in keys["keys"].as_array_mut().expect("keys").iter_mut().filter(|key| !key["expires"].is_null()) {
        key["expires"] = "2020-01-01T00:00:00Z".into();
    }
    fs_err::write(&file, keys.to_string()).expect("writes");
}

/// The best three of the samples; what the abuse brought in is left out.
fn best_samples(server: &Served, admin: &str) -> Vec<String> {
    let body = br#"{"terms": [{"text": "a pizza"}], "limit": 500}"#;
    let headers = [("authorization", admin), ("content-type", "application/json")];
    let answer = ask(server, "POST /v1/query", &headers, body).json();
    let paths = answer["hits"].as_array().expect("hits").iter().filter_map(|hit| hit["path"].as_str());
    paths.filter(|path| path.contains("/images/")).take(3).map(str::to_owned).collect()
}

/// Connections that say nothing, and as many that never come to the end of what they say.
struct Crowd {
    idle: Vec<TcpStream>,
    slow: Vec<TcpStream>,
}

impl Crowd {
    fn gather(server: &Served, many: usize) -> Self {
        let limit = getrlimit(Resource::Nofile);
        setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).expect("more descriptors");
        let idle = (0..many).map(|_| connect(server)).collect();
        let slow = (0..many).map(|number| {
            let mut stream = connect(server);
            let said: &[u8] = match number % 3 {
                0 => b"GET /v1/info HTTP/1.1\r\nhost: 127.0.0.1\r\nx-",
                1 => b"POST /v1/query HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 100\r\n\r\n{",
                _ => b"PRI * HTTP/2.0\r\n\r\nSM",
            };
            stream.write_all(said).expect("sends");
            stream
        });
        Self { idle, slow: slow.collect() }
    }

    /// They are still there or were ended in good order, and new ones are taken.
    fn was_borne(mut self, server: &Served) {
        for stream in &mut self.slow {
            // Those whose time is up were told so and left.
            let _ = stream.write_all(b"a");
        }
        assert_eq!(ask(server, "GET /livez", &[], b"").status, 200);
        drop(self.idle);
    }
}

fn keys_are_refused(server: &Served, expired: &str, many: usize) {
    let guesses = (0..many).map(|number| format!("Bearer sns_{number:043}"));
    let others = [expired, "Bearer", "Bearer ", "Basic c25zOng=", "Bearer \u{7f}"].map(str::to_owned);
    for key in guesses.chain(others) {
        let answer = query(server, "a pizza", &[("authorization", &key)]);
        assert!(matches!(answer.status, 400 | 401), "{key}: {} {}", answer.status, answer.text());
    }
    assert_eq!(query(server, "a pizza", &[]).status, 401);
}

fn names_are_refused(server: &Served, admin: &str) {
    for name in
        ["media.example.org", "127.0.0.1.example.org", "localhost.example.org:80", "[::2]", "169.254.169.254"]
    {
        let answer = query(server, "a pizza", &[("authorization", admin), ("host", name)]);
        assert!(matches!(answer.status, 400 | 403 | 421), "{name}: {} {}", answer.status, answer.text());
    }
    let origin = [
        ("authorization", admin),
        ("origin", "https://evil.example.org"),
        ("content-type", "application/json"),
    ];
    assert_eq!(ask(server, "POST /v1/query", &origin, b"{}").status, 403);
}

/// Neither files of the machine nor other servers.
fn addresses_reach_nothing(server: &Served, admin: &str) {
    let headers = [("authorization", admin), ("content-type", "application/json")];
    for path in [
        "/../../../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/v1/assets/..%2f..%2f..%2fetc%2fpasswd/media",
        "/v1/assets/%2fetc%2fpasswd/media",
        "/v1/assets/../../keys.json",
        "/keys.json",
        "//etc/passwd",
        "/v1/assets/x/media?collection=../../..",
        "/page/../../../etc/passwd",
    ] {
        let answer = ask(server, &format!("GET {path}"), &headers, b"");
        assert!(answer.status >= 300 || !answer.text().contains("root:"), "{path}: {}", answer.text());
        assert!(!answer.text().contains("root:") && !answer.text().contains("\"hash\""), "{path}");
    }
    let trap = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let here = format!("http://{}/secret.jpg", trap.local_addr().expect("an address"));
    trap.set_nonblocking(true).expect("a setting");
    for uri in [
        &*here,
        "http://169.254.169.254/latest/meta-data",
        "http://[::1]:80/",
        "file:///etc/passwd",
        "gopher://127.0.0.1/_",
    ] {
        let body = serde_json::json!({"terms": [{"uri": uri}]}).to_string();
        let answer = ask(server, "POST /v1/query", &headers, body.as_bytes());
        assert!((400..500).contains(&answer.status), "{uri}: {} {}", answer.status, answer.text());
        assert!(!answer.text().contains("root:"), "{uri}");
        assert!(trap.accept().is_err(), "{uri} was asked");
    }
}

/// What is as large as it may be is looked at, what is larger is not.
fn sizes_are_bounded(server: &Served, admin: &str) {
    const SMALL: usize = 4 << 20;
    let headers = [("authorization", admin), ("content-type", "application/json")];
    let padded = |length: usize| {
        let mut body = b"{}".to_vec();
        body.resize(length, b' ');
        body
    };
    assert_eq!(ask(server, "POST /v1/count", &headers, &padded(SMALL)).status, 200);
    let more = ask(server, "POST /v1/count", &headers, &padded(SMALL + 1));
    assert!((400..500).contains(&more.status), "a byte more: {}", more.status);
    for (name, body) in [
        ("nested", b"[".repeat(100_000)),
        (
            "a long filter",
            serde_json::json!({"terms": [{"text": "x"}], "filter": "a=1 and ".repeat(10_000)})
                .to_string()
                .into_bytes(),
        ),
        (
            "many terms",
            serde_json::json!({"terms": vec![serde_json::json!({"text": "x"}); 10_000]})
                .to_string()
                .into_bytes(),
        ),
    ] {
        let answer = ask(server, "POST /v1/query", &headers, &body);
        assert!((400..500).contains(&answer.status), "{name}: {} {}", answer.status, answer.text());
    }
    let long = "x".repeat(100_000);
    for (request, headers) in [
        (format!("GET /{long}"), vec![("authorization", admin)]),
        ("GET /v1/info".to_owned(), vec![("authorization", admin), ("x-long", &*long)]),
    ] {
        let answer = ask(server, &request, &headers, b"");
        assert!((400..500).contains(&answer.status), "{}", answer.status);
    }
}

/// Small files and messages that are large once unpacked.
fn bombs_are_refused(server: &Served, admin: &str) {
    let zeros = gzip(64 << 20);
    // A message of this length is read, unpacked only as far as one may be, and refused.
    assert!(zeros.len() < 65_535, "within a window");
    for path in ["/sensorium.v1.QueryService/Query", "/sensorium.v1.IngestService/Ingest"] {
        assert!(
            matches!(
                call(server, path, &[("grpc-encoding", "gzip"), ("authorization", admin)], &zeros),
                Ended::Answered | Ended::Reset
            ),
            "{path}"
        );
    }
    let packed =
        [("authorization", admin), ("content-type", "application/json"), ("content-encoding", "gzip")];
    let answer = ask(server, "POST /v1/query", &packed, &zeros);
    assert!((400..500).contains(&answer.status), "{}", answer.text());
    let wav = [b"RIFF\xFF\xFF\xFF\xFFWAVEfmt \x10\0\0\0\x01\0\x02\0\x80\xBB\0\0\0\xEE\x02\0\x04\0\x10\0data\xFF\xFF\xFF\xFF".as_slice(), &[0; 64]].concat();
    for (name, file, must_fail) in [
        ("claims.png", png((60_000, 60_000), 1_000, b""), true),
        ("large.png", png((10_900, 10_900), 480 << 20, b""), true),
        (
            "words.png",
            png((8, 8), 8 * 33, &chunk(b"zTXt", &[b"Comment\0\0".as_slice(), &zlib(256 << 20)].concat())),
            false,
        ),
        ("zeros.gz", zeros.clone(), true),
        ("laughs.svg", laughs(), true),
        ("nested.html", b"<html><body>".iter().copied().chain(b"<div>".repeat(200_000)).collect(), false),
        ("claims.wav", wav, false),
    ] {
        let answer = ingest(server, name, &file, &[("authorization", admin)]);
        assert_eq!(answer.status, 200, "{name}: {}", answer.text());
        let result = answer.json()["results"][0].clone();
        let failed =
            result.get("failure").or_else(|| result.get("reason")).is_some_and(|reason| !reason.is_null());
        assert!(failed || !must_fail, "{name}: {result}");
    }
}

fn gzip(zeros: usize) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::best());
    pack(zeros, &mut packer);
    packer.finish().expect("packs")
}

fn zlib(zeros: usize) -> Vec<u8> {
    let mut packer = ZlibEncoder::new(Vec::new(), Compression::best());
    pack(zeros, &mut packer);
    packer.finish().expect("packs")
}

fn pack(zeros: usize, packer: &mut impl Write) {
    std::io::copy(&mut std::io::repeat(0).take(zeros as u64), packer).expect("packs");
}

fn chunk(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let mut crc = Crc::new();
    crc.update(kind);
    crc.update(content);
    let length = u32::try_from(content.len()).expect("short").to_be_bytes();
    [&length, kind.as_slice(), content, &crc.sum().to_be_bytes()].concat()
}

/// A PNG in RGBA of 8 bits that claims this size and holds so many bytes of zeros, with a chunk before them.
fn png((width, height): (u32, u32), zeros: usize, before: &[u8]) -> Vec<u8> {
    let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 6, 0, 0, 0]].concat();
    [
        b"\x89PNG\r\n\x1a\n".as_slice(),
        &chunk(b"IHDR", &header),
        before,
        &chunk(b"IDAT", &zlib(zeros)),
        &chunk(b"IEND", b""),
    ]
    .concat()
}

/// Entities that stand for ten of the one before.
fn laughs() -> Vec<u8> {
    let mut text = "<?xml version=\"1.0\"?><!DOCTYPE svg [<!ENTITY l0 \"laugh\">".to_owned();
    for level in 1..10 {
        text += &format!("<!ENTITY l{level} \"{}\">", format!("&l{};", level - 1).repeat(10));
    }
    (text + "]><svg xmlns=\"http://www.w3.org/2000/svg\"><text>&l9;</text></svg>").into_bytes()
}

fn mutations_are_answered(server: &Served, admin: &str, many: usize, random: &mut Seeded) {
    let seeds = small_samples(&samples());
    for number in 0..many {
        let seed = &seeds[random.below(seeds.len())];
        let mut bytes = fs_err::read(seed).expect("a sample");
        mutate(&mut bytes, random);
        let answer = ingest(server, &format!("{number}"), &bytes, &[("authorization", admin)]);
        assert_eq!(answer.status, 200, "{}: {}", seed.display(), answer.text());
        assert_eq!(answer.json()["results"].as_array().map(Vec::len), Some(1));
    }
}
