//! Folders of the hub against what their reference classes computed (`training/golden_vit.py`).

mod int8;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::golden::{Golden, cosine, weights_of};
use super::*;
use crate::encoders::{Levels, VitImageEncoder, VitTextEncoder};
use crate::threads::Threads;
use crate::tokenizer::{Pad, TextRules, Tokenizer};
use crate::weights::{FileBytes, Weights};
use crate::{Bundle, FolderFiles, Image, Input, LoadOptions};

/// Largest error of a state, as a share of the root of its mean square.
const STATE_ERROR: f32 = 1e-4;
pub(super) const COSINE: f32 = 0.99999;
const WHOLE: [&str; 9] = [
    "clip-f32",
    "clip-f16-shards",
    "clip-bf16",
    "siglip2-f32-shards",
    "siglip2-bf16",
    "open-clip-f32",
    "open-clip-siglip-f16",
    "open-clip-bf16",
    "siglip2-f16",
];

pub(super) fn folder(name: &str) -> PathBuf {
    PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo runs this"))
        .join("../../tests/golden/vit")
        .join(name)
}

pub(super) fn golden(name: &str) -> Golden {
    Golden::open(&folder(name))
}

impl Golden {
    /// Layer by layer.
    pub(super) fn states(&mut self, name: &str) -> Vec<Vec<f32>> {
        let shape = self.arrays.shape(name).unwrap();
        let all = self.arrays.floats(name, &shape).unwrap();
        all.chunks_exact(shape[1] * shape[2]).map(<[f32]>::to_vec).collect()
    }

    pub(super) fn image(&mut self) -> Image {
        let shape = self.arrays.shape("pixels").unwrap();
        let side = u32::try_from(shape[0]).unwrap();
        Image { width: side, height: side, pixels: self.arrays.unsigned("pixels", &shape).unwrap() }
    }
}

/// The model of a folder, at its own sizes.
pub(super) fn model(name: &str) -> HubModel {
    let files = FolderFiles(folder(name));
    if name != "open-clip-siglip-f16" {
        return HubModel::read(&files).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    // The sizes of a tower of timm stand in its name alone, and no name has those of the test.
    let mut model = HubModel::read(&files).unwrap();
    let small = |config: &mut VitImageConfig| {
        (config.d, config.heads, config.layers, config.ffn, config.patch) = (16, 2, 2, 24, 8);
    };
    model.image.iter_mut().for_each(|(config, _)| small(config));
    model
}

fn weights(name: &str, model: &HubModel) -> Weights {
    weights_of(&folder(name), model)
}

fn image_tower(name: &str, model: &HubModel) -> VitImageEncoder {
    let (config, view) = model.image.as_ref().unwrap();
    let levels = Levels::new(view.rescale, view.mean, view.deviation);
    let threads = Threads::new(2).unwrap();
    VitImageEncoder::load(weights(name, model), config, (levels, model.dim), threads)
        .unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn text_tower(name: &str, model: &HubModel) -> VitTextEncoder {
    text_tower_of(&folder(name), model).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// That of a folder which may be another than the golden one.
pub(super) fn text_tower_of(place: &Path, model: &HubModel) -> Result<VitTextEncoder, EmbedError> {
    let (config, texts) = model.text.as_ref().unwrap();
    let pad = texts.pad.map(|(id, side)| Pad { to: config.positions, id, side });
    let rules = TextRules { lower: texts.lower, strip_punctuation: texts.strip_punctuation, pad };
    // A folder of a text tower alone has no tokenizer: that of the model it was made beside.
    let own = place.join("tokenizer.json");
    let file = if own.exists() { own } else { folder("clip-f32").join("tokenizer.json") };
    let bytes = fs_err::read(file).unwrap();
    let tokenizer = Tokenizer::with_rules("tokenizer.json", &bytes, config.positions, rules).unwrap();
    let threads = Threads::new(2).unwrap();
    VitTextEncoder::load(weights_of(place, model), config, (Arc::new(tokenizer), model.dim), threads)
}

/// Compares as many numbers as there are of the shorter: a causal text is cut behind its end.
pub(super) fn compare_states(what: &str, ours: &[Vec<f32>], expected: &[Vec<f32>]) {
    assert_eq!(ours.len(), expected.len(), "{what}: layers");
    for (layer, (ours, expected)) in ours.iter().zip(expected).enumerate() {
        assert!(!ours.is_empty() && ours.len() <= expected.len(), "{what}, layer {layer}: rows");
        let expected = &expected[..ours.len()];
        let square: f32 = expected.iter().map(|x| x * x).sum::<f32>() / expected.len() as f32;
        let worst = ours.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst <= STATE_ERROR * square.sqrt(), "{what}, layer {layer}: {worst} of {}", square.sqrt());
    }
}

#[test]
fn every_layer_of_an_image_is_the_reference_s() {
    for name in WHOLE.into_iter().chain(["clip-image-only", "clip-trained"]) {
        let (model, mut golden) = (model(name), golden(name));
        let (states, vector) = image_tower(name, &model).seen(&golden.image());
        compare_states(name, &states, &golden.states("image.states"));
        let cosine = cosine(&vector, golden.floats("image.vector"));
        assert!(cosine >= COSINE, "{name}: {cosine}");
    }
}

#[test]
fn every_layer_of_a_text_is_the_reference_s() {
    for name in WHOLE.into_iter().chain(["clip-text-only", "clip-trained"]) {
        let (model, mut golden) = (text_model(name), golden(name));
        let tower = text_tower(name, &model);
        for number in 0..golden.texts.len() {
            let (states, vector) = tower.seen(golden.ids(number));
            if number < 2 {
                let what = format!("{name}, text {number}");
                compare_states(&what, &states, &golden.states(&format!("text.{number}.states")));
            }
            let cosine = cosine(&vector, golden.floats(&format!("text.{number}.vector")));
            assert!(cosine >= COSINE, "{name}, text {number}: {cosine}");
        }
    }
}

/// As [`model`], also for a folder without a tokenizer, which as a model of its own is refused.
fn text_model(name: &str) -> HubModel {
    if name != "clip-text-only" {
        return model(name);
    }
    let files = FolderFiles(folder(name));
    assert!(matches!(HubModel::read(&files), Err(EmbedError::MissingFile { .. })));
    let towers = towers::of_transformers(&values::object(&files, CONFIG).unwrap()).unwrap();
    let text = towers.text.unwrap();
    let texts = texts::Texts { lower: false, strip_punctuation: false, pad: None };
    let files = vec!["model.safetensors".to_owned()];
    HubModel {
        family: "CLIP",
        dim: 12,
        licence: None,
        weights: files.clone(),
        files,
        image: None,
        text: Some((text, texts)),
        htsat: None,
        roberta: None,
        onnx: None,
    }
}

#[test]
fn texts_have_the_token_ids_of_the_reference() {
    for name in WHOLE {
        let (model, mut golden) = (model(name), golden(name));
        let (config, texts) = model.text.as_ref().unwrap();
        let pad = texts.pad.map(|(id, side)| Pad { to: config.positions, id, side });
        let rules = TextRules { lower: texts.lower, strip_punctuation: texts.strip_punctuation, pad };
        let bytes = fs_err::read(folder(name).join("tokenizer.json")).unwrap();
        let tokenizer = Tokenizer::with_rules("t", &bytes, config.positions, rules).unwrap();
        for (number, text) in golden.texts.clone().iter().enumerate() {
            let mut expected = golden.ids(number);
            if model.family == "OpenCLIP" && config.causal {
                // Which fills texts up with 0 to the whole length; nothing behind the end counts.
                let end = expected.iter().rposition(|id| *id != 0).unwrap();
                expected.truncate(end + 1);
            }
            assert_eq!(tokenizer.ids(text).unwrap(), expected, "{name}: {text:?}");
        }
    }
}

#[test]
fn ids_of_clip_s_own_vocabulary_are_the_reference_s() {
    // CLIP's vocabulary is no part of this repository: `training/golden_vit.py --tokens FOLDER` writes it.
    let Some(folder) = std::env::var_os("SENSORIUM_TOKENS").map(PathBuf::from) else { return };
    let bytes = fs_err::read(folder.join("tokenizer.json")).unwrap();
    let tokenizer = Tokenizer::load("tokenizer.json", &bytes, 77).unwrap();
    let golden: serde_json::Value =
        serde_json::from_slice(&fs_err::read(folder.join("ids.json")).unwrap()).unwrap();
    let texts: Vec<String> = serde_json::from_value(golden["texts"].clone()).unwrap();
    let ids: Vec<Vec<u32>> = serde_json::from_value(golden["ids"].clone()).unwrap();
    assert!(texts.len() == ids.len() && texts.len() >= 2_000);
    for (text, ids) in texts.iter().zip(ids) {
        assert_eq!(tokenizer.ids(text).unwrap(), ids, "{text:?}");
    }
}

/// What a manifest is asked for where its names do not matter.
const PLAIN: HubBundle<'static> = HubBundle { id: "", revision: "", licence: "", source: "", files: &[] };

/// A copy of a folder with the manifest that this program writes for it.
fn bundle_of(name: &str, model: &HubModel) -> (tempfile::TempDir, Result<Arc<Bundle>, EmbedError>) {
    let place = tempfile::tempdir().unwrap();
    for file in &model.files {
        fs_err::copy(folder(name).join(file), place.path().join(file)).unwrap();
    }
    let row = ("tokenizer.json".to_owned(), 7, "ab".to_owned());
    let named = HubBundle {
        id: "tiny",
        revision: "0",
        licence: "MIT",
        source: "a \"quoted\" \\ place",
        files: &[row],
    };
    let manifest = model.manifest(&named, &Measured::default());
    fs_err::write(place.path().join("bundle.toml"), &manifest).unwrap();
    let loaded = Bundle::load(FolderFiles(place.path().to_owned()), LoadOptions { threads: 2 });
    (place, loaded)
}

#[test]
fn a_folder_becomes_a_bundle_that_encodes_as_the_reference_does() {
    for name in WHOLE {
        let (model, mut golden) = (model(name), golden(name));
        let (_place, bundle) = bundle_of(name, &model);
        let bundle = bundle.unwrap_or_else(|error| panic!("{name}: {error}"));
        bundle.self_test().unwrap();
        let info = bundle.info();
        assert_eq!(info.licences[0].source, "a \"quoted\" \\ place");
        assert_eq!(bundle.cutting().audio, None);
        let mut inputs: Vec<Input> = golden.texts.iter().cloned().map(Input::Text).collect();
        inputs.extend([Input::Frames(vec![golden.image()]), Input::Frames(vec![golden.image(); 2])]);
        let vectors = bundle.embed(&inputs).unwrap();
        let (texts, images) = vectors.split_at(golden.texts.len());
        for (number, vector) in texts.iter().enumerate() {
            let cosine = cosine(vector, golden.floats(&format!("text.{number}.vector")));
            assert!(cosine >= COSINE, "{name}, text {number}: {cosine}");
        }
        for vector in images {
            assert!(cosine(vector, golden.floats("image.vector")) >= COSINE, "{name}");
        }
        // A vector does not depend on its neighbours, alone or in a crowd.
        for (input, vector) in inputs.iter().zip(&vectors) {
            let alone = bundle.embed(std::slice::from_ref(input)).unwrap();
            let worst = alone[0].iter().zip(vector).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(worst < 1e-6, "{name}: {worst}");
        }
        let refused = bundle.embed(&[Input::Audio(vec![0.5; 100])]).unwrap_err();
        assert_eq!(refused.to_string(), "the bundle has no encoder for audio");
    }
}

#[test]
fn an_image_tower_alone_is_a_bundle_without_texts() {
    let model = model("clip-image-only");
    let (_place, bundle) = bundle_of("clip-image-only", &model);
    let bundle = bundle.unwrap();
    bundle.self_test().unwrap();
    let mut golden = golden("clip-image-only");
    let vectors = bundle.embed(&[Input::Frames(vec![golden.image()])]).unwrap();
    assert!(cosine(&vectors[0], golden.floats("image.vector")) >= COSINE);
    let refused = bundle.embed(&[Input::Text("a".to_owned())]).unwrap_err();
    assert_eq!(refused.to_string(), "the bundle has no encoder for text");
}

/// A copy of a folder of which one file was changed.
fn changed(name: &str, file: &str, change: impl FnOnce(Vec<u8>) -> Option<Vec<u8>>) -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    for entry in fs_err::read_dir(folder(name)).unwrap() {
        let entry = entry.unwrap();
        fs_err::copy(entry.path(), place.path().join(entry.file_name())).unwrap();
    }
    match change(fs_err::read(place.path().join(file)).unwrap_or_default()) {
        Some(bytes) => fs_err::write(place.path().join(file), bytes).unwrap(),
        None => fs_err::remove_file(place.path().join(file)).unwrap(),
    }
    place
}

#[test]
fn what_is_not_run_is_refused_by_name() {
    let replaced = |from: &'static str, to: &'static str| {
        move |bytes: Vec<u8>| {
            let text = String::from_utf8(bytes).unwrap();
            assert!(text.contains(from), "{from}");
            Some(text.replace(from, to).into_bytes())
        }
    };
    let cases = [
        (
            "clip-f32",
            "config.json",
            replaced("\"clip\"", "\"blip\""),
            "config.json: a model of the type \"blip\"",
        ),
        ("clip-f32", "config.json", replaced("\"clip\"", "\"siglip2\""), "NaFlex"),
        ("clip-f32", "config.json", replaced("quick_gelu", "swish"), "hidden_act is \"swish\""),
        (
            "clip-f32",
            "config.json",
            replaced("\"hidden_size\": 16", "\"hidden_size\": \"x\""),
            "hidden_size is",
        ),
        (
            "clip-f32",
            "config.json",
            replaced("\"num_attention_heads\": 2", "\"num_attention_heads\": 3"),
            "3 heads",
        ),
        (
            "clip-f32",
            "config.json",
            replaced("\"image_size\": 32", "\"image_size\": 64"),
            "brought to 32 pixels",
        ),
        ("clip-f32", "config.json", replaced("{\n", "["), "config.json: no JSON"),
        (
            "clip-f32",
            "preprocessor_config.json",
            replaced("\"resample\": 3", "\"resample\": 0"),
            "resample is 0",
        ),
        ("clip-f32", "preprocessor_config.json", replaced("true", "false"), "do_resize"),
        ("siglip2-bf16", "tokenizer_config.json", replaced("<pad>", "<gone>"), "\"<gone>\""),
        (
            "clip-f16-shards",
            "model.safetensors.index.json",
            replaced("model-00001-of-00004", "model-00002-of-00004"),
            "model-00002-of-00004.safetensors has no weight",
        ),
    ];
    for (name, file, change, said) in cases {
        let place = changed(name, file, change);
        let error = HubModel::read(&FolderFiles(place.path().to_owned())).unwrap_err();
        assert!(error.to_string().contains(said), "{file}: {error}, not {said:?}");
    }
    let gone = changed("clip-f32", "model.safetensors", |_| None);
    let error = HubModel::read(&FolderFiles(gone.path().to_owned())).unwrap_err();
    assert!(matches!(error, EmbedError::MissingFile { .. }), "{error}");
    fs_err::write(gone.path().join("pytorch_model.bin"), b"x").unwrap();
    let error = HubModel::read(&FolderFiles(gone.path().to_owned())).unwrap_err();
    assert!(error.to_string().contains("pickled"), "{error}");
}

#[test]
fn weights_that_do_not_fit_the_configuration_are_named() {
    let name = "clip-f32";
    let altered = |change: &dyn Fn(&mut HubModel)| {
        let mut model = model(name);
        change(&mut model);
        let (_place, bundle) = bundle_of(name, &model);
        bundle.and_then(|bundle| bundle.self_test()).unwrap_err().to_string()
    };
    let said = altered(&|model| model.image.as_mut().unwrap().0.layers = 3);
    assert_eq!(said, "model.safetensors has no weight vision_model.encoder.layers.2.layer_norm1.weight");
    let said = altered(&|model| model.image.as_mut().unwrap().0.layers = 1);
    assert!(said.contains("nothing uses: vision_model.encoder.layers.1."), "{said}");
    let said = altered(&|model| model.text.as_mut().unwrap().0.ffn = 48);
    assert!(said.contains("text_model.encoder.layers.0.mlp.fc1.weight"), "{said}");
    let said = altered(&|model| model.text.as_mut().unwrap().0.end = Some(7));
    assert!(said.contains("does not end a text with the token 7"), "{said}");
    let said = altered(&|model| model.dim = 13);
    assert!(said.contains("expected [13, 16]"), "{said}");
}

/// All weights of a folder as one file, after a change.
fn rewritten(name: &str, change: impl Fn(&str) -> Changed) -> Weights {
    let mut parts = Vec::new();
    for entry in fs_err::read_dir(folder(name)).unwrap() {
        let path = entry.unwrap().path();
        let file = path.file_name().unwrap().to_str().unwrap();
        if file.ends_with(".safetensors") && file != "golden.safetensors" {
            parts.push(fs_err::read(path).unwrap());
        }
    }
    with_changed(&parts, change)
}

/// The weights of these files as one file, after a change.
pub(super) fn with_changed(parts: &[Vec<u8>], change: impl Fn(&str) -> Changed) -> Weights {
    let views: Vec<_> =
        parts.iter().map(|part| safetensors::SafeTensors::deserialize(part).unwrap()).collect();
    let mut out: Vec<(String, safetensors::tensor::TensorView<'_>)> = Vec::new();
    for (name, view) in views.iter().flat_map(safetensors::SafeTensors::iter) {
        let (dtype, data) = (view.dtype(), view.data());
        let shaped = |shape: Vec<usize>| safetensors::tensor::TensorView::new(dtype, shape, data).unwrap();
        match change(name) {
            Changed::Kept => out.push((name.to_owned(), shaped(view.shape().to_vec()))),
            Changed::Gone => {}
            Changed::Flat => {
                out.push((name.to_owned(), shaped(vec![1, 1, 1, 1, view.shape().iter().product()])))
            }
            Changed::Called(other) => out.push((other.to_owned(), shaped(view.shape().to_vec()))),
        }
    }
    let bytes = safetensors::serialize(out, None).unwrap();
    Weights::parse("weights", FileBytes::owned(bytes)).unwrap()
}

/// What becomes of a weight.
pub(super) enum Changed {
    Kept,
    Gone,
    Flat,
    Called(&'static str),
}

#[test]
fn a_header_is_judged_as_loading_judges_it() {
    for name in WHOLE {
        let model = model(name);
        let (image, view) = model.image.as_ref().unwrap();
        let (text, _) = model.text.as_ref().unwrap();
        let bytes = fs_err::read(folder(name).join("tokenizer.json")).unwrap();
        let tokenizer = Arc::new(Tokenizer::load("t", &bytes, text.positions).unwrap());
        let levels = || Levels::new(view.rescale, view.mean, view.deviation);
        let threads = Threads::new(1).unwrap();
        let mut refused = 0;
        let mut judge = |change: &dyn Fn(&str) -> Changed| {
            let weights = || rewritten(name, change);
            let said = |result: Result<(), EmbedError>| result.err().map(|error| error.to_string());
            let loaded =
                VitImageEncoder::load(weights(), image, (levels(), model.dim), threads.clone()).map(|_| ());
            let by_header = said(expect_image(weights(), image, model.dim));
            assert_eq!(by_header, said(loaded), "{name}");
            let loaded =
                VitTextEncoder::load(weights(), text, (Arc::clone(&tokenizer), model.dim), threads.clone());
            let text_by_header = said(expect_text(weights(), text, model.dim));
            assert_eq!(text_by_header, said(loaded.map(|_| ())), "{name}");
            refused += usize::from(by_header.is_some()) + usize::from(text_by_header.is_some());
        };
        judge(&|_| Changed::Kept);
        let names: Vec<String> = rewritten(name, |_| Changed::Kept).names().map(str::to_owned).collect();
        for own in &names {
            judge(&|other| if other == own { Changed::Gone } else { Changed::Kept });
            judge(&|other| if other == own { Changed::Flat } else { Changed::Kept });
            judge(&|other| if other == own { Changed::Called("adapter.weight") } else { Changed::Kept });
        }
        // All but the buffers and factors that no vector depends on.
        assert!(names.len() > 40 && refused >= 3 * (names.len() - 6), "{name}: {refused} of {}", names.len());
    }
}

#[test]
fn a_model_is_judged_by_the_beginnings_of_its_files() {
    for name in WHOLE.into_iter().filter(|name| *name != "open-clip-siglip-f16") {
        let whole = FolderFiles(folder(name));
        HubModel::read(&whole).unwrap().check(&whole).unwrap();
        let heads = Heads(folder(name));
        let model = HubModel::read(&heads).unwrap();
        model.check(&heads).unwrap();
        assert_eq!(HubModel::weight_files(&heads).unwrap(), model.weights);
    }
}

/// A folder of whose weights the headers alone are here.
#[derive(Debug)]
struct Heads(PathBuf);

impl BundleFiles for Heads {
    fn read(&self, name: &str) -> Result<std::borrow::Cow<'_, [u8]>, EmbedError> {
        assert!(!name.ends_with(".safetensors"), "{name} is not read whole");
        let bytes = FolderFiles(self.0.clone()).read(name)?.into_owned();
        Ok(bytes.into())
    }

    fn open(&self, name: &str) -> Result<FileBytes, EmbedError> {
        let file = FolderFiles(self.0.clone()).open(name)?;
        if !name.ends_with(".safetensors") {
            return Ok(file);
        }
        let length = u64::from_le_bytes(file.read(0, 8).unwrap().as_ref().try_into().unwrap());
        let head = file.read(0, 8 + usize::try_from(length).unwrap()).unwrap().into_owned();
        Ok(FileBytes::beginning(head, file.len()))
    }
}

#[test]
fn a_readme_names_the_licence() {
    let place =
        changed("clip-f32", "README.md", |_| Some(b"---\ntags:\n- vision\nlicense: mit\n---\n# A".to_vec()));
    let model = HubModel::read(&FolderFiles(place.path().to_owned())).unwrap();
    assert_eq!(model.licence.as_deref(), Some("mit"));
    assert_eq!(self::model("clip-f32").licence, None);
}
