//! Every limit of a server by name: what help, settings files and `sensorium config show` tell is this one table.

use std::time::Duration;

use crate::Settings;

/// A limit of [`Settings`], as a whole number.
#[derive(Debug)]
pub struct Limit {
    /// Its name.
    pub name: &'static str,
    /// What it bounds.
    pub help: &'static str,
    /// The least that it can be.
    pub least: u64,
    get: fn(&Settings) -> u64,
    set: fn(&mut Settings, u64),
}

impl Limit {
    /// The limit of this name.
    pub fn find(name: &str) -> Option<&'static Self> {
        LIMITS.iter().find(|limit| limit.name == name)
    }

    /// What it is.
    pub fn of(&self, settings: &Settings) -> u64 {
        (self.get)(settings)
    }

    /// Sets it; `false` if that is less than it can be.
    pub fn set(&self, settings: &mut Settings, value: u64) -> bool {
        let is_enough = value >= self.least;
        if is_enough {
            (self.set)(settings, value);
        }
        is_enough
    }
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A count; larger than the machine can count is as many as it can.
macro_rules! count {
    ($field:ident, $least:expr, $help:expr) => {
        Limit {
            name: stringify!($field),
            help: $help,
            least: $least,
            get: |settings| u64::try_from(settings.$field).unwrap_or(u64::MAX),
            set: |settings, value| settings.$field = value.try_into().unwrap_or(!0),
        }
    };
}

/// A time in milliseconds.
macro_rules! time {
    ($field:ident, $name:expr, $help:expr) => {
        Limit {
            name: $name,
            help: $help,
            least: 1,
            get: |settings| ms(settings.$field),
            set: |settings, value| settings.$field = Duration::from_millis(value),
        }
    };
}

/// Every limit.
pub const LIMITS: &[Limit] = &[
    count!(max_connections, 1, "connections at a time; more wait"),
    count!(max_calls, 1, "calls other than ingest that run at a time; more are turned away"),
    count!(max_queries, 1, "queries that are worked on at a time; more are turned away"),
    count!(max_calls_of_key, 1, "calls of one key that run at a time"),
    count!(calls_of_key_a_second, 1, "calls that one key begins in a second"),
    count!(max_ingest_streams, 1, "ingest streams at a time"),
    count!(max_items_of_stream, 1, "items of one stream that are worked on at a time"),
    count!(max_items_in_flight, 1, "items of all streams that are worked on at a time"),
    count!(max_bytes_in_flight, 1024, "bytes of all items that are worked on at a time"),
    count!(max_fetches, 1, "media that are fetched by their address at a time; more wait"),
    count!(max_fetch_bytes, 1024, "bytes of a medium that is fetched"),
    count!(max_message_bytes, 1024, "bytes of a message that carries media"),
    count!(max_small_message_bytes, 1024, "bytes of any other message"),
    count!(max_streams_of_connection, 1, "streams of HTTP/2 on one connection"),
    count!(max_limit, 1, "hits of a query, and assets named in a call"),
    time!(call_timeout, "call_timeout_ms", "time for the work of a call with one answer"),
    time!(request_timeout, "request_timeout_ms", "time for the message of a call to arrive"),
    time!(
        header_timeout,
        "header_timeout_ms",
        "time for the head of a request, and for the handshake of TLS"
    ),
    time!(idle_timeout, "idle_timeout_ms", "time between two pieces of a body, and two messages of a stream"),
    time!(idle_connection_timeout, "idle_connection_timeout_ms", "silence on a connection without a request"),
    time!(fetch_timeout, "fetch_timeout_ms", "time for a medium that is fetched to come whole"),
    time!(fetch_idle_timeout, "fetch_idle_timeout_ms", "time without a byte of a medium that is fetched"),
    time!(unread_timeout, "unread_timeout_ms", "time that an answer on a stream may stay unread"),
    time!(
        keepalive_interval,
        "keepalive_interval_ms",
        "silence after which a connection of HTTP/2 is asked whether it lives"
    ),
    time!(keepalive_timeout, "keepalive_timeout_ms", "time to answer that"),
    time!(drain_timeout, "drain_timeout_ms", "time that calls in progress have when the server stops"),
    count!(max_spans_waiting, 1, "spans that wait for the collector of traces; more are dropped"),
    time!(spans_every, "spans_every_ms", "time between two messages to the collector of traces"),
    time!(
        slow_request,
        "slow_request_ms",
        "time from which on a request is logged with the times of its stages"
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_is_set_and_read_by_its_name() {
        for limit in LIMITS {
            let mut settings = Settings::default();
            let wanted = limit.of(&settings) + 5;
            assert!(limit.set(&mut settings, wanted), "{}", limit.name);
            assert_eq!(limit.of(&settings), wanted, "{}", limit.name);
            assert!(!limit.set(&mut settings, limit.least - 1), "{}", limit.name);
            assert_eq!(Limit::find(limit.name).map(|known| known.name), Some(limit.name));
        }
        assert!(Limit::find("max_call").is_none());
    }
}
