//! A bar over things whose number is known; only on a terminal.

use std::io::{self, IsTerminal};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

const TEMPLATE: &str = "{bar:24} {pos}/{len}  {per_sec}  {eta} left  {msg}";

/// Shows how far a run is.
#[derive(Debug)]
pub(crate) struct Count(ProgressBar);

impl Count {
    /// A bar on standard error, if that is a terminal, with so many done of so many.
    pub(crate) fn new(done: u64, all: u64) -> Self {
        if !io::stderr().is_terminal() {
            return Self(ProgressBar::hidden());
        }
        let bar = ProgressBar::with_draw_target(Some(all), ProgressDrawTarget::stderr());
        bar.set_style(
            ProgressStyle::with_template(TEMPLATE).unwrap_or_else(|_| ProgressStyle::default_bar()),
        );
        bar.set_position(done);
        bar.reset_eta();
        Self(bar)
    }

    /// One more is done.
    pub(crate) fn one(&self) {
        self.0.inc(1);
    }

    /// Runs `write` while the bar is out of the way.
    pub(crate) fn aside<T>(&self, write: impl FnOnce() -> T) -> T {
        self.0.suspend(write)
    }

    /// Takes the bar away.
    pub(crate) fn end(self) {
        self.0.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_is_sound() {
        assert!(ProgressStyle::with_template(TEMPLATE).is_ok());
    }
}
