//! Looks after a server and its collections.

use sensorium_api::convert::failure_of_reason;
use sensorium_api::{PROTOCOL, v1};
use sensorium_types::FailedFile;
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
        let (_place, v1::ListFailuresRequest { collection_name, warnings }) = enter(request);
        let engine = self.context.reader(&collection_name).await?;
        let failures = if warnings {
            self.context.within(engine.warnings()).await?
        } else {
            self.context.within(engine.failures()).await?
        };
        let files = failures
            .into_iter()
            .map(|FailedFile { path, reason, tries, bytes }| v1::FailedFile {
                path: path.to_string_lossy().into_owned(),
                failure: Some(failure_of_reason(&reason)),
                tries,
                bytes,
            })
            .collect();
        Ok(Response::new(v1::ListFailuresResponse { files }))
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
