use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

use super::*;

fn walk(roots: &[&Path], left_out: &[&Path], exclude: &[&str]) -> Vec<(String, What)> {
    let exclude: Vec<String> = exclude.iter().map(|glob| (*glob).to_owned()).collect();
    let selection = Selection::new(&[], &exclude, Vec::new()).expect("globs");
    let cancel = Cancel::default();
    let mut met = Vec::new();
    let roots: Vec<PathBuf> = roots.iter().map(|root| root.to_path_buf()).collect();
    let first = roots[0].clone();
    Walk::new(&selection, left_out, &cancel).run(&roots, &mut |file| {
        if file.what == What::Folder {
            return true;
        }
        let name = file.path.strip_prefix(&first).unwrap_or(&file.path).display().to_string();
        met.push((name, file.what));
        true
    });
    met
}

fn names(met: &[(String, What)]) -> Vec<&str> {
    met.iter().map(|(name, _)| name.as_str()).collect()
}

fn folder_with(files: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("temporary folder");
    for file in files {
        let path = folder.path().join(file);
        fs_err::create_dir_all(path.parent().expect("a parent")).expect("made");
        fs_err::write(path, file.as_bytes()).expect("written");
    }
    folder
}

#[test]
fn dotfiles_and_empty_files_are_met_in_order() {
    let folder = folder_with(&["b/2", "b/1", "a", ".hidden", ".git/config"]);
    fs_err::write(folder.path().join("empty"), b"").expect("written");
    let met = walk(&[folder.path()], &[], &[]);
    assert_eq!(names(&met), [".hidden", "a", "empty", ".git/config", "b/1", "b/2"]);
}

#[test]
fn links_are_followed_and_each_folder_is_walked_once() {
    let folder = folder_with(&["real/x", "file"]);
    symlink(folder.path().join("real"), folder.path().join("a-link")).expect("linked");
    symlink(folder.path(), folder.path().join("real/loop")).expect("linked");
    symlink(folder.path().join("file"), folder.path().join("link-to-file")).expect("linked");
    symlink("nowhere", folder.path().join("dangling")).expect("linked");
    let met = walk(&[folder.path()], &[], &[]);
    assert_eq!(names(&met), ["file", "real/x", "dangling", "link-to-file"]);
    let dangling = met.iter().find(|(name, _)| name == "dangling").map(|(_, what)| what);
    assert!(matches!(dangling, Some(What::Unreadable(_))));
}

#[test]
fn a_link_out_of_the_folder_is_shown_as_walked() {
    let elsewhere = folder_with(&["photo"]);
    let folder = folder_with(&[]);
    symlink(elsewhere.path(), folder.path().join("disk")).expect("linked");
    assert_eq!(names(&walk(&[folder.path()], &[], &[])), ["disk/photo"]);
}

#[test]
fn fifos_and_sockets_are_met_without_being_opened() {
    let folder = folder_with(&[]);
    let fifo = folder.path().join("fifo");
    let made = std::process::Command::new("mkfifo").arg(&fifo).status().expect("mkfifo runs");
    assert!(made.success());
    let _socket = UnixListener::bind(folder.path().join("socket")).expect("bound");
    let met = walk(&[folder.path()], &[], &[]);
    assert_eq!(names(&met), ["fifo", "socket"]);
    assert!(matches!(met[0].1, What::Special(_, "a FIFO")));
    assert!(matches!(met[1].1, What::Special(_, "a socket")));
    assert_eq!(walk(&[&fifo], &[], &[]).len(), 1, "also as a PATH of its own");
}

#[test]
fn what_is_left_out_is_not_walked() {
    let folder = folder_with(&["data/x", "meta.csv", "keep", "skip/x", "skip/deep/x"]);
    let data = folder.path().join("data");
    let meta = folder.path().join("meta.csv");
    let met = walk(&[folder.path()], &[&data, &meta, Path::new("/nonexistent")], &["skip"]);
    assert_eq!(names(&met), ["keep"]);
}

#[test]
fn another_data_folder_is_met_and_not_walked() {
    let folder = folder_with(&["a", "old/collections/x/CURRENT", "old/media/ab/copy", "new/lock"]);
    fs_err::write(folder.path().join("old/lock"), "17\n").expect("written");
    let met = walk(&[folder.path()], &[], &[]);
    assert_eq!(names(&met), ["a", "new/lock", "old"]);
    assert_eq!(met[2].1, What::DataFolder);
}

#[test]
fn an_entry_that_cannot_be_read_costs_itself() {
    let entries =
        [Ok((1, "sub")), Err(std::io::ErrorKind::StaleNetworkFileHandle), Ok((0, "z")), Ok((0, "a"))];
    let entries = entries.map(|entry| entry.map(|(rank, name)| (rank, PathBuf::from(name))));
    let (found, fault) = children(entries.into_iter().map(|entry| entry.map_err(std::io::Error::from)));
    assert_eq!(found, ["a", "z", "sub"].map(PathBuf::from));
    assert_eq!(fault.map(|error| error.kind()), Some(std::io::ErrorKind::StaleNetworkFileHandle));
}

#[test]
fn a_file_below_two_paths_is_met_once() {
    let folder = folder_with(&["sub/x", "y"]);
    let sub = folder.path().join("sub");
    let file = folder.path().join("y");
    let met = walk(&[folder.path(), &sub, &file], &[], &[]);
    assert_eq!(names(&met), ["y", "sub/x"]);
}

#[test]
fn a_stamp_holds_nanoseconds() {
    let folder = folder_with(&["x"]);
    let metadata = fs_err::metadata(folder.path().join("x")).expect("there");
    let stamp = Stamp::of(&metadata);
    assert_eq!(stamp.bytes, 1);
    let modified =
        metadata.modified().expect("known").duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    assert_eq!(stamp.mtime_ns, i128::try_from(modified.as_nanos()).expect("fits"));
}
