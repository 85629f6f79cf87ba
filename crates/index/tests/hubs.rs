//! Searches that are corrected by hub values: their order, recall of the graph, and the values of points of before.

#![expect(clippy::indexing_slicing, reason = "small numbers of tests")]

mod common;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::*;
use sensorium_index::{Collection, Database, GraphParams, OpenOptions, Planning, Tuning};
use sensorium_types::{
    Change, Content, HubBank, HubValues, HubWeights, Modality, Plan, SearchRequest, SpaceInfo, SubQuery,
    Track,
};

const K: usize = 8;
const TEXT: HubWeights = HubWeights([0.0, 0.0, 1.0]);

/// Half the mean cosine with the nearest of its vectors, for texts that ask images.
#[derive(Debug)]
struct Bank {
    id: u64,
    revision: &'static str,
    vectors: Vec<Vec<f32>>,
    /// How many values it makes before it fails.
    most: usize,
    made: AtomicUsize,
}

impl Bank {
    fn new(id: u64, vectors: Vec<Vec<f32>>) -> Self {
        Self { id, revision: "test@1", vectors, most: usize::MAX, made: AtomicUsize::new(0) }
    }

    /// A bank of random vectors of the common space.
    fn random(id: u64) -> Self {
        let mut random = Random(id);
        Self::new(id, (0..40).map(|_| random.unit(DIM)).collect())
    }

    fn value(&self, point: &[f32]) -> f32 {
        let mut cosines: Vec<f32> = self.vectors.iter().map(|vector| cosine(vector, point)).collect();
        cosines.sort_by(|a, b| b.total_cmp(a));
        0.5 * cosines[..K].iter().sum::<f32>() / K as f32
    }

    fn made(&self) -> usize {
        self.made.load(Ordering::SeqCst)
    }
}

impl HubBank for Bank {
    fn space_revision(&self) -> &str {
        self.revision
    }

    fn id(&self) -> u64 {
        self.id
    }

    fn values(
        &self,
        points: &[(Content, &[f32])],
    ) -> Result<Vec<HubValues>, Box<dyn std::error::Error + Send + Sync>> {
        if self.made.fetch_add(points.len(), Ordering::SeqCst) + points.len() > self.most {
            return Err("no more".into());
        }
        let value = |(content, point): &(Content, &[f32])| match content {
            Content::Image => HubValues([0.0, 0.0, self.value(point)]),
            Content::Audio | Content::Text => HubValues::default(),
        };
        Ok(points.iter().map(value).collect())
    }

    fn queries(
        &self,
        query: Content,
        _: Content,
        count: usize,
    ) -> Result<Vec<Vec<f32>>, Box<dyn std::error::Error + Send + Sync>> {
        let known = if query == Content::Text { self.vectors.as_slice() } else { &[] };
        Ok(known.iter().take(count).cloned().collect())
    }
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

fn open_with(data: &std::path::Path, bank: &Arc<Bank>) -> (Database, Arc<Collection>) {
    let database = Database::open_tuned(data, OpenOptions::default(), eager()).expect("opens");
    let database = database.with_hubs(Some(Arc::clone(bank) as Arc<dyn HubBank>));
    let collection = database.create_or_open("default", &space()).expect("opens");
    (database, collection)
}

/// A request whose cosines are corrected.
fn corrected(vector: Vec<f32>, hubs: HubWeights, limit: usize) -> SearchRequest {
    request_of(SubQuery { hubs, ..SubQuery::of(vector) }, limit)
}

/// A sub-query of images.
fn of_images(vector: Vec<f32>, hubs: HubWeights) -> SubQuery {
    SubQuery { tracks: vec![Track::Image], hubs, ..SubQuery::of(vector) }
}

fn missing(collection: &Collection) -> u64 {
    collection.stats().expect("counts").points_without_hubs
}

/// Every answer of the collection is that of the formula.
fn assert_corrected(
    collection: &Collection,
    bank: &Bank,
    vectors: &[(String, Vec<f32>)],
    weights: HubWeights,
) {
    let query = Random(99).unit(DIM);
    let by_hand = |vector: &[f32]| cosine(&query, vector) - weights.0[2] * bank.value(vector);
    let mut right: Vec<(f32, &str)> =
        vectors.iter().map(|(name, vector)| (by_hand(vector), name.as_str())).collect();
    right.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    let ask = SearchRequest { exact: true, ..corrected(query.clone(), weights, 20) };
    let found = search(collection, &ask).hits;
    for (hit, (score, name)) in found.iter().zip(&right) {
        let (_, vector) = vectors.iter().find(|(other, _)| other == hit.asset.as_str()).expect("known");
        assert!((hit.corrected - score).abs() < 1e-5, "{} {score}", hit.corrected);
        assert!((hit.cosine - cosine(&query, vector)).abs() < 1e-5, "the cosine stays raw");
        assert_eq!(hit.asset.as_str(), *name);
    }
    assert_eq!(found.len(), 20);
    let ask = SubQuery { hubs: weights, ..SubQuery::of(query.clone()) };
    let scored = collection.score_assets(&[ask], &[found[3].asset.clone()]).expect("scores");
    assert!((scored[0][0].corrected - found[3].corrected).abs() < 1e-6);
    assert!((scored[0][0].cosine - found[3].cosine).abs() < 1e-6);
}

fn images(count: usize) -> Vec<(String, Vec<f32>)> {
    let mut random = Random(3);
    (0..count).map(|number| (format!("image {number:04}"), random.unit(DIM))).collect()
}

fn put(collection: &Collection, vectors: &[(String, Vec<f32>)]) {
    let changes = vectors.iter().map(|(name, vector)| image(name, vector.clone())).collect();
    collection.apply(changes).expect("applies");
}

#[test]
fn the_order_is_that_of_corrected_cosines() {
    let data = tempfile::tempdir().expect("folder");
    let bank = Arc::new(Bank::random(5));
    let (_database, collection) = open_with(data.path(), &bank);
    let vectors = images(300);
    put(&collection, &vectors);
    assert!(collection.corrects());
    assert_eq!((bank.made(), missing(&collection)), (300, 0));
    for weights in [TEXT, HubWeights([0.7, 0.7, 0.4]), HubWeights([0.0, 0.0, -1.0]), HubWeights::default()] {
        assert_corrected(&collection, &bank, &vectors, weights);
    }
    // Two assets that the correction changes places of, so that the test above says something.
    let query = Random(99).unit(DIM);
    let first = |hubs| {
        let ask = SearchRequest { exact: true, ..corrected(query.clone(), hubs, 20) };
        let hits = search(&collection, &ask).hits;
        hits.into_iter().map(|hit| hit.asset).collect::<Vec<_>>()
    };
    assert_ne!(first(TEXT), first(HubWeights::default()));
    // Under a graph, and after points were replaced and deleted.
    collection.seal().expect("seals");
    assert_corrected(&collection, &bank, &vectors, TEXT);
    let mut vectors = vectors;
    let gone = vectors.split_off(290);
    let changes = gone.iter().map(|(name, _)| Change::Delete { asset: id(name) }).collect();
    collection.apply(changes).expect("deletes");
    vectors[0].1 = Random(77).unit(DIM);
    put(&collection, &vectors[..1]);
    assert_corrected(&collection, &bank, &vectors, TEXT);
    assert_clean(&collection);
}

#[test]
fn the_best_point_of_an_asset_is_that_of_its_corrected_cosines() {
    let data = tempfile::tempdir().expect("folder");
    let mut toward = vec![0.0; DIM];
    toward[0] = 1.0;
    // Texts are all near the first axis, so that a point there is near to all.
    let bank = Arc::new(Bank::new(1, vec![toward.clone(); K]));
    let (_database, collection) = open_with(data.path(), &bank);
    let mut aside = vec![0.0; DIM];
    (aside[0], aside[1]) = (0.6, 0.8);
    let points = vec![point(Track::Video, 0, toward.clone()), point(Track::Video, 1, aside)];
    let asset = record("video", Modality::Video);
    collection.apply(vec![Change::Upsert { asset, points, source: None }]).expect("applies");
    let mut query = vec![0.0; DIM];
    (query[0], query[1]) = (0.8, 0.6);
    let best = |hubs| {
        let ask = corrected(query.clone(), hubs, 1);
        let hit = search(&collection, &ask).hits.remove(0);
        (hit.point.ordinal, hit.cosine, hit.corrected)
    };
    // 0.8 - 0.5 against 0.96 - 0.3; raw, 0.8 against 0.96; led away from, 0.8 + 2 against 0.96 + 1.2.
    let near = |(ordinal, cosine, corrected), expected: (u32, f32, f32)| {
        let close = |a: f32, b: f32| (a - b).abs() < 1e-5;
        assert!(
            ordinal == expected.0 && close(cosine, expected.1) && close(corrected, expected.2),
            "{expected:?}"
        );
    };
    near(best(TEXT), (1, 0.96, 0.66));
    near(best(HubWeights::default()), (1, 0.96, 0.96));
    near(best(HubWeights([0.0, 0.0, -4.0])), (0, 0.8, 2.8));
}

#[test]
fn points_of_before_get_values_in_the_background() {
    let data = tempfile::tempdir().expect("folder");
    let vectors = images(700);
    {
        let (_database, collection) = open(data.path());
        put(&collection, &vectors);
        collection.seal().expect("seals");
        assert!(!collection.corrects());
        assert_eq!(missing(&collection), 0, "without a bank nothing is missing");
    }
    // A bank that fails on the way: what is made stays, and searches are raw until all is there.
    let poor = Arc::new(Bank { most: 256, ..Bank::random(5) });
    {
        let (_database, collection) = open_with(data.path(), &poor);
        until(|| missing(&collection) == 700 - 256 && poor.made() > 256, || "a first batch".to_owned());
        assert!(!collection.corrects());
        let ask = SearchRequest { exact: true, ..corrected(vectors[0].1.clone(), TEXT, 5) };
        let hits = search(&collection, &ask).hits;
        assert!(hits.iter().all(|hit| hit.corrected.to_bits() == hit.cosine.to_bits()), "raw");
        assert!(collection.fill_hubs().is_err());
        assert!(
            collection.apply(vec![image("new", vectors[1].1.clone())]).is_err(),
            "a bank that fails is told"
        );
    }
    let bank = Arc::new(Bank::random(5));
    let reading =
        Database::open_tuned(data.path(), OpenOptions { read_only: true, ..OpenOptions::default() }, eager());
    let reading = reading.expect("opens").with_hubs(Some(Arc::clone(&bank) as Arc<dyn HubBank>));
    let beside = reading.open_collection("default").expect("opens").expect("is there");
    assert!(!beside.corrects() && missing(&beside) == 444);
    {
        let (_database, collection) = open_with(data.path(), &bank);
        until(|| collection.corrects(), || format!("{} missing", missing(&collection)));
        assert_eq!(bank.made(), 444, "what was made before is taken up");
        assert!(!collection.fill_hubs().expect("nothing to do"));
        assert_corrected(&collection, &bank, &vectors, TEXT);
        assert_clean(&collection);
        beside.refresh().expect("reads");
        assert!(beside.corrects());
        assert_corrected(&beside, &bank, &vectors, TEXT);
        put(&collection, &[("one more".to_owned(), Random(11).unit(DIM))]);
        assert!(collection.corrects());
    }
    {
        let (_database, collection) = open_with(data.path(), &bank);
        assert!(collection.corrects());
        assert_eq!(bank.made(), 445, "values are kept");
    }
    // Another bank makes all anew; a bank of another space has nothing to do with these points.
    let other = Arc::new(Bank::random(6));
    {
        let (_database, collection) = open_with(data.path(), &other);
        until(|| collection.corrects(), || format!("{} missing", missing(&collection)));
        assert_eq!(other.made(), 701);
        assert_clean(&collection);
    }
    let foreign = Arc::new(Bank { revision: "test@2", ..Bank::random(7) });
    let (_database, collection) = open_with(data.path(), &foreign);
    assert!(!collection.corrects() && foreign.made() == 0 && missing(&collection) == 0);
    assert_clean(&collection);
}

const WIDE: usize = 64;
const COUNT: usize = 12_000;

/// Where a kind of vectors lies: around a cone's axis, in clusters, each row more or less near to the other cone.
struct Cone {
    axis: Vec<f32>,
    clusters: Vec<Vec<f32>>,
}

impl Cone {
    fn vector(&self, random: &mut Random, other: &[f32], pull: f32) -> Vec<f32> {
        let cluster = &self.clusters[random.below(self.clusters.len())];
        let noise = random.unit(WIDE);
        let hub = pull * (random.below(1000) as f32 / 1000.0).powi(3);
        let mut vector: Vec<f32> = (0..WIDE)
            .map(|at| 0.5 * self.axis[at] + cluster[at] + 0.7 * noise[at] + hub * other[at])
            .collect();
        let norm = cosine(&vector, &vector).sqrt();
        vector.iter_mut().for_each(|x| *x /= norm);
        vector
    }
}

/// A collection of images with a bank of texts, and beside them texts, which no bank corrects.
struct Mixed {
    _data: tempfile::TempDir,
    _database: Database,
    collection: Arc<Collection>,
    shown: Cone,
    texts: Cone,
    seen: Vec<f32>,
    random: Random,
}

impl Mixed {
    fn new(images: usize, beside: usize) -> Self {
        let mut random = Random(21);
        let clusters: Vec<_> = (0..150).map(|_| random.unit(WIDE)).collect();
        let (seen, said) = (random.unit(WIDE), random.unit(WIDE));
        let shown = Cone { axis: seen.clone(), clusters: clusters.clone() };
        let texts = Cone { axis: said.clone(), clusters };
        let bank = Bank::new(3, (0..600).map(|_| texts.vector(&mut random, &seen, 0.0)).collect());
        let bank = Arc::new(Bank { revision: "wide@1", ..bank });

        let data = tempfile::tempdir().expect("folder");
        let tuning = Tuning { planning: Planning::Walk, seal_points: usize::MAX, ..Tuning::default() };
        let database = Database::open_tuned(data.path(), OpenOptions::default(), tuning).expect("opens");
        let database = database.with_hubs(Some(Arc::clone(&bank) as Arc<dyn HubBank>));
        let space = SpaceInfo::one("wide", WIDE, "wide@1");
        let collection = database.create_or_open("default", &space).expect("opens");
        let mut changes = Vec::new();
        for number in 0..images {
            changes.push(image(&format!("{number:06}"), shown.vector(&mut random, &said, 1.0)));
        }
        for number in 0..beside {
            let points = vec![point(Track::Text, 0, texts.vector(&mut random, &seen, 0.0))];
            let asset = record(&format!("text {number:06}"), Modality::Text);
            changes.push(Change::Upsert { asset, points, source: None });
        }
        while !changes.is_empty() {
            let rest = changes.split_off(changes.len().min(500));
            collection.apply(std::mem::replace(&mut changes, rest)).expect("applies");
        }
        collection.seal().expect("seals");
        Self { _data: data, _database: database, collection, shown, texts, seen, random }
    }

    /// Shares of the corrected first ten that the graph finds, and that the raw order has, over so many queries of images.
    fn recall(&mut self, queries: usize, plan: Plan) -> (f64, f64) {
        let (mut right, mut kept, mut wanted) = (0_u32, 0_u32, 0_u32);
        for _ in 0..queries {
            let query = self.texts.vector(&mut self.random, &self.seen, 0.0);
            let ask = request_of(of_images(query, TEXT), 10);
            let names = |ask: &SearchRequest, plan| {
                let reply = search(&self.collection, ask);
                assert_eq!(reply.plan, plan);
                reply.hits.into_iter().map(|hit| hit.asset).collect::<BTreeSet<_>>()
            };
            let exact = names(&SearchRequest { exact: true, ..ask.clone() }, Plan::ExactScan);
            let mut raw = SearchRequest { exact: true, ..ask.clone() };
            raw.queries[0].hubs = HubWeights::default();
            let count = |found: BTreeSet<_>| u32::try_from(found.intersection(&exact).count()).expect("few");
            kept += count(names(&raw, Plan::ExactScan));
            right += count(names(&ask, plan));
            wanted += u32::try_from(exact.len()).expect("few");
        }
        (f64::from(right) / f64::from(wanted), f64::from(kept) / f64::from(wanted))
    }
}

#[test]
fn the_graph_finds_what_the_corrected_order_wants() {
    let (right, kept) = Mixed::new(COUNT, 0).recall(200, Plan::Graph);
    println!("recall@10 {right:.4}; the raw order has {kept:.3} of the corrected one");
    assert!(kept < 0.75, "hubs that matter: {kept}");
    assert!(right >= 0.99, "{right}");
}

#[test]
fn texts_that_no_bank_corrects_do_not_keep_the_walk_from_the_images() {
    let mut mixed = Mixed::new(COUNT, COUNT / 2);
    let mut compared = [0, 0];
    for _ in 0..60 {
        let query = mixed.shown.vector(&mut mixed.random, &mixed.texts.axis, 1.0);
        for (sum, hubs) in compared.iter_mut().zip([HubWeights::default(), TEXT]) {
            let ask = request_of(of_images(query.clone(), hubs), 10);
            *sum += search(&mixed.collection, &ask).points_compared;
        }
    }
    let [raw, corrected] = compared;
    println!("points compared: {raw} raw, {corrected} corrected");
    assert!(corrected * 2 < raw * 3, "{corrected} {raw}");
}

#[test]
fn beams_are_wide_enough_for_texts_before_anybody_asks_where_only_images_are_stored() {
    let data = tempfile::tempdir().expect("folder");
    let graph = GraphParams { m: 4, ef_construct: 16, ef: 10 };
    let tuning = Tuning { graph, ..eager() };
    let bank = Arc::new(Bank::random(5));
    let database = Database::open_tuned(data.path(), OpenOptions::default(), tuning).expect("opens");
    let database = database.with_hubs(Some(Arc::clone(&bank) as Arc<dyn HubBank>));
    let collection = database.create_or_open("default", &space()).expect("opens");
    fill(&collection, 4000, &mut Random(9));
    collection.seal().expect("seals");
    let recall = collection.stats().expect("counts").recall;
    let text = recall.iter().find(|known| (&*known.from, &*known.of) == ("text", "image"));
    let text = text.unwrap_or_else(|| panic!("texts ask in the bank alone: {recall:?}"));
    assert!(text.queries == 0 && text.ef > 10, "{text:?}");
    // Other questions of the kind find enough.
    let (mut random, mut found) = (Random(11), 0);
    for _ in 0..50 {
        let query = SubQuery { from: Some(Content::Text), ..of_images(random.unit(DIM), TEXT) };
        let ask = request_of(query, 10);
        let walked = search(&collection, &ask);
        assert_eq!(walked.plan, Plan::Graph);
        let exact = search(&collection, &SearchRequest { exact: true, ..ask });
        let right: BTreeSet<_> = exact.hits.iter().map(|hit| &hit.asset).collect();
        found += walked.hits.iter().filter(|hit| right.contains(&hit.asset)).count();
    }
    assert!(found >= 475, "{found} of 500");
}
