//! Figures for scripts and for people.

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::args::task::TaskName;

/// The figures of a task.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Figures {
    /// Name, value and 95 % interval.
    pub(super) shares: Vec<(&'static str, f64, [f64; 2])>,
    /// Name and number of what was asked, and of what was looked through.
    pub(super) counts: Vec<(&'static str, usize)>,
    /// The same of each source, where a task has galleries of their own for them; none else.
    pub(super) sources: Vec<(String, Figures)>,
}

/// What was measured.
#[derive(Debug)]
pub(crate) struct Report {
    tasks: Vec<(TaskName, Figures)>,
    bundle: String,
    notes: Vec<String>,
    seconds: f64,
}

impl Report {
    pub(super) const fn new(bundle: String, notes: Vec<String>) -> Self {
        Self { tasks: Vec::new(), bundle, notes, seconds: 0.0 }
    }

    pub(super) fn add(&mut self, task: TaskName, figures: Figures) {
        self.tasks.push((task, figures));
    }

    pub(super) fn end(&mut self, time: Duration) {
        self.seconds = time.as_secs_f64();
    }

    /// What the user should know beside the figures.
    pub(crate) fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The object of CONTRACTS.md section 9.
    pub(crate) fn object(&self) -> Value {
        let mut object = Map::new();
        for (task, figures) in &self.tasks {
            object.insert(task.name().to_owned(), of_task(figures));
        }
        object.insert("bundle".to_owned(), json!(self.bundle));
        object.insert("seconds".to_owned(), json!(rounded(self.seconds)));
        Value::Object(object)
    }

    /// A table for people: shares in percent.
    pub(crate) fn table(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for (task, figures) in &self.tasks {
            push_table(&mut lines, task.name(), figures);
            for (source, figures) in &figures.sources {
                push_table(&mut lines, &format!("{}, {source}", task.name()), figures);
            }
        }
        if self.tasks.is_empty() {
            lines.push("no task has data in this split".to_owned());
        }
        lines.push(format!("{}, {:.0} s; ranges are 95 % intervals", self.bundle, self.seconds));
        lines
    }
}

fn push_table(lines: &mut Vec<String>, title: &str, figures: &Figures) {
    let Figures { shares, counts, sources: _ } = figures;
    let counts: Vec<String> = counts.iter().map(|(name, count)| format!("{count} {name}")).collect();
    lines.push(format!("{title}  ({})", counts.join(", ")));
    for (name, value, [low, high]) in shares {
        lines.push(if is_rank(name) {
            format!("  {name:<12} {value:>6.1}   {low:.1} to {high:.1}")
        } else {
            format!("  {name:<12} {:>6.1} %  {:.1} to {:.1}", value * 100.0, low * 100.0, high * 100.0)
        });
    }
}

fn of_task(figures: &Figures) -> Value {
    let Figures { shares, counts, sources } = figures;
    let mut object = Map::new();
    let mut intervals = Map::new();
    for (name, value, [low, high]) in shares {
        object.insert((*name).to_owned(), json!(rounded(*value)));
        intervals.insert((*name).to_owned(), json!([rounded(*low), rounded(*high)]));
    }
    for (name, count) in counts {
        object.insert((*name).to_owned(), json!(count));
    }
    object.insert("ci".to_owned(), Value::Object(intervals));
    if !sources.is_empty() {
        let sources = sources.iter().map(|(source, figures)| (source.clone(), of_task(figures)));
        object.insert("sources".to_owned(), Value::Object(sources.collect()));
    }
    Value::Object(object)
}

fn is_rank(name: &str) -> bool {
    name == "median_rank"
}

/// Six decimals: more are noise.
fn rounded(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_object_is_the_contract_s() {
        let mut report = Report::new("mini@1".to_owned(), Vec::new());
        let shares = vec![("r1", 0.25, [0.2, 0.3]), ("median_rank", 4.0, [3.0, 5.0])];
        let counts = vec![("queries", 5), ("gallery", 2)];
        report.add(TaskName::TextToImage, Figures { shares, counts, sources: Vec::new() });
        report.end(Duration::from_millis(1500));
        assert_eq!(
            report.object().to_string(),
            r#"{"text_to_image":{"r1":0.25,"median_rank":4.0,"queries":5,"gallery":2,"ci":{"r1":[0.2,0.3],"median_rank":[3.0,5.0]}},"bundle":"mini@1","seconds":1.5}"#
        );
        let table = report.table();
        assert_eq!(table.first().map(String::as_str), Some("text_to_image  (5 queries, 2 gallery)"));
        assert_eq!(table.get(1).map(String::as_str), Some("  r1             25.0 %  20.0 to 30.0"));
    }

    #[test]
    fn sources_stand_below_their_task() {
        let of = |value, sources| Figures {
            shares: vec![("r1", value, [0.0, 1.0])],
            counts: vec![("labels", 2)],
            sources,
        };
        let mut report = Report::new("mini@1".to_owned(), Vec::new());
        report.add(TaskName::LabelToImage, of(0.5, vec![("words".to_owned(), of(0.25, Vec::new()))]));
        assert_eq!(
            report.object()["label_to_image"].to_string(),
            r#"{"r1":0.5,"labels":2,"ci":{"r1":[0.0,1.0]},"sources":{"words":{"r1":0.25,"labels":2,"ci":{"r1":[0.0,1.0]}}}}"#
        );
        assert_eq!(report.table().get(2).map(String::as_str), Some("label_to_image, words  (2 labels)"));
    }
}
