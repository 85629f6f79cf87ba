//! The embedded index ([`sensorium_index`]) behind the seam of [`sensorium_store`]. The index blocks, so every call runs on a
//! thread for blocking work: that of the caller where he is on one ([`sensorium_store::may_block`]).
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
use sensorium_store::{StoreError, blocking_here, may_block};
use sensorium_types::ErrorKind;
use tracing::Span;

/// Runs what blocks on a thread for it, within the span that the caller is in: at once where the caller's thread is one.
async fn blocking<T: Send + 'static>(
    body: impl FnOnce() -> Result<T, IndexError> + Send + 'static,
) -> Result<T, StoreError> {
    let done = if may_block() {
        body()
    } else {
        let span = Span::current();
        let task = tokio::task::spawn_blocking(move || span.in_scope(|| blocking_here(body)));
        task.await.map_err(|error| StoreError {
            kind: ErrorKind::Bug,
            message: "a task of the index died".to_owned(),
            source: Some(Box::new(error)),
        })?
    };
    done.map_err(|error| StoreError {
        kind: error.kind(),
        message: error.to_string(),
        source: std::error::Error::source(&error).map(|source| source.to_string().into()),
    })
}
