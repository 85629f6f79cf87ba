//! The stored form of a graph.
//!
//! | bytes | what |
//! | --- | --- |
//! | 4 | magic `SNSG` |
//! | 4 | version, 1 |
//! | 4 | dimension of the vectors it was built over |
//! | 4 | `m` it was built with |
//! | 4 | rows |
//! | 4 | entry |
//! | 4 | levels |
//! | 4 x rows | point offset of each row |
//! | per level | rows listed (4; 0 on level 0), links (4), then the rows, the starts (one more than rows), the links |
//!
//! All numbers are little-endian `u32`. The whole is cut into chunks, each a value of family `graph`: xxh3 of the
//! chunk (8, little endian), then its bytes. `meta/graph` names the generation, its chunks and the xxh3 of the whole.
//! Version history: 1, the first.

use xxhash_rust::xxh3::xxh3_64;

use super::flat::{FlatGraph, Level};

const MAGIC: [u8; 4] = *b"SNSG";
const VERSION: u32 = 1;
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
    let mut put = |values: &[u32]| {
        for value in values {
            bytes.extend_from_slice(&value.to_le_bytes());
        }
    };
    put(&[VERSION, *dim, *m, count(points.len()), graph.entry, count(graph.levels.len())]);
    put(points);
    for level in &graph.levels {
        put(&[count(level.rows.len()), count(level.links.len())]);
        put(&level.rows);
        put(&level.starts);
        put(&level.links);
    }
    bytes
}

/// Reads a graph; `Err` says what is wrong. What comes back is safe to walk.
pub(crate) fn decode(bytes: &[u8]) -> Result<StoredGraph, String> {
    let mut input = Input(bytes);
    if input.take(4)? != MAGIC {
        return Err("the bytes are no graph".to_owned());
    }
    let version = input.number()?;
    if version != VERSION {
        return Err(format!("the graph has version {version}, expected {VERSION}"));
    }
    let (dim, m, rows) = (input.number()?, input.number()?, input.number()?);
    let (entry, levels) = (input.number()?, input.number()?);
    let points = input.numbers(rows)?;
    let mut graph = FlatGraph { entry, levels: Vec::new() };
    for level in 0..levels {
        let (listed, links) = (input.number()?, input.number()?);
        let places = if level == 0 { rows } else { listed };
        graph.levels.push(Level {
            rows: input.numbers(listed)?.into(),
            starts: input.numbers(places.checked_add(1).ok_or("a level has too many rows")?)?.into(),
            links: input.numbers(links)?.into(),
        });
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
}
