//! The threads that encoders compute on.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

use crate::EmbedError;
use crate::stop::{self, until_cancelled};

/// A pool of its own, so that encoding takes no more of the machine than it was given.
#[derive(Debug, Clone)]
pub(crate) struct Threads {
    pool: Arc<rayon::ThreadPool>,
    /// Calls that run just now.
    running: Arc<AtomicUsize>,
}

thread_local! {
    /// Of the pool whose call this thread makes.
    static RUNNING: RefCell<Option<Arc<AtomicUsize>>> = const { RefCell::new(None) };
}

/// How many threads a piece of the running call's work may be shared among: those of the pool, if one of them has nothing to do.
pub(crate) fn to_share_among() -> Option<usize> {
    let running =
        RUNNING.with_borrow(|running| running.as_ref().map(|calls| calls.load(Ordering::Relaxed)))?;
    let threads = rayon::current_num_threads();
    (running < threads && rayon::current_thread_index().is_some()).then_some(threads)
}

/// A call that runs, until it is dropped.
struct Call {
    running: Arc<AtomicUsize>,
    /// A thread that waits for its own parts may make another call meanwhile.
    before: Option<Arc<AtomicUsize>>,
}

impl Call {
    fn begin(running: &Arc<AtomicUsize>) -> Self {
        running.fetch_add(1, Ordering::Relaxed);
        Self { running: Arc::clone(running), before: RUNNING.replace(Some(Arc::clone(running))) }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.running.fetch_sub(1, Ordering::Relaxed);
        RUNNING.set(self.before.take());
    }
}

impl Threads {
    pub(crate) fn new(threads: usize) -> Result<Self, EmbedError> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads.max(1))
            .thread_name(|index| format!("embed-{index}"))
            .build()
            .map_err(|source| EmbedError::Compute { source: source.into() })?;
        Ok(Self { pool: Arc::new(pool), running: Arc::default() })
    }

    pub(crate) fn count(&self) -> usize {
        self.pool.current_num_threads()
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
        let call = |item: &I| {
            let _running = Call::begin(&self.running);
            match &cancel {
                // On the threads as well.
                Some(cancel) => until_cancelled(cancel, || stop::check().and_then(|()| call(item))),
                None => call(item),
            }
        };
        if items.is_empty() || self.count() == 1 {
            return items.iter().map(call).collect();
        }
        if let [only] = items {
            return self.pool.install(|| Ok(vec![call(only)?]));
        }
        self.pool.install(|| items.par_iter().with_max_len(1).map(&call).collect())
    }

    /// Two calls side by side.
    pub(crate) fn join<A: Send, B: Send>(
        &self,
        a: impl FnOnce() -> A + Send,
        b: impl FnOnce() -> B + Send,
    ) -> (A, B) {
        self.pool.join(a, b)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use sensorium_types::Cancel;

    use super::*;

    #[test]
    fn work_is_shared_where_a_thread_has_nothing_to_do() {
        let threads = Threads::new(2).unwrap();
        assert_eq!(to_share_among(), None, "outside of a pool");
        assert_eq!(threads.map(&[()], |()| Ok(to_share_among())).unwrap(), [Some(2)]);
        // Two calls that wait for each other run at once.
        let both = std::sync::Barrier::new(2);
        let told = threads.map(&[(), ()], |()| {
            both.wait();
            let told = to_share_among();
            both.wait();
            Ok(told)
        });
        assert_eq!(told.unwrap(), [None, None]);
        let alone = Threads::new(1).unwrap();
        assert_eq!(alone.map(&[()], |()| Ok(to_share_among())).unwrap(), [None]);
        assert!(threads.map(&[()], |()| Err::<(), _>(EmbedError::Cancelled)).is_err());
        assert_eq!(
            threads.map(&[()], |()| Ok(to_share_among())).unwrap(),
            [Some(2)],
            "a call that failed has ended"
        );
    }

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
