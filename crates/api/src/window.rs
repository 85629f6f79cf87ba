//! How much a peer may send before it is read: the windows of HTTP/2, for server and client alike.
//!
//! A peer that sends faster than it is read is to be slowed, never cut off. What slows it is the window of its stream:
//! what was sent and not read fills it. What could cut it off is the h2 crate, from 0.4.16 on: each DATA frame that
//! waits to be read and has fewer than 256 bytes costs a connection `256 - bytes` of a budget of half its window, and
//! where the budget is spent the connection ends with ENHANCE_YOUR_CALM (`too_many_data_frames`), with all its calls.
//! The worst that a peer may send by the rules is every stream's window full of frames of one byte:
//!
//! ```text
//! waiting frames   streams x STREAM_WINDOW_BYTES              (64 x 65,535 = 4.2 million)
//! their cost       255 each                                   (1,069,531,200)
//! budget           half of the connection's window            so the window is twice that cost: 2,139,062,400,
//!                                                             below the 2,147,483,647 that HTTP/2 allows
//! ```
//!
//! So the window of the connection binds nobody; what bounds memory are the streams' windows: at most
//! `streams x STREAM_WINDOW_BYTES` (4 MiB) of a connection wait unread, and 64 KiB of an ingest stream, the only kind of
//! call whose messages may wait for long. The windows do not adapt: a stream's would then grow to the connection's, and the worst case with it.

/// Streams of HTTP/2 on one connection that are open at a time; more wait at the client.
pub const MAX_STREAMS_OF_CONNECTION: u32 = 64;

/// Bytes that a stream may send before they are read: HTTP/2's own default, which holds also before the first settings
/// have arrived.
pub const STREAM_WINDOW_BYTES: u32 = 65_535;

/// Most that HTTP/2 allows as a window.
const MAX_WINDOW: u32 = (1 << 31) - 1;
/// What a waiting frame of one byte costs.
const COST_OF_A_SMALL_FRAME: u32 = 255;
/// The budget is this part of the connection's window.
const BUDGET_PART: u32 = 2;

/// The window of a connection with so many streams, large enough that no peer that keeps to the rules is cut off.
/// For more than [`MAX_STREAMS_OF_CONNECTION`] it is the largest there is, and may be too small.
pub const fn connection_window_bytes(streams: u32) -> u32 {
    let wanted = STREAM_WINDOW_BYTES.saturating_mul(COST_OF_A_SMALL_FRAME).saturating_mul(BUDGET_PART);
    let wanted = wanted.saturating_mul(streams);
    if wanted < STREAM_WINDOW_BYTES {
        STREAM_WINDOW_BYTES
    } else if wanted > MAX_WINDOW {
        MAX_WINDOW
    } else {
        wanted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_budget_covers_every_stream_full_of_the_smallest_frames() {
        for streams in [1, 8, MAX_STREAMS_OF_CONNECTION] {
            let budget = u64::from(connection_window_bytes(streams) / 2);
            let worst = u64::from(streams) * u64::from(STREAM_WINDOW_BYTES) * 255;
            assert!(budget >= worst, "{streams} streams: {budget} of {worst}");
        }
        assert!(
            connection_window_bytes(MAX_STREAMS_OF_CONNECTION) < MAX_WINDOW,
            "not cut to what is allowed"
        );
        assert_eq!(connection_window_bytes(u32::MAX), MAX_WINDOW);
        assert_eq!(connection_window_bytes(0), STREAM_WINDOW_BYTES);
    }
}
