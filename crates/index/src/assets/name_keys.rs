//! [`NameKeys`]: where names may lie among sorted ones, found without reading any of these.
//!
//! The key of a name is the eight bytes that follow what all names begin with, as a big-endian number; zeros where it ends. Keys lie side
//! by side in the order of the names, so a search among them waits for memory a few times, where each name that is read is three waits.

use std::ops::Range;

use sensorium_kernels::Numbers;

/// Keys of sorted names.
#[derive(Debug)]
pub(super) struct NameKeys {
    keys: Numbers<u64>,
    /// What all names begin with.
    shared: Vec<u8>,
}

impl NameKeys {
    /// Those of names in order: so many, of which these are the first and the last. `None` where there is not one for each.
    pub(super) fn new(keys: Numbers<u64>, names: usize, (first, last): (&str, &str)) -> Option<Self> {
        let shared = first.as_bytes().get(..shared_len(first, last)).unwrap_or_default().to_vec();
        (keys.len() == names && names > 0).then_some(Self { keys, shared })
    }

    /// The keys of sorted names.
    pub(super) fn of(names: &[&str]) -> Vec<u64> {
        let shared = names.first().zip(names.last()).map_or(0, |(first, last)| shared_len(first, last));
        names.iter().map(|name| key(name.as_bytes().get(shared..).unwrap_or_default())).collect()
    }

    /// The places at which a name may lie; none where it is not there.
    pub(super) fn places(&self, name: &str) -> Range<usize> {
        let Some(rest) = name.as_bytes().strip_prefix(self.shared.as_slice()) else { return 0..0 };
        let key = key(rest);
        let from = self.keys.partition_point(|other| *other < key);
        let like = self.keys.get(from..).unwrap_or_default();
        // Most keys are of one name alone.
        let count = match like.get(1) == Some(&key) {
            true => like.partition_point(|other| *other == key),
            false => usize::from(like.first() == Some(&key)),
        };
        from..from + count
    }
}

/// How many bytes two names begin with alike.
fn shared_len(first: &str, last: &str) -> usize {
    first.bytes().zip(last.bytes()).take_while(|(one, other)| one == other).count()
}

fn key(rest: &[u8]) -> u64 {
    let mut key = [0; 8];
    for (into, byte) in key.iter_mut().zip(rest) {
        *into = *byte;
    }
    u64::from_be_bytes(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(names: &[&str]) -> NameKeys {
        let ends = (names[0], names[names.len() - 1]);
        NameKeys::new(NameKeys::of(names).into(), names.len(), ends).expect("one for each")
    }

    fn check(mut names: Vec<String>, absent: &[&str]) {
        names.sort_unstable();
        names.dedup();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let keys = keys(&names);
        for (at, name) in names.iter().enumerate() {
            let places = keys.places(name);
            assert!(places.contains(&at), "{name:?} of {} at {at}: {places:?}", names.len());
        }
        for name in absent {
            let places = keys.places(name);
            assert!(places.end <= names.len() && !names[places].contains(name), "{name:?}");
        }
    }

    #[test]
    fn every_name_lies_where_it_is_said_to() {
        let numbered =
            |count: u32| (0..count).map(|number| format!("photos/{number:06}")).collect::<Vec<_>>();
        check(numbered(1), &["", "photos/", "photos/0000001", "z"]);
        check(numbered(1000), &["", "photos/00000", "photos/001000", "photos/0000000", "other", "é"]);
        // Many names of one key, and names that end within it.
        let mut long: Vec<String> = (0..300).map(|number| format!("a-long-beginning-{number}")).collect();
        long.extend(["a", "a-", "a-long-b", "a-long-be", "b", "ü", "a\0", "a\0\0"].map(str::to_owned));
        check(long, &["a-long-beginning-", "a-long-beginning-300", "c", "a\0\0\0"]);
    }

    #[test]
    fn keys_of_other_names_are_not_taken() {
        let keys = keys(&["a", "b", "c"]).keys;
        assert!(NameKeys::new(keys.clone(), 2, ("a", "b")).is_none());
        assert!(NameKeys::new(keys, 3, ("a", "c")).is_some());
    }
}
