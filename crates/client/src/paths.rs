//! Files that the server itself reads.

use std::path::PathBuf;

use futures::{Stream, StreamExt};
use sensorium_api::v1::ingest_service_client::IngestServiceClient;
use sensorium_api::{ConvertError, v1};
use sensorium_types::{IndexEvent, IndexRequest, IndexSummary};

use crate::item::file_outcome;
use crate::{Client, ClientError};

/// What a server tells of a run over files of its machine.
#[derive(Debug, Clone, PartialEq)]
pub enum IndexReply {
    /// One thing that happened.
    Event(IndexEvent),
    /// The counts at the end.
    Summary(IndexSummary),
}

impl Client {
    /// Has the server index files of its own machine; the last reply is the summary. Dropping the replies ends the run.
    ///
    /// # Errors
    /// [`ClientError`], among others if the server's operator does not allow these paths. Not tried again.
    pub async fn index_paths(
        &self,
        request: IndexRequest,
    ) -> Result<impl Stream<Item = Result<IndexReply, ClientError>> + Send + use<>, ClientError> {
        let IndexRequest { paths, include, exclude, prune, force, meta, retry_all } = request;
        let text = |path: PathBuf| path.to_string_lossy().into_owned();
        let message = v1::IndexPathsRequest {
            collection_name: self.collection(),
            paths: paths.into_iter().map(text).collect(),
            include,
            exclude,
            prune,
            force,
            metadata_path: meta.map(text).unwrap_or_default(),
            retry_all,
        };
        let events = IngestServiceClient::new(self.service.clone()).index_paths(message).await?.into_inner();
        Ok(events.map(|event| match event {
            Ok(message) => index_reply(message).map_err(ClientError::from),
            Err(status) => Err(status.into()),
        }))
    }
}

fn index_reply(message: v1::IndexPathsResponse) -> Result<IndexReply, ConvertError> {
    use v1::index_paths_response::Event;
    Ok(IndexReply::Event(match message.event.ok_or(ConvertError::Missing { field: "event" })? {
        Event::Walked(v1::IndexWalked { files, done }) => IndexEvent::Walked { files, done },
        Event::File(file) => IndexEvent::File(file_outcome(file)?),
        Event::PassedOver(v1::IndexPassedOver { path }) => IndexEvent::PassedOver { path: path.into() },
        Event::Summary(summary) => return Ok(IndexReply::Summary(index_summary(summary))),
    }))
}

fn index_summary(message: v1::IndexSummary) -> IndexSummary {
    let v1::IndexSummary {
        indexed,
        unchanged,
        failed,
        pruned,
        points,
        seconds,
        interrupted,
        metadata_unused,
        warned,
        change: _,
    } = message;
    IndexSummary { indexed, unchanged, failed, pruned, warned, points, seconds, interrupted, metadata_unused }
}
