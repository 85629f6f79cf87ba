//! The calls of [`Engine`] that need no pipeline of their own.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use sensorium_embed::Image;
use sensorium_media::Cancel;
use sensorium_store::{all_assets, each_source};
use sensorium_types::{
    AssetId, Change, Cursor, Curve, CurveRequest, DeleteOutcome, DeleteSelector, FailedFile, FieldIndex,
    Filter, IndexEvent, IndexRequest, IndexSummary, IngestItem, ItemOutcome, Page, PointKey, Problem,
    QueryReply, QueryRequest, SourceKey, SourceRow, SourceState, StageTimes, StatsReply, StoredAsset, Term,
    path_of,
};
use tokio::sync::mpsc::UnboundedSender;

use crate::EngineError;
use crate::blocking::blocking;
use crate::engine::{Asking, Engine};
use crate::index::Setting;
use crate::ingest::Ingest;
use crate::query::{Sources, Standing};

/// Assets deleted in one call of the store.
const DELETE_BATCH: usize = 256;

impl Engine {
    /// Brings files and folders in (CONTRACTS.md section 2). Each file that is met has exactly one `Asset` event, after
    /// the commit that makes it true. A cancelled run ends with what is committed, and says so in its summary.
    ///
    /// # Errors
    /// If a PATH is missing, pruning is refused, the space is another bundle's, or the store fails. Files that fail are
    /// events, not errors.
    pub async fn index(
        &self,
        request: IndexRequest,
        events: UnboundedSender<IndexEvent>,
        cancel: Cancel,
    ) -> Result<IndexSummary, EngineError> {
        self.index_only(Vec::new(), request, events, cancel).await
    }

    /// [`Engine::index`] of these files and folders alone, as they are walked (none: all).
    pub(crate) async fn index_only(
        &self,
        only: Vec<PathBuf>,
        request: IndexRequest,
        events: UnboundedSender<IndexEvent>,
        cancel: Cancel,
    ) -> Result<IndexSummary, EngineError> {
        let _writes = self.begin_write()?;
        self.check_space()?;
        let _one_at_a_time = self.indexing.lock().await;
        let setting = Setting {
            store: self.store(),
            encode: Arc::clone(&self.encode),
            decode: Arc::clone(&self.decode),
            data_dir: self.data_dir.clone(),
            jobs: self.jobs,
            stages: Arc::clone(&self.stages),
        };
        let summary = Box::pin(crate::index::index(setting, request, only, events, cancel.clone())).await?;
        // A bundle that corrects may have come since: a short run would leave its background work undone.
        while !cancel.is_cancelled() && self.store.fill_hubs().await? {}
        Ok(summary)
    }

    /// Answers a query. `cancel` ends the work early; it ends as well when nobody waits for the answer any more. Whatever
    /// works for the query holds a clone of it.
    ///
    /// # Errors
    /// Usage errors of the terms (CONTRACTS.md section 6), terms that cannot be decoded, unknown assets; text and media
    /// terms when the space is another bundle's.
    pub async fn query(&self, request: QueryRequest, cancel: Cancel) -> Result<QueryReply, EngineError> {
        self.query_timed(request, cancel, &StageTimes::default()).await
    }

    /// [`Engine::query`], which tells how long each stage took as it ends, also of a query that is given up.
    ///
    /// # Errors
    /// As [`Engine::query`].
    pub async fn query_timed(
        &self,
        request: QueryRequest,
        cancel: Cancel,
        times: &StageTimes,
    ) -> Result<QueryReply, EngineError> {
        let sources = self.sources(&request.terms, request.raw)?;
        Box::pin(crate::query::query(sources, request, (cancel, times.clone()))).await
    }

    /// What a query of these terms has of the engine.
    pub(crate) fn sources(&self, terms: &[Term], raw: bool) -> Result<Sources, EngineError> {
        let asking = match self.asking() {
            Err(error) if terms.iter().any(|term| term.input.is_encoded()) => return Err(error),
            asking => asking.ok(),
        };
        // As long as points lack hub values, and where the space is another bundle's, nothing is corrected.
        let corrects = !raw && self.store.corrects();
        let calibration = asking.as_ref().map(|Asking { encode, .. }| match corrects {
            true => encode.corrected_calibration(),
            false => encode.calibration(),
        });
        // Nothing is encoded where nobody asks in this space.
        let Asking { encode, decode } = asking.unwrap_or_else(|| self.at_hand());
        Ok(Sources { store: self.store(), encode, decode, calibration, corrects })
    }

    /// The score of a query at every point of one asset. `cancel` ends the work early; it ends as well when nobody waits for the
    /// answer any more.
    ///
    /// # Errors
    /// [`EngineError::UnknownAsset`]; as [`Engine::query`].
    pub async fn score_asset(
        &self,
        asset: &AssetId,
        request: CurveRequest,
        cancel: Cancel,
    ) -> Result<Curve, EngineError> {
        let CurveRequest { terms, raw } = request;
        let sources = self.sources(&terms, raw)?;
        Box::pin(Standing::new(sources, terms, cancel)).await?.curve(asset).await
    }

    /// Largest file that is read, in bytes.
    pub fn max_media_bytes(&self) -> u64 {
        self.decode.max_bytes()
    }

    /// Brings one item in.
    ///
    /// # Errors
    /// If the item breaks a rule, the space is another bundle's, or the store fails. Bytes that cannot be decoded are
    /// an outcome, not an error.
    pub async fn ingest(&self, item: IngestItem) -> Result<ItemOutcome, EngineError> {
        self.ingest_timed(item, &StageTimes::default()).await
    }

    /// [`Engine::ingest`], and how long each stage took, also of an item that fails.
    ///
    /// # Errors
    /// As [`Engine::ingest`].
    pub async fn ingest_timed(
        &self,
        item: IngestItem,
        times: &StageTimes,
    ) -> Result<ItemOutcome, EngineError> {
        let _writes = self.begin_write()?;
        self.check_space()?;
        let ingest = Ingest {
            store: self.store(),
            encode: Arc::clone(&self.encode),
            decode: Arc::clone(&self.decode),
            data_dir: self.data_dir.clone(),
            times: times.clone(),
        };
        let outcome = Box::pin(ingest.item(item)).await;
        self.stages.item(&times.read());
        outcome
    }

    /// Assets by id; `None` for unknown ones.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn get(
        &self,
        assets: &[AssetId],
        with_vectors: bool,
    ) -> Result<Vec<Option<StoredAsset>>, EngineError> {
        Ok(self.store.get(assets, with_vectors).await?)
    }

    /// Deletes assets with their points and source rows. The next `index` brings files back that are still there.
    ///
    /// # Errors
    /// If the engine only reads, or the store fails.
    pub async fn delete(&self, selector: DeleteSelector) -> Result<DeleteOutcome, EngineError> {
        let _writes = self.begin_write()?;
        let mut outcome = DeleteOutcome::default();
        match selector {
            DeleteSelector::Ids(ids) => {
                for batch in ids.chunks(DELETE_BATCH) {
                    self.delete_batch(batch.to_vec(), &mut outcome).await?;
                }
            }
            DeleteSelector::Filter(filter) => {
                let mut after = None;
                loop {
                    let page = self.store.scroll(Some(&filter), after.as_ref(), DELETE_BATCH, false).await?;
                    let ids = page.items.into_iter().map(|asset| asset.record.id).collect();
                    self.delete_batch(ids, &mut outcome).await?;
                    match page.next {
                        Some(next) => after = Some(next),
                        None => break,
                    }
                }
            }
        }
        Ok(outcome)
    }

    async fn delete_batch(&self, ids: Vec<AssetId>, outcome: &mut DeleteOutcome) -> Result<(), EngineError> {
        let changes = ids.iter().map(|asset| Change::Delete { asset: asset.clone() }).collect();
        let applied = self.store.apply(changes).await?;
        for (asset, applied) in ids.into_iter().zip(applied) {
            if applied.found {
                outcome.deleted.push(asset);
            } else {
                outcome.missing.push(asset);
            }
        }
        Ok(())
    }

    /// The collection's change number (see [`Store::change`](sensorium_store::Store::change)).
    pub fn change(&self) -> u64 {
        self.store.change()
    }

    /// Counts and sizes.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn stats(&self) -> Result<StatsReply, EngineError> {
        let counts = self.store.stats().await?;
        let captions = self.caption_counts().await?;
        Ok(StatsReply { collection: self.collection.clone(), space: self.space(), counts, captions })
    }

    /// Files that were not indexed, and assets that `reembed` could not encode, in order of path. An asset without a
    /// path is named `asset:ID`.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn failures(&self) -> Result<Vec<FailedFile>, EngineError> {
        let mut failures = Vec::new();
        // As many as there were when it began: most collections have few, or none, and then not all rows are looked at.
        let count = usize::try_from(self.store.stats().await?.sources_failed).unwrap_or(usize::MAX);
        if count > 0 {
            let each = |key: SourceKey, row: SourceRow| {
                if let SourceState::Failed { reason, tries, .. } = row.state {
                    failures.push(FailedFile { path: path_of(&key.path), reason, tries, bytes: row.bytes });
                }
                if failures.len() < count { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            };
            each_source(self.store.as_ref(), b"", each).await?;
        }
        failures.extend(self.lacking().await?);
        failures.sort_by(|a, b| a.path.cmp(&b.path));
        failures.dedup_by(|a, b| a.path == b.path);
        Ok(failures)
    }

    /// Assets whose media was gone when they were to be encoded anew.
    async fn lacking(&self) -> Result<Vec<FailedFile>, EngineError> {
        let mut lacking = Vec::new();
        for stored in all_assets(self.store.as_ref(), &crate::reembed::marked()).await? {
            let Some(reason) = crate::reembed::lack(&stored.record) else { continue };
            let path = stored.paths.first().map(|path| path_of(path));
            let path = path.unwrap_or_else(|| PathBuf::from(format!("asset:{}", stored.record.id)));
            let bytes = stored.record.facts.get("bytes").and_then(|bytes| bytes.as_u64()).unwrap_or(0);
            lacking.push(FailedFile { path, reason, tries: 1, bytes });
        }
        Ok(lacking)
    }

    /// Walks everything stored and reports what is wrong.
    ///
    /// # Errors
    /// If nothing could be looked at; damage is reported, not an error.
    pub async fn verify(&self) -> Result<Vec<Problem>, EngineError> {
        Ok(self.store.verify().await?)
    }

    /// Says what a repair would drop (`dry_run`), or does it and says what went. For a collection that does not open,
    /// see [`Engine::repair_folder`].
    ///
    /// # Errors
    /// If the engine only reads, or the store cannot be repaired.
    pub async fn repair(&self, dry_run: bool) -> Result<Vec<Problem>, EngineError> {
        let _writes = if dry_run { None } else { Some(self.begin_write()?) };
        Ok(self.store.repair(dry_run).await?)
    }

    /// A page of assets that meet the filter, from a cursor on.
    ///
    /// # Errors
    /// If the store fails, or the cursor is of another listing.
    pub async fn scroll(
        &self,
        filter: Option<&Filter>,
        from: Option<&Cursor>,
        limit: usize,
        with_vectors: bool,
    ) -> Result<Page<StoredAsset>, EngineError> {
        Ok(self.store.scroll(filter, from, limit, with_vectors).await?)
    }

    /// A page of the assets that came or were replaced last, the latest first, as far back as changes are kept, from a cursor on.
    ///
    /// # Errors
    /// If the store fails, or the cursor is of another listing.
    pub async fn newest(
        &self,
        from: Option<&Cursor>,
        limit: usize,
        with_vectors: bool,
    ) -> Result<Page<StoredAsset>, EngineError> {
        Ok(self.store.newest(from, limit, with_vectors).await?)
    }

    /// Live assets that meet the filter.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn count(&self, filter: Option<&Filter>) -> Result<u64, EngineError> {
        Ok(self.store.count(filter).await?)
    }

    /// Indexes a field (`wanted`) or drops its index; `false` if it was so already. The index is in use when this returns.
    ///
    /// # Errors
    /// If the engine only reads, too many fields are indexed, or the store fails.
    pub async fn index_field(&self, field: &str, wanted: bool) -> Result<bool, EngineError> {
        let _writes = self.begin_write()?;
        Ok(self.store.index_field(field, wanted).await?)
    }

    /// Fields with an index, in order of name.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn field_indexes(&self) -> Result<Vec<FieldIndex>, EngineError> {
        Ok(self.store.field_indexes().await?)
    }

    /// The thumbnail of a point, a JPEG.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn thumb(&self, point: &PointKey) -> Result<Option<Vec<u8>>, EngineError> {
        let mut thumbs = self.store.thumbs(std::slice::from_ref(point)).await?;
        Ok(thumbs.pop().flatten())
    }

    /// The thumbnail of a point as the encoders take images; `None` where there is none, or it is damaged.
    ///
    /// # Errors
    /// If the store fails, or nothing can be decoded.
    pub async fn thumb_image(&self, point: &PointKey) -> Result<Option<Image>, EngineError> {
        let Some(jpeg) = self.thumb(point).await? else { return Ok(None) };
        let decode = Arc::clone(&self.decode);
        let cancel = Cancel::new();
        let _ends_with_the_call = cancel.on_drop();
        blocking("decode a thumbnail", move || crate::query::image(decode.as_ref(), jpeg, &cancel)).await
    }

    /// Builds the graph over what is written so far; returns when it is in use.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn seal(&self) -> Result<(), EngineError> {
        let _writes = self.begin_write()?;
        Ok(self.store.seal().await?)
    }
}
