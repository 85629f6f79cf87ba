//! Up to which item of a stream everything has its result.

use std::collections::BTreeSet;

/// Numbers of a stream's items, in the order given and as they are done.
#[derive(Debug, Default)]
pub(super) struct Watermark {
    open: BTreeSet<u64>,
    done: BTreeSet<u64>,
    last: Option<u64>,
}

impl Watermark {
    /// Takes the next item in; `false` if its number is not above those before it.
    pub(super) fn begin(&mut self, sequence: u64) -> bool {
        if self.last.is_some_and(|last| sequence <= last) {
            return false;
        }
        self.last = Some(sequence);
        self.open.insert(sequence);
        true
    }

    /// Marks an item as done; gives the new watermark if it rose.
    pub(super) fn finish(&mut self, sequence: u64) -> Option<u64> {
        if self.open.remove(&sequence) {
            self.done.insert(sequence);
        }
        let mut risen = None;
        while let Some(first) = self.done.first().copied() {
            if self.open.first().is_some_and(|open| *open < first) {
                break;
            }
            self.done.remove(&first);
            risen = Some(first);
        }
        risen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_rises_over_what_is_done_in_any_order() {
        let mut watermark = Watermark::default();
        for sequence in [1, 2, 5, 9] {
            assert!(watermark.begin(sequence));
        }
        assert!(!watermark.begin(9));
        assert!(!watermark.begin(3));
        assert_eq!(watermark.finish(5), None);
        assert_eq!(watermark.finish(1), Some(1));
        assert_eq!(watermark.finish(1), None);
        assert_eq!(watermark.finish(2), Some(5));
        assert_eq!(watermark.finish(9), Some(9));
    }
}
