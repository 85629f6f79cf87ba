//! What is refused, and by which kind of error.

use sensorium_types::{Change, Cursor, ErrorKind, Modality, SubQuery, Track};

use super::Fresh;
use super::samples::{Seeded, ask, id, key, point, record, row, upsert};
use crate::StoreError;

fn kind<T>(answer: Result<T, StoreError>) -> Option<ErrorKind> {
    answer.err().map(|error| {
        assert!(!error.message.is_empty(), "an error says what happened");
        error.kind
    })
}

/// Vectors of another dimension, of another length than 1, or with values that are no numbers are invalid arguments, and nothing of a
/// call that has one is stored.
pub async fn vectors_that_break_the_rules_are_refused(fresh: Fresh) {
    let store = &fresh.store;
    let space = store.space();
    let good = Seeded::new(41).unit(space.dim);
    let (mut endless, mut long) = (good.clone(), good.clone());
    endless.iter_mut().take(1).for_each(|number| *number = f32::NAN);
    long.iter_mut().for_each(|number| *number *= 2.0);
    let short = good.get(1..).unwrap_or_default().to_vec();
    for bad in [short, endless, long] {
        let invalid = Some(ErrorKind::InvalidArgument);
        assert_eq!(kind(store.search(ask(bad.clone())).await), invalid);
        assert_eq!(kind(store.score_assets(&[SubQuery::of(bad.clone())], &[id("good")]).await), invalid);
        let put = |name: &str, vector: &[f32]| {
            upsert(record(name, Modality::Image, &space), vec![point(Track::Image, 0, vector.to_vec())])
        };
        assert_eq!(kind(store.apply(vec![put("good", &good), put("bad", &bad)]).await), invalid);
        assert_eq!(store.count(None).await.expect("counts"), 0, "nothing of the call is stored");
    }
}

/// A cursor that no listing gave is an invalid argument.
pub async fn a_foreign_cursor_is_refused(fresh: Fresh) {
    let store = &fresh.store;
    let space = store.space();
    let image = record("a", Modality::Image, &space);
    let own = point(Track::Image, 0, Seeded::new(42).unit(space.dim));
    store.apply(vec![upsert(image, vec![own])]).await.expect("applies");
    store
        .apply(vec![Change::PutSource { key: key("/r", "/r/a"), row: row(&id("a")) }])
        .await
        .expect("applies");
    let foreign = Cursor::new("\u{1}no cursor\n");
    let invalid = Some(ErrorKind::InvalidArgument);
    assert_eq!(kind(store.scroll(None, Some(&foreign), 10, false).await), invalid);
    assert_eq!(kind(store.sources(b"", Some(&foreign), 10).await), invalid);
}
