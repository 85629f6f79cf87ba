//! Our resampler against Pillow's, by the arrays that `training/golden.py` writes.
//!
//! The tolerance: no value differs by more than 1 of 255, and the mean difference is below 0.01 (0.005 was measured).

#![expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a test stops at its first error"
)]

use std::collections::BTreeMap;
use std::path::Path;

use sensorium_media::{Rgb, resize_rgb};
use serde_json::Value;

const MAX_DIFFERENCE: u8 = 1;
const MAX_MEAN_DIFFERENCE: f64 = 0.01;
const SIDE: u32 = 260;

/// The u8 arrays of a safetensors file with their shapes.
fn arrays(name: &str) -> BTreeMap<String, Rgb> {
    let path = Path::new(&std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo runs this"))
        .join("../../models/mini/golden")
        .join(name);
    let bytes = fs_err::read(path).expect("golden arrays, written by training/golden.py");
    let (length, rest) = bytes.split_first_chunk::<8>().expect("a length");
    let (header, data) = rest.split_at(usize::try_from(u64::from_le_bytes(*length)).expect("short"));
    let header: BTreeMap<String, Value> = serde_json::from_slice(header).expect("a header");
    let number = |value: &Value| usize::try_from(value.as_u64().expect("a number")).expect("short");
    header
        .into_iter()
        .filter(|(_, info)| info["dtype"] == "U8")
        .map(|(name, info)| {
            let side = |axis: usize| u32::try_from(number(&info["shape"][axis])).expect("a side");
            let offsets = number(&info["data_offsets"][0])..number(&info["data_offsets"][1]);
            (name, Rgb { width: side(1), height: side(0), pixels: data[offsets].to_vec() })
        })
        .collect()
}

fn compare(source: &Rgb, expected: &Rgb) {
    let ours = resize_rgb(source, SIDE, SIDE).expect("scales");
    assert_eq!((ours.width, ours.height), (expected.width, expected.height));
    let differences = ours.pixels.iter().zip(&expected.pixels).map(|(a, b)| a.abs_diff(*b));
    let (worst, sum) = differences.fold((0, 0.0), |(worst, sum), d| (d.max(worst), sum + f64::from(d)));
    let mean = sum / ours.pixels.len() as f64;
    assert!(worst <= MAX_DIFFERENCE && mean < MAX_MEAN_DIFFERENCE, "at most {worst}, {mean} on average");
}

/// The picture of `training/golden.py`: gradients, a disc and stripes.
fn gradient(width: u32, height: u32) -> Rgb {
    let (w, h) = (width as f32, height as f32);
    let radius = (0.22 * w.min(h)).powi(2);
    let mut pixels = Vec::new();
    for row in 0..height {
        for column in 0..width {
            let (x, y) = (column as f32, row as f32);
            let disc = (x - w * 0.4).powi(2) + (y - h * 0.55).powi(2) < radius;
            let colours =
                [255.0 * x / (w - 1.0), 255.0 * y / (h - 1.0), 127.5 + 127.5 * (x / 5.0 + y / 11.0).sin()];
            let colours = if disc { [240.0, 200.0, 30.0] } else { colours };
            pixels
                .extend(colours.map(|colour| u8::try_from(colour.round_ties_even() as i32).expect("a byte")));
        }
    }
    Rgb { width, height, pixels }
}

#[test]
fn enlarging_equals_pillow() {
    let golden = arrays("image.safetensors");
    compare(&golden["source"], &golden["resized"]);
}

#[test]
fn scaling_down_equals_pillow() {
    compare(&gradient(640, 427), &arrays("resize_large.safetensors")["resized"]);
}
