//! From the steps of `preprocess` to what an encoder is given.

use super::OneSpace;
use super::manifest::{Channels, EncoderRow, MelVariant, Operation, fact};
use crate::EmbedError;
use crate::encoders::{Levels, Normalise};
use crate::mel::{LogMelSpec, PowerMelSpec};

/// How bytes or log-mels become numbers.
fn normalising(row: &EncoderRow) -> Option<(Channels, Channels, Option<f64>)> {
    row.preprocess.iter().find_map(|operation| match operation {
        Operation::Normalise { mean, scale, rescale } => Some((*mean, *scale, *rescale)),
        Operation::Resize { .. }
        | Operation::Crop { .. }
        | Operation::Resample { .. }
        | Operation::Logmel { .. }
        | Operation::Fill { .. }
        | Operation::Pad { .. } => None,
    })
}

/// The same for all colours, without a factor before.
pub(super) fn normalise(row: &EncoderRow) -> Result<Normalise, EmbedError> {
    normalising(row)
        .filter(|(_, _, rescale)| rescale.is_none())
        .and_then(|(mean, scale, _)| Some(Normalise { mean: mean.one()?, scale: scale.one()? }))
        .filter(|normalise| normalise.scale != 0.0)
        .ok_or_else(|| fact(format!("encoder {} does not say how it normalises", row.id)))
}

/// What the values of a byte count, colour by colour.
pub(super) fn levels(row: &EncoderRow) -> Result<Levels, EmbedError> {
    let (mean, scale, rescale) = normalising(row)
        .filter(|(_, scale, _)| scale.each().iter().all(|scale| *scale != 0.0))
        .ok_or_else(|| fact(format!("encoder {} does not say how it normalises", row.id)))?;
    Ok(Levels::new(rescale.unwrap_or(1.0), mean.each(), scale.each()))
}

/// Samples a second of an encoder of audio.
pub(super) fn sample_rate(bundle: &OneSpace, row: &EncoderRow) -> Result<u32, EmbedError> {
    let audio = bundle.facts.cutting.audio;
    Ok(audio.ok_or_else(|| fact(format!("encoder {} does not say how audio is cut", row.id)))?.sample_rate_hz)
}

/// How an encoder's log-mel is made.
pub(super) fn mel_spec(row: &EncoderRow, sample_rate_hz: u32) -> Result<LogMelSpec, EmbedError> {
    let (mut spectrum, mut padding) = (None, None);
    for operation in &row.preprocess {
        match operation {
            Operation::Logmel { variant: MelVariant::HtkLog, frame, hop, fft, mels, fmin, fmax, offset } => {
                spectrum = Some((*frame, *hop, *fft, *mels, *fmin, *fmax, *offset));
            }
            Operation::Pad { multiple, min, max } => padding = Some((*multiple, *min, *max)),
            Operation::Logmel { variant: MelVariant::SlaneyDecibel, .. }
            | Operation::Fill { .. }
            | Operation::Resize { .. }
            | Operation::Crop { .. }
            | Operation::Resample { .. }
            | Operation::Normalise { .. } => (),
        }
    }
    let (Some((frame, hop, fft, mels, min_hz, max_hz, offset)), Some((multiple, min_frames, max_frames))) =
        (spectrum, padding)
    else {
        return Err(fact(format!("encoder {} does not say how its log-mel is made", row.id)));
    };
    let spec = LogMelSpec {
        sample_rate_hz,
        frame,
        hop,
        fft,
        mels,
        min_hz,
        max_hz,
        offset,
        multiple,
        min_frames,
        max_frames,
    };
    if !spec.is_audio() {
        return Err(fact(format!("encoder {} has a log-mel that cannot be: {spec:?}", row.id)));
    }
    Ok(spec)
}

/// How an encoder's spectrogram in decibels is made.
pub(super) fn power_spec(row: &EncoderRow, sample_rate_hz: u32) -> Result<PowerMelSpec, EmbedError> {
    let (mut spectrum, mut filling) = (None, None);
    for operation in &row.preprocess {
        match operation {
            Operation::Logmel {
                variant: MelVariant::SlaneyDecibel,
                frame,
                hop,
                fft,
                mels,
                fmin,
                fmax,
                offset,
            } if frame == fft => spectrum = Some((*frame, *hop, *mels, *fmin, *fmax, *offset)),
            Operation::Fill { samples, by } => filling = Some((*samples, *by)),
            Operation::Logmel { .. }
            | Operation::Pad { .. }
            | Operation::Resize { .. }
            | Operation::Crop { .. }
            | Operation::Resample { .. }
            | Operation::Normalise { .. } => (),
        }
    }
    let (Some((frame, hop, mels, min_hz, max_hz, floor)), Some((samples, fill))) = (spectrum, filling) else {
        return Err(fact(format!("encoder {} does not say how its spectrogram is made", row.id)));
    };
    let spec = PowerMelSpec { sample_rate_hz, samples, fill, frame, hop, mels, min_hz, max_hz, floor };
    if !spec.is_audio() {
        return Err(fact(format!("encoder {} has a spectrogram that cannot be: {spec:?}", row.id)));
    }
    Ok(spec)
}
