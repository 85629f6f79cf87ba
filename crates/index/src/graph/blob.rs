//! The stored form of a graph.
//!
//! | bytes | what |
//! | --- | --- |
//! | 4 | magic `SNSG` |
//! | 4 | version, 2 |
//! | 4 | dimension of the vectors it was built over |
//! | 4 | `m` it was built with |
//! | 4 | rows |
//! | 4 | entry |
//! | 4 | levels |
//! | about 3 x rows | point offset of each row, as a step from the one before |
//! | per level | rows listed (4; 0 on level 0), links (4), then the rows as steps, and for each row how many links it has, and these as steps from the row |
//!
//! The numbers above are little-endian `u32`. Steps and counts are varints of 7 bits a byte, the lowest first; steps are
//! zigzag (0, -1, 1, -2, ..). Rows lie beside their neighbours, so that most links take one or two bytes. The whole is cut into chunks, each a
//! value of family `graph`: xxh3 of the chunk (8, little endian), then its bytes. `meta/segments` names the generation, its chunks
//! and the xxh3 of the whole. Version history: 1, all numbers `u32`, with where the links of each row start; 2, this.

use xxhash_rust::xxh3::xxh3_64;

use super::flat::{FlatGraph, Level};

const MAGIC: [u8; 4] = *b"SNSG";
const VERSION: u32 = 2;
/// All numbers as they are.
const WIDE: u32 = 1;
/// Bytes of a chunk without its checksum.
const CHUNK_BYTES: usize = 1 << 20;

/// A graph with the names of its rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredGraph {
    /// Dimension of its vectors.
    pub(crate) dim: u32,
    /// The bound it was built with.
    pub(crate) m: u32,
    /// Point offset of each row.
    pub(crate) points: Vec<u32>,
    /// The links.
    pub(crate) graph: FlatGraph,
}

/// Writes a graph as bytes.
pub(crate) fn encode(stored: &StoredGraph) -> Vec<u8> {
    let StoredGraph { dim, m, points, graph } = stored;
    let count = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
    let mut bytes = MAGIC.to_vec();
    let put = |bytes: &mut Vec<u8>, values: &[u32]| {
        bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    };
    put(&mut bytes, &[VERSION, *dim, *m, count(points.len()), graph.entry, count(graph.levels.len())]);
    put_steps(&mut bytes, points);
    for (number, level) in graph.levels.iter().enumerate() {
        put(&mut bytes, &[count(level.rows.len()), count(level.links.len())]);
        put_steps(&mut bytes, &level.rows);
        for place in 0..level.starts.len().saturating_sub(1) {
            let links = level.at(place);
            put_varint(&mut bytes, count(links.len()));
            let row = if number == 0 { count(place) } else { level.rows.get(place).copied().unwrap_or(0) };
            links.iter().for_each(|link| put_step(&mut bytes, row, *link));
        }
    }
    bytes
}

/// Each number as a step from the one before, the first from 0.
fn put_steps(bytes: &mut Vec<u8>, numbers: &[u32]) {
    let mut before = 0;
    for number in numbers {
        put_step(bytes, before, *number);
        before = *number;
    }
}

/// The step from one number to another, which wraps around.
fn put_step(bytes: &mut Vec<u8>, from: u32, to: u32) {
    let step = to.wrapping_sub(from).cast_signed();
    put_varint(bytes, (step << 1 ^ step >> 31).cast_unsigned());
}

fn put_varint(bytes: &mut Vec<u8>, mut number: u32) {
    while let [byte, ..] = number.to_le_bytes()
        && number >= 0x80
    {
        bytes.push(byte | 0x80);
        number >>= 7;
    }
    bytes.extend(u8::try_from(number));
}

/// Reads a graph; `Err` says what is wrong. What comes back is safe to walk.
pub(crate) fn decode(bytes: &[u8]) -> Result<StoredGraph, String> {
    let mut input = Input(bytes);
    if input.take(4)? != MAGIC {
        return Err("the bytes are no graph".to_owned());
    }
    let version = input.number()?;
    if version != VERSION && version != WIDE {
        return Err(format!("the graph has version {version}, expected {VERSION}"));
    }
    let (dim, m, rows) = (input.number()?, input.number()?, input.number()?);
    let (entry, levels) = (input.number()?, input.number()?);
    let points = if version == WIDE { input.numbers(rows)? } else { input.steps(rows)? };
    let mut graph = FlatGraph { entry, levels: Vec::new() };
    for level in 0..levels {
        let (listed, links) = (input.number()?, input.number()?);
        let places = if level == 0 { rows } else { listed };
        let next = if version == WIDE {
            input.wide_level(listed, places, links)
        } else {
            input.level(listed, places, links)
        };
        graph.levels.push(next?);
    }
    if !input.0.is_empty() {
        return Err(format!("{} bytes follow the graph", input.0.len()));
    }
    graph.check_structure()?;
    Ok(StoredGraph { dim, m, points, graph })
}

/// Cuts bytes into values of family `graph`.
pub(crate) fn chunks(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
    bytes.chunks(CHUNK_BYTES).map(|chunk| {
        let mut value = xxh3_64(chunk).to_le_bytes().to_vec();
        value.extend_from_slice(chunk);
        value
    })
}

/// Joins a value of family `graph` to the bytes before it; `Err` says what is wrong.
pub(crate) fn assemble(value: &[u8], into: &mut Vec<u8>) -> Result<(), String> {
    let (checksum, chunk) = value.split_first_chunk::<8>().ok_or("a chunk has no checksum")?;
    if xxh3_64(chunk) != u64::from_le_bytes(*checksum) {
        return Err("the checksum of a chunk does not hold".to_owned());
    }
    into.extend_from_slice(chunk);
    Ok(())
}

struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], String> {
        let (head, rest) = self.0.split_at_checked(count).ok_or("the graph ends early")?;
        self.0 = rest;
        Ok(head)
    }

    fn number(&mut self) -> Result<u32, String> {
        let bytes = self.take(4)?.try_into().map_err(|_| "the graph ends early".to_owned())?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn numbers(&mut self, count: u32) -> Result<Vec<u32>, String> {
        let bytes = self.take((count as usize).checked_mul(4).ok_or("a list is too long")?)?;
        let (numbers, _) = bytes.as_chunks::<4>();
        Ok(numbers.iter().map(|number| u32::from_le_bytes(*number)).collect())
    }

    /// A level of version 1.
    fn wide_level(&mut self, listed: u32, places: u32, links: u32) -> Result<Level, String> {
        Ok(Level {
            rows: self.numbers(listed)?.into(),
            starts: self.numbers(places.checked_add(1).ok_or("a level has too many rows")?)?.into(),
            links: self.numbers(links)?.into(),
        })
    }

    fn level(&mut self, listed: u32, places: u32, links: u32) -> Result<Level, String> {
        let rows = self.steps(listed)?;
        let (mut starts, mut to) = (self.room(places)?, self.room(links)?);
        starts.push(0);
        for place in 0..places {
            let row = rows.get(place as usize).copied().unwrap_or(place);
            for _ in 0..self.varint()? {
                if to.len() == links as usize {
                    return Err("a level has more links than it says".to_owned());
                }
                to.push(self.step(row)?);
            }
            starts.push(u32::try_from(to.len()).unwrap_or(u32::MAX));
        }
        Ok(Level { rows: rows.into(), starts: starts.into(), links: to.into() })
    }

    /// An empty list for so many numbers, of which each takes a byte at least.
    fn room(&self, count: u32) -> Result<Vec<u32>, String> {
        let count = count as usize;
        if count > self.0.len() {
            Err("a list is too long".to_owned())
        } else {
            Ok(Vec::with_capacity(count + 1))
        }
    }

    fn steps(&mut self, count: u32) -> Result<Vec<u32>, String> {
        let mut numbers = self.room(count)?;
        let mut before = 0;
        for _ in 0..count {
            before = self.step(before)?;
            numbers.push(before);
        }
        Ok(numbers)
    }

    fn step(&mut self, from: u32) -> Result<u32, String> {
        let zigzag = self.varint()?;
        let step = zigzag >> 1 ^ (zigzag & 1).wrapping_neg();
        Ok(from.wrapping_add(step))
    }

    fn varint(&mut self) -> Result<u32, String> {
        let mut number = 0_u64;
        for shift in (0..35).step_by(7) {
            let (byte, rest) = self.0.split_first().ok_or("the graph ends early")?;
            self.0 = rest;
            number |= u64::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                return u32::try_from(number).map_err(|_| "a number is too large".to_owned());
            }
        }
        Err("a number is too long".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored() -> StoredGraph {
        let mut lists = vec![vec![0, 198]; 200];
        lists.splice(0..4, [vec![1, 2, 199], vec![], vec![0], vec![3, 2, 1, 0]]);
        let upper = [vec![2, 150], vec![150], vec![0]];
        let levels = vec![Level::from_lists(Vec::new(), &lists), Level::from_lists(vec![0, 2, 150], &upper)];
        let points = (0..200).map(|row| if row % 2 == 0 { row * 7 } else { u32::MAX - row }).collect();
        StoredGraph { dim: 8, m: 16, points, graph: FlatGraph { entry: 150, levels } }
    }

    /// As version 1 wrote it.
    fn wide(stored: &StoredGraph) -> Vec<u8> {
        let StoredGraph { dim, m, points, graph } = stored;
        let length = |numbers: &[u32]| u32::try_from(numbers.len()).expect("small");
        let mut numbers = vec![WIDE, *dim, *m, length(points), graph.entry, 2];
        numbers.extend(points);
        for level in &graph.levels {
            numbers.extend([length(&level.rows), length(&level.links)]);
            [&level.rows, &level.starts, &level.links].iter().for_each(|part| numbers.extend(part.iter()));
        }
        MAGIC.into_iter().chain(numbers.into_iter().flat_map(u32::to_le_bytes)).collect()
    }

    #[test]
    fn graphs_of_both_versions_come_back() {
        let stored = stored();
        let (bytes, wide) = (encode(&stored), wide(&stored));
        assert_eq!(decode(&bytes), Ok(stored.clone()));
        assert_eq!(decode(&wide), Ok(stored));
        assert!(bytes.len() * 2 < wide.len(), "{} and {}", bytes.len(), wide.len());
    }

    #[test]
    fn cut_and_changed_bytes_are_errors_or_graphs_that_are_safe_to_walk() {
        let stored = stored();
        for whole in [encode(&stored), wide(&stored)] {
            for end in 0..whole.len() {
                assert!(decode(whole.get(..end).expect("inside")).is_err(), "{end}");
            }
            for at in 0..whole.len() {
                for bit in 0..8 {
                    let mut bytes = whole.clone();
                    *bytes.get_mut(at).expect("inside") ^= 1 << bit;
                    if let Ok(read) = decode(&bytes) {
                        assert_eq!(read.graph.check_structure(), Ok(()));
                    }
                }
            }
            assert!(decode(&[whole, vec![0]].concat()).is_err());
        }
    }
}
