//! When a decoder is to stop of itself, so that what it has is kept: a little before it would be killed.

use std::time::{Duration, Instant};

/// As good as never: a year.
const FAR: Duration = Duration::from_secs(365 * 24 * 3600);

/// The time that a file may take, its waits for those who take its parts included.
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
    #[cfg(test)]
    pub(crate) fn never() -> Self {
        Self::within(FAR)
    }

    /// Of the same time, the first `share` of `of`.
    pub(crate) fn first(self, share: u32, of: u32) -> Self {
        Self { time: self.time.saturating_mul(share) / of.max(1), ..self }
    }

    /// The moment itself.
    pub(crate) fn moment(self) -> Instant {
        self.start + self.time
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
    fn a_share_of_the_time_ends_before_it() {
        let deadline = Deadline::within(Duration::from_secs(30));
        assert_eq!(deadline.first(2, 3).moment() + Duration::from_secs(10), deadline.moment());
        assert!(Deadline::never().moment() > deadline.moment());
    }
}
