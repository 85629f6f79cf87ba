//! `verify` and `repair` of a collection that may not open.

use std::path::Path;

use sensorium_index::{Database, MemoryBudget, OpenOptions};
use sensorium_types::Problem;

use crate::EngineError;
use crate::engine::{Engine, check_known};
use crate::index::blocking;

impl Engine {
    /// Walks a collection even where it does not open; what keeps it from opening is the first problem. An empty data
    /// folder is sound, and so is a default collection that was never made.
    ///
    /// # Errors
    /// [`EngineError::UnknownCollection`]; if nothing can be looked at, or the format is newer.
    pub async fn verify_folder(data_dir: &Path, collection: &str) -> Result<Vec<Problem>, EngineError> {
        let (data_dir, collection) = (data_dir.to_path_buf(), collection.to_owned());
        blocking("verify", move || {
            let options = OpenOptions { read_only: true, budget: MemoryBudget::default() };
            let database = Database::open(&data_dir, options)?;
            check_known(&database, &collection)?;
            Ok(database.verify(&collection)?.unwrap_or_default())
        })
        .await
    }

    /// Repairs a collection, also one that does not open; says what it drops before (`dry_run`) or after it did.
    ///
    /// # Errors
    /// [`EngineError::UnknownCollection`]; if another process writes the data folder, or the storage cannot be written.
    pub async fn repair_folder(
        data_dir: &Path,
        collection: &str,
        dry_run: bool,
    ) -> Result<Vec<Problem>, EngineError> {
        if !data_dir.exists() {
            return Ok(Vec::new());
        }
        let (data_dir, collection) = (data_dir.to_path_buf(), collection.to_owned());
        blocking("repair", move || {
            let options = OpenOptions { read_only: false, budget: MemoryBudget::default() };
            let database = Database::open(&data_dir, options)?;
            check_known(&database, &collection)?;
            Ok(database.repair(&collection, dry_run)?.unwrap_or_default())
        })
        .await
    }
}
