//! Hub values of points by the reference queries of a bundle (CONTRACTS.md section 6).
//!
//! ```text
//! [[hubs]] of bundle.toml: query, content, k, share ─┐
//! a tensor of n vectors ──────────────────────────────┴─► share * mean of the k highest cosines with the n vectors
//! ```
//!
//! | tensor | holds |
//! | --- | --- |
//! | F16 or F32 (n, dim) | vectors as they are |
//! | U8 (n, dim / 2) | four bits a number, the lower ones first: 1 to 15 for -7 to 7 |
//!
//! Rows are brought to length 1 as they load. Four bits move a cosine by some 0.007, and the mean of sixteen hardly.
//!
//! # Source
//! Nearest neighbour normalization, arXiv:2410.24114.

use std::collections::HashMap;
use std::sync::Arc;

use sensorium_kernels::{dot_many, l2_normalize};
use sensorium_types::{Content, HubBank, HubValues};
use sha2::{Digest, Sha256};

use super::OneSpace;
use super::manifest::{HubsRow, fact};
use super::rows::checked;
use crate::EmbedError;
use crate::weights::Weights;

/// Points that share a pass over the reference queries.
const POINTS_A_PASS: usize = 32;
/// Reference queries of a block, which stays in the cache for all points of a pass.
const BLOCK_ROWS: usize = 256;

/// Reference queries for one pair of contents.
#[derive(Debug)]
struct Bank {
    /// Place of the query's content in [`Content::ALL`].
    slot: usize,
    content: Content,
    k: usize,
    share: f32,
    /// Unit vectors, one after the other.
    rows: Arc<[f32]>,
}

/// All reference queries of a bundle.
#[derive(Debug)]
pub(super) struct Banks(Vec<Bank>);

impl Banks {
    /// Reads the tensors.
    pub(super) fn load(bundle: &OneSpace) -> Result<Self, EmbedError> {
        let dim = bundle.facts.space.dim;
        let mut banks = Vec::with_capacity(bundle.manifest.hubs.len());
        let mut tensors: HashMap<(&str, &str), Arc<[f32]>> = HashMap::new();
        let mut files: Vec<&str> = bundle.manifest.hubs.iter().map(|row| row.file.as_str()).collect();
        files.sort_unstable();
        files.dedup();
        for file in files {
            let own = || bundle.manifest.hubs.iter().filter(|row| row.file == file);
            for row in own() {
                checked(bundle, file, &row.sha256)?;
            }
            let mut stored = Weights::parse(file, bundle.files.open(file)?)?;
            for HubsRow { query, content, k, share, tensor, .. } in own() {
                let rows = match tensors.get(&(file, tensor.as_str())) {
                    Some(rows) => Arc::clone(rows),
                    None => read(&mut stored, tensor, dim)?.into(),
                };
                let count = rows.len() / dim;
                tensors.insert((file, tensor), Arc::clone(&rows));
                if *k > count {
                    return Err(fact(format!(
                        "the hubs of {query} and {content} are of the nearest {k} of {count} vectors"
                    )));
                }
                let slot = Content::ALL.iter().position(|of| of == query);
                let slot = slot.ok_or_else(|| fact(format!("{query} asks nothing")))?;
                banks.push(Bank { slot, content: *content, k: *k, share: *share, rows });
            }
            stored.finish()?;
        }
        Ok(Self(banks))
    }

    /// So many reference queries of a content, at most, from all over the bank: that for points of this content, or where there is none
    /// another's, for one that asks is the same wherever it asks.
    fn queries(&self, (query, content): (Content, Content), count: usize, dim: usize) -> Vec<Vec<f32>> {
        let slot = Content::ALL.iter().position(|of| *of == query);
        let mut banks = self.0.iter().filter(|bank| Some(bank.slot) == slot);
        let bank = banks.clone().find(|bank| bank.content == content).or_else(|| banks.next());
        let Some(bank) = bank else { return Vec::new() };
        let rows = bank.rows.chunks_exact(dim);
        let step = (rows.len() / count.max(1)).max(1);
        rows.step_by(step).take(count).map(<[f32]>::to_vec).collect()
    }

    /// The values of a few points, in their order.
    fn values(&self, points: &[(Content, &[f32])], dim: usize) -> Vec<HubValues> {
        let mut values = vec![HubValues::default(); points.len()];
        for bank in &self.0 {
            let count = bank.rows.len() / dim;
            let mut asked: Vec<(&mut HubValues, &[f32], Vec<f32>)> = values
                .iter_mut()
                .zip(points)
                .filter(|(_, (content, _))| *content == bank.content)
                .map(|(values, (_, vector))| (values, *vector, vec![0.0; count]))
                .collect();
            for (number, block) in bank.rows.chunks(BLOCK_ROWS * dim).enumerate() {
                for (_, vector, cosines) in &mut asked {
                    let from = number * BLOCK_ROWS;
                    if let Some(out) = cosines.get_mut(from..from + block.len() / dim) {
                        dot_many(vector, block, dim, out);
                    }
                }
            }
            for (values, _, mut cosines) in asked {
                if let Some(value) = values.0.get_mut(bank.slot) {
                    *value = bank.share * mean_of_highest(&mut cosines, bank.k);
                }
            }
        }
        values
    }
}

/// The vectors of a tensor.
fn read(stored: &mut Weights, tensor: &str, dim: usize) -> Result<Vec<f32>, EmbedError> {
    let shape = stored.shape(tensor)?;
    let count = shape.first().copied().unwrap_or(0);
    let mut rows = match shape.get(1) {
        Some(wide) if *wide * 2 == dim => unpacked(&stored.unsigned(tensor, &[count, dim / 2])?),
        Some(_) | None => stored.floats(tensor, &[count, dim])?,
    };
    for row in rows.chunks_exact_mut(dim) {
        let norm = l2_normalize(row);
        if norm <= 0.0 || !norm.is_finite() {
            return Err(fact(format!("a vector of {tensor} has the length {norm}")));
        }
    }
    Ok(rows)
}

/// Numbers of four bits, two a byte.
fn unpacked(bytes: &[u8]) -> Vec<f32> {
    let number = |bits: u8| f32::from(bits) - 8.0;
    bytes.iter().flat_map(|byte| [number(byte & 15), number(byte >> 4)]).collect()
}

/// The mean of the k highest numbers, of at least k.
fn mean_of_highest(numbers: &mut [f32], k: usize) -> f32 {
    if k < numbers.len() {
        numbers.select_nth_unstable_by(k - 1, |a, b| b.total_cmp(a));
    }
    let sum: f64 = numbers.iter().take(k).map(|number| f64::from(*number)).sum();
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a mean of cosines loses nothing that matters in f32"
    )]
    let mean = (sum / k as f64) as f32;
    mean
}

/// The reference queries of a bundle, which load at their first use.
#[derive(Debug)]
pub(super) struct BundleHubs {
    bundle: Arc<OneSpace>,
    id: u64,
}

impl BundleHubs {
    /// Those of a bundle; `None` if it has none.
    pub(super) fn new(bundle: Arc<OneSpace>) -> Option<Self> {
        if bundle.manifest.hubs.is_empty() {
            return None;
        }
        let mut hash = Sha256::new();
        for HubsRow { query, content, k, share, file: _, sha256, tensor } in &bundle.manifest.hubs {
            hash.update(format!("{query} {content} {k} {:08x} {sha256} {tensor}\n", share.to_bits()));
        }
        let id = hash.finalize().first_chunk().copied().map_or(0, u64::from_be_bytes);
        Some(Self { bundle, id })
    }
}

impl HubBank for BundleHubs {
    fn space_revision(&self) -> &str {
        &self.bundle.facts.space.revision
    }

    fn id(&self) -> u64 {
        self.id
    }

    fn values(
        &self,
        points: &[(Content, &[f32])],
    ) -> Result<Vec<HubValues>, Box<dyn std::error::Error + Send + Sync>> {
        let dim = self.bundle.facts.space.dim;
        if let Some((_, vector)) = points.iter().find(|(_, vector)| vector.len() != dim) {
            return Err(fact(format!("a point has {} numbers, the space {dim}", vector.len())).into());
        }
        let banks = self.bundle.banks()?;
        if points.len() <= POINTS_A_PASS {
            return Ok(banks.values(points, dim));
        }
        let passes: Vec<_> = points.chunks(POINTS_A_PASS).collect();
        let made = self.bundle.threads.map(&passes, |pass| Ok(banks.values(pass, dim)))?;
        Ok(made.into_iter().flatten().collect())
    }

    fn queries(
        &self,
        query: Content,
        content: Content,
        count: usize,
    ) -> Result<Vec<Vec<f32>>, Box<dyn std::error::Error + Send + Sync>> {
        Ok(self.bundle.banks()?.queries((query, content), count, self.bundle.facts.space.dim))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_numbers_a_byte() {
        assert_eq!(unpacked(&[0x81, 0xf8]), [-7.0, 0.0, 0.0, 7.0]);
    }

    #[test]
    fn queries_come_from_all_over_the_bank_for_what_they_ask() {
        let bank = |content, rows: &[f32]| Bank { slot: 2, content, k: 1, share: 1.0, rows: rows.into() };
        let banks = Banks(vec![
            bank(Content::Image, &[1.0, 0.0, 0.0, 1.0, -1.0, 0.0, 0.0, -1.0, 0.6, 0.8]),
            bank(Content::Audio, &[0.8, 0.6]),
        ]);
        let asked = |query, content, count| banks.queries((query, content), count, 2);
        assert_eq!(asked(Content::Text, Content::Image, 2), [[1.0, 0.0], [-1.0, 0.0]]);
        assert_eq!(asked(Content::Text, Content::Image, 9).len(), 5);
        assert_eq!(asked(Content::Text, Content::Audio, 9), [[0.8, 0.6]]);
        assert_eq!(asked(Content::Text, Content::Text, 1), [[1.0, 0.0]], "texts that ask, whatever they ask");
        assert!(
            asked(Content::Image, Content::Audio, 9).is_empty()
                && asked(Content::Text, Content::Text, 0).is_empty()
        );
    }

    #[test]
    fn the_highest_count() {
        assert!((mean_of_highest(&mut [0.1, 0.9, -0.5, 0.3], 2) - 0.6).abs() < 1e-6);
        assert!((mean_of_highest(&mut [0.1, 0.9], 2) - 0.5).abs() < 1e-6);
        assert!((mean_of_highest(&mut [-0.2, -0.4, -0.1], 1) + 0.1).abs() < 1e-6);
    }
}
