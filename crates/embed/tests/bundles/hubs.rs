//! Reference queries of a bundle: values of points by them, and what is refused.

use safetensors::tensor::Dtype;
use sensorium_types::{Content, HubValues};
use sha2::{Digest, Sha256};

use crate::small::{DIM, Small, Tensors};

const FILE: &str = "weights/hubs.safetensors";
const K: usize = 3;

/// Rows of numbers from -7 to 7.
fn rows(count: usize, seed: usize) -> Vec<i8> {
    (0..count * DIM).map(|at| ((at * at + 7 * at * seed + seed) % 15) as i8 - 7).collect()
}

fn unit(row: &[f32]) -> Vec<f32> {
    let norm = row.iter().map(|x| x * x).sum::<f32>().sqrt();
    row.iter().map(|x| x / norm).collect()
}

/// The bundle with packed queries of words against images, and plain ones of images against audio and images.
pub(crate) fn with_hubs() -> Small {
    let small = Small::new();
    let mut stored = Tensors::default();
    let packed =
        rows(300, 3).chunks(2).map(|pair| ((pair[0] + 8) | (pair[1] + 8) << 4).cast_unsigned()).collect();
    stored.0.insert("words".into(), (Dtype::U8, vec![300, DIM / 2], packed));
    let floats: Vec<f32> = rows(4, 5).into_iter().map(f32::from).collect();
    stored.floats("seen", &[4, DIM], &floats);
    stored.write(&small.path(FILE));
    let hash = Sha256::digest(fs_err::read(small.path(FILE)).unwrap());
    let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    let row = |query: &str, content: &str, share: f32, tensor: &str| {
        format!(
            "[[hubs]]\nquery = \"{query}\"\ncontent = \"{content}\"\nk = {K}\nshare = {share}\n\
             file = \"{FILE}\"\nsha256 = \"{hash}\"\ntensor = \"{tensor}\"\n"
        )
    };
    let hubs = row("text", "picture", 0.5, "words")
        + &row("picture", "sound", 0.25, "seen")
        + &row("picture", "picture", 1.0, "seen");
    let own = "deviation = 0.2\ncorrected_mean = -0.05\ncorrected_deviation = 0.1\n";
    let whole = small.manifest().replace("deviation = 0.2\n", own);
    small.set_manifest(&whole.replace("[selftest]", &format!("{hubs}[selftest]")));
    small
}

/// By the formula, in f64.
fn by_hand(point: &[f32], bank: &[i8], share: f64) -> f64 {
    let bank: Vec<f32> = bank.iter().map(|x| f32::from(*x)).collect();
    let mut cosines: Vec<f64> = bank
        .chunks(DIM)
        .map(|row| unit(row).iter().zip(point).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum())
        .collect();
    cosines.sort_by(|a, b| b.total_cmp(a));
    share * cosines[..K].iter().sum::<f64>() / K as f64
}

#[test]
fn values_are_the_mean_of_the_nearest_reference_queries() {
    let small = with_hubs();
    let bundle = small.load().unwrap();
    bundle.self_test().unwrap();
    let hubs = bundle.hubs().unwrap();
    assert_eq!(hubs.space_revision(), "small@0");
    let points: Vec<Vec<f32>> = (0..100)
        .map(|seed| unit(&rows(1, seed + 2).into_iter().map(|x| f32::from(x) + 0.1).collect::<Vec<_>>()))
        .collect();
    let asked: Vec<(Content, &[f32])> =
        points.iter().enumerate().map(|(at, point)| (Content::ALL[at % 3], point.as_slice())).collect();
    let values = hubs.values(&asked).unwrap();
    assert_eq!(values.len(), points.len());
    for ((content, point), HubValues([image, audio, text])) in asked.iter().zip(&values) {
        assert!(*audio == 0.0, "no audio asks");
        let (words, seen) = match content {
            Content::Image => (by_hand(point, &rows(300, 3), 0.5), by_hand(point, &rows(4, 5), 1.0)),
            Content::Audio => (0.0, by_hand(point, &rows(4, 5), 0.25)),
            Content::Text => (0.0, 0.0),
        };
        assert!((f64::from(*text) - words).abs() < 1e-5, "{text} {words}");
        assert!((f64::from(*image) - seen).abs() < 1e-5, "{image} {seen}");
    }
    // A point's values do not hang on those beside it.
    for (at, point) in asked.iter().enumerate() {
        assert_eq!(hubs.values(&[*point]).unwrap(), [values[at]]);
    }
    assert!(hubs.values(&[(Content::Text, &points[0][1..])]).is_err(), "another dimension");
}

#[test]
fn corrected_scores_have_a_calibration_of_their_own() {
    let small = with_hubs();
    let bundle = small.load().unwrap();
    let of = |table: &sensorium_types::CalibrationTable| table.get(Content::Text, Content::Image).unwrap();
    assert!((of(bundle.calibration()).mean - 0.1).abs() < 1e-6);
    assert!((of(bundle.corrected_calibration()).mean + 0.05).abs() < 1e-6);
    assert!((of(bundle.corrected_calibration()).deviation - 0.1).abs() < 1e-6);
    let small = Small::new();
    let plain = small.load().unwrap();
    assert!(plain.hubs().is_none());
    assert_eq!(plain.calibration(), plain.corrected_calibration());
}

#[test]
fn another_bank_has_another_id() {
    let small = with_hubs();
    let id = || small.load().unwrap().hubs().unwrap().id();
    let (whole, first) = (small.manifest(), id());
    assert_eq!(first, id());
    for (from, to) in [("k = 3", "k = 2"), ("share = 0.5", "share = 0.75"), ("sha256 = \"", "sha256 = \"0")] {
        small.set_manifest(&whole.replacen(from, to, if from.starts_with("sha") { 99 } else { 1 }));
        assert_ne!(id(), first, "{to}");
    }
}

#[test]
fn banks_that_contradict_themselves_are_refused() {
    let small = with_hubs();
    let whole = small.manifest();
    let cases = [
        ("k = 3", "k = 0", "the hubs of text and image are 0.5 of 0"),
        ("share = 0.5", "share = -0.5", "the hubs of text and image are -0.5 of 3"),
        ("content = \"sound\"\nk", "content = \"picture\"\nk", "the hubs of image and image stand twice"),
        ("corrected_mean = -0.05\n", "", "the calibration of text and image lacks that of corrected cosines"),
        (
            "query = \"text\"\ncontent = \"picture\"\nk",
            "query = \"text\"\ncontent = \"text\"\nk",
            "the calibration of text and image is of corrected cosines, and has no hubs",
        ),
    ];
    for (from, to, said) in cases {
        let changed = whole.replacen(from, to, 1);
        assert_ne!(changed, whole, "{from}");
        small.set_manifest(&changed);
        let error = small.load().unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
    let late = [("k = 3", "k = 301"), ("tensor = \"words\"", "tensor = \"none\"")];
    for (from, to) in late {
        small.set_manifest(&whole.replacen(from, to, 1));
        assert!(small.load().unwrap().self_test().is_err(), "{to}");
    }
    small.set_manifest(&whole);
    let mut bytes = fs_err::read(small.path(FILE)).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs_err::write(small.path(FILE), bytes).unwrap();
    let error = small.load().unwrap().self_test().unwrap_err();
    assert!(matches!(error, sensorium_embed::EmbedError::Hash { .. }), "{error}");
}
