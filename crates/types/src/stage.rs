//! How long the steps of a request took.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Time of one step of a request.
#[derive(Debug, Clone, PartialEq)]
pub struct StageTime {
    /// What was done, in a word: `encode`, `search`. A server may be newer than who asks it, so it is no closed set.
    pub stage: Cow<'static, str>,
    /// How long it took, in seconds.
    pub seconds: f64,
}

/// Gathers the times of the steps of one request, which may run on many threads. Clones gather into the same list.
#[derive(Debug, Clone, Default)]
pub struct StageTimes(Arc<Mutex<Vec<StageTime>>>);

impl StageTimes {
    /// Adds to the time of a step.
    pub fn add(&self, stage: &'static str, took: Duration) {
        let seconds = took.as_secs_f64();
        let mut times = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match times.iter_mut().find(|known| known.stage == stage) {
            Some(known) => known.seconds += seconds,
            None => times.push(StageTime { stage: Cow::Borrowed(stage), seconds }),
        }
    }

    /// The times so far, in the order in which steps came first.
    pub fn read(&self) -> Vec<StageTime> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Measures step after step, where one begins as the one before it ends.
#[derive(Debug)]
pub struct StageClock {
    last: Instant,
    times: Vec<StageTime>,
    told: StageTimes,
}

impl StageClock {
    /// Begins with the first step; each is told to `told` as it ends, and so also where the rest is never done.
    pub fn start(told: StageTimes) -> Self {
        Self { last: Instant::now(), times: Vec::new(), told }
    }

    /// Ends the step that ran since the last one.
    pub fn step(&mut self, stage: &'static str) {
        let now = Instant::now();
        let took = now - self.last;
        let seconds = took.as_secs_f64();
        self.told.add(stage, took);
        self.times.push(StageTime { stage: Cow::Borrowed(stage), seconds });
        self.last = now;
    }

    /// The steps, in order.
    pub fn into_times(self) -> Vec<StageTime> {
        self.times
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_that_comes_again_adds_to_its_time() {
        let times = StageTimes::default();
        let other = times.clone();
        times.add("decode", Duration::from_millis(500));
        other.add("encode", Duration::from_millis(250));
        times.add("decode", Duration::from_millis(250));
        let expected = [("decode", 0.75), ("encode", 0.25)];
        let read: Vec<_> =
            times.read().into_iter().map(|time| (time.stage.into_owned(), time.seconds)).collect();
        assert_eq!(read, expected.map(|(stage, seconds)| (stage.to_owned(), seconds)));
    }

    #[test]
    fn a_clock_gives_its_steps_in_order() {
        let told = StageTimes::default();
        let mut clock = StageClock::start(told.clone());
        clock.step("encode");
        assert_eq!(told.read(), clock.times);
        clock.step("search");
        let times = clock.into_times();
        assert_eq!(times.iter().map(|time| &*time.stage).collect::<Vec<_>>(), ["encode", "search"]);
        assert!(times.iter().all(|time| time.seconds >= 0.0));
    }
}
