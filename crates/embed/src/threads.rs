//! The threads that encoders compute on.

use std::sync::Arc;

use rayon::prelude::*;

use crate::EmbedError;
use crate::stop::{self, until_cancelled};

/// A pool of its own, so that encoding takes no more of the machine than it was given.
#[derive(Debug, Clone)]
pub(crate) struct Threads(Arc<rayon::ThreadPool>);

impl Threads {
    pub(crate) fn new(threads: usize) -> Result<Self, EmbedError> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads.max(1))
            .thread_name(|index| format!("embed-{index}"))
            .build()
            .map_err(|source| EmbedError::Compute { source: source.into() })?;
        Ok(Self(Arc::new(pool)))
    }

    pub(crate) fn count(&self) -> usize {
        self.0.current_num_threads()
    }

    /// One call for each item, items side by side on the threads; those of a single item may share its products.
    ///
    /// # Errors
    /// The first error of a call; [`EmbedError::Cancelled`] once the caller's flag is set ([`crate::until_cancelled`]), before the next call.
    pub(crate) fn map<I: Sync, O: Send>(
        &self,
        items: &[I],
        call: impl Fn(&I) -> Result<O, EmbedError> + Sync,
    ) -> Result<Vec<O>, EmbedError> {
        let cancel = stop::current();
        let call = |item: &I| match &cancel {
            // On the threads as well.
            Some(cancel) => until_cancelled(cancel, || stop::check().and_then(|()| call(item))),
            None => call(item),
        };
        if items.is_empty() || self.count() == 1 {
            return items.iter().map(call).collect();
        }
        if let [only] = items {
            return self.0.install(|| Ok(vec![call(only)?]));
        }
        self.0.install(|| items.par_iter().with_max_len(1).map(&call).collect())
    }

    /// Two calls side by side.
    pub(crate) fn join<A: Send, B: Send>(
        &self,
        a: impl FnOnce() -> A + Send,
        b: impl FnOnce() -> B + Send,
    ) -> (A, B) {
        self.0.join(a, b)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use sensorium_types::Cancel;

    use super::*;

    #[test]
    fn no_item_is_begun_once_the_flag_is_set() {
        for count in [1, 2, 4] {
            let threads = Threads::new(count).unwrap();
            for last in [1, 2, 50] {
                let (cancel, calls) = (Cancel::new(), AtomicUsize::new(0));
                let call = |_: &usize| {
                    // The flag is set in the midst of a call; those that others have begun may have begun before.
                    if calls.fetch_add(1, Ordering::SeqCst) + 1 == last {
                        cancel.cancel();
                    }
                    Ok(())
                };
                let items: Vec<usize> = (0..200).collect();
                let stopped = crate::until_cancelled(&cancel, || threads.map(&items, call));
                assert!(matches!(stopped, Err(EmbedError::Cancelled)));
                let made = calls.load(Ordering::SeqCst);
                assert!(
                    (last..last + count).contains(&made),
                    "{made} calls, stopped in call {last} on {count}"
                );
                // Others are not stopped by it.
                assert_eq!(threads.map(&items, |_| Ok(())).unwrap().len(), 200);
            }
        }
    }
}
