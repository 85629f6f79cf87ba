//! Who may write, and when: nobody while a collection is made anew, and nobody any more once another stands in its place.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

/// The gate of an engine's writes.
#[derive(Debug, Default)]
pub(crate) struct Writing {
    gate: Arc<RwLock<()>>,
    is_replaced: Arc<AtomicBool>,
}

/// Held by who writes.
#[derive(Debug)]
pub(crate) struct Writer {
    _held: OwnedRwLockReadGuard<()>,
}

/// As long as it is held nobody writes.
#[derive(Debug)]
pub(crate) struct Still {
    _held: OwnedRwLockWriteGuard<()>,
    is_replaced: Arc<AtomicBool>,
}

impl Writing {
    /// Lets somebody write; `None` while nobody may.
    pub(crate) fn begin(&self) -> Option<Writer> {
        let held = Arc::clone(&self.gate).try_read_owned().ok()?;
        (!self.is_replaced.load(Ordering::SeqCst)).then_some(Writer { _held: held })
    }

    /// Waits for those who write, and lets nobody else in.
    pub(crate) async fn hold(&self) -> Still {
        let held = Arc::clone(&self.gate).write_owned().await;
        Still { _held: held, is_replaced: Arc::clone(&self.is_replaced) }
    }
}

impl Still {
    /// Lets nobody write by this engine any more.
    pub(crate) fn for_good(self) {
        self.is_replaced.store(true, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_holds_the_gate_waits_for_writers_and_may_close_it_for_good() {
        let writing = Arc::new(Writing::default());
        let (first, second) = (writing.begin().expect("open"), writing.begin().expect("open"));
        let held = {
            let writing = Arc::clone(&writing);
            tokio::spawn(async move { writing.hold().await })
        };
        drop(first);
        tokio::task::yield_now().await;
        assert!(!held.is_finished(), "one writes still");
        assert!(writing.begin().is_none(), "nobody else is let in meanwhile");
        drop(second);
        let still = held.await.expect("held");
        assert!(writing.begin().is_none());
        drop(still);
        drop(writing.begin().expect("open again"));
        writing.hold().await.for_good();
        assert!(writing.begin().is_none());
    }
}
