//! What a whole query of the engine costs in a collection of mixed contents, beside the walks that it is made of: the words are asked of
//! images, audio, texts and captions, without a filter and with two; then the same vectors are asked of the store, one content at a
//! time, under the same filter. Encoding the words is told apart, and the steps of the rest are told. The bars are 1.5 times the sum of the
//! walks, and 10 ms with a filter that 1 % meet.
//!
//! `SENSORIUM_BENCH_ASSETS` sets the size of the collection (default 150,000), `SENSORIUM_BENCH_KEEP` a folder in which it is kept for the
//! next run and for that of the bench `service`.

#![expect(clippy::expect_used, reason = "a bench stops at its first error")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use sensorium_benches::mixed::{self, TEXTS};
use sensorium_benches::{THREADS, bundle, median, report, worker_program};
use sensorium_embed::{Bundle, Input};
use sensorium_engine::{Access, Engine, EngineConfig};
use sensorium_media::Limits;
use sensorium_store::Store;
use sensorium_store_embedded::Embedded;
use sensorium_types::{
    Cancel, Change, Content, Filter, HubWeights, QueryRequest, SearchRequest, SubQuery, Term, TermInput,
    Track,
};
use serde_json::json;

/// Queries of each kind, after some that warm up.
const QUERIES: usize = 60;
const WARM: usize = 12;
/// What a query is narrowed to.
const FILTERS: [Option<&str>; 3] = [None, Some("year >= 2020"), Some("share < 10")];
/// The contents that words are asked of, each by its tracks.
const CONTENTS: [&[Track]; 4] =
    [&[Track::Image, Track::Video], &[Track::Audio], &[Track::Text], &[Track::Caption]];

fn main() {
    let assets = mixed::size(150_000);
    let bundle = bundle();
    let temporary = tempfile::tempdir().expect("temporary folder");
    let folder = mixed::folder(temporary.path());
    let data = folder.join(format!("large-{assets}"));
    mixed::fill(&data, assets, &bundle);
    let config = EngineConfig {
        data_dir: data,
        storage: Arc::new(Embedded),
        collection: "default".to_owned(),
        bundle: Arc::clone(&bundle),
        elders: None,
        worker_program: worker_program(),
        jobs: THREADS,
        limits: Limits::default(),
        access: Access::Write,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("runtime");
    runtime.block_on(async {
        let engine = Engine::open(config).await.expect("opens");
        let store = engine.store();
        // Words are asked of captions where they are kept. A server of the collection would begin to make them.
        let keep = |wanted| store.apply(vec![Change::KeepCaptions { wanted }]);
        keep(true).await.expect("applies");
        measure(&engine, store.as_ref(), &bundle, assets).await;
        keep(false).await.expect("applies");
    });
}

async fn measure(engine: &Engine, store: &dyn Store, bundle: &Bundle, assets: usize) {
    let inputs: Vec<Input> = TEXTS.iter().map(|text| Input::Text((*text).to_owned())).collect();
    let vectors = bundle.embed(&inputs).expect("embeds");
    for filter in FILTERS {
        let (mut whole, mut encoding, mut walks) = (Vec::new(), Vec::new(), Vec::new());
        let mut parts: BTreeMap<String, Vec<f64>> = BTreeMap::new();
        for number in 0..QUERIES + WARM {
            let at = number % TEXTS.len();
            let (text, vector) = (TEXTS.get(at).expect("a text"), vectors.get(at).expect("a vector"));
            let reply = engine.query(request(text, filter), Cancel::new()).await.expect("answers");
            assert!(!reply.hits.is_empty(), "{filter:?}");
            let steps = reply.steps;
            let took = |encodes: bool| {
                let steps = steps.iter().filter(|step| (step.stage == "encode") == encodes);
                steps.map(|step| step.seconds * 1e3).sum::<f64>()
            };
            let mut walked = 0.0;
            for tracks in CONTENTS {
                // As the engine asks: what words are corrected by, and that it is words.
                let from = Some(Content::Text);
                let hubs = HubWeights::of_sum(&[(1.0, from)], 1.0);
                let query = SubQuery { vector: vector.clone(), tracks: tracks.to_vec(), hubs, from };
                let filter = filter.map(parsed);
                let search =
                    SearchRequest { queries: vec![query], limit: 10, filter, ..SearchRequest::default() };
                let begun = Instant::now();
                store.search(search).await.expect("answers");
                walked += begun.elapsed().as_secs_f64() * 1e3;
            }
            if number >= WARM {
                whole.push(took(false));
                steps.iter().for_each(|step| {
                    parts.entry(step.stage.to_string()).or_default().push(step.seconds * 1e3);
                });
                encoding.push(took(true));
                walks.push(walked);
            }
        }
        let [whole, encoding, walks] = [whole, encoding, walks].map(median);
        report(
            "query",
            json!({
                "assets": assets, "filter": filter, "whole_ms": whole, "encoding_ms": encoding,
                "walks_ms": walks, "over_walks": whole / walks,
                "steps_ms": parts.into_iter().map(|(name, times)| (name, median(times))).collect::<BTreeMap<_, _>>(),
            }),
        );
    }
}

fn request(text: &str, filter: Option<&str>) -> QueryRequest {
    let filter = filter.map(parsed);
    let term = Term { weight: 1.0, input: TermInput::Text(text.to_owned()) };
    QueryRequest { terms: vec![term], filter, ..QueryRequest::default() }
}

fn parsed(filter: &str) -> Filter {
    filter.parse().expect("a filter")
}
