//! Back to the vectors that a collection had.

use std::collections::BTreeSet;

use sensorium_tests::Sensorium;
use serde_json::Value;

use crate::{assets, collections, copy, hits, of_event, reembed, revision, verify};

/// Rows of these assets, without the places that others move.
fn of_assets(rows: Vec<Value>, known: &BTreeSet<String>) -> Vec<Value> {
    let own = rows.into_iter().filter(|row| known.contains(row["asset"].as_str().expect("an id")));
    own.map(|mut row| {
        row["rank"] = Value::Null;
        row
    })
    .collect()
}

#[test]
fn a_collection_goes_back_to_the_vectors_that_it_had() {
    let media = tempfile::tempdir().expect("temporary folder");
    for file in
        ["images/daisies.jpg", "images/red_car.jpg", "sounds/rain.ogg", "texts/bread.md", "clips/storm.avi"]
    {
        copy(file, media.path());
    }
    let folder = media.path().to_str().expect("a path");
    let sensorium = Sensorium::new();
    sensorium.index(media.path());
    let queries = ["daisies in a meadow", "a red car", "rain", "how is bread made"];
    let before: Vec<Vec<Value>> = queries.iter().map(|query| hits(&sensorium, query)).collect();
    let known = assets(&sensorium);
    let first = revision(&sensorium);
    sensorium.run(&["models", "join", "mini:image,text", "mini:audio,text", "--name", "both"]).expect_code(0);
    let refused = sensorium.run(&["reembed", "--rollback"]).expect_code(1);
    assert!(refused.stderr.contains("keeps no vectors"), "{}", refused.stderr);

    // A server with the new bundle answers by the old one, in words too, until the step and after it.
    let server = sensorium.serve_with(&["--bundle", "both"]);
    let there = sensorium.json(&["search", "a red car", "--limit", "1", "--server", &server.url]);
    assert!(there[0]["path"].as_str().is_some_and(|path| path.ends_with("red_car.jpg")), "{there:?}");
    sensorium.run(&["reembed", "--server", &server.url]).expect_code(0);
    let there = sensorium.json(&["search", "a red car", "--limit", "1", "--server", &server.url]);
    assert!(there[0]["path"].as_str().is_some_and(|path| path.ends_with("red_car.jpg")), "{there:?}");
    drop(server);
    assert!(revision(&sensorium).starts_with("both@"), "{}", revision(&sensorium));
    assert_eq!((collections(&sensorium), assets(&sensorium)), (2, known.clone()));

    let file = media.path().join("queries.list");
    fs_err::write(&file, queries.join("\n")).expect("written");
    let compare = ["reembed", "--compare", "--queries", file.to_str().expect("a path")];
    let rows = sensorium.json(&compare);
    let (sum, rows) = rows.split_last().expect("rows");
    assert_eq!((rows.len(), &sum["queries"], &sum["overlap"]), (4, &4.into(), &1.0.into()), "{sum}");
    fs_err::remove_file(&file).expect("removed");

    // What came and went since.
    copy("images/pizza.jpg", media.path());
    sensorium.run(&["index", folder]).expect_code(0);
    let gone = before[3][0]["asset"].as_str().expect("an id").to_owned();
    sensorium.run(&["delete", &gone]).expect_code(0);
    let done = reembed(&sensorium, &["--rollback"], 0);
    assert_eq!(of_event(&done, "asset").len(), 1, "the pizza alone is encoded: {done:?}");
    assert_eq!(revision(&sensorium), first);
    let kept: BTreeSet<String> = known.iter().filter(|id| **id != gone).cloned().collect();
    for (query, before) in queries.iter().zip(&before) {
        let (now, then) = (of_assets(hits(&sensorium, query), &kept), of_assets(before.clone(), &kept));
        assert_eq!(now, then, "bit for bit: {query}");
    }
    let found = sensorium.json(&["search", "a pizza", "--limit", "1"]);
    assert!(found[0]["path"].as_str().is_some_and(|path| path.ends_with("pizza.jpg")), "{found:?}");
    verify(&sensorium);

    assert_eq!(collections(&sensorium), 2, "the other vectors are kept in turn");
    let dropped = reembed(&sensorium, &["--drop-old", "--bundle", "both"], 0);
    assert_eq!(dropped.last().expect("a row")["event"], "dropped");
    assert_eq!((collections(&sensorium), revision(&sensorium)), (1, first), "and nothing else is done");
    sensorium.run(&["reembed", "--rollback"]).expect_code(1);
    // Nothing is kept where that is asked for.
    reembed(&sensorium, &["--drop-old", "--bundle", "both"], 0);
    assert_eq!(collections(&sensorium), 1);
    assert!(revision(&sensorium).starts_with("both@"));
}
