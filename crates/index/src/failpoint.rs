//! Places between two steps of writing at which a test kills the process, in builds with the feature `failpoints` alone.
//!
//! `SENSORIUM_KILL_AT=<name>:<number>` kills at the so-manyth passage of a place. Without it, passages are counted
//! ([`passed`]), so that a test knows what there is.

#[cfg(feature = "failpoints")]
pub use self::counted::passed;

/// A place that is passed. Costs nothing where it is not built.
#[cfg(not(feature = "failpoints"))]
#[inline]
pub(crate) const fn pass(_name: &'static str) {}

#[cfg(feature = "failpoints")]
pub(crate) use self::counted::pass;

#[cfg(feature = "failpoints")]
mod counted {
    use std::collections::BTreeMap;
    use std::sync::LazyLock;

    use parking_lot::Mutex;
    use rustix::process::{Signal, getpid, kill_process};

    static PASSED: Mutex<BTreeMap<&'static str, u64>> = Mutex::new(BTreeMap::new());
    static KILL_AT: LazyLock<Option<(String, u64)>> = LazyLock::new(|| {
        let text = std::env::var("SENSORIUM_KILL_AT").ok()?;
        let (name, number) = text.rsplit_once(':')?;
        Some((name.to_owned(), number.parse().ok()?))
    });

    /// How often each place was passed.
    pub fn passed() -> Vec<(&'static str, u64)> {
        PASSED.lock().iter().map(|(name, number)| (*name, *number)).collect()
    }

    pub(crate) fn pass(name: &'static str) {
        let mut passed = PASSED.lock();
        let number = passed.entry(name).or_default();
        *number += 1;
        if KILL_AT.as_ref().is_some_and(|(at, wanted)| at == name && number == wanted) {
            // Nobody is left to be told of a failure.
            let _ = kill_process(getpid(), Signal::KILL);
        }
    }
}
