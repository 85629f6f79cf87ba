//! Exports to ONNX against what their reference classes computed (`training/golden_onnx.py`). What needs ONNX Runtime is skipped, aloud,
//! where there is none.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sensorium_types::Cancel;

use super::golden::{Golden, cosine};
use super::*;
use crate::OnnxError;
use crate::{Bundle, FolderFiles, Image, Input, LoadOptions, onnx_runtime, until_cancelled};

/// Files of 32-bit floats, and of 16.
const VARIANTS: [(&str, f32); 2] = [("open-clip", 0.999_99), ("masked", 0.9999)];
const SAMPLE: &str = "red_car.jpg";

fn folder(name: &str) -> PathBuf {
    PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo runs this"))
        .join("../../tests/golden/onnx")
        .join(name)
}

/// Whether models run here.
fn runs(test: &str) -> bool {
    let Err(error) = onnx_runtime() else { return true };
    // Not by a macro, whose words nobody sees unless the test fails.
    writeln!(std::io::stderr(), "SKIPPED: {test}: {error}").unwrap();
    false
}

fn model(place: &Path) -> Result<HubModel, EmbedError> {
    let files = FolderFiles(place.to_owned());
    HubModel::read(&files).and_then(|model| model.check(&files).map(|()| model))
}

fn copied(from: &Path, to: &Path) {
    fs_err::create_dir_all(to).unwrap();
    for entry in fs_err::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let place = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copied(&entry.path(), &place),
            false => drop(fs_err::copy(entry.path(), place).unwrap()),
        }
    }
}

/// A copy of a folder with the manifest that this program writes for it.
fn bundle_of(name: &str) -> (tempfile::TempDir, Arc<Bundle>) {
    let place = tempfile::tempdir().unwrap();
    copied(&folder(name), place.path());
    let bundle = written(place.path(), &model(place.path()).unwrap());
    (place, bundle)
}

fn written(place: &Path, model: &HubModel) -> Arc<Bundle> {
    let named = HubBundle { id: "tiny", revision: "0", licence: "MIT", source: "a place", files: &[] };
    fs_err::write(place.join("bundle.toml"), model.manifest(&named, &Measured::default())).unwrap();
    Bundle::load(FolderFiles(place.to_owned()), LoadOptions { threads: 2 }).unwrap()
}

fn image(golden: &mut Golden) -> Image {
    let name = format!("image.{SAMPLE}.pixels");
    let shape = golden.arrays.shape(&name).unwrap();
    let side = u32::try_from(shape[0]).unwrap();
    Image { width: side, height: side, pixels: golden.arrays.unsigned(&name, &shape).unwrap() }
}

/// An image of one colour, at the size of all these models.
fn plain(level: u8) -> Input {
    Input::Frames(vec![Image { width: 32, height: 32, pixels: vec![level; 32 * 32 * 3] }])
}

#[test]
fn exports_are_judged_by_their_files_alone() {
    let model = model(&folder("open-clip")).unwrap();
    assert_eq!((model.family, model.dim), ("ONNX", 12));
    assert_eq!(model.modalities(), [Modality::Text, Modality::Image, Modality::Video]);
    assert_eq!(model.files, ["visual/model.onnx", "textual/model.onnx", "textual/tokenizer.json"]);
    let onnx = model.onnx.unwrap();
    let (image, text) = (onnx.image.unwrap(), onnx.text.unwrap());
    assert_eq!((image.config.size, image.view.fit), (32, crate::Fit::Shortest { edge: 32 }));
    assert_eq!((text.config.positions, text.texts.lower, text.texts.pad.unwrap().0), (20, false, 0));

    let model = self::model(&folder("masked")).unwrap();
    assert!(model.files.contains(&"visual/model.onnx.data".to_owned()), "{:?}", model.files);
    let view = model.onnx.as_ref().unwrap().image.as_ref().unwrap().view;
    assert_eq!((view.fit, view.filter), (crate::Fit::Squash, crate::ImageFilter::Bilinear));

    // Files beside the two folders, and no configuration: files say enough of themselves.
    let place = tempfile::tempdir().unwrap();
    copied(&folder("open-clip"), place.path());
    for name in ["visual/preprocess_cfg.json", "textual/tokenizer.json", "textual/tokenizer_config.json"] {
        let plain = Path::new(name).file_name().unwrap();
        fs_err::rename(place.path().join(name), place.path().join(plain)).unwrap();
    }
    fs_err::remove_file(place.path().join("config.json")).unwrap();
    let beside = self::model(place.path()).unwrap();
    assert_eq!((beside.dim, beside.files.last().map(String::as_str)), (12, Some("tokenizer.json")));
}

#[test]
fn a_hub_is_told_that_exports_are_not_fetched() {
    let error = HubModel::weight_files(&FolderFiles(folder("open-clip"))).unwrap_err();
    assert!(error.to_string().contains("models add FOLDER"), "{error}");
}

#[test]
fn what_does_not_fit_is_refused_by_its_name_without_the_library() {
    type Change = fn(&str) -> String;
    let cases: [(&str, &str, Change, &str); 12] = [
        (
            "open-clip",
            "config.json",
            |text| text.replace("\"embed_dim\": 12", "\"embed_dim\": 13"),
            "a vector of the space is 1 x 13",
        ),
        (
            "open-clip",
            "config.json",
            |text| text.replace("\"context_length\": 20", "\"context_length\": 21"),
            "a text is 1 x 21 integers",
        ),
        ("open-clip", "config.json", |_| "[".to_owned(), "config.json: no JSON"),
        ("open-clip", "visual/preprocess_cfg.json", |text| text.replace("RGB", "L"), "images in \"L\""),
        (
            "open-clip",
            "visual/preprocess_cfg.json",
            |text| text.replace("shortest", "longest"),
            "resize_mode is \"longest\"",
        ),
        (
            "open-clip",
            "visual/preprocess_cfg.json",
            |text| text.replace("bicubic", "random"),
            "interpolation is \"random\"",
        ),
        (
            "open-clip",
            "visual/preprocess_cfg.json",
            |text| text.replace("32", "64"),
            "the image tower sees 32",
        ),
        ("open-clip", "textual/tokenizer_config.json", |text| text.replace('!', "gone"), "\"gone\""),
        ("open-clip", "textual/tokenizer.json", |text| text[..900].to_owned(), "textual/tokenizer.json"),
        (
            "masked",
            "textual/tokenizer_config.json",
            |text| text.replace("right", "up"),
            "padding_side is \"up\"",
        ),
        (
            "masked",
            "config.json",
            |text| {
                text.replace(
                    "\"context_length\": 20",
                    "\"context_length\": 20, \"tokenizer_kwargs\": {\"strip_sep_token\": true}",
                )
            },
            "strip_sep_token",
        ),
        (
            "masked",
            "config.json",
            |text| text.replace("\"context_length\": 20", "\"context_length\": 5000"),
            "texts of 5000 tokens",
        ),
    ];
    for (name, file, change, said) in cases {
        let place = tempfile::tempdir().unwrap();
        copied(&folder(name), place.path());
        let path = place.path().join(file);
        let text = fs_err::read_to_string(&path).unwrap();
        let changed = change(&text);
        assert_ne!(text.trim(), changed.trim(), "{file} was changed");
        fs_err::write(&path, changed).unwrap();
        let error = model(place.path()).unwrap_err().to_string();
        assert!(error.contains(said), "{file}: {error}, not {said:?}");
    }
    for gone in ["visual/preprocess_cfg.json", "textual/tokenizer.json", "visual/model.onnx.data"] {
        let place = tempfile::tempdir().unwrap();
        copied(&folder("masked"), place.path());
        fs_err::remove_file(place.path().join(gone)).unwrap();
        let error = model(place.path()).unwrap_err();
        assert!(matches!(&error, EmbedError::MissingFile { .. }), "{gone}: {error}");
    }
}

/// The folder of an export with another file in place of its image tower.
fn with_image_tower(bytes: &[u8]) -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    copied(&folder("open-clip"), place.path());
    fs_err::write(place.path().join("visual/model.onnx"), bytes).unwrap();
    place
}

fn odd(name: &str) -> tempfile::TempDir {
    with_image_tower(&fs_err::read(folder("odd").join(name)).unwrap())
}

#[test]
fn files_that_are_no_models_or_reach_out_of_their_folder_are_refused() {
    let elsewhere = model(odd("elsewhere.onnx").path()).unwrap_err().to_string();
    assert!(elsewhere.contains("\"../../secret\""), "{elsewhere}");
    let whole = fs_err::read(folder("open-clip/visual/model.onnx")).unwrap();
    for bytes in [&b""[..], b"no model", &[0xff; 64], &whole[..whole.len() / 2], &whole[1..]] {
        let error = model(with_image_tower(bytes).path()).unwrap_err();
        let expected = matches!(&error, EmbedError::Onnx { file, source: OnnxError::Format { .. } } if file == "visual/model.onnx");
        assert!(expected, "{error}");
    }
}

#[test]
fn a_file_that_bundle_toml_does_not_name_is_not_read() {
    let place = tempfile::tempdir().unwrap();
    copied(&folder("masked"), place.path());
    let mut model = model(place.path()).unwrap();
    let image = model.onnx.as_mut().unwrap().image.as_mut().unwrap();
    image.files.retain(|file| !file.ends_with(".data"));
    // Told before the library is looked for.
    let error = written(place.path(), &model).embed(&[plain(9)]).unwrap_err().to_string();
    assert!(error.contains("none of the encoder's files"), "{error}");
}

#[test]
fn vectors_are_those_of_the_reference_classes() {
    if !runs("vectors of ONNX models beside their reference classes") {
        return;
    }
    for (name, least) in VARIANTS {
        let mut golden = Golden::open(&folder(name));
        let (_place, bundle) = bundle_of(name);
        bundle.self_test().unwrap();
        let sample = image(&mut golden);
        let mut inputs: Vec<Input> = golden.texts.iter().cloned().map(Input::Text).collect();
        inputs.extend([Input::Frames(vec![sample.clone()]), Input::Frames(vec![sample; 2]), plain(200)]);
        let vectors = bundle.embed(&inputs).unwrap();
        for (number, vector) in vectors.iter().take(golden.texts.len()).enumerate() {
            let cosine = cosine(vector, golden.floats(&format!("text.{number}.vector")));
            assert!(cosine >= 0.999_99, "{name}, text {number}: {cosine}");
        }
        let of_image = golden.floats(&format!("image.{SAMPLE}.vector"));
        for vector in vectors.iter().skip(golden.texts.len()).take(2) {
            let cosine = cosine(vector, of_image.clone());
            assert!(cosine >= least, "{name}: {cosine}");
        }
        // A vector does not depend on its neighbours, nor on who asked before.
        for (input, vector) in inputs.iter().zip(&vectors) {
            let alone = bundle.embed(std::slice::from_ref(input)).unwrap();
            assert_eq!(alone, std::slice::from_ref(vector), "{name}");
        }
    }
}

#[test]
fn tokens_are_those_of_the_reference() {
    for (name, _) in VARIANTS {
        let mut golden = Golden::open(&folder(name));
        let tower = model(&folder(name)).unwrap().onnx.unwrap().text.unwrap();
        let positions = tower.config.positions;
        let pad = tower.texts.pad.map(|(id, side)| crate::tokenizer::Pad { to: positions, id, side });
        let rules = crate::tokenizer::TextRules {
            lower: tower.texts.lower,
            strip_punctuation: tower.texts.strip_punctuation,
            pad,
        };
        let bytes = fs_err::read(folder(name).join(&tower.tokenizer)).unwrap();
        let tokenizer = Tokenizer::with_rules("t", &bytes, positions, rules).unwrap();
        for (number, text) in golden.texts.clone().iter().enumerate() {
            assert_eq!(tokenizer.ids(text).unwrap(), golden.ids(number), "{name}: {text:?}");
        }
    }
}

#[test]
fn models_that_load_and_give_what_they_should_not_are_errors() {
    if !runs("ONNX models that give what they should not") {
        return;
    }
    let embedded = |place: &tempfile::TempDir| {
        let bundle = written(place.path(), &model(place.path()).unwrap());
        bundle.embed(&[plain(7)]).unwrap_err()
    };
    let longer = embedded(&odd("longer.onnx")).to_string();
    assert!(longer.contains("embedding (f32 of any x 13): a vector of the space is 1 x 12"), "{longer}");
    let late = embedded(&odd("late.onnx")).to_string();
    assert!(late.contains("embedding has the sizes [1, 13], expected [1, 12]"), "{late}");
    let nothing = embedded(&odd("no-number.onnx"));
    assert!(matches!(nothing, EmbedError::NotFinite { modality: Modality::Image }), "{nothing}");
    // An operator that nobody knows, of a file that is whole.
    let mut unknown = fs_err::read(folder("odd/longer.onnx")).unwrap();
    let at = unknown.windows(6).position(|part| part == b"MatMul").unwrap();
    unknown[at..at + 6].copy_from_slice(b"MatMxx");
    let refused = embedded(&with_image_tower(&unknown));
    assert!(matches!(&refused, EmbedError::Onnx { source: OnnxError::Refused { .. }, .. }), "{refused}");
    assert!(refused.to_string().contains("MatMxx"), "{refused}");
    // Numbers beside it that were cut off.
    let place = tempfile::tempdir().unwrap();
    copied(&folder("masked"), place.path());
    fs_err::write(place.path().join("visual/model.onnx.data"), [0; 100]).unwrap();
    let cut = embedded(&place);
    assert!(matches!(&cut, EmbedError::Onnx { source: OnnxError::Refused { .. }, .. }), "{cut}");
}

#[test]
fn encoding_ends_with_its_caller() {
    if !runs("ONNX models whose caller gives up") {
        return;
    }
    let place = odd("slow.onnx");
    let bundle = written(place.path(), &model(place.path()).unwrap());
    // Texts first, which are quick: the model is loaded, and one that is not waited for does not begin.
    let gone = Cancel::new();
    gone.cancel();
    let texts = [Input::Text("a".to_owned())];
    assert!(matches!(until_cancelled(&gone, || bundle.embed(&texts)), Err(EmbedError::Cancelled)));
    assert_eq!(bundle.embed(&texts).unwrap().len(), 1);
    let soon = Cancel::new().until(Instant::now() + Duration::from_millis(300));
    let stopped = until_cancelled(&soon, || bundle.embed(&[plain(3)]));
    assert!(matches!(stopped, Err(EmbedError::Cancelled)), "{stopped:?}");
    assert_eq!(bundle.embed(&texts).unwrap().len(), 1, "others are not stopped by it");
}
