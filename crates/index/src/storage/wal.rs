//! RocksDB's write-ahead log, and its list of tables, which has the same form, read as bytes: where they can no longer be
//! read, and what of ours stands before and behind that.
//!
//! A log is blocks of 32 KiB; a record lies in one of them (full) or is cut at their ends (first, middle, last):
//!
//! | bytes | of a part of a record |
//! | --- | --- |
//! | 0..4 | masked CRC-32C of the kind and the bytes |
//! | 4..6 | how many bytes, little endian |
//! | 6 | kind: 1 full, 2 first, 3 middle, 4 last; others are RocksDB's own |
//! | 7.. | bytes |
//!
//! The bytes of a record are a batch: its first sequence number (8 bytes), the count of its rows (4), the rows. Among them is our
//! [`Note`], which stands in the log alone.
//!
//! Source: RocksDB `db/log_format.h`, `db/log_reader.cc`, `db/write_batch.cc`.

const BLOCK: usize = 32 << 10;
const HEAD: usize = 7;
/// What a disk writes whole or not at all.
const SECTOR: usize = 512;
const BATCH_HEAD: usize = 12;
const NOTE_MAGIC: [u8; 4] = *b"SNSR";
const NOTE_BYTES: usize = 21;

/// What a batch is to the count of changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counts {
    /// Nothing.
    Nothing,
    /// It is the change of this number: the one before has the number before.
    Change(u64),
    /// The next change is the one after this number, whatever was before.
    From(u64),
}

/// What stands beside the rows of every batch, in the log only: a power loss may leave later batches without earlier ones, and this
/// tells which were acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Note {
    pub(super) counts: Counts,
    /// The newest change that was on disk when the batch was written.
    pub(super) synced: u64,
}

impl Note {
    /// The bytes of the note.
    pub(super) fn encode(self) -> [u8; NOTE_BYTES] {
        let (kind, number) = match self.counts {
            Counts::Nothing => (0, 0),
            Counts::Change(number) => (1, number),
            Counts::From(number) => (2, number),
        };
        let mut bytes = [0; NOTE_BYTES];
        let parts =
            NOTE_MAGIC.into_iter().chain([kind]).chain(number.to_le_bytes()).chain(self.synced.to_le_bytes());
        bytes.iter_mut().zip(parts).for_each(|(to, from)| *to = from);
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; NOTE_BYTES] = bytes.try_into().ok()?;
        let (kind, numbers) = bytes.strip_prefix(&NOTE_MAGIC)?.split_first()?;
        let (number, synced) = numbers.split_first_chunk::<8>()?;
        let number = u64::from_le_bytes(*number);
        let counts = match kind {
            0 => Counts::Nothing,
            1 => Counts::Change(number),
            2 => Counts::From(number),
            _ => return None,
        };
        Some(Self { counts, synced: u64::from_le_bytes(synced.try_into().ok()?) })
    }
}

/// A batch as it stands in a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LoggedBatch {
    /// The number of its first row.
    pub(super) sequence: u64,
    /// The number of the first row after it.
    pub(super) next: u64,
    /// Its notes; several where batches were written together.
    pub(super) notes: Vec<Note>,
}

/// What comes next in a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// A batch, and where it begins.
    Batch(usize, LoggedBatch),
    /// From this place on the log cannot be read.
    Damage(usize),
    /// A record of a kind that is not judged here.
    Unknown,
    /// The end of the log.
    End,
}

/// A record, or what is there instead; as [`Step`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Record {
    Whole(usize, Vec<u8>),
    Damage(usize),
    Unknown,
    End,
}

/// A reader of one log.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Looks for something that can be read, from byte to byte.
    searches: bool,
}

impl<'a> Reader<'a> {
    /// A reader from the beginning.
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, searches: false }
    }

    /// Goes on behind damage: nothing that cannot be read is told from here on.
    pub(super) const fn search(&mut self) {
        self.searches = true;
    }

    /// The next batch, or what is there instead.
    pub(super) fn step(&mut self) -> Step {
        match self.record() {
            Record::Whole(from, bytes) => {
                batch(&bytes).map_or(Step::Unknown, |batch| Step::Batch(from, batch))
            }
            Record::Damage(at) => Step::Damage(at),
            Record::Unknown => Step::Unknown,
            Record::End => Step::End,
        }
    }

    /// The next record, or what is there instead.
    pub(super) fn record(&mut self) -> Record {
        // Where the record in parts begins, and its bytes so far.
        let mut begun: Option<(usize, Vec<u8>)> = None;
        loop {
            let left = BLOCK - self.at % BLOCK;
            if left < HEAD {
                self.at += left;
                continue;
            }
            let at = self.at;
            if at >= self.bytes.len() {
                return match begun {
                    Some((from, _)) if !self.searches => Record::Damage(from),
                    Some(_) | None => Record::End,
                };
            }
            let part = self.part(left);
            let from = begun.as_ref().map_or(at, |(from, _)| *from);
            let whole = match (part, begun.take()) {
                (Some((1, bytes)), None) => Some((at, bytes.to_vec())),
                (Some((2, bytes)), None) => {
                    begun = Some((at, bytes.to_vec()));
                    None
                }
                (Some((kind @ (3 | 4), bytes)), Some((from, mut all))) => {
                    all.extend_from_slice(bytes);
                    if kind == 4 {
                        Some((from, all))
                    } else {
                        begun = Some((from, all));
                        None
                    }
                }
                // Not of batches: what a log says of itself.
                (Some((9 | 10 | 128.., _)), before) => {
                    begun = before;
                    None
                }
                (Some((5..=8 | 11, _)), _) => return Record::Unknown,
                (Some(_) | None, _) if self.searches => {
                    self.at = at + 1;
                    continue;
                }
                (Some(_) | None, _) => return Record::Damage(from),
            };
            self.at = at + HEAD + part.map_or(0, |(_, bytes)| bytes.len());
            if let Some((from, bytes)) = whole {
                return Record::Whole(from, bytes);
            }
        }
    }

    /// Whether what cannot be read at a place looks like a write that was cut off: the bytes end early, or what is between
    /// two borders of sectors is all zero. A flipped bit does not.
    pub(super) fn is_torn(bytes: &'a [u8], at: usize) -> bool {
        let mut reader = Self { bytes, at, searches: false };
        while let Some((_, part)) = reader.part(BLOCK - reader.at % BLOCK) {
            reader.at += HEAD + part.len();
        }
        let at = reader.at;
        let Some(head) = bytes.get(at..at + HEAD) else { return true };
        let length = head
            .get(4..6)
            .map_or(0, |length| length.iter().rev().fold(0, |all, byte| all << 8 | usize::from(*byte)));
        let ends_early = at + HEAD + length > bytes.len();
        let first = (SECTOR - at % SECTOR).min(bytes.len() - at);
        let (first, rest) = bytes.get(at..).unwrap_or_default().split_at(first);
        let is_zero = |part: &[u8]| part.iter().all(|byte| *byte == 0);
        // A few zeros at the very end are no sign; at the beginning, in a checksum, they are.
        ends_early || is_zero(first) || rest.chunks(SECTOR).any(|part| part.len() >= HEAD && is_zero(part))
    }

    /// The part of a record that begins here, if it is whole.
    fn part(&self, left: usize) -> Option<(u8, &'a [u8])> {
        let bytes = self.bytes.get(self.at..)?;
        let bytes = bytes.get(..bytes.len().min(left))?;
        let (checksum, rest) = bytes.split_first_chunk::<4>()?;
        let (length, checked) = rest.split_first_chunk::<2>()?;
        let checked = checked.get(..=usize::from(u16::from_le_bytes(*length)))?;
        let (kind, bytes) = checked.split_first()?;
        (*kind != 0 && masked(crc32c(checked)) == u32::from_le_bytes(*checksum)).then_some((*kind, bytes))
    }
}

/// The batch in these bytes; `None` if it has rows of kinds that are not known here.
fn batch(bytes: &[u8]) -> Option<LoggedBatch> {
    let (head, mut rows) = bytes.split_at_checked(BATCH_HEAD)?;
    let (sequence, count) = head.split_first_chunk::<8>()?;
    let sequence = u64::from_le_bytes(*sequence);
    let count = u32::from_le_bytes(count.try_into().ok()?);
    let mut notes = Vec::new();
    while let Some((kind, rest)) = rows.split_first() {
        rows = rest;
        let (families, texts) = match kind {
            // A deletion, a row, a merge, a note, and the same in a family; the end of a write that came by itself.
            0x0 | 0x7 => (0, 1),
            0x1 | 0x2 | 0xf => (0, 2),
            0x3 => {
                let note = text(&mut rows)?;
                notes.extend(Note::decode(note));
                continue;
            }
            0x4 | 0x8 => (1, 1),
            0x5 | 0x6 | 0xe => (1, 2),
            0xd => (0, 0),
            _ => return None,
        };
        for _ in 0..families {
            number(&mut rows)?;
        }
        for _ in 0..texts {
            text(&mut rows)?;
        }
    }
    Some(LoggedBatch { sequence, next: sequence.checked_add(u64::from(count))?, notes })
}

/// A number of up to 32 bits, 7 a byte.
fn number(bytes: &mut &[u8]) -> Option<usize> {
    let mut number = 0_u64;
    for at in 0..5 {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return usize::try_from(number).ok();
        }
    }
    None
}

/// Bytes behind their number.
fn text<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = number(bytes)?;
    let (text, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(text)
}

/// RocksDB keeps checksums so changed, for checksums of checksums are weak.
const fn masked(checksum: u32) -> u32 {
    checksum.rotate_right(15).wrapping_add(0xa282_ead8)
}

/// Tables for eight bytes at a time.
static TABLES: [[u32; 256]; 8] = tables();

#[expect(clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "made when it is compiled")]
const fn tables() -> [[u32; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut value = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 { value >> 1 ^ 0x82f6_3b78 } else { value >> 1 };
            bit += 1;
        }
        tables[0][byte] = value;
        byte += 1;
    }
    let mut table = 1;
    while table < 8 {
        let mut byte = 0;
        while byte < 256 {
            let before = tables[table - 1][byte];
            tables[table][byte] = before >> 8 ^ tables[0][(before & 0xff) as usize];
            byte += 1;
        }
        table += 1;
    }
    tables
}

/// CRC-32C (Castagnoli).
fn crc32c(bytes: &[u8]) -> u32 {
    let of = |table: usize, byte: u32| {
        TABLES.get(table).and_then(|table| table.get((byte & 0xff) as usize)).copied().unwrap_or(0)
    };
    let (eights, rest) = bytes.as_chunks::<8>();
    let mut sum = !0_u32;
    for eight in eights {
        let [a, b, c, d, e, f, g, h] = eight.map(u32::from);
        let low = sum ^ (a | b << 8 | c << 16 | d << 24);
        sum = of(7, low)
            ^ of(6, low >> 8)
            ^ of(5, low >> 16)
            ^ of(4, low >> 24)
            ^ of(3, e)
            ^ of(2, f)
            ^ of(1, g)
            ^ of(0, h);
    }
    for byte in rest {
        sum = sum >> 8 ^ of(0, sum ^ u32::from(*byte));
    }
    !sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_the_standard() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        let ascending: Vec<u8> = (0..32).collect();
        assert_eq!(crc32c(&ascending), 0x46dd_794e);
    }

    /// A record in one part.
    fn full(bytes: &[u8]) -> Vec<u8> {
        let checked = [&[1], bytes].concat();
        let length = u16::try_from(bytes.len()).expect("short").to_le_bytes();
        [&masked(crc32c(&checked)).to_le_bytes()[..], &length, &checked].concat()
    }

    #[test]
    fn records_are_read_up_to_damage_and_those_behind_it_when_asked() {
        let records = [full(b"one"), full(&[7; 3000]), full(b"three")];
        let log = records.concat();
        let read = |bytes: &[u8]| {
            let mut reader = Reader::new(bytes);
            let mut found = Vec::new();
            loop {
                match reader.record() {
                    Record::Whole(at, _) => found.push(at),
                    Record::Damage(_) => {
                        found.push(usize::MAX);
                        reader.search();
                    }
                    Record::End => return found,
                    Record::Unknown => panic!("all are known"),
                }
            }
        };
        let (second, third) = (records[0].len(), records[0].len() + records[1].len());
        assert_eq!(read(&log), [0, second, third]);
        for at in second..third {
            let mut damaged = log.clone();
            damaged[at] ^= 1;
            assert_eq!(read(&damaged), [0, usize::MAX, third], "a bit of the byte {at}");
            assert!(!Reader::is_torn(&damaged, second) || (second + 4..second + 6).contains(&at), "{at}");
        }
        for end in second + 1..third {
            assert_eq!(read(&log[..end]), [0, usize::MAX]);
            assert!(Reader::is_torn(&log[..end], second), "cut at {end}");
        }
        let mut torn = log.clone();
        torn[1024..1536].fill(0);
        assert!(Reader::is_torn(&torn, second));
        // A record that begins in the last bytes of a sector, which was lost.
        let mut torn = [full(&[7; SECTOR - 2 - 2 * HEAD + HEAD]), full(b"four")].concat();
        let at = SECTOR - 2;
        torn[at..SECTOR].fill(0);
        assert!(Reader::is_torn(&torn, at));
    }

    #[test]
    fn notes_come_back() {
        for counts in [Counts::Nothing, Counts::Change(7), Counts::From(u64::MAX)] {
            let note = Note { counts, synced: 3 };
            assert_eq!(Note::decode(&note.encode()), Some(note));
        }
        assert_eq!(Note::decode(b"SNSR"), None);
    }
}
