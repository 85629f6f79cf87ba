//! Our resampler against Pillow's, by the arrays that `training/golden.py` writes; and, in `make eval`, real images
//! from the file on, by those of `training/golden_real.py` in the folder that `SENSORIUM_PARITY` names.
//!
//! The tolerance: no value differs by more than 1 of 255, and the mean difference is below 0.01 (0.005 was measured).

#![expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a test stops at its first error"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sensorium_media::{
    Cancel, EncoderSpec, Filter, Fit, Limits, MediaInput, MediaPool, PartContent, PoolConfig, Rgb, resize_rgb,
};
use serde_json::{Value, json};

const MAX_DIFFERENCE: u8 = 1;
/// Of real images, which are many more values: three in a million are off by 2, as a row's value that was rounded the
/// other way weighs more than 1 in a column whose neighbours weigh less than 0.
const MAX_REAL_DIFFERENCE: u8 = 2;
const MAX_MEAN_DIFFERENCE: f64 = 0.01;
/// Of small views of real images, whose values are fewer; one that is turned after it was scaled is rounded in another order.
const MAX_VIEW_DIFFERENCE: f64 = 0.2;
const SIDE: u32 = 260;

/// A safetensors file: its header and its data.
struct Arrays {
    header: BTreeMap<String, Value>,
    data: Vec<u8>,
}

impl Arrays {
    fn open(path: &Path) -> Self {
        let bytes = fs_err::read(path).expect("arrays, written by training/golden.py or golden_real.py");
        let (length, rest) = bytes.split_first_chunk::<8>().expect("a length");
        let (header, data) = rest.split_at(usize::try_from(u64::from_le_bytes(*length)).expect("short"));
        Self { header: serde_json::from_slice(header).expect("a header"), data: data.to_vec() }
    }

    /// A u8 array [height, width, 3].
    fn image(&self, name: &str) -> Rgb {
        let number = |value: &Value| usize::try_from(value.as_u64().expect("a number")).expect("short");
        let info = &self.header[name];
        assert_eq!(info["dtype"], "U8", "{name}");
        let side = |axis: usize| u32::try_from(number(&info["shape"][axis])).expect("a side");
        let offsets = number(&info["data_offsets"][0])..number(&info["data_offsets"][1]);
        Rgb { width: side(1), height: side(0), pixels: self.data[offsets].to_vec() }
    }
}

fn golden(name: &str) -> Arrays {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo runs this");
    Arrays::open(&Path::new(&package).join("../../models/mini/golden").join(name))
}

/// The largest and the mean difference of two images of one size.
fn differences(ours: &Rgb, expected: &Rgb) -> (u8, f64) {
    assert_eq!((ours.width, ours.height), (expected.width, expected.height));
    let differences = ours.pixels.iter().zip(&expected.pixels).map(|(a, b)| a.abs_diff(*b));
    let (worst, sum) = differences.fold((0, 0.0), |(worst, sum), d| (d.max(worst), sum + f64::from(d)));
    (worst, sum / ours.pixels.len() as f64)
}

fn compare(source: &Rgb, expected: &Rgb) {
    let (worst, mean) = differences(&resize_rgb(source, SIDE, SIDE).expect("scales"), expected);
    assert!(worst <= MAX_DIFFERENCE && mean < MAX_MEAN_DIFFERENCE, "at most {worst}, {mean} on average");
}

/// The image of `training/golden.py`: gradients, a disc and stripes.
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
    let golden = golden("image.safetensors");
    compare(&golden.image("source"), &golden.image("resized"));
}

#[test]
fn scaling_down_equals_pillow() {
    compare(&gradient(640, 427), &golden("resize_large.safetensors").image("resized"));
}

#[test]
#[ignore = "compares media outside the repository: make eval"]
fn real_images_equal_pillow_from_the_file_on() {
    let folder = std::env::var_os("SENSORIUM_PARITY").expect("`make eval` sets SENSORIUM_PARITY");
    let golden = Arrays::open(&Path::new(&folder).join("images.safetensors"));
    let files = golden.header["__metadata__"]["files"].as_str().expect("files");
    let files: Vec<PathBuf> = serde_json::from_str(files).expect("paths");
    assert!(!files.is_empty(), "no images");
    let program = std::env::var_os("SENSORIUM_BIN").expect("`make eval` sets SENSORIUM_BIN");
    let pool = MediaPool::new(PoolConfig {
        worker_program: program.into(),
        workers: 1,
        limits: Limits::default(),
        spec: EncoderSpec::default(),
    })
    .expect("a pool");
    let (mut worst, mut sum) = (0, 0.0);
    for (index, file) in files.iter().enumerate() {
        let decoded = pool.decode(MediaInput::Path(file.clone()), &Cancel::new()).expect("decodes");
        let PartContent::Frames(frames) = &decoded.parts[0].content else { panic!("an image") };
        let found = differences(&frames[0], &golden.image(&format!("resized.{index}")));
        worst = worst.max(found.0);
        sum += found.1;
    }
    let mean = sum / files.len() as f64;
    let figures = json!({"pixels": {"worst": worst, "mean": mean, "images": files.len()}});
    fs_err::write(Path::new(&folder).join("pixels.json"), format!("{figures}\n")).expect("written");
    assert!(worst <= MAX_REAL_DIFFERENCE && mean < MAX_MEAN_DIFFERENCE, "at most {worst}, {mean} on average");
}

#[test]
fn views_of_samples_are_those_of_the_reference_s_processors() {
    let package = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo runs this"));
    let golden = Arrays::open(&package.join("../../tests/golden/vit/views.safetensors"));
    let program = std::env::var_os("SENSORIUM_BIN").expect("`make test` sets SENSORIUM_BIN");
    let views = [
        ("shortest", Fit::Shortest { edge: 40 }, Filter::Bicubic),
        ("cropped", Fit::Shortest { edge: 48 }, Filter::Bicubic),
        ("bilinear", Fit::Squash, Filter::Bilinear),
        ("bicubic", Fit::Squash, Filter::Bicubic),
        ("lanczos", Fit::Squash, Filter::Lanczos),
    ];
    for (name, image_fit, image_filter) in views {
        let spec = EncoderSpec { image_size: 40, image_fit, image_filter, ..EncoderSpec::default() };
        let worker_program = PathBuf::from(&program);
        let pool = MediaPool::new(PoolConfig { worker_program, workers: 1, limits: Limits::default(), spec })
            .expect("a pool");
        // One wide, one high, one that its EXIF turns.
        for file in ["red_car.jpg", "balloons.png", "palm_sunset.jpg"] {
            let path = package.join("../../samples/images").join(file);
            let decoded = pool.decode(MediaInput::Path(path), &Cancel::new()).expect("decodes");
            let PartContent::Frames(frames) = &decoded.parts[0].content else { panic!("an image") };
            let (worst, mean) = differences(&frames[0], &golden.image(&format!("{name}.{file}")));
            assert!(
                worst <= MAX_REAL_DIFFERENCE && mean < MAX_VIEW_DIFFERENCE,
                "{name} {file}: at most {worst}, {mean} on average"
            );
        }
    }
}
