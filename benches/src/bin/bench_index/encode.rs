//! Vectors of the default bundle, of real media: points to search and queries to ask, each kind in a file of its own.
//!
//! | file | holds |
//! | --- | --- |
//! | `captions-bench.f32`, `captions-calibration.f32` | human captions of photos that nothing was trained on, apart by photo |
//! | `images-bench.f32`, `images-calibration.f32` | whole photos that give no crops |
//! | `labels-bench.f32`, `labels-calibration.f32` | labels of audio, apart by label |
//! | `audio.f32` | windows of audio, and random windows within these |
//! | `images.f32` | crops of photos; `images.part` while it grows |
//! | `meta.json` | sizes and counts, once all is there |

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use sensorium_benches::{output_of, worker_program};
use sensorium_embed::{Bundle, Input, LoadOptions, StaticFiles};
use sensorium_engine::encoder_spec;
use sensorium_media::{Cancel, EncoderSpec, Limits, MediaInput, MediaPool, PartContent, PoolConfig};
use sensorium_types::Language;
use serde_json::json;

use crate::manifest::{Random, Row, hash, rows};
use crate::photos::{Crops, OVERSIZE, decode, input};
use crate::{Error, note, raw};

/// Crops of photos, unless the command says otherwise.
const POINTS: usize = 200_000;
/// Whole photos that are kept for queries, half of them for calibration.
const QUERY_PHOTOS: usize = 1_600;
/// Captions of one photo that ask.
const CAPTIONS_A_PHOTO: usize = 2;
/// Random windows beside each window of a clip.
const SUB_WINDOWS: usize = 7;
/// Share of a window that a random one within it has.
const SUB_WINDOW: (f64, f64) = (0.4, 1.0);
/// Inputs that are encoded at a time.
const BATCH: usize = 16;

/// What the command line asks for.
#[derive(Debug)]
struct Ask {
    data: PathBuf,
    out: PathBuf,
    points: usize,
}

/// Encodes what is missing, on one thread.
///
/// # Errors
/// If the data are not there, or something cannot be read, encoded or written.
pub(crate) fn run(arguments: impl Iterator<Item = String>) -> Result<(), Error> {
    let ask = parse(arguments)?;
    let bundle = Bundle::load(StaticFiles(sensorium_mini::files()), LoadOptions { threads: 1 })?;
    let folder = ask.out.join(&bundle.info().revision);
    fs_err::create_dir_all(&folder)?;
    let run = Run { bundle, folder };
    let photos = rows(&ask.data, "images/")?;
    let clips = rows(&ask.data, "audio/")?;
    run.captions(&photos)?;
    run.labels(&clips)?;
    let (queries, photos) = photos.split_at(QUERY_PHOTOS.min(photos.len() / 4));
    run.image_queries(queries)?;
    run.audio(&clips)?;
    run.crops(photos, ask.points)
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Ask, Error> {
    let (mut data, mut out, mut points) = (None, None, POINTS);
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("{name} wants a value"))?;
        match name.as_str() {
            "--data" => data = Some(PathBuf::from(value)),
            "--out" => out = Some(PathBuf::from(value)),
            "--points" => points = value.parse()?,
            _ => return Err(format!("unknown option {name}").into()),
        }
    }
    Ok(Ask { data: data.ok_or("--data is missing")?, out: out.ok_or("--out is missing")?, points })
}

struct Run {
    bundle: Arc<Bundle>,
    folder: PathBuf,
}

impl Run {
    /// Writes one file, unless it is there. Inputs are made as they are needed: those of all audio are gigabytes.
    fn stage(&self, name: &str, inputs: impl Iterator<Item = Result<Input, Error>>) -> Result<(), Error> {
        let path = self.folder.join(format!("{name}.f32"));
        if path.is_file() {
            return Ok(());
        }
        let (mut vectors, mut batch) = (Vec::new(), Vec::new());
        for input in inputs {
            batch.push(input?);
            if batch.len() == BATCH {
                vectors.extend(self.bundle.embed(&std::mem::take(&mut batch))?);
            }
        }
        vectors.extend(self.bundle.embed(&batch)?);
        raw::write(&path, &vectors)?;
        note(&format!("{name}: {} vectors", vectors.len()));
        Ok(())
    }

    fn captions(&self, photos: &[Row]) -> Result<(), Error> {
        for (name, half) in [("captions-bench", 0), ("captions-calibration", 1)] {
            let of_half = photos.iter().filter(|row| row.unseen && row.hash % 2 == half);
            let texts = of_half.flat_map(|row| row.captions.iter().take(CAPTIONS_A_PHOTO));
            self.stage(name, texts.map(|text| Ok(english(text))))?;
        }
        Ok(())
    }

    fn labels(&self, clips: &[Row]) -> Result<(), Error> {
        let labels: BTreeSet<String> =
            clips.iter().filter_map(|row| row.label.as_ref()).map(|label| label.replace('_', " ")).collect();
        for (name, half) in [("labels-bench", 0), ("labels-calibration", 1)] {
            let of_half = labels.iter().filter(|label| hash(label) % 2 == half);
            let texts = of_half.flat_map(|label| [label.clone(), format!("the sound of {label}")]);
            self.stage(name, texts.map(|text| Ok(english(&text))))?;
        }
        Ok(())
    }

    fn image_queries(&self, photos: &[Row]) -> Result<(), Error> {
        let pool = pool(encoder_spec(self.bundle.cutting()))?;
        for (name, half) in [("images-bench", 0), ("images-calibration", 1)] {
            let of_half = photos.iter().skip(half).step_by(2);
            self.stage(name, of_half.map(|row| Ok(input(decode(&pool, &row.path)?))))?;
        }
        Ok(())
    }

    fn audio(&self, clips: &[Row]) -> Result<(), Error> {
        let pool = pool(encoder_spec(self.bundle.cutting()))?;
        self.stage("audio", clips.iter().flat_map(|clip| windows(&pool, clip)).map(Ok))
    }

    fn crops(&self, photos: &[Row], points: usize) -> Result<(), Error> {
        let whole = self.folder.join("images.f32");
        if whole.is_file() {
            return Ok(());
        }
        let part = self.folder.join("images.part");
        let spec = encoder_spec(self.bundle.cutting());
        let pool = pool(EncoderSpec { image_size: spec.image_size * OVERSIZE, ..spec })?;
        let failed = Crops { photos, points, part: &part }.encode(&self.bundle, &pool)?;
        let meta = json!({
            "bundle": self.bundle.info().revision, "dim": self.bundle.space().dim, "points": points,
            "photos": photos.len(), "photos_not_decoded_in_the_last_run": failed,
            "commit": output_of("git", &["rev-parse", "--short", "HEAD"]),
        });
        fs_err::write(self.folder.join("meta.json"), format!("{meta}\n"))?;
        fs_err::rename(part, whole)?;
        Ok(())
    }
}

/// The windows of a clip of audio, each with random ones within it; none, said aloud, where it cannot be decoded.
fn windows(pool: &MediaPool, clip: &Row) -> Vec<Input> {
    let mut random = Random(clip.hash);
    match pool.decode(MediaInput::Path(clip.path.clone()), &Cancel::default()) {
        Ok(decoded) => {
            let samples = decoded.parts.into_iter().filter_map(|part| match part.content {
                PartContent::Pcm(samples) => Some(samples),
                PartContent::Frames(_) | PartContent::Text(_) => None,
            });
            samples.flat_map(|samples| sub_windows(samples, &mut random)).collect()
        }
        Err(reason) => {
            note(&format!("NOT DECODED: {}: {reason}", clip.path.display()));
            Vec::new()
        }
    }
}

/// The window, and random ones within it.
fn sub_windows(samples: Vec<f32>, random: &mut Random) -> Vec<Input> {
    let mut inputs = Vec::new();
    for _ in 0..SUB_WINDOWS {
        let share = random.within(SUB_WINDOW.0, SUB_WINDOW.1);
        let from = random.within(0.0, 1.0 - share);
        let at = |share: f64| samples.len() * scaled(share) / SCALE;
        let (from, to) = (at(from), at(from + share));
        if let Some(within) = samples.get(from..to).filter(|within| !within.is_empty()) {
            inputs.push(Input::Audio(within.to_vec()));
        }
    }
    inputs.push(Input::Audio(samples));
    inputs
}

/// Shares as whole numbers, so that the same samples are cut on every machine.
const SCALE: usize = 1_000;

#[expect(clippy::cast_possible_truncation, reason = "a share of 1 at most")]
#[expect(clippy::cast_sign_loss, reason = "a share is not negative")]
fn scaled(share: f64) -> usize {
    (share * SCALE as f64) as usize
}

fn english(text: &str) -> Input {
    Input::TextIn(Language::English, text.to_owned())
}

fn pool(spec: EncoderSpec) -> Result<MediaPool, Error> {
    let config = PoolConfig { worker_program: worker_program(), workers: 1, limits: Limits::default(), spec };
    Ok(MediaPool::new(config)?)
}
