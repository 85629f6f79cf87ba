//! How much one key may ask: so many calls at a time, and so many a second, so that one pipeline does not take the places of all.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sensorium_api::Fault;
use sensorium_types::ErrorKind;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Keys that are remembered; those that ask nothing are forgotten first.
const MAX_REMEMBERED: usize = 10_000;

/// A call's turn; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Turn(#[expect(dead_code, reason = "held")] OwnedSemaphorePermit);

#[derive(Debug)]
struct Used {
    places: Arc<Semaphore>,
    /// Calls that may be made at once, which grow with time up to those of a second.
    tokens: f64,
    at: Instant,
}

/// What keys used.
#[derive(Debug)]
pub(crate) struct Quotas {
    at_a_time: usize,
    a_second: f64,
    used: Mutex<HashMap<String, Used>>,
}

impl Quotas {
    /// So many calls of a key at a time, and a second.
    pub(crate) fn new(at_a_time: usize, a_second: u32) -> Self {
        Self { at_a_time, a_second: a_second.into(), used: Mutex::default() }
    }

    /// A turn for a call with the key of this id.
    ///
    /// # Errors
    /// An `Overloaded` that says when to ask again.
    pub(crate) fn take(&self, id: &str) -> Result<Turn, Fault> {
        self.take_at(id, Instant::now())
    }

    fn take_at(&self, id: &str, now: Instant) -> Result<Turn, Fault> {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if used.len() >= MAX_REMEMBERED {
            used.retain(|_, used| used.places.available_permits() < self.at_a_time);
        }
        let fresh =
            || Used { places: Arc::new(Semaphore::new(self.at_a_time)), tokens: self.a_second, at: now };
        let used = used.entry(id.to_owned()).or_insert_with(fresh);
        let since = now.saturating_duration_since(used.at).as_secs_f64();
        used.tokens = (used.tokens + since * self.a_second).min(self.a_second);
        used.at = now;
        if used.tokens < 1.0 {
            let wait = Duration::from_secs_f64((1.0 - used.tokens) / self.a_second.max(1.0));
            let message = format!("the key {id} makes more than {} calls a second: ask again", self.a_second);
            return Err(Fault::new(ErrorKind::Overloaded, message).retry_after(wait));
        }
        let busy = |_| {
            let message =
                format!("the key {id} has {} calls in progress, its limit: ask again", self.at_a_time);
            Fault::new(ErrorKind::Overloaded, message).retry_after(Duration::from_millis(500))
        };
        let place = Arc::clone(&used.places).try_acquire_owned().map_err(busy)?;
        used.tokens -= 1.0;
        Ok(Turn(place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_its_own_places_and_its_own_rate() {
        let quotas = Quotas::new(2, 3);
        let now = Instant::now();
        let turns: Vec<_> = (0..2).map(|_| quotas.take_at("a", now).expect("a place")).collect();
        let refused = quotas.take_at("a", now).expect_err("no place");
        assert_eq!((refused.kind, refused.retry_after.is_some()), (ErrorKind::Overloaded, true));
        assert!(quotas.take_at("b", now).is_ok(), "others are not held up");
        drop(turns);
        drop(quotas.take_at("a", now).expect("the third of this second"));
        assert!(quotas.take_at("a", now).is_err());
        assert!(quotas.take_at("a", now + Duration::from_millis(400)).is_ok(), "more with time");
    }
}
