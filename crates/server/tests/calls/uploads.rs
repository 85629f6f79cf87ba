//! Files that are sent in pieces, and used by their names.

use sensorium_api::v1::caption_service_client::CaptionServiceClient;
use sensorium_api::v1::embed_service_client::EmbedServiceClient;
use sensorium_api::v1::ingest_request::Message as Ask;
use sensorium_api::v1::ingest_response::Message as Answer;
use sensorium_api::v1::ingest_service_client::IngestServiceClient;
use sensorium_api::v1::upload_request::Message;
use sensorium_types::ContentHash;

use super::*;

type Ingest = IngestServiceClient<tonic::transport::Channel>;

fn start(total_bytes: u64, content_hash: &str) -> Message {
    Message::Start(v1::UploadStart { total_bytes, content_hash: content_hash.to_owned() })
}

async fn upload(service: &mut Ingest, messages: Vec<Message>) -> Result<v1::UploadResponse, tonic::Status> {
    let messages = messages.into_iter().map(|message| v1::UploadRequest { message: Some(message) });
    Ok(service.upload(tokio_stream::iter(messages.collect::<Vec<_>>())).await?.into_inner())
}

fn named(id: &str) -> v1::MediaInput {
    v1::MediaInput { source: Some(v1::media_input::Source::UploadId(id.to_owned())) }
}

#[tokio::test]
async fn an_upload_is_ingested_asked_by_and_encoded() {
    let (server, client, ids) = filled().await;
    let mut service = IngestServiceClient::new(server.channel().await);
    let bytes = format!("video {}|dog;rain", "ship ".repeat(10_000)).into_bytes();
    let hash = ContentHash::of(&bytes).to_hex();
    let pieces = bytes.chunks(7_000).map(|piece| Message::Chunk(piece.to_vec()));
    let messages = std::iter::once(start(bytes.len() as u64, &hash)).chain(pieces).collect();
    let v1::UploadResponse { upload_id, content_hash } =
        upload(&mut service, messages).await.expect("is kept");
    assert_eq!((upload_id.len(), content_hash), (32, hash.clone()));

    let item = |media| v1::IngestItem {
        sequence: 1,
        parts: vec![v1::IngestPart {
            content: Some(v1::ingest_part::Content::Media(media)),
            ..v1::IngestPart::default()
        }],
        ..v1::IngestItem::default()
    };
    let ingest = async |service: &mut Ingest, media| {
        let asks =
            [Ask::Start(v1::IngestStart::default()), Ask::Item(item(media)), Ask::Stop(v1::IngestStop {})];
        let asks = asks.map(|message| v1::IngestRequest { message: Some(message) });
        let mut answers = service.ingest(tokio_stream::iter(asks)).await.expect("opens").into_inner();
        loop {
            let answer = answers.message().await.expect("well").expect("an answer");
            if let Some(Answer::ItemResult(result)) = answer.message {
                return result;
            }
        }
    };
    let result = ingest(&mut service, named(&upload_id)).await;
    assert_eq!(
        (result.state(), result.points, result.asset_id.as_str()),
        (v1::ItemState::Indexed, 3, &hash[..32])
    );
    assert_eq!(result.change, 5, "with the number of its commit");
    // The copy is that of bytes in a message, and is served.
    let mut points = PointsServiceClient::new(server.channel().await);
    let request = v1::GetMediaRequest { asset_id: result.asset_id.clone(), ..Default::default() };
    let mut stream = points.get_media(request).await.expect("is there").into_inner();
    let mut copy = Vec::new();
    while let Some(piece) = stream.message().await.expect("well") {
        copy.extend(piece.chunk);
    }
    assert_eq!(copy, bytes);
    let result = ingest(&mut service, named("nobody")).await;
    assert_eq!(result.state(), v1::ItemState::Failed);
    assert!(result.failure.expect("why").message.contains("no upload"));

    let small = b"image dog";
    let messages = vec![start(9, ""), Message::Chunk(small.to_vec())];
    let small = upload(&mut service, messages).await.expect("is kept").upload_id;
    let mut queries = QueryServiceClient::new(server.channel().await);
    let term = |id: &str| v1::Term { input: Some(v1::term::Input::Image(named(id))), ..v1::Term::default() };
    let query = |id| v1::QueryRequest { terms: vec![term(id)], ..v1::QueryRequest::default() };
    let hits = queries.query(query(&small)).await.expect("answers").into_inner().hits;
    assert_eq!(hits[0].asset_id, ids[0].to_string(), "what is itself indexed leads");
    assert_eq!(queries.query(query("nobody")).await.expect_err("unknown").code(), Code::NotFound);
    let mut embeds = EmbedServiceClient::new(server.channel().await);
    let inputs = vec![v1::EmbedInput { input: Some(v1::embed_input::Input::Media(named(&small))) }];
    let made = embeds.embed(v1::EmbedRequest { inputs, ..Default::default() }).await.expect("encodes");
    assert_eq!(made.into_inner().embeddings[0].points.len(), 1);
    let mut captions = CaptionServiceClient::new(server.channel().await);
    let input = Some(v1::CaptionInput { input: Some(v1::caption_input::Input::Media(named(&small))) });
    let request = v1::CaptionRequest { input, ..v1::CaptionRequest::default() };
    assert!(
        captions
            .caption(request)
            .await
            .expect("begins")
            .into_inner()
            .message()
            .await
            .expect("well")
            .is_some()
    );
    assert_eq!(client.stats().await.expect("stats").counts.assets, 5);
    server.end().await;
}

#[tokio::test]
async fn an_upload_that_is_not_what_it_says_is_refused() {
    let server = Running::new().await;
    let mut service = IngestServiceClient::new(server.channel().await);
    let chunk = |bytes: &[u8]| Message::Chunk(bytes.to_vec());
    for (messages, what) in [
        (vec![], "first message must be start"),
        (vec![chunk(b"x")], "first message must be start"),
        (vec![start(1, ""), start(1, "")], "start comes once"),
        (vec![start(0, "")], "start.total_bytes"),
        (vec![start(100_001, "")], "start.total_bytes"),
        (vec![start(1, "zz")], "start.content_hash"),
        (vec![start(1, &"0".repeat(64)), chunk(b"x")], "start.content_hash"),
        (vec![start(2, ""), chunk(b"x")], "ended after 1 of 2 bytes"),
        (vec![start(2, ""), chunk(b"xyz")], "more than the 2 bytes"),
    ] {
        let status = upload(&mut service, messages).await.expect_err(what);
        assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
        assert!(status.message().contains(what), "{what}: {}", status.message());
    }
    let left = server.fixture.files.data().join("uploads");
    assert!(!left.exists() || fs_err::read_dir(left).expect("reads").count() == 0, "nothing is left");
    server.end().await;
}
