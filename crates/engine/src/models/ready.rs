//! Public models that are known to be of a kind that this program runs.

/// A public image-text or audio-text model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadyModel {
    /// The name that it is usually added by.
    pub name: &'static str,
    /// Its name on the hub.
    pub source: &'static str,
    /// The revision that holds weights which this program reads.
    pub revision: &'static str,
    /// The licence of its weights, by its model card or its authors' repository.
    pub licence: &'static str,
    /// Numbers of a vector.
    pub dim: usize,
    /// What to look at before it is fetched; empty if nothing.
    pub note: &'static str,
}

/// The models, smallest first. Headers of most of their files stand in `tests/golden/headers`.
pub const READY: [ReadyModel; 8] = [
    ReadyModel {
        name: "tinyclip-39m",
        source: "wkcn/TinyCLIP-ViT-39M-16-Text-19M-YFCC15M",
        revision: "main",
        licence: "MIT",
        dim: 512,
        note: "",
    },
    ReadyModel {
        name: "clip-b32",
        source: "openai/clip-vit-base-patch32",
        revision: "refs/pr/15",
        licence: "MIT",
        dim: 512,
        note: "model.safetensors lies in its revision refs/pr/15",
    },
    ReadyModel {
        name: "clip-b32-256-datacomp",
        source: "laion/CLIP-ViT-B-32-256x256-DataComp-s34B-b86K",
        revision: "main",
        licence: "MIT",
        dim: 512,
        note: "",
    },
    ReadyModel {
        name: "clap-htsat",
        source: "laion/clap-htsat-unfused",
        revision: "main",
        licence: "Apache-2.0",
        dim: 512,
        note: "hears sounds; take a revision of it with model.safetensors",
    },
    ReadyModel {
        name: "clap",
        source: "laion/larger_clap_general",
        revision: "main",
        licence: "Apache-2.0",
        dim: 512,
        note: "hears sounds; take a revision of it with model.safetensors",
    },
    ReadyModel {
        name: "siglip2-b32",
        source: "google/siglip2-base-patch32-256",
        revision: "main",
        licence: "Apache-2.0",
        dim: 768,
        note: "",
    },
    ReadyModel {
        name: "siglip2-b16",
        source: "google/siglip2-base-patch16-224",
        revision: "main",
        licence: "Apache-2.0",
        dim: 768,
        note: "",
    },
    ReadyModel {
        name: "clip-l14",
        source: "openai/clip-vit-large-patch14",
        revision: "main",
        licence: "MIT",
        dim: 768,
        note: "",
    },
];

/// The model of a name.
pub fn ready(name: &str) -> Option<&'static ReadyModel> {
    READY.iter().find(|ready| ready.name == name)
}
