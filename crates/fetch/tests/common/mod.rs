//! A server of this process that does what its script says, and a client that knows it as `media.test`.

#![allow(dead_code, reason = "not every test binary uses every helper")]

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sensorium_fetch::{Address, AllowList, AllowedUri, Client, Limits, Policy, Reach, Request};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

/// Longer than anything here takes.
pub(crate) const HANG: Duration = Duration::from_secs(60);

/// One step of an answer.
pub(crate) enum Step {
    Send(Vec<u8>),
    Wait(Duration),
    /// Until the other side closes; told by [`Served::left`].
    Stall,
}

/// What is answered to a head, by number of the request.
pub(crate) type Script = Arc<dyn Fn(usize, &str) -> Vec<Step> + Send + Sync>;

/// A server that runs.
pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    pub(crate) heads: Arc<Mutex<Vec<String>>>,
    /// A message for each client that left while the server stalled.
    pub(crate) left: mpsc::UnboundedReceiver<()>,
}

impl Served {
    pub(crate) async fn new(script: impl Fn(usize, &str) -> Vec<Step> + Send + Sync + 'static) -> Self {
        Self::with(Arc::new(script), None).await
    }

    pub(crate) async fn with(script: Script, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let heads: Arc<Mutex<Vec<String>>> = Arc::default();
        let (leaving, left) = mpsc::unbounded_channel();
        let known = Arc::clone(&heads);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (script, heads, leaving) = (Arc::clone(&script), Arc::clone(&known), leaving.clone());
                let tls = tls.clone();
                tokio::spawn(async move {
                    match tls {
                        None => answer(stream, script, heads, leaving).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                answer(stream, script, heads, leaving).await;
                            }
                        }
                    }
                });
            }
        });
        Self { address, heads, left }
    }

    /// Its address under a name.
    pub(crate) fn at(&self, name: &str, path: &str) -> String {
        format!("http://{name}:{}{path}", self.address.port())
    }

    /// A client that may ask it as `media.test` and knows some other names.
    pub(crate) fn client(&self) -> Client {
        let port = self.address.port();
        client(&[&format!("http://media.test:{port}"), &format!("http://private.test:{port}")])
    }

    pub(crate) fn heads(&self) -> Vec<String> {
        self.heads.lock().expect("not poisoned").clone()
    }
}

async fn answer<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    script: Script,
    heads: Arc<Mutex<Vec<String>>>,
    leaving: mpsc::UnboundedSender<()>,
) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let head = String::from_utf8(head).expect("a head");
    let number = {
        let mut heads = heads.lock().expect("not poisoned");
        heads.push(head.clone());
        heads.len() - 1
    };
    for step in script(number, &head) {
        match step {
            Step::Send(bytes) => {
                if stream.write_all(&bytes).await.is_err() || stream.flush().await.is_err() {
                    return;
                }
            }
            Step::Wait(time) => tokio::time::sleep(time).await,
            Step::Stall => {
                let mut rest = Vec::new();
                // However it ends, the client is gone.
                let _ = stream.read_to_end(&mut rest).await;
                let _ = leaving.send(());
            }
        }
    }
    // A client that left need not hear of the end.
    let _ = stream.shutdown().await;
}

/// An answer with headers and a body.
pub(crate) fn reply(status: &str, headers: &str, body: &[u8]) -> Vec<Step> {
    let mut bytes = format!("HTTP/1.1 {status}\r\n{headers}\r\n").into_bytes();
    bytes.extend_from_slice(body);
    vec![Step::Send(bytes)]
}

/// A whole file, as most servers give it.
pub(crate) fn whole(body: &[u8]) -> Vec<Step> {
    reply("200 OK", &format!("content-length: {}\r\netag: \"v1\"\r\n", body.len()), body)
}

pub(crate) fn ip(text: &str) -> IpAddr {
    text.parse().expect(text)
}

/// Names of the tests' world.
pub(crate) fn names(name: &str) -> Option<Vec<IpAddr>> {
    Some(match name {
        "media.test" | "other.test" => vec![ip("127.0.0.1")],
        "private.test" => vec![ip("192.168.1.1")],
        _ => return None,
    })
}

/// A client that may ask these places.
pub(crate) fn client(places: &[&str]) -> Client {
    Client::new(Policy { reach: Reach::of_tests(names, Vec::new()), ..policy(places) })
}

pub(crate) fn policy(places: &[&str]) -> Policy {
    let places = places.iter().map(|place| AllowedUri::parse(place).expect(place));
    Policy { allowed: AllowList::new(places.collect()), ..Policy::default() }
}

/// Up to a megabyte in a minute.
pub(crate) fn request(address: &str) -> Request {
    let address = Address::parse(address).expect(address);
    Request { address, bearer: None, limits: Limits::new(1 << 20, HANG) }
}

/// All bytes of an address.
pub(crate) async fn all(client: &Client, request: Request) -> Result<Vec<u8>, sensorium_fetch::FetchError> {
    let work = async {
        let mut download = client.get(request).await?;
        let mut bytes = Vec::new();
        while let Some(piece) = download.next().await? {
            bytes.extend_from_slice(&piece);
        }
        assert_eq!(download.received(), bytes.len() as u64);
        Ok(bytes)
    };
    tokio::time::timeout(HANG, work).await.expect("it ends")
}
