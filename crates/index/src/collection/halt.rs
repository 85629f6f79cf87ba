//! [`Halt`]: why a collection does not write any more: after a failure for good, after a full disk until there is room.

use std::time::{Duration, Instant};

use crate::error::IndexError;

/// Pause between two looks for room.
const PAUSE: Duration = Duration::from_secs(1);
/// Time in which RocksDB finds the room that there is, or never will.
const PATIENCE: Duration = Duration::from_secs(60);

/// Why nothing is written.
#[derive(Debug, Clone)]
pub(super) struct Halt {
    cause: String,
    /// Present where it was for want of room.
    full: Option<Full>,
}

#[derive(Debug, Clone, Copy)]
struct Full {
    looked_at: Instant,
    /// Since when there has been room.
    roomy_since: Option<Instant>,
}

impl Halt {
    /// What a failed write leads to.
    pub(super) fn after(error: &IndexError) -> Self {
        let full = error.is_disk_full().then(|| Full { looked_at: Instant::now(), roomy_since: None });
        Self { cause: error.first_cause(), full }
    }

    /// What writers are told.
    pub(super) fn error(&self) -> IndexError {
        let cause = self.cause.clone();
        match self.full {
            Some(_) => IndexError::Full { cause },
            None => IndexError::Poisoned { cause },
        }
    }

    /// Whether it is time to look for room.
    pub(super) fn is_due(&self) -> bool {
        self.full.is_some_and(|full| full.looked_at.elapsed() >= PAUSE)
    }

    /// It failed once more, with room on the disk or without.
    pub(super) fn failed_again(&mut self, error: &IndexError, has_room: bool) {
        let before = self.full.and_then(|full| full.roomy_since);
        // RocksDB tells its first failure again and again; anything else is another matter.
        *self = Self::after(error);
        let Some(full) = &mut self.full else { return };
        full.roomy_since = has_room.then(|| before.unwrap_or(full.looked_at));
        if full.roomy_since.is_some_and(|since| since.elapsed() >= PATIENCE) {
            self.full = None;
        }
    }
}
