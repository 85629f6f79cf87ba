//! The encoders against the arrays that `training/golden.py` made with PyTorch, from the same weights.
//!
//! Reads `models/mini`, or the bundle that `SENSORIUM_BUNDLE` names. What is made of real media before an encoder sees
//! it is compared by `make eval`, with the arrays of `training/golden_real.py` in the folder that `SENSORIUM_PARITY`
//! names.

#![expect(clippy::unwrap_used, reason = "helpers of tests, which fail by panics")]

use std::path::PathBuf;
use std::sync::Arc;

use safetensors::SafeTensors;
use sensorium_embed::{Bundle, FolderFiles, Image, Input, LoadOptions, LogMel, LogMelSpec, Tokenizer};
use sensorium_types::{Language, Modality};
use serde_json::json;

/// Largest difference of a component of a unit vector: sums of some thousand products in f32, in another order.
const VECTOR_TOLERANCE: f32 = 1e-5;
/// The same for logarithms of mel bands.
const MEL_TOLERANCE: f32 = 1e-5;
/// Tokens of the text encoder, as in `bundle.toml`.
const MAX_TOKENS: usize = 256;
/// An input's vector must not depend on its batch.
const BATCH_TOLERANCE: f32 = 1e-5;

fn folder() -> PathBuf {
    std::env::var_os("SENSORIUM_BUNDLE").map_or_else(
        || {
            PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo runs this"))
                .join("../../models/mini")
        },
        PathBuf::from,
    )
}

fn bundle() -> Arc<Bundle> {
    Bundle::load(FolderFiles(folder()), LoadOptions { threads: 2 })
        .expect("models/mini is complete: run make weights")
}

/// A file of golden arrays.
struct Golden(Vec<u8>);

impl Golden {
    fn open(name: &str) -> Self {
        Self(
            fs_err::read(folder().join("golden").join(name))
                .expect("golden arrays: training/golden.py makes them"),
        )
    }

    fn tensors(&self) -> SafeTensors<'_> {
        SafeTensors::deserialize(&self.0).unwrap()
    }

    fn floats(&self, name: &str) -> Vec<f32> {
        let tensors = self.tensors();
        let data = tensors.tensor(name).unwrap().data().to_vec();
        data.chunks_exact(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap())).collect()
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        self.tensors().tensor(name).unwrap().data().to_vec()
    }

    fn integers(&self, name: &str) -> Vec<i64> {
        self.bytes(name).as_chunks().0.iter().map(|bytes| i64::from_le_bytes(*bytes)).collect()
    }

    fn strings(&self) -> Vec<String> {
        let (_, header) = SafeTensors::read_metadata(&self.0).unwrap();
        serde_json::from_str(&header.metadata().as_ref().unwrap()["strings"]).unwrap()
    }
}

/// Arrays made from real media, and the folder for what is found.
fn real(name: &str) -> (Golden, PathBuf) {
    let folder = std::env::var_os("SENSORIUM_PARITY").expect("`make eval` sets SENSORIUM_PARITY");
    let folder = PathBuf::from(folder);
    (Golden(fs_err::read(folder.join(name)).expect("training/golden_real.py wrote it")), folder)
}

fn log_mel() -> LogMel {
    LogMel::new(LogMelSpec {
        sample_rate_hz: 16_000,
        frame: 400,
        hop: 160,
        fft: 512,
        mels: 64,
        min_hz: 125.0,
        max_hz: 7_500.0,
        offset: 0.001,
        multiple: 16,
        min_frames: 32,
        max_frames: 496,
    })
}

fn difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len(), "vectors of one length");
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[track_caller]
fn assert_near(a: &[f32], b: &[f32], tolerance: f32) {
    let difference = difference(a, b);
    assert!(difference <= tolerance, "off by {difference:e}");
}

fn texts() -> Vec<Input> {
    let strings = Golden::open("text.safetensors").strings().into_iter();
    strings.map(|text| Input::TextIn(Language::English, text)).collect()
}

fn image() -> Input {
    let size = bundle().cutting().image_size;
    let pixels = Golden::open("image.safetensors").bytes("resized");
    Input::Frames(vec![Image { width: size, height: size, pixels }])
}

#[test]
fn texts_have_the_vectors_of_the_reference() {
    let vectors = bundle().embed(&texts()).unwrap().concat();
    assert_near(&vectors, &Golden::open("text.safetensors").floats("vectors"), VECTOR_TOLERANCE);
}

/// The bundle, if it has an encoder of other languages: one is optional.
fn with_other_languages() -> Option<Arc<Bundle>> {
    Some(bundle()).filter(|bundle| bundle.info().encoders.iter().any(|encoder| !encoder.languages.is_empty()))
}

#[test]
fn texts_in_other_languages_have_the_vectors_of_the_reference() {
    let Some(bundle) = with_other_languages() else { return };
    let golden = Golden::open("languages.safetensors");
    let strings = golden.strings();
    let inputs: Vec<Input> =
        strings.iter().map(|text| Input::TextIn(Language::German, text.clone())).collect();
    let vectors = bundle.embed(&inputs).unwrap().concat();
    assert_near(&vectors, &golden.floats("vectors"), VECTOR_TOLERANCE);
    let told: Vec<i64> = strings
        .iter()
        .map(|text| {
            let language = bundle.language(text).unwrap();
            Language::ALL.iter().position(|other| *other == language).unwrap() as i64
        })
        .collect();
    assert_eq!(told, golden.integers("told"), "{strings:?}");
}

#[test]
fn an_image_has_the_vector_of_the_reference() {
    let vectors = bundle().embed(&[image()]).unwrap();
    assert_near(&vectors[0], &Golden::open("image.safetensors").floats("vector"), VECTOR_TOLERANCE);
}

#[test]
fn audio_has_the_vectors_of_the_reference() {
    let golden = Golden::open("audio.safetensors");
    let inputs = ["samples", "tiny.samples"].map(|name| Input::Audio(golden.floats(name)));
    let vectors = bundle().embed(&inputs).unwrap();
    assert_near(&vectors[0], &golden.floats("vector"), VECTOR_TOLERANCE);
    assert_near(&vectors[1], &golden.floats("tiny.vector"), VECTOR_TOLERANCE);

    let samples = golden.floats("long.samples");
    let cutting = bundle().cutting().audio.unwrap();
    let count = |ms: u32| (cutting.sample_rate_hz * ms / 1000) as usize;
    let windows: Vec<Input> = (0..samples.len() - count(cutting.hop_ms))
        .step_by(count(cutting.hop_ms))
        .map(|start| {
            let end = (start + count(cutting.window_ms)).min(samples.len());
            Input::Audio(samples[start..end].to_vec())
        })
        .collect();
    let vectors = bundle().embed(&windows).unwrap().concat();
    assert_near(&vectors, &golden.floats("long.vectors"), VECTOR_TOLERANCE);
}

#[test]
fn log_mels_are_those_of_the_reference() {
    let golden = Golden::open("audio.safetensors");
    let mel = log_mel();
    for (samples, expected) in [("samples", "log_mel"), ("tiny.samples", "tiny.log_mel")] {
        let computed = mel.compute(&golden.floats(samples)).unwrap();
        assert_near(&computed, &golden.floats(expected), MEL_TOLERANCE);
    }
}

#[test]
#[ignore = "compares media outside the repository: make eval"]
fn real_audio_has_the_log_mels_of_the_reference() {
    let (golden, folder) = real("audio.safetensors");
    let (mel, audios) = (log_mel(), golden.tensors().len() / 2);
    assert!(audios > 0, "no audio");
    let worst = (0..audios)
        .map(|index| {
            let computed = mel.compute(&golden.floats(&format!("samples.{index}"))).unwrap();
            difference(&computed, &golden.floats(&format!("log_mel.{index}")))
        })
        .fold(0.0, f32::max);
    let figures = json!({"log_mels": {"worst": worst, "clips": audios}});
    fs_err::write(folder.join("log_mels.json"), format!("{figures}\n")).unwrap();
    assert!(worst <= MEL_TOLERANCE, "off by {worst:e}");
}

#[test]
#[ignore = "compares media outside the repository: make eval"]
fn real_captions_have_the_token_ids_of_the_reference() {
    let (golden, folder) = real("texts.safetensors");
    let file = self::folder().join("stems/tokenizer.json");
    let tokenizer = Tokenizer::load("tokenizer.json", &fs_err::read(file).unwrap(), MAX_TOKENS).unwrap();
    let strings = golden.strings();
    assert!(!strings.is_empty(), "no captions");
    let different: Vec<&String> = strings
        .iter()
        .enumerate()
        .filter(|(index, text)| {
            let ids: Vec<i64> = tokenizer.ids(text).unwrap().into_iter().map(i64::from).collect();
            ids != golden.integers(&format!("ids.{index}"))
        })
        .map(|(_, text)| text)
        .collect();
    let figures = json!({"tokens": {"wrong": different.len(), "texts": strings.len()}});
    fs_err::write(folder.join("tokens.json"), format!("{figures}\n")).unwrap();
    assert!(different.is_empty(), "other ids: {different:?}");
}

#[test]
fn a_batch_gives_each_input_the_vector_that_it_has_alone() {
    let bundle = bundle();
    let golden = Golden::open("audio.safetensors");
    let mut inputs = texts();
    inputs.push(image());
    inputs.push(Input::Audio(golden.floats("samples")));
    inputs.extend(texts());
    inputs.push(Input::Audio(golden.floats("tiny.samples")));
    for (input, together) in inputs.iter().zip(bundle.embed(&inputs).unwrap()) {
        let alone = bundle.embed(std::slice::from_ref(input)).unwrap();
        assert_near(&alone[0], &together, BATCH_TOLERANCE);
        let norm: f32 = together.iter().map(|value| value * value).sum();
        assert!((norm - 1.0).abs() < 1e-4, "norm {norm}");
    }
}

#[test]
fn a_video_is_the_mean_of_its_frames() {
    let bundle = bundle();
    let Input::Frames(frames) = image() else { unreachable!("an image") };
    let mut dark = frames[0].clone();
    for value in &mut dark.pixels {
        *value /= 3;
    }
    let (first, second) = (vec![frames[0].clone()], vec![dark.clone()]);
    let video = Input::Frames(vec![frames[0].clone(), dark]);
    let vectors = bundle.embed(&[Input::Frames(first), video, Input::Frames(second)]).unwrap();
    let mut mean: Vec<f32> = vectors[0].iter().zip(&vectors[2]).map(|(a, b)| (a + b) / 2.0).collect();
    let norm = mean.iter().map(|value| value * value).sum::<f32>().sqrt();
    mean.iter_mut().for_each(|value| *value /= norm);
    assert_near(&vectors[1], &mean, BATCH_TOLERANCE);
}

#[test]
fn every_encoder_passes_its_self_test_and_every_pair_is_calibrated() {
    let bundle = bundle();
    bundle.self_test().unwrap();
    let further = usize::from(with_other_languages().is_some());
    assert_eq!(bundle.info().encoders.len(), Modality::ALL.len() + further);
    assert_eq!(bundle.calibration().pairs.len(), 9);
    assert_eq!(bundle.space().dim, 384);
}
