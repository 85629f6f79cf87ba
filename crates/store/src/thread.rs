//! Threads that may be blocked: a call that blocks needs no thread of its own where it is made on one.
//!
//! To hand a piece of work to another thread and to be woken by it takes longer than to read ten assets. So who does many small
//! things in a row does them on one thread that he may block, and says so here; a store that blocks asks.

use std::cell::Cell;

thread_local! {
    static MAY_BLOCK: Cell<bool> = const { Cell::new(false) };
}

/// Whether the thread of the caller may be blocked.
pub fn may_block() -> bool {
    MAY_BLOCK.get()
}

/// Runs what may block the thread that it is called on: a thread of the caller's own, none that tasks of a runtime share.
pub fn blocking_here<T>(body: impl FnOnce() -> T) -> T {
    let _restores = Restores(MAY_BLOCK.replace(true));
    body()
}

/// Puts back what was said before, also after a panic: threads are used again.
struct Restores(bool);

impl Drop for Restores {
    fn drop(&mut self) {
        MAY_BLOCK.set(self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_may_be_blocked_within_the_call_that_says_so_and_no_longer() {
        assert!(!may_block());
        let elsewhere = blocking_here(|| {
            assert!(may_block());
            blocking_here(|| assert!(may_block()));
            assert!(may_block());
            std::thread::spawn(may_block).join().expect("a thread")
        });
        assert!(!elsewhere, "said of another thread");
        assert!(!may_block());
        let died = std::panic::catch_unwind(|| blocking_here(|| panic!("a body that dies")));
        assert!(died.is_err());
        assert!(!may_block());
    }
}
