//! Two readings of a server as rows: what grows as rates, what lasts as quantiles.

use std::time::Duration;

use super::read::{Readings, Series};
use crate::output::words;

/// What all our metrics are called by.
const PREFIX: &str = "sensorium_";
/// Endings of names whose numbers are sizes, and times.
const BYTES: &str = "_bytes";
const SECONDS: &str = "_seconds";

/// What one looks at first, in the order in which it is shown.
const IMPORTANT: [&str; 26] = [
    "calls_in_flight",
    "calls_total",
    "rejected_total",
    "call_seconds",
    "query_stage_seconds",
    "ingest_items_total",
    "ingest_bytes_in_flight",
    "ingest_stage_seconds",
    "encoder_queue_inputs",
    "encoder_refused_total",
    "encoder_wait_seconds",
    "encoder_batch_inputs",
    "workers",
    "worker_ends_total",
    "storage_writes_stopped",
    "storage_stall_seconds_total",
    "storage_pending_compaction_bytes",
    "block_cache_hits_total",
    "block_cache_misses_total",
    "assets",
    "points",
    "recall",
    "disk_bytes",
    "memory_bytes",
    "process_resident_anonymous_bytes",
    "process_resident_file_bytes",
];

/// One metric.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    /// Its name without what all of ours begin with.
    pub(crate) name: String,
    /// Its labels.
    pub(crate) labels: String,
    /// Its numbers.
    pub(crate) shown: Shown,
}

/// The numbers of a metric.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Shown {
    /// How many all in all, and how many a second between the readings.
    Rate {
        /// All in all.
        total: f64,
        /// A second; `None` at the first reading.
        per_second: Option<f64>,
    },
    /// As it is now.
    Now(f64),
    /// How many a second, and below which value a half and 99 in 100 of those between the readings lay; of all there were
    /// where none came.
    Spread {
        /// A second; `None` at the first reading.
        per_second: Option<f64>,
        /// The median.
        median: f64,
        /// The 99th percentile.
        p99: f64,
    },
}

/// The rows of a reading, in order of name, each beside what was read before it.
pub(crate) fn rows(now: &Readings, before: Option<(&Readings, Duration)>) -> Vec<Row> {
    let row = |((name, labels), series): (&(String, String), &Series)| {
        let earlier =
            before.map(|(readings, passed)| (readings.get(&(name.clone(), labels.clone())), passed));
        Some(Row {
            name: name.strip_prefix(PREFIX).unwrap_or(name).to_owned(),
            labels: labels.clone(),
            shown: shown(series, earlier)?,
        })
    };
    now.iter().filter_map(row).collect()
}

/// The rows that one looks at first.
pub(crate) fn important(mut rows: Vec<Row>) -> Vec<Row> {
    let place = |row: &Row| IMPORTANT.iter().position(|name| *name == row.name);
    rows.retain(|row| place(row).is_some());
    // Those of one metric stay in the order of their labels.
    rows.sort_by_key(place);
    rows
}

/// `None` for what never happened.
fn shown(series: &Series, earlier: Option<(Option<&Series>, Duration)>) -> Option<Shown> {
    // A counter that is lower than before began anew with its server.
    let rate = |now: f64, before: f64, passed: Duration| {
        let grown = if now >= before { now - before } else { now };
        grown / passed.as_secs_f64().max(f64::EPSILON)
    };
    Some(match series {
        Series::Gauge(value) => Shown::Now(*value),
        Series::Counter(total) => {
            let per_second = earlier.map(|(earlier, passed)| match earlier {
                Some(Series::Counter(before)) => rate(*total, *before, passed),
                Some(Series::Gauge(_) | Series::Histogram(..)) | None => rate(*total, 0.0, passed),
            });
            Shown::Rate { total: *total, per_second }
        }
        Series::Histogram(buckets, _) => {
            let count = |buckets: &[(f64, f64)]| buckets.last().map_or(0.0, |(_, count)| *count);
            if count(buckets) <= 0.0 {
                return None;
            }
            let before = match earlier {
                Some((Some(Series::Histogram(before, _)), _)) if count(before) <= count(buckets) => {
                    before.as_slice()
                }
                Some(_) | None => &[],
            };
            let grown: Vec<(f64, f64)> = buckets
                .iter()
                .map(|(bound, count)| {
                    let earlier =
                        before.iter().find(|(other, _)| other == bound).map_or(0.0, |(_, count)| *count);
                    (*bound, count - earlier)
                })
                .collect();
            let per_second = earlier.map(|(_, passed)| rate(count(buckets), count(before), passed));
            let asked = if count(&grown) > 0.0 { &grown } else { buckets };
            Shown::Spread { per_second, median: quantile(asked, 0.5), p99: quantile(asked, 0.99) }
        }
    })
}

/// The value below which this share lies, on a straight line within its bucket; of the last bucket its lower bound.
fn quantile(buckets: &[(f64, f64)], share: f64) -> f64 {
    let wanted = buckets.last().map_or(0.0, |(_, count)| *count) * share;
    let (mut lower, mut below) = (0.0, 0.0);
    for (bound, count) in buckets {
        if *count >= wanted && *count > below {
            let part = (wanted - below) / (count - below);
            return if bound.is_finite() { lower + (bound - lower) * part } else { lower };
        }
        (lower, below) = (*bound, *count);
    }
    lower
}

/// Rows as people read them.
pub(crate) fn lines(rows: &[Row]) -> Vec<String> {
    let title = |row: &Row| words::printable(format!("{}  {}", row.name, row.labels).trim_end());
    let width = rows.iter().map(|row| title(row).chars().count()).max().unwrap_or(0);
    rows.iter().map(|row| format!("{:<width$}  {}", title(row), numbers(row))).collect()
}

fn numbers(row: &Row) -> String {
    let often =
        |per_second: Option<f64>| per_second.map_or_else(|| "-".to_owned(), |rate| format!("{rate:.1}"));
    match row.shown {
        Shown::Now(value) => value_of(&row.name, value),
        Shown::Rate { total, per_second } => {
            format!("{:>9}/s  {}", often(per_second), value_of(&row.name, total))
        }
        Shown::Spread { per_second, median, p99 } => {
            let (median, p99) = (value_of(&row.name, median), value_of(&row.name, p99));
            format!("{:>9}/s  median {median}, p99 {p99}", often(per_second))
        }
    }
}

fn value_of(name: &str, value: f64) -> String {
    let name = name.strip_suffix("_total").unwrap_or(name);
    if name.ends_with(SECONDS) {
        return format!("{:.1} ms", value * 1000.0);
    }
    if (name.ends_with(BYTES) || name.contains("_bytes_")) && (0.0..=1e18).contains(&value) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "within the range above"
        )]
        return words::size(value as u64);
    }
    if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.3}") }
}

#[cfg(test)]
mod tests {
    use super::super::read::read;
    use super::*;

    const BEFORE: &str = "# TYPE sensorium_calls_total counter\nsensorium_calls_total{method=\"Query\"} 10\n\
        # TYPE sensorium_call_seconds histogram\nsensorium_call_seconds_bucket{le=\"0.1\"} 10\n\
        sensorium_call_seconds_bucket{le=\"1\"} 10\nsensorium_call_seconds_bucket{le=\"+Inf\"} 10\n\
        # TYPE sensorium_disk_bytes gauge\nsensorium_disk_bytes 2048000\n";

    fn after() -> String {
        BEFORE.replace("} 10", "} 30").replace("le=\"0.1\"} 30", "le=\"0.1\"} 20")
    }

    #[test]
    fn what_came_between_two_readings_is_what_counts() {
        let (before, now) = (read(BEFORE), read(&after()));
        let rows = rows(&now, Some((&before, Duration::from_secs(2))));
        let shown: Vec<(&str, &Shown)> = rows.iter().map(|row| (row.name.as_str(), &row.shown)).collect();
        // Of 20 calls 10 took up to 0.1 s and 10 up to 1 s: 99 in 100 lie below 0.1 + 0.9 x 9.8 / 10.
        let spread = Shown::Spread {
            per_second: Some(10.0),
            median: 0.1,
            p99: 0.1 + 0.9 * ((20.0 * 0.99 - 10.0) / 10.0),
        };
        let rate = Shown::Rate { total: 30.0, per_second: Some(10.0) };
        assert_eq!(
            shown,
            [("call_seconds", &spread), ("calls_total", &rate), ("disk_bytes", &Shown::Now(2_048_000.0))]
        );
    }

    #[test]
    fn a_first_reading_and_a_server_that_began_anew_have_no_rate_below_zero() {
        let (before, now) = (read(BEFORE), read(&after()));
        let first = rows(&now, None);
        assert!(matches!(first[1].shown, Shown::Rate { per_second: None, .. }), "{first:?}");
        let anew = rows(&before, Some((&now, Duration::from_secs(1))));
        assert_eq!(anew[1].shown, Shown::Rate { total: 10.0, per_second: Some(10.0) });
        assert!(matches!(anew[0].shown, Shown::Spread { per_second: Some(10.0), .. }), "{anew:?}");
    }

    #[test]
    fn lines_stand_below_one_another_and_have_units() {
        let lines = lines(&rows(&read(BEFORE), None));
        assert_eq!(
            lines,
            [
                "call_seconds                       -/s  median 50.0 ms, p99 99.0 ms",
                "calls_total  method=Query          -/s  10",
                "disk_bytes                 2.0 MB",
            ]
        );
    }

    #[test]
    fn what_one_looks_at_first_comes_first_and_the_rest_is_left_out() {
        let text =
            format!("{BEFORE}# TYPE sensorium_calls_in_flight gauge\nsensorium_calls_in_flight 2\nother 1\n");
        let rows = important(rows(&read(&text), None));
        let names: Vec<&str> = rows.iter().map(|row| row.name.as_str()).collect();
        assert_eq!(names, ["calls_in_flight", "calls_total", "call_seconds", "disk_bytes"]);
    }

    #[test]
    fn quantiles_of_the_last_bucket_are_its_lower_bound() {
        assert!((quantile(&[(1.0, 1.0), (f64::INFINITY, 10.0)], 0.99) - 1.0).abs() < 1e-9);
        assert!(quantile(&[], 0.5).abs() < 1e-9);
    }
}
