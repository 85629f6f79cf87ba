//! What each call of `proto/` asks for: who may make it, and how long it may take.

use std::time::Duration;

use crate::Settings;

/// What a key is good for; each includes the ones before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Queries, assets and their media.
    Read,
    /// Ingest, payloads and deletion of assets.
    Write,
    /// Everything: collections, folders of the server, upkeep, keys.
    Admin,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 3] = [Self::Read, Self::Write, Self::Admin];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }
}

const READ: &[&str] = &[
    "AdminService/Info",
    "AdminService/ListFailures",
    "AdminService/Stats",
    "CaptionService/Caption",
    "CaptionService/Summarize",
    "CollectionsService/GetCollection",
    "CollectionsService/ListAliases",
    "CollectionsService/ListCollections",
    "CollectionsService/ListFieldIndexes",
    "EmbedService/Embed",
    "PointsService/Get",
    "PointsService/GetMedia",
    "PointsService/GetThumbnail",
    "PointsService/Peaks",
    "QueryService/Count",
    "QueryService/Facet",
    "QueryService/Query",
    "QueryService/QueryBatch",
    "QueryService/QueryGroups",
    "QueryService/ScoreAsset",
    "QueryService/Scroll",
    "QueryService/Watch",
];

const WRITE: &[&str] = &[
    "IngestService/Ingest",
    "IngestService/Upload",
    "PointsService/Delete",
    "PointsService/DeletePayload",
    "PointsService/SetPayload",
    "PointsService/Upsert",
];

/// Calls that take as long as they take: they end when they are done, or, but for deletion, when the caller leaves.
const UNBOUNDED: &[&str] = &["AdminService/Optimize", "AdminService/Verify", "PointsService/Delete"];

/// Who may make a call, by its service and name as in `QueryService/Query`: what is not named here is for admins.
pub(crate) fn scope(rpc: &str) -> Scope {
    if READ.contains(&rpc) {
        Scope::Read
    } else if WRITE.contains(&rpc) {
        Scope::Write
    } else {
        Scope::Admin
    }
}

/// How long a call with one answer may take, with the arrival of its message.
pub(crate) fn deadline(rpc: &str, settings: &Settings) -> Option<Duration> {
    (!UNBOUNDED.contains(&rpc)).then_some(settings.request_timeout)
}
