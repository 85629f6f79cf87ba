//! Encoders alone: images, texts and audio a second from decoded inputs, 2 threads.
//!
//! `make bench` runs the same work through ONNX Runtime beside it (`benches/peers/onnx.py`) and prints the ratio.

#![expect(clippy::expect_used, reason = "a bench stops at its first error")]

use sensorium_benches::{bundle, report, timed};
use sensorium_embed::{Image, Input};
use serde_json::json;

const BATCH: usize = 8;
const ROUNDS: usize = 12;

fn main() {
    let bundle = bundle();
    let size = bundle.cutting().image_size;
    let images: Vec<Input> = (0..BATCH)
        .map(|index| {
            let bytes = size as usize * size as usize * 3;
            let pixels =
                (0..bytes).map(|at| u8::try_from((at * (index + 3) / 7) % 251).expect("below 251")).collect();
            Input::Frames(vec![Image { width: size, height: size, pixels }])
        })
        .collect();
    // Eight words and the two marks around them.
    let texts: Vec<Input> =
        (0..BATCH).map(|index| Input::Text(format!("{index} brown dogs run over the wet sand"))).collect();
    let audios: Vec<Input> = (0..BATCH)
        .map(|index| {
            let step = 0.05 + 0.01 * index as f32;
            Input::Audio((0..80_000).map(|at| (at as f32 * step).sin() * 0.3).collect())
        })
        .collect();

    let query = texts.iter().take(1).cloned().collect();

    for (name, inputs) in [
        ("images", images),
        ("query_of_ten_tokens", query),
        ("texts_of_ten_tokens", texts),
        ("audio_of_five_seconds", audios),
    ] {
        bundle.embed(&inputs).expect("warm");
        let mut best = f64::INFINITY;
        for _ in 0..ROUNDS {
            let (_, took) = timed(|| bundle.embed(&inputs).expect("embeds"));
            best = best.min(took.as_secs_f64());
        }
        let batch = inputs.len();
        report("encoders", json!({"what": name, "batch": batch, "a_second_best": batch as f64 / best}));
    }
}
