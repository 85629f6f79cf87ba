//! When a decoder is to stop of itself, so that what it has is kept: a little before it would be killed.

use std::time::{Duration, Instant};

/// As good as never: a year.
const FAR: Duration = Duration::from_secs(365 * 24 * 3600);

/// The time that a decoder may take: so long without anything new, and so long in all.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline {
    stall: Duration,
    /// When something new came last.
    moved: Instant,
    end: Instant,
}

impl Deadline {
    /// From now on: at most `stall` without anything new, and `time` in all.
    pub(crate) fn within(stall: Duration, time: Duration) -> Self {
        let now = Instant::now();
        Self { stall: stall.min(FAR), moved: now, end: now + time.min(FAR) }
    }

    /// No deadline to speak of.
    pub(crate) fn never() -> Self {
        Self::within(FAR, FAR)
    }

    /// Something new came.
    pub(crate) fn moved(&mut self, now: Instant) {
        self.moved = now;
    }

    /// Waited for somebody else: that does not count.
    pub(crate) fn waited(&mut self, time: Duration) {
        self.end += time;
    }

    /// The moment itself, if nothing new comes until then.
    pub(crate) fn moment(self) -> Instant {
        self.end.min(self.moved + self.stall)
    }
}

/// A time of a stream as warnings tell it: `00:12:30`.
pub(crate) fn clock(ms: u64) -> String {
    let seconds = ms / 1000;
    format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_puts_the_end_off_but_not_for_ever() {
        let second = Duration::from_secs(1);
        let mut deadline = Deadline::within(second * 30, second * 40);
        let start = deadline.moment() - second * 30;
        deadline.moved(start + second * 5);
        assert_eq!(deadline.moment(), start + second * 35);
        deadline.moved(start + second * 20);
        assert_eq!(deadline.moment(), start + second * 40);
        deadline.waited(second * 7);
        assert_eq!(deadline.moment(), start + second * 47);
        assert!(Deadline::never().moment() > deadline.moment());
    }
}
