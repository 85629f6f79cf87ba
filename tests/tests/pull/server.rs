//! A hub of this process with the layout of Hugging Face, and beside it the place on another port to which it leads for large files.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;

use sensorium_tests::HANG;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// The commit that every revision stands for.
pub(crate) const COMMIT: &str = "00112233445566778899aabbccddeeff00112233";
/// The model.
pub(crate) const ID: &str = "someone/Tiny-Model";

/// How the hub behaves.
#[derive(Debug, Clone, Default)]
pub(crate) struct Behaviour {
    /// The key without which nothing is given.
    pub(crate) key: Option<&'static str>,
    /// What is answered where it is missing.
    pub(crate) closed: u16,
    /// Each transfer of a large file breaks off after so many bytes, the first so many times.
    pub(crate) cut: Option<(usize, usize)>,
    /// Transfers of large files stop at this byte, until their client leaves.
    pub(crate) stall_at: Option<usize>,
    /// Transfers are whole, whatever range is asked for.
    pub(crate) no_ranges: bool,
    /// Ranges begin a byte later than they should.
    pub(crate) wrong_ranges: bool,
    /// The last byte of large files is another.
    pub(crate) wrong_bytes: bool,
    /// Large files are told to be so many bytes longer.
    pub(crate) longer: usize,
    /// Where requests for large files lead instead.
    pub(crate) leads_to: Option<String>,
    /// The list of files has neither sizes nor hashes, as some mirrors'.
    pub(crate) bare_list: bool,
    /// The page of a package is JSON.
    pub(crate) json_page: bool,
    /// Files come of this commit.
    pub(crate) other_commit: Option<&'static str>,
}

/// A request.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// Whether it came to the place of large files.
    pub(crate) at_cdn: bool,
    pub(crate) path: String,
    pub(crate) range: Option<String>,
    pub(crate) key: Option<String>,
}

impl Asked {
    /// A transfer of a whole large file, or the rest of one; not of its beginning alone.
    pub(crate) fn is_transfer(&self) -> bool {
        self.at_cdn && self.range.as_ref().is_none_or(|range| range.ends_with('-'))
    }
}

#[derive(Debug, Default)]
struct State {
    files: BTreeMap<String, Vec<u8>>,
    behaviour: Behaviour,
    asked: Vec<Asked>,
    cuts: usize,
    /// Transfers that stopped where they were to stop.
    stalled: usize,
    cdn: Option<SocketAddr>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

/// The hub.
#[derive(Debug)]
pub(crate) struct Hub {
    shared: Arc<Shared>,
    pub(crate) endpoint: String,
}

impl Hub {
    /// One with the files of a folder as its model.
    pub(crate) fn of_folder(folder: &Path) -> Self {
        let mut files = BTreeMap::new();
        for entry in fs_err::read_dir(folder).expect("the model") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
            if !name.starts_with("golden") && name != "vectors.json" {
                files.insert(name, fs_err::read(&path).expect("a file"));
            }
        }
        Self::of_files(files)
    }

    pub(crate) fn of_files(files: BTreeMap<String, Vec<u8>>) -> Self {
        let shared =
            Arc::new(Shared { state: Mutex::new(State { files, ..State::default() }), ..Shared::default() });
        let cdn = listen(&shared, true);
        shared.lock().cdn = Some(cdn);
        let endpoint = format!("http://{}", listen(&shared, false));
        Self { shared, endpoint }
    }

    /// Changes how it behaves from now on.
    pub(crate) fn behave(&self, behaviour: Behaviour) {
        let mut state = self.shared.lock();
        (state.behaviour, state.cuts) = (behaviour, 0);
    }

    /// Changes its files.
    pub(crate) fn put(&self, name: &str, bytes: Option<Vec<u8>>) {
        let files = &mut self.shared.lock().files;
        match bytes {
            Some(bytes) => files.insert(name.to_owned(), bytes),
            None => files.remove(name),
        };
    }

    /// The requests since the last time.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.shared.lock().asked)
    }

    /// Waits until a transfer has stopped where it was to stop.
    pub(crate) fn wait_for_stall(&self, number: usize) {
        let state = self.shared.lock();
        let waited = self.shared.changed.wait_timeout_while(state, HANG, |state| state.stalled < number);
        assert!(!waited.expect("not poisoned").1.timed_out(), "no transfer came so far");
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("not poisoned")
    }
}

/// Answers on a port of its own, as long as the process runs.
fn listen(shared: &Arc<Shared>, at_cdn: bool) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    let shared = Arc::clone(shared);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (shared, stream) = (Arc::clone(&shared), stream.expect("a connection"));
            // A client that leaves is one that leaves.
            thread::spawn(move || answer(&shared, stream, at_cdn).ok());
        }
    });
    address
}

fn answer(shared: &Shared, mut stream: TcpStream, at_cdn: bool) -> std::io::Result<()> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.extend(byte);
    }
    let head = String::from_utf8(head).expect("a head");
    let header = |name: &str| {
        let mut lines = head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned())
    };
    let path = head.split(' ').nth(1).expect("a path").to_owned();
    let asked = Asked { at_cdn, path, range: header("range"), key: header("authorization") };
    shared.lock().asked.push(asked.clone());
    match (at_cdn, asked.path.split_once("/resolve/")) {
        (true, _) => large(shared, stream, &asked),
        (false, Some(_)) => resolve(shared, stream, &asked),
        (false, None) if asked.path.starts_with("/simple/") => page(shared, stream, &asked),
        (false, None) => list(shared, stream, &asked),
    }
}

/// Whether the hub gives nothing to who asks; then it said so.
fn is_closed(state: &State, stream: &mut TcpStream, asked: &Asked) -> std::io::Result<bool> {
    let wanted = state.behaviour.key.map(|key| format!("Bearer {key}"));
    let is_closed = wanted.is_some() && asked.key != wanted;
    if is_closed {
        let status = state.behaviour.closed;
        write!(stream, "HTTP/1.1 {status} Closed\r\ncontent-length: 0\r\n\r\n")?;
    }
    Ok(is_closed)
}

fn nothing(stream: &mut TcpStream) -> std::io::Result<()> {
    write!(stream, "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")
}

fn list(shared: &Shared, mut stream: TcpStream, asked: &Asked) -> std::io::Result<()> {
    let state = shared.lock();
    if is_closed(&state, &mut stream, asked)? {
        return Ok(());
    }
    let revisions = ["main", "refs%2Fpr%2F15", COMMIT];
    let at = |revision: &&str| asked.path == format!("/api/models/{ID}/revision/{revision}?blobs=true");
    if !revisions.iter().any(at) {
        return nothing(&mut stream);
    }
    let rows: Vec<Value> = state.files.iter().map(|(name, bytes)| {
        if state.behaviour.bare_list {
            json!({ "rfilename": name })
        } else if is_large(name) {
            json!({ "rfilename": name, "size": bytes.len(), "blobId": "x", "lfs": { "sha256": sha256(bytes), "size": bytes.len(), "pointerSize": 134 } })
        } else {
            json!({ "rfilename": name, "size": bytes.len(), "blobId": "x" })
        }
    }).collect();
    let body = json!({ "id": ID, "sha": COMMIT, "gated": false, "cardData": { "license": "mit" }, "siblings": rows }).to_string();
    drop(state);
    write!(
        stream,
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// What a package is called, as addresses have it.
pub(crate) const PROJECT: &str = "tiny-model";

/// The page of a package: its wheels lie in the place of large files.
fn page(shared: &Shared, mut stream: TcpStream, asked: &Asked) -> std::io::Result<()> {
    let state = shared.lock();
    if asked.path != format!("/simple/{PROJECT}/") {
        return nothing(&mut stream);
    }
    let cdn = state.cdn.expect("there is one");
    let wheels = state.files.iter().filter(|(name, _)| name.ends_with(".whl"));
    let rows: Vec<(String, String, usize)> = wheels
        .map(|(name, bytes)| {
            (name.clone(), format!("http://{cdn}/blob/{name}?Signature=secret"), bytes.len())
        })
        .collect();
    let hash = |name: &str| sha256(state.files.get(name).expect("a wheel"));
    let body = if state.behaviour.json_page {
        let files: Vec<Value> = rows
            .iter()
            .map(|(name, link, bytes)| json!({ "filename": name, "url": link, "size": bytes, "hashes": { "sha256": hash(name) } }))
            .collect();
        json!({ "meta": { "api-version": "1.1" }, "name": PROJECT, "files": files }).to_string()
    } else {
        let bare = state.behaviour.bare_list;
        let fragment = |name: &str| if bare { String::new() } else { format!("#sha256={}", hash(name)) };
        let anchor = |(name, link, _): &(String, String, usize)| {
            format!("<a href=\"{link}{}\">{name}</a><br/>\n", fragment(name))
        };
        format!("<!DOCTYPE html><html><body>{}</body></html>", rows.iter().map(anchor).collect::<String>())
    };
    drop(state);
    write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

fn is_large(name: &str) -> bool {
    name.ends_with(".safetensors") || name.ends_with(".bin")
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn resolve(shared: &Shared, mut stream: TcpStream, asked: &Asked) -> std::io::Result<()> {
    let state = shared.lock();
    if is_closed(&state, &mut stream, asked)? {
        return Ok(());
    }
    let name = asked.path.strip_prefix(&format!("/{ID}/resolve/{COMMIT}/"));
    let Some((name, bytes)) = name.and_then(|name| state.files.get_key_value(name)) else {
        return nothing(&mut stream);
    };
    let commit = state.behaviour.other_commit.unwrap_or(COMMIT);
    if is_large(name) {
        let (hash, size) = (sha256(bytes), bytes.len());
        let to = match &state.behaviour.leads_to {
            Some(to) => to.clone(),
            None => format!("http://{}/blob/{name}?Signature=secret", state.cdn.expect("there is one")),
        };
        return write!(
            stream,
            "HTTP/1.1 302 Found\r\nlocation: {to}\r\nx-repo-commit: {commit}\r\nx-linked-etag: \"{hash}\"\r\n\
             x-linked-size: {size}\r\ncontent-length: 0\r\n\r\n"
        );
    }
    let (from, to) = wanted_range(asked, bytes.len(), &state.behaviour);
    let part = bytes.get(from..to).expect("a range of it").to_vec();
    let all = bytes.len();
    drop(state);
    let range = status(from, to, all, asked.range.is_some());
    write!(
        stream,
        "{range}x-repo-commit: {commit}\r\netag: \"x\"\r\ncontent-length: {}\r\n\r\n",
        part.len()
    )?;
    stream.write_all(&part)
}

/// The bytes that are asked for.
fn wanted_range(asked: &Asked, all: usize, behaviour: &Behaviour) -> (usize, usize) {
    let range = asked.range.as_ref().filter(|_| !behaviour.no_ranges || asked.is_beginning());
    let Some((from, to)) = range.and_then(|range| range.strip_prefix("bytes=")?.split_once('-')) else {
        return (0, all);
    };
    let to = to.parse().map_or(all, |last: usize| (last + 1).min(all));
    (from.parse().expect("a number"), to)
}

impl Asked {
    fn is_beginning(&self) -> bool {
        self.range.is_some() && !self.is_transfer()
    }
}

fn status(from: usize, to: usize, all: usize, is_range: bool) -> String {
    if is_range && (from, to) != (0, all) {
        format!("HTTP/1.1 206 Partial Content\r\ncontent-range: bytes {from}-{}/{all}\r\n", to - 1)
    } else {
        "HTTP/1.1 200 OK\r\n".to_owned()
    }
}

fn large(shared: &Shared, mut stream: TcpStream, asked: &Asked) -> std::io::Result<()> {
    let state = shared.lock();
    let name = asked.path.strip_prefix("/blob/").and_then(|rest| rest.split('?').next());
    let Some(bytes) = name.and_then(|name| state.files.get(name)) else { return nothing(&mut stream) };
    let mut bytes = bytes.clone();
    let behaviour = state.behaviour.clone();
    drop(state);
    let is_transfer = asked.is_transfer();
    if let Some(last) = bytes.last_mut().filter(|_| behaviour.wrong_bytes) {
        *last ^= 0x40;
    }
    let (from, to) = wanted_range(asked, bytes.len(), &behaviour);
    let longer = if is_transfer { behaviour.longer } else { 0 };
    let told = from + usize::from(behaviour.wrong_ranges && from > 0);
    let head = status(told, to + longer, bytes.len() + longer, asked.range.is_some());
    write!(stream, "{head}etag: \"e\"\r\ncontent-length: {}\r\n\r\n", to + longer - from)?;
    let mut end = to;
    if let Some((after, times)) = behaviour.cut.filter(|_| is_transfer) {
        let mut state = shared.lock();
        state.cuts += 1;
        if state.cuts <= times {
            end = end.min(from + after);
        }
    }
    let stall = behaviour.stall_at.filter(|_| is_transfer);
    end = end.min(stall.unwrap_or(end).max(from));
    stream.write_all(bytes.get(from..end).expect("a range of it"))?;
    if stall.is_some() {
        shared.lock().stalled += 1;
        shared.changed.notify_all();
        // However it ends, the client is gone.
        let _ = stream.read(&mut [0]);
    }
    Ok(())
}
