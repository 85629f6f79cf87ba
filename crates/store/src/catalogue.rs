//! [`Catalogue`]: what is stored, by name and page by page.

use std::fmt::Debug;
use std::ops::ControlFlow;

use async_trait::async_trait;
use sensorium_types::{AssetId, Cursor, Filter, Page, PointKey, SourceKey, SourceRow, StoredAsset};

use crate::StoreError;

/// Assets of one page of [`all_assets`].
const ASSETS_PAGE: usize = 1000;
/// Source rows of one page of [`each_source`].
const SOURCES_PAGE: usize = 10_000;

/// Assets, their sources (also those that failed) and thumbnails.
///
/// # Contract
/// - A listing gives everything that was there from its first page to its last once, in any order unless it is told. What comes or goes meanwhile
///   may be given or not.
/// - A cursor is good for the listing that gave it, with the same filter or path; one that the store cannot read is
///   [`ErrorKind::InvalidArgument`](sensorium_types::ErrorKind::InvalidArgument).
#[async_trait]
pub trait Catalogue: Send + Sync + Debug {
    /// Assets by id; `None` for unknown ones.
    async fn get(
        &self,
        assets: &[AssetId],
        with_vectors: bool,
    ) -> Result<Vec<Option<StoredAsset>>, StoreError>;

    /// Live assets that meet the filter.
    async fn count(&self, filter: Option<&Filter>) -> Result<u64, StoreError>;

    /// At most `limit` assets that meet the filter, from a cursor on.
    async fn scroll(
        &self,
        filter: Option<&Filter>,
        from: Option<&Cursor>,
        limit: usize,
        with_vectors: bool,
    ) -> Result<Page<StoredAsset>, StoreError>;

    /// At most `limit` assets that were written with their points, of the latest change first, from a cursor on, as far back as the
    /// store knows. One that was written several times may be given again on a later page.
    async fn newest(
        &self,
        from: Option<&Cursor>,
        limit: usize,
        with_vectors: bool,
    ) -> Result<Page<StoredAsset>, StoreError>;

    /// At most `limit` source rows below a path (`path` starts with it at a `/`, or equals it; an empty path gives all), from a
    /// cursor on.
    async fn sources(
        &self,
        under: &[u8],
        from: Option<&Cursor>,
        limit: usize,
    ) -> Result<Page<(SourceKey, SourceRow)>, StoreError>;

    /// The thumbnails of points, in their order; `None` where there is none.
    async fn thumbs(&self, points: &[PointKey]) -> Result<Vec<Option<Vec<u8>>>, StoreError>;
}

/// Every asset that meets a filter which few meet, without vectors.
///
/// # Errors
/// If a page cannot be read.
pub async fn all_assets(catalogue: &dyn Catalogue, filter: &Filter) -> Result<Vec<StoredAsset>, StoreError> {
    let (mut found, mut from) = (Vec::new(), None);
    loop {
        let page = catalogue.scroll(Some(filter), from.as_ref(), ASSETS_PAGE, false).await?;
        found.extend(page.items);
        match page.next {
            Some(next) => from = Some(next),
            None => return Ok(found),
        }
    }
}

/// Every source row below a path.
///
/// # Errors
/// If a page cannot be read.
pub async fn all_sources(
    catalogue: &dyn Catalogue,
    under: &[u8],
) -> Result<Vec<(SourceKey, SourceRow)>, StoreError> {
    let mut rows = Vec::new();
    each_source(catalogue, under, |key, row| {
        rows.push((key, row));
        ControlFlow::Continue(())
    })
    .await?;
    Ok(rows)
}

/// Shows every source row below a path, page by page, until it is told to stop: a million are never in memory at once.
///
/// # Errors
/// If a page cannot be read.
pub async fn each_source(
    catalogue: &dyn Catalogue,
    under: &[u8],
    mut each: impl FnMut(SourceKey, SourceRow) -> ControlFlow<()>,
) -> Result<(), StoreError> {
    let mut from = None;
    loop {
        let page = catalogue.sources(under, from.as_ref(), SOURCES_PAGE).await?;
        if page.items.into_iter().try_for_each(|(key, row)| each(key, row)).is_break() {
            return Ok(());
        }
        match page.next {
            Some(next) => from = Some(next),
            None => return Ok(()),
        }
    }
}
