//! Captions over the wire.

mod common;

use std::time::{Duration, Instant};

use common::{HANG, Running};
use sensorium_api::v1;
use sensorium_api::v1::caption_service_client::CaptionServiceClient;
use sensorium_server::Settings;
use tokio_stream::StreamExt;
use tonic::Code;
use tonic::transport::Channel;

fn media(file: &str) -> Option<v1::CaptionInput> {
    let source = Some(v1::media_input::Source::Data(file.as_bytes().to_vec().into()));
    let input = Some(v1::caption_input::Input::Media(v1::MediaInput { source }));
    Some(v1::CaptionInput { input })
}

fn asked(file: &str) -> v1::CaptionRequest {
    v1::CaptionRequest { input: media(file), ..v1::CaptionRequest::default() }
}

#[tokio::test]
async fn pieces_come_before_the_whole() {
    let server = Running::new().await;
    let mut client = CaptionServiceClient::new(server.channel().await);
    let request = v1::CaptionRequest { max_tokens: Some(3), ..asked("image a dog on the beach") };
    let stream = client.caption(request).await.expect("begins").into_inner();
    let messages: Vec<_> = stream.map(|answer| answer.expect("an answer").message).collect().await;
    let pieces: Vec<_> = messages
        .iter()
        .filter_map(|message| match message {
            Some(v1::caption_response::Message::Piece(piece)) => Some(piece.as_str()),
            Some(v1::caption_response::Message::Finished(_)) | None => None,
        })
        .collect();
    assert_eq!(pieces, ["a ", "dog ", "on "]);
    let Some(Some(v1::caption_response::Message::Finished(whole))) = messages.last() else {
        panic!("finished last: {messages:?}")
    };
    assert_eq!((whole.text.as_str(), whole.confidence, whole.tokens.len()), ("a dog on ", 0.6, 3));
    assert_eq!((messages.len(), whole.end_log_prob), (4, Some(-0.5)));
    server.end().await;
}

#[tokio::test]
async fn a_video_is_a_storyboard_or_captions_of_its_parts() {
    let server = Running::new().await;
    let mut client = CaptionServiceClient::new(server.channel().await);
    let video = "video dog|dog|cat;bark";
    let request = v1::SummarizeRequest { input: media(video), ..v1::SummarizeRequest::default() };
    let stream = client.summarize(request.clone()).await.expect("begins").into_inner();
    let shots: Vec<_> = stream.map(|answer| answer.expect("an answer")).collect().await;
    let text = |at: usize| shots[at].caption.as_ref().map(|caption| caption.text.as_str());
    assert_eq!((shots.len(), text(0), text(1)), (2, Some("dog"), Some("cat")));
    assert_eq!(shots[0].span, Some(v1::TimeSpan { start_ms: 0, end_ms: 20_000 }));
    let one =
        v1::SummarizeRequest { length: Some(v1::summarize_request::Length::Shots(1)), ..request.clone() };
    let stream = client.summarize(one).await.expect("begins").into_inner();
    assert_eq!(stream.collect::<Vec<_>>().await.len(), 1);
    for length in [v1::summarize_request::Length::Shots(501), v1::summarize_request::Length::TimeMs(0)] {
        let wrong = v1::SummarizeRequest { length: Some(length), ..request.clone() };
        let status = client.summarize(wrong).await.expect_err("refused");
        assert_eq!(status.code(), Code::InvalidArgument, "{status}");
    }
    let photo = v1::SummarizeRequest { input: media("image dog"), ..v1::SummarizeRequest::default() };
    let mut stream = client.summarize(photo).await.expect("begins").into_inner();
    let status = stream.next().await.expect("an answer").expect_err("no video");
    assert_eq!(status.code(), Code::InvalidArgument);

    // One caption of a video is that of its middle; else each part has one, with its span.
    let stream = client.caption(asked(video)).await.expect("begins").into_inner();
    assert_eq!(stream.collect::<Vec<_>>().await.len(), 2);
    let each = v1::CaptionRequest { each_part: true, ..asked(video) };
    let stream = client.caption(each).await.expect("begins").into_inner();
    let spans: Vec<_> = stream.filter_map(|answer| answer.expect("an answer").span).collect().await;
    let starts: Vec<_> = spans.iter().map(|span| span.start_ms).collect();
    assert_eq!(starts, [0, 10_000, 20_000]);
    server.end().await;
}

/// A caption's stream, as soon as the one place is free.
async fn begun(
    client: &mut CaptionServiceClient<Channel>,
    file: &str,
) -> tonic::Streaming<v1::CaptionResponse> {
    let begun = Instant::now();
    loop {
        match client.caption(asked(file)).await {
            Ok(stream) => return stream.into_inner(),
            Err(status) => assert_eq!(status.code(), Code::ResourceExhausted),
        }
        assert!(begun.elapsed() < HANG, "the place is never free");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn faults_are_told_and_places_given_back() {
    let settings = Settings { max_calls: 1, ..Settings::default() };
    let server = Running::with(settings, common::FakeDecoder::default()).await;
    let mut client = CaptionServiceClient::new(server.channel().await);
    let nothing = client.caption(v1::CaptionRequest::default()).await.expect_err("no input");
    assert_eq!(nothing.code(), Code::InvalidArgument);
    for (file, code) in [("text bark", Code::InvalidArgument), ("corrupt", Code::InvalidArgument)] {
        let mut stream = begun(&mut client, file).await;
        let status = stream.next().await.expect("an answer").expect_err("a fault");
        assert_eq!(status.code(), code, "{file}: {status}");
        assert!(stream.next().await.is_none());
    }
    // A client that leaves gives its place back.
    drop(begun(&mut client, "image dog").await);
    drop(begun(&mut client, "image dog").await);
    server.end().await;
}
