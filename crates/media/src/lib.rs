//! Bytes to pixels, frames, PCM and passages, under hard limits.
