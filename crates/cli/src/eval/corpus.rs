//! The media of a split as vectors, by the code path of `index`.
//!
//! The files are linked into a temporary folder under the numbers of their rows and indexed into a temporary database;
//! stills that only ask go into a second one, so that they are in no gallery.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use sensorium_embed::{Bundle, Captioner, EmbedError, Input, Memory};
use sensorium_engine::{Access, Cancel, DEFAULT_COLLECTION, Engine, mean_vector};
use sensorium_types::{
    AssetId, CalibrationTable, Content, FileOutcome, HubValues, IndexEvent, IndexRequest, Language, Modality,
    PointKey, SpaceInfo, Track,
};
use tempfile::TempDir;
use tokio::sync::mpsc::unbounded_channel;

use super::EvalError;
use super::manifest::{Manifest, Row};
use super::scoring::{Scale, Vector};
use crate::args::high::Setting;
use crate::args::task::TaskName;
use crate::interrupt::or_cancel;
use crate::output::progress::Progress;

/// Assets read in one go.
const PAGE: usize = 512;
/// Texts encoded in one go.
const TEXTS_A_BATCH: usize = 64;
/// Images looked at in one go.
const IMAGES_A_BATCH: usize = 32;
/// Bytes at the beginning of a file that tell its type.
const HEAD_BYTES: usize = 4096;

/// One row of the split with what became of it.
#[derive(Debug)]
pub(super) struct Item {
    /// The row.
    pub(super) row: Row,
    /// What it is, as far as that is known of a file that failed.
    pub(super) modality: Option<Modality>,
    /// Its asset; `None` if it failed.
    pub(super) asset: Option<AssetId>,
}

/// The media of a split.
#[derive(Debug)]
pub(super) struct Corpus {
    /// The rows.
    pub(super) items: Vec<Item>,
    vectors: HashMap<AssetId, Vec<Vector>>,
    /// Vectors of stills, by their names in the manifest.
    stills: HashMap<PathBuf, Vec<Vector>>,
    /// What the caption decoder sees of images.
    memories: HashMap<AssetId, Memory>,
    /// Vectors of the texts that asked so far.
    texts: Mutex<HashMap<String, ReadText>>,
    bundle: Arc<Bundle>,
    space: SpaceInfo,
    notes: Vec<String>,
}

impl Corpus {
    /// Indexes a split; `None` if the user interrupted it.
    pub(super) async fn build(
        manifest: Manifest,
        tasks: &[TaskName],
        setting: &Setting,
        jobs: Option<u16>,
    ) -> anyhow::Result<Option<Self>> {
        let folder = tempfile::Builder::new()
            .prefix("sensorium-eval-")
            .tempdir()
            .map_err(|source| EvalError::Temporary { source })?;
        let Manifest { folder: root, rows } = manifest;
        let files: Vec<PathBuf> = rows.iter().map(|row| root.join(&row.file)).collect();
        let ask = [TaskName::ImageToAudio, TaskName::Calibration];
        let stills = if ask.iter().any(|task| tasks.contains(task)) { stills(&rows) } else { Vec::new() };
        let reads = tasks.contains(&TaskName::Rerank);
        let still_files: Vec<PathBuf> = stills.iter().map(|still| root.join(still)).collect();
        let (Some(mut gallery), Some(mut asking)) = (
            Box::pin(Indexed::build(&folder, "gallery", &files, setting, jobs, reads)).await?,
            Box::pin(Indexed::build(&folder, "asking", &still_files, setting, jobs, false)).await?,
        ) else {
            return Ok(None);
        };
        let mut notes = std::mem::take(&mut gallery.failures);
        notes.append(&mut asking.failures);
        let items = rows
            .into_iter()
            .zip(&files)
            .enumerate()
            .map(|(place, (row, file))| {
                let outcome = gallery.files.get(&place).map(|file| &file.outcome);
                let modality = outcome.and_then(|outcome| outcome.modality).or_else(|| modality_of(file));
                Item { row, modality, asset: outcome.and_then(|outcome| outcome.asset.clone()) }
            })
            .collect();
        let stills = stills
            .into_iter()
            .enumerate()
            .filter_map(|(place, still)| {
                let asset = asking.files.get(&place)?.outcome.asset.as_ref()?;
                Some((still, asking.vectors.get(asset)?.clone()))
            })
            .collect();
        let bundle = setting.bundle()?;
        Ok(Some(Self {
            items,
            vectors: gallery.vectors,
            stills,
            memories: gallery.memories,
            texts: Mutex::default(),
            space: bundle.space(),
            bundle,
            notes,
        }))
    }

    /// What the caption decoder sees of an image; `None` of what has none.
    pub(super) fn memory(&self, asset: &AssetId) -> Option<&Memory> {
        self.memories.get(asset)
    }

    /// What puts images into words.
    pub(super) fn captioner(&self) -> anyhow::Result<Arc<dyn Captioner>> {
        Ok(self.bundle.captioner(Modality::Image)?)
    }

    /// The points of an asset.
    pub(super) fn points(&self, asset: &AssetId) -> &[Vector] {
        self.vectors.get(asset).map(Vec::as_slice).unwrap_or_default()
    }

    /// The points of a still; none if it failed.
    pub(super) fn still(&self, name: &Path) -> &[Vector] {
        self.stills.get(name).map(Vec::as_slice).unwrap_or_default()
    }

    /// Texts as queries, by the encoder that answers searches; a text is encoded once for all tasks.
    pub(super) fn texts(&self, texts: &[impl AsRef<str>]) -> anyhow::Result<Vec<Vector>> {
        let mut known = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
        let mut seen = HashSet::new();
        let new: Vec<&str> = texts
            .iter()
            .map(AsRef::as_ref)
            .filter(|text| !known.contains_key(*text) && seen.insert(*text))
            .collect();
        for batch in new.chunks(TEXTS_A_BATCH) {
            let inputs: Vec<Input> = batch.iter().map(|text| Input::Text((*text).to_owned())).collect();
            for (text, numbers) in batch.iter().zip(self.bundle.embed(&inputs)?) {
                let for_images = self.for_images(text, &numbers)?;
                known.insert((*text).to_owned(), ReadText { numbers, for_images });
            }
        }
        let read: Vec<ReadText> = texts.iter().filter_map(|text| known.get(text.as_ref()).cloned()).collect();
        let vectors =
            valued(&self.bundle, read.iter().map(|text| (Content::Text, text.numbers.clone())).collect())?;
        let with = |(vector, text): (Vector, ReadText)| Vector { for_images: text.for_images, ..vector };
        Ok(vectors.into_iter().zip(read).map(with).collect())
    }

    /// The numbers by which a name alone asks images, as a search has them: the mean with those of its sentences.
    fn for_images(&self, text: &str, numbers: &[f32]) -> anyhow::Result<Option<Vec<f32>>> {
        let sentences = match self.bundle.language(text)? {
            Language::English => self.bundle.sentences(text),
            Language::German | Language::French | Language::Czech => Vec::new(),
        };
        if sentences.is_empty() {
            return Ok(None);
        }
        let inputs: Vec<Input> = sentences.into_iter().map(Input::Text).collect();
        let encoded = self.bundle.embed(&inputs)?;
        Ok(mean_vector(std::iter::once(numbers).chain(encoded.iter().map(Vec::as_slice))))
    }

    /// What turns corrected cosines into scores.
    pub(super) fn calibration(&self) -> &CalibrationTable {
        self.bundle.corrected_calibration()
    }

    /// What turns vectors into scores.
    pub(super) fn scale(&self) -> Scale<'_> {
        Scale { space: &self.space, calibration: self.calibration(), bundle: Some(&self.bundle) }
    }

    /// The bundle, as `id@revision`.
    pub(super) fn revision(&self) -> String {
        self.space.revision.clone()
    }

    /// What the user should know beside the figures.
    pub(super) fn notes(&self) -> Vec<String> {
        self.notes.clone()
    }
}

/// The distinct stills that videos were made of, with a label to look for.
fn stills(rows: &[Row]) -> Vec<PathBuf> {
    let mut seen = HashSet::new();
    rows.iter()
        .filter(|row| row.label.is_some())
        .filter_map(|row| row.still.clone())
        .filter(|still| seen.insert(still.clone()))
        .collect()
}

/// Files as a database.
#[derive(Debug, Default)]
struct Indexed {
    /// What became of each file, by its place.
    files: HashMap<usize, FileOutcome>,
    vectors: HashMap<AssetId, Vec<Vector>>,
    memories: HashMap<AssetId, Memory>,
    /// Lines about files that failed.
    failures: Vec<String>,
}

impl Indexed {
    async fn build(
        folder: &TempDir,
        name: &str,
        files: &[PathBuf],
        setting: &Setting,
        jobs: Option<u16>,
        reads: bool,
    ) -> anyhow::Result<Option<Self>> {
        if files.is_empty() {
            return Ok(Some(Self::default()));
        }
        let links = folder.path().join(name);
        link(&links, files).map_err(|source| EvalError::Temporary { source })?;
        let data = folder.path().join(format!("{name}-data"));
        let engine = setting.open_at(&data, DEFAULT_COLLECTION, Access::Write, jobs).await?;
        let Some(indexed) = Box::pin(index(&engine, links)).await? else { return Ok(None) };
        let failures = indexed
            .iter()
            .filter_map(|file| {
                let place = place_of(&file.path)?;
                let reason = file.outcome.failure.as_ref()?;
                Some(format!("{}: {reason}", files.get(place)?.display()))
            })
            .collect();
        let vectors = vectors(&engine, &setting.bundle()?).await?;
        let images = vectors
            .iter()
            .filter(|(_, points)| matches!(points.as_slice(), [Vector { content: Content::Image, .. }]));
        let assets = images.map(|(asset, _)| asset.clone()).collect();
        let memories = if reads { memories(&engine, assets, setting).await? } else { HashMap::new() };
        let files = indexed.into_iter().filter_map(|file| Some((place_of(&file.path)?, file))).collect();
        Ok(Some(Self { files, vectors, memories, failures }))
    }
}

/// Links each file under the number of its place; suffixes stay, for decoders that look at them.
fn link(folder: &Path, files: &[PathBuf]) -> std::io::Result<()> {
    fs_err::create_dir_all(folder)?;
    for (place, file) in files.iter().enumerate() {
        let mut name = PathBuf::from(format!("{place:08}"));
        if let Some(suffix) = file.extension() {
            name.set_extension(suffix);
        }
        fs_err::os::unix::fs::symlink(file, folder.join(name))?;
    }
    Ok(())
}

/// The place that a link is named for.
fn place_of(link: &Path) -> Option<usize> {
    link.file_stem()?.to_str()?.parse().ok()
}

async fn index(engine: &Engine, folder: PathBuf) -> anyhow::Result<Option<Vec<FileOutcome>>> {
    let request = IndexRequest { paths: vec![folder], ..IndexRequest::default() };
    let cancel = Cancel::new();
    let (sender, mut receiver) = unbounded_channel();
    let mut progress = Progress::new();
    let work = async {
        let run = engine.index(request, sender, cancel.clone());
        let listen = async {
            let mut events = Vec::new();
            while let Some(event) = receiver.recv().await {
                progress.show(&event);
                match event {
                    IndexEvent::File(file) => events.push(file),
                    IndexEvent::Walked { .. } | IndexEvent::PassedOver { .. } => {}
                }
            }
            events
        };
        tokio::join!(run, listen)
    };
    let done = or_cancel(&cancel, Box::pin(work)).await;
    progress.end();
    match done {
        Some((summary, events)) => Ok(if summary?.interrupted { None } else { Some(events) }),
        None => Ok(None),
    }
}

/// Looks at the thumbnails of images, as a search does that reads its best hits once more; nothing for a bundle that
/// puts nothing into words.
async fn memories(
    engine: &Engine,
    assets: Vec<AssetId>,
    setting: &Setting,
) -> anyhow::Result<HashMap<AssetId, Memory>> {
    let bundle = setting.bundle()?;
    let captioner = match bundle.captioner(Modality::Image) {
        Err(EmbedError::NoCaptioner { .. }) => return Ok(HashMap::new()),
        captioner => captioner?,
    };
    let mut memories = HashMap::with_capacity(assets.len());
    for batch in assets.chunks(IMAGES_A_BATCH) {
        let mut seen = Vec::with_capacity(batch.len());
        for asset in batch {
            let point = PointKey { asset: asset.clone(), track: Track::Image, ordinal: 0 };
            if let Some(image) = engine.thumb_image(&point).await? {
                seen.push((asset.clone(), image));
            }
        }
        let grids = bundle.grids(&seen.iter().map(|(_, image)| image).collect::<Vec<_>>())?;
        let made = captioner.memories(&grids.iter().collect::<Vec<_>>())?;
        memories.extend(seen.into_iter().map(|(asset, _)| asset).zip(made));
    }
    Ok(memories)
}

/// Reads the vectors of every asset back.
async fn vectors(engine: &Engine, bundle: &Arc<Bundle>) -> anyhow::Result<HashMap<AssetId, Vec<Vector>>> {
    let mut vectors = HashMap::new();
    let mut after = None;
    loop {
        let page = engine.scroll(None, after.as_ref(), PAGE, true).await?;
        for asset in page.items {
            let points = asset.points.iter().zip(asset.vectors);
            let points = points.map(|(point, numbers)| (point.track.content(), numbers)).collect();
            vectors.insert(asset.record.id, valued(bundle, points)?);
        }
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(vectors),
        }
    }
}

/// Vectors with their hub values, as the index keeps them.
/// A text that was read once for all tasks.
#[derive(Debug, Clone)]
struct ReadText {
    numbers: Vec<f32>,
    for_images: Option<Vec<f32>>,
}

fn valued(bundle: &Arc<Bundle>, vectors: Vec<(Content, Vec<f32>)>) -> anyhow::Result<Vec<Vector>> {
    let values = match bundle.hubs() {
        Some(hubs) => {
            let points: Vec<_> = vectors.iter().map(|(content, numbers)| (*content, &numbers[..])).collect();
            hubs.values(&points).map_err(anyhow::Error::from_boxed)?
        }
        None => vec![HubValues::default(); vectors.len()],
    };
    let vectors = vectors.into_iter().zip(values);
    Ok(vectors
        .map(|((content, numbers), hubs)| Vector { content, numbers, for_images: None, hubs })
        .collect())
}

/// What a file that failed seems to be: by its first bytes, else by its suffix, so that it stays in its gallery.
fn modality_of(file: &Path) -> Option<Modality> {
    by_content(file).or_else(|| by_suffix(file))
}

fn by_content(file: &Path) -> Option<Modality> {
    use std::io::Read;
    let mut head = Vec::new();
    let file = fs_err::File::open(file).ok()?;
    file.take(HEAD_BYTES as u64).read_to_end(&mut head).ok()?;
    sensorium_media::sniff(&head).map(|sniffed| sniffed.modality)
}

fn by_suffix(file: &Path) -> Option<Modality> {
    const SUFFIXES: [(Modality, &[&str]); 3] = [
        (Modality::Image, &["jpg", "jpeg", "png", "webp", "bmp", "tif", "tiff", "heic", "avif"]),
        (Modality::Audio, &["wav", "mp3", "ogg", "oga", "opus", "flac", "m4a", "aac", "aiff"]),
        (Modality::Video, &["mp4", "m4v", "mov", "mkv", "webm", "avi", "mpg", "mpeg", "ts", "264", "265"]),
    ];
    let suffix = file.extension()?.to_str()?.to_ascii_lowercase();
    let known = SUFFIXES.into_iter().find(|(_, suffixes)| suffixes.contains(&suffix.as_str()));
    known.map(|(modality, _)| modality)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_numbered_and_keep_their_suffix() {
        let folder = tempfile::tempdir().expect("folder");
        let links = folder.path().join("links");
        link(&links, &["/x/a.jpg".into(), "/x/b".into()]).expect("linked");
        let target = fs_err::read_link(links.join("00000000.jpg")).expect("a link");
        assert_eq!(target, Path::new("/x/a.jpg"));
        assert_eq!(place_of(&links.join("00000001")), Some(1));
        assert_eq!(place_of(Path::new("x.jpg")), None);
    }

    #[test]
    fn a_file_that_failed_stays_what_it_seems_to_be() {
        let folder = tempfile::tempdir().expect("folder");
        let empty = folder.path().join("a.JPG");
        fs_err::write(&empty, b"").expect("file");
        assert_eq!(modality_of(&empty), Some(Modality::Image));
        assert_eq!(modality_of(&folder.path().join("absent.ogg")), Some(Modality::Audio));
        assert_eq!(modality_of(&folder.path().join("absent")), None);
    }

    #[test]
    fn a_still_asks_once() {
        let row = |still: &str, label: Option<&str>| Row {
            file: "v.mp4".into(),
            captions: Vec::new(),
            label: label.map(str::to_owned),
            source: None,
            split: None,
            still: Some(still.into()),
        };
        let rows = [row("a.jpg", Some("dog")), row("a.jpg", Some("cat")), row("b.jpg", None)];
        assert_eq!(stills(&rows), [Path::new("a.jpg")]);
    }
}
