//! Random operations against a plain in-memory model: after each step every answer is the same.
//!
//! What a comparison means something by, graphs that are walked, among all points and among those a filter leaves, with
//! deleted points in them, is not left to chance: every sequence of random steps ends with [`closing`], which does it.

#![expect(clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "small numbers of tests")]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::*;
use proptest::prelude::*;
use proptest::test_runner::{RngSeed, TestRunner};
use sensorium_index::Collection;
use sensorium_types::{
    AssetId, AssetRecord, CAPTIONS_FIELD, Change, ContentHash, FailureReason, Filter, Modality, Payload,
    Plan, PointRecord, ReasonKind, SearchRequest, SourceKey, SourceRow, SourceState, Track,
};

const ASSETS: u8 = 6;
const PATHS: u8 = 8;

/// One step. Numbers choose among few names, so that steps meet.
#[derive(Debug, Clone)]
enum Step {
    Upsert {
        asset: u8,
        seed: u64,
        points: u8,
        from_source: Option<u8>,
    },
    Point {
        path: u8,
        asset: u8,
    },
    Fail {
        path: u8,
    },
    RemoveSources {
        paths: Vec<u8>,
    },
    Drop {
        asset: u8,
    },
    Merge {
        asset: u8,
        year: u16,
    },
    /// Captions over those that are there; of other bytes than the asset's they find nothing.
    Captions {
        asset: u8,
        seed: u64,
        points: u8,
    },
    Delete {
        asset: u8,
    },
    /// Many assets at once, so that graphs are worth a walk.
    Bulk {
        from: u16,
        count: u16,
        seed: u64,
    },
    /// Every so-manyth of them goes.
    Thin {
        step: u16,
    },
    Seal,
    Reopen,
    Search {
        seed: u64,
        limit: usize,
        year: Option<u16>,
        modality: Option<u8>,
        track: Option<u8>,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let asset = || 0..ASSETS;
    let path = || 0..PATHS;
    prop_oneof![
        6 => (asset(), any::<u64>(), 1..4_u8, proptest::option::of(path()))
            .prop_map(|(asset, seed, points, from_source)| Step::Upsert { asset, seed, points, from_source }),
        4 => (path(), asset()).prop_map(|(path, asset)| Step::Point { path, asset }),
        1 => path().prop_map(|path| Step::Fail { path }),
        1 => proptest::collection::vec(path(), 0..4).prop_map(|paths| Step::RemoveSources { paths }),
        2 => (asset(), 2000..2004_u16).prop_map(|(asset, year)| Step::Merge { asset, year }),
        1 => asset().prop_map(|asset| Step::Drop { asset }),
        3 => (asset(), any::<u64>(), 0..3_u8)
            .prop_map(|(asset, seed, points)| Step::Captions { asset, seed, points }),
        2 => asset().prop_map(|asset| Step::Delete { asset }),
        2 => (0..300_u16, 50..400_u16, any::<u64>()).prop_map(|(from, count, seed)| Step::Bulk { from, count, seed }),
        1 => (2..9_u16).prop_map(|step| Step::Thin { step }),
        2 => Just(Step::Seal),
        1 => Just(Step::Reopen),
        5 => (
            any::<u64>(),
            1..8_usize,
            proptest::option::of(2000..2004_u16),
            proptest::option::of(0..4_u8),
            proptest::option::of(0..6_u8)
        )
            .prop_map(|(seed, limit, year, modality, track)| Step::Search { seed, limit, year, modality, track }),
    ]
}

/// Steps after which a graph of many points was walked, with dead points in it, before and after it was opened again.
fn closing() -> Vec<Step> {
    let search = |year| Step::Search { seed: 1, limit: 5, year, modality: None, track: None };
    vec![
        Step::Bulk { from: 0, count: 400, seed: 1 },
        Step::Seal,
        search(None),
        Step::Thin { step: 5 },
        search(None),
        search(Some(2001)),
        Step::Reopen,
        search(None),
    ]
}

/// Searches so far, by the way they went.
#[derive(Debug, Default)]
struct Walks {
    graph: usize,
    filtered: usize,
}

/// The plain model.
#[derive(Debug, Default)]
struct Model {
    assets: BTreeMap<AssetId, (AssetRecord, Vec<PointRecord>)>,
    sources: BTreeMap<SourceKey, (u64, SourceRow)>,
    clock: u64,
}

impl Model {
    fn pointed(&self, key: &SourceKey) -> Option<AssetId> {
        self.sources.get(key)?.1.state.asset().cloned()
    }

    fn paths(&self, id: &AssetId) -> Vec<Vec<u8>> {
        let mut of: Vec<_> =
            self.sources.iter().filter(|(key, _)| self.pointed(key).as_ref() == Some(id)).collect();
        of.sort_by_key(|(_, (order, _))| *order);
        of.into_iter().map(|(key, _)| key.path.clone()).collect()
    }

    /// Takes the asset away if no source is left; true if it went.
    fn release(&mut self, id: Option<AssetId>) -> Vec<AssetId> {
        let Some(id) = id else { return Vec::new() };
        let orphan = self.assets.get(&id).is_some_and(|(record, _)| record.from_source);
        if orphan && self.paths(&id).is_empty() {
            self.assets.remove(&id);
            return vec![id];
        }
        Vec::new()
    }

    fn put_source(&mut self, key: &SourceKey, row: &SourceRow) -> Option<Vec<AssetId>> {
        let asset = row.state.asset().cloned();
        if asset.as_ref().is_some_and(|asset| !self.assets.contains_key(asset)) {
            return None;
        }
        let before = self.pointed(key);
        let order = match self.sources.get(key) {
            Some((order, _)) if asset.is_some() && before == asset => *order,
            Some(_) | None => self.clock,
        };
        self.sources.insert(key.clone(), (order, row.clone()));
        Some(if before == asset { Vec::new() } else { self.release(before) })
    }

    /// What the change removes; `None` if it finds nothing.
    fn apply(&mut self, change: &Change) -> Option<Vec<AssetId>> {
        self.clock += 1;
        match change {
            Change::Upsert { asset, points, source } => {
                let mut points = points.clone();
                points.sort_by_key(|point| (point.track.code(), point.ordinal));
                self.assets.insert(asset.id.clone(), (asset.clone(), points));
                match source {
                    Some((key, row)) => self.put_source(key, row),
                    None => Some(Vec::new()),
                }
            }
            Change::PutSource { key, row } => self.put_source(key, row),
            Change::RemoveSources { keys } => {
                let (mut removed, mut found) = (Vec::new(), false);
                for key in keys {
                    let before = self.pointed(key);
                    found |= self.sources.remove(key).is_some();
                    removed.extend(self.release(before));
                }
                found.then_some(removed)
            }
            Change::MergeMetadata { asset, metadata } => {
                let (record, _) = self.assets.get_mut(asset)?;
                record.metadata.merge(metadata.clone());
                Some(Vec::new())
            }
            Change::DropMetadata { asset, fields } => {
                let (record, _) = self.assets.get_mut(asset)?;
                record.metadata.take_away(fields);
                Some(Vec::new())
            }
            Change::PutCaptions { asset, hash, captions, points } => {
                let (record, kept) = self.assets.get_mut(asset).filter(|(record, _)| record.hash == *hash)?;
                record.facts.set(CAPTIONS_FIELD, captions.clone());
                kept.retain(|point| point.track != Track::Caption);
                kept.extend(points.iter().cloned());
                Some(Vec::new())
            }
            Change::KeepCaptions { .. } => Some(Vec::new()),
            Change::Delete { asset } => {
                self.assets.remove(asset)?;
                let gone: Vec<_> = self
                    .sources
                    .keys()
                    .filter(|key| self.pointed(key).as_ref() == Some(asset))
                    .cloned()
                    .collect();
                gone.iter().for_each(|key| drop(self.sources.remove(key)));
                Some(vec![asset.clone()])
            }
        }
    }

    fn matching(&self, ask: &SearchRequest) -> Vec<(&AssetId, Vec<&PointRecord>)> {
        let asked = &ask.queries[0].tracks;
        let tracks = |point: &&PointRecord| asked.is_empty() || asked.contains(&point.track);
        let assets = self.assets.iter().filter(|(id, (record, _))| {
            (ask.modalities.is_empty() || ask.modalities.contains(&record.modality))
                && ask.filter.as_ref().is_none_or(|filter| filter.matches(&record.payload()))
                && !ask.exclude.contains(id)
        });
        assets
            .map(|(id, (_, points))| (id, points.iter().filter(tracks).collect::<Vec<_>>()))
            .filter(|(_, points)| !points.is_empty())
            .collect()
    }

    /// The exact answer: id, track, ordinal, cosine.
    fn search(&self, ask: &SearchRequest) -> Vec<(AssetId, Track, u32, f64)> {
        let cosine = |point: &PointRecord| -> f64 {
            point.vector.iter().zip(&ask.queries[0].vector).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
        };
        let mut hits: Vec<_> = self
            .matching(ask)
            .into_iter()
            .filter_map(|(id, points)| {
                let best = points.into_iter().max_by(|a, b| cosine(a).total_cmp(&cosine(b)))?;
                Some((id.clone(), best.track, best.ordinal, cosine(best)))
            })
            .collect();
        hits.sort_by(|a, b| b.3.total_cmp(&a.3).then(a.0.cmp(&b.0)));
        hits.truncate(ask.limit);
        hits
    }
}

fn name(asset: u8) -> String {
    format!("asset {asset}")
}

fn upsert(asset: u8, seed: u64, points: u8, from_source: Option<u8>) -> Change {
    let modality = Modality::ALL[usize::from(asset) % 4];
    let mut record = record(&name(asset), modality);
    record.from_source = from_source.is_some();
    record.facts.set("year", 2000 + seed % 4);
    let mut random = Random(seed);
    let mut points: Vec<_> = (0..u32::from(points))
        .map(|number| {
            let track = Track::ALL[(seed as usize + number as usize) % 5];
            PointRecord { thumb: Some(vec![asset]), ..point(track, number, random.unit(DIM)) }
        })
        .collect();
    points.reverse();
    let source = from_source.map(|path| (source_key(&path.to_string()), source_row(&name(asset))));
    Change::Upsert { asset: record, points, source }
}

fn many(name: u16) -> String {
    format!("bulk {name:03}")
}

fn changes(step: &Step) -> Vec<Change> {
    match step {
        Step::Bulk { from, count, seed } => (*from..*from + *count)
            .map(|number| {
                let mut random = Random(seed ^ u64::from(number));
                let mut asset = record(&many(number), Modality::ALL[usize::from(number % 4)]);
                asset.facts.set("year", 2000 + number % 4);
                let points = (0..1 + u32::from(number % 2))
                    .map(|ordinal| point(Track::ALL[usize::from(number % 3)], ordinal, random.unit(DIM)));
                Change::Upsert { asset, points: points.collect(), source: None }
            })
            .collect(),
        Step::Thin { step: every } => (0..700)
            .step_by(usize::from(*every))
            .map(|number| Change::Delete { asset: id(&many(number)) })
            .collect(),
        Step::Upsert { .. }
        | Step::Point { .. }
        | Step::Fail { .. }
        | Step::RemoveSources { .. }
        | Step::Merge { .. }
        | Step::Drop { .. }
        | Step::Captions { .. }
        | Step::Delete { .. }
        | Step::Seal
        | Step::Reopen
        | Step::Search { .. } => change(step).into_iter().collect(),
    }
}

fn change(step: &Step) -> Option<Change> {
    let failed = SourceRow {
        bytes: 1,
        mtime_ns: 2,
        state: SourceState::failed(FailureReason::new(ReasonKind::TimedOut, ""), 1),
    };
    Some(match step {
        Step::Upsert { asset, seed, points, from_source } => upsert(*asset, *seed, *points, *from_source),
        Step::Point { path, asset } => {
            Change::PutSource { key: source_key(&path.to_string()), row: source_row(&name(*asset)) }
        }
        Step::Fail { path } => Change::PutSource { key: source_key(&path.to_string()), row: failed },
        Step::RemoveSources { paths } => {
            Change::RemoveSources { keys: paths.iter().map(|path| source_key(&path.to_string())).collect() }
        }
        Step::Merge { asset, year } => {
            let mut metadata = Payload::new();
            metadata.set("year", *year);
            Change::MergeMetadata { asset: id(&name(*asset)), metadata }
        }
        Step::Drop { asset } => {
            Change::DropMetadata { asset: id(&name(*asset)), fields: vec!["year".to_owned()] }
        }
        Step::Captions { asset, seed, points } => {
            let mut random = Random(*seed);
            let of = record(&name(*asset), Modality::Image);
            let points = (0..u32::from(*points)).map(|at| point(Track::Caption, at, random.unit(DIM)));
            let hash = if seed % 5 == 0 { Some(ContentHash::of(b"other bytes")) } else { of.hash };
            Change::PutCaptions { asset: of.id, hash, captions: (*seed).into(), points: points.collect() }
        }
        Step::Delete { asset } => Change::Delete { asset: id(&name(*asset)) },
        Step::Bulk { .. } | Step::Thin { .. } | Step::Seal | Step::Reopen | Step::Search { .. } => {
            return None;
        }
    })
}

fn search_request(step: &Step) -> Option<SearchRequest> {
    let Step::Search { seed, limit, year, modality, track } = step else { return None };
    let mut ask = request(Random(*seed).unit(DIM), *limit);
    ask.ef = Some(8);
    // A walk is for filters that leave much.
    let operator = if seed % 2 == 0 { "=" } else { ">=" };
    ask.filter = year.map(|year| -> Filter { filter(&format!("year {operator} {year}")) });
    ask.modalities = modality.map(|at| Modality::ALL[usize::from(at)]).into_iter().collect();
    ask.queries[0].tracks = track.map(|at| Track::ALL[usize::from(at)]).into_iter().collect();
    ask.exclude = if seed % 3 == 0 { vec![id(&name((seed % 6) as u8))] } else { Vec::new() };
    Some(ask)
}

/// Compares a search with the model's; gives how the search went.
fn check_search(model: &Model, collection: &Collection, ask: &SearchRequest) -> Plan {
    let right = model.search(ask);
    let exact = search(collection, &SearchRequest { exact: true, ..ask.clone() });
    assert_eq!(exact.plan, Plan::ExactScan);
    assert_eq!(exact.hits.len(), right.len());
    for (hit, (id, track, ordinal, cosine)) in exact.hits.iter().zip(&right) {
        assert_eq!((&hit.asset, hit.point.track, hit.point.ordinal), (id, *track, *ordinal));
        assert!((f64::from(hit.cosine) - cosine).abs() < 1e-5);
    }
    // By the graph: live matches only, each once, as many as there are.
    let loose = search(collection, ask);
    let matching: BTreeMap<_, _> = model.matching(ask).into_iter().collect();
    let met: BTreeSet<_> = loose.hits.iter().map(|hit| &hit.asset).collect();
    assert_eq!(met.len(), loose.hits.len());
    assert_eq!(met.len(), ask.limit.min(matching.len()));
    for hit in &loose.hits {
        let points = matching.get(&hit.asset).expect("a match");
        assert!(points.iter().any(|p| p.track == hit.point.track && p.ordinal == hit.point.ordinal));
    }
    loose.plan
}

fn check_everything(model: &Model, collection: &Collection) {
    assert_clean(collection);
    let page = collection.scroll(None, None, 1000, true).expect("scrolls");
    assert_eq!(page.items.len(), model.assets.len());
    for (stored, (id, (record, points))) in page.items.iter().zip(&model.assets) {
        assert_eq!(&stored.record, record);
        assert_eq!(stored.vectors, points.iter().map(|point| point.vector.clone()).collect::<Vec<_>>());
        assert_eq!(stored.paths, model.paths(id));
    }
    let sources = collection.sources(b"", None, usize::MAX).expect("reads").items;
    assert!(
        sources
            .iter()
            .map(|(key, row)| (key, row))
            .eq(model.sources.iter().map(|(key, (_, row))| (key, row)))
    );
    let stats = collection.stats().expect("counts");
    let failed = model.sources.keys().filter(|key| model.pointed(key).is_none()).count() as u64;
    assert_eq!(stats.sources_failed, failed);
    assert_eq!(stats.sources_indexed, model.sources.len() as u64 - failed);
    assert_eq!(stats.points, model.assets.values().map(|(_, points)| points.len() as u64).sum::<u64>());
    for year in 2000..2004 {
        let filter = filter(&format!("year = {year}"));
        let right =
            model.assets.values().filter(|(record, _)| filter.matches(&record.payload())).count() as u64;
        assert_eq!(collection.count(Some(&filter)).expect("counts"), right);
    }
}

fn run(steps: &[Step]) -> Walks {
    let mut walks = Walks::default();
    let data = tempfile::tempdir().expect("folder");
    let mut model = Model::default();
    let mut opened = Some(open(data.path()));
    for step in steps {
        if matches!(step, Step::Reopen) {
            drop(opened.take());
            opened = Some(open(data.path()));
        }
        let (_, collection) = opened.as_ref().expect("open");
        let changes = changes(step);
        if !changes.is_empty() {
            let removed: Vec<_> = changes.iter().map(|change| model.apply(change)).collect();
            let applied = collection.apply(changes).expect("applies");
            for (applied, removed) in applied.into_iter().zip(removed) {
                assert_eq!(applied.found, removed.is_some());
                assert_eq!(applied.assets_removed, removed.unwrap_or_default());
            }
        } else if let Some(ask) = search_request(step) {
            for seed in 0..8 {
                let mut random = Random(seed);
                let mut ask = ask.clone();
                ask.queries[0].vector = random.near(&ask.queries[0].vector, 0.8);
                match check_search(&model, collection, &ask) {
                    Plan::Graph => walks.graph += 1,
                    Plan::FilteredGraph => walks.filtered += 1,
                    Plan::ExactScan => {}
                }
            }
        } else if matches!(step, Step::Seal) {
            collection.seal().expect("seals");
        }
    }
    let (_, collection) = opened.as_ref().expect("open");
    check_everything(&model, collection);
    drop(opened);
    let (_database, collection) = open(data.path());
    check_everything(&model, &collection);
    walks
}

#[test]
fn a_collection_answers_as_the_model_does() {
    let config = ProptestConfig {
        cases: 32,
        max_shrink_iters: 100,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(sensorium_testkit::seed("the model", 1)),
        ..ProptestConfig::default()
    };
    TestRunner::new(config)
        .run(&proptest::collection::vec(step(), 1..50), |mut steps| {
            steps.extend(closing());
            let walks = run(&steps);
            prop_assert!(walks.graph > 0 && walks.filtered > 0, "{walks:?}");
            Ok(())
        })
        .expect("the model agrees");
}
