//! [`Job`]: what every decoder is given.

use std::path::Path;

use crate::{EncoderSpec, Limits};

/// A file with what is asked of its decoder.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Job<'a> {
    /// The file.
    pub path: &'a Path,
    /// Its type by content.
    pub mime: &'static str,
    /// Threads that a video's decoder may use.
    pub threads: usize,
    /// What the encoders want.
    pub spec: &'a EncoderSpec,
    /// What it may cost.
    pub limits: &'a Limits,
}
