//! Folders, and the names in them, on stable storage: a file that is synced has no name after a power loss unless its folder
//! was synced too.

use std::io::ErrorKind;
use std::path::Path;

use fs_err as fs;

/// Waits until the names in a folder are on disk.
pub(crate) fn sync(folder: &Path) -> std::io::Result<()> {
    // The parent of a relative name is empty.
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    fs::File::open(folder)?.sync_all()
}

/// Makes `<data>/name` with all folders above it that are missing, on disk when this returns. The data folder and the one
/// above are synced in any case: who made them may have been killed before he could.
pub(crate) fn make_below(data: &Path, name: &Path) -> std::io::Result<()> {
    let missing = data.ancestors().take_while(|folder| !folder.exists()).count();
    fs::create_dir_all(data.join(name))?;
    sync(data)?;
    for above in data.ancestors().skip(1).take(missing.max(1)) {
        match sync(above) {
            Ok(()) => {}
            // Folders that are another's were there before.
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
