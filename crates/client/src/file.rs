//! Files of this machine, whose bytes a server is sent.

use std::path::PathBuf;
use std::sync::Arc;

use crate::ClientError;

/// The bytes of a file.
pub(crate) async fn read(path: PathBuf) -> Result<Arc<[u8]>, ClientError> {
    let read = tokio::task::spawn_blocking(move || fs_err::read(path)).await;
    Ok(read.map_err(std::io::Error::other)??.into())
}
