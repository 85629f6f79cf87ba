//! Hub values of points in a bundle of several spaces (CONTRACTS.md section 6): each member makes those of what it sees of a point.

use std::sync::Arc;

use sensorium_kernels::l2_normalize;
use sensorium_types::{Content, HubBank, HubValues, SpaceInfo};
use sha2::{Digest, Sha256};

use super::joined::Member;

type Failed = Box<dyn std::error::Error + Send + Sync>;

/// The reference queries of all members.
#[derive(Debug)]
struct MergedHubs {
    space: SpaceInfo,
    id: u64,
    /// Of each member in order.
    members: Vec<Own>,
}

/// The reference queries of a member, and what it takes.
type Own = (Option<Arc<dyn HubBank>>, Vec<Content>);

/// The reference queries of these members; `None` if none has any.
pub(super) fn hubs_of(members: &[Member], space: &SpaceInfo) -> Option<Arc<dyn HubBank>> {
    if let [alone] = members
        && space.parts.is_empty()
    {
        return alone.space.hubs();
    }
    let members: Vec<Own> =
        members.iter().map(|member| (member.space.hubs(), member.contents().to_vec())).collect();
    if members.iter().all(|(hubs, _)| hubs.is_none()) {
        return None;
    }
    let mut hash = Sha256::new();
    for (hubs, contents) in &members {
        let id = hubs.as_ref().map(|hubs| hubs.id());
        hash.update(format!("{id:?} {contents:?}\n"));
    }
    let id = hash.finalize().first_chunk().copied().map_or(0, u64::from_be_bytes);
    Some(Arc::new(MergedHubs { space: space.clone(), id, members }))
}

impl HubBank for MergedHubs {
    fn space_revision(&self) -> &str {
        &self.space.revision
    }

    fn id(&self) -> u64 {
        self.id
    }

    fn values(&self, points: &[(Content, &[f32])]) -> Result<Vec<HubValues>, Failed> {
        let mut values = vec![HubValues::default(); points.len()];
        let split: Vec<Vec<(usize, Vec<f32>)>> =
            points.iter().map(|(content, vector)| self.space.split(Some(*content), vector)).collect();
        for (number, (hubs, takes)) in self.members.iter().enumerate() {
            let Some(hubs) = hubs else { continue };
            let (mut places, mut own) = (Vec::new(), Vec::new());
            for (place, ((content, _), spaces)) in points.iter().zip(&split).enumerate() {
                if let Some((_, vector)) = spaces.iter().find(|(space, _)| *space == number) {
                    places.push(place);
                    own.push((*content, vector.as_slice()));
                }
            }
            for ((place, made), (content, _)) in places.into_iter().zip(hubs.values(&own)?).zip(&own) {
                let Some(all) = values.get_mut(place) else { continue };
                for ((query, value), sum) in Content::ALL.into_iter().zip(made.0).zip(&mut all.0) {
                    if takes.contains(&query) {
                        *sum += value * self.share(query, *content);
                    }
                }
            }
        }
        Ok(values)
    }

    fn queries(&self, query: Content, content: Content, count: usize) -> Result<Vec<Vec<f32>>, Failed> {
        // Those of members that know some, side by side, whether they are the same questions or not.
        let mut asked: Vec<Vec<(usize, Vec<f32>)>> = Vec::new();
        for (number, (hubs, takes)) in self.members.iter().enumerate() {
            let Some(hubs) = hubs.as_ref().filter(|_| takes.contains(&query) && takes.contains(&content))
            else {
                continue;
            };
            for (place, vector) in hubs.queries(query, content, count)?.into_iter().enumerate() {
                match asked.get_mut(place) {
                    Some(spaces) => spaces.push((number, vector)),
                    None => asked.push(vec![(number, vector)]),
                }
            }
        }
        let joined = |spaces: Vec<_>| {
            let mut vector = self.space.join(content, &spaces)?;
            (l2_normalize(&mut vector) > 0.0).then_some(vector)
        };
        Ok(asked.into_iter().filter_map(joined).collect())
    }
}

impl MergedHubs {
    /// What a cosine in one space counts in that of a query with a point: as in the calibration of `merged.rs`.
    fn share(&self, query: Content, content: Content) -> f32 {
        let lies_in = self.members.iter().filter(|(_, takes)| takes.contains(&content)).count();
        let asks_in = self
            .members
            .iter()
            .filter(|(_, takes)| takes.contains(&content) && takes.contains(&query))
            .count();
        1.0 / ((asks_in as f32).sqrt() * (lies_in as f32).sqrt()).max(1.0)
    }
}
