//! The two towers, by the configuration of transformers and that of open_clip.

use super::values::Object;
use super::{Family, fault};
use crate::EmbedError;
use crate::encoders::{Act, ImagePool, TextPool, VitImageConfig, VitTextConfig};
use crate::layers::Precision;

/// What an older release of transformers wrote as the end of a text, whatever it was.
const LEGACY_END: usize = 2;

/// The towers of a model.
#[derive(Debug, Clone)]
pub(super) struct Towers {
    pub(super) family: Family,
    pub(super) dim: usize,
    pub(super) image: Option<VitImageConfig>,
    pub(super) text: Option<VitTextConfig>,
}

/// What a class of transformers has where a file leaves it out.
#[derive(Debug, Clone, Copy)]
struct Defaults {
    family: Family,
    activation: &'static str,
    norm_eps: f64,
    patch: usize,
    vocabulary: usize,
    positions: usize,
    text_width: usize,
    text_ffn: usize,
    text_heads: usize,
}

/// # Source
/// transformers `models/clip/configuration_clip.py`
const CLIP: Defaults = Defaults {
    family: Family::Clip,
    activation: "quick_gelu",
    norm_eps: 1e-5,
    patch: 32,
    vocabulary: 49_408,
    positions: 77,
    text_width: 512,
    text_ffn: 2048,
    text_heads: 8,
};
/// # Source
/// transformers `models/siglip/configuration_siglip.py`
const SIGLIP: Defaults = Defaults {
    family: Family::Siglip,
    activation: "gelu_pytorch_tanh",
    norm_eps: 1e-6,
    patch: 16,
    vocabulary: 32_000,
    positions: 64,
    text_width: 768,
    text_ffn: 3072,
    text_heads: 12,
};
/// Of both classes.
const IMAGE_WIDTH: usize = 768;
const IMAGE_FFN: usize = 3072;
const IMAGE_HEADS: usize = 12;
const IMAGE_SIZE: usize = 224;
const LAYERS: usize = 12;
const PROJECTION: usize = 512;
/// The end of a text in CLIP's vocabulary.
const CLIP_END: usize = 49_407;

/// Towers by `config.json`.
pub(super) fn of_transformers(config: &Object) -> Result<Towers, EmbedError> {
    let kind = config.text("model_type").unwrap_or_default();
    let defaults = if kind.starts_with("clip") { &CLIP } else { &SIGLIP };
    let part = |name: &str| -> Object {
        // Older files hold the values twice, and the class takes the second.
        config.part(&format!("{name}_config")).overlaid(&config.part(&format!("{name}_config_dict")))
    };
    let (image, text) = match kind {
        "clip" | "siglip" => (Some(part("vision")), Some(part("text"))),
        "clip_vision_model" | "siglip_vision_model" => (Some(config.clone()), None),
        "clip_text_model" | "siglip_text_model" => (None, Some(config.clone())),
        "siglip2" => {
            let why =
                "SigLIP 2 of any size (NaFlex), which this program does not run: take one of a fixed size";
            return Err(config.fault(why));
        }
        "" => return Err(config.fault("model_type is missing: this is no model that this program runs")),
        other => {
            return Err(config.fault(format!(
                "a model of the type {other:?}; this program runs clip, siglip (SigLIP 2 of fixed size is one) and clap"
            )));
        }
    };
    let image = image.map(|part| image_of(&part, defaults)).transpose()?;
    let text = text.map(|part| text_of(&part, defaults)).transpose()?;
    let dim = match defaults.family {
        Family::Clip | Family::OpenClip => config.count("projection_dim", PROJECTION)?,
        Family::Siglip => {
            image.as_ref().map_or_else(|| text.as_ref().map_or(0, |text| text.d), |image| image.d)
        }
    };
    Ok(Towers { family: defaults.family, dim, image, text })
}

fn image_of(part: &Object, defaults: &Defaults) -> Result<VitImageConfig, EmbedError> {
    if part.count("num_channels", 3)? != 3 {
        return Err(part.fault("images of other than three colours"));
    }
    let pool = match defaults.family {
        Family::Clip | Family::OpenClip => ImagePool::Class,
        Family::Siglip if part.flag("vision_use_head", true)? => ImagePool::Attention,
        Family::Siglip => return Err(part.fault("an image tower without its pooling head")),
    };
    let config = VitImageConfig {
        size: part.side("image_size", IMAGE_SIZE)?,
        patch: part.side("patch_size", defaults.patch)?,
        d: part.count("hidden_size", IMAGE_WIDTH)?,
        heads: part.count("num_attention_heads", IMAGE_HEADS)?,
        layers: part.count("num_hidden_layers", LAYERS)?,
        ffn: part.count("intermediate_size", IMAGE_FFN)?,
        norm_eps: part.short_number("layer_norm_eps", defaults.norm_eps)?,
        activation: act(part, "hidden_act", defaults.activation)?,
        pool,
        precision: Precision::Full,
    };
    match config.fault() {
        Some(what) => Err(part.fault(what)),
        None => Ok(config),
    }
}

fn text_of(part: &Object, defaults: &Defaults) -> Result<VitTextConfig, EmbedError> {
    let causal = defaults.family == Family::Clip;
    let end = part.count("eos_token_id", CLIP_END)?;
    let pool = match (causal, end) {
        (false, _) => TextPool::Last,
        (true, LEGACY_END) => TextPool::Highest,
        (true, _) => TextPool::End,
    };
    let config = VitTextConfig {
        vocabulary: part.count("vocab_size", defaults.vocabulary)?,
        positions: part.count("max_position_embeddings", defaults.positions)?,
        d: part.count("hidden_size", defaults.text_width)?,
        heads: part.count("num_attention_heads", defaults.text_heads)?,
        layers: part.count("num_hidden_layers", LAYERS)?,
        ffn: part.count("intermediate_size", defaults.text_ffn)?,
        norm_eps: part.short_number("layer_norm_eps", defaults.norm_eps)?,
        activation: act(part, "hidden_act", defaults.activation)?,
        causal,
        pool,
        end: if pool == TextPool::End { u32::try_from(end).ok() } else { None },
        projection_bias: defaults.family == Family::Siglip,
        precision: Precision::Full,
    };
    match config.fault() {
        Some(what) => Err(part.fault(what)),
        None => Ok(config),
    }
}

/// The activation of a key.
pub(super) fn act(part: &Object, key: &str, default: &str) -> Result<Act, EmbedError> {
    match part.text(key).unwrap_or(default) {
        "relu" => Ok(Act::Relu),
        "quick_gelu" => Ok(Act::QuickGelu),
        "gelu" => Ok(Act::Gelu),
        "gelu_pytorch_tanh" | "gelu_new" | "gelu_fast" => Ok(Act::GeluTanh),
        other => Err(part.fault(format!("{key} is {other:?}, which this program does not compute"))),
    }
}

/// Towers by `open_clip_config.json`.
///
/// # Source
/// open_clip `model.py`, `CLIPVisionCfg` and `CLIPTextCfg`
pub(super) fn of_open_clip(config: &Object) -> Result<Towers, EmbedError> {
    let model = config.part("model_cfg");
    let (vision, text) = (model.part("vision_cfg"), model.part("text_cfg"));
    let dim = model.needed_count("embed_dim")?;
    if text.text("hf_model_name").is_some() {
        return Err(
            config.fault("a text tower of another kind (hf_model_name), which this program does not run")
        );
    }
    let act = if model.flag("quick_gelu", false)? { Act::QuickGelu } else { Act::Gelu };
    let image = match vision.text("timm_model_name") {
        Some(name) => timm_tower(&vision, name)?,
        None => open_clip_tower(&vision, act)?,
    };
    if let Some(what) = image.fault() {
        return Err(config.fault(what));
    }
    let (d, bias) = (text.count("width", 512)?, text.flag("proj_bias", false)?);
    let causal = !text.flag("no_causal_mask", false)?;
    let pool = match text.text("pool_type").unwrap_or("argmax") {
        "argmax" => TextPool::Highest,
        "last" => TextPool::Last,
        other => return Err(config.fault(format!("texts pooled by {other:?}"))),
    };
    let is_tanh = text.part("act_kwargs").text("approximate") == Some("tanh");
    let text = VitTextConfig {
        vocabulary: text.count("vocab_size", CLIP.vocabulary)?,
        positions: text.count("context_length", CLIP.positions)?,
        d,
        heads: text.count("heads", CLIP.text_heads)?,
        layers: text.count("layers", LAYERS)?,
        ffn: text.times("mlp_ratio", 4.0, d)?,
        norm_eps: text.part("norm_kwargs").short_number("eps", 1e-5)?,
        activation: if is_tanh { Act::GeluTanh } else { act },
        causal,
        pool,
        end: None,
        projection_bias: bias,
        precision: Precision::Full,
    };
    match text.fault() {
        Some(what) => Err(config.fault(what)),
        None => Ok(Towers { family: Family::OpenClip, dim, image: Some(image), text: Some(text) }),
    }
}

/// open_clip's own Vision Transformer.
fn open_clip_tower(vision: &Object, act: Act) -> Result<VitImageConfig, EmbedError> {
    if vision.value("layers").is_some_and(serde_json::Value::is_array) {
        return Err(vision.fault("a ResNet, which this program does not run"));
    }
    for odd in ["attentional_pool", "pos_embed_type", "no_ln_pre", "final_ln_after_pool"] {
        let value = vision.value(odd);
        let usual =
            value.is_none_or(|value| value.as_bool() == Some(false) || value.as_str() == Some("learnable"));
        if !usual {
            return Err(vision.fault(format!("{odd}, which this program does not know")));
        }
    }
    if !matches!(vision.text("pool_type"), None | Some("tok")) {
        return Err(vision.fault("images that are not pooled by their class token"));
    }
    let (d, head) = (vision.count("width", 768)?, vision.count("head_width", 64)?);
    Ok(VitImageConfig {
        size: vision.side("image_size", IMAGE_SIZE)?,
        patch: vision.side("patch_size", 16)?,
        d,
        heads: d / head.max(1),
        layers: vision.count("layers", LAYERS)?,
        ffn: vision.times("mlp_ratio", 4.0, d)?,
        norm_eps: 1e-5,
        activation: act,
        pool: ImagePool::Class,
        precision: Precision::Full,
    })
}

/// One of timm's, whose sizes stand in its name alone: `vit_base_patch32_siglip_256`.
///
/// # Source
/// timm `vision_transformer.py`, the entries of these names
fn timm_tower(vision: &Object, name: &str) -> Result<VitImageConfig, EmbedError> {
    let unknown =
        || fault(&vision.file, format!("the image tower {name:?}, which this program does not run"));
    let rest = name.strip_prefix("vit_").ok_or_else(unknown)?;
    let (size, rest) = rest.split_once("_patch").ok_or_else(unknown)?;
    let (patch, rest) = rest.split_once("_siglip").ok_or_else(unknown)?;
    if rest.starts_with("_gap") || vision.text("timm_pool") != Some("map") {
        return Err(unknown());
    }
    let (d, heads, layers, ffn) = match size {
        "base" => (768, 12, 12, 3072),
        "large" => (1024, 16, 24, 4096),
        "so400m" => (1152, 16, 27, 4304),
        _ => return Err(unknown()),
    };
    Ok(VitImageConfig {
        size: vision.side("image_size", IMAGE_SIZE)?,
        patch: patch.parse().map_err(|_| unknown())?,
        d,
        heads,
        layers,
        ffn,
        norm_eps: 1e-6,
        activation: timm_activation(name),
        pool: ImagePool::Attention,
        precision: Precision::Full,
    })
}

/// The activation of timm's entry of a name: those that came with SigLIP 2 have tanh, the others the error function.
fn timm_activation(name: &str) -> Act {
    const BY_TANH: [&str; 3] =
        ["vit_base_patch32_siglip", "vit_large_patch16_siglip_512", "vit_so400m_patch16_siglip"];
    if BY_TANH.iter().any(|start| name.starts_with(start)) { Act::GeluTanh } else { Act::Gelu }
}
