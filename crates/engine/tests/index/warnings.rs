//! Files that are indexed with a warning, and another try.

use sensorium_types::IndexRequest;

use crate::common::{Doubtful, FakeDecoder, Fixture};

#[tokio::test]
async fn a_file_with_a_warning_is_indexed_and_listed_apart_from_failures() {
    let fixture = Fixture::new();
    fixture.write("a.jpg", "cut image a dog");
    fixture.write("b.jpg", "cut image a dog");
    fixture.write("c.jpg", "image a cat");
    let run = fixture.index().await;
    assert_eq!((run.counts(), run.summary.warned), ((3, 0, 0, 0), 2));
    for name in ["a.jpg", "b.jpg"] {
        assert_eq!(run.reason(name).map(|reason| reason.to_string()).as_deref(), Some("corrupt: cut short"));
    }
    assert_eq!(run.reason("c.jpg"), None);
    assert_eq!(fixture.decoded(), 2, "the same bytes share their warning");
    let warnings = fixture.engine.warnings().await.expect("lists");
    assert_eq!(fixture.listed(&warnings), [("a.jpg".to_owned(), 1), ("b.jpg".to_owned(), 1)]);
    assert_eq!(warnings[0].bytes, 15);
    assert!(fixture.engine.failures().await.expect("lists").is_empty());
    assert_eq!(fixture.search("dog").await.len(), 2, "it is found");

    fixture.write("d.jpg", "cut image a dog");
    let again = fixture.index().await;
    assert_eq!((again.counts(), again.summary.warned), ((1, 3, 0, 0), 1));
    assert_eq!(again.reason("a.jpg"), None, "what is unchanged is not complained about anew");
    assert!(again.reason("d.jpg").is_some(), "a second path of known bytes shares their warning");
    assert_eq!(fixture.decoded(), 2);
}

#[tokio::test]
async fn a_retry_decodes_files_with_a_warning_again() {
    let fixture = Fixture::new();
    let meta = fixture.write("meta.csv", "path,year\na.mp4,2020\n");
    fixture.write("a.mp4", "late video a dog|a cat");
    fixture.write("b.mp4", "late video a dog|a cat");
    fixture.write("c.jpg", "image a house");
    fixture.index_with(IndexRequest { meta: Some(meta), ..fixture.request() }).await.expect("indexes");
    assert_eq!(fixture.decoded(), 2);

    let runs = fixture.retry().await;
    assert_eq!(runs.len(), 1);
    assert_eq!((runs[0].counts(), runs[0].summary.warned), ((2, 0, 0, 0), 2));
    assert_eq!(fixture.decoded(), 3, "once for both paths, and nothing else");
    let warnings = fixture.engine.warnings().await.expect("lists");
    assert_eq!(fixture.listed(&warnings), [("a.mp4".to_owned(), 2), ("b.mp4".to_owned(), 2)]);

    let fixture = fixture.reopened(FakeDecoder { doubtful: Doubtful::Failed, ..FakeDecoder::default() });
    let runs = fixture.retry().await;
    assert_eq!(runs[0].counts(), (0, 0, 2, 0), "told as a failure");
    assert_eq!(fixture.search("dog").await.len(), 2, "what there was stays");
    assert!(fixture.engine.failures().await.expect("lists").is_empty());
    assert_eq!(fixture.engine.warnings().await.expect("lists").len(), 2);

    let fixture = fixture.reopened(FakeDecoder { doubtful: Doubtful::Whole, ..FakeDecoder::default() });
    let runs = fixture.retry().await;
    assert_eq!((runs[0].counts(), runs[0].summary.warned), ((2, 0, 0, 0), 0));
    assert!(fixture.engine.warnings().await.expect("lists").is_empty());
    let year = "year = 2020".parse().expect("a filter");
    assert_eq!(fixture.engine.count(Some(&year)).await.expect("counts"), 1, "the user's fields are kept");
    assert!(fixture.retry().await.is_empty(), "nothing is left to try");
}

#[tokio::test]
async fn a_retry_that_gets_less_far_leaves_what_there_was() {
    let fixture = Fixture::new();
    fixture.write("a.mp4", "late video a dog|a cat");
    fixture.index().await;
    let fixture = fixture.reopened(FakeDecoder { doubtful: Doubtful::Sooner, ..FakeDecoder::default() });
    let runs = fixture.retry().await;
    assert_eq!((runs[0].counts(), runs[0].summary.warned, runs[0].summary.points), ((1, 0, 0, 0), 1, 0));
    assert_eq!(fixture.decoded(), 1);
    assert_eq!(fixture.store.stats().await.expect("counts").points, 2);
}
