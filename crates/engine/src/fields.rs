//! Fields of the user's, given to stored assets and taken from them. Facts found in files stay below them (CONTRACTS.md
//! section 4).

use sensorium_types::{Change, DeleteSelector, FieldsOutcome, Payload, PayloadError, StoredAsset};

use crate::EngineError;
use crate::engine::Engine;
use crate::index::is_news;

/// Assets changed in one call of the store.
const BATCH: usize = 256;

/// What becomes of the fields of an asset.
#[derive(Debug)]
enum Edit {
    Set(Payload),
    Drop(Vec<String>),
}

impl Edit {
    /// The change that an asset needs; `None` where it is so already.
    fn change(&self, stored: &StoredAsset) -> Result<Option<Change>, PayloadError> {
        let (asset, known) = (stored.record.id.clone(), &stored.record.metadata);
        match self {
            Self::Set(metadata) => {
                if !is_news(metadata, known) {
                    return Ok(None);
                }
                let mut after = known.clone();
                after.merge(metadata.clone());
                after.check_user()?;
                Ok(Some(Change::MergeMetadata { asset, metadata: metadata.clone() }))
            }
            Self::Drop(fields) => {
                let has_any = known.clone().take_away(fields);
                Ok(has_any.then(|| Change::DropMetadata { asset, fields: fields.clone() }))
            }
        }
    }
}

impl Engine {
    /// Merges fields into those of assets; the new values win. Each asset is changed whole or not at all.
    ///
    /// # Errors
    /// If a name is reserved, or an asset would have too many bytes of fields: others may have been changed before it. If the
    /// engine only reads, or the store fails.
    pub async fn set_payload(
        &self,
        selector: DeleteSelector,
        payload: Payload,
    ) -> Result<FieldsOutcome, EngineError> {
        payload.check_user()?;
        self.edit(selector, Edit::Set(payload)).await
    }

    /// Takes fields of the user's away. Facts of the same names show again.
    ///
    /// # Errors
    /// If a name is reserved, the engine only reads, or the store fails.
    pub async fn delete_payload(
        &self,
        selector: DeleteSelector,
        fields: Vec<String>,
    ) -> Result<FieldsOutcome, EngineError> {
        if let Some(name) = fields.iter().find(|name| name.starts_with('_')) {
            return Err(PayloadError::Reserved { name: name.clone() }.into());
        }
        self.edit(selector, Edit::Drop(fields)).await
    }

    async fn edit(&self, selector: DeleteSelector, edit: Edit) -> Result<FieldsOutcome, EngineError> {
        let _writes = self.begin_write()?;
        let mut outcome = FieldsOutcome::default();
        match selector {
            DeleteSelector::Ids(mut ids) => {
                ids.sort();
                ids.dedup();
                for batch in ids.chunks(BATCH) {
                    let found = self.store.get(batch, false).await?;
                    let missing = batch.iter().zip(&found).filter(|(_, found)| found.is_none());
                    outcome.missing.extend(missing.map(|(id, _)| id.clone()));
                    outcome.changed += self.edit_batch(found.into_iter().flatten(), &edit).await?;
                }
            }
            DeleteSelector::Filter(filter) => {
                let mut after = None;
                loop {
                    let page = self.store.scroll(Some(&filter), after.as_ref(), BATCH, false).await?;
                    outcome.changed += self.edit_batch(page.items.into_iter(), &edit).await?;
                    match page.next {
                        Some(next) => after = Some(next),
                        None => break,
                    }
                }
            }
        }
        Ok(outcome)
    }

    async fn edit_batch(
        &self,
        assets: impl Iterator<Item = StoredAsset>,
        edit: &Edit,
    ) -> Result<u64, EngineError> {
        let changes = assets.filter_map(|stored| edit.change(&stored).transpose());
        let applied = self.store.apply(changes.collect::<Result<_, _>>()?).await?;
        Ok(applied.iter().filter(|applied| applied.found).count() as u64)
    }
}
