//! Media to words: captions, and storyboards of videos.

use futures::{Stream, StreamExt};
use sensorium_api::v1::caption_service_client::CaptionServiceClient;
use sensorium_api::{ConvertError, v1};
use sensorium_types::{
    Caption, CaptionEvent, CaptionInput, CaptionOptions, CaptionParts, CaptionRequest, CaptionStrategy,
    CaptionToken, PartCaption, SummaryLength,
};

use crate::client::Service;
use crate::query::{number, point_ref};
use crate::{Client, ClientError, file};

impl Client {
    fn captions(&self) -> CaptionServiceClient<Service> {
        let most = self.options.max_reply_bytes;
        CaptionServiceClient::new(self.service.clone()).max_decoding_message_size(most)
    }

    /// Puts media into words, piece by piece. Dropping the events ends the work.
    ///
    /// # Errors
    /// [`ClientError`], among others if the server's bundle has no caption decoder.
    pub async fn caption(
        &self,
        request: CaptionRequest,
    ) -> Result<impl Stream<Item = Result<CaptionEvent, ClientError>> + Send + use<>, ClientError> {
        use v1::caption_request::Strategy;
        let CaptionRequest { input, parts, options: CaptionOptions { strategy, max_tokens } } = request;
        let strategy = match strategy {
            CaptionStrategy::Greedy => None,
            CaptionStrategy::Beam { width } => Some(Strategy::Beam(v1::BeamSearch { width: number(width) })),
            CaptionStrategy::Sample { top_p, seed } => {
                Some(Strategy::Sample(v1::Sampling { top_p: Some(top_p), seed }))
            }
        };
        let message = v1::CaptionRequest {
            collection_name: self.collection(),
            input: Some(caption_input(input).await?),
            max_tokens: max_tokens.map(number),
            each_part: parts == CaptionParts::Each,
            strategy,
        };
        let call = || async { self.captions().caption(message.clone()).await };
        let events = self.options.retry.call(call).await?;
        Ok(events.map(|event| Ok(caption_event(event?)?)))
    }

    /// The storyboard of a video, shot by shot in order of time; without a length the server's own. Dropping the shots
    /// ends the work.
    ///
    /// # Errors
    /// [`ClientError`], among others if the server's bundle has no caption decoder.
    pub async fn summarize(
        &self,
        input: CaptionInput,
        length: Option<SummaryLength>,
    ) -> Result<impl Stream<Item = Result<PartCaption, ClientError>> + Send + use<>, ClientError> {
        use v1::summarize_request::Length;
        let length = length.map(|length| match length {
            SummaryLength::Shots(shots) => Length::Shots(number(shots.get())),
            SummaryLength::TimeMs(time) => Length::TimeMs(time.get()),
        });
        let (collection_name, input) = (self.collection(), Some(caption_input(input).await?));
        let message = v1::SummarizeRequest { collection_name, input, length };
        let call = || async { self.captions().summarize(message.clone()).await };
        let shots = self.options.retry.call(call).await?;
        Ok(shots.map(|shot| {
            let v1::SummarizeResponse { span, caption } = shot?;
            Ok(part(span, caption.ok_or(ConvertError::Missing { field: "caption" })?))
        }))
    }
}

/// The message of what is put into words; a file is read.
async fn caption_input(input: CaptionInput) -> Result<v1::CaptionInput, ClientError> {
    use v1::caption_input::Input;
    let input = match input {
        CaptionInput::File(path) => Input::Media(v1::MediaInput::of(file::read(path).await?)),
        CaptionInput::Bytes(bytes) => Input::Media(v1::MediaInput::of(bytes)),
        CaptionInput::Asset(asset) => Input::AssetId(asset.to_string()),
        CaptionInput::Point(asset, track, ordinal) => Input::Point(point_ref(&asset, track, ordinal)),
    };
    Ok(v1::CaptionInput { input: Some(input) })
}

fn caption_event(message: v1::CaptionResponse) -> Result<CaptionEvent, ConvertError> {
    use v1::caption_response::Message;
    let v1::CaptionResponse { message, span } = message;
    Ok(match message.ok_or(ConvertError::Missing { field: "message" })? {
        Message::Piece(piece) => CaptionEvent::Piece(piece),
        Message::Finished(caption) => CaptionEvent::Done(part(span, caption)),
    })
}

fn part(span: Option<v1::TimeSpan>, caption: v1::FinishedCaption) -> PartCaption {
    let v1::FinishedCaption { text, confidence, tokens, end_log_prob } = caption;
    let tokens = tokens
        .into_iter()
        .map(|v1::CaptionToken { piece, log_prob }| CaptionToken { piece, log_prob })
        .collect();
    let caption = Caption { text, confidence, tokens, end_log_prob };
    PartCaption { span: span.map(|span| (span.start_ms, span.end_ms)), caption }
}
