//! What stops work that nobody waits for any more.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// A flag that stops work, and a moment after which it is to stop. Clones share the flag. Who waits for the work may also be asked
/// whether he is still there ([`Cancel::when`]).
///
/// Whoever works asks [`Cancel::is_cancelled`] in its innermost loops; it costs some tens of nanoseconds where there is a
/// deadline, less where there is none.
#[derive(Clone, Default)]
pub struct Cancel {
    flag: Arc<AtomicBool>,
    deadline: Option<Instant>,
    gone: Option<Arc<dyn Fn() -> bool + Send + Sync>>,
    _kept: Option<Arc<dyn Any + Send + Sync>>,
}

impl fmt::Debug for Cancel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { flag, deadline, gone: _, _kept: _ } = self;
        f.debug_struct("Cancel").field("flag", flag).field("deadline", deadline).finish_non_exhaustive()
    }
}

/// Why work was stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// The caller gave up.
    Cancelled,
    /// The deadline passed.
    DeadlineExceeded,
}

impl Cancel {
    /// A flag that is not set, without a deadline.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same flag, with a deadline: the earlier of this one and its own.
    #[must_use]
    pub fn until(&self, deadline: Instant) -> Self {
        let earlier = self.deadline.map_or(deadline, |own| own.min(deadline));
        Self { deadline: Some(earlier), ..self.clone() }
    }

    /// The same flag, which keeps a value until its last clone goes: whoever works holds a clone, so that the value (a caller's place
    /// among those that are served) is free only once nothing works for it any more.
    #[must_use]
    pub fn keeping(&self, value: impl Any + Send + Sync) -> Self {
        Self { _kept: Some(Arc::new(value)), ..self.clone() }
    }

    /// The same flag, which counts as set where `gone` says so too: for work whose caller is known to have left by some other sign,
    /// as a channel that is closed. It is asked at each look, so it must cost little.
    #[must_use]
    pub fn when(&self, gone: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        let gone: Arc<dyn Fn() -> bool + Send + Sync> = match self.gone.clone() {
            Some(before) => Arc::new(move || before() || gone()),
            None => Arc::new(gone),
        };
        Self { gone: Some(gone), ..self.clone() }
    }

    /// Sets the flag when what is given is dropped: for work on other threads that nobody waits for once a future is gone.
    #[must_use = "the flag is set as soon as it is dropped"]
    pub fn on_drop(&self) -> CancelOnDrop {
        CancelOnDrop(Some(self.clone()))
    }

    /// Sets the flag.
    pub fn cancel(&self) {
        self.flag.store(true, Ordering::Relaxed);
    }

    /// Whether to stop: the flag is set, the caller has gone, or the deadline has passed.
    pub fn is_cancelled(&self) -> bool {
        self.stopped().is_some()
    }

    /// Why to stop; `None` to go on.
    pub fn stopped(&self) -> Option<Stopped> {
        if self.flag.load(Ordering::Relaxed) || self.gone.as_ref().is_some_and(|gone| gone()) {
            return Some(Stopped::Cancelled);
        }
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline).then_some(Stopped::DeadlineExceeded)
    }
}

/// Sets a flag when it is dropped ([`Cancel::on_drop`]).
#[derive(Debug)]
pub struct CancelOnDrop(Option<Cancel>);

impl CancelOnDrop {
    /// Leaves the flag as it is: the work has ended by itself.
    pub fn disarm(mut self) {
        self.0 = None;
    }
}

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        if let Some(cancel) = self.0.take() {
            cancel.cancel();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_is_kept_goes_with_the_last_clone() {
        let value = Arc::new(());
        let cancel = Cancel::new().keeping(Arc::clone(&value));
        let (late, guard) = (cancel.until(Instant::now()), cancel.on_drop());
        drop(cancel);
        drop(guard);
        assert_eq!((late.is_cancelled(), Arc::strong_count(&value)), (true, 2));
        drop(late);
        assert_eq!(Arc::strong_count(&value), 1);
    }

    #[test]
    fn one_who_has_left_stops_what_is_done_for_him_alone() {
        let (first, second) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let whether = |left: &Arc<AtomicBool>| {
            let left = Arc::clone(left);
            move || left.load(Ordering::Relaxed)
        };
        let cancel = Cancel::new();
        let watched = cancel.when(whether(&first)).when(whether(&second));
        assert!(!watched.is_cancelled());
        second.store(true, Ordering::Relaxed);
        assert_eq!((watched.stopped(), cancel.stopped()), (Some(Stopped::Cancelled), None));
        second.store(false, Ordering::Relaxed);
        first.store(true, Ordering::Relaxed);
        assert!(watched.until(Instant::now() + Duration::from_secs(3600)).is_cancelled());
    }

    #[test]
    fn clones_share_the_flag_and_keep_their_deadlines() {
        let cancel = Cancel::new();
        let now = Instant::now();
        let late = cancel.until(now + Duration::from_secs(3600));
        assert_eq!((cancel.stopped(), late.stopped()), (None, None));
        let over = late.until(now);
        assert_eq!(over.stopped(), Some(Stopped::DeadlineExceeded));
        // A later deadline does not undo an earlier one.
        assert!(over.until(now + Duration::from_secs(7200)).is_cancelled());
        assert!(!cancel.is_cancelled());
        over.on_drop().disarm();
        assert!(!cancel.is_cancelled());
        drop(over.on_drop());
        assert_eq!((cancel.stopped(), late.stopped()), (Some(Stopped::Cancelled), Some(Stopped::Cancelled)));
    }
}
