//! What an engine counts, for who watches it.

use sensorium_types::{EngineFigures, SharedFigures, StorageFigures};

use crate::{Engine, EngineError};

impl Engine {
    /// What encoders, decoders and ingest did, of all collections of the data folder since its first engine was opened.
    pub fn figures(&self) -> EngineFigures {
        EngineFigures {
            encoders: self.encode.figures(),
            workers: self.decode.figures(),
            ingest_seconds: self.stages.read(),
        }
    }

    /// What the collections of the data folder share.
    pub fn shared_figures(&self) -> SharedFigures {
        self.database("").map(|database| database.figures()).unwrap_or_default()
    }

    /// What the storage below the collection does.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn storage_figures(&self) -> Result<StorageFigures, EngineError> {
        Ok(self.store.figures().await?)
    }
}
