//! How far a transfer is: a bar on a terminal, and now and then a row for programs.

use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

const TEMPLATE: &str =
    "{bar:24} {binary_bytes}/{binary_total_bytes}  {binary_bytes_per_sec}  {eta} left  {msg}";
/// Time between two rows.
const EVERY: Duration = Duration::from_millis(500);

/// Shows how far a transfer of known length is.
#[derive(Debug)]
pub(crate) struct Transfer {
    bar: ProgressBar,
    /// When it began, and with how many bytes that were here already.
    begun: Option<(Instant, u64)>,
    told: Option<Instant>,
}

impl Transfer {
    /// A bar on standard error, if that is a terminal.
    pub(crate) fn new(is_json: bool) -> Self {
        let bar = if !is_json && io::stderr().is_terminal() {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            bar.set_style(
                ProgressStyle::with_template(TEMPLATE).unwrap_or_else(|_| ProgressStyle::default_bar()),
            );
            bar
        } else {
            ProgressBar::hidden()
        };
        Self { bar, begun: None, told: None }
    }

    /// So many of so many bytes are here. Gives bytes a second where it is time for a row: at the first, at the last, and now and then between.
    pub(crate) fn at(&mut self, what: &str, received: u64, all: u64) -> Option<u64> {
        let now = Instant::now();
        let (since, before) = *self.begun.get_or_insert_with(|| {
            self.bar.set_length(all);
            self.bar.set_position(received);
            self.bar.reset_eta();
            (now, received)
        });
        self.bar.set_position(received);
        if self.bar.message() != what {
            self.bar.set_message(what.to_owned());
        }
        let is_due = self.told.is_none_or(|told| now.duration_since(told) >= EVERY) || received == all;
        if !is_due {
            return None;
        }
        self.told = Some(now);
        Some(rate(received.saturating_sub(before), now.duration_since(since)))
    }

    /// Takes the bar away.
    pub(crate) fn end(self) {
        self.bar.finish_and_clear();
    }
}

/// Bytes a second.
fn rate(bytes: u64, time: Duration) -> u64 {
    let ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    bytes.saturating_mul(1000) / ms.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_is_sound() {
        assert!(ProgressStyle::with_template(TEMPLATE).is_ok());
    }

    #[test]
    fn rows_come_at_the_ends_and_not_at_every_byte() {
        let mut transfer = Transfer::new(true);
        assert_eq!(transfer.at("a", 5, 10), Some(0), "what was here before has no rate");
        let between = (6..10).filter(|received| transfer.at("a", *received, 10).is_some()).count();
        assert!(between < 4);
        assert!(transfer.at("a", 10, 10).is_some());
        assert_eq!(rate(10, Duration::from_millis(500)), 20);
        assert_eq!(rate(10, Duration::ZERO), 10_000);
    }
}
