//! What reference classes computed, for the tests of this folder.

use std::path::Path;

use sensorium_kernels::{dot, l2_normalize};

use super::HubModel;
use crate::weights::{FileBytes, Weights};
use crate::{BundleFiles as _, FolderFiles};

/// Arrays beside a model of random weights, and the texts that they are of.
pub(super) struct Golden {
    pub(super) arrays: Weights,
    pub(super) texts: Vec<String>,
}

impl Golden {
    pub(super) fn open(folder: &Path) -> Self {
        let bytes = fs_err::read(folder.join("golden.safetensors")).unwrap();
        let (_, header) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
        let texts = serde_json::from_str(&header.metadata().as_ref().unwrap()["texts"]).unwrap();
        Self { arrays: Weights::parse("golden", FileBytes::owned(bytes)).unwrap(), texts }
    }

    pub(super) fn floats(&mut self, name: &str) -> Vec<f32> {
        let shape = self.arrays.shape(name).unwrap();
        self.arrays.floats(name, &shape).unwrap()
    }

    pub(super) fn ids(&mut self, number: usize) -> Vec<u32> {
        let name = format!("text.{number}.ids");
        let shape = self.arrays.shape(&name).unwrap();
        self.arrays.long(&name, &shape).unwrap().into_iter().map(|id| u32::try_from(id).unwrap()).collect()
    }
}

/// The weights of a model in a folder.
pub(super) fn weights_of(folder: &Path, model: &HubModel) -> Weights {
    let files = FolderFiles(folder.to_owned());
    let opened = model.weights.iter().map(|file| (file.clone(), files.open(file).unwrap()));
    Weights::of_files(opened.collect()).unwrap()
}

/// That of a vector of length 1 with one of any.
pub(super) fn cosine(ours: &[f32], mut expected: Vec<f32>) -> f32 {
    l2_normalize(&mut expected);
    assert_eq!(ours.len(), expected.len());
    dot(ours, &expected)
}
