//! Media to vectors, without storing anything.

use sensorium_api::convert::{modality, space_info};
use sensorium_api::v1::embed_service_client::EmbedServiceClient;
use sensorium_api::{ConvertError, Fault, v1};
use sensorium_types::{ErrorKind, Modality, PointInfo, SpaceInfo, TermInput};

use crate::client::Service;
use crate::{Client, ClientError, file};

/// What an input was turned into.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedded {
    /// What the input is.
    pub modality: Modality,
    /// Its points in order of track and ordinal, each with its vector.
    pub points: Vec<(PointInfo, Vec<f32>)>,
    /// The space of the vectors.
    pub space: SpaceInfo,
}

impl Client {
    fn embeddings(&self) -> EmbedServiceClient<Service> {
        EmbedServiceClient::new(self.service.clone()).max_decoding_message_size(self.options.max_reply_bytes)
    }

    /// The vectors of a text, a file or bytes. The language of a text is told from its letters.
    ///
    /// # Errors
    /// [`ClientError`], among others for stored assets and vectors, which are not encoded.
    pub async fn embed(&self, input: TermInput) -> Result<Embedded, ClientError> {
        use v1::embed_input::Input;
        let input = match input {
            TermInput::Text(text) | TermInput::TextIn(_, text) => Input::Text(text),
            TermInput::File(path) => Input::Media(v1::MediaInput::of(file::read(path).await?)),
            TermInput::Bytes(bytes) => Input::Media(v1::MediaInput::of(bytes)),
            TermInput::Asset(_) | TermInput::Point(..) | TermInput::Vector(_) => {
                let message = "what has a vector already is not encoded";
                return Err(Fault::new(ErrorKind::InvalidArgument, message).into());
            }
        };
        let inputs = vec![v1::EmbedInput { input: Some(input) }];
        let message = v1::EmbedRequest { inputs, using: String::new() };
        let call = || async { self.embeddings().embed(self.request(message.clone())).await };
        let v1::EmbedResponse { embeddings, space } = self.options.retry.call(call).await?;
        let missing = ConvertError::Missing { field: "embeddings" };
        let v1::Embedding { modality: number, points } = embeddings.into_iter().next().ok_or(missing)?;
        let points = points.into_iter().map(point).collect::<Result<_, _>>()?;
        Ok(Embedded { modality: modality(number)?, points, space: space_info(space)? })
    }
}

fn point(mut message: v1::Point) -> Result<(PointInfo, Vec<f32>), ConvertError> {
    let vector = message.vector.take().ok_or(ConvertError::Missing { field: "points.vector" })?;
    Ok((PointInfo::try_from(&message)?, vector.values))
}
