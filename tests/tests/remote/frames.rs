//! HTTP/2 frame by frame (RFC 9113), also such as no client sends.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use sensorium_tests::{Seeded, Served};

use crate::http::connect;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
/// Most bytes of a frame before the peers agree on more.
const MAX_FRAME_BYTES: usize = 16_384;

/// A frame.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("short").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A header field as HPACK's literal without indexing (RFC 7541, 6.2.2), without Huffman's code.
fn field(name: &str, value: &str) -> Vec<u8> {
    let text = |text: &str| {
        let length = u8::try_from(text.len()).expect("short");
        assert!(length < 127, "one byte of length");
        [&[length], text.as_bytes()].concat()
    };
    [vec![0], text(name), text(value)].concat()
}

/// The head of a call of gRPC.
fn head(server: &Served, path: &str, more: &[(&str, &str)]) -> Vec<u8> {
    let fields = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", path),
        (":authority", server.url.trim_start_matches("http://")),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ];
    fields.iter().chain(more).flat_map(|(name, value)| field(name, value)).collect()
}

fn begun(server: &Served) -> TcpStream {
    let mut stream = connect(server);
    stream.write_all(&[PREFACE, &frame(SETTINGS, 0, 0, &[])].concat()).expect("sends");
    stream
}

/// How a server ended a call.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// With trailers, or with the head alone.
    Answered,
    /// The stream or the connection was reset.
    Reset,
}

/// Sends one packed message, of at most a window's bytes, and waits for the end of the call.
pub(crate) fn call(server: &Served, path: &str, headers: &[(&str, &str)], packed: &[u8]) -> Ended {
    let mut stream = begun(server);
    let length = u32::try_from(packed.len()).expect("short").to_be_bytes();
    let message = [&[1], &length[..], packed].concat();
    let mut sent = frame(HEADERS, END_HEADERS, 1, &head(server, path, headers));
    let mut pieces = message.chunks(MAX_FRAME_BYTES).peekable();
    while let Some(piece) = pieces.next() {
        let flags = if pieces.peek().is_none() { END_STREAM } else { 0 };
        sent.extend(frame(DATA, flags, 1, piece));
    }
    stream.write_all(&sent).expect("sends");
    loop {
        let mut start = [0; 9];
        if stream.read_exact(&mut start).is_err() {
            return Ended::Reset;
        }
        let [a, b, c, kind, flags, ..] = start;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        if stream.read_exact(&mut payload).is_err() || kind == GOAWAY || kind == RST_STREAM {
            return Ended::Reset;
        }
        if kind == HEADERS && flags & END_STREAM != 0 {
            return Ended::Answered;
        }
    }
}

/// What breaks the rules of HTTP/2, or uses them to make work.
fn malformed(server: &Served, random: &mut Seeded) -> Vec<Vec<u8>> {
    let head = head(server, "/sensorium.v1.QueryService/Query", &[]);
    let open = |stream| frame(HEADERS, END_HEADERS, stream, &head);
    let resets = (0..500).flat_map(|call| {
        let stream = 2 * call + 1;
        [open(stream), frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes())].concat()
    });
    let endless = std::iter::once(frame(HEADERS, 0, 1, &head))
        .chain((0..400).map(|_| frame(CONTINUATION, 0, 1, &field("x", "y").repeat(1000))))
        .flatten();
    let noise = (0..4096).map(|_| u8::try_from(random.below(256)).expect("a byte"));
    vec![
        [vec![0xFF, 0xFF, 0xFF, DATA, 0], vec![0; 4]].concat(),
        frame(DATA, 0, 0, b"on no stream"),
        frame(HEADERS, END_HEADERS, 2, &head),
        frame(CONTINUATION, END_HEADERS, 1, &head),
        frame(SETTINGS, 0, 0, b"five."),
        frame(SETTINGS, 0, 0, &[0, 4, 0xFF, 0xFF, 0xFF, 0xFF]),
        frame(WINDOW_UPDATE, 0, 0, &[0; 4]),
        [open(1), frame(WINDOW_UPDATE, 0, 1, &[0x7F, 0xFF, 0xFF, 0xFF]).repeat(2)].concat(),
        frame(PING, 0, 0, b"seven.."),
        // An index of no entry, and a table of 4 GiB.
        frame(HEADERS, END_HEADERS, 1, &[0x80]),
        frame(HEADERS, END_HEADERS, 1, &[0x3F, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F]),
        frame(HEADERS, END_HEADERS | END_STREAM, 1, &field(":method", "POST")),
        frame(0xEE, 0xEE, 0x7FFF_FFFF, b"of no kind"),
        frame(PING, 0, 0, &[0; 8]).repeat(2_000),
        frame(SETTINGS, 0, 0, &[]).repeat(2_000),
        resets.collect(),
        endless.collect(),
        // A message that claims 4 GiB, and one that is not packed as it claims.
        [open(1), frame(DATA, 0, 1, &[0, 0xFF, 0xFF, 0xFF, 0xFF])].concat(),
        [open(1), frame(DATA, END_STREAM, 1, &[1, 0, 0, 0, 1, 7])].concat(),
        noise.collect(),
    ]
}

/// Sends each of them on a connection of its own, and leaves.
pub(crate) fn send_malformed(server: &Served, random: &mut Seeded) {
    for bytes in malformed(server, random) {
        let mut stream = begun(server);
        stream.set_read_timeout(Some(Duration::from_millis(200))).expect("a timeout");
        // The server may have left before the end.
        let _ = stream.write_all(&bytes);
        let mut answer = [0; 4096];
        while stream.read(&mut answer).is_ok_and(|read| read > 0) {}
    }
}
