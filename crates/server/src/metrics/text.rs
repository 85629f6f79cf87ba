//! OpenMetrics text of what is asked for at the moment of a scrape: metrics by name, each with its samples.

use std::fmt::Write as _;

use sensorium_types::SpreadReading;

/// What a metric means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Counter,
    Gauge,
    Histogram,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// A metric: how samples end its name, their labels, their values.
#[derive(Debug)]
struct Metric {
    name: &'static str,
    help: &'static str,
    kind: Kind,
    samples: Vec<(&'static str, String, f64)>,
}

/// Labels of a sample.
pub(super) type Labels<'a> = &'a [(&'a str, &'a str)];

/// Metrics with their samples, in order of their first.
#[derive(Debug, Default)]
pub(super) struct Text(Vec<Metric>);

impl Text {
    /// Adds to a number that is as it is now.
    pub(super) fn gauge(&mut self, name: &'static str, help: &'static str, labels: Labels<'_>, value: f64) {
        self.add((name, help, Kind::Gauge), "", written(labels), value);
    }

    /// Adds to a number that only grows; the name is without `_total`.
    pub(super) fn counter(&mut self, name: &'static str, help: &'static str, labels: Labels<'_>, value: f64) {
        self.add((name, help, Kind::Counter), "_total", written(labels), value);
    }

    /// Adds a spread.
    #[expect(clippy::cast_precision_loss, reason = "a sample is a float")]
    pub(super) fn histogram(
        &mut self,
        name: &'static str,
        help: &'static str,
        labels: Labels<'_>,
        spread: &SpreadReading,
    ) {
        let about = (name, help, Kind::Histogram);
        let mut below = 0;
        let bounds = spread.bounds.iter().map(ToString::to_string).chain(["+Inf".to_owned()]);
        for (bound, count) in bounds.zip(&spread.counts) {
            below += count;
            let labels: Vec<_> = labels.iter().copied().chain([("le", bound.as_str())]).collect();
            self.add(about, "_bucket", written(&labels), below as f64);
        }
        self.add(about, "_sum", written(labels), spread.sum);
        self.add(about, "_count", written(labels), below as f64);
    }

    /// Adds a sample, to the one of the same labels where there is one.
    fn add(
        &mut self,
        (name, help, kind): (&'static str, &'static str, Kind),
        end: &'static str,
        labels: String,
        value: f64,
    ) {
        let place = self.0.iter().position(|known| known.name == name).unwrap_or_else(|| {
            self.0.push(Metric { name, help, kind, samples: Vec::new() });
            self.0.len() - 1
        });
        let Some(metric) = self.0.get_mut(place) else { return };
        let same = metric.samples.iter_mut().find(|(of, known, _)| *of == end && *known == labels);
        match same {
            Some((.., known)) => *known += value,
            None => metric.samples.push((end, labels, value)),
        }
    }

    /// Everything, without the mark of the end.
    pub(super) fn finish(self) -> String {
        let mut text = String::new();
        for Metric { name, help, kind, samples } in self.0 {
            // A `String` takes whatever is written.
            let _ = writeln!(text, "# HELP {name} {help}.\n# TYPE {name} {}", kind.name());
            for (end, labels, value) in samples {
                let _ = match labels.is_empty() {
                    true => writeln!(text, "{name}{end} {value}"),
                    false => writeln!(text, "{name}{end}{{{labels}}} {value}"),
                };
            }
        }
        text
    }
}

fn written(labels: Labels<'_>) -> String {
    let pairs: Vec<_> = labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
    pairs.join(",")
}

fn escaped(label: &str) -> String {
    label.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use sensorium_types::Spread;

    use super::*;

    #[test]
    fn samples_of_a_metric_stand_together_and_those_of_the_same_labels_are_summed() {
        let mut text = Text::default();
        text.gauge("size_bytes", "Size", &[("of", "a")], 1.0);
        text.counter("hits", "Hits", &[], 3.0);
        text.gauge("size_bytes", "Size", &[("of", "rest")], 2.0);
        text.gauge("size_bytes", "Size", &[("of", "rest")], 4.5);
        assert_eq!(
            text.finish(),
            "# HELP size_bytes Size.\n# TYPE size_bytes gauge\nsize_bytes{of=\"a\"} 1\nsize_bytes{of=\"rest\"} 6.5\n\
             # HELP hits Hits.\n# TYPE hits counter\nhits_total 3\n"
        );
        assert_eq!(escaped("a\"b\\c\n"), "a\\\"b\\\\c\\n");
    }

    #[test]
    fn buckets_count_all_below_their_bound() {
        let spread = Spread::of_counts();
        [1.0, 2.0, 2.0, 3000.0].into_iter().for_each(|value| spread.observe(value));
        let mut text = Text::default();
        text.histogram("batch_inputs", "Inputs", &[("of", "x")], &spread.read());
        let text = text.finish();
        for line in [
            "# TYPE batch_inputs histogram",
            "batch_inputs_bucket{of=\"x\",le=\"1\"} 1",
            "batch_inputs_bucket{of=\"x\",le=\"2\"} 3",
            "batch_inputs_bucket{of=\"x\",le=\"1024\"} 3",
            "batch_inputs_bucket{of=\"x\",le=\"+Inf\"} 4",
            "batch_inputs_sum{of=\"x\"} 3005",
            "batch_inputs_count{of=\"x\"} 4",
        ] {
            assert!(text.lines().any(|known| known == line), "{line}\n{text}");
        }
    }
}
