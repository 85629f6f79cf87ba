//! A bundle is used as it is or refused with the name of what is wrong.

use crate::small::{SIZE, Small, Tensors, texts};
use safetensors::tensor::Dtype;
use sensorium_embed::{EmbedError, Fit, Image, Input, InputFault};
use sensorium_types::{Content, ErrorKind, Modality};

/// Rewrites one safetensors file.
pub(crate) fn alter(small: &Small, file: &str, change: impl FnOnce(&mut Tensors)) {
    let mut tensors = Tensors::read(&fs_err::read(small.path(file)).unwrap());
    change(&mut tensors);
    tensors.write(&small.path(file));
}

#[test]
fn an_unaltered_bundle_passes_and_says_what_it_is() {
    let small = Small::new();
    let bundle = small.load().unwrap();
    bundle.self_test().unwrap();
    assert_eq!(bundle.space().revision, "small@0");
    assert_eq!(bundle.cutting().fit, Fit::CropCentre);
    assert_eq!(bundle.cutting().audio.map(|audio| audio.hop_ms), Some(2_500));
    assert_eq!(bundle.info().encoders.len(), 4);
    assert!(bundle.calibration().get(Content::Text, Content::Image).is_some());
    assert!(bundle.calibration().get(Content::Text, Content::Audio).is_none());
}

#[test]
fn altered_weights_are_refused_by_the_self_test() {
    let cases = [
        ("stems/text.safetensors", "encoder.layer.0.output.dense.weight", Modality::Text),
        ("stems/photo.safetensors", "blocks.7.project.weight", Modality::Image),
        ("stems/photo.safetensors", "classifier.weight", Modality::Image),
        ("weights/image.safetensors", "image.out_proj.weight", Modality::Image),
        ("weights/image.safetensors", "image.names.weight", Modality::Image),
        ("weights/audio.safetensors", "audio.layers.0.attn.qkv.weight", Modality::Audio),
        ("weights/audio.safetensors", "audio.stem.2.weight", Modality::Audio),
    ];
    let small = Small::new();
    for (file, name, modality) in cases {
        let whole = fs_err::read(small.path(file)).unwrap();
        alter(&small, file, |tensors| {
            let (_, _, bytes) = tensors.0.get_mut(name).unwrap();
            // The rows come in another order: all are plausible numbers.
            bytes.reverse();
            bytes.chunks_exact_mut(2).for_each(<[u8]>::reverse);
        });
        let error = small.load().unwrap().encoder(modality).unwrap_err();
        assert!(matches!(error, EmbedError::SelfTest { .. }), "{name}: {error}");
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        fs_err::write(small.path(file), whole).unwrap();
    }
    small.load().unwrap().self_test().unwrap();
}

#[test]
fn weights_that_are_not_numbers_are_refused() {
    let small = Small::new();
    alter(&small, "weights/audio.safetensors", |tensors| {
        let (_, _, bytes) = tensors.0.get_mut("audio.out_proj.bias").unwrap();
        bytes[..4].copy_from_slice(&f32::NAN.to_le_bytes());
    });
    let error = small.load().unwrap().encoder(Modality::Audio).unwrap_err();
    assert!(matches!(error, EmbedError::NotFinite { modality: Modality::Audio }), "{error}");
}

#[test]
fn a_weight_that_is_missing_extra_or_misshaped_is_named() {
    let file = "weights/image.safetensors";
    let small = Small::new();
    let whole = fs_err::read(small.path(file)).unwrap();
    let refused = |change: fn(&mut Tensors)| {
        alter(&small, file, change);
        let error = small.load().unwrap().self_test().unwrap_err().to_string();
        fs_err::write(small.path(file), &whole).unwrap();
        error
    };
    let missing = refused(|tensors| drop(tensors.0.remove("image.cls")));
    assert_eq!(missing, "weights/image.safetensors has no weight image.cls");
    let extra = refused(|tensors| tensors.floats("image.mask", &[1], &[0.0]));
    assert_eq!(extra, "weights/image.safetensors has weights that nothing uses: image.mask");
    let misshaped = refused(|tensors| tensors.0.get_mut("image.pos").unwrap().1 = vec![16, 50]);
    assert_eq!(
        misshaped,
        "weight image.pos of weights/image.safetensors has the shape [16, 50], expected [50, 16]"
    );
    let mistyped = refused(|tensors| {
        let (dtype, _, bytes) = tensors.0.get_mut("image.cls").unwrap();
        (*dtype, *bytes) = (Dtype::I32, bytes.clone());
    });
    assert!(mistyped.contains("image.cls"), "{mistyped}");
}

#[test]
fn a_file_of_another_hash_is_refused() {
    let small = Small::new();
    let named = "file = \"weights/audio.safetensors\"";
    let with_hash = format!("{named}, sha256 = \"{}\"", "0".repeat(64));
    small.set_manifest(&small.manifest().replace(named, &with_hash));
    let error = small.load().unwrap().encoder(Modality::Audio).unwrap_err();
    assert!(matches!(error, EmbedError::Hash { .. }), "{error}");
}

#[test]
fn manifests_that_cannot_be_are_refused_in_words() {
    let small = Small::new();
    let whole = small.manifest();
    let cases = [
        ("format = 1", "format = 3", "format 3"),
        ("[selftest]", "[[files]]\nname = \"a\"\nbytes = 1\nsha256 = \"\"\n[nothing]", "nothing"),
        ("id = \"small\"\n", "id = \"small\"\nsurprise = 1\n", "surprise"),
        ("space = \"small\"", "space = \"other\"", "unknown space"),
        ("deviation = 0.2", "deviation = 0.0", "calibration of text and image"),
        ("family = \"frame-mean\"", "family = \"lstm\"", "lstm"),
    ];
    for (from, to, said) in cases {
        small.set_manifest(&whole.replacen(from, to, 1));
        let error = small.load().unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
    small.set_manifest(&whole.replace("grid = 7", "grid = 8"));
    assert!(small.load().unwrap().encoder(Modality::Image).unwrap_err().to_string().contains("grid of 8"));
    small.set_manifest(&whole.replace("uses = \"small.image\"", "uses = \"small.text\""));
    assert!(
        small.load().unwrap().encoder(Modality::Video).unwrap_err().to_string().contains("no image encoder")
    );
}

#[test]
fn a_missing_file_is_named_at_first_use_only() {
    let small = Small::new();
    fs_err::remove_file(small.path("weights/image.safetensors")).unwrap();
    let bundle = small.load().unwrap();
    bundle.embed(&texts()).unwrap();
    let error = bundle.encoder(Modality::Image).unwrap_err();
    assert!(error.to_string().contains("weights/image.safetensors"), "{error}");
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[test]
fn inputs_that_no_encoder_can_take_are_told_by_place() {
    let small = Small::new();
    let bundle = small.load().unwrap();
    let wrong = Image { width: SIZE, height: 1, pixels: vec![0; 3 * SIZE as usize] };
    let cases = [
        (Input::Frames(Vec::new()), InputFault::NoFrames),
        (Input::Audio(Vec::new()), InputFault::NoSamples),
        (Input::Audio(vec![0.0, f32::INFINITY]), InputFault::SampleNotFinite { at: 1 }),
        (
            Input::Frames(vec![wrong]),
            InputFault::ImageSize { width: SIZE, height: 1, bytes: 3 * SIZE as usize, size: SIZE },
        ),
    ];
    for (input, expected) in cases {
        let error = bundle.embed(&[Input::Text("a".into()), input]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        assert!(matches!(error, EmbedError::InvalidInput { index: 1, fault } if fault == expected));
    }
}

#[test]
fn any_text_has_a_vector() {
    let small = Small::new();
    let bundle = small.load().unwrap();
    let long = "a dog runs ".repeat(100_000);
    let odd = ["", " \n\t", "\0", "\u{202e}\u{1f436}", "###", long.as_str()];
    let inputs: Vec<Input> = odd.iter().map(|text| Input::Text((*text).to_owned())).collect();
    for (text, vector) in odd.iter().zip(bundle.embed(&inputs).unwrap()) {
        let norm: f32 = vector.iter().map(|value| value * value).sum();
        assert!((norm - 1.0).abs() < 1e-4, "{:?}", text.get(..10));
    }
    assert!(bundle.embed(&[]).unwrap().is_empty());
}

#[test]
fn padding_of_the_tokenizer_changes_nothing() {
    let small = Small::new();
    let bundle = small.load().unwrap();
    let inputs = ["a", "a dog", "a dog runs on the beach the cow"].map(|text| Input::Text(text.to_owned()));
    let together = bundle.embed(&inputs).unwrap();
    for (input, together) in inputs.iter().zip(together) {
        let alone = bundle.embed(std::slice::from_ref(input)).unwrap();
        assert!(alone[0].iter().zip(&together).all(|(a, b)| (a - b).abs() <= 1e-5));
    }
}
