//! Sound files through symphonia: WAV, FLAC, MP3, Ogg Vorbis, AAC, ALAC, AIFF and what else it knows.

use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use sensorium_types::{FailureReason, Payload, ReasonKind};
use symphonia::core::codecs::audio::{AudioDecoder, AudioDecoderOptions};
use symphonia::core::common::Limit;
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader, TrackType};
use symphonia::core::io::MediaSourceStream;
use symphonia::core::meta::{MetadataOptions, MetadataRevision, StandardTag};

use super::cutter::Cutter;
use super::resample::Resample;
use crate::sniff::mpeg;
use crate::{TowerSpec, reason};

/// Damaged packets after which a file is given up.
const MAX_BAD_PACKETS: usize = 200;
/// Bytes of tags that are read; pictures among them are not.
const MAX_TAG_BYTES: usize = 1 << 20;
/// Longest text tag that becomes a fact, in characters.
const MAX_TAG_CHARS: usize = 500;

/// Streams a file's first sound track into the cutter; gives what the file says about itself.
///
/// # Errors
/// Only while the cutter has no sample yet: damage behind that ends the sound.
pub(super) fn decode(path: &Path, spec: &TowerSpec, cutter: &mut Cutter) -> Result<Payload, FailureReason> {
    let file = fs_err::File::open(path).map_err(|error| reason(ReasonKind::Unreadable, error.to_string()))?;
    let mut stream = MediaSourceStream::new(Box::new(file.into_parts().0), Default::default());
    skip_ape_tag(&mut stream).map_err(|error| reason(ReasonKind::Unreadable, error.to_string()))?;
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
    let mut decoder = symphonia::default::get_codecs()
        .make_audio_decoder(&params, &AudioDecoderOptions::default())
        .map_err(|error| failure(&error))?;
    let frames = track.num_frames;
    let mut facts = Payload::new();
    facts.set("codec", decoder.codec_info().short_name);
    packets(format.as_mut(), decoder.as_mut(), track_id, spec, cutter, &mut facts)?;
    read_tags(format.as_mut(), &mut facts);
    if let (true, Some(frames), Some(rate)) = (cutter.is_full(), frames, params.sample_rate) {
        // Not all of it was read: its header knows its length.
        facts.set("duration_ms", frames.saturating_mul(1000) / u64::from(rate.max(1)));
    }
    Ok(facts)
}

fn packets(
    format: &mut dyn FormatReader,
    decoder: &mut dyn AudioDecoder,
    track_id: u32,
    spec: &TowerSpec,
    cutter: &mut Cutter,
    facts: &mut Payload,
) -> Result<(), FailureReason> {
    let mut resample: Option<(u32, Resample)> = None;
    let (mut interleaved, mut mono, mut ready) = (Vec::new(), Vec::new(), Vec::new());
    let mut bad = 0;
    while !cutter.is_full() {
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
            Err(_) if resample.is_some() => break,
            Err(error) => return Err(failure(&error)),
        };
        let (channels, rate) = (buffer.spec().channels().count().max(1), buffer.spec().rate());
        let known = resample.get_or_insert((rate, Resample::new(rate, spec.sample_rate_hz)?));
        if known.0 != rate {
            // A chained stream of another rate: what was before it stays.
            break;
        }
        facts.set("sample_rate_hz", rate);
        facts.set("channels", channels);
        buffer.copy_to_vec_interleaved::<f32>(&mut interleaved);
        mono.clear();
        mono.extend(
            interleaved.chunks_exact(channels).map(|frame| frame.iter().sum::<f32>() / frame.len() as f32),
        );
        known.1.push(&mono, &mut ready)?;
        cutter.push(&ready)?;
        ready.clear();
    }
    let Some((_, resample)) = resample else {
        return Err(reason(ReasonKind::Corrupt, format!("no sound could be decoded, {bad} damaged packets")));
    };
    resample.finish(&mut ready)?;
    cutter.push(&ready)
}

fn read_tags(format: &mut dyn FormatReader, facts: &mut Payload) {
    let mut metadata = format.metadata();
    // A file may hold several sets of tags (ID3 at its start and end, an encoder's own); the later win.
    loop {
        if let Some(revision) = metadata.current() {
            read_revision(revision, facts);
        }
        if metadata.pop().is_none() {
            return;
        }
    }
}

fn read_revision(revision: &MetadataRevision, facts: &mut Payload) {
    for tag in &revision.media.tags {
        let (name, value) = match &tag.std {
            Some(StandardTag::TrackTitle(title)) => ("title", title),
            Some(StandardTag::Artist(artist)) => ("artist", artist),
            Some(StandardTag::Album(album)) => ("album", album),
            Some(StandardTag::ReleaseYear(year) | StandardTag::RecordingYear(year)) => {
                facts.set("year", *year);
                continue;
            }
            Some(StandardTag::ReleaseDate(date) | StandardTag::RecordingDate(date)) => {
                if let Some(year) = date.get(..4).and_then(|year| year.parse::<u16>().ok()) {
                    facts.set("year", year);
                }
                continue;
            }
            Some(_) | None => continue,
        };
        let text: String = value.chars().take(MAX_TAG_CHARS).collect();
        if !text.trim().is_empty() {
            facts.set(name, text);
        }
    }
}

/// Goes behind an APE tag at the start: other junk is passed over by the search for the first frame, but the cover in a
/// tag may be larger than what that search reads.
fn skip_ape_tag(stream: &mut MediaSourceStream) -> std::io::Result<()> {
    let mut head = Vec::new();
    stream.take(mpeg::APE_HEADER_BYTES).read_to_end(&mut head)?;
    stream.seek(SeekFrom::Start(mpeg::ape_tag_bytes(&head)))?;
    Ok(())
}

fn failure(error: &Error) -> FailureReason {
    let kind = if matches!(error, Error::Unsupported(_)) {
        ReasonKind::Unsupported
    } else if matches!(error, Error::LimitError(_)) {
        ReasonKind::TooLarge
    } else {
        ReasonKind::Corrupt
    };
    reason(kind, error.to_string())
}
