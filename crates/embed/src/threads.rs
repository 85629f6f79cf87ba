//! The threads that encoders compute on.

use std::sync::Arc;

use rayon::prelude::*;

use crate::EmbedError;

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
    pub(crate) fn map<I: Sync, O: Send>(
        &self,
        items: &[I],
        call: impl Fn(&I) -> Result<O, EmbedError> + Sync,
    ) -> Result<Vec<O>, EmbedError> {
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
