//! [`Answer`]: what columns know of a filter.
//!
//! ```text
//!                sure     open                    a asks for a field without a column, b for one with
//! a              -        all
//! b              1 2      -
//! a and b        -        1 2                     only these are asked one by one
//! a or b         1 2      all but 1 2
//! not b          all but 1 2   -
//! ```

use super::bits::Bits;

/// Who meets a condition. The two share nobody; who is in neither does not meet it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Answer {
    /// Those that meet it.
    pub(crate) sure: Bits,
    /// Those of whom the columns do not know it.
    pub(crate) open: Bits,
}

impl Answer {
    pub(super) fn and(mut self, other: &Self) -> Self {
        if self.open.is_empty() && other.open.is_empty() {
            self.sure.intersect(&other.sure);
            return self;
        }
        let mut may = self.sure.clone();
        may.unite(&self.open);
        let mut other_may = other.sure.clone();
        other_may.unite(&other.open);
        may.intersect(&other_may);
        self.sure.intersect(&other.sure);
        may.subtract(&self.sure);
        Self { sure: self.sure, open: may }
    }

    pub(super) fn or(mut self, other: &Self) -> Self {
        self.sure.unite(&other.sure);
        self.open.unite(&other.open);
        self.open.subtract(&self.sure);
        self
    }

    pub(super) fn not(self, all: &Bits) -> Self {
        let mut sure = all.clone();
        sure.subtract(&self.sure);
        sure.subtract(&self.open);
        Self { sure, open: self.open }
    }

    /// Whether nobody can meet it.
    pub(super) fn is_none(&self) -> bool {
        self.sure.is_empty() && self.open.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(sure: &[u32], open: &[u32]) -> Answer {
        Answer { sure: sure.iter().copied().collect(), open: open.iter().copied().collect() }
    }

    fn told(answer: &Answer) -> (Vec<u32>, Vec<u32>) {
        (answer.sure.iter().collect(), answer.open.iter().collect())
    }

    #[test]
    fn what_is_open_stays_open_only_where_it_decides() {
        // By turns: true, open, false beside true, open, false.
        let left = answer(&[0, 1, 2], &[3, 4, 5]);
        let right = answer(&[0, 3, 6], &[1, 4, 7]);
        assert_eq!(told(&left.clone().and(&right)), (vec![0], vec![1, 3, 4]));
        assert_eq!(told(&left.clone().or(&right)), (vec![0, 1, 2, 3, 6], vec![4, 5, 7]));
        let all = (0..9).collect();
        assert_eq!(told(&left.not(&all)), (vec![6, 7, 8], vec![3, 4, 5]));
    }
}
