//! Audio files through symphonia: WAV, FLAC, MP3, Ogg Vorbis, AAC, ALAC, AIFF and what else it knows.

use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::time::Instant;

use sensorium_types::{FailureReason, Payload, ReasonKind};
use symphonia::core::codecs::audio::{AudioDecoder, AudioDecoderOptions};
use symphonia::core::common::Limit;
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader, TrackType};
use symphonia::core::io::MediaSourceStream;
use symphonia::core::meta::{MetadataOptions, MetadataRevision, StandardTag};

use super::cutter::Cutter;
use super::mono::Mono;
use super::resample::Resample;
use crate::ffmpeg::{cut_short, stopped};
use crate::job::Job;
use crate::reason;
use crate::sniff::mpeg;

/// Damaged packets after which a file is given up.
const MAX_BAD_PACKETS: usize = 200;
/// Bytes of tags that are read; images among them are not.
const MAX_TAG_BYTES: usize = 1 << 20;
/// Longest text tag that becomes a fact, in characters.
const MAX_TAG_CHARS: usize = 500;

/// What a file says about itself, and what became of its samples.
pub(super) struct Heard {
    /// Its facts.
    pub facts: Payload,
    /// Why samples are missing.
    pub trouble: Option<FailureReason>,
}

/// Streams a file's default audio track into the cutter. Files of several links (chained Ogg) are read to their end: each
/// link has a decoder of its own, and follows the one before on one timeline.
///
/// # Errors
/// Only while the cutter has no sample yet: damage behind that ends the audio.
pub(super) fn decode(job: &Job, cutter: &mut Cutter) -> Result<Heard, FailureReason> {
    let mut format = open(job.path)?;
    let mut facts = Payload::new();
    let mut mixer = Mixer::new(job.spec.sample_rate_hz);
    // Frames of the links so far by their headers, in milliseconds; none once a link does not say.
    let mut claimed_ms = Some(0);
    let end = loop {
        let link = match Link::of(format.as_ref()) {
            Ok(link) => link,
            Err(trouble) if cutter.heard() == 0 => return Err(trouble),
            Err(trouble) => break End::Damaged(trouble),
        };
        if facts.get("codec").is_none() {
            facts.set("codec", link.decoder.codec_info().short_name);
        }
        claimed_ms = claimed_ms.zip(link.length_ms).map(|(before, length)| before + length);
        let end = packets(format.as_mut(), link, &mut mixer, cutter, &mut facts)?;
        if !matches!(end, End::Link) {
            break end;
        }
    };
    mixer.flush(cutter)?;
    read_tags(format.as_mut(), &mut facts);
    if let (true, Some(claimed_ms)) = (cutter.is_full() || matches!(end, End::Stopped), claimed_ms) {
        // Not all of it was read: its header knows its length.
        facts.set("duration_ms", claimed_ms);
    }
    let heard_ms = cutter.milliseconds();
    let trouble = match end {
        End::Full | End::Link => None,
        End::Stopped => Some(stopped(heard_ms, claimed_ms)),
        // The length of an MP3 without an index is a guess.
        End::Over if job.mime == "audio/mpeg" => None,
        End::Over => cut_short(heard_ms, claimed_ms, || Ok(())),
        End::Damaged(trouble) => cut_short(heard_ms, claimed_ms, || Err(trouble)),
    };
    Ok(Heard { facts, trouble })
}

/// The tags of a file, as far as symphonia reads it.
pub(super) fn tags(path: &Path) -> Payload {
    let mut facts = Payload::new();
    if let Ok(mut format) = open(path) {
        read_tags(format.as_mut(), &mut facts);
    }
    facts
}

fn open(path: &Path) -> Result<Box<dyn FormatReader>, FailureReason> {
    let file = fs_err::File::open(path).map_err(|error| reason(ReasonKind::Unreadable, error.to_string()))?;
    let mut stream = MediaSourceStream::new(Box::new(file.into_parts().0), Default::default());
    skip_ape_tag(&mut stream).map_err(|error| reason(ReasonKind::Unreadable, error.to_string()))?;
    let meta = MetadataOptions::default()
        .limit_tag_bytes(Limit::Maximum(MAX_TAG_BYTES))
        .limit_visual_bytes(Limit::Maximum(0));
    symphonia::default::get_probe()
        .probe(&Hint::new(), stream, FormatOptions::default(), meta)
        .map_err(|error| failure(&error))
}

/// An audio track until its parameters change.
struct Link {
    track_id: u32,
    decoder: Box<dyn AudioDecoder>,
    length_ms: Option<u64>,
}

impl Link {
    fn of(format: &dyn FormatReader) -> Result<Self, FailureReason> {
        let track = format
            .default_track(TrackType::Audio)
            .ok_or_else(|| reason(ReasonKind::Unsupported, "no audio track"))?;
        let params = track
            .codec_params
            .as_ref()
            .and_then(|params| params.audio())
            .ok_or_else(|| reason(ReasonKind::Unsupported, "an audio track of unknown codec"))?;
        let decoder = symphonia::default::get_codecs()
            .make_audio_decoder(params, &AudioDecoderOptions::default())
            .map_err(|error| failure(&error))?;
        let rate = params.sample_rate.filter(|rate| *rate > 0);
        let length_ms =
            track.num_frames.zip(rate).map(|(frames, rate)| frames.saturating_mul(1000) / u64::from(rate));
        Ok(Self { track_id: track.id, decoder, length_ms })
    }
}

/// Why there are no more packets.
enum End {
    /// The file is over.
    Over,
    /// Another link follows.
    Link,
    /// No more is cut.
    Full,
    /// The time is up.
    Stopped,
    /// The rest cannot be read.
    Damaged(FailureReason),
}

fn packets(
    format: &mut dyn FormatReader,
    link: Link,
    mixer: &mut Mixer,
    cutter: &mut Cutter,
    facts: &mut Payload,
) -> Result<End, FailureReason> {
    let Link { track_id, mut decoder, .. } = link;
    let mut interleaved = Vec::new();
    let mut bad = 0;
    let ended = |end: Option<Error>, bad: usize, mixer: &Mixer| match end {
        Some(error) if mixer.is_empty() => Err(failure(&error)),
        None if mixer.is_empty() => {
            Err(reason(ReasonKind::Corrupt, format!("no audio could be decoded, {bad} damaged packets")))
        }
        Some(error) => Ok(End::Damaged(failure(&error))),
        None => Ok(End::Over),
    };
    loop {
        if cutter.is_full() {
            return Ok(End::Full);
        }
        if Instant::now() >= cutter.until() {
            return if mixer.is_empty() { Err(stopped(0, None)) } else { Ok(End::Stopped) };
        }
        let packet = match format.next_packet() {
            Ok(Some(packet)) => packet,
            Ok(None) => return ended(None, bad, mixer),
            Err(Error::ResetRequired) => return Ok(End::Link),
            Err(error) => return ended(Some(error), bad, mixer),
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
            Err(error) => return ended(Some(error), bad, mixer),
        };
        let (channels, rate) = (buffer.spec().channels().count().max(1), buffer.spec().rate());
        if mixer.is_empty() {
            facts.set("sample_rate_hz", rate);
            facts.set("channels", channels);
        }
        buffer.copy_to_vec_interleaved::<f32>(&mut interleaved);
        mixer.push(&interleaved, channels, rate, cutter)?;
    }
}

/// Samples of any rate and any channels to the cutter. Both may change.
struct Mixer {
    to_hz: u32,
    /// What suits the samples that came last.
    current: Option<Current>,
    mixed: Vec<f32>,
    ready: Vec<f32>,
}

struct Current {
    channels: usize,
    rate: u32,
    mono: Mono,
    resample: Resample,
}

impl Mixer {
    fn new(to_hz: u32) -> Self {
        Self { to_hz, current: None, mixed: Vec::new(), ready: Vec::new() }
    }

    /// Whether no samples came yet.
    fn is_empty(&self) -> bool {
        self.current.is_none()
    }

    fn push(
        &mut self,
        interleaved: &[f32],
        channels: usize,
        rate: u32,
        cutter: &mut Cutter,
    ) -> Result<(), FailureReason> {
        if self.current.as_ref().is_none_or(|now| (now.channels, now.rate) != (channels, rate)) {
            self.flush(cutter)?;
            let (mono, resample) = (Mono::new(rate, channels), Resample::new(rate, self.to_hz)?);
            self.current = Some(Current { channels, rate, mono, resample });
        }
        let Some(now) = self.current.as_mut() else { return Ok(()) };
        now.mono.push(interleaved, &mut self.mixed);
        now.resample.push(&self.mixed, &mut self.ready)?;
        cutter.push(&self.ready)?;
        self.mixed.clear();
        self.ready.clear();
        Ok(())
    }

    /// Hands over what is held back; other samples may follow.
    fn flush(&mut self, cutter: &mut Cutter) -> Result<(), FailureReason> {
        let Some(mut now) = self.current.take() else { return Ok(()) };
        now.mono.flush(&mut self.mixed);
        now.resample.push(&self.mixed, &mut self.ready)?;
        now.resample.finish(&mut self.ready)?;
        cutter.push(&self.ready)?;
        self.mixed.clear();
        self.ready.clear();
        Ok(())
    }
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
