//! A server under mixed load for long: what it takes does not grow.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use sensorium_tests::{Sensorium, Served, samples};
use serde_json::Value;

use crate::http::{ask, ingest, query};

/// What a server takes.
#[derive(Debug)]
struct Taken {
    /// Seconds since the start.
    at: f64,
    resident_kib: f64,
    /// Of it, what is no file's.
    anonymous_kib: f64,
    descriptors: usize,
    threads: usize,
}

impl Taken {
    fn now(server: &Served, begun: Instant) -> Self {
        Self {
            at: begun.elapsed().as_secs_f64(),
            resident_kib: server.status("VmRSS:").into(),
            anonymous_kib: server.status("RssAnon:").into(),
            descriptors: server.descriptors(),
            threads: server.status("Threads:") as usize,
        }
    }
}

/// Assets that stay for a while: what is kept does not grow either, so that growth is a leak.
const KEPT: usize = 64;

/// What the store says that it holds, to tell what fills up from what grows.
fn stores(server: &Served) -> String {
    let told = ask(server, "GET /metrics", &[], b"").text();
    let of = ["sensorium_storage_memtable_bytes", "sensorium_block_cache_bytes", "sensorium_memory_bytes"];
    let lines = told.lines().filter(|line| of.iter().any(|name| line.starts_with(name)));
    lines.collect::<Vec<_>>().join(", ")
}

/// Brings a file in, asks, deletes it again: what a media team does all day, in small. One in eight stays, until
/// [`KEPT`] newer ones do.
fn one_round(server: &Served, number: usize, kept: &mut VecDeque<String>) {
    let mut image = fs_err::read(samples().join("images/pizza.jpg")).expect("reads");
    image.extend(format!("{number:08}").as_bytes());
    let answer = ingest(server, "a.jpg", &image, &[]);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let answer = answer.json();
    let id = answer.pointer("/results/0/asset_id").and_then(Value::as_str).expect("an id");
    for text in ["a pizza", "a dog on the grass", "waves"] {
        let answer = query(server, text, &[]);
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    let gone = if number.is_multiple_of(8) {
        kept.push_back(id.to_owned());
        (kept.len() > KEPT).then(|| kept.pop_front()).flatten()
    } else {
        Some(id.to_owned())
    };
    if let Some(id) = gone {
        assert_eq!(ask(server, &format!("DELETE /v1/assets/{id}"), &[], b"").status, 200);
    }
}

/// How much a value grows in 10 minutes by a straight line through what was seen (least squares), as a share of its mean.
fn slope(seen: &[Taken], of: fn(&Taken) -> f64) -> f64 {
    let mean = |of: &dyn Fn(&Taken) -> f64| seen.iter().map(of).sum::<f64>() / seen.len() as f64;
    let (at, value) = (mean(&|taken| taken.at), mean(&of));
    let covariance = mean(&|taken| (taken.at - at) * (of(taken) - value));
    covariance / mean(&|taken| (taken.at - at).powi(2)).max(1e-9) * 600.0 / value
}

/// Twenty minutes at four fifths of what one client can ask; `SENSORIUM_SOAK_SECONDS` says otherwise.
#[test]
#[ignore = "twenty minutes: make stress runs it"]
fn a_server_stays_as_it_is_under_mixed_load() {
    let seconds =
        std::env::var("SENSORIUM_SOAK_SECONDS").ok().and_then(|seconds| seconds.parse().ok()).unwrap_or(1200);
    let held = Sensorium::new();
    held.index(&samples().join("images"));
    let server = held.serve();
    let begun = Instant::now();
    let (mut rounds, mut kept) = (0, VecDeque::new());
    while begun.elapsed() < Duration::from_secs(10) {
        one_round(&server, rounds, &mut kept);
        rounds += 1;
    }
    let pause = begun.elapsed() / u32::try_from(rounds).expect("few") / 4;
    let (total, mut seen) = (Duration::from_secs(seconds), Vec::new());
    while begun.elapsed() < total {
        one_round(&server, rounds, &mut kept);
        rounds += 1;
        std::thread::sleep(pause);
        if rounds.is_multiple_of(20) {
            let taken = Taken::now(&server, begun);
            if rounds.is_multiple_of(200) {
                println!("{taken:?} {}", stores(&server));
            }
            seen.push(taken);
        }
    }
    // The first third warms up.
    let warm: Vec<_> = seen.split_off(seen.len() / 3);
    let last = warm.last().expect("a long run");
    let (resident, anonymous) =
        (slope(&warm, |taken| taken.resident_kib), slope(&warm, |taken| taken.anonymous_kib));
    let range = |of: fn(&Taken) -> usize| {
        let values = || warm.iter().map(of);
        (values().min().unwrap_or(0), values().max().unwrap_or(0))
    };
    let (descriptors, threads) = (range(|taken| taken.descriptors), range(|taken| taken.threads));
    println!(
        "{rounds} rounds in {seconds} s; resident {:.0} KiB, {:+.2} % in 10 minutes, of which anonymous {:.0} KiB, {:+.2} %; \
         descriptors {descriptors:?}, threads {threads:?}",
        last.resident_kib,
        resident * 100.0,
        last.anonymous_kib,
        anonymous * 100.0
    );
    assert!(resident < 0.01, "memory grows");
    assert!(descriptors.1 - descriptors.0 <= 16 && threads.1 - threads.0 <= 8, "{descriptors:?} {threads:?}");
}
