//! Sound files through symphonia: WAV, FLAC, MP3, Ogg Vorbis, AAC, ALAC, AIFF and what else it knows.

use std::path::Path;

use sensorium_types::{FailureReason, Payload, ReasonKind};
use symphonia::core::codecs::audio::AudioDecoderOptions;
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader, TrackType};
use symphonia::core::io::MediaSourceStream;
use symphonia::core::common::Limit;
use symphonia::core::meta::{MetadataOptions, StandardTag};

use super::Sound;
use super::resample::Resample;
use crate::{Limits, TowerSpec, reason};

/// Damaged packets after which a file is given up.
const MAX_BAD_PACKETS: usize = 200;
/// Bytes of tags that are read; pictures among them are not.
const MAX_TAG_BYTES: usize = 1 << 20;
/// Longest text tag that becomes a fact, in characters.
const MAX_TAG_CHARS: usize = 500;

pub(super) fn decode(path: &Path, spec: &TowerSpec, limits: &Limits) -> Result<Sound, FailureReason> {
    let file = fs_err::File::open(path).map_err(|error| reason(ReasonKind::Unreadable, error.to_string()))?;
    let stream = MediaSourceStream::new(Box::new(file.into_parts().0), Default::default());
    let meta = MetadataOptions::default()
        .limit_tag_bytes(Limit::Maximum(MAX_TAG_BYTES))
        .limit_visual_bytes(Limit::Maximum(0));
    let mut format = symphonia::default::get_probe()
        .probe(&Hint::new(), stream, FormatOptions::default(), meta)
        .map_err(|error| failure(&error))?;
    let track = format
        .default_track(TrackType::Audio)
        .ok_or_else(|| reason(ReasonKind::Unsupported, "no sound track"))?;
    let track_id = track.id;
    let params = track
        .codec_params
        .as_ref()
        .and_then(|params| params.audio())
        .ok_or_else(|| reason(ReasonKind::Unsupported, "a sound track of unknown codec"))?
        .clone();
    let codecs = symphonia::default::get_codecs();
    let mut decoder =
        codecs.make_audio_decoder(&params, &AudioDecoderOptions::default()).map_err(|error| failure(&error))?;

    let mut facts = Payload::new();
    facts.set("codec", decoder.codec_info().short_name);
    let mut resample: Option<Resample> = None;
    let mut interleaved = Vec::new();
    let mut bad = 0;
    loop {
        let packet = match format.next_packet() {
            Ok(Some(packet)) => packet,
            Ok(None) | Err(Error::ResetRequired) => break,
            Err(_) if resample.is_some() => break,
            Err(error) => return Err(failure(&error)),
        };
        if packet.track_id != track_id {
            continue;
        }
        let buffer = match decoder.decode(&packet) {
            Ok(buffer) => buffer,
            Err(_) if bad < MAX_BAD_PACKETS => {
                bad += 1;
                continue;
            }
            Err(error) => return Err(failure(&error)),
        };
        let channels = buffer.spec().channels().count();
        let rate = buffer.spec().rate();
        if resample.is_none() {
            facts.set("sample_rate_hz", rate);
            facts.set("channels", channels);
            resample = Some(Resample::new(rate, spec.sample_rate_hz)?);
        }
        let Some(resample) = resample.as_mut() else { break };
        buffer.copy_to_vec_interleaved::<f32>(&mut interleaved);
        for frame in interleaved.chunks_exact(channels.max(1)) {
            resample.push(frame.iter().sum::<f32>() / frame.len() as f32)?;
        }
        if resample.seconds() > limits.max_media_seconds {
            break;
        }
    }
    read_tags(format.as_mut(), &mut facts);
    let samples = match resample {
        Some(resample) => resample.finish()?,
        None => return Err(reason(ReasonKind::Corrupt, format!("no sound could be decoded, {bad} damaged packets"))),
    };
    facts.set("duration_ms", samples.len() as u64 * 1000 / u64::from(spec.sample_rate_hz.max(1)));
    Ok(Sound { samples, facts })
}

fn read_tags(format: &mut dyn FormatReader, facts: &mut Payload) {
    let mut metadata = format.metadata();
    let Some(revision) = metadata.skip_to_latest() else { return };
    for tag in &revision.media.tags {
        let (name, value) = match &tag.std {
            Some(StandardTag::TrackTitle(title)) => ("title", title),
            Some(StandardTag::Artist(artist)) => ("artist", artist),
            Some(StandardTag::Album(album)) => ("album", album),
            Some(_) | None => continue,
        };
        let text: String = value.chars().take(MAX_TAG_CHARS).collect();
        if !text.trim().is_empty() {
            facts.set(name, text);
        }
    }
}

fn failure(error: &Error) -> FailureReason {
    let kind = match error {
        Error::Unsupported(_) => ReasonKind::Unsupported,
        Error::LimitError(_) => ReasonKind::TooLarge,
        _ => ReasonKind::Corrupt,
    };
    reason(kind, error.to_string())
}
