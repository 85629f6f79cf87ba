//! Who may make each call of `proto/`.

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_named_is_for_admins() {
        let scopes =
            ["QueryService/Query", "PointsService/Upsert", "KeysService/ListKeys", "New/Call"].map(scope);
        assert_eq!(scopes, [Scope::Read, Scope::Write, Scope::Admin, Scope::Admin]);
        assert!(WRITE.iter().all(|rpc| !READ.contains(rpc)));
    }
}
