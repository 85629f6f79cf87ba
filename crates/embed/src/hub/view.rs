//! How an image is brought to a tower's size, and what its bytes count.

use super::values::{Object, object_if_there};
use super::{Family, fault};
use crate::{BundleFiles, EmbedError, Fit, ImageFilter};

/// The configuration of an image processor; newer releases write it within another file.
pub(super) const PREPROCESSOR: &str = "preprocessor_config.json";
pub(super) const PROCESSOR: &str = "processor_config.json";

/// # Source
/// transformers `image_utils.py`, `OPENAI_CLIP_MEAN` and `OPENAI_CLIP_STD`
const CLIP_MEAN: [f32; 3] = [0.481_454_66, 0.457_827_5, 0.408_210_73];
const CLIP_DEVIATION: [f32; 3] = [0.268_629_54, 0.261_302_6, 0.275_777_1];
/// # Source
/// transformers `image_utils.py`, `IMAGENET_STANDARD_MEAN` and `IMAGENET_STANDARD_STD`
const SIGLIP_MEAN: [f32; 3] = [0.5; 3];
const SIGLIP_DEVIATION: [f32; 3] = [0.5; 3];
/// A byte as a share of its largest value.
const RESCALE: f64 = 1.0 / 255.0;
/// Pillow's number of its bicubic filter.
const BICUBIC: usize = 3;

/// What an image becomes before it is numbers, and what its bytes count.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct View {
    pub(super) size: usize,
    pub(super) fit: Fit,
    pub(super) filter: ImageFilter,
    pub(super) rescale: f64,
    pub(super) mean: [f32; 3],
    pub(super) deviation: [f32; 3],
}

impl View {
    /// Refuses one of another size than the tower's.
    fn checked(self, file: &str, size: usize) -> Result<Self, EmbedError> {
        if self.size == size {
            return Ok(self);
        }
        let made = self.size;
        Err(fault(file, format!("images are brought to {made} pixels, and the image tower sees {size}")))
    }
}

/// A view by an image processor of transformers.
///
/// # Source
/// transformers `models/clip/image_processing_clip.py`, `models/siglip/image_processing_siglip.py`
pub(super) fn of_transformers(
    files: &dyn BundleFiles,
    family: Family,
    size: usize,
) -> Result<View, EmbedError> {
    let own = object_if_there(files, PREPROCESSOR)?;
    let within =
        || Ok::<_, EmbedError>(object_if_there(files, PROCESSOR)?.map(|of| of.part("image_processor")));
    let processor = match own {
        Some(own) => own,
        None => within()?.ok_or_else(|| EmbedError::MissingFile { name: PREPROCESSOR.to_owned() })?,
    };
    let is_clip = family == Family::Clip;
    let (mean, deviation) =
        if is_clip { (CLIP_MEAN, CLIP_DEVIATION) } else { (SIGLIP_MEAN, SIGLIP_DEVIATION) };
    if !processor.flag("do_resize", true)? {
        return Err(processor.fault("images are not resized (do_resize)"));
    }
    let (side, fit) = square(&processor, is_clip, size)?;
    let rescale =
        if processor.flag("do_rescale", true)? { processor.number("rescale_factor", RESCALE)? } else { 1.0 };
    let normalises = processor.flag("do_normalize", true)?;
    let view = View {
        size: side,
        fit,
        filter: filter(&processor)?,
        rescale,
        mean: if normalises { processor.colours("image_mean", mean)? } else { [0.0; 3] },
        deviation: if normalises { processor.colours("image_std", deviation)? } else { [1.0; 3] },
    };
    if view.deviation.contains(&0.0) {
        return Err(processor.fault("image_std has a 0"));
    }
    view.checked(&processor.file, size)
}

/// Side and fit by `size`, `crop_size` and `do_center_crop`.
fn square(processor: &Object, crops: bool, size: usize) -> Result<(usize, Fit), EmbedError> {
    let crops = processor.flag("do_center_crop", crops)?;
    let sizes = processor.part("size");
    // A lone number is the shorter side for CLIP's processor, and the side of a square for SigLIP's.
    let lone = processor.value("size").is_some_and(serde_json::Value::is_number);
    let shortest = match (sizes.value("shortest_edge"), lone && crops) {
        (Some(_), _) => Some(sizes.count("shortest_edge", size)?),
        (None, true) => Some(processor.count("size", size)?),
        (None, false) if processor.value("size").is_none() && crops => Some(size),
        (None, false) => None,
    };
    match (shortest, crops) {
        (Some(edge), true) => {
            let crop = processor.side("crop_size", size)?;
            if crop > edge {
                return Err(processor.fault(format!("a crop of {crop} pixels out of {edge}")));
            }
            let edge = u32::try_from(edge).map_err(|_| processor.fault("an image of no size"))?;
            Ok((crop, Fit::Shortest { edge }))
        }
        (Some(_), false) => Err(processor.fault("images that are no squares (shortest_edge without a crop)")),
        (None, true) => {
            let (side, crop) = (processor.side("size", size)?, processor.side("crop_size", size)?);
            if side == crop {
                return Ok((side, Fit::Squash));
            }
            Err(processor.fault(format!("a crop of {crop} pixels out of a square of {side}")))
        }
        (None, false) => Ok((processor.side("size", size)?, Fit::Squash)),
    }
}

fn filter(processor: &Object) -> Result<ImageFilter, EmbedError> {
    match processor.count("resample", BICUBIC)? {
        1 => Ok(ImageFilter::Lanczos),
        2 => Ok(ImageFilter::Bilinear),
        BICUBIC => Ok(ImageFilter::Bicubic),
        other => {
            Err(processor.fault(format!("resample is {other}, a filter that this program does not have")))
        }
    }
}

/// A view by `open_clip_config.json`.
///
/// # Source
/// open_clip `transform.py`, `PreprocessCfg`
pub(super) fn of_open_clip(config: &Object, size: usize) -> Result<View, EmbedError> {
    of_preprocess_cfg(&config.part("preprocess_cfg"), size)
}

/// The same by that part of it, which may be a file of its own.
pub(super) fn of_preprocess_cfg(own: &Object, size: usize) -> Result<View, EmbedError> {
    if let Some(mode) = own.text("mode").filter(|mode| *mode != "RGB") {
        return Err(own.fault(format!("images in {mode:?} (mode), and this program gives RGB")));
    }
    let side = own.side("size", size)?;
    let filter = match own.text("interpolation").unwrap_or("bicubic") {
        "bicubic" => ImageFilter::Bicubic,
        "bilinear" => ImageFilter::Bilinear,
        other => {
            let what = format!("interpolation is {other:?}, a filter that this program does not have");
            return Err(own.fault(what));
        }
    };
    let edge = u32::try_from(side).map_err(|_| own.fault("an image of no size"))?;
    let fit = match own.text("resize_mode").unwrap_or("shortest") {
        "shortest" => Fit::Shortest { edge },
        "squash" => Fit::Squash,
        other => {
            return Err(own.fault(format!("resize_mode is {other:?}, which this program does not do")));
        }
    };
    let view = View {
        size: side,
        fit,
        filter,
        rescale: RESCALE,
        mean: own.colours("mean", CLIP_MEAN)?,
        deviation: own.colours("std", CLIP_DEVIATION)?,
    };
    view.checked(&own.file, size)
}
