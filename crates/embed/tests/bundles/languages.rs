//! A bundle with an encoder of other languages, against the arrays that `training/golden_languages.py` made with
//! PyTorch.

use crate::refusal::alter;
use crate::small::{DIM, Small, Tensors, texts};
use safetensors::SafeTensors;
use sensorium_embed::{Bundle, EmbedError, Input};
use sensorium_types::{ErrorKind, Language};

/// Largest difference of a component of a unit vector: sums of some products in f32, in another order.
const TOLERANCE: f32 = 1e-5;
const ENCODER: &str = r#"[[towers]]
id = "small.languages"
modality = "text"
space = "small"
family = "small-text"
languages = ["de", "fr", "cs"]
weights = [
  { role = "own", file = "weights/languages.safetensors" },
  { role = "detector", file = "weights/detector.safetensors" },
]
tokenizer = { file = "weights/languages.tokenizer.json", max_tokens = 256 }
[towers.config]
d = 16
heads = 2
layers = 2
ffn = 32
norm_eps = 1e-5
[[calibration]]"#;

/// What PyTorch computed.
struct Golden {
    strings: Vec<String>,
    vectors: Vec<f32>,
    told: Vec<Language>,
}

/// A bundle with the encoder of the golden arrays, and these.
fn bilingual() -> (Small, Golden) {
    let package = std::path::PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap());
    let bytes = fs_err::read(package.join("tests/data/languages.safetensors")).unwrap();
    let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
    let said: serde_json::Value =
        serde_json::from_str(&header.metadata().as_ref().unwrap()["golden"]).unwrap();
    let strings: Vec<String> = serde_json::from_value(said["strings"].clone()).unwrap();
    let all = Tensors::read(&bytes);
    let of = |prefix: &str| {
        Tensors(all.0.clone().into_iter().filter(|(name, _)| name.starts_with(prefix)).collect())
    };
    let numbers = |name: &str| all.0[name].2.as_chunks::<4>().0;
    let vectors: Vec<f32> =
        numbers("golden.vectors").iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    let told = numbers("golden.told")
        .iter()
        .map(|bytes| Language::ALL[i32::from_le_bytes(*bytes) as usize])
        .collect();

    let small = Small::new();
    of("languages.").write(&small.path("weights/languages.safetensors"));
    of("detector.").write(&small.path("weights/detector.safetensors"));
    fs_err::write(small.path("weights/languages.tokenizer.json"), said["tokenizer"].as_str().unwrap())
        .unwrap();
    alter(&small, "selftest.safetensors", |stored| {
        stored.floats("languages.vectors", &[2, DIM], &vectors[..2 * DIM])
    });
    let tested = format!("{}languages = {:?}\n", small.manifest(), &strings[..2]);
    small.set_manifest(&tested.replacen("[[calibration]]", ENCODER, 1));
    (small, Golden { strings, vectors, told })
}

fn foreign(strings: &[String]) -> Vec<Input> {
    strings.iter().map(|text| Input::TextIn(Language::Czech, text.clone())).collect()
}

fn embed(bundle: &Bundle, inputs: &[Input]) -> Vec<Vec<f32>> {
    bundle.embed(inputs).unwrap()
}

#[test]
fn vectors_and_languages_are_those_of_the_reference() {
    let (small, golden) = bilingual();
    let bundle = small.load().unwrap();
    bundle.self_test().unwrap();
    let vectors = embed(&bundle, &foreign(&golden.strings)).concat();
    let difference = vectors.iter().zip(&golden.vectors).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert_eq!(vectors.len(), golden.vectors.len());
    assert!(difference < TOLERANCE, "off by {difference:e}");
    let told: Vec<Language> = golden.strings.iter().map(|text| bundle.language(text).unwrap()).collect();
    assert_eq!(told, golden.told);
    assert!(told.contains(&Language::English) && told.contains(&Language::German), "{told:?}");
}

#[test]
fn the_language_chooses_the_encoder_and_neighbours_do_not_matter() {
    let (small, golden) = bilingual();
    let bundle = small.load().unwrap();
    let english: Vec<Input> =
        golden.strings.iter().map(|text| Input::TextIn(Language::English, text.clone())).collect();
    let told: Vec<Input> = golden.strings.iter().cloned().map(Input::Text).collect();
    let (others, english) = (embed(&bundle, &foreign(&golden.strings)), embed(&bundle, &english));
    // Alone and among others the sums are the same.
    for (place, vector) in embed(&bundle, &told).into_iter().enumerate() {
        let expected = if golden.told[place] == Language::English { &english } else { &others };
        let alone = embed(&bundle, &told[place..=place]).concat();
        let near = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < TOLERANCE);
        assert!(near(&vector, &expected[place]) && near(&vector, &alone), "{:?}", golden.strings[place]);
    }
    // Without the second encoder the same texts have the vectors of the first.
    let first = Small::new();
    let before = first.load().unwrap();
    assert_eq!(embed(&before, &told), english);
    assert_eq!(before.language(&golden.strings[0]).unwrap(), Language::English);
}

#[test]
fn a_language_without_an_encoder_is_refused() {
    let small = Small::new();
    let bundle = small.load().unwrap();
    let error = bundle.embed(&[Input::TextIn(Language::French, "une pomme".into())]).unwrap_err();
    assert!(matches!(error, EmbedError::NoLanguage { language: Language::French }), "{error}");
    assert_eq!(error.kind(), ErrorKind::FailedPrecondition);
    assert_eq!(embed(&bundle, &texts()).len(), texts().len());
}

#[test]
fn what_is_wrong_with_a_second_encoder_is_named() {
    let (small, _) = bilingual();
    let whole = small.manifest();
    let refused = |from: &str, to: &str| {
        small.set_manifest(&whole.replacen(from, to, 1));
        let found = small.load().and_then(|bundle| bundle.self_test()).unwrap_err().to_string();
        small.set_manifest(&whole);
        found
    };
    let languages = r#"["de", "fr", "cs"]"#;
    assert!(refused(languages, r#"["de", "de"]"#).contains("names German"));
    assert!(refused(languages, r#"["en"]"#).contains("names English"));
    assert!(refused(languages, r#"["de", "fr"]"#).contains("detector.weight"));
    assert!(refused(languages, r#"["xx"]"#).contains("xx"));
    assert!(refused(r#"role = "detector""#, r#"role = "stem""#).contains("Detector"));
    assert!(
        refused(
            r#"modality = "text"
space = "small"
family = "minilm""#,
            r#"modality = "text"
languages = ["de"]
space = "small"
family = "minilm""#
        )
        .contains("text")
    );
    alter(&small, "weights/languages.safetensors", |tensors| {
        let (_, _, bytes) = tensors.0.get_mut("languages.pos").unwrap();
        bytes.reverse();
        bytes.chunks_exact_mut(2).for_each(<[u8]>::reverse);
    });
    let error = small.load().unwrap().self_test().unwrap_err();
    assert!(matches!(error, EmbedError::SelfTest { .. }), "{error}");
}
