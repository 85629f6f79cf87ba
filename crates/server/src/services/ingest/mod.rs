//! Brings media in.
//!
//! ```text
//! Start ─► Started                                        stream.rs
//! Item  ─► room for it? (room.rs) ─► Engine::ingest in a task of its own ─► ItemResult, Ack (watermark.rs)
//!            └─ no places: Backoff, and the stream is read no further; no bytes: OutOfMemory and a failed result
//! Stop, or the server stops (ShuttingDown) ─► what is in progress ends ─► end of the stream
//! ```
//!
//! A client may send without waiting. What is not read yet fills the window of its stream and no more
//! (`sensorium_api::STREAM_WINDOW_BYTES`), and then the client waits. One that does not read its answers is read no
//! further either, and told so in the end (`services/answers.rs`).

mod paths;
mod room;
mod stream;
mod upload;
mod watermark;

use sensorium_api::v1;
use tonic::{Request, Response, Status, Streaming};
use tracing::Instrument as _;

use super::answers::{Answers, answers};
use crate::access::carry;
use crate::context::Context;
use crate::gate::{Place, enter};

/// Answers that wait for the client to read them.
const UNREAD_ANSWERS: usize = 64;

/// `IngestService`.
#[derive(Debug)]
pub(super) struct Service {
    context: Context,
}

impl Service {
    pub(super) const fn new(context: Context) -> Self {
        Self { context }
    }
}

#[tonic::async_trait]
impl v1::ingest_service_server::IngestService for Service {
    type IngestStream = Answers<v1::IngestResponse>;
    type IndexPathsStream = Answers<v1::IndexPathsResponse>;

    async fn ingest(
        &self,
        request: Request<Streaming<v1::IngestRequest>>,
    ) -> Result<Response<Self::IngestStream>, Status> {
        let (place, messages) = enter(request);
        let context = self.context.clone();
        let (sender, answers) = answers(UNREAD_ANSWERS, context.settings().unread_timeout);
        let taking = carry(async move {
            let _place: Option<Place> = place;
            stream::run(context, messages, sender).await;
        });
        tokio::spawn(taking.in_current_span());
        Ok(Response::new(answers))
    }

    async fn upload(
        &self,
        request: Request<Streaming<v1::UploadRequest>>,
    ) -> Result<Response<v1::UploadResponse>, Status> {
        let (_place, messages) = enter(request);
        Ok(Response::new(upload::receive(&self.context, messages).await?))
    }

    async fn index_paths(
        &self,
        request: Request<v1::IndexPathsRequest>,
    ) -> Result<Response<Self::IndexPathsStream>, Status> {
        let (place, message) = enter(request);
        let run = paths::prepare(&self.context, message).await?;
        let (sender, answers) = answers(UNREAD_ANSWERS, self.context.settings().unread_timeout);
        let stopping = self.context.stopping();
        let running = async move {
            let _place: Option<Place> = place;
            run.go(sender, stopping).await;
        };
        tokio::spawn(running.in_current_span());
        Ok(Response::new(answers))
    }
}
