//! Products of rows with rows of one matrix, and the choice of neighbours that rests on them.

#![expect(unsafe_code, reason = "rows whose numbers are checked at entry")]

use super::dot::{CodeLevel, Product, at_level};
use super::{CodeMatrix, CodeQuery, Lane, RowsView, Scored};

/// Rows of a matrix, ready to be multiplied with one another.
#[derive(Debug)]
pub struct RowPairs<'a> {
    rows: &'a CodeMatrix,
    view: RowsView<'a>,
    /// What is too much where a row stands as the query: 128 times the sum of its codes.
    excess: Vec<i32>,
    level: CodeLevel,
}

impl<'a> RowPairs<'a> {
    /// The rows of a matrix.
    pub fn new(rows: &'a CodeMatrix) -> Self {
        let sum = |lanes: &[Lane]| lanes.iter().flat_map(|lane| lane.0).map(i32::from).sum::<i32>();
        let excess = rows.lanes.chunks(rows.lanes_a_row.max(1)).map(|lanes| sum(lanes) * 128).collect();
        Self { rows, view: rows.view(), excess, level: CodeLevel::best() }
    }

    /// The matrix.
    pub const fn rows(&self) -> &'a CodeMatrix {
        self.rows
    }

    /// A row as a query; `None` if there is no such row.
    pub fn query(&self, row: u32) -> Option<CodeQuery> {
        let (lanes, scale) = self.rows.row(row as usize)?;
        let excess = *self.excess.get(row as usize)?;
        let (norm, error) = (self.rows.norm, self.rows.error);
        Some(CodeQuery { level: self.level, lanes: lanes.to_vec(), scale, excess, norm, error })
    }

    /// Puts into `scored` how near each of some rows is to a row, nearest first. Rows that do not exist are left out.
    pub fn score(&self, row: u32, others: &[u32], scored: &mut Vec<Scored>) {
        scored.clear();
        if !self.has(row) {
            return;
        }
        scored.extend(
            others.iter().filter(|other| self.has(**other)).map(|row| Scored { score: 0.0, row: *row }),
        );
        let (pairs, of, rows) = (self, row, &mut scored[..]);
        at_level!(self.level, score_all[](pairs: &RowPairs<'_>, of: u32, rows: &mut [Scored]) -> ());
        // Of equals the lower row, so that a graph that one thread builds is the same each time.
        scored.sort_unstable_by(|a, b| b.score.total_cmp(&a.score).then(a.row.cmp(&b.row)));
    }

    /// Puts at most `most` of some rows into `chosen`: those that are nearer to the row that they were scored against than to
    /// any that was chosen before, so that links lead into every direction.
    ///
    /// `scored` holds the rows, nearest first, as [`RowPairs::score`] and walks give them.
    ///
    /// # Source
    /// arXiv:1603.09320, algorithm 4, without extension and without keeping what was pruned.
    pub fn choose(&self, scored: &[Scored], most: usize, chosen: &mut Vec<u32>) {
        chosen.clear();
        let (pairs, known) = (self, scored.iter().all(|scored| self.has(scored.row)));
        if known {
            at_level!(self.level, choose_all[](
                pairs: &RowPairs<'_>, scored: &[Scored], most: usize, chosen: &mut Vec<u32>
            ) -> ());
        }
    }

    fn has(&self, row: u32) -> bool {
        (row as usize) < self.view.scales.len()
    }

    /// # Safety
    /// The machine has the instructions of `P`, and both rows exist.
    #[inline(always)]
    unsafe fn dot<P: Product>(&self, a: u32, b: u32) -> f32 {
        let RowsView { lanes_a_row: width, lanes, scales } = self.view;
        let (a, b) = (a as usize, b as usize);
        // SAFETY: each row has its lanes, its scale and its excess.
        unsafe {
            let query = lanes.get_unchecked(a * width..(a + 1) * width);
            let row = lanes.as_ptr().add(b * width);
            let scale = *scales.get_unchecked(a) * *scales.get_unchecked(b);
            P::product(query, row, *self.excess.get_unchecked(a)) as f32 * scale
        }
    }
}

/// # Safety
/// The machine has the instructions of `P`, and all rows exist.
#[inline(always)]
unsafe fn score_all<P: Product>(pairs: &RowPairs<'_>, of: u32, rows: &mut [Scored]) {
    for scored in rows {
        // SAFETY: as the caller promises.
        scored.score = unsafe { pairs.dot::<P>(of, scored.row) };
    }
}

/// # Safety
/// The machine has the instructions of `P`, and all rows exist.
#[inline(always)]
unsafe fn choose_all<P: Product>(
    pairs: &RowPairs<'_>,
    scored: &[Scored],
    most: usize,
    chosen: &mut Vec<u32>,
) {
    for candidate in scored {
        if chosen.len() >= most {
            return;
        }
        let mut is_apart = true;
        for other in &*chosen {
            // SAFETY: as the caller promises.
            if unsafe { pairs.dot::<P>(candidate.row, *other) } > candidate.score {
                is_apart = false;
                break;
            }
        }
        if is_apart {
            chosen.push(candidate.row);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Random;

    const DIM: usize = 40;

    fn matrix(rows: usize) -> CodeMatrix {
        let mut vectors = Random::new(3).floats(DIM * rows);
        vectors.chunks_mut(DIM).for_each(|row| {
            crate::l2_normalize(row);
        });
        CodeMatrix::of(&vectors, DIM)
    }

    #[test]
    fn a_row_as_a_query_has_the_products_of_the_pairs() {
        let rows = matrix(30);
        let pairs = RowPairs::new(&rows);
        let others: Vec<u32> = (0..31).rev().collect();
        let mut scored = Vec::new();
        for row in 0..30 {
            let query = pairs.query(row).expect("a row");
            pairs.score(row, &others, &mut scored);
            assert_eq!(scored.len(), 30, "a row that does not exist is left out");
            assert!(scored.is_sorted_by(|a, b| a.score >= b.score));
            assert_eq!(scored.first().map(|scored| scored.row), Some(row), "nearest to itself");
            assert!(scored.iter().all(|scored| query.dot(&rows, scored.row) == scored.score));
        }
        assert!(pairs.query(30).is_none());
    }

    #[test]
    fn chosen_rows_are_nearer_to_their_row_than_to_one_another() {
        let rows = matrix(200);
        let pairs = RowPairs::new(&rows);
        let others: Vec<u32> = (1..200).collect();
        let (mut scored, mut chosen) = (Vec::new(), Vec::new());
        pairs.score(0, &others, &mut scored);
        pairs.choose(&scored, 12, &mut chosen);
        assert!((2..=12).contains(&chosen.len()));
        assert_eq!(chosen.first(), scored.first().map(|nearest| &nearest.row));
        let query = pairs.query(0).expect("a row");
        for (at, row) in chosen.iter().enumerate() {
            let own = pairs.query(*row).expect("a row");
            for other in chosen.iter().take(at) {
                assert!(own.dot(&rows, *other) <= query.dot(&rows, *row));
            }
        }
        // Equal rows: one of them is enough.
        let same = CodeMatrix::of(&[0.5; 4 * 6], 4);
        let pairs = RowPairs::new(&same);
        pairs.score(0, &[1, 2, 3, 4, 5], &mut scored);
        pairs.choose(&scored, 4, &mut chosen);
        assert!(!chosen.is_empty());
        pairs.choose(&[Scored { score: 1.0, row: 77 }], 4, &mut chosen);
        assert!(chosen.is_empty(), "a row that does not exist");
    }
}
