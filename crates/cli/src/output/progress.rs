//! The bar of `index`: rate, time left, and what became of the files; only on a terminal.

use std::io::{self, IsTerminal};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::words;
use crate::model::{Event, FileEvent, FileState, Summary};

const WALKING: &str = "{spinner} {pos} done of {msg}";
const COUNTING: &str = "{bar:24} {pos}/{len}  {per_sec}  {eta} left  {msg}";
const TICK: Duration = Duration::from_millis(120);
/// Failed files named at the end; the others are told by `sensorium failures`.
const MAX_FAILURES_NAMED: usize = 20;

/// Shows how a run of `index` goes, and remembers what failed.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
    is_counting: bool,
    counts: Summary,
    failures: Vec<FileEvent>,
}

impl Progress {
    /// A bar on standard error, if that is a terminal.
    pub(crate) fn new() -> Self {
        let bar = if io::stderr().is_terminal() {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            bar.set_style(style(WALKING));
            bar.enable_steady_tick(TICK);
            bar
        } else {
            ProgressBar::hidden()
        };
        Self { bar, is_counting: false, counts: Summary::default(), failures: Vec::new() }
    }

    /// Shows an event.
    pub(crate) fn show(&mut self, event: &Event) {
        match event {
            Event::Walked { files, done: false } => {
                if !self.is_counting {
                    self.bar.set_message(format!("{files} files found so far"));
                }
            }
            Event::Walked { files, done: true } => {
                self.is_counting = true;
                self.bar.set_length(*files);
                self.bar.set_style(style(COUNTING));
                self.bar.set_message(self.message());
            }
            Event::File(file) => {
                self.counts.add(file.state, file.points);
                if file.state != FileState::Pruned {
                    self.bar.inc(1);
                }
                if self.is_counting {
                    self.bar.set_message(self.message());
                }
                if file.failure.is_some() && self.failures.len() < MAX_FAILURES_NAMED {
                    self.failures.push(file.clone());
                }
            }
        }
    }

    /// Runs `write` while the bar is out of the way.
    pub(crate) fn aside<T>(&self, write: impl FnOnce() -> T) -> T {
        self.bar.suspend(write)
    }

    /// Takes the bar away, and gives lines about the files that failed.
    pub(crate) fn end(self) -> Vec<String> {
        self.bar.finish_and_clear();
        let named = self.failures.len() as u64;
        let mut lines: Vec<String> = self
            .failures
            .iter()
            .map(|file| {
                let reason = file.failure.as_ref().map_or("failed", |failure| failure.reason.as_str());
                format!("{}: {}", words::path(&file.path, None), words::printable(reason))
            })
            .collect();
        if self.counts.failed > named {
            lines.push(format!("and {} more: see `sensorium failures`", self.counts.failed - named));
        }
        lines
    }

    fn message(&self) -> String {
        let Summary { indexed, unchanged, failed, .. } = self.counts;
        format!("{indexed} new, {unchanged} unchanged, {failed} failed")
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// The counts at the end, as a sentence.
pub(crate) fn sentence(summary: &Summary) -> String {
    let Summary { indexed, unchanged, failed, pruned, points, seconds, interrupted, metadata_unused: _ } =
        summary;
    let mut parts =
        vec![format!("{indexed} indexed"), format!("{unchanged} unchanged"), format!("{failed} failed")];
    if *pruned > 0 {
        parts.push(format!("{pruned} pruned"));
    }
    let mut sentence = format!(
        "{}; {} in {seconds:.1} s",
        parts.join(", "),
        words::count(*points, "new point", "new points")
    );
    if let Some(unused) = unused(summary) {
        sentence.push_str(&format!("; {unused}"));
    }
    if *interrupted {
        sentence.push_str("; interrupted, the rest is for the next run");
    }
    sentence
}

/// Rows of the metadata that came to nothing, if there are any.
pub(crate) fn unused(summary: &Summary) -> Option<String> {
    match summary.metadata_unused {
        0 => None,
        1 => Some("1 row of the metadata names no file that was met".to_owned()),
        rows => Some(format!("{rows} rows of the metadata name no file that was met")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Failure;

    #[test]
    fn templates_are_sound() {
        for template in [WALKING, COUNTING] {
            assert!(ProgressStyle::with_template(template).is_ok());
        }
    }

    #[test]
    fn the_sentence_says_what_happened() {
        let mut summary = Summary { indexed: 2, failed: 1, points: 1, seconds: 0.25, ..Summary::default() };
        assert_eq!(sentence(&summary), "2 indexed, 0 unchanged, 1 failed; 1 new point in 0.2 s");
        summary.interrupted = true;
        summary.pruned = 3;
        summary.metadata_unused = 1;
        assert!(sentence(&summary).starts_with("2 indexed, 0 unchanged, 1 failed, 3 pruned;"));
        assert!(sentence(&summary).contains("interrupted"));
        assert!(sentence(&summary).contains("1 row of the metadata"));
    }

    #[test]
    fn failures_are_named_up_to_a_number() {
        let mut progress = Progress::new();
        for number in 0..MAX_FAILURES_NAMED + 2 {
            progress.show(&Event::File(FileEvent {
                path: format!("/{number}.jpg").into(),
                asset: None,
                modality: None,
                points: 0,
                state: FileState::Failed,
                failure: Some(Failure { reason: "corrupt: no frames".to_owned(), retryable: false }),
            }));
        }
        let lines = progress.end();
        assert_eq!(lines.len(), MAX_FAILURES_NAMED + 1);
        assert_eq!(lines.first().map(String::as_str), Some("/0.jpg: corrupt: no frames"));
        assert_eq!(lines.last().map(String::as_str), Some("and 2 more: see `sensorium failures`"));
    }
}
