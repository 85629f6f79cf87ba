//! Folders whose weights are pickled: the same with safetensors.

use std::path::Path;

use sensorium_checkpoint::{CheckpointError, OpenFile, Written};
use sensorium_embed::{BundleFiles as _, EmbedError, FolderFiles, HubModel, PickledWeights};

use crate::folder::{Folder, failed_write, locked, sha256_of};
use crate::look::hex;
use crate::{Converted, HubError, Lock, LockedFile};

/// Largest file that describes a model.
const MAX_DESCRIPTION: u64 = 64 << 20;

/// Makes one file of safetensors of pickled files.
pub(crate) fn convert(from: &Path, pickled: &PickledWeights, to: &Path) -> Result<Converted, HubError> {
    let mut opened = Vec::with_capacity(pickled.files.len());
    for name in &pickled.files {
        let bytes = fs_err::File::open(from.join(name)).and_then(|file| OpenFile::new(file.into_file()));
        let bytes = bytes.map_err(|source| HubError::Io { action: "open the pickled weights", source })?;
        opened.push((name.clone(), bytes));
    }
    let place = to.join(pickled.becomes);
    let written = sensorium_checkpoint::convert(&opened, &place).map_err(|(file, source)| {
        if let CheckpointError::Write(source) = source {
            return failed_write(pickled.becomes, &place, source);
        }
        HubError::Pickle { file, source }
    });
    let Written { bytes, sha256 } = written?;
    Ok(Converted {
        name: pickled.becomes.to_owned(),
        bytes,
        sha256: hex(&sha256),
        from: pickled.files.clone(),
    })
}

/// A model of a folder of this machine, whose pickled weights become safetensors in another folder, with all that describes it. `None` where the
/// folder's weights are no pickles: it can be added as it is.
///
/// # Errors
/// [`HubError`]
pub fn unpickled(from: &Path, to: &Path) -> Result<Option<Lock>, HubError> {
    let files = FolderFiles(from.to_owned());
    let in_folder = |source| HubError::Folder { folder: from.to_owned(), source: Box::new(source) };
    let Some(pickled) = HubModel::pickled(&files).map_err(in_folder)? else { return Ok(None) };
    let source = format!("{}\n", from.display());
    let folder = Folder::hold(to, &source)?;
    let mut listed = Vec::new();
    for name in HubModel::DESCRIBED_BY.into_iter().chain(HubModel::PICKLED_INDEXES) {
        let Ok(file) = files.open(name) else { continue };
        if file.len() > MAX_DESCRIPTION {
            let what = format!("{} bytes, and at most {MAX_DESCRIPTION} are read", file.len());
            return Err(in_folder(EmbedError::Hub { file: name.to_owned(), what }));
        }
        listed.push(folder.write(name, &files.read(name).map_err(in_folder)?, false)?);
    }
    let mut all = 0;
    for name in &pickled.files {
        let file = hashed(from, name)?;
        all += file.bytes;
        listed.push(file);
    }
    folder.room(all)?;
    let converted = convert(from, &pickled, to)?;
    Ok(Some(Lock::of_folder(from, listed).with_converted(converted)))
}

/// A file of a folder, with its hash.
fn hashed(folder: &Path, name: &str) -> Result<LockedFile, HubError> {
    let path = folder.join(name);
    let read = || Ok((fs_err::metadata(&path)?.len(), sha256_of(&path)?));
    let (bytes, sha256) =
        read().map_err(|source| HubError::Io { action: "read the pickled weights", source })?;
    Ok(locked(name, sensorium_fetch::Fetched { bytes, sha256 }, false))
}
