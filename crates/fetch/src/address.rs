//! An address, read strictly: what different programs would read differently is refused.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

use percent_encoding::percent_decode_str;

use crate::FetchError;

/// Longest address, in bytes.
pub(crate) const MAX_BYTES: usize = 8 * 1024;
/// Longest name of a host, and longest label of one.
const MAX_NAME: (usize, usize) = (253, 63);

/// An address of bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// `http` or `https`.
    Web(WebAddress),
    /// A file of this machine, by its absolute path.
    File(PathBuf),
}

/// Where and what is asked by HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebAddress {
    pub(crate) origin: Origin,
    /// Begins with a slash.
    pub(crate) path: String,
    /// What follows the question mark.
    pub(crate) query: Option<String>,
}

/// Scheme, host and port: who gets what is meant for one of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) is_encrypted: bool,
    pub(crate) host: Host,
    pub(crate) port: u16,
}

/// Whom an address names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Host {
    /// A name, in small letters.
    Name(String),
    /// The number of a machine.
    Ip(IpAddr),
}

impl Address {
    /// Reads an address.
    ///
    /// # Errors
    /// [`FetchError::Address`], which says what is wrong: another scheme, a user's name, a host that is no name and no plain number, steps
    /// upwards (`..`), letters that must be percent-encoded.
    pub fn parse(text: &str) -> Result<Self, FetchError> {
        let wrong = |what| Err(FetchError::Address { what });
        if text.len() > MAX_BYTES {
            return wrong("it is longer than 8 KiB");
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) || text.contains('\\') {
            return wrong("what is not a plain letter, digit or sign of ASCII must be percent-encoded");
        }
        let text = text.split('#').next().unwrap_or_default();
        let Some((scheme, rest)) = text.split_once("://") else {
            return wrong("it must begin with http://, https:// or file:///");
        };
        match scheme.to_ascii_lowercase().as_str() {
            "http" => web(false, rest).map(Self::Web),
            "https" => web(true, rest).map(Self::Web),
            "file" => file(rest).map(Self::File),
            _ => wrong("its scheme must be http, https or file"),
        }
    }

    /// The last part of its path, as a name to show; empty where there is none.
    pub fn name(&self) -> String {
        match self {
            Self::Web(web) => {
                let last = web.path.rsplit('/').next().unwrap_or_default();
                percent_decode_str(last).decode_utf8_lossy().into_owned()
            }
            Self::File(path) => {
                path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
            }
        }
    }
}

impl From<WebAddress> for Address {
    fn from(web: WebAddress) -> Self {
        Self::Web(web)
    }
}

impl WebAddress {
    /// Where a redirect, or a link of a page, leads from here.
    ///
    /// # Errors
    /// As [`Address::parse`]; a file of this machine too.
    pub fn follow(&self, location: &str) -> Result<Self, FetchError> {
        let origin = &self.origin;
        let location = location.split('#').next().unwrap_or_default();
        let is_whole = location
            .split_once(':')
            .is_some_and(|(scheme, _)| scheme.chars().all(|letter| letter.is_ascii_alphanumeric()));
        let text = if is_whole {
            location.to_owned()
        } else if location.starts_with("//") {
            format!("{}:{location}", origin.scheme())
        } else {
            let (path, query) = match location.split_once('?') {
                Some((path, query)) => (path, Some(query)),
                None => (location, None),
            };
            let folder = self.path.rsplit_once('/').map_or("", |(folder, _)| folder);
            let path = match path {
                "" => self.path.clone(),
                path if path.starts_with('/') => without_dots(path),
                path => without_dots(&format!("{folder}/{path}")),
            };
            let query = query.map(|query| format!("?{query}")).unwrap_or_default();
            format!("{origin}{path}{query}")
        };
        match Address::parse(&text)? {
            Address::Web(web) => Ok(web),
            Address::File(_) => {
                Err(FetchError::Address { what: "a redirect leads to a file of this machine" })
            }
        }
    }

    /// Path and query, as a request names them.
    pub(crate) fn target(&self) -> String {
        match &self.query {
            Some(query) => format!("{}?{query}", self.path),
            None => self.path.clone(),
        }
    }
}

impl Origin {
    const fn scheme(&self) -> &'static str {
        if self.is_encrypted { "https" } else { "http" }
    }

    /// Whether it is this machine, by its number: what is sent there does not leave it.
    pub(crate) const fn is_loopback(&self) -> bool {
        match &self.host {
            Host::Name(_) => false,
            Host::Ip(ip) => ip.is_loopback(),
        }
    }

    /// Host, and port where it is not the scheme's own.
    pub(crate) fn authority(&self) -> String {
        if self.port == default_port(self.is_encrypted) {
            self.host.to_string()
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme(), self.authority())
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Ip(IpAddr::V4(ip)) => ip.fmt(f),
            Self::Ip(IpAddr::V6(ip)) => write!(f, "[{ip}]"),
        }
    }
}

/// Without its query, which may hold what is secret.
impl fmt::Display for WebAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.origin, self.path)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Web(web) => web.fmt(f),
            Self::File(path) => write!(f, "file://{}", path.display()),
        }
    }
}

const fn default_port(is_encrypted: bool) -> u16 {
    if is_encrypted { 443 } else { 80 }
}

fn web(is_encrypted: bool, rest: &str) -> Result<WebAddress, FetchError> {
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, target) = rest.split_at(end);
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query.to_owned())),
        None => (target, None),
    };
    let path = if path.is_empty() { "/" } else { path };
    check_path(path)?;
    let origin = origin(is_encrypted, authority)?;
    Ok(WebAddress { origin, path: path.to_owned(), query })
}

/// Who is meant by what stands before the path.
pub(crate) fn origin(is_encrypted: bool, authority: &str) -> Result<Origin, FetchError> {
    let wrong = |what| FetchError::Address { what };
    if authority.contains('@') {
        return Err(wrong("a user's name in it is not taken"));
    }
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (ip, behind) = rest.split_once(']').ok_or_else(|| wrong("its host has no ]"))?;
            let ip: Ipv6Addr = ip.parse().map_err(|_| wrong("its host is no IPv6 address"))?;
            let port = match behind.strip_prefix(':') {
                None if behind.is_empty() => None,
                None => return Err(wrong("its host is followed by something that is no port")),
                Some(port) => Some(port),
            };
            (Host::Ip(ip.into()), port)
        }
        None => match authority.split_once(':') {
            Some((name, port)) => (host(name)?, Some(port)),
            None => (host(authority)?, None),
        },
    };
    let port = match port {
        None => default_port(is_encrypted),
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            digits.parse().ok().filter(|port| *port != 0).ok_or_else(|| wrong("its port is none"))?
        }
        Some(_) => return Err(wrong("its port is none")),
    };
    Ok(Origin { is_encrypted, host, port })
}

fn host(text: &str) -> Result<Host, FetchError> {
    let wrong = |what| Err(FetchError::Address { what });
    let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    if let Ok(ip) = name.parse::<Ipv4Addr>() {
        return Ok(Host::Ip(ip.into()));
    }
    // What ends in a number is read as an address by some (0x7f.1, 017700000001, 2130706433), as a name by others.
    let last = name.rsplit('.').next().unwrap_or_default();
    if last.bytes().all(|byte| byte.is_ascii_digit()) || last.starts_with("0x") {
        return wrong("its host must be a name, or an IP address of four decimal numbers");
    }
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let is_label = |label: &str| (1..=MAX_NAME.1).contains(&label.len()) && label.bytes().all(is_letter);
    if name.len() > MAX_NAME.0 || !name.split('.').all(is_label) {
        return wrong("its host is no name");
    }
    Ok(Host::Name(name))
}

/// Refuses steps upwards, also in ways that a server may read as such.
pub(crate) fn check_path(path: &str) -> Result<(), FetchError> {
    let decoded: Vec<u8> = percent_decode_str(path).collect();
    if decoded.contains(&0) {
        return Err(FetchError::Address { what: "its path holds a NUL" });
    }
    let mut steps = decoded.split(|byte| matches!(byte, b'/' | b'\\'));
    if steps.any(|step| matches!(step, b"." | b"..")) {
        return Err(FetchError::Address { what: "its path has a step . or .." });
    }
    Ok(())
}

/// The path of a file, with its letters as they are.
pub(crate) fn file(rest: &str) -> Result<PathBuf, FetchError> {
    use std::os::unix::ffi::OsStringExt as _;
    let path = rest.strip_prefix("localhost").unwrap_or(rest);
    if !path.starts_with('/') {
        return Err(FetchError::Address { what: "a file is named as file:///path, without a host" });
    }
    if path.contains('?') {
        return Err(FetchError::Address { what: "a ? in a file's name is written as %3F" });
    }
    check_path(path)?;
    Ok(PathBuf::from(std::ffi::OsString::from_vec(percent_decode_str(path).collect())))
}

/// A path without its steps `.` and `..` (RFC 3986, section 5.2.4).
fn without_dots(path: &str) -> String {
    let mut steps: Vec<&str> = Vec::new();
    let count = path.split('/').count();
    for (place, step) in path.split('/').enumerate() {
        let is_last = place + 1 == count;
        match step {
            "." | ".." => {
                // Above the root there is the root.
                if step == ".." && steps.len() > 1 {
                    steps.pop();
                }
                if is_last {
                    steps.push("");
                }
            }
            step => steps.push(step),
        }
    }
    steps.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Result<String, String> {
        Address::parse(text).map(|address| address.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn plain_addresses_are_read() {
        for (text, expected) in [
            ("http://media.example.org", "http://media.example.org/"),
            ("HTTPS://Media.Example.org.:443/a%20b.jpg?sig=x#part", "https://media.example.org/a%20b.jpg"),
            ("http://media.example.org:8080?x", "http://media.example.org:8080/"),
            ("https://203.0.113.7/a", "https://203.0.113.7/a"),
            ("https://[2001:DB8::1]:8443/a", "https://[2001:db8::1]:8443/a"),
            ("file:///mnt/a%20b.mov", "file:///mnt/a b.mov"),
            ("file://localhost/mnt/a.mov", "file:///mnt/a.mov"),
        ] {
            assert_eq!(shown(text).as_deref(), Ok(expected), "{text}");
        }
        let address = Address::parse("https://a.org/x/dog%20one.jpg?sig=secret").expect("reads");
        assert_eq!(address.name(), "dog one.jpg");
        let Address::Web(web) = address else { panic!("of the web") };
        assert_eq!(web.target(), "/x/dog%20one.jpg?sig=secret");
    }

    #[test]
    fn what_may_be_read_in_two_ways_is_refused() {
        for text in [
            "",
            "media.example.org/a",
            "ftp://a.org/x",
            "gopher://a.org/x",
            "data:text/plain,x",
            "http:/a.org",
            "http:///a",
            "http://user@a.org/",
            "http://a.org@127.0.0.1/",
            "http://a.org\\@b.org/",
            "http://2130706433/",
            "http://0x7f000001/",
            "http://0177.0.0.1/",
            "http://127.1/",
            "http://0x7f.0.0.1/",
            "http://127.0.0.0x1/",
            "http://[::1/",
            "http://[fe80::1%25eth0]/",
            "http://[::1]x/",
            "http://a..org/",
            "http://a.org:0/",
            "http://a.org:99999/",
            "http://a.org:+80/",
            "http://ä.org/",
            "http://a.org/ä",
            "http://a.org/a b",
            "http://a.org/\r\nHost:",
            "http://a.org/../x",
            "http://a.org/%2e%2e/x",
            "http://a.org/a%2f..%2fb",
            "http://a.org/%00",
            "file://host/a",
            "file:///a/../b",
            "file:///a/%2e%2e/b",
            "file:a",
        ] {
            assert!(shown(text).is_err(), "{text}: {:?}", shown(text));
        }
        assert!(shown(&format!("http://a.org/{}", "x".repeat(MAX_BYTES))).is_err());
    }

    #[test]
    fn redirects_lead_where_browsers_would_go_and_never_to_files() {
        let Address::Web(from) = Address::parse("https://a.org/x/y?q=1").expect("reads") else {
            panic!("of the web");
        };
        for (location, expected) in [
            ("http://b.org:81/z", "http://b.org:81/z"),
            ("//b.org/z", "https://b.org/z"),
            ("/z?q", "https://a.org/z"),
            ("z", "https://a.org/x/z"),
            ("../z/./w", "https://a.org/z/w"),
            ("../../../z", "https://a.org/z"),
            ("?q=2", "https://a.org/x/y"),
        ] {
            let led = from.follow(location).expect(location);
            assert_eq!(led.to_string(), expected, "{location}");
        }
        assert_eq!(from.follow("?q=2").expect("leads").target(), "/x/y?q=2");
        for location in ["file:///etc/passwd", "ftp://a.org/", "javascript:x", "http://u@a.org/", "/%2e%2e/z"]
        {
            assert!(from.follow(location).is_err(), "{location}");
        }
    }
}
