//! [`Log`]: what was recorded, in order. The form of records is told in `recorder.c`.

/// Bytes of a record before its own.
const HEAD: usize = 21;

/// Something that happened. Paths begin below the recorded folder, with a `/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A file was made.
    Create {
        /// Its inode.
        inode: u64,
        /// Its path.
        path: String,
    },
    /// Bytes were written.
    Write {
        /// Of which file.
        inode: u64,
        /// From where on.
        at: u64,
        /// What.
        bytes: Vec<u8>,
    },
    /// A file was cut or lengthened.
    SetLength {
        /// Of which file.
        inode: u64,
        /// To how many bytes.
        length: u64,
    },
    /// A file or folder was synced.
    Sync {
        /// Which.
        inode: u64,
        /// All that was recorded before this place of the log is covered.
        covers: u64,
    },
    /// A folder was made.
    MakeFolder {
        /// Its inode.
        inode: u64,
        /// Its path.
        path: String,
    },
    /// A file or folder has another name.
    Rename {
        /// The name before.
        from: String,
        /// The name from then on.
        to: String,
    },
    /// A file has another name as well.
    Link {
        /// The name that it has.
        from: String,
        /// The name that it gets.
        to: String,
    },
    /// A file or folder was taken away.
    Remove {
        /// Its path.
        path: String,
    },
    /// The program said something on its standard output.
    Said(String),
}

/// All that happened, with its place in the log, which is its time.
#[derive(Debug)]
pub struct Log {
    events: Vec<(u64, Event)>,
}

impl Log {
    /// Reads a log. A record that is cut off at the end, by the end of the program, did not happen.
    ///
    /// # Panics
    /// If something happened that cannot be followed.
    pub(super) fn read(bytes: &[u8]) -> Self {
        let (mut events, mut at) = (Vec::new(), 0);
        while let Some(record) = record(bytes.get(at..).unwrap_or_default()) {
            events.push((at as u64, event(record)));
            at += record.len();
        }
        Self { events }
    }

    /// A log of these events, one a moment.
    #[cfg(test)]
    pub(super) fn of(events: Vec<Event>) -> Self {
        Self { events: (0..).zip(events).collect() }
    }

    /// All events, each with its time.
    pub fn events(&self) -> &[(u64, Event)] {
        &self.events
    }

    /// How many events there are.
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether nothing happened.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// How often something was synced.
    pub fn syncs(&self) -> usize {
        self.events.iter().filter(|(_, event)| matches!(event, Event::Sync { .. })).count()
    }

    /// Lines that were said before this many events.
    pub fn said(&self, cut: usize) -> Vec<String> {
        let said = self.events.iter().take(cut).filter_map(|(_, event)| match event {
            Event::Said(text) => Some(text.as_str()),
            Event::Create { .. }
            | Event::Write { .. }
            | Event::SetLength { .. }
            | Event::Sync { .. }
            | Event::MakeFolder { .. }
            | Event::Rename { .. }
            | Event::Link { .. }
            | Event::Remove { .. } => None,
        });
        said.collect::<String>().lines().map(str::to_owned).collect()
    }
}

fn number<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at + N)?.try_into().ok()
}

/// The first record of these bytes.
fn record(bytes: &[u8]) -> Option<&[u8]> {
    let rest = u32::from_le_bytes(number(bytes, 0)?) as usize;
    bytes.get(..4 + rest)
}

fn event(record: &[u8]) -> Event {
    let number = |at: usize| number(record, at).map_or(0, u64::from_le_bytes);
    let (inode, b) = (number(5), number(13));
    let bytes = record.get(HEAD..).unwrap_or_default();
    let text = || String::from_utf8_lossy(bytes).into_owned();
    let names = || {
        let both = text();
        let (from, to) = both.split_once('\0').expect("two names");
        (from.to_owned(), to.to_owned())
    };
    match record.get(4) {
        Some(b'O') => Event::Create { inode, path: text() },
        Some(b'W') => Event::Write { inode, at: b, bytes: bytes.to_vec() },
        Some(b'T') => Event::SetLength { inode, length: b },
        Some(b'S') => Event::Sync { inode, covers: b },
        Some(b'D') => Event::MakeFolder { inode, path: text() },
        Some(b'R') => {
            let (from, to) = names();
            Event::Rename { from, to }
        }
        Some(b'L') => {
            let (from, to) = names();
            Event::Link { from, to }
        }
        Some(b'U') => Event::Remove { path: text() },
        Some(b'A') => Event::Said(text()),
        other => panic!("nobody can follow this ({other:?}): {}", text()),
    }
}
