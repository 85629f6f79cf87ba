//! Tests of corrected queries, over a collection of the embedded index with a bank of its own.

use std::ops::ControlFlow;
use std::sync::Arc;

use crate::seams::{Captioned, Decode, Encode, OnPart, Pending};
use crate::{Access, Engine, EngineError, EngineParts};
use sensorium_embed::{DecoderOptions, Input, Priority};
use sensorium_index::{Database, OpenOptions};
use sensorium_media::{Cancel, Head, MediaInput};
use sensorium_store_embedded::IndexStore;
use sensorium_types::{
    AssetId, AssetRecord, Calibration, CalibrationTable, Caption, Change, Content, ExplainedHit,
    FailureReason, Hit, HubBank, HubValues, MediaPolicy, Modality, Payload, PointRecord, QueryRequest,
    SpaceInfo, Term, TermInput, Track,
};

const RAW: Calibration = Calibration { mean: 0.1, deviation: 0.1 };
const CORRECTED: Calibration = Calibration { mean: -0.1, deviation: 0.05 };

/// What the cosine of a point is lowered by when an image asks: half its number along the first axis.
#[derive(Debug)]
struct FirstAxis;

impl HubBank for FirstAxis {
    fn space_revision(&self) -> &str {
        "test@1"
    }

    fn id(&self) -> u64 {
        1
    }

    fn values(
        &self,
        points: &[(Content, &[f32])],
    ) -> Result<Vec<HubValues>, Box<dyn std::error::Error + Send + Sync>> {
        Ok(points.iter().map(|(_, point)| HubValues([0.5 * point[0], 0.0, 0.0])).collect())
    }

    fn queries(
        &self,
        _: Content,
        _: Content,
        _: usize,
    ) -> Result<Vec<Vec<f32>>, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Vec::new())
    }
}

/// Knows its calibrations and encodes nothing.
#[derive(Debug)]
struct Tables;

fn table(of: Calibration) -> CalibrationTable {
    let pairs = Content::ALL.into_iter().flat_map(|query| Content::ALL.map(|point| (query, point, of)));
    CalibrationTable { pairs: pairs.collect() }
}

impl Encode for Tables {
    fn space(&self) -> SpaceInfo {
        SpaceInfo::one("test", 4, "test@1")
    }

    fn calibration(&self) -> CalibrationTable {
        table(RAW)
    }

    fn corrected_calibration(&self) -> CalibrationTable {
        table(CORRECTED)
    }

    fn submit(&self, _: Vec<Input>, _: Priority) -> Result<Box<dyn Pending>, EngineError> {
        Err(EngineError::Task { action: "encode" })
    }

    fn caption(
        &self,
        _: &Captioned,
        _: (&DecoderOptions, Priority),
        _: &mut dyn FnMut(&str) -> ControlFlow<()>,
    ) -> Result<Caption, EngineError> {
        Err(EngineError::Task { action: "caption" })
    }
}

impl Decode for Tables {
    fn decode_each(
        &self,
        _: MediaInput,
        _: Priority,
        _: &Cancel,
        _: OnPart<'_>,
    ) -> Result<Result<Head, FailureReason>, EngineError> {
        Err(EngineError::Task { action: "decode" })
    }

    fn max_bytes(&self) -> u64 {
        0
    }
}

/// Images of these names and vectors, and an engine over them. The rest goes with the fixture.
struct Fixture {
    engine: Arc<Engine>,
    _database: Database,
    _folder: tempfile::TempDir,
}

fn fixture(hubs: Option<Arc<dyn HubBank>>) -> Fixture {
    let folder = tempfile::tempdir().expect("folder");
    let database = Database::open(folder.path(), OpenOptions::default()).expect("opens").with_hubs(hubs);
    let collection = database.create_or_open("default", &Tables.space()).expect("made");
    let image = |(name, vector): (&str, [f32; 4])| Change::Upsert {
        asset: AssetRecord {
            id: AssetId::new(name).expect("valid"),
            hash: None,
            modality: Modality::Image,
            space_revision: "test@1".to_owned(),
            facts: Payload::new(),
            metadata: Payload::new(),
            media: MediaPolicy::None,
            from_source: false,
        },
        points: vec![PointRecord {
            track: Track::Image,
            ordinal: 0,
            span: None,
            vector: vector.to_vec(),
            thumb: None,
        }],
        source: None,
    };
    // The hub lies along the first axis, on which all have something; "like" is nearer to what asks but for it.
    let changes = [
        ("asks", [0.6, 0.8, 0.0, 0.0]),
        ("hub", [1.0, 0.0, 0.0, 0.0]),
        ("like", [0.0, 0.6, 0.8, 0.0]),
        ("other", [0.0, 0.0, 0.0, 1.0]),
    ];
    collection.apply(changes.into_iter().map(image).collect()).expect("applies");
    let engine = Engine::from_parts(EngineParts {
        data_dir: folder.path().to_path_buf(),
        collection: "default".to_owned(),
        store: Arc::new(IndexStore::new(collection)),
        encode: Arc::new(Tables),
        decode: Arc::new(Tables),
        jobs: 1,
        access: Access::Write,
    });
    Fixture { engine, _database: database, _folder: folder }
}

fn asset(weight: f32, name: &str) -> Term {
    Term { weight, input: TermInput::Asset(AssetId::new(name).expect("valid")) }
}

/// The answer: names with cosine and score.
async fn answer(
    fixture: &Fixture,
    request: QueryRequest,
) -> (Vec<(String, f32, Option<f32>)>, Vec<ExplainedHit>) {
    let request = QueryRequest { explain: true, ..request };
    let reply = fixture.engine.query(request, Cancel::new()).await.expect("answers");
    let row = |hit: &Hit| (hit.asset.to_string(), hit.cosine, hit.score);
    let searches = reply.explain.expect("is told").searches;
    let explained = searches.into_iter().flat_map(|search| search.hits).collect();
    (reply.hits.iter().map(row).collect(), explained)
}

fn near(found: &[(String, f32, Option<f32>)], expected: &[(&str, f32, Option<f32>)]) {
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for ((name, cosine, score), (right, right_cosine, right_score)) in found.iter().zip(expected) {
        assert_eq!(name, right, "{found:?}");
        assert!((cosine - right_cosine).abs() < 1e-5, "{name} {cosine}");
        assert_eq!(score.is_some(), right_score.is_some());
        assert!((score.unwrap_or(0.0) - right_score.unwrap_or(0.0)).abs() < 1e-3, "{name} {score:?}");
    }
}

fn corrected(cosine: f32) -> Option<f32> {
    Some(CORRECTED.score(cosine))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scores_are_of_corrected_cosines_and_raw_leaves_the_correction_out() {
    let fixture = fixture(Some(Arc::new(FirstAxis)));
    let ask = || QueryRequest { terms: vec![asset(1.0, "asks")], ..QueryRequest::default() };
    let (found, explained) = answer(&fixture, ask()).await;
    near(
        &found,
        &[("like", 0.48, corrected(0.48)), ("hub", 0.6, corrected(0.1)), ("other", 0.0, corrected(0.0))],
    );
    let told: Vec<_> = explained.iter().map(|hit| (hit.cosine, hit.corrected, hit.score)).collect();
    assert!((told[1].0 - 0.6).abs() < 1e-5 && (told[1].1.expect("corrected") - 0.1).abs() < 1e-5, "{told:?}");

    let raw = |cosine| Some(RAW.score(cosine));
    let (found, explained) = answer(&fixture, QueryRequest { raw: true, ..ask() }).await;
    let expected = [("hub", 0.6, raw(0.6)), ("like", 0.48, raw(0.48)), ("other", 0.0, raw(0.0))];
    near(&found, &expected);
    assert!(explained.iter().all(|hit| hit.corrected.is_none()));

    // A collection without a bank answers so whatever is asked.
    let (found, _) = answer(&self::fixture(None), ask()).await;
    near(&found, &expected);

    // A threshold cuts corrected scores.
    let min_score = corrected(0.3);
    let (found, _) = answer(&fixture, QueryRequest { min_score, ..ask() }).await;
    near(&found, &[("like", 0.48, corrected(0.48))]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_term_of_a_sum_brings_its_own_correction() {
    let fixture = fixture(Some(Arc::new(FirstAxis)));
    // (asks - 0.5 other + 1 given) / |s|: s = (0.6, 0.8, 1, -0.5), |s| = 1.5. The given vector corrects nothing, so
    // that what is left is (1 - 0.5) / 1.5 of a point's value; with a given vector there is no score.
    let given = Term { weight: 1.0, input: TermInput::Vector(vec![0.0, 0.0, 1.0, 0.0]) };
    let terms = vec![asset(1.0, "asks"), asset(-0.5, "other"), given];
    let (found, explained) = answer(&fixture, QueryRequest { terms, ..QueryRequest::default() }).await;
    near(&found, &[("like", (0.48 + 0.8) / 1.5, None), ("hub", 0.6 / 1.5, None)]);
    let hub = explained.iter().find(|hit| hit.asset.as_str() == "hub").expect("found");
    assert!((hub.corrected.expect("corrected") - (0.6 - 0.5 * 0.5) / 1.5).abs() < 1e-5, "{hub:?}");

    // In late fusion each list is corrected for its own term.
    let terms = || vec![asset(1.0, "asks"), asset(1.0, "other")];
    let late = |raw| QueryRequest { terms: terms(), late: true, raw, ..QueryRequest::default() };
    let first = async |request| answer(&fixture, request).await.0.remove(0).0;
    assert_eq!((first(late(false)).await, first(late(true)).await), ("like".to_owned(), "hub".to_owned()));
}
