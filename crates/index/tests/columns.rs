//! Filters answered from columns, against `Filter::matches` over payloads merged by hand: before, while and after a
//! column is made, and while assets change under it.

#![expect(clippy::indexing_slicing, reason = "small numbers of tests")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};

use common::*;
use sensorium_index::{Collection, GraphParams, Planning, Tuning};
use sensorium_types::{
    AssetId, AssetRecord, Change, FieldIndexState, Filter, Modality, Payload, Plan, PointRecord,
    SearchRequest, SourceKey, SourceRow, SourceState, Track,
};
use serde_json::{Value, json};

/// An asset as the model has it, with its sources in order of writing.
#[derive(Debug, Clone)]
struct Known {
    record: AssetRecord,
    sources: Vec<(SourceKey, SourceRow)>,
}

impl Known {
    /// What a filter sees: metadata over fields of the sources over facts.
    fn payload(&self) -> Payload {
        let mut payload = self.record.facts.clone();
        let text = |key: &SourceKey| String::from_utf8_lossy(&key.path).into_owned();
        payload.set("modality", self.record.modality.name());
        if let Some((key, row)) = self.sources.first() {
            payload.set("path", text(key));
            payload.set("paths", self.sources.iter().map(|(key, _)| text(key)).collect::<Vec<_>>());
            payload.set("name", text(key).rsplit('/').next().expect("a name"));
            payload.set("bytes", row.bytes);
            let mtime = jiff::Timestamp::from_nanosecond(row.mtime_ns).expect("a time");
            payload.set("mtime", mtime.to_string());
        }
        payload.merge(self.record.metadata.clone());
        payload
    }
}

#[derive(Debug, Default)]
struct Model(BTreeMap<AssetId, Known>);

impl Model {
    fn matching(&self, filter: &Filter) -> BTreeSet<AssetId> {
        let meets = self.0.iter().filter(|(_, known)| filter.matches(&known.payload()));
        meets.map(|(id, _)| id.clone()).collect()
    }

    fn apply(&mut self, change: &Change) {
        match change {
            Change::Upsert { asset, source, .. } => {
                let before = self.0.remove(&asset.id).map(|known| known.sources).unwrap_or_default();
                self.0.insert(asset.id.clone(), Known { record: asset.clone(), sources: before });
                if let Some((key, row)) = source {
                    self.point(key, row);
                }
            }
            Change::PutSource { key, row } => self.point(key, row),
            Change::RemoveSources { keys } => keys.iter().for_each(|key| self.release(key, None)),
            Change::MergeMetadata { asset, metadata } => {
                if let Some(known) = self.0.get_mut(asset) {
                    known.record.metadata.merge(metadata.clone());
                }
            }
            Change::Delete { asset } => drop(self.0.remove(asset)),
            Change::PutCaptions { .. } | Change::DropMetadata { .. } | Change::KeepCaptions { .. } => {
                panic!("not made here")
            }
        }
    }

    fn point(&mut self, key: &SourceKey, row: &SourceRow) {
        let Some(id) = row.state.asset().filter(|id| self.0.contains_key(*id)).cloned() else { return };
        let known = self.0.get_mut(&id).expect("there");
        match known.sources.iter_mut().find(|(found, _)| found == key) {
            Some((_, found)) => *found = row.clone(),
            None => known.sources.push((key.clone(), row.clone())),
        }
        self.release(key, Some(&id));
    }

    /// Takes a source off all assets but one; those from files go with their last source.
    fn release(&mut self, key: &SourceKey, but: Option<&AssetId>) {
        self.0.retain(|id, known| {
            let before = known.sources.len();
            known.sources.retain(|(found, _)| found != key || Some(id) == but);
            known.sources.len() == before || !known.sources.is_empty() || !known.record.from_source
        });
    }
}

fn any_payload(random: &mut Random) -> Payload {
    let mut payload = Payload::new();
    let place = |random: &mut Random| {
        let (lat, lon) = (random.below(181) as f64 - 90.0, random.below(361) as f64 - 180.0);
        json!({"lat": lat, "lon": lon})
    };
    let homes: Vec<_> = (0..random.below(3)).map(|_| place(random)).collect();
    let values: [(&str, Value); 17] = [
        ("year", (2000 + random.below(30)).into()),
        ("year", json!(2000.5 + random.below(30) as f64)),
        ("year", "2010".into()),
        ("tag", ["sea", "dog", "caf\u{e9}"][random.below(3)].into()),
        (
            "tags",
            json!(
                (0..random.below(3))
                    .map(|_| ["sea", "dog", "cafe\u{301}"][random.below(3)])
                    .collect::<Vec<_>>()
            ),
        ),
        ("taken", format!("19{:02}-0{}-03", 50 + random.below(50), 1 + random.below(9)).into()),
        ("taken", format!("2020-01-0{}T0{}:00:00Z", 1 + random.below(9), random.below(9)).into()),
        ("gps", json!({"alt": random.below(100), "in.side": {"deep": true}})),
        ("gps.alt", random.below(50).into()),
        ("flag", (random.below(2) == 0).into()),
        ("id", ((1_u64 << 53) + random.below(3) as u64).into()),
        ("name", "mine".into()),
        ("lat", (random.below(181) as f64 - 90.0).into()),
        ("lon", (random.below(361) as i64 - 180).into()),
        ("location", place(random)),
        ("location", "Paris".into()),
        ("homes", homes.into()),
    ];
    for (name, value) in values {
        if random.below(3) == 0 {
            payload.set(name, value);
        }
    }
    if random.below(40) == 0 {
        payload.set("tag", "x".repeat(300));
    }
    payload
}

fn upsert(random: &mut Random, number: usize) -> Change {
    let name = format!("asset {number:05}");
    let modality = Modality::ALL[random.below(4)];
    let mut asset = record(&name, modality);
    asset.facts = any_payload(random);
    asset.metadata = if random.below(2) == 0 { any_payload(random) } else { Payload::new() };
    asset.from_source = random.below(3) == 0;
    let tracks: &[Track] =
        if modality == Modality::Video { &[Track::Video, Track::Audio] } else { &[Track::Image] };
    let points = tracks.iter().map(|track| point(*track, 0, random.unit(DIM))).collect();
    let source =
        (asset.from_source || random.below(2) == 0).then(|| (key(random.below(2000)), row(random, &name)));
    Change::Upsert { asset, points, source }
}

fn key(number: usize) -> SourceKey {
    source_key(&format!("{}/{number}.jpg", number % 7))
}

fn row(random: &mut Random, asset: &str) -> SourceRow {
    SourceRow {
        bytes: random.below(5) as u64,
        mtime_ns: 1_600_000_000_000_000_000 + random.below(1000) as i128 * 86_400_000_000_000,
        state: SourceState::Indexed { asset: id(asset) },
    }
}

fn any_change(random: &mut Random, assets: usize) -> Change {
    let number = random.below(assets);
    let name = format!("asset {number:05}");
    match random.below(6) {
        0 | 1 => upsert(random, number),
        2 => Change::MergeMetadata { asset: id(&name), metadata: any_payload(random) },
        3 => Change::PutSource { key: key(random.below(2000)), row: row(random, &name) },
        4 => Change::RemoveSources { keys: vec![key(random.below(2000))] },
        _ => Change::Delete { asset: id(&name) },
    }
}

const CONDITIONS: [&str; 31] = [
    "year >= 2020",
    "year < 2010.5 and year > 2001",
    "year != 2011",
    r#"year = "2010""#,
    "year in [2003, 2004.5, \"2010\"]",
    r#"tag = "sea""#,
    r#"tag != "cafe\u0301""#,
    r#"tag > "d""#,
    r#"tags = "café""#,
    r#"tags != "dog""#,
    "tags exists",
    r#"taken < "1970-01-01""#,
    r#"taken = "2020""#,
    r#"taken >= "1984-04" and taken < "2020-01-04""#,
    r#"taken > "1960-0x""#,
    "gps.alt < 30",
    "gps.in.side.deep = true",
    "flag = false",
    "id = 9007199254740993",
    r#"name = "mine""#,
    r#"paths = "/media/3/3.jpg""#,
    r#"path < "/media/4""#,
    r#"bytes > 2 and modality in ["image", "video"]"#,
    r#"mtime >= "2022-01-01""#,
    "location within 4000 km of (10, 170)",
    "location within 15000 km of (-80, 0) and year > 2005",
    "location within (-90, 100) to (20, -20)",
    r#"location = "Paris" or location exists"#,
    "homes within 3000 km of (88, 10)",
    "not homes within (0, -180) to (90, 180)",
    "at least 2 of (year > 2015, tag = \"sea\", homes exists, flag = true)",
];

fn any_filter(random: &mut Random, depth: usize) -> String {
    match random.below(if depth == 0 { 1 } else { 6 }) {
        0 | 1 => CONDITIONS[random.below(CONDITIONS.len())].to_owned(),
        2 => format!("not ({})", any_filter(random, depth - 1)),
        3 => {
            let parts: Vec<_> = (0..4).map(|_| any_filter(random, depth - 1)).collect();
            format!("at least {} of ({})", 1 + random.below(4), parts.join(", "))
        }
        4 => format!("({}) and ({})", any_filter(random, depth - 1), any_filter(random, depth - 1)),
        _ => format!("({}) or ({})", any_filter(random, depth - 1), any_filter(random, depth - 1)),
    }
}

/// Every way to ask gives what the model does.
fn check(model: &Model, collection: &Collection, text: &str, random: &mut Random) {
    let filter = filter(text);
    let right = model.matching(&filter);
    let estimate = collection.estimate(&filter);
    assert!(
        estimate.at_least <= right.len() && right.len() <= estimate.at_most,
        "{estimate:?}, {}: {text}",
        right.len()
    );
    assert_eq!(collection.count(Some(&filter)).expect("counts"), right.len() as u64, "{text}");
    let limit = if random.below(2) == 0 { usize::MAX } else { 1 + random.below(right.len().max(1)) };
    let (mut found, mut from) = (Vec::new(), None);
    loop {
        let page = collection.scroll(Some(&filter), from.as_ref(), limit, false).expect("scrolls");
        found.extend(page.items.into_iter().map(|asset| asset.record.id));
        from = page.next;
        if from.is_none() {
            break;
        }
    }
    assert!(found.iter().eq(&right), "pages of {limit} in order of id: {text}");
    let mut ask = request(random.unit(DIM), usize::MAX);
    ask.exact = true;
    if random.below(2) == 0 {
        ask.modalities = vec![Modality::Image, Modality::Video];
    }
    if random.below(2) == 0 {
        ask.queries[0].tracks = vec![Track::Audio];
    }
    ask.exclude = right.iter().take(random.below(3)).cloned().collect();
    ask.filter = Some(filter);
    let found: BTreeSet<_> = search(collection, &ask).hits.into_iter().map(|hit| hit.asset).collect();
    let asked = right.into_iter().filter(|id| {
        let modality = model.0[id].record.modality;
        (ask.modalities.is_empty() || ask.modalities.contains(&modality))
            && (ask.queries[0].tracks.is_empty() || modality == Modality::Video)
            && !ask.exclude.contains(id)
    });
    assert_eq!(found, asked.collect(), "{ask:?}");
}

fn filled(collection: &Collection, random: &mut Random, assets: usize) -> Model {
    let mut model = Model::default();
    for start in (0..assets).step_by(500) {
        let changes: Vec<_> = (start..assets.min(start + 500)).map(|number| upsert(random, number)).collect();
        changes.iter().for_each(|change| model.apply(change));
        collection.apply(changes).expect("applies");
    }
    model
}

fn until_columns(collection: &Collection, fields: &[&str]) {
    // A field may be asked for while a job runs that does not know of it: the next filter asks again.
    let all = fields.iter().map(|field| format!("{field} exists")).collect::<Vec<_>>().join(" or ");
    let all = filter(&all);
    let have = || {
        collection.count(Some(&all)).expect("counts");
        let known = collection.column_fields();
        fields.iter().all(|field| known.iter().any(|known| known == field))
    };
    until(have, || format!("{fields:?} have no columns: {:?}", collection.column_fields()));
}

const FIELDS: [&str; 17] = [
    "year",
    "tag",
    "tags",
    "taken",
    "gps.alt",
    "gps.in.side.deep",
    "flag",
    "id",
    "name",
    "path",
    "paths",
    "bytes",
    "modality",
    "mtime",
    "absent",
    "location",
    "homes",
];

#[test]
fn an_answer_is_the_same_before_while_and_after_a_column_is_made() {
    let mut random = Random(sensorium_testkit::seed("columns that are made", 2));
    let data = tempfile::tempdir().expect("folder");
    let (_database, collection) = open(data.path());
    let model = filled(&collection, &mut random, 4000);
    let empty = collection.stats().expect("stats").bytes_in_memory.expect("known");
    let right: Vec<_> = CONDITIONS
        .map(filter)
        .into_iter()
        .map(|filter| {
            let right = model.matching(&filter).len() as u64;
            (filter, right)
        })
        .collect();
    assert!(collection.column_fields().is_empty());
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for start in 0..3 {
            let (collection, right, ended) = (&collection, &right, &ended);
            // A panic in here fails the test at the end of the scope.
            scope.spawn(move || {
                for (filter, right) in right.iter().cycle().skip(start * 8) {
                    assert_eq!(collection.count(Some(filter)).expect("counts"), *right, "{filter:?}");
                    if ended.load(Ordering::Relaxed) {
                        return;
                    }
                }
            });
        }
        until_columns(&collection, &FIELDS);
        ended.store(true, Ordering::Relaxed);
    });
    for text in CONDITIONS {
        check(&model, &collection, text, &mut random);
    }
    assert!(collection.stats().expect("stats").bytes_in_memory.expect("known") > empty + 4000 * 4);
    assert_clean(&collection);
}

#[test]
fn columns_keep_up_with_changes() {
    const ASSETS: usize = 1500;
    let mut random = Random(sensorium_testkit::seed("columns that keep up", 3));
    let data = tempfile::tempdir().expect("folder");
    let (_database, collection) = open(data.path());
    let mut model = filled(&collection, &mut random, ASSETS);
    until_columns(&collection, &FIELDS);
    for round in 0..60 {
        // Most rounds change little; some so much that the columns are carried forward while more changes come.
        let count = if round % 10 == 9 { 400 } else { 1 + random.below(40) };
        let changes: Vec<_> = (0..count).map(|_| any_change(&mut random, ASSETS + 200)).collect();
        changes.iter().for_each(|change| model.apply(change));
        collection.apply(changes).expect("applies");
        for _ in 0..6 {
            let text = any_filter(&mut random, 2);
            check(&model, &collection, &text, &mut random);
        }
    }
    assert!(FIELDS.iter().all(|field| collection.column_fields().iter().any(|known| known == field)));
    assert_clean(&collection);
}

#[test]
fn a_reader_has_columns_of_its_own_and_none_of_before_a_refresh() {
    let mut random = Random(sensorium_testkit::seed("columns of a reader", 4));
    let data = tempfile::tempdir().expect("folder");
    let (_database, collection) = open(data.path());
    let mut model = filled(&collection, &mut random, 600);
    let reading = reader(data.path());
    let beside = reading.open_collection("default").expect("opens").expect("there");
    until_columns(&beside, &["year", "tag"]);
    check(&model, &beside, r#"year >= 2010 and tag != "sea""#, &mut random);
    for _ in 0..5 {
        let changes: Vec<_> = (0..50).map(|_| any_change(&mut random, 700)).collect();
        changes.iter().for_each(|change| model.apply(change));
        collection.apply(changes).expect("applies");
        beside.refresh().expect("refreshes");
        check(&model, &beside, r#"year >= 2010 and tag != "sea""#, &mut random);
    }
    until_columns(&beside, &["year", "tag"]);
    check(&model, &beside, r#"year >= 2010 and tag != "sea""#, &mut random);
}

/// min(limit, matches) hits, each a match that is alive, the best first; what is exact gives the nearest.
fn check_plan(
    (model, collection, with_columns): (&Model, &Collection, bool),
    text: &str,
    ask: &SearchRequest,
) -> Plan {
    let right = model.matching(ask.filter.as_ref().expect("a filter"));
    let reply = search(collection, ask);
    assert_eq!(reply.hits.len(), ask.limit.min(right.len()), "{text}, {:?}", reply.plan);
    let found: BTreeSet<_> = reply.hits.iter().map(|hit| hit.asset.clone()).collect();
    assert_eq!(found.len(), reply.hits.len(), "each once: {text}");
    assert!(found.is_subset(&right), "{text}, {:?}", reply.plan);
    assert!(reply.hits.is_sorted_by(|a, b| a.cosine >= b.cosine), "{text}");
    // It is not told where only those who were met were asked.
    assert!(reply.filter.is_some() || !with_columns, "{text}");
    if let Some(facts) = reply.filter {
        assert_eq!(facts.matches, right.len() as u64, "{text}");
        assert!((facts.at_least..=facts.at_most).contains(&facts.matches), "{facts:?}: {text}");
    }
    if reply.plan == Plan::ExactScan {
        let whole = SearchRequest { limit: usize::MAX, exact: true, ..ask.clone() };
        let all = search(collection, &whole).hits;
        let nearest = all.get(..reply.hits.len()).expect("no fewer");
        assert_eq!(reply.hits, nearest, "{text}");
        assert_eq!(all.len(), right.len());
    }
    reply.plan
}

#[test]
fn each_plan_gives_k_hits_or_every_match_for_every_type_of_condition() {
    const ASSETS: usize = 2500;
    let mut random = Random(sensorium_testkit::seed("filters in each plan", 8));
    let mut plans = BTreeMap::new();
    for planning in [Planning::Walk, Planning::Scan, Planning::ByCost] {
        let data = tempfile::tempdir().expect("folder");
        // So narrow a beam that walks among a part of so few points are worth it.
        let graph = GraphParams { ef: 8, ..eager().graph };
        let (_database, collection) = open_tuned(data.path(), Tuning { planning, graph, ..eager() });
        let mut model = filled(&collection, &mut random, ASSETS);
        // Copies of one vector, assets of many points, then dead points in what is sealed, and a tail.
        let copied = random.unit(DIM);
        let mut changes = Vec::new();
        for number in 0..60 {
            let Change::Upsert { asset, points, source } = upsert(&mut random, number * 7) else { continue };
            let many = points.iter().flat_map(|point| {
                (0..4).map(|ordinal| PointRecord { ordinal, vector: copied.clone(), ..point.clone() })
            });
            changes.push(Change::Upsert { asset, points: many.collect(), source });
        }
        let apply = |model: &mut Model, changes: Vec<Change>| {
            changes.iter().for_each(|change| model.apply(change));
            collection.apply(changes).expect("applies");
        };
        apply(&mut model, changes);
        collection.seal().expect("seals");
        let changes = (0..120).map(|_| any_change(&mut random, ASSETS + 50)).collect();
        apply(&mut model, changes);
        for with_columns in [false, true] {
            if with_columns {
                until_columns(&collection, &FIELDS);
            }
            for text in CONDITIONS {
                for limit in [1, 8, 200] {
                    let near = if random.below(2) == 0 { copied.clone() } else { random.unit(DIM) };
                    let ask = SearchRequest { filter: Some(filter(text)), ..request(near, limit) };
                    let plan = check_plan((&model, &collection, with_columns), text, &ask);
                    *plans.entry((format!("{planning:?}"), format!("{plan:?}"))).or_insert(0) += 1;
                }
            }
        }
        assert_clean(&collection);
    }
    let count = |planning: &str, plan: &str| plans.get(&(planning.to_owned(), plan.to_owned())).copied();
    assert!(count("Walk", "FilteredGraph").is_some_and(|count| count > 30), "{plans:?}");
    assert!(count("Scan", "ExactScan").is_some_and(|count| count > 100), "{plans:?}");
    assert!(count("ByCost", "ExactScan").is_some_and(|count| count > 100), "{plans:?}");
}

#[test]
fn a_collection_closes_while_columns_are_made() {
    let mut random = Random(5);
    let data = tempfile::tempdir().expect("folder");
    for _ in 0..3 {
        let (_database, collection) = open(data.path());
        let assets = if collection.count(None).expect("counts") == 0 { 3000 } else { 0 };
        filled(&collection, &mut random, assets);
        collection.count(Some(&filter("year = 2001 and tag exists"))).expect("counts");
    }
}

#[test]
fn indexed_fields_have_their_columns_after_a_restart_and_without_a_filter() {
    let mut random = Random(sensorium_testkit::seed("indexed fields", 6));
    let data = tempfile::tempdir().expect("folder");
    let asked = |collection: &Collection| {
        let listed = collection.field_indexes().into_iter().filter(|index| index.asked);
        listed.map(|index| (index.field, index.state)).collect::<Vec<_>>()
    };
    let ready = |field: &str| (field.to_owned(), FieldIndexState::Ready);
    let model = {
        let (_database, collection) = open(data.path());
        let model = filled(&collection, &mut random, 700);
        for field in ["year", "location", "absent"] {
            assert!(collection.index_field(field, true).expect("indexes"));
            assert!(!collection.index_field(field, true).expect("is so already"));
            assert!(collection.column_fields().iter().any(|known| known == field), "it is made at once");
        }
        assert!(collection.index_field("absent", false).expect("drops"));
        assert!(!collection.index_field("absent", false).expect("is so already"));
        assert_eq!(collection.column_fields(), ["location", "year"], "nobody asks for the other any more");
        assert!(collection.field_indexes().iter().all(|index| index.bytes > 500));
        assert_clean(&collection);
        model
    };
    let (_database, collection) = open(data.path());
    until(|| collection.column_fields() == ["location", "year"], || format!("{:?}", asked(&collection)));
    assert_eq!(asked(&collection), [ready("location"), ready("year")]);
    check(&model, &collection, "year > 2010 and location within 5000 km of (10, 10)", &mut random);
    until_columns(&collection, &["tag"]);
    let all: Vec<_> =
        collection.field_indexes().into_iter().map(|index| (index.field, index.asked)).collect();
    assert_eq!(
        all,
        [("location", true), ("tag", false), ("year", true)].map(|(field, asked)| (field.to_owned(), asked))
    );

    // Names meet however their accents are composed.
    assert!(collection.index_field("gro\u{308}\u{df}e", true).expect("indexes"));
    assert!(!collection.index_field("gr\u{f6}\u{df}e", true).expect("is so already"));
    assert!(collection.index_field("gro\u{308}\u{df}e", false).expect("drops"));

    let beside = reader(data.path());
    let beside = beside.open_collection("default").expect("opens").expect("there");
    assert_eq!(asked(&beside).len(), 2);
    let refused = beside.index_field("tag", true).expect_err("it only reads");
    assert_eq!(refused.kind(), sensorium_types::ErrorKind::FailedPrecondition);
    for name in [String::new(), "x".repeat(257)] {
        let refused = collection.index_field(&name, true).expect_err("no name");
        assert_eq!(refused.kind(), sensorium_types::ErrorKind::InvalidArgument);
        assert!(!collection.index_field(&name, false).expect("there is none"));
    }
    for number in 0..30 {
        assert!(collection.index_field(&format!("field {number}"), true).expect("indexes"));
    }
    let refused = collection.index_field("one more", true).expect_err("too many");
    assert!(refused.to_string().starts_with("32 fields of the collection are indexed"), "{refused}");
    assert_clean(&collection);
}

#[test]
fn columns_of_indexed_fields_keep_up_though_nobody_asks() {
    let mut random = Random(7);
    let data = tempfile::tempdir().expect("folder");
    let (_database, collection) = open(data.path());
    assert!(collection.index_field("year", true).expect("indexes"));
    let model = filled(&collection, &mut random, 10_000);
    let indexed = || collection.field_indexes().into_iter().find(|index| index.field == "year");
    until(|| indexed().is_some_and(|index| index.bytes > 6000), || format!("{:?}", indexed()));
    check(&model, &collection, "year > 2010", &mut random);
}
