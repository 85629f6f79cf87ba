//! [`Encode`] by the towers of a bundle.

use std::sync::Arc;

use parking_lot::Mutex;
use sensorium_embed::{Bundle, Encoder, EncoderConfig, Input, Priority, Ticket};
use sensorium_types::{CalibrationTable, SpaceInfo};

use super::{Encode, Pending};
use crate::EngineError;

/// The towers of a bundle behind a queue, which starts at its first use.
#[derive(Debug)]
pub(crate) struct Towers {
    bundle: Arc<Bundle>,
    encoder: Mutex<Option<Arc<Encoder>>>,
}

impl Towers {
    pub(crate) fn new(bundle: Arc<Bundle>) -> Self {
        Self { bundle, encoder: Mutex::new(None) }
    }

    fn encoder(&self) -> Result<Arc<Encoder>, EngineError> {
        let mut slot = self.encoder.lock();
        if let Some(encoder) = slot.as_ref() {
            return Ok(Arc::clone(encoder));
        }
        let encoder = Arc::new(Encoder::start(Arc::clone(&self.bundle), EncoderConfig::default())?);
        *slot = Some(Arc::clone(&encoder));
        Ok(encoder)
    }
}

impl Encode for Towers {
    fn space(&self) -> SpaceInfo {
        self.bundle.space()
    }

    fn calibration(&self) -> CalibrationTable {
        self.bundle.calibration().clone()
    }

    fn submit(&self, inputs: Vec<Input>, priority: Priority) -> Result<Box<dyn Pending>, EngineError> {
        Ok(Box::new(OnTheWay(self.encoder()?.submit(inputs, priority)?)))
    }
}

#[derive(Debug)]
struct OnTheWay(Ticket);

impl Pending for OnTheWay {
    fn wait(self: Box<Self>) -> Result<Vec<Vec<f32>>, EngineError> {
        Ok(self.0.wait()?)
    }
}
