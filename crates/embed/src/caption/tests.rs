//! The decoder against the arrays that `training/golden_caption.py` made with PyTorch, and against itself.

use std::path::PathBuf;

use safetensors::tensor::TensorView;

use super::state::Line;
use super::*;
use crate::DEFAULT_LENGTH_PENALTY;
use crate::weights::FileBytes;

const TOLERANCE: f32 = 1e-4;
/// As in `training/golden_caption.py`.
const CONFIG: CaptionConfig = CaptionConfig {
    places: 9,
    features: 1280,
    d: 16,
    heads: 2,
    encoder: 1,
    layers: 2,
    ffn: 32,
    vocab: 24,
    max_tokens: 40,
    norm_eps: 1e-5,
};
const LONGEST: usize = 12;

fn file() -> Vec<u8> {
    let package = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo runs this"));
    fs_err::read(package.join("tests/data/caption.safetensors")).unwrap()
}

/// One half of the file: the weights, or what was computed with them.
fn part(golden: bool) -> Vec<u8> {
    let file = file();
    let read = safetensors::SafeTensors::deserialize(&file).unwrap();
    let kept = read.iter().filter(|(name, _)| name.starts_with("golden.") == golden);
    let views = kept.map(|(name, view)| {
        (name.to_owned(), TensorView::new(view.dtype(), view.shape().to_vec(), view.data()).unwrap())
    });
    safetensors::serialize(views, None).unwrap()
}

fn floats(name: &str) -> Vec<f32> {
    let file = part(true);
    let mut golden = Weights::parse("golden", FileBytes::owned(file)).unwrap();
    let shape = golden.shape(name).unwrap();
    golden.floats(name, &shape).unwrap()
}

fn ids(name: &str) -> Vec<u32> {
    let file = part(true);
    let mut golden = Weights::parse("golden", FileBytes::owned(file)).unwrap();
    let shape = golden.shape(name).unwrap();
    golden.whole(name, &shape).unwrap().into_iter().map(|id| u32::try_from(id).unwrap()).collect()
}

/// A tokenizer of 24 pieces with the ids that the file's vocabulary names.
fn tokenizer() -> Arc<Tokenizer> {
    let mut vocab = serde_json::Map::new();
    vocab.insert("[UNK]".to_owned(), 0.into());
    for (index, piece) in PIECES.iter().enumerate() {
        vocab.insert((*piece).to_owned(), (100 + index).into());
    }
    vocab.insert("unknown".to_owned(), 1.into());
    let json = serde_json::json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "post_processor": null,
        "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
                       "strip_accents": null, "lowercase": true},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "decoder": null,
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                  "max_input_chars_per_word": 100, "vocab": vocab}
    });
    Arc::new(Tokenizer::load("tokenizer.json", json.to_string().as_bytes(), 256).unwrap())
}

const PIECES: [&str; 24] = [
    "[CLS]", "[SEP]", "a", "dog", "runs", "on", "the", "beach", "##es", ",", ".", "two", "men", "in", "red",
    "t", "-", "shirt", "##s", "'", "s", "ball", "water", "play",
];

fn decoder() -> CaptionDecoder {
    let weights = part(false);
    let threads = Threads::new(2).unwrap();
    CaptionDecoder::load(
        Weights::parse("caption", FileBytes::owned(weights)).unwrap(),
        &CONFIG,
        tokenizer(),
        threads,
    )
    .unwrap()
}

/// The rule of `features` in `training/golden_caption.py`, moved on by `shift`.
fn grid(shift: usize) -> Grid {
    let width = crate::layers::FEATURES;
    let features = (0..9 * width).map(|i| ((i + shift) * 7919 % 1000) as f32 / 250.0 - 2.0).collect();
    Grid { width, features }
}

fn memory(decoder: &CaptionDecoder, shift: usize) -> Memory {
    decoder.memories(&[&grid(shift)]).unwrap().remove(0)
}

/// As `training/golden_caption.py` writes.
fn options(strategy: Strategy) -> DecoderOptions {
    DecoderOptions { strategy, max_tokens: Some(LONGEST), no_repeat: 3, ..DecoderOptions::default() }
}

fn quiet(decoder: &CaptionDecoder, memory: &Memory, options: &DecoderOptions) -> Caption {
    decoder.caption(memory, options, &mut |_| ControlFlow::Continue(())).unwrap()
}

/// Logits after each of these tokens, read at once.
fn at_once(decoder: &CaptionDecoder, memory: &Memory, ids: &[u32]) -> Vec<f32> {
    let mut cache = decoder.network.cache();
    decoder.network.read(&mut [Line { memory, cache: &mut cache, ids }]).unwrap()
}

fn assert_near(a: &[f32], b: &[f32], tolerance: f32) {
    assert_eq!(a.len(), b.len());
    let difference = a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(difference <= tolerance, "off by {difference:e}");
}

fn begun(ids: &[u32]) -> Vec<u32> {
    [BEGIN].into_iter().chain(ids.iter().copied()).collect()
}

#[test]
fn logits_are_those_of_the_reference() {
    let decoder = decoder();
    let text = begun(&ids("golden.text"));
    let beside = at_once(&decoder, &memory(&decoder, 0), &text);
    assert_near(&beside, &floats("golden.memory_logits"), TOLERANCE);
    let alone = at_once(&decoder, decoder.network.blank(), &text);
    assert_near(&alone, &floats("golden.blank_logits"), TOLERANCE);
}

#[test]
fn greedy_and_beam_captions_are_those_of_the_reference() {
    let decoder = decoder();
    let memory = memory(&decoder, 0);
    let expect = |name: &str| decoder.words.pieces(&ids(name)).concat();
    let beam = Strategy::Beam { width: 3, length_penalty: DEFAULT_LENGTH_PENALTY };
    for (name, strategy) in [("golden.greedy", Strategy::Greedy), ("golden.beam", beam)] {
        let caption = quiet(&decoder, &memory, &options(strategy));
        assert_eq!(caption.text, expect(name), "{name}");
    }
}

#[test]
fn tokens_read_one_by_one_or_in_runs_give_what_all_at_once_give() {
    let decoder = decoder();
    let (first, second) = (memory(&decoder, 0), memory(&decoder, 5));
    let text: Vec<u32> = begun(&(0..39).map(|i| 2 + i * 7 % 22).collect::<Vec<_>>());
    let whole = at_once(&decoder, &first, &text);
    for run in [1, 3, 40] {
        let mut cache = decoder.network.cache();
        let mut stepped = Vec::new();
        for ids in text.chunks(run) {
            let line = Line { memory: &first, cache: &mut cache, ids };
            stepped.extend(decoder.network.read(&mut [line]).unwrap());
        }
        assert_near(&stepped, &whole, 1e-5);
    }
    // Lines of a batch do not see one another.
    let (mut one, mut other) = (decoder.network.cache(), decoder.network.cache());
    let mut lines = [
        Line { memory: &first, cache: &mut one, ids: &text },
        Line { memory: &second, cache: &mut other, ids: &text[..7] },
    ];
    let both = decoder.network.read(&mut lines).unwrap();
    assert_near(&both[..whole.len()], &whole, 1e-5);
    assert_near(&both[whole.len()..], &at_once(&decoder, &second, &text[..7]), 1e-5);
}

#[test]
fn a_beam_of_one_is_greedy() {
    let decoder = decoder();
    for shift in 0..6 {
        let memory = memory(&decoder, 37 * shift);
        let greedy = quiet(&decoder, &memory, &options(Strategy::Greedy));
        let one = quiet(&decoder, &memory, &options(Strategy::Beam { width: 1, length_penalty: 0.7 }));
        assert_eq!(greedy.text, one.text);
        assert!((greedy.confidence - one.confidence).abs() < 1e-6);
        assert_eq!(greedy.end_log_prob.is_some(), one.end_log_prob.is_some());
    }
}

#[test]
fn sampling_repeats_with_its_seed_and_not_with_another() {
    let decoder = decoder();
    let memory = memory(&decoder, 0);
    let drawn =
        |seed, top_p| quiet(&decoder, &memory, &options(Strategy::Sample { top_p, temperature: 1.0, seed }));
    assert_eq!(drawn(7, 0.9), drawn(7, 0.9));
    let texts: std::collections::BTreeSet<String> = (0..8).map(|seed| drawn(seed, 0.9).text).collect();
    assert!(texts.len() > 1);
    // A nucleus that holds one token only is greedy.
    assert_eq!(drawn(1, 1e-6), quiet(&decoder, &memory, &options(Strategy::Greedy)));
}

#[test]
fn the_confidence_is_the_mean_probability_of_what_was_written() {
    let decoder = decoder();
    let memory = memory(&decoder, 0);
    let mut told = String::new();
    let caption = decoder
        .caption(&memory, &options(Strategy::Greedy), &mut |piece| {
            told.push_str(piece);
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(told, caption.text);
    // The log-probabilities of its own tokens, read at once, are those told.
    let own = ids("golden.greedy");
    let scored = decoder.log_probs(&own, &memory).unwrap();
    let written: Vec<f32> = caption.tokens.iter().map(|token| token.log_prob).collect();
    assert_near(&scored[..own.len()], &written, TOLERANCE);
    let all: Vec<f32> = written.into_iter().chain(caption.end_log_prob).collect();
    let mean = all.iter().sum::<f32>() / all.len() as f32;
    assert!((caption.confidence - mean.exp()).abs() < 1e-6);
}

#[test]
fn bounds_hold_and_who_listens_may_stop() {
    let decoder = decoder();
    let memory = memory(&decoder, 0);
    let bound = |min_tokens, max_tokens| {
        quiet(&decoder, &memory, &DecoderOptions { min_tokens, max_tokens, ..DecoderOptions::default() })
    };
    let two = bound(1, Some(2));
    assert_eq!((two.tokens.len(), two.end_log_prob), (2, None));
    // The model's own bound holds where more is asked for.
    let longest = bound(1_000, Some(1_000));
    assert_eq!((longest.tokens.len(), longest.end_log_prob), (CONFIG.max_tokens, None));
    for width in [1, 3] {
        let strategy = Strategy::Beam { width, length_penalty: 0.0 };
        let all = DecoderOptions { strategy, min_tokens: 1_000, ..DecoderOptions::default() };
        assert_eq!(quiet(&decoder, &memory, &all).tokens.len(), CONFIG.max_tokens);
    }
    // With no token twice, 22 words last for 22 tokens.
    for strategy in [Strategy::Greedy, Strategy::Beam { width: 2, length_penalty: 0.7 }] {
        let once = DecoderOptions { strategy, min_tokens: 1_000, no_repeat: 1, ..DecoderOptions::default() };
        let caption = quiet(&decoder, &memory, &once);
        assert_eq!((caption.tokens.len(), caption.end_log_prob), (22, None));
    }
    let mut pieces = 0;
    let stopped = decoder.caption(&memory, &options(Strategy::Greedy), &mut |_| {
        pieces += 1;
        if pieces == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    let stopped = stopped.unwrap();
    assert_eq!((stopped.tokens.len(), stopped.end_log_prob), (3, None));
    let beam = options(Strategy::Beam { width: 3, length_penalty: 0.7 });
    let mut steps = 0;
    let stopped = decoder.caption(&memory, &beam, &mut |piece| {
        assert_eq!(piece, "");
        steps += 1;
        if steps == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    let stopped = stopped.unwrap();
    assert_eq!((stopped.text.as_str(), stopped.end_log_prob, steps), ("", None, 3));
}

#[test]
fn no_pair_of_tokens_comes_twice() {
    let decoder = decoder();
    let memory = memory(&decoder, 0);
    for strategy in [
        Strategy::Greedy,
        Strategy::Beam { width: 4, length_penalty: 0.7 },
        Strategy::Sample { top_p: 0.95, temperature: 0.7, seed: 1 },
    ] {
        let all = DecoderOptions { strategy, min_tokens: 40, ..DecoderOptions::default() };
        let pieces: Vec<String> =
            quiet(&decoder, &memory, &all).tokens.into_iter().map(|token| token.piece).collect();
        let runs: std::collections::BTreeSet<&[String]> = pieces.windows(2).collect();
        assert_eq!(runs.len(), pieces.len() - 1, "{pieces:?}");
    }
}

#[test]
fn texts_are_scored_beside_many_images_as_beside_each() {
    let decoder = decoder();
    let memories: Vec<Memory> = (0..19).map(|shift| memory(&decoder, 31 * shift)).collect();
    let all: Vec<&Memory> = memories.iter().collect();
    let scores = decoder.score("a dog unknown runs on Beaches", &all).unwrap();
    // "Beaches" is "beach" and "##es"; "unknown" is a piece that the decoder has no token for.
    assert_eq!((scores.tokens, scores.skipped, scores.images.len()), (6, 1, 19));
    let text = [2, 3, 4, 5, 7, 8];
    for (memory, score) in memories.iter().zip(&scores.images) {
        let alone = decoder.log_probs(&text, memory).unwrap();
        assert!((score.words - alone[..6].iter().sum::<f32>()).abs() < TOLERANCE);
        assert!((score.end - alone[6]).abs() < TOLERANCE);
    }
    let blank = decoder.log_probs(&text, decoder.network.blank()).unwrap();
    assert!((scores.blank.words - blank[..6].iter().sum::<f32>()).abs() < TOLERANCE);
    let gain = scores.images[4].words - scores.blank.words;
    assert!((scores.gains()[4] - gain).abs() < 1e-6);
    // What is too long is cut and told; what is empty is likely as nothing.
    let long = decoder.score(&"dog ".repeat(100), &all[..1]).unwrap();
    assert_eq!((long.tokens, long.skipped), (39, 61));
    let empty = decoder.score("", &all).unwrap();
    assert_eq!((empty.tokens, empty.blank.words), (0, 0.0));
    assert!(decoder.score("a dog", &[]).unwrap().images.is_empty());
}

#[test]
fn options_that_cannot_be_are_refused() {
    let decoder = decoder();
    let memory = memory(&decoder, 0);
    let sample = |top_p, temperature| Strategy::Sample { top_p, temperature, seed: 0 };
    let beam = |width, length_penalty| Strategy::Beam { width, length_penalty };
    let wrong = [
        sample(0.0, 1.0),
        sample(1.1, 1.0),
        sample(f32::NAN, 1.0),
        sample(0.9, 0.0),
        beam(0, 0.7),
        beam(65, 0.7),
        beam(2, f32::NAN),
    ];
    for strategy in wrong {
        let refused = decoder.caption(&memory, &options(strategy), &mut |_| ControlFlow::Continue(()));
        assert!(matches!(refused, Err(EmbedError::InvalidOptions { .. })), "{strategy:?}");
    }
    let none = DecoderOptions { max_tokens: Some(0), ..DecoderOptions::default() };
    assert!(decoder.captions(&[memory], &none).is_err());
}

#[test]
fn weights_and_words_that_do_not_fit_are_named() {
    let weights = part(false);
    let load = |config: CaptionConfig| {
        let parsed = Weights::parse("caption", FileBytes::owned(weights.clone())).unwrap();
        CaptionDecoder::load(parsed, &config, tokenizer(), Threads::new(1).unwrap())
    };
    let error = load(CaptionConfig { layers: 1, ..CONFIG }).unwrap_err();
    assert!(error.to_string().contains("caption.layers.1"), "{error}");
    let error = load(CaptionConfig { vocab: 25, ..CONFIG }).unwrap_err();
    assert!(matches!(error, EmbedError::WeightShape { .. }), "{error}");
    assert!(CaptionConfig { heads: 3, ..CONFIG }.fault().is_some());
    assert!(CaptionConfig { places: usize::MAX, ..CONFIG }.fault().is_some());
    assert!(CaptionConfig { norm_eps: f32::NAN, ..CONFIG }.fault().is_some());
    assert_eq!(CONFIG.fault(), None);
    let words = |vocabulary: &[i32]| Words::new(tokenizer(), vocabulary).unwrap_err();
    assert!(words(&[100, 101, 102, 99]).contains("99"));
    assert!(words(&[100, 101, 102, -1]).contains("-1"));
    assert!(words(&[100, 101, 102, 102]).contains("two tokens"));
}

#[test]
fn weights_that_are_not_numbers_are_told() {
    let mut broken = part(false);
    let at = {
        let read = safetensors::SafeTensors::deserialize(&broken).unwrap();
        read.tensor("caption.out_norm.bias").unwrap().data().as_ptr().addr() - broken.as_ptr().addr()
    };
    broken[at..at + 4].copy_from_slice(&f32::NAN.to_le_bytes());
    let weights = Weights::parse("caption", FileBytes::owned(broken)).unwrap();
    let decoder = CaptionDecoder::load(weights, &CONFIG, tokenizer(), Threads::new(1).unwrap()).unwrap();
    let memory = memory(&decoder, 0);
    for strategy in [Strategy::Greedy, Strategy::Beam { width: 2, length_penalty: 0.7 }] {
        let refused = decoder.caption(&memory, &options(strategy), &mut |_| ControlFlow::Continue(()));
        assert!(matches!(refused, Err(EmbedError::CaptionNotFinite)), "{strategy:?}");
    }
    assert!(decoder.score("a dog", &[&memory]).is_err());
}
