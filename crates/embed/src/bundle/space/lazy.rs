//! What loads at first use.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::EmbedError;

/// Loads once; a failure is told to who asked, and the next one tries again.
#[derive(Debug)]
pub(in super::super) struct Lazy<T: ?Sized>(Mutex<Option<Arc<T>>>);

impl<T: ?Sized> Default for Lazy<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T: ?Sized> Lazy<T> {
    /// The thing, made by `load` if nobody asked before. Others wait meanwhile.
    pub(in super::super) fn get(
        &self,
        load: impl FnOnce() -> Result<Arc<T>, EmbedError>,
    ) -> Result<Arc<T>, EmbedError> {
        let mut slot = self.0.lock();
        if let Some(made) = slot.as_ref() {
            return Ok(Arc::clone(made));
        }
        let made = load()?;
        *slot = Some(Arc::clone(&made));
        Ok(made)
    }
}
