//! The bar of `index`: rate, time left, and what became of the files; only on a terminal.

use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use sensorium_types::{FileOutcome, IndexEvent, IndexSummary, ItemState};

use super::words;

const WALKING: &str = "{spinner} {pos} done of {msg}";
const COUNTING: &str = "{bar:24} {pos}/{len}  {per_sec}  {eta} left  {msg}";
const TICK: Duration = Duration::from_millis(120);
/// Failed files named at the end, and as many with a warning; the others are told by `sensorium failures`.
const MAX_NAMED: usize = 20;

/// Shows how a run of `index` goes, and remembers what failed and what has a warning.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
    is_counting: bool,
    counts: IndexSummary,
    failures: Vec<FileOutcome>,
    warned: Vec<FileOutcome>,
    passed_over: Vec<PathBuf>,
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
        Self {
            bar,
            is_counting: false,
            counts: IndexSummary::default(),
            failures: Vec::new(),
            warned: Vec::new(),
            passed_over: Vec::new(),
        }
    }

    /// Shows an event.
    pub(crate) fn show(&mut self, event: &IndexEvent) {
        match event {
            IndexEvent::Walked { files, done: false } => {
                if !self.is_counting {
                    self.bar.set_message(format!("{files} files found so far"));
                }
            }
            IndexEvent::Walked { files, done: true } => {
                self.is_counting = true;
                self.bar.set_length(*files);
                self.bar.set_style(style(COUNTING));
                self.bar.set_message(self.message());
            }
            IndexEvent::File(file) => {
                let outcome = &file.outcome;
                self.counts.add(outcome);
                if outcome.state != ItemState::Pruned {
                    self.bar.inc(1);
                }
                if self.is_counting {
                    self.bar.set_message(self.message());
                }
                let named = if outcome.is_warned() { &mut self.warned } else { &mut self.failures };
                if outcome.failure.is_some() && named.len() < MAX_NAMED {
                    named.push(file.clone());
                }
            }
            IndexEvent::PassedOver { path } => self.passed_over.push(path.clone()),
        }
    }

    /// Runs `write` while the bar is out of the way.
    pub(crate) fn aside<T>(&self, write: impl FnOnce() -> T) -> T {
        self.bar.suspend(write)
    }

    /// Takes the bar away, and gives lines about what was passed over, has a warning, or failed.
    pub(crate) fn end(self) -> Vec<String> {
        self.bar.finish_and_clear();
        let line = |file: &FileOutcome, what: &str| {
            let failure = file.outcome.failure.as_ref();
            let reason = failure.map_or_else(|| "failed".to_owned(), ToString::to_string);
            format!("{}: {what}{}", words::path(&file.path, None), words::printable(&reason))
        };
        let passed_over = |path: &PathBuf| {
            format!("{}: passed over, it is another data folder of sensorium", words::path(path, None))
        };
        let rest = |all: u64, named: &[FileOutcome], command: &str| {
            let rest = all.saturating_sub(named.len() as u64);
            (rest > 0).then(|| format!("and {rest} more: see `{command}`"))
        };
        let mut lines: Vec<String> = self.passed_over.iter().map(passed_over).collect();
        lines.extend(self.warned.iter().map(|file| line(file, "indexed with a warning: ")));
        lines.extend(rest(self.counts.warned, &self.warned, "sensorium failures --warnings"));
        lines.extend(self.failures.iter().map(|file| line(file, "")));
        lines.extend(rest(self.counts.failed, &self.failures, "sensorium failures"));
        lines
    }

    fn message(&self) -> String {
        let IndexSummary { indexed, unchanged, failed, .. } = self.counts;
        format!("{indexed} new, {unchanged} unchanged, {failed} failed")
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// The counts at the end, as a sentence.
pub(crate) fn sentence(summary: &IndexSummary) -> String {
    let IndexSummary {
        indexed,
        unchanged,
        failed,
        pruned,
        warned,
        points,
        seconds,
        interrupted,
        metadata_unused: _,
    } = summary;
    let warned = match warned {
        0 => String::new(),
        warned => format!(" ({warned} with a warning)"),
    };
    let mut parts = vec![
        format!("{indexed} indexed{warned}"),
        format!("{unchanged} unchanged"),
        format!("{failed} failed"),
    ];
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
pub(crate) fn unused(summary: &IndexSummary) -> Option<String> {
    match summary.metadata_unused {
        0 => None,
        1 => Some("1 row of the metadata names no file that was met".to_owned()),
        rows => Some(format!("{rows} rows of the metadata name no file that was met")),
    }
}

#[cfg(test)]
mod tests {
    use sensorium_types::{FailureReason, ItemOutcome, ReasonKind};

    use super::*;

    #[test]
    fn templates_are_sound() {
        for template in [WALKING, COUNTING] {
            assert!(ProgressStyle::with_template(template).is_ok());
        }
    }

    #[test]
    fn the_sentence_says_what_happened() {
        let mut summary =
            IndexSummary { indexed: 2, failed: 1, points: 1, seconds: 0.25, ..IndexSummary::default() };
        assert_eq!(sentence(&summary), "2 indexed, 0 unchanged, 1 failed; 1 new point in 0.2 s");
        summary.interrupted = true;
        summary.pruned = 3;
        summary.metadata_unused = 1;
        assert!(sentence(&summary).starts_with("2 indexed, 0 unchanged, 1 failed, 3 pruned;"));
        assert!(sentence(&summary).contains("interrupted"));
        assert!(sentence(&summary).contains("1 row of the metadata"));
        summary.warned = 1;
        assert!(sentence(&summary).starts_with("2 indexed (1 with a warning), 0 unchanged,"));
    }

    fn file(number: usize, state: ItemState, detail: &str) -> IndexEvent {
        let failed = ItemOutcome::failed(FailureReason::new(ReasonKind::Corrupt, detail));
        let outcome = ItemOutcome { state, ..failed };
        IndexEvent::File(FileOutcome { path: format!("/{number}.jpg").into(), outcome })
    }

    #[test]
    fn failures_are_named_up_to_a_number() {
        let mut progress = Progress::new();
        for number in 0..MAX_NAMED + 2 {
            progress.show(&file(number, ItemState::Failed, "no frames"));
        }
        let lines = progress.end();
        assert_eq!(lines.len(), MAX_NAMED + 1);
        assert_eq!(lines.first().map(String::as_str), Some("/0.jpg: corrupt: no frames"));
        assert_eq!(lines.last().map(String::as_str), Some("and 2 more: see `sensorium failures`"));
    }

    #[test]
    fn warnings_and_folders_passed_over_are_named_apart_from_failures() {
        let mut progress = Progress::new();
        progress.show(&IndexEvent::PassedOver { path: "/old".into() });
        progress.show(&file(1, ItemState::Failed, ""));
        for number in 2..MAX_NAMED + 3 {
            progress.show(&file(number, ItemState::Indexed, "cut short"));
        }
        let lines = progress.end();
        assert_eq!(lines.len(), MAX_NAMED + 3);
        assert_eq!(
            lines.first().map(String::as_str),
            Some("/old: passed over, it is another data folder of sensorium")
        );
        assert_eq!(
            lines.get(1).map(String::as_str),
            Some("/2.jpg: indexed with a warning: corrupt: cut short")
        );
        let last: Vec<&str> = lines.iter().skip(MAX_NAMED + 1).map(String::as_str).collect();
        assert_eq!(last, ["and 1 more: see `sensorium failures --warnings`", "/1.jpg: corrupt"]);
    }
}
