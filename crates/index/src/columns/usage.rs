//! [`Usage`]: which fields filters ask for, and so which have columns.
//!
//! A field that a filter names gets a column in the background. There are at most [`MAX_FIELDS`], of [`MAX_BYTES`]
//! together; where they do not fit, those asked for longest ago go first. One that was in use during the last
//! [`IN_USE`] filters does not go for another, so that two large fields cannot drive each other out by turns: the other
//! is then asked one by one, and tried again after [`TRY_AGAIN`] filters.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use parking_lot::Mutex;

/// Most columns of a collection.
pub(crate) const MAX_FIELDS: usize = 32;
/// Most bytes that its columns have together.
pub(crate) const MAX_BYTES: usize = 128 << 20;
/// A column is in use if it was asked for by one of the last so many filters.
const IN_USE: u64 = 64;
/// Filters after which a column that did not fit is tried again.
const TRY_AGAIN: u64 = 1024;
/// Most fields that are known by name.
const MAX_KNOWN: usize = 4 * MAX_FIELDS;
/// Longest name that is taken note of, in bytes.
const MAX_NAME_BYTES: usize = 256;

/// What filters asked for.
#[derive(Debug, Default)]
pub(crate) struct Usage(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// How many filters came.
    clock: u64,
    /// The clock when columns were last made.
    made: u64,
    fields: BTreeMap<String, Use>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Use {
    /// The last filter that named it.
    asked: u64,
    /// No column is made before this filter.
    not_before: u64,
}

impl Usage {
    /// Takes note of the fields of a filter. Gives whether one of them could have a column and has none.
    pub(crate) fn note(&self, fields: &[&str], has: impl Fn(&str) -> bool) -> bool {
        let mut state = self.0.lock();
        state.clock += 1;
        let clock = state.clock;
        let mut lacking = false;
        for field in fields.iter().filter(|field| field.len() <= MAX_NAME_BYTES).take(MAX_FIELDS) {
            let noted = match state.fields.get_mut(*field) {
                Some(noted) => noted,
                None => state.fields.entry((*field).to_owned()).or_default(),
            };
            noted.asked = clock;
            lacking |= noted.not_before <= clock && !has(field);
        }
        while state.fields.len() > MAX_KNOWN {
            let oldest = state.fields.iter().min_by_key(|(_, noted)| noted.asked);
            let Some(oldest) = oldest.map(|(field, _)| field.clone()) else { break };
            state.fields.remove(&oldest);
        }
        lacking
    }

    /// Fields that should have a column and have none, the last asked for first.
    pub(crate) fn wanted(&self, has: impl Fn(&str) -> bool) -> Vec<String> {
        let state = self.0.lock();
        let is_wanted = |noted: &Use| noted.not_before <= state.clock && state.is_in_use(noted);
        let mut wanted: Vec<_> =
            state.fields.iter().filter(|(field, noted)| is_wanted(noted) && !has(field)).collect();
        wanted.sort_by_key(|(_, noted)| Reverse(noted.asked));
        wanted.into_iter().take(MAX_FIELDS).map(|(field, _)| field.clone()).collect()
    }

    /// Whether a filter came since columns were last made.
    pub(crate) fn is_in_use(&self) -> bool {
        let state = self.0.lock();
        state.clock > state.made
    }

    /// Chooses the columns that stay, of those that there were and those just made, and takes note of the others.
    pub(crate) fn choose(&self, before: &[(String, usize)], made: &[(String, usize)]) -> Vec<String> {
        let mut state = self.0.lock();
        state.made = state.clock;
        let rank = |field: &String, is_new: bool| {
            let noted = state.fields.get(field).copied().unwrap_or_default();
            Reverse((!is_new && state.is_in_use(&noted), noted.asked))
        };
        let mut ranked: Vec<_> = before
            .iter()
            .map(|(field, bytes)| (rank(field, false), field, *bytes))
            .chain(made.iter().map(|(field, bytes)| (rank(field, true), field, *bytes)))
            .collect();
        ranked.sort();
        let (mut left, mut chosen) = (MAX_BYTES, Vec::new());
        for (_, field, bytes) in ranked {
            if chosen.len() < MAX_FIELDS && bytes <= left {
                left -= bytes;
                chosen.push(field.clone());
            }
        }
        for (field, _) in made {
            if !chosen.contains(field) {
                state.refuse(field);
            }
        }
        chosen
    }

    /// Takes note that a column would have been too large.
    pub(crate) fn refuse(&self, field: &str) {
        self.0.lock().refuse(field);
    }
}

impl State {
    fn is_in_use(&self, noted: &Use) -> bool {
        noted.asked > 0 && noted.asked + IN_USE > self.clock
    }

    fn refuse(&mut self, field: &str) {
        let not_before = self.clock + TRY_AGAIN;
        if let Some(noted) = self.fields.get_mut(field) {
            noted.not_before = not_before;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HALF: usize = MAX_BYTES / 2 + 1;

    fn sized(fields: &[(&str, usize)]) -> Vec<(String, usize)> {
        fields.iter().map(|(field, bytes)| ((*field).to_owned(), *bytes)).collect()
    }

    #[test]
    fn a_field_is_wanted_from_its_first_filter_on_and_only_while_it_is_asked_for() {
        let usage = Usage::default();
        assert!(usage.note(&["year", "tag"], |field| field == "tag"));
        assert_eq!(usage.wanted(|field| field == "tag"), ["year"]);
        assert!(!usage.note(&["tag"], |field| field == "tag"));
        for _ in 0..IN_USE {
            usage.note(&[], |_| false);
        }
        assert!(usage.wanted(|_| false).is_empty());
    }

    #[test]
    fn the_least_recently_used_go_and_two_large_fields_do_not_drive_each_other_out() {
        let usage = Usage::default();
        usage.note(&["old"], |_| true);
        for _ in 0..IN_USE {
            usage.note(&["small"], |_| true);
        }
        usage.note(&["new"], |_| false);
        let before = sized(&[("old", HALF), ("small", 10)]);
        assert_eq!(usage.choose(&before, &sized(&[("new", HALF)])), ["small", "new"]);
        usage.note(&["old"], |_| false);
        let before = sized(&[("new", HALF), ("small", 10)]);
        assert_eq!(usage.choose(&before, &sized(&[("old", HALF)])), ["new", "small"]);
        assert!(!usage.note(&["old"], |_| false), "it is not tried again at once");
        for _ in 0..TRY_AGAIN {
            usage.note(&[], |_| false);
        }
        assert!(usage.note(&["old"], |_| false));
        assert_eq!(usage.choose(&before, &sized(&[("old", HALF)])), ["old", "small"]);
    }

    #[test]
    fn there_are_only_so_many() {
        let usage = Usage::default();
        let names: Vec<_> = (0..10 * MAX_FIELDS).map(|number| format!("field {number}")).collect();
        for name in &names {
            usage.note(&[name], |_| false);
        }
        assert_eq!(usage.0.lock().fields.len(), MAX_KNOWN);
        assert_eq!(usage.wanted(|_| false).len(), MAX_FIELDS);
        let made: Vec<_> = names.iter().map(|name| (name.clone(), 1)).collect();
        let chosen = usage.choose(&[], &made);
        assert_eq!((chosen.len(), chosen.first()), (MAX_FIELDS, names.last()));
        let long = "x".repeat(MAX_NAME_BYTES + 1);
        assert!(!usage.note(&[&long], |_| false), "a long name is asked one by one");
    }
}
