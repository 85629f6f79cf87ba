//! What can be typed of models.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// `models`
#[derive(Debug, Subcommand)]
pub(crate) enum Models {
    /// The bundle in use: its parts, its space, its licences
    Info,
    /// The bundles that are here, and public models that can be added
    List,
    /// Try a model: a folder as the hub lays it out, or one that was added, whose files are compared with their hashes
    Check {
        /// Its name, or a folder
        #[arg(value_name = "NAME")]
        model: PathBuf,
    },
    /// Add a model: a folder with config.json, tokenizer.json, model.safetensors or shards, as the hub lays it out
    Add(AddModel),
    /// Remove a model
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

/// `models add`
#[derive(Debug, Args)]
#[command(after_help = "\
The files are copied. All weights are loaded, and captions of images, or sounds, that are a part of the program must find them: \
that catches a wrong activation, pooling, mean or tokenizer. How random pairs lie is measured on the same images or sounds.")]
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
    /// Take it though captions do not find their images or sounds
    #[arg(long)]
    pub(crate) unchecked: bool,
    /// I keep to a licence that forbids commercial use
    #[arg(long)]
    pub(crate) non_commercial: bool,
}
