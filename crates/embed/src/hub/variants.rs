//! The forms in which one model may lie: each is made of a golden folder by the test, and computes what the folder's reference did.
//!
//! ```text
//! names of transformers, open_clip, timm  x  F32, F16, BF16, widened to F32  x  one file, shards  x  with and without old buffers
//!   x  both towers, images alone, texts alone
//! ```
//! The three golden models of open_clip's names are F32, BF16 and, of timm's, F16; CLIP in F16 by open_clip's names is that of transformers' with
//! its weights called, joined and turned as open_clip has them.

use std::collections::BTreeMap;
use std::path::Path;

use half::{bf16, f16};
use safetensors::tensor::{Dtype, TensorView};

use super::golden::{Golden, cosine, weights_of};
use super::tests::{COSINE, compare_states, folder, golden, model, text_tower_of};
use super::*;
use crate::FolderFiles;
use crate::encoders::{Levels, VitImageEncoder};
use crate::threads::Threads;

const HF: [&str; 6] =
    ["clip-f32", "clip-f16-shards", "clip-bf16", "siglip2-f32-shards", "siglip2-f16", "siglip2-bf16"];
const OPEN_CLIP: [&str; 3] = ["open-clip-f32", "open-clip-bf16", "open-clip-siglip-f16"];
/// Files of a model in shards.
const SHARDS: usize = 3;

/// A tensor as a file has it.
#[derive(Debug, Clone)]
struct Tensor {
    dtype: Dtype,
    shape: Vec<usize>,
    data: Vec<u8>,
}

type Tensors = BTreeMap<String, Tensor>;

/// Which towers a file has; CLAP's hears what others see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Towers {
    Both,
    Image,
    Text,
}

/// A form of a model.
#[derive(Debug, Clone, Copy)]
struct Variant {
    open_clip: bool,
    shards: bool,
    buffers: bool,
    towers: Towers,
    widened: bool,
}

impl Variant {
    /// All forms of these names.
    fn all(open_clip: bool) -> Vec<Self> {
        let mut all = Vec::new();
        for bits in 0..8 {
            let [shards, buffers, widened] = [1, 2, 4].map(|bit| bits & bit != 0);
            for towers in [Towers::Both, Towers::Image, Towers::Text] {
                all.push(Self { open_clip, shards, buffers, towers, widened });
            }
        }
        all
    }
}

/// All weights of a golden folder.
fn tensors_of(golden: &Path) -> Tensors {
    let mut tensors = Tensors::new();
    for entry in fs_err::read_dir(golden).unwrap() {
        let path = entry.unwrap().path();
        let file = path.file_name().unwrap().to_str().unwrap();
        if !file.ends_with(".safetensors") || file == "golden.safetensors" {
            continue;
        }
        let bytes = fs_err::read(&path).unwrap();
        for (name, view) in safetensors::SafeTensors::deserialize(&bytes).unwrap().iter() {
            let (dtype, shape) = (view.dtype(), view.shape().to_vec());
            tensors.insert(name.to_owned(), Tensor { dtype, shape, data: view.data().to_vec() });
        }
    }
    tensors
}

/// The same numbers in four bytes, which loses nothing.
fn widened(tensor: Tensor) -> Tensor {
    let Tensor { dtype, shape, data } = tensor;
    let pairs = || data.as_chunks().0.iter();
    let wide: Vec<f32> = if dtype == Dtype::F16 {
        pairs().map(|bytes| f16::from_le_bytes(*bytes).to_f32()).collect()
    } else if dtype == Dtype::BF16 {
        pairs().map(|bytes| bf16::from_le_bytes(*bytes).to_f32()).collect()
    } else {
        return Tensor { dtype, shape, data };
    };
    Tensor { dtype: Dtype::F32, shape, data: wide.iter().flat_map(|number| number.to_le_bytes()).collect() }
}

/// A matrix with its sides exchanged.
fn turned(tensor: &Tensor) -> Tensor {
    let [rows, columns] = tensor.shape[..] else { panic!("a matrix") };
    let size = tensor.data.len() / (rows * columns);
    let at = |row: usize, column: usize| &tensor.data[(row * columns + column) * size..][..size];
    let data = (0..columns).flat_map(|column| (0..rows).flat_map(move |row| at(row, column).to_vec()));
    Tensor { dtype: tensor.dtype, shape: vec![columns, rows], data: data.collect() }
}

/// CLIP of transformers as open_clip calls, joins and turns its weights.
fn as_open_clip(hf: &Tensors) -> Tensors {
    let mut out = Tensors::new();
    for (name, tensor) in hf.iter().filter(|(name, _)| !name.ends_with("position_ids")) {
        let (tower, rest) = match name.split_once("_model.") {
            Some(("vision", rest)) => ("visual.", rest),
            Some((_, rest)) => ("", rest),
            None => ("", name.as_str()),
        };
        match rest {
            "visual_projection.weight" => drop(out.insert("visual.proj".to_owned(), turned(tensor))),
            "text_projection.weight" => drop(out.insert("text_projection".to_owned(), turned(tensor))),
            rest if rest.contains("self_attn.k_proj") || rest.contains("self_attn.v_proj") => {}
            rest if rest.contains("self_attn.q_proj.") => {
                // Queries, keys and values below one another.
                let mut joined = tensor.clone();
                for other in ["k_proj", "v_proj"] {
                    joined.data.extend(&hf[&name.replace("q_proj", other)].data);
                }
                joined.shape[0] *= 3;
                let own = rest.replace("self_attn.q_proj.", "attn.in_proj_");
                out.insert(format!("{tower}{}", block(&own)), joined);
            }
            rest => drop(out.insert(format!("{tower}{}", block(rest)), tensor.clone())),
        }
    }
    out
}

/// Names of open_clip for the rest.
fn block(name: &str) -> String {
    [
        ("final_layer_norm", "ln_final"),
        ("encoder.layers.", "transformer.resblocks."),
        ("self_attn.out_proj", "attn.out_proj"),
        ("layer_norm", "ln_"),
        ("mlp.fc1", "mlp.c_fc"),
        ("mlp.fc2", "mlp.c_proj"),
        ("embeddings.token_embedding", "token_embedding"),
        ("embeddings.position_embedding.weight", "positional_embedding"),
        ("embeddings.class_embedding", "class_embedding"),
        ("embeddings.patch_embedding", "conv1"),
        ("pre_layrnorm", "ln_pre"),
        ("post_layernorm", "ln_post"),
    ]
    .into_iter()
    .fold(name.to_owned(), |name, (from, to)| name.replace(from, to))
}

/// What the names of buffers end with that older releases wrote.
const OLD_ENDS: [&str; 4] =
    [".position_ids", ".token_type_ids", ".relative_position_index", ".num_batches_tracked"];

/// Buffers of CLIP and SigLIP.
fn old_buffers(open_clip: bool) -> Vec<(&'static str, Tensor)> {
    let longs = |shape: &[usize]| Tensor {
        dtype: Dtype::I64,
        shape: shape.to_vec(),
        data: (0_i64..).take(shape.iter().product()).flat_map(i64::to_le_bytes).collect(),
    };
    let mask = Tensor { dtype: Dtype::F32, shape: vec![20, 20], data: vec![0; 1600] };
    if open_clip {
        let sizes = ["input_resolution", "context_length", "vocab_size"].map(|name| (name, longs(&[])));
        return sizes.into_iter().chain([("attn_mask", mask)]).collect();
    }
    vec![
        ("text_model.embeddings.position_ids", longs(&[1, 20])),
        ("vision_model.embeddings.position_ids", longs(&[1, 17])),
    ]
}

/// Whether a file of these towers has a weight. Factors of the whole model are a part of the file of both alone.
fn is_kept(name: &str, towers: Towers) -> bool {
    let starts = ["vision_model.", "visual_projection.", "visual.", "audio_model.", "audio_projection."];
    let of_images = starts.iter().any(|start| name.starts_with(start));
    match towers {
        Towers::Both => true,
        Towers::Image => of_images,
        Towers::Text => !of_images && !name.starts_with("logit_"),
    }
}

fn is_clap(tensors: &Tensors) -> bool {
    tensors.keys().any(|name| name.starts_with("audio_model."))
}

/// Writes weights as a folder has them; gives the names of the files.
fn write(place: &Path, tensors: &Tensors, variant: Variant) -> Vec<String> {
    let stem = if variant.open_clip { "open_clip_model" } else { "model" };
    let views: Vec<(&String, TensorView<'_>)> = tensors
        .iter()
        .map(|(name, tensor)| {
            (name, TensorView::new(tensor.dtype, tensor.shape.clone(), &tensor.data).unwrap())
        })
        .collect();
    let serialized = |part: &[(&String, TensorView<'_>)]| {
        safetensors::serialize(part.iter().map(|(name, view)| (name.as_str(), view)), None).unwrap()
    };
    if !variant.shards {
        let file = format!("{stem}.safetensors");
        fs_err::write(place.join(&file), serialized(&views)).unwrap();
        return vec![file];
    }
    let (mut files, mut map) = (Vec::new(), serde_json::Map::new());
    for (number, part) in views.chunks(views.len().div_ceil(SHARDS)).enumerate() {
        let file = format!("{stem}-{:05}-of-{SHARDS:05}.safetensors", number + 1);
        fs_err::write(place.join(&file), serialized(part)).unwrap();
        map.extend(part.iter().map(|(name, _)| ((*name).clone(), file.clone().into())));
        files.push(file);
    }
    let index = serde_json::json!({ "metadata": {}, "weight_map": map }).to_string();
    fs_err::write(place.join(format!("{stem}.safetensors.index.json")), index).unwrap();
    files
}

/// A folder of a golden model in another form.
fn folder_as(described_by: &Path, tensors: &Tensors, variant: Variant) -> (tempfile::TempDir, HubModel) {
    let place = tempfile::tempdir().unwrap();
    for entry in fs_err::read_dir(described_by).unwrap() {
        let (path, file) = entry.map(|entry| (entry.path(), entry.file_name())).unwrap();
        let is_description = path.extension().is_some_and(|end| end == "json");
        if is_description && !file.to_string_lossy().contains(".index.") {
            fs_err::copy(&path, place.path().join(file)).unwrap();
        }
    }
    let mut kept = tensors.clone();
    if variant.widened {
        kept = kept.into_iter().map(|(name, tensor)| (name, widened(tensor))).collect();
    }
    kept.retain(|name, _| {
        let is_old = OLD_ENDS.iter().any(|end| name.ends_with(end));
        (variant.buffers || !is_old) && is_kept(name, variant.towers)
    });
    if variant.buffers {
        let buffers = old_buffers(variant.open_clip).into_iter();
        let buffers = buffers.filter(|(name, _)| !name.starts_with("vision") || !is_clap(tensors));
        let buffers = buffers.filter(|(name, _)| is_kept(name, variant.towers));
        kept.extend(buffers.map(|(name, tensor)| (name.to_owned(), tensor)));
    }
    let files = write(place.path(), &kept, variant);
    let model = if described_by.ends_with("open-clip-siglip-f16") {
        // Which has its sizes from the test alone.
        HubModel { weights: files.clone(), ..model("open-clip-siglip-f16") }
    } else {
        let read = HubModel::read(&FolderFiles(place.path().to_owned()));
        read.unwrap_or_else(|error| panic!("{described_by:?}, {variant:?}: {error}"))
    };
    assert_eq!(model.weights, files, "{described_by:?}, {variant:?}");
    (place, model)
}

/// Both towers, where they are there, compute what the reference of the golden folder did; the other one is missed by its name.
fn check(name: &str, described_by: &str, tensors: &Tensors, variant: Variant) {
    let what = format!("{name}, {variant:?}");
    let (place, model) = folder_as(&folder(described_by), tensors, variant);
    let mut golden = golden(name);
    let (config, view) = model.image.as_ref().unwrap();
    let levels = Levels::new(view.rescale, view.mean, view.deviation);
    let weights = || weights_of(place.path(), &model);
    let image = VitImageEncoder::load(weights(), config, (levels, model.dim), Threads::new(2).unwrap());
    if variant.towers == Towers::Text {
        assert!(matches!(image, Err(EmbedError::MissingWeight { .. })), "{what}: {image:?}");
    } else {
        let (states, vector) = image.unwrap_or_else(|error| panic!("{what}: {error}")).seen(&golden.image());
        compare_states(&what, &states, &golden.states("image.states"));
        assert!(cosine(&vector, golden.floats("image.vector")) >= COSINE, "{what}");
    }
    let text = text_tower_of(place.path(), &model);
    if variant.towers == Towers::Image {
        assert!(matches!(text, Err(EmbedError::MissingWeight { .. })), "{what}: {text:?}");
        return;
    }
    let tower = text.unwrap_or_else(|error| panic!("{what}: {error}"));
    for number in 0..golden.texts.len() {
        let (states, vector) = tower.seen(golden.ids(number));
        if number < 2 {
            compare_states(&what, &states, &golden.states(&format!("text.{number}.states")));
        }
        assert!(cosine(&vector, golden.floats(&format!("text.{number}.vector"))) >= COSINE, "{what}");
    }
    if variant.towers == Towers::Both {
        model.check(&FolderFiles(place.path().to_owned())).unwrap_or_else(|error| panic!("{what}: {error}"));
    }
}

/// The same of CLAP.
fn check_clap(name: &str, tensors: &Tensors, variant: Variant) {
    let what = format!("{name}, {variant:?}");
    let (place, model) = folder_as(&clap_tests::folder(name), tensors, variant);
    let mut golden = clap_tests::golden(name);
    let audio = clap_tests::audio_tower_of(place.path(), &model);
    if variant.towers == Towers::Text {
        assert!(matches!(audio, Err(EmbedError::MissingWeight { .. })), "{what}: {audio:?}");
    } else {
        let tower = audio.unwrap_or_else(|error| panic!("{what}: {error}"));
        let (states, vector) = tower.seen(&Golden::clips()[0]);
        clap_tests::compare_states(&what, &states, &golden.numbered_states("audio.0.states"));
        assert!(cosine(&vector, golden.clip_vector(0)) >= COSINE, "{what}");
    }
    let text = clap_tests::text_tower_of(place.path(), &model);
    if variant.towers == Towers::Image {
        assert!(matches!(text, Err(EmbedError::MissingWeight { .. })), "{what}: {text:?}");
        return;
    }
    let (states, vector) = text.unwrap_or_else(|error| panic!("{what}: {error}")).seen(golden.ids(0));
    clap_tests::compare_states(&what, &states, &golden.numbered_states("text.0.states"));
    assert!(cosine(&vector, golden.floats("text.0.vector")) >= COSINE, "{what}");
    if variant.towers == Towers::Both {
        model.check(&FolderFiles(place.path().to_owned())).unwrap_or_else(|error| panic!("{what}: {error}"));
    }
}

#[test]
fn every_form_of_clap_computes_what_the_reference_does() {
    for name in clap_tests::WHOLE {
        let tensors = tensors_of(&clap_tests::folder(name));
        assert!(tensors.keys().any(|name| OLD_ENDS.iter().any(|end| name.ends_with(end))), "{name}");
        for variant in Variant::all(false) {
            check_clap(name, &tensors, variant);
        }
    }
}

#[test]
fn every_form_of_transformers_computes_what_the_reference_does() {
    for name in HF {
        let tensors = tensors_of(&folder(name));
        for variant in Variant::all(false) {
            check(name, name, &tensors, variant);
        }
    }
}

#[test]
fn every_form_of_open_clip_computes_what_the_reference_does() {
    for name in OPEN_CLIP {
        let tensors = tensors_of(&folder(name));
        for variant in Variant::all(true) {
            check(name, name, &tensors, variant);
        }
    }
    // Of which open_clip wrote no golden folder: the same network by its names.
    let tensors = as_open_clip(&tensors_of(&folder("clip-f16-shards")));
    assert!(tensors.keys().eq(tensors_of(&folder("open-clip-f32")).keys()), "as open_clip calls them");
    assert!(tensors.values().any(|tensor| tensor.dtype == Dtype::F16));
    for variant in Variant::all(true) {
        check("clip-f16-shards", "open-clip-f32", &tensors, variant);
    }
}

#[test]
#[should_panic(expected = "layer 2")]
fn weights_that_changed_in_one_number_are_seen() {
    // The comparison can fail: one number of the last layer is another.
    let mut tensors = tensors_of(&folder("open-clip-f32"));
    let tensor = tensors.get_mut("visual.transformer.resblocks.1.mlp.c_proj.weight").unwrap();
    tensor.data[..4].copy_from_slice(&3f32.to_le_bytes());
    let variant =
        Variant { open_clip: true, shards: true, buffers: false, towers: Towers::Both, widened: false };
    check("open-clip-f32", "open-clip-f32", &tensors, variant);
}
