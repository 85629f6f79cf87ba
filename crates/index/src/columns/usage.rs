//! [`Usage`]: which fields have columns: those that are indexed because somebody asked for it, and those that filters ask for.
//!
//! At most [`MAX_INDEXED_FIELDS`] are indexed, and their columns have [`MAX_INDEXED_BYTES`] together.
//!
//! Any other field that a filter names gets a column in the background. There are at most [`MAX_FIELDS`], of [`MAX_BYTES`]
//! together; where they do not fit, those asked for longest ago go first. One that was in use during the last
//! [`IN_USE`] filters does not go for another, so that two large fields cannot drive each other out by turns: the other
//! is then asked one by one, and tried again after [`TRY_AGAIN`] filters.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use parking_lot::Mutex;

/// Most fields that are indexed because somebody asked for it.
pub(crate) const MAX_INDEXED_FIELDS: usize = 32;
/// Most bytes that their columns have together.
const MAX_INDEXED_BYTES: usize = 1 << 30;
/// Most columns of a collection beside these.
const MAX_FIELDS: usize = 32;
/// Most bytes that they have together.
const MAX_BYTES: usize = 128 << 20;
/// A column is in use if it was asked for by one of the last so many filters.
const IN_USE: u64 = 64;
/// Filters after which a column that did not fit is tried again.
const TRY_AGAIN: u64 = 1024;
/// Most fields that are known by name.
const MAX_KNOWN: usize = 4 * MAX_FIELDS;
/// Longest name of a field with a column, in bytes.
pub(crate) const MAX_FIELD_NAME_BYTES: usize = 256;

/// Most bytes of a column.
pub(crate) const fn most_bytes(is_indexed: bool) -> usize {
    if is_indexed { MAX_INDEXED_BYTES } else { MAX_BYTES }
}

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
    /// Indexed fields whose columns did not fit, with the filter before which they are not tried again.
    too_large: BTreeMap<String, u64>,
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
        for field in fields.iter().filter(|field| field.len() <= MAX_FIELD_NAME_BYTES).take(MAX_FIELDS) {
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

    /// Fields that should have a column and have none: those that are indexed, then the others, the last asked for first.
    pub(crate) fn wanted(&self, indexed: &[String], has: impl Fn(&str) -> bool) -> Vec<String> {
        let mut state = self.0.lock();
        state.too_large.retain(|field, _| indexed.contains(field));
        let fits =
            |field: &String| state.too_large.get(field).is_none_or(|not_before| *not_before <= state.clock);
        let first = indexed.iter().filter(|field| fits(field) && !has(field));
        let is_wanted = |field: &String, noted: &Use| {
            noted.not_before <= state.clock
                && state.is_in_use(noted)
                && !indexed.contains(field)
                && !has(field)
        };
        let mut wanted: Vec<_> =
            state.fields.iter().filter(|(field, noted)| is_wanted(field, noted)).collect();
        wanted.sort_by_key(|(_, noted)| Reverse(noted.asked));
        let wanted = wanted.into_iter().take(MAX_FIELDS).map(|(field, _)| field);
        first.chain(wanted).cloned().collect()
    }

    /// Whether the column of an indexed field did not fit.
    pub(crate) fn is_too_large(&self, field: &str) -> bool {
        self.0.lock().too_large.contains_key(field)
    }

    /// Whether a filter came since columns were last made.
    pub(crate) fn is_in_use(&self) -> bool {
        let state = self.0.lock();
        state.clock > state.made
    }

    /// Chooses the columns that stay, of those that there were and those just made, and takes note of the others.
    pub(crate) fn choose(
        &self,
        indexed: &[String],
        before: &[(String, usize)],
        made: &[(String, usize)],
    ) -> Vec<String> {
        let mut state = self.0.lock();
        state.made = state.clock;
        let rank = |field: &String, is_new: bool| {
            let noted = state.fields.get(field).copied().unwrap_or_default();
            Reverse((indexed.contains(field), !is_new && state.is_in_use(&noted), noted.asked))
        };
        let mut ranked: Vec<_> = before
            .iter()
            .map(|(field, bytes)| (rank(field, false), field, *bytes))
            .chain(made.iter().map(|(field, bytes)| (rank(field, true), field, *bytes)))
            .collect();
        ranked.sort();
        let mut chosen = Vec::new();
        let (mut indexed_left, mut left, mut count) = (MAX_INDEXED_BYTES, MAX_BYTES, 0);
        for (Reverse((is_indexed, _, asked)), field, bytes) in ranked {
            let left = if is_indexed { &mut indexed_left } else { &mut left };
            // One whose index was dropped stays only if filters name it.
            if bytes <= *left && (is_indexed || (count < MAX_FIELDS && asked > 0)) {
                *left -= bytes;
                count += usize::from(!is_indexed);
                chosen.push(field.clone());
            }
        }
        for (field, _) in made {
            if !chosen.contains(field) {
                state.refuse(field, indexed.contains(field));
            } else if indexed.contains(field) {
                state.too_large.remove(field);
            }
        }
        chosen
    }

    /// Takes note that a column would have been too large.
    pub(crate) fn refuse(&self, field: &str, is_indexed: bool) {
        self.0.lock().refuse(field, is_indexed);
    }
}

impl State {
    fn is_in_use(&self, noted: &Use) -> bool {
        noted.asked > 0 && noted.asked + IN_USE > self.clock
    }

    fn refuse(&mut self, field: &str, is_indexed: bool) {
        let not_before = self.clock + TRY_AGAIN;
        if is_indexed {
            self.too_large.insert(field.to_owned(), not_before);
        }
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
        assert_eq!(usage.wanted(&[], |field| field == "tag"), ["year"]);
        assert!(!usage.note(&["tag"], |field| field == "tag"));
        for _ in 0..IN_USE {
            usage.note(&[], |_| false);
        }
        assert!(usage.wanted(&[], |_| false).is_empty());
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
        assert_eq!(usage.choose(&[], &before, &sized(&[("new", HALF)])), ["small", "new"]);
        usage.note(&["old"], |_| false);
        let before = sized(&[("new", HALF), ("small", 10)]);
        assert_eq!(usage.choose(&[], &before, &sized(&[("old", HALF)])), ["new", "small"]);
        assert!(!usage.note(&["old"], |_| false), "it is not tried again at once");
        for _ in 0..TRY_AGAIN {
            usage.note(&[], |_| false);
        }
        assert!(usage.note(&["old"], |_| false));
        assert_eq!(usage.choose(&[], &before, &sized(&[("old", HALF)])), ["old", "small"]);
    }

    #[test]
    fn there_are_only_so_many() {
        let usage = Usage::default();
        let names: Vec<_> = (0..10 * MAX_FIELDS).map(|number| format!("field {number}")).collect();
        for name in &names {
            usage.note(&[name], |_| false);
        }
        assert_eq!(usage.0.lock().fields.len(), MAX_KNOWN);
        assert_eq!(usage.wanted(&[], |_| false).len(), MAX_FIELDS);
        let made: Vec<_> = names.iter().map(|name| (name.clone(), 1)).collect();
        let chosen = usage.choose(&[], &[], &made);
        assert_eq!((chosen.len(), chosen.first()), (MAX_FIELDS, names.last()));
        let long = "x".repeat(MAX_FIELD_NAME_BYTES + 1);
        assert!(!usage.note(&[&long], |_| false), "a long name is asked one by one");
    }

    #[test]
    fn what_is_indexed_has_its_column_before_all_others_and_room_of_its_own() {
        let usage = Usage::default();
        let indexed: Vec<_> = ["idle", "tag"].map(str::to_owned).into();
        usage.note(&["year", "tag"], |_| false);
        assert_eq!(usage.wanted(&indexed, |_| false), ["idle", "tag", "year"]);
        let made = sized(&[("idle", MAX_BYTES), ("tag", MAX_BYTES), ("year", MAX_BYTES)]);
        assert_eq!(usage.choose(&indexed, &[], &made), ["tag", "idle", "year"]);
        // One that is no longer indexed stays if it is asked for.
        assert_eq!(usage.choose(&indexed[1..], &made, &[]), ["tag", "year"]);
        assert_eq!(usage.choose(&[], &sized(&[("idle", 1), ("tag", 1)]), &[]), ["tag"]);
        // What does not fit is not tried again at once.
        let made = sized(&[("idle", MAX_INDEXED_BYTES + 1)]);
        assert!(usage.choose(&indexed, &[], &made).is_empty());
        assert!(usage.is_too_large("idle") && !usage.is_too_large("tag"));
        assert_eq!(usage.wanted(&indexed, |_| false), ["tag", "year"]);
        for _ in 0..TRY_AGAIN {
            usage.note(&[], |_| false);
        }
        assert_eq!(usage.wanted(&indexed, |_| false), ["idle", "tag"]);
        assert_eq!(usage.choose(&indexed, &[], &sized(&[("idle", 1)])), ["idle"]);
        assert!(!usage.is_too_large("idle"));
    }
}
