//! Messages between the pool and a worker: four bytes of length, big endian, then postcard.

use std::io::{self, Read, Write};
use std::time::Duration;

use sensorium_types::{FailureReason, Modality};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::{EncoderSpec, Head, Limits, Part};

/// Largest message: one part of frames is a few megabytes.
const MAX_MESSAGE_BYTES: usize = 256 << 20;

/// A file to decode.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Request {
    /// Bytes of the path.
    pub path: Vec<u8>,
    /// What the encoders want.
    pub spec: EncoderSpec,
    /// What it may cost.
    pub limits: Limits,
    /// Threads that a video's decoder may use.
    pub threads: usize,
    /// When a decoder stops of itself, and gives what it has of a stream: after so long without anything new, and after so
    /// long in all. `None` if it need not look at the clock: not long after, the worker is killed.
    pub stops: Option<(Duration, Duration)>,
}

/// What a worker says of a file: its parts as they come, then what it is; or, perhaps after some parts, a failure. Of a
/// stream, which may end before its time, it says first what it is, so that parts can be kept.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Reply {
    /// What a stream is, before its first part.
    Begun(Told),
    /// One part.
    Part(Part),
    /// A later moment of a stream was decoded.
    GoesOn,
    /// The end of the file.
    Done(Told),
    /// It could not be decoded.
    Failed(FailureReason),
}

/// A [`Head`] on its way. The facts are JSON, which postcard cannot carry as such.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Told {
    modality: Modality,
    mime: String,
    facts: String,
    warning: Option<FailureReason>,
}

impl TryFrom<Head> for Told {
    type Error = io::Error;

    fn try_from(head: Head) -> io::Result<Self> {
        let Head { modality, mime, facts, warning } = head;
        Ok(Self { modality, mime, facts: serde_json::to_string(&facts).map_err(io::Error::other)?, warning })
    }
}

impl From<Told> for Head {
    fn from(told: Told) -> Self {
        let Told { modality, mime, facts, warning } = told;
        Self { modality, mime, facts: serde_json::from_str(&facts).unwrap_or_default(), warning }
    }
}

pub(super) fn send<T: Serialize>(to: &mut impl Write, message: &T) -> io::Result<()> {
    let bytes = postcard::to_stdvec(message).map_err(io::Error::other)?;
    let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
    to.write_all(&length.to_be_bytes())?;
    to.write_all(&bytes)?;
    to.flush()
}

/// The next message; `None` at the end of the stream.
pub(super) fn receive<T: DeserializeOwned>(from: &mut impl Read) -> io::Result<Option<T>> {
    let mut length = [0_u8; 4];
    match from.read_exact(&mut length) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    let length = u32::from_be_bytes(length) as usize;
    if length > MAX_MESSAGE_BYTES {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("a message of {length} bytes")));
    }
    let mut bytes = vec![0_u8; length];
    from.read_exact(&mut bytes)?;
    postcard::from_bytes(&bytes).map(Some).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PartContent, reason};
    use sensorium_types::{Payload, ReasonKind, Span, Track};

    #[test]
    fn messages_come_through() {
        let part = Part {
            track: Track::Audio,
            ordinal: 3,
            span: Some(Span::Time { start_ms: 1, end_ms: 2 }),
            content: PartContent::Pcm(vec![0.5, -0.5]),
            thumb: Some(vec![1, 2]),
        };
        let mut facts = Payload::new();
        facts.set("codec", "flac");
        let warning = Some(reason(ReasonKind::Corrupt, "cut short"));
        let head = Head { modality: Modality::Audio, mime: "audio/wav".to_owned(), facts, warning };
        let done = Reply::Done(Told::try_from(head.clone()).expect("encodes"));
        let mut wire = Vec::new();
        send(&mut wire, &Reply::Part(part.clone())).expect("sends");
        send(&mut wire, &done).expect("sends");
        let mut wire = wire.as_slice();
        let Some(Reply::Part(read)) = receive(&mut wire).expect("receives") else { panic!("a part") };
        assert_eq!(read, part);
        let Some(Reply::Done(told)) = receive(&mut wire).expect("receives") else { panic!("the end") };
        assert_eq!(Head::from(told), head);
        assert!(receive::<Reply>(&mut wire).expect("ends").is_none());
    }

    #[test]
    fn absurd_lengths_are_refused() {
        assert!(receive::<Reply>(&mut [0xFF, 0xFF, 0xFF, 0xFF, 0].as_slice()).is_err());
    }
}
