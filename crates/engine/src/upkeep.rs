//! `verify` and `repair` of a collection that may not open.

use std::path::Path;

use sensorium_store::{Access, OpenFolder, Storage};
use sensorium_types::Problem;

use crate::EngineError;
use crate::engine::{Engine, check_known};

impl Engine {
    /// Walks a collection even where it does not open; what keeps it from opening is the first problem. An empty data
    /// folder is sound, and so is a default collection that was never made.
    ///
    /// # Errors
    /// [`EngineError::UnknownCollection`]; if nothing can be looked at, or the format is newer.
    pub async fn verify_folder(
        storage: &dyn Storage,
        data_dir: &Path,
        collection: &str,
    ) -> Result<Vec<Problem>, EngineError> {
        let folder = OpenFolder { path: data_dir, access: Access::Read, hubs: None };
        let database = storage.open(folder).await?;
        check_known(database.as_ref(), collection).await?;
        Ok(database.verify(collection).await?.unwrap_or_default())
    }

    /// Repairs a collection, also one that does not open; says what it drops before (`dry_run`) or after it did.
    ///
    /// # Errors
    /// [`EngineError::UnknownCollection`]; if another process writes the data folder, or the storage cannot be written.
    pub async fn repair_folder(
        storage: &dyn Storage,
        data_dir: &Path,
        collection: &str,
        dry_run: bool,
    ) -> Result<Vec<Problem>, EngineError> {
        if !data_dir.exists() {
            return Ok(Vec::new());
        }
        let folder = OpenFolder { path: data_dir, access: Access::Write, hubs: None };
        let database = storage.open(folder).await?;
        check_known(database.as_ref(), collection).await?;
        Ok(database.repair(collection, dry_run).await?.unwrap_or_default())
    }
}
