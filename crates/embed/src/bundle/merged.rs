//! What a bundle of members is.

use sensorium_types::{Calibration, CalibrationTable, Content, Modality, SpaceInfo, SpacePart};
use sha2::{Digest, Sha256};

use super::joined::Member;
use super::space::{BundleInfo, Costs, Cutting, Licence, fact};
use crate::EmbedError;

/// Letters of a revision.
const REVISION_LETTERS: usize = 12;

/// What all members together are.
#[derive(Debug)]
pub(super) struct Merged {
    pub(super) info: BundleInfo,
    pub(super) space: SpaceInfo,
    pub(super) calibration: CalibrationTable,
    /// The same, of corrected cosines where a pair is corrected.
    pub(super) corrected: CalibrationTable,
    pub(super) cutting: Cutting,
    pub(super) costs: Costs,
}

impl Merged {
    /// Of members under one name, or (`None`) of the only one.
    ///
    /// # Errors
    /// If there is none.
    pub(super) fn new(id: Option<String>, members: &[Member]) -> Result<Self, EmbedError> {
        let costs = costs(members);
        Ok(match (id, members) {
            (None, [alone, ..]) => Self {
                info: alone.space.info().clone(),
                space: alone.space.space(),
                calibration: alone.space.calibration().clone(),
                corrected: alone.space.corrected_calibration().clone(),
                cutting: alone.space.cutting(),
                costs,
            },
            (id, members) => {
                let id = id.unwrap_or_default();
                let revision = revision(members);
                let parts = members.iter().map(|member| SpacePart {
                    id: member.name.clone(),
                    dim: member.space.space().dim,
                    contents: member.contents().to_vec(),
                });
                let space = SpaceInfo::of_parts(parts.collect(), format!("{id}@{revision}"));
                Self {
                    info: info(id, revision, members),
                    space,
                    calibration: table(members, |member| member.space.calibration()),
                    corrected: table(members, |member| member.space.corrected_calibration()),
                    cutting: cutting(members).ok_or_else(|| fact("no members".to_owned()))?,
                    costs,
                }
            }
        })
    }
}

/// What tells this bundle's vectors from another's: which members, in which order, take what.
fn revision(members: &[Member]) -> String {
    let mut hash = Sha256::new();
    for member in members {
        let (info, contents) = (member.space.info(), member.contents());
        hash.update(format!("{} {}@{} {contents:?}\n", member.name, info.id, info.revision));
    }
    let digest = hash.finalize();
    let letters: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    letters.chars().take(REVISION_LETTERS).collect()
}

fn info(id: String, revision: String, members: &[Member]) -> BundleInfo {
    let mut all = BundleInfo {
        id,
        revision,
        licences: Vec::new(),
        spaces: Vec::new(),
        encoders: Vec::new(),
        generators: Vec::new(),
        hubs: Vec::new(),
    };
    for member in members {
        let own = member.space.info();
        let takes = |modality: Modality| member.takes(super::content_of(modality));
        all.licences.extend(own.licences.iter().map(|licence| Licence {
            part: format!("{}: {}", member.name, licence.part),
            ..licence.clone()
        }));
        all.spaces.push(SpaceInfo { id: member.name.clone(), ..member.space.space() });
        let named = |space: &str| {
            if space == member.space.space().id { member.name.clone() } else { space.to_owned() }
        };
        let encoders = own.encoders.iter().filter(|encoder| takes(encoder.modality));
        all.encoders.extend(encoders.map(|encoder| {
            let mut encoder = encoder.clone();
            encoder.space = named(&encoder.space);
            encoder
        }));
        all.generators.extend(own.generators.iter().filter(|generator| takes(generator.modality)).cloned());
        let hubs = own.hubs.iter().filter(|hubs| member.takes(hubs.query) && member.takes(hubs.content));
        all.hubs.extend(hubs.cloned());
    }
    all
}

/// The calibration of the cosines of points as they lie in a collection: those of texts that lie in n spaces are what they are in one
/// of them by the root of n, or, where a text asks, the mean of all.
fn table(members: &[Member], of: impl Fn(&Member) -> &CalibrationTable) -> CalibrationTable {
    let mut pairs = Vec::new();
    for query in Content::ALL {
        for content in Content::ALL {
            let reached = members.iter().filter(|member| member.takes(query) && member.takes(content));
            let own: Option<Vec<Calibration>> =
                reached.map(|member| of(member).get(query, content)).collect();
            let Some(own) = own.filter(|own| !own.is_empty()) else { continue };
            let lies_in = members.iter().filter(|member| member.takes(content)).count() as f32;
            let asks_in = own.len() as f32;
            // n vectors of length 1 ask as one of the root of n, and a point has each at one by the root of its number.
            let share = 1.0 / (asks_in.sqrt() * lies_in.sqrt());
            let mean = own.iter().map(|calibration| calibration.mean).sum::<f32>() * share;
            // What lies far by one encoder mostly does by another: deviations add up.
            let deviation = own.iter().map(|calibration| calibration.deviation).sum::<f32>() * share;
            pairs.push((query, content, Calibration { mean, deviation }));
        }
    }
    CalibrationTable { pairs }
}

/// Each content is cut as the member that takes it wants it; texts, which all read, as the one that reads least at a time.
fn cutting(members: &[Member]) -> Option<Cutting> {
    let of =
        |content| members.iter().find(|member| member.takes(content)).map(|member| member.space.cutting());
    let texts = members.iter().filter(|member| member.takes(Content::Text));
    let texts = texts.map(|member| member.space.cutting().text).min_by_key(|text| text.max_words);
    let audio = of(Content::Audio);
    let base = of(Content::Image).or(audio)?;
    Some(Cutting { audio: audio.and_then(|audio| audio.audio), text: texts.unwrap_or(base.text), ..base })
}

fn costs(members: &[Member]) -> Costs {
    let of = |content| members.iter().find(|member| member.takes(content)).map(|member| member.space.costs());
    let texts =
        members.iter().filter(|member| member.takes(Content::Text)).map(|member| member.space.costs());
    Costs::merged(of(Content::Image), of(Content::Audio), texts)
}
