//! What is asked for at the moment of a scrape: of collections, of encoders and workers, of the storage, of the process.
//! What is not known is left out.

use sensorium_types::{EngineFigures, SharedFigures, StatsReply, StorageFigures, WorkerFigures};

use super::text::{Labels, Text};
use crate::trace::SpanFigures;

/// Collections that have samples of their own; the rest are summed.
const MAX_LABELLED: usize = 50;
/// What the rest are labelled with. No collection is called so.
const REST: &str = "(rest)";
const MICROSECONDS: f64 = 1e6;

/// What a scrape asks for.
#[derive(Debug, Default)]
pub(crate) struct Scrape {
    /// The collections that are open, with what their storage does.
    pub(crate) collections: Vec<(StatsReply, StorageFigures)>,
    /// Encoders, workers and ingest.
    pub(crate) engine: EngineFigures,
    /// What collections share.
    pub(crate) shared: SharedFigures,
    /// Spans on their way to a collector.
    pub(crate) spans: Option<SpanFigures>,
}

impl Scrape {
    /// All of it as text.
    pub(super) fn text(mut self) -> String {
        // So that the same collections have samples of their own at each scrape.
        self.collections.sort_by(|(a, _), (b, _)| a.collection.cmp(&b.collection));
        let mut text = Text::default();
        for (place, (stats, storage)) in self.collections.iter().enumerate() {
            let is_labelled = place < MAX_LABELLED;
            let labels = [("collection", if is_labelled { stats.collection.as_str() } else { REST })];
            counts(&mut text, &labels, stats, is_labelled);
            of_storage(&mut text, &labels, storage);
        }
        shared(&mut text, &self.shared);
        engine(&mut text, &self.engine);
        if let Some(figures) = self.spans {
            spans(&mut text, figures);
        }
        process(&mut text);
        text.finish()
    }
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
fn counts(text: &mut Text, labels: Labels<'_>, stats: &StatsReply, is_labelled: bool) {
    let counts = &stats.counts;
    text.gauge("sensorium_assets", "Assets", labels, counts.assets as f64);
    text.gauge("sensorium_points", "Points", labels, counts.points as f64);
    if let Some(bytes) = counts.bytes_on_disk {
        text.gauge("sensorium_disk_bytes", "Bytes on disk", labels, bytes as f64);
    }
    if let Some(bytes) = counts.bytes_in_memory {
        let help = "Bytes of memory without a file behind them";
        text.gauge("sensorium_memory_bytes", help, labels, bytes as f64);
    }
    // Shares cannot be summed.
    for known in counts.recall.iter().filter(|known| is_labelled && known.nearest > 0) {
        let labels: Vec<_> = labels
            .iter()
            .copied()
            .chain([("from", known.from.as_str()), ("of", known.of.as_str())])
            .collect();
        let help = "Share of the nearest that searches through graphs find";
        text.gauge("sensorium_recall", help, &labels, known.found as f64 / known.nearest as f64);
    }
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
fn of_storage(text: &mut Text, labels: Labels<'_>, storage: &StorageFigures) {
    let StorageFigures {
        writes_stopped,
        delayed_bytes_a_second,
        stalls,
        memtable_bytes,
        pending_compaction_bytes,
        running_flushes,
        running_compactions,
        background_errors,
        columns,
        column_bytes,
    } = storage;
    let gauges = [
        ("sensorium_storage_writes_stopped", "Whether writes are stopped", writes_stopped.map(u64::from)),
        (
            "sensorium_storage_delayed_write_bytes_per_second",
            "What writes are slowed to; 0 where they are not",
            *delayed_bytes_a_second,
        ),
        ("sensorium_storage_memtable_bytes", "Bytes of rows that are in no table yet", *memtable_bytes),
        (
            "sensorium_storage_pending_compaction_bytes",
            "Bytes that compaction has to rewrite, about",
            *pending_compaction_bytes,
        ),
        ("sensorium_storage_running_flushes", "Flushes that run", *running_flushes),
        ("sensorium_storage_running_compactions", "Compactions that run", *running_compactions),
        ("sensorium_column_bytes", "Bytes of the columns that answer filters", *column_bytes),
    ];
    for (name, help, value) in gauges {
        if let Some(value) = value {
            text.gauge(name, help, labels, value as f64);
        }
    }
    let counters = [
        ("sensorium_storage_stalls", "How often writes were slowed or stopped", *stalls),
        ("sensorium_storage_background_errors", "Flushes and compactions that failed", *background_errors),
        ("sensorium_column_hits", "Filters that columns answered", columns.map(|columns| columns.hits)),
        (
            "sensorium_column_misses",
            "Filters for which assets were asked one by one",
            columns.map(|columns| columns.misses),
        ),
    ];
    for (name, help, value) in counters {
        if let Some(value) = value {
            text.counter(name, help, labels, value as f64);
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
fn shared(text: &mut Text, figures: &SharedFigures) {
    let SharedFigures { block_cache_bytes, block_cache_limit_bytes, block_cache, stall_microseconds } =
        figures;
    if let Some(bytes) = block_cache_bytes {
        text.gauge("sensorium_block_cache_bytes", "Bytes of blocks that are kept", &[], *bytes as f64);
    }
    if let Some(bytes) = block_cache_limit_bytes {
        text.gauge("sensorium_block_cache_limit_bytes", "Most bytes of them", &[], *bytes as f64);
    }
    if let Some(cache) = block_cache {
        let (hits, misses) = (cache.hits as f64, cache.misses as f64);
        text.counter("sensorium_block_cache_hits", "Blocks that were there", &[], hits);
        text.counter("sensorium_block_cache_misses", "Blocks that were read from disk", &[], misses);
    }
    if let Some(micros) = stall_microseconds {
        let help = "Time that writers waited for flushes and compactions";
        text.counter("sensorium_storage_stall_seconds", help, &[], *micros as f64 / MICROSECONDS);
    }
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
fn engine(text: &mut Text, figures: &EngineFigures) {
    let EngineFigures { encoders, workers, ingest_seconds } = figures;
    if let Some(encoders) = encoders {
        for (priority, inputs) in &encoders.waiting {
            let labels = [("priority", *priority)];
            text.gauge("sensorium_encoder_queue_inputs", "Inputs that wait", &labels, *inputs as f64);
        }
        let help = "Queries that found the queue of the encoders full";
        text.counter("sensorium_encoder_refused", help, &[], encoders.refused as f64);
        text.histogram("sensorium_encoder_batch_inputs", "Inputs of a batch", &[], &encoders.batch_inputs);
        text.histogram("sensorium_encoder_batch_seconds", "Time of a batch", &[], &encoders.batch_seconds);
        for (priority, wait) in &encoders.wait_seconds {
            let help = "Time from an input to its batch";
            text.histogram("sensorium_encoder_wait_seconds", help, &[("priority", priority)], wait);
        }
    }
    for (priority, figures) in workers {
        let WorkerFigures { most, running, busy, started, timed_out, cancelled, died } = *figures;
        let states = [("busy", busy), ("idle", running.saturating_sub(busy))];
        for (state, workers) in states {
            let labels = [("priority", *priority), ("state", state)];
            text.gauge("sensorium_workers", "Decoding workers that run", &labels, workers as f64);
        }
        let of = [("priority", *priority)];
        text.gauge("sensorium_workers_limit", "Most decoding workers at a time", &of, most as f64);
        text.counter("sensorium_worker_starts", "Decoding workers that were started", &of, started as f64);
        let ends = [("timed_out", timed_out), ("cancelled", cancelled), ("died", died)];
        for (reason, workers) in ends {
            let labels = [("priority", *priority), ("reason", reason)];
            let help = "Decoding workers that were killed, or died by themselves";
            text.counter("sensorium_worker_ends", help, &labels, workers as f64);
        }
    }
    for (stage, seconds) in ingest_seconds {
        let help = "Time of the stages of ingest";
        text.histogram("sensorium_ingest_stage_seconds", help, &[("stage", stage)], seconds);
    }
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
fn spans(text: &mut Text, figures: SpanFigures) {
    let SpanFigures { sent, no_room, not_taken, of_long_trace } = figures;
    text.counter("sensorium_spans_sent", "Spans that the collector of traces has", &[], sent as f64);
    let dropped = [("queue", no_room), ("collector", not_taken), ("long_trace", of_long_trace)];
    for (reason, spans) in dropped {
        let help = "Spans that were dropped: the queue was full, the collector took none, or their trace had too many";
        text.counter("sensorium_spans_dropped", help, &[("reason", reason)], spans as f64);
    }
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
fn process(text: &mut Text) {
    let status = fs_err::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name: &str| -> Option<u64> {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse().ok()
    };
    let memory = [
        ("process_resident_memory_bytes", "Resident memory", "VmRSS:"),
        ("process_resident_anonymous_bytes", "Resident memory without a file behind it", "RssAnon:"),
        (
            "process_resident_file_bytes",
            "Resident memory of mapped files, given back when others need it",
            "RssFile:",
        ),
    ];
    for (name, help, line) in memory {
        if let Some(kib) = field(line) {
            text.gauge(name, help, &[], kib as f64 * 1024.0);
        }
    }
    if let Some(threads) = field("Threads:") {
        text.gauge("process_threads", "Threads", &[], threads as f64);
    }
    if let Ok(descriptors) = fs_err::read_dir("/proc/self/fd") {
        text.gauge("process_open_fds", "Open descriptors", &[], descriptors.count() as f64);
    }
}

#[cfg(test)]
mod tests {
    use sensorium_types::{CacheFigures, CollectionStats, MeasuredRecall, SpaceInfo};

    use super::*;

    fn stats(name: String) -> StatsReply {
        let recall = vec![MeasuredRecall { nearest: 10, found: 9, ..MeasuredRecall::default() }];
        let counts = CollectionStats {
            assets: 2,
            points: 3,
            sources_indexed: 0,
            sources_failed: 0,
            points_in_graph: None,
            points_without_hubs: 0,
            bytes_on_disk: Some(5),
            bytes_in_memory: None,
            recall,
            change: 0,
        };
        let space = SpaceInfo::one("test", 1, "test@1");
        StatsReply { collection: name, space, counts, captions: None }
    }

    #[test]
    fn many_collections_cost_as_many_samples_as_fifty() {
        let storage = StorageFigures { stalls: Some(1), ..StorageFigures::default() };
        let collections = (0..60).rev().map(|number| (stats(format!("c{number:02}")), storage.clone()));
        let text = Scrape { collections: collections.collect(), ..Scrape::default() }.text();
        let of = |start: &str| text.lines().filter(|line| line.starts_with(start)).count();
        assert_eq!((of("sensorium_assets{"), of("sensorium_recall{")), (51, 50));
        for line in [
            "sensorium_assets{collection=\"c49\"} 2",
            "sensorium_assets{collection=\"(rest)\"} 20",
            "sensorium_storage_stalls_total{collection=\"(rest)\"} 10",
        ] {
            assert!(text.lines().any(|known| known == line), "{line}\n{text}");
        }
    }

    #[test]
    fn what_is_not_known_is_left_out() {
        let known = StorageFigures {
            writes_stopped: Some(true),
            columns: Some(CacheFigures { hits: 3, misses: 1 }),
            ..StorageFigures::default()
        };
        let collections = vec![(stats("default".to_owned()), known)];
        let text = Scrape { collections, ..Scrape::default() }.text();
        assert!(text.contains("sensorium_storage_writes_stopped{collection=\"default\"} 1\n"));
        assert!(text.contains("sensorium_column_hits_total{collection=\"default\"} 3\n"));
        for absent in
            ["memory_bytes{", "memtable", "block_cache", "encoder", "worker", "ingest_stage", "stall"]
        {
            assert!(!text.contains(absent), "{absent}\n{text}");
        }
    }
}
