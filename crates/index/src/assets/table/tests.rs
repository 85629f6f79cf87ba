//! Tables in memory and over a file, beside each other.

use sensorium_types::{AssetRecord, HubValues, MediaPolicy, Modality, Payload, Track};

use super::super::making::Making;
use super::*;
use crate::storage::AssetRow;

fn entry(number: u32, modality: Modality, tracks: &[Track]) -> Entry {
    let points = (0..).zip(tracks).map(|(ordinal, track)| Point {
        offset: PointOffset(10 * number + ordinal),
        track: *track,
        ordinal,
        span: None,
    });
    Entry {
        row: Arc::new(
            AssetRow::new(&AssetRecord {
                id: AssetId::new(&number.to_string()).expect("valid"),
                hash: None,
                modality,
                space_revision: String::new(),
                facts: Payload::new(),
                metadata: Payload::new(),
                media: MediaPolicy::None,
                from_source: false,
            })
            .expect("encodes"),
        ),
        points: points.collect(),
        sources: Vec::new(),
    }
}

#[test]
fn assets_are_narrowed_and_counted_as_if_each_were_looked_at() {
    let mut table = AssetTable::default();
    for number in (0..1500_u32).filter(|number| number % 7 != 0) {
        let modality = Modality::ALL[number as usize % 4];
        let tracks: &[Track] = match number % 5 {
            0 => &[],
            1 => &[Track::Image],
            2 => &[Track::Text],
            3 => &[Track::Video, Track::Video, Track::Audio],
            _ => &[Track::Audio, Track::Caption],
        };
        table.set(AssetOffset(number), Some(entry(number, modality, tracks)));
    }
    for number in (0..1500).step_by(11) {
        table.set(AssetOffset(number), None);
    }
    table.set(AssetOffset(1100), Some(entry(1100, Modality::Text, &[Track::Text])));
    table.set(AssetOffset(9), Some(entry(9, Modality::Video, &[Track::Video])));
    let among: Bits = (0..1600).filter(|number| number % 3 == 0).collect();
    for modalities in [vec![], vec![Modality::Image], vec![Modality::Text, Modality::Video]] {
        let modalities = ModalitySet::of_request(&modalities);
        let (mut right, mut assets) = (Tally::default(), Vec::new());
        for (asset, entry) in table.iter(modalities).filter(|(asset, _)| among.has(asset.0)) {
            right.add(entry.class());
            assets.push(asset.0);
        }
        let (narrowed, tally) = table.narrow(&among, modalities);
        assert!(assets.len() > 50);
        assert_eq!(narrowed.iter().collect::<Vec<_>>(), assets);
        assert_eq!(tally.len(), right.len());
        for tracks in [TrackSet::ALL, TrackSet::EMPTY.with(Track::Audio), TrackSet::EMPTY.with(Track::Text)] {
            let counts = |tally: &Tally| (tally.assets(modalities, tracks), tally.points(modalities, tracks));
            assert_eq!(counts(&tally), counts(&right));
            assert!(tally.points(modalities, tracks) > 0);
        }
    }
    let all = table.iter(ModalitySet::ALL).map(|(asset, _)| asset.0).collect();
    let (_, tally) = table.narrow(&all, ModalitySet::ALL);
    assert_eq!(tally.len(), table.len());
    assert_eq!(tally.points(ModalitySet::ALL, TrackSet::ALL), table.points());
    assert!(table.pages.iter().flatten().all(|page| page.classes.len() <= 21), "classes of nobody go");
}

/// Everything that can be asked of an asset.
fn told(entry: EntryRef<'_>) -> (Entry, String, Vec<Point>) {
    let found: Vec<_> = entry.points().filter_map(|point| entry.find(point.track, point.ordinal)).collect();
    assert!(entry.points().all(|point| entry.point(point.offset) == Some(point)));
    (entry.to_entry().expect("reads"), entry.id().to_owned(), found)
}

fn written(table: &AssetTable, folder: &std::path::Path, operation: u64) -> Arc<AssetFile> {
    let hubs = Some((7, |point: PointOffset| HubValues([point.0 as f32, 0.0, 1.0])));
    let row = Making { table, operation, hubs }.write(folder).expect("writes");
    Arc::new(AssetFile::open(folder, row).expect("opens"))
}

fn filled(numbers: std::ops::Range<u32>) -> AssetTable {
    let mut table = AssetTable::default();
    for number in numbers.filter(|number| number % 7 != 0) {
        let tracks = Track::ALL.get(..number as usize % 4).expect("tracks");
        let mut entry = entry(number, Modality::ALL[number as usize % 4], tracks);
        let spans = [
            None,
            Some(sensorium_types::Span::Time { start_ms: 3, end_ms: u64::MAX }),
            Some(sensorium_types::Span::Chars { from: 1, to: 2 }),
        ];
        entry.points =
            (0..).zip(entry.points.iter()).map(|(at, point)| Point { span: spans[at], ..*point }).collect();
        let key = |path: u32| {
            Arc::new(sensorium_types::SourceKey {
                root: b"/r".to_vec(),
                path: format!("/r/{number}/{path}").into_bytes(),
            })
        };
        entry.sources = (0..number % 3)
            .map(|path| super::super::entry::Source {
                order: path.into(),
                key: key(path),
                bytes: 5,
                mtime_ns: i128::from(u64::MAX) * 3,
            })
            .collect();
        table.set(AssetOffset(number), Some(entry));
    }
    table
}

#[test]
fn a_table_over_a_file_tells_what_the_table_in_memory_told() {
    let folder = tempfile::tempdir().expect("folder");
    let mut table = filled(300..1500);
    for round in 1..=3_u32 {
        let file = written(&table, folder.path(), round.into());
        assert_eq!(file.hub_values(7).expect("of this bank").count(), table.points());
        assert!(
            file.hub_values(7).expect("of this bank").all(|(point, _, values)| values.0[0] == point.0 as f32)
        );
        assert!(file.hub_values(8).is_none());
        let (mut rebased, since) = table.rebased(&table, Arc::clone(&file)).expect("a copy");
        assert!(since.is_empty());
        assert_eq!((rebased.changed(), rebased.len(), rebased.points()), (0, table.len(), table.points()));
        let all = |table: &AssetTable| {
            table.iter(ModalitySet::ALL).map(|(at, entry)| (at, told(entry))).collect::<Vec<_>>()
        };
        assert_eq!(all(&rebased), all(&table));
        for number in 0..1600 {
            let asset = AssetOffset(number);
            assert_eq!(rebased.get(asset).map(told), table.get(asset).map(told));
            assert_eq!(rebased.modality(asset), table.modality(asset));
            if let Some(entry) = table.get(asset) {
                assert_eq!(file.find(entry.id()), Some(asset));
            }
        }
        let some: Bits = (0..1600).filter(|number| number % 3 == 0).collect();
        let counts = |table: &AssetTable| {
            let (bits, tally) = table.narrow(&some, ModalitySet::ALL);
            (bits.iter().collect::<Vec<_>>(), tally.len(), tally.points(ModalitySet::ALL, TrackSet::ALL))
        };
        assert_eq!(counts(&rebased), counts(&table));
        assert!(rebased.bytes() < table.bytes() || round > 1);
        // Changes, on both alike.
        for table in [&mut table, &mut rebased] {
            for number in (round..1600).step_by(37) {
                let asset = AssetOffset(number);
                let fresh = entry(number + 5000 * round, Modality::Video, &[Track::Video]);
                table.set(asset, (number % 2 == 0).then_some(fresh));
            }
        }
        assert_eq!(all(&rebased), all(&table));
        table = rebased;
    }
}

#[test]
fn what_changes_while_a_file_is_written_stays() {
    let folder = tempfile::tempdir().expect("folder");
    let mut table = filled(0..600);
    table.set(AssetOffset(8), None);
    let before = table.clone();
    table.set(AssetOffset(1), None);
    table.set(AssetOffset(2), Some(entry(2, Modality::Video, &[Track::Video])));
    table.set(AssetOffset(9000), Some(entry(9000, Modality::Audio, &[Track::Audio])));
    table.set(AssetOffset(9001), None);
    let file = written(&before, folder.path(), 1);
    let (rebased, since) = table.rebased(&before, Arc::clone(&file)).expect("a copy");
    let names = |name: &Option<AssetId>| name.as_ref().map(|id| id.as_str().to_owned());
    let since: Vec<_> =
        since.iter().map(|since| (since.asset.0, names(&since.gone), names(&since.now))).collect();
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(
        since,
        [(1, text("1"), None), (2, None, text("2")), (9000, None, text("9000")), (9001, None, None)]
    );
    assert_eq!(rebased.changed(), 4);
    for (asset, entry) in table.iter(ModalitySet::ALL) {
        assert_eq!(rebased.get(asset).map(told), Some(told(entry)));
    }
    assert_eq!((rebased.len(), rebased.points()), (table.len(), table.points()));
    assert!(table.rebased(&filled(0..600), file).is_none(), "a table that was read anew");
}

#[test]
fn names_of_a_file_and_of_what_changed_come_in_one_order() {
    let folder = tempfile::tempdir().expect("folder");
    let table = filled(0..300);
    let file = written(&table, folder.path(), 1);
    let id = |id: &str| AssetId::new(id).expect("valid");
    let changed =
        [(id("1"), None), (id("10"), Some(AssetOffset(900))), (id("zebra"), Some(AssetOffset(901)))];
    let names = super::super::Names::new(Some(file), changed.clone().into_iter().collect());
    let mut right: std::collections::BTreeMap<_, _> =
        table.iter(ModalitySet::ALL).map(|(asset, entry)| (id(entry.id()), Some(asset))).collect();
    right.extend(changed);
    let right: Vec<_> = right.into_iter().filter_map(|(id, asset)| Some((id, asset?))).collect();
    assert_eq!(names.after(None, 10_000), right);
    for at in (0..right.len()).step_by(10) {
        let after = names.after(Some(&right[at].0), 7);
        assert_eq!(after, right[at + 1..].iter().take(7).cloned().collect::<Vec<_>>());
    }
    assert!(right.iter().all(|(id, asset)| names.get(id) == Some(*asset)));
    assert_eq!([id("1"), id("7"), id("absent")].map(|id| names.get(&id)), [None; 3]);
    names.note([(id("2"), None), (id("1"), Some(AssetOffset(5)))].into_iter());
    assert_eq!((names.get(&id("2")), names.get(&id("1"))), (None, Some(AssetOffset(5))));
}
