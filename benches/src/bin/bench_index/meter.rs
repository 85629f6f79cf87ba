//! Processor time and memory of this process, from the kernel.

use serde_json::{Value, json};

/// Processor time of this process up to a moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cpu {
    /// Of the threads that live, to the nanosecond.
    living: f64,
    /// Of all that there were, in user and system mode, in hundredths.
    all: f64,
}

impl Cpu {
    /// Up to now.
    pub(crate) fn now() -> Self {
        let tasks = fs_err::read_dir("/proc/self/task").into_iter().flatten().flatten();
        let nanoseconds: u64 = tasks
            .filter_map(|task| fs_err::read_to_string(task.path().join("schedstat")).ok())
            .filter_map(|line| line.split_whitespace().next()?.parse::<u64>().ok())
            .sum();
        let stat = fs_err::read_to_string("/proc/self/stat").unwrap_or_default();
        // The name, in parentheses, may hold spaces.
        let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
        let ticks: u64 = fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
        Self { living: nanoseconds as f64 / 1e9, all: ticks as f64 / 100.0 }
    }

    /// Seconds since then: by the living threads, or by all where some have ended.
    pub(crate) fn seconds(self) -> f64 {
        let now = Self::now();
        (now.living - self.living).max(now.all - self.all - 0.01)
    }
}

/// Resident memory in bytes: all of it, and what no file stands behind.
pub(crate) fn memory() -> Value {
    let status = fs_err::read_to_string("/proc/self/status").unwrap_or_default();
    let bytes = |name: &str| {
        status
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok())
            .map(|kilobytes| kilobytes * 1024)
    };
    json!({"rss": bytes("VmRSS:"), "rss_anon": bytes("RssAnon:")})
}
