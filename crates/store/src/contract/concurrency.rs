//! What must hold while many call at once.

use futures::future::join_all;
use sensorium_types::{Change, Modality, Track};

use super::Fresh;
use super::samples::{Seeded, answers, ask, id, point, record, upsert};

const WRITERS: u64 = 4;
const ASSETS: u64 = 12;

/// Writers and readers at once: whoever reads sees whole assets, and in the end everything that was acknowledged is there.
pub async fn writers_and_readers_do_not_disturb_one_another(fresh: Fresh) {
    let store = &fresh.store;
    let space = store.space();
    let name = |writer: u64, number: u64| format!("{writer}-{number:02}");
    let write = async |writer: u64| {
        let mut seeded = Seeded::new(51 + writer);
        for number in 0..ASSETS {
            // Two points an asset, written again with two others; every fourth is deleted.
            for _ in 0..2 {
                let points = (0..2).map(|at| point(Track::Video, at, seeded.unit(space.dim)));
                let video = record(&name(writer, number), Modality::Video, &space);
                store.apply(vec![upsert(video, points.collect())]).await.expect("applies");
            }
            if number % 4 == 3 {
                let gone = id(&name(writer, number));
                store.apply(vec![Change::Delete { asset: gone.clone() }]).await.expect("applies");
                assert_eq!(store.get(&[gone], false).await.expect("gets"), [None], "seen by who did it");
            }
        }
    };
    let read = async |reader: u64| {
        let mut seeded = Seeded::new(61 + reader);
        for _ in 0..ASSETS {
            let [reply] = answers(store.as_ref(), ask(seeded.unit(space.dim))).await;
            let names: Vec<_> = reply.hits.into_iter().map(|hit| hit.asset).collect();
            let found = store.get(&names, true).await.expect("gets");
            for asset in found.into_iter().flatten() {
                assert_eq!((asset.points.len(), asset.vectors.len()), (2, 2), "an asset is whole");
            }
            let page = store.scroll(None, None, 100, true).await.expect("scrolls");
            assert!(page.items.iter().all(|asset| asset.vectors.len() == 2), "an asset is whole");
        }
    };
    let (_, _) = futures::join!(join_all((0..WRITERS).map(write)), join_all((0..2).map(read)));
    assert_eq!(store.count(None).await.expect("counts"), WRITERS * ASSETS * 3 / 4);
    let stats = store.stats().await.expect("has statistics");
    assert_eq!(stats.points, stats.assets * 2);
    assert!(store.verify().await.expect("verifies").is_empty());
}
