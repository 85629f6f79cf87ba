//! API keys, and how they travel: `authorization: Bearer KEY` with every call.

use std::fmt;

use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::{Request, Status};

/// Most bytes of a key.
const MAX_KEY_BYTES: usize = 1024;

/// A key that a server knows its caller by. It is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(MetadataValue<Ascii>);

/// What is no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an API key is one word of at most {MAX_KEY_BYTES} visible ASCII characters")]
pub struct BadKey;

impl ApiKey {
    /// Takes a key as `keys create` printed it; white space around it is no matter.
    ///
    /// # Errors
    /// [`BadKey`]
    pub fn new(key: &str) -> Result<Self, BadKey> {
        let key = key.trim();
        if key.is_empty() || key.len() > MAX_KEY_BYTES || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(BadKey);
        }
        let mut value = MetadataValue::try_from(format!("Bearer {key}")).map_err(|_| BadKey)?;
        value.set_sensitive(true);
        Ok(Self(value))
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(..)")
    }
}

/// Puts the key into every call.
#[derive(Debug, Clone)]
pub(crate) struct WithKey(pub(crate) Option<ApiKey>);

impl Interceptor for WithKey {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(ApiKey(value)) = &self.0 {
            request.metadata_mut().insert("authorization", value.clone());
        }
        Ok(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_one_word_and_is_not_shown() {
        let key = ApiKey::new(" sk_abc123\n").expect("a key");
        assert_eq!(key, ApiKey::new("sk_abc123").expect("a key"));
        assert_eq!(format!("{key:?}"), "ApiKey(..)");
        assert!(!format!("{:?}", WithKey(Some(key))).contains("abc"));
        for wrong in ["", "\n", "two words", "clé", "a\u{7f}", &"x".repeat(MAX_KEY_BYTES + 1)] {
            assert_eq!(ApiKey::new(wrong), Err(BadKey), "{wrong:?}");
        }
    }
}
