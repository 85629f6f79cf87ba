//! [`Encode`] by the encoders of a bundle.

use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;

use parking_lot::Mutex;
use sensorium_embed::{
    Batcher, BatcherConfig, Bundle, DecoderOptions, Image, Input, Priority, TextScores, Ticket,
};
use sensorium_types::{CalibrationTable, Cancel, Caption, HubBank, Language, Modality, SpaceInfo};

use super::{Captioned, Encode, Pending};
use crate::EngineError;

/// The encoders of a bundle behind a queue, which starts at its first use.
#[derive(Debug)]
pub(crate) struct Encoders {
    bundle: Arc<Bundle>,
    encoder: Mutex<Option<Arc<Batcher>>>,
    /// Held while a caption is written, so that many callers do not take more of the machine than one.
    captioning: Mutex<()>,
}

impl Encoders {
    pub(crate) fn new(bundle: Arc<Bundle>) -> Self {
        Self { bundle, encoder: Mutex::new(None), captioning: Mutex::new(()) }
    }

    fn encoder(&self) -> Result<Arc<Batcher>, EngineError> {
        let mut slot = self.encoder.lock();
        if let Some(encoder) = slot.as_ref() {
            return Ok(Arc::clone(encoder));
        }
        let started = Batcher::start(Arc::clone(&self.bundle), BatcherConfig::default());
        // No fault of what was to be encoded.
        let failed =
            |error| EngineError::Io { action: "start the encoders", source: io::Error::other(error) };
        let encoder = Arc::new(started.map_err(failed)?);
        *slot = Some(Arc::clone(&encoder));
        Ok(encoder)
    }
}

impl Encode for Encoders {
    fn space(&self) -> SpaceInfo {
        self.bundle.space()
    }

    fn calibration(&self) -> CalibrationTable {
        self.bundle.calibration().clone()
    }

    fn corrected_calibration(&self) -> CalibrationTable {
        self.bundle.corrected_calibration().clone()
    }

    fn hubs(&self) -> Option<Arc<dyn HubBank>> {
        self.bundle.hubs()
    }

    fn language(&self, text: &str) -> Result<Language, EngineError> {
        Ok(self.bundle.language(text)?)
    }

    fn submit(&self, inputs: Vec<Input>, priority: Priority) -> Result<Box<dyn Pending>, EngineError> {
        Ok(Box::new(OnTheWay(self.encoder()?.submit(inputs, priority)?)))
    }

    fn caption_revision(&self) -> Option<String> {
        let has_any = self.bundle.captioned().next().is_some();
        has_any.then(|| self.bundle.space().revision)
    }

    fn captioned(&self) -> Vec<Modality> {
        self.bundle.captioned().collect()
    }

    fn check_captions(&self) -> Result<(), EngineError> {
        let first = self.bundle.captioned().next().unwrap_or(Modality::Image);
        self.bundle.captioner(first)?;
        Ok(())
    }

    fn caption(
        &self,
        content: &Captioned,
        options: &DecoderOptions,
        on_piece: &mut dyn FnMut(&str) -> ControlFlow<()>,
    ) -> Result<Caption, EngineError> {
        let captioner = self.bundle.captioner(content.modality())?;
        let _one_at_a_time = self.captioning.lock();
        let grids = match content {
            Captioned::Image(image) => self.bundle.grids(&[image])?,
            Captioned::Audio(samples) => self.bundle.audio_grids(&[samples])?,
        };
        let memories = captioner.memories(&grids.iter().collect::<Vec<_>>())?;
        let memory = memories.first().ok_or(EngineError::Task { action: "put media into words" })?;
        Ok(captioner.caption(memory, options, on_piece)?)
    }

    fn score(&self, text: &str, images: &[Image]) -> Result<TextScores, EngineError> {
        let captioner = self.bundle.captioner(Modality::Image)?;
        let _one_at_a_time = self.captioning.lock();
        let grids = self.bundle.grids(&images.iter().collect::<Vec<_>>())?;
        let memories = captioner.memories(&grids.iter().collect::<Vec<_>>())?;
        Ok(captioner.score(text, &memories.iter().collect::<Vec<_>>())?)
    }
}

#[derive(Debug)]
struct OnTheWay(Ticket);

impl Pending for OnTheWay {
    fn wait(self: Box<Self>, cancel: &Cancel) -> Result<Vec<Vec<f32>>, EngineError> {
        Ok(self.0.wait(cancel)?)
    }
}
