//! Two towers that were exported to ONNX, each in a folder of its own, as photo servers lay them out.
//!
//! ```text
//! visual/model.onnx    visual/preprocess_cfg.json      open_clip's words for size, fit, filter, mean and deviation
//! textual/model.onnx   textual/tokenizer.json, textual/tokenizer_config.json
//! config.json          open_clip's configuration: embed_dim, vision_cfg, text_cfg
//! ```
//! What describes a tower may lie beside the two folders as well. What a file says of itself counts before a configuration, which may be
//! missing where files say enough.

use sensorium_onnx::Graph;

use super::texts::{self, RULES, TOKENIZER, Texts};
use super::values::{Object, object, object_if_there};
use super::view::{self, View};
use super::{CONFIG, OPEN_CLIP_CONFIG, fault};
use crate::encoders::{ImagePorts, Offered, OnnxImageConfig, OnnxTextConfig, TextPorts, graph_of, of_file};
use crate::tokenizer::{PadSide, Tokenizer};
use crate::{BundleFiles, EmbedError};

/// What these are called.
pub(super) const FAMILY: &str = "ONNX";
const IMAGE: &str = "visual/model.onnx";
const TEXT: &str = "textual/model.onnx";
const VIEW: &str = "preprocess_cfg.json";
/// Tokens of a text where nothing says how many.
///
/// # Source
/// open_clip `model.py`, `CLIPTextCfg`
const POSITIONS: usize = 77;
/// Side of an image where nothing says it: `CLIPVisionCfg` of the same file.
const SIZE: usize = 224;
/// Tokens that fill texts up in vocabularies whose rules name none: CLIP's, Gemma's, T5's.
const PADS: [&str; 3] = ["<|endoftext|>", "<pad>", "</s>"];

/// The towers.
#[derive(Debug, Clone)]
pub(super) struct Onnx {
    pub(super) image: Option<ImageTower>,
    pub(super) text: Option<TextTower>,
}

/// The image tower.
#[derive(Debug, Clone)]
pub(super) struct ImageTower {
    pub(super) config: OnnxImageConfig,
    pub(super) view: View,
    /// The model, and the files with numbers of it.
    pub(super) files: Vec<String>,
}

/// The text tower.
#[derive(Debug, Clone)]
pub(super) struct TextTower {
    pub(super) config: OnnxTextConfig,
    pub(super) texts: Texts,
    /// The file of its tokenizer.
    pub(super) tokenizer: String,
    /// The model, and the files with numbers of it.
    pub(super) files: Vec<String>,
}

/// Whether a folder has one of the towers.
pub(super) fn is_here(files: &dyn BundleFiles) -> bool {
    [IMAGE, TEXT].iter().any(|name| files.open(name).is_ok())
}

/// What is said of such a model on a hub.
pub(super) fn not_fetched() -> EmbedError {
    let what = "an export to ONNX, which is not fetched: bring its folder here by other means, and take `models add FOLDER`";
    fault(IMAGE, what)
}

/// The length of a vector, and the towers.
pub(super) fn read(files: &dyn BundleFiles) -> Result<(usize, Onnx), EmbedError> {
    let config = [CONFIG, OPEN_CLIP_CONFIG].iter().find_map(|name| object_if_there(files, name).transpose());
    let config = config.transpose()?.unwrap_or_else(|| Object::empty(CONFIG));
    let model = if config.value("model_cfg").is_some() { config.part("model_cfg") } else { config };
    let (image, text) = (graph(files, IMAGE)?, graph(files, TEXT)?);
    let told = [&image, &text].into_iter().flatten().find_map(|(graph, _)| Offered::from(graph).dim());
    let dim = match told {
        Some(dim) => model.count("embed_dim", dim)?,
        None => model.needed_count("embed_dim")?,
    };
    let image = image.map(|(graph, own)| image_tower(files, &model, &graph, own)).transpose()?;
    let text = text.map(|(graph, own)| text_tower(files, &model, &graph, own)).transpose()?;
    Ok((dim, Onnx { image, text }))
}

impl Onnx {
    /// Every file of the model, without its configuration.
    pub(super) fn files(&self) -> Vec<String> {
        let image = self.image.iter().flat_map(|tower| tower.files.iter().cloned());
        let text =
            self.text.iter().flat_map(|tower| tower.files.iter().cloned().chain([tower.tokenizer.clone()]));
        image.chain(text).collect()
    }

    /// Whether inputs and outputs are those of towers of this length, as far as files say them.
    pub(super) fn check(&self, files: &dyn BundleFiles, dim: usize) -> Result<(), EmbedError> {
        if let (Some(ImageTower { config, .. }), Some((graph, _))) = (&self.image, graph(files, IMAGE)?) {
            ImagePorts::of(Offered::from(&graph), config, dim).map_err(of_file(IMAGE))?;
        }
        if let (Some(TextTower { config, .. }), Some((graph, _))) = (&self.text, graph(files, TEXT)?) {
            TextPorts::of(Offered::from(&graph), config, dim).map_err(of_file(TEXT))?;
        }
        Ok(())
    }
}

/// What a file says of itself, and it with those beside it.
fn graph(files: &dyn BundleFiles, name: &str) -> Result<Option<(Graph, Vec<String>)>, EmbedError> {
    let bytes = match files.open(name) {
        Ok(bytes) => bytes,
        Err(EmbedError::MissingFile { .. }) => return Ok(None),
        Err(error) => return Err(error),
    };
    let (graph, beside) = graph_of(name, &bytes)?;
    for file in &beside {
        files.open(file)?;
    }
    Ok(Some((graph, [name.to_owned()].into_iter().chain(beside).collect())))
}

/// A size that a file says, of its input of so many sizes.
fn told(graph: &Graph, rank: usize, at: usize) -> Option<usize> {
    let input = graph.inputs.iter().find(|port| port.dims.len() == rank)?;
    input.dims.get(at).copied().flatten()
}

fn image_tower(
    files: &dyn BundleFiles,
    model: &Object,
    graph: &Graph,
    own: Vec<String>,
) -> Result<ImageTower, EmbedError> {
    let view = match object_if_there(files, &beside(IMAGE, VIEW))? {
        Some(view) => view,
        None => object(files, VIEW)?,
    };
    let size = match told(graph, 4, 2) {
        Some(size) => size,
        None => view.side("size", model.part("vision_cfg").side("image_size", SIZE)?)?,
    };
    let view = view::of_preprocess_cfg(&view, size)?;
    let config = OnnxImageConfig { size, input: None, output: None, cost: None };
    match config.fault() {
        Some(what) => Err(fault(IMAGE, what)),
        None => Ok(ImageTower { config, view, files: own }),
    }
}

fn text_tower(
    files: &dyn BundleFiles,
    model: &Object,
    graph: &Graph,
    own: Vec<String>,
) -> Result<TextTower, EmbedError> {
    let text = model.part("text_cfg");
    let positions = match told(graph, 2, 1) {
        Some(positions) => text.count("context_length", positions)?,
        None => text.count("context_length", POSITIONS)?,
    };
    let config = OnnxTextConfig { positions, input: None, mask: None, output: None, cost: None };
    if let Some(what) = config.fault() {
        return Err(fault(TEXT, what));
    }
    let tokenizer = [beside(TEXT, TOKENIZER), TOKENIZER.to_owned()];
    let tokenizer = tokenizer.iter().find(|name| files.open(name).is_ok()).cloned();
    let tokenizer = tokenizer.ok_or_else(|| EmbedError::MissingFile { name: beside(TEXT, TOKENIZER) })?;
    let texts = texts_of(files, &text, &tokenizer, positions)?;
    Ok(TextTower { config, texts, tokenizer, files: own })
}

/// What is done to a text. Every text is filled up: files are exported for one length as often as for any, and towers that look no
/// further than a text's end do not see it.
fn texts_of(
    files: &dyn BundleFiles,
    text: &Object,
    tokenizer: &str,
    positions: usize,
) -> Result<Texts, EmbedError> {
    let options = text.part("tokenizer_kwargs");
    if options.flag("strip_sep_token", false)? {
        return Err(options.fault("strip_sep_token, which this program does not do"));
    }
    let canonical = options.text("clean") == Some("canonicalize");
    // Of open_clip's towers those without a causal mask were trained on small letters, whatever their tokenizer's file does.
    let lower = canonical || text.flag("no_causal_mask", false)?;
    let vocabulary = Tokenizer::load(tokenizer, &files.read(tokenizer)?, positions)?;
    let rules = object_if_there(files, &beside(tokenizer, RULES))?;
    let side = texts::padding_side(rules.as_ref())?.unwrap_or(PadSide::Right);
    let named = texts::pad_token(rules.as_ref());
    let usual = || PADS.into_iter().find(|pad| vocabulary.id(pad).is_some()).map(str::to_owned);
    let pad = named.or_else(usual).ok_or_else(|| fault(tokenizer, "no token that fills texts up"))?;
    let id = vocabulary.id(&pad).ok_or_else(|| {
        fault(tokenizer, format!("the token {pad:?}, which fills texts up, is not in the vocabulary"))
    })?;
    Ok(Texts { lower, strip_punctuation: canonical, pad: Some((id, side)) })
}

/// The name of a file in the folder of another.
fn beside(file: &str, name: &str) -> String {
    file.rsplit_once('/').map_or_else(|| name.to_owned(), |(folder, _)| format!("{folder}/{name}"))
}
