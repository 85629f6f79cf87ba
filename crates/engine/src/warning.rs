//! What is doubtful about an asset that is indexed all the same: parts of it are missing, or seem wrong.
//!
//! A warning speaks of bytes, not of a path, so it stands with the asset: every path of these bytes shares it, and so
//! does an upload, which has no path. It goes when the bytes are decoded again and nothing is doubtful any more.

use std::path::PathBuf;

use sensorium_store::all_assets;
use sensorium_types::{AssetRecord, FailedFile, FailureReason, Filter, Payload, StoredAsset, path_of};
use serde::{Deserialize, Serialize};

use crate::EngineError;
use crate::engine::Engine;

/// Field of an asset's facts that holds its warning: `{"kind", "detail", "tries"}`.
const FIELD: &str = "_warning";

/// A warning as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Warning {
    /// What is doubtful.
    #[serde(flatten)]
    pub(crate) reason: FailureReason,
    /// How often the bytes were decoded, each time with a warning.
    pub(crate) tries: u32,
}

impl Warning {
    /// The warning of an asset.
    pub(crate) fn of(record: &AssetRecord) -> Option<Self> {
        serde_json::from_value(record.facts.0.get(FIELD)?.clone()).ok()
    }

    /// Writes it into the facts of an asset.
    pub(crate) fn put(&self, facts: &mut Payload) {
        if let Ok(value) = serde_json::to_value(self) {
            facts.set(FIELD, value);
        }
    }

    /// Takes the warning out of the facts of an asset.
    pub(crate) fn clear(facts: &mut Payload) {
        facts.0.remove(FIELD);
    }
}

/// Assets that have a warning.
pub(crate) fn warned() -> Filter {
    Filter::Exists { field: FIELD.to_owned() }
}

impl Engine {
    /// Files that were indexed with a warning, in order of path. An asset without a path is named `asset:ID`.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn warnings(&self) -> Result<Vec<FailedFile>, EngineError> {
        let mut found = Vec::new();
        for StoredAsset { record, paths, .. } in all_assets(self.store.as_ref(), &warned()).await? {
            let Some(Warning { reason, tries }) = Warning::of(&record) else { continue };
            let bytes = record.facts.get("bytes").and_then(|bytes| bytes.as_u64()).unwrap_or(0);
            let mut paths: Vec<PathBuf> = paths.iter().map(|path| path_of(path)).collect();
            if paths.is_empty() {
                paths.push(PathBuf::from(format!("asset:{}", record.id)));
            }
            let failure = |path| FailedFile { path, reason: reason.clone(), tries, bytes };
            found.extend(paths.into_iter().map(failure));
        }
        found.sort_by(|a, b| a.path.cmp(&b.path));
        found.dedup_by(|a, b| a.path == b.path);
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use sensorium_types::{AssetId, MediaPolicy, Modality, ReasonKind};

    use super::*;

    #[test]
    fn a_warning_comes_back_from_the_facts() {
        let mut record = AssetRecord {
            id: AssetId::new("a").expect("valid"),
            hash: None,
            modality: Modality::Video,
            space_revision: String::new(),
            facts: Payload::new(),
            metadata: Payload::new(),
            media: MediaPolicy::None,
            from_source: true,
        };
        assert_eq!(Warning::of(&record), None);
        let reason = FailureReason::new(ReasonKind::TimedOut, "kept up to 00:12:30");
        let warning = Warning { reason, tries: 2 };
        warning.put(&mut record.facts);
        let kept = serde_json::json!({"kind": "timed_out", "detail": "kept up to 00:12:30", "tries": 2});
        assert_eq!(record.facts.get(FIELD), Some(&kept));
        assert_eq!(Warning::of(&record), Some(warning));
        assert!(warned().matches(&record.payload()));
        Warning::clear(&mut record.facts);
        assert!(!warned().matches(&record.payload()));
    }
}
