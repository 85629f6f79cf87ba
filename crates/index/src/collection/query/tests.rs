//! How much is compared once the caller has left.
//!
//! A search looks at its flag again and again. It is stopped at each of these looks in turn: what it had compared by then, less what it
//! had at the look before, is what a flag that is set between the two leaves to be done.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use sensorium_types::{Cancel, Change, Filter, Payload, SpaceInfo};

use super::scan::SLICE;
use super::*;
use crate::collection::tests::{DIM, image_of, vector};
use crate::collection::{Collection, fields, matching};
use crate::{Database, GraphParams, OpenOptions, Planning, Tuning};

const ASSETS: u32 = 3000;
/// The links of a row at most, at the bounds of the graph below, those of rows that were out of reach included.
const MOST_LINKS: usize = 2 * 8 + 32;

fn image(number: u32) -> Change {
    let mut facts = Payload::new();
    facts.set("number", number);
    image_of(number, facts, vector(number))
}

/// Images of which most are sealed, and the rest lies in a tail.
fn filled(data: &std::path::Path, planning: Planning) -> (Database, Arc<Collection>) {
    let graph = GraphParams { m: 8, ef_construct: 32, ef: 64 };
    let tuning = Tuning { seal_points: usize::MAX, planning, graph, ..Tuning::default() };
    let database = Database::open_tuned(data, OpenOptions::default(), tuning).expect("opens");
    let space = SpaceInfo::one("test", DIM, "1");
    let collection = database.create_or_open("default", &space).expect("opens");
    collection.apply((0..ASSETS - 700).map(image).collect()).expect("applies");
    collection.seal().expect("seals");
    collection.apply((ASSETS - 700..ASSETS).map(image).collect()).expect("applies");
    // What is asked one by one below is so each time.
    collection.core.columns.job.hold();
    (database, collection)
}

/// A flag that is found to be set at the look of this number, from 1 on.
fn at_look(number: usize) -> Cancel {
    let looks = AtomicUsize::new(0);
    Cancel::new().when(move || looks.fetch_add(1, Ordering::Relaxed) + 1 >= number)
}

/// What `work` has done when it is stopped at each of its looks in turn, and at last when it is not stopped.
fn stopped_at_each_look(mut work: impl FnMut(&Cancel) -> (usize, bool)) -> Vec<usize> {
    let mut done = Vec::new();
    for number in 1.. {
        let (so_far, is_whole) = work(&at_look(number));
        done.push(so_far);
        if is_whole {
            break;
        }
    }
    done
}

fn most_between(done: &[usize]) -> usize {
    done.windows(2)
        .map(|pair| pair.iter().rev().copied().reduce(|after, before| after - before))
        .max()
        .flatten()
        .unwrap_or(0)
}

#[test]
fn a_search_compares_a_few_rows_after_its_caller_has_left() {
    let narrow: Filter = "number < 900".parse().expect("a filter");
    let few: Filter = "number < 600".parse().expect("a filter");
    for (what, planning, filter, exact, bound) in [
        ("scan of every row", Planning::Scan, None, true, SLICE),
        ("scan of the rows that meet a filter", Planning::Scan, Some(narrow), false, SLICE),
        ("scan of matches, one by one", Planning::Scan, Some(few), false, SLICE),
        ("walk", Planning::Walk, None, false, SLICE.max(MOST_LINKS)),
    ] {
        let data = tempfile::tempdir().expect("folder");
        let (_database, collection) = filled(data.path(), planning);
        let core = &collection.core;
        let view = core.view();
        let ef = (planning == Planning::Walk).then_some(512);
        let ask = SearchRequest { filter, exact, ef, ..SearchRequest::nearest(vector(ASSETS + 1), 10) };
        let selection = Selection::new(core, &view, &ask).expect("nobody stops it");
        let sub = ask.queries.first().expect("one");
        let done = stopped_at_each_look(|cancel| {
            let request = SearchRequest { cancel: cancel.clone(), ..ask.clone() };
            let mut search = Search::new(core, &view, &request, &selection, sub);
            let found = search.kind(SegmentKind::Image);
            assert!(matches!(found, Ok(_) | Err(IndexError::Stopped { .. })), "{what}");
            (search.compared, found.is_ok())
        });
        let whole = done.last().copied().unwrap_or(0);
        assert!(done.len() > 2 && whole > 500, "{what}: {done:?}");
        assert!(most_between(&done) <= bound, "{what}: {} of {whole} rows at once", most_between(&done));
        if planning == Planning::Walk {
            // Behind the tail, which is scanned, it looks at each row whose links it follows.
            let in_graph = done.iter().position(|so_far| *so_far >= 700).expect("the tail is scanned");
            assert!(most_between(done.get(in_graph..).unwrap_or_default()) <= MOST_LINKS, "{done:?}");
        }
    }
}

#[test]
fn a_filter_without_a_column_is_asked_of_those_who_are_met_if_these_are_few() {
    let data = tempfile::tempdir().expect("folder");
    let (_database, collection) = filled(data.path(), Planning::ByCost);
    let ask = |filter: &str, limit, exact| {
        let filter = Some(filter.parse().expect("a filter"));
        let request =
            SearchRequest { filter, exact, ef: Some(16), ..SearchRequest::nearest(vector(5000), limit) };
        fields::ASKED.set(0);
        let reply = collection.search(&request).expect("answers").remove(0);
        (reply, fields::ASKED.get())
    };
    for (filter, limit, is_lazy) in [
        ("number < 2000", 10, true),
        ("not number = 7", 10, true),
        ("number < 30", 10, false),
        ("number < 2000", 1000, false),
        (r#"modality = "image" and number >= 2990"#, 20, false),
    ] {
        let (right, all) = ask(filter, limit, true);
        let (found, asked) = ask(filter, limit, false);
        assert!(all >= ASSETS as usize, "{filter}: {all}");
        assert_eq!((found.filter.is_none(), asked < all), (is_lazy, is_lazy), "{filter}: {asked} of {all}");
        assert_eq!(found.hits.len(), right.hits.len(), "{filter}");
        let near = right.hits.iter().filter(|hit| found.hits.contains(hit)).count();
        assert!(near * 10 >= right.hits.len() * 9, "{filter}: {near} of {}", right.hits.len());
    }
}

#[test]
fn a_filter_asks_a_thousand_assets_after_its_caller_has_left() {
    let data = tempfile::tempdir().expect("folder");
    let (_database, collection) = filled(data.path(), Planning::ByCost);
    let (core, view) = (&collection.core, collection.core.view());
    let filter: Filter = "number < 900".parse().expect("a filter");
    let done = stopped_at_each_look(|cancel| {
        fields::ASKED.set(0);
        let asked = matching::Asked { filter: &filter, modalities: ModalitySet::ALL, cancel };
        let met = matching::matching(core, &view, asked);
        assert!(matches!(met, Ok(_) | Err(IndexError::Stopped { .. })));
        (fields::ASKED.get(), met.is_ok())
    });
    assert_eq!(done, [0, 1024, 2048, ASSETS as usize]);
    let listed = stopped_at_each_look(|cancel| {
        fields::ASKED.set(0);
        let page = collection.scroll_until((Some(&filter), None), 2000, false, cancel);
        (fields::ASKED.get(), page.is_ok())
    });
    assert!(listed.len() > 2 && most_between(&listed) <= 1024, "{listed:?}");
}
