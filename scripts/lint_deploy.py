"""Holds the files of deploy/ together: metric names, alerts with their answers, images without `latest`, tests of SECURITY.md.

Metrics: what dashboard and alerts ask for stands in METRICS, with its labels. With METRICS_OF=FILE, an answer of /metrics, all of
them must be in that too.
"""

import json
import os
import re
import sys

METRICS = {
    "sensorium_calls_total": {"method", "code"},
    "sensorium_call_seconds": {"method"},
    "sensorium_calls_in_flight": set(),
    "sensorium_ingest_items_total": {"outcome"},
    "sensorium_ingest_bytes_in_flight": set(),
    "sensorium_query_stage_seconds": {"stage"},
    "sensorium_ingest_stage_seconds": {"stage"},
    "sensorium_encoder_queue_inputs": {"priority"},
    "sensorium_encoder_refused_total": set(),
    "sensorium_encoder_batch_inputs": set(),
    "sensorium_encoder_batch_seconds": set(),
    "sensorium_encoder_wait_seconds": {"priority"},
    "sensorium_workers": {"priority", "state"},
    "sensorium_workers_limit": {"priority"},
    "sensorium_worker_starts_total": {"priority"},
    "sensorium_worker_ends_total": {"priority", "reason"},
    "sensorium_storage_writes_stopped": {"collection"},
    "sensorium_storage_delayed_write_bytes_per_second": {"collection"},
    "sensorium_storage_stalls_total": {"collection"},
    "sensorium_storage_stall_seconds_total": set(),
    "sensorium_storage_memtable_bytes": {"collection"},
    "sensorium_storage_pending_compaction_bytes": {"collection"},
    "sensorium_storage_running_flushes": {"collection"},
    "sensorium_storage_running_compactions": {"collection"},
    "sensorium_storage_background_errors_total": {"collection"},
    "sensorium_block_cache_bytes": set(),
    "sensorium_block_cache_limit_bytes": set(),
    "sensorium_block_cache_hits_total": set(),
    "sensorium_block_cache_misses_total": set(),
    "sensorium_column_hits_total": {"collection"},
    "sensorium_column_misses_total": {"collection"},
    "sensorium_column_bytes": {"collection"},
    "sensorium_assets": {"collection"},
    "sensorium_points": {"collection"},
    "sensorium_recall": {"collection", "from", "of"},
    "sensorium_disk_bytes": {"collection"},
    "sensorium_memory_bytes": {"collection"},
    "sensorium_rejected_total": {"reason"},
    "sensorium_spans_sent_total": set(),
    "sensorium_spans_dropped_total": {"reason"},
    "process_resident_memory_bytes": set(),
    "process_resident_anonymous_bytes": set(),
    "process_resident_file_bytes": set(),
    "process_open_fds": set(),
}
# What Prometheus adds itself.
ADDED = {"job", "instance", "le"}
NAME = re.compile(r"\b((?:sensorium|process)_[a-z_]+)(?:\{([^}]*)\})?")


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def asked(expression, where, problems):
    """The metrics of an expression; complains of names and labels that there are not."""
    found = set()
    for name, labels in NAME.findall(expression):
        base = re.sub(r"_(bucket|sum|count)$", "", name)
        base = base if base in METRICS else name
        if base not in METRICS:
            problems.append(f"{where}: there is no metric {name}")
            continue
        found.add(base)
        for label in re.findall(r"(\w+)\s*[=!]~?\s*\"", labels):
            if label not in METRICS[base] | ADDED:
                problems.append(f"{where}: {name} has no label {label}")
    return found


def main():
    problems, used = [], set()
    dashboard = json.loads(read("deploy/grafana/dashboards/sensorium.json"))
    ids = [panel["id"] for panel in dashboard["panels"]]
    if len(ids) != len(set(ids)):
        problems.append("dashboard: two panels have one id")
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            used |= asked(target["expr"], f"dashboard, {panel['title']}", problems)
    for name in sorted(set(METRICS) - used):
        problems.append(f"dashboard: nothing shows {name}")

    rules = read("deploy/prometheus/alerts.yml")
    asked(rules, "alerts", problems)
    alerts = set(re.findall(r"- alert: (\w+)", rules))
    answers = set(re.findall(r"^### (Sensorium\w+)$", read("docs/OPERATIONS.md"), re.MULTILINE))
    for name in sorted(alerts ^ answers):
        problems.append(f"{name}: an alert without an answer in docs/OPERATIONS.md, or an answer without an alert")
    tests = read("deploy/prometheus/alerts_test.yml")
    for name in sorted(alerts):
        if name not in tests:
            problems.append(f"alerts_test.yml: {name} is never rung")

    for path in ["deploy/compose.yaml", "deploy/docker/Dockerfile"]:
        for image in re.findall(r"^\s*(?:image: |FROM )(\S+)", read(path), re.MULTILINE):
            if ":" not in image or image.endswith(":latest"):
                problems.append(f"{path}: {image} has no fixed version")

    here = set()
    for root in ["crates", "tests"]:
        for folder, _, files in os.walk(root):
            for name in files:
                if name.endswith(".rs"):
                    here.update(re.findall(r"\bfn (\w+)", read(os.path.join(folder, name))))
    for row in re.findall(r"^\| .* \| .* \| (.*) \|$", read("SECURITY.md"), re.MULTILINE):
        tests = re.findall(r"`(\w+)`", row)
        if not tests and row not in ("test", "the same") and not row.startswith("-"):
            problems.append(f"SECURITY.md: a threat has no test: {row}")
        for test in tests:
            if test not in here:
                problems.append(f"SECURITY.md: there is no test {test}")

    if os.environ.get("METRICS_OF"):
        exported = set(re.findall(r"^# TYPE (\w+)", read(os.environ["METRICS_OF"]), re.MULTILINE))
        # Counters carry their suffix on samples alone in this form.
        exported |= {f"{name}_total" for name in exported}
        for name in sorted(set(METRICS) - exported):
            problems.append(f"/metrics does not export {name}")

    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
