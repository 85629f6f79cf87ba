//! Messages between the pool and a worker: four bytes of length, big endian, then postcard.

use std::io::{self, Read, Write};

use sensorium_types::{FailureReason, Modality};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::{Limits, Part, TowerSpec};

/// Largest message: one part of frames is a few megabytes.
const MAX_MESSAGE_BYTES: usize = 256 << 20;

/// A file to decode.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Request {
    /// Bytes of the path.
    pub path: Vec<u8>,
    /// What the towers want.
    pub spec: TowerSpec,
    /// What it may cost.
    pub limits: Limits,
    /// Threads that a film's decoder may use.
    pub threads: usize,
}

/// What a worker says of a file: its parts as they come, then what it is; or, perhaps after some parts, a failure.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Reply {
    /// One part.
    Part(Part),
    /// The end of the file. The facts are JSON, which postcard cannot carry as such.
    Done {
        /// Its modality.
        modality: Modality,
        /// Its media type.
        mime: String,
        /// Its facts.
        facts: String,
        /// What is doubtful about its parts.
        warning: Option<FailureReason>,
    },
    /// It could not be decoded.
    Failed(FailureReason),
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
    use crate::PartContent;
    use sensorium_types::{Span, Track};

    #[test]
    fn messages_come_through() {
        let part = Part {
            track: Track::Audio,
            ordinal: 3,
            span: Some(Span::Time { start_ms: 1, end_ms: 2 }),
            content: PartContent::Pcm(vec![0.5, -0.5]),
            thumb: Some(vec![1, 2]),
        };
        let done = Reply::Done {
            modality: Modality::Audio,
            mime: "audio/wav".to_owned(),
            facts: "{}".to_owned(),
            warning: None,
        };
        let mut wire = Vec::new();
        send(&mut wire, &Reply::Part(part.clone())).expect("sends");
        send(&mut wire, &done).expect("sends");
        let mut wire = wire.as_slice();
        let Some(Reply::Part(read)) = receive(&mut wire).expect("receives") else { panic!("a part") };
        assert_eq!(read, part);
        assert!(matches!(receive(&mut wire).expect("receives"), Some(Reply::Done { .. })));
        assert!(receive::<Reply>(&mut wire).expect("ends").is_none());
    }

    #[test]
    fn absurd_lengths_are_refused() {
        assert!(receive::<Reply>(&mut [0xFF, 0xFF, 0xFF, 0xFF, 0].as_slice()).is_err());
    }
}
