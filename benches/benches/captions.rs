//! Captions: the time of a late token beside that of an early one, and of a caption beside the image encoder.
//!
//! Reads the bundle that `SENSORIUM_BUNDLE` names, else the one built in.

#![expect(clippy::expect_used, reason = "a bench stops at its first error")]

use std::ops::ControlFlow;
use std::time::Instant;

use sensorium_benches::{THREADS, bundle, report, timed};
use sensorium_embed::{Bundle, DecoderOptions, EmbedError, FolderFiles, Image, Input, LoadOptions, Strategy};
use sensorium_types::Modality;
use serde_json::json;

const ROUNDS: usize = 30;
/// Tokens whose times are compared.
const EARLY: usize = 2;
const LATE: usize = 40;
/// Tokens of a caption.
const CAPTION: usize = 12;

fn main() {
    let bundle = match std::env::var_os("SENSORIUM_BUNDLE") {
        Some(folder) => {
            Bundle::load(FolderFiles(folder.into()), LoadOptions { threads: THREADS }).expect("it loads")
        }
        None => bundle(),
    };
    let captioner = match bundle.captioner(Modality::Image) {
        Err(EmbedError::NoCaptioner { .. }) => {
            return report("captions", json!({"skipped": "no caption decoder"}));
        }
        captioner => captioner.expect("the caption decoder loads"),
    };
    let size = bundle.cutting().image_size;
    let bytes = size as usize * size as usize * 3;
    let pixels = (0..bytes).map(|at| u8::try_from((at * 5 / 7) % 251).expect("below 251")).collect();
    let image = Image { width: size, height: size, pixels };
    let input = [Input::Frames(vec![image.clone()])];
    let exactly = |tokens, strategy| DecoderOptions {
        strategy,
        min_tokens: tokens,
        max_tokens: Some(tokens),
        ..DecoderOptions::default()
    };
    let grids = bundle.grids(&[&image]).expect("a grid");
    let grids: Vec<_> = grids.iter().collect();
    let memories = captioner.memories(&grids).expect("a memory");
    let memory = memories.first().expect("one memory");

    // Best of the rounds for each token, so that a pause of the machine shows in none.
    let last = LATE.min(captioner.max_tokens());
    let mut tokens = vec![f64::INFINITY; last];
    let (mut encoder, mut whole, mut words, mut beam) =
        (f64::INFINITY, f64::INFINITY, f64::INFINITY, f64::INFINITY);
    for _ in 0..ROUNDS {
        let mut begun = Instant::now();
        let mut times = tokens.iter_mut();
        let mut listen = |_: &str| {
            if let Some(best) = times.next() {
                *best = best.min(begun.elapsed().as_secs_f64());
            }
            begun = Instant::now();
            ControlFlow::Continue(())
        };
        captioner.caption(memory, &exactly(last, Strategy::Greedy), &mut listen).expect("a caption");
        let quiet = &mut |_: &str| ControlFlow::Continue(());
        let (_, took) = timed(|| bundle.embed(&input).expect("a vector"));
        encoder = encoder.min(took.as_secs_f64());
        let (_, took) = timed(|| {
            let grids = bundle.grids(&[&image]).expect("a grid");
            let memories = captioner.memories(&grids.iter().collect::<Vec<_>>()).expect("a memory");
            let memory = memories.first().expect("one memory");
            captioner.caption(memory, &exactly(CAPTION, Strategy::Greedy), quiet).expect("a caption")
        });
        whole = whole.min(took.as_secs_f64());
        let (_, took) = timed(|| {
            let memories = captioner.memories(&grids).expect("a memory");
            let memory = memories.first().expect("one memory");
            captioner.caption(memory, &exactly(CAPTION, Strategy::Greedy), quiet).expect("a caption")
        });
        words = words.min(took.as_secs_f64());
        let strategy = Strategy::Beam { width: 4, length_penalty: 0.7 };
        let (_, took) =
            timed(|| captioner.caption(memory, &exactly(CAPTION, strategy), quiet).expect("a caption"));
        beam = beam.min(took.as_secs_f64());
    }
    let at = |token: usize| tokens.get(token - 1).copied().unwrap_or(f64::NAN);
    let ms = |seconds: f64| (seconds * 1e5).round() / 1e2;
    let ratio = |a: f64, b: f64| (a / b * 1e3).round() / 1e3;
    report(
        "captions",
        json!({
            "early_token_ms": ms(at(EARLY)),
            "late_token_ms": ms(at(last)),
            "late_over_early": ratio(at(last), at(EARLY)),
            "encoder_ms": ms(encoder),
            "caption_with_its_grid_ms": ms(whole),
            "caption_from_the_grid_ms": ms(words),
            "caption_over_encoder": ratio(whole, encoder),
            "beam_of_four_ms": ms(beam),
        }),
    );
}
