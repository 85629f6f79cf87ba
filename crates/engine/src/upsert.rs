//! Assets of vectors that were made elsewhere.

use std::collections::HashSet;

use sensorium_types::{
    AssetRecord, Change, MediaPolicy, Modality, Payload, PointInfo, PointRecord, ReadyAsset, ReadyOutcome,
    SpaceInfo, Span, Track,
};

use crate::engine::Engine;
use crate::{EngineError, vectors};

impl Engine {
    /// Writes assets over those of the same names. All are checked before the first is written; each is written whole or not at
    /// all, in order.
    ///
    /// # Errors
    /// If an asset breaks a rule, the engine only reads, or the store fails: then assets before may have been written.
    pub async fn upsert(&self, assets: Vec<ReadyAsset>) -> Result<ReadyOutcome, EngineError> {
        let _writes = self.begin_write()?;
        let space = self.store.space();
        let mut changes = Vec::with_capacity(assets.len());
        for asset in assets {
            changes.push(change(asset, &space)?);
        }
        let applied = self.store.apply(changes).await?;
        let points = applied.iter().map(|applied| applied.points_written as u64).sum();
        Ok(ReadyOutcome { assets: applied.len() as u64, points })
    }
}

fn change(asset: ReadyAsset, space: &SpaceInfo) -> Result<Change, EngineError> {
    let ReadyAsset { id, modality, points: given, metadata } = asset;
    metadata.check_user()?;
    let refused = |what| EngineError::ReadyAsset { asset: id.clone(), what };
    let (first, _) = given.first().ok_or_else(|| refused("has no point, and needs one"))?;
    let modality = modality.unwrap_or_else(|| modality_of(first.track));
    let mut seen = HashSet::new();
    let mut points = Vec::with_capacity(given.len());
    for (PointInfo { track, ordinal, span }, vector) in given {
        if track == Track::Caption {
            return Err(refused(
                "has a point of the track caption, which is for captions that the collection makes",
            ));
        }
        if !seen.insert((track, ordinal)) {
            return Err(refused("has two points of one track and ordinal"));
        }
        let is_backwards = match span {
            Some(Span::Time { start_ms: from, end_ms: to } | Span::Chars { from, to }) => from > to,
            None => false,
        };
        if is_backwards {
            return Err(refused("has a point whose span ends before it begins"));
        }
        let (dim, received) = (space.dim_of(track.content()), vector.len());
        let vector = vectors::unit(vector, dim).ok_or(EngineError::BadVector { expected: dim, received })?;
        points.push(PointRecord { track, ordinal, span, vector, thumb: None });
    }
    let mut facts = Payload::new();
    facts.set("modality", modality.name());
    let asset = AssetRecord {
        id,
        hash: None,
        modality,
        space_revision: space.revision.clone(),
        facts,
        metadata,
        media: MediaPolicy::None,
        from_source: false,
    };
    Ok(Change::Upsert { asset, points, source: None })
}

/// What a vector on this track was made of.
pub(crate) const fn modality_of(track: Track) -> Modality {
    match track {
        Track::Video => Modality::Video,
        Track::Audio => Modality::Audio,
        Track::Image | Track::Fused => Modality::Image,
        Track::Text | Track::Caption => Modality::Text,
    }
}
