//! How long the stages of ingest take, over all items and files of a data folder.
//!
//! Decoding and encoding overlap: what a decoder waits for the encoders counts as theirs.

use std::time::Duration;

use sensorium_types::{Spread, SpreadReading, StageTime};

/// Bytes are read and hashed, and it is looked whether they are known.
pub(crate) const READ: &str = "read";
/// A worker decodes.
pub(crate) const DECODE: &str = "decode";
/// The encoders are waited for.
pub(crate) const ENCODE: &str = "encode";
/// The store writes: for a folder many files at a time.
pub(crate) const COMMIT: &str = "commit";

/// A spread for each stage.
#[derive(Debug)]
pub(crate) struct Stages([(&'static str, Spread); 4]);

impl Default for Stages {
    fn default() -> Self {
        Self([READ, DECODE, ENCODE, COMMIT].map(|stage| (stage, Spread::of_seconds())))
    }
}

impl Stages {
    /// Takes note of a stage of one item.
    pub(crate) fn time(&self, stage: &'static str, took: Duration) {
        self.note(stage, took.as_secs_f64());
    }

    /// Takes note of the stages of one item.
    pub(crate) fn item(&self, times: &[StageTime]) {
        for StageTime { stage, seconds } in times {
            self.note(stage, *seconds);
        }
    }

    fn note(&self, stage: &str, seconds: f64) {
        if let Some((_, spread)) = self.0.iter().find(|(known, _)| *known == stage) {
            spread.observe(seconds);
        }
    }

    /// What was noted, of those stages that ever came.
    pub(crate) fn read(&self) -> Vec<(&'static str, SpreadReading)> {
        let read = self.0.iter().map(|(stage, spread)| (*stage, spread.read()));
        read.filter(|(_, reading)| reading.total() > 0).collect()
    }
}
