//! The two towers of CLAP, by the configuration of transformers.

use super::hearing::{self, Hearing};
use super::towers::act;
use super::values::Object;
use crate::encoders::{HtsatConfig, RobertaConfig};
use crate::{BundleFiles, EmbedError};

/// The family, for people.
pub(super) const FAMILY: &str = "CLAP";

/// What the classes of transformers have where a file leaves it out.
///
/// # Source
/// transformers `models/clap/configuration_clap.py`
mod default {
    pub(super) const PROJECTION: usize = 512;
    pub(super) const PROJECTION_ACT: &str = "relu";
    pub(super) const ACT: &str = "gelu";
    pub(super) const MELS: usize = 64;
    pub(super) const SIDE: usize = 256;
    pub(super) const PATCH: usize = 4;
    pub(super) const WINDOW: usize = 8;
    pub(super) const AUDIO_WIDTH: usize = 96;
    pub(super) const FEATURES: usize = 768;
    pub(super) const DEPTHS: [usize; 4] = [2, 2, 6, 2];
    pub(super) const AUDIO_HEADS: [usize; 4] = [4, 8, 16, 32];
    pub(super) const MLP_RATIO: f64 = 4.0;
    pub(super) const AUDIO_EPS: f64 = 1e-5;
    pub(super) const VOCABULARY: usize = 50_265;
    pub(super) const POSITIONS: usize = 514;
    pub(super) const TEXT_WIDTH: usize = 768;
    pub(super) const TEXT_FFN: usize = 3072;
    pub(super) const TEXT_HEADS: usize = 12;
    pub(super) const TEXT_LAYERS: usize = 12;
    pub(super) const TEXT_EPS: f64 = 1e-12;
    pub(super) const PAD: usize = 1;
    pub(super) const BEGIN: usize = 0;
}

/// The towers of a model, and what the audio tower hears.
#[derive(Debug, Clone)]
pub(super) struct Clap {
    pub(super) dim: usize,
    pub(super) audio: Option<(HtsatConfig, Hearing)>,
    pub(super) text: Option<RobertaConfig>,
}

/// Whether a configuration is of CLAP.
pub(super) fn is_clap(config: &Object) -> bool {
    config.text("model_type").is_some_and(|kind| kind.starts_with("clap"))
}

/// Towers by `config.json`.
pub(super) fn read(files: &dyn BundleFiles, config: &Object) -> Result<Clap, EmbedError> {
    let (audio, text) = match config.text("model_type").unwrap_or_default() {
        "clap" => (Some(config.part("audio_config")), Some(config.part("text_config"))),
        "clap_audio_model" => (Some(config.clone()), None),
        "clap_text_model" => (None, Some(config.clone())),
        other => {
            return Err(config.fault(format!(
                "a model of the type {other:?}; this program runs clap, clap_audio_model and clap_text_model"
            )));
        }
    };
    // A whole model's own value is that of both towers, whatever theirs say.
    let inner = act(config, "projection_hidden_act", default::PROJECTION_ACT)?;
    let audio = audio
        .map(|part| {
            let tower = HtsatConfig { projection: inner, ..htsat(&part)? };
            let hearing = hearing::read(files)?;
            match tower.unheard(&hearing.spec) {
                Some(what) => Err(part.fault(format!("the audio tower is given spectrograms of {what}"))),
                None => Ok((tower, hearing)),
            }
        })
        .transpose()?;
    let text = text
        .map(|part| Ok::<_, EmbedError>(RobertaConfig { projection: inner, ..roberta(&part)? }))
        .transpose()?;
    Ok(Clap { dim: config.count("projection_dim", default::PROJECTION)?, audio, text })
}

fn htsat(part: &Object) -> Result<HtsatConfig, EmbedError> {
    if part.flag("enable_fusion", false)? {
        let why = "its audio tower fuses four spectrograms (enable_fusion), which this program does not run: take the unfused \
                   model of the same name, or larger_clap_general";
        return Err(part.fault(why));
    }
    let usual = [
        ("qkv_bias", part.flag("qkv_bias", true)?),
        ("flatten_patch_embeds", part.flag("flatten_patch_embeds", true)?),
        ("enable_patch_layer_norm", part.flag("enable_patch_layer_norm", true)?),
        ("patch_embed_input_channels", part.count("patch_embed_input_channels", 1)? == 1),
    ];
    if let Some((key, _)) = usual.into_iter().find(|(_, usual)| !usual) {
        return Err(part.fault(format!("{key} is of another value than this program runs")));
    }
    let patch = part.side("patch_size", default::PATCH)?;
    if part.side("patch_stride", default::PATCH)? != patch {
        return Err(part.fault("patches that overlap (patch_stride is not patch_size)"));
    }
    let config = HtsatConfig {
        mels: part.count("num_mel_bins", default::MELS)?,
        side: part.side("spec_size", default::SIDE)?,
        patch,
        window: part.side("window_size", default::WINDOW)?,
        d: part.count("patch_embeds_hidden_size", default::AUDIO_WIDTH)?,
        depths: part.counts("depths", &default::DEPTHS)?,
        heads: part.counts("num_attention_heads", &default::AUDIO_HEADS)?,
        mlp_ratio: part.number("mlp_ratio", default::MLP_RATIO)?,
        norm_eps: part.short_number("layer_norm_eps", default::AUDIO_EPS)?,
        activation: act(part, "hidden_act", default::ACT)?,
        projection: act(part, "projection_hidden_act", default::PROJECTION_ACT)?,
    };
    if let Some(what) = config.fault() {
        return Err(part.fault(what));
    }
    let (given, made) = (part.count("hidden_size", default::FEATURES)?, config.features());
    if given != made {
        return Err(part.fault(format!("hidden_size is {given}, and the last stage has a width of {made}")));
    }
    Ok(config)
}

fn roberta(part: &Object) -> Result<RobertaConfig, EmbedError> {
    let token = |key, default| {
        let id = part.count(key, default)?;
        u32::try_from(id).map_err(|_| part.fault(format!("{key} is {id}, which is no token")))
    };
    let config = RobertaConfig {
        vocabulary: part.count("vocab_size", default::VOCABULARY)?,
        positions: part.count("max_position_embeddings", default::POSITIONS)?,
        d: part.count("hidden_size", default::TEXT_WIDTH)?,
        heads: part.count("num_attention_heads", default::TEXT_HEADS)?,
        layers: part.count("num_hidden_layers", default::TEXT_LAYERS)?,
        ffn: part.count("intermediate_size", default::TEXT_FFN)?,
        norm_eps: part.short_number("layer_norm_eps", default::TEXT_EPS)?,
        activation: act(part, "hidden_act", default::ACT)?,
        projection: act(part, "projection_hidden_act", default::PROJECTION_ACT)?,
        pad: token("pad_token_id", default::PAD)?,
        begin: token("bos_token_id", default::BEGIN)?,
    };
    match config.fault() {
        Some(what) => Err(part.fault(what)),
        None => Ok(config),
    }
}
