//! [`Encode`] by the encoders of a bundle.

use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use sensorium_embed::{
    Batcher, BatcherConfig, Bundle, DecoderOptions, EmbedError, Image, Input, Priority, TextScores, Ticket,
    until_cancelled,
};
use sensorium_types::{
    CalibrationTable, Cancel, Caption, Content, EncoderFigures, HubBank, Language, Modality, SpaceInfo,
};

use super::{Captioned, Encode, Pending};
use crate::EngineError;

/// Time between two looks of one who waits for his turn at whether he is still to.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// The encoders of a bundle behind a queue, which starts at its first use.
#[derive(Debug)]
pub(crate) struct Encoders {
    bundle: Arc<Bundle>,
    encoder: Mutex<Option<Arc<Batcher>>>,
    /// Held while a caption decoder works for a caller, so that many do not take more of the machine than one.
    asked: Mutex<()>,
    /// The same of captions in the background, which so keep no caller waiting.
    aside: Mutex<()>,
}

impl Encoders {
    pub(crate) fn new(bundle: Arc<Bundle>) -> Self {
        Self { bundle, encoder: Mutex::new(None), asked: Mutex::new(()), aside: Mutex::new(()) }
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

    fn sentences(&self, text: &str) -> Vec<String> {
        self.bundle.sentences(text)
    }

    fn bridged(&self, from: (Content, &[f32]), to: Content) -> Result<Option<Vec<f32>>, EngineError> {
        Ok(self.bundle.bridged(from, to)?)
    }

    fn submit(&self, inputs: Vec<Input>, priority: Priority) -> Result<Box<dyn Pending>, EngineError> {
        Ok(Box::new(OnTheWay(self.encoder()?.submit(inputs, priority)?)))
    }

    fn figures(&self) -> Option<EncoderFigures> {
        self.encoder.lock().as_ref().map(|encoder| encoder.figures())
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
        (options, priority): (&DecoderOptions, Priority),
        on_piece: &mut dyn FnMut(&str) -> ControlFlow<()>,
    ) -> Result<Caption, EngineError> {
        let captioner = self.bundle.captioner(content.modality())?;
        let turn = match priority {
            Priority::Query => &self.asked,
            Priority::Bulk => &self.aside,
        };
        let Some(_one_at_a_time) = turn_of(turn, || on_piece("").is_break()) else {
            return Ok(Caption::stopped());
        };
        let grids = match content {
            Captioned::Image(image) => self.bundle.grids(&[image])?,
            Captioned::Audio(samples) => self.bundle.audio_grids(&[samples])?,
        };
        if on_piece("").is_break() {
            return Ok(Caption::stopped());
        }
        let memories = captioner.memories(&grids.iter().collect::<Vec<_>>())?;
        let memory = memories.first().ok_or(EngineError::Task { action: "put media into words" })?;
        Ok(captioner.caption(memory, options, on_piece)?)
    }

    fn score(&self, text: &str, images: &[Image], cancel: &Cancel) -> Result<TextScores, EngineError> {
        let captioner = self.bundle.captioner(Modality::Image)?;
        let turn = turn_of(&self.asked, || cancel.is_cancelled());
        let _one_at_a_time = turn.ok_or(EmbedError::Cancelled)?;
        let scores = until_cancelled(cancel, || {
            let grids = self.bundle.grids(&images.iter().collect::<Vec<_>>())?;
            let memories = captioner.memories(&grids.iter().collect::<Vec<_>>())?;
            captioner.score(text, &memories.iter().collect::<Vec<_>>())
        });
        Ok(scores?)
    }
}

/// Waits for a turn; `None` for one who has left, also where it is free.
fn turn_of(turn: &Mutex<()>, mut left: impl FnMut() -> bool) -> Option<MutexGuard<'_, ()>> {
    while !left() {
        if let Some(held) = turn.try_lock_for(LOOK_EVERY) {
            return Some(held);
        }
    }
    None
}

#[derive(Debug)]
struct OnTheWay(Ticket);

impl Pending for OnTheWay {
    fn wait(self: Box<Self>, cancel: &Cancel) -> Result<Vec<Vec<f32>>, EngineError> {
        Ok(self.0.wait(cancel)?)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::mpsc::channel;

    use sensorium_embed::{FolderFiles, LoadOptions};

    use super::*;

    /// Longest wait for what comes at once unless it hangs.
    const HANG: Duration = Duration::from_secs(300);

    fn encoders() -> (Encoders, Captioned) {
        let folder = FolderFiles("../../models/mini".into());
        let bundle = Bundle::load(folder, LoadOptions { threads: 2 }).expect("the default bundle loads");
        let side = bundle.cutting().image_size;
        let bytes = side as usize * side as usize * 3;
        let pixels = (0..=u8::MAX).cycle().take(bytes).collect();
        (Encoders::new(bundle), Captioned::Image(Image { width: side, height: side, pixels }))
    }

    fn go_on(_: &str) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    #[test]
    fn a_caption_in_the_background_keeps_no_query_waiting() {
        let (encoders, content) = encoders();
        let Captioned::Image(image) = &content else { unreachable!("an image") };
        let options = DecoderOptions::default();
        let (in_its_midst, begun) = channel();
        let (release, released) = channel();
        let (answered, answers) = channel();
        let ended = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let (encoders, content, options, ended) = (&encoders, &content, &options, &ended);
            let background = scope.spawn(move || {
                let mut looks = 0;
                let mut hold = |_: &str| {
                    looks += 1;
                    // After the look before its turn and the one behind the grid: at its first token.
                    if looks == 3 {
                        in_its_midst.send(()).expect("somebody waits");
                        released.recv().expect("told to go on");
                    }
                    ControlFlow::Continue(())
                };
                let caption = encoders.caption(content, (options, Priority::Bulk), &mut hold);
                ended.store(true, Ordering::SeqCst);
                caption.expect("a caption")
            });
            begun.recv().expect("it begins");
            scope.spawn(move || {
                let scores = encoders.score("a dog", std::slice::from_ref(image), &Cancel::new());
                let text = encoders.submit(vec![Input::Text("a dog".to_owned())], Priority::Query);
                let vectors = text.and_then(|pending| pending.wait(&Cancel::new()));
                let caption = encoders.caption(content, (options, Priority::Query), &mut go_on);
                let made = (scores.expect("scores").images.len(), vectors.expect("vectors").len());
                answered
                    .send((made, caption.expect("a caption"), ended.load(Ordering::SeqCst)))
                    .expect("heard");
            });
            let answer = answers.recv_timeout(HANG);
            // Also where that hung, so that the test ends.
            release.send(()).expect("it waits");
            let (made, asked, had_ended) = answer.expect("queries wait for what is made in the background");
            assert_eq!((made, had_ended), ((1, 1), false), "the query was answered first");
            assert_eq!(background.join().expect("no panic"), asked);
        });
    }

    #[test]
    fn one_who_leaves_while_others_are_served_gets_nothing() {
        let (encoders, content) = encoders();
        let Captioned::Image(image) = &content else { unreachable!("an image") };
        let _served = encoders.asked.lock();
        let mut looks = 0;
        let mut leave = |_: &str| {
            looks += 1;
            if looks < 3 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        let options = DecoderOptions::default();
        let caption = encoders.caption(&content, (&options, Priority::Query), &mut leave).expect("nothing");
        assert_eq!((caption.tokens.len(), caption.end_log_prob, looks), (0, None, 3));
        let cancel = Cancel::new();
        cancel.cancel();
        let scores = encoders.score("a dog", std::slice::from_ref(image), &cancel);
        assert!(matches!(scores, Err(EngineError::Embed(EmbedError::Cancelled))), "{scores:?}");
    }
}
