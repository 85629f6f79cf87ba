//! A collection that its server brings over.

use std::collections::BTreeSet;

use sensorium_tests::{Sensorium, samples};
use serde_json::Value;

use crate::{
    FIRST_REVISION, FirstEdition, assets, collections, copy, of_event, reembed_and_kill, revision, text,
    verify,
};

#[test]
fn a_server_brings_its_collection_over_while_it_serves() {
    let media = tempfile::tempdir().expect("temporary folder");
    for entry in fs_err::read_dir(samples().join("images")).expect("samples") {
        let name = entry.expect("entry").file_name();
        copy(&format!("images/{}", name.to_str().expect("UTF-8")), media.path());
    }
    let (held, indexed) = FirstEdition::new().index(media.path());
    let server = held.serve();
    let client = Sensorium::new();
    let url = server.url.clone();
    let at = |args: &[&'static str]| -> Vec<String> {
        args.iter().copied().chain(["--server", &url]).map(str::to_owned).collect()
    };
    let refused = client.run(&at(&["search", "a dog on the grass"])).expect_code(1);
    assert!(refused.stderr.contains("sensorium reembed"), "{}", refused.stderr);
    let plan = client.json(&at(&["reembed", "--dry-run"]));
    assert_eq!(plan.last().expect("the plan")["pending"], indexed.len());

    // One whose caller is killed is taken up by the next, and what was acknowledged is not done again. It goes the same way from beside
    // the server, whose data folder says where it is.
    let brought = reembed_and_kill(&held, 1);
    assert!(!brought.is_empty());
    assert_eq!(revision(&held), FIRST_REVISION, "everybody sees what there was");
    let one = format!("asset:{}", brought[0]);
    assert_eq!(held.json(&["search", &one, "--limit", "3"]).len(), 3, "and is answered meanwhile");
    let lines = client.json(&at(&["reembed"]));
    let done: BTreeSet<String> =
        of_event(&lines, "asset").iter().map(|event| text(&event["asset"])).collect();
    assert!(brought.iter().all(|asset| !done.contains(asset)), "{done:?}");
    let summary = of_event(&lines, "summary")[0];
    assert_eq!((&summary["finished"], &summary["collection"]), (&Value::from(true), &Value::from("default")));

    // The same server answers from the new vectors, and takes changes.
    assert_ne!(revision(&held), FIRST_REVISION);
    assert_eq!(summary["to"], revision(&held));
    let hits = client.json(&at(&["search", "a dog on the grass", "--limit", "1"]));
    assert!(text(&hits[0]["path"]).ends_with("dog_on_grass.jpg"), "{hits:?}");
    client.run(&["delete", &one, "--server", &url]).expect_code(0);
    assert_eq!(client.json(&at(&["reembed"]))[0]["pending"], 0, "there is nothing left to do");
    assert_eq!(collections(&held), 2, "what was replaced is kept");
    client.run(&at(&["reembed", "--drop-old"])).expect_code(0);
    let begun = std::time::Instant::now();
    while collections(&held) > 1 {
        assert!(begun.elapsed().as_secs() < 120, "what was replaced stays");
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    drop(server);
    assert_eq!(assets(&held).len(), indexed.len() - 1);
    verify(&held);
}
