//! HTTP/1.1 as plain as it gets: one request, one connection.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use sensorium_tests::{HANG, Served};
use serde_json::Value;

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A new connection to the server, on which no read waits for ever.
pub(crate) fn connect(server: &Served) -> TcpStream {
    let stream = TcpStream::connect(host(server)).expect("connects");
    stream.set_read_timeout(Some(HANG)).expect("a timeout");
    stream.set_write_timeout(Some(Duration::from_secs(60))).expect("a timeout");
    stream
}

/// Where it answers, as `host:port`.
pub(crate) fn host(server: &Served) -> &str {
    server.url.trim_start_matches("http://")
}

/// One request on a connection of its own.
pub(crate) fn ask(server: &Served, request: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let mut stream = connect(server);
    let mut head = format!("{request} HTTP/1.1\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
    if !headers.iter().any(|(name, _)| *name == "host") {
        head += &format!("host: {}\r\n", host(server));
    }
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    head += "\r\n";
    stream.write_all(head.as_bytes()).expect("sends");
    // What is refused by its head is not read to its end.
    let _ = stream.write_all(body);
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
    let Some(end) = end else { panic!("{request}: no answer: {read:?}") };
    let (head, body) = answer.split_at(end + 4);
    let status = String::from_utf8_lossy(head).split(' ').nth(1).and_then(|status| status.parse().ok());
    Answer { status: status.expect("a status"), body: body.to_vec() }
}

/// A query for a text, answered whole.
pub(crate) fn query(server: &Served, text: &str, headers: &[(&str, &str)]) -> Answer {
    let query = serde_json::json!({"terms": [{"text": text}]}).to_string();
    let headers = [&[("content-type", "application/json")], headers].concat();
    ask(server, "POST /v1/query", &headers, query.as_bytes())
}

/// Brings one file in; the answer says what became of it.
pub(crate) fn ingest(server: &Served, name: &str, file: &[u8], headers: &[(&str, &str)]) -> Answer {
    let head = format!("--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n");
    let body = [head.as_bytes(), file, b"\r\n--x--\r\n"].concat();
    let headers = [&[("content-type", "multipart/form-data; boundary=x")], headers].concat();
    ask(server, "POST /v1/ingest", &headers, &body)
}
