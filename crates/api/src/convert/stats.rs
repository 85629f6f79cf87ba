//! Spaces, counts and problems.

use sensorium_types::{CollectionStats, FieldIndex, MeasuredRecall, Problem, SpaceInfo, SpacePart};

use crate::{ConvertError, v1};

/// A space as a message.
pub fn space(space: &SpaceInfo) -> v1::Space {
    v1::Space {
        id: space.id.clone(),
        dim: u32::try_from(space.dim).unwrap_or(u32::MAX),
        revision: space.revision.clone(),
        parts: space.parts.iter().map(space_part).collect(),
    }
}

fn space_part(part: &SpacePart) -> v1::SpacePart {
    v1::SpacePart {
        id: part.id.clone(),
        dim: u32::try_from(part.dim).unwrap_or(u32::MAX),
        contents: part.contents.iter().map(|content| content.name().to_owned()).collect(),
    }
}

/// A space from a message.
///
/// # Errors
/// [`ConvertError::Missing`] if there is none; [`ConvertError::Content`] for a content that this program does not know.
pub fn space_info(message: Option<v1::Space>) -> Result<SpaceInfo, ConvertError> {
    let v1::Space { id, dim, revision, parts } = message.ok_or(ConvertError::Missing { field: "space" })?;
    let part = |v1::SpacePart { id, dim, contents }| {
        let contents = contents.iter().map(|content| content.parse()).collect::<Result<_, _>>();
        let contents =
            contents.map_err(|source| ConvertError::Content { field: "space.parts.contents", source })?;
        Ok::<_, ConvertError>(SpacePart { id, dim: dim as usize, contents })
    };
    let parts = parts.into_iter().map(part).collect::<Result<_, _>>()?;
    Ok(SpaceInfo { id, dim: dim as usize, revision, parts })
}

impl From<FieldIndex> for v1::FieldIndex {
    fn from(index: FieldIndex) -> Self {
        let FieldIndex { field, asked, state, bytes } = index;
        Self { field, asked, state: v1::FieldIndexState::from(state).into(), bytes }
    }
}

impl TryFrom<v1::FieldIndex> for FieldIndex {
    type Error = ConvertError;

    fn try_from(message: v1::FieldIndex) -> Result<Self, ConvertError> {
        let state = message.state().try_into()?;
        let v1::FieldIndex { field, asked, state: _, bytes } = message;
        Ok(Self { field, asked, state, bytes })
    }
}

impl v1::StatsResponse {
    /// The answer for a collection.
    pub fn of(collection_name: &str, space_info: &SpaceInfo, counts: &CollectionStats) -> Self {
        let CollectionStats {
            assets,
            points,
            sources_indexed,
            sources_failed,
            points_in_graph,
            points_without_hubs,
            bytes_on_disk,
            bytes_in_memory,
            recall,
            change,
        } = counts;
        Self {
            collection_name: collection_name.to_owned(),
            space: Some(space(space_info)),
            assets: *assets,
            points: *points,
            sources_indexed: *sources_indexed,
            sources_failed: *sources_failed,
            points_in_graph: *points_in_graph,
            points_without_hubs: *points_without_hubs,
            bytes_on_disk: *bytes_on_disk,
            bytes_in_memory: *bytes_in_memory,
            captions_made: None,
            captions_missing: None,
            recall: recall.iter().map(v1::MeasuredRecall::from).collect(),
            change: *change,
        }
    }

    /// The counts and sizes.
    pub fn counts(&self) -> CollectionStats {
        CollectionStats {
            assets: self.assets,
            points: self.points,
            sources_indexed: self.sources_indexed,
            sources_failed: self.sources_failed,
            points_in_graph: self.points_in_graph,
            points_without_hubs: self.points_without_hubs,
            bytes_on_disk: self.bytes_on_disk,
            bytes_in_memory: self.bytes_in_memory,
            change: self.change,
            recall: self.recall.iter().map(measured_recall).collect(),
        }
    }
}

impl From<&MeasuredRecall> for v1::MeasuredRecall {
    fn from(measured: &MeasuredRecall) -> Self {
        let MeasuredRecall { from, of, queries, nearest, found, ef } = measured;
        Self {
            from: from.clone(),
            of: of.clone(),
            queries: *queries,
            nearest: *nearest,
            found: *found,
            ef: *ef,
        }
    }
}

fn measured_recall(message: &v1::MeasuredRecall) -> MeasuredRecall {
    let v1::MeasuredRecall { from, of, queries, nearest, found, ef } = message;
    MeasuredRecall {
        from: from.clone(),
        of: of.clone(),
        queries: *queries,
        nearest: *nearest,
        found: *found,
        ef: *ef,
    }
}

impl From<Problem> for v1::Problem {
    fn from(problem: Problem) -> Self {
        let Problem { what, place, repair } = problem;
        Self { what, place, repair }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_come_back_equal() {
        let counts = CollectionStats {
            assets: 1,
            points: 2,
            sources_indexed: 3,
            sources_failed: 4,
            points_in_graph: Some(5),
            points_without_hubs: 8,
            bytes_on_disk: Some(6),
            bytes_in_memory: None,
            recall: vec![MeasuredRecall {
                from: "text".to_owned(),
                of: "audio".to_owned(),
                queries: 9,
                nearest: 90,
                found: 88,
                ef: 256,
            }],
            change: 12,
        };
        let before = SpaceInfo::one("mini", 384, "m@1");
        let message = v1::StatsResponse::of("default", &before, &counts);
        assert_eq!(message.counts(), counts);
        assert_eq!(space_info(message.space), Ok(before));
    }
}
