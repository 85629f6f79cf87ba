//! Images through the real worker: AVIF and HEIC, and one test card in every format.

#![expect(clippy::indexing_slicing, reason = "boxes and pixels of known layout")]
#![expect(clippy::print_stderr, reason = "what is skipped is told")]

mod card;
mod modern;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sensorium_media::{
    Cancel, Decoded, EncoderSpec, Limits, MediaInput, MediaPool, PartContent, PoolConfig, Rgb,
};
use sensorium_types::FailureReason;

fn pool() -> MediaPool {
    let program = std::env::var_os("SENSORIUM_BIN")
        .expect("SENSORIUM_BIN names the built binary, whose hidden subcommand decodes; `make test` sets it");
    let (limits, spec) = (Limits::default(), EncoderSpec::default());
    let config = PoolConfig { worker_program: PathBuf::from(program), workers: 1, limits, spec };
    MediaPool::new(config).expect("a pool")
}

fn decode(path: &Path) -> Result<Decoded, FailureReason> {
    pool().decode(MediaInput::Path(path.to_owned()), &Cancel::new())
}

/// The pixels of a still image.
fn pixels(decoded: &Decoded) -> &Rgb {
    let PartContent::Frames(frames) = &decoded.parts[0].content else { panic!("pixels") };
    &frames[0]
}

/// A file that ffmpeg makes with these arguments; `None`, loudly, where it lacks the encoder.
fn made(path: &Path, input: &[&str], encoder: &[&str]) -> Option<Vec<u8>> {
    let done = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-y"])
        .args(input)
        .args(["-frames:v", "1"])
        .args(encoder)
        .arg(path)
        .stderr(Stdio::null())
        .status()
        .expect("ffmpeg is installed");
    if !done.success() {
        eprintln!("SKIPPED: this ffmpeg cannot make {} ({encoder:?})", path.display());
        return None;
    }
    Some(fs_err::read(path).expect("reads"))
}
