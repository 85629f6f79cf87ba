//! Late fusion: lists of several parts to one, by reciprocal rank.
//!
//! An asset's worth is the sum over the parts of `weight / (60 + rank)`, as in Cormack, Clarke and Büttcher 2009 with
//! their constant. A part with a weight below 0 takes worth away; it brings no assets of its own.

use std::collections::HashMap;

use sensorium_types::AssetId;

use super::part::QueryPart;
use super::search::Candidate;

/// The constant of reciprocal rank fusion.
const RANK_OFFSET: f32 = 60.0;

/// An asset of the fused list.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Fused {
    /// The part that scores it best, by its place.
    pub(super) part: usize,
    /// That part's find.
    pub(super) candidate: Candidate,
    worth: f32,
}

/// Fuses the parts' lists; of one part, its list as it is.
pub(super) fn fuse(parts: &[QueryPart], lists: Vec<Vec<Candidate>>, limit: usize) -> Vec<Fused> {
    if let [only] = parts {
        let fused = |(rank, candidate)| Fused { part: 0, candidate, worth: worth(only, rank) };
        return (1..).zip(lists.into_iter().flatten()).map(fused).take(limit).collect();
    }
    let mut fused: HashMap<AssetId, Fused> = HashMap::new();
    for (at, (part, list)) in parts.iter().zip(&lists).enumerate().filter(|(_, (part, _))| part.weight > 0.0)
    {
        for (rank, candidate) in (1..).zip(list) {
            let worth = worth(part, rank);
            fused
                .entry(candidate.hit.asset.clone())
                .and_modify(|known| {
                    known.worth += worth;
                    if candidate.rank_by > known.candidate.rank_by {
                        known.part = at;
                        known.candidate = candidate.clone();
                    }
                })
                .or_insert_with(|| Fused { part: at, candidate: candidate.clone(), worth });
        }
    }
    for (part, list) in parts.iter().zip(&lists).filter(|(part, _)| part.weight < 0.0) {
        for (rank, candidate) in (1..).zip(list) {
            if let Some(known) = fused.get_mut(&candidate.hit.asset) {
                known.worth += worth(part, rank);
            }
        }
    }
    let mut fused: Vec<Fused> = fused.into_values().collect();
    fused.sort_by(|a, b| {
        b.worth
            .total_cmp(&a.worth)
            .then_with(|| b.candidate.rank_by.total_cmp(&a.candidate.rank_by))
            .then_with(|| a.candidate.hit.asset.cmp(&b.candidate.hit.asset))
    });
    fused.truncate(limit);
    fused
}

fn worth(part: &QueryPart, rank: usize) -> f32 {
    part.weight / (RANK_OFFSET + rank as f32)
}

#[cfg(test)]
mod tests {
    use sensorium_types::{AssetHit, Content, Modality, PointInfo, SpaceInfo, Track};

    use super::super::part::{Make, QueryParts};
    use super::super::terms::Asked;
    use super::*;

    fn parts(weights: &[f32]) -> Vec<QueryPart> {
        let asked = |weight: &f32| Asked {
            weight: *weight,
            vector: vec![1.0, 0.0],
            for_images: None,
            bridged: None,
            content: Some(Content::Text),
            asset: None,
            identical: None,
            language: None,
        };
        let space = SpaceInfo::one("test", 2, "test@1");
        let make = Make { late: true, ..Make::default() };
        QueryParts::new(weights.iter().map(asked).collect(), make, (&space, None)).expect("parts").parts
    }

    fn list(names: &[&str]) -> Vec<Candidate> {
        let candidate = |(at, name): (usize, &&str)| Candidate {
            hit: AssetHit {
                asset: AssetId::new(name).expect("valid"),
                modality: Modality::Image,
                point: PointInfo { track: Track::Image, ordinal: 0, span: None },
                is_only_point: false,
                cosine: 0.5,
                corrected: 0.5,
            },
            rank_by: 10.0 - at as f32,
        };
        names.iter().enumerate().map(candidate).collect()
    }

    fn order(fused: &[Fused]) -> Vec<&str> {
        fused.iter().map(|fused| fused.candidate.hit.asset.as_str()).collect()
    }

    #[test]
    fn what_both_legs_find_comes_first() {
        let fused = fuse(&parts(&[1.0, 1.0]), vec![list(&["a", "b", "c"]), list(&["c", "d"])], 10);
        assert_eq!(order(&fused), ["c", "a", "b", "d"]);
        assert_eq!(fused[0].part, 1, "scored by the part that likes it best");
    }

    #[test]
    fn weights_count_and_a_negative_leg_pushes_down() {
        let fused = fuse(&parts(&[1.0, 3.0]), vec![list(&["a", "b"]), list(&["b", "a"])], 10);
        assert_eq!(order(&fused), ["b", "a"]);
        let fused = fuse(&parts(&[1.0, -1.0]), vec![list(&["a", "b", "c"]), list(&["a", "x"])], 10);
        assert_eq!(order(&fused), ["b", "c", "a"], "and brings nothing of its own");
    }

    #[test]
    fn one_list_stays_as_it_is_up_to_the_limit() {
        let fused = fuse(&parts(&[1.0]), vec![list(&["z", "y", "x"])], 2);
        assert_eq!(order(&fused), ["z", "y"]);
    }
}
