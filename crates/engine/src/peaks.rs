//! The loudness of a sound through time.

use std::sync::Arc;

use sensorium_media::{Cancel, MediaInput, Part, PartContent};
use sensorium_types::{AssetId, FailureReason, Modality, ReasonKind, Track};

use crate::EngineError;
use crate::blocking::blocking;
use crate::engine::Engine;

/// Time that one measurement covers, until it is known how long the sound is.
const STEP_MS: u64 = 10;
/// Longest sound that is measured, in milliseconds: a day.
const MOST_MS: u64 = 24 * 3600 * 1000;

/// A waveform as numbers.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Peaks {
    /// The time that all stretches together cover, in milliseconds.
    pub duration_ms: u64,
    /// The largest amplitude of each stretch, from 0 to 1.
    pub peaks: Vec<f32>,
}

impl Engine {
    /// The largest amplitude of each of so many stretches of an asset's sound, by decoding it once more. Silence is 0.
    ///
    /// # Errors
    /// [`EngineError::UnknownAsset`]; [`EngineError::NothingToHear`] of an asset without sound; if its media is away or can be
    /// decoded no more.
    pub async fn peaks(&self, asset: &AssetId, buckets: usize, cancel: Cancel) -> Result<Peaks, EngineError> {
        let found = self.store.get(std::slice::from_ref(asset), false).await?;
        let Some(stored) = found.into_iter().next().flatten() else {
            return Err(EngineError::UnknownAsset { asset: asset.clone() });
        };
        let silent = || EngineError::NothingToHear { asset: asset.clone() };
        if matches!(stored.record.modality, Modality::Image | Modality::Text) {
            return Err(silent());
        }
        let length = stored.record.facts.get("duration_ms").and_then(|length| length.as_u64()).unwrap_or(0);
        let input = MediaInput::Path(self.media(asset).await?.path);
        let decode = Arc::clone(&self.decode);
        let ends_with_the_call = cancel.on_drop();
        let heard = blocking("measure a sound", move || {
            let mut meter = Meter::default();
            let decoded = decode.hear(input, &cancel, &mut |part| meter.hear(&part))?;
            Ok(decoded.map(|_| meter))
        })
        .await;
        ends_with_the_call.disarm();
        let away = |reason| EngineError::MediaAway { asset: asset.clone(), reason };
        let meter = heard?.map_err(away)?;
        if meter.steps.is_empty() && length == 0 {
            return Err(silent());
        }
        Ok(meter.peaks(length, buckets))
    }
}

/// Measures samples as they are decoded. A few kilobytes a minute are held.
#[derive(Debug, Default)]
struct Meter {
    /// The largest amplitude of each [`STEP_MS`].
    steps: Vec<f32>,
}

impl Meter {
    /// Takes a part. Parts may overlap; what lies in none is silent.
    fn hear(&mut self, part: &Part) -> Result<(), FailureReason> {
        let (PartContent::Pcm(samples), Track::Audio) = (&part.content, part.track) else { return Ok(()) };
        let Some((start_ms, end_ms)) = part.span.and_then(|span| span.time()) else { return Ok(()) };
        if end_ms > MOST_MS {
            return Err(FailureReason::new(ReasonKind::TooLarge, "longer than a day"));
        }
        let steps = usize::try_from(end_ms.saturating_sub(start_ms).div_ceil(STEP_MS)).unwrap_or(0).max(1);
        let first = usize::try_from(start_ms / STEP_MS).unwrap_or(0);
        let loudest = (0..steps).map(|step| loudest(samples, (step, steps)));
        for (at, most) in (first..).zip(loudest) {
            if self.steps.len() <= at {
                self.steps.resize(at + 1, 0.0);
            }
            if let Some(step) = self.steps.get_mut(at) {
                *step = step.max(most.min(1.0));
            }
        }
        Ok(())
    }

    /// The measurements as so many stretches at most, over the sound's length as far as that is known.
    fn peaks(mut self, length_ms: u64, buckets: usize) -> Peaks {
        let of_length = usize::try_from(length_ms.min(MOST_MS).div_ceil(STEP_MS)).unwrap_or(usize::MAX);
        // What was heard decides where the two differ little, for a length is rounded, and in doubt the longer one.
        if of_length > self.steps.len() {
            self.steps.resize(of_length, 0.0);
        }
        let (steps, buckets) = (self.steps.len(), buckets.clamp(1, self.steps.len().max(1)));
        let peaks = (0..buckets).map(|bucket| loudest(&self.steps, (bucket, buckets))).collect();
        Peaks { duration_ms: steps as u64 * STEP_MS, peaks }
    }
}

/// The largest amplitude in one of so many like stretches of samples.
fn loudest(samples: &[f32], (at, of): (usize, usize)) -> f32 {
    let from = at * samples.len() / of;
    let to = ((at + 1) * samples.len() / of).max(from + 1);
    samples.get(from..to).unwrap_or_default().iter().fold(0.0_f32, |most, x| most.max(x.abs()))
}

#[cfg(test)]
mod tests {
    use sensorium_types::Span;

    use super::*;

    fn part(start_ms: u64, samples: Vec<f32>) -> Part {
        let end_ms = start_ms + samples.len() as u64;
        let span = Some(Span::Time { start_ms, end_ms });
        Part { track: Track::Audio, ordinal: 0, span, content: PartContent::Pcm(samples), thumb: None }
    }

    #[test]
    fn overlapping_parts_are_measured_where_they_lie_and_gaps_are_silent() {
        let mut meter = Meter::default();
        meter.hear(&part(0, vec![0.25; 40])).expect("heard");
        meter.hear(&part(20, [vec![0.0; 10], vec![-0.5; 10]].concat())).expect("heard");
        meter.hear(&part(100, vec![2.0; 10])).expect("heard");
        let peaks = meter.peaks(120, 12);
        assert_eq!(peaks.duration_ms, 120);
        let expected = [0.25, 0.25, 0.25, 0.5, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0];
        assert_eq!(peaks.peaks, expected);
    }

    #[test]
    fn there_are_no_more_stretches_than_measurements() {
        let mut meter = Meter::default();
        meter.hear(&part(0, vec![0.25; 30])).expect("heard");
        let steps = meter.steps.clone();
        assert_eq!(meter.peaks(0, 4000), Peaks { duration_ms: 30, peaks: vec![0.25; 3] });
        let meter = Meter { steps };
        assert_eq!(meter.peaks(0, 2), Peaks { duration_ms: 30, peaks: vec![0.25; 2] });
        let mut endless = Meter::default();
        assert_eq!(
            endless.hear(&part(MOST_MS, vec![0.0; 1])).expect_err("too long").kind,
            ReasonKind::TooLarge
        );
    }
}
