//! Where the cosines of images and texts that do not belong together are known to lie.
//!
//! | model | band | source |
//! | --- | --- | --- |
//! | CLIP ViT-B/32 of OpenAI | 0 to 0.4 | arXiv:2104.08718, section 3, footnote 6 |
//! | its other sizes, TinyCLIP, OpenCLIP, SigLIP, SigLIP 2, CLAP | none is published | |
//!
//! The source saw no negative cosine and values from roughly 0 to roughly 0.4 whatever the pair, and says that other models
//! may differ. The mean of pairs that do not belong together lies within that of all pairs.

use super::{Family, HubModel};
use crate::encoders::{Act, ImagePool, VitImageConfig};

/// What somebody published of the cosines of images and texts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KnownBand {
    /// The least.
    pub low: f32,
    /// The largest.
    pub high: f32,
    /// Who published it of which model.
    pub source: &'static str,
}

/// # Source
/// Hessel and others, "CLIPScore: A Reference-free Evaluation Metric for Image Captioning", arXiv:2104.08718, section 3,
/// footnote 6, and appendix B, which limits it to this model.
const CLIP_B32: KnownBand =
    KnownBand { low: 0.0, high: 0.4, source: "CLIP ViT-B/32, arXiv:2104.08718, section 3, footnote 6" };

impl KnownBand {
    /// Whether a cosine lies in it.
    pub fn holds(&self, cosine: f32) -> bool {
        (self.low..=self.high).contains(&cosine)
    }
}

impl HubModel {
    /// What is published of the cosines of this model's images and texts, if anything. Models are known by their sizes and their
    /// activation: a folder does not say who trained it.
    pub fn known_band(&self) -> Option<KnownBand> {
        let (image, _) = self.image.as_ref()?;
        let VitImageConfig { size, patch, d, layers, activation, pool, .. } = *image;
        let is_b32 = self.family == Family::Clip.name()
            && (size, patch, d, layers, self.dim) == (224, 32, 768, 12, 512)
            && activation == Act::QuickGelu
            && pool == ImagePool::Class;
        is_b32.then_some(CLIP_B32)
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use crate::weights::FileBytes;
    use crate::{BundleFiles, EmbedError};

    /// Configurations alone; the weights have no tensors.
    #[derive(Debug)]
    struct Described(&'static str);

    impl BundleFiles for Described {
        fn read(&self, name: &str) -> Result<Cow<'_, [u8]>, EmbedError> {
            let text = match name {
                "config.json" => self.0,
                "preprocessor_config.json" => {
                    r#"{"crop_size": 224, "do_center_crop": true, "resample": 3, "size": 224}"#
                }
                "tokenizer.json" => {
                    let root = std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo runs this");
                    let golden = "../../tests/golden/vit/clip-f32/tokenizer.json";
                    return Ok(fs_err::read(std::path::PathBuf::from(root).join(golden))
                        .expect("a file")
                        .into());
                }
                _ => return Err(EmbedError::MissingFile { name: name.to_owned() }),
            };
            Ok(Cow::Borrowed(text.as_bytes()))
        }

        fn open(&self, name: &str) -> Result<FileBytes, EmbedError> {
            match name {
                "model.safetensors" => Ok(FileBytes::fixed(b"\x02\0\0\0\0\0\0\0{}")),
                name => self.read(name).map(|bytes| FileBytes::owned(bytes.into_owned())),
            }
        }
    }

    fn band(config: &'static str) -> Option<KnownBand> {
        HubModel::read(&Described(config)).unwrap_or_else(|error| panic!("{config}: {error}")).known_band()
    }

    #[test]
    fn a_band_is_that_of_the_model_it_was_published_of() {
        let b32 = r#"{"model_type": "clip", "projection_dim": 512, "text_config": {"eos_token_id": 2}, "vision_config": {}}"#;
        assert_eq!(band(b32), Some(CLIP_B32));
        for other in [
            // L/14, B/16, and B/32 of LAION, which has another activation.
            r#"{"model_type": "clip", "projection_dim": 768, "text_config": {"eos_token_id": 2, "hidden_size": 768, "num_attention_heads": 12},
                "vision_config": {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16, "patch_size": 14}}"#,
            r#"{"model_type": "clip", "projection_dim": 512, "text_config": {"eos_token_id": 2}, "vision_config": {"patch_size": 16}}"#,
            r#"{"model_type": "clip", "projection_dim": 512, "text_config": {"eos_token_id": 2, "hidden_act": "gelu"},
                "vision_config": {"hidden_act": "gelu"}}"#,
        ] {
            assert_eq!(band(other), None, "{other}");
        }
    }

    #[test]
    fn a_band_holds_its_ends() {
        for (cosine, holds) in
            [(0.0, true), (0.21, true), (0.4, true), (-0.001, false), (0.41, false), (f32::NAN, false)]
        {
            assert_eq!(CLIP_B32.holds(cosine), holds, "{cosine}");
        }
    }
}
