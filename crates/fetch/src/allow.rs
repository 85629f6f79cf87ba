//! The list of places that may be asked.

use std::path::{Path, PathBuf};

use crate::address::{Address, Host, Origin, WebAddress, check_path, file, origin};
use crate::reach::refused_range;

/// A place that may be asked, and everything below it: `https://media.example.org`, `https://*.example.org:8443/footage`,
/// `https://*`, `file:///mnt/footage`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedUri {
    text: String,
    place: Place,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Web(WebPlace),
    /// A folder, as it is without links.
    Folder(PathBuf),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct WebPlace {
    /// The scheme and port; the host where `hosts` asks for it.
    origin: Origin,
    hosts: Hosts,
    /// Without a slash at its end.
    path: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hosts {
    /// The one that is named.
    Named,
    /// Those below the one that is named.
    Below,
    /// All.
    Any,
}

/// Why no place is meant by a text.
#[derive(Debug, thiserror::Error)]
pub enum AllowError {
    /// It is no address, or one that a place cannot have.
    #[error(
        "{text:?} names no place: {what}; write https://media.example.org, https://*.example.org/footage or file:///mnt/footage"
    )]
    NoPlace {
        /// The text.
        text: String,
        /// What is wrong.
        what: String,
    },
    /// Bytes never come from there.
    #[error(
        "{text:?} is {range}, and nothing is fetched from there; name folders of this machine as file:///path"
    )]
    NotPublic {
        /// The text.
        text: String,
        /// The range.
        range: &'static str,
    },
    /// The folder cannot be used.
    #[error("{text:?}: {source}")]
    Folder {
        /// The text.
        text: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

impl AllowedUri {
    /// Reads a place. A folder must be there.
    ///
    /// # Errors
    /// [`AllowError`]
    pub fn parse(text: &str) -> Result<Self, AllowError> {
        let wrong = |what: &str| AllowError::NoPlace { text: text.to_owned(), what: what.to_owned() };
        let no_address = |error: crate::FetchError| wrong(&error.to_string());
        if text.contains(['?', '#']) || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(wrong("it has letters that a place has not"));
        }
        let (scheme, rest) = text.split_once("://").ok_or_else(|| wrong("it has no scheme"))?;
        let is_encrypted = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            "file" => {
                let folder = file(rest).map_err(no_address)?;
                let failed = |source| AllowError::Folder { text: text.to_owned(), source };
                let folder = fs_err::canonicalize(folder).map_err(failed)?;
                if !folder.is_dir() {
                    return Err(failed(std::io::ErrorKind::NotADirectory.into()));
                }
                return Ok(Self { text: text.to_owned(), place: Place::Folder(folder) });
            }
            _ => return Err(wrong("its scheme must be http, https or file")),
        };
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        check_path(path).map_err(no_address)?;
        let (hosts, authority) = if let Some(below) = authority.strip_prefix("*.") {
            (Hosts::Below, below.to_owned())
        } else if let Some(behind) =
            authority.strip_prefix('*').filter(|behind| behind.is_empty() || behind.starts_with(':'))
        {
            (Hosts::Any, format!("any{behind}"))
        } else {
            (Hosts::Named, authority.to_owned())
        };
        let origin = origin(is_encrypted, &authority).map_err(no_address)?;
        if let Host::Ip(ip) = &origin.host {
            if hosts == Hosts::Below {
                return Err(wrong("nothing is below an IP address"));
            }
            if let Some(range) = refused_range(*ip) {
                return Err(AllowError::NotPublic { text: text.to_owned(), range });
            }
        }
        let place = WebPlace { origin, hosts, path: path.trim_end_matches('/').to_owned() };
        Ok(Self { text: text.to_owned(), place: Place::Web(place) })
    }

    /// The text that it was read from.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl WebPlace {
    fn holds(&self, address: &WebAddress) -> bool {
        let Self { origin, hosts, path } = self;
        let is_host = match (hosts, &origin.host, &address.origin.host) {
            (Hosts::Any, _, _) => true,
            (Hosts::Named, wanted, host) => wanted == host,
            (Hosts::Below, Host::Name(above), Host::Name(name)) => {
                name.strip_suffix(above.as_str()).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
            }
            (Hosts::Below, _, _) => false,
        };
        let is_below = || {
            let rest = address.path.strip_prefix(path.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        is_host
            && origin.is_encrypted == address.origin.is_encrypted
            && origin.port == address.origin.port
            && is_below()
    }
}

/// The places that may be asked. Empty: nothing is fetched.
#[derive(Debug, Clone, Default)]
pub struct AllowList {
    places: Vec<AllowedUri>,
    whole_web: Option<WholeWeb>,
}

/// All of the web, for who follows where a place that its user named leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WholeWeb {
    /// By https alone.
    Encrypted,
    /// By http too.
    Any,
}

impl AllowList {
    /// A list of these places.
    pub const fn new(places: Vec<AllowedUri>) -> Self {
        Self { places, whole_web: None }
    }

    /// All of the web, for a program that asks what its user named, wherever that leads: by http too where the address itself is not
    /// encrypted, else by https alone. No file.
    pub const fn whole_web_from(address: &WebAddress) -> Self {
        let whole_web = if address.origin.is_encrypted { WholeWeb::Encrypted } else { WholeWeb::Any };
        Self { places: Vec::new(), whole_web: Some(whole_web) }
    }

    /// Whether there is no place.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty() && self.whole_web.is_none()
    }

    /// Whether everything is asked by https alone, wherever it leads.
    pub(crate) fn is_encrypted(&self) -> bool {
        self.whole_web == Some(WholeWeb::Encrypted)
    }

    /// Whether an address lies in one of its places. Of a file the path alone is looked at; links are when it is opened.
    pub fn holds(&self, address: &Address) -> bool {
        match address {
            Address::Web(web) => self.holds_web(web),
            Address::File(path) => self.folder_of(path).is_some(),
        }
    }

    pub(crate) fn holds_web(&self, address: &WebAddress) -> bool {
        let in_web = match self.whole_web {
            None => false,
            Some(WholeWeb::Encrypted) => address.origin.is_encrypted,
            Some(WholeWeb::Any) => true,
        };
        in_web
            || self.places.iter().any(|allowed| match &allowed.place {
                Place::Web(place) => place.holds(address),
                Place::Folder(_) => false,
            })
    }

    /// The folder that a file lies in by its path, and the rest of its path.
    pub(crate) fn folder_of<'a>(&'a self, path: &'a Path) -> Option<(&'a Path, &'a Path)> {
        self.places.iter().find_map(|allowed| match &allowed.place {
            Place::Folder(folder) => Some((folder.as_path(), path.strip_prefix(folder).ok()?)),
            Place::Web(_) => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_web_is_as_encrypted_as_where_it_begins() {
        let from = |text: &str| match Address::parse(text).expect(text) {
            Address::Web(web) => AllowList::whole_web_from(&web),
            Address::File(_) => panic!("a web address"),
        };
        let holds = |list: &AllowList, text: &str| list.holds(&Address::parse(text).expect(text));
        let encrypted = from("https://hub.example.org");
        assert!(holds(&encrypted, "https://cdn.example.net:8443/a") && !encrypted.is_empty());
        for address in ["http://hub.example.org/a", "file:///etc/passwd"] {
            assert!(!holds(&encrypted, address), "{address}");
        }
        let plain = from("http://127.0.0.1:8080");
        assert!(holds(&plain, "http://127.0.0.1:8081/a") && holds(&plain, "https://cdn.example.net/a"));
        assert!(!holds(&plain, "file:///etc/passwd"));
    }

    fn holds(place: &str, address: &str) -> bool {
        let list = AllowList::new(vec![AllowedUri::parse(place).expect(place)]);
        list.holds(&Address::parse(address).expect(address))
    }

    #[test]
    fn a_place_holds_what_lies_below_it_and_nothing_else() {
        for (place, inside, outside) in [
            (
                "https://media.example.org",
                &["https://media.example.org/a?b", "https://MEDIA.example.org:443/"][..],
                &[
                    "http://media.example.org/a",
                    "https://media.example.org:444/a",
                    "https://example.org/",
                    "https://xmedia.example.org/",
                    "https://media.example.org.evil.org/",
                    "file:///media.example.org",
                ][..],
            ),
            (
                "https://media.example.org/footage/",
                &["https://media.example.org/footage", "https://media.example.org/footage/a/b"],
                &[
                    "https://media.example.org/footage2",
                    "https://media.example.org/",
                    "https://media.example.org/Footage/",
                ],
            ),
            (
                "https://*.example.org:8443",
                &["https://a.example.org:8443/", "https://a.b.example.org:8443/"],
                &[
                    "https://example.org:8443/",
                    "https://aexample.org:8443/",
                    "https://a.example.org/",
                    "https://.example.org:8443/x",
                ],
            ),
            ("http://*", &["http://a.org/", "http://127.0.0.1/"], &["https://a.org/", "http://a.org:81/"]),
            ("https://*:8443/a", &["https://b.org:8443/a/c"], &["https://b.org/a/c", "https://b.org:8443/c"]),
        ] {
            for address in inside {
                assert!(holds(place, address), "{place} {address}");
            }
            for address in outside.iter().filter(|address| Address::parse(address).is_ok()) {
                assert!(!holds(place, address), "{place} {address}");
            }
        }
    }

    #[test]
    fn what_is_no_place_is_refused_with_a_word() {
        for (text, part) in [
            ("media.example.org", "scheme"),
            ("ftp://a.org", "scheme"),
            ("https://a.org/?x", "letters"),
            ("https://a.org/../b", ".."),
            ("https://user@a.org", "user"),
            ("https://a*.org", "name"),
            ("https://*a.org", "name"),
            ("https://*.1.2.3.4", "below an IP"),
            ("https://", "name"),
            ("http://127.0.0.1", "this machine"),
            ("http://10.1.2.3:8000", "private"),
            ("http://[::ffff:10.1.2.3]", "IPv4"),
            ("file:///does/not/exist", "exist"),
            ("file://etc", "without a host"),
        ] {
            let error = AllowedUri::parse(text).expect_err(text).to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("a");
        fs_err::write(&file, b"x").expect("writes");
        assert!(AllowedUri::parse(&format!("file://{}", file.display())).is_err(), "a file is no folder");
    }

    #[test]
    fn a_folder_holds_what_lies_below_it_by_whole_names() {
        let folder = tempfile::tempdir().expect("a folder");
        let own = folder.path().canonicalize().expect("is there");
        let place = format!("file://{}", own.display());
        assert!(holds(&place, &format!("file://{}/a/b.mov", own.display())));
        assert!(!holds(&place, &format!("file://{}x/b.mov", own.display())));
        assert!(!holds(&place, "file:///etc/passwd"));
        assert!(!holds("https://a.org", &format!("file://{}/b.mov", own.display())));
    }
}
