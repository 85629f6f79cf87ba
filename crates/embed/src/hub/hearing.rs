//! What an audio tower hears: sample rate, length of a clip and spectrogram, by a feature extractor of transformers.

use super::values::object_if_there;
use crate::mel::{Fill, PowerMelSpec};
use crate::{BundleFiles, EmbedError};

/// The configuration of a feature extractor; newer releases write it within another file.
const PREPROCESSOR: &str = "preprocessor_config.json";
const PROCESSOR: &str = "processor_config.json";

/// What the class has where a file leaves it out.
///
/// # Source
/// transformers `models/clap/feature_extraction_clap.py`
mod default {
    pub(super) const MELS: usize = 64;
    pub(super) const RATE_HZ: usize = 48_000;
    pub(super) const HOP: usize = 480;
    pub(super) const SECONDS: usize = 10;
    pub(super) const FRAME: usize = 1024;
    pub(super) const MIN_HZ: f64 = 0.0;
    pub(super) const MAX_HZ: f64 = 14_000.0;
    pub(super) const TRUNCATION: &str = "fusion";
    pub(super) const PADDING: &str = "repeatpad";
}
/// Least power of a band, which no file names: -100 dB.
const FLOOR: f32 = 1e-10;

/// How clips are made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Hearing {
    pub(super) spec: PowerMelSpec,
    /// Length of a clip.
    pub(super) window_ms: u32,
}

/// The feature extractor of a folder.
///
/// With `rand_trunc` the reference hears a part of longer clips that it chooses by chance; here they are cut into windows of
/// that length before.
pub(super) fn read(files: &dyn BundleFiles) -> Result<Hearing, EmbedError> {
    let own = object_if_there(files, PREPROCESSOR)?;
    let within =
        || Ok::<_, EmbedError>(object_if_there(files, PROCESSOR)?.map(|of| of.part("feature_extractor")));
    let extractor = match own {
        Some(own) => own,
        None => within()?.ok_or_else(|| EmbedError::MissingFile { name: PREPROCESSOR.to_owned() })?,
    };
    match extractor.text("truncation").unwrap_or(default::TRUNCATION) {
        "rand_trunc" => {}
        other => {
            let why = format!(
                "truncation is {other:?}: this program runs models of \"rand_trunc\", which fuse nothing"
            );
            return Err(extractor.fault(why));
        }
    }
    let fill = match extractor.text("padding").unwrap_or(default::PADDING) {
        "repeatpad" => Fill::RepeatPad,
        "repeat" => Fill::Repeat,
        "pad" => Fill::Silence,
        other => return Err(extractor.fault(format!("padding is {other:?}, which this program does not do"))),
    };
    let no_audio = || extractor.fault("a sample rate or a length of no audio");
    let rate = extractor.count("sampling_rate", default::RATE_HZ)?;
    let seconds = extractor.count("max_length_s", default::SECONDS)?;
    let spec = PowerMelSpec {
        sample_rate_hz: u32::try_from(rate).map_err(|_| no_audio())?,
        samples: rate.checked_mul(seconds).ok_or_else(no_audio)?,
        fill,
        frame: extractor.count("fft_window_size", default::FRAME)?,
        hop: extractor.count("hop_length", default::HOP)?,
        mels: extractor.count("feature_size", default::MELS)?,
        min_hz: extractor.short_number("frequency_min", default::MIN_HZ)?,
        max_hz: extractor.short_number("frequency_max", default::MAX_HZ)?,
        floor: FLOOR,
    };
    if !spec.is_audio() {
        return Err(extractor.fault(format!("a spectrogram that cannot be: {spec:?}")));
    }
    let window_ms = u32::try_from(seconds).ok().and_then(|seconds| seconds.checked_mul(1000));
    Ok(Hearing { spec, window_ms: window_ms.ok_or_else(no_audio)? })
}
