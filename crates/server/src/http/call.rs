//! Calls of the services in this process: what comes by HTTP goes the way that gRPC goes, through the same gates and limits.

use bytes::Buf as _;
use http::Extensions;
use http::uri::PathAndQuery;
use sensorium_api::reflect::{DynamicMessage, MessageDescriptor, MethodDescriptor};
use sensorium_api::{Fault, Message as _};
use sensorium_types::ErrorKind;
use tonic::client::Grpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::metadata::MetadataMap;
use tonic::{Request, Status, Streaming};

/// The services, as they are called from here.
#[derive(Debug, Clone)]
pub(super) struct Services(axum::Router);

impl Services {
    pub(super) const fn new(routes: axum::Router) -> Self {
        Self(routes)
    }

    /// What typed clients are made of.
    pub(super) fn channel(&self) -> axum::Router {
        self.0.clone()
    }

    /// One answer to one message. `extensions` are those of the request that asks.
    pub(super) async fn unary(
        &self,
        method: &MethodDescriptor,
        message: DynamicMessage,
        extensions: Extensions,
    ) -> Result<DynamicMessage, Fault> {
        let path = path(method)?;
        let request = Request::from_parts(MetadataMap::default(), extensions, message);
        let answered = self.client().unary(request, path, Messages(method.output())).await;
        answered.map(tonic::Response::into_inner).map_err(|status| Fault::from_status(&status))
    }

    /// The answers to one message.
    pub(super) async fn stream(
        &self,
        method: &MethodDescriptor,
        message: DynamicMessage,
        extensions: Extensions,
    ) -> Result<Streaming<DynamicMessage>, Fault> {
        let path = path(method)?;
        let request = Request::from_parts(MetadataMap::default(), extensions, message);
        let answered = self.client().server_streaming(request, path, Messages(method.output())).await;
        answered.map(tonic::Response::into_inner).map_err(|status| Fault::from_status(&status))
    }

    fn client(&self) -> Grpc<axum::Router> {
        // Answers are as large as the services make them.
        Grpc::new(self.channel()).max_decoding_message_size(usize::MAX)
    }
}

fn path(method: &MethodDescriptor) -> Result<PathAndQuery, Fault> {
    let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
    PathAndQuery::try_from(path).map_err(|error| Fault::new(ErrorKind::Bug, error.to_string()))
}

/// Messages that are known at run time; the descriptor is that of answers.
#[derive(Debug, Clone)]
struct Messages(MessageDescriptor);

impl Codec for Messages {
    type Encode = DynamicMessage;
    type Decode = DynamicMessage;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        self.clone()
    }

    fn decoder(&mut self) -> Self {
        self.clone()
    }
}

impl Encoder for Messages {
    type Item = DynamicMessage;
    type Error = Status;

    fn encode(&mut self, message: DynamicMessage, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        message.encode(to).map_err(|error| Status::internal(error.to_string()))
    }
}

impl Decoder for Messages {
    type Item = DynamicMessage;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<DynamicMessage>, Status> {
        if !from.has_remaining() {
            return Ok(Some(DynamicMessage::new(self.0.clone())));
        }
        let message = DynamicMessage::decode(self.0.clone(), from);
        message.map(Some).map_err(|error| Status::internal(error.to_string()))
    }
}
