//! A gate in a decoder's way.

use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

/// Longer than anything takes that does not hang.
pub(crate) const HANG: Duration = Duration::from_secs(300);

/// Stops files before they are decoded. A test that closes it knows who stands there and says when they go on, so that
/// what meets what is built and not hoped for. At first it is open.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Files that came.
    arrived: usize,
    /// How many more go through; `None`: all.
    rest: Option<usize>,
    /// What goes through in any case.
    always: Option<&'static str>,
}

impl Gate {
    /// A gate through which nobody goes.
    pub(crate) fn closed() -> Self {
        let gate = Self::default();
        gate.let_in(0);
        gate
    }

    /// Lets so many more through and then nobody.
    pub(crate) fn let_in(&self, files: usize) {
        self.set(Some(files));
    }

    /// Lets files of this content through and nobody else, whoever comes first.
    pub(crate) fn let_in_only(&self, content: &'static str) {
        self.let_in(0);
        self.state.lock().expect("no panic").always = Some(content);
        self.changed.notify_all();
    }

    /// Lets all through from now on.
    pub(crate) fn open(&self) {
        self.set(None);
    }

    fn set(&self, rest: Option<usize>) {
        self.state.lock().expect("no panic").rest = rest;
        self.changed.notify_all();
    }

    /// Waits until so many files have come to the gate, whether they went through or not.
    pub(crate) async fn arrived(&self, files: usize) {
        until(async || self.state.lock().expect("no panic").arrived >= files).await;
    }

    /// Goes through with this content, once that is allowed.
    pub(super) fn pass(&self, content: &str) {
        let mut state = self.state.lock().expect("no panic");
        state.arrived += 1;
        // A test that failed opens no gate, and its threads must end.
        let waited = self
            .changed
            .wait_timeout_while(state, HANG, |state| state.rest == Some(0) && state.always != Some(content));
        let (mut state, _) = waited.expect("no panic");
        state.rest = state.rest.map(|rest| rest.saturating_sub(1));
    }
}

/// Waits until this holds.
pub(crate) async fn until(holds: impl AsyncFn() -> bool) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < HANG, "it never came");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
