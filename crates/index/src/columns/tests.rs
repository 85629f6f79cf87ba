//! Columns against `Filter::matches`: random values of every type, every operator, columns carried forward.

use std::collections::BTreeMap;

use roaring::RoaringBitmap;
use sensorium_types::{Area, Circle, Comparison, Filter, GeoBox, GeoPoint, LOCATION_FIELD, Literal, Payload};
use serde_json::{Value, json};

use super::bits::Bits;
use super::build::{ColumnBuilder, Parts};
use super::column::{Column, MAX_ITEMS, MAX_TEXT_BYTES};
use super::file::ColumnFile;
use super::table::Columns;

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ z >> 31) % bound as u64).expect("small")
    }

    fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())].clone()
    }
}

/// Values that are near each other in some order, or look alike and are not.
fn scalars() -> Vec<Value> {
    let mut scalars: Vec<Value> =
        [0, 1, -1, 2020, 2021, i64::MIN, i64::MAX, 1 << 53, (1 << 53) + 1, -(1 << 53) - 1]
            .map(Value::from)
            .into();
    scalars.extend([u64::MAX, u64::MAX - 1].map(Value::from));
    scalars.extend(
        [0.0, -0.0, 0.5, 2020.0, 2020.5, -1e300, 1e300, 9_007_199_254_740_992.0, 1.844_674_407_370_955_2e19]
            .map(Value::from),
    );
    scalars.extend([true, false].map(Value::from));
    scalars.extend(
        [
            "",
            "a",
            "A",
            "b",
            "sea",
            "caf\u{e9}",
            "cafe\u{301}",
            "cafe",
            "\u{212b}",
            "\u{c5}",
            "A\u{30a}",
            "\u{1112}\u{1161}\u{11ab}",
            "\u{d55c}",
            "2020",
            "2020-01",
            "20x0",
            "2020-01-01",
            "2020-01-02",
            "2020-01-01T00:00:00Z",
            "2020-01-01 12:30:00+02:00",
            "2020-01-01T23:59:60Z",
            "1969-12-31",
            "1931-02-01T05:00:00.5Z",
            "0000-01-01",
            "9999-12-31T23:59:59.999999999Z",
            "2020-13-01",
            "2020-01-01T",
            "2019-12-31T23:00:00-02:00",
            "1999",
            "12345678901234567890123",
            "2020-01-01\u{301}",
        ]
        .map(Value::from),
    );
    scalars.push("long ".repeat(MAX_TEXT_BYTES / 5 + 1).into());
    scalars
}

const FIELDS: [&str; 6] = ["a", "b", "o.in", "o.in.deep", "gro\u{308}\u{df}e", LOCATION_FIELD];

/// Degrees of latitudes and longitudes; some are none of either, or of one.
const DEGREES: [f64; 12] = [-200.0, -180.0, -90.5, -90.0, -17.0, -0.0, 0.0, 48.85, 48.9, 90.0, 179.9, 180.0];

fn place(random: &mut Random) -> Value {
    json!({"lat": random.pick(&DEGREES), "lon": random.pick(&DEGREES)})
}

fn value(random: &mut Random, scalars: &[Value]) -> Value {
    match random.below(10) {
        0 => Value::Null,
        1 if random.below(2) == 0 => place(random),
        1 => json!({"in": random.pick(scalars)}),
        2 => json!([]),
        3 | 4 => {
            let mut items: Vec<_> = (0..=random.below(4)).map(|_| random.pick(scalars)).collect();
            if random.below(6) == 0 {
                items.push(random.pick(&[Value::Null, json!([1]), json!({"in": 1})]));
                items.resize_with(items.len() + random.below(3), || place(random));
            }
            if random.below(20) == 0 {
                items.resize(MAX_ITEMS + 1, random.pick(scalars));
            }
            items.into()
        }
        _ => random.pick(scalars),
    }
}

/// Fields that are missing, whole names with a dot beside objects, names in other forms.
fn payload(random: &mut Random, scalars: &[Value]) -> Payload {
    let mut payload = Payload::new();
    for name in ["a", "b", "gr\u{f6}\u{df}e", "o.in"] {
        if random.below(4) > 0 {
            let chosen = value(random, scalars);
            payload.set(name, chosen);
        }
    }
    if random.below(2) == 0 {
        let location = value(random, scalars);
        payload.set(LOCATION_FIELD, if random.below(3) == 0 { place(random) } else { location });
    }
    for name in ["lat", "lon"] {
        if random.below(4) > 0 {
            payload.set(name, random.pick(&DEGREES));
        }
    }
    match random.below(3) {
        0 => payload.set("o", json!({"in": {"deep": value(random, scalars)}})),
        1 => payload.set("o", json!({"in": value(random, scalars), "in.deep": value(random, scalars)})),
        _ => {}
    }
    payload
}

fn literal(random: &mut Random, scalars: &[Value]) -> Literal {
    match random.pick(scalars) {
        Value::Number(number) => Literal::Number(number),
        Value::Bool(value) => Literal::Bool(value),
        Value::String(text) => Literal::Text(text),
        Value::Null | Value::Array(_) | Value::Object(_) => Literal::Bool(true),
    }
}

fn area(random: &mut Random) -> Area {
    let place = |random: &mut Random| {
        std::iter::from_fn(|| Some((random.pick(&DEGREES), random.pick(&DEGREES))))
            .find_map(|(lat, lon)| GeoPoint::new(lat, lon).ok())
            .expect("some are")
    };
    let (a, b) = (place(random), place(random));
    if random.below(2) == 0 {
        let radius = random.pick(&[0.0, 10.0, 6000.0, 30_000.0, 5e6, 1.2e7, 2.1e7]);
        return Area::Circle(Circle::new(a, radius).expect("a circle"));
    }
    let (south, north) = if a.lat() <= b.lat() { (a, b) } else { (b, a) };
    Area::Box(GeoBox::new(south, north).expect("a box"))
}

fn filter(random: &mut Random, scalars: &[Value], depth: usize) -> Filter {
    let field = random.pick(&FIELDS).to_owned();
    match random.below(if depth == 0 { 9 } else { 13 }) {
        7 | 8 => {
            Filter::Within { field: random.pick(&[field, LOCATION_FIELD.to_owned()]), area: area(random) }
        }
        12 => {
            let of: Vec<_> = (0..random.below(6)).map(|_| filter(random, scalars, depth - 1)).collect();
            Filter::AtLeast { count: random.below(of.len() + 2), of }
        }
        0 => Filter::Exists { field },
        1 => {
            let values = (0..random.below(4)).map(|_| literal(random, scalars)).collect();
            Filter::In { field, values }
        }
        2..7 => {
            let comparison = random.pick(&[
                Comparison::Equal,
                Comparison::NotEqual,
                Comparison::Less,
                Comparison::LessOrEqual,
                Comparison::Greater,
                Comparison::GreaterOrEqual,
            ]);
            Filter::Compare { field, comparison, value: literal(random, scalars) }
        }
        9 => Filter::Not(Box::new(filter(random, scalars, depth - 1))),
        10 => Filter::And((0..random.below(4)).map(|_| filter(random, scalars, depth - 1)).collect()),
        _ => Filter::Or((0..random.below(4)).map(|_| filter(random, scalars, depth - 1)).collect()),
    }
}

type Assets = BTreeMap<u32, Payload>;

fn builder(assets: &Assets, field: &str, only: impl Fn(u32) -> bool) -> ColumnBuilder {
    let mut builder = ColumnBuilder::default();
    for (asset, payload) in assets.iter().filter(|(asset, _)| only(**asset)) {
        if let Some(value) = payload.get(field) {
            builder.push(*asset, value);
        }
        if field == LOCATION_FIELD
            && let (Some(lat), Some(lon)) = (payload.get("lat"), payload.get("lon"))
            && let Some(place) = GeoPoint::of_values(lat, lon)
        {
            builder.push_own_place(*asset, place);
        }
    }
    builder
}

fn made(assets: &Assets, field: &str) -> (String, Column) {
    (field.to_owned(), builder(assets, field, |_| true).finish())
}

fn all(assets: &Assets) -> Bits {
    assets.keys().copied().collect()
}

/// Columns as they come back from a file.
fn read_back(columns: &Columns, folder: &std::path::Path) -> Columns {
    let row = columns.write(folder).expect("writes");
    let read = Columns::of_file(ColumnFile::open(folder, row).expect("opens"));
    assert_eq!((read.operation(), read.count), (columns.operation(), columns.count));
    assert_eq!(read.sizes().collect::<Vec<_>>(), columns.sizes().collect::<Vec<_>>());
    read
}

/// How many filters were asked, how many of their answers hold something and were sure throughout.
#[derive(Debug, Default)]
struct Tried {
    filters: usize,
    sure: usize,
    found: usize,
}

fn check(columns: &Columns, assets: &Assets, filter: &Filter, tried: &mut Tried) {
    let truth: Vec<u32> =
        assets.iter().filter(|(_, payload)| filter.matches(payload)).map(|(asset, _)| *asset).collect();
    let answer = columns.ask(filter);
    let mut given = answer.sure.clone();
    for asset in answer.open.iter() {
        assert!(!given.has(asset), "{asset} is sure and open: {filter:?}");
        if filter.matches(&assets[&asset]) {
            given.insert(asset);
        }
    }
    assert_eq!(given.iter().collect::<Vec<_>>(), truth, "{filter:?} of {assets:?}");
    let estimate = columns.estimate(filter);
    assert!(
        estimate.at_least <= truth.len()
            && truth.len() <= estimate.at_most
            && estimate.likely <= assets.len(),
        "{estimate:?} for {} of {filter:?} of {assets:?}",
        truth.len()
    );
    tried.filters += 1;
    tried.sure += usize::from(answer.open.is_empty());
    tried.found += usize::from(!truth.is_empty());
}

#[test]
fn columns_give_what_the_filter_means() {
    let mut random = Random(sensorium_testkit::seed("columns", 12));
    let scalars = scalars();
    let folder = tempfile::tempdir().expect("folder");
    let mut tried = Tried::default();
    for _ in 0..150 {
        let mut assets = Assets::new();
        for _ in 0..random.below(120) {
            let asset = u32::try_from(random.below(400)).expect("small");
            assets.insert(asset, payload(&mut random, &scalars));
        }
        // Some fields have no column.
        let fields: Vec<_> = FIELDS.iter().filter(|_| random.below(8) > 0).collect();
        let parts =
            Parts { made: fields.iter().map(|field| made(&assets, field)).collect(), ..Parts::default() };
        let columns = Columns::default().next(all(&assets), 7, &RoaringBitmap::new(), parts);
        let columns = if random.below(2) == 0 { columns } else { read_back(&columns, folder.path()) };
        for _ in 0..60 {
            check(&columns, &assets, &filter(&mut random, &scalars, 3), &mut tried);
        }
        // Some go, some change, some come; the columns are carried forward.
        let mut changed = RoaringBitmap::new();
        for _ in 0..random.below(60) {
            let asset = u32::try_from(random.below(500)).expect("small");
            changed.insert(asset);
            if random.below(3) == 0 {
                assets.remove(&asset);
            } else {
                assets.insert(asset, payload(&mut random, &scalars));
            }
        }
        let fresh = fields
            .iter()
            .map(|field| ((**field).to_owned(), builder(&assets, field, |asset| changed.contains(asset))));
        let parts = Parts { fresh: fresh.collect(), ..Parts::default() };
        let next = columns.next(all(&assets), 8, &changed, parts);
        for _ in 0..60 {
            check(&next, &assets, &filter(&mut random, &scalars, 3), &mut tried);
        }
    }
    assert!(tried.found * 2 > tried.filters, "the filters find nothing: {tried:?}");
    assert!(tried.sure * 3 > tried.filters, "the columns know nothing: {tried:?}");
}

#[test]
fn only_what_is_not_kept_is_open() {
    let json = [
        json!("short"),
        json!("x".repeat(MAX_TEXT_BYTES)),
        json!("x".repeat(MAX_TEXT_BYTES + 1)),
        json!(vec![1; MAX_ITEMS]),
        json!(vec![1; MAX_ITEMS + 1]),
        json!("2020-01-01"),
        json!(["2020-01-01", 5]),
    ];
    let assets: Assets = (0..)
        .zip(json)
        .map(|(asset, value)| {
            let mut payload = Payload::new();
            payload.set("a", value);
            (asset, payload)
        })
        .collect();
    let parts = Parts { made: [made(&assets, "a")].into(), ..Parts::default() };
    let columns = Columns::default().next(all(&assets), 1, &RoaringBitmap::new(), parts);
    let told = |filter: &str| {
        let answer = columns.ask(&filter.parse().expect("a filter"));
        (answer.sure.iter().collect::<Vec<_>>(), answer.open.iter().collect::<Vec<_>>())
    };
    assert_eq!(told("a = 1"), (vec![3], vec![2, 4]));
    assert_eq!(told("a exists"), (vec![0, 1, 2, 3, 4, 5, 6], vec![]));
    assert_eq!(told(r#"a >= "2020""#), (vec![0, 1, 5], vec![2, 4]), "dates beside a time");
    assert_eq!(told(r#"a >= "2020-x""#), (vec![0, 1], vec![2, 4, 5]), "dates beside a text");
    assert_eq!(told(r#"a != "2020-x""#), (vec![0, 1, 5, 6], vec![2, 4]));
    assert_eq!(told("b = 1"), (vec![], vec![0, 1, 2, 3, 4, 5, 6]), "a field without a column");
    assert_eq!(told("a = 1 and b = 1"), (vec![], vec![2, 3, 4]));
    assert_eq!(told("a = 1 or b = 1"), (vec![3], vec![0, 1, 2, 4, 5, 6]));
    assert_eq!(told("not a = 5"), (vec![0, 1, 3, 5], vec![2, 4]));
}

#[test]
fn a_column_costs_some_bytes_a_value() {
    let assets = 10_000_u32;
    let mut years = ColumnBuilder::default();
    let mut sizes = ColumnBuilder::default();
    for asset in 0..assets {
        years.push(asset, &(2000 + asset % 20).into());
        sizes.push(asset, &(asset * 3).into());
    }
    assert!(years.bytes() >= 4 * assets as usize && sizes.bytes() >= 20 * assets as usize);
    let (years, sizes) = (years.finish(), sizes.finish());
    assert!(years.bytes() < 5 * assets as usize, "{}", years.bytes());
    assert!(sizes.bytes() < 40 * assets as usize, "{}", sizes.bytes());
}

#[test]
fn a_damaged_column_is_not_asked_and_a_damaged_list_of_columns_is_refused() {
    let assets: Assets = (0..100_u32)
        .map(|asset| {
            let mut payload = Payload::new();
            payload.set("a", asset % 7);
            payload.set("b", json!({"lat": 1, "lon": asset}));
            (asset, payload)
        })
        .collect();
    let parts = Parts { made: ["a", "b"].map(|field| made(&assets, field)).into(), ..Parts::default() };
    let columns = Columns::default().next(all(&assets), 3, &RoaringBitmap::new(), parts);
    let folder = tempfile::tempdir().expect("folder");
    let row = columns.write(folder.path()).expect("writes");
    let path = folder.path().join("columns/3.columns");
    let whole = fs_err::read(&path).expect("reads");
    let filter: Filter = "a = 3 and b within 3000 km of (0, 10)".parse().expect("a filter");
    let mut tried = Tried::default();
    let (mut refused, mut lacking) = (0, 0);
    for at in (0..whole.len()).step_by(13) {
        let mut damaged = whole.clone();
        damaged[at] ^= 1;
        fs_err::remove_file(&path).expect("removes");
        fs_err::write(&path, damaged).expect("writes");
        let Ok(file) = ColumnFile::open(folder.path(), row) else {
            refused += 1;
            continue;
        };
        let columns = Columns::of_file(file);
        check(&columns, &assets, &filter, &mut tried);
        lacking += usize::from(!columns.has("a")) + usize::from(!columns.has("b"));
    }
    assert!(refused > 300 && lacking > 50, "{refused} {lacking}");
}
