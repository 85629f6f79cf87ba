//! What a manifest says, checked and ready.

use sensorium_types::{Calibration, CalibrationTable, Content, Language, Modality, SpaceInfo};
use serde::Serialize;

use super::cutting::{Cutting, cutting};
use super::manifest::{EncoderRow, GeneratorRow, HubsRow, Manifest, fact};
use super::names::Names;
use crate::EmbedError;

/// What a bundle is, for people.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BundleInfo {
    /// Its name.
    pub id: String,
    /// Its revision.
    pub revision: String,
    /// The licences of its parts.
    pub licences: Vec<Licence>,
    /// Its spaces.
    pub spaces: Vec<SpaceInfo>,
    /// Its encoders.
    pub encoders: Vec<EncoderInfo>,
    /// What makes text of media.
    pub generators: Vec<GeneratorInfo>,
    /// Which cosines are corrected.
    pub hubs: Vec<HubsInfo>,
}

/// The hub correction of one pair of contents (CONTRACTS.md section 6).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HubsInfo {
    /// What asks.
    pub query: Content,
    /// What is asked.
    pub content: Content,
    /// How many of the nearest reference queries count.
    pub k: usize,
    /// What their mean cosine counts.
    pub share: f32,
}

/// The licence of a part of a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Licence {
    /// Which part.
    pub part: String,
    /// SPDX identifier.
    pub spdx: String,
    /// Where the part comes from.
    pub source: String,
}

/// One encoder of a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EncoderInfo {
    /// Its name.
    pub id: String,
    /// What it takes.
    pub modality: Modality,
    /// Which network it is.
    pub family: String,
    /// The space that it maps into.
    pub space: String,
    /// The languages that a further text encoder reads; empty for every other encoder.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub languages: Vec<Language>,
}

/// One generator of a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GeneratorInfo {
    /// Its name.
    pub id: String,
    /// What it takes.
    pub modality: Modality,
    /// Which network it is.
    pub family: String,
}

#[derive(Debug)]
pub(super) struct Facts {
    pub(super) info: BundleInfo,
    pub(super) space: SpaceInfo,
    pub(super) calibration: CalibrationTable,
    /// The same, of corrected cosines where a pair is corrected.
    pub(super) corrected: CalibrationTable,
    pub(super) cutting: Cutting,
    pub(super) names: Names,
}

impl Facts {
    pub(super) fn new(manifest: &Manifest) -> Result<Self, EmbedError> {
        let [row] = manifest.spaces.as_slice() else {
            return Err(fact(format!("{} spaces, this program reads bundles of one", manifest.spaces.len())));
        };
        let revision = format!("{}@{}", manifest.id, manifest.revision);
        let space = SpaceInfo::one(row.id.clone(), row.dim, revision);
        if row.dim == 0 {
            return Err(fact(format!("space {} has no dimension", row.id)));
        }
        for encoder in &manifest.encoders {
            if encoder.space != row.id {
                return Err(fact(format!(
                    "encoder {} maps into {}, an unknown space",
                    encoder.id, encoder.space
                )));
            }
        }
        languages(manifest)?;
        if manifest.format == 1 && manifest.selftest.is_none() {
            return Err(fact("no self-test, which a bundle of format 1 has".to_owned()));
        }
        if let Some(modality) = row.modalities.iter().find(|modality| manifest.encoder(**modality).is_none())
        {
            return Err(fact(format!("space {} has {modality}, and no encoder for it", row.id)));
        }
        let info = BundleInfo {
            id: manifest.id.clone(),
            revision: manifest.revision.clone(),
            licences: manifest
                .licences
                .iter()
                .map(|row| Licence {
                    part: row.part.clone(),
                    spdx: row.spdx.clone(),
                    source: row.source.clone(),
                })
                .collect(),
            spaces: vec![space.clone()],
            encoders: manifest.encoders.iter().map(encoder_info).collect(),
            generators: manifest.generators.iter().map(generator_info).collect(),
            hubs: hubs(manifest)?,
        };
        let (calibration, corrected) = calibration(manifest)?;
        let names = Names::new(manifest.names.as_ref())?;
        Ok(Self { info, space, calibration, corrected, cutting: cutting(manifest)?, names })
    }
}

fn encoder_info(row: &EncoderRow) -> EncoderInfo {
    EncoderInfo {
        id: row.id.clone(),
        modality: row.modality,
        family: row.family.name().to_owned(),
        space: row.space.clone(),
        languages: row.languages.clone(),
    }
}

/// One text encoder reads all but a few languages, which a second one may name.
fn languages(manifest: &Manifest) -> Result<(), EmbedError> {
    let mut further = manifest.encoders.iter().filter(|encoder| !encoder.languages.is_empty());
    let Some(encoder) = further.next() else { return Ok(()) };
    if encoder.modality != Modality::Text {
        return Err(fact(format!("encoder {} of {} names languages", encoder.id, encoder.modality)));
    }
    let mut seen = vec![Language::English];
    for language in &encoder.languages {
        if seen.contains(language) {
            return Err(fact(format!("encoder {} names {language}, which has an encoder", encoder.id)));
        }
        seen.push(*language);
    }
    match further.next() {
        Some(other) => {
            Err(fact(format!("encoder {} is the third text encoder, this program reads two", other.id)))
        }
        None => Ok(()),
    }
}

fn generator_info(row: &GeneratorRow) -> GeneratorInfo {
    GeneratorInfo { id: row.id.clone(), modality: row.modality, family: row.family.name().to_owned() }
}

fn hubs(manifest: &Manifest) -> Result<Vec<HubsInfo>, EmbedError> {
    let mut known: Vec<HubsInfo> = Vec::with_capacity(manifest.hubs.len());
    for HubsRow { query, content, k, share, sha256, .. } in &manifest.hubs {
        let pair = format!("the hubs of {query} and {content}");
        if *k == 0 || !share.is_finite() || *share <= 0.0 {
            return Err(fact(format!("{pair} are {share} of {k}")));
        }
        if sha256.is_empty() {
            // Values in databases are told apart by it.
            return Err(fact(format!("{pair} name no hash")));
        }
        if known.iter().any(|other| (other.query, other.content) == (*query, *content)) {
            return Err(fact(format!("{pair} stand twice")));
        }
        known.push(HubsInfo { query: *query, content: *content, k: *k, share: *share });
    }
    Ok(known)
}

/// The calibration of raw cosines, and that of corrected ones.
fn calibration(manifest: &Manifest) -> Result<(CalibrationTable, CalibrationTable), EmbedError> {
    let mut pairs: Vec<(Content, Content, Calibration)> = Vec::with_capacity(manifest.calibration.len());
    let mut corrected = Vec::with_capacity(manifest.calibration.len());
    for row in &manifest.calibration {
        let pair = format!("the calibration of {} and {}", row.query, row.content);
        let checked = |mean: f32, deviation: f32| {
            if !mean.is_finite() || !deviation.is_finite() || deviation <= 0.0 {
                return Err(fact(format!("{pair} is {mean} and {deviation}")));
            }
            Ok(Calibration { mean, deviation })
        };
        let raw = checked(row.mean, row.deviation)?;
        let has_hubs =
            manifest.hubs.iter().any(|hubs| (hubs.query, hubs.content) == (row.query, row.content));
        let own = match (has_hubs, row.corrected_mean, row.corrected_deviation) {
            (true, Some(mean), Some(deviation)) => checked(mean, deviation)?,
            (true, _, _) => return Err(fact(format!("{pair} lacks that of corrected cosines"))),
            (false, None, None) => raw,
            (false, _, _) => return Err(fact(format!("{pair} is of corrected cosines, and has no hubs"))),
        };
        corrected.push((row.query, row.content, own));
        if pairs.iter().any(|(query, content, _)| (*query, *content) == (row.query, row.content)) {
            return Err(fact(format!("{pair} stands twice")));
        }
        pairs.push((row.query, row.content, raw));
    }
    Ok((CalibrationTable { pairs }, CalibrationTable { pairs: corrected }))
}
