//! One large file in pieces.

use std::str::FromStr;
use std::time::Duration;

use sensorium_api::v1::upload_request::Message;
use sensorium_api::{ConvertError, Fault, v1};
use sensorium_types::{ContentHash, ErrorKind};
use tokio::time::timeout;
use tonic::{Status, Streaming};

use crate::context::Context;
use crate::stopping::stopped;

/// Takes an upload to its end.
pub(super) async fn receive(
    context: &Context,
    messages: Streaming<v1::UploadRequest>,
) -> Result<v1::UploadResponse, Status> {
    let mut stopping = context.stopping();
    tokio::select! {
        received = pieces(context, messages) => received,
        () = stopped(&mut stopping) => Err(Fault::new(ErrorKind::Unavailable, "the server stops").into()),
    }
}

async fn pieces(
    context: &Context,
    mut messages: Streaming<v1::UploadRequest>,
) -> Result<v1::UploadResponse, Status> {
    let idle = context.settings().idle_timeout;
    let Some(Message::Start(v1::UploadStart { total_bytes, content_hash })) =
        next(&mut messages, idle).await?
    else {
        return Err(protocol("the first message must be start").into());
    };
    let expected = match content_hash.as_str() {
        "" => None,
        hex => {
            let wrong = |source| ConvertError::Id { field: "start.content_hash", source };
            Some(ContentHash::from_str(hex).map_err(wrong)?)
        }
    };
    let mut receiving = context.uploads().begin(total_bytes)?;
    while let Some(message) = next(&mut messages, idle).await? {
        match message {
            Message::Chunk(piece) => receiving.take(&piece).await?,
            Message::Start(_) => return Err(protocol("start comes once").into()),
        }
    }
    let (upload_id, hash) = receiving.finish(expected).await?;
    Ok(v1::UploadResponse { upload_id, content_hash: hash.to_hex() })
}

/// The next message; `None` at the end.
async fn next(
    messages: &mut Streaming<v1::UploadRequest>,
    idle: Duration,
) -> Result<Option<Message>, Status> {
    let received = timeout(idle, messages.message()).await.map_err(|_| {
        let message = format!("no message came for {} s", idle.as_secs_f64());
        Fault::new(ErrorKind::DeadlineExceeded, message)
    })?;
    match received? {
        Some(v1::UploadRequest { message: Some(message) }) => Ok(Some(message)),
        Some(v1::UploadRequest { message: None }) => Err(protocol("a message without content").into()),
        None => Ok(None),
    }
}

fn protocol(what: &str) -> Fault {
    Fault::new(ErrorKind::InvalidArgument, format!("upload: {what}"))
}
