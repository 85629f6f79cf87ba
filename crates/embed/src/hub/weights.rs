//! Which files of a folder hold the weights.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::values::{Object, object};
use super::{CONFIG, OPEN_CLIP_CONFIG, fault};
use crate::weights::Weights;
use crate::{BundleFiles, EmbedError};

const WHOLE: &str = "model.safetensors";
pub(super) const INDEX: &str = "model.safetensors.index.json";
const OPEN_CLIP: &str = "open_clip_model.safetensors";
/// Files of pickled weights, which this program does not read: unpickling runs what is in them.
const PICKLED: [&str; 3] =
    ["pytorch_model.bin", "pytorch_model.bin.index.json", "open_clip_pytorch_model.bin"];
/// What names of files of weights end with.
const SUFFIX: &str = ".safetensors";
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
    let named = named(files)?;
    if named.layout == Layout::Transformers && files.open(INDEX).is_ok() {
        check_shards(files, &named.files)?;
    }
    opened(files, &named.files)?;
    Ok(named)
}

/// The weights of files of one model.
pub(super) fn opened(files: &dyn BundleFiles, named: &[String]) -> Result<Weights, EmbedError> {
    let opened = named.iter().map(|file| Ok((file.clone(), files.open(file)?)));
    Weights::of_files(opened.collect::<Result<_, EmbedError>>()?)
}

/// Finds the files by their names and the index alone.
pub(super) fn named(files: &dyn BundleFiles) -> Result<Named, EmbedError> {
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
    Ok(named)
}

/// The files that an index names.
fn shards(files: &dyn BundleFiles) -> Result<Vec<String>, EmbedError> {
    let index = object(files, INDEX)?;
    let map = weight_map(&index)?;
    let named: BTreeSet<&str> = map.values().filter_map(Value::as_str).collect();
    if named.is_empty() || named.len() > MAX_SHARDS {
        return Err(index.fault(format!("{} files of weights", named.len())));
    }
    if let Some(file) = named.iter().find(|file| !is_plain(file)) {
        return Err(index.fault(format!("{file:?} is no name of a file of weights beside it")));
    }
    Ok(named.into_iter().map(str::to_owned).collect())
}

fn weight_map(index: &Object) -> Result<&Map<String, Value>, EmbedError> {
    let map = index.value("weight_map").and_then(Value::as_object);
    map.ok_or_else(|| index.fault("weight_map is missing"))
}

/// Whether a name is that of a file of the same folder, and of no configuration or program.
fn is_plain(file: &str) -> bool {
    file.ends_with(SUFFIX) && !file.starts_with('.') && !file.contains(['/', '\\', '\0'])
}

/// Each weight must lie in the file that the index says.
fn check_shards(files: &dyn BundleFiles, named: &[String]) -> Result<(), EmbedError> {
    let index = object(files, INDEX)?;
    let map = weight_map(&index)?;
    for file in named {
        let weights = Weights::parse(file, files.open(file)?)?;
        let missing = map.iter().find(|(name, of)| of.as_str() == Some(file) && !weights.has(name));
        if let Some((name, _)) = missing {
            return Err(EmbedError::MissingWeight { file: file.clone(), name: name.clone() });
        }
    }
    Ok(())
}
