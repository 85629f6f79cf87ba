//! The insides of the encoders against the arrays that `training/golden.py` made with PyTorch: where vectors differ,
//! these tests say from which step on. The vectors themselves are compared in `tests/golden.rs`.

use std::path::PathBuf;

use safetensors::SafeTensors;
use sensorium_kernels::mean_of_rows;

use crate::layers::{FEATURES, PhotoStem, Variant};
use crate::tokenizer::Tokenizer;
use crate::weights::{FileBytes, Weights};

const MAX_TOKENS: usize = 256;
/// Activations lie within 0..=6; twenty-one blocks of f32 sums stand before them.
const GRID_TOLERANCE: f32 = 5e-4;
const LOGIT_TOLERANCE: f32 = 1e-3;
/// `training/golden.py` keeps every eighth cell of the grid.
const KEPT_CELL: usize = 8;

fn read(file: &str) -> Vec<u8> {
    let folder = std::env::var_os("SENSORIUM_BUNDLE").map_or_else(
        || {
            PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo runs this"))
                .join("../../models/mini")
        },
        PathBuf::from,
    );
    fs_err::read(folder.join(file)).expect("models/mini is complete: run make weights")
}

fn difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn strings_have_the_token_ids_of_the_reference() {
    let tokenizer = Tokenizer::load("tokenizer.json", &read("stems/tokenizer.json"), MAX_TOKENS).unwrap();
    let file = read("golden/text.safetensors");
    let (_, header) = SafeTensors::read_metadata(&file).unwrap();
    let strings: Vec<String> = serde_json::from_str(&header.metadata().as_ref().unwrap()["strings"]).unwrap();
    let golden = SafeTensors::deserialize(&file).unwrap();
    for (index, text) in strings.iter().enumerate() {
        let ids = golden.tensor(&format!("ids.{index}")).unwrap();
        let expected: Vec<i64> =
            ids.data().as_chunks().0.iter().map(|bytes| i64::from_le_bytes(*bytes)).collect();
        let received: Vec<i64> = tokenizer.ids(text).unwrap().into_iter().map(i64::from).collect();
        assert_eq!(received, expected, "{text:?}");
    }
}

#[test]
fn long_texts_are_cut_at_the_limit() {
    let tokenizer = Tokenizer::load("tokenizer.json", &read("stems/tokenizer.json"), MAX_TOKENS).unwrap();
    assert_eq!(tokenizer.ids(&"dog ".repeat(1_000)).unwrap().len(), MAX_TOKENS);
    assert_eq!(tokenizer.ids("").unwrap().len(), 2);
}

#[test]
fn the_photo_stem_gives_the_grid_and_logits_of_the_reference() {
    let stem_file = read("stems/photo.safetensors");
    let updates = read("weights/photo.safetensors");
    let mut weights = Weights::parse("photo.safetensors", FileBytes::owned(stem_file))
        .unwrap()
        .updated(Weights::parse("updates", FileBytes::owned(updates)).unwrap(), "photo.");
    let stem =
        PhotoStem::load(&mut weights, Variant::Lite2, (1_000, crate::layers::Bits::ThirtyTwo)).unwrap();
    weights.finish().unwrap();

    let file = read("golden/image.safetensors");
    let mut golden = Weights::parse("golden", FileBytes::owned(file)).unwrap();
    let shape = golden.shape("resized").unwrap();
    let pixels = golden.unsigned("resized", &shape).unwrap();
    let pixels: Vec<f32> = pixels.into_iter().map(|level| (f32::from(level) - 127.0) / 128.0).collect();
    let grid = stem.forward(&pixels, shape[0]).unwrap();
    let kept: Vec<f32> = grid.chunks(FEATURES).step_by(KEPT_CELL).flatten().copied().collect();
    let expected = golden.floats("grid", &golden.shape("grid").unwrap()).unwrap();
    assert!(difference(&kept, &expected) < GRID_TOLERANCE, "grid off by {:e}", difference(&kept, &expected));

    let mut mean = vec![0.0; FEATURES];
    mean_of_rows(&grid, &mut mean);
    assert!(difference(&mean, &golden.floats("mean", &[FEATURES]).unwrap()) < GRID_TOLERANCE);
    let logits = stem.classify(&mean);
    let expected = golden.floats("logits", &[1_000]).unwrap();
    assert!(
        difference(&logits, &expected) < LOGIT_TOLERANCE,
        "logits off by {:e}",
        difference(&logits, &expected)
    );
}
