//! What a server counts, as `top` tells it.

use std::collections::BTreeMap;

use sensorium_tests::{Sensorium, samples};
use serde_json::Value;

/// Names of metrics that dashboard and alerts ask for, from the list that `make lint` holds them to.
fn asked_for() -> Vec<String> {
    let script = samples().parent().expect("the repository").join("scripts/lint_deploy.py");
    let text = fs_err::read_to_string(script).expect("the list");
    let names = text.lines().filter_map(|line| {
        let (name, _) = line.strip_prefix("    \"")?.split_once("\":")?;
        (name.starts_with("sensorium_") || name.starts_with("process_")).then(|| name.to_owned())
    });
    names.collect()
}

#[test]
fn a_server_counts_its_queues_stages_workers_and_storage() {
    let held = Sensorium::new();
    let server = held.serve();
    let images = samples().join("images");
    let at = |args: &[&str]| held.run(&[args, &["--server", &server.url]].concat()).expect_code(0);
    at(&["index", images.to_str().expect("UTF-8")]);
    for _ in 0..2 {
        at(&["search", "a dog on a beach", "--filter", "bytes > 10"]);
    }
    let readings = at(&["top", "--count", "1", "--json"]).json();
    let metrics = readings[0]["metrics"].as_array().expect("a list");
    let of: BTreeMap<(&str, &str), &Value> = metrics
        .iter()
        .map(|row| ((row["name"].as_str().expect("a name"), row["labels"].as_str().expect("labels")), row))
        .collect();
    let value = |name: &str, labels: &str| {
        let row = of.get(&(name, labels)).unwrap_or_else(|| panic!("{name} {labels}: {of:#?}"));
        row["value"].as_f64().unwrap_or_else(|| panic!("{row}"))
    };
    for stage in ["encode", "search", "score", "hydrate"] {
        assert!(of.contains_key(&("query_stage_seconds", &*format!("stage={stage}"))), "{stage}");
    }
    for stage in ["read", "decode", "encode", "commit"] {
        assert!(of.contains_key(&("ingest_stage_seconds", &*format!("stage={stage}"))), "{stage}");
    }
    for priority in ["query", "bulk"] {
        let labels = format!("priority={priority}");
        assert!(of.contains_key(&("encoder_wait_seconds", labels.as_str())), "{priority}");
        assert!(value("encoder_queue_inputs", &labels).abs() < 0.5);
    }
    assert!(value("worker_starts_total", "priority=bulk") >= 1.0);
    let running = value("workers", "priority=bulk state=idle") + value("workers", "priority=bulk state=busy");
    assert!(running >= 1.0 && running <= value("workers_limit", "priority=bulk"));
    assert!(value("storage_memtable_bytes", "collection=default") > 0.0);
    let asked =
        value("column_hits_total", "collection=default") + value("column_misses_total", "collection=default");
    assert!(asked >= 2.0, "{asked}");
    assert!(value("block_cache_limit_bytes", "") >= 1e6);
    let (anonymous, all) =
        (value("process_resident_anonymous_bytes", ""), value("process_resident_memory_bytes", ""));
    assert!(anonymous > 0.0 && anonymous < all);

    // Nothing measures recall, turns anybody away or sends spans here.
    let absent = ["recall", "rejected_total", "spans_sent_total", "spans_dropped_total"];
    for name in asked_for() {
        let name = name.strip_prefix("sensorium_").unwrap_or(&name);
        let is_there = metrics.iter().any(|row| row["name"] == name);
        assert!(is_there || absent.contains(&name), "{name} is not told");
    }
    let shown = at(&["top", "--count", "1"]).stdout;
    assert!(shown.contains("encoder_wait_seconds") && !shown.contains("block_cache_limit_bytes"), "{shown}");
    assert!(at(&["top", "--count", "1", "--all"]).stdout.contains("block_cache_limit_bytes"));
}
