//! Full-size files of public models without their numbers: the names, types and shapes of `tests/golden/headers`
//! (`training/headers.py`) as sparse files of zeros. Every weight is found, every further one is known, and memory stays
//! near what the packed weights take.

#![expect(
    clippy::cast_possible_truncation,
    clippy::unwrap_used,
    reason = "sizes of memory; a test stops at its first error"
)]

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use sensorium_embed::{Bundle, FolderFiles, HubBundle, HubModel, Image, Input, LoadOptions, Measured};
use serde_json::json;

/// Memory above what the process took before, as a share of what the packed weights take.
const MAX_MEMORY: f64 = 1.2;
/// What tokenizers, threads and the rows of one image may take beside.
const BESIDE_BYTES: u64 = 24 << 20;
const MODEL: &str = "SENSORIUM_HEADER";
const NAMES: [&str; 8] = [
    "tinyclip-39m",
    "clip-b32",
    "clip-b32-256-datacomp",
    "siglip2-b32",
    "siglip2-b16",
    "clip-l14",
    "clap-htsat-unfused",
    "larger-clap-general",
];

fn headers() -> PathBuf {
    PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo runs this"))
        .join("../../tests/golden/headers")
}

/// A weight: type, sides, name.
struct Tensor {
    dtype: String,
    shape: Vec<usize>,
    name: String,
}

impl Tensor {
    fn bytes(&self) -> u64 {
        let size = if self.dtype == "I64" { 8 } else { 4 };
        self.shape.iter().product::<usize>() as u64 * size
    }
}

/// The lines of a file as weights.
fn tensors(text: &str) -> Vec<Tensor> {
    let rows = text.lines().filter(|line| ["F32 ", "I64 "].iter().any(|start| line.starts_with(start)));
    rows.flat_map(|line| {
        let mut words = line.split(' ');
        let (dtype, shape, name) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
        let shape: Vec<usize> =
            shape.split('x').filter(|side| *side != "-").map(|side| side.parse().unwrap()).collect();
        let names = match name.split_once("{0-") {
            None => vec![name.to_owned()],
            Some((before, rest)) => {
                let (last, after) = rest.split_once('}').unwrap();
                (0..=last.parse::<usize>().unwrap())
                    .map(|number| format!("{before}{number}{after}"))
                    .collect()
            }
        };
        let dtype = dtype.to_owned();
        names.into_iter().map(move |name| Tensor { dtype: dtype.clone(), shape: shape.clone(), name })
    })
    .collect()
}

/// A safetensors file of zeros, of which the disk keeps the header alone.
fn write_sparse(path: &Path, tensors: &[Tensor]) {
    let (mut header, mut at) = (serde_json::Map::new(), 0);
    for tensor in tensors {
        let end = at + tensor.bytes();
        let row = json!({ "dtype": tensor.dtype, "shape": tensor.shape, "data_offsets": [at, end] });
        header.insert(tensor.name.clone(), row);
        at = end;
    }
    let header = serde_json::to_vec(&header).unwrap();
    let mut file = fs_err::File::create(path).unwrap();
    file.write_all(&(header.len() as u64).to_le_bytes()).unwrap();
    file.write_all(&header).unwrap();
    file.set_len(8 + header.len() as u64 + at).unwrap();
}

/// A tokenizer of words with the marks that these models want: 49406 and 49407 of CLIP's, 0 and 2 of RoBERTa's, 1 of Gemma's.
fn tokenizer(name: &str) -> serde_json::Value {
    let (begin, end, begin_id, end_id) = if name.starts_with("siglip") {
        ("<bos>", "<eos>", 2, 1)
    } else if name.contains("clap") {
        ("<s>", "</s>", 0, 2)
    } else {
        ("<|startoftext|>", "<|endoftext|>", 49_406, 49_407)
    };
    let pad = u32::from(begin == "<s>");
    let pieces = if begin != "<bos>" {
        json!([{ "SpecialToken": { "id": begin, "type_id": 0 } }, { "Sequence": { "id": "A", "type_id": 0 } }, { "SpecialToken": { "id": end, "type_id": 0 } }])
    } else {
        json!([{ "Sequence": { "id": "A", "type_id": 0 } }, { "SpecialToken": { "id": end, "type_id": 0 } }])
    };
    json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null,
        "pre_tokenizer": { "type": "Whitespace" },
        "post_processor": {
            "type": "TemplateProcessing", "single": pieces, "pair": pieces,
            "special_tokens": {
                begin: { "id": begin, "ids": [begin_id], "tokens": [begin] },
                end: { "id": end, "ids": [end_id], "tokens": [end] },
            },
        },
        "decoder": null,
        "model": { "type": "WordLevel", "unk_token": "a", "vocab": { "<pad>": pad, "a": 5, "dog": 9, begin: begin_id, end: end_id } },
    })
}

/// Kilobytes of a line of `/proc/self/status`, as bytes.
fn memory(line: &str) -> u64 {
    let status = fs_err::read_to_string("/proc/self/status").unwrap();
    let row = status.lines().find(|row| row.starts_with(line)).unwrap();
    row.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
}

#[test]
fn files_of_full_size_load_within_their_memory() {
    for name in NAMES {
        let program = std::env::current_exe().unwrap();
        let mut child = Command::new(program);
        child.args(["--exact", "one_file_of_full_size", "--ignored", "--nocapture"]).env(MODEL, name);
        let output = child.output().unwrap();
        let said =
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.contains("1 passed"), "{name}: {said}");
    }
}

/// In a process of its own, whose memory is that of one model.
#[test]
#[ignore = "the test above runs it once for each model"]
fn one_file_of_full_size() {
    let name = std::env::var(MODEL).expect("the test above names the model");
    let text = fs_err::read_to_string(headers().join(format!("{name}.txt"))).unwrap();
    let line = |key: &str| text.lines().find_map(|line| line.strip_prefix(key));
    let tensors = tensors(&text);
    let folder = tempfile::tempdir().unwrap();
    let is_open_clip = text.contains("model_cfg");
    let (config, weights) = if is_open_clip {
        ("open_clip_config.json", "open_clip_model.safetensors")
    } else {
        ("config.json", "model.safetensors")
    };
    write_sparse(&folder.path().join(weights), &tensors);
    let put = |file: &str, text: &str| fs_err::write(folder.path().join(file), text).unwrap();
    put(config, line("config ").unwrap());
    if let Some(view) = line("preprocessor ") {
        put("preprocessor_config.json", view);
    }
    put("tokenizer.json", &tokenizer(&name).to_string());
    put("tokenizer_config.json", r#"{"tokenizer_class": "GemmaTokenizer", "padding_side": "right"}"#);

    let files = FolderFiles(folder.path().to_owned());
    let model = HubModel::read(&files).unwrap();
    let named = HubBundle { id: "full", revision: "0", licence: "MIT", source: "zeros", files: &[] };
    put("bundle.toml", &model.manifest(&named, &Measured::default()));
    let before = memory("VmRSS");
    let bundle = Bundle::load(files, LoadOptions { threads: 2 }).unwrap();
    let cutting = bundle.cutting();
    let media = match cutting.audio {
        Some(audio) => Input::Audio(vec![0.1; audio.sample_rate_hz as usize * 10]),
        None => {
            let side = cutting.image_size;
            let pixels = vec![9; (side * side * 3) as usize];
            Input::Frames(vec![Image { width: side, height: side, pixels }])
        }
    };
    let vectors = bundle.embed(&[media, Input::Text("a dog".to_owned())]).unwrap();
    assert!(vectors.iter().all(|vector| vector.len() == model.dim && vector.iter().all(|x| x.is_finite())));
    let peak = memory("VmHWM") - before;
    // Rows of tokens stay in their file.
    let packed: u64 = tensors
        .iter()
        .filter(|tensor| {
            !["token_embedding.weight", "word_embeddings.weight"].iter().any(|end| tensor.name.ends_with(end))
        })
        .map(Tensor::bytes)
        .sum();
    let most = (packed as f64 * MAX_MEMORY) as u64 + BESIDE_BYTES;
    let mut said = String::new();
    let _ = write!(said, "{name}: {} MiB of memory, {} MiB packed", peak >> 20, packed >> 20);
    println!("{said}");
    assert!(peak <= most, "{said}");
}
