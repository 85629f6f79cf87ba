//! Which assets a call is about.

use sensorium_api::convert::{asset_id, filter_of_text};
use sensorium_api::{ConvertError, v1};
use sensorium_types::{AssetId, DeleteSelector, Filter};

use crate::Settings;

/// Reads ids, as many as a call may name.
pub(super) fn ids(ids: &[String], settings: &Settings) -> Result<Vec<AssetId>, ConvertError> {
    if ids.len() > settings.max_limit {
        let (limit, received) = (settings.max_limit, ids.len());
        return Err(ConvertError::TooMany { field: "asset_ids", limit, received });
    }
    ids.iter().map(|id| asset_id("asset_ids", id)).collect()
}

/// Reads what names assets, by id or by what they meet.
pub(super) fn selector(
    message: Option<v1::AssetSelector>,
    settings: &Settings,
) -> Result<DeleteSelector, ConvertError> {
    use v1::asset_selector::Selector;
    let missing = ConvertError::Missing { field: "selector" };
    match message.and_then(|message| message.selector).ok_or(missing)? {
        Selector::Ids(v1::AssetIds { asset_ids }) => Ok(DeleteSelector::Ids(ids(&asset_ids, settings)?)),
        Selector::Filter(tree) => {
            // An empty tree holds for everything. Whoever wants that says it in a condition.
            if tree == v1::Filter::default() {
                return Err(ConvertError::Missing { field: "selector.filter" });
            }
            Ok(DeleteSelector::Filter(Filter::try_from(tree)?))
        }
        Selector::FilterText(text) => Ok(DeleteSelector::Filter(filter_of_text(&text)?)),
    }
}
