//! Times of the steps of a query.

use std::time::Instant;

use sensorium_types::ExplainedStep;

/// Measures step after step.
#[derive(Debug)]
pub(super) struct Clock {
    last: Instant,
    steps: Vec<ExplainedStep>,
}

impl Clock {
    pub(super) fn start() -> Self {
        Self { last: Instant::now(), steps: Vec::new() }
    }

    /// Ends the step that ran since the last one.
    pub(super) fn step(&mut self, name: &'static str) {
        let now = Instant::now();
        self.steps.push(ExplainedStep { name: name.to_owned(), seconds: (now - self.last).as_secs_f64() });
        self.last = now;
    }

    pub(super) fn into_steps(self) -> Vec<ExplainedStep> {
        self.steps
    }
}
