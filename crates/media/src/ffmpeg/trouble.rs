//! Why a stream ended before its end.

use sensorium_types::{FailureReason, ReasonKind};

use crate::deadline::clock;
use crate::reason;

/// Why decoding was stopped at this moment of so many.
pub(crate) fn stopped(at_ms: u64, of_ms: Option<u64>) -> FailureReason {
    let of = of_ms.map(|ms| format!(" of {}", clock(ms))).unwrap_or_default();
    reason(ReasonKind::TimedOut, format!("stopped at {}{of}: its time was up", clock(at_ms)))
}

/// Whether a trouble is that decoding was stopped, so that nothing is known of the rest.
pub(crate) fn is_of_time(trouble: &FailureReason) -> bool {
    trouble.kind == ReasonKind::TimedOut
}

/// The trouble of a stream that ended long before its claimed end, by what its decoder says.
pub(crate) fn cut_short(
    at_ms: u64,
    claimed_ms: Option<u64>,
    ended: impl FnOnce() -> Result<(), FailureReason>,
) -> Option<FailureReason> {
    let claimed_ms = claimed_ms.filter(|claimed| is_short(at_ms, *claimed))?;
    let why = ended().err().map(|error| format!(" ({})", error.detail)).unwrap_or_default();
    let detail = format!("decoded until {} of {}{why}", clock(at_ms), clock(claimed_ms));
    Some(reason(ReasonKind::Corrupt, detail))
}

/// Whether more is missing than containers are usually wrong by.
fn is_short(at_ms: u64, claimed_ms: u64) -> bool {
    claimed_ms.saturating_sub(at_ms) > (claimed_ms / 10).max(1_000)
}
