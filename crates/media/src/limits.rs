//! Limits on everything that a file may cost. Each default is a named constant and can be overridden.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What one file may cost. What passes a limit fails as `too large` or `timed out`; of videos, audio and texts that
/// are longer than is cut, the beginning is kept, and of videos and audio what was decoded in their time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// See [`Limits::MAX_BYTES`].
    pub max_bytes: u64,
    /// See [`Limits::MAX_STREAM_BYTES`].
    pub max_stream_bytes: u64,
    /// See [`Limits::MAX_TEXT_BYTES`].
    pub max_text_bytes: u64,
    /// See [`Limits::MAX_SIDE`].
    pub max_side: u32,
    /// See [`Limits::MAX_PIXELS`].
    pub max_pixels: u64,
    /// See [`Limits::MAX_DECODED_BYTES`].
    pub max_decoded_bytes: u64,
    /// See [`Limits::MAX_MEDIA_SECONDS`].
    pub max_media_seconds: u64,
    /// See [`Limits::MAX_ANIMATION_SECONDS`].
    pub max_animation_seconds: u64,
    /// See [`Limits::MAX_ANIMATION_FRAMES`].
    pub max_animation_frames: usize,
    /// See [`Limits::MAX_PARTS`].
    pub max_parts: usize,
    /// See [`Limits::MAX_ASSET_BYTES`].
    pub max_asset_bytes: u64,
    /// See [`Limits::MAX_STALL`].
    pub max_stall: Duration,
    /// See [`Limits::MAX_TIME`].
    pub max_time: Duration,
    /// See [`Limits::MAX_MEMORY_BYTES`].
    pub max_memory_bytes: u64,
    /// See [`Limits::MAX_ADDRESS_SPACE_BYTES`].
    pub max_address_space_bytes: u64,
    /// See [`Limits::MAX_CPU_SECONDS`].
    pub max_cpu_seconds: u64,
    /// See [`Limits::MAX_OPEN_FILES`].
    pub max_open_files: u64,
}

impl Limits {
    /// Largest file that is read whole (images): 128 MiB.
    pub const MAX_BYTES: u64 = 128 << 20;
    /// Largest video or audio, which are streamed: 64 GiB.
    pub const MAX_STREAM_BYTES: u64 = 64 << 30;
    /// Largest text: 16 MiB.
    pub const MAX_TEXT_BYTES: u64 = 16 << 20;
    /// Longest side of an image or of a video's frame, in pixels; of a JPEG, as it is scaled while it is decoded.
    pub const MAX_SIDE: u32 = 32_768;
    /// Most pixels of an image or of a video's frame, as the file claims them.
    pub const MAX_PIXELS: u64 = 120_000_000;
    /// Most memory of one decoded image, after any scaling while it is decoded: 256 MiB.
    pub const MAX_DECODED_BYTES: u64 = 256 << 20;
    /// Longest video or audio that is cut: 4 hours; what lies behind is left out.
    pub const MAX_MEDIA_SECONDS: u64 = 4 * 3600;
    /// Longest animated image that is cut; what lies behind is left out.
    pub const MAX_ANIMATION_SECONDS: u64 = 600;
    /// Most frames of an animated image; what lies behind is left out.
    pub const MAX_ANIMATION_FRAMES: usize = 2_000;
    /// Most parts of one asset on one track; what lies behind is left out.
    pub const MAX_PARTS: usize = 20_000;
    /// Most bytes of pixels, samples and texts that [`MediaPool::decode`](crate::MediaPool::decode) collects for one
    /// asset: 2 GiB. [`MediaPool::decode_each`](crate::MediaPool::decode_each) collects nothing.
    pub const MAX_ASSET_BYTES: u64 = 2 << 30;
    /// Wall time that may bring nothing new: of a video or audio no later moment, of any other file nothing at all.
    pub const MAX_STALL: Duration = Duration::from_secs(60);
    /// Wall time of any file, whatever it brings.
    pub const MAX_TIME: Duration = Duration::from_secs(24 * 3600);
    /// Writable memory of a worker, and of each ffmpeg that it runs: 448 MiB.
    pub const MAX_MEMORY_BYTES: u64 = 448 << 20;
    /// Address space of a worker, and of each ffmpeg that it runs: 2 GiB, most of it programs mapped from disk.
    pub const MAX_ADDRESS_SPACE_BYTES: u64 = 2 << 30;
    /// CPU time of a worker for the whole of its life.
    pub const MAX_CPU_SECONDS: u64 = 24 * 3600;
    /// Open files of a worker.
    pub const MAX_OPEN_FILES: u64 = 64;

    /// The time at the end of another in which a worker gives what it has: an eighth of it, at most this.
    pub const LAST_WORDS: Duration = Duration::from_secs(10);

    /// The time after which a worker stops of itself, of the time after which it is killed.
    pub(crate) fn before_last_words(time: Duration) -> Duration {
        time.saturating_sub((time / 8).min(Self::LAST_WORDS))
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_bytes: Self::MAX_BYTES,
            max_stream_bytes: Self::MAX_STREAM_BYTES,
            max_text_bytes: Self::MAX_TEXT_BYTES,
            max_side: Self::MAX_SIDE,
            max_pixels: Self::MAX_PIXELS,
            max_decoded_bytes: Self::MAX_DECODED_BYTES,
            max_media_seconds: Self::MAX_MEDIA_SECONDS,
            max_animation_seconds: Self::MAX_ANIMATION_SECONDS,
            max_animation_frames: Self::MAX_ANIMATION_FRAMES,
            max_parts: Self::MAX_PARTS,
            max_asset_bytes: Self::MAX_ASSET_BYTES,
            max_stall: Self::MAX_STALL,
            max_time: Self::MAX_TIME,
            max_memory_bytes: Self::MAX_MEMORY_BYTES,
            max_address_space_bytes: Self::MAX_ADDRESS_SPACE_BYTES,
            max_cpu_seconds: Self::MAX_CPU_SECONDS,
            max_open_files: Self::MAX_OPEN_FILES,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_has_time_to_give_what_it_has() {
        assert_eq!(Limits::before_last_words(Duration::from_secs(32)), Duration::from_secs(28));
        assert_eq!(Limits::before_last_words(Duration::from_secs(1000)), Duration::from_secs(990));
    }
}
