//! Limits on everything that a file may cost. Each default is a named constant and can be overridden.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Largest file that is read whole (pictures, texts): 512 MiB.
pub const MAX_BYTES: u64 = 512 << 20;
/// Largest film or sound, which are streamed: 64 GiB.
pub const MAX_STREAM_BYTES: u64 = 64 << 30;
/// Largest text: 16 MiB.
pub const MAX_TEXT_BYTES: u64 = 16 << 20;
/// Longest side of a picture in pixels.
pub const MAX_SIDE: u32 = 32_768;
/// Most pixels of a picture.
pub const MAX_PIXELS: u64 = 120_000_000;
/// Most memory of one decoded picture that cannot be scaled while decoding: 256 MiB.
pub const MAX_DECODED_BYTES: u64 = 256 << 20;
/// Longest film or sound that is cut: 4 hours; what lies behind is left out.
pub const MAX_MEDIA_SECONDS: u64 = 4 * 3600;
/// Most frames of an animated picture that are looked at.
pub const MAX_ANIMATION_FRAMES: usize = 2_000;
/// Most parts of one asset.
pub const MAX_PARTS: usize = 20_000;
/// Wall time of a small file.
pub const DEADLINE: Duration = Duration::from_secs(30);
/// Wall time on top of [`DEADLINE`] for each megabyte of a file, so that a long film has its time.
pub const DEADLINE_PER_MEGABYTE: Duration = Duration::from_secs(4);
/// Address space of a worker, and of each ffmpeg that it runs: 2 GiB (mapped, not resident).
pub const MAX_ADDRESS_SPACE_BYTES: u64 = 2 << 30;
/// CPU time of a worker for the whole of its life.
pub const MAX_CPU_SECONDS: u64 = 24 * 3600;
/// Open files of a worker.
pub const MAX_OPEN_FILES: u64 = 64;

/// What one file may cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// See [`MAX_BYTES`].
    pub max_bytes: u64,
    /// See [`MAX_STREAM_BYTES`].
    pub max_stream_bytes: u64,
    /// See [`MAX_TEXT_BYTES`].
    pub max_text_bytes: u64,
    /// See [`MAX_SIDE`].
    pub max_side: u32,
    /// See [`MAX_PIXELS`].
    pub max_pixels: u64,
    /// See [`MAX_DECODED_BYTES`].
    pub max_decoded_bytes: u64,
    /// See [`MAX_MEDIA_SECONDS`].
    pub max_media_seconds: u64,
    /// See [`MAX_ANIMATION_FRAMES`].
    pub max_animation_frames: usize,
    /// See [`MAX_PARTS`].
    pub max_parts: usize,
    /// See [`DEADLINE`].
    pub deadline: Duration,
    /// See [`DEADLINE_PER_MEGABYTE`].
    pub deadline_per_megabyte: Duration,
    /// See [`MAX_ADDRESS_SPACE_BYTES`].
    pub max_address_space_bytes: u64,
    /// See [`MAX_CPU_SECONDS`].
    pub max_cpu_seconds: u64,
    /// See [`MAX_OPEN_FILES`].
    pub max_open_files: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_bytes: MAX_BYTES,
            max_stream_bytes: MAX_STREAM_BYTES,
            max_text_bytes: MAX_TEXT_BYTES,
            max_side: MAX_SIDE,
            max_pixels: MAX_PIXELS,
            max_decoded_bytes: MAX_DECODED_BYTES,
            max_media_seconds: MAX_MEDIA_SECONDS,
            max_animation_frames: MAX_ANIMATION_FRAMES,
            max_parts: MAX_PARTS,
            deadline: DEADLINE,
            deadline_per_megabyte: DEADLINE_PER_MEGABYTE,
            max_address_space_bytes: MAX_ADDRESS_SPACE_BYTES,
            max_cpu_seconds: MAX_CPU_SECONDS,
            max_open_files: MAX_OPEN_FILES,
        }
    }
}

impl Limits {
    /// The deadline of a file of this size.
    pub fn deadline_of(&self, bytes: u64) -> Duration {
        let megabytes = u32::try_from(bytes >> 20).unwrap_or(u32::MAX);
        self.deadline.saturating_add(self.deadline_per_megabyte.saturating_mul(megabytes))
    }
}
