//! The beam search of a graph over codes.
//!
//! # Source
//! arXiv:1603.09320, algorithm 2, with one sorted buffer in the place of two heaps, after the search of arXiv:1707.00143: rows
//! that do not count stand in it too, and are walked across; what lies behind the worst of the `ef` rows that count is
//! dropped. Where many rows do not count ([`Narrow`]), `ef` rows are kept whether they count or not, and as many more as it takes
//! until enough do: so the walk goes as wide as one without a filter, and wider only where few of the rows around count.

#![expect(unsafe_code, reason = "rows whose number was checked against the marks, which are as many as rows")]

use super::dot::{Product, at_level};
use super::{CodeMatrix, CodeQuery, RowsView};
use crate::prefetch::prefetch;

/// Cache lines of codes that are asked of memory before they are compared: about what a core has under way.
const LINES_AHEAD: usize = 32;
/// Bit of an entry whose links were followed.
const EXPANDED: u32 = 1 << 31;
/// Bit of an entry that counts.
const COUNTS: u32 = 1 << 30;
/// Most rows of a graph.
const MAX_ROWS: usize = COUNTS as usize;

/// A row beside what it is ranked by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scored {
    /// About the dot product with the query, less what the row is lowered by.
    pub score: f32,
    /// The row.
    pub row: u32,
}

/// Where a walk learns which rows a row is linked to.
pub trait Neighbours {
    /// Calls `each` with the rows that a row is linked to. Numbers that are no row are passed over.
    fn each(&self, row: u32, each: impl FnMut(u32));

    /// Asks memory for the links of a row that is likely to be next.
    fn fetch(&self, _row: u32) {}
}

/// The links of a level that is done: those of row `i` are `links[starts[i]..starts[i + 1]]`.
#[derive(Debug, Clone, Copy)]
pub struct Links<'a> {
    /// Where the links of each row begin, and one more: the end of the last.
    pub starts: &'a [u32],
    /// Rows linked to.
    pub links: &'a [u32],
}

impl Neighbours for Links<'_> {
    #[inline(always)]
    fn each(&self, row: u32, each: impl FnMut(u32)) {
        let row = row as usize;
        if let Some([from, to]) = self.starts.get(row..row + 2)
            && let Some(links) = self.links.get(*from as usize..*to as usize)
        {
            links.iter().copied().for_each(each);
        }
    }

    #[inline(always)]
    fn fetch(&self, row: u32) {
        if let Some(from) = self.starts.get(row as usize) {
            let from = *from as usize;
            // Some 24 links are two lines, or three where they begin in the middle of one.
            [from, from + 16, from + 32].into_iter().for_each(|link| prefetch(self.links, link));
        }
    }
}

/// One search.
#[derive(Debug, Clone, Copy)]
pub struct Beam<'a, N> {
    /// The query.
    pub query: &'a CodeQuery,
    /// The codes of all rows.
    pub rows: &'a CodeMatrix,
    /// The links.
    pub links: N,
    /// Where the walk begins.
    pub entry: u32,
    /// How many rows that count are kept.
    pub ef: usize,
    /// Comparisons after which the walk gives up.
    pub budget: usize,
    /// The least that a row is lowered by: rows that are too far even so are not looked at closer.
    pub least: f32,
    /// What is asked where many rows do not count; else `ef` rows that count are kept.
    pub narrow: Option<Narrow>,
}

/// What is asked of a walk where many rows do not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Narrow {
    /// Of the rows that are kept, so many count at least.
    pub wanted: usize,
    /// Comparisons that the walk is worth: it gives up as soon as it is predicted to need more, by the share of the rows so far that
    /// count.
    pub worth: usize,
}

/// Rows whose links are followed before it is first predicted how many it takes; then at each doubling, for a look at every row would take the
/// worst of many guesses.
const LOOKED_AT: usize = 32;

/// Rows that are kept, at most, until enough of them count: each that comes moves those behind it.
const MOST_KEPT: usize = 1024;

/// How many rows a search keeps at least, and of these that count.
#[derive(Debug, Clone, Copy)]
struct Kept {
    rows: usize,
    counting: usize,
}

/// How a search ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BeamEnd {
    /// The rows are there.
    Found,
    /// The budget ran out.
    OverBudget,
    /// The caller wants no answer any more.
    Stopped,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    score: f32,
    /// The row with [`EXPANDED`] and [`COUNTS`].
    row: u32,
}

/// Memory that searches of one graph use again.
#[derive(Debug, Default)]
pub struct BeamBuffers {
    /// The number of the search that met each row last.
    marks: Vec<u8>,
    epoch: u8,
    pool: Vec<Entry>,
    fresh: Vec<u32>,
    counting: usize,
}

impl BeamBuffers {
    fn begin(&mut self, rows: usize) {
        if self.marks.len() != rows || self.epoch == u8::MAX {
            self.marks.clear();
            self.marks.resize(rows, 0);
            self.epoch = 0;
        }
        self.epoch += 1;
        self.pool.clear();
        self.fresh.clear();
        self.counting = 0;
    }

    /// Marks a row; `false` if it was marked or does not exist.
    #[inline(always)]
    fn mark(&mut self, row: u32) -> bool {
        let epoch = self.epoch;
        self.marks.get_mut(row as usize).is_some_and(|mark| std::mem::replace(mark, epoch) != epoch)
    }

    /// The score that a row must pass to be kept.
    #[inline(always)]
    fn bar(&self, kept: Kept) -> f32 {
        match self.pool.last() {
            Some(worst) if self.counting >= kept.counting && self.pool.len() >= kept.rows => worst.score,
            Some(_) | None => f32::NEG_INFINITY,
        }
    }

    /// Puts a row in its place; gives that place.
    #[inline(always)]
    fn insert(&mut self, entry: Entry, kept: Kept) -> usize {
        let place = self.pool.partition_point(|known| known.score >= entry.score);
        self.pool.insert(place, entry);
        self.counting += usize::from(entry.row & COUNTS != 0);
        if self.counting >= kept.counting {
            // What lies behind the worst row that is needed can give nothing better.
            let mut extra = self.counting - kept.counting;
            while let Some(last) = self.pool.last().filter(|_| self.pool.len() > kept.rows) {
                if last.row & COUNTS != 0 {
                    if extra == 0 {
                        break;
                    }
                    extra -= 1;
                    self.counting -= 1;
                }
                self.pool.pop();
            }
        }
        place
    }
}

impl<N: Neighbours> Beam<'_, N> {
    /// Walks the graph and puts the rows that count nearest to the query into `found`, best first. Gives how it ended, and the
    /// comparisons made.
    ///
    /// `counts` says which rows are wanted, `lowered` what a row's product is lowered by (at least [`Beam::least`]), `stop` is
    /// asked at each step.
    pub fn walk<C: Fn(u32) -> bool, L: Fn(u32) -> f32, S: Fn() -> bool>(
        &self,
        buffers: &mut BeamBuffers,
        counts: C,
        lowered: L,
        stop: S,
        found: &mut Vec<Scored>,
    ) -> (BeamEnd, usize) {
        found.clear();
        let fits = self.rows.lanes_a_row == self.query.lanes.len() && self.rows.len() < MAX_ROWS;
        if self.ef == 0 || !fits {
            return (BeamEnd::Found, 0);
        }
        buffers.begin(self.rows.len());
        let (beam, rows, level) = (self, self.rows.view(), self.query.level);
        let ended = at_level!(level, steps[N: Neighbours, C: Counts, L: Lowered, S: Stop](
            beam: &Beam<'_, N>, rows: RowsView<'_>, buffers: &mut BeamBuffers, counts: C, lowered: L, stop: S
        ) -> (BeamEnd, usize));
        let kept = buffers.pool.iter().filter(|entry| entry.row & COUNTS != 0).take(self.ef);
        found.extend(kept.map(|entry| Scored { score: entry.score, row: entry.row & !(EXPANDED | COUNTS) }));
        ended
    }
}

impl CodeQuery {
    /// The best of some rows by [`Scored::score`], of equals the lower one; rows that do not exist are passed over.
    pub fn best_of(&self, rows: &CodeMatrix, places: &[u32], lowered: impl Fn(u32) -> f32) -> Option<Scored> {
        if rows.lanes_a_row != self.lanes.len() {
            return None;
        }
        let (query, level, rows) = (self, self.level, rows.view());
        at_level!(level, best[L: Lowered](
            query: &CodeQuery, rows: RowsView<'_>, places: &[u32], lowered: L
        ) -> Option<Scored>)
    }

    /// # Safety
    /// The machine has the instructions of `P`, `row` is below the number of rows, and the query has the rows' dimension.
    #[inline(always)]
    unsafe fn product<P: Product>(&self, rows: RowsView<'_>, row: u32) -> f32 {
        let row = row as usize;
        // SAFETY: there are `lanes_a_row` lanes and a scale for each row.
        unsafe {
            let lanes = rows.lanes.as_ptr().add(row * rows.lanes_a_row);
            let scale = *rows.scales.get_unchecked(row);
            P::product(&self.lanes, lanes, self.excess) as f32 * (self.scale * scale)
        }
    }
}

/// # Safety
/// The machine has the instructions of `P`; the query has the rows' dimension.
#[inline(always)]
unsafe fn best<P: Product, L: Lowered>(
    query: &CodeQuery,
    rows: RowsView<'_>,
    places: &[u32],
    lowered: L,
) -> Option<Scored> {
    let ahead = lines_ahead(rows);
    places.iter().take(ahead).for_each(|row| fetch(rows, *row));
    let mut best: Option<Scored> = None;
    for (at, row) in places.iter().copied().enumerate() {
        if let Some(later) = places.get(at + ahead) {
            fetch(rows, *later);
        }
        if row as usize >= rows.scales.len() {
            continue;
        }
        // SAFETY: the row exists.
        let score = unsafe { query.product::<P>(rows, row) } - lowered(row);
        if best.is_none_or(|best| score > best.score || (score == best.score && row < best.row)) {
            best = Some(Scored { score, row });
        }
    }
    best
}

/// How many rows are asked of memory before they are compared.
#[inline(always)]
fn lines_ahead(rows: RowsView<'_>) -> usize {
    (LINES_AHEAD / rows.lanes_a_row.max(1)).max(2)
}

/// Asks memory for a row's code.
#[inline(always)]
pub(super) fn fetch(rows: RowsView<'_>, row: u32) {
    let from = row as usize * rows.lanes_a_row;
    for lane in from..from + rows.lanes_a_row {
        prefetch(rows.lanes, lane);
    }
    prefetch(rows.scales, row as usize);
}

// Names for bounds, as the macro takes paths.
trait Counts: Fn(u32) -> bool {}
impl<F: Fn(u32) -> bool> Counts for F {}
trait Lowered: Fn(u32) -> f32 {}
impl<F: Fn(u32) -> f32> Lowered for F {}
trait Stop: Fn() -> bool {}
impl<F: Fn() -> bool> Stop for F {}

/// # Safety
/// The machine has the instructions of `P`; the query has the rows' dimension, and the marks are as many as the rows.
#[inline(always)]
unsafe fn steps<P: Product, N: Neighbours, C: Counts, L: Lowered, S: Stop>(
    beam: &Beam<'_, N>,
    rows: RowsView<'_>,
    buffers: &mut BeamBuffers,
    counts: C,
    lowered: L,
    stop: S,
) -> (BeamEnd, usize) {
    let kept = match beam.narrow {
        Some(Narrow { wanted, .. }) => Kept { rows: beam.ef, counting: wanted },
        None => Kept { rows: 0, counting: beam.ef },
    };
    // Rows whose links were followed, and those of them that count.
    let (mut expanded, mut met, mut look_at) = (0, 0, LOOKED_AT);
    let ahead = lines_ahead(rows);
    let mut compared = 0;
    let mut next = 0;
    if buffers.mark(beam.entry) {
        // SAFETY: a row that could be marked exists.
        let score = unsafe { beam.query.product::<P>(rows, beam.entry) } - lowered(beam.entry);
        let row = beam.entry | if counts(beam.entry) { COUNTS } else { 0 };
        buffers.insert(Entry { score, row }, kept);
        compared += 1;
    }
    loop {
        // Entries before `next` were expanded.
        let Some(entry) = buffers.pool.get_mut(next) else { return (BeamEnd::Found, compared) };
        if entry.row & EXPANDED != 0 {
            next += 1;
            continue;
        }
        let row = entry.row & !(EXPANDED | COUNTS);
        expanded += 1;
        met += usize::from(entry.row & COUNTS != 0);
        entry.row |= EXPANDED;
        next += 1;
        let is_hopeless = beam.narrow.is_some_and(|Narrow { wanted, worth }| {
            let looks = expanded >= look_at;
            look_at = if looks { look_at * 2 } else { look_at };
            // As if two more had been met: few are a bad sample.
            let is_crowded = buffers.counting < wanted && buffers.pool.len() > MOST_KEPT.max(beam.ef);
            is_crowded || looks && met < wanted && compared * wanted / (met + 2) > worth
        });
        if compared > beam.budget || is_hopeless {
            return (BeamEnd::OverBudget, compared);
        }
        if stop() {
            return (BeamEnd::Stopped, compared);
        }
        buffers.fresh.clear();
        beam.links.each(row, |link| {
            if buffers.mark(link) {
                if buffers.fresh.len() < ahead {
                    fetch(rows, link);
                }
                buffers.fresh.push(link);
            }
        });
        // The best that is not expanded yet is the next, unless a better one is met now.
        let mut rest = buffers.pool.get(next..).unwrap_or_default().iter();
        if let Some(likely) = rest.find(|entry| entry.row & EXPANDED == 0) {
            beam.links.fetch(likely.row & !COUNTS);
        }
        compared += buffers.fresh.len();
        for at in 0..buffers.fresh.len() {
            if let Some(later) = buffers.fresh.get(at + ahead) {
                fetch(rows, *later);
            }
            let Some(row) = buffers.fresh.get(at).copied() else { break };
            // SAFETY: a row that could be marked exists.
            let product = unsafe { beam.query.product::<P>(rows, row) };
            let bar = buffers.bar(kept);
            if product - beam.least <= bar {
                continue;
            }
            let score = product - lowered(row);
            if score <= bar {
                continue;
            }
            let flags = if counts(row) { COUNTS } else { 0 };
            let place = buffers.insert(Entry { score, row: row | flags }, kept);
            if place <= next {
                // The next to be expanded, as it looks now.
                beam.links.fetch(row);
                next = place;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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

    /// What a walk that goes everywhere must give.
    fn scanned(query: &CodeQuery, rows: &CodeMatrix, ef: usize, counts: impl Fn(u32) -> bool) -> Vec<Scored> {
        let all = (0..u32::try_from(ROWS).expect("small")).filter(|row| counts(*row));
        let mut all: Vec<Scored> = all.map(|row| Scored { score: query.dot(rows, row), row }).collect();
        all.sort_by(|a, b| b.score.total_cmp(&a.score));
        all.truncate(ef);
        all
    }

    #[test]
    fn a_beam_as_wide_as_the_graph_gives_what_a_scan_gives_at_every_level() {
        let mut random = Random::new(5);
        let vectors = rows(&mut random);
        let codes = CodeMatrix::of(&vectors, DIM);
        let (starts, links) = graph();
        let mut buffers = BeamBuffers::default();
        let mut found = Vec::new();
        for level in super::super::CodeLevel::available() {
            for round in 0..8 {
                let query = CodeQuery::at(level, &random.floats(DIM));
                let beam = Beam {
                    query: &query,
                    rows: &codes,
                    links: Links { starts: &starts, links: &links },
                    entry: 3,
                    ef: ROWS,
                    budget: usize::MAX,
                    least: 0.0,
                    narrow: None,
                };
                let counts = |row: u32| round % 2 == 0 || row.is_multiple_of(3);
                let ended = beam.walk(&mut buffers, counts, |_| 0.0, || false, &mut found);
                assert_eq!(ended, (BeamEnd::Found, ROWS));
                let right = scanned(&query, &codes, ROWS, counts);
                let scores = |found: &[Scored]| found.iter().map(|scored| scored.score).collect::<Vec<_>>();
                assert_eq!(scores(&found), scores(&right));
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
            let beam = Beam {
                query: &query,
                rows: &codes,
                links,
                entry: 0,
                ef: 12,
                budget: usize::MAX,
                least: 0.0,
                narrow: None,
            };
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
            let narrow = |wanted, worth| Some(Narrow { wanted, worth });
            let beam = Beam {
                query: &query,
                rows: &codes,
                links,
                entry: 0,
                ef: 40,
                budget: usize::MAX,
                least: 0.0,
                narrow: narrow(10, usize::MAX),
            };
            // As if nothing were filtered, where all count.
            let all = beam.walk(&mut buffers, |_| true, |_| 0.0, || false, &mut found);
            let by_all = found.clone();
            let same =
                Beam { narrow: None, ..beam }.walk(&mut buffers, |_| true, |_| 0.0, || false, &mut found);
            assert_eq!((all, &by_all), (same, &found));
            // Of a half that counts, more than are wanted; of few, as many as are wanted.
            let few = |row: u32| row.is_multiple_of(20);
            let (end, _) = beam.walk(&mut buffers, |row| row % 2 == 1, |_| 0.0, || false, &mut found);
            assert!(end == BeamEnd::Found && (10..40).contains(&found.len()), "{}", found.len());
            let (end, wide) = beam.walk(&mut buffers, few, |_| 0.0, || false, &mut found);
            assert_eq!((end, found.len()), (BeamEnd::Found, 10));
            assert!(
                found.is_sorted_by(|a, b| a.score >= b.score) && found.iter().all(|scored| few(scored.row))
            );
            // Where it is worth less than it is predicted to cost, it ends once that shows.
            let little = Beam { narrow: narrow(20, 100), ..beam };
            let (end, compared) = little.walk(&mut buffers, few, |_| 0.0, || false, &mut found);
            assert_eq!(end, BeamEnd::OverBudget);
            assert!(compared < wide && compared <= (LOOKED_AT + 1) * 5, "{compared} of {wide}");
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
        let beam = Beam {
            query: &query,
            rows: &codes,
            links,
            entry: 0,
            ef: ROWS,
            budget: usize::MAX,
            least: 0.25,
            narrow: None,
        };
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
        let beam = Beam {
            query: &query,
            rows: &codes,
            links,
            entry: 0,
            ef: ROWS,
            budget: 20,
            least: 0.0,
            narrow: None,
        };
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
        let beam = Beam {
            query: &query,
            rows: &codes,
            links,
            entry: 0,
            ef: 4,
            budget: 100,
            least: 0.0,
            narrow: None,
        };
        let mut found = Vec::new();
        beam.walk(&mut BeamBuffers::default(), |_| true, |_| 0.0, || false, &mut found);
        assert_eq!(found.iter().map(|scored| scored.row).collect::<Vec<_>>(), [0, 1]);
        let beam = Beam { entry: 9, ..beam };
        beam.walk(&mut BeamBuffers::default(), |_| true, |_| 0.0, || false, &mut found);
        assert!(found.is_empty());
    }
}
