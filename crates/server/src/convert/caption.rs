//! Captions that are asked for, and what comes of them.

use std::num::{NonZeroU64, NonZeroUsize};

use sensorium_api::convert::{asset_id, point_ref};
use sensorium_api::{ConvertError, v1};
use sensorium_types::{
    Caption, CaptionInput, CaptionOptions, CaptionParts, CaptionRequest, CaptionStrategy, CaptionToken,
    PartCaption, SummaryLength,
};

use super::query::{Media, media};
use crate::uploads::Uploads;

/// The nucleus where a request does not say.
const DEFAULT_TOP_P: f32 = 0.9;

/// Reads a request for one caption, with the name of its collection.
pub(crate) fn caption_request(
    message: v1::CaptionRequest,
    uploads: &Uploads,
) -> Result<(String, CaptionRequest), ConvertError> {
    use v1::caption_request::Strategy as Asked;
    let v1::CaptionRequest { collection_name, input: received, max_tokens, strategy, each_part } = message;
    let strategy = match strategy {
        None => CaptionStrategy::Greedy,
        Some(Asked::Beam(v1::BeamSearch { width })) => CaptionStrategy::Beam { width: width as usize },
        Some(Asked::Sample(v1::Sampling { top_p, seed })) => {
            CaptionStrategy::Sample { top_p: top_p.unwrap_or(DEFAULT_TOP_P), seed }
        }
    };
    let options = CaptionOptions { strategy, max_tokens: max_tokens.map(|most| most as usize) };
    let parts = if each_part { CaptionParts::Each } else { CaptionParts::Middle };
    let request = CaptionRequest { input: input(received, uploads)?, parts, options };
    Ok((collection_name, request))
}

/// A video, how much of it is shown, and its collection.
pub(crate) type Summary = (String, CaptionInput, SummaryLength);

/// Reads a request for the storyboard of a video.
pub(crate) fn summarize_request(
    message: v1::SummarizeRequest,
    uploads: &Uploads,
) -> Result<Summary, ConvertError> {
    use v1::summarize_request::Length;
    let v1::SummarizeRequest { collection_name, input: received, length } = message;
    let number = |field, expected, received: u64| ConvertError::Number {
        field,
        expected,
        received: received.to_string(),
    };
    let length = match length {
        None => SummaryLength::default(),
        Some(Length::Shots(shots)) => NonZeroUsize::new(shots as usize)
            .filter(|shots| shots.get() <= SummaryLength::MAX_SHOTS)
            .map(SummaryLength::Shots)
            .ok_or_else(|| number("shots", "from 1 to 500", shots.into()))?,
        Some(Length::TimeMs(time)) => NonZeroU64::new(time)
            .map(SummaryLength::TimeMs)
            .ok_or_else(|| number("time_ms", "above 0", time))?,
    };
    Ok((collection_name, input(received, uploads)?, length))
}

fn input(message: Option<v1::CaptionInput>, uploads: &Uploads) -> Result<CaptionInput, ConvertError> {
    use v1::caption_input::Input;
    let missing = ConvertError::Missing { field: "input" };
    Ok(match message.and_then(|message| message.input).ok_or(missing)? {
        Input::Media(message) => match media(message, uploads)? {
            Media::Bytes(bytes) => CaptionInput::Bytes(bytes),
            Media::File(file) => CaptionInput::File(file.path),
        },
        Input::AssetId(id) => CaptionInput::Asset(asset_id("input.asset_id", &id)?),
        Input::Point(point) => {
            let (asset, track, ordinal) = point_ref(&point)?;
            CaptionInput::Point(asset, track, ordinal)
        }
    })
}

/// A caption that is done.
fn finished_caption(caption: Caption) -> v1::FinishedCaption {
    let Caption { text, confidence, tokens, end_log_prob } = caption;
    let tokens = tokens
        .into_iter()
        .map(|CaptionToken { piece, log_prob }| v1::CaptionToken { piece, log_prob })
        .collect();
    v1::FinishedCaption { text, confidence, tokens, end_log_prob }
}

/// An image, or a part of a video, that is done.
pub(crate) fn captioned(part: PartCaption) -> v1::CaptionResponse {
    let PartCaption { span, caption } = part;
    let message = Some(v1::caption_response::Message::Finished(finished_caption(caption)));
    v1::CaptionResponse { message, span: time_span(span) }
}

/// A shot that is shown.
pub(crate) fn summarized(part: PartCaption) -> v1::SummarizeResponse {
    let PartCaption { span, caption } = part;
    v1::SummarizeResponse { span: time_span(span), caption: Some(finished_caption(caption)) }
}

fn time_span(span: Option<(u64, u64)>) -> Option<v1::TimeSpan> {
    span.map(|(start_ms, end_ms)| v1::TimeSpan { start_ms, end_ms })
}
