//! A tower that loads at first use.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::{EmbedError, Tower};

/// Loads once; a failure is told to who asked, and the next one tries again.
#[derive(Debug, Default)]
pub(super) struct LazyTower(Mutex<Option<Arc<dyn Tower>>>);

impl LazyTower {
    /// The tower, made by `load` if nobody asked before. Others wait meanwhile.
    pub(super) fn get(
        &self,
        load: impl FnOnce() -> Result<Arc<dyn Tower>, EmbedError>,
    ) -> Result<Arc<dyn Tower>, EmbedError> {
        let mut slot = self.0.lock();
        if let Some(tower) = slot.as_ref() {
            return Ok(Arc::clone(tower));
        }
        let tower = load()?;
        *slot = Some(Arc::clone(&tower));
        Ok(tower)
    }
}
