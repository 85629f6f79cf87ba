//! Which entries make the next batch: a pure function.

use super::Priority;

/// What the planner knows of an entry, in order of arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) cost: u64,
    pub(super) priority: Priority,
}

/// The places of the entries of the next batch: queries before bulk, each in order of arrival, until the budget is spent.
/// The first entry is taken whatever it costs, so that every entry's turn comes.
///
/// A bulk entry that no longer fits ends the batch, and none behind it is taken, so that a large one is not overtaken for
/// ever by small ones.
pub(super) fn plan(entries: &[Entry], budget: u64) -> Vec<usize> {
    let of = |priority| entries.iter().enumerate().filter(move |(_, entry)| entry.priority == priority);
    let mut spent = 0u64;
    let mut batch = Vec::new();
    for (place, entry) in of(Priority::Query).chain(of(Priority::Bulk)) {
        spent = spent.saturating_add(entry.cost);
        if !batch.is_empty() && spent > budget {
            break;
        }
        batch.push(place);
    }
    batch
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(rows: &[(u64, Priority)]) -> Vec<Entry> {
        rows.iter().map(|(cost, priority)| Entry { cost: *cost, priority: *priority }).collect()
    }

    #[test]
    fn queries_go_first_in_order_of_arrival() {
        use Priority::{Bulk, Query};
        let queue = entries(&[(3, Bulk), (1, Query), (3, Bulk), (1, Query)]);
        assert_eq!(plan(&queue, 5), [1, 3, 0]);
        assert_eq!(plan(&queue, 100), [1, 3, 0, 2]);
    }

    #[test]
    fn an_entry_past_the_budget_goes_alone_and_is_not_overtaken() {
        use Priority::Bulk;
        assert_eq!(plan(&entries(&[(50, Bulk), (1, Bulk)]), 10), [0]);
        assert_eq!(plan(&entries(&[(4, Bulk), (50, Bulk), (1, Bulk)]), 10), [0]);
    }

    #[test]
    fn nothing_makes_no_batch() {
        assert!(plan(&[], 10).is_empty());
    }
}
