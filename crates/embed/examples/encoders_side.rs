//! Our side of `make bench-encoders`: a bundle behind a pipe, a command a line, an answer a line, both JSON.
//!
//! | command | fields | answer |
//! | --- | --- | --- |
//! | `isa` | | `isa`, the instruction sets that the kernels choose among |
//! | `load` | `bundle`, `threads`, `int8` | `dim`; a folder as the hub lays it out is given a `bundle.toml`, which is not written |
//! | `texts` | `texts`, `vectors` | `seconds` of one call, and the vectors if they are wanted |
//! | `images` | `path`, `side`, `count`, `vectors` | the same, of RGB bytes, one image after another |
//! | `audios` | `path`, `samples`, `count`, `vectors` | the same, of f32 samples |

#![expect(clippy::print_stdout, reason = "an example that answers on standard output")]

use std::borrow::Cow;
use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use sensorium_embed::{
    Bundle, BundleFiles, EmbedError, FileBytes, FolderFiles, HubBundle, HubModel, Image, Input, LoadOptions,
    Measured,
};
use serde::Deserialize;
use serde_json::{Value, json};

type Failure = Box<dyn std::error::Error>;

#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
enum Command {
    Isa,
    Load {
        bundle: PathBuf,
        threads: usize,
        #[serde(default)]
        int8: bool,
    },
    Texts {
        texts: Vec<String>,
        vectors: bool,
    },
    Images {
        path: PathBuf,
        side: u32,
        count: usize,
        vectors: bool,
    },
    Audios {
        path: PathBuf,
        samples: usize,
        count: usize,
        vectors: bool,
    },
}

fn main() -> Result<(), Failure> {
    let mut bundle = None;
    for line in std::io::stdin().lock().lines() {
        let answer =
            answer(&mut bundle, &line?).unwrap_or_else(|error| json!({ "error": error.to_string() }));
        println!("{answer}");
        std::io::stdout().flush()?;
    }
    Ok(())
}

fn answer(bundle: &mut Option<Arc<Bundle>>, line: &str) -> Result<Value, Failure> {
    let (inputs, vectors) = match serde_json::from_str(line)? {
        Command::Isa => return Ok(json!({ "isa": format!("{:?}", sensorium_kernels::Level::available()) })),
        Command::Load { bundle: folder, threads, int8 } => {
            let options = LoadOptions { threads };
            let loaded = if folder.join("config.json").exists() {
                Bundle::load(HubFolder::read(folder, int8)?, options)?
            } else {
                Bundle::load(FolderFiles(folder), options)?
            };
            let dim = loaded.space().dim;
            *bundle = Some(loaded);
            return Ok(json!({ "dim": dim }));
        }
        Command::Texts { texts, vectors } => (texts.into_iter().map(Input::Text).collect(), vectors),
        Command::Images { path, side, count, vectors } => (images(&path, side, count)?, vectors),
        Command::Audios { path, samples, count, vectors } => (audios(&path, samples, count)?, vectors),
    };
    let bundle = bundle.as_ref().ok_or("no bundle was loaded")?;
    let begun = Instant::now();
    let made = bundle.embed(&inputs)?;
    let seconds = begun.elapsed().as_secs_f64();
    Ok(if vectors { json!({ "seconds": seconds, "vectors": made }) } else { json!({ "seconds": seconds }) })
}

fn images(path: &Path, side: u32, count: usize) -> Result<Vec<Input>, Failure> {
    let bytes = fs_err::read(path)?;
    let size = 3 * (side as usize) * (side as usize);
    let images = bytes.chunks_exact(size).take(count);
    Ok(images
        .map(|pixels| Input::Frames(vec![Image { width: side, height: side, pixels: pixels.to_vec() }]))
        .collect())
}

fn audios(path: &Path, samples: usize, count: usize) -> Result<Vec<Input>, Failure> {
    let bytes = fs_err::read(path)?;
    let floats: Vec<f32> = bytes.as_chunks().0.iter().map(|four| f32::from_le_bytes(*four)).collect();
    Ok(floats.chunks_exact(samples).take(count).map(|clip| Input::Audio(clip.to_vec())).collect())
}

/// A folder as the hub lays it out, with a manifest.
#[derive(Debug)]
struct HubFolder {
    files: FolderFiles,
    manifest: String,
}

impl HubFolder {
    fn read(folder: PathBuf, int8: bool) -> Result<Self, EmbedError> {
        let files = FolderFiles(folder);
        let model = HubModel::read(&files)?;
        let model = if int8 { model.in_int8()? } else { model };
        let named =
            HubBundle { id: "bench", revision: "0", licence: "none", source: "random weights", files: &[] };
        Ok(Self { manifest: model.manifest(&named, &Measured::default()), files })
    }
}

impl BundleFiles for HubFolder {
    fn read(&self, name: &str) -> Result<Cow<'_, [u8]>, EmbedError> {
        if name == "bundle.toml" {
            return Ok(Cow::Borrowed(self.manifest.as_bytes()));
        }
        self.files.read(name)
    }

    fn open(&self, name: &str) -> Result<FileBytes, EmbedError> {
        self.files.open(name)
    }
}
