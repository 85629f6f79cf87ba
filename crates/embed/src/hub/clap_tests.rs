//! CLAP as the hub lays it out, against what its reference classes computed (`training/golden_clap.py`).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::golden::{Golden, cosine, weights_of};
use super::tests::{Changed, with_changed};
use super::*;
use crate::encoders::{HtsatEncoder, RobertaEncoder};
use crate::mel::{Fill, PowerMel, PowerMelSpec};
use crate::threads::Threads;
use crate::tokenizer::Tokenizer;
use crate::weights::{FileBytes, Weights};
use crate::{Bundle, FolderFiles, Input, LoadOptions};

/// Largest error of a state, as a share of the root of its mean square.
const STATE_ERROR: f32 = 1e-4;
pub(super) const COSINE: f32 = 0.99999;
/// Largest error of a band, in decibels: the reference keeps its spectrum in f32.
const MEL_ERROR: f32 = 1e-3;
pub(super) const WHOLE: [&str; 3] = ["clap-f32", "clap-f16-shards", "clap-bf16"];

pub(super) fn folder(name: &str) -> PathBuf {
    PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo runs this"))
        .join("../../tests/golden/clap")
        .join(name)
}

pub(super) fn golden(name: &str) -> Golden {
    Golden::open(&folder(name))
}

impl Golden {
    /// Numbered from 0.
    pub(super) fn numbered_states(&mut self, name: &str) -> Vec<Vec<f32>> {
        let names = (0..).map(|number| format!("{name}.{number}"));
        let names: Vec<String> = names.take_while(|name| self.arrays.has(name)).collect();
        names.iter().map(|name| self.floats(name)).collect()
    }

    /// Clips that all variants share: of the length of all, shorter, and longer, of which the start is heard.
    pub(super) fn clips() -> [Vec<f32>; 3] {
        let bytes = fs_err::read(folder("clips.safetensors")).unwrap();
        let mut file = Weights::parse("clips", FileBytes::owned(bytes)).unwrap();
        let [whole, short] = ["0.samples", "1.samples"].map(|name| {
            let shape = file.shape(name).unwrap();
            file.floats(name, &shape).unwrap()
        });
        let long = [whole.as_slice(), &short].concat();
        [whole, short, long]
    }

    pub(super) fn clip_vector(&mut self, clip: usize) -> Vec<f32> {
        self.floats(["audio.0.vector", "audio.1.vector", "audio.0.vector"][clip])
    }
}

fn model(name: &str) -> HubModel {
    HubModel::read(&FolderFiles(folder(name))).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn audio_tower(name: &str, model: &HubModel) -> HtsatEncoder {
    audio_tower_of(&folder(name), model).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// That of a folder which may be another than the golden one.
pub(super) fn audio_tower_of(place: &Path, model: &HubModel) -> Result<HtsatEncoder, EmbedError> {
    let (config, hearing) = model.htsat.clone().unwrap();
    let mel = PowerMel::new(hearing.spec);
    HtsatEncoder::load(weights_of(place, model), config, (mel, model.dim), Threads::new(2).unwrap())
}

fn text_tower(name: &str, model: &HubModel) -> RobertaEncoder {
    text_tower_of(&folder(name), model).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The same.
pub(super) fn text_tower_of(place: &Path, model: &HubModel) -> Result<RobertaEncoder, EmbedError> {
    let config = model.roberta.unwrap();
    let bytes = fs_err::read(place.join("tokenizer.json")).unwrap();
    let tokenizer = Arc::new(Tokenizer::load("tokenizer.json", &bytes, config.max_tokens()).unwrap());
    let threads = Threads::new(2).unwrap();
    RobertaEncoder::load(weights_of(place, model), &config, (tokenizer, model.dim), threads)
}

pub(super) fn compare_states(what: &str, ours: &[Vec<f32>], expected: &[Vec<f32>]) {
    assert!(ours.len() > 2, "{what}");
    assert_eq!(ours.len(), expected.len(), "{what}: layers");
    for (layer, (ours, expected)) in ours.iter().zip(expected).enumerate() {
        assert_eq!(ours.len(), expected.len(), "{what}, layer {layer}");
        let square: f32 = expected.iter().map(|x| x * x).sum::<f32>() / expected.len() as f32;
        let worst = ours.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst <= STATE_ERROR * square.sqrt(), "{what}, layer {layer}: {worst} of {}", square.sqrt());
    }
}

#[test]
fn every_layer_of_a_clip_is_the_reference_s() {
    for name in WHOLE.into_iter().chain(["clap-audio-only"]) {
        let (model, mut golden) = (model(name), golden(name));
        let tower = audio_tower(name, &model);
        // One of the length of all, one shorter, one longer.
        for (clip, samples) in Golden::clips().iter().enumerate() {
            let (states, vector) = tower.seen(samples);
            if clip == 0 {
                compare_states(name, &states, &golden.numbered_states("audio.0.states"));
            }
            let cosine = cosine(&vector, golden.clip_vector(clip));
            assert!(cosine >= COSINE, "{name}, clip {clip}: {cosine}");
        }
    }
}

#[test]
fn every_layer_of_a_text_is_the_reference_s() {
    for name in WHOLE.into_iter().chain(["clap-text-only"]) {
        let (model, mut golden) = (model(name), golden(name));
        let tower = text_tower(name, &model);
        for number in 0..golden.texts.len() {
            let (states, vector) = tower.seen(golden.ids(number));
            if number < 2 {
                let what = format!("{name}, text {number}");
                let expected = golden.numbered_states(&format!("text.{number}.states"));
                compare_states(&what, &states, &expected);
            }
            let cosine = cosine(&vector, golden.floats(&format!("text.{number}.vector")));
            assert!(cosine >= COSINE, "{name}, text {number}: {cosine}");
        }
    }
}

#[test]
fn texts_have_the_token_ids_of_the_reference() {
    for name in WHOLE.into_iter().chain(["clap-text-only"]) {
        let (model, mut golden) = (model(name), golden(name));
        let bytes = fs_err::read(folder(name).join("tokenizer.json")).unwrap();
        let most = model.roberta.unwrap().max_tokens();
        let tokenizer = Tokenizer::load("t", &bytes, most).unwrap();
        assert!(golden.texts.len() > 4);
        for (number, text) in golden.texts.clone().iter().enumerate() {
            assert_eq!(tokenizer.ids(text).unwrap(), golden.ids(number), "{name}: {text:?}");
        }
    }
}

/// The samples of a WAV file of sixteen bits, one channel.
fn wav(name: &str) -> Vec<f32> {
    let bytes = fs_err::read(folder("../../../samples/sounds").join(name)).unwrap();
    let data = bytes.windows(4).position(|word| word == b"data").unwrap() + 8;
    bytes[data..].as_chunks().0.iter().map(|pair| f32::from(i16::from_le_bytes(*pair)) / 32_768.0).collect()
}

#[test]
fn a_real_sound_has_the_spectrogram_of_the_reference() {
    // Every 128th frame; the samples of a file, whatever its rate, are taken for 48 kHz by both.
    let bytes = fs_err::read(folder("mel.safetensors")).unwrap();
    let mut golden = Weights::parse("mel", FileBytes::owned(bytes)).unwrap();
    let spec = PowerMelSpec::CLAP;
    for (fill, name) in [(Fill::RepeatPad, "repeatpad"), (Fill::Repeat, "repeat"), (Fill::Silence, "pad")] {
        let sounds: &[&str] = if fill == Fill::RepeatPad {
            &["bird_chirps.wav", "speech_dog.wav"]
        } else {
            &["bird_chirps.wav"]
        };
        for sound in sounds {
            let mel = PowerMel::new(PowerMelSpec { fill, ..spec }).compute(&wav(sound)).unwrap();
            assert_eq!(mel.len(), 1_001 * 64);
            let expected = golden.floats(&format!("{name}.{sound}"), &[8, 64]).unwrap();
            let kept = mel.chunks_exact(64).step_by(128).flatten();
            let worst = kept.zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(worst <= MEL_ERROR, "{name}, {sound}: {worst} dB");
            let loud = expected.iter().copied().fold(f32::MIN, f32::max);
            assert!(loud > -60.0, "it is no silence: {loud}");
        }
    }
}

/// A copy of a folder with the manifest that this program writes for it.
fn bundle_of(name: &str, model: &HubModel) -> (tempfile::TempDir, Result<Arc<Bundle>, EmbedError>) {
    let place = tempfile::tempdir().unwrap();
    for file in &model.files {
        fs_err::copy(folder(name).join(file), place.path().join(file)).unwrap();
    }
    let named = HubBundle { id: "tiny", revision: "0", licence: "MIT", source: "here", files: &[] };
    fs_err::write(place.path().join("bundle.toml"), model.manifest(&named, &Measured::default())).unwrap();
    let loaded = Bundle::load(FolderFiles(place.path().to_owned()), LoadOptions { threads: 2 });
    (place, loaded)
}

#[test]
fn a_folder_becomes_a_bundle_that_encodes_as_the_reference_does() {
    for name in WHOLE {
        let (model, mut golden) = (model(name), golden(name));
        assert_eq!((model.family, model.modalities()), ("CLAP", vec![Modality::Text, Modality::Audio]));
        let (_place, bundle) = bundle_of(name, &model);
        let bundle = bundle.unwrap_or_else(|error| panic!("{name}: {error}"));
        bundle.self_test().unwrap();
        let cutting = bundle.cutting();
        let audio = cutting.audio.unwrap();
        assert_eq!((audio.sample_rate_hz, audio.window_ms, audio.hop_ms), (4_000, 1_000, 500));
        assert!(!cutting.images);
        let mut inputs: Vec<Input> = golden.texts.iter().cloned().map(Input::Text).collect();
        inputs.extend(Golden::clips().map(Input::Audio));
        let vectors = bundle.embed(&inputs).unwrap();
        let (texts, clips) = vectors.split_at(golden.texts.len());
        for (number, vector) in texts.iter().enumerate() {
            let cosine = cosine(vector, golden.floats(&format!("text.{number}.vector")));
            assert!(cosine >= COSINE, "{name}, text {number}: {cosine}");
        }
        for (clip, vector) in clips.iter().enumerate() {
            let cosine = cosine(vector, golden.clip_vector(clip));
            assert!(cosine >= COSINE, "{name}, clip {clip}: {cosine}");
        }
        // A vector does not depend on its neighbours, alone or in a crowd.
        for (input, vector) in inputs.iter().zip(&vectors) {
            let alone = bundle.embed(std::slice::from_ref(input)).unwrap();
            let worst = alone[0].iter().zip(vector).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(worst < 1e-6, "{name}: {worst}");
        }
    }
}

#[test]
fn a_tower_alone_is_a_bundle_of_its_own() {
    for (name, own, missing) in [
        ("clap-audio-only", Modality::Audio, Modality::Text),
        ("clap-text-only", Modality::Text, Modality::Audio),
    ] {
        let model = model(name);
        assert_eq!(model.modalities(), [own]);
        let (_place, bundle) = bundle_of(name, &model);
        let bundle = bundle.unwrap();
        bundle.self_test().unwrap();
        let missing =
            if missing == Modality::Text { Input::Text("a".to_owned()) } else { Input::Audio(vec![0.5; 9]) };
        assert!(matches!(bundle.embed(&[missing]), Err(EmbedError::NoEncoder { .. })), "{name}");
    }
}

/// A copy of a folder in one of whose files a text was replaced.
fn replaced(name: &str, file: &str, (from, to): (&str, &str)) -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    for entry in fs_err::read_dir(folder(name)).unwrap() {
        let entry = entry.unwrap();
        fs_err::copy(entry.path(), place.path().join(entry.file_name())).unwrap();
    }
    let text = fs_err::read_to_string(place.path().join(file)).unwrap();
    assert!(text.contains(from), "{file} has no {from}");
    fs_err::write(place.path().join(file), text.replace(from, to)).unwrap();
    place
}

#[test]
fn what_is_not_run_is_refused_by_name() {
    let config = "config.json";
    let extractor = "preprocessor_config.json";
    let cases = [
        (config, ("\"enable_fusion\": false", "\"enable_fusion\": true"), "enable_fusion"),
        (
            config,
            ("\"model_type\": \"clap\"", "\"model_type\": \"clapper\""),
            "a model of the type \"clapper\"",
        ),
        (config, ("\"qkv_bias\": true", "\"qkv_bias\": false"), "qkv_bias"),
        (config, ("\"spec_size\": 32", "\"spec_size\": 30"), "a square of 30"),
        (config, ("\"patch_size\": 4", "\"patch_size\": 8"), "overlap"),
        (config, ("\"projection_hidden_act\": \"relu\"", "\"projection_hidden_act\": \"silu\""), "\"silu\""),
        (extractor, ("rand_trunc", "fusion"), "truncation is \"fusion\""),
        (extractor, ("repeatpad", "mirror"), "padding is \"mirror\""),
        (extractor, ("\"feature_size\": 8", "\"feature_size\": 16"), "16 mel bands, and takes 8"),
        (extractor, ("\"max_length_s\": 1,", "\"max_length_s\": 100,"), "frames a clip, and takes 2 to 128"),
        (extractor, ("\"hop_length\": 32", "\"hop_length\": 0"), "a spectrogram that cannot be"),
    ];
    for (file, change, said) in cases {
        let place = replaced("clap-f32", file, change);
        let error = HubModel::read(&FolderFiles(place.path().to_owned())).unwrap_err();
        assert!(error.to_string().contains(said), "{file}: {error}, not {said:?}");
    }
}

#[test]
fn weights_that_do_not_fit_the_configuration_are_named() {
    let altered = |change: &dyn Fn(&mut HubModel)| {
        let mut model = model("clap-f32");
        change(&mut model);
        let (_place, bundle) = bundle_of("clap-f32", &model);
        bundle.and_then(|bundle| bundle.self_test()).unwrap_err().to_string()
    };
    let said = altered(&|model| model.htsat.as_mut().unwrap().0.depths[1] = 3);
    assert!(said.contains("has no weight audio_model.audio_encoder.layers.1.blocks.2."), "{said}");
    let said = altered(&|model| model.htsat.as_mut().unwrap().0.depths[1] = 1);
    assert!(said.contains("nothing uses: audio_model.audio_encoder.layers.1.blocks.1."), "{said}");
    let said = altered(&|model| model.roberta.as_mut().unwrap().layers = 1);
    assert!(said.contains("nothing uses: text_model.encoder.layer.1."), "{said}");
    let said = altered(&|model| model.roberta.as_mut().unwrap().begin = 7);
    assert!(said.contains("does not begin a text with the token 7"), "{said}");
    let said = altered(&|model| model.dim = 13);
    assert!(said.contains("expected [13, "), "{said}");
    let said = altered(&|model| model.htsat.as_mut().unwrap().0.window = 0);
    assert!(said.contains("windows of 0 patches"), "{said}");
    let said = altered(&|model| model.htsat.as_mut().unwrap().1.spec.samples = usize::MAX >> 1);
    assert!(said.contains("a spectrogram that cannot be"), "{said}");
}

#[test]
fn a_header_is_judged_as_loading_judges_it() {
    let name = "clap-f32";
    let model = model(name);
    model.check(&FolderFiles(folder(name))).unwrap();
    let (audio, hearing) = model.htsat.clone().unwrap();
    let text = model.roberta.unwrap();
    let bytes = fs_err::read(folder(name).join("tokenizer.json")).unwrap();
    let tokenizer = Arc::new(Tokenizer::load("t", &bytes, text.max_tokens()).unwrap());
    let threads = Threads::new(1).unwrap();
    let said = |result: Result<(), EmbedError>| result.err().map(|error| error.to_string());
    let parts: Vec<Vec<u8>> =
        model.weights.iter().map(|file| fs_err::read(folder(name).join(file)).unwrap()).collect();
    let refused = |change: &dyn Fn(&str) -> Changed| {
        let weights = || with_changed(&parts, change);
        let mel = PowerMel::new(hearing.spec);
        let loaded = HtsatEncoder::load(weights(), audio.clone(), (mel, model.dim), threads.clone());
        let by_header = said(expect_htsat(weights(), &audio, model.dim));
        assert_eq!(by_header, said(loaded.map(|_| ())));
        let loaded =
            RobertaEncoder::load(weights(), &text, (Arc::clone(&tokenizer), model.dim), threads.clone());
        let text_by_header = said(expect_roberta(weights(), &text, model.dim));
        assert_eq!(text_by_header, said(loaded.map(|_| ())));
        by_header.is_some() || text_by_header.is_some()
    };
    assert!(!refused(&|_| Changed::Kept));
    let names: Vec<String> = with_changed(&parts, |_| Changed::Kept).names().map(str::to_owned).collect();
    let mut count = 0;
    for own in &names {
        let change: [fn() -> Changed; 3] =
            [|| Changed::Gone, || Changed::Flat, || Changed::Called("adapter.weight")];
        for change in change {
            count += usize::from(refused(&|other| if other == own { change() } else { Changed::Kept }));
        }
    }
    // All but the buffers and factors that no vector depends on.
    assert!(names.len() > 40 && count >= 3 * (names.len() - 12), "{count} of {}", names.len());
}
