//! Prometheus' text format, as far as series go: `name{label="value",..} number`.

use std::collections::BTreeMap;

/// Most series that are kept; those of a server are a few hundred.
const MAX_SERIES: usize = 20_000;
/// Label of a histogram's buckets.
const BOUND: &str = "le";

/// What a metric means.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Series {
    /// It only grows.
    Counter(f64),
    /// It is as it is now.
    Gauge(f64),
    /// How many were up to each bound, in order of bounds, the last of which is infinite; and their sum.
    Histogram(Vec<(f64, f64)>, f64),
}

/// Series by name and labels, as they were at one time.
pub(crate) type Readings = BTreeMap<(String, String), Series>;

/// Reads metrics. Lines that cannot be understood are passed over.
pub(crate) fn read(text: &str) -> Readings {
    let mut kinds: BTreeMap<&str, &str> = BTreeMap::new();
    let mut readings = Readings::new();
    for line in text.lines().map(str::trim) {
        if let Some(told) = line.strip_prefix("# TYPE ") {
            if let Some((name, kind)) = told.split_once(' ') {
                kinds.insert(name, kind.trim());
            }
        } else if !line.is_empty() && !line.starts_with('#') && readings.len() < MAX_SERIES {
            // One that cannot be understood is passed over.
            let _ = sample(line, &kinds, &mut readings);
        }
    }
    for series in readings.values_mut() {
        if let Series::Histogram(buckets, _) = series {
            buckets.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        }
    }
    readings
}

fn sample(line: &str, kinds: &BTreeMap<&str, &str>, readings: &mut Readings) -> Option<()> {
    let (name, labels, rest) = match line.split_once('{') {
        Some((name, rest)) => {
            let (labels, rest) = labels(rest)?;
            (name, labels, rest)
        }
        None => {
            let (name, rest) = line.split_once(' ')?;
            (name, Vec::new(), rest)
        }
    };
    let value: f64 = rest.split_whitespace().next()?.parse().ok()?;
    let shown = |labels: &[(String, String)]| {
        let pairs: Vec<String> = labels
            .iter()
            .filter(|(name, _)| name != BOUND)
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        pairs.join(" ")
    };
    let part = ["_bucket", "_sum", "_count"].into_iter().find_map(|suffix| {
        let of = name.strip_suffix(suffix)?;
        (kinds.get(of) == Some(&"histogram")).then_some((of, suffix))
    });
    let Some((of, suffix)) = part else {
        // OpenMetrics declares a counter without the ending that its samples have.
        let declared = [Some(name), name.strip_suffix("_total")];
        let is_counter = declared.into_iter().flatten().any(|name| kinds.get(name) == Some(&"counter"));
        let series = if is_counter { Series::Counter(value) } else { Series::Gauge(value) };
        readings.insert((name.to_owned(), shown(&labels)), series);
        return Some(());
    };
    let key = (of.to_owned(), shown(&labels));
    let histogram = readings.entry(key).or_insert_with(|| Series::Histogram(Vec::new(), 0.0));
    let Series::Histogram(buckets, sum) = histogram else { return None };
    match suffix {
        "_bucket" => {
            let bound = labels.iter().find(|(name, _)| name == BOUND)?.1.parse().ok()?;
            buckets.push((bound, value));
        }
        "_sum" => *sum = value,
        // The last bucket has the same number.
        _ => {}
    }
    Some(())
}

/// Labels up to the closing brace, and what follows it.
fn labels(text: &str) -> Option<(Vec<(String, String)>, &str)> {
    let mut labels = Vec::new();
    let mut rest = text.trim_start();
    loop {
        if let Some(after) = rest.strip_prefix('}') {
            return Some((labels, after));
        }
        let (name, after) = rest.split_once("=\"")?;
        let mut value = String::new();
        let mut letters = after.char_indices();
        let end = loop {
            match letters.next()? {
                (at, '"') => break at + 1,
                (_, '\\') => match letters.next()?.1 {
                    'n' => value.push('\n'),
                    other => value.push(other),
                },
                (_, letter) => value.push(letter),
            }
        };
        labels.push((name.trim().to_owned(), value));
        rest = after.get(end..)?.trim_start().trim_start_matches(',').trim_start();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_are_read_by_what_they_mean() {
        let text = "# HELP calls_total Calls.\n# TYPE calls_total counter\ncalls_total{method=\"Query\",code=\"OK\"} 12\n\
                    # TYPE in_flight gauge\nin_flight 3\n\
                    # TYPE seconds histogram\nseconds_bucket{m=\"Q\",le=\"+Inf\"} 4\nseconds_bucket{m=\"Q\",le=\"0.1\"} 3\n\
                    seconds_sum{m=\"Q\"} 0.5\nseconds_count{m=\"Q\"} 4\n# TYPE items counter\nitems_total 5\nuntyped{a=\"1}\\\"\\\\,\"} 7 1700000000\n";
        let of = |name: &str, labels: &str| (name.to_owned(), labels.to_owned());
        let expected = Readings::from([
            (of("calls_total", "method=Query code=OK"), Series::Counter(12.0)),
            (of("in_flight", ""), Series::Gauge(3.0)),
            (of("items_total", ""), Series::Counter(5.0)),
            (of("seconds", "m=Q"), Series::Histogram(vec![(0.1, 3.0), (f64::INFINITY, 4.0)], 0.5)),
            (of("untyped", "a=1}\"\\,"), Series::Gauge(7.0)),
        ]);
        assert_eq!(read(text), expected);
    }

    #[test]
    fn nonsense_is_passed_over() {
        for text in
            ["", "x", "x{", "x{a=\"b} 1", "x{a=\"\\", "x y", "{} {", "# TYPE", "é{é=\"é\"} 1e400 \u{0}"]
        {
            assert!(read(text).len() <= 1, "{text:?}");
        }
    }
}
