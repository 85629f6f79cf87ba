//! Walks beside scans, and where walks end.

use super::*;
use crate::code::{CodeMatrix, CodeQuery, NibbleMatrix, NibbleQuery, VectorMatrix};
use crate::testing::Random;

const DIM: usize = 24;
const ROWS: usize = 600;

/// A ring with chords: every row is reached.
fn graph() -> (Vec<u32>, Vec<u32>) {
    let rows = u32::try_from(ROWS).expect("small");
    let links: Vec<u32> =
        (0..rows).flat_map(|row| [1, 7, 61, 233, rows - 1].map(|step| (row + step) % rows)).collect();
    ((0..=rows).map(|row| row * 5).collect(), links)
}

fn rows(random: &mut Random) -> Vec<f32> {
    let mut rows = random.floats(DIM * ROWS);
    rows.chunks_mut(DIM).for_each(|row| {
        crate::l2_normalize(row);
    });
    rows
}

/// A walk from row 0 that keeps every row that counts.
fn beam<'a>(query: &'a CodeQuery, rows: &'a CodeMatrix, links: Links<'a>) -> Beam<'a, Links<'a>> {
    Beam {
        rows: Compared::Codes(query, rows),
        links,
        entry: 0,
        ef: ROWS,
        budget: usize::MAX,
        least: 0.0,
        narrow: None,
    }
}

/// What a walk that goes everywhere must give.
fn scanned(rows: Compared<'_>, ef: usize, counts: impl Fn(u32) -> bool) -> Vec<Scored> {
    let all = (0..u32::try_from(ROWS).expect("small")).filter(|row| counts(*row));
    let mut all: Vec<Scored> = all.map(|row| Scored { score: rows.dot(row), row }).collect();
    all.sort_by(|a, b| b.score.total_cmp(&a.score));
    all.truncate(ef);
    all
}

#[test]
fn a_beam_as_wide_as_the_graph_gives_what_a_scan_gives_at_every_level() {
    let mut random = Random::new(5);
    let vectors = rows(&mut random);
    let codes = CodeMatrix::of(&vectors, DIM);
    let nibbles = NibbleMatrix::of(&VectorMatrix::of(&vectors, DIM));
    let (starts, links) = graph();
    let mut buffers = BeamBuffers::default();
    let mut found = Vec::new();
    for level in crate::code::CodeLevel::available() {
        for round in 0..8 {
            let query = CodeQuery::at(level, &random.floats(DIM));
            let nibble_query = NibbleQuery::new(&query);
            let counts = |row: u32| round % 2 == 0 || row.is_multiple_of(3);
            for compared in [Compared::Codes(&query, &codes), Compared::Nibbles(&nibble_query, &nibbles)] {
                let links = Links { starts: &starts, links: &links };
                let beam = Beam { entry: 3, rows: compared, ..beam(&query, &codes, links) };
                let ended = beam.walk(&mut buffers, counts, |_| 0.0, || false, &mut found);
                assert_eq!(ended, (BeamEnd::Found, ROWS));
                let right = scanned(compared, ROWS, counts);
                let scores = |found: &[Scored]| found.iter().map(|scored| scored.score).collect::<Vec<_>>();
                assert_eq!(scores(&found), scores(&right));
                let places: Vec<u32> = (0..).take(2 * ROWS).collect();
                let best = compared.best_of(&places, |row| if counts(row) { 0.0 } else { 9.0 });
                assert_eq!(best.map(|best| best.score), right.first().map(|best| best.score));
            }
        }
    }
}

#[test]
fn a_narrow_beam_keeps_so_many_in_order_and_no_row_that_does_not_count() {
    let mut random = Random::new(6);
    let vectors = rows(&mut random);
    let codes = CodeMatrix::of(&vectors, DIM);
    let (starts, links) = graph();
    let links = Links { starts: &starts, links: &links };
    let (mut buffers, mut found) = (BeamBuffers::default(), Vec::new());
    // More searches than a mark has numbers.
    for _ in 0..300 {
        let query = CodeQuery::new(&random.floats(DIM));
        let beam = Beam { ef: 12, ..beam(&query, &codes, links) };
        let (end, compared) = beam.walk(&mut buffers, |row| row % 2 == 1, |_| 0.0, || false, &mut found);
        assert_eq!((end, found.len()), (BeamEnd::Found, 12));
        assert!(compared <= ROWS);
        assert!(found.is_sorted_by(|a, b| a.score >= b.score));
        assert!(found.iter().all(|scored| scored.row % 2 == 1));
    }
}

#[test]
fn a_walk_among_rows_that_do_not_count_goes_as_wide_as_it_must_and_no_further() {
    let mut random = Random::new(7);
    let vectors = rows(&mut random);
    let codes = CodeMatrix::of(&vectors, DIM);
    let (starts, links) = graph();
    let links = Links { starts: &starts, links: &links };
    let (mut buffers, mut found) = (BeamBuffers::default(), Vec::new());
    for _ in 0..50 {
        let query = CodeQuery::new(&random.floats(DIM));
        let narrow = |wanted, worth| Some(Narrow { wanted, worth, per_thousand: 0 });
        let beam = Beam { ef: 40, narrow: narrow(10, usize::MAX), ..beam(&query, &codes, links) };
        // As if nothing were filtered, where all count.
        let all = beam.walk(&mut buffers, |_| true, |_| 0.0, || false, &mut found);
        let by_all = found.clone();
        let same = Beam { narrow: None, ..beam }.walk(&mut buffers, |_| true, |_| 0.0, || false, &mut found);
        assert_eq!((all, &by_all), (same, &found));
        // Of a half that counts, more than are wanted; of few, as many as are wanted.
        let few = |row: u32| row.is_multiple_of(20);
        let (end, _) = beam.walk(&mut buffers, |row| row % 2 == 1, |_| 0.0, || false, &mut found);
        assert!(end == BeamEnd::Found && (10..40).contains(&found.len()), "{}", found.len());
        let (end, wide) = beam.walk(&mut buffers, few, |_| 0.0, || false, &mut found);
        assert_eq!((end, found.len()), (BeamEnd::Found, 10));
        assert!(found.is_sorted_by(|a, b| a.score >= b.score) && found.iter().all(|scored| few(scored.row)));
        // Where it is worth less than it is predicted to cost, it ends once that shows.
        let little = Beam { narrow: narrow(20, 100), ..beam };
        let (end, compared) = little.walk(&mut buffers, few, |_| 0.0, || false, &mut found);
        assert_eq!(end, BeamEnd::OverBudget);
        assert!(compared < wide && compared <= (LOOKED_AT + 1) * 5, "{compared} of {wide}");
        // Where half should count and none does, it ends sooner.
        let apart = Narrow { wanted: 10, worth: usize::MAX, per_thousand: 500 };
        let far = Beam { narrow: Some(apart), ..beam };
        let (end, compared) = far.walk(&mut buffers, |_| false, |_| 0.0, || false, &mut found);
        assert_eq!(end, BeamEnd::OverBudget);
        assert!(compared <= (LOOKED_AT / 2 + 1) * 5, "{compared}");
    }
}

#[test]
fn rows_are_ranked_by_the_lowered_product() {
    let mut random = Random::new(8);
    let vectors = rows(&mut random);
    let codes = CodeMatrix::of(&vectors, DIM);
    let (starts, links) = graph();
    let query = CodeQuery::new(&random.floats(DIM));
    let links = Links { starts: &starts, links: &links };
    let beam = Beam { least: 0.25, ..beam(&query, &codes, links) };
    let lowered = |row: u32| if row.is_multiple_of(2) { 0.25 } else { 5.0 };
    let mut found = Vec::new();
    beam.walk(&mut BeamBuffers::default(), |_| true, lowered, || false, &mut found);
    assert!(found.iter().take(ROWS / 2).all(|scored| scored.row % 2 == 0));
    let first = found.first().expect("a row");
    assert_eq!(first.score, query.dot(&codes, first.row) - 0.25);
}

#[test]
fn a_budget_and_a_stop_end_the_walk_soon() {
    let mut random = Random::new(9);
    let vectors = rows(&mut random);
    let codes = CodeMatrix::of(&vectors, DIM);
    let (starts, links) = graph();
    let query = CodeQuery::new(&random.floats(DIM));
    let links = Links { starts: &starts, links: &links };
    let beam = Beam { budget: 20, ..beam(&query, &codes, links) };
    let (mut buffers, mut found) = (BeamBuffers::default(), Vec::new());
    let (end, compared) = beam.walk(&mut buffers, |_| true, |_| 0.0, || false, &mut found);
    assert_eq!(end, BeamEnd::OverBudget);
    assert!(compared <= 25, "{compared}");
    let left = std::cell::Cell::new(3_u32);
    let stop = || left.replace(left.get().saturating_sub(1)) == 0;
    let beam = Beam { budget: usize::MAX, ..beam };
    let (end, compared) = beam.walk(&mut buffers, |_| true, |_| 0.0, stop, &mut found);
    assert_eq!(end, BeamEnd::Stopped);
    assert!(compared <= 1 + 3 * 5, "{compared}");
}

#[test]
fn links_out_of_range_lead_nowhere() {
    let codes = CodeMatrix::of(&[1.0, 0.0, 0.0, 1.0], 2);
    let query = CodeQuery::new(&[1.0, 0.0]);
    let links = Links { starts: &[0, 2, 9], links: &[1, 77] };
    let beam = Beam { ef: 4, budget: 100, ..beam(&query, &codes, links) };
    let mut found = Vec::new();
    beam.walk(&mut BeamBuffers::default(), |_| true, |_| 0.0, || false, &mut found);
    assert_eq!(found.iter().map(|scored| scored.row).collect::<Vec<_>>(), [0, 1]);
    let beam = Beam { entry: 9, ..beam };
    beam.walk(&mut BeamBuffers::default(), |_| true, |_| 0.0, || false, &mut found);
    assert!(found.is_empty());
}
