//! Deleting assets.
//!
//! A call that is lost on its way back may have been done, and a second one would then find nothing to delete. So what is
//! there is asked before: what was there and is not any more was deleted, whichever try did it.

use std::collections::HashSet;

use sensorium_api::v1;
use sensorium_types::{AssetId, DeleteOutcome, DeleteSelector, Filter, Page};

use crate::client::ids;
use crate::{Client, ClientError};

/// Assets deleted in one call.
const DELETE_BATCH: u16 = 256;

impl Client {
    /// Deletes assets with their points and source rows, some hundred in a call. What was deleted before an error stays
    /// so.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn delete(&self, selector: DeleteSelector) -> Result<DeleteOutcome, ClientError> {
        let mut outcome = DeleteOutcome::default();
        match selector {
            DeleteSelector::Ids(ids) => {
                for batch in ids.chunks(usize::from(DELETE_BATCH)) {
                    let found = self.get(batch, false).await?.into_iter().flatten();
                    let there = found.map(|asset| asset.id).collect();
                    self.delete_batch(batch, &there, &mut outcome).await?;
                }
            }
            DeleteSelector::Filter(filter) => self.delete_matches(&filter, &mut outcome).await?,
        }
        Ok(outcome)
    }

    async fn delete_matches(&self, filter: &Filter, outcome: &mut DeleteOutcome) -> Result<(), ClientError> {
        let mut after = None;
        loop {
            let Page { items, next } =
                self.scroll(Some(filter), after.as_ref(), u32::from(DELETE_BATCH), false).await?;
            let batch: Vec<AssetId> = items.into_iter().map(|asset| asset.id).collect();
            let there = batch.iter().cloned().collect();
            self.delete_batch(&batch, &there, outcome).await?;
            match next {
                Some(next) => after = Some(next),
                None => return Ok(()),
            }
        }
    }

    /// Deletes some, of which these were there.
    async fn delete_batch(
        &self,
        batch: &[AssetId],
        there: &HashSet<AssetId>,
        outcome: &mut DeleteOutcome,
    ) -> Result<(), ClientError> {
        use v1::asset_selector::Selector;
        if batch.is_empty() {
            return Ok(());
        }
        let asset_ids = batch.iter().map(ToString::to_string).collect();
        let selector = Some(v1::AssetSelector { selector: Some(Selector::Ids(v1::AssetIds { asset_ids })) });
        let message = v1::DeleteRequest { collection_name: self.collection(), selector };
        let call = || async { self.points().delete(self.request(message.clone())).await };
        let mut may_be_done = false;
        let is_safe = |failed: &crate::retry::Failed| {
            may_be_done |= !failed.did_not_begin;
            true
        };
        let response = self.options.retry.repeat(call, is_safe).await?;
        outcome.deleted.extend(ids("deleted", &response.deleted)?);
        let missing = ids("missing", &response.missing)?;
        let (earlier, missing): (Vec<_>, Vec<_>) =
            missing.into_iter().partition(|id| may_be_done && there.contains(id));
        outcome.deleted.extend(earlier);
        outcome.missing.extend(missing);
        Ok(())
    }
}
