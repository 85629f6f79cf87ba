//! Two thousand assets come over to another bundle while they are asked, through kills, and go back.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use sensorium_testkit::seed;
use sensorium_tests::{Seeded, Sensorium, samples};
use serde_json::Value;

use crate::{assets, collections, hits, of_event, reembed, reembed_and_kill, revision, verify};

const ASSETS: usize = 2_000;
const KILLS: usize = 5;
/// Assets acknowledged before a kill, at most: five kills come before all are brought over.
const MOST_BEFORE_A_KILL: usize = 350;
const QUERIES: [&str; 3] = ["a dog on the grass", "a red car", "food on a plate"];

/// Images of the samples, each another by what follows its end mark.
fn make_images(folder: &Path) {
    let images = fs_err::read_dir(samples().join("images")).expect("samples");
    let paths = images.map(|entry| entry.expect("entry").path());
    let mut originals: Vec<_> =
        paths.filter(|path| path.extension().is_some_and(|kind| kind == "jpg")).collect();
    originals.sort();
    for number in 0..ASSETS {
        let original = originals.get(number % originals.len()).expect("one");
        let mut bytes = fs_err::read(original).expect("reads");
        bytes.extend(format!("{number:08}").as_bytes());
        fs_err::write(folder.join(format!("{number:04}.jpg")), bytes).expect("writes");
    }
}

/// Asks without end, each query in a process of its own, until it is done; every one must be answered.
fn ask_until(sensorium: &Sensorium, (done, answered): (&AtomicBool, &AtomicUsize)) {
    for query in QUERIES.iter().cycle() {
        if done.load(Ordering::Relaxed) {
            break;
        }
        let found = sensorium.json(&["search", query, "--limit", "5"]);
        assert_eq!(found.len(), 5, "{query}");
        answered.fetch_add(1, Ordering::Relaxed);
    }
}

/// What each query finds.
fn answers(sensorium: &Sensorium) -> Vec<Vec<Value>> {
    QUERIES.iter().map(|query| hits(sensorium, query)).collect()
}

#[test]
#[ignore = "minutes: make stress runs it"]
fn two_thousand_assets_come_over_while_they_are_asked_and_go_back() {
    let media = tempfile::tempdir().expect("temporary folder");
    make_images(media.path());
    let sensorium = Sensorium::new();
    sensorium.index(media.path());
    let (all, first, before) = (assets(&sensorium), revision(&sensorium), answers(&sensorium));
    assert_eq!(all.len(), ASSETS);
    sensorium.run(&["models", "join", "mini:image,text", "mini:audio,text", "--name", "both"]).expect_code(0);
    sensorium.run(&["models", "default", "both"]).expect_code(0);

    let (done, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
    let asked = || answered.load(Ordering::Relaxed);
    let mut random = Seeded(seed("the kills of reembed", 12));
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| ask_until(&sensorium, (&done, &answered)));
        let mut brought = 0;
        for kill in 0..KILLS {
            brought += reembed_and_kill(&sensorium, 1 + random.below(MOST_BEFORE_A_KILL)).len();
            assert_eq!(revision(&sensorium), first, "after kill {kill}");
        }
        let lines = reembed(&sensorium, &[], 0);
        assert!(
            of_event(&lines, "asset").len() + brought <= ASSETS,
            "what was acknowledged is not done again"
        );
        assert!(revision(&sensorium).starts_with("both@"), "{}", revision(&sensorium));
        assert_eq!(assets(&sensorium), all, "no asset is lost");
        let there = asked();
        reembed(&sensorium, &["--rollback"], 0);
        assert!(there > KILLS && asked() >= there, "it was asked all the while");
        done.store(true, Ordering::Relaxed);
        asking.join().expect("every query was answered");
    });
    eprintln!("{} queries were answered meanwhile", asked());
    assert_eq!((revision(&sensorium), assets(&sensorium)), (first, all));
    assert_eq!(answers(&sensorium), before, "bit for bit");
    assert_eq!(collections(&sensorium), 2);
    verify(&sensorium);
}
