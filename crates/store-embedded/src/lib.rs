//! The embedded index ([`sensorium_index`]) behind the seam of [`sensorium_store`]. The index blocks, so every call runs on a
//! thread for blocking work: that of the caller where he is on one ([`sensorium_store::blocking`]).
//!
//! | file | holds |
//! | --- | --- |
//! | `database.rs` | [`Embedded`]: data folders by the embedded index |
//! | `store.rs` | [`IndexStore`]: a collection as a store |

mod database;
mod store;

pub use database::Embedded;
pub use store::IndexStore;

use sensorium_index::IndexError;
use sensorium_store::StoreError;
use sensorium_types::ErrorKind;

/// As [`sensorium_store::blocking`], with the errors of stores.
async fn blocking<T: Send + 'static>(
    body: impl FnOnce() -> Result<T, IndexError> + Send + 'static,
) -> Result<T, StoreError> {
    let died = |error| StoreError {
        kind: ErrorKind::Bug,
        message: "a task of the index died".to_owned(),
        source: Some(Box::new(error)),
    };
    sensorium_store::blocking(body).await.map_err(died)?.map_err(|error| StoreError {
        kind: error.kind(),
        message: error.to_string(),
        source: std::error::Error::source(&error).map(|source| source.to_string().into()),
    })
}
