//! What the rows of a graph are compared by as it is walked: their codes of a byte a number, or those of half a byte.

#![expect(unsafe_code, reason = "rows whose number the caller has checked")]

use super::dot::{CodeLevel, Product, at_level};
use super::nibbles::{NibbleMatrix, NibbleQuery};
use super::{CodeMatrix, CodeQuery, RowsView};

/// Cache lines of codes that are asked of memory before they are compared: about what a core has under way.
const LINES_AHEAD: usize = 32;

/// A row beside what it is ranked by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scored {
    /// About the dot product with the query, less what the row is lowered by.
    pub score: f32,
    /// The row.
    pub row: u32,
}

/// A query, and the rows that it is compared with.
#[derive(Debug, Clone, Copy)]
pub enum Compared<'a> {
    /// By a byte a number.
    Codes(&'a CodeQuery, &'a CodeMatrix),
    /// By half a byte a number.
    Nibbles(&'a NibbleQuery, &'a NibbleMatrix),
}

impl Compared<'_> {
    /// How many rows there are.
    pub fn len(self) -> usize {
        match self {
            Self::Codes(_, rows) => rows.len(),
            Self::Nibbles(_, rows) => rows.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Whether the query has the dimension of the rows.
    pub(super) fn fits(self) -> bool {
        match self {
            Self::Codes(query, rows) => query.lanes.len() == rows.lanes_a_row,
            Self::Nibbles(query, rows) => query.fits(rows),
        }
    }

    /// About the dot product with a row; 0 where there is no such row, or one of another dimension.
    pub fn dot(self, row: u32) -> f32 {
        match self {
            Self::Codes(query, rows) => query.dot(rows, row),
            Self::Nibbles(query, rows) => query.dot(rows, row),
        }
    }

    /// The best of some rows by [`Scored::score`], of equals the lower one; rows that do not exist are passed over.
    pub fn best_of(self, places: &[u32], lowered: impl Fn(u32) -> f32) -> Option<Scored> {
        if !self.fits() {
            return None;
        }
        match self {
            Self::Codes(query, rows) => best_of(ByCode { query, rows: rows.view() }, places, lowered),
            Self::Nibbles(query, rows) => best_of(ByNibble { query, rows: rows.view() }, places, lowered),
        }
    }
}

// A name for a bound, as the macro takes paths.
pub(super) trait Lowered: Fn(u32) -> f32 {}
impl<F: Fn(u32) -> f32> Lowered for F {}

/// Rows beside a query that has their dimension.
pub(super) trait Rows: Copy {
    /// What the query was made for.
    fn level(self) -> CodeLevel;

    /// The rows.
    fn rows(&self) -> RowsView<'_>;

    /// About the dot product with a row.
    ///
    /// # Safety
    /// The machine has the instructions of `P`, `row` is below the number of rows, and the query has the rows' dimension.
    unsafe fn product<P: Product>(self, row: u32) -> f32;

    /// How many rows are asked of memory before they are compared.
    #[inline(always)]
    fn ahead(self) -> usize {
        (LINES_AHEAD / self.rows().lanes_a_row.max(1)).max(2)
    }
}

/// Rows of a byte a number.
#[derive(Debug, Clone, Copy)]
pub(super) struct ByCode<'a> {
    pub(super) query: &'a CodeQuery,
    pub(super) rows: RowsView<'a>,
}

impl Rows for ByCode<'_> {
    #[inline(always)]
    fn level(self) -> CodeLevel {
        self.query.level
    }

    #[inline(always)]
    fn rows(&self) -> RowsView<'_> {
        self.rows
    }

    #[inline(always)]
    unsafe fn product<P: Product>(self, row: u32) -> f32 {
        // SAFETY: as the caller promises.
        unsafe {
            let (lanes, scale) = self.rows.at(row);
            P::product(&self.query.lanes, lanes, self.query.excess) as f32 * (self.query.scale * scale)
        }
    }
}

/// Rows of half a byte a number.
#[derive(Debug, Clone, Copy)]
pub(super) struct ByNibble<'a> {
    pub(super) query: &'a NibbleQuery,
    pub(super) rows: RowsView<'a>,
}

impl Rows for ByNibble<'_> {
    #[inline(always)]
    fn level(self) -> CodeLevel {
        self.query.level
    }

    #[inline(always)]
    fn rows(&self) -> RowsView<'_> {
        self.rows
    }

    #[inline(always)]
    unsafe fn product<P: Product>(self, row: u32) -> f32 {
        // SAFETY: as the caller promises.
        unsafe { self.query.product::<P>(self.rows, row) }
    }
}

fn best_of<R: Rows, L: Lowered>(rows: R, places: &[u32], lowered: L) -> Option<Scored> {
    at_level!(rows.level(), best[R: Rows, L: Lowered](rows: R, places: &[u32], lowered: L) -> Option<Scored>)
}

/// # Safety
/// The machine has the instructions of `P`; the query has the rows' dimension.
#[inline(always)]
unsafe fn best<P: Product, R: Rows, L: Lowered>(rows: R, places: &[u32], lowered: L) -> Option<Scored> {
    let ahead = rows.ahead();
    places.iter().take(ahead).for_each(|row| rows.rows().fetch(*row));
    let mut best: Option<Scored> = None;
    for (at, row) in places.iter().copied().enumerate() {
        if let Some(later) = places.get(at + ahead) {
            rows.rows().fetch(*later);
        }
        if row as usize >= rows.rows().scales.len() {
            continue;
        }
        // SAFETY: the row exists.
        let score = unsafe { rows.product::<P>(row) } - lowered(row);
        if best.is_none_or(|best| score > best.score || (score == best.score && row < best.row)) {
            best = Some(Scored { score, row });
        }
    }
    best
}
