//! Prints how fast a bundle encodes, and what a first query costs.
//!
//! `cargo run --release -p sensorium-embed --example speed -- BUNDLE_FOLDER [THREADS] [BATCH]`

#![expect(clippy::print_stdout, reason = "an example that reports")]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use sensorium_embed::{Bundle, EmbedError, FolderFiles, Image, Input, LoadOptions};

const SECONDS_A_ROW: f64 = 3.0;

fn main() -> Result<(), EmbedError> {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().unwrap_or_else(|| "models/mini".to_owned()));
    let threads = arguments.next().and_then(|count| count.parse().ok()).unwrap_or(2);
    let batch = arguments.next().and_then(|count| count.parse().ok()).unwrap_or(8);

    let start = Instant::now();
    let bundle = Bundle::load(FolderFiles(folder), LoadOptions { threads })?;
    bundle.embed(&[Input::Text("a dog on a beach".to_owned())])?;
    println!("{:7.1} ms  load and first text query", start.elapsed().as_secs_f64() * 1e3);

    let cutting = bundle.cutting();
    let size = cutting.image_size;
    let pixels = (0..size * size * 3).map(|i| u8::try_from(i % 251).unwrap_or(0)).collect();
    let image = Input::Frames(vec![Image { width: size, height: size, pixels }]);
    let heard = cutting.audio.map_or((16_000, 5_000), |audio| (audio.sample_rate_hz, audio.window_ms));
    let samples = heard.0 as usize * heard.1 as usize / 1000;
    let audio = Input::Audio((0..samples).map(|i| (i as f32 * 0.1).sin() * 0.3).collect());
    let query = Input::Text("two children play football in the snow".to_owned());
    let passage = Input::Text("the quick brown fox jumps over the lazy dog ".repeat(13));

    let (sees, hears) = (cutting.images, cutting.audio.is_some());
    let wanted = |name: &str| (sees || name != "image") && (hears || !name.starts_with("audio"));
    for (name, input) in [("image", &image), ("audio", &audio)].into_iter().filter(|(name, _)| wanted(name)) {
        let start = Instant::now();
        bundle.embed(std::slice::from_ref(input))?;
        println!("{:7.1} ms  first {name}", start.elapsed().as_secs_f64() * 1e3);
    }
    let rows = [
        ("image", &image),
        ("text query", &query),
        ("passage of 117 words", &passage),
        ("audio window", &audio),
    ];
    for (name, input) in rows.into_iter().filter(|(name, _)| wanted(name)) {
        for count in [1, batch] {
            let inputs = vec![input.clone(); count];
            let rate = rate(|| bundle.embed(&inputs).map(|_| ()))? * count as f64;
            println!("{rate:7.1} a second  {name}, batch {count}, {threads} threads");
        }
    }
    Ok(())
}

/// Calls a second, by the fastest tenth, for other work on the machine only ever makes calls slower.
fn rate(mut call: impl FnMut() -> Result<(), EmbedError>) -> Result<f64, EmbedError> {
    let mut times = Vec::new();
    let start = Instant::now();
    while start.elapsed().as_secs_f64() < SECONDS_A_ROW {
        let begin = Instant::now();
        call()?;
        times.push(begin.elapsed());
    }
    times.sort();
    let fastest = times.len().div_ceil(10);
    let sum: Duration = times.iter().take(fastest).sum();
    Ok(fastest as f64 / sum.as_secs_f64())
}
