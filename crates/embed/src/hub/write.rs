//! The manifest of a bundle that was made of a folder of the hub.

use std::fmt::Write as _;

use sensorium_types::{Calibration, Content};

use super::HubModel;
use super::hearing::Hearing;
use super::onnx::{ImageTower, Onnx, TextTower};
use super::texts::Texts;
use super::view::View;
use crate::encoders::VitTextConfig;
use crate::mel::{Fill, PowerMelSpec};
use crate::tokenizer::PadSide;
use crate::{Fit, ImageFilter};

/// Words of a passage for so many tokens: most words are one or two.
const WORDS_OF_TOKENS: (usize, usize) = (3, 5);
/// A passage shares an eighth with the one before it.
const OVERLAP: usize = 8;

/// Tokens of the texts that CLAP was trained with, whatever it has positions for: passages are no longer.
///
/// # Source
/// LAION-AI/CLAP `src/laion_clap/hook.py`, `CLAP_Module.tokenizer`
const TRAINED_TOKENS: usize = 77;

/// What a bundle is called, and where it came from.
#[derive(Debug, Clone)]
pub struct HubBundle<'a> {
    /// Its name, which is that of its space as well.
    pub id: &'a str,
    /// What tells it from another of this name.
    pub revision: &'a str,
    /// The licence of its weights.
    pub licence: &'a str,
    /// Where they came from.
    pub source: &'a str,
    /// Names, bytes and SHA-256 of its files.
    pub files: &'a [(String, u64, String)],
}

/// What was measured when a model was taken over.
#[derive(Debug, Clone, Default)]
pub struct Measured {
    /// Mean and deviation of the cosine of random pairs.
    pub calibration: Vec<(Content, Content, Calibration)>,
    /// File and texts of a self-test, and the difference that it allows.
    pub selftest: Option<(String, Vec<String>, f32)>,
}

impl HubModel {
    /// `bundle.toml` of this model.
    pub fn manifest(&self, bundle: &HubBundle<'_>, measured: &Measured) -> String {
        let HubBundle { id, revision, licence, source, files } = bundle;
        let mut out = String::new();
        let modalities: Vec<String> =
            self.modalities().iter().map(|modality| quoted(&modality.to_string())).collect();
        let article = if self.onnx.is_some() { "an" } else { "a" };
        let _ = write!(
            out,
            "# Written by `sensorium models add` from the files of {article} {} model.\nformat = 2\nid = {}\nrevision = {}\n\n\
             [[licences]]\npart = \"model\"\nspdx = {}\nsource = {}\n\n\
             [[spaces]]\nid = {}\ndim = {}\nmetric = \"cosine\"\nmodalities = [{}]\n",
            self.family,
            quoted(id),
            quoted(revision),
            quoted(licence),
            quoted(source),
            quoted(id),
            self.dim,
            modalities.join(", "),
        );
        self.text_tower(&mut out, id);
        self.image_tower(&mut out, id);
        self.roberta_tower(&mut out, id);
        self.htsat_tower(&mut out, id);
        self.onnx_towers(&mut out, id);
        for (query, content, Calibration { mean, deviation }) in &measured.calibration {
            let _ = write!(
                out,
                "\n[[calibration]]\nquery = {}\ncontent = {}\nmean = {mean:?}\ndeviation = {deviation:?}\n",
                quoted(&query.to_string()),
                quoted(&content.to_string()),
            );
        }
        if let Some((file, texts, max_abs)) = &measured.selftest {
            let texts: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
            let _ = write!(
                out,
                "\n[selftest]\nfile = {}\nmax_abs = {max_abs:?}\ntext = [{}]\n",
                quoted(file),
                texts.join(", "),
            );
        }
        for (name, bytes, sha256) in *files {
            let _ = write!(
                out,
                "\n[[files]]\nname = {}\nbytes = {bytes}\nsha256 = {}\n",
                quoted(name),
                quoted(sha256),
            );
        }
        out
    }

    fn weights_line(&self) -> String {
        weights_line(&self.weights)
    }

    fn text_tower(&self, out: &mut String, id: &str) {
        let Some((config, texts)) = &self.text else { return };
        let VitTextConfig { positions, .. } = config;
        let _ = write!(
            out,
            "\n[[towers]]\nid = {}\nmodality = \"text\"\nspace = {}\nfamily = \"vit-text\"\n{}\
             {}[towers.config]\n{}",
            quoted(&format!("{id}.text")),
            quoted(id),
            self.weights_line(),
            tokenizer_lines(super::texts::TOKENIZER, *positions, texts),
            table(config),
        );
    }

    fn image_tower(&self, out: &mut String, id: &str) {
        let Some((config, view)) = &self.image else { return };
        let _ = write!(
            out,
            "\n[[towers]]\nid = {}\nmodality = \"image\"\nspace = {}\nfamily = \"vit-image\"\n{}{}[towers.config]\n{}{}",
            quoted(&format!("{id}.image")),
            quoted(id),
            self.weights_line(),
            view_lines(view),
            table(config),
            video_tower(id),
        );
    }
}

/// The towers of CLAP.
impl HubModel {
    fn roberta_tower(&self, out: &mut String, id: &str) {
        let Some(config) = &self.roberta else { return };
        let (words, overlap) = words_of(TRAINED_TOKENS.min(config.max_tokens()));
        let _ = write!(
            out,
            "\n[[towers]]\nid = {}\nmodality = \"text\"\nspace = {}\nfamily = \"roberta-text\"\n{}\
             tokenizer = {{ file = {}, max_tokens = {} }}\ncut = {{ words = {words}, overlap = {overlap} }}\n\
             [towers.config]\n{}",
            quoted(&format!("{id}.text")),
            quoted(id),
            self.weights_line(),
            quoted(super::texts::TOKENIZER),
            config.max_tokens(),
            table(config),
        );
    }

    fn htsat_tower(&self, out: &mut String, id: &str) {
        let Some((config, Hearing { spec, window_ms })) = &self.htsat else { return };
        let PowerMelSpec { sample_rate_hz, samples, fill, frame, hop, mels, min_hz, max_hz, floor } = spec;
        let by = match fill {
            Fill::RepeatPad => "repeat-pad",
            Fill::Repeat => "repeat",
            Fill::Silence => "silence",
        };
        let _ = write!(
            out,
            "\n[[towers]]\nid = {}\nmodality = \"audio\"\nspace = {}\nfamily = \"htsat-audio\"\n{}preprocess = [\n\
             \x20 {{ op = \"resample\", hz = {sample_rate_hz} }},\n\
             \x20 {{ op = \"fill\", samples = {samples}, by = \"{by}\" }},\n\
             \x20 {{ op = \"logmel\", variant = \"slaney-decibel\", frame = {frame}, hop = {hop}, fft = {frame}, mels = {mels}, \
             fmin = {min_hz:?}, fmax = {max_hz:?}, offset = {floor:?} }},\n]\n\
             cut = {{ window_ms = {window_ms}, hop_ms = {} }}\n[towers.config]\n{}",
            quoted(&format!("{id}.audio")),
            quoted(id),
            self.weights_line(),
            window_ms / 2,
            table(config),
        );
    }
}

/// The towers of an export to ONNX.
impl HubModel {
    fn onnx_towers(&self, out: &mut String, id: &str) {
        let Some(Onnx { image, text }) = &self.onnx else { return };
        if let Some(TextTower { config, texts, tokenizer, files }) = text {
            let _ = write!(
                out,
                "\n[[towers]]\nid = {}\nmodality = \"text\"\nspace = {}\nfamily = \"onnx-text\"\n{}{}[towers.config]\n{}",
                quoted(&format!("{id}.text")),
                quoted(id),
                weights_line(files),
                tokenizer_lines(tokenizer, config.positions, texts),
                table(config),
            );
        }
        if let Some(ImageTower { config, view, files }) = image {
            let _ = write!(
                out,
                "\n[[towers]]\nid = {}\nmodality = \"image\"\nspace = {}\nfamily = \"onnx-image\"\n{}{}[towers.config]\n{}{}",
                quoted(&format!("{id}.image")),
                quoted(id),
                weights_line(files),
                view_lines(view),
                table(config),
                video_tower(id),
            );
        }
    }
}

fn weights_line(files: &[String]) -> String {
    let row = |file: &String| format!("  {{ role = \"own\", file = {} }},\n", quoted(file));
    let rows: Vec<String> = files.iter().map(row).collect();
    format!("weights = [\n{}]\n", rows.concat())
}

/// A tokenizer of so many tokens, and the passages that fit it.
fn tokenizer_lines(file: &str, positions: usize, texts: &Texts) -> String {
    let Texts { lower, strip_punctuation, pad } = texts;
    let pad = pad.map_or_else(String::new, |(token, side)| {
        let side = match side {
            PadSide::Left => "left",
            PadSide::Right => "right",
        };
        format!(", pad = {{ to = {positions}, id = {token}, side = \"{side}\" }}")
    });
    let (file, (words, overlap)) = (quoted(file), words_of(positions));
    format!(
        "tokenizer = {{ file = {file}, max_tokens = {positions}, lower = {lower}, strip_punctuation = {strip_punctuation}{pad} }}\n\
         cut = {{ words = {words}, overlap = {overlap} }}\n"
    )
}

/// What is done to an image before a tower sees it.
fn view_lines(view: &View) -> String {
    let View { size, fit, filter, rescale, mean, deviation } = view;
    let filter = match filter {
        ImageFilter::Bicubic => "bicubic-pillow",
        ImageFilter::Bilinear => "bilinear-pillow",
        ImageFilter::Lanczos => "lanczos-pillow",
    };
    let (mode, resized, crop) = match fit {
        Fit::Squash => ("squash", *size, None),
        Fit::CropCentre => ("crop", *size, None),
        Fit::Shortest { edge } => ("shortest", *edge as usize, Some(size)),
    };
    let crop = crop.map_or_else(String::new, |size| format!("  {{ op = \"crop\", size = {size} }},\n"));
    format!(
        "preprocess = [\n  {{ op = \"resize\", mode = \"{mode}\", size = {resized}, filter = \"{filter}\" }},\n{crop}\
         \x20 {{ op = \"normalise\", rescale = {rescale:?}, mean = {mean:?}, scale = {deviation:?} }},\n]\n"
    )
}

/// Videos are the images that they are made of.
fn video_tower(id: &str) -> String {
    let (video, space, image) = (quoted(&format!("{id}.video")), quoted(id), quoted(&format!("{id}.image")));
    format!(
        "\n[[towers]]\nid = {video}\nmodality = \"video\"\nspace = {space}\nfamily = \"frame-mean\"\nuses = {image}\n"
    )
}

/// Words of a passage for so many tokens, and those that it shares with the one before.
fn words_of(tokens: usize) -> (usize, usize) {
    let words = (tokens * WORDS_OF_TOKENS.0 / WORDS_OF_TOKENS.1).max(2);
    (words, words / OVERLAP)
}

/// A configuration as lines of TOML.
fn table<C: serde::Serialize>(config: &C) -> String {
    let lines = match serde_json::to_value(config) {
        Ok(serde_json::Value::Object(values)) => values
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| format!("{key} = {value}\n"))
            .collect(),
        Ok(_) | Err(_) => Vec::new(),
    };
    lines.concat()
}

/// A string of TOML; JSON's are such.
fn quoted(text: &str) -> String {
    serde_json::Value::String(text.to_owned()).to_string()
}
