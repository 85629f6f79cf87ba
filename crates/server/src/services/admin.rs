//! Looks after a server and its collections.

use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use sensorium_api::convert::failure_of_reason;
use sensorium_api::{ConvertError, Fault, PROTOCOL, v1};
use sensorium_types::{Cursor, ErrorKind, FailedFile, path_of};
use tonic::{Request, Response, Status};

use super::{Answers, reembed};
use crate::context::Context;
use crate::fault::fault;
use crate::gate::enter;

/// `AdminService`.
#[derive(Debug)]
pub(super) struct Service {
    context: Context,
}

impl Service {
    pub(super) const fn new(context: Context) -> Self {
        Self { context }
    }
}

/// Most files of a page of those that failed.
const MAX_FAILURES: usize = 10_000;

/// The path that a page ended with.
fn place(after: String) -> Result<PathBuf, Fault> {
    let bytes = Cursor::new(after).bytes();
    let unreadable = || {
        let message = "after: expected the next_after of the page before";
        Fault { field: Some("after".to_owned()), ..Fault::new(ErrorKind::InvalidArgument, message) }
    };
    bytes.map(|bytes| path_of(&bytes)).ok_or_else(unreadable)
}

#[tonic::async_trait]
impl v1::admin_service_server::AdminService for Service {
    type ReembedStream = Answers<v1::ReembedResponse>;

    async fn info(&self, request: Request<v1::InfoRequest>) -> Result<Response<v1::InfoResponse>, Status> {
        let (_place, v1::InfoRequest {}) = enter(request);
        Ok(Response::new(v1::InfoResponse {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            protocol: PROTOCOL,
            collection_name: self.context.engine().collection_name().to_owned(),
            max_message_bytes: self.context.settings().max_message_bytes as u64,
        }))
    }

    async fn stats(&self, request: Request<v1::StatsRequest>) -> Result<Response<v1::StatsResponse>, Status> {
        let (_place, v1::StatsRequest { collection_name }) = enter(request);
        let engine = self.context.reader(&collection_name).await?;
        let stats = self.context.within(engine.stats()).await?;
        let mut response = v1::StatsResponse::of(&stats.collection, &stats.space, &stats.counts);
        response.captions_made = stats.captions.map(|captions| captions.made);
        response.captions_missing = stats.captions.map(|captions| captions.missing);
        Ok(Response::new(response))
    }

    async fn list_failures(
        &self,
        request: Request<v1::ListFailuresRequest>,
    ) -> Result<Response<v1::ListFailuresResponse>, Status> {
        let (_place, message) = enter(request);
        let v1::ListFailuresRequest { collection_name, warnings, limit, after } = message;
        let limit = limit.map_or(MAX_FAILURES, |limit| limit as usize);
        if !(1..=MAX_FAILURES).contains(&limit) {
            let (expected, received) = ("from 1 to 10000", limit.to_string());
            return Err(ConvertError::Number { field: "limit", expected, received }.into());
        }
        let after = (!after.is_empty()).then(|| place(after)).transpose()?;
        let engine = self.context.reader(&collection_name).await?;
        let failures = if warnings {
            self.context.within(engine.warnings()).await?
        } else {
            self.context.within(engine.failures()).await?
        };
        let count = failures.len();
        let begin = after.map_or(0, |after| failures.partition_point(|file| file.path <= after));
        let page: Vec<FailedFile> = failures.into_iter().skip(begin).take(limit).collect();
        let is_last = begin + page.len() >= count;
        let last =
            page.last().filter(|_| !is_last).map(|file| Cursor::of_bytes(file.path.as_os_str().as_bytes()));
        let files = page
            .into_iter()
            .map(|FailedFile { path, reason, tries, bytes }| v1::FailedFile {
                path: path.to_string_lossy().into_owned(),
                failure: Some(failure_of_reason(&reason)),
                tries,
                bytes,
            })
            .collect();
        let next_after = last.map(|last| last.as_str().to_owned()).unwrap_or_default();
        Ok(Response::new(v1::ListFailuresResponse { files, next_after, count: count as u64 }))
    }

    async fn verify(
        &self,
        request: Request<v1::VerifyRequest>,
    ) -> Result<Response<v1::VerifyResponse>, Status> {
        let (_place, v1::VerifyRequest { collection_name }) = enter(request);
        let engine = self.context.reader(&collection_name).await?;
        // It reads everything, as long as that takes and somebody waits for it.
        let problems = engine.verify().await.map_err(|error| fault(&error))?;
        Ok(Response::new(v1::VerifyResponse { problems: problems.into_iter().map(Into::into).collect() }))
    }

    async fn reembed(
        &self,
        request: Request<v1::ReembedRequest>,
    ) -> Result<Response<Self::ReembedStream>, Status> {
        let (place, message) = enter(request);
        Ok(Response::new(reembed::start(&self.context, place, message).await?))
    }

    async fn optimize(
        &self,
        request: Request<v1::OptimizeRequest>,
    ) -> Result<Response<v1::OptimizeResponse>, Status> {
        let (place, v1::OptimizeRequest { collection_name }) = enter(request);
        let engine = self.context.reader(&collection_name).await?;
        self.context.to_its_end(place, async move { engine.seal().await }).await?;
        Ok(Response::new(v1::OptimizeResponse { job_id: String::new() }))
    }
}
