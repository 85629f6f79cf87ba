//! Several models as one bundle, each with a space of its own.

use std::path::{Path, PathBuf};

use sensorium_embed::{BundleInfo, LoadOptions};
use sensorium_types::Content;

use super::add::{Staged, link_or_copy, write_synced};
use super::library::{ADDING, BUILT_IN, load};
use super::{Models, ModelsError};

/// A model that is joined to others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinModel {
    /// Its name, or that of the bundle built in.
    pub name: String,
    /// What it is to take; left out, all that it encodes and no model before it takes.
    pub contents: Option<Vec<Content>>,
}

/// The files of the bundle that is built in: names and bytes.
pub type BuiltIn = &'static [(&'static str, &'static [u8])];

/// A bundle that was joined.
#[derive(Debug, Clone, PartialEq)]
pub struct JoinedModel {
    /// Its name.
    pub name: String,
    /// What it is.
    pub info: BundleInfo,
    /// Where it lies.
    pub folder: PathBuf,
}

impl Models {
    /// Makes a bundle of several: a space each, side by side in one collection. Files are linked where the file system can, else
    /// copied, so that a member may be removed later. A bundle that is killed midway is none.
    ///
    /// # Errors
    /// If a model is not here, is itself joined, or there is nothing for it to take.
    pub fn join(
        &self,
        name: &str,
        members: &[JoinModel],
        built_in: BuiltIn,
    ) -> Result<JoinedModel, ModelsError> {
        let place = self.free_place(name)?;
        let io = |action| move |source| ModelsError::Io { action, source };
        let root = self.swept().map_err(io("make the folder of models"))?;
        let staged = Staged(root.join(format!("{ADDING}{name}-{}", std::process::id())));
        fs_err::create_dir_all(&staged.0).map_err(io("make a folder for the model"))?;
        let mut manifest = format!("format = 2\nid = \"{name}\"\n");
        let mut names: Vec<String> = Vec::with_capacity(members.len());
        for JoinModel { name: member, contents } in members {
            let folder = staged.0.join(member);
            if member == BUILT_IN {
                write_all(&folder, built_in).map_err(io("copy the bundle that is built in"))?;
            } else {
                let from = self.find(member).ok_or_else(|| ModelsError::Unknown { name: member.clone() })?;
                let bundle = load(&from, LoadOptions { threads: 1 })?;
                if bundle.space().spaces() > 1 {
                    return Err(ModelsError::Joined { name: member.clone() });
                }
                link_all(&from, &folder).map_err(io("copy the files of a model"))?;
            }
            let alike = names.iter().filter(|other| *other == member).count();
            names.push(member.clone());
            let called = if alike == 0 { member.clone() } else { format!("{member}-{}", alike + 1) };
            manifest.push_str(&format!("\n[[members]]\nfolder = \"{member}\"\nname = \"{called}\"\n"));
            if let Some(contents) = contents {
                let quoted: Vec<String> = contents.iter().map(|content| format!("\"{content}\"")).collect();
                manifest.push_str(&format!("contents = [{}]\n", quoted.join(", ")));
            }
        }
        write_synced(&staged.0, "bundle.toml", manifest.as_bytes())
            .map_err(io("write the model's manifest"))?;
        let bundle = load(&staged.0, LoadOptions::default())?;
        let of_model = |source| ModelsError::Model { folder: PathBuf::from(name), source };
        bundle.self_test().map_err(of_model)?;
        let info = bundle.info().clone();
        drop(bundle);
        fs_err::rename(&staged.0, &place)
            .and_then(|()| fs_err::File::open(root)?.sync_all())
            .map_err(io("put the model in its place"))?;
        Ok(JoinedModel { name: name.to_owned(), info, folder: place })
    }
}

fn write_all(folder: &Path, files: BuiltIn) -> std::io::Result<()> {
    for (name, bytes) in files {
        let path = folder.join(name);
        if let Some(parent) = path.parent() {
            fs_err::create_dir_all(parent)?;
        }
        fs_err::write(&path, bytes)?;
        fs_err::File::open(&path)?.sync_all()?;
    }
    Ok(())
}

/// Links every file of a folder into another, or copies it.
fn link_all(from: &Path, to: &Path) -> std::io::Result<()> {
    fs_err::create_dir_all(to)?;
    for entry in fs_err::read_dir(from)? {
        let entry = entry?;
        let (file, place) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type()?.is_dir() {
            link_all(&file, &place)?;
        } else if !place.exists() {
            link_or_copy(&file, &place)?;
            fs_err::File::open(&place)?.sync_all()?;
        }
    }
    fs_err::File::open(to)?.sync_all()
}
