//! A store in memory: slow, plain, and by the contract.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use async_trait::async_trait;
use parking_lot::RwLock;
use sensorium_store::contract::oracle;
use sensorium_store::{Catalogue, Store, StoreError, Upkeep, VectorSearch};
use sensorium_types::{
    Added, Applied, AssetId, AssetRecord, CAPTIONS_FIELD, Change, CollectionStats, Cursor, ErrorKind,
    FieldIndex, FieldIndexState, Filter, Page, Plan, PointKey, PointRecord, Problem, ScoredPoint,
    SearchReply, SearchRequest, SourceKey, SourceRow, SpaceInfo, Stopped, StoredAsset, SubQuery, Track,
};

/// A store that keeps everything in maps and compares every vector.
#[derive(Debug)]
pub struct MemoryStore {
    space: SpaceInfo,
    state: RwLock<State>,
}

#[derive(Debug, Default)]
struct State {
    assets: BTreeMap<AssetId, (AssetRecord, Vec<PointRecord>)>,
    /// Each row with the number of its writing.
    sources: BTreeMap<SourceKey, (SourceRow, u64)>,
    written: u64,
    keeps_captions: bool,
    indexed: BTreeSet<String>,
    /// Changes that found what they name.
    change: u64,
    /// Assets that changes wrote, by their numbers.
    added: BTreeMap<u64, AssetId>,
}

impl MemoryStore {
    /// An empty store for vectors of this space.
    pub fn new(space: SpaceInfo) -> Self {
        Self { space, state: RwLock::default() }
    }

    /// That a query's vector keeps the rules of the spaces of what it asks.
    fn check_query(&self, query: &SubQuery) -> Result<(), StoreError> {
        let asked = Track::ALL.into_iter().filter(|track| query.asks(*track));
        asked.into_iter().try_for_each(|track| self.check(track, &query.vector))
    }

    /// That a vector keeps the rules of the space of a track's points.
    fn check(&self, track: Track, vector: &[f32]) -> Result<(), StoreError> {
        let norm: f32 = vector.iter().map(|number| number * number).sum::<f32>().sqrt();
        if vector.len() == self.space.dim_of(track.content()) && (norm - 1.0).abs() < 1e-2 {
            return Ok(());
        }
        let message = format!("a vector of {} numbers and norm {norm}", vector.len());
        Err(StoreError { kind: ErrorKind::InvalidArgument, message, source: None })
    }
}

impl State {
    fn apply(&mut self, change: Change) -> Applied {
        match change {
            Change::Upsert { asset, mut points, source } => {
                points.sort_by_key(|point| (point.track.code(), point.ordinal));
                let points_written = points.len();
                self.assets.insert(asset.id.clone(), (asset, points));
                let assets_removed = source.map_or_else(Vec::new, |(key, row)| self.put(key, row));
                Applied { points_written, assets_removed, found: true }
            }
            Change::PutSource { key, row } => {
                Applied { points_written: 0, assets_removed: self.put(key, row), found: true }
            }
            Change::RemoveSources { keys } => {
                let mut applied = Applied::default();
                for key in keys {
                    if let Some((row, _)) = self.sources.remove(&key) {
                        applied.found = true;
                        applied.assets_removed.extend(self.left_by(&row));
                    }
                }
                applied
            }
            Change::MergeMetadata { asset, metadata } => {
                let found = self.assets.get_mut(&asset);
                let applied = Applied { found: found.is_some(), ..Applied::default() };
                if let Some((record, _)) = found {
                    record.metadata.merge(metadata);
                }
                applied
            }
            Change::DropMetadata { asset, fields } => {
                let found = self.assets.get_mut(&asset);
                let applied = Applied { found: found.is_some(), ..Applied::default() };
                if let Some((record, _)) = found {
                    record.metadata.take_away(&fields);
                }
                applied
            }
            Change::PutCaptions { asset, hash, captions, points } => {
                let found = self.assets.get_mut(&asset).filter(|(record, _)| record.hash == hash);
                let Some((record, kept)) = found else { return Applied::default() };
                record.facts.set(CAPTIONS_FIELD, captions);
                kept.retain(|point| point.track != Track::Caption);
                let points_written = points.len();
                kept.extend(points);
                kept.sort_by_key(|point| (point.track.code(), point.ordinal));
                Applied { points_written, assets_removed: Vec::new(), found: true }
            }
            Change::KeepCaptions { wanted } => {
                self.keeps_captions = wanted;
                Applied { found: true, ..Applied::default() }
            }
            Change::Delete { asset } => {
                let found = self.assets.remove(&asset).is_some();
                self.sources.retain(|_, (row, _)| points_at(row) != Some(&asset));
                let assets_removed = if found { vec![asset] } else { Vec::new() };
                Applied { points_written: 0, assets_removed, found }
            }
        }
    }

    fn put(&mut self, key: SourceKey, row: SourceRow) -> Vec<AssetId> {
        let points_to = points_at(&row).cloned();
        self.written += 1;
        let number = self.written;
        match self.sources.insert(key, (row, number)) {
            Some((old, _)) if points_at(&old) != points_to.as_ref() => {
                self.left_by(&old).into_iter().collect()
            }
            Some(_) | None => Vec::new(),
        }
    }

    /// The asset that goes because this row, gone now, was its last source.
    fn left_by(&mut self, row: &SourceRow) -> Option<AssetId> {
        let asset = points_at(row)?;
        let others = self.sources.values().any(|(row, _)| points_at(row) == Some(asset));
        let lives_by_sources = self.assets.get(asset).is_some_and(|(record, _)| record.from_source);
        if others || !lives_by_sources {
            return None;
        }
        self.assets.remove(asset).map(|(record, _)| record.id)
    }

    fn stored(&self, record: &AssetRecord, points: &[PointRecord], with_vectors: bool) -> StoredAsset {
        let mut paths: Vec<(u64, &[u8])> = self
            .sources
            .iter()
            .filter(|(_, (row, _))| points_at(row) == Some(&record.id))
            .map(|(key, (_, number))| (*number, key.path.as_slice()))
            .collect();
        paths.sort_unstable();
        let mut distinct: Vec<Vec<u8>> = Vec::new();
        for (_, path) in paths {
            if !distinct.iter().any(|known| known == path) {
                distinct.push(path.to_vec());
            }
        }
        StoredAsset {
            record: record.clone(),
            points: points.iter().map(oracle::info).collect(),
            vectors: if with_vectors {
                points.iter().map(|p| p.vector.clone()).collect()
            } else {
                Vec::new()
            },
            paths: distinct,
        }
    }
}

fn points_at(row: &SourceRow) -> Option<&AssetId> {
    row.state.asset()
}

fn lies_below(path: &[u8], under: &[u8]) -> bool {
    let under = under.strip_suffix(b"/").unwrap_or(under);
    path.strip_prefix(under)
        .is_some_and(|rest| under.is_empty() || rest.is_empty() || rest.first() == Some(&b'/'))
}

#[async_trait]
impl VectorSearch for MemoryStore {
    fn space(&self) -> SpaceInfo {
        self.space.clone()
    }

    async fn search(&self, request: SearchRequest) -> Result<Vec<SearchReply>, StoreError> {
        request.queries.iter().try_for_each(|query| self.check_query(query))?;
        let state = self.state.read();
        if let Some(stopped) = request.cancel.stopped() {
            let kind = match stopped {
                Stopped::Cancelled => ErrorKind::Cancelled,
                Stopped::DeadlineExceeded => ErrorKind::DeadlineExceeded,
            };
            return Err(StoreError { kind, message: "the search was stopped".to_owned(), source: None });
        }
        let points_compared = state.assets.values().map(|(_, points)| points.len()).sum();
        let assets = || state.assets.values().map(|(asset, p)| (asset, p.as_slice()));
        let reply = |query: &SubQuery| SearchReply {
            hits: oracle::search(assets(), &request, query),
            plan: Plan::ExactScan,
            points_compared,
            filter: None,
        };
        Ok(request.queries.iter().map(reply).collect())
    }

    async fn score_assets(
        &self,
        queries: &[SubQuery],
        assets: &[AssetId],
    ) -> Result<Vec<Vec<ScoredPoint>>, StoreError> {
        queries.iter().try_for_each(|query| self.check_query(query))?;
        let state = self.state.read();
        let score = |point: &PointRecord| {
            let query = queries.iter().find(|query| query.asks(point.track))?;
            let cosine = oracle::cosine(&query.vector, &point.vector);
            Some(ScoredPoint { point: oracle::info(point), cosine, corrected: cosine })
        };
        let points = |asset| {
            state
                .assets
                .get(asset)
                .map_or_else(Vec::new, |(_, points)| points.iter().filter_map(score).collect())
        };
        Ok(assets.iter().map(points).collect())
    }
}

#[async_trait]
impl Catalogue for MemoryStore {
    async fn get(
        &self,
        assets: &[AssetId],
        with_vectors: bool,
    ) -> Result<Vec<Option<StoredAsset>>, StoreError> {
        let state = self.state.read();
        let read = |asset| state.assets.get(asset).map(|(record, p)| state.stored(record, p, with_vectors));
        Ok(assets.iter().map(read).collect())
    }

    async fn count(&self, filter: Option<&Filter>) -> Result<u64, StoreError> {
        let state = self.state.read();
        let matching =
            state.assets.values().filter(|(asset, _)| filter.is_none_or(|f| f.matches(&asset.payload())));
        Ok(matching.count() as u64)
    }

    async fn scroll(
        &self,
        filter: Option<&Filter>,
        from: Option<&Cursor>,
        limit: usize,
        with_vectors: bool,
    ) -> Result<Page<StoredAsset>, StoreError> {
        let state = self.state.read();
        let matching =
            state.assets.values().filter(|(asset, _)| filter.is_none_or(|f| f.matches(&asset.payload())));
        let stored = matching.map(|(record, points)| state.stored(record, points, with_vectors));
        page(stored, from, limit)
    }

    async fn newest(
        &self,
        from: Option<&Cursor>,
        limit: usize,
        with_vectors: bool,
    ) -> Result<Page<StoredAsset>, StoreError> {
        let state = self.state.read();
        let mut seen = HashSet::new();
        let known =
            state.added.values().rev().filter_map(|id| state.assets.get(id).filter(|_| seen.insert(id)));
        page(known.map(|(record, points)| state.stored(record, points, with_vectors)), from, limit)
    }

    async fn sources(
        &self,
        under: &[u8],
        from: Option<&Cursor>,
        limit: usize,
    ) -> Result<Page<(SourceKey, SourceRow)>, StoreError> {
        let state = self.state.read();
        let below = state.sources.iter().filter(|(key, _)| lies_below(&key.path, under));
        page(below.map(|(key, (row, _))| (key.clone(), row.clone())), from, limit)
    }

    async fn thumbs(&self, points: &[PointKey]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        let state = self.state.read();
        let thumb = |key: &PointKey| {
            let (_, points) = state.assets.get(&key.asset)?;
            let found = points.iter().find(|point| (point.track, point.ordinal) == (key.track, key.ordinal));
            found?.thumb.clone()
        };
        Ok(points.iter().map(thumb).collect())
    }
}

#[async_trait]
impl Upkeep for MemoryStore {
    async fn index_field(&self, field: &str, wanted: bool) -> Result<bool, StoreError> {
        let mut state = self.state.write();
        let changed =
            if wanted { state.indexed.insert(field.to_owned()) } else { state.indexed.remove(field) };
        state.change += u64::from(changed);
        Ok(changed)
    }

    async fn field_indexes(&self) -> Result<Vec<FieldIndex>, StoreError> {
        let state = self.state.read();
        let fields = state.indexed.iter().cloned();
        let index = |field| FieldIndex { field, asked: true, state: FieldIndexState::Ready, bytes: 0 };
        Ok(fields.map(index).collect())
    }

    async fn stats(&self) -> Result<CollectionStats, StoreError> {
        let state = self.state.read();
        let sources_indexed =
            state.sources.values().filter(|(row, _)| points_at(row).is_some()).count() as u64;
        Ok(CollectionStats {
            assets: state.assets.len() as u64,
            points: state.assets.values().map(|(_, points)| points.len() as u64).sum(),
            sources_indexed,
            sources_failed: state.sources.len() as u64 - sources_indexed,
            change: state.change,
            ..CollectionStats::default()
        })
    }

    async fn verify(&self) -> Result<Vec<Problem>, StoreError> {
        Ok(Vec::new())
    }

    async fn repair(&self, _: bool) -> Result<Vec<Problem>, StoreError> {
        Ok(Vec::new())
    }

    async fn seal(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

#[async_trait]
impl Store for MemoryStore {
    fn keeps_captions(&self) -> bool {
        self.state.read().keeps_captions
    }

    fn change(&self) -> u64 {
        self.state.read().change
    }

    async fn added(&self, after: u64, limit: usize) -> Result<Added, StoreError> {
        let state = self.state.read();
        if after > state.change {
            let message = format!("there was no change {after} yet");
            return Err(StoreError { kind: ErrorKind::InvalidArgument, message, source: None });
        }
        let rows: Vec<_> = state.added.range(after + 1..).take(limit).collect();
        let upto = if rows.len() < limit { state.change } else { rows.last().map_or(after, |(at, _)| **at) };
        let mut assets: Vec<AssetId> = Vec::new();
        for (_, asset) in rows {
            if state.assets.contains_key(asset) && !assets.contains(asset) {
                assets.push(asset.clone());
            }
        }
        Ok(Added { assets, upto })
    }

    async fn apply(&self, changes: Vec<Change>) -> Result<Vec<Applied>, StoreError> {
        let points = changes.iter().flat_map(|change| match change {
            Change::Upsert { points, .. } | Change::PutCaptions { points, .. } => points.as_slice(),
            Change::PutSource { .. }
            | Change::RemoveSources { .. }
            | Change::MergeMetadata { .. }
            | Change::DropMetadata { .. }
            | Change::KeepCaptions { .. }
            | Change::Delete { .. } => &[],
        });
        points.into_iter().try_for_each(|point| self.check(point.track, &point.vector))?;
        let mut state = self.state.write();
        let mut applied = Vec::with_capacity(changes.len());
        for change in changes {
            let writes = match &change {
                Change::Upsert { asset, .. } => Some(asset.id.clone()),
                Change::PutSource { .. }
                | Change::RemoveSources { .. }
                | Change::MergeMetadata { .. }
                | Change::DropMetadata { .. }
                | Change::PutCaptions { .. }
                | Change::KeepCaptions { .. }
                | Change::Delete { .. } => None,
            };
            let one = state.apply(change);
            state.change += u64::from(one.found);
            let number = state.change;
            state.added.extend(writes.map(|asset| (number, asset)));
            applied.push(one);
        }
        Ok(applied)
    }
}

/// A page of a listing; a cursor says how many came before.
fn page<T>(
    mut all: impl Iterator<Item = T>,
    from: Option<&Cursor>,
    limit: usize,
) -> Result<Page<T>, StoreError> {
    let read = |cursor: &Cursor| {
        cursor.as_str().parse::<usize>().map_err(|_| StoreError {
            kind: ErrorKind::InvalidArgument,
            message: format!("the cursor {:?} is of another listing", cursor.as_str()),
            source: None,
        })
    };
    let before = from.map(read).transpose()?.unwrap_or(0);
    let items: Vec<T> = all.by_ref().skip(before).take(limit).collect();
    let next = all.next().map(|_| Cursor::new((before + items.len()).to_string()));
    Ok(Page { items, next })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sensorium_store::contract::{Fresh, run_all};

    use super::*;

    #[tokio::test]
    async fn the_store_in_memory_keeps_the_contract() {
        let space = SpaceInfo::one("test", 16, "test@1");
        run_all(async || Fresh { store: Arc::new(MemoryStore::new(space.clone())), keep: Box::new(()) })
            .await;
    }
}
