//! Turns media into vectors without storing anything.

use sensorium_api::convert::space;
use sensorium_api::{Fault, v1};
use sensorium_types::{Cancel, ErrorKind};
use tonic::{Request, Response, Status};

use crate::context::Context;
use crate::convert::{embed_inputs, embedding};
use crate::fetching::media_of_inputs;
use crate::gate::enter;

/// `EmbedService`.
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
impl v1::embed_service_server::EmbedService for Service {
    async fn embed(&self, request: Request<v1::EmbedRequest>) -> Result<Response<v1::EmbedResponse>, Status> {
        let (place, v1::EmbedRequest { mut inputs, using }) = enter(request);
        let limit = self.context.settings().call_timeout;
        let _brought = self.context.fetching().bring_now(media_of_inputs(&mut inputs), limit).await?;
        let inputs = embed_inputs(inputs, self.context.uploads())?;
        let engine = self.context.engine();
        let made_in = engine.bundle_space();
        if !using.is_empty() && using != made_in.id {
            let message = format!("the server's bundle has the space {:?}, not {using:?}", made_in.id);
            return Err(Fault::new(ErrorKind::NotFound, message).into());
        }
        let cancel = Cancel::new().keeping(place);
        let all = async {
            let mut embeddings = Vec::with_capacity(inputs.len());
            for input in inputs {
                embeddings.push(embedding(engine.embed(input, cancel.clone()).await?));
            }
            Ok(embeddings)
        };
        let embeddings = self.context.within(all).await?;
        Ok(Response::new(v1::EmbedResponse { embeddings, space: Some(space(&made_in)) }))
    }
}
