//! Crops of photos, as many a photo as the number of points asks for, appended to one file. A run that was stopped goes on
//! where the file ends: what is cropped of a photo depends on its name alone.

use std::path::Path;

use sensorium_embed::{Bundle, Image, Input};
use sensorium_media::{Cancel, MediaInput, MediaPool, PartContent, Rgb, crop_resize};

use crate::manifest::{Random, Row};
use crate::{Error, note, raw};

/// Photos are decoded at this many times the encoder's size, so that a crop has pixels of its own.
pub(crate) const OVERSIZE: u32 = 2;
/// Share of the photo's area that a crop has.
const AREA: (f64, f64) = (0.3, 0.999);
/// Width over height of a crop, in the decoded square.
const ASPECT: (f64, f64) = (0.75, 1.333);
/// Photos between two lines of progress.
const PROGRESS: usize = 100;

/// The work: which photos, how many points, into what file.
#[derive(Debug)]
pub(crate) struct Crops<'a> {
    /// The photos, each at least once.
    pub(crate) photos: &'a [Row],
    /// Points in all.
    pub(crate) points: usize,
    /// Where vectors are appended.
    pub(crate) part: &'a Path,
}

impl Crops<'_> {
    /// Points before this photo.
    fn start(&self, photo: usize) -> usize {
        photo * self.points / self.photos.len().max(1)
    }

    /// Encodes what is missing.
    ///
    /// # Errors
    /// If a file cannot be written or the encoder fails. A photo that cannot be decoded is named, and more crops of the one
    /// before it take its place.
    pub(crate) fn encode(&self, bundle: &Bundle, pool: &MediaPool) -> Result<usize, Error> {
        let row_bytes = bundle.space().dim * size_of::<f32>();
        let mut file = fs_err::OpenOptions::new().create(true).append(true).open(self.part)?;
        let there = usize::try_from(file.metadata()?.len())? / row_bytes;
        let first = (0..self.photos.len()).find(|photo| self.start(photo + 1) > there);
        let Some(first) = first else { return Ok(0) };
        file.set_len((self.start(first) * row_bytes) as u64)?;
        let mut before: Option<Rgb> = None;
        let mut failed = 0;
        for (index, photo) in self.photos.iter().enumerate().skip(first) {
            let rgb = match decode(pool, &photo.path) {
                Ok(rgb) => rgb,
                Err(error) => {
                    failed += 1;
                    note(&format!("NOT DECODED: {}: {error}", photo.path.display()));
                    before.take().ok_or("the first photo cannot be decoded")?
                }
            };
            let mut random = Random(photo.hash);
            let count = self.start(index + 1) - self.start(index);
            let crops: Vec<Input> = (0..count)
                .map(|_| crop(&rgb, bundle.cutting().image_size, &mut random))
                .collect::<Result<_, _>>()?;
            raw::append(&mut file, &bundle.embed(&crops)?)?;
            before = Some(rgb);
            if (index + 1) % PROGRESS == 0 {
                note(&format!(
                    "{} of {} photos, {} points",
                    index + 1,
                    self.photos.len(),
                    self.start(index + 1)
                ));
            }
        }
        Ok(failed)
    }
}

/// The image of a file, at the pool's size.
///
/// # Errors
/// If it is none, or cannot be decoded.
pub(crate) fn decode(pool: &MediaPool, path: &Path) -> Result<Rgb, Error> {
    let decoded = pool
        .decode(MediaInput::Path(path.to_owned()), &Cancel::default())
        .map_err(|reason| reason.to_string())?;
    for part in decoded.parts {
        if let PartContent::Frames(frames) = part.content
            && let Some(frame) = frames.into_iter().next()
        {
            return Ok(frame);
        }
    }
    Err("no image".into())
}

/// What the encoder takes.
pub(crate) fn input(rgb: Rgb) -> Input {
    Input::Frames(vec![Image { width: rgb.width, height: rgb.height, pixels: rgb.pixels }])
}

fn crop(rgb: &Rgb, size: u32, random: &mut Random) -> Result<Input, Error> {
    let side = f64::from(rgb.width.min(rgb.height));
    let area = random.within(AREA.0, AREA.1);
    let aspect = random.within(ASPECT.0.ln(), ASPECT.1.ln()).exp();
    let width = (area * aspect).sqrt().min(0.999) * side;
    let height = (area / aspect).sqrt().min(0.999) * side;
    let left = random.within(0.0, f64::from(rgb.width) - width);
    let top = random.within(0.0, f64::from(rgb.height) - height);
    let scaled = crop_resize(rgb, [left, top, width, height], size, size);
    Ok(input(scaled.map_err(|reason| reason.to_string())?))
}
