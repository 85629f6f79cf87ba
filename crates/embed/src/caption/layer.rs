//! One block of the decoder.

use sensorium_kernels::{Activation, Epilogue, dot, softmax_rows};

use super::state::{LayerCache, Line};
use crate::EmbedError;
use crate::layers::{LayerNorm, Linear};
use crate::memory::LayerMemory;
use crate::weights::Weights;

/// Sizes of a block.
#[derive(Debug, Clone, Copy)]
pub(super) struct LayerConfig {
    pub(super) d: usize,
    pub(super) heads: usize,
    pub(super) ffn: usize,
    pub(super) norm_eps: f32,
}

/// Pre-norm: self-attention that sees no later token, cross-attention over the image, feed-forward.
///
/// # Shapes
/// rows of all lines below one another, (total, d) -> (total, d)
///
/// # Source
/// arXiv:1706.03762, section 3.1, with the norms before (arXiv:2002.04745), GELU by tanh
#[derive(Debug)]
pub(super) struct DecoderLayer {
    d: usize,
    heads: usize,
    norm1: LayerNorm,
    qkv: Linear,
    out: Linear,
    norm2: LayerNorm,
    cross_q: Linear,
    cross_kv: Linear,
    cross_out: Linear,
    norm3: LayerNorm,
    fc1: Linear,
    fc2: Linear,
}

impl DecoderLayer {
    /// Takes the weights below `NAME`.
    pub(super) fn load(weights: &mut Weights, name: &str, config: &LayerConfig) -> Result<Self, EmbedError> {
        let LayerConfig { d, heads, ffn, norm_eps } = *config;
        let plain = Activation::Identity;
        let below = |part: &str| format!("{name}.{part}");
        Ok(Self {
            d,
            heads,
            norm1: LayerNorm::load(weights, &below("norm1"), d, norm_eps)?,
            qkv: Linear::load(weights, &below("attn.qkv"), (3 * d, d), plain)?,
            out: Linear::load(weights, &below("attn.out"), (d, d), plain)?,
            norm2: LayerNorm::load(weights, &below("norm2"), d, norm_eps)?,
            cross_q: Linear::load(weights, &below("cross.q"), (d, d), plain)?,
            cross_kv: Linear::load(weights, &below("cross.kv"), (2 * d, d), plain)?,
            cross_out: Linear::load(weights, &below("cross.out"), (d, d), plain)?,
            norm3: LayerNorm::load(weights, &below("norm3"), d, norm_eps)?,
            fc1: Linear::load(weights, &below("mlp.fc1"), (ffn, d), Activation::GeluTanh)?,
            fc2: Linear::load(weights, &below("mlp.fc2"), (d, ffn), plain)?,
        })
    }

    /// Keys and values of an image's places.
    ///
    /// # Shapes
    /// (places, d)
    pub(super) fn remember(&self, places: &[f32]) -> LayerMemory {
        LayerMemory::new(&self.cross_kv.apply(places), self.d, self.heads)
    }

    /// Reads the next rows of every line; `index` is this block's place in the decoder.
    pub(super) fn forward(&self, index: usize, x: Vec<f32>, lines: &mut [Line<'_>]) -> Vec<f32> {
        let mut mixed = vec![0.0; x.len()];
        self.look_back(index, &self.qkv.apply(&self.norm1.apply(&x)), lines, &mut mixed);
        let x = add(&self.out, &mixed, &x);
        self.look_at_images(index, &self.cross_q.apply(&self.norm2.apply(&x)), lines, &mut mixed);
        let x = add(&self.cross_out, &mixed, &x);
        add(&self.fc2, &self.fc1.apply(&self.norm3.apply(&x)), &x)
    }

    /// Self-attention. A row joins the cache before it is asked, and later rows after it: no mask is needed.
    fn look_back(&self, index: usize, qkv: &[f32], lines: &mut [Line<'_>], out: &mut [f32]) {
        let d = self.d;
        let mut rows = qkv.chunks_exact(3 * d).zip(out.chunks_exact_mut(d));
        let mut shares = Vec::new();
        for line in lines {
            let Some(cache) = line.cache.layers.get_mut(index) else { continue };
            for (row, out) in rows.by_ref().take(line.ids.len()) {
                let (query, pair) = row.split_at(d);
                let (key, value) = pair.split_at(d);
                cache.keys.extend_from_slice(key);
                cache.values.extend_from_slice(value);
                self.attend(query, cache, &mut shares, out);
            }
        }
    }

    fn attend(&self, query: &[f32], cache: &LayerCache, shares: &mut Vec<f32>, out: &mut [f32]) {
        let size = self.d / self.heads;
        let scale = 1.0 / (size as f32).sqrt();
        out.fill(0.0);
        for (head, (query, out)) in query.chunks_exact(size).zip(out.chunks_exact_mut(size)).enumerate() {
            let part = head * size..(head + 1) * size;
            shares.clear();
            shares.extend(
                cache
                    .keys
                    .chunks_exact(self.d)
                    .filter_map(|key| Some(dot(query, key.get(part.clone())?) * scale)),
            );
            let tokens = shares.len();
            softmax_rows(shares, tokens);
            for (share, value) in shares.iter().zip(cache.values.chunks_exact(self.d)) {
                for (to, value) in out.iter_mut().zip(value.iter().skip(part.start)) {
                    *to += share * value;
                }
            }
        }
    }

    /// Cross-attention: every row of a line over all places of the line's image.
    fn look_at_images(&self, index: usize, queries: &[f32], lines: &[Line<'_>], out: &mut [f32]) {
        let (d, size) = (self.d, self.d / self.heads);
        let scale = 1.0 / (size as f32).sqrt();
        let (mut queries, mut room) = (queries, out);
        let (mut shares, mut mixed) = (Vec::new(), Vec::new());
        for line in lines {
            let rows = line.ids.len();
            let (own, after) = queries.split_at(rows * d);
            let (to, rest) = room.split_at_mut(rows * d);
            (queries, room) = (after, rest);
            let Some(memory) = line.memory.layers.get(index).filter(|_| rows > 0) else { continue };
            for (head, memory) in memory.heads.iter().enumerate() {
                let places = memory.keys.n();
                shares.resize(rows * places, 0.0);
                let asked = own.get(head * size..).unwrap_or_default();
                memory.keys.multiply(asked, d, Epilogue::default(), &mut shares);
                for share in &mut shares {
                    *share *= scale;
                }
                softmax_rows(&mut shares, places);
                mixed.resize(rows * size, 0.0);
                memory.values.multiply(&shares, places, Epilogue::default(), &mut mixed);
                for (row, mixed) in to.chunks_exact_mut(d).zip(mixed.chunks_exact(size)) {
                    for (to, value) in row.iter_mut().skip(head * size).zip(mixed) {
                        *to = *value;
                    }
                }
            }
        }
    }
}

/// `layer(x) + residual`.
fn add(layer: &Linear, x: &[f32], residual: &[f32]) -> Vec<f32> {
    let mut out = vec![0.0; residual.len()];
    layer.apply_into(x, Some(residual), &mut out);
    out
}
