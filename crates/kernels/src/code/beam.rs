//! The beam search of a graph over codes, of a byte a number or of half a byte.
//!
//! # Source
//! arXiv:1603.09320, algorithm 2, with one sorted buffer in the place of two heaps, after the search of arXiv:1707.00143: rows
//! that do not count stand in it too, and are walked across; what lies behind the worst of the `ef` rows that count is
//! dropped. Where many rows do not count ([`Narrow`]), `ef` rows are kept whether they count or not, and as many more as it takes
//! until enough do: so the walk goes as wide as one without a filter, and wider only where few of the rows around count.

#![expect(unsafe_code, reason = "rows whose number was checked against the marks, which are as many as rows")]

use super::compared::{ByCode, ByNibble, Compared, Lowered, Rows, Scored};
use super::dot::{Product, at_level};
use crate::prefetch::prefetch;

/// Bit of an entry whose links were followed.
const EXPANDED: u32 = 1 << 31;
/// Bit of an entry that counts.
const COUNTS: u32 = 1 << 30;
/// Most rows of a graph.
const MAX_ROWS: usize = COUNTS as usize;

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
    /// What rows are compared with the query by.
    pub rows: Compared<'a>,
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
    /// Of a thousand rows, how many count: where none does among so many that some should, the walk is where none are.
    pub per_thousand: usize,
}

/// Rows whose links are followed before it is first predicted how many it takes; then at each doubling, for a look at every row would take the
/// worst of many guesses.
const LOOKED_AT: usize = 32;
/// Rows that should have been met before it is given up because none was: by chance that is one walk in 400.
const EXPECTED: usize = 6;

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
        if self.ef == 0 || !self.rows.fits() || self.rows.len() >= MAX_ROWS {
            return (BeamEnd::Found, 0);
        }
        buffers.begin(self.rows.len());
        let ended = match self.rows {
            Compared::Codes(query, rows) => {
                self.steps_of(ByCode { query, rows: rows.view() }, buffers, counts, lowered, stop)
            }
            Compared::Nibbles(query, rows) => {
                self.steps_of(ByNibble { query, rows: rows.view() }, buffers, counts, lowered, stop)
            }
        };
        let kept = buffers.pool.iter().filter(|entry| entry.row & COUNTS != 0).take(self.ef);
        found.extend(kept.map(|entry| Scored { score: entry.score, row: entry.row & !(EXPANDED | COUNTS) }));
        ended
    }

    #[inline(always)]
    fn steps_of<R: Rows, C: Counts, L: Lowered, S: Stop>(
        &self,
        rows: R,
        buffers: &mut BeamBuffers,
        counts: C,
        lowered: L,
        stop: S,
    ) -> (BeamEnd, usize) {
        let beam = self;
        at_level!(rows.level(), steps[N: Neighbours, R: Rows, C: Counts, L: Lowered, S: Stop](
            beam: &Beam<'_, N>, rows: R, buffers: &mut BeamBuffers, counts: C, lowered: L, stop: S
        ) -> (BeamEnd, usize))
    }
}

// Names for bounds, as the macro takes paths.
trait Counts: Fn(u32) -> bool {}
impl<F: Fn(u32) -> bool> Counts for F {}
trait Stop: Fn() -> bool {}
impl<F: Fn() -> bool> Stop for F {}

/// # Safety
/// The machine has the instructions of `P`; the query has the rows' dimension, and the marks are as many as the rows.
#[inline(always)]
unsafe fn steps<P: Product, N: Neighbours, R: Rows, C: Counts, L: Lowered, S: Stop>(
    beam: &Beam<'_, N>,
    rows: R,
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
    let (mut expanded, mut met, mut look_at) = (0, 0, LOOKED_AT / 4);
    let ahead = rows.ahead();
    let mut compared = 0;
    let mut next = 0;
    if buffers.mark(beam.entry) {
        // SAFETY: a row that could be marked exists.
        let score = unsafe { rows.product::<P>(beam.entry) } - lowered(beam.entry);
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
        let is_hopeless = beam.narrow.is_some_and(|Narrow { wanted, worth, per_thousand }| {
            let looks = expanded >= look_at;
            look_at = if looks { look_at * 2 } else { look_at };
            let is_crowded = buffers.counting < wanted && buffers.pool.len() > MOST_KEPT.max(beam.ef);
            let is_apart = looks && met == 0 && expanded * per_thousand >= EXPECTED * 1000;
            // As if two more had been met: few are a bad sample.
            let is_costly =
                looks && expanded >= LOOKED_AT && met < wanted && compared * wanted / (met + 2) > worth;
            is_crowded || is_apart || is_costly
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
                    rows.rows().fetch(link);
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
                rows.rows().fetch(*later);
            }
            let Some(row) = buffers.fresh.get(at).copied() else { break };
            // SAFETY: a row that could be marked exists.
            let product = unsafe { rows.product::<P>(row) };
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
mod tests;
