//! What the engine asks of decoders and towers.
//!
//! The real ones stand in [`workers`] and [`towers`]; tests put small fakes in their place.

mod spec;
mod towers;
mod workers;

use std::fmt::Debug;

use sensorium_embed::{Input, Priority};
use sensorium_media::{Cancel, Decoded, MediaInput};
use sensorium_types::{CalibrationTable, FailureReason, SpaceInfo};

use crate::EngineError;

pub use spec::tower_spec;
pub(crate) use towers::Towers;
pub(crate) use workers::Workers;

/// Bytes to parts, under limits.
pub trait Decode: Send + Sync + Debug {
    /// Decodes one file. Called from many threads at once; blocks.
    ///
    /// # Errors
    /// Outer: decoding as such does not work, which stops the run. Inner: this file failed.
    fn decode(
        &self,
        input: MediaInput,
        cancel: &Cancel,
    ) -> Result<Result<Decoded, FailureReason>, EngineError>;

    /// Largest file that is read, in bytes.
    fn max_bytes(&self) -> u64;
}

/// Parts to vectors.
pub trait Encode: Send + Sync + Debug {
    /// The space of the vectors.
    fn space(&self) -> SpaceInfo;

    /// What turns cosines into scores.
    fn calibration(&self) -> CalibrationTable;

    /// Queues inputs. Blocks while the queue is full for bulk work.
    ///
    /// # Errors
    /// If the queue is full for a query, or the towers cannot be loaded.
    fn submit(&self, inputs: Vec<Input>, priority: Priority) -> Result<Box<dyn Pending>, EngineError>;
}

/// Inputs on their way to vectors. A drop cancels what has not begun.
pub trait Pending: Send + Debug {
    /// Blocks until there is one vector of L2 norm 1 for each input, in order.
    ///
    /// # Errors
    /// If a tower failed.
    fn wait(self: Box<Self>) -> Result<Vec<Vec<f32>>, EngineError>;
}
