//! The bytes of assets, and their sound as numbers.

use sensorium_types::{IngestItem, MediaPolicy};

use super::*;

type Points = PointsServiceClient<tonic::transport::Channel>;

/// The bytes of a stretch, their number in all, and their type.
async fn read(
    points: &mut Points,
    id: &str,
    range: (u64, Option<u64>),
) -> Result<(Vec<u8>, u64, String), Code> {
    let (offset, length) = range;
    let request =
        v1::GetMediaRequest { asset_id: id.to_owned(), offset, length, ..v1::GetMediaRequest::default() };
    let mut stream = points.get_media(request).await.map_err(|status| status.code())?.into_inner();
    let mut bytes = Vec::new();
    let mut first = None;
    while let Some(piece) = stream.message().await.map_err(|status| status.code())? {
        first.get_or_insert((piece.total_bytes, piece.mime));
        bytes.extend(piece.chunk);
    }
    let (total, mime) = first.expect("an answer also where there are no bytes");
    Ok((bytes, total, mime))
}

#[tokio::test]
async fn media_is_read_whole_and_in_stretches() {
    let server = Running::new().await;
    let client = server.client().await;
    let long = format!("image {}", "dog ".repeat(300_000));
    let item = |text: &str, media| IngestItem { media, ..file(text) };
    let items = vec![item(&long, MediaPolicy::Copy), item("image cat", MediaPolicy::None)];
    let outcomes = send(&client, items).await;
    let ids: Vec<_> = outcomes.into_iter().map(|outcome| outcome.asset.expect("named").to_string()).collect();
    let mut points = PointsServiceClient::new(server.channel().await);
    let total = long.len() as u64;
    for (offset, length) in
        [(0, None), (5, Some(700_000)), (total - 3, None), (total, None), (7, Some(0)), (1, Some(u64::MAX))]
    {
        let end = length.map_or(total, |length: u64| length.saturating_add(offset).min(total));
        let (from, to) = (usize::try_from(offset).expect("small"), usize::try_from(end).expect("small"));
        let expected = (long.as_bytes()[from..to].to_vec(), total, "image/fake".to_owned());
        assert_eq!(read(&mut points, &ids[0], (offset, length)).await, Ok(expected), "{offset} {length:?}");
    }
    assert_eq!(read(&mut points, &ids[0], (total + 1, None)).await, Err(Code::InvalidArgument));
    assert_eq!(read(&mut points, &ids[1], (0, None)).await, Err(Code::FailedPrecondition), "it was not kept");
    assert_eq!(read(&mut points, "nobody", (0, None)).await, Err(Code::NotFound));
    server.end().await;
}

#[tokio::test]
async fn a_file_is_served_as_long_as_it_is_the_one_that_was_indexed() {
    let server = Running::new().await;
    let path = server.fixture.write("a.img", "image dog");
    server.fixture.index().await;
    let client = server.client().await;
    let hits = client.query(ask("dog")).await.expect("answers").hits;
    let id = hits[0].asset.to_string();
    let mut points = PointsServiceClient::new(server.channel().await);
    let (bytes, total, _) = read(&mut points, &id, (0, None)).await.expect("reads");
    assert_eq!((bytes.as_slice(), total), (b"image dog".as_slice(), 9));
    // Another file in its place, also one of the same size, or a link to one.
    let secret = server.fixture.files.data().join("secret");
    fs_err::create_dir_all(server.fixture.files.data()).expect("makes");
    fs_err::write(&secret, b"something").expect("writes");
    // Clocks of files are coarse: both may have been written in one tick.
    let other = std::time::SystemTime::now() + std::time::Duration::from_secs(2);
    fs_err::File::options().write(true).open(&secret).expect("opens").set_modified(other).expect("sets");
    fs_err::remove_file(&path).expect("removes");
    std::os::unix::fs::symlink(&secret, &path).expect("links");
    assert_eq!(read(&mut points, &id, (0, None)).await, Err(Code::FailedPrecondition));
    server.end().await;
}

#[tokio::test]
async fn sounds_are_measured() {
    let server = Running::new().await;
    server.fixture.write("a.snd", "audio A|B");
    server.fixture.write("b.vid", "video dog|cat;A|");
    server.fixture.write("c.img", "image dog");
    server.fixture.index().await;
    let client = server.client().await;
    let id = async |modality| {
        let request = QueryRequest { modalities: vec![modality], ..ask("dog") };
        client.query(request).await.expect("answers").hits[0].asset.to_string()
    };
    let mut points = PointsServiceClient::new(server.channel().await);
    let of = |asset_id: String, buckets| v1::PeaksRequest { asset_id, buckets, ..Default::default() };
    let answer = points.peaks(of(id(Modality::Audio).await, Some(4))).await.expect("measures").into_inner();
    assert_eq!((answer.duration_ms, answer.peaks), (20_000, vec![1.0; 4]), "louder than 1 is 1");
    let answer = points.peaks(of(id(Modality::Video).await, None)).await.expect("measures").into_inner();
    assert_eq!((answer.duration_ms, answer.peaks.len()), (10_000, 800));
    let audio = id(Modality::Audio).await;
    for (wrong, code) in [
        (of(id(Modality::Image).await, None), Code::InvalidArgument),
        (of("nobody".to_owned(), None), Code::NotFound),
        (of(audio.clone(), Some(0)), Code::InvalidArgument),
        (of(audio.clone(), Some(4001)), Code::InvalidArgument),
    ] {
        assert_eq!(points.peaks(wrong).await.expect_err("refused").code(), code);
    }
    fs_err::remove_file(server.fixture.files.media().join("a.snd")).expect("removes");
    assert_eq!(points.peaks(of(audio, None)).await.expect_err("away").code(), Code::FailedPrecondition);
    server.end().await;
}
