//! Towers whose blocks multiply bytes.

use super::{WHOLE, bundle_of, cosine, golden, model};
use crate::{Input, hub::CONFIG};

/// Of narrow towers of random weights; those that people use are wider, and closer.
const NEAR: f32 = 0.98;

#[test]
fn int8_is_near_the_reference_and_another_configuration() {
    for name in WHOLE {
        let (model, mut golden) = (model(name), golden(name));
        let full = model.manifest(&super::PLAIN, &super::Measured::default());
        assert!(!full.contains("int8"), "{full}");
        let model = model.in_int8().unwrap();
        assert_eq!(
            model
                .manifest(&super::PLAIN, &super::Measured::default())
                .matches("\nprecision = \"int8\"\n")
                .count(),
            2
        );
        let (_place, bundle) = bundle_of(name, &model);
        let bundle = bundle.unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut inputs: Vec<Input> = golden.texts.iter().cloned().map(Input::Text).collect();
        inputs.push(Input::Frames(vec![golden.image()]));
        let vectors = bundle.embed(&inputs).unwrap();
        let mut nearest = 0.0_f32;
        for (number, vector) in vectors.iter().enumerate() {
            let expected = if number < golden.texts.len() {
                golden.floats(&format!("text.{number}.vector"))
            } else {
                golden.floats("image.vector")
            };
            let cosine = cosine(vector, expected);
            assert!(cosine >= NEAR, "{name}, {number}: {cosine}");
            nearest = nearest.max(1.0 - cosine);
        }
        assert!(nearest > 1e-7, "{name}: bytes were multiplied");
        for (input, vector) in inputs.iter().zip(&vectors) {
            let alone = bundle.embed(std::slice::from_ref(input)).unwrap();
            let worst = alone[0].iter().zip(vector).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(worst < 1e-6, "{name}: a vector depends on its neighbours by {worst}");
        }
    }
}

#[test]
fn a_family_without_int8_says_so() {
    let folder = super::folder("../clap/clap-f32");
    let model = crate::hub::HubModel::read(&crate::FolderFiles(folder)).unwrap();
    let refused = model.in_int8().unwrap_err().to_string();
    assert!(refused.contains("CLAP") && refused.contains("int8") && refused.contains(CONFIG), "{refused}");
}
