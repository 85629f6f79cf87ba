//! What the weights are called, and which of a file are of no use to a tower.

use crate::EmbedError;
use crate::layers::BlockNames;
use crate::weights::Weights;

/// Weights that a file may hold beside the two towers: the factor and offset that training put on cosines, buffers that
/// older releases of the reference wrote (positions in order, the causal mask), and sizes. No vector depends on them.
const IGNORED: [&str; 6] =
    ["logit_scale", "logit_bias", "attn_mask", "input_resolution", "context_length", "vocab_size"];
/// The last parts of names of such buffers within a tower.
const IGNORED_ENDS: [&str; 2] = [".position_ids", ".attn_mask"];
/// What the names of image towers begin with.
const IMAGE_STARTS: [&str; 3] = ["vision_model.", "visual_projection.", "visual."];
/// What the names of text towers begin with.
const TEXT_STARTS: [&str; 7] = [
    "text_model.",
    "text_projection",
    "text.",
    "token_embedding.",
    "positional_embedding",
    "transformer.",
    "ln_final.",
];

/// How a projection lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Projection {
    /// `NAME.weight` (dim, d), and a bias where the tower has one.
    Layer(String),
    /// `NAME` (d, dim), without a bias.
    Transposed(String),
}

/// The weights of an image tower.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ImageNames {
    pub(super) patch: String,
    pub(super) class: String,
    pub(super) positions: String,
    /// The positions have a first side of 1.
    pub(super) wide_positions: bool,
    pub(super) norm_before: String,
    pub(super) blocks: String,
    pub(super) block: BlockNames,
    pub(super) norm_after: String,
    pub(super) projection: Projection,
    pub(super) head: HeadNames,
}

/// The weights of attention pooling.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct HeadNames {
    pub(super) probe: String,
    /// Weight and bias of queries, keys and values: together in one, or the query apart.
    pub(super) inputs: HeadInputs,
    pub(super) out: String,
    pub(super) norm: String,
    pub(super) mlp: String,
}

/// How the products before the attention lie.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum HeadInputs {
    /// Weight (3 d, d) and bias (3 d) of these names.
    One(String, String),
    /// A layer (d, d) and one (2 d, d).
    Two(String, String),
}

/// The weights of a text tower.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TextNames {
    pub(super) tokens: String,
    pub(super) positions: String,
    pub(super) blocks: String,
    pub(super) block: BlockNames,
    pub(super) norm: String,
    pub(super) projection: Projection,
}

impl ImageNames {
    /// Finds how the weights of an image tower are called.
    pub(super) fn find(weights: &Weights) -> Result<Self, EmbedError> {
        let hf = |prefix: &str| format!("{prefix}embeddings.patch_embedding.weight");
        if let Some(prefix) = ["vision_model.", ""].into_iter().find(|prefix| weights.has(&hf(prefix))) {
            return Ok(Self::hf(prefix));
        }
        if weights.has("visual.conv1.weight") {
            return Ok(Self::open_clip());
        }
        if weights.has("visual.trunk.patch_embed.proj.weight") {
            return Ok(Self::timm());
        }
        // The error names what the commonest layout would have.
        weights.shape(&hf("vision_model.")).map(|_| Self::hf("vision_model."))
    }

    fn hf(prefix: &str) -> Self {
        let name = |part: &str| format!("{prefix}{part}");
        Self {
            patch: name("embeddings.patch_embedding"),
            class: name("embeddings.class_embedding"),
            positions: name("embeddings.position_embedding.weight"),
            wide_positions: false,
            // As the reference spells it.
            norm_before: name("pre_layrnorm"),
            blocks: name("encoder.layers"),
            block: BlockNames::Hf,
            norm_after: name("post_layernorm"),
            projection: Projection::Layer("visual_projection".to_owned()),
            head: HeadNames {
                probe: name("head.probe"),
                inputs: HeadInputs::One(
                    name("head.attention.in_proj_weight"),
                    name("head.attention.in_proj_bias"),
                ),
                out: name("head.attention.out_proj"),
                norm: name("head.layernorm"),
                mlp: name("head.mlp"),
            },
        }
    }

    fn open_clip() -> Self {
        let name = |part: &str| format!("visual.{part}");
        Self {
            patch: name("conv1"),
            class: name("class_embedding"),
            positions: name("positional_embedding"),
            wide_positions: false,
            norm_before: name("ln_pre"),
            blocks: name("transformer.resblocks"),
            block: BlockNames::OpenClip,
            norm_after: name("ln_post"),
            projection: Projection::Transposed(name("proj")),
            head: Self::timm().head,
        }
    }

    fn timm() -> Self {
        let name = |part: &str| format!("visual.trunk.{part}");
        Self {
            patch: name("patch_embed.proj"),
            class: name("cls_token"),
            positions: name("pos_embed"),
            wide_positions: true,
            norm_before: name("norm_pre"),
            blocks: name("blocks"),
            block: BlockNames::Timm,
            norm_after: name("norm"),
            projection: Projection::Layer("visual.head.proj".to_owned()),
            head: HeadNames {
                probe: name("attn_pool.latent"),
                inputs: HeadInputs::Two(name("attn_pool.q"), name("attn_pool.kv")),
                out: name("attn_pool.proj"),
                norm: name("attn_pool.norm"),
                mlp: name("attn_pool.mlp"),
            },
        }
    }
}

impl TextNames {
    /// Finds how the weights of a text tower are called.
    pub(super) fn find(weights: &Weights) -> Result<Self, EmbedError> {
        let hf = |prefix: &str| format!("{prefix}embeddings.token_embedding.weight");
        if let Some(prefix) = ["text_model.", ""].into_iter().find(|prefix| weights.has(&hf(prefix))) {
            return Ok(Self::hf(prefix, weights));
        }
        let open_clip = |prefix: &str| weights.has(&format!("{prefix}token_embedding.weight"));
        if let Some(prefix) = ["", "text."].into_iter().find(|prefix| open_clip(prefix)) {
            return Ok(Self::open_clip(prefix, weights));
        }
        weights.shape(&hf("text_model.")).map(|_| Self::hf("text_model.", weights))
    }

    fn hf(prefix: &str, weights: &Weights) -> Self {
        let name = |part: &str| format!("{prefix}{part}");
        let head = name("head");
        let projection =
            if weights.has(&format!("{head}.weight")) { head } else { "text_projection".to_owned() };
        Self {
            tokens: name("embeddings.token_embedding.weight"),
            positions: name("embeddings.position_embedding.weight"),
            blocks: name("encoder.layers"),
            block: BlockNames::Hf,
            norm: name("final_layer_norm"),
            projection: Projection::Layer(projection),
        }
    }

    fn open_clip(prefix: &str, weights: &Weights) -> Self {
        let name = |part: &str| format!("{prefix}{part}");
        let projection = name("text_projection");
        Self {
            tokens: name("token_embedding.weight"),
            positions: name("positional_embedding"),
            blocks: name("transformer.resblocks"),
            block: BlockNames::OpenClip,
            norm: name("ln_final"),
            projection: if weights.has(&format!("{projection}.weight")) {
                Projection::Layer(projection)
            } else {
                Projection::Transposed(projection)
            },
        }
    }
}

/// Whether an image tower may leave a weight where it is: the other tower's, or of no use at all.
pub(super) fn no_part_of_image(name: &str) -> bool {
    is_ignored(name) || TEXT_STARTS.iter().any(|start| name.starts_with(start))
}

/// The same of a text tower.
pub(super) fn no_part_of_text(name: &str) -> bool {
    is_ignored(name) || IMAGE_STARTS.iter().any(|start| name.starts_with(start))
}

fn is_ignored(name: &str) -> bool {
    IGNORED.contains(&name) || IGNORED_ENDS.iter().any(|end| name.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_weight_belongs_to_a_tower_or_is_known_to_be_of_no_use() {
        for name in ["logit_scale", "text_model.embeddings.position_ids", "visual.attn_mask"] {
            assert!(no_part_of_image(name) && no_part_of_text(name), "{name}");
        }
        for name in ["vision_model.pre_layrnorm.weight", "visual.proj", "visual_projection.weight"] {
            assert!(!no_part_of_image(name) && no_part_of_text(name), "{name}");
        }
        for name in ["text_model.head.bias", "text_projection", "positional_embedding", "ln_final.bias"] {
            assert!(no_part_of_image(name) && !no_part_of_text(name), "{name}");
        }
        for name in ["adapter.weight", "logit_scales", "embeddings.class_embedding"] {
            assert!(!no_part_of_image(name) && !no_part_of_text(name), "{name}");
        }
    }
}
