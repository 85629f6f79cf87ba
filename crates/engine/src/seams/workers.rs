//! [`Decode`] by worker processes.

use std::sync::Arc;

use parking_lot::Mutex;
use sensorium_media::{Cancel, Decoded, MediaInput, MediaPool, PoolConfig};
use sensorium_types::FailureReason;

use super::Decode;
use crate::EngineError;

/// A pool of worker processes, which starts at its first use.
#[derive(Debug)]
pub(crate) struct Workers {
    config: PoolConfig,
    pool: Mutex<Option<Arc<MediaPool>>>,
}

impl Workers {
    pub(crate) fn new(config: PoolConfig) -> Self {
        Self { config, pool: Mutex::new(None) }
    }

    fn pool(&self) -> Result<Arc<MediaPool>, EngineError> {
        let mut slot = self.pool.lock();
        if let Some(pool) = slot.as_ref() {
            return Ok(Arc::clone(pool));
        }
        let pool = Arc::new(MediaPool::new(self.config.clone())?);
        *slot = Some(Arc::clone(&pool));
        Ok(pool)
    }
}

impl Decode for Workers {
    fn decode(
        &self,
        input: MediaInput,
        cancel: &Cancel,
    ) -> Result<Result<Decoded, FailureReason>, EngineError> {
        Ok(self.pool()?.decode(input, cancel))
    }

    fn max_bytes(&self) -> u64 {
        self.config.limits.max_bytes.max(self.config.limits.max_stream_bytes)
    }
}
