//! [`PowerLoss`]: a recorded folder as a power loss may have left it.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use super::log::{Event, Log};
use crate::Seeded;

/// What of an unsynced write reaches the disk, or does not, by itself.
const SECTOR: usize = 512;
/// What the recorder says in the place of the inode of the recorded folder.
const ROOT: u64 = 0;

/// A mistake that is put into the program, to see that the test finds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// None.
    Nothing,
    /// Syncs of files whose name ends so do nothing.
    SyncsOf(&'static str),
    /// Syncs of folders do nothing.
    SyncsOfFolders,
}

/// Loses the power of a recorded program at some event.
#[derive(Debug)]
pub struct PowerLoss<'a> {
    log: &'a Log,
    broken: Broken,
}

fn below(random: &mut Seeded, end: usize) -> usize {
    usize::try_from(random.below(end as u64)).unwrap_or(0)
}

/// A number of a file or folder that never comes again, unlike its inode.
type Id = usize;

#[derive(Debug)]
enum Change {
    Write { at: u64, bytes: Vec<u8> },
    SetLength(u64),
}

#[derive(Debug)]
enum Entry {
    Set(String, Id),
    Remove(String),
    Rename(String, String, Id),
}

#[derive(Debug)]
enum Node {
    File { changes: Vec<(u64, Change)>, synced: u64, name: String },
    Folder { entries: Vec<(u64, Entry)>, now: BTreeMap<String, Id>, synced: u64 },
}

impl Node {
    /// Whether its syncs do nothing.
    fn loses(&self, broken: Broken) -> bool {
        match self {
            Self::File { name, .. } => matches!(broken, Broken::SyncsOf(ending) if name.ends_with(ending)),
            Self::Folder { .. } => broken == Broken::SyncsOfFolders,
        }
    }
}

impl<'a> PowerLoss<'a> {
    /// Of this log, with a mistake or without.
    pub fn new(log: &'a Log, broken: Broken) -> Self {
        Self { log, broken }
    }

    /// Writes the folder, as it may have been left by a loss after so many events, to an empty folder.
    ///
    /// # Panics
    /// If the log does not fit together.
    pub fn at(&self, cut: usize, random: &mut Seeded, to: &Path) {
        let mut disk = Disk::default();
        for (time, event) in self.log.events().iter().take(cut) {
            disk.take(*time, event, self.broken);
        }
        // One manner for all files at once, or each its own.
        let manner = match below(random, 6) {
            0 => Some(Manner::None),
            1 => Some(Manner::All),
            2 => Some(Manner::First),
            _ => None,
        };
        disk.leave(0, to, manner, random);
    }
}

/// Which of the changes are kept that no sync covers.
#[derive(Debug, Clone, Copy)]
enum Manner {
    None,
    All,
    /// The first so many, the last of them torn.
    First,
    /// Any, each of them torn or whole.
    Any,
}

#[derive(Debug)]
struct Disk {
    nodes: Vec<Node>,
    of_inode: HashMap<u64, Id>,
}

impl Default for Disk {
    fn default() -> Self {
        let root = Node::Folder { entries: Vec::new(), now: BTreeMap::new(), synced: 0 };
        Self { nodes: vec![root], of_inode: HashMap::from([(ROOT, 0)]) }
    }
}

fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').expect("paths begin with a slash")
}

impl Disk {
    /// The file or folder that has a path now.
    fn find(&self, path: &str) -> Option<Id> {
        path.split('/').filter(|part| !part.is_empty()).try_fold(0, |at, part| match self.nodes.get(at)? {
            Node::Folder { now, .. } => now.get(part).copied(),
            Node::File { .. } => None,
        })
    }

    fn entry(&mut self, time: u64, folder: &str, entry: Entry) {
        let at = self.find(folder).unwrap_or_else(|| panic!("nobody made {folder}"));
        let Some(Node::Folder { entries, now, .. }) = self.nodes.get_mut(at) else {
            panic!("{folder} is no folder");
        };
        apply(now, &entry);
        entries.push((time, entry));
    }

    fn add(&mut self, time: u64, inode: u64, path: &str, node: Node) {
        let id = self.nodes.len();
        self.nodes.push(node);
        self.of_inode.insert(inode, id);
        let (folder, name) = split(path);
        self.entry(time, folder, Entry::Set(name.to_owned(), id));
    }

    fn node(&mut self, inode: u64) -> Option<&mut Node> {
        self.of_inode.get(&inode).and_then(|id| self.nodes.get_mut(*id))
    }

    fn change(&mut self, time: u64, inode: u64, change: Change) {
        // Files outside of the folder have no node.
        if let Some(Node::File { changes, .. }) = self.node(inode) {
            changes.push((time, change));
        }
    }

    fn take(&mut self, time: u64, event: &Event, broken: Broken) {
        match event {
            Event::Create { inode, path } => {
                let file = Node::File { changes: Vec::new(), synced: 0, name: path.clone() };
                self.add(time, *inode, path, file);
            }
            Event::MakeFolder { inode, path } => {
                let folder = Node::Folder { entries: Vec::new(), now: BTreeMap::new(), synced: 0 };
                self.add(time, *inode, path, folder);
            }
            Event::Write { inode, at, bytes } => {
                self.change(time, *inode, Change::Write { at: *at, bytes: bytes.clone() });
            }
            Event::SetLength { inode, length } => self.change(time, *inode, Change::SetLength(*length)),
            Event::Sync { inode, covers } => {
                // Files outside of the folder have no node.
                if let Some(node) = self.node(*inode).filter(|node| !node.loses(broken)) {
                    let (Node::File { synced, .. } | Node::Folder { synced, .. }) = node;
                    *synced = (*synced).max(*covers);
                }
            }
            Event::Rename { from, to } => match self.find(from) {
                Some(id) => self.rename(time, id, from, to),
                // RocksDB writes its own log for people by means that are not recorded.
                None => assert!(from.contains("/LOG"), "nobody made {from}"),
            },
            Event::Link { from, to } => {
                let id = self.find(from).unwrap_or_else(|| panic!("nobody made {from}"));
                let (folder, name) = split(to);
                self.entry(time, folder, Entry::Set(name.to_owned(), id));
            }
            Event::Remove { path } => {
                let (folder, name) = split(path);
                self.entry(time, folder, Entry::Remove(name.to_owned()));
            }
            Event::Said(_) => {}
        }
    }

    fn rename(&mut self, time: u64, id: Id, from: &str, to: &str) {
        let ((left, before), (joined, after)) = (split(from), split(to));
        if left == joined {
            return self.entry(time, left, Entry::Rename(before.to_owned(), after.to_owned(), id));
        }
        self.entry(time, left, Entry::Remove(before.to_owned()));
        self.entry(time, joined, Entry::Set(after.to_owned(), id));
    }

    fn leave(&self, id: Id, to: &Path, manner: Option<Manner>, random: &mut Seeded) {
        let own = manner.unwrap_or(match below(random, 4) {
            0 => Manner::None,
            1 => Manner::All,
            2 => Manner::First,
            _ => Manner::Any,
        });
        match self.nodes.get(id) {
            Some(Node::File { changes, synced, .. }) => {
                fs_err::write(to, content(changes, *synced, own, random)).expect("the copy can be written");
            }
            Some(Node::Folder { entries, synced, .. }) => {
                fs_err::create_dir_all(to).expect("the copy can be written");
                let unsynced = entries.iter().filter(|(time, _)| time >= synced).count();
                let kept = match own {
                    Manner::None => 0,
                    Manner::All => unsynced,
                    Manner::First | Manner::Any => below(random, unsynced + 1),
                };
                let mut left = BTreeMap::new();
                for (_, entry) in entries.iter().take(entries.len() - unsynced + kept) {
                    apply(&mut left, entry);
                }
                for (name, id) in left {
                    self.leave(id, &to.join(name), manner, random);
                }
            }
            None => panic!("an entry names nothing"),
        }
    }
}

fn apply(entries: &mut BTreeMap<String, Id>, entry: &Entry) {
    match entry {
        Entry::Set(name, id) => {
            entries.insert(name.clone(), *id);
        }
        Entry::Remove(name) => {
            entries.remove(name);
        }
        Entry::Rename(from, to, id) => {
            entries.remove(from);
            entries.insert(to.clone(), *id);
        }
    }
}

/// The bytes of a file: all changes before `synced`, and some of the rest.
fn content(changes: &[(u64, Change)], synced: u64, manner: Manner, random: &mut Seeded) -> Vec<u8> {
    let mut bytes = Vec::new();
    let unsynced = changes.iter().filter(|(time, _)| *time >= synced).count();
    let first = below(random, unsynced + 1);
    for (number, (_, change)) in changes.iter().enumerate() {
        let Some(late) = (number + unsynced).checked_sub(changes.len()) else {
            put(&mut bytes, change, |_| true);
            continue;
        };
        match manner {
            Manner::None => break,
            Manner::All => put(&mut bytes, change, |_| true),
            Manner::First if late < first => put(&mut bytes, change, |_| true),
            Manner::First => {
                let sectors = below(random, 8);
                put(&mut bytes, change, |sector| sector < sectors);
                break;
            }
            Manner::Any => match below(random, 3) {
                0 => {}
                1 => put(&mut bytes, change, |_| true),
                _ => put(&mut bytes, change, |_| below(random, 2) == 0),
            },
        }
    }
    bytes
}

/// Makes a change to bytes, but for those sectors of a write that are not kept; what nobody wrote is zero.
fn put(bytes: &mut Vec<u8>, change: &Change, mut keeps: impl FnMut(usize) -> bool) {
    let size = |number: u64| usize::try_from(number).expect("a small file");
    match change {
        Change::SetLength(length) => bytes.resize(size(*length), 0),
        Change::Write { at, bytes: new } => {
            let at = size(*at);
            let (first, last) = (at / SECTOR, (at + new.len()).div_ceil(SECTOR));
            for sector in first..last {
                if !keeps(sector - first) {
                    continue;
                }
                let from = (sector * SECTOR).max(at);
                let to = ((sector + 1) * SECTOR).min(at + new.len());
                bytes.resize(bytes.len().max(to), 0);
                if let (Some(old), Some(new)) = (bytes.get_mut(from..to), new.get(from - at..to - at)) {
                    old.copy_from_slice(new);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(events: Vec<Event>) -> Log {
        Log::of(events)
    }

    fn left(log: &Log, cut: usize, broken: Broken, seed: u64) -> Option<Vec<u8>> {
        let folder = tempfile::tempdir().expect("folder");
        PowerLoss::new(log, broken).at(cut, &mut Seeded::new(seed), folder.path());
        fs_err::read(folder.path().join("data/file")).ok()
    }

    /// A folder and a file in it, both synced at once.
    fn story() -> Log {
        log(vec![
            Event::MakeFolder { inode: 2, path: "/data".to_owned() },
            Event::Sync { inode: ROOT, covers: 1 },
            Event::Create { inode: 3, path: "/data/file.new".to_owned() },
            Event::Write { inode: 3, at: 0, bytes: vec![1; 2000] },
            Event::Sync { inode: 3, covers: 4 },
            Event::Rename { from: "/data/file.new".to_owned(), to: "/data/file".to_owned() },
            Event::Sync { inode: 2, covers: 6 },
            Event::Write { inode: 3, at: 2000, bytes: vec![2; 2000] },
        ])
    }

    #[test]
    fn what_is_synced_is_kept_and_of_the_rest_whole_sectors_or_nothing() {
        let log = story();
        let mut torn = 0;
        for seed in 0..200 {
            let bytes = left(&log, 8, Broken::Nothing, seed).expect("its name was synced");
            assert_eq!(&bytes[..2000], vec![1; 2000]);
            let rest = &bytes[2000..];
            // The first sector of the second write is shared with the first write, up to byte 2048.
            let sectors = std::iter::once(&rest[..rest.len().min(48)])
                .chain(rest.get(48..).unwrap_or_default().chunks(SECTOR));
            for sector in sectors.filter(|sector| !sector.is_empty()) {
                assert!(sector.iter().all(|byte| *byte == 2) || sector.iter().all(|byte| *byte == 0));
            }
            torn += usize::from(!rest.is_empty() && rest != vec![2; 2000]);
        }
        assert!(torn > 20, "{torn} of 200 were torn");
    }

    #[test]
    fn a_name_that_was_not_synced_may_be_missing_and_a_sync_that_is_ignored_keeps_nothing() {
        let log = story();
        let there = |cut, broken| (0..100).filter(|seed| left(&log, cut, broken, *seed).is_some()).count();
        assert_eq!(there(8, Broken::Nothing), 100);
        assert!((10..90).contains(&there(6, Broken::Nothing)));
        assert!((10..90).contains(&there(8, Broken::SyncsOfFolders)));
        let lost = |seed: &u64| {
            left(&log, 8, Broken::SyncsOf(".new"), *seed)
                .is_some_and(|bytes| bytes.get(..2000) != Some(&[1; 2000]))
        };
        assert!((0..100).filter(lost).count() > 10);
    }
}
