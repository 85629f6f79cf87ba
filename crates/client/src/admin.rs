//! What a server is and holds, and whether that is whole.

use std::path::PathBuf;

use sensorium_api::convert::space_info;
use sensorium_api::v1;
use sensorium_types::{CaptionCounts, FailedFile, Problem, StatsReply};
use tonic::Request;

use crate::reembed::reason;
use crate::{Client, ClientError};

/// What a server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Info {
    /// Version of the program.
    pub version: String,
    /// Version of its protocol.
    pub protocol: u32,
    /// The collection that is meant where none is named.
    pub collection: String,
    /// Largest message that it takes, in bytes.
    pub max_message_bytes: u64,
}

impl Client {
    /// What the server is.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn info(&self) -> Result<Info, ClientError> {
        let call = || async { self.admin().info(self.request(v1::InfoRequest {})).await };
        let v1::InfoResponse { version, protocol, collection_name, max_message_bytes } =
            self.options.retry.call(call).await?;
        Ok(Info { version, protocol, collection: collection_name, max_message_bytes })
    }

    /// Counts and sizes.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn stats(&self) -> Result<StatsReply, ClientError> {
        let message = v1::StatsRequest { collection_name: self.collection() };
        let call = || async { self.admin().stats(self.request(message.clone())).await };
        let response = self.options.retry.call(call).await?;
        let counts = response.counts();
        let captions = response.captions_made.zip(response.captions_missing);
        let captions = captions.map(|(made, missing)| CaptionCounts { made, missing });
        let collection = response.collection_name;
        Ok(StatsReply { collection, space: space_info(response.space)?, counts, captions })
    }

    /// Files that were not indexed, in order of path.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn failures(&self) -> Result<Vec<FailedFile>, ClientError> {
        self.list_failures(false).await
    }

    /// Files that were indexed with a warning, in order of path.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn warnings(&self) -> Result<Vec<FailedFile>, ClientError> {
        self.list_failures(true).await
    }

    async fn list_failures(&self, warnings: bool) -> Result<Vec<FailedFile>, ClientError> {
        let (mut found, mut after) = (Vec::new(), String::new());
        loop {
            let collection_name = self.collection();
            let message = v1::ListFailuresRequest { collection_name, warnings, limit: None, after };
            let call = || async { self.admin().list_failures(self.request(message.clone())).await };
            let v1::ListFailuresResponse { files, next_after, .. } = self.options.retry.call(call).await?;
            found.extend(files.into_iter().map(failed_file));
            if next_after.is_empty() {
                return Ok(found);
            }
            after = next_after;
        }
    }

    /// Walks everything stored and reports what is wrong, however long that takes.
    ///
    /// # Errors
    /// [`ClientError`]; damage is reported, not an error.
    pub async fn verify(&self) -> Result<Vec<Problem>, ClientError> {
        let message = v1::VerifyRequest { collection_name: self.collection() };
        let call = || async { self.admin().verify(Request::new(message.clone())).await };
        let problems = self.options.retry.call(call).await?.problems;
        Ok(problems
            .into_iter()
            .map(|v1::Problem { what, place, repair }| Problem { what, place, repair })
            .collect())
    }
}

fn failed_file(message: v1::FailedFile) -> FailedFile {
    let v1::FailedFile { path, failure, tries, bytes } = message;
    FailedFile { path: PathBuf::from(path), reason: reason(failure.unwrap_or_default()), tries, bytes }
}
