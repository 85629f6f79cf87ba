//! Recall of the graph against the exact answer, with a floor for each share that a filter leaves, and what becomes of
//! the graph under churn.

#![expect(clippy::indexing_slicing, reason = "small numbers of tests")]

mod common;

use std::collections::BTreeSet;

use common::*;
use sensorium_index::{Collection, Database, GraphParams, OpenOptions, Tuning};
use sensorium_types::{Change, Content, Modality, Plan, SearchRequest, SubQuery, Track};

const COUNT: usize = 4000;
const CLUSTERS: usize = 60;
const QUERIES: usize = 40;

/// Points in clusters, as media are; the field `share` cuts off a part of them.
fn clustered(collection: &Collection, random: &mut Random) -> Vec<Vec<f32>> {
    let centres: Vec<_> = (0..CLUSTERS).map(|_| random.unit(DIM)).collect();
    let changes = (0..COUNT)
        .map(|number| {
            let mut asset = record(&format!("asset {number:05}"), Modality::Image);
            asset.facts.set("share", number % 100);
            let vector = random.near(&centres[number % CLUSTERS], 0.5);
            Change::Upsert { asset, points: vec![point(Track::Image, 0, vector)], source: None }
        })
        .collect();
    collection.apply(changes).expect("applies");
    centres
}

fn recall_of(collection: &Collection, ask: &SearchRequest, plan: Plan) -> f64 {
    let exact = search(collection, &SearchRequest { exact: true, ..ask.clone() });
    let found = search(collection, ask);
    assert_eq!(found.plan, plan);
    assert!(found.points_compared < COUNT, "{}", found.points_compared);
    assert_eq!(found.hits.len(), exact.hits.len());
    let met: BTreeSet<_> = found.hits.iter().map(|hit| &hit.asset).collect();
    exact.hits.iter().filter(|hit| met.contains(&hit.asset)).count() as f64 / exact.hits.len() as f64
}

#[test]
fn recall_has_a_floor_for_every_share_and_beam() {
    let data = tempfile::tempdir().expect("folder");
    let tuning = Tuning { graph: GraphParams { m: 16, ef_construct: 100, ef: 64 }, ..eager() };
    let (_database, collection) = open_tuned(data.path(), tuning);
    let mut random = Random(7);
    let centres = clustered(&collection, &mut random);
    collection.seal().expect("seals");
    assert_clean(&collection);
    for (ef, share, floor) in
        [(16, 100, 0.85), (64, 100, 0.97), (128, 100, 0.99), (64, 70, 0.97), (64, 50, 0.97), (32, 50, 0.95)]
    {
        let (mut sum, mut walks) = (0.0, 0);
        for query in 0..QUERIES {
            let mut ask = request(random.near(&centres[query % CLUSTERS], 0.5), 10);
            ask.ef = Some(ef);
            let plan = if share == 100 { Plan::Graph } else { Plan::FilteredGraph };
            ask.filter = (share < 100).then(|| filter(&format!("share < {share}")));
            // A walk that would cost more than comparing the candidates becomes a scan.
            let found = search(&collection, &ask);
            if found.plan == plan {
                sum += recall_of(&collection, &ask, plan);
                walks += 1;
            }
        }
        assert!(walks as usize >= QUERIES / 2, "ef {ef}, {share} %: {walks} walks");
        let recall = sum / walks as f64;
        println!("ef {ef:3} share {share:3} % recall@10 {recall:.4} over {walks} walks");
        assert!(recall >= floor, "ef {ef}, {share} % of the points: {recall} < {floor}");
    }
}

#[test]
fn every_live_point_is_found_by_its_own_vector_and_no_dead_one() {
    let data = tempfile::tempdir().expect("folder");
    let (_database, collection) = open(data.path());
    let mut random = Random(3);
    fill(&collection, 1500, &mut random);
    collection.seal().expect("seals");
    let gone: Vec<_> = (0..1500)
        .step_by(7)
        .map(|number| Change::Delete { asset: id(&format!("asset {number:06}")) })
        .collect();
    collection.apply(gone).expect("applies");
    assert_clean(&collection);
    let page = collection.scroll(None, None, 2000, true).expect("scrolls");
    for asset in &page.items {
        let mut ask = request(asset.vectors[0].clone(), 1);
        ask.ef = Some(200);
        let reply = search(&collection, &ask);
        assert_eq!(reply.hits[0].asset, asset.record.id);
    }
}

#[test]
fn equal_vectors_are_all_reachable() {
    let data = tempfile::tempdir().expect("folder");
    let (_database, collection) = open(data.path());
    let mut random = Random(5);
    let same = random.unit(DIM);
    let changes = (0..600).map(|number| {
        let vector = if number % 3 == 0 { random.unit(DIM) } else { same.clone() };
        image(&format!("asset {number:06}"), vector)
    });
    collection.apply(changes.collect()).expect("applies");
    collection.seal().expect("seals");
    assert_clean(&collection);
    let mut ask = request(same, 60);
    ask.ef = Some(100);
    let reply = search(&collection, &ask);
    assert_eq!(reply.hits.len(), 60);
    // Ties are ordered by id.
    assert!(reply.hits.iter().all(|hit| hit.cosine > 0.999));
    assert!(reply.hits.is_sorted_by(|a, b| a.asset < b.asset));
}

#[test]
fn the_tail_is_sealed_in_the_background_and_rebuilt_when_many_are_dead() {
    let data = tempfile::tempdir().expect("folder");
    let tuning = Tuning { seal_points: 500, ..eager() };
    let (_database, collection) = open_tuned(data.path(), tuning);
    let mut random = Random(9);
    fill(&collection, 700, &mut random);
    let in_graph = || collection.stats().expect("counts").points_in_graph.expect("known");
    let shown = || format!("{:?}", collection.stats());
    // The build may have begun with the first 500; a later one takes the rest at the next seal.
    until(|| in_graph() >= 500, shown);
    collection.seal().expect("seals");
    until(|| in_graph() == 700, shown);
    let gone = (0..160).map(|number| Change::Delete { asset: id(&format!("asset {number:06}")) });
    collection.apply(gone.collect()).expect("applies");
    until(|| in_graph() == 540, shown);
    assert_clean(&collection);
    assert_eq!(search(&collection, &request(random.unit(DIM), 600)).hits.len(), 540);
}

#[test]
fn a_beam_that_finds_too_little_is_widened_for_those_who_ask_so() {
    let data = tempfile::tempdir().expect("folder");
    let graph = GraphParams { m: 4, ef_construct: 16, ef: 10 };
    let (database, collection) = open_tuned(data.path(), Tuning { graph, ..eager() });
    fill(&collection, 4000, &mut Random(9));
    collection.seal().expect("seals");
    let mut random = Random(10);
    let mut ask = |from, count: usize| {
        for _ in 0..count {
            let query = SubQuery { from, ..SubQuery::of(random.unit(DIM)) };
            assert_eq!(search(&collection, &request_of(query, 10)).plan, Plan::Graph);
        }
    };
    let recall = || collection.stats().expect("counts").recall;
    ask(None, 16);
    let find = |from: &str| recall().into_iter().find(|known| known.from == from);
    until(|| find("mixed").is_some(), || "nothing was audited in the background".to_owned());
    let of = |from: &str| find(from).expect("measured");
    assert_eq!((of("mixed").queries, of("mixed").nearest, of("mixed").ef), (1, 10, 10));
    for _ in 0..10 {
        ask(Some(Content::Text), 16 * 20);
        collection.audit().expect("asks");
    }
    let text = of("text");
    assert!(text.ef > 10 && text.found * 100 >= text.nearest * 97, "{text:?}");
    assert_eq!((text.of.as_str(), of("mixed").ef), ("image", 10), "others keep theirs");
    // Figures and beams are there after a restart, also for one who only reads.
    let before = recall();
    drop((collection, database));
    let options = OpenOptions { read_only: true, ..OpenOptions::default() };
    for options in [options, OpenOptions::default(), OpenOptions::default()] {
        let database =
            Database::open_tuned(data.path(), options, Tuning { graph, ..eager() }).expect("opens");
        let collection = database.open_collection("default").expect("opens").expect("there");
        assert_eq!(collection.stats().expect("counts").recall, before);
        assert_clean(&collection);
    }
    let (_database, collection) = open_tuned(data.path(), Tuning { graph, ..eager() });
    // A caller's own beam stays what it is.
    let query = SubQuery { from: Some(Content::Text), ..SubQuery::of(Random(3).unit(DIM)) };
    let own = SearchRequest { ef: Some(10), ..request_of(query.clone(), 10) };
    let compared = |ask: &SearchRequest| search(&collection, ask).points_compared;
    assert!(compared(&own) * 2 < compared(&request_of(query, 10)));
}

#[test]
fn beams_are_wide_enough_before_anybody_asks() {
    let data = tempfile::tempdir().expect("folder");
    let graph = GraphParams { m: 4, ef_construct: 16, ef: 10 };
    let tuning = Tuning { graph, ..eager() };
    let (database, collection) = open_tuned(data.path(), tuning);
    let mut random = Random(9);
    fill(&collection, 4000, &mut random);
    let texts = (0..100).map(|number| {
        let asset = record(&format!("text {number}"), Modality::Text);
        Change::Upsert { asset, points: vec![point(Track::Text, 0, random.unit(DIM))], source: None }
    });
    collection.apply(texts.collect()).expect("applies");
    collection.seal().expect("seals");
    let recall = collection.stats().expect("counts").recall;
    let known: BTreeSet<_> = recall.iter().map(|known| (&*known.from, &*known.of)).collect();
    // Texts are too few to have beams of their own; there is no audio that asks.
    assert_eq!(known, BTreeSet::from([("image", "image"), ("text", "image")]), "{recall:?}");
    assert!(recall.iter().all(|known| known.queries == 0 && known.ef > 10), "nobody asked yet: {recall:?}");
    let mut random = Random(10);
    let mut recall_sum = 0.0;
    for _ in 0..QUERIES {
        let query = SubQuery {
            from: Some(Content::Text),
            tracks: vec![Track::Image],
            ..SubQuery::of(random.unit(DIM))
        };
        recall_sum += recall_of(&collection, &request_of(query, 10), Plan::Graph);
    }
    assert!(recall_sum / QUERIES as f64 > 0.95, "{recall_sum} of {QUERIES}");
    // They are there after a restart.
    drop((collection, database));
    let (_database, collection) = open_tuned(data.path(), tuning);
    assert_eq!(collection.stats().expect("counts").recall, recall);
}
