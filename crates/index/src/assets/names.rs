//! [`Names`]: the offset of an asset by its id.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use parking_lot::RwLock;
use sensorium_types::AssetId;

use super::file::AssetFile;
use crate::storage::AssetOffset;

/// Offsets by id: of the file, and of what changed since. Views of one file share it. A name may be here a moment before or after
/// its asset in a view; readers check both.
#[derive(Debug, Default)]
pub(crate) struct Names {
    file: Option<Arc<AssetFile>>,
    /// Nothing where the asset was taken away.
    changed: RwLock<BTreeMap<AssetId, Option<AssetOffset>>>,
}

impl Names {
    /// Those of a file, and of what changed since.
    pub(crate) const fn new(
        file: Option<Arc<AssetFile>>,
        changed: BTreeMap<AssetId, Option<AssetOffset>>,
    ) -> Self {
        Self { file, changed: RwLock::new(changed) }
    }

    /// The offset of an asset.
    pub(crate) fn get(&self, id: &AssetId) -> Option<AssetOffset> {
        if let Some(changed) = self.changed.read().get(id) {
            return *changed;
        }
        self.file.as_ref()?.find(id.as_str())
    }

    /// Takes note of assets that came or went.
    pub(crate) fn note(&self, ids: impl Iterator<Item = (AssetId, Option<AssetOffset>)>) {
        self.changed.write().extend(ids);
    }

    /// So many assets in order of id, those after one.
    pub(crate) fn after(&self, after: Option<&AssetId>, count: usize) -> Vec<(AssetId, AssetOffset)> {
        let changed = self.changed.read();
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let own = changed.range::<AssetId, _>((from, Bound::Unbounded));
        let mut names: Vec<_> =
            own.filter_map(|(id, asset)| Some((id.clone(), (*asset)?))).take(count).collect();
        let stored = self.file.iter().flat_map(|file| file.after(after));
        let stored = stored.filter_map(|(id, asset)| Some((AssetId::new(id).ok()?, asset)));
        names.extend(stored.filter(|(id, _)| !changed.contains_key(id)).take(count));
        names.sort_unstable();
        names.truncate(count);
        names
    }
}
