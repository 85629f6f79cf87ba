//! From a folder of the hub to a bundle that was tried.

use std::path::{Path, PathBuf};

use sensorium_embed::{
    Bundle, FileBytes, FolderFiles, HubBundle, HubModel, KnownBand, LoadOptions, Measured,
};
use sensorium_media::{Limits, PoolConfig};
use sensorium_types::{Calibration, Content, Modality};

use super::library::{ADDING, load};
use super::measure::{samples_of, see};
use super::ranks::Ranks;
use super::{Models, ModelsError};
use crate::{decoding_workers, encoder_spec};

/// The file of vectors that later loads are compared with.
const SELF_TEST: &str = "selftest.safetensors";
/// Largest difference of a number of them: other processors sum in another order.
const SELF_TEST_DIFFERENCE: f32 = 1e-3;
/// Captions that the self-test asks.
const SELF_TEST_TEXTS: usize = 2;
/// Letters of a revision.
const REVISION_LETTERS: usize = 12;
/// The licence of which nothing is known.
const UNKNOWN: &str = "unknown";

/// What is to be added.
#[derive(Debug, Clone, Copy)]
pub struct AddModel<'a> {
    /// The folder, as the hub lays it out.
    pub folder: &'a Path,
    /// What the model is called from now on.
    pub name: &'a str,
    /// Its licence, if its README does not say.
    pub licence: Option<&'a str>,
    /// Takes it though captions do not find their images or sounds.
    pub unchecked: bool,
    /// Has its blocks multiply bytes: faster, near, and a space of its own.
    pub int8: bool,
    /// Its user keeps to a licence that forbids commerce.
    pub non_commercial: bool,
    /// The binary whose hidden subcommand decodes.
    pub worker_program: &'a Path,
    /// Where it was fetched from, if the folder is one of [`Models::begun`].
    pub fetched: Option<FetchedModel<'a>>,
}

/// A model that was fetched.
#[derive(Debug, Clone, Copy)]
pub struct FetchedModel<'a> {
    /// The model and its commit, as the licence names its source.
    pub source: &'a str,
    /// Name and text of the file that tells what was fetched.
    pub lock: (&'a str, &'a str),
}

/// A model that was added.
#[derive(Debug, Clone, PartialEq)]
pub struct AddedModel {
    /// Its name.
    pub name: String,
    /// Its revision.
    pub revision: String,
    /// Its family.
    pub family: &'static str,
    /// Numbers of a vector.
    pub dim: usize,
    /// Its licence.
    pub licence: String,
    /// Bytes of its files.
    pub bytes: u64,
    /// Where it lies.
    pub folder: PathBuf,
    /// How captions and images, or sounds, found each other; `None` for a lone tower.
    pub ranks: Option<Ranks>,
    /// Mean and deviation of random pairs.
    pub calibration: Vec<(Content, Content, Calibration)>,
    /// What is published of the model's cosines; `None` where nothing is.
    pub band: Option<KnownBand>,
}

impl AddedModel {
    /// The mean cosine of texts and images, or sounds, that do not belong together; `None` for a lone tower.
    pub fn random_mean(&self) -> Option<f32> {
        let across = |(query, content, _): &&(Content, Content, Calibration)| {
            *query == Content::Text && *content != Content::Text
        };
        self.calibration.iter().find(across).map(|(_, _, calibration)| calibration.mean)
    }
}

/// A folder that goes with whoever made it, unless it was moved to its place.
pub(super) struct Staged(pub(super) PathBuf);

impl Drop for Staged {
    fn drop(&mut self) {
        // What cannot be removed now is removed by the next.
        let _ = fs_err::remove_dir_all(&self.0);
    }
}

impl Models {
    /// Copies a model into the data folder, loads all of it, tries it on images or sounds, and texts, of the program, and measures
    /// how random pairs lie. A model that is killed midway is none.
    ///
    /// # Errors
    /// If the model is not run by this program, its files contradict each other, its licence was not accepted, or captions find
    /// their images or sounds no better than by chance.
    pub fn add(&self, wanted: &AddModel<'_>) -> Result<AddedModel, ModelsError> {
        let AddModel { folder, name, unchecked, int8, fetched, .. } = *wanted;
        let place = self.free_place(name)?;
        let of_model = |source| ModelsError::Model { folder: folder.to_owned(), source };
        let in_folder = FolderFiles(folder.to_owned());
        let model = HubModel::read(&in_folder).map_err(of_model)?;
        model.check(&in_folder).map_err(of_model)?;
        let model = if int8 { model.in_int8().map_err(of_model)? } else { model };
        let licence = wanted.licence.map(str::to_owned).or_else(|| model.licence.clone());
        let licence = accepted_licence(licence, wanted.non_commercial)?;
        let missing = missing_tower(&model).filter(|_| !unchecked);
        if let Some(missing) = missing {
            return Err(ModelsError::OneTower { missing });
        }
        let io = |action| move |source| ModelsError::Io { action, source };
        let root = self.swept().map_err(io("make the folder of models"))?;
        let staged = Staged(root.join(format!("{ADDING}{name}-{}", std::process::id())));
        fs_err::create_dir_all(&staged.0).map_err(io("make a folder for the model"))?;
        let how = if fetched.is_some() { Taken::Shared } else { Taken::Copied };
        let files = taken(&model, folder, &staged.0, how).map_err(io("copy the files of the model"))?;
        if let Some(FetchedModel { lock: (name, text), .. }) = fetched {
            write_synced(&staged.0, name, text.as_bytes()).map_err(io("write what was fetched"))?;
        }
        let plain = HubBundle { id: "", revision: "", licence: "", source: "", files: &[] };
        let revision = revision_of(&files, &model.manifest(&plain, &Measured::default()));
        let source =
            fetched.map_or_else(|| folder.display().to_string(), |fetched| fetched.source.to_owned());
        let named =
            HubBundle { id: name, revision: &revision, licence: &licence, source: &source, files: &files };
        let mut measured = Measured::default();
        let write = |measured: &Measured| {
            write_synced(&staged.0, "bundle.toml", model.manifest(&named, measured).as_bytes())
        };
        write(&measured).map_err(io("write the model's manifest"))?;
        let bundle = load(&staged.0, LoadOptions::default())?;
        bundle.self_test().map_err(of_model)?;
        let mut ranks = None;
        if missing_tower(&model).is_none() {
            let found = tried(&bundle, wanted, &mut measured, &staged.0)?;
            if !found.is_better_than_chance() && !unchecked {
                return Err(ModelsError::NoBetterThanChance { ranks: found });
            }
            ranks = Some(found);
        }
        drop(bundle);
        write(&measured).map_err(io("write the model's manifest"))?;
        load(&staged.0, LoadOptions::default())?;
        fs_err::rename(&staged.0, &place)
            .and_then(|()| fs_err::File::open(root)?.sync_all())
            .map_err(io("put the model in its place"))?;
        Ok(AddedModel {
            name: name.to_owned(),
            revision,
            family: model.family,
            dim: model.dim,
            licence,
            bytes: files.iter().map(|(_, bytes, _)| bytes).sum(),
            folder: place,
            ranks,
            calibration: measured.calibration,
            band: model.known_band(),
        })
    }
}

/// Looks at the samples, or listens to them; keeps what was measured, and vectors for later loads.
fn tried(
    bundle: &Bundle,
    wanted: &AddModel<'_>,
    measured: &mut Measured,
    staged: &Path,
) -> Result<Ranks, ModelsError> {
    let decode = decoding_workers(PoolConfig {
        worker_program: wanted.worker_program.to_owned(),
        workers: 1,
        limits: Limits::default(),
        spec: encoder_spec(bundle.cutting()),
    });
    let seen = see(bundle, decode.as_ref())?;
    measured.calibration = seen.calibration();
    let texts: Vec<String> = samples_of(bundle)
        .1
        .iter()
        .take(SELF_TEST_TEXTS)
        .map(|sample| sample.captions[0].to_owned())
        .collect();
    let stored = bundle
        .record_self_test(&texts.iter().map(String::as_str).collect::<Vec<_>>(), &seen.first)
        .map_err(|source| ModelsError::Model { folder: wanted.folder.to_owned(), source })?;
    write_synced(staged, SELF_TEST, &stored)
        .map_err(|source| ModelsError::Io { action: "write the model's self-test", source })?;
    measured.selftest = Some((SELF_TEST.to_owned(), texts, SELF_TEST_DIFFERENCE));
    Ok(seen.ranks())
}

fn missing_tower(model: &HubModel) -> Option<&'static str> {
    let made = model.modalities();
    let other = if made.contains(&Modality::Audio) {
        (Modality::Audio, "audio")
    } else {
        (Modality::Image, "image or audio")
    };
    [(Modality::Text, "text"), other]
        .into_iter()
        .find(|(modality, _)| !made.contains(modality))
        .map(|(_, name)| name)
}

/// How files come from one folder into another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Taken {
    Copied,
    /// Both folders have them, and the disk once: what was fetched is nobody else's.
    Shared,
}

/// Takes the files of a model; gives their names, bytes and hashes.
fn taken(
    model: &HubModel,
    from: &Path,
    to: &Path,
    how: Taken,
) -> std::io::Result<Vec<(String, u64, String)>> {
    model
        .files
        .iter()
        .map(|name| {
            let copy = to.join(name);
            let inner = copy.parent().filter(|folder| *folder != to);
            inner.map_or(Ok(()), fs_err::create_dir_all)?;
            match how {
                Taken::Copied => fs_err::copy(from.join(name), &copy).map(|_| ())?,
                Taken::Shared => link_or_copy(&from.join(name), &copy)?,
            }
            let file = fs_err::File::open(&copy)?;
            file.sync_all()?;
            inner.map_or(Ok(()), |folder| fs_err::File::open(folder)?.sync_all())?;
            let bytes = FileBytes::file(file.into_file())?;
            Ok((name.clone(), bytes.len(), bytes.sha256()?))
        })
        .collect()
}

/// Has a file in a second place, which a file system without links has twice.
pub(super) fn link_or_copy(from: &Path, to: &Path) -> std::io::Result<()> {
    match fs_err::hard_link(from, to) {
        Ok(()) => Ok(()),
        Err(_) => fs_err::copy(from, to).map(|_| ()),
    }
}

/// The same files with the same configuration have the same revision, wherever they came from.
fn revision_of(files: &[(String, u64, String)], configuration: &str) -> String {
    let files: String = files.iter().map(|(name, _, sha256)| format!("{name} {sha256}\n")).collect();
    let told = files + configuration;
    blake3::hash(told.as_bytes()).to_hex().chars().take(REVISION_LETTERS).collect()
}

pub(super) fn write_synced(folder: &Path, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    let path = folder.join(name);
    fs_err::write(&path, bytes)?;
    fs_err::File::open(&path)?.sync_all()?;
    fs_err::File::open(folder)?.sync_all()
}

/// The licence of a model, or what it is called where none is named.
///
/// # Errors
/// [`ModelsError::NonCommercial`] for one that forbids commerce, unless its user keeps to that.
pub fn accepted_licence(licence: Option<String>, non_commercial: bool) -> Result<String, ModelsError> {
    let licence = licence.unwrap_or_else(|| UNKNOWN.to_owned());
    if forbids_commerce(&licence) && !non_commercial {
        return Err(ModelsError::NonCommercial { licence });
    }
    Ok(licence)
}

/// Whether a licence, as the hub writes it, forbids commerce.
fn forbids_commerce(licence: &str) -> bool {
    let licence = licence.to_ascii_lowercase();
    let parts: Vec<&str> = licence.split(['-', '_', ' ', '.']).collect();
    parts.contains(&"nc")
        || ["noncommercial", "non-commercial", "research", "apple-amlr"]
            .iter()
            .any(|word| licence.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn licences_that_forbid_commerce_are_known() {
        for licence in ["cc-by-nc-4.0", "CC-BY-NC-SA-4.0", "apple-amlr", "apple-research"] {
            assert!(forbids_commerce(licence), "{licence}");
        }
        for licence in ["mit", "Apache-2.0", "cc-by-4.0", "gemma", "unknown", "openrail-increment"] {
            assert!(!forbids_commerce(licence), "{licence}");
        }
    }

    #[test]
    fn a_revision_is_that_of_the_files() {
        let file = |hash: &str| vec![("a".to_owned(), 1, hash.to_owned())];
        assert_eq!(revision_of(&file("x"), "c"), revision_of(&file("x"), "c"));
        assert_ne!(revision_of(&file("x"), "c"), revision_of(&file("y"), "c"));
        assert_ne!(revision_of(&file("x"), "c"), revision_of(&file("x"), "d"));
        assert_eq!(revision_of(&file("x"), "c").len(), REVISION_LETTERS);
    }
}
