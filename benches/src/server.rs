//! A server as users start it: the program, on a free port.

#![expect(clippy::expect_used, reason = "a bench stops at its first error")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use bytes::{BufMut as _, Bytes, BytesMut};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use sensorium_api::Message;
use sensorium_client::Client;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::{bundle_folder, worker_program};

/// A server of a data folder on a free port, killed at the end.
#[derive(Debug)]
pub struct Server {
    /// Where it answers.
    pub url: String,
    child: Child,
}

impl Server {
    /// Starts it.
    ///
    /// # Panics
    /// If it does not start.
    pub fn start(data: &Path) -> Self {
        Self::start_with(data, &[])
    }

    /// Starts it with more options.
    ///
    /// # Panics
    /// If it does not start.
    pub fn start_with(data: &Path, more: &[&str]) -> Self {
        let mut command = Command::new(worker_program());
        command.args(["serve", "--listen", "127.0.0.1:0", "--json", "--data"]).arg(data).args(more);
        if let Some(folder) = bundle_folder() {
            command.arg("--bundle").arg(folder);
        }
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the server starts");
        let mut first = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut first).expect("a line");
        let ready: serde_json::Value = serde_json::from_str(&first).expect("the server is ready");
        let address = ready.get("address").and_then(serde_json::Value::as_str).expect("an address");
        Self { url: format!("http://{address}"), child }
    }

    /// Host and port.
    pub fn host(&self) -> &str {
        self.url.trim_start_matches("http://")
    }

    /// A client of it.
    ///
    /// # Panics
    /// If it does not answer.
    pub async fn client(&self) -> Client {
        Client::connect(&self.url).await.expect("connects")
    }

    /// Memory of its own, which no file stands behind.
    pub fn anonymous_mb(&self) -> f64 {
        let status = fs_err::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
        let kib = line
            .and_then(|line| line.trim().strip_suffix(" kB"))
            .and_then(|kib| kib.trim().parse::<f64>().ok());
        kib.unwrap_or(f64::NAN) / 1024.0
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to stop.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A connection of HTTP/1.1 that is kept.
#[derive(Debug)]
pub struct Http {
    stream: TcpStream,
    host: String,
}

impl Http {
    /// Connects to `http://HOST:PORT`.
    ///
    /// # Panics
    /// If nobody answers.
    pub async fn connect(url: &str) -> Self {
        let host = url.trim_start_matches("http://").to_owned();
        let stream = TcpStream::connect(&host).await.expect("connects");
        stream.set_nodelay(true).expect("sets");
        Self { stream, host }
    }

    /// Sends JSON and does not wait for its answer.
    ///
    /// # Panics
    /// If it cannot be sent.
    pub async fn send(&mut self, path: &str, body: &str) {
        self.begin("POST", path, body).await;
    }

    async fn begin(&mut self, method: &str, path: &str, body: &str) {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            self.host,
            body.len()
        );
        self.stream.write_all(head.as_bytes()).await.expect("sends");
    }

    /// Sends JSON; the status and what is answered.
    ///
    /// # Panics
    /// If the connection ends, or the answer has no length.
    pub async fn post(&mut self, path: &str, body: &str) -> (u16, Vec<u8>) {
        let (status, _, answer) = self.post_whole(path, body).await;
        (status, answer)
    }

    /// Sends JSON; the status, the head in lower case, and what is answered.
    ///
    /// # Panics
    /// If the connection ends, or the answer has no length.
    pub async fn post_whole(&mut self, path: &str, body: &str) -> (u16, String, Vec<u8>) {
        self.send(path, body).await;
        self.answer().await
    }

    /// Asks for what lies at a path; the status and what is answered.
    ///
    /// # Panics
    /// If the connection ends, or the answer has no length.
    pub async fn get(&mut self, path: &str) -> (u16, Vec<u8>) {
        self.begin("GET", path, "").await;
        let (status, _, answer) = self.answer().await;
        (status, answer)
    }

    async fn answer(&mut self) -> (u16, String, Vec<u8>) {
        let mut bytes = Vec::new();
        loop {
            assert!(self.stream.read_buf(&mut bytes).await.expect("reads") > 0, "the connection ended");
            let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
            let head = String::from_utf8_lossy(bytes.get(..end).expect("a head")).to_lowercase();
            let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
            let length =
                head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
            let length = length.expect("a length");
            if bytes.len() >= end + 4 + length {
                return (status, head, bytes.split_off(end + 4));
            }
        }
    }
}

/// A connection of gRPC that hands out what came over the wire: reading the answer is not a part of what a call takes.
#[derive(Debug)]
pub struct Grpc {
    sender: SendRequest<Full<Bytes>>,
    url: String,
}

/// What came back of a call.
#[derive(Debug)]
pub struct Answered {
    /// The headers, and the trailers where there are such.
    pub headers: HeaderMap,
    /// The messages, each behind five bytes.
    pub body: Bytes,
}

impl Grpc {
    /// Connects to `http://HOST:PORT`.
    ///
    /// # Panics
    /// If nobody there speaks HTTP/2.
    pub async fn connect(url: &str) -> Self {
        let stream = TcpStream::connect(url.trim_start_matches("http://")).await.expect("connects");
        stream.set_nodelay(true).expect("sets");
        let (sender, connection) =
            http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.expect("speaks HTTP/2");
        tokio::spawn(connection);
        Self { sender, url: url.to_owned() }
    }

    /// Calls a method, as in `sensorium.v1.QueryService/Query`, with one message.
    ///
    /// # Panics
    /// If the connection ends.
    pub async fn call(&mut self, method: &str, message: &impl Message) -> Answered {
        let mut framed = BytesMut::new();
        // Not compressed, and of this length.
        framed.put_u8(0);
        framed.put_u32(u32::try_from(message.encoded_len()).expect("a small message"));
        message.encode(&mut framed).expect("there is room");
        let request = Request::post(format!("{}/{method}", self.url))
            .header(CONTENT_TYPE, "application/grpc")
            .header("te", "trailers")
            .body(Full::new(framed.freeze()))
            .expect("a request");
        let (head, body) = self.sender.send_request(request).await.expect("answers").into_parts();
        let body = body.collect().await.expect("a whole answer");
        let mut headers = head.headers;
        headers.extend(body.trailers().cloned().unwrap_or_default());
        Answered { headers, body: body.to_bytes() }
    }
}
