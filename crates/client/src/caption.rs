//! Media to words: captions, and storyboards of videos.

use futures::{Stream, StreamExt};
use sensorium_api::v1::caption_service_client::CaptionServiceClient;
use sensorium_api::{ConvertError, v1};
use sensorium_types::AssetId;

use crate::query::media;
use crate::{Client, ClientError};

/// What is put into words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CaptionInput {
    /// The bytes of an image or a video.
    Bytes(Vec<u8>),
    /// A stored asset.
    Asset(AssetId),
}

/// How the words of a caption are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum CaptionStrategy {
    /// The likeliest each time.
    #[default]
    Greedy,
    /// The best of so many that grow side by side, from 1 to 64.
    Beam(u32),
    /// Each drawn from the likeliest.
    Sample {
        /// Only the likeliest that together have this much of the probability.
        top_p: f32,
        /// Equal seeds give equal captions.
        seed: u64,
    },
}

/// How captions are made.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct CaptionOptions {
    /// One for each part of a video, and not only for that in its middle.
    pub each_part: bool,
    /// Most tokens; `None`: the model's own bound.
    pub max_tokens: Option<u32>,
    /// How words are chosen.
    pub strategy: CaptionStrategy,
}

/// How much of a video a summary shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SummaryLength {
    /// At most this many shots, from 1 to 500.
    Shots(u32),
    /// Excerpts that together take at most so many milliseconds.
    TimeMs(u64),
}

/// An image, or a part of a video, in words.
#[derive(Debug, Clone, PartialEq)]
pub struct PartCaption {
    /// First millisecond of the part, and the first after it; `None` for an image.
    pub span: Option<(u64, u64)>,
    /// The words.
    pub text: String,
    /// From 0 to 1.
    pub confidence: f32,
    /// What each token adds to the text, and the logarithm of its probability.
    pub tokens: Vec<(String, f32)>,
    /// The logarithm of the probability that the caption ends there; `None` where it was cut short.
    pub end_log_prob: Option<f32>,
}

/// What is told while captions are made.
#[derive(Debug, Clone, PartialEq)]
pub enum CaptionEvent {
    /// The next piece of text.
    Piece(String),
    /// The caption that its pieces made.
    Done(PartCaption),
}

impl Client {
    fn captions(&self) -> CaptionServiceClient<tonic::transport::Channel> {
        let most = self.options.max_reply_bytes;
        CaptionServiceClient::new(self.channel.clone()).max_decoding_message_size(most)
    }

    /// Puts media into words, piece by piece. Dropping the events ends the work.
    ///
    /// # Errors
    /// [`ClientError`], among others if the server's bundle has no caption decoder.
    pub async fn caption(
        &self,
        input: CaptionInput,
        options: CaptionOptions,
    ) -> Result<impl Stream<Item = Result<CaptionEvent, ClientError>> + Send + use<>, ClientError> {
        use v1::caption_request::Strategy;
        let CaptionOptions { each_part, max_tokens, strategy } = options;
        let strategy = match strategy {
            CaptionStrategy::Greedy => None,
            CaptionStrategy::Beam(width) => Some(Strategy::Beam(v1::BeamSearch { width })),
            CaptionStrategy::Sample { top_p, seed } => {
                Some(Strategy::Sample(v1::Sampling { top_p: Some(top_p), seed }))
            }
        };
        let (collection_name, input) = (self.collection(), Some(input.into()));
        let message = v1::CaptionRequest { collection_name, input, max_tokens, each_part, strategy };
        let call = || async { self.captions().caption(message.clone()).await };
        let events = self.options.retry.call(call).await?;
        Ok(events.map(|event| Ok(CaptionEvent::try_from(event?)?)))
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
            SummaryLength::Shots(shots) => Length::Shots(shots),
            SummaryLength::TimeMs(time) => Length::TimeMs(time),
        });
        let (collection_name, input) = (self.collection(), Some(input.into()));
        let message = v1::SummarizeRequest { collection_name, input, length };
        let call = || async { self.captions().summarize(message.clone()).await };
        let shots = self.options.retry.call(call).await?;
        Ok(shots.map(|shot| {
            let v1::SummarizeResponse { span, caption } = shot?;
            Ok(part(span, caption.ok_or(ConvertError::Missing { field: "caption" })?))
        }))
    }
}

impl From<CaptionInput> for v1::CaptionInput {
    fn from(input: CaptionInput) -> Self {
        use v1::caption_input::Input;
        let input = match input {
            CaptionInput::Bytes(bytes) => Input::Media(media(bytes)),
            CaptionInput::Asset(asset) => Input::AssetId(asset.to_string()),
        };
        Self { input: Some(input) }
    }
}

impl TryFrom<v1::CaptionResponse> for CaptionEvent {
    type Error = ConvertError;

    fn try_from(message: v1::CaptionResponse) -> Result<Self, ConvertError> {
        use v1::caption_response::Message;
        let v1::CaptionResponse { message, span } = message;
        Ok(match message.ok_or(ConvertError::Missing { field: "message" })? {
            Message::Piece(piece) => Self::Piece(piece),
            Message::Finished(caption) => Self::Done(part(span, caption)),
        })
    }
}

fn part(span: Option<v1::TimeSpan>, caption: v1::FinishedCaption) -> PartCaption {
    let v1::FinishedCaption { text, confidence, tokens, end_log_prob } = caption;
    PartCaption {
        span: span.map(|span| (span.start_ms, span.end_ms)),
        text,
        confidence,
        tokens: tokens.into_iter().map(|token| (token.piece, token.log_prob)).collect(),
        end_log_prob,
    }
}
