//! The bytes of an asset, in pieces.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use sensorium_api::{ConvertError, Fault, v1};
use sensorium_engine::OpenMedia;
use sensorium_types::ErrorKind;
use tracing::Instrument as _;

use crate::context::Context;
use crate::gate::Place;
use crate::services::answers::{AnswerSender, Answers, Unsent, answers};
use crate::stopping::stopped;

/// Bytes of a piece.
const PIECE_BYTES: usize = 256 * 1024;
/// Pieces that wait for a slow client.
const UNREAD_PIECES: usize = 4;

/// The stretch of the bytes that was asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Range {
    pub(super) offset: u64,
    pub(super) length: Option<u64>,
}

/// Begins to send a stretch of the media.
pub(super) fn send(
    context: &Context,
    place: Option<Place>,
    media: OpenMedia,
    Range { offset, length }: Range,
) -> Result<Answers<v1::GetMediaResponse>, Fault> {
    let OpenMedia { file, bytes, mime } = media;
    let Some(behind) = bytes.checked_sub(offset) else {
        let (expected, received) = ("at most the size of the asset", offset.to_string());
        return Err(ConvertError::Number { field: "offset", expected, received }.into());
    };
    let first =
        v1::GetMediaResponse { chunk: Vec::new(), total_bytes: bytes, mime: mime.unwrap_or_default() };
    let left = length.map_or(behind, |length| length.min(behind));
    let (sender, answers) = answers(UNREAD_PIECES, context.settings().unread_timeout);
    let mut stopping = context.stopping();
    let sending = async move {
        let _place = place;
        let reading = pieces(file, (offset, left), first, &sender);
        let ended = tokio::select! {
            ended = reading => ended,
            () = stopped(&mut stopping) => {
                Err(End::Told(Fault::new(ErrorKind::Unavailable, "the server stops")))
            }
        };
        match ended {
            Ok(()) | Err(End::Left) => {}
            Err(End::Unread) => sender.end_unread(),
            Err(End::Told(fault)) => sender.end(fault),
        }
    };
    tokio::spawn(sending.in_current_span());
    Ok(answers)
}

/// Why the bytes end before their end.
enum End {
    Left,
    Unread,
    Told(Fault),
}

/// Sends piece after piece; the first comes also where there are no bytes, for it says how many there are.
async fn pieces(
    mut file: File,
    (offset, mut left): (u64, u64),
    mut answer: v1::GetMediaResponse,
    sender: &AnswerSender<v1::GetMediaResponse>,
) -> Result<(), End> {
    let mut at = offset;
    loop {
        let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(PIECE_BYTES);
        let read = tokio::task::spawn_blocking(move || {
            let mut piece = vec![0; wanted];
            let read = file.seek(SeekFrom::Start(at)).and_then(|_| file.read_exact(&mut piece));
            read.map(|()| (file, piece))
        });
        let lost = |_| Fault::new(ErrorKind::FailedPrecondition, "the file changed while it was read");
        let (same, piece) = match read.await {
            Ok(read) => read.map_err(|error| End::Told(lost(error)))?,
            Err(_) => return Err(End::Told(Fault::new(ErrorKind::Bug, "a task that reads media died"))),
        };
        file = same;
        at += wanted as u64;
        left -= wanted as u64;
        answer.chunk = piece;
        sender.send(answer).await.map_err(|unsent| match unsent {
            Unsent::Left => End::Left,
            Unsent::Unread(_) => End::Unread,
        })?;
        if left == 0 {
            return Ok(());
        }
        answer = v1::GetMediaResponse::default();
    }
}
