//! When a decoder is to stop of itself, so that what it has is kept: a little before it would be killed.

use std::time::{Duration, Instant};

/// As good as never: a year.
const FAR: Duration = Duration::from_secs(365 * 24 * 3600);

/// The time that a file may take. What its decoder waits for those who take its parts does not count.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline {
    start: Instant,
    time: Duration,
}

impl Deadline {
    /// This long from now.
    pub(crate) fn within(time: Duration) -> Self {
        Self { start: Instant::now(), time: time.min(FAR) }
    }

    /// No deadline to speak of.
    pub(crate) fn never() -> Self {
        Self::within(FAR)
    }

    /// Of the same time, the first `share` of `of`.
    pub(crate) fn first(self, share: u32, of: u32) -> Self {
        Self { time: self.time.saturating_mul(share) / of.max(1), ..self }
    }

    /// The moment itself, after so long a wait for takers.
    pub(crate) fn moment(self, waited: Duration) -> Instant {
        self.start + self.time + waited
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_do_not_count() {
        let deadline = Deadline::within(Duration::from_secs(30));
        let waited = Duration::from_secs(5);
        assert_eq!(deadline.moment(waited), deadline.moment(Duration::ZERO) + waited);
        let first = deadline.first(2, 3);
        assert_eq!(first.moment(Duration::ZERO) + Duration::from_secs(10), deadline.moment(Duration::ZERO));
        assert!(Deadline::never().moment(Duration::ZERO) > deadline.moment(waited));
    }
}
