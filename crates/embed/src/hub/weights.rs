//! Which files of a folder hold the weights.
//!
//! | described by | one file | shards, named by | pickled |
//! | --- | --- | --- | --- |
//! | `config.json` | `model.safetensors` | `model.safetensors.index.json` | `pytorch_model.bin`, or shards |
//! | `open_clip_config.json` | `open_clip_model.safetensors` | `open_clip_model.safetensors.index.json` | `open_clip_pytorch_model.bin`, or shards |
//!
//! Pickled weights are taken where nothing else is there. They are never loaded: with their user's consent `sensorium-hub` reads them
//! without running them and writes them anew.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::values::{Object, object};
use super::{CONFIG, OPEN_CLIP_CONFIG, fault};
use crate::weights::Weights;
use crate::{BundleFiles, EmbedError};

/// What names of files of weights end with.
const SUFFIX: &str = ".safetensors";
const PICKLED_SUFFIX: &str = ".bin";
/// Most files of one model.
const MAX_SHARDS: usize = 1000;

/// Whose configuration describes the weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    Transformers,
    OpenClip,
}

/// What files are called in a layout.
#[derive(Debug)]
struct Names {
    layout: Layout,
    config: &'static str,
    whole: &'static str,
    index: &'static str,
    pickled: &'static str,
    pickled_index: &'static str,
}

/// The names of each layout, in the order in which they are looked for.
const LAYOUTS: [Names; 2] = [
    Names {
        layout: Layout::Transformers,
        config: CONFIG,
        whole: "model.safetensors",
        index: INDEXES[0],
        pickled: "pytorch_model.bin",
        pickled_index: PICKLED_INDEXES[0],
    },
    Names {
        layout: Layout::OpenClip,
        config: OPEN_CLIP_CONFIG,
        whole: "open_clip_model.safetensors",
        index: INDEXES[1],
        pickled: "open_clip_pytorch_model.bin",
        pickled_index: PICKLED_INDEXES[1],
    },
];
/// What names the shards of a model.
pub(super) const INDEXES: [&str; 2] =
    ["model.safetensors.index.json", "open_clip_model.safetensors.index.json"];
/// The same of pickled ones.
pub(super) const PICKLED_INDEXES: [&str; 2] =
    ["pytorch_model.bin.index.json", "open_clip_pytorch_model.bin.index.json"];

/// The files of weights.
#[derive(Debug, Clone)]
pub(super) struct Named {
    pub(super) layout: Layout,
    pub(super) files: Vec<String>,
    /// What names them, where they are several.
    index: Option<&'static str>,
}

/// Pickled files of weights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PickledWeights {
    /// Their names.
    pub files: Vec<String>,
    /// The file that they become, which a model is loaded from.
    pub becomes: &'static str,
}

/// Finds the files, and reads their headers.
pub(super) fn find(files: &dyn BundleFiles) -> Result<Named, EmbedError> {
    let named = named(files)?;
    if let Some(index) = named.index {
        check_shards(files, index, &named.files)?;
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
    if let Some(named) = safe(files)? {
        return Ok(named);
    }
    if let Some((names, has_index)) = has_pickled(files) {
        let what = "its weights are pickled, which makes them a program: `--allow-pickle` of `models pull` and `models add` reads \
                    them without running it and keeps them as safetensors; or take a revision of the model with safetensors";
        return Err(fault(if has_index { names.pickled_index } else { names.pickled }, what));
    }
    let has = |name: &str| files.open(name).is_ok();
    let [first, ..] = &LAYOUTS;
    let described = LAYOUTS.iter().any(|names| has(names.config));
    let name = if described { first.whole } else { first.config };
    Err(EmbedError::MissingFile { name: name.to_owned() })
}

/// The files that are no pickles.
fn safe(files: &dyn BundleFiles) -> Result<Option<Named>, EmbedError> {
    let has = |name: &str| files.open(name).is_ok();
    for Names { layout, whole, index, .. } in LAYOUTS.iter().filter(|names| has(names.config)) {
        if has(index) {
            let files = shards(files, index, SUFFIX)?;
            return Ok(Some(Named { layout: *layout, files, index: Some(index) }));
        }
        if has(whole) {
            let files = vec![(*whole).to_owned()];
            return Ok(Some(Named { layout: *layout, files, index: None }));
        }
    }
    Ok(None)
}

/// The pickled files, where there are no others, and how the file that they become is described.
pub(super) fn pickled(files: &dyn BundleFiles) -> Result<Option<(Named, PickledWeights)>, EmbedError> {
    if safe(files)?.is_some() {
        return Ok(None);
    }
    let Some((names, has_index)) = has_pickled(files) else { return Ok(None) };
    let Names { layout, whole, pickled, pickled_index, .. } = *names;
    let found = match has_index {
        true => shards(files, pickled_index, PICKLED_SUFFIX)?,
        false => vec![pickled.to_owned()],
    };
    let named = Named { layout, files: vec![whole.to_owned()], index: None };
    Ok(Some((named, PickledWeights { files: found, becomes: whole })))
}

/// The layout of which there are pickled files, and whether an index names them; no file is read.
fn has_pickled(files: &dyn BundleFiles) -> Option<(&'static Names, bool)> {
    let has = |name: &str| files.open(name).is_ok();
    let found = |names: &&Names| has(names.config) && (has(names.pickled_index) || has(names.pickled));
    LAYOUTS.iter().find(found).map(|names| (names, has(names.pickled_index)))
}

/// The files that an index names.
fn shards(files: &dyn BundleFiles, index: &str, suffix: &str) -> Result<Vec<String>, EmbedError> {
    let index = object(files, index)?;
    let map = weight_map(&index)?;
    let named: BTreeSet<&str> = map.values().filter_map(Value::as_str).collect();
    if named.is_empty() || named.len() > MAX_SHARDS {
        return Err(index.fault(format!("{} files of weights", named.len())));
    }
    if let Some(file) = named.iter().find(|file| !is_plain(file, suffix)) {
        return Err(index.fault(format!("{file:?} is no name of a file of weights beside it")));
    }
    Ok(named.into_iter().map(str::to_owned).collect())
}

fn weight_map(index: &Object) -> Result<&Map<String, Value>, EmbedError> {
    let map = index.value("weight_map").and_then(Value::as_object);
    map.ok_or_else(|| index.fault("weight_map is missing"))
}

/// Whether a name is that of a file of the same folder, and of no configuration or program.
fn is_plain(file: &str, suffix: &str) -> bool {
    file.ends_with(suffix) && !file.starts_with('.') && !file.contains(['/', '\\', '\0'])
}

/// Each weight must lie in the file that the index says.
fn check_shards(files: &dyn BundleFiles, index: &str, named: &[String]) -> Result<(), EmbedError> {
    let index = object(files, index)?;
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
