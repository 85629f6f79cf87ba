//! A bundle with a caption decoder, and one without.

use std::ops::ControlFlow;

use crate::refusal::alter;
use crate::small::{Small, image};
use sensorium_embed::{Bundle, DecoderOptions, EmbedError, Grid, Image, Input};
use sensorium_types::{ErrorKind, Modality};

fn pixels(seed: u32) -> Image {
    let Input::Frames(mut frames) = image(seed) else { unreachable!("an image") };
    frames.remove(0)
}

fn grids(bundle: &Bundle) -> Vec<Grid> {
    let images = [pixels(1), pixels(2), pixels(3)];
    bundle.grids(&images.iter().collect::<Vec<_>>()).unwrap()
}

#[test]
fn a_bundle_without_a_caption_decoder_says_so() {
    let bundle = Small::new().load().unwrap();
    let error = bundle.captioner(Modality::Image).unwrap_err();
    assert_eq!(error.to_string(), "this bundle has no caption decoder for images");
    assert_eq!(error.kind(), ErrorKind::FailedPrecondition);
    assert!(bundle.info().generators.is_empty());
}

#[test]
fn one_grid_serves_the_encoder_and_the_decoder() {
    let small = Small::with_captioner();
    let bundle = small.load().unwrap();
    bundle.self_test().unwrap();
    assert_eq!(bundle.info().generators[0].id, "small.caption");
    let grids = grids(&bundle);
    let all: Vec<&Grid> = grids.iter().collect();
    assert_eq!(grids[0].places(), 49);
    let encoder = bundle.encoder(Modality::Image).unwrap();
    let vectors = encoder.stem().unwrap().embed_grids(&all).unwrap();
    assert_eq!(vectors, bundle.embed(&[image(1), image(2), image(3)]).unwrap());

    let captioner = bundle.captioner(Modality::Image).unwrap();
    let memories = captioner.memories(&all).unwrap();
    let options = DecoderOptions { min_tokens: 3, ..DecoderOptions::default() };
    for (memory, together) in memories.iter().zip(captioner.captions(&memories, &options).unwrap()) {
        let mut told = String::new();
        let mut listen = |piece: &str| {
            told.push_str(piece);
            ControlFlow::Continue(())
        };
        let alone = captioner.caption(memory, &options, &mut listen).unwrap();
        assert_eq!((alone.text.as_str(), &alone), (told.as_str(), &together));
        assert!((3..=captioner.max_tokens()).contains(&alone.tokens.len()), "{alone:?}");
        assert!(alone.confidence > 0.0 && alone.confidence <= 1.0);
    }
    let scores = captioner.score("a dog on the moon", &memories.iter().collect::<Vec<_>>()).unwrap();
    // "moon" is no word of this tokenizer.
    assert_eq!((scores.tokens, scores.skipped, scores.gains().len()), (4, 1, 3));
}

#[test]
fn audio_of_any_length_is_put_into_words() {
    let small = Small::with_captioner();
    let bundle = small.load().unwrap();
    assert_eq!(bundle.captioned().collect::<Vec<_>>(), [Modality::Image, Modality::Audio]);
    let second: Vec<f32> = (0..16_000u16).map(|at| (f32::from(at) * 0.05).sin()).collect();
    let long = second.repeat(5);
    let grids = bundle.audio_grids(&[&second[..1], &second, &long]).unwrap();
    let places: Vec<usize> = grids.iter().map(Grid::places).collect();
    assert!(places[0] < places[1] && places[1] < places[2] && places[2] <= 124, "{places:?}");
    let captioner = bundle.captioner(Modality::Audio).unwrap();
    let memories = captioner.memories(&grids.iter().collect::<Vec<_>>()).unwrap();
    let options = DecoderOptions { min_tokens: 3, ..DecoderOptions::default() };
    for caption in captioner.captions(&memories, &options).unwrap() {
        assert!(caption.tokens.len() >= 3, "{caption:?}");
    }
    for bad in [&[][..], &[f32::NAN]] {
        assert!(matches!(bundle.audio_grids(&[bad]), Err(EmbedError::InvalidInput { index: 0, .. })));
    }
    let small = Small::new();
    let without = small.load().unwrap();
    let error = without.captioner(Modality::Audio).unwrap_err();
    assert_eq!(error.to_string(), "this bundle has no caption decoder for audio");
}

#[test]
fn an_image_of_another_size_has_no_grid() {
    let bundle = Small::new().load().unwrap();
    let wrong = Image { width: 2, height: 2, pixels: vec![0; 12] };
    let refused = bundle.grids(&[&pixels(1), &wrong]);
    assert!(matches!(refused, Err(EmbedError::InvalidInput { index: 1, .. })));
}

#[test]
fn altered_missing_or_misplaced_decoders_are_refused() {
    let small = Small::with_captioner();
    let file = "weights/caption.safetensors";
    let whole = fs_err::read(small.path(file)).unwrap();
    let said = |small: &Small| small.load().unwrap().captioner(Modality::Image).unwrap_err().to_string();
    alter(&small, file, |tensors| {
        let (_, _, bytes) = tensors.0.get_mut("caption.layers.0.cross.q.weight").unwrap();
        bytes.reverse();
        bytes.chunks_exact_mut(2).for_each(<[u8]>::reverse);
    });
    assert!(said(&small).starts_with("the self-test of the caption decoder is off by"));
    fs_err::write(small.path(file), &whole).unwrap();
    alter(&small, file, |tensors| drop(tensors.0.remove("caption.blank")));
    assert_eq!(said(&small), "weights/caption.safetensors has no weight caption.blank");
    fs_err::remove_file(small.path(file)).unwrap();
    assert!(said(&small).contains(file));
    // The encoders do not need it.
    small.load().unwrap().encoder(Modality::Image).unwrap();
    fs_err::write(small.path(file), &whole).unwrap();

    let manifest = small.manifest();
    let cases = [
        ("uses = \"small.image\"\nweights", "uses = \"small.text\"\nweights", "no image encoder"),
        (
            "places = 49",
            "places = 64",
            "looks at 64 places of 1280 numbers, encoder small.image has 49 of 1280",
        ),
        ("encoder = 1", "encoder = \"one\"", "config of generator small.caption"),
        ("max_tokens = 8", "max_tokens = 0", "sizes that are 0"),
        (
            "role = \"own\", file = \"weights/caption",
            "role = \"stem\", file = \"weights/caption",
            "no weights",
        ),
    ];
    for (from, to, expected) in cases {
        assert!(manifest.contains(from), "{from}");
        small.set_manifest(&manifest.replace(from, to));
        assert!(said(&small).contains(expected), "{}", said(&small));
    }
    small.set_manifest(&manifest.replace("caption-decoder", "lstm"));
    assert!(small.load().unwrap_err().to_string().contains("lstm"));
    small.set_manifest(&manifest);
    alter(&small, "selftest.safetensors", |tensors| drop(tensors.0.remove("caption.ids")));
    assert_eq!(said(&small), "selftest.safetensors has no weight caption.ids");
}
