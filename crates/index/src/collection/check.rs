//! What is refused before anything is written or searched, and what nobody waits for.

use sensorium_types::{Cancel, Change, Content, PointRecord, SourceState, SpaceInfo, SubQuery, Track};

use crate::distance::norm;
use crate::error::IndexError;

/// How far the L2 norm of a vector may be from 1.
pub(crate) const NORM_TOLERANCE: f64 = 1e-3;

/// Assets between two looks at whether the caller, or the collection, has gone.
pub(super) const LOOK_EVERY: usize = 1024;

/// An error if the caller wants no answer any more.
pub(super) fn check(cancel: &Cancel) -> Result<(), IndexError> {
    match cancel.stopped() {
        None => Ok(()),
        Some(stopped) => Err(IndexError::Stopped { stopped }),
    }
}

/// Checks that a vector has the dimension, finite numbers and the norm 1.
pub(crate) fn check_vector(vector: &[f32], dim: usize) -> Result<(), IndexError> {
    if vector.len() != dim {
        return Err(IndexError::Dimension { expected: dim, received: vector.len() });
    }
    if let Some((at, value)) = vector.iter().enumerate().find(|(_, value)| !value.is_finite()) {
        return Err(IndexError::NotFinite { at, value: *value });
    }
    let norm = norm(vector);
    if (norm - 1.0).abs() > NORM_TOLERANCE {
        return Err(IndexError::NotUnit { norm, tolerance: NORM_TOLERANCE });
    }
    Ok(())
}

/// Checks a query's vector beside the spaces of what it asks.
pub(super) fn check_query(query: &SubQuery, space: &SpaceInfo) -> Result<(), IndexError> {
    let asked = Content::ALL.into_iter().filter(|content| {
        Track::ALL.into_iter().any(|track| track.content() == *content && query.asks(track))
    });
    for content in asked {
        if space.dim_of(content) != query.vector.len() {
            let (expected, received) = (space.dim_of(content), query.vector.len());
            return Err(IndexError::Dimension { expected, received });
        }
    }
    check_vector(&query.vector, query.vector.len())
}

/// Checks all that can be said about a change without the collection. Only an asset of another bundle's may lack
/// points: one that waits for its media, to be encoded into this space.
pub(super) fn check_change(change: &Change, space: &SpaceInfo) -> Result<(), IndexError> {
    match change {
        Change::Upsert { asset, points, source } => {
            let id = || asset.id.as_str().to_owned();
            asset.metadata.check_user()?;
            if points.is_empty() && asset.space_revision == space.revision {
                return Err(IndexError::NoPoints { asset: id() });
            }
            for point in points {
                check_vector(&point.vector, space.dim_of(point.track.content()))?;
            }
            if let Some(twice) = duplicate(points) {
                return Err(IndexError::DuplicatePoint {
                    asset: id(),
                    track: twice.track.name(),
                    ordinal: twice.ordinal,
                });
            }
            match source {
                Some((_, row)) if row.state.asset() != Some(&asset.id) => {
                    Err(IndexError::SourceMismatch { asset: id() })
                }
                Some(_) | None => Ok(()),
            }
        }
        Change::MergeMetadata { metadata, .. } => Ok(metadata.check_user()?),
        Change::PutCaptions { asset, points, .. } => {
            for point in points {
                check_vector(&point.vector, space.dim_of(point.track.content()))?;
            }
            // A point of another track would lie among those that the asset has.
            let stray = points.iter().find(|point| point.track != Track::Caption);
            match stray.or_else(|| duplicate(points)) {
                None => Ok(()),
                Some(wrong) => Err(IndexError::DuplicatePoint {
                    asset: asset.as_str().to_owned(),
                    track: wrong.track.name(),
                    ordinal: wrong.ordinal,
                }),
            }
        }
        Change::PutSource { row, .. } => match &row.state {
            SourceState::Failed { metadata, .. } => Ok(metadata.check_user()?),
            SourceState::Indexed { .. } => Ok(()),
        },
        Change::RemoveSources { .. }
        | Change::DropMetadata { .. }
        | Change::KeepCaptions { .. }
        | Change::Delete { .. } => Ok(()),
    }
}

fn duplicate(points: &[PointRecord]) -> Option<&PointRecord> {
    let mut seen = std::collections::HashSet::new();
    points.iter().find(|point| !seen.insert((point.track, point.ordinal)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_are_checked() {
        assert!(check_vector(&[1.0, 0.0], 2).is_ok());
        assert!(matches!(check_vector(&[1.0], 2), Err(IndexError::Dimension { expected: 2, received: 1 })));
        assert!(matches!(check_vector(&[1.0, f32::NAN], 2), Err(IndexError::NotFinite { at: 1, .. })));
        assert!(matches!(check_vector(&[0.0, 0.0], 2), Err(IndexError::NotUnit { .. })));
        assert!(matches!(check_vector(&[1.0, 0.1], 2), Err(IndexError::NotUnit { .. })));
    }
}
