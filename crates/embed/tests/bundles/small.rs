//! A whole bundle with small random weights, made in a temporary folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use half::f16;
use safetensors::tensor::{Dtype, TensorView};
use sensorium_embed::{Bundle, EmbedError, FolderFiles, Image, Input, LoadOptions};
use sensorium_types::Modality;
use serde_json::json;

pub(crate) const DIM: usize = 32;
pub(crate) const SIZE: u32 = 224;
const WORDS: [&str; 12] =
    ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "dog", "cow", "runs", "on", "the", "beach", "sound"];
/// Blocks of lite0: kernel, channels in, inside and out.
const BLOCKS: [(usize, usize, usize, usize); 16] = [
    (3, 32, 32, 16),
    (3, 16, 96, 24),
    (3, 24, 144, 24),
    (5, 24, 144, 40),
    (5, 40, 240, 40),
    (3, 40, 240, 80),
    (3, 80, 480, 80),
    (3, 80, 480, 80),
    (5, 80, 480, 112),
    (5, 112, 672, 112),
    (5, 112, 672, 112),
    (5, 112, 672, 192),
    (5, 192, 1152, 192),
    (5, 192, 1152, 192),
    (5, 192, 1152, 192),
    (3, 192, 1152, 320),
];

/// Named tensors of one file.
#[derive(Default, Clone)]
pub(crate) struct Tensors(pub(crate) BTreeMap<String, (Dtype, Vec<usize>, Vec<u8>)>);

/// SplitMix64, in [-1, 1).
struct Random(u64);

impl Random {
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        ((z ^ (z >> 27)) >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }
}

impl Tensors {
    /// Weights of a layer of this many inputs: their products keep their size.
    fn matrix(&mut self, random: &mut Random, name: &str, shape: &[usize], inputs: usize) {
        let scale = (3.0 / inputs as f32).sqrt();
        let count: usize = shape.iter().product();
        let bytes = (0..count).flat_map(|_| f16::from_f32(random.next() * scale).to_le_bytes()).collect();
        self.0.insert(name.to_owned(), (Dtype::F16, shape.to_vec(), bytes));
    }

    fn vector(&mut self, random: &mut Random, name: &str, len: usize, base: f32) {
        let bytes = (0..len).flat_map(|_| (base + random.next() * 0.1).to_le_bytes()).collect();
        self.0.insert(name.to_owned(), (Dtype::F32, vec![len], bytes));
    }

    fn linear(&mut self, random: &mut Random, name: &str, outputs: usize, inputs: usize) {
        self.matrix(random, &format!("{name}.weight"), &[outputs, inputs], inputs);
        self.vector(random, &format!("{name}.bias"), outputs, 0.0);
    }

    fn norm(&mut self, random: &mut Random, name: &str, dim: usize) {
        self.vector(random, &format!("{name}.weight"), dim, 1.0);
        self.vector(random, &format!("{name}.bias"), dim, 0.0);
    }

    pub(crate) fn floats(&mut self, name: &str, shape: &[usize], values: &[f32]) {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.0.insert(name.to_owned(), (Dtype::F32, shape.to_vec(), bytes));
    }

    /// The tensors of a file.
    pub(crate) fn read(bytes: &[u8]) -> Self {
        let read = safetensors::SafeTensors::deserialize(bytes).unwrap();
        let own = |view: TensorView<'_>| (view.dtype(), view.shape().to_vec(), view.data().to_vec());
        Self(read.iter().map(|(name, view)| (name.to_owned(), own(view))).collect())
    }

    pub(crate) fn write(&self, path: &Path) {
        let views = self.0.iter().map(|(name, (dtype, shape, bytes))| {
            (name, TensorView::new(*dtype, shape.clone(), bytes).unwrap())
        });
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, safetensors::serialize(views, None).unwrap()).unwrap();
    }
}

fn text_stem(random: &mut Random) -> Tensors {
    let mut file = Tensors::default();
    let codes = (0..WORDS.len() * DIM).map(|_| ((random.next() * 127.0) as i8).cast_unsigned()).collect();
    file.0.insert("embeddings.word_embeddings.weight".into(), (Dtype::I8, vec![WORDS.len(), DIM], codes));
    file.vector(random, "embeddings.word_embeddings.scale", WORDS.len(), 0.2);
    file.matrix(random, "embeddings.position_embeddings.weight", &[64, DIM], DIM);
    file.matrix(random, "embeddings.token_type_embeddings.weight", &[2, DIM], DIM);
    file.norm(random, "embeddings.LayerNorm", DIM);
    let layer = "encoder.layer.0";
    for part in ["query", "key", "value"] {
        file.linear(random, &format!("{layer}.attention.self.{part}"), DIM, DIM);
    }
    file.linear(random, &format!("{layer}.attention.output.dense"), DIM, DIM);
    file.norm(random, &format!("{layer}.attention.output.LayerNorm"), DIM);
    file.linear(random, &format!("{layer}.intermediate.dense"), 48, DIM);
    file.linear(random, &format!("{layer}.output.dense"), DIM, 48);
    file.norm(random, &format!("{layer}.output.LayerNorm"), DIM);
    file
}

/// The tokenizer switches on padding to 40 tokens, which the loader must switch off.
fn tokenizer() -> serde_json::Value {
    let vocab: serde_json::Map<_, _> =
        WORDS.iter().enumerate().map(|(id, word)| ((*word).to_owned(), json!(id))).collect();
    let special = |id: usize| {
        json!({"id": id, "content": WORDS[id], "single_word": false, "lstrip": false, "rstrip": false,
               "normalized": false, "special": true})
    };
    let mark = |id: usize| json!({"SpecialToken": {"id": WORDS[id], "type_id": 0}});
    json!({
        "version": "1.0",
        "truncation": {"max_length": 8, "strategy": "LongestFirst", "stride": 0, "direction": "Right"},
        "padding": {"strategy": {"Fixed": 40}, "direction": "Right", "pad_to_multiple_of": null, "pad_id": 0,
                    "pad_type_id": 0, "pad_token": "[PAD]"},
        "added_tokens": [special(0), special(1), special(2), special(3)],
        "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
                       "strip_accents": null, "lowercase": true},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [mark(2), {"Sequence": {"id": "A", "type_id": 0}}, mark(3)],
            "pair": [mark(2), {"Sequence": {"id": "A", "type_id": 0}}, mark(3)],
            "special_tokens": {
                "[CLS]": {"id": "[CLS]", "ids": [2], "tokens": ["[CLS]"]},
                "[SEP]": {"id": "[SEP]", "ids": [3], "tokens": ["[SEP]"]}
            }
        },
        "decoder": null,
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                  "max_input_chars_per_word": 100, "vocab": vocab}
    })
}

fn photo_stem(random: &mut Random) -> Tensors {
    let mut file = Tensors::default();
    file.matrix(random, "stem.weight", &[32, 3, 3, 3], 27);
    file.vector(random, "stem.bias", 32, 0.0);
    for (index, (kernel, from, wide, out)) in BLOCKS.into_iter().enumerate() {
        let name = format!("blocks.{index}");
        if wide != from {
            file.linear(random, &format!("{name}.expand"), wide, from);
        }
        let taps = kernel * kernel;
        file.matrix(random, &format!("{name}.dw.weight"), &[taps, wide], taps);
        file.vector(random, &format!("{name}.dw.bias"), wide, 0.0);
        file.linear(random, &format!("{name}.project"), out, wide);
    }
    file.linear(random, "head", 1280, 320);
    file.linear(random, "classifier", 10, 1280);
    file
}

fn transformer(file: &mut Tensors, random: &mut Random, prefix: &str, d: usize) {
    let name = format!("{prefix}.layers.0");
    file.norm(random, &format!("{name}.norm1"), d);
    file.linear(random, &format!("{name}.attn.qkv"), 3 * d, d);
    file.linear(random, &format!("{name}.attn.out"), d, d);
    file.norm(random, &format!("{name}.norm2"), d);
    file.linear(random, &format!("{name}.mlp.fc1"), 2 * d, d);
    file.linear(random, &format!("{name}.mlp.fc2"), d, 2 * d);
    file.norm(random, &format!("{prefix}.out_norm"), d);
    file.linear(random, &format!("{prefix}.out_proj"), DIM, d);
    file.vector(random, &format!("{prefix}.cls"), d, 0.0);
}

fn named(file: &mut Tensors, random: &mut Random, prefix: &str, classes: usize, features: usize) {
    file.matrix(random, &format!("{prefix}.names.weight"), &[classes, DIM], DIM);
    file.linear(random, &format!("{prefix}.gate.fc1"), 4, 3 + features);
    file.linear(random, &format!("{prefix}.gate.fc2"), 1, 4);
}

fn image_weights(random: &mut Random) -> Tensors {
    let mut file = Tensors::default();
    file.norm(random, "image.in_norm", 1280);
    file.linear(random, "image.in_proj", 16, 1280);
    file.matrix(random, "image.pos", &[50, 16], 16);
    transformer(&mut file, random, "image", 16);
    file.norm(random, "image.pool_norm", 1280);
    file.linear(random, "image.pool_proj", DIM, 1280);
    named(&mut file, random, "image", 10, 1280);
    file
}

fn audio_weights(random: &mut Random) -> Tensors {
    let mut file = Tensors::default();
    for (layer, (from, to)) in [(1, 32), (32, 64), (64, 128), (128, 16)].into_iter().enumerate() {
        file.matrix(random, &format!("audio.stem.{layer}.weight"), &[to, from, 3, 3], from * 9);
        file.vector(random, &format!("audio.stem.{layer}.bias"), to, 0.0);
    }
    file.matrix(random, "audio.freq_pos", &[4, 16], 16);
    file.matrix(random, "audio.time_pos", &[31, 16], 16);
    transformer(&mut file, random, "audio", 16);
    file.linear(random, "audio.class_proj", 5, 16);
    named(&mut file, random, "audio", 5, 16);
    file
}

/// A caption decoder whose ten tokens are the last of [`WORDS`], over places of so many features.
fn caption(random: &mut Random, (places, features): (usize, usize)) -> Tensors {
    let mut file = Tensors::default();
    let ids = (2i32..12).flat_map(i32::to_le_bytes).collect();
    file.0.insert("caption.vocab".into(), (Dtype::I32, vec![10], ids));
    file.norm(random, "caption.in_norm", features);
    file.linear(random, "caption.in_proj", 16, features);
    file.matrix(random, "caption.pos", &[places, 16], 16);
    file.norm(random, "caption.mem_norm", 16);
    file.matrix(random, "caption.blank", &[1, 16], 16);
    file.matrix(random, "caption.words", &[10, 16], 4);
    file.matrix(random, "caption.text_pos", &[8, 16], 16);
    for block in ["encoder.0", "layers.0"].map(|block| format!("caption.{block}")) {
        file.norm(random, &format!("{block}.norm1"), 16);
        file.linear(random, &format!("{block}.attn.qkv"), 48, 16);
        file.linear(random, &format!("{block}.attn.out"), 16, 16);
        file.norm(random, &format!("{block}.norm2"), 16);
        file.linear(random, &format!("{block}.mlp.fc1"), 32, 16);
        file.linear(random, &format!("{block}.mlp.fc2"), 16, 32);
    }
    let block = "caption.layers.0";
    file.linear(random, &format!("{block}.cross.q"), 16, 16);
    file.linear(random, &format!("{block}.cross.kv"), 32, 16);
    file.linear(random, &format!("{block}.cross.out"), 16, 16);
    file.norm(random, &format!("{block}.norm3"), 16);
    file.norm(random, "caption.out_norm", 16);
    file.vector(random, "caption.out_bias", 10, 0.0);
    file
}

/// The row of a caption decoder over places of so many features.
fn generator(id: &str, modality: &str, (places, features): (usize, usize)) -> String {
    let file = id.replace('-', "_");
    format!(
        r#"[[generators]]
id = "small.{id}"
modality = "{modality}"
family = "caption-decoder"
uses = "small.{modality}"
weights = [{{ role = "own", file = "weights/{file}.safetensors" }}]
[generators.config]
places = {places}
features = {features}
d = 16
heads = 2
encoder = 1
layers = 1
ffn = 32
vocab = 10
max_tokens = 8
"#
    )
}

const MANIFEST: &str = r#"
format = 1
id = "small"
revision = "0"
licences = [{ part = "all", spdx = "CC0-1.0", source = "random numbers" }]
spaces = [{ id = "small", dim = 32, metric = "cosine", modalities = ["text", "image", "audio", "video"] }]
[[towers]]
id = "small.text"
modality = "text"
space = "small"
family = "minilm"
weights = [{ role = "stem", file = "stems/text.safetensors", sha256 = "" }]
tokenizer = { file = "stems/tokenizer.json", sha256 = "", max_tokens = 16 }
[towers.config]
d = 32
heads = 4
layers = 1
ffn = 48
norm_eps = 1e-12
[[towers]]
id = "small.image"
modality = "image"
space = "small"
family = "hybrid-image"
weights = [
  { role = "stem", file = "stems/photo.safetensors" },
  { role = "own", file = "weights/image.safetensors" },
]
preprocess = [
  { op = "resize", mode = "crop", size = 224, filter = "bicubic-pillow" },
  { op = "normalise", mean = 127.0, scale = 128.0 },
]
[towers.config]
stem = "lite0"
size = 224
grid = 7
d = 16
heads = 2
layers = 1
ffn = 32
norm_eps = 1e-5
class_scale = 1.0
classes = 10
gate_hidden = 4
[[towers]]
id = "small.audio"
modality = "audio"
space = "small"
family = "mel-audio"
weights = [{ role = "own", file = "weights/audio.safetensors" }]
preprocess = [
  { op = "resample", hz = 16000 },
  { op = "logmel", frame = 400, hop = 160, fft = 512, mels = 64, fmin = 125.0, fmax = 7500.0, offset = 0.001 },
  { op = "pad", multiple = 16, min = 32, max = 496 },
  { op = "normalise", mean = -4.0, scale = 2.5 },
]
cut = { window_ms = 5000, hop_ms = 2500 }
[towers.config]
d = 16
heads = 2
layers = 1
ffn = 32
norm_eps = 1e-5
class_scale = 1.0
classes = 5
gate_hidden = 4
[[towers]]
id = "small.video"
modality = "video"
space = "small"
family = "frame-mean"
uses = "small.image"
cut = { window_ms = 10000, fps = 1.0 }
[[calibration]]
query = "text"
content = "image"
mean = 0.1
deviation = 0.2
[selftest]
file = "selftest.safetensors"
max_abs = MAX_ABS
text = ["a dog runs on the beach", "the sound"]
"#;

/// A bundle on disk.
pub(crate) struct Small {
    folder: tempfile::TempDir,
}

impl Small {
    /// Random weights, and a self-test that they pass.
    pub(crate) fn new() -> Self {
        let small = Self { folder: tempfile::tempdir().unwrap() };
        let mut random = Random(42);
        text_stem(&mut random).write(&small.path("stems/text.safetensors"));
        fs_err::write(small.path("stems/tokenizer.json"), tokenizer().to_string()).unwrap();
        photo_stem(&mut random).write(&small.path("stems/photo.safetensors"));
        image_weights(&mut random).write(&small.path("weights/image.safetensors"));
        audio_weights(&mut random).write(&small.path("weights/audio.safetensors"));

        // A first self-test that passes whatever comes out, to learn what does.
        let mut stored = Tensors::default();
        let [texts, images, audios] = [texts(), vec![image(3)], vec![audio(1.0)]];
        stored.floats("text.vectors", &[2, DIM], &[0.0; 2 * DIM]);
        stored.floats("image.vector", &[DIM], &[0.0; DIM]);
        stored.floats("audio.vector", &[DIM], &[0.0; DIM]);
        let side = SIZE as usize;
        let Input::Frames(frames) = &images[0] else { unreachable!("an image") };
        stored.0.insert("image.pixels".into(), (Dtype::U8, vec![side, side, 3], frames[0].pixels.clone()));
        let Input::Audio(samples) = &audios[0] else { unreachable!("an audio clip") };
        stored.floats("audio.samples", &[samples.len()], samples);
        stored.write(&small.path("selftest.safetensors"));
        small.write_manifest("2.0");
        let bundle = small.load().unwrap();
        stored.floats("text.vectors", &[2, DIM], &bundle.embed(&texts).unwrap().concat());
        stored.floats("image.vector", &[DIM], &bundle.embed(&images).unwrap().concat());
        stored.floats("audio.vector", &[DIM], &bundle.embed(&audios).unwrap().concat());
        stored.write(&small.path("selftest.safetensors"));
        small.write_manifest("1e-4");
        small
    }

    /// The same with caption decoders of images and of audio, and a self-test that they pass.
    pub(crate) fn with_captioner() -> Self {
        let small = Self::new();
        let (seen, heard) = ((49, 1280), (124, 16));
        caption(&mut Random(7), seen).write(&small.path("weights/caption.safetensors"));
        caption(&mut Random(8), heard).write(&small.path("weights/sound_caption.safetensors"));
        let ids = [2u32, 3, 4];
        let bytes = fs_err::read(small.path("selftest.safetensors")).unwrap();
        let mut stored = Tensors::read(&bytes);
        let own: Vec<u8> = ids.iter().flat_map(|id| id.to_le_bytes()).collect();
        for name in ["caption", "sound_caption"] {
            stored.0.insert(format!("{name}.ids"), (Dtype::I32, vec![ids.len()], Vec::clone(&own)));
            stored.floats(&format!("{name}.log_probs"), &[4], &[0.0; 4]);
        }
        stored.write(&small.path("selftest.safetensors"));
        let rows = generator("caption", "image", seen) + &generator("sound-caption", "audio", heard);
        let whole = small.manifest().replace("[selftest]", &format!("{rows}[selftest]"));
        small.set_manifest(&whole.replace("max_abs = 1e-4", "max_abs = 1e9"));
        let bundle = small.load().unwrap();
        let Input::Frames(frames) = image(3) else { unreachable!("an image") };
        let Input::Audio(samples) = audio(1.0) else { unreachable!("an audio clip") };
        for (name, modality, grids) in [
            ("caption", Modality::Image, bundle.grids(&[&frames[0]]).unwrap()),
            ("sound_caption", Modality::Audio, bundle.audio_grids(&[&samples]).unwrap()),
        ] {
            let captioner = bundle.captioner(modality).unwrap();
            let memories = captioner.memories(&[&grids[0]]).unwrap();
            let expected = captioner.log_probs(&ids, &memories[0]).unwrap();
            stored.floats(&format!("{name}.log_probs"), &[4], &expected);
        }
        stored.write(&small.path("selftest.safetensors"));
        small.set_manifest(&whole);
        small
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    pub(crate) fn load(&self) -> Result<Arc<Bundle>, EmbedError> {
        Bundle::load(FolderFiles(self.folder.path().to_owned()), LoadOptions { threads: 2 })
    }

    pub(crate) fn manifest(&self) -> String {
        fs_err::read_to_string(self.path("bundle.toml")).unwrap()
    }

    pub(crate) fn set_manifest(&self, text: &str) {
        fs_err::write(self.path("bundle.toml"), text).unwrap();
    }

    fn write_manifest(&self, max_abs: &str) {
        self.set_manifest(&MANIFEST.replace("MAX_ABS", max_abs));
    }
}

/// The strings of the self-test.
pub(crate) fn texts() -> Vec<Input> {
    ["a dog runs on the beach", "the sound"].map(|text| Input::Text(text.to_owned())).into()
}

pub(crate) fn image(seed: u32) -> Input {
    let pixels = (0..SIZE * SIZE * 3).map(|i| (i.wrapping_mul(2 * seed + 1) / 7 % 256) as u8).collect();
    Input::Frames(vec![Image { width: SIZE, height: SIZE, pixels }])
}

pub(crate) fn audio(seconds: f32) -> Input {
    Input::Audio((0..(seconds * 16_000.0) as usize).map(|i| (i as f32 * 0.21).sin() * 0.4).collect())
}
