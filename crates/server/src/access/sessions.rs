//! Browsers that logged in with a key: each has a cookie with 256 random bits, which stand for the key's id here, until the browser
//! logs out, the key ends, or the server does.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sensorium_api::Fault;
use sensorium_types::ErrorKind;

/// The cookie.
const COOKIE: &str = "sensorium_session";
/// How long a session lives.
const LIFETIME: Duration = Duration::from_secs(12 * 3600);
/// Most sessions; the oldest goes.
const MAX_SESSIONS: usize = 10_000;

#[derive(Debug)]
struct Session {
    key: String,
    since: Instant,
}

/// The sessions of a server, by the hash of their cookie.
#[derive(Debug, Default)]
pub(crate) struct Sessions(Mutex<HashMap<[u8; 32], Session>>);

impl Sessions {
    /// Begins a session with the key of this id; what comes back is the value of the cookie.
    pub(crate) fn begin(&self, key: &str) -> Result<String, Fault> {
        let mut bytes = [0_u8; 32];
        let random = getrandom::fill(&mut bytes);
        random.map_err(|error| Fault::new(ErrorKind::Unavailable, format!("no random numbers: {error}")))?;
        let value = URL_SAFE_NO_PAD.encode(bytes);
        let mut sessions = self.sessions();
        sessions.retain(|_, session| session.since.elapsed() < LIFETIME);
        if sessions.len() >= MAX_SESSIONS {
            let oldest = sessions.iter().min_by_key(|(_, session)| session.since).map(|(hash, _)| *hash);
            oldest.and_then(|oldest| sessions.remove(&oldest));
        }
        sessions.insert(hash(&value), Session { key: key.to_owned(), since: Instant::now() });
        Ok(value)
    }

    /// The id of the key that a cookie stands for.
    pub(crate) fn find(&self, value: &str) -> Option<String> {
        let sessions = self.sessions();
        let session = sessions.get(&hash(value)).filter(|session| session.since.elapsed() < LIFETIME)?;
        Some(session.key.clone())
    }

    /// Ends a session.
    pub(crate) fn end(&self, value: &str) {
        self.sessions().remove(&hash(value));
    }

    fn sessions(&self) -> std::sync::MutexGuard<'_, HashMap<[u8; 32], Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looked for by its hash, so that how long that takes says nothing of the value.
fn hash(value: &str) -> [u8; 32] {
    *blake3::hash(value.as_bytes()).as_bytes()
}

/// The value of our cookie in a `Cookie` header.
pub(crate) fn in_header(header: &str) -> Option<&str> {
    let pairs = header.split(';').filter_map(|pair| pair.trim().split_once('='));
    pairs.into_iter().find(|(name, _)| *name == COOKIE).map(|(_, value)| value)
}

/// The `Set-Cookie` that begins a session, or (`None`) ends it. Scripts do not see it, and no other site sends it.
pub(crate) fn set_cookie(value: Option<&str>, base_path: &str, is_secure: bool) -> String {
    let secure = if is_secure { "; Secure" } else { "" };
    let (value, age) = value.map_or(("", 0), |value| (value, LIFETIME.as_secs()));
    format!("{COOKIE}={value}; Path={base_path}/; Max-Age={age}; HttpOnly; SameSite=Strict{secure}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_stands_for_its_key_until_it_ends() {
        let sessions = Sessions::default();
        let (one, other) = (sessions.begin("a").expect("begins"), sessions.begin("b").expect("begins"));
        assert_eq!(
            (sessions.find(&one).as_deref(), sessions.find(&other).as_deref()),
            (Some("a"), Some("b"))
        );
        sessions.end(&one);
        assert_eq!((sessions.find(&one), sessions.find("")), (None, None));
        assert!(sessions.find(&other).is_some());
    }

    #[test]
    fn the_cookie_is_found_among_others_and_is_kept_from_scripts_and_sites() {
        assert_eq!(in_header("a=b; sensorium_session=x-y; c=d"), Some("x-y"));
        assert_eq!(in_header("sensorium_sessions=x"), None);
        let cookie = set_cookie(Some("v"), "/media", true);
        for part in ["sensorium_session=v;", "Path=/media/;", "HttpOnly", "SameSite=Strict", "Secure"] {
            assert!(cookie.contains(part), "{cookie}");
        }
        assert!(!set_cookie(Some("v"), "", false).contains("Secure"));
        assert!(set_cookie(None, "", true).contains("Max-Age=0"));
    }
}
