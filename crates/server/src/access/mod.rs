//! Who may ask what: keys, their scopes and collections, and what a browser logs in with.
//!
//! | module | holds |
//! | --- | --- |
//! | this one | [`Access`]: who a request is of |
//! | `keys` | [`Keys`]: the keys of a data folder, kept as hashes |
//! | `caller` | who asks, and whether it may |
//! | `sessions` | browsers that logged in |
//! | `audit` | what admins did |
//! | `quota` | how much one key may ask at a time |

use std::path::Path;
use std::sync::Arc;

use http::header::{AUTHORIZATION, COOKIE, ORIGIN};
use http::{HeaderMap, Method};
use sensorium_api::Fault;

use crate::Settings;

mod audit;
mod caller;
mod keys;
mod quota;
mod sessions;

pub(crate) use audit::AuditLog;
pub(crate) use caller::{Caller, carry, check_collection, check_scope, scoped};
pub use keys::{DEFAULT_GRACE_HOURS, KeyFacts, KeyInfo, Keys, KeysError, NewKey};
pub(crate) use quota::{Quotas, Turn};
pub(crate) use sessions::{Sessions, in_header, set_cookie};

const NEEDED: &str = "a key is needed: send it as `Authorization: Bearer KEY`, or log in";
const UNKNOWN: &str = "the key is unknown, has ended or was revoked";
const NO_ORIGIN: &str = "a cookie alone is not enough to change something: send the key itself";

/// Who requests are of.
#[derive(Debug)]
pub(crate) struct Access {
    pub(crate) keys: Arc<Keys>,
    pub(crate) sessions: Sessions,
    quotas: Quotas,
    /// What admins did.
    pub(crate) audit: AuditLog,
    /// Whether nobody is answered without a key.
    pub(crate) is_required: bool,
}

impl Access {
    pub(crate) fn new(keys: Arc<Keys>, data_dir: &Path, settings: &Settings) -> Self {
        let quotas = Quotas::new(settings.max_calls_of_key, settings.calls_of_key_a_second);
        let is_required = settings.require_key || !settings.listen.ip().is_loopback();
        let audit = AuditLog::new(data_dir);
        Self { keys, sessions: Sessions::default(), quotas, audit, is_required }
    }

    /// Who a request is of: who its key says; where it has none, who its cookie says, which only browsers send.
    pub(crate) fn caller(&self, headers: &HeaderMap, method: &Method) -> Caller {
        let text = |name| headers.get(name).and_then(|value: &http::HeaderValue| value.to_str().ok());
        let bearer = text(AUTHORIZATION).and_then(|value| {
            let (scheme, key) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
        });
        if let Some(key) = bearer {
            return self.keys.find(key).map_or(Caller::Nobody(UNKNOWN), |facts| Caller::Key(Arc::new(facts)));
        }
        let cookie = headers.get_all(COOKIE).iter().find_map(|value| in_header(value.to_str().ok()?));
        let session = cookie.and_then(|value| self.sessions.find(value));
        if let Some(facts) = session.and_then(|id| self.keys.find_again(&id)) {
            // A page's own requests that change something say where they come from, and that was looked at.
            if !matches!(*method, Method::GET | Method::HEAD) && !headers.contains_key(ORIGIN) {
                return Caller::Nobody(NO_ORIGIN);
            }
            return Caller::Key(Arc::new(facts));
        }
        if self.is_required { Caller::Nobody(NEEDED) } else { Caller::Anyone }
    }

    /// The caller's turn, where it has a key.
    pub(crate) fn turn(&self, caller: &Caller) -> Result<Option<Turn>, Fault> {
        match caller {
            Caller::Key(key) => self.quotas.take(&key.id).map(Some),
            Caller::Anyone | Caller::Nobody(_) => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;
    use crate::Scope;

    #[test]
    fn a_key_counts_before_a_cookie_and_a_cookie_changes_nothing_without_an_origin() {
        let data = tempfile::tempdir().expect("a folder");
        let keys = Arc::new(Keys::open(data.path()).expect("opens"));
        let new = NewKey {
            name: String::new(),
            scope: Scope::Write,
            collections: Vec::new(),
            lifetime: None,
            replaces: None,
        };
        let (info, key) = keys.create(new).expect("made");
        let settings = Settings { require_key: true, ..Settings::default() };
        let access = Access::new(keys, data.path(), &settings);
        let cookie = format!("sensorium_session={}", access.sessions.begin(&info.id).expect("begins"));
        let bearer = format!("Bearer {key}");
        let asked = |pairs: &[(http::HeaderName, &str)], method: Method| {
            let pairs = pairs
                .iter()
                .map(|(name, value)| (name.clone(), HeaderValue::from_str(value).expect("a value")));
            access.caller(&HeaderMap::from_iter(pairs), &method)
        };
        assert!(matches!(asked(&[], Method::GET), Caller::Nobody(NEEDED)));
        assert!(matches!(asked(&[(AUTHORIZATION, &bearer)], Method::POST), Caller::Key(_)));
        assert!(matches!(
            asked(&[(AUTHORIZATION, "Bearer x"), (COOKIE, &cookie)], Method::GET),
            Caller::Nobody(UNKNOWN)
        ));
        assert!(matches!(asked(&[(COOKIE, &cookie)], Method::GET), Caller::Key(_)));
        assert!(matches!(asked(&[(COOKIE, &cookie)], Method::POST), Caller::Nobody(NO_ORIGIN)));
        assert!(matches!(asked(&[(COOKIE, &cookie), (ORIGIN, "http://x")], Method::POST), Caller::Key(_)));
        access.keys.revoke(&info.id).expect("revoked");
        assert!(matches!(asked(&[(COOKIE, &cookie)], Method::GET), Caller::Nobody(NEEDED)));
        let open = Access::new(Arc::clone(&access.keys), data.path(), &Settings::default());
        assert!(matches!(open.caller(&HeaderMap::new(), &Method::GET), Caller::Anyone));
    }
}
