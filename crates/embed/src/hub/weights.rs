//! Which files of a folder hold the weights.

use std::collections::BTreeSet;

use serde_json::Value;

use super::values::object;
use super::{CONFIG, OPEN_CLIP_CONFIG, fault};
use crate::weights::Weights;
use crate::{BundleFiles, EmbedError};

const WHOLE: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";
const OPEN_CLIP: &str = "open_clip_model.safetensors";
/// Files of pickled weights, which this program does not read: unpickling runs what is in them.
const PICKLED: [&str; 3] =
    ["pytorch_model.bin", "pytorch_model.bin.index.json", "open_clip_pytorch_model.bin"];
/// Most files of one model.
const MAX_SHARDS: usize = 1000;

/// Whose configuration describes the weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    Transformers,
    OpenClip,
}

/// The files of weights.
#[derive(Debug, Clone)]
pub(super) struct Named {
    pub(super) layout: Layout,
    pub(super) files: Vec<String>,
}

/// Finds the files, and reads their headers.
pub(super) fn find(files: &dyn BundleFiles) -> Result<Named, EmbedError> {
    let has = |name: &str| files.open(name).is_ok();
    let named = if has(CONFIG) && has(INDEX) {
        Named { layout: Layout::Transformers, files: shards(files)? }
    } else if has(CONFIG) && has(WHOLE) {
        Named { layout: Layout::Transformers, files: vec![WHOLE.to_owned()] }
    } else if has(OPEN_CLIP_CONFIG) && has(OPEN_CLIP) {
        Named { layout: Layout::OpenClip, files: vec![OPEN_CLIP.to_owned()] }
    } else if let Some(pickled) = PICKLED.into_iter().find(|name| has(name)) {
        let what = "its weights are pickled, which this program does not read: take a revision of the model with \
                    model.safetensors, or write one with `save_pretrained`";
        return Err(fault(pickled, what));
    } else if has(CONFIG) || has(OPEN_CLIP_CONFIG) {
        return Err(EmbedError::MissingFile { name: WHOLE.to_owned() });
    } else {
        return Err(EmbedError::MissingFile { name: CONFIG.to_owned() });
    };
    let opened = named.files.iter().map(|file| Ok((file.clone(), files.open(file)?)));
    Weights::of_files(opened.collect::<Result<_, EmbedError>>()?)?;
    Ok(named)
}

/// The files that an index names. Each weight must lie in the one that it is said to.
fn shards(files: &dyn BundleFiles) -> Result<Vec<String>, EmbedError> {
    let index = object(files, INDEX)?;
    let map = index.value("weight_map").and_then(Value::as_object);
    let map = map.ok_or_else(|| index.fault("weight_map is missing"))?;
    let named: BTreeSet<&str> = map.values().filter_map(Value::as_str).collect();
    if named.is_empty() || named.len() > MAX_SHARDS {
        return Err(index.fault(format!("{} files of weights", named.len())));
    }
    for file in &named {
        let weights = Weights::parse(file, files.open(file)?)?;
        let missing = map.iter().find(|(name, of)| of.as_str() == Some(file) && !weights.has(name));
        if let Some((name, _)) = missing {
            return Err(EmbedError::MissingWeight { file: (*file).to_owned(), name: name.clone() });
        }
    }
    Ok(named.into_iter().map(str::to_owned).collect())
}
